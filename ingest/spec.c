/* ingest/spec.c - see ingest/spec.h. Every member of Druid 33's Kafka supervisor spec and
 * index_parallel task is known by name here; those that have no meaning in one process (replicas,
 * taskDuration's roll-over, persists) are checked where they have a type, then left alone. */
#include "ingest/spec.h"
#include "ingest/filtered.h"
#include "ingest/source.h"
#include "weir/log.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct parse {
    weir_spec *spec;
    weir_arena *arena;
    weir_error *err;
    bool any;
} parse;

weir_spec *weir_spec_ref(weir_spec *spec)
{
    atomic_fetch_add_explicit(&spec->refs, 1, memory_order_relaxed);
    return spec;
}

void weir_spec_unref(weir_spec *spec)
{
    if (spec && atomic_fetch_sub_explicit(&spec->refs, 1, memory_order_acq_rel) == 1) {
        weir_schema_unref(spec->schema);
        weir_arena_free(spec->arena);
    }
}

static void free_json(void *json)
{
    json_decref(json);
}

static void warn_unknown(void *self, const char *member)
{
    (void)self;
    weir_log(WEIR_WARN, "ingest", "spec: member %s is not known and has no effect", member);
}

static void check_known(const weir_members *m, const char *const *known)
{
    weir_members_unknown(m, known, warn_unknown, NULL);
}

static weir_str keep(parse *p, weir_str s)
{
    return weir_arena_str(p->arena, s);
}

/* An ISO period as ms. *given: it was there. */
static bool member_period(parse *p, const weir_members *m, const char *name, bool *given,
                          int64_t *out_ms)
{
    weir_str text = {0};
    weir_period period;
    if (!weir_member_text(m, name, &text, p->err)) {
        return false;
    }
    *given = text.size > 0;
    if (*given && !weir_period_parse(text, &period)) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s is not an ISO 8601 period: '%.*s'",
                         weir_member_path(m, name), WEIR_STR_ARG(text));
    }
    if (*given) {
        *out_ms = weir_period_add(&period, weir_zone_find(WEIR_STR("UTC")), 0, 1);
    }
    if (*given && *out_ms < 0) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s must not be negative",
                         weir_member_path(m, name));
    }
    return true;
}

static bool member_time(parse *p, const weir_members *m, const char *name, bool *given,
                        int64_t *out_ms)
{
    weir_str text = {0};
    if (!weir_member_text(m, name, &text, p->err)) {
        return false;
    }
    *given = text.size > 0;
    if (*given && !weir_time_parse_iso(text, out_ms)) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s is not an ISO 8601 time: '%.*s'",
                         weir_member_path(m, name), WEIR_STR_ARG(text));
    }
    return true;
}

/* dataSchema beyond weir_schema: how the time is read, and a task's intervals. */

static bool read_timestamp_spec(parse *p, const json_t *data_schema)
{
    weir_spec *spec = p->spec;
    weir_members m;
    weir_str column = WEIR_STR("timestamp"), format = WEIR_STR("auto");
    if (!weir_members_of(json_object_get(data_schema, "timestampSpec"), "dataSchema.timestampSpec",
                         &m, p->err) ||
        !weir_member_text(&m, "column", &column, p->err) ||
        !weir_member_text(&m, "format", &format, p->err) ||
        !member_time(p, &m, "missingValue", &spec->has_missing_time, &spec->missing_time_ms)) {
        return false;
    }
    spec->time_column = keep(p, column);
    spec->time_format_name = keep(p, format);
    spec->time_format = weir_time_format_new(p->arena, spec->time_format_name, p->err);
    if (!spec->time_format) {
        p->err->code = WEIR_ERR_BAD_REQUEST;
        return weir_fail_in(p->err, "%s", weir_member_path(&m, "format"));
    }
    return true;
}

static int by_start(const void *a, const void *b)
{
    const weir_interval *x = a, *y = b;
    return (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

/* Druid works on whole buckets of segmentGranularity. Ascending and disjoint; returns how many. */
static uint32_t round_intervals(const weir_granularity *gran, weir_interval *intervals,
                                uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && gran->kind != WEIR_GRAN_ALL; i++) {
        int64_t end = weir_granularity_floor(gran, intervals[i].end_ms);
        intervals[i].start_ms = weir_granularity_floor(gran, intervals[i].start_ms);
        intervals[i].end_ms = end == intervals[i].end_ms ? end : weir_granularity_next(gran, end);
    }
    qsort(intervals, count, sizeof(*intervals), by_start);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && intervals[i].start_ms <= intervals[kept - 1].end_ms) {
            if (intervals[i].end_ms > intervals[kept - 1].end_ms) {
                intervals[kept - 1].end_ms = intervals[i].end_ms;
            }
        } else if (intervals[i].start_ms < intervals[i].end_ms) {
            intervals[kept++] = intervals[i];
        }
    }
    return count > 0 && kept == 0 ? 1 : kept; /* an empty one: no row is welcome */
}

static bool read_intervals(parse *p, const json_t *data_schema)
{
    weir_members m;
    const json_t *list;
    if (!weir_members_of(json_object_get(data_schema, "granularitySpec"),
                         "dataSchema.granularitySpec", &m, p->err) ||
        !weir_member_array(&m, "intervals", &list, p->err)) {
        return false;
    }
    uint32_t count = (uint32_t)json_array_size(list);
    weir_interval *intervals = WEIR_ARENA_ARRAY(p->arena, weir_interval, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || !weir_interval_parse(weir_str_of(text), &intervals[i], p->err)) {
            return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                             "dataSchema.granularitySpec.intervals[%u] is not an interval", i);
        }
    }
    p->spec->intervals = intervals;
    p->spec->interval_count =
        round_intervals(&p->spec->schema->segment_granularity, intervals, count);
    return true;
}

static bool read_data_schema(parse *p, const json_t *data_schema)
{
    p->spec->schema = weir_schema_parse(data_schema, warn_unknown, NULL, p->err);
    return p->spec->schema && weir_filtered_check(p->spec->schema, p->err) &&
           read_timestamp_spec(p, data_schema) && read_intervals(p, data_schema) &&
           weir_transform_spec_parse(json_object_get(data_schema, "transformSpec"), p->arena,
                                     &p->spec->transforms, p->err);
}

/* inputFormat. */

static bool read_input_format(parse *p, const weir_members *io)
{
    static const char *const known[] = {"type",
                                        "flattenSpec",
                                        "featureSpec",
                                        "keepNullColumns",
                                        "assumeNewlineDelimited",
                                        "useJsonNodeReader",
                                        NULL};
    const json_t *json;
    char path[60];
    snprintf(path, sizeof(path), "%s", weir_member_path(io, "inputFormat"));
    weir_members m;
    weir_str type = WEIR_STR("json");
    if (!weir_member_object(io, "inputFormat", &json, p->err) ||
        !weir_members_of(json, path, &m, p->err)) {
        return false;
    }
    if (!json && !p->any) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s is missing", path);
    }
    if (!weir_member_text(&m, "type", &type, p->err)) {
        return false;
    }
    if (!weir_str_is(type, "json")) {
        return weir_fail(p->err, WEIR_ERR_UNSUPPORTED,
                         "%s.type '%.*s' is not supported yet, only json", path,
                         WEIR_STR_ARG(type));
    }
    check_known(&m, known);
    char flatten_path[80];
    snprintf(flatten_path, sizeof(flatten_path), "%s.flattenSpec", path);
    return weir_flatten_parse(weir_member_any(&m, "flattenSpec"), flatten_path, p->arena,
                              &p->spec->flatten, p->err);
}

/* ioConfig of a supervisor. */

static bool read_rejection(parse *p, const weir_members *io)
{
    weir_spec *spec = p->spec;
    if (!member_period(p, io, "lateMessageRejectionPeriod", &spec->has_late_period,
                       &spec->late_period_ms) ||
        !member_time(p, io, "lateMessageRejectionStartDateTime", &spec->has_late_start,
                     &spec->late_start_ms) ||
        !member_period(p, io, "earlyMessageRejectionPeriod", &spec->has_early_period,
                       &spec->early_period_ms)) {
        return false;
    }
    if (spec->has_late_period && spec->has_late_start) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "ioConfig: give lateMessageRejectionPeriod or "
                         "lateMessageRejectionStartDateTime, not both");
    }
    return true;
}

/* One topic by its name, or those that match a pattern. */
static bool read_topic(parse *p, const weir_members *io)
{
    weir_str topic = {0}, pattern = {0};
    if (!weir_member_text(io, "topic", &topic, p->err) ||
        !weir_member_text(io, "topicPattern", &pattern, p->err) ||
        (topic.size == 0 && !weir_member_text(io, "stream", &topic, p->err))) {
        return false;
    }
    if (topic.size > 0 && pattern.size > 0) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "only one of ioConfig.topic and ioConfig.topicPattern can be given");
    }
    if (topic.size == 0 && pattern.size == 0) {
        return weir_fail(
            p->err, WEIR_ERR_BAD_REQUEST,
            "ioConfig.topic must be the name of a topic, or ioConfig.topicPattern match "
            "those of many");
    }
    if (topic.size > 249) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "ioConfig.topic must be the name of a topic");
    }
    if (pattern.size > 0 && !weir_kafka_check_pattern(pattern, p->err)) {
        return false;
    }
    p->spec->topic = keep(p, pattern.size > 0 ? pattern : topic);
    p->spec->topic_is_pattern = pattern.size > 0;
    return true;
}

static bool read_kafka_io(parse *p, const weir_members *io)
{
    static const char *const known[] = {"type",
                                        "topic",
                                        "topicPattern",
                                        "inputFormat",
                                        "consumerProperties",
                                        "replicas",
                                        "taskCount",
                                        "taskDuration",
                                        "startDelay",
                                        "period",
                                        "useEarliestOffset",
                                        "completionTimeout",
                                        "lateMessageRejectionPeriod",
                                        "lateMessageRejectionStartDateTime",
                                        "earlyMessageRejectionPeriod",
                                        "autoScalerConfig",
                                        "pollTimeout",
                                        "configOverrides",
                                        "idleConfig",
                                        "stopTaskCount",
                                        "stopTaskCountRatio",
                                        "emitTimeLagMetrics",
                                        "serverPriorityToReplicas",
                                        "useListBasedInputReader",
                                        "stream",
                                        NULL};
    weir_spec *spec = p->spec;
    const json_t *properties;
    int64_t replicas = 1, unused_ms = 0, poll_ms = 0;
    bool given;
    check_known(io, known);
    spec->task_count = 1;
    spec->task_duration_ms = 3600 * 1000;
    if (!read_topic(p, io)) {
        return false;
    }
    if (!weir_member_object(io, "consumerProperties", &properties, p->err) ||
        !weir_member_long(io, "replicas", 1, 1000, &replicas, p->err) ||
        !weir_member_long(io, "taskCount", 1, 1000, &spec->task_count, p->err) ||
        !weir_member_long(io, "pollTimeout", 0, INT32_MAX, &poll_ms, p->err) ||
        !member_period(p, io, "taskDuration", &given, &spec->task_duration_ms) ||
        !member_period(p, io, "startDelay", &given, &unused_ms) ||
        !member_period(p, io, "period", &given, &unused_ms) ||
        !member_period(p, io, "completionTimeout", &given, &unused_ms) ||
        !weir_member_bool(io, "useEarliestOffset", &spec->use_earliest, p->err) ||
        !read_rejection(p, io)) {
        return false;
    }
    if (!properties || !json_object_get(properties, "bootstrap.servers")) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "ioConfig.consumerProperties must be an object with bootstrap.servers");
    }
    spec->consumer_properties = properties;
    return true;
}

/* ioConfig of a task. */

static bool read_files(parse *p, const weir_members *source)
{
    const json_t *list;
    if (!weir_member_array(source, "files", &list, p->err)) {
        return false;
    }
    uint32_t count = (uint32_t)json_array_size(list);
    weir_str *files = WEIR_ARENA_ARRAY(p->arena, weir_str, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text) {
            return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s must be a list of strings",
                             weir_member_path(source, "files"));
        }
        files[i] = keep(p, weir_str_of(text));
    }
    p->spec->files = files;
    p->spec->file_count = count;
    return true;
}

static bool read_input_source(parse *p, const weir_members *io)
{
    weir_members m;
    weir_str type = {0}, base_dir = {0}, filter = {0}, data = {0};
    const json_t *json;
    if (!weir_member_object(io, "inputSource", &json, p->err) ||
        !weir_members_of(json, "ioConfig.inputSource", &m, p->err) ||
        !weir_member_text(&m, "type", &type, p->err)) {
        return false;
    }
    if (weir_str_is(type, "local")) {
        if (!weir_member_text(&m, "baseDir", &base_dir, p->err) ||
            !weir_member_text(&m, "filter", &filter, p->err) || !read_files(p, &m)) {
            return false;
        }
        p->spec->base_dir = keep(p, base_dir);
        p->spec->filter = keep(p, filter.size ? filter : WEIR_STR("*"));
    } else if (weir_str_is(type, "inline")) {
        p->spec->has_inline_data = true;
        if (!weir_member_text(&m, "data", &data, p->err)) {
            return false;
        }
        p->spec->inline_data = keep(p, data);
    } else if (type.size > 0) { /* no error yet: the files may be named on the command line */
        p->spec->other_source = keep(p, type);
        weir_log(WEIR_WARN, "ingest",
                 "spec: ioConfig.inputSource.type '%.*s' is not supported, only local and inline",
                 WEIR_STR_ARG(type));
    }
    return true;
}

static bool read_task_io(parse *p, const weir_members *io)
{
    static const char *const known[] = {
        "type", "inputSource", "inputFormat", "appendToExisting", "dropExisting", "firehose", NULL};
    check_known(io, known);
    weir_spec *spec = p->spec;
    spec->append_to_existing = false;
    if (!weir_member_bool(io, "appendToExisting", &spec->append_to_existing, p->err) ||
        !weir_member_bool(io, "dropExisting", &spec->drop_existing, p->err)) {
        return false;
    }
    if (spec->drop_existing && spec->append_to_existing) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "Cannot both drop existing segments and append to existing segments. "
                         "Either dropExisting or appendToExisting should be set to false");
    }
    if (spec->drop_existing && spec->interval_count == 0) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "GranularitySpec's intervals cannot be empty when setting dropExisting "
                         "to true.");
    }
    return read_input_source(p, io);
}

/* tuningConfig, of both. */

/* Rows are dealt by time alone; of how Druid deals them further only the size of a segment is left.
 */
static bool read_partitions(parse *p, const weir_members *tuning)
{
    const json_t *json;
    weir_members m;
    char path[60];
    snprintf(path, sizeof(path), "%s", weir_member_path(tuning, "partitionsSpec"));
    return weir_member_object(tuning, "partitionsSpec", &json, p->err) &&
           weir_members_of(json, path, &m, p->err) &&
           weir_member_long(&m, "maxRowsPerSegment", INT64_MIN, INT32_MAX,
                            &p->spec->max_rows_per_segment, p->err) &&
           weir_member_long(&m, "targetRowsPerSegment", INT64_MIN, INT32_MAX,
                            &p->spec->max_rows_per_segment, p->err);
}

static bool read_tuning(parse *p, const json_t *json)
{
    static const char *const known[] = {"type",
                                        "maxRowsInMemory",
                                        "maxBytesInMemory",
                                        "skipBytesInMemoryOverheadCheck",
                                        "maxRowsPerSegment",
                                        "maxTotalRows",
                                        "intermediatePersistPeriod",
                                        "maxPendingPersists",
                                        "indexSpec",
                                        "indexSpecForIntermediatePersists",
                                        "reportParseExceptions",
                                        "handoffConditionTimeout",
                                        "resetOffsetAutomatically",
                                        "segmentWriteOutMediumFactory",
                                        "workerThreads",
                                        "chatThreads",
                                        "chatRetries",
                                        "httpTimeout",
                                        "shutdownTimeout",
                                        "offsetFetchPeriod",
                                        "intermediateHandoffPeriod",
                                        "logParseExceptions",
                                        "maxParseExceptions",
                                        "maxSavedParseExceptions",
                                        "numPersistThreads",
                                        "skipSequenceNumberAvailabilityCheck",
                                        "repartitionTransitionDuration",
                                        "appendableIndexSpec",
                                        "maxColumnsToMerge",
                                        "releaseLocksOnHandoff",
                                        "basePersistDirectory", /* index_parallel's */
                                        "numShards",
                                        "splitHintSpec",
                                        "partitionsSpec",
                                        "forceGuaranteedRollup",
                                        "pushTimeout",
                                        "maxNumConcurrentSubTasks",
                                        "maxRetry",
                                        "taskStatusCheckPeriodMs",
                                        "totalNumMergeTasks",
                                        "maxNumSegmentsToMerge",
                                        "maxNumSubTasks",
                                        "maxAllowedLockCount",
                                        "awaitSegmentAvailabilityTimeoutMillis",
                                        NULL};
    weir_spec *spec = p->spec;
    weir_members m;
    bool report = false, given;
    spec->max_parse_exceptions = INT64_MAX;
    if (!weir_members_of(json, "tuningConfig", &m, p->err)) {
        return false;
    }
    check_known(&m, known);
    if (!weir_member_long(&m, "maxRowsInMemory", INT64_MIN, INT32_MAX, &spec->max_rows_in_memory,
                          p->err) ||
        !weir_member_long(&m, "maxBytesInMemory", INT64_MIN, INT64_MAX, &spec->max_bytes_in_memory,
                          p->err) ||
        !weir_member_long(&m, "maxRowsPerSegment", INT64_MIN, INT32_MAX,
                          &spec->max_rows_per_segment, p->err) ||
        !read_partitions(p, &m) ||
        !weir_member_long(&m, "maxTotalRows", INT64_MIN, INT64_MAX, &spec->max_total_rows,
                          p->err) ||
        !weir_member_long(&m, "maxParseExceptions", 0, INT64_MAX, &spec->max_parse_exceptions,
                          p->err) ||
        !weir_member_long(&m, "maxSavedParseExceptions", 0, INT32_MAX,
                          &spec->max_saved_parse_exceptions, p->err) ||
        !weir_member_bool(&m, "logParseExceptions", &spec->log_parse_exceptions, p->err) ||
        !weir_member_bool(&m, "reportParseExceptions", &report, p->err) ||
        !weir_member_bool(&m, "resetOffsetAutomatically", &spec->reset_offset_automatically,
                          p->err) ||
        !member_period(p, &m, "intermediateHandoffPeriod", &given, &spec->handoff_period_ms)) {
        return false;
    }
    if (report) {
        spec->max_parse_exceptions = 0;
        spec->log_parse_exceptions = true;
    }
    if (spec->max_parse_exceptions == INT32_MAX) {
        spec->max_parse_exceptions = INT64_MAX; /* Druid's way to say: any number */
    }
    /* Zero and below: Druid's own choice, so ours. */
    spec->max_rows_in_memory = spec->max_rows_in_memory < 0 ? 0 : spec->max_rows_in_memory;
    spec->max_bytes_in_memory = spec->max_bytes_in_memory < 0 ? 0 : spec->max_bytes_in_memory;
    spec->max_rows_per_segment = spec->max_rows_per_segment < 0 ? 0 : spec->max_rows_per_segment;
    spec->max_total_rows = spec->max_total_rows < 0 ? 0 : spec->max_total_rows;
    return true;
}

static bool read_io(parse *p, const json_t *json)
{
    weir_members io;
    if (!json && !p->any) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "ioConfig is missing");
    }
    if (!weir_members_of(json, "ioConfig", &io, p->err) || !read_input_format(p, &io)) {
        return false;
    }
    return p->spec->is_kafka ? p->any || read_kafka_io(p, &io) : read_task_io(p, &io);
}

/* The whole. */

static bool read_type(parse *p, const weir_members *top, const weir_members *spec_members,
                      bool kafka)
{
    weir_str type = {0};
    const json_t *io = weir_member_any(spec_members, "ioConfig");
    if (!weir_member_text(top, "type", &type, p->err)) {
        return false;
    }
    if (type.size == 0 && io && json_is_string(json_object_get(io, "type"))) {
        type = weir_str_of(json_string_value(json_object_get(io, "type")));
    }
    bool is_kafka = weir_str_is(type, "kafka");
    bool is_task = weir_str_is(type, "index_parallel") || weir_str_is(type, "index") ||
                   (type.size == 0 && p->any);
    if (!is_kafka && !is_task) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "type must be %s, not '%.*s'",
                         kafka ? "kafka" : "index_parallel", WEIR_STR_ARG(type));
    }
    if (!p->any && is_kafka != kafka) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "type must be %s, not '%.*s'",
                         kafka ? "kafka" : "index_parallel", WEIR_STR_ARG(type));
    }
    p->spec->is_kafka = is_kafka;
    p->spec->append_to_existing = is_kafka; /* weir load with a supervisor's spec */
    return true;
}

static bool read_all(parse *p, const json_t *json, bool kafka)
{
    static const char *const known[] = {"type",       "id",           "spec",     "dataSchema",
                                        "ioConfig",   "tuningConfig", "context",  "suspended",
                                        "dataSource", "groupId",      "resource", NULL};
    static const char *const known_spec[] = {"dataSchema", "ioConfig", "tuningConfig", "type",
                                             NULL};
    weir_members top, inner;
    weir_str id = {0};
    const json_t *spec_json, *data_schema, *io, *tuning;
    if (!weir_members_of(json, "", &top, p->err) ||
        !weir_member_object(&top, "spec", &spec_json, p->err)) {
        return false;
    }
    check_known(&top, known);
    if (spec_json) {
        inner = (weir_members){spec_json, ""};
        check_known(&inner, known_spec);
    } else {
        inner = top; /* the older form, without "spec" */
    }
    if (!read_type(p, &top, &inner, kafka) ||
        !weir_member_bool(&top, "suspended", &p->spec->suspended, p->err) ||
        !weir_member_text(&top, "id", &id, p->err) ||
        !weir_member_object(&inner, "dataSchema", &data_schema, p->err) ||
        !weir_member_object(&inner, "ioConfig", &io, p->err) ||
        !weir_member_object(&inner, "tuningConfig", &tuning, p->err)) {
        return false;
    }
    if (!read_data_schema(p, data_schema) || !read_io(p, io) || !read_tuning(p, tuning)) {
        return false;
    }
    p->spec->id = id.size > 0 || !p->spec->is_kafka ? keep(p, id) : keep(p, p->spec->schema->table);
    return true;
}

weir_spec *weir_spec_parse(weir_str text, bool kafka, bool any, weir_error *err)
{
    json_error_t at;
    json_t *json = json_loadb(text.at, text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
    if (!json) {
        weir_fail(err, WEIR_ERR_BAD_REQUEST, "the spec is not JSON: %s (line %d, column %d)",
                  at.text, at.line, at.column);
        return NULL;
    }
    weir_arena *arena = weir_arena_new();
    weir_arena_defer(arena, free_json, json);
    weir_spec *spec = WEIR_ARENA_NEW(arena, weir_spec);
    spec->arena = arena;
    atomic_init(&spec->refs, 1);
    parse p = {.spec = spec, .arena = arena, .err = err, .any = any};
    if (!read_all(&p, json, kafka)) {
        weir_spec_unref(spec);
        return NULL;
    }
    char *compact = json_dumps(json, JSON_COMPACT);
    spec->text = weir_arena_str(arena, weir_str_of(compact));
    free(compact);
    return spec;
}

/* Fields. */

static const weir_flatten_field *find_flattened(const weir_spec *spec, weir_str name)
{
    for (uint32_t i = 0; i < spec->flatten.count; i++) {
        if (weir_str_eq(spec->flatten.fields[i].name, name)) {
            return &spec->flatten.fields[i];
        }
    }
    return NULL;
}

typedef struct wanted {
    const weir_spec *spec;
    weir_fields *fields;
} wanted;

static void want(void *self, weir_str name)
{
    wanted *w = self;
    if (weir_str_is(name, "__time")) {
        return; /* the event's time, known after timestampSpec; no key of the event */
    }
    const weir_flatten_field *flat = find_flattened(w->spec, name);
    uint32_t known = w->fields->column_count, column = weir_fields_column(w->fields, name);
    if (column < known) {
        return;
    }
    if (flat) {
        weir_fields_path(w->fields, flat->key, column, flat->steps, flat->step_count);
    } else if (w->spec->flatten.discover) {
        weir_fields_root(w->fields, name);
    }
}

static bool is_excluded(const weir_schema *schema, weir_str name)
{
    for (uint32_t i = 0; i < schema->exclusion_count; i++) {
        if (weir_str_eq(schema->exclusions[i], name)) {
            return true;
        }
    }
    return false;
}

/* What transforms read is discovered all the same. */
static void want_input(void *self, weir_str name)
{
    wanted *w = self;
    uint32_t known = w->fields->column_count;
    want(w, name);
    if (w->fields->column_count > known) {
        w->fields->columns[known].discovered = w->spec->schema->discover &&
                                               w->spec->flatten.discover &&
                                               !is_excluded(w->spec->schema, name);
    }
}

static void want_inputs(wanted *w)
{
    weir_error ignored = {0}; /* it was checked when the spec was read */
    weir_transform_spec_columns(&w->spec->transforms, want_input, w, &ignored);
}

weir_fields *weir_spec_fields(const weir_spec *spec)
{
    const weir_schema *schema = spec->schema;
    weir_fields *fields = weir_fields_new(false, schema->exclusions, schema->exclusion_count);
    wanted w = {spec, fields};
    want(&w, spec->time_column);
    for (uint32_t i = 0; i < schema->dimension_count; i++) {
        want(&w, schema->dimensions[i].name);
    }
    for (uint32_t i = 0; i < schema->metric_count; i++) {
        for (uint32_t a = 0; a < schema->metrics[i].arg_count; a++) {
            weir_expr_columns(schema->metrics[i].args[a], want, &w);
        }
    }
    want_inputs(&w);
    for (uint32_t i = 0; schema->discover && i < spec->flatten.count; i++) {
        uint32_t known = fields->column_count;
        want(&w, spec->flatten.fields[i].name);
        if (fields->column_count > known) {
            fields->columns[known].discovered = true;
        }
    }
    fields->discover = schema->discover && spec->flatten.discover;
    return fields;
}
