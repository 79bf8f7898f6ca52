/* query/run_agg_merge.c - the lanes' groups become one table: cell by cell where all lanes have the same cells, by key otherwise. */
#include "query/run_agg_own.h"
#include "query/partial.h"
#include <assert.h>

static bool add_table(weir_agg_run *agg, weir_lane *lane, weir_groups *into, weir_heap *into_heap,
                      const weir_groups *from, const weir_heap *from_heap, const uint64_t *mask)
{
    weir_scratch *s = &lane->scratch;
    uint32_t words = agg->keys.words;
    for (uint32_t at = 0; at < from->count; at += WEIR_BLOCK_ROWS) {
        uint32_t left = from->count - at, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(s);
        uint32_t *groups = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
        const uint64_t *keys = weir_groups_key(from, at);
        if (mask) {
            uint64_t *masked = WEIR_SCRATCH_ARRAY(s, uint64_t, (size_t)n * words);
            for (size_t i = 0; i < (size_t)n * words; i++) {
                masked[i] = keys[i] & mask[i % words];
            }
            keys = masked;
        }
        if (!weir_ctl_check(lane->run.ctl, &lane->err) ||
            !weir_groups_find(into, keys, n, groups, s, &lane->err)) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            weir_aggs_merge(&agg->aggs, into_heap, weir_groups_state(into, groups[i]), from_heap,
                            weir_groups_state(from, at + i));
        }
        weir_scratch_rewind(s, mark);
    }
    return true;
}

static bool add_cells(weir_agg_run *agg, weir_lane *lane, weir_agg_lane *into,
                      const weir_agg_lane *from)
{
    uint32_t cells[1024], at = 0;
    for (; into->cells.compact && at < from->cells.count; at += 65536) {
        uint32_t left = from->cells.count - at;
        if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
            return false;
        }
        weir_compact_merge(&into->cells, &from->cells, at, at + (left < 65536 ? left : 65536));
    }
    while (at < from->cells.count) {
        uint32_t n = weir_cells_list(&from->cells, &at, cells, 1024);
        if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
            return false;
        }
        weir_cells_see(&into->cells, cells, n);
        for (uint32_t i = 0, run; i < n; i += run) { /* neighbours together */
            for (run = 1; i + run < n && cells[i + run] == cells[i] + run; run++) {
            }
            weir_aggs_merge_many(&agg->aggs, into->heap, weir_cells_state(&into->cells, cells[i]),
                                 from->heap, weir_cells_state(&from->cells, cells[i]), run);
        }
    }
    return true;
}

bool weir_agg_run_add(weir_agg_run *agg, weir_lane *lane, weir_agg_lane *into,
                      const weir_agg_lane *from)
{
    return add_table(agg, lane, &into->groups, into->heap, &from->groups, from->heap, NULL);
}

bool weir_agg_run_lane_end(weir_agg_run *agg, weir_lane *lane)
{
    weir_agg_lane *own = &agg->lanes[lane->index];
    bool fold = !agg->direct || agg->stage.options->force_bytes;
    return !fold || weir_agg_run_fold(agg, own, lane);
}

/* Every lane's groups through their byte form: after all lanes have ended, because texts are interned for all of them in one place. */
static bool pass_bytes(weir_agg_run *agg, weir_lane *lane)
{
    for (uint32_t i = 0; i < agg->lane_count; i++) {
        if (!weir_partial_round_trip(agg, &agg->lanes[i], lane)) {
            return false;
        }
    }
    return true;
}

/* Each coarser grouping set is merged from the finest one, so that a row with a list counts once per element there. */
static bool make_sets(weir_agg_run *agg, weir_lane *lane)
{
    const weir_node_agg *node = agg->node;
    weir_agg_lane *own = &agg->lanes[0];
    agg->sets = WEIR_ARENA_ARRAY(agg->stage.arena, weir_groups, node->set_count);
    for (uint32_t i = 0; i < node->set_count; i++) {
        weir_groups_init(&agg->sets[i], &agg->aggs, agg->keys.words, agg->stage.budget);
    }
    for (uint32_t i = 0; i < node->set_count; i++) {
        uint64_t mask[WEIR_KEY_WORDS_MAX], nulls[WEIR_KEY_WORDS_MAX] = {0};
        memset(mask, 0xff, sizeof(mask));
        for (uint32_t k = 0; k < node->key_count; k++) {
            const weir_key_code *key = &agg->keys.codes[k + agg->keys.has_bucket];
            if (node->sets[i] >> k & 1) {
                continue;
            }
            uint64_t field = key->bits == 64 ? ~0ull : (1ull << key->bits) - 1;
            mask[key->word] &= ~(field << key->shift);
            if (key->kind == WEIR_CODE_WIDE) {
                nulls[key->null_word] |= 1ull << key->null_shift;
                mask[key->null_word] &= ~(1ull << key->null_shift); /* null or not: one group */
            }
        }
        if (!add_table(agg, lane, &agg->sets[i], own->heap, &own->groups, own->heap, mask)) {
            return false;
        }
        uint64_t *keys = agg->sets[i].keys.at; /* absent wide keys read as null */
        for (size_t w = 0; w < (size_t)agg->sets[i].count * agg->keys.words; w++) {
            keys[w] |= nulls[w % agg->keys.words];
        }
    }
    return true;
}

bool weir_agg_run_merge(weir_agg_run *agg, weir_lane *lane)
{
    weir_agg_lane *first = &agg->lanes[0];
    bool all_cells = agg->node->set_count == 0, any = false;
    if (agg->stage.options->force_bytes && !pass_bytes(agg, lane)) {
        return false;
    }
    for (uint32_t i = 0; i < agg->lane_count; i++) {
        const weir_agg_lane *own = &agg->lanes[i];
        all_cells = all_cells && (own->in_cells || own->seg == WEIR_NO_ID) && own->groups.count == 0;
        any = any || own->in_cells;
    }
    bool mixed = false;
    for (uint32_t i = 0; i < agg->lane_count; i++) {
        mixed = mixed || (agg->lanes[i].in_cells && !agg->lanes[i].cells.compact);
    }
    for (uint32_t i = 0; mixed && i < agg->lane_count; i++) { /* all alike */
        weir_agg_lane *own = &agg->lanes[i];
        if (own->in_cells && own->cells.compact &&
            !weir_compact_expand(&own->cells, own->heap, &lane->scratch, &lane->err)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < agg->lane_count; i++) {
        weir_agg_lane *own = &agg->lanes[i];
        if (!all_cells && !weir_agg_run_fold(agg, own, lane)) {
            return false;
        }
        if (all_cells && any && own->in_cells && !first->in_cells) {
            weir_agg_lane empty = *first; /* the first lane got no slice */
            *first = *own;
            *own = empty;
        } else if (all_cells && i > 0 && own->in_cells) {
            if (!add_cells(agg, lane, first, own)) {
                return false;
            }
        } else if (i > 0 && own->groups.count) {
            if (!add_table(agg, lane, &first->groups, first->heap, &own->groups, own->heap,
                           NULL)) {
                return false;
            }
        }
    }
    return agg->node->set_count == 0 || make_sets(agg, lane);
}
