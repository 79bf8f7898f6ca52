/* ingest/lookups.c - registered lookups: specs are checked, kept in the store, and only then
 * loaded, so what a query sees is what the next start will find. */
#include "ingest/lookups.h"
#include "compute/lookup.h"
#include "weir/log.h"
#include "weir/machine.h"
#include <jansson.h>
#include <stdlib.h>

#define CONFLICTS 5 /* with other processes, in a row */

static weir_budget *new_budget(size_t limit_bytes)
{
    weir_budget *budget = weir_calloc(1, sizeof(*budget));
    budget->name = "lookups";
    budget->limit_bytes = limit_bytes;
    return budget;
}

weir_lookup_config *weir_lookups_config(weir_lookups *lookups)
{
    pthread_mutex_lock(&lookups->lock);
    weir_lookup_config *config = weir_lookup_config_ref(lookups->config);
    pthread_mutex_unlock(&lookups->lock);
    return config;
}

weir_lookup_held *weir_lookups_find_held(weir_lookups *lookups, weir_str name)
{
    uint32_t low = 0, high = lookups->held_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = weir_str_cmp(lookups->held[middle]->spec.name, name);
        if (order == 0) {
            return lookups->held[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

bool weir_lookup_held_is_loaded(const weir_lookup_held *held)
{
    return held->self && held->factory->is_loaded(held->self);
}

static void unref_held(void *self)
{
    weir_lookup_held *held = self;
    if (atomic_fetch_sub_explicit(&held->refs, 1, memory_order_acq_rel) == 1) {
        free((void *)held->spec.name.at);
        free((void *)held->spec.version.at);
        free((void *)held->spec.factory.at);
        free(held);
    }
}

uint32_t weir_lookups_see(weir_lookups *lookups, weir_arena *arena, weir_lookup_seen **out)
{
    uint32_t room = 0, count = 0;
    do { /* more may come while memory is taken, without the lock */
        room = count;
        *out = WEIR_ARENA_ARRAY(arena, weir_lookup_seen, room + 1);
        pthread_mutex_lock(&lookups->lock);
        count = lookups->held_count;
        for (uint32_t i = 0; i < count && count <= room; i++) {
            weir_lookup_held *held = lookups->held[i];
            atomic_fetch_add_explicit(&held->refs, 1, memory_order_relaxed);
            (*out)[i] = (weir_lookup_seen){held, weir_lookup_held_is_loaded(held)};
        }
        pthread_mutex_unlock(&lookups->lock);
    } while (count > room);
    for (uint32_t i = 0; i < count; i++) {
        weir_arena_defer(arena, unref_held, (*out)[i].held);
    }
    return count;
}

/* Loading. All with `change` held. */

static weir_lookup_held *start_held(weir_lookups *lookups, const weir_lookup_spec *spec)
{
    weir_error err = {0};
    weir_lookup_held *held = weir_calloc(1, sizeof(*held));
    atomic_init(&held->refs, 1);
    held->spec = (weir_lookup_spec){weir_str_dup(spec->name), weir_str_dup(spec->version),
                                    weir_str_dup(spec->factory)};
    json_t *json = json_loadb(spec->factory.at, spec->factory.size, 0, NULL);
    held->factory = weir_lookup_factory_of(json, &err);
    if (held->factory) {
        weir_lookup_start start = {.name = spec->name, .json = json, .budget = lookups->budget};
        held->self = held->factory->start(&start, &err);
    }
    if (!held->self) {
        weir_log(WEIR_ERROR, "lookups", "lookup '%.*s' is not loaded: %s", WEIR_STR_ARG(spec->name),
                 err.message);
        weir_lookup_register(spec->name, NULL);
    }
    json_decref(json);
    return held;
}

static void stop_held(weir_lookup_held *held)
{
    if (held->self) {
        held->factory->stop(held->self);
    }
    unref_held(held);
}

static void set_held(weir_lookups *lookups, weir_lookup_held **held, uint32_t count)
{
    pthread_mutex_lock(&lookups->lock);
    weir_lookup_held **old = lookups->held;
    lookups->held = held;
    lookups->held_count = count;
    pthread_mutex_unlock(&lookups->lock);
    free(old);
}

static bool is_same(const weir_lookup_held *held, const weir_lookup_spec *spec)
{
    return weir_str_eq(held->spec.name, spec->name) &&
           weir_str_eq(held->spec.version, spec->version) &&
           weir_str_eq(held->spec.factory, spec->factory);
}

/* What is in the tier stays or is started, all else ends. A lookup that is replaced answers as it
 * was until the new one is whole. */
static void load_tier(weir_lookups *lookups, const weir_lookup_tier *tier)
{
    uint32_t count = tier ? tier->count : 0, old_count = lookups->held_count, kept = 0, gone = 0;
    weir_lookup_held **next = weir_calloc(count + 1, sizeof(*next)),
                     **stay = weir_calloc(count + 1, sizeof(*stay)),
                     **leave = weir_calloc(old_count + 1, sizeof(*leave));
    for (uint32_t i = 0; i < count; i++) {
        weir_lookup_held *held = weir_lookups_find_held(lookups, tier->specs[i].name);
        next[i] = held && is_same(held, &tier->specs[i]) ? held : NULL;
        if (next[i]) {
            stay[kept++] = held;
        }
    }
    for (uint32_t i = 0, k = 0; i < old_count; i++) {
        if (k < kept && stay[k] == lookups->held[i]) {
            k++;
        } else {
            leave[gone++] = lookups->held[i];
        }
    }
    set_held(lookups, stay, kept);
    for (uint32_t i = 0; i < gone; i++) {
        if (leave[i]->self) {
            leave[i]->factory->quit(leave[i]->self);
        }
    }
    for (uint32_t i = 0, k = 0; i < gone; i++) {
        weir_str name = leave[i]->spec.name;
        while (k < count && weir_str_cmp(tier->specs[k].name, name) < 0) {
            k++;
        }
        bool replaced = k < count && weir_str_eq(tier->specs[k].name, name);
        weir_str copy = weir_str_dup(name);
        stop_held(leave[i]);
        if (!replaced) {
            weir_lookup_register(copy, NULL);
        }
        free((void *)copy.at);
    }
    for (uint32_t i = 0; i < count; i++) {
        next[i] = next[i] ? next[i] : start_held(lookups, &tier->specs[i]);
    }
    set_held(lookups, next, count);
    free(leave);
}

/* Takes ownership of `config`. */
static void set_config(weir_lookups *lookups, weir_lookup_config *config)
{
    pthread_mutex_lock(&lookups->lock);
    weir_lookup_config *old = lookups->config;
    lookups->config = config;
    pthread_mutex_unlock(&lookups->lock);
    weir_lookup_config_unref(old);
    load_tier(lookups, weir_lookup_config_tier(config, WEIR_STR(WEIR_LOOKUP_TIER)));
}

/* Reads what the store has. */
static bool refresh(weir_lookups *lookups, weir_error *err)
{
    weir_lookup_config *config;
    weir_error damage;
    if (!weir_lookup_config_load(lookups->options.store, &config, &damage, err)) {
        return false;
    }
    if (damage.code != WEIR_OK) {
        weir_log(WEIR_ERROR, "lookups", "lookups are as of a change before: %s", damage.message);
    }
    pthread_mutex_lock(&lookups->lock);
    lookups->damage = damage;
    pthread_mutex_unlock(&lookups->lock);
    set_config(lookups, config);
    return true;
}

weir_lookups *weir_lookups_open(const weir_lookups_options *options, weir_error *err)
{
    size_t machine = weir_machine_bytes();
    weir_lookups *lookups = weir_calloc(1, sizeof(*lookups));
    lookups->options = *options;
    lookups->node = weir_str_dup(options->node);
    lookups->budget = new_budget(options->memory_bytes ? options->memory_bytes : machine / 8);
    pthread_mutex_init(&lookups->change, NULL);
    pthread_mutex_init(&lookups->lock, NULL);
    if (!refresh(lookups, err)) {
        weir_lookups_close(lookups);
        return NULL;
    }
    return lookups;
}

void weir_lookups_close(weir_lookups *lookups)
{
    if (!lookups) {
        return;
    }
    load_tier(lookups, NULL);
    free(lookups->held);
    weir_lookup_config_unref(lookups->config);
    pthread_mutex_destroy(&lookups->lock);
    pthread_mutex_destroy(&lookups->change);
    free((void *)lookups->node.at);
    free(lookups->budget);
    free(lookups);
}

bool weir_lookups_healthy(weir_lookups *lookups, weir_error *err)
{
    pthread_mutex_lock(&lookups->lock);
    bool ok = lookups->damage.code == WEIR_OK;
    if (!ok) {
        *err = lookups->damage;
    }
    pthread_mutex_unlock(&lookups->lock);
    return ok;
}

/* Changes. */

static bool check_factories(const weir_lookup_config *update, weir_error *err)
{
    for (uint32_t t = 0; t < update->count; t++) {
        const weir_lookup_tier *tier = &update->tiers[t];
        for (uint32_t i = 0; i < tier->count; i++) {
            const weir_lookup_spec *spec = &tier->specs[i];
            json_t *json = json_loadb(spec->factory.at, spec->factory.size, 0, NULL);
            bool ok = weir_lookup_factory_of(json, err) != NULL;
            json_decref(json);
            if (!ok) {
                return weir_fail_in(err, "lookup [%.*s]:[%.*s]", WEIR_STR_ARG(tier->name),
                                    WEIR_STR_ARG(spec->name));
            }
        }
    }
    return true;
}

typedef struct change {
    const weir_lookup_config *update; /* NULL: delete */
    weir_str tier, name;
} change;

static weir_lookup_config *next_config(const weir_lookup_config *config, const change *c,
                                       weir_error *err)
{
    return c->update ? weir_lookup_config_update(config, c->update, err)
                     : weir_lookup_config_without(config, c->tier, c->name, err);
}

/* One try, with `change` held. */
static bool try_change(weir_lookups *lookups, const change *c, weir_error *err)
{
    const weir_lookup_config *config = lookups->config;
    if (lookups->damage.code != WEIR_OK) {
        *err = lookups->damage;
        return weir_fail_in(err, "lookups cannot be changed");
    }
    if (c->update && c->update->count == 0 && config->number > 0) {
        return true;
    }
    weir_lookup_config *next = next_config(config, c, err);
    if (!next) {
        return false;
    }
    if (!weir_lookup_config_put(lookups->options.store, lookups->options.clock, lookups->node,
                                config->number, next, err)) {
        weir_lookup_config_unref(next);
        return false;
    }
    set_config(lookups, next);
    return true;
}

static bool apply(weir_lookups *lookups, const change *c, weir_error *err)
{
    pthread_mutex_lock(&lookups->change);
    bool ok = try_change(lookups, c, err);
    for (int i = 0; !ok && err->code == WEIR_ERR_CONFLICT && i < CONFLICTS; i++) {
        ok = refresh(lookups, err) && try_change(lookups, c, err);
    }
    pthread_mutex_unlock(&lookups->change);
    return ok;
}

bool weir_lookups_post(weir_lookups *lookups, weir_str json, weir_buf *out, weir_error *err)
{
    weir_lookup_config *update = weir_lookup_config_parse(json, err);
    weir_json writer = {.out = out};
    bool ok =
        update && check_factories(update, err) && apply(lookups, &(change){.update = update}, err);
    if (ok) {
        weir_lookup_config_write(update, &writer);
    }
    weir_lookup_config_unref(update);
    return ok;
}

bool weir_lookups_post_one(weir_lookups *lookups, weir_str tier, weir_str name, weir_str json,
                           weir_error *err)
{
    weir_lookup_config *update = weir_lookup_config_parse_one(tier, name, json, err);
    bool ok =
        update && check_factories(update, err) && apply(lookups, &(change){.update = update}, err);
    weir_lookup_config_unref(update);
    return ok;
}

bool weir_lookups_delete(weir_lookups *lookups, weir_str tier, weir_str name, weir_error *err)
{
    return apply(lookups, &(change){.tier = tier, .name = name}, err);
}
