/* ingest/load.c - weir load: files of JSON lines into frozen segments and one commit. One thread
 * reads and unpacks, one a core decodes and transforms; they take turns to append, so that
 * decoding, the larger half, runs on all of them. A live segment that is full (or the last one) is
 * frozen by all of them, a part each. What is committed, and how rows are replaced: load_commit.h.
 */
#include "ingest/append.h"
#include "ingest/decode.h"
#include "ingest/lines.h"
#include "ingest/load_commit.h"
#include "ingest/load_files.h"
#include "ingest/rejects.h"
#include "ingest/segment_file.h"
#include "ingest/transform.h"
#include "ingest/upload.h"
#include "weir/ingest.h"
#include "weir/log.h"
#include "weir/machine.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROWS_MAX (40u << 20) /* of one live segment */

typedef struct load {
    const weir_load_options *options;
    weir_spec *spec;
    weir_table *table;
    weir_load_commit *commit;
    _Atomic bool lost; /* its claim: the work is in vain */
    weir_lines *lines;
    size_t memory_bytes;
    uint32_t worker_count;
    pthread_mutex_t turn; /* to append: of the live segment; long */
    weir_budget budget;
    weir_realtime *rt;
    pthread_cond_t ended; /* the last worker has */
    pthread_mutex_t
        lock; /* of the figures, uploads and the failure; short, taken within a turn too */
    weir_counts counts;
    uint64_t with_error;
    uint32_t logged, running;
    weir_arena *arena;
    weir_upload *uploads;
    uint32_t upload_count, upload_capacity;
    _Atomic bool failed;
    weir_error err;
    /* Freezing under way; parts are taken by number. */
    weir_freeze_part *parts;
    uint32_t part_count;
    _Atomic uint32_t part_next;
} load;

typedef struct worker { /* of one thread */
    load *l;
    weir_fields *fields;
    weir_decoder *decoder;
    weir_transform *transform;
    weir_events events;
    weir_str lines[WEIR_EVENTS_MAX]; /* of the events, by number of their record */
    uint32_t line_count;
    uint64_t unparseable, thrown_away, with_error; /* since the last batch */
} worker;

static void fail_load(load *l, const weir_error *err)
{
    pthread_mutex_lock(&l->lock);
    if (!l->failed) {
        l->failed = true;
        l->err = *err;
    }
    pthread_mutex_unlock(&l->lock);
    weir_lines_stop(l->lines);
}

/* Freezing. */

/* Keeps what was frozen; its strings are copied. */
static void add_upload(load *l, const weir_upload *upload)
{
    pthread_mutex_lock(&l->lock);
    if (l->upload_count == l->upload_capacity) {
        l->upload_capacity = l->upload_capacity * 2 + 16;
        l->uploads = weir_realloc(l->uploads, l->upload_capacity * sizeof(weir_upload));
    }
    weir_upload *kept = &l->uploads[l->upload_count++];
    *kept = *upload;
    kept->path = weir_arena_text(l->arena, weir_str_of(upload->path));
    kept->id = weir_arena_str(l->arena, upload->id);
    pthread_mutex_unlock(&l->lock);
}

static bool freeze_part(load *l, const weir_freeze_part *part, weir_arena *arena, weir_error *err)
{
    weir_upload upload = {
        .interval = part->interval, .bucket = part->bucket, .events = part->events};
    if (!weir_segment_file_write(l->rt, part, l->options->work_path, l->options->clock, true, arena,
                                 &upload.path, &upload.info, err)) {
        return false;
    }
    bool ok = weir_load_commit_put(l->commit, &upload, arena, err);
    add_upload(l, &upload);
    return ok;
}

static void *freeze_parts(void *self)
{
    load *l = self;
    uint32_t i;
    while (!l->failed && (i = atomic_fetch_add(&l->part_next, 1)) < l->part_count) {
        weir_arena *arena = weir_arena_new();
        weir_error err;
        if (!freeze_part(l, &l->parts[i], arena, &err)) {
            fail_load(l, &err);
        }
        weir_arena_free(arena);
    }
    return NULL;
}

/* Freezes the live segment with all cores and begins the next. Within a turn. */
static void freeze(load *l)
{
    weir_arena *arena = weir_arena_new();
    weir_error err;
    weir_mask none = {0};
    pthread_t threads[64];
    uint32_t max_rows = l->spec->max_rows_per_segment > 0 ? (uint32_t)l->spec->max_rows_per_segment
                                                          : 5000000,
             started = 0;
    weir_realtime_end(l->rt);
    if (!weir_realtime_parts(l->rt, &none, 0, max_rows, arena, &l->parts, &l->part_count, &err)) {
        fail_load(l, &err);
        l->part_count = 0;
    }
    atomic_store(&l->part_next, 0);
    while (started + 1 < l->worker_count && started + 1 < l->part_count && started < 64) {
        pthread_create(&threads[started++], NULL, freeze_parts, l);
    }
    freeze_parts(l);
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    weir_arena_free(arena);
    weir_realtime_unref(l->rt);
    l->rt = weir_realtime_new(l->spec->schema, &l->budget);
}

/* Decoding. */

static void see_reject(void *self, weir_reject reason, uint32_t record, const char *sentence)
{
    worker *w = self;
    if (w->l->options->rejects) {
        weir_rejects_add(w->l->options->rejects, reason, (weir_str){0}, 0, -1, sentence,
                         w->lines[record]);
    }
    w->unparseable += reason == WEIR_REJECT_UNPARSEABLE;
    w->with_error += reason == WEIR_REJECT_WITH_ERROR;
    w->thrown_away += reason >= WEIR_REJECT_EMPTY;
    if (reason == WEIR_REJECT_UNPARSEABLE || reason == WEIR_REJECT_WITH_ERROR) {
        load *l = w->l;
        pthread_mutex_lock(&l->lock);
        bool log = l->logged++ < (l->spec->log_parse_exceptions ? 1000u : 5u);
        pthread_mutex_unlock(&l->lock);
        if (log) {
            weir_log(WEIR_WARN, "load", "%s: %s", weir_reject_word(reason), sentence);
        }
    }
}

static bool is_full(load *l)
{
    return weir_realtime_bytes(l->rt) > l->memory_bytes || weir_realtime_events(l->rt) > ROWS_MAX;
}

static void append_batch(worker *w, const weir_input *input)
{
    load *l = w->l;
    pthread_mutex_lock(&l->turn);
    weir_error held = {0};
    if (is_full(l)) {
        if (!weir_load_commit_hold(l->commit, &held)) {
            fail_load(l, &held);
        }
        freeze(l);
    }
    uint32_t kept = weir_append(l->rt, input, 0, weir_transform_records(w->transform),
                                (weir_reject_sink){see_reject, w});
    pthread_mutex_unlock(&l->turn);
    pthread_mutex_lock(&l->lock);
    l->counts.kept += kept;
    l->counts.unparseable += w->unparseable;
    l->counts.thrown_away += w->thrown_away;
    l->with_error += w->with_error;
    uint64_t bad = l->counts.unparseable + l->with_error;
    pthread_mutex_unlock(&l->lock);
    w->unparseable = w->thrown_away = w->with_error = 0;
    if (bad > (uint64_t)l->spec->max_parse_exceptions) {
        weir_error err;
        weir_fail(&err, WEIR_ERR_BAD_REQUEST,
                  "Max parse exceptions[%lld] exceeded (tuningConfig.maxParseExceptions)",
                  (long long)l->spec->max_parse_exceptions);
        fail_load(l, &err);
    }
}

static void flush_batch(worker *w)
{
    weir_input input;
    weir_error err;
    weir_time_window window = {INT64_MIN, INT64_MAX};
    if (weir_transform_run(w->transform, &w->events, window, (weir_reject_sink){see_reject, w},
                           &input, &err)) {
        append_batch(w, &input);
    } else {
        fail_load(w->l, &err);
    }
    weir_events_reset(&w->events);
    w->line_count = 0;
}

/* Lines without events are forgotten: their number is the next one's. */
static bool decode(worker *w, weir_str line, bool *full, weir_error *err)
{
    uint32_t before = w->events.n;
    w->lines[w->line_count] = line;
    bool ok = w->decoder->ops->decode(w->decoder, line, true, w->line_count, &w->events, full, err);
    if (!ok && !*full) {
        see_reject(w, WEIR_REJECT_UNPARSEABLE, w->line_count, err->message);
    }
    w->line_count += w->events.n > before && w->line_count + 1 < WEIR_EVENTS_MAX;
    return ok;
}

static void decode_line(worker *w, weir_str line)
{
    weir_error err;
    bool full = false;
    if (weir_str_trim(line).size == 0) {
        return;
    }
    decode(w, line, &full, &err);
    if (full) {
        flush_batch(w);
        full = false;
        decode(w, line, &full, &err);
    }
}

static void decode_block(worker *w, const weir_line_block *block)
{
    const char *at = block->bytes, *end = block->bytes + block->size;
    while (at < end && !w->l->failed) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        decode_line(w, (weir_str){at, (size_t)(stop - at)});
        at = stop + 1;
    }
    flush_batch(w); /* its cells point into the block */
    pthread_mutex_lock(&w->l->lock);
    w->l->counts.bytes += block->size;
    pthread_mutex_unlock(&w->l->lock);
}

static void *run_worker(void *self)
{
    load *l = self;
    weir_error err;
    weir_line_block *block;
    worker w = {.l = l, .fields = weir_spec_fields(l->spec)};
    w.decoder = weir_decoder_json_new(w.fields);
    w.transform = weir_transform_new(l->spec, w.fields, &err);
    weir_events_init(&w.events);
    if (!w.transform) {
        fail_load(l, &err);
    }
    while (w.transform && (block = weir_lines_next(l->lines))) {
        decode_block(&w, block);
        free(block);
    }
    weir_events_done(&w.events);
    weir_transform_free(w.transform);
    weir_decoder_free(w.decoder);
    weir_fields_free(w.fields);
    pthread_mutex_lock(&l->lock);
    if (--l->running == 0) {
        pthread_cond_signal(&l->ended);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void report(load *l, uint64_t total)
{
    pthread_mutex_lock(&l->lock);
    uint64_t rows = l->counts.kept;
    pthread_mutex_unlock(&l->lock);
    if (l->options->progress) {
        l->options->progress(l->options->self, weir_lines_consumed(l->lines), total, rows);
    }
}

/* Waits a little, or until the last worker ends; false: it has. */
static bool wait_running(load *l)
{
    struct timespec until = weir_deadline(CLOCK_REALTIME, 100);
    pthread_mutex_lock(&l->lock);
    int code = 0;
    while (l->running > 0 && code == 0) {
        code = pthread_cond_timedwait(&l->ended, &l->lock, &until);
    }
    bool running = l->running > 0;
    pthread_mutex_unlock(&l->lock);
    return running;
}

/* Whether somebody wants it to end. */
static void look_around(load *l)
{
    weir_error err;
    if (l->options->cancelled && *l->options->cancelled) {
        weir_fail(&err, WEIR_ERR_CANCELLED, "the load was cancelled: nothing was changed");
        fail_load(l, &err);
    } else if (l->lost) {
        weir_load_commit_why(l->commit, &err);
        fail_load(l, &err);
    }
}

/* Reads all files; false: it failed, nothing counts. */
static bool read_all(load *l, const weir_load_files *files, weir_error *err)
{
    pthread_t threads[64];
    l->lines = weir_lines_new(files->paths, files->count, l->spec->inline_data);
    l->running = l->worker_count;
    for (uint32_t i = 0; i < l->worker_count; i++) {
        pthread_create(&threads[i], NULL, run_worker, l);
    }
    while (wait_running(l)) {
        report(l, files->total_bytes);
        look_around(l);
    }
    for (uint32_t i = 0; i < l->worker_count; i++) {
        pthread_join(threads[i], NULL);
    }
    bool ok = !l->failed && weir_lines_ok(l->lines, err);
    if (ok && weir_realtime_events(l->rt) > 0) {
        freeze(l);
    }
    if (l->failed) {
        *err = l->err;
    }
    weir_lines_free(l->lines);
    return ok && !l->failed;
}

/* Commit. */

static void finish_uploads(load *l, bool landed)
{
    for (uint32_t i = 0; i < l->upload_count; i++) {
        if (landed) {
            weir_upload_adopt(l->table, &l->uploads[i]);
        } else {
            weir_upload_drop(&l->uploads[i]);
        }
    }
}

static bool run_load(load *l, weir_load_result *out, weir_error *err)
{
    weir_load_files files;
    bool done = false;
    l->table = weir_catalog_table_create(l->options->catalog, l->spec->schema->table, err);
    if (!l->table || !weir_load_files_find(l->options, l->spec, l->arena, &files, err)) {
        return false;
    }
    l->commit = weir_load_commit_begin(l->options, l->spec, l->table, &l->lost, &done, err);
    if (!l->commit) {
        out->already_done = done;
        return done;
    }
    bool ok = read_all(l, &files, err) &&
              weir_load_commit_end(l->commit, l->uploads, l->upload_count, out, err);
    weir_load_commit_free(l->commit, ok);
    finish_uploads(l, ok && !out->already_done);
    return ok;
}

bool weir_load_run(const weir_load_options *options, weir_load_result *out, weir_error *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    load l = {.options = options, .budget = {.name = "load"}};
    *out = (weir_load_result){0};
    l.spec = weir_spec_parse(options->spec_json, false, true, err);
    if (!l.spec) {
        return false;
    }
    l.memory_bytes = options->memory_bytes ? options->memory_bytes : weir_machine_bytes() / 2;
    cores = options->thread_count > 0 ? (long)options->thread_count : cores;
    l.worker_count = cores < 1 ? 1 : cores > 64 ? 64 : (uint32_t)cores;
    pthread_mutex_init(&l.turn, NULL);
    pthread_mutex_init(&l.lock, NULL);
    pthread_cond_init(&l.ended, NULL);
    l.arena = weir_arena_new();
    l.rt = weir_realtime_new(l.spec->schema, &l.budget);
    bool ok = run_load(&l, out, err);
    out->counts = l.counts;
    out->with_error = l.with_error;
    out->segments = l.upload_count;
    for (uint32_t i = 0; i < l.upload_count; i++) {
        out->bytes += l.uploads[i].info.bytes;
    }
    if (l.table) {
        weir_log_state *state = weir_table_state(l.table);
        out->version = weir_log_version(state);
        weir_log_state_unref(state);
    }
    weir_realtime_unref(l.rt);
    weir_arena_free(l.arena);
    weir_spec_unref(l.spec);
    free(l.uploads);
    pthread_cond_destroy(&l.ended);
    pthread_mutex_destroy(&l.lock);
    pthread_mutex_destroy(&l.turn);
    return ok;
}
