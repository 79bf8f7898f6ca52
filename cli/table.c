/* cli/table.c - Druid's answers nest rows differently per query type; here every one becomes columns (in order of first sight) and rows of text. */
#include "cli/table.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct row {
    weir_str *cells; /* may be shorter than the columns: the rest is null */
    size_t count;
} row;

struct weir_grid {
    weir_arena *arena;
    weir_str *columns;
    bool *numeric; /* all cells are numbers: right-aligned */
    size_t column_count, column_capacity;
    row *rows;
    size_t row_count, row_capacity;
};

static size_t column_of(weir_grid *grid, const char *name)
{
    for (size_t i = 0; i < grid->column_count; i++) {
        if (weir_str_is(grid->columns[i], name)) {
            return i;
        }
    }
    if (grid->column_count == grid->column_capacity) {
        grid->column_capacity = grid->column_capacity ? grid->column_capacity * 2 : 16;
        grid->columns = weir_realloc(grid->columns, grid->column_capacity * sizeof(*grid->columns));
        grid->numeric = weir_realloc(grid->numeric, grid->column_capacity * sizeof(*grid->numeric));
    }
    grid->columns[grid->column_count] = weir_arena_str(grid->arena, weir_str_of(name));
    grid->numeric[grid->column_count] = true;
    return grid->column_count++;
}

static void add_row(weir_grid *grid)
{
    if (grid->row_count == grid->row_capacity) {
        grid->row_capacity = grid->row_capacity ? grid->row_capacity * 2 : 64;
        grid->rows = weir_realloc(grid->rows, grid->row_capacity * sizeof(*grid->rows));
    }
    grid->rows[grid->row_count++] = (row){0};
}

static weir_str text_of(weir_grid *grid, const json_t *value)
{
    if (json_is_string(value)) {
        return weir_arena_str(grid->arena, (weir_str){json_string_value(value), json_string_length(value)});
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    weir_str copy = weir_arena_str(grid->arena, weir_str_of(text ? text : "?"));
    free(text);
    return copy;
}

static void put(weir_grid *grid, const char *name, const json_t *value)
{
    size_t column = column_of(grid, name);
    row *r = &grid->rows[grid->row_count - 1];
    if (column >= r->count) {
        weir_str *cells = WEIR_ARENA_ARRAY(grid->arena, weir_str, grid->column_count + 8);
        if (r->count > 0) {
            memcpy(cells, r->cells, r->count * sizeof(*cells));
        }
        r->cells = cells;
        r->count = grid->column_count + 8;
    }
    if (!json_is_null(value)) {
        r->cells[column] = text_of(grid, value);
        grid->numeric[column] = grid->numeric[column] && json_is_number(value);
    }
}

static void put_members(weir_grid *grid, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        put(grid, key, value);
    }
}

/* A scan's part: events are objects, or arrays beside the column names. */
static void put_events(weir_grid *grid, const json_t *columns, const json_t *events)
{
    size_t i, k;
    json_t *event, *value;
    json_array_foreach(events, i, event) {
        add_row(grid);
        if (json_is_object(event)) {
            put_members(grid, event);
        }
        json_array_foreach(event, k, value) {
            put(grid, json_string_value(json_array_get(columns, k)), value);
        }
    }
}

static void put_entry(weir_grid *grid, const json_t *entry)
{
    const json_t *timestamp = json_object_get(entry, "timestamp"), *result = json_object_get(entry, "result");
    const json_t *event = json_object_get(entry, "event"), *events = json_object_get(entry, "events");
    size_t i;
    json_t *item;
    if (events) {
        put_events(grid, json_object_get(entry, "columns"), events);
        return;
    }
    if (json_is_array(result)) {
        json_array_foreach(result, i, item) {
            add_row(grid);
            put(grid, "timestamp", timestamp);
            put_members(grid, item);
        }
        return;
    }
    add_row(grid);
    if (timestamp && (result || event)) {
        put(grid, "timestamp", timestamp);
        put_members(grid, result ? result : event);
    } else {
        put_members(grid, entry);
    }
}

weir_grid *weir_grid_of(const json_t *answer)
{
    size_t i, k;
    json_t *entry, *value;
    if (!json_is_array(answer)) {
        return NULL;
    }
    weir_grid *grid = weir_calloc(1, sizeof(*grid));
    grid->arena = weir_arena_new();
    json_array_foreach(answer, i, entry) {
        if (json_is_object(entry)) {
            put_entry(grid, entry);
            continue;
        }
        add_row(grid); /* resultAsArray: no names */
        json_array_foreach(entry, k, value) {
            char name[32];
            snprintf(name, sizeof(name), "%zu", k);
            put(grid, name, value);
        }
    }
    return grid;
}

void weir_grid_free(weir_grid *grid)
{
    free(grid->columns);
    free(grid->numeric);
    free(grid->rows);
    weir_arena_free(grid->arena);
    free(grid);
}

size_t weir_grid_rows(const weir_grid *grid)
{
    return grid->row_count;
}

static weir_str cell(const weir_grid *grid, size_t r, size_t column)
{
    return column < grid->rows[r].count ? grid->rows[r].cells[column] : (weir_str){0};
}

/* Code points: near enough to columns of a terminal. */
static size_t width_of(weir_str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.size; i++) {
        width += ((uint8_t)text.at[i] & 0xC0) != 0x80;
    }
    return width;
}

static void put_padded(weir_buf *out, weir_str text, size_t width, bool right)
{
    size_t pad = width - width_of(text);
    for (size_t i = 0; right && i < pad; i++) {
        weir_buf_byte(out, ' ');
    }
    for (size_t i = 0; i < text.size; i++) {
        weir_buf_byte(out, (uint8_t)text.at[i] < 0x20 ? ' ' : text.at[i]);
    }
    for (size_t i = 0; !right && i < pad; i++) {
        weir_buf_byte(out, ' ');
    }
}

void weir_grid_print_table(const weir_grid *grid, weir_buf *out)
{
    size_t *widths = weir_calloc(grid->column_count, sizeof(*widths));
    for (size_t c = 0; c < grid->column_count; c++) {
        widths[c] = width_of(grid->columns[c]);
        for (size_t r = 0; r < grid->row_count; r++) {
            size_t width = cell(grid, r, c).at ? width_of(cell(grid, r, c)) : 4;
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t c = 0; c < grid->column_count; c++) {
        weir_buf_text(out, c ? "  " : "");
        put_padded(out, grid->columns[c], widths[c], grid->numeric[c]);
    }
    weir_buf_byte(out, '\n');
    for (size_t c = 0; c < grid->column_count; c++) {
        weir_buf_text(out, c ? "  " : "");
        for (size_t i = 0; i < widths[c]; i++) {
            weir_buf_byte(out, '-');
        }
    }
    weir_buf_byte(out, '\n');
    for (size_t r = 0; r < grid->row_count; r++) {
        for (size_t c = 0; c < grid->column_count; c++) {
            weir_buf_text(out, c ? "  " : "");
            weir_str text = cell(grid, r, c);
            put_padded(out, text.at ? text : WEIR_STR("null"), widths[c], grid->numeric[c]);
        }
        weir_buf_byte(out, '\n');
    }
    free(widths);
}

static void put_separated(weir_buf *out, weir_str text, char separator)
{
    bool quote = separator == ',' && (memchr(text.at, ',', text.size) || memchr(text.at, '"', text.size) ||
                                      memchr(text.at, '\n', text.size) || memchr(text.at, '\r', text.size));
    if (quote) {
        weir_buf_byte(out, '"');
    }
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        const char *escape = separator != '\t' ? NULL : c == '\t' ? "\\t" : c == '\n' ? "\\n" : c == '\\' ? "\\\\" : NULL;
        if (escape) {
            weir_buf_text(out, escape);
            continue;
        }
        if (quote && c == '"') {
            weir_buf_byte(out, '"');
        }
        weir_buf_byte(out, c);
    }
    if (quote) {
        weir_buf_byte(out, '"');
    }
}

void weir_grid_print_separated(const weir_grid *grid, char separator, weir_buf *out)
{
    for (size_t c = 0; c < grid->column_count; c++) {
        if (c) {
            weir_buf_byte(out, separator);
        }
        put_separated(out, grid->columns[c], separator);
    }
    weir_buf_byte(out, '\n');
    for (size_t r = 0; r < grid->row_count; r++) {
        for (size_t c = 0; c < grid->column_count; c++) {
            if (c) {
                weir_buf_byte(out, separator);
            }
            weir_str text = cell(grid, r, c);
            put_separated(out, text.at ? text : WEIR_STR(""), separator);
        }
        weir_buf_byte(out, '\n');
    }
}
