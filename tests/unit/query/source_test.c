/* Data sources that are no table: what queries over inline rows, lookups, joins and unnested lists
 * answer, small enough to check by eye. */
#include "run_helper.h"
#include "compute/lookup.h"

#define EVER "'intervals':'0000/3000'"
#define COUNT "'aggregations':[{'type':'count','name':'n'}]"

static fixture *f;

static int setup(void **state)
{
    (void)state;
    uint64_t seed = 5;
    f = fixture_new(&seed, 10, SOURCE_MEMORY, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_free(f);
    return 0;
}

/* The answer's rows as "a,b; c,d" ; an error as its sentence. */
static const char *answer_of(const char *json)
{
    weir_native_query *query = query_of(f, json);
    weir_ctl ctl = ctl_of((size_t)64 << 20);
    weir_error err = {0};
    ref_rows rows;
    weir_buf out = {0};
    if (run_plan(f, query->plan, NULL, &ctl, &rows, &err)) {
        for (uint32_t r = 0; r < rows.row_count; r++) {
            weir_buf_text(&out, r ? "; " : "");
            for (uint32_t c = 0; c < rows.column_count; c++) {
                weir_buf_text(&out, c ? "," : "");
                ref_print(&rows.rows[r][c], &out);
            }
        }
    } else {
        weir_buf_text(&out, err.message);
    }
    const char *text = weir_arena_text(f->arena, weir_buf_view(&out));
    weir_buf_done(&out);
    return text;
}
#define ANSWER(json, text) assert_string_equal(answer_of(json), (text))

#define PETS                                                                                       \
    "{'type':'inline','columnNames':['k','v','t'],'columnTypes':['STRING','LONG','DOUBLE'],"       \
    "'rows':[['a',1,1.5],['b',2,null],['a',3,-2.25],[null,4,0.0],['',5,'7']]}"

static void inline_rows_are_a_table(void **state)
{
    (void)state;
    ANSWER("{'queryType':'scan','dataSource':" PETS "," EVER "}",
           "\"a\",1,1.5; \"b\",2,null; \"a\",3,-2.25; null,4,0.0; \"\",5,7.0");
    ANSWER("{'queryType':'groupBy','dataSource':" PETS ",'granularity':'all','dimensions':['k'],"
           "'filter':{'type':'not','field':{'type':'selector','dimension':'k','value':'b'}}," EVER
           ",'aggregations':[{'type':'longSum','name':'v','fieldName':'v'}]}",
           "-62167219200000,\"\",5; -62167219200000,\"a\",4");
    ANSWER("{'queryType':'timeseries','dataSource':" PETS ",'granularity':'all','intervals':'2000/"
           "3000'," COUNT "}",
           "946684800000,0"); /* rows without a time are at 0 */
}

static void inline_rows_have_the_types_declared_or_found(void **state)
{
    (void)state;
    ANSWER(
        "{'queryType':'scan'," EVER
        ",'dataSource':{'type':'inline','columnNames':['a','b','c','d','e','__time'],"
        "'columnTypes':[null,null,null,null,'STRING','LONG'],"
        "'rows':[['x',1,1,[1,2.5],['p',null],5],[true,2,0.5,null,'q',6],[null,null,3,[],null,7]]}}",
        "\"x\",1,1.0,[1.0,2.5],[\"p\",null],5; \"true\",2,0.5,null,[\"q\"],6; "
        "null,null,3.0,[],null,7");
    ANSWER(
        "{'queryType':'scan'," EVER ",'dataSource':{'type':'inline','columnNames':['x','y'],"
        "'columnTypes':['ARRAY<LONG>','ARRAY<STRING>'],'rows':[[[1,'2'],['a',null]],[null,[]]]}}",
        "[1,2],[\"a\",null]; null,[]");
}

static void the_entries_of_a_lookup_are_rows_of_k_and_v(void **state)
{
    (void)state;
    weir_str keys[] = {WEIR_STR("a"), WEIR_STR("b"), WEIR_STR("c")};
    weir_str values[] = {WEIR_STR("A"), {0}, WEIR_STR("A")};
    weir_lookup_register(WEIR_STR("upper"), weir_lookup_new(keys, values, 3));
    ANSWER("{'queryType':'scan','dataSource':{'type':'lookup','lookup':'upper'}," EVER "}",
           "\"a\",\"A\"; \"b\",null; \"c\",\"A\"");
    ANSWER("{'queryType':'topN','dataSource':{'type':'lookup','lookup':'upper'},'dimension':'v',"
           "'metric':'n','threshold':5,'granularity':'all'," EVER "," COUNT "}",
           "-62167219200000,\"A\",2; -62167219200000,null,1");
    weir_lookup_register(WEIR_STR("upper"), NULL);
    ANSWER("{'queryType':'scan','dataSource':{'type':'lookup','lookup':'upper'}," EVER "}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inline_rows_are_a_table),
        cmocka_unit_test(inline_rows_have_the_types_declared_or_found),
        cmocka_unit_test(the_entries_of_a_lookup_are_rows_of_k_and_v),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
