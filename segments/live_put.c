/* segments/live_put.c - one column of a batch: made ready (cast to the column's kind, multi-values
 * ordered, strings interned), then copied into the growing chunk's cells. The first half can fail
 * and changes nothing that a reader sees; the second cannot fail. A column that a batch lacks costs
 * nothing: its rows count as null until its next value fills the gap. */
#include <assert.h>
#include <stdlib.h>
#include "segments/live.h"

/* --- making ready --- */

static bool check_sizes(const weir_live_column *col, const weir_str *values, const uint64_t *nulls,
                        uint32_t n, weir_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        if (values[i].size > WEIR_LIVE_VALUE_MAX && !(nulls && weir_bit(nulls, i))) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "a value of column '%.*s' has %zu bytes, more than %u",
                             WEIR_STR_ARG(col->name), values[i].size, WEIR_LIVE_VALUE_MAX);
        }
    }
    return true;
}

static bool any_value(const uint64_t *nulls, uint32_t n)
{
    if (!nulls) {
        return true;
    }
    for (uint32_t i = 0; i < n / 64; i++) {
        if (~nulls[i]) {
            return true;
        }
    }
    return n % 64 && (~nulls[n / 64] & ((1ull << n % 64) - 1));
}

/* A flat vector of the column's kind. */
static bool flat_of_kind(const weir_live_column *col, const weir_vec *vec, weir_scratch *s,
                         weir_vec *out, weir_error *err)
{
    weir_vec flat;
    if (!weir_vec_flatten(vec, s, &flat, err)) {
        return false;
    }
    if (flat.type.kind == col->type.kind) {
        *out = flat;
        return true;
    }
    if (col->type.kind == WEIR_COMPLEX) { /* nothing else has its bytes */
        return weir_fail(err, WEIR_ERR_INTERNAL, "column '%.*s' is of another type than its values",
                         WEIR_STR_ARG(col->name));
    }
    weir_vec cast;
    return weir_vec_cast(&flat, WEIR_TYPE(col->type.kind), s, &cast, err) &&
           weir_vec_flatten(&cast, s, out, err);
}

typedef struct element { /* of a list that is being ordered */
    weir_str value;
    bool null;
} element;

static int compare_elements(const void *a, const void *b)
{
    const element *x = a, *y = b;
    if (x->null || y->null) {
        return (int)y->null - (int)x->null; /* nulls first */
    }
    return weir_str_cmp(x->value, y->value);
}

/* multiValueHandling: puts the list's elements to out[0..), returns how many. */
static uint32_t order_list(uint8_t handling, const weir_vec *items, uint32_t from, uint32_t count,
                           element *out)
{
    for (uint32_t i = 0; i < count; i++) {
        bool null = items->nulls && weir_bit(items->nulls, from + i);
        out[i] = (element){null ? (weir_str){0} : items->at.s[from + i], null};
    }
    if (handling == WEIR_MULTI_ARRAY || count < 2) {
        return count;
    }
    qsort(out, count, sizeof(*out), compare_elements);
    if (handling != WEIR_MULTI_SORTED_SET) {
        return count;
    }
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++) {
        if (compare_elements(&out[kept - 1], &out[i]) != 0) {
            out[kept++] = out[i];
        }
    }
    return kept;
}

static bool ready_lists(weir_live_column *col, const weir_vec *vec, const weir_vec *items,
                        weir_scratch *s, weir_live_ready *out, weir_error *err)
{
    uint32_t n = vec->n, first = vec->at.offsets[0], total = vec->at.offsets[n] - first, at = 0;
    if (total > WEIR_LIVE_LISTS_FULL ||
        !check_sizes(col, items->at.s, items->nulls, items->n, err)) {
        return total <= WEIR_LIVE_LISTS_FULL
                   ? false
                   : weir_fail(err, WEIR_ERR_BAD_REQUEST,
                               "lists of column '%.*s' have %u elements in one batch",
                               WEIR_STR_ARG(col->name), total);
    }
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    element *list = WEIR_SCRATCH_ARRAY(s, element, total + 1);
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, total + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(total) + 1);
    memset(nulls, 0, sizeof(uint64_t) * (weir_words(total) + 1));
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = at;
        if (weir_vec_is_null(vec, i)) {
            continue;
        }
        uint32_t count = order_list(col->multi, items, vec->at.offsets[i],
                                    vec->at.offsets[i + 1] - vec->at.offsets[i], list);
        for (uint32_t k = 0; k < count; k++, at++) {
            values[at] = list[k].value;
            if (list[k].null) {
                weir_bit_set(nulls, at);
            }
        }
    }
    offsets[n] = at;
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, at + 1);
    weir_live_dict_intern(col->dict, values, nulls, at, ids);
    *out = (weir_live_ready){.col = col, .values = ids, .nulls = vec->nulls, .offsets = offsets};
    return true;
}

/* A number column takes a list of one as its element; longer ones have no number and are null. */
static void lists_to_numbers(const weir_vec *vec, weir_scratch *s, weir_vec *items)
{
    size_t size = weir_live_cell_size(items->type);
    uint8_t *values = weir_scratch_take(s, size * (vec->n + 1));
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(vec->n) + 1);
    memset(nulls, 0, sizeof(uint64_t) * (weir_words(vec->n) + 1));
    for (uint32_t i = 0; i < vec->n; i++) {
        uint32_t from = vec->at.offsets[i];
        bool one = !weir_vec_is_null(vec, i) && vec->at.offsets[i + 1] - from == 1;
        if (!one || (items->nulls && weir_bit(items->nulls, from))) {
            weir_bit_set(nulls, i);
            memset(values + size * i, 0, size);
        } else {
            memcpy(values + size * i, (const uint8_t *)items->at.l + size * from, size);
        }
    }
    items->n = vec->n;
    items->at.l = (const int64_t *)(const void *)values;
    items->nulls = nulls;
}

bool weir_live_make_ready(weir_live_column *col, const weir_vec *vec, weir_scratch *s,
                          weir_live_ready *out, bool *any, weir_error *err)
{
    weir_vec whole, flat;
    *any = false;
    if (vec->type.kind == WEIR_UNKNOWN || (vec->form == WEIR_CONST && weir_vec_is_null(vec, 0)) ||
        !any_value(vec->nulls, vec->form == WEIR_CONST ? 1 : vec->n)) {
        return true;
    }
    if (vec->items) { /* a LIST, or a CONST of one */
        if (!weir_vec_flatten(vec, s, &whole, err) ||
            !flat_of_kind(col, whole.items, s, &flat, err)) {
            return false;
        }
        *any = true;
        if (col->type.kind == WEIR_STRING) {
            return ready_lists(col, &whole, &flat, s, out, err);
        }
        lists_to_numbers(&whole, s, &flat);
    } else if (!flat_of_kind(col, vec, s, &flat, err)) {
        return false;
    }
    *any = any_value(flat.nulls, flat.n);
    if (!*any) {
        return true;
    }
    *out = (weir_live_ready){.col = col, .values = flat.at.l, .nulls = flat.nulls};
    if (col->type.kind == WEIR_STRING) {
        if (!check_sizes(col, flat.at.s, flat.nulls, flat.n, err)) {
            return false;
        }
        uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, flat.n);
        weir_live_dict_intern(col->dict, flat.at.s, flat.nulls, flat.n, ids);
        out->values = ids;
        out->nulls = NULL;
    }
    return true;
}

uint64_t weir_live_list_room(const weir_live_ready *ready, uint32_t n)
{
    /* each list has its count before it, and may leave the rest of a page unused */
    uint64_t each = weir_live_has_numbers(ready->col->type) ? 6 : 2;
    return ready->offsets ? each * ((uint64_t)ready->offsets[n] + n) + WEIR_LIVE_LIST_PAGE : 0;
}

/* --- putting --- */

weir_live_cells *weir_live_cells_new(weir_scratch *mem)
{
    weir_live_cells *cells = weir_scratch_take(mem, sizeof(*cells));
    memset(cells, 0, sizeof(*cells));
    return cells;
}

static void *block_of(weir_live_cells *cells, weir_scratch *mem, uint32_t block, size_t cell_size)
{
    void *at = atomic_load_explicit(&cells->values[block], memory_order_relaxed);
    if (!at) {
        at = weir_scratch_take(mem, cell_size * WEIR_BLOCK_ROWS);
        atomic_store_explicit(&cells->values[block], at, memory_order_release);
    }
    return at;
}

static uint8_t *nulls_of(weir_live_cells *cells, weir_scratch *mem, uint32_t block)
{
    uint8_t *at = atomic_load_explicit(&cells->nulls[block], memory_order_relaxed);
    if (!at) {
        at = weir_scratch_take(mem, WEIR_BLOCK_ROWS);
        memset(at, 0, WEIR_BLOCK_ROWS);
        atomic_store_explicit(&cells->nulls[block], at, memory_order_release);
    }
    return at;
}

/* Rows [filled, to) become null for good. Blocks that hold nothing else are not made. */
void weir_live_fill(weir_live_cells *cells, weir_scratch *mem, const weir_live_column *col,
                    uint32_t to)
{
    uint32_t from = atomic_load_explicit(&cells->filled, memory_order_relaxed);
    size_t size = weir_live_cell_size(col->type);
    while (from < to) {
        uint32_t block = from / WEIR_BLOCK_ROWS, end = (block + 1) * WEIR_BLOCK_ROWS;
        uint32_t n = (end < to ? end : to) - from, offset = from % WEIR_BLOCK_ROWS;
        bool made = atomic_load_explicit(&cells->values[block], memory_order_relaxed) != NULL;
        if (made || end > to) {
            uint8_t *values = block_of(cells, mem, block, size);
            memset(values + size * offset, 0, size * n);
            if (!weir_live_is_ids(col->type)) {
                memset(nulls_of(cells, mem, block) + offset, 1, n);
            }
        }
        from += n;
        atomic_store_explicit(&cells->filled, from, memory_order_release);
    }
}

uint32_t weir_live_take_list(weir_live_cells *cells, weir_scratch *mem, uint32_t count,
                             uint32_t **out)
{
    uint32_t room = cells->list_pages * WEIR_LIVE_LIST_PAGE - cells->list_at;
    if (room < count + 1) {
        uint32_t pages = (count + WEIR_LIVE_LIST_PAGE) / WEIR_LIVE_LIST_PAGE;
        uint32_t **lists = atomic_load_explicit(&cells->lists, memory_order_relaxed);
        if (cells->list_pages + pages > cells->list_capacity) {
            uint32_t capacity = 2 * (cells->list_pages + pages);
            uint32_t **longer = WEIR_SCRATCH_ARRAY(mem, uint32_t *, capacity);
            if (cells->list_pages) {
                memcpy(longer, lists, sizeof(*longer) * cells->list_pages);
            }
            cells->list_capacity = capacity;
            lists = longer;
        }
        uint32_t *page = WEIR_SCRATCH_ARRAY(mem, uint32_t, (size_t)pages * WEIR_LIVE_LIST_PAGE);
        cells->list_at = cells->list_pages * WEIR_LIVE_LIST_PAGE;
        for (uint32_t i = 0; i < pages; i++) {
            lists[cells->list_pages++] = page + (size_t)i * WEIR_LIVE_LIST_PAGE;
        }
        atomic_store_explicit(&cells->lists, lists, memory_order_release);
    }
    uint32_t place = cells->list_at;
    uint32_t **lists = atomic_load_explicit(&cells->lists, memory_order_relaxed);
    *out = lists[place >> WEIR_LIVE_LIST_PAGE_BITS] + (place & (WEIR_LIVE_LIST_PAGE - 1));
    cells->list_at += count + 1;
    return place;
}

static void put_lists(weir_live_cells *cells, weir_scratch *mem, const weir_live_ready *ready,
                      uint32_t *out, uint32_t from, uint32_t n)
{
    const uint32_t *ids = ready->values, *offsets = ready->offsets + from;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = offsets[i + 1] - offsets[i];
        if (ready->nulls && weir_bit(ready->nulls, from + i)) {
            out[i] = 0;
        } else if (count == 1 && (ids[offsets[i]] || ready->col->type.kind == WEIR_STRING)) {
            /* a list of one is a plain value; [null] is null only where null and [null] are one */
            out[i] = ids[offsets[i]];
        } else {
            uint32_t *list;
            atomic_store_explicit(&cells->multi, true,
                                  memory_order_relaxed); /* before the row count's release */
            atomic_store_explicit(&ready->col->lists, true, memory_order_relaxed);
            out[i] = WEIR_LIVE_LIST | weir_live_take_list(cells, mem, count, &list);
            list[0] = count;
            memcpy(list + 1, ids + offsets[i], sizeof(*ids) * count);
        }
    }
}

static void put_nulls(weir_live_cells *cells, weir_scratch *mem, const uint64_t *nulls,
                      uint32_t from, uint32_t block, uint32_t offset, uint32_t n)
{
    uint8_t *bytes = atomic_load_explicit(&cells->nulls[block], memory_order_relaxed);
    bool any = false;
    for (uint32_t i = 0; nulls && i < n && !any; i++) {
        any = weir_bit(nulls, from + i);
    }
    if (any && !bytes) {
        bytes = nulls_of(cells, mem, block);
    }
    if (any) {
        for (uint32_t i = 0; i < n; i++) {
            bytes[offset + i] = weir_bit(nulls, from + i);
        }
    } else if (bytes) {
        memset(bytes + offset, 0, n);
    }
}

/* The bytes of complex cells are still the caller's. They are copied as one piece: images of
 * sketches are short, and read as bytes wherever they begin. */
static void keep_bytes(weir_live_cells *cells, weir_scratch *mem, const weir_live_ready *ready,
                       uint32_t at, uint32_t n)
{
    const weir_str *given = ready->values;
    size_t total = 1;
    for (uint32_t i = 0; i < n; i++) {
        total += ready->nulls && weir_bit(ready->nulls, i) ? 0 : given[i].size;
    }
    char *bytes = weir_scratch_take(mem, total);
    for (uint32_t i = 0; i < n; i++) {
        weir_str *values =
            atomic_load_explicit(&cells->values[(at + i) / WEIR_BLOCK_ROWS], memory_order_relaxed);
        weir_str *cell = &values[(at + i) % WEIR_BLOCK_ROWS];
        size_t size = ready->nulls && weir_bit(ready->nulls, i) ? 0 : given[i].size;
        if (size > 0) {
            memcpy(bytes, given[i].at, size);
        }
        *cell = (weir_str){bytes, size};
        bytes += size;
    }
}

void weir_live_put(weir_live_cells *cells, weir_scratch *mem, const weir_live_ready *ready,
                   uint32_t at, uint32_t n)
{
    size_t size = weir_live_cell_size(ready->col->type);
    assert(atomic_load_explicit(&cells->filled, memory_order_relaxed) <= at &&
           at + n <= WEIR_CHUNK_ROWS);
    weir_live_fill(cells, mem, ready->col, at);
    for (uint32_t from = 0; from < n;) {
        uint32_t block = (at + from) / WEIR_BLOCK_ROWS, offset = (at + from) % WEIR_BLOCK_ROWS;
        uint32_t part = WEIR_BLOCK_ROWS - offset < n - from ? WEIR_BLOCK_ROWS - offset : n - from;
        uint8_t *values = block_of(cells, mem, block, size);
        if (ready->offsets && weir_live_has_numbers(ready->col->type)) {
            weir_live_put_numbers(cells, mem, ready, (uint32_t *)(void *)values + offset, from,
                                  part);
        } else if (ready->offsets) {
            put_lists(cells, mem, ready, (uint32_t *)(void *)values + offset, from, part);
        } else {
            memcpy(values + size * offset, (const uint8_t *)ready->values + size * from,
                   size * part);
        }
        if (!weir_live_is_ids(ready->col->type)) {
            put_nulls(cells, mem, ready->nulls, from, block, offset, part);
        }
        from += part;
    }
    if (ready->col->type.kind == WEIR_COMPLEX) {
        keep_bytes(cells, mem, ready, at, n);
    }
    atomic_store_explicit(&cells->filled, at + n, memory_order_release);
}
