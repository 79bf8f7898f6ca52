/* ingest/lookups_status.c - what the lookups API tells: specs, which of them are loaded, entries.
 */
#include "compute/lookup.h"
#include "ingest/lookups.h"

/* Specs. */

static bool not_found(weir_error *err)
{
    return weir_fail(err, WEIR_ERR_NOT_FOUND, "%s", "");
}

static bool put_config(const weir_lookup_config *config, bool names, weir_buf *out, weir_error *err)
{
    weir_json json = {.out = out};
    if (config->number == 0) {
        return not_found(err);
    }
    if (!names) {
        weir_lookup_config_write(config, &json);
        return true;
    }
    weir_json_begin_array(&json);
    for (uint32_t i = 0; i < config->count; i++) {
        weir_json_str(&json, config->tiers[i].name);
    }
    weir_json_end_array(&json);
    return true;
}

static void put_discovered(const weir_lookup_config *config, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_json_begin_array(&json);
    for (uint32_t i = 0; i < config->count; i++) {
        weir_json_str(&json, config->tiers[i].name);
    }
    if (!weir_lookup_config_tier(config, WEIR_STR(WEIR_LOOKUP_TIER))) {
        weir_json_str(&json, WEIR_STR(WEIR_LOOKUP_TIER));
    }
    weir_json_end_array(&json);
}

bool weir_lookups_tiers(weir_lookups *lookups, bool discover, weir_buf *out, weir_error *err)
{
    weir_lookup_config *config = weir_lookups_config(lookups);
    bool ok = discover || put_config(config, true, out, err);
    if (discover) {
        put_discovered(config, out);
    }
    weir_lookup_config_unref(config);
    return ok;
}

bool weir_lookups_all(weir_lookups *lookups, weir_buf *out, weir_error *err)
{
    weir_lookup_config *config = weir_lookups_config(lookups);
    bool ok = put_config(config, false, out, err);
    weir_lookup_config_unref(config);
    return ok;
}

static bool put_tier(const weir_lookup_config *config, weir_str name, bool detailed, weir_buf *out,
                     weir_error *err)
{
    weir_json json = {.out = out};
    const weir_lookup_tier *tier = weir_lookup_config_tier(config, name);
    if (config->number == 0) {
        return weir_fail(err, WEIR_ERR_NOT_FOUND, "No lookups found");
    }
    if (!tier) {
        return weir_fail(err, WEIR_ERR_NOT_FOUND, "Tier [%.*s] not found", WEIR_STR_ARG(name));
    }
    if (detailed) {
        weir_lookup_tier_write(tier, &json);
        return true;
    }
    weir_json_begin_array(&json);
    for (uint32_t i = 0; i < tier->count; i++) {
        weir_json_str(&json, tier->specs[i].name);
    }
    weir_json_end_array(&json);
    return true;
}

bool weir_lookups_tier(weir_lookups *lookups, weir_str tier, bool detailed, weir_buf *out,
                       weir_error *err)
{
    weir_lookup_config *config = weir_lookups_config(lookups);
    bool ok = put_tier(config, tier, detailed, out, err);
    weir_lookup_config_unref(config);
    return ok;
}

bool weir_lookups_spec(weir_lookups *lookups, weir_str tier, weir_str name, weir_buf *out,
                       weir_error *err)
{
    weir_lookup_config *config = weir_lookups_config(lookups);
    const weir_lookup_spec *spec = weir_lookup_config_find(config, tier, name);
    weir_json json = {.out = out};
    if (spec) {
        weir_lookup_spec_write(spec, &json);
    } else {
        weir_fail(err, WEIR_ERR_NOT_FOUND, "lookup [%.*s] not found", WEIR_STR_ARG(name));
    }
    weir_lookup_config_unref(config);
    return spec != NULL;
}

/* Whether they are loaded. */

/* Tiers without a node wait for none, so they count as loaded, as in Druid. */
static bool spec_is_loaded(weir_lookups *lookups, weir_str tier, const weir_lookup_spec *spec)
{
    if (!weir_str_is(tier, WEIR_LOOKUP_TIER)) {
        return true;
    }
    pthread_mutex_lock(&lookups->lock);
    const weir_lookup_held *held = weir_lookups_find_held(lookups, spec->name);
    bool loaded =
        held && weir_str_eq(held->spec.version, spec->version) && weir_lookup_held_is_loaded(held);
    pthread_mutex_unlock(&lookups->lock);
    return loaded;
}

static void put_spec_status(weir_lookups *lookups, weir_str tier, const weir_lookup_spec *spec,
                            bool detailed, weir_json *json)
{
    bool loaded = spec_is_loaded(lookups, tier, spec);
    weir_json_begin_object(json);
    weir_json_member_bool(json, "loaded", loaded);
    if (detailed) {
        weir_json_key(json, WEIR_STR("pendingNodes"));
        weir_json_begin_array(json);
        if (!loaded) {
            weir_json_str(json, lookups->node);
        }
        weir_json_end_array(json);
    }
    weir_json_end_object(json);
}

static void put_tier_status(weir_lookups *lookups, const weir_lookup_tier *tier, bool detailed,
                            weir_json *json)
{
    weir_json_begin_object(json);
    for (uint32_t i = 0; i < tier->count; i++) {
        weir_json_key(json, tier->specs[i].name);
        put_spec_status(lookups, tier->name, &tier->specs[i], detailed, json);
    }
    weir_json_end_object(json);
}

static bool put_status(weir_lookups *lookups, const weir_lookup_config *config, weir_str tier_name,
                       weir_str name, bool detailed, weir_json *json, weir_error *err)
{
    if (config->number == 0) {
        return weir_fail(err, WEIR_ERR_NOT_FOUND, "No lookups found");
    }
    if (!tier_name.at) {
        weir_json_begin_object(json);
        for (uint32_t i = 0; i < config->count; i++) {
            weir_json_key(json, config->tiers[i].name);
            put_tier_status(lookups, &config->tiers[i], detailed, json);
        }
        weir_json_end_object(json);
        return true;
    }
    const weir_lookup_tier *tier = weir_lookup_config_tier(config, tier_name);
    if (!tier) {
        return weir_fail(err, WEIR_ERR_NOT_FOUND, "No lookups found for tier [%.*s].",
                         WEIR_STR_ARG(tier_name));
    }
    if (!name.at) {
        put_tier_status(lookups, tier, detailed, json);
        return true;
    }
    const weir_lookup_spec *spec = weir_lookup_config_find(config, tier_name, name);
    if (!spec) {
        return weir_fail(err, WEIR_ERR_NOT_FOUND, "Lookup [%.*s] not found for tier [%.*s].",
                         WEIR_STR_ARG(name), WEIR_STR_ARG(tier_name));
    }
    put_spec_status(lookups, tier_name, spec, detailed, json);
    return true;
}

bool weir_lookups_status(weir_lookups *lookups, weir_str tier, weir_str name, bool detailed,
                         weir_buf *out, weir_error *err)
{
    weir_lookup_config *config = weir_lookups_config(lookups);
    weir_json json = {.out = out};
    bool ok = put_status(lookups, config, tier, name, detailed, &json, err);
    weir_lookup_config_unref(config);
    return ok;
}

/* What this node holds. */

typedef struct node {
    weir_arena *arena; /* holds what was seen */
    uint32_t count;
    weir_lookup_seen *seen;
} node;

static node see_node(weir_lookups *lookups)
{
    node n = {.arena = weir_arena_new()};
    n.count = weir_lookups_see(lookups, n.arena, &n.seen);
    return n;
}

static void put_seen(const node *n, const char *member, bool loaded, bool detailed, weir_json *json)
{
    weir_json_key(json, weir_str_of(member));
    weir_json_begin_object(json);
    for (uint32_t i = 0; i < n->count; i++) {
        const weir_lookup_spec *spec = &n->seen[i].held->spec;
        if (n->seen[i].loaded != loaded) {
            continue;
        }
        weir_json_key(json, spec->name);
        if (detailed) {
            weir_lookup_spec_write(spec, json);
        } else {
            weir_json_str(json, spec->version);
        }
    }
    weir_json_end_object(json);
}

static void put_node(weir_lookups *lookups, bool detailed, weir_json *json)
{
    node n = see_node(lookups);
    weir_json_begin_object(json);
    put_seen(&n, "current", true, detailed, json);
    put_seen(&n, "toLoad", false, detailed, json);
    weir_json_key(json, WEIR_STR("toDrop"));
    weir_json_begin_array(json);
    weir_json_end_array(json);
    weir_json_end_object(json);
    weir_arena_free(n.arena);
}

static void put_nodes_of(weir_lookups *lookups, weir_str tier, bool detailed, weir_json *json)
{
    weir_json_begin_object(json);
    if (weir_str_is(tier, WEIR_LOOKUP_TIER)) {
        weir_json_key(json, lookups->node);
        put_node(lookups, detailed, json);
    }
    weir_json_end_object(json);
}

static void put_tiers(weir_lookups *lookups, const weir_lookup_config *config, bool discover,
                      bool detailed, weir_json *json)
{
    weir_json_begin_object(json);
    if (discover) {
        weir_json_key(json, WEIR_STR(WEIR_LOOKUP_TIER));
        put_nodes_of(lookups, WEIR_STR(WEIR_LOOKUP_TIER), detailed, json);
    }
    for (uint32_t i = 0; !discover && i < config->count; i++) {
        weir_json_key(json, config->tiers[i].name);
        put_nodes_of(lookups, config->tiers[i].name, detailed, json);
    }
    weir_json_end_object(json);
}

bool weir_lookups_nodes(weir_lookups *lookups, weir_str tier, weir_str node_name, bool discover,
                        bool detailed, weir_buf *out, weir_error *err)
{
    weir_json json = {.out = out};
    bool ok = true;
    if (node_name.at && !weir_str_eq(node_name, lookups->node)) {
        ok = weir_fail(err, WEIR_ERR_NOT_FOUND, "Node [%.*s] status is unknown.",
                       WEIR_STR_ARG(node_name));
    } else if (node_name.at) {
        put_node(lookups, true, &json);
    } else if (tier.at) {
        put_nodes_of(lookups, tier, true, &json);
    } else {
        weir_lookup_config *config = weir_lookups_config(lookups);
        ok = discover || config->number > 0 ||
             weir_fail(err, WEIR_ERR_NOT_FOUND, "No lookups configured.");
        if (ok) {
            put_tiers(lookups, config, discover, detailed, &json);
        }
        weir_lookup_config_unref(config);
    }
    return ok;
}

bool weir_lookups_loaded(weir_lookups *lookups, weir_str name, weir_buf *out, weir_error *err)
{
    weir_json json = {.out = out};
    if (!name.at) {
        put_node(lookups, true, &json);
        return true;
    }
    node n = see_node(lookups);
    bool found = false;
    for (uint32_t i = 0; i < n.count && !found; i++) {
        found = n.seen[i].loaded && weir_str_eq(n.seen[i].held->spec.name, name);
        if (found) {
            weir_lookup_spec_write(&n.seen[i].held->spec, &json);
        }
    }
    weir_arena_free(n.arena);
    return found || not_found(err);
}

void weir_lookups_stats_get(weir_lookups *lookups, weir_lookups_stats *out)
{
    *out = (weir_lookups_stats){.memory_bytes = atomic_load(&lookups->budget->used_bytes),
                                .memory_limit_bytes = lookups->budget->limit_bytes};
    pthread_mutex_lock(&lookups->lock);
    for (uint32_t i = 0; i < lookups->held_count; i++) {
        out->loaded += weir_lookup_held_is_loaded(lookups->held[i]);
    }
    out->loading = lookups->held_count - out->loaded;
    pthread_mutex_unlock(&lookups->lock);
}

/* Entries. */

static void put_map(const weir_lookup *lookup, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_str key, value;
    weir_json_begin_object(&json);
    for (uint32_t i = 0; i < weir_lookup_count(lookup); i++) {
        weir_lookup_at(lookup, i, &key, &value);
        weir_json_key(&json, key);
        if (value.at) {
            weir_json_str(&json, value);
        } else {
            weir_json_null(&json);
        }
    }
    weir_json_end_object(&json);
}

static void put_list(const weir_lookup *lookup, bool keys, weir_buf *out)
{
    weir_str key, value;
    weir_buf_byte(out, '[');
    for (uint32_t i = 0; i < weir_lookup_count(lookup); i++) {
        weir_lookup_at(lookup, i, &key, &value);
        weir_buf_text(out, i > 0 ? ", " : "");
        weir_buf_str(out, keys ? key : value.at ? value : WEIR_STR("null"));
    }
    weir_buf_byte(out, ']');
}

static void put_version(weir_lookups *lookups, weir_str name, weir_buf *out)
{
    weir_json json = {.out = out};
    node n = see_node(lookups);
    weir_json_begin_object(&json);
    for (uint32_t i = 0; i < n.count; i++) {
        if (weir_str_eq(n.seen[i].held->spec.name, name)) {
            weir_json_member_str(&json, "version", n.seen[i].held->spec.version);
        }
    }
    weir_json_end_object(&json);
    weir_arena_free(n.arena);
}

bool weir_lookups_introspect(weir_lookups *lookups, weir_str name, weir_lookup_part part,
                             weir_buf *out, weir_error *err)
{
    weir_lookup *lookup = weir_lookup_find(name);
    if (!lookup) {
        return not_found(err);
    }
    switch (part) {
    case WEIR_LOOKUP_MAP:
        put_map(lookup, out);
        break;
    case WEIR_LOOKUP_KEYS:
        put_list(lookup, true, out);
        break;
    case WEIR_LOOKUP_VALUES:
        put_list(lookup, false, out);
        break;
    case WEIR_LOOKUP_VERSION:
        put_version(lookups, name, out);
        break;
    }
    weir_lookup_unref(lookup);
    return true;
}
