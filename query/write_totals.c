/* query/write_totals.c - the grand total of a timeseries: the rows that were written (after the
 * limit), added up by each aggregator's combining form (of sketches their raw forms), then the
 * post-aggregators over that one row. What cannot be added up is refused. */
#include <assert.h>
#include "query/write_native.h"

typedef struct total_agg {
    weir_agg_bound bound;
    weir_agg_spec spec;
    void *state;
    uint32_t column; /* of the batches; the raw one where there is one */
    weir_str raw_name;
} total_agg;

struct weir_totals {
    const weir_native_writer *w;
    weir_heap *heap;
    uint32_t agg_count;
    total_agg *aggs;
};

bool weir_totals_new(const weir_native_writer *w, weir_totals **out, weir_error *err)
{
    weir_arena *arena = w->query->arena;
    const weir_native_part *part = w->part;
    weir_totals *totals = WEIR_ARENA_NEW(arena, weir_totals);
    *totals = (weir_totals){.w = w,
                            .agg_count = part->agg_count,
                            .aggs = WEIR_ARENA_ARRAY(arena, total_agg, part->agg_count + 1)};
    for (uint32_t i = 0; i < part->agg_count; i++) {
        total_agg *agg = &totals->aggs[i];
        agg->column = part->shown[part->key_count + i].column;
        agg->raw_name = part->aggs[i].raw_name;
        bool found = !agg->raw_name.at || weir_node_find(part->root, agg->raw_name, &agg->column);
        assert(found);
        (void)found;
        weir_type type = w->types[agg->column];
        bool is_state = type.kind == WEIR_COMPLEX && agg->raw_name.at;
        if ((type.kind == WEIR_COMPLEX && !is_state) ||
            (part->aggs[i].spec.agg->finalizes && !is_state) ||
            !weir_agg_combining(&part->aggs[i].spec, arena, &agg->spec, err) ||
            !weir_agg_bind(&agg->spec, &type, arena, &agg->bound, err)) {
            return weir_fail(err, WEIR_ERR_UNSUPPORTED,
                             "grandTotal over '%.*s' (%s) is not supported yet",
                             WEIR_STR_ARG(part->aggs[i].spec.name), part->aggs[i].spec.agg->type);
        }
        assert(agg->bound.arg_count == 1);
        agg->state = weir_arena_alloc(arena, agg->bound.state_size);
        agg->bound.agg->init(&agg->bound, agg->state);
    }
    totals->heap = weir_heap_new(NULL);
    *out = totals;
    return true;
}

void weir_totals_add(weir_totals *totals, const weir_batch *flat, weir_scratch *scratch)
{
    weir_sel all = weir_sel_all(flat->n);
    for (uint32_t i = 0; i < totals->agg_count && flat->n; i++) {
        total_agg *agg = &totals->aggs[i];
        agg->bound.agg->add_one(&agg->bound, totals->heap, agg->state, &flat->columns[agg->column],
                                &all, scratch);
    }
}

/* What the post-aggregators may read: the columns shown, then raw forms of aggregates. */
typedef struct inputs {
    weir_str *names;
    weir_type *types;
    weir_vec *vecs;
    uint32_t count;
} inputs;

static void add_input(inputs *in, weir_str name, const weir_vec *vec)
{
    in->names[in->count] = name;
    in->types[in->count] = vec->type;
    in->vecs[in->count++] = *vec;
}

static bool finish_postaggs(weir_totals *totals, weir_scratch *scratch, weir_vec *shown,
                            weir_error *err)
{
    const weir_native_part *part = totals->w->part;
    weir_arena *arena = totals->w->query->arena;
    uint32_t most = part->shown_count + totals->agg_count + 1;
    inputs in = {WEIR_ARENA_ARRAY(arena, weir_str, most), WEIR_ARENA_ARRAY(arena, weir_type, most),
                 WEIR_ARENA_ARRAY(arena, weir_vec, most), 0};
    for (uint32_t i = 0; i < totals->agg_count; i++) {
        const total_agg *agg = &totals->aggs[i];
        weir_vec vec;
        agg->bound.agg->finish(&agg->bound, totals->heap, agg->state, agg->bound.state_size, 1,
                               true, scratch, &vec);
        add_input(&in, part->aggs[i].spec.name, &vec);
        if (agg->raw_name.at) {
            agg->bound.agg->finish(&agg->bound, totals->heap, agg->state, agg->bound.state_size, 1,
                                   false, scratch, &vec);
            add_input(&in, agg->raw_name, &vec);
        }
    }
    uint32_t known = part->key_count + part->agg_count;
    for (uint32_t i = 0; i < part->postagg_count; i++, known++) {
        weir_shape shape = {in.count, in.names, in.types};
        weir_sel one = weir_sel_all(1);
        weir_run run = {.scratch = scratch, .err = err};
        const weir_program *program =
            weir_program_new(arena, &part->postaggs[i].expr, 1, &shape, 0, err);
        if (!program || !weir_program_run(program, &run, in.vecs, &one, 1, &shown[known])) {
            return false;
        }
        shown[known].type = weir_program_type(program, 0);
        add_input(&in, part->postaggs[i].name, &shown[known]);
    }
    return true;
}

bool weir_totals_finish(weir_totals *totals, weir_scratch *scratch, weir_vec *shown,
                        weir_error *err)
{
    const weir_native_part *part = totals->w->part;
    assert(part->key_count == 0);
    for (uint32_t i = 0; i < totals->agg_count; i++) {
        total_agg *agg = &totals->aggs[i];
        bool finalize = part->options.finalize || !part->aggs[i].spec.agg->finalizes;
        agg->bound.agg->finish(&agg->bound, totals->heap, agg->state, agg->bound.state_size, 1,
                               finalize, scratch, &shown[i]);
    }
    if (!finish_postaggs(totals, scratch, shown, err)) {
        return false;
    }
    for (uint32_t i = 0; i < part->shown_count; i++) {
        weir_vec flat;
        if (!weir_vec_flatten(&shown[i], scratch, &flat, err)) {
            return false;
        }
        shown[i] = flat;
    }
    return true;
}

void weir_totals_free(weir_totals *totals)
{
    if (totals) {
        weir_heap_free(totals->heap);
    }
}
