/* include/weir/inventory.h - which data there is, as Druid's coordinator and broker tell it: data
 * sources, their segments by interval, the one server that holds them. Segments are those of a
 * view: published ones, and the live ones beside them where Druid's servers would tell theirs. Any
 * thread; segments that were never read are opened (their interval is that of their bucket, which
 * their footer tells) but for names and for sizes of servers and tiers: so not the web's loop. */
#ifndef WEIR_INVENTORY_H
#define WEIR_INVENTORY_H
#include "weir/catalog.h"

#define WEIR_DATA_TIER "_default_tier"

typedef struct weir_inventory {
    weir_catalog *catalog;
    weir_str node; /* advertised host:port */
} weir_inventory;

typedef enum weir_detail { WEIR_DETAIL_NAMES, WEIR_DETAIL_SIMPLE, WEIR_DETAIL_FULL } weir_detail;
/* `published`: without live segments, and without data sources that have only those. */
void weir_inventory_datasources(const weir_inventory *inv, bool published, weir_detail detail,
                                weir_buf *out);
/* Names of all data sources that have or had rows. */
void weir_inventory_ever(const weir_inventory *inv, weir_buf *out);
/* False, in all below that have a name: there is no such data source (segment, server). */
bool weir_inventory_datasource(const weir_inventory *inv, weir_str name, bool published,
                               weir_detail detail, weir_buf *out);
/* NAMES: ids; FULL: whole. */
bool weir_inventory_segments(const weir_inventory *inv, weir_str name, bool published,
                             weir_detail detail, weir_buf *out);
bool weir_inventory_segment(const weir_inventory *inv, weir_str name, bool published, weir_str id,
                            weir_buf *out);
/* Published segments that overlap one of a JSON list of intervals; of an unknown name there are
 * none. False: it is no such list. */
bool weir_inventory_segments_in(const weir_inventory *inv, weir_str name, weir_str intervals,
                                weir_detail detail, weir_buf *out, weir_error *err);
/* All published segments of the `count` data sources (0: all); overshadowed: with what is known of
 * each besides. */
void weir_inventory_all_segments(const weir_inventory *inv, const weir_str *names, size_t count,
                                 bool overshadowed, bool live, weir_buf *out);
/* By interval, newest first: NAMES the intervals, SIMPLE size and count of each, FULL the segments.
 * `within`: only segments whose interval it contains; then NAMES are ids. NULL: all. */
bool weir_inventory_intervals(const weir_inventory *inv, weir_str name, const weir_interval *within,
                              weir_detail detail, weir_buf *out);
/* The same of all data sources; NAMES with `within`: one size and count. */
void weir_inventory_all_intervals(const weir_inventory *inv, const weir_interval *within,
                                  weir_detail detail, weir_buf *out);
/* Who would be asked for rows of these intervals. An unknown name has no candidates. */
void weir_inventory_candidates(const weir_inventory *inv, weir_str name,
                               const weir_interval *intervals, size_t count, weir_buf *out);
/* Segments that overlap the interval, whole, and who has them. */
void weir_inventory_served(const weir_inventory *inv, weir_str name, weir_interval within,
                           weir_buf *out);
/* The tiers; simple: how large they are. */
void weir_inventory_tiers(const weir_inventory *inv, bool simple, weir_buf *out);
/* Names of the data sources of a tier; simple: {name: {interval: {"size", "count"}}}. */
void weir_inventory_tier(const weir_inventory *inv, weir_str tier, bool simple, weir_buf *out);
/* How much of what is published can be read: NAMES per cent, SIMPLE segments that cannot, FULL the
 * same by tier. name.at NULL: of each data source; `within` with a name; false then also when it
 * has no segments there. */
bool weir_inventory_load(const weir_inventory *inv, weir_str name, const weir_interval *within,
                         weir_detail detail, weir_buf *out);
void weir_inventory_servers(const weir_inventory *inv, weir_detail detail, weir_buf *out);
bool weir_inventory_server(const weir_inventory *inv, weir_str name, weir_detail detail,
                           weir_buf *out);
bool weir_inventory_server_segments(const weir_inventory *inv, weir_str name, weir_detail detail,
                                    weir_buf *out);
#endif
