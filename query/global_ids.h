/* query/global_ids.h - ids that mean the same string in every segment of a table: per column one growing set of values, and per dictionary
 * met a map local id -> global id. Kept between queries, bounded, so that partials of many segments merge without touching a string.
 * Nothing may assume that they exist: a column with a million values, or one that another query is just extending, has none for this query. */
#ifndef QUERY_GLOBAL_IDS_H
#define QUERY_GLOBAL_IDS_H
#include "compute/vec.h"

typedef struct weir_global_ids weir_global_ids; /* any thread */
weir_global_ids *weir_global_ids_new(void);
void weir_global_ids_free(weir_global_ids *ids); /* no column is held any more */
size_t weir_global_ids_bytes(weir_global_ids *ids);

typedef struct weir_global_column { /* held by a query until given back */
    weir_dict dict;                  /* the values: count is what this query may see */
    struct weir_global_values *values;
    const uint32_t **maps;           /* per dictionary asked for; entry 0 is 0 */
} weir_global_column;
/* Maps of `count` dictionaries (NULL entries have none), made where they are missing. False: not now, or never; err is set only when ctl says
 * stop or a dictionary is damaged. `rows`: about how many rows the query reads: maps are not made for less than they cost. */
bool weir_global_column_take(weir_global_ids *ids, weir_str table, weir_str column, const weir_dict *const *dicts, uint32_t count, uint64_t rows,
                             weir_ctl *ctl, weir_scratch *s, weir_arena *arena, weir_global_column *out, weir_error *err);
void weir_global_column_give(weir_global_ids *ids, weir_global_column *column);
#endif
