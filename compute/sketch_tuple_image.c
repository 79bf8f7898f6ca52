/* compute/sketch_tuple_image.c - tuple sketches of doubles as DataSketches' bytes.
 *
 *  byte 0  1  2       3     4      5        6..7       8..15
 *       1  1  family  type  flags  numbers  seed hash  theta
 * Compact (type 3) with entries: count (4), unused (4), keys, then the numbers of each key.
 * Growing (type 2): lg k, lg table, lg growth, unused, p (4), count (4), unused (4); with entries
 * all slots' keys, then all slots' numbers. */
#include "compute/sketch.h"
#include "compute/sketch_tuple.h"

enum { FLAG_BIG_ENDIAN = 1, FLAG_EMPTY = 4, FLAG_HAS_ENTRIES = 8 };
enum { FAMILY_TUPLE = 9, TYPE_GROWING = 2, TYPE_COMPACT = 3 };

typedef struct preamble {
    uint32_t type, flags, value_count;
    uint64_t theta;
} preamble;

static bool take_preamble(weir_reader *in, preamble *out)
{
    const uint8_t *at;
    if (!weir_take_span(in, 8, &at) || !weir_take_u64(in, &out->theta)) {
        return false;
    }
    out->type = at[3];
    out->flags = at[4];
    out->value_count = at[5];
    return at[1] == 1 && at[2] == FAMILY_TUPLE && !(out->flags & FLAG_BIG_ENDIAN) &&
           out->value_count > 0 && out->value_count <= WEIR_TUPLE_MAX_VALUES &&
           (at[6] | at[7] << 8) == WEIR_THETA_SEED_HASH && out->theta > 0 &&
           out->theta <= WEIR_THETA_ALL;
}

/* `slots` keys, free ones among them, and their numbers: those that are kept go to the view. */
static bool take_slots(weir_reader *in, uint32_t slots, weir_scratch *s, weir_tuple_view *view)
{
    size_t width = view->value_count * sizeof(double);
    const uint8_t *keys, *values;
    if (!weir_take_span(in, (size_t)slots * sizeof(uint64_t), &keys) ||
        !weir_take_span(in, slots * width, &values)) {
        return false;
    }
    uint64_t *own = WEIR_SCRATCH_ARRAY(s, uint64_t, slots + 1);
    uint8_t *own_values = weir_scratch_take(s, slots * width + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < slots; i++) {
        uint64_t key;
        memcpy(&key, keys + i * sizeof(key), sizeof(key));
        key = le64toh(key);
        if (key > 0 && key < view->theta) {
            own[count] = key;
            memcpy(own_values + count * width, values + i * width, width);
            count++;
        }
    }
    view->count = count;
    view->keys = own;
    view->values = (const double *)(const void *)own_values;
    return true;
}

static bool take_growing(weir_reader *in, const preamble *p, weir_scratch *s, weir_tuple_view *view)
{
    const uint8_t *at;
    if (!weir_take_span(in, 16, &at) || at[1] > WEIR_THETA_MAX_LG_K + 1) {
        return false;
    }
    if (p->flags & FLAG_EMPTY) { /* theta may be below all: it samples, and had no update yet */
        *view = weir_tuple_none(view->value_count);
        return true;
    }
    return !(p->flags & FLAG_HAS_ENTRIES) || take_slots(in, 1u << at[1], s, view);
}

static bool take_compact(weir_reader *in, const preamble *p, weir_scratch *s, weir_tuple_view *view)
{
    uint32_t count, unused;
    if (!(p->flags & FLAG_HAS_ENTRIES)) {
        return true;
    }
    return weir_take_u32(in, &count) && weir_take_u32(in, &unused) &&
           take_slots(in, count, s, view) && view->count == count;
}

bool weir_tuple_open(weir_str image, weir_scratch *s, weir_tuple_view *out)
{
    weir_reader in = weir_reader_of(image);
    preamble p;
    if (!take_preamble(&in, &p)) {
        return false;
    }
    weir_tuple_view view = {.theta = p.theta, .value_count = p.value_count};
    if (p.type == TYPE_GROWING ? !take_growing(&in, &p, s, &view)
                               : p.type != TYPE_COMPACT || !take_compact(&in, &p, s, &view)) {
        return false;
    }
    bool empty = p.flags & FLAG_EMPTY;
    if (empty && (view.count > 0 || view.theta < WEIR_THETA_ALL)) {
        return false;
    }
    view.empty = empty || (view.count == 0 && view.theta == WEIR_THETA_ALL);
    *out = view;
    return true;
}

static size_t size_of(uint32_t count, uint32_t value_count)
{
    return count ? 24 + sizeof(uint64_t) * ((size_t)count * (1 + value_count)) : 16;
}

static uint8_t *put_preamble(uint8_t *at, const weir_tuple_view *view)
{
    at = weir_put_u8(at, 1);
    at = weir_put_u8(at, 1);
    at = weir_put_u8(at, FAMILY_TUPLE);
    at = weir_put_u8(at, TYPE_COMPACT);
    at = weir_put_u8(at, (view->empty ? FLAG_EMPTY : 0) | (view->count ? FLAG_HAS_ENTRIES : 0));
    at = weir_put_u8(at, (uint8_t)view->value_count);
    at = weir_put_u16(at, WEIR_THETA_SEED_HASH);
    at = weir_put_u64(at, view->theta);
    return view->count ? weir_put_u64(at, view->count) : at;
}

size_t weir_tuple_image(const weir_tuple_view *view, uint8_t *out)
{
    uint8_t *at = out ? put_preamble(out, view) : NULL;
    for (uint32_t i = 0; out && i < view->count; i++) {
        at = weir_put_u64(at, view->keys[i]);
    }
    for (size_t i = 0; out && i < (size_t)view->count * view->value_count; i++) {
        at = weir_put_double(at, view->values[i]);
    }
    return size_of(view->count, view->value_count);
}

size_t weir_tuple_save(const weir_heap *heap, const weir_tuple *tuple, uint8_t *out)
{
    uint32_t slots = tuple->handle ? 1u << tuple->lg_table : 0, width = tuple->value_count;
    if (out) {
        uint8_t *at = put_preamble(
            out, &(weir_tuple_view){.theta = tuple->theta,
                                    .count = tuple->count,
                                    .value_count = width,
                                    .empty = tuple->count == 0 && tuple->theta == WEIR_THETA_ALL});
        const uint64_t *keys = slots ? weir_heap_at(heap, tuple->handle) : NULL;
        const double *values = slots ? (const double *)(const void *)(keys + slots) : NULL;
        for (uint32_t i = 0; i < slots; i++) {
            at = keys[i] ? weir_put_u64(at, keys[i]) : at;
        }
        for (uint32_t i = 0; i < slots; i++) {
            for (uint32_t k = 0; keys[i] && k < width; k++) {
                at = weir_put_double(at, values[(size_t)i * width + k]);
            }
        }
    }
    return size_of(tuple->count, width);
}

weir_str weir_tuple_image_str(const weir_tuple_view *view, weir_scratch *s)
{
    size_t size = weir_tuple_image(view, NULL);
    uint8_t *bytes = weir_scratch_take(s, size);
    weir_tuple_image(view, bytes);
    return (weir_str){(const char *)bytes, size};
}
