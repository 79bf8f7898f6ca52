/* compute/lookup_table.c - see lookup_table.h. Everything only grows: entries (a key and its newest
 * value) and values (a text, its version, the value before) lie in parts that double and never
 * move, slots are made anew when half of them are taken, and the old ones stay for who still reads
 * them. So a reader needs no lock, and a change costs one value: 24 bytes and its text. Values of
 * one version overwrite each other in place, because nobody reads that version yet. */
#include "compute/lookup_table.h"
#include "weir/hash.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define FIRST_PART 64u /* entries, values */
#define PARTS 27u      /* 64 * (2^26 - 1): all that uint32_t numbers */
#define TEXT_LEAST 4096u
#define TEXT_MOST (1u << 20)
#define SPARE_BYTES (2u << 20) /* not worth a copy; a block of texts may be empty */

typedef struct value {
    const char *at; /* NULL: none */
    uint32_t size;
    uint32_t older; /* value + 1; 0: no older one */
    uint64_t version;
} value;

typedef struct entry {
    weir_str key;
    _Atomic uint32_t newest; /* value + 1 */
} entry;

typedef struct slots {
    struct slots *older;
    uint32_t mask;
    _Atomic uint32_t at[]; /* entry + 1; 0: free */
} slots;

typedef struct text_block {
    struct text_block *next;
    char at[];
} text_block;

struct weir_lookup_table {
    _Atomic uint32_t refs;
    slots *_Atomic slots;
    entry *entries[PARTS];
    value *values[PARTS];
    /* the writer's */
    uint32_t entry_count, value_count, live;
    size_t bytes, live_bytes; /* all; of texts that are in use */
    text_block *texts;
    size_t text_left, text_next;
};

/* Part k begins at FIRST_PART * (2^k - 1) and holds FIRST_PART * 2^k. */
static uint32_t part_of(uint32_t i, uint32_t *within)
{
    uint64_t n = (uint64_t)i / FIRST_PART + 1;
    uint32_t part = 63u - (uint32_t)__builtin_clzll(n);
    *within = i - FIRST_PART * (uint32_t)((1ull << part) - 1);
    return part;
}

static entry *entry_at(const weir_lookup_table *table, uint32_t i)
{
    uint32_t within, part = part_of(i, &within);
    return &table->entries[part][within];
}

static value *value_at(const weir_lookup_table *table, uint32_t i)
{
    uint32_t within, part = part_of(i, &within);
    return &table->values[part][within];
}

static slots *new_slots(weir_lookup_table *table, uint32_t count)
{
    slots *made = weir_calloc(1, sizeof(*made) + count * sizeof(made->at[0]));
    made->mask = count - 1;
    table->bytes += sizeof(*made) + count * sizeof(made->at[0]);
    return made;
}

weir_lookup_table *weir_lookup_table_new(void)
{
    weir_lookup_table *table = weir_calloc(1, sizeof(*table));
    atomic_init(&table->refs, 1);
    table->bytes = sizeof(*table);
    table->text_next = TEXT_LEAST;
    atomic_init(&table->slots, new_slots(table, 64));
    return table;
}

weir_lookup_table *weir_lookup_table_ref(weir_lookup_table *table)
{
    atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
    return table;
}

void weir_lookup_table_unref(weir_lookup_table *table)
{
    if (!table || atomic_fetch_sub_explicit(&table->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (slots *s = atomic_load(&table->slots), *older; s; s = older) {
        older = s->older;
        free(s);
    }
    for (text_block *block = table->texts, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        free(table->entries[i]);
        free(table->values[i]);
    }
    free(table);
}

/* Reading. */

/* The slot of the key, or the free one where it belongs. */
static _Atomic uint32_t *find_slot(const weir_lookup_table *table, slots *s, weir_str key,
                                   uint32_t *found)
{
    uint32_t at = (uint32_t)weir_hash_bytes(key.at, key.size) & s->mask;
    while ((*found = atomic_load_explicit(&s->at[at], memory_order_acquire)) != 0 &&
           !weir_str_eq(entry_at(table, *found - 1)->key, key)) {
        at = (at + 1) & s->mask;
    }
    return &s->at[at];
}

static bool read_value(const weir_lookup_table *table, const entry *e, uint64_t version,
                       weir_str *out)
{
    uint32_t i = atomic_load_explicit(&e->newest, memory_order_acquire);
    while (i != 0) {
        const value *v = value_at(table, i - 1);
        if (v->version <= version) {
            *out = (weir_str){v->at, v->size};
            return v->at != NULL;
        }
        i = v->older;
    }
    return false;
}

bool weir_lookup_table_get(const weir_lookup_table *table, uint64_t version, weir_str key,
                           weir_str *out)
{
    uint32_t found;
    find_slot(table, atomic_load_explicit(&table->slots, memory_order_acquire), key, &found);
    return found != 0 && read_value(table, entry_at(table, found - 1), version, out);
}

bool weir_lookup_table_at(const weir_lookup_table *table, uint64_t version, uint32_t i,
                          weir_str *key, weir_str *out)
{
    const entry *e = entry_at(table, i);
    *key = e->key;
    return read_value(table, e, version, out);
}

/* Writing. */

static void *grow_part(weir_lookup_table *table, void **part, uint32_t number, size_t size)
{
    if (!*part) {
        *part = weir_calloc((size_t)FIRST_PART << number, size);
        table->bytes += ((size_t)FIRST_PART << number) * size;
    }
    return *part;
}

static weir_str copy_text(weir_lookup_table *table, weir_str text)
{
    if (text.size == 0) {
        return WEIR_STR("");
    }
    if (text.size > table->text_left) {
        size_t size = text.size > table->text_next ? text.size : table->text_next;
        text_block *block = weir_alloc(sizeof(*block) + size);
        block->next = table->texts;
        table->texts = block;
        table->text_left = size;
        table->bytes += sizeof(*block) + size;
        table->text_next = table->text_next < TEXT_MOST ? table->text_next * 2 : TEXT_MOST;
    }
    /* taken from the block's end, so that its size need not be kept */
    char *at = table->texts->at + (table->text_left -= text.size);
    memcpy(at, text.at, text.size);
    return (weir_str){at, text.size};
}

static void grow_slots(weir_lookup_table *table, slots *old)
{
    slots *more = new_slots(table, (old->mask + 1) * 2);
    for (uint32_t i = 0; i < table->entry_count; i++) {
        weir_str key = entry_at(table, i)->key;
        uint32_t at = (uint32_t)weir_hash_bytes(key.at, key.size) & more->mask;
        while (atomic_load_explicit(&more->at[at], memory_order_relaxed) != 0) {
            at = (at + 1) & more->mask;
        }
        atomic_store_explicit(&more->at[at], i + 1, memory_order_relaxed);
    }
    more->older = old;
    atomic_store_explicit(&table->slots, more, memory_order_release);
}

static entry *add_entry(weir_lookup_table *table, weir_str key)
{
    slots *s = atomic_load_explicit(&table->slots, memory_order_relaxed);
    if (table->entry_count >= s->mask / 2) {
        grow_slots(table, s);
        s = atomic_load_explicit(&table->slots, memory_order_relaxed);
    }
    uint32_t within, found, part = part_of(table->entry_count, &within);
    entry *e =
        (entry *)grow_part(table, (void **)&table->entries[part], part, sizeof(entry)) + within;
    e->key = copy_text(table, key);
    atomic_init(&e->newest, 0);
    _Atomic uint32_t *slot = find_slot(table, s, key, &found);
    atomic_store_explicit(slot, ++table->entry_count, memory_order_release);
    return e;
}

static value *add_value(weir_lookup_table *table, uint64_t version, uint32_t older)
{
    uint32_t within, part = part_of(table->value_count, &within);
    value *v =
        (value *)grow_part(table, (void **)&table->values[part], part, sizeof(value)) + within;
    *v = (value){.older = older, .version = version};
    return v;
}

void weir_lookup_table_put(weir_lookup_table *table, uint64_t version, weir_str key, weir_str text)
{
    uint32_t found;
    find_slot(table, atomic_load_explicit(&table->slots, memory_order_relaxed), key, &found);
    entry *e = found ? entry_at(table, found - 1) : NULL;
    uint32_t newest = e ? atomic_load_explicit(&e->newest, memory_order_relaxed) : 0;
    value *last = newest ? value_at(table, newest - 1) : NULL;
    if (!text.at && (!last || !last->at)) {
        return; /* it has none already */
    }
    if (last && last->at) {
        table->live--;
        table->live_bytes -= key.size + last->size;
    }
    e = e ? e : add_entry(table, key);
    assert(!last || last->version <= version);
    bool in_place = last && last->version == version;
    value *v = in_place ? last : add_value(table, version, newest);
    weir_str copy = text.at ? copy_text(table, text) : (weir_str){0};
    v->at = copy.at;
    v->size = (uint32_t)copy.size;
    if (text.at) {
        table->live++;
        table->live_bytes += key.size + text.size;
    }
    if (!in_place) {
        atomic_store_explicit(&e->newest, ++table->value_count, memory_order_release);
    }
}

uint32_t weir_lookup_table_live(const weir_lookup_table *table)
{
    return table->live;
}

uint32_t weir_lookup_table_entries(const weir_lookup_table *table)
{
    return table->entry_count;
}

size_t weir_lookup_table_bytes(const weir_lookup_table *table)
{
    return table->bytes;
}

bool weir_lookup_table_is_wasteful(const weir_lookup_table *table)
{
    /* the most that a fresh table takes for what is in use: parts and slots half full */
    size_t fresh = table->live_bytes + (size_t)table->live * (2 * (sizeof(entry) + sizeof(value)) +
                                                              8 * sizeof(uint32_t));
    return table->bytes > 2 * fresh + SPARE_BYTES || table->value_count > UINT32_MAX / 2;
}

weir_lookup_table *weir_lookup_table_copy(const weir_lookup_table *table, uint64_t version)
{
    weir_lookup_table *copy = weir_lookup_table_new();
    for (uint32_t i = 0; i < table->entry_count; i++) {
        weir_str key, text;
        if (weir_lookup_table_at(table, UINT64_MAX, i, &key, &text)) {
            weir_lookup_table_put(copy, version, key, text);
        }
    }
    return copy;
}
