/* segments/log_json.h - JSON of the table log, read and written by one table of fields, so that the
 * two cannot drift. Strict, because a reader that skips what it does not know would fold to a wrong
 * state: a member that is not in the table is an error of its own kind ("newer weir needed"), and
 * so are a missing one, a repeated one and a number that does not fit. */
#ifndef SEGMENTS_LOG_JSON_H
#define SEGMENTS_LOG_JSON_H
#include "weir/buf.h"
#include "weir/error.h"

#define WEIR_LOG_FORMAT 1

typedef enum weir_field_kind {
    WEIR_FIELD_FORMAT, /* the number WEIR_LOG_FORMAT; no place in the struct */
    WEIR_FIELD_STR,    /* weir_str */
    WEIR_FIELD_HEX,    /* uint64_t, as a string of 16 hex digits */
    WEIR_FIELD_LONG,   /* int64_t */
    WEIR_FIELD_ULONG,  /* uint64_t, below 2^63 */
    WEIR_FIELD_INT,    /* int32_t */
    WEIR_FIELD_BOOL,   /* bool */
    WEIR_FIELD_ENUM,   /* uint8_t, index into `words` */
    WEIR_FIELD_RAW,    /* weir_str: any JSON value, kept as text */
    WEIR_FIELD_OBJECT, /* struct in place; if optional, `other` is the offset of its bool "is there"
                          (else null or missing) */
    WEIR_FIELD_LIST,   /* T * and, at `other`, uint32_t count; `size` bytes each */
} weir_field_kind;
typedef struct weir_field {
    const char *name; /* NULL ends a table; at most 64 fields */
    uint8_t kind;
    bool optional; /* may be missing; left out when zero, empty or not there */
    uint16_t at, other, size;
    const struct weir_field *fields; /* OBJECT, LIST */
    const char *const *words;        /* ENUM; NULL ends */
} weir_field;

/* One object at the start of `text`, nothing after it. Strings and lists go to `arena`. `newer` is
 * set where the text is well-formed but has something this program does not know. Errors say which
 * member; the caller adds which object. */
bool weir_fields_read(weir_str text, const weir_field *fields, void *out, weir_arena *arena,
                      bool *newer, weir_error *err);
void weir_fields_write(weir_json *json, const weir_field *fields, const void *from);

/* The members of a JSON object one after the other, values as text: what config merges by. */
bool weir_members_read(weir_str object, weir_arena *arena,
                       bool (*see)(void *self, weir_str key, weir_str raw), void *self,
                       weir_error *err);
#endif
