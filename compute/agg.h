/* compute/agg.h - one aggregator = one weir_agg in one file, named in one table (agg_table.c); JSON, SQL and ingest find it by name,
 * nothing else names it. States are plain bytes, 8-aligned, moved by memcpy; what grows is a handle into a weir_heap.
 * Zero aggregated rows is null unless the type says 0. Merge order is free: doubles agree within 1e-12. */
#ifndef COMPUTE_AGG_H
#define COMPUTE_AGG_H
#include "compute/expr.h"
#include "weir/reader.h"

struct json_t;

typedef enum weir_param_kind { /* how a parameter reads from JSON */
    WEIR_PARAM_COLUMN,  /* a column name (or "expression" instead): becomes an argument */
    WEIR_PARAM_COLUMNS, /* list of names or dimension specs: arguments */
    WEIR_PARAM_LONG,
    WEIR_PARAM_DOUBLE,
    WEIR_PARAM_BOOL,
    WEIR_PARAM_STRING,
} weir_param_kind;
typedef struct weir_param {
    const char *name;  /* JSON member */
    const char *alias; /* older name, or NULL */
    uint8_t kind;
    bool required;
    const char *fallback; /* default as JSON text, or NULL: null */
} weir_param;

/* What the user asked for: made by weir_agg_spec_parse, or by SQL. Lives in its arena, read-only. */
typedef struct weir_agg_spec {
    const struct weir_agg *agg;
    weir_str name;                 /* output */
    uint32_t arg_count;
    const weir_expr *const *args;  /* column or expression per argument, in the order of params (time column last for first/last) */
    const weir_value *values;      /* parallel to agg->params; arguments' own entries are null */
    const struct json_t *filter;   /* "filtered": the filter's JSON, else NULL; query/native_agg.c compiles it, ingest refuses it in metricsSpec unless it can */
    weir_str json;                 /* as Druid prints it (segmentMetadata, specs) */
} weir_agg_spec;
/* One object of "aggregations" or "metricsSpec". Errors name the member ("aggregations[1].fieldName"). `json` must outlive the arena's use. */
bool weir_agg_spec_parse(const struct json_t *json, const char *path, weir_arena *arena, weir_agg_spec *out, weir_error *err);
/* The same where dimension specs of all types may stand in COLUMNS: `read` makes an argument of item `index` of `member`. */
typedef struct weir_agg_dimensions {
    bool (*read)(void *self, const char *member, size_t index, const struct json_t *spec, const weir_expr **out, weir_error *err);
    void *self;
} weir_agg_dimensions;
bool weir_agg_spec_parse_with(const struct json_t *json, const char *path, const weir_agg_dimensions *dimensions, weir_arena *arena,
                              weir_agg_spec *out, weir_error *err);

/* A spec bound to argument types; read-only once planned, shared by all workers. */
typedef struct weir_agg_bound {
    const struct weir_agg *agg;
    const weir_agg_spec *spec;
    uint32_t arg_count;
    const weir_type *arg_types; /* of the columns as they are */
    weir_type *take;        /* set by plan: the kinds that add_* accept; callers cast first (weir_agg_args). UNKNOWN: any kind and form, LIST too */
    uint32_t state_size;    /* bytes, a multiple of 8 */
    weir_type out_type;     /* finalized */
    weir_type raw_type;     /* not finalized: COMPLEX for sketches, else == out_type */
    weir_type stored_type;  /* of a metric's column; UNKNOWN: raw_type */
    bool accepts_scaled;    /* SCALED vectors may be passed as arguments */
    bool takes_lists;       /* a row that is a list gives each of its elements; else it counts as null */
    const weir_value *text_is; /* what text that is no number counts as, null text too; NULL: null. Set by plan for columns of text */
    void *prepared;         /* the type's own */
} weir_agg_bound;

typedef enum weir_agg_fold { /* what may stand for many rows of an argument (metadata, sums on the encoded form) */
    WEIR_FOLD_NONE,
    WEIR_FOLD_COUNT, /* their number: no argument is read */
    WEIR_FOLD_SUM,   /* one row with the sum of the non-null ones */
    WEIR_FOLD_MIN,   /* one row with the least of them */
    WEIR_FOLD_MAX,
} weir_agg_fold;
typedef struct weir_agg {
    const char *type;     /* "longSum" */
    const char *sql_name; /* "SUM", or NULL */
    const weir_param *params;
    uint32_t param_count;
    uint8_t fold;         /* weir_agg_fold */
    bool finalizes;        /* raw and finalized forms differ (sketches): post-aggregators read the raw one */
    bool totals_by_state;  /* with `finalizes` or without: finalized values cannot be added up, raw ones can (combining) */
    bool needs_sketches;   /* a query's first argument must be a column of sketches; an event's may be text (base64) */
    const char *combining; /* type that merges stored rows of this metric: "longSum" for count; NULL: cannot be a metric column */
    /* Optional, once a spec's parameters are read: checks, and what depends on other parameters: defaults (`values` are the spec's), other arguments. */
    bool (*settle)(weir_agg_spec *spec, weir_value *values, weir_arena *arena, weir_error *err);
    /* argument types -> state_size, types, prepared. Memory from `arena`. b->agg, spec, arg_count, arg_types are set. */
    bool (*plan)(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err);
    void (*init)(const weir_agg_bound *b, void *state);
    /* One group: the rows of `sel` of arguments (cast by weir_agg_args) that have sel->n rows. */
    void (*add_one)(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args, const weir_sel *sel, weir_scratch *s);
    /* Row i of the arguments goes to the state at states + groups[i] * stride; groups[i] == WEIR_NO_ID: skip. Arguments may be any form but LIST is
     * only passed where the aggregator asked for it (plan). */
    void (*add_many)(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride, const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s);
    void (*merge)(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap, const void *from);
    /* Optional (NULL: merge one by one): state i of `from` into state i of `into`, n of them, each `stride` bytes from the next. */
    void (*merge_many)(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap, const void *from, size_t stride, uint32_t n);
    /* n states to a vector of n rows; memory from `s`. finalize false: raw_type. */
    void (*finish)(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride, uint32_t n, bool finalize, weir_scratch *s, weir_vec *out);
    /* Optional, before finish(finalize): true when a state failed while rows were added or merged (an expression); err says why. */
    bool (*failed)(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride, uint32_t n, weir_scratch *s, weir_error *err);
    size_t (*save)(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out); /* out NULL: size only */
    bool (*load)(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state, weir_error *err); /* hostile bytes */
    /* Row form of a metric at ingest: arguments of n rows -> column of the stored type. NULL: cannot be a metric column. */
    bool (*row)(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err);
} weir_agg;
const weir_agg *weir_agg_find(weir_str type); /* NULL: unknown */
const weir_agg *const *weir_agg_all(size_t *count);
bool weir_agg_bind(const weir_agg_spec *spec, const weir_type *arg_types, weir_arena *arena, weir_agg_bound *out, weir_error *err);
/* Casts arguments to the kinds that the aggregator takes; most often nothing is to be done. `out` has b->arg_count vectors. */
bool weir_agg_args(const weir_agg_bound *b, const weir_vec *args, weir_scratch *s, weir_vec *out, weir_error *err);
/* Type of the column that a metric is stored as. */
bool weir_agg_stored_type(const weir_agg_spec *spec, weir_type *out, weir_error *err);
/* The spec that merges the stored column `spec->name` (roll-up at seal, freeze, compaction; segmentMetadata's aggregators). */
bool weir_agg_combining(const weir_agg_spec *spec, weir_arena *arena, weir_agg_spec *out, weir_error *err);
#endif
