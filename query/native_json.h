/* query/native_json.h - what the native_*.c files share: reading members as Jackson does (scalars
 * become the wanted type, null is absent, unknown members are ignored), errors that name the place
 * in the request, and the parts a query is made of. Nobody else includes this. */
#ifndef QUERY_NATIVE_JSON_H
#define QUERY_NATIVE_JSON_H
#include <jansson.h>
#include "query/filter_types.h"
#include "query/native.h"

#define WEIR_NATIVE_DEPTH 200

/* Where in the request: a chain on the stack, printed only when something is wrong. member NULL:
 * element `index` of a list. */
typedef struct weir_at {
    const struct weir_at *up;
    const char *member;
    size_t index;
} weir_at;
#define WEIR_AT(at, name) (&(const weir_at){(at), (name), 0})
#define WEIR_AT_ITEM(at, i) (&(const weir_at){(at), NULL, (i)})
weir_str weir_at_path(weir_arena *arena,
                      const weir_at *at); /* "aggregations[1].fieldName"; "" at the top */

struct weir_native;
/* What waits for the views; parts of inner queries come before those of outer ones. */
typedef struct weir_native_later {
    bool (*call)(struct weir_native *n, void *self, weir_view *const *views, uint32_t view_count);
    void *self;
    struct weir_native_later *next;
} weir_native_later;

/* One request being lowered. */
typedef struct weir_native {
    weir_arena *arena;
    weir_error *err;
    weir_native_query *query;
    uint32_t depth;    /* of nested queries, filters, ... */
    uint32_t inner;    /* queries around this one: their inner ones give states, not finalized */
    uint32_t agg_count; /* of the query whose post-aggregators are read */
    weir_agg_use *aggs;
    struct weir_native_grouping *groupings; /* of that query */
    bool context_only; /* reading the context: bad values are BAD_CONTEXT */
} weir_native;
void weir_native_wait(weir_native *n,
                      bool (*call)(weir_native *n, void *self, weir_view *const *views,
                                   uint32_t view_count),
                      void *self); /* at the end of query->later */
bool weir_native_fail(weir_native *n, const weir_at *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool weir_native_unsupported(weir_native *n, const weir_at *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool weir_native_enter(weir_native *n, const weir_at *at); /* one level deeper; false: too deep */
void weir_native_leave(weir_native *n);

/* The member, or NULL when absent or null. `alias` may be NULL. */
const json_t *weir_native_get(const json_t *object, const char *name, const char *alias);
/* A scalar as Jackson gives it to a String: text, number, boolean. at NULL: absent or null. */
bool weir_native_text(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      weir_str *out);
bool weir_native_need_text(weir_native *n, const weir_at *at, const json_t *object,
                           const char *name, weir_str *out);
bool weir_native_scalar_text(weir_native *n, const weir_at *at, const json_t *value, weir_str *out);
bool weir_native_bool(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      bool fallback, bool *out);
bool weir_native_long(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      int64_t fallback, int64_t *out);
bool weir_native_value(
    weir_native *n, const weir_at *at, const json_t *json,
    weir_value *out); /* null, long, double, string (booleans: long), list: array */
/* A list of parts of a query, each of which may be compared with each (absent: empty): of more than
 * WEIR_NATIVE_PARTS the query is refused. *out is NULL when absent. */
#define WEIR_NATIVE_PARTS 10000
bool weir_native_list(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      const json_t **out, size_t *count);
/* A list of any length: values, fields of a filter. */
bool weir_native_values(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                        const json_t **out, size_t *count);
/* The list "values" that must be there, its scalars as texts (null stays null): an ARRAY<STRING>. */
bool weir_native_text_values(weir_native *n, const weir_at *at, const json_t *object,
                             weir_value *out);
/* RESOURCE: "Resource limit exceeded". */
bool weir_native_too_large(weir_native *n, const weir_at *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool weir_native_object(weir_native *n, const weir_at *at,
                        const json_t *json); /* is one, else an error */
bool weir_native_need_type(weir_native *n, const weir_at *at, const json_t *json,
                           weir_str *out); /* an object with "type" */

/* A growing list of distinct names, in order of arrival. */
typedef struct weir_names {
    weir_arena *arena;
    uint32_t count, capacity;
    weir_str *at;
} weir_names;
bool weir_names_add(weir_names *names, weir_str name); /* false: was there */
bool weir_names_has(const weir_names *names, weir_str name, uint32_t *index);
void weir_names_see(void *self, weir_str name); /* for weir_expr_columns and weir_filter_columns */

/* native_time.c */
bool weir_native_intervals(weir_native *n, const weir_at *at, const json_t *json, uint32_t *count,
                           const weir_interval **out);
bool weir_native_granularity(weir_native *n, const weir_at *at, const json_t *json,
                             weir_granularity *out); /* NULL: all */

/* native_filter.c */
bool weir_native_filter(weir_native *n, const weir_at *at, const json_t *json,
                        weir_filter **out); /* NULL json: NULL. Normal form */
/* native_find.c: a search query spec as a filter. */
bool weir_native_search_query(weir_native *n, const weir_at *at, const json_t *json,
                              weir_target target, weir_filter **out);
/* The same as an expression over text: 1, 0 or null. */
bool weir_native_search_expr(weir_native *n, const weir_at *at, const json_t *json,
                             const weir_expr *text, const weir_expr **out);
bool weir_native_having(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out);
bool weir_native_ordering(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_ordering *fallback, const weir_ordering **out);

/* native_dim.c */
bool weir_native_dimension(weir_native *n, const weir_at *at, const json_t *json, weir_key *out);
/* A dimension spec of any type as an expression: of the filtered ones, the elements that pass. */
bool weir_native_dimension_expr(weir_native *n, const weir_at *at, const json_t *json,
                                const weir_expr **out);
/* The elements of `input` that are in "values", or with `allows` (a flag's name) false those that
 * are not. */
bool weir_native_filter_in(weir_native *n, const weir_at *at, const json_t *json,
                           const char *allows, const weir_expr *input, const weir_expr **out);
/* The function of a spec of type extraction or lookup, over `input`. */
bool weir_native_dimension_fn(weir_native *n, const weir_at *at, const json_t *json,
                              const weir_expr *input, const weir_expr **out);
bool weir_native_output_type(weir_native *n, const weir_at *at, const json_t *object,
                             const char *name, weir_type *out);
/* native_virtual.c: one virtual column, and "virtualColumns". */
bool weir_native_virtual(weir_native *n, const weir_at *at, const json_t *json, weir_virtual *out);
bool weir_native_virtuals(weir_native *n, const weir_at *at, const json_t *query, uint32_t *count,
                          const weir_virtual **out);
/* native_extract.c: an extraction function over `input` as an expression. */
bool weir_native_extraction(weir_native *n, const weir_at *at, const json_t *json,
                            const weir_expr *input, const weir_expr **out);

/* native_lookup.c: extraction functions of these types; the dimension spec of type lookup, over
 * `input`; and whether a dimension spec's function is said to map no two values to one. */
bool weir_native_lookup(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_expr *input, const weir_expr **out);
bool weir_native_registered_lookup(weir_native *n, const weir_at *at, const json_t *json,
                                   const weir_expr *input, const weir_expr **out);
bool weir_native_lookup_dimension(weir_native *n, const weir_at *at, const json_t *json,
                                  const weir_expr *input, const weir_expr **out);
bool weir_native_one_to_one(const json_t *dimension);
/* A dimension's function that maps no two values to one is applied to rows of the answer: as in
 * Druid they are grouped, sorted and limited by the values that go in. Then *out is the function
 * over the key's name, and the key the plain dimension; else *out is NULL. */
bool weir_native_postpone(weir_native *n, const weir_at *at, const json_t *json, weir_key *key,
                          const weir_expr **out);
/* Each key's postponed function (or NULL) over sorted rows: the bucket, then the keys, the rest. */
weir_node *weir_native_postponed(weir_native *n, weir_node *child, uint32_t key_count,
                                 const weir_expr *const *after);

/* native_agg.c, native_postagg.c */
bool weir_native_aggs(weir_native *n, const weir_at *at, const json_t *query, uint32_t *count,
                      weir_agg_use **out);
/* Name of the aggregate's raw form as an output, which is then made; its own name where they do not differ, or where no aggregate has it. */
weir_str weir_native_raw(weir_native *n, weir_str name);
void weir_native_states(weir_native *n); /* raw outputs of all aggregates that have them: a grand total adds those up */
/* native_grouping.c: the aggregator of that type; and AGG's outputs with the numbers of all of them. */
typedef struct weir_native_grouping {
    const weir_agg_use *use;
    uint32_t count;
    const weir_str *names; /* dimensions */
    struct weir_native_grouping *next;
} weir_native_grouping;
bool weir_native_grouping_parse(weir_native *n, const weir_at *at, const json_t *json, weir_agg_use *out);
weir_node *weir_native_groupings(weir_native *n, weir_node *agg);
typedef struct weir_postagg {
    weir_str name;
    const weir_expr *expr;
} weir_postagg;
/* One post-aggregator; name.at is NULL when it has none. Those in "field" and "fields" are read alike. */
bool weir_native_postagg(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out);
bool weir_native_postagg_fields(weir_native *n, const weir_at *at, const json_t *json, const weir_expr ***out, size_t *count); /* "fields": at least one */
/* "value": base64 of a sketch of the complex type, as a constant. reads: whether bytes are one (memory from `s`); `what` says what is wanted. */
bool weir_native_sketch_constant(weir_native *n, const weir_at *at, const json_t *json, const char *type, const char *what, bool (*reads)(weir_str bytes, weir_scratch *s),
                                 weir_postagg *out);
typedef struct weir_postagg_type { /* a row of a native_postagg*.c's table */
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out); /* sets expr; name is set */
} weir_postagg_type;
typedef struct weir_postagg_set {
    const weir_postagg_type *types;
    size_t count;
} weir_postagg_set;
extern const weir_postagg_set weir_postaggs_theta, weir_postaggs_tuple, weir_postaggs_quantiles, weir_postaggs_variance, weir_postaggs_hll; /* native_postagg_<name>.c */
bool weir_native_postaggs(weir_native *n, const weir_at *at, const json_t *query, uint32_t *count,
                          const weir_postagg **out);
const weir_expr *weir_native_cast(weir_native *n, const weir_expr *expr,
                                  const char *type); /* "STRING", ... */
bool weir_native_expr(weir_native *n, const weir_at *at, weir_str text, const weir_expr **out);

/* native_context.c */
typedef struct weir_native_options { /* context members that shape one query (nested ones have their
                                        own) */
    bool skip_empty_buckets, grand_total, result_as_array, sort_by_dims_first, finalize;
    bool force_limit_push_down, time_as_long;
    weir_str timestamp_result_field; /* at NULL: none */
} weir_native_options;
bool weir_native_context_read(weir_native *n, const json_t *query, weir_native_context *out);
bool weir_native_options_read(weir_native *n, const json_t *query, weir_native_options *out);

/* What a query became: its plan and what a writer or an outer query needs to know. */
typedef struct weir_native_column { /* a shown output */
    weir_str name;
    uint32_t column; /* of the root's outputs */
} weir_native_column;
typedef struct weir_native_part {
    const struct weir_native_type *type;
    const json_t *json;
    weir_native_options options;
    weir_granularity granularity;
    uint32_t interval_count;
    const weir_interval *intervals;
    bool eternal;         /* no intervals were given */
    weir_node *root;      /* NULL: metadata */
    weir_node_rows *rows; /* the leaf, for bind */
    bool has_bucket;      /* output 0 is the bucket's start */
    uint32_t shown_count;
    const weir_native_column *shown;
    uint32_t key_count; /* of the shown ones, those that come first and are dimensions */
    uint32_t agg_count;
    const weir_agg_use *aggs;
    uint32_t postagg_count;
    const weir_postagg *postaggs;
    uint32_t result_format; /* scan */
    weir_str bound;         /* timeBoundary */
    void *meta;             /* metadata queries: their own parameters */
} weir_native_part;
enum { WEIR_SCAN_LIST, WEIR_SCAN_COMPACTED, WEIR_SCAN_VALUES };

/* One query type: a row of native_query.c's table. */
typedef struct weir_native_type {
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part);
    /* After the views are known: columns left open. NULL: nothing is open. */
    bool (*bind)(weir_native *n, weir_native_part *part, weir_view *const *views,
                 uint32_t view_count);
    const struct weir_native_writer_ops *writer; /* NULL: metadata */
    bool (*meta)(const weir_native_part *part, weir_view *const *views, uint32_t view_count,
                 weir_ctl *ctl, weir_json *out, weir_error *err); /* NULL: a plan */
} weir_native_type;
bool weir_native_part_parse(weir_native *n, const weir_at *at, const json_t *json,
                            weir_native_part *out);
/* These intervals of the table are read. */
void weir_native_reads(weir_native *n, weir_str table, uint32_t count, const weir_interval *intervals);
/* Nothing but this is read of the query's tables: the outermost query alone may say so. */
void weir_native_reads_only(weir_native *n, const weir_view_need *need);
/* "dataSource", "intervals", "filter", "virtualColumns" into a ROWS leaf without columns: the
 * caller sets them and resolves the node. part->json is set. */
bool weir_native_rows(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part,
                      bool need_intervals, weir_node **out);
bool weir_native_source(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows); /* native_source.c */
/* A data source under another one, as a node: its leftmost rows have the intervals of `over` (NULL:
 * eternity). NULL: n->err says why. */
weir_node *weir_native_source_node(weir_native *n, const weir_at *at, const json_t *json,
                                   const weir_native_part *part, const weir_node_rows *over);
/* native_join.c */
bool weir_native_join(weir_native *n, const weir_at *at, const json_t *json,
                      const weir_native_part *part, weir_node_rows *rows);
bool weir_native_unnest(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows);
bool weir_native_filtered(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_native_part *part, weir_node_rows *rows);
bool weir_native_union_node(weir_native *n, const weir_at *at, const json_t *list,
                            const weir_native_part *part, weir_node_rows *rows);
/* The columns that rows have of themselves, in order: what a scan over all columns shows. Types are
 * UNKNOWN where only a run knows them. Once the views are there and what was open below is bound. */
typedef struct weir_native_signature {
    weir_names names;
    weir_type *types; /* by name; `metric` likewise */
    bool *metric;
} weir_native_signature;
void weir_native_signature_of(weir_native *n, const weir_node_rows *rows, weir_view *const *views,
                              uint32_t view_count, weir_native_signature *out);
/* native_given.c */
bool weir_native_inline(weir_native *n, const weir_at *at, const json_t *json,
                        weir_node_rows *rows);
bool weir_native_lookup_rows(weir_native *n, const weir_at *at, const json_t *json,
                             weir_node_rows *rows);

/* native_group.c: what timeseries, topN and groupBy share. */
typedef struct weir_grouping {
    weir_node_agg agg; /* shape, bucket, keys, ... set by the caller; aggregators and child by
                          weir_native_group */
    weir_node *root;   /* after it: AGG, or the PROJECT of its post-aggregators */
} weir_grouping;
bool weir_native_group(weir_native *n, const weir_at *at, const json_t *json,
                       weir_native_part *part, weir_grouping *group);
/* Output column of a shown name. */
bool weir_native_shown(const weir_native_part *part, weir_str name, uint32_t *column);
/* False, with the error: the aggregate of that name has a comparator of its own. */
bool weir_native_orderable(weir_native *n, const weir_at *at, const weir_native_part *part,
                           weir_str name);
weir_node *weir_native_sort(weir_native *n, weir_node *child, const weir_sort_key *keys,
                            uint32_t key_count, int64_t limit, int64_t offset, bool per_bucket);

/* The types' own files. */
extern const weir_native_type weir_native_timeseries, weir_native_topn, weir_native_groupby,
    weir_native_scan, weir_native_search, weir_native_time_boundary, weir_native_segment_metadata,
    weir_native_datasource_metadata;

/* Writers: write_native.c and beside it. */
typedef struct weir_native_writer_ops {
    void (*begin)(weir_native_writer *w);
    bool (*batch)(weir_native_writer *w, const weir_batch *flat,
                  weir_error *err); /* columns FLAT, CONST or LIST */
    bool (*end)(weir_native_writer *w, weir_error *err);
} weir_native_writer_ops;
extern const weir_native_writer_ops weir_write_timeseries, weir_write_topn, weir_write_groupby,
    weir_write_scan, weir_write_search, weir_write_time_boundary;
#endif
