/* ingest/lookup_config.c - see lookup_config.h. A config is built anew by each change: they are
 * few, and readers then need no lock. */
#include "ingest/lookup_config.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>

static weir_lookup_config *new_config(uint32_t tier_count)
{
    weir_arena *arena = weir_arena_new();
    weir_lookup_config *config = WEIR_ARENA_NEW(arena, weir_lookup_config);
    config->arena = arena;
    config->tiers = WEIR_ARENA_ARRAY(arena, weir_lookup_tier, tier_count + 1);
    atomic_init(&config->refs, 1);
    return config;
}

weir_lookup_config *weir_lookup_config_ref(weir_lookup_config *config)
{
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void weir_lookup_config_unref(weir_lookup_config *config)
{
    if (config && atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) == 1) {
        weir_arena_free(config->arena);
    }
}

/* Building: tiers and specs in any order, each name once. */

static weir_lookup_tier *add_tier(weir_lookup_config *config, weir_str name, uint32_t room)
{
    weir_lookup_tier *tier = (weir_lookup_tier *)&config->tiers[config->count++];
    tier->name = weir_arena_str(config->arena, name);
    tier->specs = WEIR_ARENA_ARRAY(config->arena, weir_lookup_spec, room + 1);
    return tier;
}

static void add_spec(weir_lookup_config *config, weir_lookup_tier *tier,
                     const weir_lookup_spec *spec)
{
    weir_lookup_spec *copy = (weir_lookup_spec *)&tier->specs[tier->count++];
    copy->name = weir_arena_str(config->arena, spec->name);
    copy->version = spec->version.at ? weir_arena_str(config->arena, spec->version) : (weir_str){0};
    copy->factory = weir_arena_str(config->arena, spec->factory);
}

static int compare_specs(const void *a, const void *b)
{
    return weir_str_cmp(((const weir_lookup_spec *)a)->name, ((const weir_lookup_spec *)b)->name);
}

static int compare_tiers(const void *a, const void *b)
{
    return weir_str_cmp(((const weir_lookup_tier *)a)->name, ((const weir_lookup_tier *)b)->name);
}

static weir_lookup_config *sorted(weir_lookup_config *config)
{
    for (uint32_t i = 0; i < config->count; i++) {
        qsort((void *)config->tiers[i].specs, config->tiers[i].count, sizeof(weir_lookup_spec),
              compare_specs);
    }
    qsort((void *)config->tiers, config->count, sizeof(weir_lookup_tier), compare_tiers);
    return config;
}

const weir_lookup_tier *weir_lookup_config_tier(const weir_lookup_config *config, weir_str tier)
{
    const weir_lookup_tier key = {.name = tier};
    return bsearch(&key, config->tiers, config->count, sizeof(key), compare_tiers);
}

static const weir_lookup_spec *find_spec(const weir_lookup_tier *tier, weir_str name)
{
    const weir_lookup_spec key = {.name = name};
    return tier ? bsearch(&key, tier->specs, tier->count, sizeof(key), compare_specs) : NULL;
}

const weir_lookup_spec *weir_lookup_config_find(const weir_lookup_config *config, weir_str tier,
                                                weir_str name)
{
    return find_spec(weir_lookup_config_tier(config, tier), name);
}

/* JSON. */

static json_t *parse_json(weir_str json, weir_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(json.at ? json.at : "", json.size, JSON_DECODE_ANY, &why);
    if (!root) {
        weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s (line %d, column %d)", why.text, why.line,
                  why.column);
    } else if (!json_is_object(root)) {
        json_decref(root);
        root = NULL;
        weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body must be an object");
    }
    return root;
}

static bool check_name(const char *what, weir_str name, weir_error *err)
{
    return (name.size > 0 && name.size <= 1000 && weir_str_is_utf8(name)) ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST, "`%s` required: up to 1000 bytes of UTF-8", what);
}

static bool parse_spec(weir_lookup_config *config, weir_lookup_tier *tier, weir_str name,
                       const json_t *json, weir_error *err)
{
    char path[256];
    weir_members members;
    const json_t *factory = NULL;
    snprintf(path, sizeof(path), "%.100s.%.100s", weir_arena_text(config->arena, tier->name),
             weir_arena_text(config->arena, name));
    if (!check_name("lookup", name, err) || !weir_members_of(json, path, &members, err) ||
        !weir_member_object(&members, "lookupExtractorFactory", &factory, err)) {
        return false;
    }
    if (!factory) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: null factory", path);
    }
    weir_lookup_spec spec = {.name = name};
    const json_t *version = weir_member_any(&members, "version");
    weir_str number = {0};
    if (json_is_integer(version)) {
        number = weir_arena_printf(config->arena, "%lld", (long long)json_integer_value(version));
    } else if (!weir_member_text(&members, "version", &number, err)) {
        return false;
    }
    spec.version = number;
    char *text = json_dumps(factory, JSON_COMPACT);
    if (!text) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s cannot be written as JSON", path);
    }
    spec.factory = weir_str_of(text);
    add_spec(config, tier, &spec);
    free(text);
    return true;
}

static bool parse_tier(weir_lookup_config *config, weir_str name, const json_t *json,
                       weir_error *err)
{
    const char *key;
    json_t *value;
    if (!check_name("tier", name, err)) {
        return false;
    }
    if (!json_is_object(json)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%.*s must be an object", WEIR_STR_ARG(name));
    }
    weir_lookup_tier *tier = add_tier(config, name, (uint32_t)json_object_size(json));
    json_object_foreach((json_t *)json, key, value)
    {
        if (!parse_spec(config, tier, weir_str_of(key), value, err)) {
            return false;
        }
    }
    return true;
}

static weir_lookup_config *parse_tiers(const json_t *root, weir_error *err)
{
    weir_lookup_config *config = new_config((uint32_t)json_object_size(root));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)root, key, value)
    {
        if (!parse_tier(config, weir_str_of(key), value, err)) {
            weir_lookup_config_unref(config);
            return NULL;
        }
    }
    return sorted(config);
}

weir_lookup_config *weir_lookup_config_parse(weir_str json, weir_error *err)
{
    json_t *root = parse_json(json, err);
    weir_lookup_config *config = root ? parse_tiers(root, err) : NULL;
    json_decref(root);
    return config;
}

weir_lookup_config *weir_lookup_config_parse_one(weir_str tier, weir_str name, weir_str json,
                                                 weir_error *err)
{
    json_t *root = parse_json(json, err);
    if (!root) {
        return NULL;
    }
    weir_lookup_config *config = new_config(1);
    bool ok = check_name("tier", tier, err) &&
              parse_spec(config, add_tier(config, tier, 1), name, root, err);
    json_decref(root);
    if (!ok) {
        weir_lookup_config_unref(config);
        return NULL;
    }
    return config;
}

void weir_lookup_spec_write(const weir_lookup_spec *spec, weir_json *json)
{
    weir_json_begin_object(json);
    if (spec->version.at) {
        weir_json_member_str(json, "version", spec->version);
    } else {
        weir_json_member_null(json, "version");
    }
    weir_json_key(json, WEIR_STR("lookupExtractorFactory"));
    weir_json_raw(json, spec->factory);
    weir_json_end_object(json);
}

void weir_lookup_tier_write(const weir_lookup_tier *tier, weir_json *json)
{
    weir_json_begin_object(json);
    for (uint32_t i = 0; i < tier->count; i++) {
        weir_json_key(json, tier->specs[i].name);
        weir_lookup_spec_write(&tier->specs[i], json);
    }
    weir_json_end_object(json);
}

void weir_lookup_config_write(const weir_lookup_config *config, weir_json *json)
{
    weir_json_begin_object(json);
    for (uint32_t i = 0; i < config->count; i++) {
        weir_json_key(json, config->tiers[i].name);
        weir_lookup_tier_write(&config->tiers[i], json);
    }
    weir_json_end_object(json);
}

/* Changes. */

static bool check_update(const weir_lookup_config *config, const weir_lookup_config *update,
                         weir_error *err)
{
    if (config->number == 0 && update->count > 0) {
        return weir_fail(err, WEIR_ERR_RUN,
                         "Not initialized. If this is the first lookup, post an empty map to "
                         "initialize");
    }
    for (uint32_t t = 0; t < update->count; t++) {
        const weir_lookup_tier *tier = &update->tiers[t],
                               *prior_tier = weir_lookup_config_tier(config, tier->name);
        for (uint32_t i = 0; i < tier->count; i++) {
            const weir_lookup_spec *spec = &tier->specs[i],
                                   *prior = find_spec(prior_tier, spec->name);
            if (!spec->version.at) {
                return weir_fail(err, WEIR_ERR_RUN, "lookup [%.*s]:[%.*s] does not have version.",
                                 WEIR_STR_ARG(tier->name), WEIR_STR_ARG(spec->name));
            }
            if (prior && weir_str_cmp(spec->version, prior->version) <= 0) {
                return weir_fail(err, WEIR_ERR_RUN,
                                 "given update for lookup [%.*s]:[%.*s] can't replace existing "
                                 "spec [version='%.*s'].",
                                 WEIR_STR_ARG(tier->name), WEIR_STR_ARG(spec->name),
                                 WEIR_STR_ARG(prior->version));
            }
        }
    }
    return true;
}

static bool check_size(const weir_lookup_config *config, weir_error *err)
{
    size_t bytes = 0, specs = 0;
    for (uint32_t t = 0; t < config->count; t++) {
        const weir_lookup_tier *tier = &config->tiers[t];
        specs += tier->count;
        bytes += tier->name.size;
        for (uint32_t i = 0; i < tier->count; i++) {
            bytes += tier->specs[i].name.size + tier->specs[i].version.size +
                     tier->specs[i].factory.size;
        }
    }
    if (bytes > WEIR_LOOKUP_CONFIG_BYTES || specs + config->count > WEIR_LOOKUP_CONFIG_SPECS) {
        return weir_fail(err, WEIR_ERR_RESOURCE,
                         "the specs of all lookups would be %zu in %zu bytes: at most %u in %u "
                         "bytes can be kept",
                         specs, bytes, WEIR_LOOKUP_CONFIG_SPECS, WEIR_LOOKUP_CONFIG_BYTES);
    }
    return true;
}

/* The tier's specs that `over` does not have, then those of `over`; either may be NULL. */
static void merge_tier(weir_lookup_config *next, const weir_lookup_tier *tier,
                       const weir_lookup_tier *over)
{
    uint32_t room = (tier ? tier->count : 0) + (over ? over->count : 0);
    weir_lookup_tier *merged = add_tier(next, tier ? tier->name : over->name, room);
    for (uint32_t i = 0; tier && i < tier->count; i++) {
        if (!find_spec(over, tier->specs[i].name)) {
            add_spec(next, merged, &tier->specs[i]);
        }
    }
    for (uint32_t i = 0; over && i < over->count; i++) {
        add_spec(next, merged, &over->specs[i]);
    }
}

weir_lookup_config *weir_lookup_config_update(const weir_lookup_config *config,
                                              const weir_lookup_config *update, weir_error *err)
{
    if (!check_update(config, update, err)) {
        return NULL;
    }
    weir_lookup_config *next = new_config(config->count + update->count);
    for (uint32_t t = 0; t < config->count; t++) {
        const weir_lookup_tier *tier = &config->tiers[t];
        merge_tier(next, tier, weir_lookup_config_tier(update, tier->name));
    }
    for (uint32_t t = 0; t < update->count; t++) {
        if (!weir_lookup_config_tier(config, update->tiers[t].name)) {
            merge_tier(next, NULL, &update->tiers[t]);
        }
    }
    if (!check_size(next, err)) {
        weir_lookup_config_unref(next);
        return NULL;
    }
    return sorted(next);
}

weir_lookup_config *weir_lookup_config_without(const weir_lookup_config *config, weir_str tier,
                                               weir_str name, weir_error *err)
{
    const weir_lookup_tier *from = weir_lookup_config_tier(config, tier);
    if (!from || (name.at && !find_spec(from, name))) {
        weir_fail(err, WEIR_ERR_NOT_FOUND, "%s", "");
        return NULL;
    }
    weir_lookup_config *next = new_config(config->count);
    for (uint32_t t = 0; t < config->count; t++) {
        const weir_lookup_tier *old = &config->tiers[t];
        if (old != from) {
            merge_tier(next, old, NULL);
        } else if (name.at && old->count > 1) {
            weir_lookup_tier *kept = add_tier(next, old->name, old->count);
            for (uint32_t i = 0; i < old->count; i++) {
                if (!weir_str_eq(old->specs[i].name, name)) {
                    add_spec(next, kept, &old->specs[i]);
                }
            }
        }
    }
    return sorted(next);
}
