/* segments/dict_frozen.c - see dict_frozen.h.
 * Directory: u32 blocks; per block (36 bytes): u64 offset, u64 xxh3, u32 stored size, u32 raw size,
 * u32 first id, u32 end of its first value among the first values, u32 zero; then the first values,
 * one after the other. Stored size == raw size: not compressed. Raw block: u32 restarts, u32 place
 * of each restart, then entries: varint shared, varint rest, rest bytes; shared is 0 at a restart.
 */
#include "segments/dict_frozen.h"
#include "weir/hash.h"
#include "weir/reader.h"
#include "weir/uid.h"
#include <assert.h>
#include <lz4.h>
#include <lz4hc.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    RESTART = 16,
    BLOCK_BYTES = 16 * 1024,
    ENTRY_BYTES = 36,
    RAW_LIMIT = 4 << 20 /* a raw block; half of it a value */
};
#define KEEP_DICT_BYTES (UINT64_C(4) << 20)
#define KEEP_PROCESS_BYTES (UINT64_C(64) << 20)

static _Atomic uint64_t kept_bytes;

/* ---- writing ---- */

typedef struct block_writer {
    weir_buf entries, restarts;
    uint32_t count; /* values in the block */
    weir_str last;
} block_writer;

static void add_value(block_writer *w, weir_str value)
{
    size_t shared = 0, limit = w->last.size < value.size ? w->last.size : value.size;
    if (w->count % RESTART == 0) {
        weir_buf_u32(&w->restarts, (uint32_t)w->entries.size);
    } else {
        while (shared < limit && w->last.at[shared] == value.at[shared]) {
            shared++;
        }
    }
    weir_buf_varint(&w->entries, shared);
    weir_buf_varint(&w->entries, value.size - shared);
    weir_buf_put(&w->entries, value.at + shared, value.size - shared);
    w->last = value;
    w->count++;
}

static bool put_block(block_writer *w, bool thorough, weir_block_put put, void *self,
                      weir_block_ref *ref, uint32_t *raw_size, weir_error *err)
{
    weir_buf raw = {0};
    weir_buf_u32(&raw, (uint32_t)(w->restarts.size / 4));
    weir_buf_str(&raw, weir_buf_view(&w->restarts));
    weir_buf_str(&raw, weir_buf_view(&w->entries));
    int room = LZ4_compressBound((int)raw.size);
    char *packed = weir_alloc((size_t)room);
    int size = thorough ? LZ4_compress_HC(raw.at, packed, (int)raw.size, room, LZ4HC_CLEVEL_DEFAULT)
                        : LZ4_compress_default(raw.at, packed, (int)raw.size, room);
    bool smaller = size > 0 && (size_t)size < raw.size;
    weir_str bytes = smaller ? (weir_str){packed, (size_t)size} : weir_buf_view(&raw);
    bool ok = put(self, bytes, ref, err);
    *raw_size = (uint32_t)raw.size;
    free(packed);
    weir_buf_done(&raw);
    w->entries.size = w->restarts.size = w->count = 0;
    w->last = (weir_str){0};
    return ok;
}

bool weir_dict_frozen_write(const weir_str *values, uint32_t count, bool thorough,
                            weir_block_put put, void *self, weir_buf *directory,
                            uint64_t *value_bytes, weir_error *err)
{
    block_writer w = {0};
    weir_buf entries = {0}, firsts = {0};
    uint32_t blocks = 0, first_id = 1;
    uint64_t bytes = 0;
    bool ok = true;
    for (uint32_t id = 1; id < count && ok; id++) {
        if (values[id].size > RAW_LIMIT / 2) {
            ok = weir_fail(err, WEIR_ERR_BAD_REQUEST, "a value of %zu bytes is too long",
                           values[id].size);
            break;
        }
        if (w.count == 0) {
            first_id = id;
            weir_buf_str(&firsts, values[id]);
        }
        add_value(&w, values[id]);
        bytes += values[id].size;
        if (id + 1 < count && w.entries.size < BLOCK_BYTES) {
            continue;
        }
        weir_block_ref ref;
        uint32_t raw_size;
        ok = put_block(&w, thorough, put, self, &ref, &raw_size, err);
        if (ok) {
            weir_buf_u64(&entries, ref.offset);
            weir_buf_u64(&entries, ref.xxh3);
            weir_buf_u32(&entries, (uint32_t)ref.size);
            weir_buf_u32(&entries, raw_size);
            weir_buf_u32(&entries, first_id);
            weir_buf_u32(&entries, (uint32_t)firsts.size);
            weir_buf_u32(&entries, 0);
            blocks++;
        }
    }
    weir_buf_u32(directory, blocks);
    weir_buf_str(directory, weir_buf_view(&entries));
    weir_buf_str(directory, weir_buf_view(&firsts));
    *value_bytes = bytes;
    weir_buf_done(&entries);
    weir_buf_done(&firsts);
    weir_buf_done(&w.entries);
    weir_buf_done(&w.restarts);
    return ok;
}

/* ---- opening ---- */

typedef struct opened { /* a block, decoded and checked: no walk over it can leave it */
    uint32_t size, restarts, count;
    const uint8_t *entries; /* in `raw` */
    uint8_t raw[];
} opened;

typedef struct dict_block {
    uint64_t offset, xxh3;
    uint32_t stored, raw, first_id, count;
    weir_str first;
    _Atomic(opened *) kept;
} dict_block;

struct weir_dict_frozen {
    weir_dict base;
    char *owner;
    weir_str file;
    _Atomic uint64_t kept;
    bool (*load)(void *self, weir_error *err); /* NULL: its bytes are there */
    void *self;
    _Atomic bool *lost;
    _Atomic bool filled; /* what is below is set */
    uint64_t directory_bytes;
    uint32_t block_count;
    dict_block *blocks;
};
static pthread_mutex_t filling = PTHREAD_MUTEX_INITIALIZER; /* held for the few stores of a fill */

static bool values_of_ids(const weir_dict *base, const uint32_t *ids, uint32_t n, weir_scratch *s,
                          weir_str *out, weir_error *err);
static uint32_t find_value(const weir_dict *base, weir_str value);
static uint32_t lower_bound_of(const weir_dict *base, weir_str value);
static const weir_dict_ops ops = {values_of_ids, find_value, lower_bound_of};

static uint32_t u32_at(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

weir_dict_frozen *weir_dict_frozen_open(const char *owner, weir_str file, weir_str directory,
                                        uint32_t count)
{
    weir_reader in = weir_reader_of(directory);
    uint32_t blocks = 0, next_id = 1, value_at = 0;
    if (count < 2 || !weir_take_u32(&in, &blocks) || blocks == 0 || blocks >= count ||
        weir_reader_left(&in) / ENTRY_BYTES < blocks) {
        return NULL;
    }
    weir_dict_frozen *dict = weir_calloc(1, sizeof(*dict));
    dict->blocks = weir_calloc(blocks, sizeof(*dict->blocks));
    weir_reader firsts = {in.at + (size_t)blocks * ENTRY_BYTES, in.end};
    bool ok = true;
    for (uint32_t b = 0; b < blocks && ok; b++) {
        dict_block *block = &dict->blocks[b];
        uint32_t value_end = 0, zero;
        const uint8_t *first;
        ok = weir_take_u64(&in, &block->offset) && weir_take_u64(&in, &block->xxh3) &&
             weir_take_u32(&in, &block->stored) && weir_take_u32(&in, &block->raw) &&
             weir_take_u32(&in, &block->first_id) && weir_take_u32(&in, &value_end) &&
             weir_take_u32(&in, &zero) && value_end >= value_at &&
             weir_take_span(&firsts, value_end - value_at, &first) && block->stored <= file.size &&
             block->offset <= file.size - block->stored && block->raw <= RAW_LIMIT &&
             block->stored <= block->raw && block->raw >= 8 &&
             (b == 0 ? block->first_id == 1 : block->first_id > next_id) && block->first_id < count;
        if (ok) {
            block->first = (weir_str){(const char *)first, value_end - value_at};
            value_at = value_end;
            next_id = block->first_id;
            if (b > 0) {
                dict->blocks[b - 1].count = block->first_id - dict->blocks[b - 1].first_id;
            }
        }
    }
    if (!ok) {
        free(dict->blocks);
        free(dict);
        return NULL;
    }
    dict->blocks[blocks - 1].count = count - dict->blocks[blocks - 1].first_id;
    dict->base = (weir_dict){.ops = &ops, .count = count, .sorted = true, .uid = weir_uid_next()};
    dict->owner = weir_strdup(owner);
    dict->file = file;
    dict->directory_bytes = directory.size;
    dict->block_count = blocks;
    dict->filled = true;
    return dict;
}

/* Bytes that come later: the same, once they are there. */

static bool is_loaded(const weir_dict *base, weir_error *err)
{
    const weir_dict_frozen *dict = (const weir_dict_frozen *)base;
    return dict->load(dict->self, err);
}

static bool can_search(const weir_dict *base)
{
    bool loaded = is_loaded(base, NULL);
    if (!loaded) {
        atomic_store(((const weir_dict_frozen *)base)->lost, true);
    }
    return loaded;
}

static bool later_values(const weir_dict *base, const uint32_t *ids, uint32_t n, weir_scratch *s,
                         weir_str *out, weir_error *err)
{
    return is_loaded(base, err) && values_of_ids(base, ids, n, s, out, err);
}

static uint32_t later_find(const weir_dict *base, weir_str value)
{
    return can_search(base) ? find_value(base, value) : WEIR_NO_ID;
}

static uint32_t later_lower_bound(const weir_dict *base, weir_str value)
{
    return can_search(base) ? lower_bound_of(base, value) : base->count;
}

weir_dict_frozen *weir_dict_frozen_later(const char *owner, weir_str file, uint32_t count,
                                         bool (*load)(void *self, weir_error *err), void *self,
                                         _Atomic bool *lost)
{
    static const weir_dict_ops later = {later_values, later_find, later_lower_bound};
    weir_dict_frozen *dict = weir_calloc(1, sizeof(*dict));
    dict->base = (weir_dict){.ops = &later, .count = count, .sorted = true, .uid = weir_uid_next()};
    dict->owner = weir_strdup(owner);
    dict->file = file;
    dict->load = load;
    dict->self = self;
    dict->lost = lost;
    return dict;
}

bool weir_dict_frozen_fill(weir_dict_frozen *dict, weir_str directory)
{
    if (atomic_load_explicit(&dict->filled, memory_order_acquire)) {
        return true;
    }
    weir_dict_frozen *whole =
        weir_dict_frozen_open(dict->owner, dict->file, directory, dict->base.count);
    if (whole == NULL) {
        return false;
    }
    pthread_mutex_lock(&filling);
    if (!dict->filled) {
        dict->directory_bytes = whole->directory_bytes;
        dict->block_count = whole->block_count;
        dict->blocks = whole->blocks;
        whole->blocks = NULL;
        whole->block_count = 0;
        atomic_store_explicit(&dict->filled, true, memory_order_release);
    }
    pthread_mutex_unlock(&filling);
    weir_dict_frozen_free(whole);
    return true;
}

void weir_dict_frozen_free(weir_dict_frozen *dict)
{
    if (dict) {
        for (uint32_t b = 0; b < dict->block_count; b++) {
            free(atomic_load_explicit(&dict->blocks[b].kept, memory_order_relaxed));
        }
        atomic_fetch_sub_explicit(&kept_bytes,
                                  atomic_load_explicit(&dict->kept, memory_order_relaxed),
                                  memory_order_relaxed);
        free(dict->blocks);
        free(dict->owner);
        free(dict);
    }
}

const weir_dict *weir_dict_frozen_dict(const weir_dict_frozen *dict)
{
    return &dict->base;
}

uint32_t weir_dict_frozen_blocks(const weir_dict_frozen *dict)
{
    return dict->block_count;
}

uint64_t weir_dict_frozen_bytes(const weir_dict_frozen *dict)
{
    bool filled = atomic_load_explicit(&dict->filled, memory_order_acquire);
    uint64_t bytes = filled ? dict->directory_bytes : 0;
    for (uint32_t b = 0; filled && b < dict->block_count; b++) {
        bytes += dict->blocks[b].stored;
    }
    return bytes;
}

uint64_t weir_dict_frozen_kept_bytes(void)
{
    return atomic_load_explicit(&kept_bytes, memory_order_relaxed);
}

bool weir_dict_frozen_check(const weir_dict_frozen *dict, uint32_t *block)
{
    for (uint32_t b = 0; b < dict->block_count; b++) {
        const dict_block *at = &dict->blocks[b];
        if (!weir_checksum_is(dict->file.at + at->offset, at->stored, at->xxh3)) {
            *block = b;
            return false;
        }
    }
    return true;
}

weir_block_ref weir_dict_frozen_block(const weir_dict_frozen *dict, uint32_t block)
{
    const dict_block *at = &dict->blocks[block];
    return (weir_block_ref){at->offset, at->stored, at->xxh3};
}

/* ---- blocks ---- */

/* Lengths and sharing of every entry, once, so that later walks need not look. */
static bool block_is_sound(opened *o, uint32_t count)
{
    weir_reader in = {o->raw, o->raw + o->size};
    uint32_t restarts = (count + RESTART - 1) / RESTART, stated = 0;
    uint64_t last = 0;
    if (!weir_take_u32(&in, &stated) || stated != restarts ||
        weir_reader_left(&in) / 4 < restarts) {
        return false;
    }
    const uint8_t *places = in.at, *entries = in.at + (size_t)restarts * 4;
    in.at = entries;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t shared, rest;
        const uint8_t *bytes;
        bool restart = i % RESTART == 0;
        if (restart && u32_at(places + i / RESTART * 4) != (uint64_t)(in.at - entries)) {
            return false;
        }
        if (!weir_take_varint(&in, &shared) || !weir_take_varint(&in, &rest) ||
            !weir_take_span(&in, rest, &bytes) || shared > (restart ? 0 : last)) {
            return false;
        }
        last = shared + rest;
        if (last > RAW_LIMIT) {
            return false;
        }
    }
    o->entries = entries;
    o->restarts = restarts;
    o->count = count;
    return in.at == in.end;
}

static bool unpack_block(const weir_dict_frozen *dict, const dict_block *b, opened *o)
{
    const char *at = dict->file.at + b->offset;
    o->size = b->raw;
    if (b->stored == b->raw) {
        memcpy(o->raw, at, b->raw);
    } else if (LZ4_decompress_safe(at, (char *)o->raw, (int)b->stored, (int)b->raw) !=
               (int)b->raw) {
        return false;
    }
    return block_is_sound(o, b->count);
}

/* Takes room for what is kept, or says no. */
static bool keep_room(weir_dict_frozen *dict, uint64_t bytes)
{
    uint64_t mine = atomic_fetch_add_explicit(&dict->kept, bytes, memory_order_relaxed);
    uint64_t all = atomic_fetch_add_explicit(&kept_bytes, bytes, memory_order_relaxed);
    if (mine + bytes <= KEEP_DICT_BYTES && all + bytes <= KEEP_PROCESS_BYTES) {
        return true;
    }
    atomic_fetch_sub_explicit(&dict->kept, bytes, memory_order_relaxed);
    atomic_fetch_sub_explicit(&kept_bytes, bytes, memory_order_relaxed);
    return false;
}

/* The block, opened: kept by the dictionary, or in `s`, or (s NULL) on the heap, then *own is to be
 * freed. NULL: damaged. */
static const opened *open_block(const weir_dict_frozen *shared, uint32_t b, weir_scratch *s,
                                opened **own)
{
    weir_dict_frozen *dict = (weir_dict_frozen *)shared; /* only its cache changes, atomically */
    dict_block *block = &dict->blocks[b];
    *own = NULL;
    opened *kept = atomic_load_explicit(&block->kept, memory_order_acquire);
    if (kept) {
        return kept;
    }
    size_t size = sizeof(opened) + block->raw;
    if (!keep_room(dict, size)) {
        opened *o = s ? weir_scratch_take(s, size) : weir_alloc(size);
        *own = s ? NULL : o;
        if (unpack_block(dict, block, o)) {
            return o;
        }
        free(*own);
        *own = NULL;
        return NULL;
    }
    opened *o = weir_alloc(size);
    bool sound = unpack_block(dict, block, o);
    if (sound && atomic_compare_exchange_strong_explicit(
                     &block->kept, &kept, o, memory_order_acq_rel, memory_order_acquire)) {
        return o;
    }
    free(o); /* damaged, or another thread was first */
    atomic_fetch_sub_explicit(&dict->kept, size, memory_order_relaxed);
    atomic_fetch_sub_explicit(&kept_bytes, size, memory_order_relaxed);
    return sound ? kept : NULL;
}

static uint64_t next_varint(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
}

typedef struct entry {
    size_t shared, rest;
    const uint8_t *bytes;
} entry;

static entry next_entry(const uint8_t **at)
{
    entry e;
    e.shared = next_varint(at);
    e.rest = next_varint(at);
    e.bytes = *at;
    *at += e.rest;
    return e;
}

static const uint8_t *restart_at(const opened *o, uint32_t r)
{
    return o->entries + u32_at(o->raw + 4 + (size_t)r * 4);
}

static weir_str restart_value(const opened *o, uint32_t r)
{
    const uint8_t *at = restart_at(o, r);
    entry e = next_entry(&at);
    return (weir_str){(const char *)e.bytes, e.rest};
}

/* ---- values ---- */

/* Walks a block's values in order; each is spelled out in scratch. */
typedef struct cursor {
    const opened *block;
    uint32_t next; /* place in the block of the entry at `at` */
    const uint8_t *at;
    weir_str value; /* of entry next - 1 */
} cursor;

static void step(cursor *c, weir_scratch *s)
{
    entry e = next_entry(&c->at);
    c->next++;
    if (e.shared == 0) { /* whole in the block; the block outlives the caller's use */
        c->value = (weir_str){(const char *)e.bytes, e.rest};
        return;
    }
    char *room = weir_scratch_take(s, e.shared + e.rest);
    memcpy(room, c->value.at, e.shared);
    memcpy(room + e.shared, e.bytes, e.rest);
    c->value = (weir_str){room, e.shared + e.rest};
}

static uint32_t block_of_id(const weir_dict_frozen *dict, uint32_t id)
{
    uint32_t lo = 0, hi = dict->block_count; /* blocks[lo].first_id <= id */
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (dict->blocks[mid].first_id <= id) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static bool values_of_ids(const weir_dict *base, const uint32_t *ids, uint32_t n, weir_scratch *s,
                          weir_str *out, weir_error *err)
{
    const weir_dict_frozen *dict = (const weir_dict_frozen *)base;
    uint32_t b = UINT32_MAX;
    cursor c = {0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = ids[i];
        assert(id > 0 && id < base->count);
        if (b == UINT32_MAX || id < dict->blocks[b].first_id ||
            id - dict->blocks[b].first_id >= dict->blocks[b].count) {
            opened *own;
            b = block_of_id(dict, id);
            c = (cursor){.block = open_block(dict, b, s, &own)};
            if (c.block == NULL) {
                return weir_fail(err, WEIR_ERR_CORRUPT, "%s is damaged: block %u of its dictionary",
                                 dict->owner, b);
            }
        }
        uint32_t place = id - dict->blocks[b].first_id;
        if (c.at == NULL || place + 1 < c.next ||
            place / RESTART > (c.next - (c.next > 0)) / RESTART) {
            c.next = place / RESTART * RESTART;
            c.at = restart_at(c.block, place / RESTART);
        }
        while (c.next <= place) {
            step(&c, s);
        }
        out[i] = c.value;
    }
    return true;
}

/* ---- search ---- */

/* `value` against an entry that shares its first bytes with the one before, spelled out in `room`.
 */
static uint32_t search_block(const opened *o, weir_str value, bool *equal)
{
    uint32_t lo = 0, hi = o->restarts; /* the last restart <= value, or the first */
    *equal = false;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (weir_str_cmp(restart_value(o, mid), value) <= 0) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    const uint8_t *at = restart_at(o, lo);
    weir_buf room = {0};
    uint32_t place = lo * RESTART, end = place + RESTART < o->count ? place + RESTART : o->count;
    for (; place < end; place++) {
        entry e = next_entry(&at);
        room.size = e.shared;
        weir_buf_put(&room, e.bytes, e.rest);
        int order = weir_str_cmp(weir_buf_view(&room), value);
        if (order >= 0) {
            *equal = order == 0;
            break;
        }
    }
    weir_buf_done(&room);
    return place;
}

static uint32_t search(const weir_dict_frozen *dict, weir_str value, bool *equal)
{
    uint32_t lo = 0,
             hi =
                 dict->block_count; /* the last block whose first value is <= value, or the first */
    *equal = false;
    if (weir_str_cmp(value, dict->blocks[0].first) < 0) {
        return 1;
    }
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (weir_str_cmp(dict->blocks[mid].first, value) <= 0) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    opened *own;
    const opened *o = open_block(dict, lo, NULL, &own);
    if (o == NULL) {
        return WEIR_NO_ID; /* its checksum was right: a forged file, not a damaged one; nothing is
                              found in it */
    }
    uint32_t place = search_block(o, value, equal);
    free(own);
    return dict->blocks[lo].first_id + place;
}

static uint32_t find_value(const weir_dict *base, weir_str value)
{
    bool equal;
    uint32_t id = search((const weir_dict_frozen *)base, value, &equal);
    return equal ? id : WEIR_NO_ID;
}

static uint32_t lower_bound_of(const weir_dict *base, weir_str value)
{
    bool equal;
    uint32_t id = search((const weir_dict_frozen *)base, value, &equal);
    return id == WEIR_NO_ID ? base->count : id;
}

bool weir_dict_frozen_verify(const weir_dict_frozen *dict, weir_error *err)
{
    weir_scratch s = {0};
    weir_buf last = {0};
    bool ok = true;
    for (uint32_t id = 1; id < dict->base.count && ok;) {
        uint32_t ids[256], n = 0;
        weir_str values[256];
        while (n < 256 && id < dict->base.count) {
            ids[n++] = id++;
        }
        weir_mark mark = weir_scratch_mark(&s);
        ok = values_of_ids(&dict->base, ids, n, &s, values, err);
        for (uint32_t i = 0; i < n && ok; i++) {
            const dict_block *block = &dict->blocks[block_of_id(dict, ids[i])];
            if (ids[i] > 1 &&
                weir_str_cmp(i ? values[i - 1] : weir_buf_view(&last), values[i]) >= 0) {
                ok = weir_fail(err, WEIR_ERR_CORRUPT,
                               "value %u of the dictionary is not greater than the one before",
                               ids[i]);
            } else if (block->first_id == ids[i] && !weir_str_eq(block->first, values[i])) {
                ok = weir_fail(err, WEIR_ERR_CORRUPT,
                               "the dictionary's directory tells another value %u than its block",
                               ids[i]);
            }
        }
        if (ok) {
            last.size = 0;
            weir_buf_str(&last, values[n - 1]);
        }
        weir_scratch_rewind(&s, mark);
    }
    weir_buf_done(&last);
    weir_scratch_done(&s);
    return ok;
}
