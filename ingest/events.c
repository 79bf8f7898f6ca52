/* ingest/events.c - see ingest/events.h. Keys are found by prediction (decode_json.cc follows
 * `next`), else by this hash; the figures are in decode_json.cc. A cell is 16 bytes, so a batch of
 * 16 columns is 1 MiB: it stays in L2 between decode and transform. */
#include "ingest/events.h"
#include "weir/hash.h"
#include <stdlib.h>

/* Fields. */

weir_fields *weir_fields_new(bool discover, const weir_str *exclusions, uint32_t exclusion_count)
{
    weir_arena *arena = weir_arena_new();
    weir_fields *fields = WEIR_ARENA_NEW(arena, weir_fields);
    fields->arena = arena;
    fields->discover = discover;
    fields->exclusions = exclusions;
    fields->exclusion_count = exclusion_count;
    fields->key_capacity = fields->column_capacity = 64;
    fields->keys = weir_calloc(fields->key_capacity, sizeof(weir_key));
    fields->columns = weir_calloc(fields->column_capacity, sizeof(weir_field));
    fields->slot_mask = 255;
    fields->slots = weir_calloc(fields->slot_mask + 1, sizeof(uint32_t));
    fields->key_count = 1;
    fields->keys[0] = (weir_key){.name = WEIR_STR(""), .column = WEIR_NO_COLUMN};
    return fields;
}

void weir_fields_free(weir_fields *fields)
{
    if (fields) {
        free(fields->keys);
        free(fields->columns);
        free(fields->slots);
        weir_arena_free(fields->arena);
    }
}

uint32_t weir_fields_column(weir_fields *fields, weir_str name)
{
    for (uint32_t i = 0; i < fields->column_count; i++) {
        if (weir_str_eq(fields->columns[i].name, name)) {
            return i;
        }
    }
    if (fields->column_count == fields->column_capacity) {
        fields->column_capacity *= 2;
        fields->columns =
            weir_realloc(fields->columns, fields->column_capacity * sizeof(weir_field));
    }
    fields->columns[fields->column_count] =
        (weir_field){.name = weir_arena_str(fields->arena, name)};
    return fields->column_count++;
}

static uint32_t *find_slot(const weir_fields *fields, weir_str name)
{
    uint64_t at = weir_hash_bytes(name.at, name.size);
    for (;; at++) {
        uint32_t *slot = &fields->slots[at & fields->slot_mask];
        if (*slot == 0 || weir_str_eq(fields->keys[*slot].name, name)) {
            return slot;
        }
    }
}

static void grow_slots(weir_fields *fields)
{
    fields->slot_mask = fields->slot_mask * 2 + 1;
    free(fields->slots);
    fields->slots = weir_calloc(fields->slot_mask + 1, sizeof(uint32_t));
    for (uint32_t i = 1; i < fields->key_count; i++) {
        *find_slot(fields, fields->keys[i].name) = i;
    }
}

static bool is_excluded(const weir_fields *fields, weir_str name)
{
    for (uint32_t i = 0; i < fields->exclusion_count; i++) {
        if (weir_str_eq(fields->exclusions[i], name)) {
            return true;
        }
    }
    return false;
}

static bool is_plain(weir_str name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = (uint8_t)name.at[i];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            return false;
        }
    }
    return true;
}

static uint32_t add_key(weir_fields *fields, weir_str name)
{
    if (fields->key_count == fields->key_capacity) {
        fields->key_capacity *= 2;
        fields->keys = weir_realloc(fields->keys, fields->key_capacity * sizeof(weir_key));
    }
    char *quoted = weir_arena_alloc(fields->arena, name.size + 1);
    memcpy(quoted, name.size ? name.at : "", name.size);
    quoted[name.size] = '"';
    uint32_t id = fields->key_count++;
    fields->keys[id] =
        (weir_key){.name = {quoted, name.size}, .plain = is_plain(name), .column = WEIR_NO_COLUMN};
    if (fields->key_count * 2 > fields->slot_mask) {
        grow_slots(fields);
    } else {
        *find_slot(fields, name) = id;
    }
    return id;
}

uint32_t weir_fields_key(weir_fields *fields, weir_str name)
{
    uint32_t id = *find_slot(fields, name);
    if (id != 0) {
        return id;
    }
    if (fields->key_count >= WEIR_FIELDS_MAX) {
        return 0;
    }
    id = add_key(fields, name);
    if (fields->discover && !is_excluded(fields, name)) {
        uint32_t known = fields->column_count, column = weir_fields_column(fields, name);
        if (column ==
            known) { /* else a flattened column has that name: it hides the root key, as in Druid */
            fields->columns[column].discovered = true;
            fields->keys[id].column = column;
        }
    }
    return id;
}

void weir_fields_root(weir_fields *fields, weir_str name)
{
    uint32_t column = weir_fields_column(fields, name), id = *find_slot(fields, name);
    id = id != 0 ? id : add_key(fields, name);
    fields->keys[id].column = column;
}

void weir_fields_path(weir_fields *fields, weir_str key, uint32_t column, const weir_step *steps,
                      uint32_t step_count)
{
    uint32_t id = weir_fields_key(fields, key);
    weir_path *path = WEIR_ARENA_NEW(fields->arena, weir_path);
    weir_step *own = WEIR_ARENA_ARRAY(fields->arena, weir_step, step_count + 1);
    for (uint32_t i = 0; i < step_count; i++) {
        own[i] = steps[i];
        own[i].name = weir_arena_str(fields->arena, steps[i].name);
    }
    *path = (weir_path){column, step_count, own, fields->keys[id].paths};
    fields->keys[id].paths = path;
}

/* Events. */

struct weir_text_page {
    weir_text_page *before;
    size_t size;
    char bytes[];
};

void weir_events_init(weir_events *events)
{
    *events = (weir_events){.records = weir_calloc(WEIR_EVENTS_MAX, sizeof(uint32_t))};
}

static void free_text(weir_events *events, weir_text_page *keep)
{
    while (events->text != keep) {
        weir_text_page *before = events->text->before;
        free(events->text);
        events->text = before;
    }
}

void weir_events_done(weir_events *events)
{
    for (uint32_t i = 0; i < events->column_count; i++) {
        free(events->columns[i].at);
    }
    free_text(events, NULL);
    free(events->columns);
    free(events->items);
    free(events->records);
    *events = (weir_events){0};
}

void weir_events_reset(weir_events *events)
{
    for (uint32_t i = 0; i < events->column_count; i++) {
        events->columns[i].filled = events->columns[i].kinds = 0;
    }
    if (events->text) { /* the first page stays warm */
        weir_text_page *first = events->text;
        while (first->before) {
            first = first->before;
        }
        free_text(events, first);
    }
    events->n = events->item_count = 0;
    events->text_used = 0;
}

char *weir_events_text(weir_events *events, size_t size)
{
    if (!events->text || events->text->size - events->text_used < size) {
        size_t page_size = size > (256u << 10) ? size : (256u << 10);
        weir_text_page *page = weir_alloc(sizeof(weir_text_page) + page_size);
        *page = (weir_text_page){.before = events->text, .size = page_size};
        events->text = page;
        events->text_used = 0;
    }
    char *at = events->text->bytes + events->text_used;
    events->text_used += size;
    return at;
}

void weir_events_grow(weir_events *events, const weir_fields *fields)
{
    if (events->column_count == fields->column_count) {
        return;
    }
    events->columns = weir_realloc(events->columns, fields->column_count * sizeof(weir_cells));
    while (events->column_count < fields->column_count) {
        events->columns[events->column_count++] =
            (weir_cells){.at = weir_alloc(WEIR_EVENTS_MAX * sizeof(weir_cell))};
    }
}

uint32_t weir_events_items(weir_events *events, uint32_t count)
{
    if (events->item_capacity - events->item_count < count) {
        uint32_t capacity = events->item_capacity ? events->item_capacity * 2 : 1024;
        while (capacity - events->item_count < count) {
            capacity *= 2;
        }
        events->items = weir_realloc(events->items, capacity * sizeof(weir_cell));
        events->item_capacity = capacity;
    }
    return events->item_count;
}

void weir_events_drop_last(weir_events *events)
{
    for (uint32_t i = 0; i < events->column_count; i++) {
        weir_cells *cells = &events->columns[i];
        cells->filled = cells->filled > events->n ? events->n : cells->filled;
    }
}
