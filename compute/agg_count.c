/* compute/agg_count.c - count: rows, 0 for none. As a metric every row's form is 1, merged by longSum. */
#include "compute/agg_table.h"

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    (void)spec, (void)arena, (void)err;
    b->state_size = sizeof(int64_t);
    b->out_type = b->raw_type = WEIR_TYPE(WEIR_LONG);
    return true;
}

static void init(const weir_agg_bound *b, void *state)
{
    (void)b;
    memset(state, 0, sizeof(int64_t));
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args, const weir_sel *sel, weir_scratch *s)
{
    (void)b, (void)h, (void)args, (void)s;
    *(int64_t *)state += sel->count;
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride, const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    (void)b, (void)h, (void)args, (void)s;
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            *(int64_t *)(void *)((char *)states + groups[i] * stride) += 1;
        }
    }
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap, const void *from)
{
    (void)b, (void)h, (void)from_heap;
    *(int64_t *)into += *(const int64_t *)from;
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride, uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    int64_t *values = WEIR_SCRATCH_ARRAY(s, int64_t, n + 1);
    (void)h, (void)finalize;
    for (uint32_t i = 0; i < n; i++) {
        values[i] = *(const int64_t *)(const void *)((const char *)states + i * stride);
    }
    *out = (weir_vec){.type = b->out_type, .form = WEIR_FLAT, .n = n, .at.l = values};
}

static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out)
{
    (void)b, (void)h;
    if (out) {
        uint64_t bits = htole64(*(const uint64_t *)state);
        memcpy(out, &bits, sizeof(bits));
    }
    return sizeof(int64_t);
}

static bool load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state, weir_error *err)
{
    (void)b, (void)h;
    return weir_take_u64(in, state) || weir_fail(err, WEIR_ERR_CORRUPT, "a saved count is cut");
}

static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_value one = weir_value_long(1);
    (void)b, (void)args, (void)err;
    *out = weir_vec_const(s, &one, n);
    return true;
}

static void merge_many(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap, const void *from, size_t stride, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        merge(b, h, (char *)into + i * stride, from_heap, (const char *)from + i * stride);
    }
}

const weir_agg weir_agg_count = {.type = "count", .sql_name = "COUNT", .fold = WEIR_FOLD_COUNT, .merge_many = merge_many, .combining = "longSum", .plan = plan, .init = init,
                                 .add_one = add_one, .add_many = add_many, .merge = merge, .finish = finish, .save = save,
                                 .load = load, .row = row};
