/* compute/agg_text.c - strings that aggregators keep: one row's text, and its first bytes. */
#include "compute/agg_table.h"

weir_str weir_agg_cut(weir_str text, size_t most_bytes)
{
    if (text.size > most_bytes) {
        text.size = most_bytes;
        while (text.size > 0 && ((uint8_t)text.at[text.size] & 0xC0) == 0x80) {
            text.size--;
        }
    }
    return text;
}

/* A multi-value as Java prints a list: "[a, b]"; one of one element is that element, as in Druid's
 * rows. */
static weir_str list_text(const weir_vec *vec, uint32_t row, weir_scratch *s)
{
    uint32_t from = vec->at.offsets[row], n = vec->at.offsets[row + 1] - from;
    size_t size = 2;
    weir_vec part, flat;
    weir_error err;
    weir_vec_slice(vec->items, from, n, s, &part);
    if (!weir_vec_flatten(&part, s, &flat, &err)) {
        return WEIR_STR("");
    }
    if (n == 1 && !weir_vec_is_null(&flat, 0)) {
        return flat.at.s[0];
    }
    for (uint32_t i = 0; i < n; i++) {
        size += (weir_vec_is_null(&flat, i) ? 4 : flat.at.s[i].size) + 2;
    }
    char *text = weir_scratch_take(s, size);
    size_t at = 0;
    text[at++] = '[';
    for (uint32_t i = 0; i < n; i++) {
        weir_str item = weir_vec_is_null(&flat, i) ? WEIR_STR("null") : flat.at.s[i];
        memcpy(text + at, ", ", i ? 2 : 0);
        at += i ? 2 : 0;
        memcpy(text + at, item.size ? item.at : "", item.size);
        at += item.size;
    }
    text[at++] = ']';
    return (weir_str){text, at};
}

weir_str weir_agg_text_at(const weir_vec *vec, uint32_t i, weir_scratch *s)
{
    weir_str out = WEIR_STR("");
    weir_error err;
    uint32_t at = vec->form == WEIR_CONST ? 0 : i;
    if (vec->items) {
        return list_text(vec, at, s);
    }
    if (!vec->dict) {
        return vec->at.s[at];
    }
    return vec->dict->ops->values(vec->dict, &vec->at.ids[at], 1, s, &out, &err) ? out
                                                                                 : WEIR_STR("");
}
