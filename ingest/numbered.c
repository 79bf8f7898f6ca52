/* ingest/numbered.c - see ingest/numbered.h. An object is one line of JSON and its xxh3, as a
 * table's commits are. */
#include "ingest/numbered.h"
#include "weir/arena.h"
#include "weir/buf.h"
#include "weir/hash.h"
#include "weir/log.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define KEPT 3u
#define TRIES 5
#define FORMAT 1

static weir_str key_of(const weir_numbered *list, weir_arena *arena, uint64_t number)
{
    return weir_arena_printf(arena, "%.*s%020" PRIu64 ".json", WEIR_STR_ARG(list->folder), number);
}

static void seal(weir_buf *out)
{
    char hex[17];
    weir_hex_u64(hex, weir_hash_bytes(out->at, out->size));
    weir_buf_printf(out, "\n%s\n", hex);
}

static void write_head(weir_json *json, uint64_t number)
{
    weir_json_begin_object(json);
    weir_json_member_long(json, "format", FORMAT);
    weir_json_member_long(json, "number", (int64_t)number);
}

static void write_object(const weir_numbered *list, const weir_clock *clock, weir_str node,
                         uint64_t number, const char *txn, weir_str value, weir_buf *out)
{
    weir_json json = {.out = out};
    write_head(&json, number);
    weir_json_member_text(&json, "txn", txn);
    weir_json_member_str(&json, "node", node);
    weir_json_member_long(&json, "at_ms", weir_wall_ms(clock));
    weir_json_key(&json, weir_str_of(list->what));
    weir_json_raw(&json, value);
    weir_json_end_object(&json);
    seal(out);
}

/* Fuzz builds look past it, so that what lies behind is reached. */
static bool hash_fits(weir_str line, uint64_t said)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)line, (void)said;
    return true;
#else
    return weir_hash_bytes(line.at, line.size) == said;
#endif
}

/* The line when the object is a line, its hash and nothing else. */
static bool check_seal(weir_str bytes, weir_str *line)
{
    uint64_t said;
    if (bytes.size < 18 || bytes.at[bytes.size - 1] != '\n' || bytes.at[bytes.size - 18] != '\n') {
        return false;
    }
    *line = (weir_str){bytes.at, bytes.size - 18};
    return weir_hex_parse((weir_str){bytes.at + bytes.size - 17, 16}, &said) &&
           hash_fits(*line, said);
}

static bool fail_corrupt(const weir_numbered *list, weir_error *err, uint64_t number,
                         const char *why)
{
    return weir_fail(err, WEIR_ERR_CORRUPT, "%.*s%020" PRIu64 ".json: %s",
                     WEIR_STR_ARG(list->folder), number, why);
}

/* The object's JSON, its seal, format and number checked; the caller gives it back. */
static json_t *open_object(const weir_numbered *list, uint64_t number, weir_str bytes,
                           weir_error *err)
{
    weir_str line;
    json_error_t why;
    if (!check_seal(bytes, &line)) {
        fail_corrupt(list, err, number, "its hash does not fit its bytes");
        return NULL;
    }
    json_t *root = json_loadb(line.at, line.size, 0, &why);
    if (!json_is_object(root) ||
        json_integer_value(json_object_get(root, "number")) != (json_int_t)number) {
        fail_corrupt(list, err, number, "it has not this number");
    } else if (json_integer_value(json_object_get(root, "format")) != FORMAT) {
        fail_corrupt(list, err, number, "a newer weir is needed to read it");
    } else {
        return root;
    }
    json_decref(root);
    return NULL;
}

/* One load under way. */
typedef struct load {
    const weir_numbered *list;
    bool (*see)(void *self, uint64_t number, weir_str json, weir_error *err);
    void *self;
    uint64_t newest;
} load;

static bool read_object(const load *l, uint64_t number, weir_str bytes, weir_error *err)
{
    json_t *root = open_object(l->list, number, bytes, err);
    const json_t *value = json_object_get(root, l->list->what);
    bool ok = false;
    if (root && !json_is_object(value)) {
        fail_corrupt(l->list, err, number, "its value is gone");
    } else if (root) {
        char *text = json_dumps(value, JSON_COMPACT);
        weir_error why = {0};
        ok = l->see(l->self, number, weir_str_of(text), &why) ||
             fail_corrupt(l->list, err, number, why.message);
        free(text);
    }
    json_decref(root);
    return ok;
}

static bool see_number(void *self, weir_str key, uint64_t size)
{
    load *l = self;
    int64_t number;
    size_t skip = l->list->folder.size;
    weir_str digits = {key.at + skip, key.size - skip};
    (void)size;
    if (digits.size > 5 && weir_str_to_long((weir_str){digits.at, digits.size - 5}, &number) &&
        number > 0) {
        l->newest = (uint64_t)number > l->newest ? (uint64_t)number : l->newest;
    }
    return true;
}

/* FOUND: it was there; *found says whether it was accepted. */
static weir_get get_value(const load *l, weir_store *store, uint64_t number, bool *found,
                          weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_get got = store->ops->get(store, key_of(l->list, arena, number), 0, 0, &bytes, err);
    if (got == WEIR_GET_FOUND) {
        *found = read_object(l, number, weir_buf_view(&bytes), err);
    }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
    return got;
}

bool weir_numbered_load(const weir_numbered *list, weir_store *store,
                        bool (*see)(void *self, uint64_t number, weir_str json, weir_error *err),
                        void *self, bool *found, weir_error *damage, weir_error *err)
{
    load l = {list, see, self, 0};
    *damage = (weir_error){0};
    *found = false;
    if (!store->ops->list(store, list->folder, (weir_str){0}, see_number, &l, err)) {
        return false;
    }
    for (uint64_t number = l.newest; number > 0 && l.newest - number < KEPT && !*found; number--) {
        weir_error why = {0};
        if (get_value(&l, store, number, found, &why) == WEIR_GET_FAILED) {
            *err = why;
            return false;
        }
        if (!*found && damage->code == WEIR_OK) {
            *damage = why;
        }
    }
    return true;
}

/* Whether the object of that number is ours: an answer that was lost may still have landed. */
static weir_get is_ours(const weir_numbered *list, weir_store *store, weir_str key, uint64_t number,
                        const char *txn, bool *ours)
{
    weir_buf bytes = {0};
    weir_error ignored = {0};
    weir_get got = store->ops->get(store, key, 0, 0, &bytes, &ignored);
    json_t *root =
        got == WEIR_GET_FOUND ? open_object(list, number, weir_buf_view(&bytes), &ignored) : NULL;
    const char *said = json_string_value(json_object_get(root, "txn"));
    *ours = said && strcmp(said, txn) == 0;
    json_decref(root);
    weir_buf_done(&bytes);
    return got;
}

static void empty_old(const weir_numbered *list, weir_store *store, uint64_t number)
{
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_json json = {.out = &bytes};
    weir_error err = {0};
    write_head(&json, number);
    weir_json_member_bool(&json, "superseded", true);
    weir_json_end_object(&json);
    seal(&bytes);
    if (store->ops->put(store, key_of(list, arena, number), weir_buf_view(&bytes), &err) !=
        WEIR_PUT_DONE) {
        weir_log(WEIR_WARN, list->what, "old objects take space until the next change: %s",
                 err.message);
    }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
}

static bool put_object(const weir_numbered *list, weir_store *store, weir_str key, uint64_t number,
                       const char *txn, weir_str bytes, weir_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        bool ours = false;
        weir_put put = store->ops->put_if_absent(store, key, bytes, err);
        if (put == WEIR_PUT_DONE) {
            return true;
        }
        if (put == WEIR_PUT_EXISTS &&
            is_ours(list, store, key, number, txn, &ours) == WEIR_GET_FOUND) {
            return ours ||
                   weir_fail(err, WEIR_ERR_CONFLICT,
                             "the %s were changed by another process meanwhile", list->what);
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return err->message[0]
               ? weir_fail_in(err, "whether the change of %s was stored is unknown", list->what)
               : weir_fail(err, WEIR_ERR_STORE, "whether the change of %s was stored is unknown",
                           list->what);
}

bool weir_numbered_put(const weir_numbered *list, weir_store *store, const weir_clock *clock,
                       weir_str node, uint64_t number, weir_str json, weir_error *err)
{
    char txn[33];
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_hex_u64(txn, weir_random(clock));
    weir_hex_u64(txn + 16, weir_random(clock));
    write_object(list, clock, node, number + 1, txn, json, &bytes);
    bool ok = put_object(list, store, key_of(list, arena, number + 1), number + 1, txn,
                         weir_buf_view(&bytes), err);
    if (ok && number + 1 > KEPT) {
        empty_old(list, store, number + 1 - KEPT);
    }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
    return ok;
}
