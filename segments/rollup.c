/* segments/rollup.c - one metric at a time: states of all groups, rows added block by block, states
 * read back as stored values. */
#include "segments/rollup.h"
#include <assert.h>
#include "weir/log.h"

struct weir_rollup {
    uint32_t count;
    const weir_agg_spec *metrics;
    weir_agg_bound *bound; /* agg NULL: keeps the first row's value */
};

static void bind(const weir_agg_spec *metric, weir_arena *arena, weir_agg_bound *out)
{
    weir_agg_spec *combining = WEIR_ARENA_NEW(arena, weir_agg_spec);
    weir_error err;
    weir_type stored;
    if (!weir_agg_stored_type(metric, &stored, &err)) {
        weir_die("metric %.*s: %s", WEIR_STR_ARG(metric->name),
                 err.message); /* the spec's reader refuses it */
    }
    if (stored.kind == WEIR_STRING) {
        return;
    }
    if (!weir_agg_combining(metric, arena, combining, &err)) {
        weir_die("metric %.*s: %s", WEIR_STR_ARG(metric->name), err.message);
    }
    weir_type *types = WEIR_ARENA_ARRAY(arena, weir_type, combining->arg_count + 1);
    for (uint32_t i = 0; i < combining->arg_count; i++) {
        types[i] =
            i == 0
                ? stored
                : WEIR_TYPE(WEIR_LONG); /* the value, then the time where the aggregator takes it */
    }
    if (!weir_agg_bind(combining, types, arena, out, &err)) {
        weir_die("metric %.*s: %s", WEIR_STR_ARG(metric->name), err.message);
    }
}

weir_rollup *weir_rollup_new(const weir_schema *schema, weir_arena *arena)
{
    weir_rollup *rollup = WEIR_ARENA_NEW(arena, weir_rollup);
    rollup->count = schema->metric_count;
    rollup->metrics = schema->metrics;
    rollup->bound = WEIR_ARENA_ARRAY(arena, weir_agg_bound, schema->metric_count + 1);
    for (uint32_t i = 0; i < schema->metric_count; i++) {
        bind(&schema->metrics[i], arena, &rollup->bound[i]);
    }
    return rollup;
}

bool weir_rollup_begin(const weir_rollup *rollup, weir_str metric, uint32_t group_count,
                       weir_budget *budget, weir_rollup_run *out)
{
    const weir_agg_bound *bound = NULL;
    for (uint32_t i = 0; i < rollup->count; i++) {
        if (weir_str_eq(rollup->metrics[i].name, metric)) {
            bound = &rollup->bound[i];
        }
    }
    if (!bound || !bound->agg) {
        return false;
    }
    *out = (weir_rollup_run){.bound = bound, .group_count = group_count, .budget = budget};
    out->heap = weir_heap_new(budget);
    out->states_bytes = (size_t)bound->state_size * group_count;
    out->states = weir_page_take(&out->states_bytes);
    weir_budget_force(budget, out->states_bytes);
    for (uint32_t i = 0; i < group_count; i++) {
        bound->agg->init(bound, out->states + (size_t)bound->state_size * i);
    }
    return true;
}

void weir_rollup_add(weir_rollup_run *run, const uint32_t *groups, const weir_vec *values,
                     const weir_vec *times, weir_scratch *s)
{
    const weir_agg_bound *bound = run->bound;
    weir_vec *args = WEIR_SCRATCH_ARRAY(s, weir_vec, 2 * (bound->arg_count + 1));
    weir_vec *cast = args + bound->arg_count + 1;
    weir_error err;
    for (uint32_t i = 0; i < bound->arg_count; i++) {
        args[i] = i == 0 ? *values : *times;
    }
    bool ok = weir_agg_args(bound, args, s, cast, &err); /* stored values are of the kind taken */
    assert(ok);
    (void)ok;
    bound->agg->add_many(bound, run->heap, run->states, bound->state_size, groups, cast, values->n,
                         s);
}

bool weir_rollup_finish(weir_rollup_run *run, uint32_t from, uint32_t n, weir_scratch *s,
                        weir_vec *out, weir_error *err)
{
    const weir_agg_bound *bound = run->bound;
    weir_vec vec;
    assert(from + n <= run->group_count);
    bound->agg->finish(bound, run->heap, run->states + (size_t)bound->state_size * from,
                       bound->state_size, n, false, s, &vec);
    return weir_vec_flatten(&vec, s, out, err);
}

void weir_rollup_end(weir_rollup_run *run)
{
    weir_heap_free(run->heap);
    weir_page_give(run->states, run->states_bytes);
    weir_budget_give(run->budget, run->states_bytes);
}
