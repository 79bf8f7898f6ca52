/* ingest/lookup_factory.c - see lookup_factory.h. */
#include "ingest/lookup_factory.h"
#include "weir/members.h"
#include <jansson.h>

static bool not_supported(const json_t *json, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_UNSUPPORTED,
                     "lookupExtractorFactory.type: lookups of type '%s' are not supported: post "
                     "their entries as a map, or have them follow a Kafka topic",
                     json_string_value(json_object_get(json, "type")));
}

/* Of Druid's extensions. */
static const weir_lookup_factory cached_namespace = {.type = "cachedNamespace",
                                                     .check = not_supported},
                                 loading = {.type = "loadingLookup", .check = not_supported},
                                 polling = {.type = "pollingLookup", .check = not_supported};

static const weir_lookup_factory *const factories[] = {&weir_lookup_map, &weir_lookup_kafka,
                                                       &cached_namespace, &loading, &polling};

const weir_lookup_factory *weir_lookup_factory_of(const json_t *json, weir_error *err)
{
    weir_members members;
    weir_str type = {0};
    if (!weir_members_of(json, "lookupExtractorFactory", &members, err) ||
        !weir_member_text(&members, "type", &type, err)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(factories) / sizeof(*factories); i++) {
        if (weir_str_is(type, factories[i]->type)) {
            return factories[i]->check(json, err) ? factories[i] : NULL;
        }
    }
    weir_fail(err, WEIR_ERR_BAD_REQUEST,
              "lookupExtractorFactory.type: '%.*s' is no type of lookup (map, kafka)",
              WEIR_STR_ARG(type));
    return NULL;
}
