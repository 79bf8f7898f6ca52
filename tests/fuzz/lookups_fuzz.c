/* Specs of lookups: whatever the bytes, as a request's body or as an object in the store, reading them
 * ends, and what was taken can be checked, changed and written. */
#include "ingest/lookup_config.h"
#include "ingest/lookup_factory.h"
#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const weir_lookup_config *config)
{
    weir_error err = {0};
    for (uint32_t t = 0; t < config->count; t++) {
        for (uint32_t i = 0; i < config->tiers[t].count; i++) {
            weir_str factory = config->tiers[t].specs[i].factory;
            json_t *json = json_loadb(factory.at, factory.size, 0, NULL);
            weir_lookup_factory_of(json, &err);
            json_decref(json);
        }
    }
}

static void use(weir_lookup_config *config)
{
    weir_error err = {0};
    weir_buf text = {0};
    weir_json json = {.out = &text};
    weir_lookup_config *empty = weir_lookup_config_parse(WEIR_STR("{}"), &err);
    empty->number = 1;
    check(config);
    weir_lookup_config *next = weir_lookup_config_update(empty, config, &err);
    if (next) {
        weir_lookup_config_write(next, &json);
        weir_lookup_config *again = weir_lookup_config_parse(weir_buf_view(&text), &err);
        if (!again) {
            __builtin_trap(); /* what is written reads back */
        }
        weir_lookup_config_unref(again);
    }
    weir_lookup_config_unref(next);
    weir_lookup_config_unref(empty);
    weir_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str bytes = {(const char *)data, size};
    weir_error err = {0}, damage;
    weir_lookup_config *config = weir_lookup_config_parse(bytes, &err);
    if (config) {
        use(config);
    }
    weir_lookup_config_unref(config);
    weir_store *store = weir_store_memory_new(&weir_clock_system);
    store->ops->put(store, WEIR_STR("~lookups/00000000000000000001.json"), bytes, &err);
    if (weir_lookup_config_load(store, &config, &damage, &err)) {
        check(config);
        weir_lookup_config_unref(config);
    }
    weir_store_free(store);
    return 0;
}
