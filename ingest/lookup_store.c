/* ingest/lookup_store.c - where the specs of lookups are kept. Each change is an object
 * `~lookups/<number>.json` (no table's folder begins so): one line of JSON with the whole list, its
 * xxh3, as a table's commits have it. Put-if-absent of the next number decides between two writers.
 * A number that was given is never free again, so old objects are not deleted but emptied: the last
 * KEPT hold their list. */
#include "ingest/lookup_config.h"
#include "weir/hash.h"
#include "weir/log.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define FOLDER "~lookups/"
#define KEPT 3u
#define TRIES 5
#define FORMAT 1

static weir_str key_of(weir_arena *arena, uint64_t number)
{
    return weir_arena_printf(arena, FOLDER "%020" PRIu64 ".json", number);
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

static void write_object(const weir_clock *clock, weir_str node, uint64_t number, const char *txn,
                         const weir_lookup_config *config, weir_buf *out)
{
    weir_json json = {.out = out};
    write_head(&json, number);
    weir_json_member_text(&json, "txn", txn);
    weir_json_member_str(&json, "node", node);
    weir_json_member_long(&json, "at_ms", weir_wall_ms(clock));
    weir_json_key(&json, WEIR_STR("lookups"));
    weir_lookup_config_write(config, &json);
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

static bool fail_corrupt(weir_error *err, uint64_t number, const char *why)
{
    return weir_fail(err, WEIR_ERR_CORRUPT, FOLDER "%020" PRIu64 ".json: %s", number, why);
}

/* The object's JSON, its seal, format and number checked; the caller gives it back. */
static json_t *open_object(uint64_t number, weir_str bytes, weir_error *err)
{
    weir_str line;
    json_error_t why;
    if (!check_seal(bytes, &line)) {
        fail_corrupt(err, number, "its hash does not fit its bytes");
        return NULL;
    }
    json_t *root = json_loadb(line.at, line.size, 0, &why);
    if (!json_is_object(root) ||
        json_integer_value(json_object_get(root, "number")) != (json_int_t)number) {
        fail_corrupt(err, number, "it is no list of lookups of this number");
    } else if (json_integer_value(json_object_get(root, "format")) != FORMAT) {
        fail_corrupt(err, number, "a newer weir is needed to read it");
    } else {
        return root;
    }
    json_decref(root);
    return NULL;
}

static weir_lookup_config *read_object(uint64_t number, weir_str bytes, weir_error *err)
{
    json_t *root = open_object(number, bytes, err);
    weir_lookup_config *config = NULL;
    const json_t *lookups = json_object_get(root, "lookups");
    if (root && !json_is_object(lookups)) {
        fail_corrupt(err, number, "it holds no lookups any more");
    } else if (root) {
        char *text = json_dumps(lookups, JSON_COMPACT);
        weir_error why = {0};
        config = weir_lookup_config_parse(weir_str_of(text), &why);
        free(text);
        if (!config) {
            fail_corrupt(err, number, why.message);
        } else {
            config->number = number;
        }
    }
    json_decref(root);
    return config;
}

static bool see_number(void *self, weir_str key, uint64_t size)
{
    int64_t number;
    weir_str digits = {key.at + strlen(FOLDER), key.size - strlen(FOLDER)};
    (void)size;
    if (digits.size > 5 && weir_str_to_long((weir_str){digits.at, digits.size - 5}, &number) &&
        number > 0) {
        uint64_t *newest = self;
        *newest = (uint64_t)number > *newest ? (uint64_t)number : *newest;
    }
    return true;
}

static weir_get get_config(weir_store *store, uint64_t number, weir_lookup_config **out,
                           weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_get got = store->ops->get(store, key_of(arena, number), 0, 0, &bytes, err);
    if (got == WEIR_GET_FOUND) {
        *out = read_object(number, weir_buf_view(&bytes), err);
    }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
    return got;
}

bool weir_lookup_config_load(weir_store *store, weir_lookup_config **out, weir_error *damage,
                             weir_error *err)
{
    uint64_t newest = 0;
    *damage = (weir_error){0};
    if (!store->ops->list(store, WEIR_STR(FOLDER), (weir_str){0}, see_number, &newest, err)) {
        return false;
    }
    weir_lookup_config *found = NULL;
    for (uint64_t number = newest; number > 0 && newest - number < KEPT && !found; number--) {
        weir_error why = {0};
        if (get_config(store, number, &found, &why) == WEIR_GET_FAILED) {
            *err = why;
            return false;
        }
        if (!found && damage->code == WEIR_OK) {
            *damage = why;
        }
    }
    *out = found ? found : weir_lookup_config_parse(WEIR_STR("{}"), err);
    return true;
}

/* Whether the object of that number is ours: an answer that was lost may still have landed. */
static weir_get is_ours(weir_store *store, weir_str key, uint64_t number, const char *txn,
                        bool *ours)
{
    weir_buf bytes = {0};
    weir_error ignored = {0};
    weir_get got = store->ops->get(store, key, 0, 0, &bytes, &ignored);
    json_t *root =
        got == WEIR_GET_FOUND ? open_object(number, weir_buf_view(&bytes), &ignored) : NULL;
    const char *said = json_string_value(json_object_get(root, "txn"));
    *ours = said && strcmp(said, txn) == 0;
    json_decref(root);
    weir_buf_done(&bytes);
    return got;
}

static void empty_old(weir_store *store, uint64_t number)
{
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_json json = {.out = &bytes};
    weir_error err = {0};
    write_head(&json, number);
    weir_json_member_bool(&json, "superseded", true);
    weir_json_end_object(&json);
    seal(&bytes);
    if (store->ops->put(store, key_of(arena, number), weir_buf_view(&bytes), &err) !=
        WEIR_PUT_DONE) {
        weir_log(WEIR_WARN, "lookups", "old specs take space until the next change: %s",
                 err.message);
    }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
}

static bool put_object(weir_store *store, weir_str key, uint64_t number, const char *txn,
                       weir_str bytes, weir_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        bool ours = false;
        weir_put put = store->ops->put_if_absent(store, key, bytes, err);
        if (put == WEIR_PUT_DONE) {
            return true;
        }
        if (put == WEIR_PUT_EXISTS && is_ours(store, key, number, txn, &ours) == WEIR_GET_FOUND) {
            return ours || weir_fail(err, WEIR_ERR_CONFLICT,
                                     "the lookups were changed by another process meanwhile");
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return err->message[0]
               ? weir_fail_in(err, "whether the change of lookups was stored is unknown")
               : weir_fail(err, WEIR_ERR_STORE,
                           "whether the change of lookups was stored is unknown");
}

bool weir_lookup_config_put(weir_store *store, const weir_clock *clock, weir_str node,
                            uint64_t number, weir_lookup_config *next, weir_error *err)
{
    char txn[33];
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_hex_u64(txn, weir_random(clock));
    weir_hex_u64(txn + 16, weir_random(clock));
    write_object(clock, node, number + 1, txn, next, &bytes);
    bool ok =
        put_object(store, key_of(arena, number + 1), number + 1, txn, weir_buf_view(&bytes), err);
    if (ok) {
        next->number = number + 1;
        if (next->number > KEPT) {
            empty_old(store, next->number - KEPT);
        }
    }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
    return ok;
}
