/* include/weir/schema.h - what a data source's rows look like: Druid's dataSchema without the parser's part.
 * Lives in an arena of its own, read-only, refcounted: a live segment, a footer and a supervisor share it. */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H
#include "compute/agg.h"
#include "compute/calendar.h"

typedef enum weir_multi { WEIR_MULTI_SORTED_ARRAY, WEIR_MULTI_ARRAY, WEIR_MULTI_SORTED_SET } weir_multi;

typedef struct weir_dimension {
    weir_str name;
    weir_type type;
    bool automatic;    /* auto and json: the type is found value by value; `type` is castToType, COMPLEX<json> of json, or UNKNOWN */
    bool bitmap_index; /* createBitmapIndex, strings only */
    uint8_t multi;     /* weir_multi: multiValueHandling */
} weir_dimension;

typedef struct weir_schema {
    weir_arena *arena; /* owner of everything here */
    _Atomic uint32_t refs;
    weir_str table;
    uint32_t dimension_count, metric_count;
    const weir_dimension *dimensions;  /* declared ones, in the spec's order */
    const weir_agg_spec *metrics;
    bool discover;              /* columns that are not declared become dimensions (empty list, or useSchemaDiscovery) */
    bool discover_typed;        /* useSchemaDiscovery: numbers stay numbers; else strings */
    uint32_t exclusion_count;
    const weir_str *exclusions; /* dimensionExclusions */
    weir_granularity segment_granularity, query_granularity;
    bool rollup;
    uint32_t cluster_count;     /* clustering columns before __time when a segment freezes; 0: rows ordered by time */
    const weir_str *clusters;
    weir_str timestamp_spec_json; /* for segmentMetadata */
} weir_schema;

weir_schema *weir_schema_ref(weir_schema *schema);
void weir_schema_unref(weir_schema *schema);
/* From a spec's "dataSchema". Errors name the member ("dataSchema.dimensionsSpec.dimensions[3].type"). Unknown members go to `warn` (may be NULL). */
struct json_t;
weir_schema *weir_schema_parse(const struct json_t *data_schema, void (*warn)(void *self, const char *member), void *self, weir_error *err);
/* As "dataSchema" that weir_schema_parse reads back (frozen segments' footers keep it). */
struct weir_json;
void weir_schema_print(const weir_schema *schema, struct weir_json *json);
#endif
