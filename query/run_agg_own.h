/* query/run_agg_own.h - between run_agg.c (binding, blocks), run_agg_merge.c (lanes to one table, sets) and run_agg_out.c (batches). */
#ifndef QUERY_RUN_AGG_OWN_H
#define QUERY_RUN_AGG_OWN_H
#include "query/run_agg.h"

enum { WEIR_MAPS = 64 };

typedef struct weir_agg_lane { /* what one lane has grouped so far */
    weir_heap *heap;
    weir_cells cells;
    uint32_t cells_seg;   /* segment whose local codes number the cells; WEIR_NO_ID: none, or global codes */
    bool in_cells;        /* the current segment goes to cells */
    uint32_t seg;         /* current segment */
    uint32_t *dims;       /* per code: cells are numbered mixed radix, code 0 fastest */
    uint64_t *bases;      /* per code: the smallest code that a cell stands for */
    const weir_dict **dicts; /* per code: the segment's dictionary; NULL: global codes, or none */
    weir_groups groups;
    weir_code_maps *maps; /* per code */
    uint64_t apart_rows;  /* > 0: these groups are of one unit of so many rows (run_agg_cache.h) */
} weir_agg_lane;

struct weir_agg_run {
    weir_stage stage;
    const weir_node_agg *node;
    weir_slots *names;
    weir_scan *scan;            /* NULL: over batches */
    const weir_agg_times *times; /* of batches; NULL: they have none */
    const weir_node_rows *rows; /* of the scan or the times; NULL: none */
    uint32_t time_slot;         /* among names; over batches with time buckets */
    int64_t min_ms, max_ms;     /* over batches: all times are brought in between */
    weir_port *port;      /* keys, then arguments */
    uint32_t arg_count;
    weir_aggs aggs;
    uint32_t *arg_from;   /* per aggregator: its first argument among the port's wants */
    uint32_t *filter_of;  /* per aggregator: its filter, or WEIR_NO_ID; equal filters are one */
    uint32_t filter_count;
    weir_pred **filters;
    weir_slots *accept_names; /* per key */
    weir_pred **accept;   /* per key: its list filter */
    weir_buckets buckets;
    weir_keys keys;
    uint64_t fingerprint; /* of the plan leaf: partials of another one are refused */
    bool prepared, direct; /* direct: all codes are global */
    bool compact;          /* cells may be 8 bytes per aggregator */
    uint32_t lane_count;
    weir_agg_lane *lanes;
    struct weir_agg_units *units; /* run_agg_cache.c; NULL: none */
    weir_hull *hulls;
    uint32_t hull_count;
    int64_t all_ms;
    uint32_t output_count;
    weir_str *output_names;
    weir_type *output_types;
    /* results */
    weir_groups *sets;    /* per grouping set; NULL: lanes[0] */
    uint32_t set_at;
    uint32_t at;          /* next group, cell or bucket */
    uint32_t *order;      /* groups by bucket, when that is the order */
    weir_area order_area;
    bool emitted;
};

void weir_agg_run_lane_init(weir_agg_run *agg, weir_agg_lane *own);
void weir_agg_run_lane_done(weir_agg_run *agg, weir_agg_lane *own);
/* The groups of `from` are added to those of `into`; both have no cells. */
bool weir_agg_run_add(weir_agg_run *agg, weir_lane *lane, weir_agg_lane *into, const weir_agg_lane *from);
/* Cells of the current segment become groups of the lane's table. */
bool weir_agg_run_fold(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane);
#endif
