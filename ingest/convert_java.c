/* ingest/convert_java.c - see ingest/convert_java.h. Rare: only columns that meet objects or nested
 * lists come here. */
#include "ingest/convert_java.h"
#include "compute/json_text.h"
#include "weir/buf.h"

static void print(weir_str value, weir_buf *out)
{
    char text[32];
    weir_json_kind kind = weir_json_kind_of(value);
    switch (kind) {
    case WEIR_JSON_NULL:
        weir_buf_text(out, "null");
        return;
    case WEIR_JSON_TRUE:
    case WEIR_JSON_FALSE:
        weir_buf_text(out, kind == WEIR_JSON_TRUE ? "true" : "false");
        return;
    case WEIR_JSON_LONG:
        weir_buf_put(out, text, weir_print_long(text, weir_json_to_long(value)));
        return;
    case WEIR_JSON_DOUBLE:
        weir_buf_put(out, text, weir_print_double(text, weir_json_to_double(value)));
        return;
    case WEIR_JSON_STRING:
        weir_json_unquote(value, out);
        return;
    case WEIR_JSON_OBJECT:
    case WEIR_JSON_ARRAY:
        break;
    }
    weir_str key, part;
    size_t at = 0;
    bool first = true;
    weir_buf_byte(out, kind == WEIR_JSON_OBJECT ? '{' : '[');
    while (weir_json_next(value, &at, &key, &part)) {
        weir_buf_text(out, first ? "" : ", ");
        first = false;
        if (kind == WEIR_JSON_OBJECT) {
            weir_json_unquote(key, out);
            weir_buf_byte(out, '=');
        }
        print(part, out);
    }
    weir_buf_byte(out, kind == WEIR_JSON_OBJECT ? '}' : ']');
}

static weir_cell text_cell(const weir_convert *c, weir_str value, weir_buf *text)
{
    weir_cell cell = {.kind = WEIR_CELL_NULL};
    if (weir_json_kind_of(value) == WEIR_JSON_NULL) {
        return cell;
    }
    text->size = 0;
    print(value, text);
    cell.kind = WEIR_CELL_STRING;
    cell.size = (uint32_t)text->size;
    char *copy = weir_events_text(c->events, text->size + 1);
    memcpy(copy, text->at ? text->at : "", text->size);
    cell.as.at = copy;
    return cell;
}

static weir_cell list_cell(const weir_convert *c, weir_str value, weir_buf *text)
{
    weir_cell cell = {.kind = WEIR_CELL_LIST};
    weir_str key, part;
    size_t at = 0;
    cell.as.first = c->events->item_count;
    while (weir_json_next(value, &at, &key, &part)) {
        weir_cell item = text_cell(c, part, text);
        uint32_t place = weir_events_items(c->events, 1);
        c->events->items[place] = item;
        c->events->item_count++;
        cell.size++;
    }
    return cell;
}

const weir_cell *weir_convert_java(const weir_convert *c, uint32_t column)
{
    weir_cell *cells = WEIR_SCRATCH_ARRAY(c->scratch, weir_cell, c->n + 1);
    weir_buf text = {0};
    for (uint32_t i = 0; i < c->n; i++) {
        cells[i] = weir_events_at(c->events, column, c->rows[i]);
        if (cells[i].kind != WEIR_CELL_JSON) {
            continue;
        }
        weir_str value = {cells[i].as.at, cells[i].size};
        if (!weir_json_is_valid(value)) {
            cells[i].kind = WEIR_CELL_NULL;
            c->bad(c->self, i, "a nested value is not JSON, or deeper than 100 levels");
        } else if (weir_json_kind_of(value) == WEIR_JSON_ARRAY) {
            cells[i] = list_cell(c, value, &text);
        } else {
            cells[i] = text_cell(c, value, &text);
        }
    }
    weir_buf_done(&text);
    return cells;
}
