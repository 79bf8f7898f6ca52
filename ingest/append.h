/* ingest/append.h - a transformed batch into a live segment, row by row where the batch as a whole is refused. */
#ifndef INGEST_APPEND_H
#define INGEST_APPEND_H
#include "ingest/rejects.h"
#include "weir/realtime.h"

/* Rows that are refused go to `sink` as UNPARSEABLE; records[i] is the record of row i. Returns how many rows were appended. */
uint32_t weir_append(weir_realtime *rt, const weir_input *input, uint8_t source, const uint32_t *records, weir_reject_sink sink);
#endif
