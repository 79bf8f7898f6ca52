/* query/write_native.h - what the writers of native answers share. A writer appends JSON to a
 * buffer that is not its own and that may be emptied between calls; between two rows it holds no
 * more than a few words of state. */
#ifndef QUERY_WRITE_NATIVE_H
#define QUERY_WRITE_NATIVE_H
#include "query/native_json.h"

struct weir_native_writer {
    const weir_native_writer_ops *ops;
    const weir_native_query *query;
    const weir_native_part *part;
    weir_view *const *views;
    uint32_t view_count;
    const weir_type *types; /* of the root's outputs */
    const weir_str *keys;   /* shown names as JSON text */
    weir_json json;
    weir_scratch scratch; /* of one batch */
    uint64_t row_count;
    bool open;      /* a bucket's list (topN, search), a batch's events */
    int64_t bucket; /* of the open list */
    bool has_time;  /* the last bucket\'s time as JSON text: rows of one bucket come together */
    int64_t time_ms;
    char time_text[48];
    size_t time_size;
    struct weir_totals *totals; /* timeseries: grandTotal */
};
void weir_write_value(weir_json *json, const weir_vec *vec, uint32_t row); /* vec: flattened */
/* As text in the granularity's zone (NULL: UTC), or a number of ms where the context wants it. */
void weir_write_time(weir_native_writer *w, weir_json *json, int64_t ms,
                     const weir_granularity *gran);
void weir_write_member_time(weir_native_writer *w, const char *key, int64_t ms,
                            const weir_granularity *gran);
/* The shown columns of a row as members. */
void weir_write_shown(weir_native_writer *w, const weir_batch *batch, uint32_t row);
/* Rows of the views' segments that touch the query's intervals? */
bool weir_write_any_segment(const weir_native_writer *w);

/* write_totals.c: the row of sums under a timeseries ("grandTotal"), of the rows that were written.
 * NULL with err: an aggregate cannot be added up. */
typedef struct weir_totals weir_totals;
bool weir_totals_new(const weir_native_writer *w, weir_totals **out, weir_error *err);
void weir_totals_add(weir_totals *totals, const weir_batch *flat, weir_scratch *scratch);
/* One row of all shown columns. */
bool weir_totals_finish(weir_totals *totals, weir_scratch *scratch, weir_vec *shown,
                        weir_error *err);
void weir_totals_free(weir_totals *totals);
#endif
