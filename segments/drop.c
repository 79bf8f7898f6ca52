/* segments/drop.c - see include/weir/drop.h. A segment whose rows all go is removed; of others the
 * time is hidden. What is hidden already is not hidden again, so a second run finds nothing to do.
 */
#include "weir/drop.h"
#include "segments/catalog_table.h"
#include <stdlib.h>

#define TRIES 1000 /* each lost to a commit of somebody else */

static int compare_starts(const void *a, const void *b)
{
    const weir_interval *x = a, *y = b;
    return (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

/* Whether [from, to) lies in the union of the intervals, which are in the order of their starts. */
static bool covered(const weir_interval *sorted, uint32_t count, int64_t from, int64_t to)
{
    for (uint32_t i = 0; i < count && from < to && sorted[i].start_ms <= from; i++) {
        from = sorted[i].end_ms > from ? sorted[i].end_ms : from;
    }
    return from >= to;
}

/* What is hidden of the segment and what goes now, together. */
static uint32_t join(const weir_segment_state *s, const weir_interval *gone, uint32_t count,
                     weir_arena *arena, weir_interval **out)
{
    uint32_t total = s->hide_count + count;
    *out = WEIR_ARENA_ARRAY(arena, weir_interval, total + 1);
    if (s->hide_count > 0) {
        memcpy(*out, s->hides, s->hide_count * sizeof(**out));
    }
    if (count > 0) {
        memcpy(*out + s->hide_count, gone, count * sizeof(**out));
    }
    qsort(*out, total, sizeof(**out), compare_starts);
    return total;
}

/* Adds what must be done about one segment; whether there is anything. */
static bool drop_from(const weir_segment_state *s, const weir_drop *drop, weir_commit *commit)
{
    weir_interval *gone = NULL, *hidden;
    uint32_t count = drop->gone(drop->self, s, commit->arena, &gone), before = commit->hide_count;
    if (count == 0) {
        return false;
    }
    weir_removed r = {.id = s->added.id, .rev = s->rev};
    uint32_t total = join(s, gone, count, commit->arena, &hidden);
    if (covered(hidden, total, s->added.from_ms, s->added.to_ms)) {
        weir_commit_add_removed(commit, &r);
        return true;
    }
    total = join(s, NULL, 0, commit->arena, &hidden);
    for (uint32_t i = 0; i < count; i++) {
        r.from_ms = gone[i].start_ms > s->added.from_ms ? gone[i].start_ms : s->added.from_ms;
        r.to_ms = gone[i].end_ms < s->added.to_ms ? gone[i].end_ms : s->added.to_ms;
        if (r.from_ms < r.to_ms && !covered(hidden, total, r.from_ms, r.to_ms)) {
            weir_commit_add_hidden(commit, &r);
        }
    }
    return commit->hide_count > before;
}

uint64_t weir_drop_add(const weir_drop *drop, const weir_log_state *state, weir_commit *commit)
{
    uint64_t changed = 0;
    size_t count;
    const weir_segment_state *const *segments = weir_log_segments(state, &count);
    for (size_t i = 0; i < count; i++) {
        changed += drop_from(segments[i], drop, commit);
    }
    return changed;
}

/* NULL: nothing is to be dropped. */
static weir_commit *make_commit(weir_table *table, const weir_clock *clock, const weir_drop *drop,
                                uint64_t *changed)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_DROP, clock);
    weir_log_state *state = weir_table_state(table);
    *changed = weir_drop_add(drop, state, commit);
    weir_log_state_unref(state);
    if (*changed == 0) {
        weir_commit_free(commit);
        commit = NULL;
    }
    return commit;
}

bool weir_table_drop(weir_table *table, const weir_clock *clock, const weir_drop *drop,
                     bool (*give_up)(void *self), void *self, uint64_t *changed, weir_error *err)
{
    for (int tries = 0; tries < TRIES; tries++) {
        int rule = 0;
        *changed = 0;
        if (!weir_table_refresh(table, err)) {
            return false;
        }
        weir_commit *commit = make_commit(table, clock, drop, changed);
        if (!commit) {
            return true;
        }
        switch (weir_table_commit(table, commit, give_up, self, &rule, err)) {
        case WEIR_COMMIT_LANDED:
            return true;
        case WEIR_COMMIT_INVALID:
            if (rule != 4) {
                return false;
            }
            break; /* a segment was compacted, dropped or cut meanwhile */
        case WEIR_COMMIT_GIVEN_UP:
            return weir_fail_in(err, "whether rows were dropped is unknown");
        }
    }
    return weir_fail(err, WEIR_ERR_CONFLICT,
                     "others change the segments of table %.*s all the time",
                     WEIR_STR_ARG(weir_table_name(table)));
}

bool weir_table_buckets(weir_table *table, weir_granularity *out, weir_error *err)
{
    weir_schema *schema = NULL;
    *out = (weir_granularity){.kind = WEIR_GRAN_NONE};
    if (!weir_table_schema(table, &schema, err)) {
        return false;
    }
    if (schema) {
        *out = schema->segment_granularity;
        out->name = (weir_str){0}; /* the schema's */
        weir_schema_unref(schema);
    }
    return true;
}

weir_interval weir_whole_buckets(const weir_granularity *buckets, weir_interval interval)
{
    if (buckets->kind == WEIR_GRAN_NONE) {
        return interval;
    }
    if (buckets->kind == WEIR_GRAN_ALL) {
        bool all = interval.start_ms <= weir_interval_eternity.start_ms &&
                   interval.end_ms >= weir_interval_eternity.end_ms;
        return all ? interval : (weir_interval){0, 0};
    }
    weir_interval whole = interval;
    if (interval.start_ms > weir_interval_eternity.start_ms) {
        whole.start_ms = weir_granularity_floor(buckets, interval.start_ms);
        whole.start_ms = whole.start_ms < interval.start_ms
                             ? weir_granularity_next(buckets, whole.start_ms)
                             : whole.start_ms;
    }
    if (interval.end_ms < weir_interval_eternity.end_ms) {
        whole.end_ms = weir_granularity_floor(buckets, interval.end_ms);
    }
    return whole.start_ms < whole.end_ms ? whole : (weir_interval){0, 0};
}
