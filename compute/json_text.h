/* compute/json_text.h - JSON as text: values of COMPLEX<json> are JSON text, and paths find parts
 * of it without building a tree. Everything here takes hostile bytes: depth is bounded, nothing is
 * read past the end. */
#ifndef COMPUTE_JSON_TEXT_H
#define COMPUTE_JSON_TEXT_H
#include "weir/buf.h"
#include "weir/error.h"

#define WEIR_JSON_DEPTH 100u

typedef enum weir_json_kind {
    WEIR_JSON_NULL,
    WEIR_JSON_TRUE,
    WEIR_JSON_FALSE,
    WEIR_JSON_LONG,
    WEIR_JSON_DOUBLE,
    WEIR_JSON_STRING,
    WEIR_JSON_OBJECT,
    WEIR_JSON_ARRAY,
} weir_json_kind;

/* Whether the whole text is one value, perhaps with blanks around it. */
bool weir_json_is_valid(weir_str text);
/* Of a valid value. A number is LONG when it has no fraction and fits. */
weir_json_kind weir_json_kind_of(weir_str value);
/* Compact, members in their order, numbers as Java prints them. */
void weir_json_normalize(weir_str value, weir_buf *out);
/* Text of a STRING: escapes resolved, half pairs U+FFFD. */
void weir_json_unquote(weir_str value, weir_buf *out);
int64_t weir_json_to_long(weir_str value);  /* LONG */
double weir_json_to_double(weir_str value); /* LONG, DOUBLE */

/* The parts of an object or array, in order: *at is 0 at first. False: no more. `key` as written,
 * with quotes; empty in arrays. */
bool weir_json_next(weir_str value, size_t *at, weir_str *key, weir_str *part);

typedef struct weir_json_step {
    bool is_index;
    int64_t index;  /* negative: from the end */
    weir_str field; /* unescaped */
} weir_json_step;
typedef struct weir_json_path {
    uint32_t count;
    const weir_json_step *steps;
} weir_json_path;
/* $ .name ['name'] ["name"] [0]; lives in the arena. */
bool weir_json_path_parse(weir_arena *arena, weir_str text, weir_json_path *out, weir_error *err);
/* The value at a path. False: not there. */
bool weir_json_find(weir_str value, const weir_json_path *path, weir_str *out);
/* The path as Druid writes it. */
void weir_json_path_print(const weir_json_step *steps, uint32_t count, weir_buf *out);
#endif
