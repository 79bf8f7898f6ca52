/* ingest/compaction_now.c - one interval compacted now, by the thread that asks (a task): the same
 * picks and merges as the duty's, until nothing is left to do. */
#include <stdlib.h>
#include <time.h>
#include "ingest/compaction.h"
#include "ingest/compaction_config.h"
#include "segments/compact.h"
#include "weir/compaction.h"

#define BUCKETS 4096u
#define VAIN 64u
#define LOST_MAX 20 /* merges in a row that somebody else was faster with */

typedef struct now {
    const weir_compact_request *request;
    uint64_t vain[VAIN];
    uint32_t vain_at;
    uint32_t lost;
} now;

static bool given_up(void *self)
{
    const now *n = self;
    return n->request->given_up && n->request->given_up(n->request->self);
}

static bool go_on(void *self)
{
    return !given_up(self);
}

static bool is_vain(void *self, uint64_t hash)
{
    const now *n = self;
    for (uint32_t i = 0; i < VAIN; i++) {
        if (n->vain[i] == hash) {
            return true;
        }
    }
    return false;
}

static bool is_unlike(void *self, weir_str id)
{
    const now *n = self;
    const weir_compact_request *r = n->request;
    weir_error err;
    weir_view *view = weir_table_view_of(r->table, &id, 1, &err);
    bool unlike = view && !weir_merge_is_like(view->rows[0], r->segment_granularity,
                                              r->query_granularity, r->rollup);
    weir_view_unref(view);
    return unlike;
}

/* False: nothing is left. */
static bool pick(now *n, weir_arena *arena, const weir_schema *schema, weir_compaction_choice *out)
{
    const weir_compact_request *r = n->request;
    weir_log_state *state = weir_table_state(r->table);
    weir_compaction_policy policy = {
        .granularity =
            r->segment_granularity ? r->segment_granularity : &schema->segment_granularity,
        .target_rows = r->max_rows ? r->max_rows : WEIR_COMPACTION_TARGET_ROWS,
        .memory_bytes = r->memory_bytes ? r->memory_bytes : 1ull << 30,
        .most = 1,
        .fewest = true,
        .everything = true,
        .within = r->within,
        .skip_from_ms = INT64_MAX,
        .is_vain = is_vain,
        .is_unlike = is_unlike,
        .self = n};
    bool found = policy.granularity->kind != WEIR_GRAN_NONE &&
                 weir_compaction_pick(state, &policy, arena, out);
    weir_log_state_unref(state);
    return found;
}

static void add_figures(const weir_compaction *c, weir_compact_result *out)
{
    weir_compaction_figures f = weir_compaction_figures_of(c);
    out->merges++;
    out->segments_in += f.segments_in;
    out->segments_out += f.segments_out;
    out->rows_in += f.rows_in;
    out->rows_out += f.rows_out;
    out->bytes_out += f.bytes_out;
}

static bool merge(now *n, const weir_compaction_choice *choice, const weir_schema *schema,
                  weir_compact_result *out, weir_error *err)
{
    const weir_compact_request *r = n->request;
    weir_compaction *c = weir_compaction_new(
        &(weir_compaction_options){
            .catalog = r->catalog,
            .table = r->table,
            .clock = r->clock,
            .work_path = r->work_path,
            .memory_bytes = r->memory_bytes ? r->memory_bytes : 1ull << 30,
            .max_rows = r->max_rows ? r->max_rows : WEIR_COMPACTION_TARGET_ROWS,
            .bucket_limit = BUCKETS,
            .segment_granularity =
                r->segment_granularity ? r->segment_granularity : &schema->segment_granularity,
            .query_granularity = r->query_granularity,
            .rollup = r->rollup,
            .go_on = go_on,
            .given_up = given_up,
            .self = n},
        choice->ids, choice->count, choice->rewrite);
    int64_t wait_ms = 0;
    weir_compaction_end end;
    while ((end = weir_compaction_step(c, &wait_ms, err)) == WEIR_COMPACTION_MORE) {
        nanosleep(&(struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000},
                  NULL);
    }
    bool ok = true;
    switch (end) {
    case WEIR_COMPACTION_MORE:
    case WEIR_COMPACTION_LANDED:
        n->lost = 0;
        add_figures(c, out);
        break;
    case WEIR_COMPACTION_NOTHING:
        n->vain[n->vain_at++ % VAIN] = choice->hash;
        break;
    case WEIR_COMPACTION_LOST:
        ok = ++n->lost < LOST_MAX ||
             weir_fail(err, WEIR_ERR_CONFLICT,
                       "segments of table '%.*s' were replaced by somebody else %d times in a row",
                       WEIR_STR_ARG(weir_table_name(r->table)), LOST_MAX);
        break;
    case WEIR_COMPACTION_GIVEN_UP:
        ok = weir_fail(err, WEIR_ERR_CANCELLED, "the compaction was given up");
        break;
    case WEIR_COMPACTION_FAILED:
        ok = false;
        break;
    }
    weir_compaction_free(c);
    return ok;
}

bool weir_compact_interval(const weir_compact_request *request, weir_compact_result *out,
                           weir_error *err)
{
    now n = {.request = request};
    weir_schema *schema = NULL;
    *out = (weir_compact_result){0};
    bool ok = weir_table_refresh(request->table, err) &&
              weir_table_schema(request->table, &schema, err),
         more = ok && schema;
    while (more) {
        weir_arena *arena = weir_arena_new();
        weir_compaction_choice choice;
        more = pick(&n, arena, schema, &choice);
        ok = !more || merge(&n, &choice, schema, out, err);
        more = more && ok;
        weir_arena_free(arena);
    }
    weir_schema_unref(schema);
    return ok;
}
