/* ingest/lookup_store.c - where the specs of lookups are kept: a numbered list (ingest/numbered.h),
 * `~lookups/<number>.json`, each the whole list of specs as of one change. */
#include "ingest/lookup_config.h"
#include "ingest/numbered.h"

static weir_numbered lookups(void)
{
    return (weir_numbered){WEIR_STR("~lookups/"), "lookups"};
}

static bool see(void *self, uint64_t number, weir_str json, weir_error *err)
{
    weir_lookup_config **out = self;
    *out = weir_lookup_config_parse(json, err);
    if (*out) {
        (*out)->number = number;
    }
    return *out != NULL;
}

bool weir_lookup_config_load(weir_store *store, weir_lookup_config **out, weir_error *damage,
                             weir_error *err)
{
    weir_numbered list = lookups();
    bool found;
    *out = NULL;
    if (!weir_numbered_load(&list, store, see, out, &found, damage, err)) {
        return false;
    }
    *out = found ? *out : weir_lookup_config_parse(WEIR_STR("{}"), err);
    return true;
}

bool weir_lookup_config_put(weir_store *store, const weir_clock *clock, weir_str node,
                            uint64_t number, weir_lookup_config *next, weir_error *err)
{
    weir_numbered list = lookups();
    weir_buf text = {0};
    weir_json json = {.out = &text};
    weir_lookup_config_write(next, &json);
    bool ok = weir_numbered_put(&list, store, clock, node, number, weir_buf_view(&text), err);
    if (ok) {
        next->number = number + 1;
    }
    weir_buf_done(&text);
    return ok;
}
