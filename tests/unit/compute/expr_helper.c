/* tests/unit/compute/expr_helper.c - see expr_helper.h. */
#include "expr_helper.h"
#include <math.h>

#define ROWS 8u

static weir_value str_or_null(const char *text)
{
    return text ? weir_value_str(weir_str_of(text))
                : (weir_value){.type = WEIR_TYPE(WEIR_STRING), .is_null = true};
}

static weir_value list_of(weir_arena *arena, weir_kind elem, const weir_value *at, uint32_t count)
{
    weir_value *copy = WEIR_ARENA_ARRAY(arena, weir_value, count + 1);
    memcpy(copy, at, sizeof(*at) * count);
    weir_value value = {.type = {.kind = WEIR_ARRAY, .elem = (uint8_t)elem}};
    value.as.array.at = copy;
    value.as.array.count = count;
    return value;
}

test_column *test_table_add(test_table *table, const char *name, weir_type type)
{
    test_column *column = &table->columns[table->column_count++];
    *column =
        (test_column){name, type, WEIR_ARENA_ARRAY(table->arena, weir_value, table->rows), NULL};
    for (uint32_t i = 0; i < table->rows; i++) {
        column->values[i] = (weir_value){.type = type, .is_null = true};
    }
    return column;
}

test_table *test_table_new(void)
{
    static const int64_t longs[ROWS] = {5, -3, 0, INT64_MAX, INT64_MIN, 0, 7, 100};
    static const double doubles[ROWS] = {1.5, -0.0, 0, 1e300, -2.25, 0, 0, 3};
    static const char *const strings[ROWS] = {
        "alpha", "", NULL, "Beta", "\xc3\xa9t\xc3\xa9", "true", "\xf0\x9f\x9a\x80x", "alpha"};
    static const char *const numbers[ROWS] = {"5",    "abc", NULL, "9223372036854775807",
                                              "-2.5", "",    "10", "9"};
    static const char *const lists[ROWS][4] = {
        {"a", "b"}, {"x"}, {NULL}, {"red", "", "b"}, {NULL}, {"b", "b"}, {"1", "20"}, {"a"}};
    static const int counts[ROWS] = {2, 1, -1, 3, 0, 2, 2, 1};
    weir_arena *arena = weir_arena_new();
    test_table *table = WEIR_ARENA_NEW(arena, test_table);
    table->arena = arena;
    table->rows = ROWS;
    test_column *l = test_table_add(table, "l", WEIR_TYPE(WEIR_LONG)),
                *d = test_table_add(table, "d", WEIR_TYPE(WEIR_DOUBLE));
    test_column *s = test_table_add(table, "s", WEIR_TYPE(WEIR_STRING)),
                *n = test_table_add(table, "n", WEIR_TYPE(WEIR_STRING));
    test_column *f = test_table_add(table, "f", WEIR_TYPE(WEIR_FLOAT));
    test_column *m = test_table_add(table, "m", (weir_type){.kind = WEIR_STRING, .multi = true});
    test_column *al =
        test_table_add(table, "al", (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_LONG});
    test_column *as =
        test_table_add(table, "as", (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_STRING});
    test_column *t = test_table_add(table, "t", WEIR_TYPE(WEIR_LONG));
    static const char *const jsons[ROWS] = {
        "{\"kind\":\"buy\",\"n\":-85}",
        "{\"kind\":\"view\",\"n\":1.5,\"user\":{\"id\":28,\"tags\":[\"a\",\"b\"]}}",
        NULL,
        "[1, {\"x\": [2]}, null]",
        "\"t\\u00e9xt\"",
        "{}",
        "{ \"n\" : \"12\" , \"f\" : true, \"nul\":null, \"a.b\" : 1e2 }",
        "{\"n\":9223372036854775807}",
    };
    test_column *j = test_table_add(
        table, "j",
        (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("json"))});
    for (uint32_t i = 0; i < ROWS; i++) {
        l->values[i] = i == 5 ? l->values[i] : weir_value_long(longs[i]);
        d->values[i] = i == 6 ? d->values[i] : weir_value_double(i == 5 ? (double)NAN : doubles[i]);
        s->values[i] = str_or_null(strings[i]);
        n->values[i] = str_or_null(numbers[i]);
        if (jsons[i]) {
            j->values[i] = (weir_value){.type = j->type, .as.s = weir_str_of(jsons[i])};
        }
        f->values[i] =
            (weir_value){.type = WEIR_TYPE(WEIR_FLOAT), .is_null = i == 1, .as.d = (double)i / 4};
        t->values[i] = weir_value_long(1710028800000 + (int64_t)i * 12345678);
        weir_value items[4];
        for (int k = 0; k < counts[i]; k++) {
            items[k] = str_or_null(lists[i][k]);
        }
        if (counts[i] >= 0) {
            m->values[i] = as->values[i] = list_of(arena, WEIR_STRING, items, (uint32_t)counts[i]);
            for (int k = 0; k < counts[i]; k++) {
                items[k] = i == 3 && k == 1
                               ? (weir_value){.type = WEIR_TYPE(WEIR_LONG), .is_null = true}
                               : weir_value_long((int64_t)i * 3 - k);
            }
            al->values[i] = list_of(arena, WEIR_LONG, items, (uint32_t)counts[i]);
        }
    }
    return table;
}

void test_table_free(test_table *table)
{
    weir_arena_free(table->arena);
}

/* ---- dictionaries ---- */

typedef struct dict_of_test {
    weir_dict dict;
    const weir_str *values; /* by id */
} dict_of_test;

static bool dict_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                        weir_str *out, weir_error *err)
{
    (void)s, (void)err;
    const weir_str *values = ((const dict_of_test *)(const void *)dict)->values;
    for (uint32_t i = 0; i < n; i++) {
        assert_true(ids[i] >= 1 && ids[i] < dict->count);
        out[i] = values[ids[i]];
    }
    return true;
}

static uint32_t dict_find(const weir_dict *dict, weir_str value)
{
    const weir_str *values = ((const dict_of_test *)(const void *)dict)->values;
    for (uint32_t id = 1; id < dict->count; id++) {
        if (weir_str_eq(values[id], value)) {
            return id;
        }
    }
    return WEIR_NO_ID;
}

static uint32_t dict_lower_bound(const weir_dict *dict, weir_str value)
{
    const weir_str *values = ((const dict_of_test *)(const void *)dict)->values;
    uint32_t id = 1;
    while (id < dict->count && weir_str_cmp(values[id], value) < 0) {
        id++;
    }
    return id;
}

static int compare_strs(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

const weir_dict *test_dict(weir_arena *arena, const weir_str *values, uint32_t count)
{
    static const weir_dict_ops ops = {dict_values, dict_find, dict_lower_bound};
    static uint64_t last_uid = 1u << 20;
    weir_str *sorted = WEIR_ARENA_ARRAY(arena, weir_str, count + 2);
    if (count) {
        memcpy(sorted + 1, values, sizeof(*values) * count);
    }
    qsort(sorted + 1, count, sizeof(*sorted), compare_strs);
    uint32_t distinct = 1;
    for (uint32_t i = 1; i <= count; i++) {
        if (distinct == 1 || !weir_str_eq(sorted[i], sorted[distinct - 1])) {
            sorted[distinct++] = sorted[i];
        }
    }
    dict_of_test *dict = WEIR_ARENA_NEW(arena, dict_of_test);
    *dict = (dict_of_test){{&ops, distinct, true, ++last_uid}, sorted};
    return &dict->dict;
}

/* ---- vectors ---- */

static weir_vec flat_of(const weir_value *values, uint32_t n, weir_kind kind, weir_scratch *s)
{
    int64_t *l = weir_scratch_take(s, sizeof(weir_str) * (n + 1));
    double *d = (double *)l;
    float *f = (float *)(void *)l;
    weir_str *str = (weir_str *)(void *)l;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
    memset(l, 0, sizeof(weir_str) * (n + 1));
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        if (values[i].is_null) {
            weir_bit_set(nulls, i);
            any = true;
        } else if (kind == WEIR_LONG) {
            l[i] = values[i].as.l;
        } else if (kind == WEIR_DOUBLE) {
            d[i] = values[i].as.d;
        } else if (kind == WEIR_FLOAT) {
            f[i] = (float)values[i].as.d;
        } else {
            str[i] = values[i].as.s;
        }
    }
    weir_vec vec = {
        .type = WEIR_TYPE((uint8_t)kind), .form = WEIR_FLAT, .n = n, .nulls = any ? nulls : NULL};
    vec.at.l = l;
    return vec;
}

static weir_vec dict_of(const weir_value *values, uint32_t n, const weir_dict *dict,
                        weir_scratch *s)
{
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = values[i].is_null ? 0 : dict->ops->find(dict, values[i].as.s);
    }
    weir_vec vec = {.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_DICT, .n = n, .dict = dict};
    vec.at.ids = ids;
    return vec;
}

/* The dictionary of all values of a column: the same for every block of it. */
static const weir_dict *column_dict(const test_table *table, test_column *column)
{
    if (column->dict) {
        return column->dict;
    }
    weir_str *all = WEIR_ARENA_ARRAY(table->arena, weir_str, table->rows * 8 + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->rows; i++) {
        const weir_value *value = &column->values[i];
        if (!value->is_null && column->type.multi) {
            for (uint32_t k = 0; k < value->as.array.count; k++) {
                if (!value->as.array.at[k].is_null) {
                    all[count++] = value->as.array.at[k].as.s;
                }
            }
        } else if (!value->is_null) {
            all[count++] = value->as.s;
        }
    }
    return column->dict = test_dict(table->arena, all, count);
}

weir_vec test_column_vec(test_table *table, test_column *column, const uint32_t *rows, uint32_t n,
                         test_form form, weir_scratch *s, weir_arena *arena)
{
    weir_value *picked = WEIR_ARENA_ARRAY(arena, weir_value, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        picked[i] = column->values[rows[i]];
    }
    bool list = column->type.kind == WEIR_ARRAY || column->type.multi;
    if (!list && column->type.kind == WEIR_STRING && form == TEST_DICT) {
        return dict_of(picked, n, column_dict(table, column), s);
    }
    if (!list) {
        return flat_of(picked, n, (weir_kind)column->type.kind, s);
    }
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), total = 0;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
    weir_value *items = WEIR_ARENA_ARRAY(arena, weir_value, n * 8 + 1);
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = total;
        if (picked[i].is_null) {
            weir_bit_set(nulls, i);
            continue;
        }
        for (uint32_t k = 0; k < picked[i].as.array.count; k++) {
            items[total++] = picked[i].as.array.at[k];
        }
    }
    offsets[n] = total;
    weir_vec *boxed = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    weir_kind elem = column->type.multi ? WEIR_STRING : (weir_kind)column->type.elem;
    *boxed = column->type.multi && form == TEST_DICT
                 ? dict_of(items, total, column_dict(table, column), s)
                 : flat_of(items, total, elem, s);
    weir_vec vec = {
        .type = column->type, .form = WEIR_LIST, .n = n, .nulls = nulls, .items = boxed};
    vec.at.offsets = offsets;
    return vec;
}

/* ---- printing ---- */

void test_value_print(const weir_value *value, weir_buf *out)
{
    char text[32];
    if (value->is_null) {
        weir_buf_text(out, "null");
        return;
    }
    switch ((weir_kind)value->type.kind) {
    case WEIR_LONG:
        weir_buf_printf(out, "%lld", (long long)value->as.l);
        break;
    case WEIR_FLOAT:
    case WEIR_DOUBLE:
        weir_buf_put(out, text, weir_print_double(text, value->as.d));
        break;
    case WEIR_STRING:
    case WEIR_COMPLEX:
        weir_buf_byte(out, '\'');
        weir_buf_str(out, value->as.s);
        weir_buf_byte(out, '\'');
        break;
    case WEIR_ARRAY:
        weir_buf_byte(out, '[');
        for (uint32_t i = 0; i < value->as.array.count; i++) {
            if (i) {
                weir_buf_byte(out, ',');
            }
            test_value_print(&value->as.array.at[i], out);
        }
        weir_buf_byte(out, ']');
        break;
    case WEIR_UNKNOWN:
        weir_buf_text(out, "null");
        break;
    }
}

static bool run_rows(test_table *table, const weir_program *program, const uint32_t *rows,
                     uint32_t n, test_form form, struct weir_expr_cache *cache, weir_arena *arena,
                     weir_buf *out, weir_error *err)
{
    weir_scratch s = {0};
    weir_run run = {.scratch = &s, .err = err, .cache = cache};
    weir_vec inputs[16], result;
    for (uint32_t c = 0; c < table->column_count; c++) {
        inputs[c] = test_column_vec(table, &table->columns[c], rows, n, form, &s, arena);
    }
    weir_sel all = weir_sel_all(n);
    bool ok = weir_program_run(program, &run, inputs, &all, n, &result);
    for (uint32_t i = 0; ok && i < n; i++) {
        weir_value value;
        ok = weir_vec_value(&result, i, arena, &value, err);
        if (out->size) {
            weir_buf_text(out, ", ");
        }
        test_value_print(&value, out);
    }
    weir_scratch_done(&s);
    return ok;
}

char *test_eval_as(test_table *table, const char *expression, test_form form, bool with_cache,
                   bool by_row)
{
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    weir_buf out = {0};
    weir_str names[16];
    weir_type types[16];
    for (uint32_t c = 0; c < table->column_count; c++) {
        names[c] = weir_str_of(table->columns[c].name);
        types[c] = table->columns[c].type;
    }
    weir_shape shape = {table->column_count, names, types};
    struct weir_expr_cache *cache = with_cache ? weir_expr_cache_new(NULL) : NULL;
    const weir_expr *expr = weir_expr_parse(arena, weir_str_of(expression), &err);
    const weir_program *program =
        expr ? weir_program_new(arena, &expr, 1, &shape, 1700000000000, &err) : NULL;
    bool ok = program != NULL;
    uint32_t rows[4096];
    for (uint32_t i = 0; i < table->rows; i++) {
        rows[i] = i;
    }
    if (ok && by_row) {
        for (uint32_t i = 0; ok && i < table->rows; i++) {
            ok = run_rows(table, program, &rows[i], 1, form, cache, arena, &out, &err);
        }
    } else if (ok) {
        ok = run_rows(table, program, rows, table->rows, form, cache, arena, &out, &err);
    }
    if (!ok) {
        out.size = 0;
        weir_buf_printf(&out, "!%s", err.message);
    }
    weir_buf_byte(&out, '\0');
    weir_expr_cache_free(cache);
    weir_arena_free(arena);
    return out.at;
}

char *test_eval(test_table *table, const char *expression)
{
    return test_eval_as(table, expression, TEST_FLAT, false, false);
}

void check_cases(const expr_case *cases, size_t count)
{
    test_table *table = test_table_new();
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        for (int way = 0; way < 4; way++) {
            char *got = test_eval_as(table, cases[i].expression, way & 1 ? TEST_DICT : TEST_FLAT,
                                     way & 1, way >> 1);
            const char *want = cases[i].expected;
            bool ok;
            if (want[0] == '!') {
                ok = got[0] == '!' && strstr(got, want + 1);
            } else if (strcmp(got, want) == 0) {
                ok = true;
            } else { /* a constant: the same in all rows */
                size_t size = strlen(want);
                ok = strlen(got) == (size + 2) * table->rows - 2;
                for (uint32_t r = 0; ok && r < table->rows; r++) {
                    ok = memcmp(got + r * (size + 2), want, size) == 0;
                }
            }
            if (!ok) {
                print_error("%s (way %d)\n   want %s\n   got  %s\n", cases[i].expression, way, want,
                            got);
                wrong++;
                way = 4;
            }
            free(got);
        }
    }
    test_table_free(table);
    assert_int_equal(wrong, 0);
}
