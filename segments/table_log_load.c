/* segments/table_log_load.c - names of objects, and a table's state from the store: newest good
 * checkpoint, then the log to its end. At load the list of the log says how far it goes, so that
 * many of its objects come at once, and a number that is missing below one that exists is seen: a
 * lost object. The end is where GET N+1 finds nothing. */
#include "segments/fetch.h"
#include "segments/table_log_state.h"
#include "weir/log.h"
#include <inttypes.h>
#include <stdlib.h>

static weir_str encode_table(weir_arena *arena, weir_str table)
{
    char *out = weir_arena_alloc(arena, table.size * 3 + 1), *at = out;
    for (size_t i = 0; i < table.size; i++) {
        uint8_t c = (uint8_t)table.at[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-';
        if (plain) {
            *at++ = (char)c;
        } else {
            *at++ = '~';
            *at++ = "0123456789ABCDEF"[c >> 4];
            *at++ = "0123456789ABCDEF"[c & 15];
        }
    }
    return (weir_str){out, (size_t)(at - out)};
}

static int upper_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* False: not the name of a table's folder. */
static bool decode_table(weir_arena *arena, weir_str folder, weir_str *out)
{
    char *text = weir_arena_alloc(arena, folder.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < folder.size; i++) {
        if (folder.at[i] == '~') {
            int high = i + 2 < folder.size ? upper_digit(folder.at[i + 1]) : -1;
            int low = i + 2 < folder.size ? upper_digit(folder.at[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            text[size++] = (char)(high << 4 | low);
            i += 2;
        } else {
            text[size++] = folder.at[i];
        }
    }
    *out = (weir_str){text, size};
    return size > 0 && weir_str_eq(encode_table(arena, *out), folder);
}

weir_str weir_key_log(weir_arena *arena, weir_str table, uint64_t version)
{
    return weir_arena_printf(arena, "%.*s/log/%020" PRIu64 ".json",
                             WEIR_STR_ARG(encode_table(arena, table)), version);
}

weir_str weir_key_checkpoint(weir_arena *arena, weir_str table, uint64_t version)
{
    return weir_arena_printf(arena, "%.*s/checkpoints/%020" PRIu64 ".jsonl.zst",
                             WEIR_STR_ARG(encode_table(arena, table)), version);
}

weir_str weir_key_segment(weir_arena *arena, weir_str table, weir_str id)
{
    return weir_arena_printf(arena, "%.*s/segments/%.*s", WEIR_STR_ARG(encode_table(arena, table)),
                             WEIR_STR_ARG(id));
}

weir_str weir_segment_id_new(weir_arena *arena, uint64_t base, const weir_clock *clock)
{
    return weir_arena_printf(arena, "%020" PRIu64 "-%016" PRIx64, base, weir_random(clock));
}

enum { DAMAGED_TRIES = 6, CHECKPOINT_TRIES = 3 }; /* damage may be the way's, not the object's */

weir_get weir_commit_get(weir_store *store, weir_str table, uint64_t version, weir_commit **out,
                         weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_str key = weir_key_log(arena, table, version);
    weir_buf bytes = {0};
    weir_get got = WEIR_GET_FAILED;
    bool damaged = true;
    for (int i = 0; damaged && i < DAMAGED_TRIES; i++) {
        weir_error why = {0};
        bytes.size = 0;
        got = store->ops->get(store, key, 0, 0, &bytes, &why);
        damaged = got == WEIR_GET_FOUND &&
                  !weir_commit_read(key, weir_buf_view(&bytes), out, &why) &&
                  why.code == WEIR_ERR_CORRUPT;
        if (why.code != WEIR_OK) {
            got = got == WEIR_GET_FOUND ? WEIR_GET_FAILED : got;
            *err = why;
        }
    }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
    return got;
}

/* Applies N+1, N+2 ... to a state that nobody else holds. */
static bool apply_to_end(weir_store *store, weir_log_state *state, weir_error *err)
{
    for (;;) {
        weir_commit *commit;
        weir_get got = weir_commit_get(store, state->table, state->version + 1, &commit, err);
        if (got != WEIR_GET_FOUND) {
            return got == WEIR_GET_NONE;
        }
        bool ok = weir_state_apply(state, commit, commit->hash, err);
        weir_commit_free(commit);
        if (!ok) {
            return false;
        }
    }
}

bool weir_log_catch_up(weir_store *store, weir_log_state *state, weir_log_state **out,
                       weir_error *err)
{
    weir_commit *commit;
    weir_get got = weir_commit_get(store, state->table, state->version + 1, &commit, err);
    if (got != WEIR_GET_FOUND) {
        *out = got == WEIR_GET_NONE ? weir_log_state_ref(state) : *out;
        return got == WEIR_GET_NONE;
    }
    weir_log_state *next = weir_state_copy(state);
    bool ok = weir_state_apply(next, commit, commit->hash, err) && apply_to_end(store, next, err);
    weir_commit_free(commit);
    if (!ok) {
        weir_log_state_unref(next);
        return false;
    }
    *out = next;
    return true;
}

typedef struct versions { /* of checkpoints, ascending; or the largest of the log */
    uint64_t *at, largest;
    size_t count, room;
} versions;

static bool see_version(void *self, weir_str key, uint64_t size)
{
    versions *v = self;
    const char *slash = memrchr(key.at, '/', key.size);
    int64_t version;
    (void)size;
    if (slash && key.at + key.size - slash > 20 &&
        weir_str_to_long((weir_str){slash + 1, 20}, &version) && version > 0) {
        v->at = weir_list_open(v->at, &v->count, &v->room, sizeof(*v->at), v->count);
        v->at[v->count - 1] = v->largest = (uint64_t)version;
    }
    return true;
}

static bool see_largest(void *self, weir_str key, uint64_t size)
{
    versions *v = self;
    v->count = 0; /* the last one only */
    return see_version(self, key, size);
}

static bool list_checkpoints(weir_store *store, weir_str table, versions *out, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_str prefix =
        weir_arena_printf(arena, "%.*s/checkpoints/", WEIR_STR_ARG(encode_table(arena, table)));
    bool ok = store->ops->list(store, prefix, (weir_str){0}, see_version, out, err);
    weir_arena_free(arena);
    return ok;
}

/* A checkpoint that reads well and belongs to this log: commit `version` has the hash that the
 * checkpoint names. */
static bool get_checkpoint(weir_store *store, weir_str table, uint64_t version,
                           weir_log_state **out, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_str key = weir_key_checkpoint(arena, table, version);
    weir_buf bytes = {0};
    weir_log_state *state = NULL;
    weir_commit *commit = NULL;
    weir_get got = WEIR_GET_FAILED;
    bool ok = false, damaged = true;
    for (int i = 0; damaged && i < CHECKPOINT_TRIES; i++) {
        bytes.size = 0;
        got = store->ops->get(store, key, 0, 0, &bytes, err);
        ok = got == WEIR_GET_FOUND && weir_checkpoint_read(key, weir_buf_view(&bytes), &state, err);
        damaged = got == WEIR_GET_FOUND && !ok;
    }
    if (got == WEIR_GET_NONE) {
        weir_fail(err, WEIR_ERR_STORE, "%.*s is gone", WEIR_STR_ARG(key));
    }
    if (ok && (state->version != version || !weir_str_eq(state->table, table))) {
        ok = weir_fail(err, WEIR_ERR_CORRUPT, "%.*s is of version %lu of table %.*s",
                       WEIR_STR_ARG(key), state->version, WEIR_STR_ARG(state->table));
    }
    if (ok) {
        got = weir_commit_get(store, table, version, &commit, err);
        ok = got == WEIR_GET_FOUND && commit->hash == state->hash;
        if (got == WEIR_GET_NONE || (got == WEIR_GET_FOUND && !ok)) {
            weir_fail(err, WEIR_ERR_CORRUPT, "%.*s is not of this log", WEIR_STR_ARG(key));
        }
        weir_commit_free(commit);
    }
    if (ok) {
        *out = state;
    } else {
        weir_log_state_unref(state);
    }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
    return ok;
}

/* The newest good checkpoint's state, else the empty one. */
static bool load_checkpoint(weir_store *store, weir_str table, weir_log_state **out,
                            weir_error *err)
{
    versions found = {0};
    if (!list_checkpoints(store, table, &found, err)) {
        free(found.at);
        return false;
    }
    weir_log_state *state = NULL;
    for (size_t i = found.count; i > 0 && !state; i--) {
        weir_error why;
        if (!get_checkpoint(store, table, found.at[i - 1], &state, &why)) {
            weir_log(WEIR_WARN, "log", "table %.*s: checkpoint %lu is not used: %s",
                     WEIR_STR_ARG(table), found.at[i - 1], why.message);
        }
    }
    free(found.at);
    *out = state ? state : weir_log_state_empty(table);
    return true;
}

enum { AT_ONCE = 64 }; /* log objects that are asked for together */

/* Applies the answers in their order; a damaged one is asked for again. */
static bool apply_fetched(weir_store *store, weir_log_state *state, const weir_fetch *parts,
                          size_t count, uint64_t largest, weir_error *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        weir_commit *commit;
        if (parts[i].got == WEIR_GET_NONE) {
            ok = weir_fail(err, WEIR_ERR_CORRUPT,
                           "log object %.*s is missing, but version %lu exists",
                           WEIR_STR_ARG(parts[i].key), largest);
        } else if (parts[i].got == WEIR_GET_FAILED) {
            *err = parts[i].err;
            ok = false;
        } else if ((ok = weir_commit_read(parts[i].key, weir_buf_view(&parts[i].bytes), &commit,
                                          err) ||
                         weir_commit_get(store, state->table, state->version + 1, &commit, err) ==
                             WEIR_GET_FOUND)) {
            ok = weir_state_apply(state, commit, commit->hash, err);
            weir_commit_free(commit);
        }
    }
    return ok;
}

static bool apply_window(weir_fetcher *fetcher, weir_store *store, weir_log_state *state,
                         uint64_t largest, weir_error *err)
{
    weir_fetch parts[AT_ONCE];
    memset(parts, 0, sizeof(parts));
    weir_arena *arena = weir_arena_new();
    uint64_t left = largest - state->version;
    size_t count = left < AT_ONCE ? left : AT_ONCE;
    for (size_t i = 0; i < count; i++) {
        parts[i].key = weir_key_log(arena, state->table, state->version + 1 + i);
    }
    weir_fetch_all(fetcher, parts, count);
    bool ok = apply_fetched(store, state, parts, count, largest, err);
    for (size_t i = 0; i < count; i++) {
        weir_buf_done(&parts[i].bytes);
    }
    weir_arena_free(arena);
    return ok;
}

/* Applies what the list of the log names beyond the state. */
static bool apply_listed(weir_fetcher *fetcher, weir_store *store, weir_log_state *state,
                         weir_error *err)
{
    versions found = {0};
    weir_arena *arena = weir_arena_new();
    weir_str prefix =
        weir_arena_printf(arena, "%.*s/log/", WEIR_STR_ARG(encode_table(arena, state->table)));
    weir_str after = weir_key_log(arena, state->table, state->version);
    bool ok = store->ops->list(store, prefix, after, see_largest, &found, err);
    while (ok && state->version < found.largest) {
        ok = apply_window(fetcher, store, state, found.largest, err);
    }
    free(found.at);
    weir_arena_free(arena);
    return ok;
}

bool weir_log_load_part(weir_store *store, struct weir_fetcher *fetcher, weir_str table,
                        weir_log_state **out, weir_error *err)
{
    weir_log_state *state = NULL;
    weir_error why = {0};
    weir_fetcher *own = fetcher ? NULL : weir_fetcher_new(store, 0);
    bool ok = load_checkpoint(store, table, &state, &why) &&
              apply_listed(fetcher ? fetcher : own, store, state, &why) &&
              apply_to_end(store, state, &why);
    weir_fetcher_free(own);
    if (!ok && why.code != WEIR_ERR_CORRUPT) {
        weir_log_state_unref(state);
        state = NULL;
    }
    if (!ok && err) {
        *err = why;
    }
    *out = state;
    return ok;
}

bool weir_log_load(weir_store *store, weir_str table, weir_log_state **out, weir_error *err)
{
    weir_log_state *state;
    if (!weir_log_load_part(store, NULL, table, &state, err)) {
        weir_log_state_unref(state);
        return false;
    }
    *out = state;
    return true;
}

bool weir_checkpoint_put(weir_store *store, const weir_log_state *state, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    versions found = {0};
    weir_checkpoint_write(state, &bytes);
    weir_put put = store->ops->put(store, weir_key_checkpoint(arena, state->table, state->version),
                                   weir_buf_view(&bytes), err);
    bool ok = put == WEIR_PUT_DONE && list_checkpoints(store, state->table, &found, err);
    for (size_t i = 0; ok && i + WEIR_CHECKPOINTS_KEPT < found.count; i++) {
        ok = store->ops->remove(store, weir_key_checkpoint(arena, state->table, found.at[i]), err);
    }
    free(found.at);
    weir_buf_done(&bytes);
    weir_arena_free(arena);
    return ok;
}

typedef struct first_key {
    weir_arena *arena;
    weir_str folder;
} first_key;

static bool see_first(void *self, weir_str key, uint64_t size)
{
    first_key *first = self;
    const char *slash = memchr(key.at, '/', key.size);
    (void)size;
    if (!slash) {
        return true; /* an object beside the tables */
    }
    first->folder = weir_arena_str(first->arena, (weir_str){key.at, (size_t)(slash - key.at)});
    return false;
}

bool weir_log_tables(weir_store *store, bool (*see)(void *self, weir_str table), void *self,
                     weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_str after = {0}, table;
    bool ok, more;
    do { /* one key of each folder, then what comes after all of its keys: '0' follows '/' */
        first_key first = {arena, {0}};
        ok = store->ops->list(store, (weir_str){0}, after, see_first, &first, err);
        more = ok && first.folder.size > 0;
        if (more) {
            more = !decode_table(arena, first.folder, &table) || see(self, table);
            after = weir_arena_printf(arena, "%.*s0", WEIR_STR_ARG(first.folder));
        }
    } while (more);
    weir_arena_free(arena);
    return ok;
}
