/* query/port.h - values wanted from a source: each is a column as it is, or an output of one program over the source's columns.
 * Made once per place in a plan, shared by all workers; programs are typed per shape (which columns hold lists in this block). */
#ifndef QUERY_PORT_H
#define QUERY_PORT_H
#include <pthread.h>
#include "compute/expr.h"
#include "query/plan.h"

/* The columns of a source by name. Virtual columns are replaced by their expressions before a name is looked up here. */
typedef struct weir_slots {
    weir_arena *arena;
    pthread_mutex_t *lock; /* guards the arena once workers run */
    int64_t now_ms;
    uint32_t count, capacity;
    weir_str *names;
    weir_type *types; /* kind UNKNOWN: no such column, all null */
    uint32_t *index;  /* slot + 1 by hash of the name; NULL: few */
    uint32_t index_mask;
    bool (*resolve)(void *self, weir_str name, weir_type *type); /* type of a name asked for the first time; NULL: only what stands here */
    void *self;
    bool keeps_paths; /* paths of its json columns are columns (weir/paths.h): the source is segments */
    uint32_t virtual_count;
    const weir_virtual *virtuals;
    uint32_t inlined; /* nodes of expressions copied so far */
} weir_slots;
/* Slot of a column, added when it is new and the source resolves names; WEIR_NO_ID: no such column. */
uint32_t weir_slots_find(weir_slots *names, weir_str name);
/* Adds a column under a new slot. */
uint32_t weir_slots_add(weir_slots *names, weir_str name, weir_type type);

/* How exact values at paths of json columns must be, where one path has values of several kinds and its column holds them as the widest. */
typedef enum weir_path_use {
    WEIR_PATH_AS_NUMBER, /* filters, aggregators: 5 may be 5.0 */
    WEIR_PATH_AS_TEXT,   /* keys: the text of each is right */
    WEIR_PATH_AS_IS,     /* shown as they came */
} weir_path_use;
typedef struct weir_want {
    const weir_expr *expr;
    weir_type type; /* kind UNKNOWN: as it comes; else cast to it */
    bool exact;     /* text is a LONG only where it is a whole number (keys of groups) */
    uint8_t paths; /* weir_path_use */
} weir_want;

typedef struct weir_port weir_port;
/* NULL: err names what could not be typed. */
weir_port *weir_port_new(weir_slots *names, const weir_want *wants, uint32_t count, weir_error *err);
uint32_t weir_port_count(const weir_port *port);
weir_type weir_port_type(const weir_port *port, uint32_t i);
/* Slot of want i when it is a plain column that needs no cast, else WEIR_NO_ID. */
uint32_t weir_port_plain(const weir_port *port, uint32_t i);
/* Whether a want reads this slot. */
bool weir_port_uses(const weir_port *port, uint32_t slot);
/* Whether its program does. */
bool weir_port_program_uses(const weir_port *port, uint32_t slot);

/* Vector of n rows of a slot, for the block at hand. */
typedef bool weir_port_get(void *self, uint32_t slot, weir_vec *out, weir_error *err);
/* All wants of the block into out; all n rows count. run->err is set on failure. */
bool weir_port_read(weir_port *port, weir_run *run, weir_port_get *get, void *self, uint32_t n, weir_vec *out);
#endif
