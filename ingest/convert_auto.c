/* ingest/convert_auto.c - cells of an auto or json column: values of one kind as a vector of that
 * kind, anything else as JSON text, compact and with numbers as Java prints them, which the live
 * segment takes apart. */
#include "compute/json_text.h"
#include "ingest/convert.h"
#include <stdlib.h>

static void print_cell(weir_json *json, const weir_convert *c, weir_cell cell)
{
    switch ((weir_cell_kind)cell.kind) {
    case WEIR_CELL_ABSENT:
    case WEIR_CELL_NULL:
        weir_json_null(json);
        return;
    case WEIR_CELL_FALSE:
    case WEIR_CELL_TRUE:
        weir_json_bool(json, cell.kind == WEIR_CELL_TRUE);
        return;
    case WEIR_CELL_LONG:
        weir_json_long(json, cell.as.l);
        return;
    case WEIR_CELL_DOUBLE:
        weir_json_double(json, cell.as.d);
        return;
    case WEIR_CELL_STRING:
        weir_json_str(json, (weir_str){cell.as.at, cell.size});
        return;
    case WEIR_CELL_LIST:
        weir_json_begin_array(json);
        for (uint32_t i = 0; i < cell.size; i++) {
            print_cell(json, c, c->events->items[cell.as.first + i]);
        }
        weir_json_end_array(json);
        return;
    case WEIR_CELL_JSON:
        break;
    }
    weir_json_null(json);
}

static bool is_null(weir_cell cell)
{
    return cell.kind == WEIR_CELL_NULL || cell.kind == WEIR_CELL_ABSENT;
}

void weir_convert_json(const weir_convert *c, uint32_t column, weir_vec *out)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(c->scratch, weir_str, c->n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(c->scratch, uint64_t, weir_words(c->n) + 1);
    weir_buf text = {0};
    memset(nulls, 0, sizeof(*nulls) * (weir_words(c->n) + 1));
    for (uint32_t i = 0; i < c->n; i++) {
        weir_cell cell = weir_events_at(c->events, column, c->rows[i]);
        weir_str raw = {cell.as.at, cell.size};
        weir_json json = {.out = &text};
        values[i] = (weir_str){"", 0};
        text.size = 0;
        if (is_null(cell)) {
            weir_bit_set(nulls, i);
            continue;
        }
        if (cell.kind != WEIR_CELL_JSON) {
            print_cell(&json, c, cell);
        } else if (weir_json_is_valid(raw)) {
            weir_json_normalize(raw, &text);
        } else {
            weir_bit_set(nulls, i);
            c->bad(c->self, i, "a nested value is not JSON, or deeper than 100 levels");
            continue;
        }
        values[i] = (weir_str){memcpy(weir_events_text(c->events, text.size), text.at, text.size),
                               text.size};
    }
    weir_buf_done(&text);
    *out = (weir_vec){.type = weir_type_json(), .form = WEIR_FLAT, .n = c->n, .nulls = nulls};
    out->at.s = values;
}

void weir_convert_auto(const weir_convert *c, uint32_t column, weir_vec *out)
{
    uint32_t kinds = c->events->columns[column].kinds &
                     ~(WEIR_CELL_BIT(WEIR_CELL_ABSENT) | WEIR_CELL_BIT(WEIR_CELL_NULL));
    uint32_t longs = WEIR_CELL_BIT(WEIR_CELL_LONG) | WEIR_CELL_BIT(WEIR_CELL_TRUE) |
                     WEIR_CELL_BIT(WEIR_CELL_FALSE);
    if (kinds == 0) {
        *out = weir_vec_null(WEIR_TYPE(WEIR_UNKNOWN), c->n);
    } else if ((kinds & ~longs) == 0) {
        weir_convert_number(c, column, WEIR_LONG, out);
    } else if (kinds == WEIR_CELL_BIT(WEIR_CELL_DOUBLE)) {
        weir_convert_number(c, column, WEIR_DOUBLE, out);
    } else if (kinds == WEIR_CELL_BIT(WEIR_CELL_STRING)) {
        weir_convert_string(c, column, out);
    } else {
        weir_convert_json(c, column, out);
    }
}

void weir_convert_auto_vec(const weir_vec *vec, weir_scratch *scratch, weir_vec *out)
{
    weir_vec flat;
    weir_error err;
    *out = weir_vec_null(WEIR_TYPE(WEIR_UNKNOWN), vec->n);
    if (!weir_vec_flatten(vec, scratch, &flat, &err)) {
        return; /* cannot be: derived vectors have no dictionaries that may be damaged */
    }
    if (!weir_type_is_json(flat.type)) {
        *out = flat.type.kind == WEIR_COMPLEX ? *out : flat; /* a sketch has no place here */
        return;
    }
    weir_str *values = WEIR_SCRATCH_ARRAY(scratch, weir_str, flat.n + 1);
    weir_buf text = {0};
    for (uint32_t i = 0; i < flat.n; i++) {
        bool null = weir_vec_is_null(&flat, i);
        text.size = 0;
        if (!null) {
            weir_json_normalize(flat.at.s[i], &text);
        }
        char *copy = weir_scratch_take(scratch, text.size + 1);
        memcpy(copy, text.at ? text.at : "", text.size);
        values[i] = (weir_str){copy, text.size};
    }
    weir_buf_done(&text);
    *out = flat;
    out->at.s = values;
}
