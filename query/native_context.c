/* query/native_context.c - "context": what the engine acts on, and what shapes one query. One table
 * names every parameter that Druid documents, with its type: a value of another type is BAD_CONTEXT
 * in Druid's words, whether or not it has an effect here (docs/CONTEXT.md says which have). Other
 * members are ignored. */
#include "query/native_json.h"
#include <stdlib.h>

typedef enum kind { FLAG, INT, LONG, NUMBER, TEXT, BYTES, LIMIT, VECTORIZE, CLONES, ANY } kind;

typedef struct parameter {
    const char *name;
    uint8_t kind;
    bool silent; /* shapes no answer: two queries that differ in it have the same one */
} parameter;

static const parameter parameters[] = {
    {"queryId", TEXT, true},
    {"sqlQueryId", TEXT, true},
    {"subQueryId", TEXT, true},
    {"timeout", LONG, true},
    {"defaultTimeout", LONG, true},
    {"priority", INT, true},
    {"lane", TEXT, true},
    {"useCache", FLAG, true},
    {"populateCache", FLAG, true},
    {"useResultLevelCache", FLAG, true},
    {"populateResultLevelCache", FLAG, true},
    {"bySegment", FLAG, false},
    {"finalize", FLAG, false},
    {"serializeDateTimeAsLong", FLAG, false},
    {"serializeDateTimeAsLongInner", FLAG, false},
    {"realtimeSegmentsOnly", FLAG, false},
    {"uncoveredIntervalsLimit", INT, false},
    {"cloneQueryMode", CLONES, true},
    {"debug", FLAG, true},
    {"setProcessingThreadNames", FLAG, true},
    {"brokerService", TEXT, true},
    {"returnPartialResults", FLAG, true},
    {"numRetriesOnMissingSegments", INT, true},
    {"secondaryPartitionPruning", FLAG, true},
    /* limits */
    {"maxQueryMemoryBytes", LONG, true}, /* weir's own */
    {"maxScatterGatherBytes", LONG, true},
    {"maxQueuedBytes", LONG, true},
    {"maxSubqueryRows", INT, true},
    {"maxSubqueryBytes", LIMIT, true},
    {"maxOnDiskStorage", BYTES, true},
    {"maxSelectorDictionarySize", BYTES, true},
    {"maxMergingDictionarySize", BYTES, true},
    {"maxIntermediateRows", INT, true},
    {"maxResults", INT, true},
    {"maxRowsQueuedForOrdering", INT, true},
    {"maxSegmentPartitionsOrderedInMemory", INT, true},
    {"maxNumericInFilters", INT, true},
    {"inSubQueryThreshold", INT, true},
    /* how Druid goes about it */
    {"enableParallelMerge", FLAG, true},
    {"parallelMergeParallelism", INT, true},
    {"parallelMergeInitialYieldRows", INT, true},
    {"parallelMergeSmallBatchRows", INT, true},
    {"useFilterCNF", FLAG, true},
    {"vectorize", VECTORIZE, true},
    {"vectorizeVirtualColumns", VECTORIZE, true},
    {"vectorSize", INT, true},
    {"enableJoinFilterPushDown", FLAG, true},
    {"enableJoinFilterRewrite", FLAG, true},
    {"enableJoinFilterRewriteValueColumnFilters", FLAG, true},
    {"enableRewriteJoinToFilter", FLAG, true},
    {"enableJoinLeftTableScanDirect", FLAG, true},
    {"joinFilterRewriteMaxSize", LONG, true},
    {"enableTimeBoundaryPlanning", FLAG, true},
    {"searchStrategy", TEXT, true},
    {"minTopNThreshold", INT, true},
    /* timeseries */
    {"skipEmptyBuckets", FLAG, false},
    {"grandTotal", FLAG, false},
    {"timestampResultField", TEXT, false},
    {"timestampResultFieldGranularity", ANY, true},
    {"timestampResultFieldInOriginalDimensions", INT, true},
    /* groupBy */
    {"resultAsArray", FLAG, false},
    {"sortByDimsFirst", FLAG, false},
    {"forceLimitPushDown", FLAG, true},
    {"applyLimitPushDown", FLAG, true},
    {"applyLimitPushDownToSegment", FLAG, true},
    {"groupByStrategy", TEXT, true},
    {"groupByIsSingleThreaded", FLAG, true},
    {"bufferGrouperInitialBuckets", INT, true},
    {"bufferGrouperMaxLoadFactor", NUMBER, true},
    {"forceHashAggregation", FLAG, true},
    {"intermediateCombineDegree", INT, true},
    {"numParallelCombineThreads", INT, true},
    {"mergeThreadLocal", FLAG, true},
    {"deferExpressionDimensions", TEXT, true},
    {"useOffheap", FLAG, true},
};
enum { PARAMETERS = sizeof(parameters) / sizeof(*parameters) };

static weir_str text_of(const json_t *value)
{
    return (weir_str){json_string_value(value), json_string_length(value)};
}

static const char *java_class(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return "java.lang.String";
    case JSON_INTEGER:
        return json_integer_value(value) == (int32_t)json_integer_value(value) ? "java.lang.Integer"
                                                                               : "java.lang.Long";
    case JSON_REAL:
        return "java.lang.Double";
    case JSON_TRUE:
    case JSON_FALSE:
        return "java.lang.Boolean";
    case JSON_ARRAY:
        return "java.util.ArrayList";
    case JSON_OBJECT:
        return "java.util.LinkedHashMap";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool bad_type(weir_native *n, const char *name, const char *wanted, const json_t *value)
{
    return weir_native_fail(n, NULL, "Expected key [%s] to be %s, but got [%s]", name, wanted,
                            java_class(value));
}

static bool bad_value(weir_native *n, const char *name, const char *wanted, const json_t *value)
{
    return weir_native_fail(n, NULL, "Expected key [%s] to be %s, but got [%.*s]", name, wanted,
                            WEIR_STR_ARG(text_of(value)));
}

/* A number, or a text that is a whole number. */
static bool read_number(weir_native *n, const char *name, const json_t *value, bool is_int,
                        int64_t *out)
{
    double real = json_real_value(value);
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
    } else if (json_is_real(value)) {
        *out = real >= 0x1p63 ? INT64_MAX : real < -0x1p63 ? INT64_MIN : (int64_t)real;
    } else if (!json_is_string(value)) {
        return bad_type(n, name, is_int ? "an Integer" : "a Long", value);
    } else if (!weir_text_to_long_exact(text_of(value), out) || (is_int && *out != (int32_t)*out)) {
        return bad_value(n, name, is_int ? "in integer format" : "in long format", value);
    }
    return true;
}

/* A number of bytes: 1000, "1000", "10K" (thousands), "10Ki", "10KiB". */
static bool read_bytes(weir_native *n, const char *name, const json_t *value, int64_t *out)
{
    static const char units[] = "KMGTP";
    weir_str text = text_of(value);
    int64_t unit = 1;
    if (!json_is_string(value)) {
        return json_is_number(value) ? read_number(n, name, value, false, out)
                                     : bad_type(n, name, "a human readable number", value);
    }
    text = weir_str_trim(text);
    bool binary = false;
    if (text.size > 1 && (text.at[text.size - 1] == 'B' || text.at[text.size - 1] == 'b')) {
        text.size--;
    }
    if (text.size > 1 && (text.at[text.size - 1] == 'i' || text.at[text.size - 1] == 'I')) {
        text.size--;
        binary = true;
    }
    for (int i = 0; units[i] && text.size > 1; i++) {
        if ((text.at[text.size - 1] & ~0x20) == units[i]) {
            for (int k = 0; k <= i; k++) {
                unit *= binary ? 1024 : 1000;
            }
            text.size--;
            break;
        }
    }
    if (!weir_str_to_long(text, out) || *out < 0 || *out > INT64_MAX / unit) {
        return bad_value(n, name, "a human readable number", value);
    }
    *out *= unit;
    return true;
}

static bool is_one_of(weir_str text, const char *const *words)
{
    for (; *words; words++) {
        if (weir_str_eq_nocase(text, weir_str_of(*words))) {
            return true;
        }
    }
    return false;
}

static bool check_words(weir_native *n, const char *name, const json_t *value, const char *type,
                        const char *const *words)
{
    char wanted[60];
    snprintf(wanted, sizeof(wanted), "of type [%s]", type);
    weir_str text = json_is_true(value)    ? WEIR_STR("true")
                    : json_is_false(value) ? WEIR_STR("false")
                                           : text_of(value);
    if (!json_is_string(value) && !json_is_boolean(value)) {
        return bad_type(n, name, wanted, value);
    }
    snprintf(wanted, sizeof(wanted), "a value of enum [%s]", type);
    return is_one_of(text, words) || bad_value(n, name, wanted, value);
}

static bool check(weir_native *n, const parameter *p, const json_t *value)
{
    static const char *const vectorize[] = {"false", "true", "force", NULL};
    static const char *const clones[] = {"excludeClones", "includeClones", "preferClones", NULL};
    static const char *const limits[] = {"disabled", "unlimited", "auto", NULL};
    int64_t number;
    switch ((kind)p->kind) {
    case FLAG:
        return json_is_boolean(value) || json_is_string(value) ||
               bad_type(n, p->name, "a Boolean", value);
    case INT:
    case LONG:
        return read_number(n, p->name, value, p->kind == INT, &number);
    case NUMBER:
        return json_is_number(value) || json_is_string(value) ||
               bad_type(n, p->name, "a Float", value);
    case TEXT:
        return json_is_string(value) || bad_type(n, p->name, "a String", value);
    case BYTES:
        return read_bytes(n, p->name, value, &number);
    case LIMIT:
        return (json_is_string(value) && is_one_of(text_of(value), limits)) ||
               read_bytes(n, p->name, value, &number);
    case VECTORIZE:
        return check_words(n, p->name, value, "Vectorize", vectorize);
    case CLONES:
        return check_words(n, p->name, value, "CloneQueryMode", clones);
    case ANY:
        return true;
    }
    return true;
}

/* NULL: there is none, or n->err says what is wrong with it. */
static const json_t *checked_context(weir_native *n, const json_t *query)
{
    const json_t *context = weir_native_get(query, "context", NULL);
    if (!context || !weir_native_object(n, WEIR_AT(NULL, "context"), context)) {
        return NULL;
    }
    for (size_t i = 0; i < PARAMETERS; i++) {
        const json_t *value = weir_native_get(context, parameters[i].name, NULL);
        if (value && !check(n, &parameters[i], value)) {
            return NULL;
        }
    }
    return context;
}

/* After check: these cannot fail. */

static bool flag(const json_t *context, const char *name, bool fallback)
{
    const json_t *value = weir_native_get(context, name, NULL);
    return !value                  ? fallback
           : json_is_string(value) ? weir_str_eq_nocase(text_of(value), WEIR_STR("true"))
                                   : json_is_true(value);
}

static int64_t number(weir_native *n, const json_t *context, const char *name, int64_t fallback)
{
    const json_t *value = weir_native_get(context, name, NULL);
    int64_t out = fallback;
    return value && read_number(n, name, value, false, &out) ? out : fallback;
}

/* -1: not given, or one of the words for no limit. */
static int64_t bytes(weir_native *n, const json_t *context, const char *name)
{
    const json_t *value = weir_native_get(context, name, NULL);
    int64_t out = -1;
    if (value && (!json_is_string(value) || (text_of(value).size && text_of(value).at[0] >= '0' &&
                                             text_of(value).at[0] <= '9'))) {
        read_bytes(n, name, value, &out);
    }
    return out;
}

static weir_str text(weir_native *n, const json_t *context, const char *name)
{
    const json_t *value = weir_native_get(context, name, NULL);
    return value ? weir_arena_str(n->arena, text_of(value)) : (weir_str){0};
}

static bool read_timeout(weir_native *n, const json_t *context, const char *name, int64_t *out)
{
    *out = number(n, context, name, -1);
    return *out >= 0 || !weir_native_get(context, name, NULL) ||
           weir_native_fail(n, NULL, "Timeout [%s] must be a non negative value, but was %lld",
                            name, (long long)*out);
}

bool weir_native_context_read(weir_native *n, const json_t *query, weir_native_context *out)
{
    *out = (weir_native_context){.timeout_ms = -1,
                                 .max_subquery_rows = -1,
                                 .max_subquery_bytes = -1,
                                 .max_dictionary_bytes = -1,
                                 .use_cache = true,
                                 .populate_cache = true,
                                 .use_result_cache = true,
                                 .populate_result_cache = true};
    if (!weir_native_get(query, "context", NULL)) {
        return true;
    }
    n->context_only = true;
    const json_t *context = checked_context(n, query);
    int64_t fallback_ms;
    if (!context || !read_timeout(n, context, "defaultTimeout", &fallback_ms) ||
        !read_timeout(n, context, "timeout", &out->timeout_ms)) {
        return false;
    }
    int64_t priority = number(n, context, "priority", 0);
    int64_t memory = number(n, context, "maxQueryMemoryBytes", 0);
    out->timeout_ms = out->timeout_ms >= 0 ? out->timeout_ms : fallback_ms;
    out->query_id = text(n, context, "queryId");
    out->sql_query_id = text(n, context, "sqlQueryId");
    out->lane = text(n, context, "lane");
    out->use_cache = flag(context, "useCache", true);
    out->populate_cache = flag(context, "populateCache", true);
    out->use_result_cache = flag(context, "useResultLevelCache", true);
    out->populate_result_cache = flag(context, "populateResultLevelCache", true);
    out->by_segment = flag(context, "bySegment", false);
    out->live_only = flag(context, "realtimeSegmentsOnly", false);
    out->uncovered_limit = number(n, context, "uncoveredIntervalsLimit", 0);
    out->max_answer_bytes = number(n, context, "maxScatterGatherBytes", 0);
    out->max_queued_bytes = number(n, context, "maxQueuedBytes", 0);
    out->max_subquery_rows = number(n, context, "maxSubqueryRows", -1);
    out->max_subquery_bytes = bytes(n, context, "maxSubqueryBytes");
    if (bytes(n, context, "maxOnDiskStorage") <= 0) { /* else Druid spills what is over */
        int64_t merging = bytes(n, context, "maxMergingDictionarySize"),
                selecting = bytes(n, context, "maxSelectorDictionarySize");
        out->max_dictionary_bytes =
            merging > 0 && (selecting <= 0 || merging < selecting) ? merging : selecting;
    }
    out->max_memory_bytes = memory > 0 ? memory : 0;
    out->priority = priority > INT32_MAX   ? INT32_MAX
                    : priority < INT32_MIN ? INT32_MIN
                                           : (int32_t)priority;
    n->context_only = false;
    return true;
}

bool weir_native_options_read(weir_native *n, const json_t *query, weir_native_options *out)
{
    *out = (weir_native_options){.finalize = n->inner == 0};
    if (!weir_native_get(query, "context", NULL)) {
        return true;
    }
    n->context_only = true;
    const json_t *context = checked_context(n, query);
    if (!context) {
        return false;
    }
    bool finalize = flag(context, "finalize", true);
    out->finalize = finalize && n->inner == 0;
    out->skip_empty_buckets = flag(context, "skipEmptyBuckets", false);
    out->grand_total = flag(context, "grandTotal", false);
    out->result_as_array = flag(context, "resultAsArray", false);
    out->sort_by_dims_first = flag(context, "sortByDimsFirst", false);
    out->force_limit_push_down = flag(context, "forceLimitPushDown", false);
    out->time_as_long = flag(context, "serializeDateTimeAsLong", false) ||
                        (!finalize && flag(context, "serializeDateTimeAsLongInner", false));
    out->timestamp_result_field = text(n, context, "timestampResultField");
    n->context_only = false;
    return true;
}

void weir_native_identity(const weir_native_query *query, weir_buf *out)
{
    const weir_native_part *part = query->own;
    const json_t *context = weir_native_get(part->json, "context", NULL);
    json_t *json = json_copy((json_t *)part->json);
    if (json_is_object(context)) {
        json_t *loud = json_copy((json_t *)context);
        for (size_t i = 0; i < PARAMETERS; i++) {
            if (parameters[i].silent) {
                json_object_del(loud, parameters[i].name);
            }
        }
        json_object_set_new(json, "context", loud);
    }
    char *dump = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    if (dump) {
        weir_buf_text(out, dump);
    }
    free(dump);
    json_decref(json);
}

bool weir_native_reads_segments(const weir_native_query *query, uint32_t *count,
                                const weir_interval **intervals)
{
    const weir_native_part *part = query->own;
    *count = part->interval_count;
    *intervals = part->intervals;
    if (part->eternal || part->interval_count == 0) {
        *count = 1;
        *intervals = &weir_interval_eternity;
    }
    return part->rows ? part->rows->table_count > 0 && !part->rows->child && !part->rows->given
                      : part->type == &weir_native_segment_metadata;
}
