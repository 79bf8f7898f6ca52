/* ingest/events.h - a columnar batch of up to 4,096 events of one source, as decoded: a cell per event and column, still in JSON's types.
 * A weir_fields knows the columns and which key of an event fills which (one per ingest thread, it grows by discovery);
 * weir_events holds the cells. transform.c makes vectors of them. No locks: one thread. */
#ifndef INGEST_EVENTS_H
#define INGEST_EVENTS_H
#ifdef __cplusplus
#include <cstring>
extern "C" {
#endif
#include "weir/arena.h"
#include "weir/error.h"

#define WEIR_EVENTS_MAX 4096u /* == WEIR_BLOCK_ROWS; compute/vec.h cannot be read by C++ */

typedef enum weir_cell_kind {
    WEIR_CELL_ABSENT,
    WEIR_CELL_NULL,
    WEIR_CELL_FALSE,
    WEIR_CELL_TRUE,
    WEIR_CELL_LONG,
    WEIR_CELL_DOUBLE,
    WEIR_CELL_STRING,
    WEIR_CELL_JSON, /* an object, or an array that holds objects or arrays: its text */
    WEIR_CELL_LIST, /* an array of scalars: `size` cells of events->items from as.first on */
} weir_cell_kind;
typedef struct weir_cell {
    union {
        int64_t l;
        double d;
        const char *at; /* in the message's own bytes or in the batch's text */
        uint64_t first;
    } as;
    uint32_t size;
    uint8_t kind;
} weir_cell;
#define WEIR_CELL_BIT(kind) (1u << (kind))

/* One step of a path: .name, [index] (from the end when negative), or [*]. */
typedef enum weir_step_kind { WEIR_STEP_NAME, WEIR_STEP_INDEX, WEIR_STEP_ALL } weir_step_kind;
typedef struct weir_step {
    uint8_t kind;
    int64_t index;
    weir_str name;
} weir_step;
typedef struct weir_path { /* what lies below one root key and goes to one column */
    uint32_t column;
    uint32_t step_count; /* 0: the root value itself */
    const weir_step *steps;
    struct weir_path *next;
} weir_path;

#define WEIR_NO_COLUMN UINT32_MAX
#define WEIR_FIELDS_MAX 10000u /* distinct root keys remembered; later unknown ones are not looked at */
typedef struct weir_key { /* a root key of events */
    weir_str name; /* unescaped, followed by '"' in memory so that it compares with raw JSON in one go */
    bool plain;    /* no character that JSON escapes */
    uint32_t column; /* WEIR_NO_COLUMN: nobody wants it */
    uint32_t next; /* key that followed it last time */
    weir_path *paths;
} weir_key;
typedef struct weir_field { /* a column of a batch */
    weir_str name;
    bool discovered;
} weir_field;
typedef struct weir_fields {
    weir_arena *arena;
    weir_key *keys; /* key 0 stands for the beginning of an event */
    weir_field *columns;
    uint32_t key_count, key_capacity, column_count, column_capacity;
    uint32_t *slots; /* hash of name -> key, 0 is free */
    uint32_t slot_mask;
    bool discover; /* root keys that are not known become columns */
    uint32_t exclusion_count;
    const weir_str *exclusions;
} weir_fields;

weir_fields *weir_fields_new(bool discover, const weir_str *exclusions, uint32_t exclusion_count);
void weir_fields_free(weir_fields *fields);
/* Column `name`, made if it is new; not yet filled by any key. */
uint32_t weir_fields_column(weir_fields *fields, weir_str name);
/* The root key, made if it is new (then: a column of its own when discovering and not excluded). 0: too many keys. */
uint32_t weir_fields_key(weir_fields *fields, weir_str name);
/* Root key `name` fills the column of the same name. */
void weir_fields_root(weir_fields *fields, weir_str name);
/* Value at `steps` below root key `key` fills column `column`. */
void weir_fields_path(weir_fields *fields, weir_str key, uint32_t column, const weir_step *steps, uint32_t step_count);

typedef struct weir_cells {
    weir_cell *at;   /* WEIR_EVENTS_MAX of them */
    uint32_t filled; /* cells [0, filled) are set; later ones are absent */
    uint32_t kinds;  /* WEIR_CELL_BITs met */
} weir_cells;
typedef struct weir_text_page weir_text_page;
typedef struct weir_events {
    uint32_t n;
    weir_cells *columns; /* parallel to fields->columns */
    uint32_t column_count;
    weir_cell *items;
    uint32_t item_count, item_capacity;
    uint32_t *records; /* per event: number of its record in what was decoded */
    weir_text_page *text; /* unescaped strings; freed by reset */
    size_t text_used;
} weir_events;

void weir_events_init(weir_events *events);
void weir_events_done(weir_events *events);
void weir_events_reset(weir_events *events); /* n = 0; memory is kept */
char *weir_events_text(weir_events *events, size_t size); /* bytes that live until reset */
void weir_events_grow(weir_events *events, const weir_fields *fields); /* columns follow fields */
uint32_t weir_events_items(weir_events *events, uint32_t count); /* room for so many more; returns the first's number */
void weir_events_drop_last(weir_events *events); /* takes back the cells of event n, which was not finished */

/* The cell of event `n` in `column`, to be filled. Twice in one event: the later value stays, as in Jackson. */
static inline weir_cell *weir_events_cell(weir_events *events, uint32_t column)
{
    weir_cells *cells = &events->columns[column];
    while (cells->filled < events->n) {
        cells->at[cells->filled++].kind = WEIR_CELL_ABSENT;
        cells->kinds |= WEIR_CELL_BIT(WEIR_CELL_ABSENT);
    }
    cells->filled = events->n + 1;
    return &cells->at[events->n];
}
/* Cell of a finished batch. */
static inline weir_cell weir_events_at(const weir_events *events, uint32_t column, uint32_t row)
{
    const weir_cells *cells = &events->columns[column];
    weir_cell absent;
    memset(&absent, 0, sizeof(absent));
    return row < cells->filled ? cells->at[row] : absent;
}

#ifdef __cplusplus
}
#endif
#endif
