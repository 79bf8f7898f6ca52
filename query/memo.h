/* query/memo.h - bytes by key, bounded, in this process: partial results of frozen segments, whole answers. Keys are 128 bits over everything that the
 * bytes depend on, one half salted per process. The least recently used leave first. Any thread; a lock is held per shard and never over a copy. */
#ifndef QUERY_MEMO_H
#define QUERY_MEMO_H
#include "weir/clock.h"
#include "weir/query.h"

typedef struct weir_memo weir_memo;
typedef struct weir_memo_entry weir_memo_entry; /* an entry that is held: its bytes stay although it may leave the cache */
typedef struct weir_memo_key {
    uint64_t hash, salted;
} weir_memo_key;

weir_memo *weir_memo_new(size_t limit_bytes, const weir_clock *clock); /* limit 0: NULL, which all calls here take as a cache of nothing */
void weir_memo_free(weir_memo *memo); /* nothing is held any more */
/* Without a memo the second half has no salt. */
weir_memo_key weir_memo_key_of(const weir_memo *memo, weir_str bytes);
/* NULL: not there; counted as hit or miss. */
weir_memo_entry *weir_memo_get(weir_memo *memo, weir_memo_key key);
/* Whether it is there; counts nothing. */
bool weir_memo_has(weir_memo *memo, weir_memo_key key);
weir_str weir_memo_bytes(const weir_memo_entry *cached);
void weir_memo_release(weir_memo_entry *cached); /* NULL is fine */
/* Whether this key was asked for before, as far as remembered; it is from now on. What is asked for once only is not worth keeping. */
bool weir_memo_seen(weir_memo *memo, weir_memo_key key);
/* Copies the bytes; what is there under the key already stays. More than 1/16 of the limit is not kept: false. */
bool weir_memo_put(weir_memo *memo, weir_memo_key key, weir_str bytes);
void weir_memo_stats_get(weir_memo *memo, weir_memo_stats *out);
#endif
