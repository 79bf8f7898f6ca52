/* ingest/convert.c - see ingest/convert.h. Frequent shapes (all strings, all longs) are one loop
 * without a decision per row but null. */
#include "ingest/convert_java.h"
#include "compute/text.h"
#include "weir/buf.h"
#include <math.h>
#include <stdio.h>

static bool is_null(weir_cell cell)
{
    return cell.kind == WEIR_CELL_NULL || cell.kind == WEIR_CELL_ABSENT;
}

static uint64_t *new_nulls(const weir_convert *c, uint32_t n)
{
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(c->scratch, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(uint64_t) * (weir_words(n) + 1));
    return nulls;
}

static weir_vec flat(weir_kind kind, uint32_t n)
{
    return (weir_vec){.type = WEIR_TYPE((uint8_t)kind), .form = WEIR_FLAT, .n = n};
}

static void say_bad(const weir_convert *c, uint32_t i, const char *what, weir_cell cell)
{
    char sentence[300];
    weir_str value = {"", 0};
    char text[32];
    switch ((weir_cell_kind)cell.kind) {
    case WEIR_CELL_STRING:
    case WEIR_CELL_JSON:
        value = (weir_str){cell.as.at, cell.size < 100 ? cell.size : 100};
        break;
    case WEIR_CELL_LONG:
        value = (weir_str){text, weir_print_long(text, cell.as.l)};
        break;
    case WEIR_CELL_DOUBLE:
        value = (weir_str){text, weir_print_double(text, cell.as.d)};
        break;
    case WEIR_CELL_TRUE:
        value = WEIR_STR("true");
        break;
    case WEIR_CELL_FALSE:
        value = WEIR_STR("false");
        break;
    case WEIR_CELL_LIST:
        value = WEIR_STR("a list");
        break;
    case WEIR_CELL_NULL:
    case WEIR_CELL_ABSENT:
        break;
    }
    snprintf(sentence, sizeof(sentence), "could not convert value [%.*s] of column [%.*s] to %s",
             WEIR_STR_ARG(value), (int)(c->column.size < 100 ? c->column.size : 100), c->column.at,
             what);
    c->bad(c->self, i, sentence);
}

/* Strings. */

static weir_str cell_text(const weir_convert *c, weir_cell cell)
{
    char number[32];
    size_t size;
    switch ((weir_cell_kind)cell.kind) {
    case WEIR_CELL_TRUE:
        return WEIR_STR("true");
    case WEIR_CELL_FALSE:
        return WEIR_STR("false");
    case WEIR_CELL_STRING:
    case WEIR_CELL_JSON:
        return (weir_str){cell.as.at, cell.size};
    case WEIR_CELL_LONG:
    case WEIR_CELL_DOUBLE:
        size = cell.kind == WEIR_CELL_LONG ? weir_print_long(number, cell.as.l)
                                           : weir_print_double(number, cell.as.d);
        return (weir_str){memcpy(weir_events_text(c->events, size), number, size), size};
    case WEIR_CELL_ABSENT:
    case WEIR_CELL_NULL:
    case WEIR_CELL_LIST:
        break;
    }
    return (weir_str){"", 0};
}

static bool only_strings(const weir_cells *cells)
{
    return (cells->kinds & ~(WEIR_CELL_BIT(WEIR_CELL_STRING) | WEIR_CELL_BIT(WEIR_CELL_NULL) |
                             WEIR_CELL_BIT(WEIR_CELL_ABSENT))) == 0;
}

/* Row i of the batch; `told`: cells of all rows, where JSON became something else. */
static weir_cell cell_at(const weir_convert *c, uint32_t column, const weir_cell *told, uint32_t i)
{
    return told ? told[i] : weir_events_at(c->events, column, c->rows[i]);
}

static void convert_scalars(const weir_convert *c, uint32_t column, const weir_cell *told,
                            weir_vec *out)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(c->scratch, weir_str, c->n + 1);
    uint64_t *nulls = new_nulls(c, c->n);
    bool simple = only_strings(&c->events->columns[column]), any_null = false;
    for (uint32_t i = 0; i < c->n; i++) {
        weir_cell cell = cell_at(c, column, told, i);
        if (is_null(cell)) {
            values[i] = (weir_str){"", 0};
            weir_bit_set(nulls, i);
            any_null = true;
        } else {
            values[i] = simple ? (weir_str){cell.as.at, cell.size} : cell_text(c, cell);
        }
    }
    *out = flat(WEIR_STRING, c->n);
    out->at.s = values;
    out->nulls = any_null ? nulls : NULL;
}

static uint32_t count_items(const weir_convert *c, uint32_t column, const weir_cell *told)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        weir_cell cell = cell_at(c, column, told, i);
        total += cell.kind == WEIR_CELL_LIST ? cell.size : 1;
    }
    return total;
}

/* Lists in the order of the event; the live segment orders them (multiValueHandling). */
static void convert_lists(const weir_convert *c, uint32_t column, const weir_cell *told,
                          weir_vec *out)
{
    uint32_t total = count_items(c, column, told), at = 0;
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(c->scratch, uint32_t, c->n + 1);
    uint64_t *nulls = new_nulls(c, c->n), *item_nulls = new_nulls(c, total);
    weir_str *values = WEIR_SCRATCH_ARRAY(c->scratch, weir_str, total + 1);
    for (uint32_t i = 0; i < c->n; i++) {
        weir_cell cell = cell_at(c, column, told, i);
        uint32_t count = cell.kind == WEIR_CELL_LIST ? cell.size : !is_null(cell);
        const weir_cell *elements =
            cell.kind == WEIR_CELL_LIST && cell.size > 0 ? c->events->items + cell.as.first : &cell;
        offsets[i] = at;
        if (is_null(cell)) {
            weir_bit_set(nulls, i);
        }
        for (uint32_t k = 0; k < count; k++, at++) {
            values[at] = cell_text(c, elements[k]);
            if (is_null(elements[k])) {
                weir_bit_set(item_nulls, at);
            }
        }
    }
    offsets[c->n] = at;
    weir_vec *items = WEIR_SCRATCH_ARRAY(c->scratch, weir_vec, 1);
    *items = flat(WEIR_STRING, at);
    items->at.s = values;
    items->nulls = item_nulls;
    *out = (weir_vec){.type = {.kind = WEIR_STRING, .multi = true},
                      .form = WEIR_LIST,
                      .n = c->n,
                      .nulls = nulls,
                      .items = items};
    out->at.offsets = offsets;
}

static bool has_lists(const weir_cell *cells, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (cells[i].kind == WEIR_CELL_LIST) {
            return true;
        }
    }
    return false;
}

void weir_convert_string(const weir_convert *c, uint32_t column, weir_vec *out)
{
    uint32_t kinds = c->events->columns[column].kinds;
    const weir_cell *told =
        kinds & WEIR_CELL_BIT(WEIR_CELL_JSON) ? weir_convert_java(c, column) : NULL;
    if (told ? has_lists(told, c->n) : kinds & WEIR_CELL_BIT(WEIR_CELL_LIST)) {
        convert_lists(c, column, told, out);
    } else {
        convert_scalars(c, column, told, out);
    }
}

/* Numbers. */

/* As a Java (long) cast of a double. */
static int64_t double_to_long(double d)
{
    return isnan(d) ? 0 : d >= 0x1p63 ? INT64_MAX : d < -0x1p63 ? INT64_MIN : (int64_t)d;
}

/* Text of a long dimension: a decimal number without a fraction. */
static bool text_to_exact_long(weir_str text, int64_t *out)
{
    double real;
    if (weir_str_to_long(text, out)) {
        return true;
    }
    if (!weir_text_to_double(text, &real) || real != floor(real) || fabs(real) >= 0x1p63) {
        return false;
    }
    *out = (int64_t)real;
    return true;
}

static bool cell_to_long(weir_cell cell, int64_t *out)
{
    if (cell.kind == WEIR_CELL_LONG) {
        *out = cell.as.l;
    } else if (cell.kind == WEIR_CELL_DOUBLE) {
        *out = double_to_long(cell.as.d);
    } else if (cell.kind == WEIR_CELL_TRUE || cell.kind == WEIR_CELL_FALSE) {
        *out = cell.kind == WEIR_CELL_TRUE;
    } else {
        return cell.kind == WEIR_CELL_STRING &&
               text_to_exact_long((weir_str){cell.as.at, cell.size}, out);
    }
    return true;
}

static bool cell_to_double(weir_cell cell, double *out)
{
    if (cell.kind == WEIR_CELL_LONG) {
        *out = (double)cell.as.l;
    } else if (cell.kind == WEIR_CELL_DOUBLE) {
        *out = cell.as.d;
    } else if (cell.kind == WEIR_CELL_TRUE || cell.kind == WEIR_CELL_FALSE) {
        *out = cell.kind == WEIR_CELL_TRUE;
    } else {
        return cell.kind == WEIR_CELL_STRING &&
               weir_text_to_double((weir_str){cell.as.at, cell.size}, out);
    }
    return true;
}

/* Text of a metric's input without blanks around it, commas, and a plus before digits; cut when it
 * is no number anyway. */
static weir_str metric_text(weir_cell cell, char text[64])
{
    weir_str trimmed = weir_str_trim((weir_str){cell.as.at, cell.size});
    size_t size = 0;
    for (size_t i = 0; i < trimmed.size && size < 63; i++) {
        if (trimmed.at[i] != ',' && !(i == 0 && trimmed.at[0] == '+')) {
            text[size++] = trimmed.at[i];
        }
    }
    return (weir_str){text, size};
}

static bool metric_to_long(weir_cell cell, int64_t *out)
{
    char text[64];
    double real;
    if (cell.kind != WEIR_CELL_STRING) {
        return (cell.kind == WEIR_CELL_LONG || cell.kind == WEIR_CELL_DOUBLE) &&
               cell_to_long(cell, out);
    }
    weir_str clean = metric_text(cell, text);
    if (weir_str_to_long(clean, out)) {
        return true;
    }
    bool ok = weir_text_to_double(clean, &real);
    *out = ok ? double_to_long(real) : 0;
    return ok;
}

static bool metric_to_double(weir_cell cell, double *out)
{
    char text[64];
    if (cell.kind != WEIR_CELL_STRING) {
        return (cell.kind == WEIR_CELL_LONG || cell.kind == WEIR_CELL_DOUBLE) &&
               cell_to_double(cell, out);
    }
    return weir_text_to_double(metric_text(cell, text), out);
}

typedef bool (*to_long)(weir_cell cell, int64_t *out);
typedef bool (*to_double)(weir_cell cell, double *out);

static void convert_longs(const weir_convert *c, uint32_t column, to_long convert, weir_vec *out)
{
    const weir_cells *cells = &c->events->columns[column];
    int64_t *values = WEIR_SCRATCH_ARRAY(c->scratch, int64_t, c->n + 1);
    uint64_t *nulls = NULL;
    *out = flat(WEIR_LONG, c->n);
    if (cells->kinds == WEIR_CELL_BIT(WEIR_CELL_LONG) && cells->filled == c->events->n) {
        for (uint32_t i = 0; i < c->n; i++) {
            values[i] = cells->at[c->rows[i]].as.l;
        }
    } else {
        nulls = new_nulls(c, c->n);
        for (uint32_t i = 0; i < c->n; i++) {
            weir_cell cell = weir_events_at(c->events, column, c->rows[i]);
            values[i] = 0;
            if (is_null(cell)) {
                weir_bit_set(nulls, i);
            } else if (!convert(cell, &values[i])) {
                weir_bit_set(nulls, i);
                say_bad(c, i, "a long", cell);
            }
        }
    }
    out->at.l = values;
    out->nulls = nulls;
}

static void convert_doubles(const weir_convert *c, uint32_t column, to_double convert,
                            weir_vec *out)
{
    double *values = WEIR_SCRATCH_ARRAY(c->scratch, double, c->n + 1);
    uint64_t *nulls = new_nulls(c, c->n);
    bool any_null = false;
    for (uint32_t i = 0; i < c->n; i++) {
        weir_cell cell = weir_events_at(c->events, column, c->rows[i]);
        values[i] = 0;
        if (is_null(cell) || !convert(cell, &values[i])) {
            weir_bit_set(nulls, i);
            any_null = true;
            if (!is_null(cell)) {
                say_bad(c, i, "a double", cell);
            }
        }
    }
    *out = flat(WEIR_DOUBLE, c->n);
    out->at.d = values;
    out->nulls = any_null ? nulls : NULL;
}

static void narrow_to_float(const weir_convert *c, weir_vec *vec)
{
    float *values = WEIR_SCRATCH_ARRAY(c->scratch, float, c->n + 1);
    for (uint32_t i = 0; i < c->n; i++) {
        values[i] = (float)vec->at.d[i];
    }
    vec->type = WEIR_TYPE(WEIR_FLOAT);
    vec->at.f = values;
}

void weir_convert_number(const weir_convert *c, uint32_t column, weir_kind kind, weir_vec *out)
{
    if (kind == WEIR_LONG) {
        convert_longs(c, column, cell_to_long, out);
        return;
    }
    convert_doubles(c, column, cell_to_double, out);
    if (kind == WEIR_FLOAT) {
        narrow_to_float(c, out);
    }
}

void weir_convert_metric(const weir_convert *c, uint32_t column, weir_kind kind, weir_vec *out)
{
    if (kind == WEIR_LONG) {
        convert_longs(c, column, metric_to_long, out);
    } else {
        convert_doubles(c, column, metric_to_double, out);
    }
}

weir_kind weir_convert_natural(const weir_convert *c, uint32_t column)
{
    uint32_t kinds = c->events->columns[column].kinds &
                     ~(WEIR_CELL_BIT(WEIR_CELL_ABSENT) | WEIR_CELL_BIT(WEIR_CELL_NULL));
    uint32_t longs = WEIR_CELL_BIT(WEIR_CELL_LONG) | WEIR_CELL_BIT(WEIR_CELL_TRUE) |
                     WEIR_CELL_BIT(WEIR_CELL_FALSE);
    if (kinds == 0) {
        return WEIR_UNKNOWN;
    }
    return (kinds & ~longs) == 0                                       ? WEIR_LONG
           : (kinds & ~(longs | WEIR_CELL_BIT(WEIR_CELL_DOUBLE))) == 0 ? WEIR_DOUBLE
                                                                       : WEIR_STRING;
}
