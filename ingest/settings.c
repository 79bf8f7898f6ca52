/* ingest/settings.c - see include/weir/settings.h: a numbered list, the newest of it kept for a few
 * seconds. */
#include "weir/settings.h"
#include "ingest/numbered.h"
#include "weir/arena.h"
#include "weir/log.h"
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#define FRESH_US 5000000
#define CONFLICTS 5

struct weir_settings {
    weir_store *store;
    const weir_clock *clock;
    weir_str node;
    pthread_mutex_t change; /* held by who reads or changes the store: long */
    pthread_mutex_t lock;   /* of all below; short */
    json_t *root;           /* NULL: never read. Nobody changes one that is here */
    uint64_t number;
    int64_t read_us;
};

static weir_numbered list(void)
{
    return (weir_numbered){WEIR_STR("~config/"), "config"};
}

weir_settings *weir_settings_new(weir_store *store, const weir_clock *clock, weir_str node)
{
    weir_settings *s = weir_calloc(1, sizeof(*s));
    s->store = store;
    s->clock = clock;
    s->node = weir_str_dup(node);
    pthread_mutex_init(&s->change, NULL);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void weir_settings_free(weir_settings *s)
{
    if (s) {
        json_decref(s->root);
        free((void *)(uintptr_t)s->node.at);
        pthread_mutex_destroy(&s->change);
        pthread_mutex_destroy(&s->lock);
        free(s);
    }
}

typedef struct seen {
    json_t *root;
    uint64_t number;
} seen;

static bool see(void *self, uint64_t number, weir_str text, weir_error *err)
{
    json_error_t why;
    *(seen *)self = (seen){json_loadb(text.at, text.size, 0, &why), number};
    return ((seen *)self)->root || weir_fail(err, WEIR_ERR_CORRUPT, "%s", why.text);
}

static void take(weir_settings *s, json_t *root, uint64_t number)
{
    pthread_mutex_lock(&s->lock);
    json_t *old = s->root;
    s->root = root;
    s->number = number;
    s->read_us = weir_monotonic_us(s->clock);
    pthread_mutex_unlock(&s->lock);
    json_decref(old);
}

/* With `change` held. */
static bool read_newest(weir_settings *s, weir_error *err)
{
    weir_numbered numbered = list();
    weir_error damage;
    seen newest = {0};
    bool found;
    if (!weir_numbered_load(&numbered, s->store, see, &newest, &found, &damage, err)) {
        return false;
    }
    if (damage.code != WEIR_OK) {
        weir_log(WEIR_ERROR, "settings", "settings before it are in use: %s", damage.message);
    }
    take(s, found ? newest.root : json_object(), newest.number);
    return true;
}

static bool is_fresh(weir_settings *s)
{
    pthread_mutex_lock(&s->lock);
    bool fresh = s->root && weir_monotonic_us(s->clock) - s->read_us < FRESH_US;
    pthread_mutex_unlock(&s->lock);
    return fresh;
}

/* The member as text; empty: not set. False: nothing was ever read. */
static bool copy_member(weir_settings *s, const char *key, weir_arena *arena, weir_str *out)
{
    pthread_mutex_lock(&s->lock);
    bool known = s->root != NULL;
    const json_t *value = json_object_get(s->root, key);
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    pthread_mutex_unlock(&s->lock);
    *out = text ? weir_arena_str(arena, weir_str_of(text)) : (weir_str){0};
    free(text);
    return known;
}

bool weir_settings_get(weir_settings *s, const char *key, weir_arena *arena, weir_str *out,
                       weir_error *err)
{
    bool ok = true;
    pthread_mutex_lock(&s->change);
    if (!is_fresh(s)) {
        ok = read_newest(s, err);
    }
    pthread_mutex_unlock(&s->change);
    return copy_member(s, key, arena, out) || ok;
}

/* With `change` held: one try. */
static bool try_change(weir_settings *s, const char *key,
                       bool (*change)(void *self, weir_str old, weir_buf *out, weir_error *err),
                       void *self, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_numbered numbered = list();
    weir_buf text = {0};
    weir_str old;
    copy_member(s, key, arena, &old);
    bool ok = change(self, old, &text, err);
    json_t *value = ok ? json_loadb(text.at, text.size, JSON_DECODE_ANY, NULL) : NULL;
    json_t *next = value ? json_copy(s->root) : NULL;
    if (next) {
        json_object_set_new(next, key, value);
        char *whole = json_dumps(next, JSON_COMPACT);
        ok = weir_numbered_put(&numbered, s->store, s->clock, s->node, s->number,
                               weir_str_of(whole), err);
        free(whole);
        if (ok) {
            take(s, next, s->number + 1);
        } else {
            json_decref(next);
        }
    }
    weir_buf_done(&text);
    weir_arena_free(arena);
    return ok;
}

bool weir_settings_change(weir_settings *s, const char *key,
                          bool (*change)(void *self, weir_str old, weir_buf *out, weir_error *err),
                          void *self, weir_error *err)
{
    bool ok = false;
    pthread_mutex_lock(&s->change);
    for (int i = 0; !ok && i < CONFLICTS; i++) {
        ok = read_newest(s, err) && try_change(s, key, change, self, err);
        if (!ok && err->code != WEIR_ERR_CONFLICT) {
            break;
        }
    }
    pthread_mutex_unlock(&s->change);
    return ok;
}
