/* compute/vec_json.c - values of any kind as JSON text. */
#include "compute/vec.h"
#include "weir/buf.h"

static void print_item(weir_json *json, const weir_vec *vec, uint32_t i)
{
    if (vec->nulls && weir_bit(vec->nulls, i)) {
        weir_json_null(json);
        return;
    }
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        weir_json_long(json, vec->at.l[i]);
        return;
    case WEIR_DOUBLE:
        weir_json_double(json, vec->at.d[i]);
        return;
    case WEIR_FLOAT:
        weir_json_float(json, vec->at.f[i]);
        return;
    case WEIR_STRING:
        weir_json_str(json, vec->at.s[i]);
        return;
    case WEIR_COMPLEX:
        weir_complex_print(vec->type.complex, json, vec->at.s[i]);
        return;
    case WEIR_ARRAY:
    case WEIR_UNKNOWN:
        break;
    }
    weir_json_null(json);
}

static void print_row(weir_buf *out, const weir_vec *vec, uint32_t i)
{
    weir_json json = {.out = out};
    if (vec->form != WEIR_LIST) {
        print_item(&json, vec, i);
        return;
    }
    weir_json_begin_array(&json);
    for (uint32_t k = vec->at.offsets[i]; k < vec->at.offsets[i + 1]; k++) {
        print_item(&json, vec->items, k);
    }
    weir_json_end_array(&json);
}

bool weir_vec_to_json(const weir_vec *vec, weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_vec flat;
    if (weir_type_is_json(vec->type)) {
        *out = *vec;
        return true;
    }
    if (!weir_vec_flatten(vec, s, &flat, err)) {
        return false;
    }
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, flat.n + 1);
    size_t *places = WEIR_SCRATCH_ARRAY(s, size_t, flat.n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(flat.n) + 1);
    weir_buf text = {0};
    memset(nulls, 0, sizeof(*nulls) * (weir_words(flat.n) + 1));
    for (uint32_t i = 0; i < flat.n; i++) {
        places[i] = text.size;
        if (weir_vec_is_null(&flat, i)) {
            weir_bit_set(nulls, i);
        } else {
            print_row(&text, &flat, i);
        }
    }
    places[flat.n] = text.size;
    char *bytes = weir_scratch_take(s, text.size + 1);
    memcpy(bytes, text.at ? text.at : "", text.size);
    weir_buf_done(&text);
    for (uint32_t i = 0; i < flat.n; i++) {
        values[i] = (weir_str){bytes + places[i], places[i + 1] - places[i]};
    }
    *out = (weir_vec){.type = weir_type_json(), .form = WEIR_FLAT, .n = flat.n, .nulls = nulls};
    out->at.s = values;
    return true;
}
