/* compute/sketch_hll.c - coupons, registers, union and images of DataSketches' HLL sketch. Growth
 * is theirs (lists of 8, sets three quarters full, registers from k/8 * 3/4 coupons on), because
 * the estimate depends on when coupons became registers. What they call "rebuild" is `stale` here:
 * after a union the sums over registers are counted only when somebody asks. */
#include "compute/sketch_hll.h"
#include "weir/hot.h"
#include "weir/reader.h"
#include <assert.h>
#include <math.h>

enum { FEW, LIST, SET, REGISTERS };   /* mode */
enum { OUT_OF_ORDER = 1, STALE = 2 }; /* flags */
#define LIST_SIZE 8u
#define FIRST_SET_LG 5u
#define LEAST_SET_LG_K 8u /* below, a full list becomes registers */
#define ADDRESS_BITS 26u
#define ADDRESS_MASK ((1u << ADDRESS_BITS) - 1)
#define EXCEPTION 15u

typedef struct registers {
    double hip, kxq0, kxq1;
    uint8_t at[];
} registers;

static uint32_t load_u32(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    return le32toh(word);
}

static registers *registers_of(const weir_heap *heap, const weir_hllsketch *s)
{
    return weir_heap_at(heap, s->at.handle);
}

/* ---- adding */

static void count_value(double *kxq0, double *kxq1, uint32_t value, double sign)
{
    double power = sign * weir_hllsketch_power(value);
    if (value < 32) {
        *kxq0 += power;
    } else {
        *kxq1 += power;
    }
}

static void add_register(weir_hllsketch *s, registers *r, uint32_t coupon)
{
    uint32_t slot = coupon & ((1u << s->lg_k) - 1), value = coupon >> ADDRESS_BITS,
             old = r->at[slot];
    if (value <= old) {
        return;
    }
    r->at[slot] = (uint8_t)value;
    if (s->flags & STALE) {
        return;
    }
    r->hip += (double)(1u << s->lg_k) / (r->kxq0 + r->kxq1);
    count_value(&r->kxq0, &r->kxq1, old, -1.0);
    count_value(&r->kxq0, &r->kxq1, value, 1.0);
    s->count -= old == 0;
}

static registers *begin_registers(weir_heap *heap, weir_hllsketch *s)
{
    s->at.handle = weir_heap_put(heap, NULL, sizeof(registers) + (1u << s->lg_k));
    s->mode = REGISTERS;
    s->count = 1u << s->lg_k;
    registers *r = registers_of(heap, s);
    r->kxq0 = (double)s->count;
    return r;
}

/* The place of the coupon, or of the empty slot for it; a table is never full. */
static uint32_t find(const uint32_t *table, uint32_t lg_size, uint32_t coupon)
{
    uint32_t mask = (1u << lg_size) - 1, at = coupon & mask,
             stride = (coupon & ADDRESS_MASK) >> lg_size | 1;
    while (table[at] != 0 && table[at] != coupon) {
        at = (at + stride) & mask;
    }
    return at;
}

static void promote_to_registers(weir_heap *heap, weir_hllsketch *s, const uint32_t *coupons,
                                 uint32_t slots)
{
    uint64_t old = s->at.handle;
    double estimate = weir_hllsketch_coupon_estimate(s->count);
    registers *r = begin_registers(heap, s);
    for (uint32_t i = 0; i < slots; i++) {
        if (coupons[i] != 0) {
            add_register(s, r, coupons[i]);
        }
    }
    r->hip = estimate;
    weir_heap_drop(heap, old);
}

static void rehash(weir_heap *heap, weir_hllsketch *s, const uint32_t *coupons, uint32_t slots,
                   uint32_t lg_size)
{
    uint64_t old = s->at.handle;
    s->at.handle = weir_heap_put(heap, NULL, sizeof(uint32_t) << lg_size);
    s->lg_size = (uint8_t)lg_size;
    s->mode = SET;
    uint32_t *table = weir_heap_at(heap, s->at.handle);
    for (uint32_t i = 0; i < slots; i++) {
        if (coupons[i] != 0) {
            table[find(table, lg_size, coupons[i])] = coupons[i];
        }
    }
    weir_heap_drop(heap, old);
}

static void add_to_few(weir_heap *heap, weir_hllsketch *s, uint32_t coupon)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->at.few[i] == coupon) {
            return;
        }
    }
    if (s->count < 2) {
        s->at.few[s->count++] = coupon;
        return;
    }
    uint32_t list[LIST_SIZE] = {s->at.few[0], s->at.few[1], coupon};
    s->at.handle = weir_heap_put(heap, list, sizeof(list));
    s->mode = LIST;
    s->count = 3;
}

static void add_to_list(weir_heap *heap, weir_hllsketch *s, uint32_t coupon)
{
    uint32_t *list = weir_heap_at(heap, s->at.handle);
    for (uint32_t i = 0; i < s->count; i++) {
        if (list[i] == coupon) {
            return;
        }
    }
    list[s->count++] = coupon;
    if (s->count == LIST_SIZE && s->lg_k < LEAST_SET_LG_K) {
        promote_to_registers(heap, s, list, LIST_SIZE);
    } else if (s->count == LIST_SIZE) {
        rehash(heap, s, list, LIST_SIZE, FIRST_SET_LG);
    }
}

static void add_to_set(weir_heap *heap, weir_hllsketch *s, uint32_t coupon)
{
    uint32_t *table = weir_heap_at(heap, s->at.handle), size = 1u << s->lg_size;
    uint32_t at = find(table, s->lg_size, coupon);
    if (table[at] != 0) {
        return;
    }
    table[at] = coupon;
    s->count++;
    if (s->count * 4 <= size * 3) {
        return;
    }
    if (s->lg_size == s->lg_k - 3u) {
        promote_to_registers(heap, s, table, size);
    } else {
        rehash(heap, s, table, size, s->lg_size + 1u);
    }
}

void weir_hllsketch_add(weir_heap *heap, weir_hllsketch *s, uint32_t coupon)
{
    if (coupon >> ADDRESS_BITS == 0) {
        return;
    }
    if (s->mode == REGISTERS) {
        add_register(s, registers_of(heap, s), coupon);
    } else if (s->mode == SET) {
        add_to_set(heap, s, coupon);
    } else if (s->mode == LIST) {
        add_to_list(heap, s, coupon);
    } else {
        add_to_few(heap, s, coupon);
    }
}

void weir_hllsketch_drop(weir_heap *heap, weir_hllsketch *s)
{
    if (s->mode != FEW) {
        weir_heap_drop(heap, s->at.handle);
    }
    *s = (weir_hllsketch){.lg_k = s->lg_k};
}

/* ---- reading */

typedef struct preamble { /* the first eight bytes of every image */
    uint8_t words, version, family, lg_k, lg_size, flags, small_count, mode;
} preamble;
enum { FAMILY = 7, LIST_WORDS = 2, SET_WORDS = 3, REGISTER_WORDS = 10 };
enum { FLAG_EMPTY = 4, FLAG_COMPACT = 8, FLAG_OUT_OF_ORDER = 16, FLAG_STALE = 32 };
enum { IMAGE_LIST, IMAGE_SET, IMAGE_REGISTERS };

/* log2 of the table that DataSketches would have for so many, at most three quarters full. */
static uint32_t table_lg(uint32_t count, uint32_t least_lg)
{
    uint32_t lg = least_lg;
    while ((uint64_t)count * 4 > (3ull << lg)) {
        lg++;
    }
    return lg;
}

static uint32_t exceptions_lg(uint32_t lg_k) /* of the smallest table of exceptions */
{
    static const uint8_t lg[] = {0, 2, 2, 2, 2, 2, 2, 3,  3,  3,  4,
                                 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    return lg[lg_k];
}

static bool take_double(weir_reader *in, double *out)
{
    uint64_t bits;
    bool ok = weir_take_u64(in, &bits);
    memcpy(out, &bits, sizeof(*out));
    return ok;
}

static bool read_coupons(weir_reader *in, const preamble *p, weir_hllsketch_view *v)
{
    bool is_set = (p->mode & 3) == IMAGE_SET;
    v->count = p->small_count;
    if (p->words != (is_set ? SET_WORDS : LIST_WORDS) ||
        (is_set && !weir_take_u32(in, &v->count)) || (!is_set && v->count > LIST_SIZE) ||
        v->count > ADDRESS_MASK) {
        return false;
    }
    v->slots = v->count;
    if (is_set && !v->compact) {
        uint32_t lg = p->lg_size < FIRST_SET_LG ? table_lg(v->count, FIRST_SET_LG) : p->lg_size;
        if (lg > ADDRESS_BITS) {
            return false;
        }
        v->slots = 1u << lg;
    }
    return v->count <= v->slots && weir_take_span(in, (size_t)v->slots * 4, &v->at);
}

static bool read_registers(weir_reader *in, const preamble *p, weir_hllsketch_view *v)
{
    uint32_t at_least, exceptions, k = 1u << v->lg_k;
    size_t size = v->type == WEIR_HLL_4 ? k / 2 : v->type == WEIR_HLL_6 ? (size_t)k / 4 * 3 + 1 : k;
    if (p->words != REGISTER_WORDS || !take_double(in, &v->hip) || !take_double(in, &v->kxq0) ||
        !take_double(in, &v->kxq1) || !weir_take_u32(in, &at_least) ||
        !weir_take_u32(in, &exceptions) || !weir_take_span(in, size, &v->at) ||
        p->small_count > 63 || at_least > k || exceptions > k) {
        return false;
    }
    v->registers = true;
    v->cur_min = p->small_count;
    v->count = v->cur_min == 0 ? at_least : 0;
    v->slots = v->type != WEIR_HLL_4 ? 0 : exceptions;
    if (v->slots > 0 && !v->compact) {
        if (p->lg_size > v->lg_k) {
            return false;
        }
        v->slots = 1u << p->lg_size;
    }
    return weir_take_span(in, (size_t)v->slots * 4, &v->exceptions);
}

bool weir_hllsketch_read(weir_str image, weir_hllsketch_view *out)
{
    weir_reader in = weir_reader_of(image);
    preamble p;
    static_assert(sizeof(p) == 8, "no holes");
    if (!weir_take(&in, &p, sizeof(p)) || p.version != 1 || p.family != FAMILY ||
        p.lg_k < WEIR_HLLSKETCH_LEAST_LG_K || p.lg_k > WEIR_HLLSKETCH_MOST_LG_K ||
        (p.mode >> 2 & 3) > WEIR_HLL_8 || (p.mode & 3) > IMAGE_REGISTERS) {
        return false;
    }
    p.words &= 0x3f;
    *out = (weir_hllsketch_view){.lg_k = p.lg_k,
                                 .type = p.mode >> 2 & 3,
                                 .compact = p.flags & FLAG_COMPACT,
                                 .out_of_order = p.flags & FLAG_OUT_OF_ORDER,
                                 .stale = p.flags & FLAG_STALE};
    return (p.mode & 3) == IMAGE_REGISTERS ? read_registers(&in, &p, out)
                                           : read_coupons(&in, &p, out);
}

static bool check_coupons(const weir_hllsketch_view *v)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < v->slots; i++) {
        uint32_t coupon = load_u32(v->at + (size_t)i * 4);
        count += coupon != 0;
        if (coupon != 0 && coupon >> ADDRESS_BITS == 0) {
            return false;
        }
    }
    return count == v->count;
}

static uint32_t nibble(const weir_hllsketch_view *v, uint32_t slot)
{
    return v->at[slot / 2] >> (slot & 1) * 4 & 15;
}

bool weir_hllsketch_check(const weir_hllsketch_view *v)
{
    if (!v->registers) {
        return check_coupons(v);
    }
    if (!isfinite(v->hip) || !isfinite(v->kxq0) || !isfinite(v->kxq1) || v->hip < 0) {
        return false;
    }
    uint32_t marked = 0, excepted = 0, k = 1u << v->lg_k;
    for (uint32_t slot = 0; v->type == WEIR_HLL_4 && slot < k; slot++) {
        marked += nibble(v, slot) == EXCEPTION;
    }
    for (uint32_t i = 0; i < v->slots; i++) {
        uint32_t pair = load_u32(v->exceptions + (size_t)i * 4);
        excepted += pair != 0;
        if (pair != 0 && nibble(v, pair & (k - 1)) != EXCEPTION) {
            return false;
        }
    }
    return marked == excepted;
}

weir_hllsketch_view weir_hllsketch_of(const weir_heap *heap, const weir_hllsketch *s)
{
    weir_hllsketch_view v = {
        .lg_k = s->lg_k, .type = WEIR_HLL_8, .count = s->count, .compact = true, .slots = s->count};
    if (s->mode == FEW) {
        v.at = (const uint8_t *)s->at.few;
        return v;
    }
    if (s->mode != REGISTERS) {
        v.at = weir_heap_at(heap, s->at.handle);
        v.slots = s->mode == SET ? 1u << s->lg_size : s->count;
        return v;
    }
    const registers *r = registers_of(heap, s);
    v.registers = true;
    v.slots = 0;
    v.out_of_order = s->flags & OUT_OF_ORDER;
    v.stale = s->flags & STALE;
    v.hip = r->hip;
    v.kxq0 = r->kxq0;
    v.kxq1 = r->kxq1;
    v.at = r->at;
    return v;
}

/* ---- union */

/* The greater of each; n is a multiple of 16. */
WEIR_HOT static void greater_bytes(uint8_t *restrict into, const uint8_t *restrict from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint8_t value = from[i] & 63;
        into[i] = value > into[i] ? value : into[i];
    }
}

static void put_greater(uint8_t *into, uint32_t slot, uint32_t value)
{
    if (value > into[slot]) {
        into[slot] = (uint8_t)value;
    }
}

/* Nibbles above `least`, exceptions as 0; n bytes give n pairs of values. */
WEIR_HOT static void unpack_4(const uint8_t *restrict from, uint32_t n, uint8_t least,
                              uint16_t *restrict pairs)
{
    for (uint32_t i = 0; i < n; i++) {
        pairs[i] = htole16((from[i] | from[i] << 4) & 0x0f0f);
    }
    uint8_t *values = (uint8_t *)pairs;
    for (uint32_t i = 0; i < 2 * n; i++) {
        values[i] = values[i] == EXCEPTION ? 0 : (uint8_t)(values[i] + least);
    }
}

static void merge_4(uint8_t *into, uint32_t mask, const weir_hllsketch_view *v)
{
    uint16_t pairs[512];
    uint32_t k = 1u << v->lg_k, step = mask + 1 < sizeof(pairs) ? mask + 1 : sizeof(pairs);
    for (uint32_t slot = 0; slot < k; slot += step) {
        unpack_4(v->at + slot / 2, step / 2, v->cur_min, pairs);
        greater_bytes(into + (slot & mask), (const uint8_t *)pairs, step);
    }
    for (uint32_t i = 0; i < v->slots; i++) {
        uint32_t pair = load_u32(v->exceptions + (size_t)i * 4);
        put_greater(into, pair & (k - 1) & mask, pair >> ADDRESS_BITS);
    }
}

static void merge_6(uint8_t *into, uint32_t mask, const weir_hllsketch_view *v)
{
    const uint8_t *at = v->at;
    for (uint32_t slot = 0; slot < 1u << v->lg_k; slot += 4, at += 3) {
        uint32_t four = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
        for (uint32_t i = 0; i < 4; i++) {
            put_greater(into, (slot + i) & mask, four >> i * 6 & 63);
        }
    }
}

/* `into` has mask + 1 registers, not more than the view. */
static void merge_registers(uint8_t *into, uint32_t mask, const weir_hllsketch_view *v)
{
    if (v->type == WEIR_HLL_4) {
        merge_4(into, mask, v);
    } else if (v->type == WEIR_HLL_6) {
        merge_6(into, mask, v);
    } else {
        for (uint32_t at = 0; at < 1u << v->lg_k; at += mask + 1) {
            greater_bytes(into, v->at + at, mask + 1);
        }
    }
}

/* Four tables: neighbours are often equal, and a count that was just written is slow to read. */
void weir_hllsketch_histogram(const weir_hllsketch_view *v, uint32_t counts[64])
{
    uint32_t parts[4][64] = {{0}};
    for (uint32_t slot = 0; slot < 1u << v->lg_k; slot += 4) {
        parts[0][v->at[slot] & 63]++;
        parts[1][v->at[slot + 1] & 63]++;
        parts[2][v->at[slot + 2] & 63]++;
        parts[3][v->at[slot + 3] & 63]++;
    }
    for (uint32_t value = 0; value < 64; value++) {
        counts[value] = parts[0][value] + parts[1][value] + parts[2][value] + parts[3][value];
    }
}

/* The sums and the number of zeros, from the registers. */
static void recount(weir_hllsketch *s, registers *r)
{
    uint32_t counts[64];
    weir_hllsketch_view v = {.lg_k = s->lg_k, .at = r->at};
    weir_hllsketch_histogram(&v, counts);
    r->kxq0 = r->kxq1 = 0;
    for (uint32_t value = 0; value < 64; value++) {
        count_value(&r->kxq0, &r->kxq1, value, counts[value]);
    }
    s->count = counts[0];
    s->flags &= (uint8_t)~STALE;
}

static void add_coupons(weir_heap *heap, weir_hllsketch *into, const weir_hllsketch_view *v)
{
    for (uint32_t i = 0; i < v->slots; i++) {
        weir_hllsketch_add(heap, into, load_u32(v->at + (size_t)i * 4));
    }
}

/* A sketch without registers takes those of the view, in its order; its own coupons come after. */
static void take_registers(weir_heap *heap, weir_hllsketch *into, uint8_t most_lg_k,
                           const weir_hllsketch_view *from)
{
    weir_hllsketch own = *into;
    weir_hllsketch_view own_view = weir_hllsketch_of(heap, &own);
    *into = (weir_hllsketch){.lg_k = from->lg_k < most_lg_k ? from->lg_k : most_lg_k};
    registers *r = begin_registers(heap, into);
    merge_registers(r->at, (1u << into->lg_k) - 1, from);
    recount(into, r);
    r->hip = from->out_of_order ? 0 : from->hip;
    into->flags = from->out_of_order ? OUT_OF_ORDER : 0;
    add_coupons(heap, into, &own_view);
    weir_hllsketch_drop(heap, &own);
}

static void fold_registers(weir_heap *heap, weir_hllsketch *s, uint8_t lg_k)
{
    uint64_t old = s->at.handle;
    weir_hllsketch_view v = weir_hllsketch_of(heap, s);
    s->lg_k = lg_k;
    registers *r = begin_registers(heap, s);
    merge_registers(r->at, (1u << lg_k) - 1, &v);
    weir_heap_drop(heap, old);
}

void weir_hllsketch_union(weir_heap *heap, weir_hllsketch *into, uint8_t most_lg_k,
                          const weir_hllsketch_view *from)
{
    if (!from->registers) {
        add_coupons(heap, into, from);
        return;
    }
    if (into->mode != REGISTERS) {
        take_registers(heap, into, most_lg_k, from);
        return;
    }
    if (from->lg_k < into->lg_k) {
        fold_registers(heap, into, from->lg_k);
    }
    registers *r = registers_of(heap, into);
    merge_registers(r->at, (1u << into->lg_k) - 1, from);
    r->hip = 0;
    into->flags = OUT_OF_ORDER | STALE;
}

/* ---- writing */

typedef struct writer {
    uint8_t *at; /* NULL: only counts */
    size_t size;
} writer;

static void put(writer *w, const void *bytes, size_t size)
{
    if (w->at) {
        memcpy(w->at + w->size, bytes, size);
    }
    w->size += size;
}

static void put_u32(writer *w, uint32_t word)
{
    word = htole32(word);
    put(w, &word, sizeof(word));
}

static void put_double(writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bits = htole64(bits);
    put(w, &bits, sizeof(bits));
}

static void write_coupons(writer *w, const weir_hllsketch *s, const weir_hllsketch_view *v,
                          weir_hllsketch_type type)
{
    bool is_set = s->mode == SET;
    preamble p = {.words = is_set ? SET_WORDS : LIST_WORDS,
                  .version = 1,
                  .family = FAMILY,
                  .lg_k = s->lg_k,
                  .lg_size = is_set ? s->lg_size : 3,
                  .flags = FLAG_COMPACT | (v->count == 0 ? FLAG_EMPTY : 0),
                  .small_count = is_set ? 0 : (uint8_t)v->count,
                  .mode = (uint8_t)(type << 2 | (is_set ? IMAGE_SET : IMAGE_LIST))};
    put(w, &p, sizeof(p));
    if (is_set) {
        put_u32(w, v->count);
    }
    for (uint32_t i = 0; i < v->slots; i++) {
        uint32_t coupon;
        memcpy(&coupon, v->at + (size_t)i * 4, sizeof(coupon));
        if (coupon != 0) {
            put_u32(w, coupon);
        }
    }
}

/* Four bits each above the least, 15 what does not fit; n values give n / 2 bytes. */
WEIR_HOT static void pack_4(const uint8_t *restrict from, uint32_t n, uint8_t least,
                            uint8_t *restrict out)
{
    for (uint32_t i = 0; i < n / 2; i++) {
        uint8_t low = (uint8_t)(from[2 * i] - least), high = (uint8_t)(from[2 * i + 1] - least);
        low = low < EXCEPTION ? low : EXCEPTION;
        high = high < EXCEPTION ? high : EXCEPTION;
        out[i] = (uint8_t)(low | high << 4);
    }
}

static void write_4(writer *w, const weir_hllsketch_view *v, uint32_t least, uint32_t exceptions)
{
    uint32_t k = 1u << v->lg_k;
    if (w->at) {
        pack_4(v->at, k, (uint8_t)least, w->at + w->size);
    }
    w->size += k / 2;
    for (uint32_t slot = 0; exceptions > 0; slot++) {
        if (v->at[slot] >= least + EXCEPTION) {
            put_u32(w, (uint32_t)v->at[slot] << ADDRESS_BITS | slot);
            exceptions--;
        }
    }
}

static void write_6(writer *w, const weir_hllsketch_view *v)
{
    uint32_t k = 1u << v->lg_k;
    for (uint32_t slot = 0; slot < k; slot += 4) {
        const uint8_t *at = v->at + slot;
        uint32_t four =
            at[0] | (uint32_t)at[1] << 6 | (uint32_t)at[2] << 12 | (uint32_t)at[3] << 18;
        uint8_t bytes[3] = {(uint8_t)four, (uint8_t)(four >> 8), (uint8_t)(four >> 16)};
        put(w, bytes, sizeof(bytes));
    }
    put(w, "", 1); /* their readers take two bytes at a time */
}

static void write_registers(writer *w, const weir_hllsketch_view *v, weir_hllsketch_type type)
{
    uint32_t counts[64], least = 0, exceptions = 0, k = 1u << v->lg_k;
    double kxq0 = 0, kxq1 = 0;
    if (!w->at && type != WEIR_HLL_4) {
        w->size = 40 + (type == WEIR_HLL_6 ? (size_t)k / 4 * 3 + 1 : k);
        return;
    }
    weir_hllsketch_histogram(v, counts);
    for (uint32_t value = 0; value < 64; value++) {
        count_value(&kxq0, &kxq1, value, counts[value]);
    }
    while (type == WEIR_HLL_4 && counts[least] == 0) {
        least++;
    }
    for (uint32_t value = least + EXCEPTION; type == WEIR_HLL_4 && value < 64; value++) {
        exceptions += counts[value];
    }
    preamble p = {.words = REGISTER_WORDS,
                  .version = 1,
                  .family = FAMILY,
                  .lg_k = v->lg_k,
                  .lg_size = exceptions ? (uint8_t)table_lg(exceptions, exceptions_lg(v->lg_k)) : 0,
                  .flags = FLAG_COMPACT | (v->out_of_order ? FLAG_OUT_OF_ORDER : 0),
                  .small_count = (uint8_t)least,
                  .mode = (uint8_t)(type << 2 | IMAGE_REGISTERS)};
    put(w, &p, sizeof(p));
    put_double(w, v->hip);
    put_double(w, kxq0);
    put_double(w, kxq1);
    put_u32(w, counts[least]);
    put_u32(w, exceptions);
    if (type == WEIR_HLL_4) {
        write_4(w, v, least, exceptions);
    } else if (type == WEIR_HLL_6) {
        write_6(w, v);
    } else {
        put(w, v->at, k);
    }
}

size_t weir_hllsketch_write(const weir_heap *heap, const weir_hllsketch *s,
                            weir_hllsketch_type type, uint8_t *out)
{
    weir_hllsketch_view v = weir_hllsketch_of(heap, s);
    writer w = {.at = out};
    if (v.registers) {
        write_registers(&w, &v, type);
    } else {
        write_coupons(&w, s, &v, type);
    }
    return w.size;
}
