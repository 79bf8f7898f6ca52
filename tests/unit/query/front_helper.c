#include "front_helper.h"

weir_str quoted(weir_arena *arena, const char *json)
{
    char *text = weir_arena_text(arena, weir_str_of(json));
    for (char *at = text; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return weir_str_of(text);
}

const char *plan_of(weir_arena *arena, const char *json)
{
    weir_error err = {0};
    weir_native_query *query = weir_native_parse(arena, quoted(arena, json), &err);
    if (!query || !weir_native_bind(query, NULL, 0, &err)) {
        fail_msg("refused: %s", err.message);
    }
    weir_buf text = {0};
    weir_plan_print(query->plan, &text);
    const char *plan = weir_arena_text(arena, weir_buf_view(&text));
    weir_buf_done(&text);
    return plan;
}

const char *refusal_of(weir_arena *arena, const char *json)
{
    static const char *const names[] = {"OK",
#define X(name, http, word, java) #name,
                                        WEIR_ERR_LIST(X)
#undef X
    };
    weir_error err = {0};
    weir_native_query *query = weir_native_parse(arena, quoted(arena, json), &err);
    if (query && weir_native_bind(query, NULL, 0, &err)) {
        fail_msg("taken: %s", json);
    }
    return weir_arena_printf(arena, "%s: %s", names[err.code], err.message).at;
}

static bool values_of(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                      weir_str *out, weir_error *err)
{
    const front_dict *own = (const front_dict *)dict;
    (void)s;
    (void)err;
    for (uint32_t i = 0; i < n; i++) {
        assert_true(ids[i] >= 1 && ids[i] < dict->count);
        out[i] = own->values[ids[i] - 1];
    }
    return true;
}

static uint32_t lower_bound(const weir_dict *dict, weir_str value)
{
    const front_dict *own = (const front_dict *)dict;
    uint32_t id = 1;
    while (id < dict->count && weir_str_cmp(own->values[id - 1], value) < 0) {
        id++;
    }
    return id;
}

static uint32_t find(const weir_dict *dict, weir_str value)
{
    const front_dict *own = (const front_dict *)dict;
    uint32_t id = lower_bound(dict, value);
    return id < dict->count && weir_str_eq(own->values[id - 1], value) ? id : WEIR_NO_ID;
}

front_dict *dict_of(weir_arena *arena, const weir_str *values, uint32_t count)
{
    static const weir_dict_ops ops = {values_of, find, lower_bound};
    front_dict *own = WEIR_ARENA_NEW(arena, front_dict);
    own->dict = (weir_dict){.ops = &ops, .count = count + 1, .sorted = true, .uid = 1};
    own->values = values;
    for (uint32_t i = 1; i < count; i++) {
        assert_true(weir_str_cmp(values[i - 1], values[i]) < 0);
    }
    return own;
}

uint64_t next_random(uint64_t *seed)
{
    *seed += 0x9E3779B97F4A7C15u;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
