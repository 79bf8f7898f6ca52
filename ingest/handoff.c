/* ingest/handoff.c - see ingest/handoff.h. What failed is tried again after a pause that doubles up
 * to 1 s, so that memory comes back soon after the store does: the rows stay live and queryable
 * meanwhile. */
#include "ingest/handoff.h"
#include "ingest/segment_file.h"
#include "ingest/upload.h"
#include "compute/memory.h"
#include "weir/log.h"
#include <malloc.h>
#include <stdlib.h>

#define BUCKETS                                                                                    \
    4 /* segments of a hand-off that hold one time bucket; all other rows are one stray segment */
#define PAUSE_MAX_MS 1000

typedef enum phase { BEGIN, DEAL, FREEZE, UPLOAD, COMMIT, END } phase;

struct weir_handoff {
    weir_job job; /* first: the job is the hand-off */
    weir_handoff_options options;
    weir_generation *gen;
    phase phase;
    weir_handoff_end end;
    int64_t pause_ms;
    weir_arena *arena; /* of one attempt: sources, parts, uploads */
    weir_generation_source *sources;
    uint32_t source_count;
    weir_mask mask;
    weir_freeze_part *parts;
    weir_upload *uploads;
    uint32_t part_count, at; /* at: the part under way */
    pthread_mutex_t lock;    /* of problem */
    weir_error problem;
};

static bool step(weir_job *job, int64_t *wait_ms);

weir_handoff *weir_handoff_new(const weir_handoff_options *options, weir_generation *gen)
{
    weir_handoff *h = weir_calloc(1, sizeof(*h));
    h->job.step = step;
    h->options = *options;
    h->options.max_rows = options->max_rows ? options->max_rows : 5000000;
    h->gen = gen;
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

weir_job *weir_handoff_job(weir_handoff *h)
{
    return &h->job;
}

weir_handoff_end weir_handoff_result(const weir_handoff *h, const weir_generation_source **sources,
                                     uint32_t *count)
{
    *sources = h->sources;
    *count = h->end == WEIR_HANDOFF_COMMITTED ? h->source_count : 0;
    return h->end;
}

bool weir_handoff_problem(weir_handoff *h, weir_error *err)
{
    pthread_mutex_lock(&h->lock);
    *err = h->problem;
    pthread_mutex_unlock(&h->lock);
    return err->code != WEIR_OK;
}

/* Local files of the attempt that did not end in a commit. */
static void drop_files(weir_handoff *h)
{
    for (uint32_t i = 0; i < h->part_count; i++) {
        if (h->uploads[i].path) {
            weir_upload_drop(&h->uploads[i]);
        }
    }
    h->part_count = 0;
}

void weir_handoff_free(weir_handoff *h)
{
    if (h->end != WEIR_HANDOFF_COMMITTED && h->uploads) {
        drop_files(h);
    }
    weir_generation_unref(h->gen);
    weir_arena_free(h->arena);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

static void fail(weir_handoff *h, const char *what, weir_error *err, int64_t *wait_ms)
{
    weir_fail_in(err, "hand-off of table '%.*s': %s",
                 WEIR_STR_ARG(weir_table_name(h->options.table)), what);
    weir_log(WEIR_WARN, "ingest", "%s", err->message);
    pthread_mutex_lock(&h->lock);
    h->problem = *err;
    pthread_mutex_unlock(&h->lock);
    atomic_fetch_add(&h->options.stats->handoff_failures, 1);
    h->pause_ms = h->pause_ms == 0                 ? 100
                  : h->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS
                                                   : h->pause_ms * 2;
    *wait_ms = h->pause_ms;
}

static void finish(weir_handoff *h, weir_handoff_end end)
{
    h->end = end;
    h->phase = END;
}

/* A new attempt: sources as the table sees them now. */
static void deal(weir_handoff *h, int64_t *wait_ms)
{
    weir_error err;
    if (h->uploads) {
        drop_files(h);
    }
    weir_arena_free(h->arena);
    h->arena = weir_arena_new();
    h->uploads = NULL;
    h->part_count = h->at = 0;
    h->sources = NULL;
    h->source_count = weir_generation_sources(h->gen, h->arena, &h->sources, &h->mask);
    bool any = false;
    for (uint32_t i = 0; i < h->source_count; i++) {
        any = any || (!h->sources[i].masked && h->sources[i].to > h->sources[i].from);
    }
    if (!any) {
        weir_generation_drop(h->gen);
        finish(h, WEIR_HANDOFF_DROPPED);
        return;
    }
    if (!weir_realtime_parts(weir_generation_rows(h->gen), &h->mask, BUCKETS, h->options.max_rows,
                             h->arena, &h->parts, &h->part_count, &err)) {
        h->part_count = 0;
        fail(h, "dealing rows to segments", &err, wait_ms);
        return;
    }
    h->uploads = WEIR_ARENA_ARRAY(h->arena, weir_upload, h->part_count + 1);
    h->phase = FREEZE;
}

static void freeze_one(weir_handoff *h, int64_t *wait_ms)
{
    weir_error err;
    if (h->at == h->part_count) {
        h->at = 0;
        h->phase = UPLOAD;
        return;
    }
    weir_freeze_part *part = &h->parts[h->at];
    weir_upload *upload = &h->uploads[h->at];
    if (!weir_segment_file_write(weir_generation_rows(h->gen), part, h->options.work_path,
                                 h->options.clock, false, h->arena, &upload->path, &upload->info,
                                 &err)) {
        upload->path = NULL;
        fail(h, "freezing", &err, wait_ms);
        h->phase = DEAL;
        return;
    }
    upload->interval = part->interval;
    upload->events = part->events;
    h->at++;
}

static void upload_one(weir_handoff *h, int64_t *wait_ms)
{
    weir_error err;
    if (h->at == h->part_count) {
        h->phase = COMMIT;
    } else if (weir_upload_put(h->options.catalog, h->options.table, h->options.clock, h->arena,
                               &h->uploads[h->at], &err)) {
        h->at++;
    } else {
        fail(h, "uploading", &err, wait_ms);
    }
}

static bool is_cancelled(void *self)
{
    weir_handoff *h = self;
    return h->job.cancelled;
}

static weir_commit *make_commit(weir_handoff *h)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_HANDOFF, h->options.clock);
    uint64_t kept = 0, events = 0;
    for (uint32_t i = 0; i < h->source_count; i++) {
        const weir_generation_source *s = &h->sources[i];
        if (s->masked || s->to <= s->from) {
            continue;
        }
        weir_range range = {.source = s->key,
                            .epoch = s->epoch,
                            .kind = WEIR_RANGE_DATA,
                            .from = s->from,
                            .to = s->to,
                            .anchor = s->anchor,
                            .counts = s->counts};
        kept += s->counts.kept;
        weir_commit_add_range(commit, &range);
    }
    for (uint32_t i = 0; i < h->part_count; i++) {
        events += h->uploads[i].events;
        weir_upload_add(&h->uploads[i], commit);
    }
    if (kept != events) { /* I8: to commit this would lose or double rows */
        weir_die("hand-off of table '%.*s': %llu rows were kept, but %llu frozen",
                 WEIR_STR_ARG(weir_table_name(h->options.table)), (unsigned long long)kept,
                 (unsigned long long)events);
    }
    return commit;
}

/* Here, as it takes its time and the ingest thread has none. */
static void free_rows(weir_handoff *h)
{
    size_t warm_bytes = weir_page_pooled_bytes();
    weir_generation_unref(h->gen);
    h->gen = NULL;
    weir_page_trim_to(warm_bytes); /* the next generation takes its pages one by one */
    malloc_trim(0);
}

static void commit_now(weir_handoff *h, int64_t *wait_ms)
{
    weir_error err;
    int rule = 0;
    switch (weir_table_commit(h->options.table, make_commit(h), is_cancelled, h, &rule, &err)) {
    case WEIR_COMMIT_LANDED:
        for (uint32_t i = 0; i < h->part_count; i++) {
            weir_upload_adopt(h->options.table, &h->uploads[i]);
        }
        atomic_fetch_add(&h->options.stats->handoffs, 1);
        free_rows(h);
        finish(h, WEIR_HANDOFF_COMMITTED);
        return;
    case WEIR_COMMIT_INVALID:
        if (rule ==
            3) { /* the collection of garbage went past our names: the same files under new ones */
            h->at = 0;
            h->phase = UPLOAD;
        } else { /* V2: somebody else committed some of it, which is masked by now */
            fail(h, "committing", &err, wait_ms);
            *wait_ms = rule == 2 ? 0 : *wait_ms;
            h->phase = DEAL;
        }
        return;
    case WEIR_COMMIT_GIVEN_UP:
        finish(h, WEIR_HANDOFF_GIVEN_UP);
        return;
    }
}

static bool step(weir_job *job, int64_t *wait_ms)
{
    weir_handoff *h = (weir_handoff *)job;
    *wait_ms = 0;
    if (job->cancelled && h->phase != END) {
        finish(h, WEIR_HANDOFF_GIVEN_UP);
    }
    switch (h->phase) {
    case BEGIN:
        weir_realtime_end(weir_generation_rows(h->gen));
        h->phase = DEAL;
        return false;
    case DEAL:
        deal(h, wait_ms);
        return false;
    case FREEZE:
        freeze_one(h, wait_ms);
        return false;
    case UPLOAD:
        upload_one(h, wait_ms);
        return false;
    case COMMIT:
        commit_now(h, wait_ms);
        return false;
    case END:
        return true;
    }
    return true;
}
