/* ingest/lookup_map.c - the lookup whose entries stand in its spec. */
#include "compute/lookup.h"
#include "ingest/lookup_factory.h"
#include "weir/buf.h"
#include "weir/members.h"
#include <jansson.h>

/* A scalar as text; at NULL: null. False: it is none. */
static bool text_of(weir_arena *arena, const json_t *value, weir_str *out)
{
    char text[32];
    *out = (weir_str){0};
    switch (json_typeof(value)) {
    case JSON_STRING:
        *out = (weir_str){json_string_value(value), json_string_length(value)};
        return true;
    case JSON_INTEGER:
        *out = weir_arena_str(arena,
                              (weir_str){text, weir_print_long(text, json_integer_value(value))});
        return true;
    case JSON_REAL:
        *out = weir_arena_str(arena,
                              (weir_str){text, weir_print_double(text, json_real_value(value))});
        return true;
    case JSON_TRUE:
        *out = WEIR_STR("true");
        return true;
    case JSON_FALSE:
        *out = WEIR_STR("false");
        return true;
    case JSON_NULL:
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        return false;
    }
    return false;
}

static bool check_map(const json_t *json, weir_error *err)
{
    weir_members members;
    const json_t *map = NULL;
    bool one_to_one;
    const char *key;
    json_t *value;
    if (!weir_members_of(json, "lookupExtractorFactory", &members, err) ||
        !weir_member_object(&members, "map", &map, err) ||
        !weir_member_bool(&members, "isOneToOne", &one_to_one, err)) {
        return false;
    }
    if (!map) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "lookupExtractorFactory.map cannot be null");
    }
    json_object_foreach((json_t *)map, key, value)
    {
        if (json_is_object(value) || json_is_array(value)) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "lookupExtractorFactory.map.%.200s must be a text", key);
        }
    }
    return true;
}

static void *start_map(const weir_lookup_start *start, weir_error *err)
{
    static char itself; /* there is nothing to stop */
    weir_arena *arena = weir_arena_new();
    const json_t *map = json_object_get(start->json, "map");
    weir_str *keys = WEIR_ARENA_ARRAY(arena, weir_str, json_object_size(map) + 1);
    weir_str *values = WEIR_ARENA_ARRAY(arena, weir_str, json_object_size(map) + 1);
    weir_members members = {start->json, ""};
    bool one_to_one = false;
    uint32_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)map, key, value)
    {
        keys[count] = weir_str_of(key);
        if (text_of(arena, value, &values[count])) {
            count++;
        }
    }
    weir_member_bool(&members, "isOneToOne", &one_to_one, err);
    weir_lookup *lookup = weir_lookup_new(keys, values, count);
    weir_lookup_set_one_to_one(lookup, one_to_one);
    weir_lookup_register(start->name, lookup);
    weir_arena_free(arena);
    return &itself;
}

static bool is_loaded(void *self)
{
    (void)self;
    return true;
}

static void end_map(void *self)
{
    (void)self;
}

const weir_lookup_factory weir_lookup_map = {.type = "map",
                                             .check = check_map,
                                             .start = start_map,
                                             .is_loaded = is_loaded,
                                             .quit = end_map,
                                             .stop = end_map};
