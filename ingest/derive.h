/* ingest/derive.h - columns that expressions make of an event's fields before they become
 * dimensions and metrics' inputs: transformSpec's transforms, and metrics over expressions. An
 * expression sees the fields under their names, `__time` as long, and the columns derived before
 * it. Values are typed as the batch has them: numbers where all are numbers, text where some are,
 * objects as COMPLEX<json>. One per ingest thread. */
#ifndef INGEST_DERIVE_H
#define INGEST_DERIVE_H
#include "ingest/convert.h"
#include "weir/row_filter.h"

/* transformSpec: lives in the spec's arena. */
typedef struct weir_transform_spec {
    uint32_t count;
    const weir_str *names; /* distinct */
    const weir_expr *const *exprs;
    const struct json_t *filter; /* NULL: none */
} weir_transform_spec;
/* `json` NULL: an empty one. Borrows from `json`. Errors name the member. */
bool weir_transform_spec_parse(const struct json_t *json, weir_arena *arena,
                               weir_transform_spec *out, weir_error *err);
/* Names that transforms and filter read. */
bool weir_transform_spec_columns(const weir_transform_spec *spec,
                                 void (*see)(void *self, weir_str name), void *self,
                                 weir_error *err);

typedef struct weir_derive weir_derive;
/* Expressions that do not see each other. Borrows all. wanted (NULL: none): per expression the
 * weir_kind that JSON values out of objects are cast to; UNKNOWN: they stay COMPLEX<json>. */
weir_derive *weir_derive_new(const weir_expr *const *exprs, const uint8_t *wanted, uint32_t count,
                             weir_fields *fields);
void weir_derive_free(weir_derive *derive); /* NULL is fine */
/* One vector per expression into `out` (FLAT, CONST or LIST of FLAT). False: some row fails, `err`
 * says why. `only` NULL: all rows; else only this row counts. */
bool weir_derive_run(weir_derive *derive, const weir_convert *events, const int64_t *times,
                     const weir_named_vecs *known, const weir_sel *only, weir_vec *out,
                     weir_error *err);
/* The last run failed because the expressions do not fit the fields' types: all rows of the batch
 * fail alike. */
bool weir_derive_is_untyped(const weir_derive *derive);
/* The field as a vector of its natural type. */
void weir_derive_field(const weir_convert *events, uint32_t column, weir_vec *out);
#endif
