/* ingest/compaction.c - see ingest/compaction.h. Until the commit nothing that it did can be seen;
 * after a crash the next pick begins anew, and objects that it left are garbage. */
#include "ingest/compaction.h"
#include <stdlib.h>
#include "ingest/segment_file.h"
#include "ingest/upload.h"
#include "segments/compact.h"
#include "weir/log.h"

#define UPLOAD_TRIES 8
#define PAUSE_FIRST_MS 100
#define FETCH_WAIT_MS 5
#define TRIM_BYTES (64u << 20)

typedef enum phase { OPEN, READ, DEAL, FREEZE, UPLOAD, COMMIT } phase;

struct weir_compaction {
    weir_compaction_options options;
    weir_arena *arena; /* of all */
    weir_str *ids;     /* newest first */
    uint32_t count;
    bool rewrite;
    phase phase;
    weir_budget budget;
    weir_view *view;
    weir_rows **rows; /* of the class that is merged; `count` ids are theirs from then on */
    uint64_t *revs;
    uint64_t rows_in, events_in, bytes_in;
    bool hides;
    weir_merge *merge;
    weir_freeze_part *parts;
    weir_upload *uploads;
    uint32_t part_count, at, tries;
    int64_t pause_ms;
    weir_compaction_figures figures;
};

static int newest_first(const void *a, const void *b)
{
    return -weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

weir_compaction *weir_compaction_new(const weir_compaction_options *options, const weir_str *ids,
                                     uint32_t count, bool rewrite)
{
    weir_compaction *c = weir_calloc(1, sizeof(*c));
    c->options = *options;
    c->arena = weir_arena_new();
    c->rewrite = rewrite;
    c->budget.name = "compaction";
    c->ids = WEIR_ARENA_ARRAY(c->arena, weir_str, count + 1);
    c->count = count;
    for (uint32_t i = 0; i < count; i++) {
        c->ids[i] = weir_arena_str(c->arena, ids[i]);
    }
    qsort(c->ids, count, sizeof(*c->ids), newest_first); /* an id begins with its base */
    return c;
}

static void drop_files(weir_compaction *c)
{
    for (uint32_t i = 0; i < c->part_count; i++) {
        if (c->uploads[i].path) {
            weir_upload_drop(&c->uploads[i]);
            c->uploads[i].path = NULL;
        }
    }
}

void weir_compaction_free(weir_compaction *c)
{
    if (c) {
        drop_files(c);
        weir_merge_free(c->merge);
        weir_view_unref(c->view);
        if (c->budget.peak_bytes > TRIM_BYTES) {
            weir_page_trim(); /* queries did not need so much before */
        }
        weir_arena_free(c->arena);
        free(c);
    }
}

weir_compaction_figures weir_compaction_figures_of(const weir_compaction *c)
{
    return c->figures;
}

/* --- inputs --- */

/* Keeps the largest class; of equal ones that with the newest segment. */
static void keep_class(weir_compaction *c)
{
    uint32_t *classes = WEIR_ARENA_ARRAY(c->arena, uint32_t, c->count + 1),
             *sizes = WEIR_ARENA_ARRAY(c->arena, uint32_t, c->count + 1);
    uint32_t best = 0, kept = 0;
    weir_merge_classes(c->rows, c->count, classes);
    for (uint32_t i = 0; i < c->count; i++) {
        sizes[classes[i]]++;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        best = sizes[classes[i]] > sizes[best] ? classes[i] : best;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        if (classes[i] == best) {
            c->ids[kept] = c->ids[i];
            c->rows[kept] = c->rows[i];
            c->revs[kept++] = c->revs[i];
        }
    }
    c->count = kept;
}

static void sum_inputs(weir_compaction *c, const weir_log_state *state)
{
    c->rows_in = c->events_in = c->bytes_in = 0;
    c->hides = false;
    for (uint32_t i = 0; i < c->count; i++) {
        const weir_segment_state *s = weir_log_segment(state, c->ids[i]);
        if (s) { /* else the commit will not be valid */
            c->rows_in += s->added.rows;
            c->events_in += s->added.events;
            c->bytes_in += s->added.bytes;
            c->hides = c->hides || s->hide_count > 0;
        }
    }
}

static weir_compaction_end begin_merge(weir_compaction *c, weir_error *err)
{
    weir_log_state *state = weir_table_state(c->options.table);
    sum_inputs(c, state);
    weir_log_state_unref(state);
    if (c->count == 0 || (c->count == 1 && !c->rewrite && !c->hides)) {
        return WEIR_COMPACTION_NOTHING;
    }
    weir_merge_free(c->merge);
    c->merge =
        weir_merge_new(&(weir_merge_options){.rows = c->rows,
                                             .count = c->count,
                                             .segment_granularity = c->options.segment_granularity,
                                             .query_granularity = c->options.query_granularity,
                                             .rollup = c->options.rollup,
                                             .budget = &c->budget,
                                             .memory_bytes = c->options.memory_bytes},
                       err);
    c->phase = READ;
    return c->merge ? WEIR_COMPACTION_MORE : WEIR_COMPACTION_FAILED;
}

static weir_compaction_end open_inputs(weir_compaction *c, weir_error *err)
{
    c->view = weir_table_view_of(c->options.table, c->ids, c->count, err);
    if (!c->view) {
        return err->code == WEIR_ERR_NOT_FOUND ? WEIR_COMPACTION_LOST : WEIR_COMPACTION_FAILED;
    }
    c->rows = WEIR_ARENA_ARRAY(c->arena, weir_rows *, c->count + 1);
    c->revs = WEIR_ARENA_ARRAY(c->arena, uint64_t, c->count + 1);
    for (uint32_t i = 0; i < c->count; i++) {
        c->rows[i] = c->view->rows[i];
        c->revs[i] = c->view->revs[i];
    }
    keep_class(c);
    return begin_merge(c, err);
}

static weir_compaction_end read_more(weir_compaction *c, int64_t *wait_ms, weir_error *err)
{
    switch (weir_merge_next(c->merge, err)) {
    case WEIR_MERGE_MORE:
        return WEIR_COMPACTION_MORE;
    case WEIR_MERGE_WAIT:
        *wait_ms = FETCH_WAIT_MS;
        return WEIR_COMPACTION_MORE;
    case WEIR_MERGE_DONE:
        c->phase = DEAL;
        return WEIR_COMPACTION_MORE;
    case WEIR_MERGE_FULL:
        weir_log(WEIR_INFO, "compaction",
                 "table '%.*s': %u segments take more than %zu bytes of memory to merge: half of "
                 "them is tried",
                 WEIR_STR_ARG(weir_table_name(c->options.table)), c->count,
                 c->options.memory_bytes);
        c->count /= 2;
        return begin_merge(c, err);
    case WEIR_MERGE_FAILED:
        break;
    }
    return WEIR_COMPACTION_FAILED;
}

/* --- segments --- */

static weir_compaction_end deal(weir_compaction *c, weir_error *err)
{
    if (!weir_realtime_parts(weir_merge_rows(c->merge), NULL, c->options.bucket_limit,
                             c->options.max_rows, c->arena, &c->parts, &c->part_count, err)) {
        c->part_count = 0;
        return WEIR_COMPACTION_FAILED;
    }
    c->uploads = WEIR_ARENA_ARRAY(c->arena, weir_upload, c->part_count + 1);
    c->phase = FREEZE;
    return WEIR_COMPACTION_MORE;
}

static weir_compaction_end freeze_one(weir_compaction *c, weir_error *err)
{
    weir_upload *upload = &c->uploads[c->at];
    if (c->at == c->part_count) {
        c->at = 0;
        c->phase = UPLOAD;
        return WEIR_COMPACTION_MORE;
    }
    if (!weir_segment_file_write_with(
            weir_merge_rows(c->merge), &c->parts[c->at], c->options.work_path, c->options.clock,
            true, c->options.go_on, c->options.self, c->arena, &upload->path, &upload->info, err)) {
        upload->path = NULL;
        return err->code == WEIR_ERR_CANCELLED ? WEIR_COMPACTION_GIVEN_UP : WEIR_COMPACTION_FAILED;
    }
    upload->interval = c->parts[c->at].interval;
    c->at++;
    return WEIR_COMPACTION_MORE;
}

static weir_compaction_end upload_one(weir_compaction *c, int64_t *wait_ms, weir_error *err)
{
    if (c->at == c->part_count) {
        c->phase = COMMIT;
    } else if (weir_upload_put(c->options.catalog, c->options.table, c->options.clock, c->arena,
                               &c->uploads[c->at], err)) {
        c->at++;
        c->tries = 0;
        c->pause_ms = 0;
    } else if (++c->tries == UPLOAD_TRIES) {
        return WEIR_COMPACTION_FAILED;
    } else {
        *wait_ms = c->pause_ms = c->pause_ms == 0 ? PAUSE_FIRST_MS : c->pause_ms * 2;
    }
    return WEIR_COMPACTION_MORE;
}

/* The events of all inputs over the new segments, by their rows: nobody knows better, and their sum
 * is what counts (V5). Of inputs with hidden rows those that were seen have their share. */
static void share_events(weir_compaction *c)
{
    uint64_t dealt = 0, before = 0, all = c->events_in;
    for (uint32_t i = 0; i < c->part_count; i++) {
        dealt += c->parts[i].rows_before;
    }

    if (c->hides && c->rows_in > 0) {
        all = (uint64_t)((unsigned __int128)c->events_in * weir_merge_rows_read(c->merge) /
                         c->rows_in);
    }
    for (uint32_t i = 0; i < c->part_count; i++) {
        uint64_t upto = before + c->parts[i].rows_before;
        c->uploads[i].events = (uint64_t)((unsigned __int128)all * upto / dealt) -
                               (uint64_t)((unsigned __int128)all * before / dealt);
        before = upto;
    }
}

static weir_commit *make_commit(weir_compaction *c)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_COMPACT, c->options.clock);
    share_events(c);
    for (uint32_t i = 0; i < c->count; i++) {
        weir_removed removed = {.id = c->ids[i], .rev = c->revs[i]};
        weir_commit_add_removed(commit, &removed);
    }
    for (uint32_t i = 0; i < c->part_count; i++) {
        weir_upload_add(&c->uploads[i], commit);
    }
    return commit;
}

static void note_landed(weir_compaction *c)
{
    c->figures = (weir_compaction_figures){.segments_in = c->count,
                                           .segments_out = c->part_count,
                                           .rows_in = weir_merge_rows_read(c->merge),
                                           .bytes_in = c->bytes_in};
    for (uint32_t i = 0; i < c->part_count; i++) {
        c->figures.rows_out += c->uploads[i].info.rows;
        c->figures.bytes_out += c->uploads[i].info.bytes;
        weir_upload_adopt(c->options.table, &c->uploads[i]);
        c->uploads[i].path = NULL;
    }
    weir_log(
        WEIR_INFO, "compaction",
        "table '%.*s': %u segments of %llu rows, %llu bytes became %u of %llu rows, %llu bytes",
        WEIR_STR_ARG(weir_table_name(c->options.table)), c->figures.segments_in,
        (unsigned long long)c->figures.rows_in, (unsigned long long)c->figures.bytes_in,
        c->figures.segments_out, (unsigned long long)c->figures.rows_out,
        (unsigned long long)c->figures.bytes_out);
}

static weir_compaction_end commit_now(weir_compaction *c, weir_error *err)
{
    int rule = 0;
    switch (weir_table_commit(c->options.table, make_commit(c), c->options.given_up,
                              c->options.self, &rule, err)) {
    case WEIR_COMMIT_LANDED:
        note_landed(c);
        return WEIR_COMPACTION_LANDED;
    case WEIR_COMMIT_INVALID:
        if (rule != 3) {
            return rule > 0 ? WEIR_COMPACTION_LOST : WEIR_COMPACTION_FAILED;
        }
        c->at = 0; /* the collection of garbage went past our names: new ones */
        c->phase = UPLOAD;
        return WEIR_COMPACTION_MORE;
    case WEIR_COMMIT_GIVEN_UP:
        break;
    }
    return c->options.given_up(c->options.self) ? WEIR_COMPACTION_GIVEN_UP : WEIR_COMPACTION_FAILED;
}

weir_compaction_end weir_compaction_step(weir_compaction *c, int64_t *wait_ms, weir_error *err)
{
    *wait_ms = 0;
    if (!c->options.go_on(c->options.self)) {
        return WEIR_COMPACTION_GIVEN_UP;
    }
    switch (c->phase) {
    case OPEN:
        return open_inputs(c, err);
    case READ:
        return read_more(c, wait_ms, err);
    case DEAL:
        return deal(c, err);
    case FREEZE:
        return freeze_one(c, err);
    case UPLOAD:
        return upload_one(c, wait_ms, err);
    case COMMIT:
        return commit_now(c, err);
    }
    return WEIR_COMPACTION_FAILED;
}
