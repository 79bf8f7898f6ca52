/* ingest/append.c - see ingest/append.h. */
#include "ingest/append.h"

/* One row of the batch by itself. */
static bool append_row(weir_realtime *rt, const weir_input *input, uint32_t row, uint8_t source,
                       weir_scratch *scratch, weir_error *err)
{
    weir_vec *columns = WEIR_SCRATCH_ARRAY(scratch, weir_vec, input->column_count + 1);
    weir_input one = *input;
    one.n = 1;
    one.times = input->times + row;
    one.columns = columns;
    for (uint32_t c = 0; c < input->column_count; c++) {
        weir_vec_slice(&input->columns[c], row, 1, scratch, &columns[c]);
    }
    return weir_realtime_append(rt, &one, source, err);
}

uint32_t weir_append(weir_realtime *rt, const weir_input *input, uint8_t source,
                     const uint32_t *records, weir_reject_sink sink)
{
    weir_error err;
    if (input->n == 0 || weir_realtime_append(rt, input, source, &err)) {
        return input->n;
    }
    weir_scratch scratch = {0};
    uint32_t appended = 0;
    for (uint32_t i = 0; i < input->n; i++) {
        weir_mark mark = weir_scratch_mark(&scratch);
        if (append_row(rt, input, i, source, &scratch, &err)) {
            appended++;
        } else {
            sink.call(sink.self, WEIR_REJECT_UNPARSEABLE, records[i], err.message);
        }
        weir_scratch_rewind(&scratch, mark);
    }
    weir_scratch_done(&scratch);
    return appended;
}
