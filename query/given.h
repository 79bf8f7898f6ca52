/* query/given.h - rows that a query brings along (inline) or names (the entries of a lookup): a
 * plan's leaf that needs no segments. Read-only, in the plan's arena; a run makes a table in memory
 * of it when it comes to it. */
#ifndef QUERY_GIVEN_H
#define QUERY_GIVEN_H
#include "compute/lookup.h"
#include "query/table_rows.h"

/* As Druid names segments that are none. */
#define WEIR_GIVEN_INTERVAL                                                                        \
    "_-146136543-09-08T08:23:32.096Z_146140482-04-24T15:36:27.903Z_dummy_version"
#define WEIR_INLINE_ID "inline" WEIR_GIVEN_INTERVAL

typedef struct weir_given {
    weir_str id; /* segment id that scan prints */
    uint32_t column_count, row_count;
    const weir_str *names;
    const weir_type *types;
    const bool *untyped; /* by column: the type is only what was found in the rows; NULL: none */
    const weir_vec *columns; /* inline: FLAT or LIST over all rows */
    const weir_lookup
        *lookup;   /* instead of columns: "k" and "v" of this version, which the arena holds */
    uint64_t hash; /* of the rows, for fingerprints */
} weir_given;

/* False: over budget, or the query ended (a look at ctl per 4,096 rows). The caller frees the
 * table. */
bool weir_given_load(const weir_given *given, weir_ctl *ctl, weir_scratch *s, weir_table_rows **out,
                     weir_error *err);
#endif
