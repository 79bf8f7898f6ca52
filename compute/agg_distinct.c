/* compute/agg_distinct.c - cardinality: distinct values of columns, or distinct rows of them
 * (byRow), estimated by Druid's HyperLogLog. Strings are hashed as UTF-16, numbers as their eight
 * or four bytes; null does not count. Of a dictionary column each id is hashed once by a worker. */
#include "compute/agg_hll.h"
#include <stdlib.h>

static const weir_param params[] = {
    {"fields", "fieldNames", WEIR_PARAM_COLUMNS, true, NULL},
    {"byRow", NULL, WEIR_PARAM_BOOL, false, "false"},
    {"round", NULL, WEIR_PARAM_BOOL, false, "false"},
};

static uint32_t code_of(const void *bytes, size_t size)
{
    return weir_hll_code(weir_murmur3_128(bytes, size));
}
static const weir_coder coder = {.code = code_of, .key = 0x63617264u};

static int by_text(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

/* Druid's: several values sorted with U+0001 between, null as U+0000; all null as none. */
static void put_list(weir_code_text *t, const weir_vec *items, uint32_t from, uint32_t count,
                     weir_scratch *s)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, count);
    bool any = false;
    for (uint32_t i = 0; i < count; i++) {
        bool null = weir_vec_is_null(items, from + i);
        values[i] = null ? WEIR_STR("\0") : items->at.s[from + i];
        any = any || !null;
    }
    if (!any) {
        return;
    }
    qsort(values, count, sizeof(*values), by_text);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            weir_code_put_text(&coder, t, WEIR_STR("\1"));
        }
        weir_code_put_text(&coder, t, values[i]);
    }
}

/* One code a row over all columns, a zero byte between. */
static const uint32_t *code_rows(const weir_agg_bound *b, const weir_vec *args, uint32_t n,
                                 weir_scratch *s)
{
    uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    weir_vec *flat = WEIR_SCRATCH_ARRAY(s, weir_vec, b->arg_count);
    weir_code_text t = {.s = s};
    weir_error err;
    for (uint32_t k = 0; k < b->arg_count; k++) {
        if (args[k].type.kind == WEIR_UNKNOWN || !weir_vec_flatten(&args[k], s, &flat[k], &err)) {
            weir_vec null = weir_vec_null(WEIR_TYPE(WEIR_STRING), n);
            weir_vec_flatten(&null, s, &flat[k], &err);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        t.size = 0;
        for (uint32_t k = 0; k < b->arg_count; k++) {
            uint8_t zero = 0;
            if (k > 0) {
                weir_code_put(&t, &zero, 1);
            }
            if (weir_vec_is_null(&flat[k], i)) {
                continue;
            }
            if (flat[k].form != WEIR_LIST) {
                weir_code_put_value(&coder, &t, &flat[k], i);
            } else if (flat[k].items->type.kind == WEIR_STRING) {
                uint32_t from = flat[k].at.offsets[i];
                put_list(&t, flat[k].items, from, flat[k].at.offsets[i + 1] - from, s);
            }
        }
        codes[i] = code_of(t.at, t.size);
    }
    return codes;
}

static bool by_row(const weir_agg_bound *b)
{
    return b->spec->values[1].as.l != 0;
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    (void)arena, (void)err;
    weir_hll_plan(b, spec->values[2].as.l != 0);
    b->takes_lists = true;
    return true;
}

static void add_code(weir_heap *h, weir_hll *hll, uint32_t code)
{
    if (code != WEIR_NO_CODE) {
        weir_hll_add(h, hll, code);
    }
}

static void add_row(weir_heap *h, weir_hll *hll, const weir_coded *c, uint32_t row)
{
    if (!c->offsets) {
        add_code(h, hll, c->codes[row]);
        return;
    }
    for (uint32_t k = c->offsets[row]; k < c->offsets[row + 1]; k++) {
        add_code(h, hll, c->codes[k]);
    }
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    weir_hll *hll = state;
    if (sel->count == 0) {
        return;
    }
    const uint16_t *rows = weir_sel_rows(sel, s);
    if (by_row(b)) {
        const uint32_t *codes = code_rows(b, args, sel->n, s);
        for (uint32_t i = 0; i < sel->count; i++) {
            weir_hll_add(h, hll, codes[rows[i]]);
        }
        return;
    }
    for (uint32_t k = 0; k < b->arg_count; k++) {
        weir_vec picked = args[k];
        if (sel->count < sel->n / 4 || (args[k].form == WEIR_DICT && sel->kind != WEIR_SEL_ALL)) {
            weir_vec_gather(&args[k], rows, sel->count, s, &picked);
        }
        bool gathered = picked.n != args[k].n;
        weir_distinct d;
        if (picked.form == WEIR_DICT && picked.n == sel->count && picked.dict->count <= picked.n &&
            weir_vec_distinct(&picked, s, &d)) {
            picked.at.ids = d.ids; /* one group: each value once */
            picked.n = d.count;
            gathered = true;
        }
        weir_coded c = weir_coded_column(&coder, &picked, h, s);
        uint32_t count = gathered ? picked.n : sel->count;
        for (uint32_t i = 0; i < count; i++) {
            add_row(h, hll, &c, gathered ? i : rows[i]);
        }
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    weir_coded rows = {by_row(b) ? code_rows(b, args, n, s) : NULL, NULL};
    for (uint32_t k = 0; k < (rows.codes ? 1 : b->arg_count); k++) {
        weir_coded c = rows.codes ? rows : weir_coded_column(&coder, &args[k], h, s);
        for (uint32_t i = 0; i < n; i++) {
            if (groups[i] != WEIR_NO_ID) {
                add_row(h, (weir_hll *)(void *)((char *)states + groups[i] * stride), &c, i);
            }
        }
    }
}

static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                weir_vec *out, weir_error *err)
{
    (void)err;
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), total = 0;
    weir_coded *columns = WEIR_SCRATCH_ARRAY(s, weir_coded, b->arg_count + 1);
    uint32_t count = by_row(b) ? 1 : b->arg_count;
    for (uint32_t k = 0; k < count; k++) {
        columns[k] = by_row(b) ? (weir_coded){code_rows(b, args, n, s), NULL}
                               : weir_coded_column(&coder, &args[k], NULL, s);
        total += columns[k].offsets ? columns[k].offsets[n] : n;
    }
    uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, total + 1), at = 0;
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = at;
        for (uint32_t k = 0; k < count; k++) {
            const uint32_t *of = columns[k].offsets;
            for (uint32_t j = of ? of[i] : i; j < (of ? of[i + 1] : i + 1); j++) {
                codes[at++] = columns[k].codes[j];
            }
        }
    }
    offsets[n] = at;
    weir_hll_rows(codes, offsets, n, s, out);
    return true;
}

const weir_agg weir_agg_cardinality = {.type = "cardinality",
                                       .params = params,
                                       .param_count = 3,
                                       .combining = "hyperUnique",
                                       .finalizes = true,
                                       .plan = plan,
                                       .init = weir_hll_init,
                                       .add_one = add_one,
                                       .add_many = add_many,
                                       .merge = weir_hll_state_merge,
                                       .finish = weir_hll_finish,
                                       .save = weir_hll_state_save,
                                       .load = weir_hll_state_load,
                                       .row = row};
