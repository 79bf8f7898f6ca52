/* query/native_context.c - "context": what the engine acts on, and what shapes one query. Unknown
 * members are ignored; bad values are BAD_CONTEXT. */
#include "query/native_json.h"
#include <stdlib.h>

static const json_t *context_of(weir_native *n, const json_t *query)
{
    const json_t *context = weir_native_get(query, "context", NULL);
    return context && weir_native_object(n, WEIR_AT(NULL, "context"), context) ? context : NULL;
}

bool weir_native_context_read(weir_native *n, const json_t *query, weir_native_context *out)
{
    *out = (weir_native_context){.timeout_ms = -1,
                                 .use_cache = true,
                                 .populate_cache = true,
                                 .use_result_cache = true,
                                 .populate_result_cache = true};
    if (!weir_native_get(query, "context", NULL)) {
        return true;
    }
    n->context_only = true;
    const json_t *context = context_of(n, query);
    const weir_at *at = WEIR_AT(NULL, "context");
    int64_t priority = 0, memory = 0;
    bool ok = context && weir_native_text(n, at, context, "queryId", &out->query_id) &&
              weir_native_text(n, at, context, "sqlQueryId", &out->sql_query_id) &&
              weir_native_long(n, at, context, "timeout", -1, &out->timeout_ms) &&
              weir_native_long(n, at, context, "priority", 0, &priority) &&
              weir_native_long(n, at, context, "maxQueryMemoryBytes", 0, &memory) &&
              weir_native_text(n, at, context, "lane", &out->lane) &&
              weir_native_bool(n, at, context, "useCache", true, &out->use_cache) &&
              weir_native_bool(n, at, context, "populateCache", true, &out->populate_cache) &&
              weir_native_bool(n, at, context, "useResultLevelCache", true,
                               &out->use_result_cache) &&
              weir_native_bool(n, at, context, "populateResultLevelCache", true,
                               &out->populate_result_cache) &&
              weir_native_bool(n, at, context, "bySegment", false, &out->by_segment);
    if (ok && out->timeout_ms < 0 && weir_native_get(context, "timeout", NULL)) {
        ok = weir_native_fail(n, NULL,
                              "Timeout [timeout] must be a non negative value, but was [%lld]",
                              (long long)out->timeout_ms);
    }
    out->max_memory_bytes = memory > 0 ? memory : 0;
    out->priority = priority > INT32_MAX   ? INT32_MAX
                    : priority < INT32_MIN ? INT32_MIN
                                           : (int32_t)priority;
    n->context_only = false;
    return ok;
}

bool weir_native_options_read(weir_native *n, const json_t *query, weir_native_options *out)
{
    *out = (weir_native_options){.finalize = n->inner == 0};
    if (!weir_native_get(query, "context", NULL)) {
        return true;
    }
    n->context_only = true;
    const json_t *context = context_of(n, query);
    const weir_at *at = WEIR_AT(NULL, "context");
    bool ok =
        context &&
        weir_native_bool(n, at, context, "finalize", true, &out->finalize) &&
        weir_native_bool(n, at, context, "skipEmptyBuckets", false, &out->skip_empty_buckets) &&
        weir_native_bool(n, at, context, "grandTotal", false, &out->grand_total) &&
        weir_native_bool(n, at, context, "resultAsArray", false, &out->result_as_array) &&
        weir_native_bool(n, at, context, "sortByDimsFirst", false, &out->sort_by_dims_first) &&
        weir_native_text(n, at, context, "timestampResultField", &out->timestamp_result_field);
    out->finalize = out->finalize && n->inner == 0;
    n->context_only = false;
    return ok;
}

void weir_native_identity(const weir_native_query *query, weir_buf *out)
{
    static const char *const silent[] = {
        "queryId",       "sqlQueryId",          "subQueryId",
        "timeout",       "priority",            "lane",
        "useCache",      "populateCache",       "useResultLevelCache",
        "vectorize",     "populateResultLevelCache", "maxQueryMemoryBytes",
    };
    const weir_native_part *part = query->own;
    const json_t *context = weir_native_get(part->json, "context", NULL);
    json_t *json = json_copy((json_t *)part->json);
    if (json_is_object(context)) {
        json_t *loud = json_copy((json_t *)context);
        for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++) {
            json_object_del(loud, silent[i]);
        }
        json_object_set_new(json, "context", loud);
    }
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    if (text) {
        weir_buf_text(out, text);
    }
    free(text);
    json_decref(json);
}
