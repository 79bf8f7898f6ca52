/* segments/encode_lists.c - lists that lie close together are decoded with what is between them,
 * others one by one. */
#include "segments/encode_lists.h"
#include <assert.h>

static weir_vec flat_of(const weir_encoded *items, uint32_t from, uint32_t n, weir_scratch *s)
{
    weir_vec vec, flat;
    weir_error err;
    weir_encoded_read(items, from, n, false, s, &vec);
    bool ok = weir_vec_flatten(&vec, s, &flat, &err); /* numbers have no dictionary */
    assert(ok);
    (void)ok;
    return flat;
}

typedef struct target {
    int64_t *values; /* or doubles */
    uint64_t *nulls;
    uint32_t at;
    bool any_null;
} target;

static void copy_part(target *to, const weir_vec *from, uint32_t first, uint32_t n)
{
    memcpy(to->values + to->at, from->at.l + first, sizeof(*to->values) * n);
    for (uint32_t i = 0; from->nulls && i < n; i++) {
        if (weir_bit(from->nulls, first + i)) {
            weir_bit_set(to->nulls, to->at + i);
            to->any_null = true;
        }
    }
    to->at += n;
}

void weir_encoded_list_numbers(const weir_encoded *items, weir_kind elem, const uint32_t *places,
                               uint32_t n, uint32_t total, weir_scratch *s, weir_vec *out)
{
    *out = (weir_vec){.type = WEIR_TYPE((uint8_t)elem), .form = WEIR_FLAT, .n = total};
    if (total == 0) {
        out->at.l = WEIR_SCRATCH_ARRAY(s, int64_t, 1);
        return;
    }
    uint32_t first = places[0], span = places[2 * n - 1] - first;
    if (span == total) {
        *out = flat_of(items, first, total, s);
        return;
    }
    target to = {.values = WEIR_SCRATCH_ARRAY(s, int64_t, total + 1),
                 .nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(total) + 1)};
    memset(to.nulls, 0, sizeof(*to.nulls) * (weir_words(total) + 1));
    bool close = span <= 16 * total + 1024;
    weir_vec all = {0};
    if (close) {
        all = flat_of(items, first, span, s);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = places[2 * i], count = places[2 * i + 1] - from;
        if (count == 0) {
            continue;
        }
        weir_vec one = close ? all : flat_of(items, from, count, s);
        copy_part(&to, &one, close ? from - first : 0, count);
    }
    out->at.l = to.values;
    out->nulls = to.any_null ? to.nulls : NULL;
}
