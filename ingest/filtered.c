/* ingest/filtered.c - see ingest/filtered.h. */
#include "ingest/filtered.h"
#include <stdio.h>

bool weir_filtered_new(const weir_schema *schema, uint32_t i, weir_row_filter **out,
                       weir_error *err)
{
    char path[80];
    *out = NULL;
    if (!schema->metrics[i].filter) {
        return true;
    }
    snprintf(path, sizeof(path), "dataSchema.metricsSpec[%u].filter", i);
    *out = weir_row_filter_of_spec(schema->metrics[i].filter, path, err);
    return *out != NULL;
}

bool weir_filtered_check(const weir_schema *schema, weir_error *err)
{
    for (uint32_t i = 0; i < schema->metric_count; i++) {
        weir_row_filter *filter;
        if (!weir_filtered_new(schema, i, &filter, err)) {
            return false;
        }
        if (filter) {
            weir_row_filters()->free(filter);
        }
    }
    return true;
}

/* The stored value of no rows: null where a row is stored in another form than the state's. */
static bool value_of_none(const weir_agg_bound *bound, weir_type type, weir_scratch *s,
                          weir_vec *out, weir_error *err)
{
    weir_vec vec;
    if (bound->stored_type.kind != WEIR_UNKNOWN || !weir_type_eq(bound->raw_type, type)) {
        vec = weir_vec_null(type, 1);
        return weir_vec_flatten(&vec, s, out, err);
    }
    weir_heap *heap = weir_heap_new(NULL);
    void *state = weir_scratch_take(s, bound->state_size);
    bound->agg->init(bound, state);
    bound->agg->finish(bound, heap, state, bound->state_size, 1, false, s, &vec);
    bool ok = weir_vec_flatten(&vec, s, out, err);
    weir_heap_free(heap); /* nothing was added: no bytes are in it */
    return ok;
}

static size_t width_of(weir_type type)
{
    return type.kind == WEIR_STRING || type.kind == WEIR_COMPLEX ? sizeof(weir_str)
           : type.kind == WEIR_FLOAT                             ? sizeof(float)
                                                                 : sizeof(int64_t);
}

bool weir_filtered_spread(const weir_agg_bound *bound, const weir_vec *picked, const weir_sel *sel,
                          weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_vec values, none;
    if (!weir_vec_flatten(picked, s, &values, err) ||
        !value_of_none(bound, values.type, s, &none, err)) {
        return false;
    }
    if (values.form != WEIR_FLAT) {
        return weir_fail(err, WEIR_ERR_UNSUPPORTED, "lists cannot be a filtered metric");
    }
    uint32_t n = sel->n;
    size_t width = width_of(values.type);
    char *all = weir_scratch_take(s, width * n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    const uint64_t *bits = weir_sel_bits(sel, s);
    memset(nulls, 0, sizeof(*nulls) * weir_words(n));
    for (uint32_t i = 0, k = 0; i < n; i++) {
        bool in = sel->count > 0 && weir_bit(bits, i);
        const weir_vec *from = in ? &values : &none;
        uint32_t at = in ? k++ : 0;
        memcpy(all + width * i, (const char *)(const void *)from->at.l + width * at, width);
        if (weir_vec_is_null(from, at)) {
            weir_bit_set(nulls, i);
        }
    }
    *out = (weir_vec){.type = values.type, .form = WEIR_FLAT, .n = n, .nulls = nulls};
    out->at.l = (const int64_t *)(const void *)all;
    return true;
}
