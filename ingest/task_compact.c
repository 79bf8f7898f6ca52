/* ingest/task_compact.c - Druid's compact: one interval now, whatever the duty would do later. The
 * members that say how rows shall look are those of the auto-compaction config. */
#include "ingest/compaction_config.h"
#include "ingest/tasks.h"
#include "weir/compaction.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdlib.h>

typedef struct work {
    weir_interval within;
    weir_compaction_config config;
    weir_compact_result result; /* guarded by the tasks' lock */
} work;

/* ioConfig.inputSpec, or Druid's older member `interval`. */
static bool read_interval(const weir_members *top, work *w, weir_error *err)
{
    weir_members io, input;
    const json_t *io_json, *input_json;
    weir_str type = WEIR_STR("interval"), text = {0};
    if (!weir_member_object(top, "ioConfig", &io_json, err) ||
        !weir_members_of(io_json, "ioConfig", &io, err) ||
        !weir_member_object(&io, "inputSpec", &input_json, err) ||
        !weir_members_of(input_json, "ioConfig.inputSpec", &input, err) ||
        !weir_member_text(&input, "type", &type, err) ||
        !weir_member_text(&input, "interval", &text, err) ||
        (text.size == 0 && !weir_member_text(top, "interval", &text, err))) {
        return false;
    }
    if (!weir_str_is(type, "interval") || weir_member_any(top, "segments")) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "ioConfig.inputSpec.type '%.*s' is not supported: name an interval",
                         WEIR_STR_ARG(type));
    }
    if (text.size == 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "ioConfig.inputSpec.interval is missing");
    }
    return weir_interval_parse(text, &w->within, err) ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST,
                     "ioConfig.inputSpec.interval is not an interval: '%.*s'", WEIR_STR_ARG(text));
}

static void move(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value && !json_is_null(value)) {
        json_object_set(to, name, value);
    }
}

/* The task's members as an auto-compaction config has them. */
static json_t *config_of(const json_t *json)
{
    static const char *const same[] = {"dataSource",  "granularitySpec", "dimensionsSpec",
                                       "metricsSpec", "transformSpec",   NULL};
    json_t *config = json_object(), *tuning = json_object_get(json, "tuningConfig"),
           *granularity = json_object_get(json, "segmentGranularity");
    for (int i = 0; same[i]; i++) {
        move(config, json, same[i]);
    }
    if (json_is_object(tuning)) {
        json_t *rest = json_copy(tuning);
        move(config, tuning, "maxRowsPerSegment");
        json_object_del(rest, "maxRowsPerSegment");
        json_object_set_new(config, "tuningConfig", rest);
    }
    if (granularity && !json_object_get(config, "granularitySpec")) { /* Druid's older member */
        json_object_set_new(config, "granularitySpec",
                            json_pack("{sO}", "segmentGranularity", granularity));
    }
    return config;
}

static bool read_compact(weir_task *task, const json_t *json, weir_error *err)
{
    weir_members top = {json, ""};
    work *w = WEIR_ARENA_NEW(task->arena, work);
    task->work = w;
    json_t *config = config_of(json);
    char *text = json_dumps(config, JSON_COMPACT);
    json_decref(config);
    bool ok = read_interval(&top, w, err) &&
              weir_compaction_config_read(weir_str_of(text), task->arena, &w->config, NULL, err);
    task->table = w->config.table;
    free(text);
    return ok;
}

static bool has_segments(weir_table *table, const weir_interval *within)
{
    weir_log_state *state = weir_table_state(table);
    size_t count;
    const weir_segment_state *const *segments = weir_log_segments(state, &count);
    bool has = false;
    for (size_t i = 0; i < count && !has; i++) {
        has = segments[i]->added.from_ms < within->end_ms &&
              within->start_ms < segments[i]->added.to_ms;
    }
    weir_log_state_unref(state);
    return has;
}

static bool is_cancelled(void *self)
{
    return ((weir_task *)self)->cancelled;
}

static bool compact(weir_task *task, weir_table *table, weir_compact_result *out, weir_error *err)
{
    const work *w = task->work;
    const weir_compaction_config *c = &w->config;
    const weir_tasks_options *o = &task->tasks->options;
    weir_compact_request request = {
        .catalog = o->catalog,
        .table = table,
        .clock = o->clock,
        .work_path = o->work_path,
        .memory_bytes = o->memory_bytes / o->lanes,
        .within = w->within,
        .segment_granularity = c->has_segment_granularity ? &c->segment_granularity : NULL,
        .query_granularity = c->has_query_granularity ? &c->query_granularity : NULL,
        .rollup = c->rollup,
        .max_rows = c->target_rows < UINT32_MAX ? (uint32_t)c->target_rows : UINT32_MAX,
        .given_up = is_cancelled,
        .self = task};
    bool ok = weir_compact_interval(&request, out, err);
    return task->cancelled ? weir_fail(err, WEIR_ERR_CANCELLED, "cancelled") : ok;
}

static bool run_compact(weir_task *task, weir_error *err)
{
    work *w = task->work;
    weir_table *table = weir_catalog_table(task->tasks->options.catalog, task->table);
    weir_compact_result result = {0};
    if (!table || !weir_table_refresh(table, err) || !has_segments(table, &w->within)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "Can't find segments of '%.*s' in the interval, nothing to do.",
                         WEIR_STR_ARG(task->table));
    }
    bool ok = compact(task, table, &result, err);
    pthread_mutex_lock(&task->tasks->lock);
    w->result = result;
    pthread_mutex_unlock(&task->tasks->lock);
    weir_task_note(task, "%u segments merged to %u: %llu rows to %llu", result.segments_in,
                   result.segments_out, (unsigned long long)result.rows_in,
                   (unsigned long long)result.rows_out);
    return ok;
}

static void report_compact(weir_task *task, weir_json *out)
{
    const work *w = task->work;
    weir_task_report_begin(task, out);
    weir_json_key(out, WEIR_STR("unparseableEvents"));
    weir_json_begin_object(out);
    weir_json_end_object(out);
    weir_json_key(out, WEIR_STR("rowStats"));
    weir_json_begin_object(out);
    weir_task_report_counts(out, "buildSegments", &(weir_counts){.kept = w->result.rows_in}, 0);
    weir_json_end_object(out);
    weir_task_report_outcome(task, task->state != WEIR_TASK_FAILED, out);
    weir_json_member_long(out, "segmentsRead", w->result.segments_in);
    weir_json_member_long(out, "segmentsPublished", w->result.segments_out);
    weir_task_report_end(out);
}

const weir_task_type weir_task_compact = {
    .name = "compact", .read = read_compact, .run = run_compact, .report = report_compact};
