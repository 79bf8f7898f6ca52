/* segments/live_dict.h - the dictionary of one string column of a live segment: ids in order of
 * arrival, 0 is null. One writer, any number of readers, no locks: values and their table of
 * pointers lie in pages that never move; a hash table that grows is a new table published by a
 * release store, and the old one stays for whoever is probing it. Memory is the segment's and goes
 * with it. */
#ifndef SEGMENTS_LIVE_DICT_H
#define SEGMENTS_LIVE_DICT_H
#include <stdatomic.h>
#include "compute/vec.h"
#include "weir/uid.h"

#define WEIR_LIVE_DICT_PAGES 27u /* page 0: ids 0..63, page k: ids 32 << k .. (64 << k) - 1 */
#define WEIR_LIVE_DICT_MAX (1u << 30)

/* Open addressing. A slot is (high half of the xxh3 hash) << 32 | id, 0 is empty; its home is the
 * hash's top bits, so that growing moves slots in order. */
typedef struct weir_live_slots {
    uint32_t shift; /* home of a tag = tag >> shift */
    uint32_t mask;
    _Atomic uint64_t at[];
} weir_live_slots;

typedef struct weir_live_dict {
    weir_scratch *mem; /* writer only */
    uint64_t uid;
    _Atomic uint32_t count; /* published ids, null among them: >= 1 */
    _Atomic(weir_live_slots *) slots;
    _Atomic(weir_str *) pages[WEIR_LIVE_DICT_PAGES];
    char *room; /* writer: where the next bytes go */
    size_t room_bytes, next_room_bytes;
} weir_live_dict;

/* `mem` is the segment's; it must outlive the dictionary and every view of it. */
void weir_live_dict_init(weir_live_dict *dict, weir_scratch *mem);
/* Writer. Ids of n values, new ones added; a row with its bit in `nulls` (may be NULL) gets 0. What
 * is added is published at the end. */
void weir_live_dict_intern(weir_live_dict *dict, const weir_str *values, const uint64_t *nulls,
                           uint32_t n, uint32_t *ids);

static inline weir_str weir_live_dict_value(const weir_live_dict *dict, uint32_t id)
{
    uint32_t page = id < 64 ? 0 : 26u - (uint32_t)__builtin_clz(id);
    uint32_t first = page ? 32u << page : 0;
    return atomic_load_explicit(&dict->pages[page], memory_order_relaxed)[id - first];
}

/* What a reader holds: the dictionary up to a count that was loaded (acquire) after the rows'
 * count. Any thread. */
typedef struct weir_live_dict_view {
    weir_dict base;
    const weir_live_dict *dict;
} weir_live_dict_view;
weir_live_dict_view weir_live_dict_pin(const weir_live_dict *dict);
#endif
