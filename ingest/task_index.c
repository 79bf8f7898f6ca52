/* ingest/task_index.c - index_parallel and index: `weir load` inside the server, over the spec's
 * inline text or files of the folder that the server lets tasks read. */
#include "ingest/rejects.h"
#include "ingest/spec.h"
#include "ingest/tasks.h"
#include "weir/log.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVED_MAX 20 /* bad rows kept of a task, whatever it asks for */

typedef struct work {
    int64_t saved;         /* bad rows that the report shows */
    weir_rejects *rejects; /* while it runs */
    _Atomic uint64_t rows; /* until now */
    /* Guarded by the tasks' lock. */
    bool ended;
    weir_buf unparseable; /* JSON; once it has ended */
    weir_load_result result;
} work;

static bool check_source(const weir_task *task, const weir_spec *spec, weir_error *err)
{
    const char *folder = task->tasks->options.input_path;
    if (spec->has_inline_data) {
        return true;
    }
    if (spec->other_source.size > 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "Could not resolve type id '%.*s' as a subtype of "
                         "`org.apache.druid.data.input.InputSource`: known type ids = [inline, "
                         "local] (ioConfig.inputSource)",
                         WEIR_STR_ARG(spec->other_source));
    }
    if (spec->base_dir.size == 0 && spec->file_count == 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "ioConfig.inputSource is missing");
    }
    return (folder && folder[0]) ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST,
                     "ioConfig.inputSource.type local is not permitted: the server's setting "
                     "task_input_path names no folder");
}

static bool is_one_of(const char *text, const char *const *names)
{
    while (*names && strcmp(text, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

/* `path` of the spec, where it is given, is one of `names`. */
static bool check_type(const json_t *spec, const char *object, const char *inner,
                       const char *const *names, weir_error *err)
{
    const json_t *of = json_object_get(spec, object);
    of = inner ? json_object_get(of, inner) : of;
    const char *type = json_string_value(json_object_get(of, "type"));
    return !type || is_one_of(type, names) ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s%s%s.type cannot be '%s'", object,
                     inner ? "." : "", inner ? inner : "", type);
}

/* What only a supervisor has, or nobody. */
static bool check_types(const json_t *json, weir_error *err)
{
    static const char *const tasks[] = {"index_parallel", "index", NULL};
    static const char *const partitions[] = {"dynamic", "hashed", "single_dim", "range", NULL};
    const json_t *given = json_object_get(json, "spec"),
                 *spec = json_is_object(given) ? given : json;
    return check_type(spec, "ioConfig", NULL, tasks, err) &&
           check_type(spec, "tuningConfig", NULL, tasks, err) &&
           check_type(spec, "tuningConfig", "partitionsSpec", partitions, err);
}

static bool read_index(weir_task *task, const json_t *json, weir_error *err)
{
    if (!check_types(json, err)) {
        return false;
    }
    char *text = json_dumps(json, JSON_COMPACT);
    weir_spec *spec = weir_spec_parse(weir_str_of(text), false, false, err);
    free(text);
    if (!spec || !check_source(task, spec, err)) {
        weir_spec_unref(spec);
        return false;
    }
    work *w = weir_calloc(1, sizeof(*w));
    w->saved =
        spec->max_saved_parse_exceptions < SAVED_MAX ? spec->max_saved_parse_exceptions : SAVED_MAX;
    task->work = w;
    task->table = weir_arena_str(task->arena, spec->schema->table);
    weir_spec_unref(spec);
    return true;
}

static void done_index(weir_task *task)
{
    work *w = task->work;
    if (w) {
        weir_rejects_free(w->rejects);
        weir_buf_done(&w->unparseable);
        free(w);
    }
}

static void see_progress(void *self, uint64_t bytes, uint64_t bytes_total, uint64_t rows)
{
    (void)bytes, (void)bytes_total;
    weir_task *task = self;
    atomic_store(&((work *)task->work)->rows, rows);
}

static bool is_cancelled(void *self)
{
    return ((weir_task *)self)->cancelled;
}

static bool flush(void *self, weir_str table, weir_error *err)
{
    weir_task *task = self;
    weir_ingest *ingest = task->tasks->options.ingest;
    weir_task_note(task, "handing off live rows, then replacing what is committed");
    return !ingest || weir_ingest_flush(ingest, table, is_cancelled, task, err);
}

static bool run_index(weir_task *task, weir_error *err)
{
    work *w = task->work;
    weir_tasks *tasks = task->tasks;
    const weir_tasks_options *o = &tasks->options;
    weir_load_result result;
    weir_rejects *rejects = w->saved > 0 ? weir_rejects_new(o->clock) : NULL;
    uint32_t lanes = o->lanes;
    pthread_mutex_lock(&tasks->lock);
    w->rejects = rejects;
    pthread_mutex_unlock(&tasks->lock);
    weir_load_options options = {.catalog = o->catalog,
                                 .clock = o->clock,
                                 .spec_json = task->payload, /* stays while it runs */
                                 .work_path = o->work_path,
                                 .input_path = o->input_path,
                                 .label = task->id,
                                 .memory_bytes = o->memory_bytes / lanes,
                                 .thread_count = 1, /* the stream and queries come first */
                                 .node = tasks->node,
                                 .process = tasks->process,
                                 .wait_for_claims = true,
                                 .cancelled = &task->cancelled,
                                 .flush = flush,
                                 .progress = see_progress,
                                 .self = task,
                                 .rejects = rejects};
    bool ok = weir_load_run(&options, &result, err);
    pthread_mutex_lock(&tasks->lock);
    w->result = result;
    w->ended = true;
    if (rejects) {
        weir_rejects_print_saved(rejects, w->saved, &(weir_json){.out = &w->unparseable});
    }
    w->rejects = NULL;
    pthread_mutex_unlock(&tasks->lock);
    weir_rejects_free(rejects);
    if (ok && result.already_done) {
        weir_task_note(task, "a task with this id is committed already");
    } else if (ok) {
        weir_task_note(
            task,
            "committed as version %llu: %llu rows in %llu segments, rows of %llu segments replaced",
            (unsigned long long)result.version, (unsigned long long)result.counts.kept,
            (unsigned long long)result.segments, (unsigned long long)result.replaced);
    }
    return ok;
}

static void put_row_stats(const weir_task *task, weir_json *out)
{
    const work *w = task->work;
    weir_counts none = {0}, now = {.kept = w->rows};
    weir_json_key(out, WEIR_STR("rowStats"));
    weir_json_begin_object(out);
    if (w->ended) {
        weir_task_report_counts(out, "determinePartitions", &none, 0);
        weir_task_report_counts(out, "buildSegments", &w->result.counts, w->result.with_error);
    } else {
        weir_json_key(out, WEIR_STR("movingAverages"));
        weir_json_begin_object(out);
        weir_json_end_object(out);
        weir_json_key(out, WEIR_STR("totals"));
        weir_json_begin_object(out);
        weir_task_report_counts(out, "buildSegments", &now, 0);
        weir_json_end_object(out);
    }
    weir_json_end_object(out);
}

static void put_unparseable(const work *w, weir_json *out)
{
    weir_json_key(out, WEIR_STR("unparseableEvents"));
    weir_json_begin_object(out);
    if (w->rejects || w->unparseable.size > 0) {
        weir_json_key(out, WEIR_STR("buildSegments"));
    }
    if (w->rejects) {
        weir_rejects_print_saved(w->rejects, w->saved, out);
    } else if (w->unparseable.size > 0) {
        weir_json_raw(out, weir_buf_view(&w->unparseable));
    }
    weir_json_end_object(out);
}

static void report_index(weir_task *task, weir_json *out)
{
    const work *w = task->work;
    bool there = task->state == WEIR_TASK_SUCCESS; /* a commit is visible at once */
    weir_task_report_begin(task, out);
    put_unparseable(w, out);
    put_row_stats(task, out);
    weir_task_report_outcome(task, there, out);
    if (there) {
        weir_json_member_long(out, "segmentsPublished", (int64_t)w->result.segments);
    }
    weir_task_report_end(out);
}

#define TYPE(text)                                                                                 \
    {                                                                                              \
        .name = text, .read = read_index, .run = run_index, .report = report_index,                \
        .done = done_index                                                                         \
    }
const weir_task_type weir_task_index_parallel = TYPE("index_parallel");
const weir_task_type weir_task_index = TYPE("index");
