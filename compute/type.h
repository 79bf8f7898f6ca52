/* compute/type.h - what a value is. ENGINE.md section 2 of the design; see docs/ARCHITECTURE.md.
 * Booleans are LONG 0/1 with a face, times LONG ms since 1970 UTC. Long arithmetic wraps. NaN is one value and sorts last. */
#ifndef COMPUTE_TYPE_H
#define COMPUTE_TYPE_H
#include "weir/arena.h"
#include "weir/error.h"
#include "weir/str.h"

typedef enum weir_kind {
    WEIR_UNKNOWN,
    WEIR_LONG,
    WEIR_FLOAT,
    WEIR_DOUBLE,
    WEIR_STRING,
    WEIR_ARRAY,
    WEIR_COMPLEX,
} weir_kind;

typedef enum weir_face { /* SQL's view: coercion and printing, never arithmetic */
    WEIR_FACE_NONE,
    WEIR_FACE_BOOLEAN,
    WEIR_FACE_TIMESTAMP,
    WEIR_FACE_DATE,
    WEIR_FACE_DECIMAL,
} weir_face;

struct weir_json;
typedef struct weir_complex { /* json, thetaSketch, hyperUnique ...: an entry of one table (complex.c) */
    const char *name;         /* as in Druid's COMPLEX<name> */
    void (*print)(struct weir_json *json, weir_str bytes); /* a value in an answer, not null; NULL: base64 of its bytes */
    double (*rank)(weir_str bytes); /* what values are ordered by; NULL: they have no order */
} weir_complex;

typedef struct weir_type {
    uint8_t kind;  /* weir_kind */
    uint8_t elem;  /* weir_kind of an array's elements */
    uint8_t face;  /* weir_face */
    bool multi;    /* STRING whose rows may be lists: Druid's multi-value dimension; ARRAY: of an expression over one, elem by elem */
    const weir_complex *complex;
} weir_type;

#define WEIR_TYPE(k) ((weir_type){.kind = (k)})
static inline bool weir_type_is_number(weir_type t)
{
    return t.kind == WEIR_LONG || t.kind == WEIR_FLOAT || t.kind == WEIR_DOUBLE;
}
bool weir_type_eq(weir_type a, weir_type b); /* kind, elem, complex */
/* The type of a column that has one type here and another there, as Druid merges the columns of segments: numbers become doubles, with text they become
 * text, with arrays arrays, with json json. Other complex types give way to nothing: `a` stays. UNKNOWN gives way to all. */
weir_type weir_type_wider(weir_type a, weir_type b);
/* "LONG" "STRING" "ARRAY<LONG>" "COMPLEX<hyperUnique>"; out has room for 64 bytes. */
weir_str weir_type_name(weir_type type, char out[64]);
bool weir_type_parse(weir_str name, weir_type *out); /* any case; false: no such type */
const weir_complex *weir_complex_find(weir_str name); /* NULL: not known */
weir_type weir_type_json(void); /* COMPLEX<json> */
bool weir_type_is_json(weir_type type);
void weir_complex_print(const weir_complex *complex, struct weir_json *json, weir_str bytes); /* complex NULL: base64 */

/* One value: literals, bounds, EXPLAIN, metadata and tests; never one per row. */
typedef struct weir_value {
    weir_type type; /* kind UNKNOWN: untyped null */
    bool is_null;
    union {
        int64_t l;
        double d; /* FLOAT and DOUBLE */
        weir_str s; /* STRING; COMPLEX as its serialised bytes */
        struct {
            const struct weir_value *at;
            uint32_t count;
        } array;
    } as;
} weir_value;

static inline weir_value weir_value_null(void)
{
    return (weir_value){.is_null = true};
}
static inline weir_value weir_value_long(int64_t l)
{
    return (weir_value){.type = WEIR_TYPE(WEIR_LONG), .as.l = l};
}
static inline weir_value weir_value_double(double d)
{
    return (weir_value){.type = WEIR_TYPE(WEIR_DOUBLE), .as.d = d};
}
static inline weir_value weir_value_str(weir_str s)
{
    return (weir_value){.type = WEIR_TYPE(WEIR_STRING), .as.s = s};
}
/* Druid's conversions of one value (vec_cast.c): string to number gives null when it does not parse. */
weir_value weir_value_cast(weir_arena *arena, weir_value value, weir_kind to);
#endif
