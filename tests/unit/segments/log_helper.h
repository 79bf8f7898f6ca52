/* tests/unit/segments/log_helper.h - a clock from a seed, and commits with as few words as can be.
 */
#ifndef LOG_HELPER_H
#define LOG_HELPER_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "weir/hash.h"
#include "weir/table_log.h"

typedef struct seeded { /* virtual time, splitmix64 */
    weir_clock clock;
    uint64_t random;
    int64_t now_us;
} seeded;
void seeded_init(seeded *s, uint64_t seed);
uint32_t draw(seeded *s, uint32_t below);

#define PART(n) ((weir_source_key){WEIR_STR("sup"), WEIR_STR("events"), (n)})
/* Fits itself to the end of the log: version, prev, table, table_id. */
void fit(weir_commit *commit, const weir_log_state *state);
weir_range range_of(int32_t partition, uint8_t kind, uint64_t epoch, int64_t from, int64_t to);
weir_added added_of(weir_str id, int64_t from_ms, int64_t to_ms, uint64_t rows);
/* state(N+1); takes ownership of both. Fails the test when the commit is not valid. */
weir_log_state *fold(weir_log_state *state, weir_commit *commit);
/* A table after `create`. */
weir_log_state *created(seeded *s, const char *table);
/* A random valid commit on top of `state`, of any kind. */
weir_commit *random_commit(seeded *s, const weir_log_state *state);
/* The states' checkpoints, byte for byte. */
bool same_state(const weir_log_state *a, const weir_log_state *b);
/* Writes the commit as the next object of the log. Does not take ownership. */
void put_commit(weir_store *store, const weir_commit *commit);
#endif
