/* ingest/flatten.h - Druid's flattenSpec: values below the root of an event become columns. */
#ifndef INGEST_FLATTEN_H
#define INGEST_FLATTEN_H
#include "ingest/events.h"

struct json_t;

typedef struct weir_flatten_field {
    weir_str name, key; /* column, and the root key that the path begins with */
    uint32_t step_count;
    const weir_step *steps;
} weir_flatten_field;
typedef struct weir_flatten {
    bool discover; /* useFieldDiscovery: root keys are columns by themselves */
    uint32_t count;
    const weir_flatten_field *fields;
} weir_flatten;
/* `json` NULL: root keys only. Errors name the member below `path`. Memory from `arena`. */
bool weir_flatten_parse(const struct json_t *json, const char *path, weir_arena *arena, weir_flatten *out, weir_error *err);
/* "$.a.b['c'][0]": the root key and the steps below it. */
bool weir_flatten_path(weir_str text, weir_arena *arena, weir_flatten_field *out, weir_error *err);
#endif
