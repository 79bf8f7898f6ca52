/* ingest/spec.h - Druid's ingestion specs: the Kafka supervisor's and the index_parallel task's, checked member by member.
 * Wrong members are BAD_REQUEST naming the member; unknown ones are a warning in the log. Read-only once parsed, refcounted. */
#ifndef INGEST_SPEC_H
#define INGEST_SPEC_H
#include "ingest/derive.h"
#include "ingest/flatten.h"
#include "weir/schema.h"

typedef struct weir_spec {
    weir_arena *arena; /* owner of everything here */
    _Atomic uint32_t refs;
    weir_str id;   /* supervisor: "id", else the data source; task: "id" or empty */
    weir_str text; /* as posted, compact JSON: what GET answers and the table log keeps */
    bool is_kafka, suspended;
    weir_schema *schema;

    /* Reading events. */
    weir_str time_column, time_format_name;
    const weir_time_format *time_format;
    bool has_missing_time; /* timestampSpec.missingValue */
    int64_t missing_time_ms;
    weir_flatten flatten;
    weir_transform_spec transforms;
    /* granularitySpec.intervals of a task, widened to whole buckets of segmentGranularity, ascending, disjoint: other rows are thrown away; 0: all are welcome */
    uint32_t interval_count;
    const weir_interval *intervals;

    /* ioConfig of a supervisor. */
    weir_str topic;    /* or the pattern of many */
    bool topic_is_pattern;
    const struct json_t *consumer_properties; /* borrowed from the arena's own JSON */
    int64_t task_count, task_duration_ms;
    bool use_earliest;
    bool has_late_start, has_late_period, has_early_period;
    int64_t late_start_ms, late_period_ms, early_period_ms;

    /* ioConfig of a task. */
    bool append_to_existing, drop_existing; /* a supervisor's spec given to weir load appends */
    weir_str base_dir, filter, inline_data; /* inputSource: local, inline */
    weir_str other_source;                  /* inputSource.type that is neither */
    bool has_inline_data;
    uint32_t file_count;
    const weir_str *files;

    /* tuningConfig; 0: not given. */
    int64_t max_rows_in_memory, max_bytes_in_memory, max_rows_per_segment, max_total_rows, handoff_period_ms;
    int64_t max_parse_exceptions; /* INT64_MAX: any number */
    int64_t max_saved_parse_exceptions;
    bool log_parse_exceptions, reset_offset_automatically;
} weir_spec;

/* `what`: for warnings in the log. A task may also be given where a supervisor's spec is, and the other way round, when `any` is set (weir load). */
weir_spec *weir_spec_parse(weir_str json, bool kafka, bool any, weir_error *err);
weir_spec *weir_spec_ref(weir_spec *spec);
void weir_spec_unref(weir_spec *spec);
/* Columns that the spec's rows need and where they come from. The caller frees. */
weir_fields *weir_spec_fields(const weir_spec *spec);
#endif
