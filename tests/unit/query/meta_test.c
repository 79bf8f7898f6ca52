/* Metadata answers from the views, compared with the same facts counted row by row; on live, frozen
 * and mixed segments alike. */
#include "run_helper.h"
#include "compute/text.h"
#include <stdio.h>

/* Checks one JSON text for a piece of it; prints the whole when it is not there. */
static void has(const char *answer, const char *piece, const char *what)
{
    if (!strstr(answer, piece)) {
        fail_msg("%s: no %s in %s", what, piece, answer);
    }
}

static const char *meta_of(fixture *f, const char *json)
{
    weir_error err = {0};
    weir_buf out = {0};
    weir_native_query *query = query_of(f, json);
    assert_null(query->plan);
    if (!weir_native_meta(query, f->views, 1, NULL, false, &out, &err)) {
        fail_msg("%s", err.message);
    }
    const char *text = weir_arena_text(f->arena, weir_buf_view(&out));
    weir_buf_done(&out);
    return text;
}

static bool is_null(const weir_value *value)
{
    if (value->type.kind != WEIR_ARRAY || value->is_null) {
        return value->is_null;
    }
    bool null = value->as.array.count == 0;
    for (uint32_t i = 0; i < value->as.array.count; i++) {
        null = null || value->as.array.at[i].is_null;
    }
    return null;
}

static void columns_tell_their_type_lists_and_nulls(void **state)
{
    (void)state;
    for (int kind = 0; kind < SOURCE_KINDS; kind++) {
        uint64_t seed = 17;
        fixture *f = fixture_new(&seed, 5000, (source_kind)kind, 1);
        const char *answer = meta_of(f, "{'queryType':'segmentMetadata','dataSource':'t','merge':"
                                        "true,'analysisTypes':[],'intervals':'2000/3000'}");
        char piece[256];
        snprintf(piece, sizeof(piece), "\"numRows\":%u", f->table.rows.row_count);
        has(answer, piece, source_names[kind]);
        for (uint32_t c = 0; c < f->table.rows.column_count; c++) {
            char name[64];
            bool nulls = false, lists = false;
            weir_type type = f->table.rows.types[c];
            for (uint32_t r = 0; r < f->table.rows.row_count; r++) {
                const weir_value *value = &f->table.rows.rows[r][c];
                nulls = nulls || is_null(value);
                lists = lists || value->type.kind == WEIR_ARRAY;
            }
            if (weir_str_is(f->table.rows.names[c], "late")) {
                continue; /* some segments do not have it */
            }
            bool json = type.kind == WEIR_COMPLEX;
            weir_str type_name =
                weir_type_name(json ? weir_type_json() : WEIR_TYPE(type.kind), name);
            weir_str short_name = json ? WEIR_STR("json") : type_name;
            snprintf(piece, sizeof(piece),
                     "\"%.*s\":{\"typeSignature\":\"%.*s\",\"type\":\"%.*s\",\"hasMultipleValues\":"
                     "%s,\"hasNulls\":%s,\"size\":0,\"cardinality\":%s,",
                     WEIR_STR_ARG(f->table.rows.names[c]), WEIR_STR_ARG(type_name),
                     WEIR_STR_ARG(short_name), lists ? "true" : "false", nulls ? "true" : "false",
                     type.kind == WEIR_STRING ? "0" : "null");
            has(answer, piece, source_names[kind]);
        }
        fixture_free(f);
    }
}

static void a_union_of_tables_is_described_as_one(void **state)
{
    (void)state;
    uint64_t seed = 19;
    char piece[64];
    fixture *f = fixture_new(&seed, 700, SOURCE_FROZEN, 1);
#define OF_UNION(type, tables)                                                                     \
    "{'queryType':'" type "','merge':true,'intervals':'2000/3000','dataSource':{'type':'union',"   \
    "'dataSources':[" tables "]}}"
    const char *alone = meta_of(f, OF_UNION("segmentMetadata", "'t','nowhere'"));
    has(alone, "\"id\":\"t_", "one of them has rows");
    const char *twice = meta_of(f, OF_UNION("segmentMetadata", "'t','t'"));
    has(twice, "\"id\":\"merged\"", "two tables");
    snprintf(piece, sizeof(piece), "\"numRows\":%u", 2 * f->table.rows.row_count);
    has(twice, piece, "two tables");
    assert_string_equal(meta_of(f, OF_UNION("dataSourceMetadata", "'nowhere','t'")),
                        meta_of(f, "{'queryType':'dataSourceMetadata','dataSource':'t'}"));
    fixture_free(f);
}

static void the_newest_time_is_that_of_the_rows(void **state)
{
    (void)state;
    for (int kind = 0; kind < SOURCE_KINDS; kind++) {
        uint64_t seed = 23;
        fixture *f = fixture_new(&seed, 3000, (source_kind)kind, 1);
        uint32_t time = 0;
        int64_t newest = INT64_MIN;
        while (!weir_str_is(f->table.rows.names[time], "__time")) {
            time++;
        }
        for (uint32_t r = 0; r < f->table.rows.row_count; r++) {
            int64_t at = f->table.rows.rows[r][time].as.l;
            newest = at > newest ? at : newest;
        }
        char want[200], text[40];
        int size = (int)weir_time_print(text, newest);
        snprintf(want, sizeof(want),
                 "[{\"timestamp\":\"%.*s\",\"result\":{\"maxIngestedEventTime\":\"%.*s\"}}]", size,
                 text, size, text);
        assert_string_equal(meta_of(f, "{'queryType':'dataSourceMetadata','dataSource':'t'}"),
                            want);
        fixture_free(f);
    }
}

static void only_the_columns_and_analyses_asked_for_are_given(void **state)
{
    uint64_t seed = 5;
    (void)state;
    fixture *f = fixture_new(&seed, 2000, SOURCE_FROZEN, 1);
    const char *none =
        meta_of(f, "{'queryType':'segmentMetadata','dataSource':'t','merge':true,'analysisTypes':['"
                   "interval'],'toInclude':{'type':'none'},'intervals':'2000/3000'}");
    has(none, "\"columns\":{}", "none");
    has(none, "\"intervals\":[\"2024-03-", "none");
    const char *one =
        meta_of(f, "{'queryType':'segmentMetadata','dataSource':'t','merge':true,'analysisTypes':['"
                   "cardinality','minmax','size'],"
                   "'toInclude':{'type':'list','columns':['s1','no']},'intervals':'2000/3000'}");
    has(one, "\"columns\":{\"s1\":{", "list");
    assert_null(strstr(one, "\"size\":0,\"cardinality\""));
    assert_null(strstr(one, "\"cardinality\":0"));
    assert_null(strstr(one, "\"maxValue\":null"));
    assert_string_equal(
        meta_of(f, "{'queryType':'segmentMetadata','dataSource':'t','intervals':'1990/1991'}"),
        "[]");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_tell_their_type_lists_and_nulls),
        cmocka_unit_test(a_union_of_tables_is_described_as_one),
        cmocka_unit_test(the_newest_time_is_that_of_the_rows),
        cmocka_unit_test(only_the_columns_and_analyses_asked_for_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
