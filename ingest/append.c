/* ingest/append.c - see ingest/append.h. */
#include "ingest/append.h"
#include <stdlib.h>

typedef struct known {
    weir_str name; /* owned */
    uint8_t kind;
} known;
struct weir_append_kinds {
    known *at;
    uint32_t count, capacity;
};

weir_append_kinds *weir_append_kinds_new(void)
{
    return weir_calloc(1, sizeof(weir_append_kinds));
}

void weir_append_kinds_reset(weir_append_kinds *kinds)
{
    while (kinds->count > 0) {
        free((void *)kinds->at[--kinds->count].name.at);
    }
}

void weir_append_kinds_free(weir_append_kinds *kinds)
{
    if (kinds) {
        weir_append_kinds_reset(kinds);
        free(kinds->at);
        free(kinds);
    }
}

static known *find(weir_append_kinds *kinds, weir_str name, uint32_t guess)
{
    if (guess < kinds->count && weir_str_eq(kinds->at[guess].name, name)) {
        return &kinds->at[guess]; /* columns mostly come in one order */
    }
    for (uint32_t i = 0; i < kinds->count; i++) {
        if (weir_str_eq(kinds->at[i].name, name)) {
            return &kinds->at[i];
        }
    }
    return NULL;
}

bool weir_append_kinds_fit(weir_append_kinds *kinds, const weir_input *input)
{
    for (uint32_t i = 0; i < input->column_count; i++) {
        const known *k = find(kinds, input->names[i], i);
        if (k && input->columns[i].type.kind > k->kind) {
            return false; /* WEIR_LONG < WEIR_DOUBLE < WEIR_STRING */
        }
    }
    for (uint32_t i = 0; i < input->column_count; i++) {
        if (find(kinds, input->names[i], i)) {
            continue;
        }
        if (kinds->count == kinds->capacity) {
            kinds->capacity = kinds->capacity * 2 + 32;
            kinds->at = weir_realloc(kinds->at, kinds->capacity * sizeof(known));
        }
        kinds->at[kinds->count++] =
            (known){weir_str_dup(input->names[i]), input->columns[i].type.kind};
    }
    return true;
}

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
