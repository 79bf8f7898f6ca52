/* Expressions: whatever the text, parsing, typing and running end, in bounded time and memory, and
 * plain columns and dictionary-coded ones give the same. What prints reads back as the same text.
 */
#include "compute/expr.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 5 };
static const weir_str words[] = {
    {NULL, 0}, {"", 0}, {"12", 2}, {"a,b", 3}, {"\xc3\xa9\xf0\x9f\x9a\x80", 6}};

static bool word_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                        weir_str *out, weir_error *err)
{
    (void)s, (void)err;
    for (uint32_t i = 0; i < n; i++) {
        if (ids[i] == 0 || ids[i] >= dict->count) {
            abort();
        }
        out[i] = words[ids[i]];
    }
    return true;
}

static uint32_t word_find(const weir_dict *dict, weir_str value)
{
    for (uint32_t id = 1; id < dict->count; id++) {
        if (weir_str_eq(words[id], value)) {
            return id;
        }
    }
    return WEIR_NO_ID;
}

static const weir_dict_ops word_ops = {word_values, word_find, NULL};
static const weir_dict word_dict = {.ops = &word_ops, .count = 5, .uid = 1ull << 60};
static const int64_t longs[ROWS] = {0, -1, INT64_MIN, 1710061567000, 7};
static const double doubles[ROWS] = {0, -0.5, 1e300, 3, 2};
static const uint64_t one_null = 2;
static const uint32_t ids[ROWS] = {1, 0, 2, 3, 4}, list_ids[6] = {1, 2, 0, 4, 3, 3},
                      offsets[ROWS + 1] = {0, 2, 2, 3, 6, 6};
static const weir_str flat[ROWS] = {
    {"", 0}, {NULL, 0}, {"12", 2}, {"a,b", 3}, {"\xc3\xa9\xf0\x9f\x9a\x80", 6}};
static const weir_str flat_items[6] = {
    {"", 0}, {"12", 2}, {NULL, 0}, {"\xc3\xa9\xf0\x9f\x9a\x80", 6}, {"a,b", 3}, {"a,b", 3}};
static const uint64_t items_null = 4;

static bool run(const weir_program *program, bool coded, weir_buf *out)
{
    weir_scratch s = {0};
    weir_error err = {0};
    weir_ctl ctl = {.clock = &weir_clock_system,
                    .budget = {.name = "query", .limit_bytes = (size_t)1 << 30}};
    ctl.deadline_us = weir_monotonic_us(&weir_clock_system) + 2000000;
    s.budget = &ctl.budget;
    struct weir_expr_cache *cache = coded ? weir_expr_cache_new(&ctl.budget) : NULL;
    weir_run r = {.scratch = &s, .ctl = &ctl, .err = &err, .cache = cache};
    weir_type text = WEIR_TYPE(WEIR_STRING), multi = {.kind = WEIR_STRING, .multi = true};
    weir_vec items = {.type = text, .form = coded ? WEIR_DICT : WEIR_FLAT, .n = 6};
    weir_vec in[5] = {
        {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = ROWS, .nulls = &one_null},
        {.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = ROWS},
        {.type = text, .form = items.form, .n = ROWS},
        {.type = multi, .form = WEIR_LIST, .n = ROWS, .items = &items},
        {.type = {.kind = WEIR_ARRAY, .elem = WEIR_STRING},
         .form = WEIR_LIST,
         .n = ROWS,
         .nulls = &one_null,
         .items = &items},
    };
    in[0].at.l = longs;
    in[1].at.d = doubles;
    in[3].at.offsets = in[4].at.offsets = offsets;
    if (coded) {
        items.dict = in[2].dict = &word_dict;
        items.at.ids = list_ids;
        in[2].at.ids = ids;
    } else {
        items.at.s = flat_items;
        items.nulls = &items_null;
        in[2].at.s = flat;
        in[2].nulls = &one_null;
    }
    weir_sel all = weir_sel_all(ROWS);
    weir_vec result;
    bool ok = weir_program_run(program, &r, in, &all, ROWS, &result);
    weir_arena *arena = weir_arena_new();
    for (uint32_t i = 0; ok && i < ROWS; i++) {
        weir_value value;
        ok = weir_vec_value(&result, i, arena, &value, &err);
        if (ok && value.type.kind == WEIR_STRING && value.as.s.size > 4096) {
            value.as.s.size = 4096; /* printing megabytes is not what is tested here */
        }
        if (ok) {
            weir_expr_print(weir_expr_const(arena, value), out);
        }
    }
    weir_arena_free(arena);
    weir_expr_cache_free(cache);
    weir_scratch_done(&s);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const weir_str names[5] = {{"l", 1}, {"d", 1}, {"s", 1}, {"m", 1}, {"a", 1}};
    const weir_type types[5] = {WEIR_TYPE(WEIR_LONG),
                                WEIR_TYPE(WEIR_DOUBLE),
                                WEIR_TYPE(WEIR_STRING),
                                {.kind = WEIR_STRING, .multi = true},
                                {.kind = WEIR_ARRAY, .elem = WEIR_STRING}};
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    weir_buf text = {0}, again = {0}, plain = {0}, coded = {0};
    const weir_expr *expr = weir_expr_parse(arena, (weir_str){(const char *)data, size}, &err);
    if (expr) {
        weir_expr_print(expr, &text);
        const weir_expr *same = weir_expr_parse(arena, weir_buf_view(&text), &err);
        if (same) { /* printing adds parentheses, and with them may pass the limit of depth */
            weir_expr_print(same, &again);
            if (!weir_str_eq(weir_buf_view(&text), weir_buf_view(&again))) {
                abort();
            }
        }
        weir_shape shape = {5, names, types};
        const weir_program *program = weir_program_new(arena, &expr, 1, &shape, 0, &err);
        if (program && run(program, false, &plain) && run(program, true, &coded) &&
            !weir_str_eq(weir_buf_view(&plain), weir_buf_view(&coded))) {
            abort();
        }
    }
    weir_buf_done(&text);
    weir_buf_done(&again);
    weir_buf_done(&plain);
    weir_buf_done(&coded);
    weir_arena_free(arena);
    return 0;
}
