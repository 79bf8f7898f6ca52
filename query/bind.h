/* query/bind.h - a plan bound to views: pipelines in the order in which they run. */
#ifndef QUERY_BIND_H
#define QUERY_BIND_H
#include "query/run_join.h"
#include "query/run_scan.h"

typedef enum weir_pipe_end { WEIR_PIPE_SCAN, WEIR_PIPE_AGG, WEIR_PIPE_SORT, WEIR_PIPE_TABLE, WEIR_PIPE_REST, WEIR_PIPE_OUT } weir_pipe_end;
typedef struct weir_pipe { /* source -> changes -> sink */
    uint8_t from, to;        /* weir_pipe_end */
    weir_scan *scan;         /* from SCAN */
    weir_scan_run *scan_run; /* unless fused */
    bool fused;              /* SCAN straight into AGG */
    bool spread;             /* SCAN by all lanes, through changes that any lane may run, into AGG */
    weir_join_run *from_join; /* from REST: right rows that met none */
    weir_agg_run *from_agg, *to_agg;
    weir_sort_run *from_sort, *to_sort;
    weir_table_rows *table;  /* to TABLE: made when it begins */
    weir_scan *table_for;    /* whose rows it becomes */
    weir_join_run *table_join; /* or whose right side */
    bool first_in, last_in;  /* of the pipes into this sink */
    uint32_t change_count;
    weir_change **changes;
    uint32_t column_count;   /* into the sink */
    const weir_str *names;
    const weir_type *types;
} weir_pipe;

typedef struct weir_bound {
    weir_stage stage;
    weir_view *const *views;
    uint32_t view_count;
    uint32_t pipe_count, pipe_capacity;
    weir_pipe **pipes;
    uint32_t column_count; /* of the root */
    const weir_str *names;
    const weir_type *types;
} weir_bound;
/* stage, views and view_count are set. After a failure too weir_bound_done is called. */
bool weir_bind(weir_bound *bound, const weir_node *root, weir_error *err);
void weir_bound_done(weir_bound *bound);
#endif
