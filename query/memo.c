/* query/memo.c - sixteen shards, each a hash table whose entries form a list by time of use. What
 * was asked for is remembered in a small array of hashes per shard that later ones overwrite. */
#include "query/memo.h"
#include "weir/hash.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { SHARDS = 16, SEEN = 1 << 14, CHAINS_MIN = 64, CHAINS_MAX = 1 << 16 };
#define ENTRY_BYTES 1024u /* about what one holds, to size the tables */

struct weir_memo_entry {
    _Atomic uint32_t refs; /* one is the table's while it is in */
    weir_memo_key key;
    weir_memo_entry *chain;         /* next under the same hash */
    weir_memo_entry *newer, *older; /* by use */
    size_t size;
    char bytes[];
};

typedef struct shard {
    pthread_mutex_t lock; /* guards all below */
    weir_memo_entry **chains;
    weir_memo_entry *newest, *oldest;
    uint64_t seen[SEEN];
    size_t used_bytes;
    uint64_t entries, hits, misses, puts, evictions;
} shard;

struct weir_memo {
    size_t limit_bytes;
    uint32_t chain_count; /* per shard, a power of two */
    char salt[16];
    shard shards[SHARDS];
};

weir_memo *weir_memo_new(size_t limit_bytes, const weir_clock *clock)
{
    if (limit_bytes == 0) {
        return NULL;
    }
    weir_memo *memo = weir_calloc(1, sizeof(*memo));
    uint64_t salt[2] = {weir_random(clock), weir_random(clock)};
    memcpy(memo->salt, salt, sizeof(memo->salt));
    memo->limit_bytes = limit_bytes;
    memo->chain_count = CHAINS_MIN;
    while (memo->chain_count < CHAINS_MAX &&
           memo->chain_count < limit_bytes / SHARDS / ENTRY_BYTES) {
        memo->chain_count *= 2;
    }
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&memo->shards[i].lock, NULL);
        memo->shards[i].chains = weir_calloc(memo->chain_count, sizeof(weir_memo_entry *));
    }
    return memo;
}

void weir_memo_free(weir_memo *memo)
{
    for (int i = 0; memo && i < SHARDS; i++) {
        shard *s = &memo->shards[i];
        for (weir_memo_entry *at = s->newest, *older; at; at = older) {
            older = at->older;
            weir_memo_release(at);
        }
        pthread_mutex_destroy(&s->lock);
        free(s->chains);
    }
    free(memo);
}

weir_memo_key weir_memo_key_of(const weir_memo *memo, weir_str bytes)
{
    char few[512], *salted = few;
    if (bytes.size > sizeof(few) - 16) {
        salted = weir_alloc(bytes.size + 16);
    }
    memset(salted, 0, 16);
    if (memo) {
        memcpy(salted, memo->salt, sizeof(memo->salt));
    }
    if (bytes.size) {
        memcpy(salted + 16, bytes.at, bytes.size);
    }
    weir_memo_key key = {weir_hash_bytes(bytes.at, bytes.size),
                         weir_hash_bytes(salted, bytes.size + 16)};
    if (salted != few) {
        free(salted);
    }
    return key;
}

static shard *shard_of(weir_memo *memo, weir_memo_key key)
{
    return &memo->shards[key.salted % SHARDS];
}

/* Where the entry hangs, or would: *NULL. Lock held. */
static weir_memo_entry **find(const weir_memo *memo, shard *s, weir_memo_key key)
{
    weir_memo_entry **at = &s->chains[key.salted / SHARDS & (memo->chain_count - 1)];
    while (*at && ((*at)->key.hash != key.hash || (*at)->key.salted != key.salted)) {
        at = &(*at)->chain;
    }
    return at;
}

static void unlink_use(shard *s, weir_memo_entry *e)
{
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void link_newest(shard *s, weir_memo_entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

static size_t cost_of(const weir_memo_entry *e)
{
    return sizeof(*e) + e->size;
}

weir_memo_entry *weir_memo_get(weir_memo *memo, weir_memo_key key)
{
    if (!memo) {
        return NULL;
    }
    shard *s = shard_of(memo, key);
    pthread_mutex_lock(&s->lock);
    weir_memo_entry *e = *find(memo, s, key);
    if (e) {
        s->hits++;
        atomic_fetch_add(&e->refs, 1);
        unlink_use(s, e);
        link_newest(s, e);
    } else {
        s->misses++;
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

bool weir_memo_has(weir_memo *memo, weir_memo_key key)
{
    if (!memo) {
        return false;
    }
    shard *s = shard_of(memo, key);
    pthread_mutex_lock(&s->lock);
    bool has = *find(memo, s, key) != NULL;
    pthread_mutex_unlock(&s->lock);
    return has;
}

weir_str weir_memo_bytes(const weir_memo_entry *cached)
{
    return (weir_str){cached->bytes, cached->size};
}

void weir_memo_release(weir_memo_entry *cached)
{
    if (cached && atomic_fetch_sub(&cached->refs, 1) == 1) {
        free(cached);
    }
}

bool weir_memo_seen(weir_memo *memo, weir_memo_key key)
{
    if (!memo) {
        return false;
    }
    shard *s = shard_of(memo, key);
    uint64_t *at = &s->seen[key.salted / SHARDS % SEEN];
    pthread_mutex_lock(&s->lock);
    bool seen = *at == key.hash;
    *at = key.hash;
    pthread_mutex_unlock(&s->lock);
    return seen;
}

/* Takes the oldest out until the shard is within its share. They are chained by `chain`. Lock held.
 */
static weir_memo_entry *evict(weir_memo *memo, shard *s)
{
    weir_memo_entry *gone = NULL;
    while (s->used_bytes > memo->limit_bytes / SHARDS) {
        weir_memo_entry *e = s->oldest;
        assert(e);
        *find(memo, s, e->key) = e->chain;
        unlink_use(s, e);
        s->used_bytes -= cost_of(e);
        s->entries--;
        s->evictions++;
        e->chain = gone;
        gone = e;
    }
    return gone;
}

bool weir_memo_put(weir_memo *memo, weir_memo_key key, weir_str bytes)
{
    if (!memo || bytes.size + sizeof(weir_memo_entry) > memo->limit_bytes / SHARDS) {
        return false;
    }
    weir_memo_entry *e = weir_alloc(sizeof(*e) + bytes.size), *gone = NULL;
    *e = (weir_memo_entry){.refs = 1, .key = key, .size = bytes.size};
    if (bytes.size) {
        memcpy(e->bytes, bytes.at, bytes.size);
    }
    shard *s = shard_of(memo, key);
    pthread_mutex_lock(&s->lock);
    weir_memo_entry **at = find(memo, s, key);
    if (*at) {
        gone = e; /* somebody else was quicker */
    } else {
        *at = e;
        link_newest(s, e);
        s->used_bytes += cost_of(e);
        s->entries++;
        s->puts++;
        gone = evict(memo, s);
    }
    pthread_mutex_unlock(&s->lock);
    for (weir_memo_entry *next; gone; gone = next) {
        next = gone->chain;
        weir_memo_release(gone);
    }
    return true;
}

void weir_memo_stats_get(weir_memo *memo, weir_memo_stats *out)
{
    *out = (weir_memo_stats){.limit_bytes = memo ? memo->limit_bytes : 0};
    for (int i = 0; memo && i < SHARDS; i++) {
        shard *s = &memo->shards[i];
        pthread_mutex_lock(&s->lock);
        out->used_bytes += s->used_bytes;
        out->entries += s->entries;
        out->hits += s->hits;
        out->misses += s->misses;
        out->puts += s->puts;
        out->evictions += s->evictions;
        pthread_mutex_unlock(&s->lock);
    }
}
