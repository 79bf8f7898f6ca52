/* tests/sim/check.c - what must be true of every view at any time, and of all at the end: what the
 * log holds is seen as often as it holds it; what is seen beyond it are one topic's records that
 * adjoin the log's next, each once; and what a process showed it goes on showing. */
#include <stdlib.h>
#include <string.h>
#include "world.h"

static void count_block(world *w, const weir_vec *vec, const uint64_t *visible, uint32_t from,
                        uint32_t n, uint8_t *seen)
{
    for (uint32_t i = 0; i < n; i++) {
        if (visible && !(visible[(from + i) / 64] >> (from + i) % 64 & 1)) {
            continue;
        }
        int64_t time = vec->form == WEIR_CONST ? vec->at.l[0] : vec->at.l[i];
        uint64_t id = (uint64_t)(time % HOUR_MS);
        const record *r = &w->records[id < w->record_count ? id : 0];
        if (id >= w->record_count || r->time_ms != time ||
            (r->kind != RECORD_DATA && r->kind != RECORD_LOADED)) {
            world_fail(w, "a row with time %ld, which no record has", time);
            return;
        }
        seen[id]++;
    }
}

static void wake(void *self)
{
    (void)self; /* it is asked again anyway */
}

/* The bytes of __time in a chunk are here. */
static bool prepare(world *w, const weir_rows *rows, uint32_t chunk, weir_error *err)
{
    weir_str name = WEIR_STR("__time");
    weir_need need = {.chunk = chunk, .count = 1, .column_count = 1, .columns = &name};
    weir_ready ready = WEIR_WAIT;
    while (rows->ops->prepare && ready == WEIR_WAIT) {
        ready =
            rows->ops->prepare((weir_rows *)(uintptr_t)rows, &need, (weir_wake){wake, NULL}, err);
        if (ready == WEIR_WAIT) {
            world_sleep(w, 2);
        }
    }
    return ready != WEIR_FAILED;
}

bool check_count(world *w, const weir_rows *rows, uint8_t *seen, weir_error *err)
{
    weir_scratch scratch = {0};
    bool ok = true;
    const weir_column *time = rows->ops->column(rows, WEIR_STR("__time"));
    for (uint32_t c = 0; c < rows->ops->chunks(rows) && ok && !w->failed; c++) {
        weir_chunk_info info;
        weir_sel sel;
        weir_mark mark = weir_scratch_mark(&scratch);
        rows->ops->chunk(rows, c, &info);
        ok = prepare(w, rows, c, err);
        bool some = ok && rows->ops->visible(rows, c, &scratch, &sel);
        if (!ok || (some && sel.count == 0)) {
            continue;
        }
        const uint64_t *bits = some ? weir_sel_bits(&sel, &scratch) : NULL;
        for (uint32_t from = 0; from < info.row_count && ok; from += 4096) {
            weir_vec vec;
            uint32_t n = info.row_count - from < 4096 ? info.row_count - from : 4096;
            ok = time->ops->read(time, c, from, n, false, &scratch, &vec, err);
            if (ok) {
                count_block(w, &vec, bits, from, n, seen);
            }
        }
        weir_scratch_rewind(&scratch, mark);
    }
    weir_scratch_done(&scratch);
    return ok;
}

/* Live rows of a partition: those beyond what the log holds. They follow its next without a hole.
 * 1: there are some. */
static int32_t check_live(world *w, const uint8_t *seen, uint64_t version, uint32_t p,
                          int32_t incarnation, const weir_source_state *source)
{
    const partition *part = topic_incarnation(w, p, incarnation);
    bool hole = false, any = false;
    for (int64_t offset = part->base; offset < part->high; offset++) {
        const record *r = topic_record(w, p, incarnation, offset);
        uint32_t held = history_copies(r, version), count = seen[r - w->records];
        if (r->kind != RECORD_DATA) {
            continue;
        }
        if (count < held) {
            world_fail(w,
                       "version %lu: record %ld (partition %u, offset %ld) is seen %u of %u times",
                       version, (long)(r - w->records), p, offset, count, held);
        }
        if (count > held + 1 || (count > held && (!source || offset < source->next))) {
            world_fail(w, "version %lu: record %ld (partition %u, offset %ld) is seen twice",
                       version, (long)(r - w->records), p, offset);
        }
        if (!source || offset < source->next) {
            continue;
        }
        if (count > held && hole) {
            world_fail(w, "version %lu: partition %u has a hole before offset %ld", version, p,
                       offset);
        }
        any = any || count > held;
        hole = hole || count == held;
    }
    return any;
}

static void check_seen(world *w, const uint8_t *seen, uint64_t version, const weir_log_state *state)
{
    for (uint32_t id = 0; id < w->record_count; id++) {
        const record *r = &w->records[id];
        if (r->kind == RECORD_LOADED && seen[id] != history_copies(r, version)) {
            world_fail(w, "version %lu: row %u of load %d is seen %u of %u times", version, id,
                       r->incarnation, seen[id], history_copies(r, version));
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

/* Copies of the record that came between two versions. */
static uint32_t born_between(const record *r, uint64_t after, uint64_t until)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->copy_count; i++) {
        count += r->copies[i].born > after && r->copies[i].born <= until;
    }
    return count;
}

/* I9: a live row that this process has shown is shown on, until the log has it, or another process
 * (or a reset, a gap) changed its partition: then it is masked. */
static void check_lasting(process *proc, const uint8_t *seen, uint64_t version)
{
    world *w = proc->world;
    for (uint32_t id = 0; id < proc->seen.size; id++) {
        const record *r = &w->records[id];
        uint32_t was = proc->seen.counts[id], held = history_copies(r, proc->seen.version);
        bool live = r->kind == RECORD_DATA && was > held;
        if (live && seen[id] <= history_copies(r, version) &&
            born_between(r, proc->seen.version, version) == 0 &&
            proc->touched[r->partition] <= proc->seen.version) {
            world_fail(w,
                       "I9: %s showed record %u (partition %d, offset %ld) at version %lu and does "
                       "not at version %lu",
                       proc->node, id, r->partition, r->offset, proc->seen.version, version);
        }
    }
}

void check_view(process *proc)
{
    world *w = proc->world;
    weir_view *view = weir_table_view(proc->table); /* gives way while it opens segments */
    uint32_t size = w->record_count;
    uint8_t *seen = calloc(RECORDS + 1, 1);
    bool whole = true;
    for (uint32_t i = 0; i < view->count; i++) {
        weir_error err = {0};
        whole = whole && view->problems[i].size == 0 && check_count(w, view->rows[i], seen, &err);
        world_trace(w, "p%u view %lu: %.*s", proc->number, view->version,
                    WEIR_STR_ARG(view->rows[i]->id));
    }
    history_read(w, view->version);
    weir_log_state *state = weir_table_state(proc->table);
    if (whole && weir_log_version(state) == view->version && !proc->dead && !w->failed) {
        check_seen(w, seen, view->version, state);
        check_lasting(proc, seen, view->version);
        for (uint32_t id = 0; id < size; id++) {
            w->records[id].shown = w->records[id].shown || seen[id] > 0;
        }
        w->views++;
        free(proc->seen.counts);
        proc->seen.counts = seen;
        proc->seen.size = size;
        proc->seen.version = view->version;
    } else {
        free(seen);
    }
    weir_log_state_unref(state);
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

/* Whether the log has the record since its partition's last reset. */
static bool is_committed(const world *w, const record *r)
{
    return r->copy_count > 0 && r->copies[r->copy_count - 1].born > w->reset_at[r->partition];
}

/* A log in which one commit was put in the place of another (a restore that mixed two) is noticed,
 * however well each reads by itself. */
static void check_swapped(world *w)
{
    weir_log_state *state = weir_log_state_empty(WEIR_STR("t")), *next;
    weir_error err = {0};
    uint64_t swapped = 1 + world_draw(w, (uint32_t)w->checked_version - 1);
    bool folds = w->checked_version > 1;
    while (folds && weir_log_version(state) < w->checked_version) {
        weir_commit *c;
        folds = weir_commit_get(w->store, WEIR_STR("t"), weir_log_version(state) + 1, &c, &err) ==
                WEIR_GET_FOUND;
        if (folds) {
            uint64_t hash = c->version == swapped ? c->hash + 1 : c->hash;
            folds = weir_log_fold(state, c, hash, &next, &err);
            weir_commit_free(c);
        }
        if (folds) {
            weir_log_state_unref(state);
            state = next;
        }
    }
    weir_log_state_unref(state);
    if (folds) {
        world_fail(w, "commit %lu of another log is folded", swapped);
    }
}

bool check_settled(world *w)
{
    history_read(w, UINT64_MAX);
    for (uint32_t id = 0; id < w->record_count; id++) {
        const record *r = &w->records[id];
        if (r->kind != RECORD_DATA) {
            continue;
        }
        const partition *part = &w->partitions[r->partition];
        int64_t from =
            part->low > w->began_at[r->partition] ? part->low : w->began_at[r->partition];
        if (r->incarnation == part->incarnation && r->offset >= from && !is_committed(w, r)) {
            w->missing = r;
            return false;
        }
    }
    return true;
}

static void check_record(world *w, uint32_t id)
{
    const record *r = &w->records[id];
    if (r->kind != RECORD_DATA) {
        return;
    }
    const partition *part = &w->partitions[r->partition];
    bool old = r->incarnation < part->incarnation;
    bool gone = old || (r->offset < part->low && r->lost) || r->offset < w->began_at[r->partition];
    if (!is_committed(w, r) && !gone) {
        world_fail(w, "I10: record %u (partition %d, offset %ld) is in the topic and in no commit",
                   id, r->partition, r->offset);
    }
    if (r->shown && r->copy_count == 0 && !old && !r->lost) {
        world_fail(w, "record %u (partition %d, offset %ld) was shown, and then lost", id,
                   r->partition, r->offset);
    }
}

/* I10: in a process that starts now, every record of the topic and every row of a load stands as
 * often as the log says, and the log has all of them. */
void check_end(process *proc)
{
    world *w = proc->world;
    weir_error err = {0};
    history_read(w, UINT64_MAX);
    weir_clock clock = process_clock(proc);
    weir_catalog_options options = {.store = w->store, .clock = &clock, .node = WEIR_STR("end")};
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
        if (view->problems[i].size > 0) {
            world_fail(w, "at the end: %.*s", WEIR_STR_ARG(view->problems[i]));
        }
        if (!check_count(w, view->rows[i], seen, &err)) {
            world_fail(w, "at the end: %s", err.message);
        }
    }
    for (uint32_t id = 0; id < w->record_count; id++) {
        uint32_t copies = history_copies(&w->records[id], view->version);
        if (copies != seen[id]) {
            world_fail(w, "I10: record %u stands %u times, not %u times", id, seen[id], copies);
        }
        check_record(w, id);
    }
    for (uint32_t i = 0; i < w->load_count; i++) {
        if (w->loads[i].reported && w->loads[i].committed_at == 0) {
            world_fail(w, "load %u was said to be done, and is in no commit", i);
        }
    }
    weir_log_state *state = weir_table_state(table);
    check_fold(w, state);
    check_objects(w, state);
    check_swapped(w);
    weir_log_state_unref(state);
    free(seen);
    weir_view_unref(view);
    weir_catalog_close(catalog);
}
