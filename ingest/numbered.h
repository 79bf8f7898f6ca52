/* ingest/numbered.h - what is kept beside the tables (specs of lookups, the cluster's defaults): a JSON object as of one change after the other, each an
 * object `<folder><number, 20 digits>.json` of the store. Put-if-absent of the next number decides between two writers; a number that was given is never
 * free again, so old objects are not deleted but emptied: the last few hold their value. */
#ifndef INGEST_NUMBERED_H
#define INGEST_NUMBERED_H
#include "weir/store.h"

typedef struct weir_numbered {
    weir_str folder;  /* "~lookups/": no table's folder begins so */
    const char *what; /* "lookups": the member that holds the value, and the word for errors */
} weir_numbered;

/* The newest value that reads well: see(self, number, json) is given newer ones first until it accepts one (false: err says what is wrong with it). *found
 * false: there is none. False: the store did not answer. *damage: why newer ones cannot be read; code WEIR_OK when all is well. */
bool weir_numbered_load(const weir_numbered *list, weir_store *store, bool (*see)(void *self, uint64_t number, weir_str json, weir_error *err), void *self,
                        bool *found, weir_error *damage, weir_error *err);
/* Puts `json` under the number after `number`. CONFLICT: another one is there already. */
bool weir_numbered_put(const weir_numbered *list, weir_store *store, const weir_clock *clock, weir_str node, uint64_t number, weir_str json,
                       weir_error *err);
#endif
