/* ingest/compaction_config.c - see ingest/compaction_config.h. What says how rows shall look is
 * done or refused; what says how Druid's tasks use their machines is kept and has no effect. */
#include "ingest/compaction_config.h"
#include <jansson.h>
#include <stdlib.h>
#include "weir/catalog.h"
#include "weir/hash.h"
#include "weir/log.h"
#include "weir/members.h"
#include "weir/schema.h"

#define MOST 4u /* segments in a bucket that are well enough */

/* Kept as they are, in Druid's order; NULL in the middle: partitionsSpec. */
static const char *const tuning_before[] = {"maxRowsInMemory",  "appendableIndexSpec",
                                            "maxBytesInMemory", "maxTotalRows",
                                            "splitHintSpec",    NULL};
static const char *const tuning_after[] = {"indexSpec",
                                           "indexSpecForIntermediatePersists",
                                           "maxPendingPersists",
                                           "pushTimeout",
                                           "segmentWriteOutMediumFactory",
                                           "maxNumConcurrentSubTasks",
                                           "maxRetry",
                                           "taskStatusCheckPeriodMs",
                                           "chatHandlerTimeout",
                                           "chatHandlerNumRetries",
                                           "maxNumSegmentsToMerge",
                                           "totalNumMergeTasks",
                                           "maxColumnsToMerge",
                                           NULL};

typedef struct reading {
    weir_members top, tuning, partitions, granularity;
    weir_compaction_config *out;
    weir_arena *arena;
    weir_str skip_text, partitions_type;
    int64_t priority, input_bytes, max_rows, partition_rows, total_rows;
} reading;

static bool refuse(const weir_members *m, const char *name, const char *why, weir_error *err)
{
    return !weir_member_any(m, name) ||
           weir_fail(err, WEIR_ERR_UNSUPPORTED, "%s is not supported: %s",
                     weir_member_path(m, name), why);
}

static bool read_granularity(const reading *r, const char *name, weir_granularity *out, bool *has,
                             weir_error *err)
{
    const json_t *json = weir_member_any(&r->granularity, name);
    *has = json != NULL;
    if (!json) {
        return true;
    }
    /* as the schema's reader takes it */
    json_t *copy = json_deep_copy(json);
    json_t *spec = json_pack(
        "{ss s{ss} s{s[]} s{so}}", "dataSource", "t", "timestampSpec", "column", "t",
        "dimensionsSpec", "dimensions", "granularitySpec",
        strcmp(name, "segmentGranularity") == 0 ? "segmentGranularity" : "queryGranularity", copy);
    weir_schema *schema = weir_schema_parse(spec, NULL, NULL, err);
    json_decref(spec);
    if (!schema) {
        static const char within[] = "dataSchema.";
        size_t cut = sizeof(within) - 1;
        if (err && strncmp(err->message, within, cut) == 0) {
            memmove(err->message, err->message + cut, strlen(err->message + cut) + 1);
        }
        return false;
    }
    *out = strcmp(name, "segmentGranularity") == 0 ? schema->segment_granularity
                                                   : schema->query_granularity;
    out->name = weir_arena_str(r->arena, out->name);
    weir_schema_unref(schema);
    return true;
}

static bool read_partitions(reading *r, weir_error *err)
{
    weir_str *type = &r->partitions_type;
    *type = WEIR_STR("dynamic");
    if (!weir_member_text(&r->partitions, "type", type, err) ||
        !refuse(&r->partitions, "partitionDimensions",
                "rows are ordered by time and dimensions, not dealt by hash or range", err) ||
        !refuse(&r->partitions, "partitionDimension",
                "rows are ordered by time and dimensions, not dealt by hash or range", err) ||
        !refuse(&r->partitions, "numShards", "say targetRowsPerSegment", err)) {
        return false;
    }
    if (!weir_str_is(*type, "dynamic") && !weir_str_is(*type, "hashed")) {
        return weir_fail(err, WEIR_ERR_UNSUPPORTED,
                         "%s '%.*s' is not supported: dynamic is, and "
                         "hashed without partitionDimensions",
                         weir_member_path(&r->partitions, "type"), WEIR_STR_ARG(*type));
    }
    return weir_member_long(&r->partitions, "maxRowsPerSegment", 1, INT32_MAX, &r->partition_rows,
                            err) &&
           weir_member_long(&r->partitions, "targetRowsPerSegment", 1, INT32_MAX,
                            &r->partition_rows, err) &&
           weir_member_long(&r->partitions, "maxTotalRows", 1, INT64_MAX, &r->total_rows, err);
}

static bool read_tuning(reading *r, weir_error *err)
{
    const json_t *tuning = NULL, *partitions = NULL;
    weir_str type = WEIR_STR("index_parallel");
    bool guaranteed = false;
    return weir_member_object(&r->top, "tuningConfig", &tuning, err) &&
           weir_members_of(tuning, "tuningConfig", &r->tuning, err) &&
           weir_member_text(&r->tuning, "type", &type, err) &&
           weir_member_bool(&r->tuning, "forceGuaranteedRollup", &guaranteed, err) &&
           weir_member_long(&r->tuning, "maxTotalRows", 1, INT64_MAX, &r->total_rows, err) &&
           weir_member_object(&r->tuning, "partitionsSpec", &partitions, err) &&
           weir_members_of(partitions, "tuningConfig.partitionsSpec", &r->partitions, err) &&
           read_partitions(r, err);
}

static bool read_granularities(reading *r, weir_error *err)
{
    const json_t *spec = NULL;
    bool rollup = false;
    if (!weir_member_object(&r->top, "granularitySpec", &spec, err) ||
        !weir_members_of(spec, "granularitySpec", &r->granularity, err) ||
        !weir_member_bool(&r->granularity, "rollup", &rollup, err)) {
        return false;
    }
    r->out->rollup = weir_member_any(&r->granularity, "rollup") ? rollup : -1;
    return read_granularity(r, "segmentGranularity", &r->out->segment_granularity,
                            &r->out->has_segment_granularity, err) &&
           read_granularity(r, "queryGranularity", &r->out->query_granularity,
                            &r->out->has_query_granularity, err);
}

static bool refuse_all(const reading *r, weir_error *err)
{
    static const char *const columns[] = {"dimensionsSpec", "metricsSpec", "transformSpec",
                                          "projections", "baseTable"};
    const json_t *io = NULL;
    weir_members io_members;
    bool drop = false;
    weir_str engine = WEIR_STR("native");
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        const json_t *value = weir_member_any(&r->top, columns[i]);
        if (value && !(json_is_array(value) && json_array_size(value) == 0) &&
            !refuse(&r->top, columns[i], "compaction keeps columns as they are", err)) {
            return false;
        }
    }
    if (!weir_member_object(&r->top, "ioConfig", &io, err) ||
        !weir_members_of(io, "ioConfig", &io_members, err) ||
        !weir_member_bool(&io_members, "dropExisting", &drop, err) ||
        !weir_member_text(&r->top, "engine", &engine, err)) {
        return false;
    }
    if (drop) {
        return weir_fail(err, WEIR_ERR_UNSUPPORTED,
                         "ioConfig.dropExisting is not supported: only "
                         "segments that were read are replaced");
    }
    return weir_str_is(engine, "native") ||
           weir_fail(err, WEIR_ERR_UNSUPPORTED, "engine '%.*s' is not supported: native is",
                     WEIR_STR_ARG(engine));
}

static bool read_top(reading *r, weir_error *err)
{
    const json_t *skip_intervals = NULL;
    r->skip_text = WEIR_STR("P1D");
    r->priority = 25;
    r->input_bytes = 100000000000000;
    if (!weir_member_text(&r->top, "dataSource", &r->out->table, err) ||
        !weir_member_text(&r->top, "skipOffsetFromLatest", &r->skip_text, err) ||
        !weir_member_long(&r->top, "taskPriority", INT32_MIN, INT32_MAX, &r->priority, err) ||
        !weir_member_long(&r->top, "inputSegmentSizeBytes", 1, INT64_MAX, &r->input_bytes, err) ||
        !weir_member_long(&r->top, "maxRowsPerSegment", 1, INT32_MAX, &r->max_rows, err) ||
        !weir_member_array(&r->top, "skipIntervals", &skip_intervals, err)) {
        return false;
    }
    if (r->out->table.size == 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "dataSource must be given");
    }
    if (json_array_size(skip_intervals) > 0 &&
        !refuse(&r->top, "skipIntervals", "skipOffsetFromLatest is", err)) {
        return false;
    }
    return weir_period_parse(r->skip_text, &r->out->skip_offset) ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST, "skipOffsetFromLatest: '%.*s' is no period",
                     WEIR_STR_ARG(r->skip_text));
}

/* --- as Druid prints it --- */

static void print_any(weir_json *out, const weir_members *m, const char *name)
{
    const json_t *value = m->object ? weir_member_any(m, name) : NULL;
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    weir_json_key(out, weir_str_of(name));
    weir_json_raw(out, text ? weir_str_of(text) : WEIR_STR("null"));
    free(text);
}

static void print_rows(weir_json *out, const char *name, int64_t rows)
{
    if (rows > 0) {
        weir_json_member_long(out, name, rows);
    } else {
        weir_json_member_null(out, name);
    }
}

static void print_tuning(const reading *r, weir_json *out)
{
    weir_json_key(out, WEIR_STR("tuningConfig"));
    if (!r->tuning.object) {
        weir_json_null(out);
        return;
    }
    weir_json_begin_object(out);
    for (const char *const *name = tuning_before; *name; name++) {
        print_any(out, &r->tuning, *name);
    }
    weir_json_key(out, WEIR_STR("partitionsSpec"));
    if (!r->partitions.object) {
        weir_json_null(out);
    } else {
        bool dynamic = weir_str_is(r->partitions_type, "dynamic");
        weir_json_begin_object(out);
        weir_json_member_str(out, "type", r->partitions_type);
        print_rows(out, dynamic ? "maxRowsPerSegment" : "targetRowsPerSegment",
                   r->partition_rows > 0 ? r->partition_rows : WEIR_COMPACTION_TARGET_ROWS);
        if (dynamic) {
            print_any(out, &r->partitions, "maxTotalRows");
        }
        weir_json_end_object(out);
    }
    for (const char *const *name = tuning_after; *name; name++) {
        print_any(out, &r->tuning, *name);
    }
    weir_json_member_text(out, "type", "index_parallel");
    weir_json_member_bool(out, "forceGuaranteedRollup",
                          json_is_true(weir_member_any(&r->tuning, "forceGuaranteedRollup")));
    weir_json_end_object(out);
}

static void print(const reading *r, weir_buf *printed)
{
    weir_json out = {.out = printed};
    static const char *const rest[] = {"dimensionsSpec", "metricsSpec", "transformSpec",
                                       "projections",    "ioConfig",    "engine",
                                       "taskContext"};
    weir_json_begin_object(&out);
    weir_json_member_str(&out, "dataSource", r->out->table);
    weir_json_member_long(&out, "taskPriority", r->priority);
    weir_json_member_long(&out, "inputSegmentSizeBytes", r->input_bytes);
    print_rows(&out, "maxRowsPerSegment", r->max_rows);
    weir_json_member_str(&out, "skipOffsetFromLatest", r->skip_text);
    print_tuning(r, &out);
    weir_json_key(&out, WEIR_STR("granularitySpec"));
    if (r->granularity.object) {
        weir_json_begin_object(&out);
        print_any(&out, &r->granularity, "segmentGranularity");
        print_any(&out, &r->granularity, "queryGranularity");
        print_any(&out, &r->granularity, "rollup");
        weir_json_end_object(&out);
    } else {
        weir_json_null(&out);
    }
    for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++) {
        print_any(&out, &r->top, rest[i]);
    }
    weir_json_end_object(&out);
}

bool weir_compaction_config_read(weir_str text, weir_arena *arena, weir_compaction_config *out,
                                 weir_buf *printed, weir_error *err)
{
    *out = (weir_compaction_config){.target_rows = WEIR_COMPACTION_TARGET_ROWS, .rollup = -1};
    if (text.size == 0) {
        return true;
    }
    json_error_t why;
    json_t *json = json_loadb(text.at, text.size, JSON_REJECT_DUPLICATES, &why);
    if (!json) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body is no JSON: %s", why.text);
    }
    reading r = {.out = out, .arena = arena};
    bool ok = weir_members_of(json, "", &r.top, err) && read_top(&r, err) && read_tuning(&r, err) &&
              read_granularities(&r, err) && refuse_all(&r, err);
    if (ok) {
        out->set = true;
        out->hash = weir_hash_bytes(text.at, text.size);
        out->bucket_bytes_max = (uint64_t)r.input_bytes;
        out->target_rows = r.partition_rows > 0 ? (uint64_t)r.partition_rows
                           : r.max_rows > 0     ? (uint64_t)r.max_rows
                                                : WEIR_COMPACTION_TARGET_ROWS;
        out->merge_rows = r.total_rows > 0 ? (uint64_t)r.total_rows : 0;
        out->table = weir_arena_str(arena, out->table);
        if (printed) {
            print(&r, printed);
        }
    }
    json_decref(json);
    return ok;
}

weir_compaction_config weir_compaction_config_of(const weir_log_state *state, weir_arena *arena)
{
    weir_compaction_config config;
    weir_error err = {0};
    weir_str text = weir_log_config_get(state, "compaction", arena);
    if (!weir_compaction_config_read(text, arena, &config, NULL, &err)) {
        weir_log(WEIR_WARN, "compaction", "the config of table '%.*s' is ignored: %s",
                 WEIR_STR_ARG(weir_log_table(state)), err.message);
        weir_compaction_config_read((weir_str){0}, arena, &config, NULL, NULL);
    }
    return config;
}

weir_compaction_policy weir_compaction_policy_of(const weir_compaction_config *config,
                                                 const weir_log_state *state,
                                                 const weir_granularity *own, size_t memory_bytes)
{
    size_t count;
    int64_t newest_ms = INT64_MIN;
    const weir_segment_state *const *segments = weir_log_segments(state, &count);
    for (size_t i = 0; i < count; i++) {
        newest_ms = segments[i]->added.to_ms > newest_ms ? segments[i]->added.to_ms : newest_ms;
    }
    if (count > 0 && own->kind != WEIR_GRAN_ALL && own->kind != WEIR_GRAN_NONE) { /* its bucket's */
        newest_ms = weir_granularity_next(own, weir_granularity_floor(own, newest_ms - 1));
    }
    bool skips = config->set && !weir_period_is_zero(&config->skip_offset) && count > 0;
    return (weir_compaction_policy){
        .granularity = config->has_segment_granularity ? &config->segment_granularity : own,
        .target_rows = config->target_rows,
        .merge_rows = config->merge_rows,
        .bucket_bytes_max = config->bucket_bytes_max,
        .memory_bytes = memory_bytes,
        .most = MOST,
        .fewest = config->set,
        .within = weir_interval_eternity,
        .skip_from_ms = skips ? weir_period_add(&config->skip_offset,
                                                weir_zone_find(WEIR_STR("UTC")), newest_ms, -1)
                              : INT64_MAX};
}
