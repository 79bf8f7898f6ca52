/* tests/sim/check.c - what must be true at any time, and at the end. The log is read here by
 * itself, past all faults: who committed which record, and when. */
#include <stdlib.h>
#include <string.h>
#include "ingest/worker_parts.h"
#include "world.h"

/* The store without faults for a moment. */
static weir_store_faults calm_store(world *w)
{
    weir_store_faults faults = w->rules.faults;
    weir_store_memory_faults(w->store, &(weir_store_faults){0});
    return faults;
}

/* Which incarnation of the topic a range was read from: the one whose record its anchor is. -1:
 * none. */
static int32_t incarnation_of(world *w, const weir_range *r)
{
    uint32_t p = (uint32_t)r->source.partition;
    for (int32_t k = w->partitions[p].incarnation; k >= 0; k--) {
        const record *rec = topic_record(w, p, k, r->anchor.offset);
        if (rec) {
            weir_record delivered = topic_deliver(rec);
            if (weir_record_hash(&delivered) == r->anchor.xxh3) {
                return k;
            }
        }
    }
    return -1;
}

/* Rows of another topic follow in the same epoch. That is right only where nothing could tell: the
 * new one does not have (or has expired) a record where the anchor was. What lies before is read by
 * nobody then. */
static void note_unnoticed(world *w, const weir_commit *c, const weir_range *r, int32_t incarnation)
{
    uint32_t p = (uint32_t)r->source.partition;
    const record *rec = topic_record(w, p, incarnation, w->anchor_at[p]);
    if (rec && rec->kind == RECORD_DATA &&
        rec->offset >= topic_incarnation(w, p, incarnation)->low) {
        world_fail(
            w, "commit %lu goes on in another topic: offset %ld of partition %u is not the anchor",
            c->version, rec->offset, p);
    }
    w->began_at[p] = r->from;
    w->unnoticed++;
}

static void note_data(world *w, const weir_commit *c, const weir_range *r, uint64_t *kept)
{
    uint32_t p = (uint32_t)r->source.partition;
    if (!r->anchor.known) { /* control records alone */
        if (w->anchor_at[p] < 0) {
            w->began_at[p] = r->to;
        }
        return;
    }
    int32_t k = incarnation_of(w, r);
    if (k < 0) {
        world_fail(w, "commit %lu has an anchor at offset %ld of partition %u that no record has",
                   c->version, r->anchor.offset, p);
        return;
    }
    if (w->anchor_at[p] >= 0 && k != w->anchor_of[p]) {
        note_unnoticed(w, c, r, k);
    }
    w->anchor_at[p] = r->anchor.offset;
    w->anchor_of[p] = k;
    for (int64_t offset = r->from; offset < r->to && !w->failed; offset++) {
        record *rec = topic_record(w, p, k, offset);
        if (!rec) {
            world_fail(w, "commit %lu has offset %ld of partition %u, which is not in the topic",
                       c->version, offset, p);
        } else if (rec->committed_at > 0) {
            world_fail(w, "offset %ld of partition %u is in commit %lu and in commit %lu", offset,
                       p, rec->committed_at, c->version);
        } else {
            rec->committed_at = c->version;
            *kept += rec->kind == RECORD_DATA;
        }
    }
}

static void note_range(world *w, const weir_commit *c, const weir_range *r, uint64_t *kept)
{
    uint32_t p = (uint32_t)r->source.partition;
    world_trace(w, "commit %lu: partition %u epoch %lu kind %u [%ld, %ld) anchor %ld", c->version,
                p, r->epoch, r->kind, r->from, r->to, r->anchor.known ? r->anchor.offset : -1);
    switch ((weir_range_kind)r->kind) {
    case WEIR_RANGE_DATA:
        note_data(w, c, r, kept);
        break;
    case WEIR_RANGE_GAP:
        w->gaps++;
        if (w->anchor_at[p] < 0) {
            w->began_at[p] = r->to;
        }
        for (int64_t offset = r->from; offset < r->to; offset++) {
            for (int32_t k = 0; k <= w->partitions[p].incarnation; k++) {
                record *rec = topic_record(w, p, k, offset);
                if (rec) {
                    rec->lost = true;
                }
            }
        }
        break;
    case WEIR_RANGE_RESET:
        w->resets++;
        w->anchor_at[p] = -1;
        w->began_at[p] = r->to;
        break;
    case WEIR_RANGE_START:
        w->began_at[p] = r->to;
        break;
    }
}

/* Reads the log on to `version` (or its end). */
static void note_log(world *w, uint64_t version)
{
    weir_store_faults faults = calm_store(w);
    while (w->checked_version < version && !w->failed) {
        weir_commit *commit;
        weir_error err = {0};
        weir_get got =
            weir_commit_get(w->store, WEIR_STR("t"), w->checked_version + 1, &commit, &err);
        if (got == WEIR_GET_NONE) {
            break;
        }
        if (got == WEIR_GET_FAILED) {
            world_fail(w, "%s", err.message);
            break;
        }
        uint64_t kept = 0, events = 0;
        w->checked_version++;
        w->commits++;
        for (uint32_t i = 0; i < commit->offset_count; i++) {
            note_range(w, commit, &commit->offsets[i], &kept);
        }
        for (uint32_t i = 0; i < commit->add_count; i++) {
            events += commit->add[i].events;
        }
        if (kept != events) {
            world_fail(w, "commit %lu has %lu records in its ranges and %lu events in its segments",
                       commit->version, kept, events);
        }
        weir_commit_free(commit);
    }
    weir_store_memory_faults(w->store, &faults);
}

static void count_block(world *w, const weir_vec *vec, const uint64_t *visible, uint32_t from,
                        uint32_t n, uint8_t *seen)
{
    for (uint32_t i = 0; i < n; i++) {
        if (visible && !(visible[(from + i) / 64] >> (from + i) % 64 & 1)) {
            continue;
        }
        int64_t time = vec->form == WEIR_CONST ? vec->at.l[0] : vec->at.l[i];
        uint64_t id = (uint64_t)(time % HOUR_MS);
        if (id >= w->record_count || w->records[id].time_ms != time ||
            w->records[id].kind != RECORD_DATA) {
            world_fail(w, "a row with time %ld, which no record has", time);
            return;
        }
        if (seen[id]++) {
            world_fail(w, "record %lu (partition %d, offset %ld) is seen twice", id,
                       w->records[id].partition, w->records[id].offset);
        }
    }
}

static void count_rows(world *w, const weir_rows *rows, uint8_t *seen)
{
    weir_scratch scratch = {0};
    const weir_column *time = rows->ops->column(rows, WEIR_STR("__time"));
    for (uint32_t c = 0; c < rows->ops->chunks(rows) && !w->failed; c++) {
        weir_chunk_info info;
        weir_sel sel;
        weir_mark mark = weir_scratch_mark(&scratch);
        rows->ops->chunk(rows, c, &info);
        bool some = rows->ops->visible(rows, c, &scratch, &sel);
        if (some && sel.count == 0) {
            continue;
        }
        const uint64_t *bits = some ? weir_sel_bits(&sel, &scratch) : NULL;
        for (uint32_t from = 0; from < info.row_count; from += 4096) {
            weir_vec vec;
            weir_error err = {0};
            uint32_t n = info.row_count - from < 4096 ? info.row_count - from : 4096;
            if (!time->ops->read(time, c, from, n, false, &scratch, &vec, &err)) {
                world_fail(w, "%s", err.message);
                break;
            }
            count_block(w, &vec, bits, from, n, seen);
        }
        weir_scratch_rewind(&scratch, mark);
    }
    weir_scratch_done(&scratch);
}

/* Rows that are seen and not committed follow the log's next without a hole. 1: there are some. */
static int32_t check_live(world *w, const uint8_t *seen, uint64_t version, uint32_t p,
                          int32_t incarnation, const weir_source_state *source)
{
    const partition *part = topic_incarnation(w, p, incarnation);
    bool hole = false, any = false;
    for (int64_t offset = source ? source->next : part->base; offset < part->high; offset++) {
        const record *r = topic_record(w, p, incarnation, offset);
        bool committed = r && r->committed_at > 0 && r->committed_at <= version;
        if (!r || r->kind != RECORD_DATA || committed) {
            continue;
        }
        bool here = seen[r - w->records];
        if (here && (hole || !source)) {
            world_fail(w, "version %lu: partition %u has a hole before offset %ld", version, p,
                       offset);
        }
        any = any || here;
        hole = hole || !here;
    }
    return any;
}

/* What is committed is seen, and what is seen beyond it adjoins. */
static void check_seen(world *w, const uint8_t *seen, uint64_t version, const weir_log_state *state)
{
    for (uint32_t id = 0; id < w->record_count; id++) {
        const record *r = &w->records[id];
        bool committed =
            r->committed_at > 0 && r->committed_at <= version && r->kind == RECORD_DATA;
        if (committed && !seen[id]) {
            world_fail(
                w,
                "version %lu: record %u (partition %d, offset %ld), committed at %lu, is not seen",
                version, id, r->partition, r->offset, r->committed_at);
        }
    }
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        weir_source_key key = {WEIR_STR("t"), WEIR_STR("events"), (int32_t)p};
        const weir_source_state *source = weir_log_source(state, &key);
        int32_t live = 0;
        for (int32_t k = 0; k <= w->partitions[p].incarnation; k++) {
            live += check_live(w, seen, version, p, k, source);
        }
        if (live > 1) {
            world_fail(w, "version %lu: partition %u shows uncommitted rows of two topics", version,
                       p);
        }
    }
}

void check_view(process *proc)
{
    world *w = proc->world;
    weir_view *view = weir_table_view(proc->table); /* gives way while it opens segments */
    uint8_t *seen = calloc(w->record_count + 1, 1);
    bool whole = true;
    for (uint32_t i = 0; i < view->count; i++) {
        whole = whole && view->problems[i].size == 0;
        count_rows(w, view->rows[i], seen);
        world_trace(w, "p%u view %lu: %.*s", proc->number, view->version,
                    WEIR_STR_ARG(view->rows[i]->id));
    }
    note_log(w, view->version);
    weir_log_state *state = weir_table_state(proc->table);
    if (whole && weir_log_version(state) == view->version && !proc->dead) {
        check_seen(w, seen, view->version, state);
        w->views++;
    }
    weir_log_state_unref(state);
    free(seen);
    weir_view_unref(view);
}

static void check_fold(world *w, weir_log_state *loaded)
{
    weir_log_state *state = weir_log_state_empty(WEIR_STR("t"));
    weir_error err = {0};
    weir_buf a = {0}, b = {0};
    while (weir_log_version(state) < weir_log_version(loaded) && !w->failed) {
        weir_commit *commit;
        weir_log_state *next;
        if (weir_commit_get(w->store, WEIR_STR("t"), weir_log_version(state) + 1, &commit, &err) !=
                WEIR_GET_FOUND ||
            !weir_log_fold(state, commit, commit->hash, &next, &err)) {
            world_fail(w, "the log does not fold: %s", err.message);
            break;
        }
        weir_commit_free(commit);
        weir_log_state_unref(state);
        state = next;
    }
    weir_checkpoint_write(state, &a);
    weir_checkpoint_write(loaded, &b);
    if (!weir_str_eq(weir_buf_view(&a), weir_buf_view(&b))) {
        world_fail(w, "I5: checkpoint and tail fold to another state than the log");
    }
    weir_buf_done(&a);
    weir_buf_done(&b);
    weir_log_state_unref(state);
}

static void check_objects(world *w, const weir_log_state *state)
{
    size_t count;
    const weir_segment_state *const *segments = weir_log_segments(state, &count);
    for (size_t i = 0; i < count; i++) {
        weir_arena *arena = weir_arena_new();
        weir_buf bytes = {0};
        weir_get got = w->store->ops->get(
            w->store, weir_key_segment(arena, WEIR_STR("t"), segments[i]->added.id), 0, 0, &bytes,
            NULL);
        if (got != WEIR_GET_FOUND || bytes.size != segments[i]->added.bytes) {
            world_fail(w, "I6: segment %.*s is not in the store",
                       WEIR_STR_ARG(segments[i]->added.id));
        }
        weir_buf_done(&bytes);
        weir_arena_free(arena);
    }
}

bool check_settled(world *w)
{
    note_log(w, UINT64_MAX);
    for (uint32_t id = 0; id < w->record_count; id++) {
        const record *r = &w->records[id];
        const partition *part = &w->partitions[r->partition];
        int64_t from =
            part->low > w->began_at[r->partition] ? part->low : w->began_at[r->partition];
        bool wanted =
            r->kind == RECORD_DATA && r->incarnation == part->incarnation && r->offset >= from;
        if (wanted && r->committed_at == 0) {
            w->missing = r;
            return false;
        }
    }
    return true;
}

/* I10: in a process that starts now, every record of the topic stands once, but those that a gap
 * names. */
void check_end(world *w)
{
    weir_error err = {0};
    calm_store(w);
    w->rules.faults = (weir_store_faults){0};
    note_log(w, UINT64_MAX);
    weir_catalog_options options = {.store = w->store, .clock = &w->clock, .node = WEIR_STR("end")};
    weir_catalog *catalog = weir_catalog_open(&options, &err);
    weir_table *table = catalog ? weir_catalog_table(catalog, WEIR_STR("t")) : NULL;
    if (!table) {
        world_fail(w, "no table at the end: %s", err.message);
        weir_catalog_close(catalog);
        return;
    }
    weir_view *view = weir_table_view(table);
    uint8_t *seen = calloc(w->record_count + 1, 1);
    for (uint32_t i = 0; i < view->count; i++) {
        count_rows(w, view->rows[i], seen);
    }
    for (uint32_t id = 0; id < w->record_count; id++) {
        const record *r = &w->records[id];
        const partition *part = &w->partitions[r->partition];
        bool committed = r->kind == RECORD_DATA && r->committed_at > 0;
        if (committed != (seen[id] == 1)) {
            world_fail(w, "I10: record %u (partition %d, offset %ld) stands %u times", id,
                       r->partition, r->offset, seen[id]);
        }
        bool gone = r->incarnation < part->incarnation || (r->offset < part->low && r->lost) ||
                    r->offset < w->began_at[r->partition];
        if (r->kind == RECORD_DATA && !committed && !gone) {
            world_fail(w,
                       "I10: record %u (partition %d, offset %ld) is in the topic and in no commit",
                       id, r->partition, r->offset);
        }
    }
    weir_log_state *state = weir_table_state(table);
    check_fold(w, state);
    check_objects(w, state);
    weir_log_state_unref(state);
    free(seen);
    weir_view_unref(view);
    weir_catalog_close(catalog);
}
