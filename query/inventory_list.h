/* query/inventory_list.h - segments of one table or of all, listed for one answer of the inventory:
 * taken from the tables' views, narrowed, sorted, written. */
#ifndef QUERY_INVENTORY_LIST_H
#define QUERY_INVENTORY_LIST_H
#include "weir/inventory.h"

typedef struct weir_listed {
    weir_str table;
    const weir_rows *rows;
    weir_str version; /* what the id ends with */
    uint64_t size_bytes, row_count;
    bool broken; /* cannot be read */
} weir_listed;

/* Segments of one table, or of all. */
typedef struct weir_listing {
    weir_arena *arena; /* holds the views */
    weir_listed *at;
    size_t count, capacity;
} weir_listing;
/* Of the tables that are named, each once; `published`: without what is live. To be dropped. */
weir_listing weir_list_some(const weir_inventory *inv, const weir_str *names, size_t count,
                            bool published);
weir_listing weir_list_named(const weir_inventory *inv, weir_str name, bool published);
weir_listing weir_list_all(const weir_inventory *inv, bool published);
void weir_list_drop(weir_listing *l);
/* Segments that are not within the interval go (NULL: all stay); that overlap none of them. */
void weir_list_within(weir_listing *l, const weir_interval *interval);
void weir_list_touching(weir_listing *l, const weir_interval *intervals, size_t count);
/* Newest interval first, each one's segments by table. */
void weir_list_sort(weir_listing *l);
/* One past the last segment that lies in the interval of segment i (and, by_table, in its table).
 */
size_t weir_list_run_end(const weir_listing *l, size_t i, bool by_table);
uint64_t weir_list_bytes(const weir_listing *l, size_t from, size_t end);
/* NAMES: ids; FULL: whole. */
void weir_list_put(weir_json *json, const weir_listing *l, weir_detail detail);
void weir_listed_put(weir_json *json, const weir_listed *s);
void weir_listed_put_members(weir_json *json, const weir_listed *s);
/* {"metadata": the segment, "servers": [us]} */
void weir_listed_put_served(weir_json *json, const weir_inventory *inv, const weir_listed *s);
weir_str weir_listed_interval(char text[82], weir_interval interval);
#endif
