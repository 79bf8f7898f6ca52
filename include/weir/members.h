/* include/weir/members.h - reading JSON objects that people write (specs, settings): members by
 * name, coerced as Jackson coerces scalars ("5" for 5, 5 for "5", "true" for true), with errors
 * that name the member by its path ("ioConfig.topic"). Absent and null members leave `out` as it
 * was. Strings are borrowed from the JSON value. */
#ifndef WEIR_MEMBERS_H
#define WEIR_MEMBERS_H
#include "weir/error.h"
#include "weir/str.h"

struct json_t;

/* One object and where it stands; `path` is "" at the top. */
typedef struct weir_members {
    const struct json_t *object;
    const char *path;
} weir_members;

/* Fails when the value is not an object. NULL and null give an empty one. */
bool weir_members_of(const struct json_t *value, const char *path, weir_members *out,
                     weir_error *err);
bool weir_member_text(const weir_members *m, const char *name, weir_str *out, weir_error *err);
bool weir_member_bool(const weir_members *m, const char *name, bool *out, weir_error *err);
/* min <= value <= max, else the error says so. */
bool weir_member_long(const weir_members *m, const char *name, int64_t min, int64_t max,
                      int64_t *out, weir_error *err);
/* *out is NULL when absent or null. */
bool weir_member_object(const weir_members *m, const char *name, const struct json_t **out,
                        weir_error *err);
bool weir_member_array(const weir_members *m, const char *name, const struct json_t **out,
                       weir_error *err);
const struct json_t *weir_member_any(const weir_members *m,
                                     const char *name); /* NULL: absent or null */
/* "path.name", or "name" at the top; cut at 200 bytes. Borrowed: valid until the thread's next
 * call. */
const char *weir_member_path(const weir_members *m, const char *name);
/* Calls `warn` with the path of each member that is not in `known` (NULL-terminated). warn may be
 * NULL. */
void weir_members_unknown(const weir_members *m, const char *const *known,
                          void (*warn)(void *self, const char *member), void *self);
#endif
