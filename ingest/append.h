/* ingest/append.h - a transformed batch into a live segment, row by row where the batch as a whole is refused. */
#ifndef INGEST_APPEND_H
#define INGEST_APPEND_H
#include "ingest/rejects.h"
#include "weir/realtime.h"

/* Kinds that the discovered columns of a live segment have. Such a column keeps the kind of its first values there: where later ones need a wider
 * one (useSchemaDiscovery), the next live segment must begin. */
typedef struct weir_append_kinds weir_append_kinds;
weir_append_kinds *weir_append_kinds_new(void);
void weir_append_kinds_free(weir_append_kinds *kinds);
void weir_append_kinds_reset(weir_append_kinds *kinds); /* a new live segment */
/* Whether the batch fits; if so its columns are noted. */
bool weir_append_kinds_fit(weir_append_kinds *kinds, const weir_input *input);

/* Rows that are refused go to `sink` as UNPARSEABLE; records[i] is the record of row i. Returns how many rows were appended. */
uint32_t weir_append(weir_realtime *rt, const weir_input *input, uint8_t source, const uint32_t *records, weir_reject_sink sink);
#endif
