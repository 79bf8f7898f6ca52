/* segments/freeze_sort.c - sorting by 64-bit keys, and strings by eight bytes at a time.
 * Keys: nothing to do when they ascend already (time usually nearly does), insertion for short
 * runs, else a radix sort over the bytes in which keys differ. Strings: their next eight bytes are
 * such a key; what is equal goes on with the eight after. */
#include "segments/freeze.h"
#include <stdlib.h>

enum { INSERTION_MAX = 32, MERGE_MAX = 512 };

static bool is_sorted(const weir_keyed *at, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        if (at[i].key < at[i - 1].key) {
            return false;
        }
    }
    return true;
}

static void sort_by_insertion(weir_keyed *at, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        weir_keyed next = at[i];
        uint32_t k = i;
        for (; k > 0 && at[k - 1].key > next.key; k--) {
            at[k] = at[k - 1];
        }
        at[k] = next;
    }
}

/* Runs of INSERTION_MAX, then pairs of runs merged. */
static void sort_by_merging(weir_keyed *at, uint32_t n, weir_keyed *spare)
{
    for (uint32_t from = 0; from < n; from += INSERTION_MAX) {
        sort_by_insertion(at + from, n - from < INSERTION_MAX ? n - from : INSERTION_MAX);
    }
    for (uint32_t width = INSERTION_MAX; width < n; width *= 2) {
        for (uint32_t from = 0; from + width < n; from += 2 * width) {
            uint32_t end = from + 2 * width < n ? from + 2 * width : n, a = 0, b = from + width;
            memcpy(spare, at + from, sizeof(*at) * width);
            for (uint32_t to = from; a < width; to++) {
                at[to] = b < end && at[b].key < spare[a].key ? at[b++] : spare[a++];
            }
        }
    }
}

static void sort_by_radix(weir_keyed *at, uint32_t n, weir_keyed *spare)
{
    uint64_t differ = 0;
    for (uint32_t i = 1; i < n; i++) {
        differ |= at[i].key ^ at[0].key;
    }
    weir_keyed *from = at, *to = spare;
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        uint32_t starts[256] = {0}, sum = 0;
        if ((differ >> shift & 255) == 0) {
            continue;
        }
        for (uint32_t i = 0; i < n; i++) {
            starts[from[i].key >> shift & 255]++;
        }
        for (uint32_t d = 0; d < 256; d++) {
            uint32_t count = starts[d];
            starts[d] = sum;
            sum += count;
        }
        for (uint32_t i = 0; i < n; i++) {
            to[starts[from[i].key >> shift & 255]++] = from[i];
        }
        weir_keyed *swap = from;
        from = to;
        to = swap;
    }
    if (from != at) {
        memcpy(at, from, sizeof(*at) * n);
    }
}

void weir_sort_keyed(weir_keyed *at, uint32_t n, weir_keyed *spare)
{
    if (is_sorted(at, n)) {
        return;
    }
    if (n <= INSERTION_MAX) {
        sort_by_insertion(at, n);
    } else if (n <= MERGE_MAX) {
        sort_by_merging(at, n, spare);
    } else {
        sort_by_radix(at, n, spare);
    }
}

uint64_t weir_double_key(double value)
{
    uint64_t bits;
    value = value == value ? value : __builtin_nan("");
    memcpy(&bits, &value, sizeof(bits));
    return bits >> 63 ? ~bits : bits | 0x8000000000000000ull;
}

/* --- strings --- */

/* Bytes [at, at + 8) as a number that orders as UTF-16 code units do: lead bytes F0..F4
 * (surrogates) before EE and EF. */
static uint64_t eight_bytes(weir_str value, size_t at)
{
    uint64_t key = 0;
    size_t left = value.size > at ? value.size - at : 0;
    if (left > 0) {
        memcpy(&key, value.at + at, left < 8 ? left : 8);
    }
    key = __builtin_bswap64(key);
    if (key & key << 1 & 0x8080808080808080ull) { /* a byte of C0 or above */
        for (uint32_t shift = 0; shift < 64; shift += 8) {
            uint64_t byte = key >> shift & 255;
            uint64_t order = byte >= 0xF0 && byte <= 0xF4   ? byte - 2
                             : byte == 0xEE || byte == 0xEF ? byte + 5
                                                            : byte;
            key ^= (byte ^ order) << shift;
        }
    }
    return key;
}

typedef struct sorting {
    const weir_str *values;
    weir_keyed *spare;
} sorting;

static int compare_tails(weir_str a, weir_str b, size_t at)
{
    weir_str x = {a.at + (at < a.size ? at : a.size), at < a.size ? a.size - at : 0};
    weir_str y = {b.at + (at < b.size ? at : b.size), at < b.size ? b.size - at : 0};
    return weir_str_cmp(x, y);
}

static void sort_few(const sorting *s, weir_keyed *at, uint32_t n, size_t from)
{
    for (uint32_t i = 1; i < n; i++) {
        weir_keyed next = at[i];
        uint32_t k = i;
        for (; k > 0 && compare_tails(s->values[at[k - 1].index], s->values[next.index], from) > 0;
             k--) {
            at[k] = at[k - 1];
        }
        at[k] = next;
    }
}

/* Values that ended within the last eight bytes come first, by size: they differ in trailing NULs
 * only. */
static uint32_t put_ended_first(const sorting *s, weir_keyed *at, uint32_t n, size_t end)
{
    uint32_t ended = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (s->values[at[i].index].size <= end) {
            weir_keyed swap = at[i];
            at[i] = at[ended];
            at[ended++] = swap;
        }
    }
    sort_few(s, at, ended, end < 8 ? 0 : end - 8);
    return ended;
}

/* [at, at + n) agree in their first `from` bytes. */
static void sort_from(const sorting *s, weir_keyed *at, uint32_t n, size_t from)
{
    for (;;) { /* as long as they all agree */
        if (n <= 8) {
            sort_few(s, at, n, from);
            return;
        }
        for (uint32_t i = 0; i < n; i++) {
            at[i].key = eight_bytes(s->values[at[i].index], from);
        }
        weir_sort_keyed(at, n, s->spare);
        if (at[0].key != at[n - 1].key) {
            break;
        }
        from += 8;
        uint32_t ended = put_ended_first(s, at, n, from);
        at += ended;
        n -= ended;
    }
    for (uint32_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && at[end].key == at[first].key; end++) {
        }
        if (end - first > 1) {
            uint32_t ended = put_ended_first(s, at + first, end - first, from + 8);
            sort_from(s, at + first + ended, end - first - ended, from + 8);
        }
    }
}

void weir_sort_strings(const weir_str *values, uint32_t n, weir_scratch *s, uint32_t *order)
{
    weir_mark mark = weir_scratch_mark(s);
    weir_keyed *at = WEIR_SCRATCH_ARRAY(s, weir_keyed, n + 1);
    sorting sort = {.values = values, .spare = WEIR_SCRATCH_ARRAY(s, weir_keyed, n + 1)};
    for (uint32_t i = 0; i < n; i++) {
        at[i].index = i;
    }
    sort_from(&sort, at, n, 0);
    for (uint32_t i = 0; i < n; i++) {
        order[i] = at[i].index;
    }
    weir_scratch_rewind(s, mark);
}
