/* include/weir/row_filter.h - filters of events that are no rows yet (transformSpec, filtered
 * metrics). What a filter means is query's business and the rows are ingest's: the program hands
 * the one to the other, once, before anything starts. */
#ifndef WEIR_ROW_FILTER_H
#define WEIR_ROW_FILTER_H
#include "compute/vec.h"

struct json_t;

/* Up to 4,096 rows as named vectors; a name that is not here is null everywhere. */
typedef struct weir_named_vecs {
    uint32_t n, count;
    const weir_str *names;
    const weir_vec *vecs; /* FLAT, CONST or LIST of FLAT */
} weir_named_vecs;

typedef struct weir_row_filter weir_row_filter; /* one thread at a time */
typedef struct weir_row_filter_ops {
    /* A Druid filter. `json` must outlive it. Errors name the member below `path`. */
    weir_row_filter *(*parse)(const struct json_t *json, const char *path, weir_error *err);
    void (*free)(weir_row_filter *filter); /* NULL is fine */
    void (*columns)(const weir_row_filter *filter, void (*see)(void *self, weir_str name),
                    void *self);
    /* The rows that are true; memory from `s`. */
    bool (*run)(weir_row_filter *filter, const weir_named_vecs *rows, weir_scratch *s,
                weir_sel *out, weir_error *err);
} weir_row_filter_ops;
/* Not thread-safe: before threads start. */
void weir_row_filters_install(const weir_row_filter_ops *ops);
const weir_row_filter_ops *weir_row_filters(void); /* NULL: none */
/* A filter of an ingestion spec: what is wrong with it is BAD_REQUEST; UNSUPPORTED: Druid has it, weir not, or no filters are installed. NULL: err is set. */
weir_row_filter *weir_row_filter_of_spec(const struct json_t *json, const char *path, weir_error *err);
#endif
