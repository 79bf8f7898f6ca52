/* tests/unit/ingest/lookups_test.c - the lookups API over a store in memory: versions, restarts,
 * failing stores, damaged objects, two processes, swaps under readers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "compute/lookup.h"
#include "ingest/lookups.h"

#define TIER "__default"

typedef struct world {
    weir_store *store;
    weir_lookups *lookups;
    weir_buf out;
    weir_error err;
} world;

static weir_lookups *open_lookups(weir_store *store)
{
    weir_error err = {0};
    weir_lookups_options options = {
        .store = store, .clock = &weir_clock_system, .node = WEIR_STR("n:1")};
    weir_lookups *lookups = weir_lookups_open(&options, &err);
    assert_non_null(lookups);
    return lookups;
}

static int setup(void **state)
{
    world *w = weir_calloc(1, sizeof(*w));
    w->store = weir_store_memory_new(&weir_clock_system);
    w->lookups = open_lookups(w->store);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    weir_lookups_close(w->lookups);
    weir_store_free(w->store);
    weir_buf_done(&w->out);
    free(w);
    return 0;
}

static void restart(world *w)
{
    weir_lookups_close(w->lookups);
    assert_null(weir_lookup_find(WEIR_STR("l")));
    w->lookups = open_lookups(w->store);
}

/* 'x' stands for "x". */
static weir_str quoted(const char *text, char *copy)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        copy[i] = text[i] == '\'' ? '"' : text[i];
    }
    return (weir_str){copy, size};
}

static bool post(world *w, const char *json)
{
    char copy[2000];
    w->out.size = 0;
    w->err = (weir_error){0};
    return weir_lookups_post(w->lookups, quoted(json, copy), &w->out, &w->err);
}

static bool post_one(world *w, const char *name, const char *json)
{
    char copy[2000];
    w->err = (weir_error){0};
    return weir_lookups_post_one(w->lookups, WEIR_STR(TIER), weir_str_of(name), quoted(json, copy),
                                 &w->err);
}

static void refused(world *w, weir_err code, const char *sentence)
{
    if (w->err.code != code || !strstr(w->err.message, sentence)) {
        fail_msg("%s: %s", weir_err_word(w->err.code), w->err.message);
    }
}

#define SAYS(call, json)                                                                           \
    do {                                                                                           \
        char copy[2000];                                                                           \
        w->out.size = 0;                                                                           \
        assert_true(call);                                                                         \
        weir_str want = quoted(json, copy), got = weir_buf_view(&w->out);                          \
        if (!weir_str_eq(got, want)) {                                                             \
            fail_msg("%.*s\nnot %.*s", WEIR_STR_ARG(got), WEIR_STR_ARG(want));                     \
        }                                                                                          \
    } while (0)

static void maps_to(const char *name, const char *key, const char *value)
{
    weir_lookup *lookup = weir_lookup_find(weir_str_of(name));
    weir_str got = {0};
    assert_non_null(lookup);
    bool found = weir_lookup_get(lookup, weir_str_of(key), &got);
    assert_true(value ? found && weir_str_is(got, value) : !found);
    weir_lookup_unref(lookup);
}

#define MAP(version, entries)                                                                      \
    "{'version':'" version "','lookupExtractorFactory':{'type':'map','map':{" entries "}}}"

static void nothing_is_there_until_an_empty_map_initialises(void **state)
{
    world *w = *state;
    assert_false(weir_lookups_tiers(w->lookups, false, &w->out, &w->err));
    refused(w, WEIR_ERR_NOT_FOUND, "");
    assert_int_equal(w->err.message[0], 0);
    assert_false(
        weir_lookups_status(w->lookups, (weir_str){0}, (weir_str){0}, false, &w->out, &w->err));
    refused(w, WEIR_ERR_NOT_FOUND, "No lookups found");
    SAYS(weir_lookups_tiers(w->lookups, true, &w->out, &w->err), "['__default']");
    assert_false(post(w, "{'__default':{'l':" MAP("v1", "'a':'x'") "}}"));
    refused(w, WEIR_ERR_RUN, "Not initialized. If this is the first lookup, post an empty map");
    assert_true(post(w, "{}"));
    assert_true(post(w, "{}"));
    SAYS(weir_lookups_tiers(w->lookups, false, &w->out, &w->err), "[]");
    SAYS(weir_lookups_all(w->lookups, &w->out, &w->err), "{}");
}

static void a_version_that_is_not_newer_is_refused(void **state)
{
    world *w = *state;
    assert_true(post(w, "{}"));
    SAYS(post(w, "{'__default':{'l':" MAP("v1", "'a':'x'") "}}"),
         "{'__default':{'l':" MAP("v1", "'a':'x'") "}}");
    maps_to("l", "a", "x");
    assert_false(post_one(w, "l", MAP("v1", "'a':'y'")));
    refused(w, WEIR_ERR_RUN, "given update for lookup [__default]:[l] can't replace existing spec");
    assert_false(post_one(w, "l", MAP("v0", "'a':'y'")));
    assert_false(post_one(w, "l", "{'lookupExtractorFactory':{'type':'map','map':{}}}"));
    refused(w, WEIR_ERR_RUN, "lookup [__default]:[l] does not have version.");
    maps_to("l", "a", "x");
    assert_true(post_one(w, "l", MAP("v10", "'a':'y'")));
    maps_to("l", "a", "y");
    assert_false(post_one(w, "l", MAP("v2", "") "garbage"));
    refused(w, WEIR_ERR_BAD_REQUEST, "line 1");
    assert_true(post_one(w, "l", MAP("v2", "'b':'z'"))); /* texts are compared */
    maps_to("l", "a", NULL);
}

static void specs_tiers_and_status_are_told_as_druid_does(void **state)
{
    world *w = *state;
    weir_str tier = WEIR_STR(TIER), none = {0};
    assert_true(post(w, "{}"));
    assert_true(post(w, "{'__default':{'l':" MAP("v1", "'a':'x'") ",'k':" MAP(
                            "v1", "'b':null,'c':3") "},'other':{'o':" MAP("v1", "'a':'x'") "}}"));
    SAYS(weir_lookups_tiers(w->lookups, false, &w->out, &w->err), "['__default','other']");
    SAYS(weir_lookups_tier(w->lookups, tier, false, &w->out, &w->err), "['k','l']");
    SAYS(weir_lookups_tier(w->lookups, WEIR_STR("other"), true, &w->out, &w->err),
         "{'o':" MAP("v1", "'a':'x'") "}");
    SAYS(weir_lookups_spec(w->lookups, tier, WEIR_STR("l"), &w->out, &w->err),
         MAP("v1", "'a':'x'"));
    SAYS(weir_lookups_status(w->lookups, none, none, false, &w->out, &w->err),
         "{'__default':{'k':{'loaded':true},'l':{'loaded':true}},'other':{'o':{'loaded':true}}}");
    SAYS(weir_lookups_status(w->lookups, tier, WEIR_STR("l"), true, &w->out, &w->err),
         "{'loaded':true,'pendingNodes':[]}");
    SAYS(
        weir_lookups_nodes(w->lookups, none, none, false, false, &w->out, &w->err),
        "{'__default':{'n:1':{'current':{'k':'v1','l':'v1'},'toLoad':{},'toDrop':[]}},'other':{}}");
    SAYS(weir_lookups_loaded(w->lookups, WEIR_STR("l"), &w->out, &w->err), MAP("v1", "'a':'x'"));
    SAYS(weir_lookups_introspect(w->lookups, WEIR_STR("k"), WEIR_LOOKUP_MAP, &w->out, &w->err),
         "{'b':null,'c':'3'}");
    SAYS(weir_lookups_introspect(w->lookups, WEIR_STR("k"), WEIR_LOOKUP_KEYS, &w->out, &w->err),
         "[b, c]");
    SAYS(weir_lookups_introspect(w->lookups, WEIR_STR("k"), WEIR_LOOKUP_VALUES, &w->out, &w->err),
         "[null, 3]");
    assert_null(weir_lookup_find(WEIR_STR("o"))); /* not of this node's tier */
    assert_false(weir_lookups_spec(w->lookups, tier, WEIR_STR("n"), &w->out, &w->err));
    refused(w, WEIR_ERR_NOT_FOUND, "lookup [n] not found");
    assert_false(weir_lookups_tier(w->lookups, WEIR_STR("n"), false, &w->out, &w->err));
    refused(w, WEIR_ERR_NOT_FOUND, "Tier [n] not found");
    assert_false(
        weir_lookups_nodes(w->lookups, tier, WEIR_STR("n:2"), false, false, &w->out, &w->err));
    refused(w, WEIR_ERR_NOT_FOUND, "Node [n:2] status is unknown.");
}

static void deleting_the_last_lookup_deletes_its_tier(void **state)
{
    world *w = *state;
    weir_str tier = WEIR_STR(TIER), none = {0};
    assert_true(post(w, "{}"));
    assert_false(weir_lookups_delete(w->lookups, tier, WEIR_STR("l"), &w->err));
    refused(w, WEIR_ERR_NOT_FOUND, "");
    assert_true(post(w, "{'__default':{'l':" MAP("v1", "") ",'k':" MAP("v1", "") "},'t':{}}"));
    assert_true(weir_lookups_delete(w->lookups, tier, WEIR_STR("l"), &w->err));
    assert_null(weir_lookup_find(WEIR_STR("l")));
    assert_true(weir_lookups_delete(w->lookups, tier, WEIR_STR("k"), &w->err));
    SAYS(weir_lookups_tiers(w->lookups, false, &w->out, &w->err), "['t']");
    assert_true(weir_lookups_delete(w->lookups, WEIR_STR("t"), none, &w->err));
    SAYS(weir_lookups_tiers(w->lookups, false, &w->out, &w->err), "[]");
    assert_true(post(w, "{'__default':{'l':" MAP("v0", "'a':'x'") "}}")); /* any version again */
    maps_to("l", "a", "x");
}

static void what_cannot_be_loaded_is_refused_by_name(void **state)
{
    static const struct {
        const char *json;
        weir_err code;
        const char *sentence;
    } cases[] = {
        {"", WEIR_ERR_BAD_REQUEST, "line 1"},
        {"[]", WEIR_ERR_BAD_REQUEST, "must be an object"},
        {"null", WEIR_ERR_BAD_REQUEST, "must be an object"},
        {"{'t':1}", WEIR_ERR_BAD_REQUEST, "t must be an object"},
        {"{'t':{'l':[]}}", WEIR_ERR_BAD_REQUEST, "t.l must be an object"},
        {"{'t':{'l':{'version':'v'}}}", WEIR_ERR_BAD_REQUEST, "t.l: null factory"},
        {"{'t':{'l':{'version':[],'lookupExtractorFactory':{}}}}", WEIR_ERR_BAD_REQUEST,
         "t.l.version must be a string"},
        {"{'':{'l':" MAP("v", "") "}}", WEIR_ERR_BAD_REQUEST, "`tier` required"},
        {"{'t':{'':" MAP("v", "") "}}", WEIR_ERR_BAD_REQUEST, "`lookup` required"},
        {"{'t':{'l':{'version':'v','lookupExtractorFactory':{'type':'nope'}}}}",
         WEIR_ERR_BAD_REQUEST,
         "lookup [t]:[l]: lookupExtractorFactory.type: 'nope' is no type of lookup"},
        {"{'t':{'l':{'version':'v','lookupExtractorFactory':{'type':'map'}}}}",
         WEIR_ERR_BAD_REQUEST, "lookupExtractorFactory.map cannot be null"},
        {"{'t':{'l':" MAP("v", "'a':{'b':1}") "}}", WEIR_ERR_BAD_REQUEST,
         "lookupExtractorFactory.map.a must be a text"},
        {"{'t':{'l':{'version':'v','lookupExtractorFactory':{'type':'cachedNamespace',"
         "'extractionNamespace':{'type':'uri'}}}}}",
         WEIR_ERR_UNSUPPORTED, "lookups of type 'cachedNamespace' are not supported"},
    };
    world *w = *state;
    assert_true(post(w, "{}"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_false(post(w, cases[i].json));
        refused(w, cases[i].code, cases[i].sentence);
    }
    SAYS(weir_lookups_all(w->lookups, &w->out, &w->err), "{}");
}

static void a_restart_finds_the_last_change(void **state)
{
    world *w = *state;
    char spec[200];
    assert_true(post(w, "{}"));
    for (int i = 0; i < 9; i++) {
        snprintf(spec, sizeof(spec), MAP("v%d", "'a':'%d'"), i, i);
        assert_true(post_one(w, "l", spec));
    }
    restart(w);
    maps_to("l", "a", "8");
    assert_false(post_one(w, "l", MAP("v8", "")));
    assert_true(weir_lookups_delete(w->lookups, WEIR_STR(TIER), WEIR_STR("l"), &w->err));
    restart(w);
    assert_null(weir_lookup_find(WEIR_STR("l")));
    SAYS(weir_lookups_all(w->lookups, &w->out, &w->err), "{}"); /* initialised, and empty */
}

static bool add_size(void *self, weir_str key, uint64_t size)
{
    (void)key;
    *(uint64_t *)self += size;
    return true;
}

static void old_changes_are_emptied(void **state)
{
    world *w = *state;
    char value[1000], spec[1200];
    uint64_t bytes = 0;
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = 0;
    assert_true(post(w, "{}"));
    for (int i = 10; i < 30; i++) {
        snprintf(spec, sizeof(spec), MAP("v%d", "'a':'%s'"), i, value);
        assert_true(post_one(w, "l", spec));
    }
    assert_true(
        w->store->ops->list(w->store, (weir_str){0}, (weir_str){0}, add_size, &bytes, &w->err));
    assert_true(bytes > 3 * 1000 && bytes < 8 * 1000);
}

static void a_store_that_fails_changes_nothing_that_a_restart_would_not_find(void **state)
{
    world *w = *state;
    char spec[200];
    int landed = 0, last = -1;
    assert_true(post(w, "{}"));
    for (int i = 100; i < 160; i++) {
        weir_store_memory_faults(w->store, &(weir_store_faults){.fail_ppm = 300000,
                                                                .unknown_landed_ppm = 200000,
                                                                .unknown_lost_ppm = 200000});
        snprintf(spec, sizeof(spec), MAP("v%d", "'a':'%d'"), i, i);
        bool ok = post_one(w, "l", spec);
        landed += ok;
        last = ok ? i : last;
        weir_store_memory_faults(w->store, &(weir_store_faults){0});
        if (i % 20 == 19 && last >= 0 && ok) {
            restart(w);
            snprintf(spec, sizeof(spec), "%d", last);
            maps_to("l", "a", spec);
        }
    }
    assert_true(landed > 20);
}

static void damage(world *w, const char *key)
{
    weir_buf bytes = {0};
    assert_int_equal(w->store->ops->get(w->store, weir_str_of(key), 0, 0, &bytes, &w->err),
                     WEIR_GET_FOUND);
    bytes.at[bytes.size / 2] ^= 1;
    assert_int_equal(w->store->ops->put(w->store, weir_str_of(key), weir_buf_view(&bytes), &w->err),
                     WEIR_PUT_DONE);
    weir_buf_done(&bytes);
}

static void a_damaged_object_leaves_the_change_before_and_refuses_more(void **state)
{
    world *w = *state;
    assert_true(post(w, "{}"));
    assert_true(post_one(w, "l", MAP("v1", "'a':'1'")));
    assert_true(post_one(w, "l", MAP("v2", "'a':'2'")));
    damage(w, "~lookups/00000000000000000003.json");
    restart(w);
    maps_to("l", "a", "1");
    assert_false(weir_lookups_healthy(w->lookups, &w->err));
    refused(w, WEIR_ERR_CORRUPT, "00000000000000000003.json: its hash does not fit its bytes");
    assert_false(post_one(w, "l", MAP("v3", "'a':'3'")));
    refused(w, WEIR_ERR_CORRUPT, "lookups cannot be changed");
}

static void two_processes_on_one_store_lose_no_change(void **state)
{
    world *w = *state;
    assert_true(post(w, "{}"));
    weir_lookups *mine = w->lookups, *other = open_lookups(w->store);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "l%d", i);
        w->lookups = i % 2 ? mine : other;
        assert_true(post_one(w, name, MAP("v1", "'a':'1'")));
    }
    w->lookups = other;
    assert_false(post_one(w, "l1", MAP("v1", "'a':'2'"))); /* the other one's is there */
    w->lookups = mine;
    weir_lookups_close(other);
    restart(w);
    SAYS(weir_lookups_tier(w->lookups, WEIR_STR(TIER), false, &w->out, &w->err),
         "['l0','l1','l2','l3','l4','l5','l6','l7','l8','l9']");
}

static void specs_are_bounded_together(void **state)
{
    world *w = *state;
    weir_buf json = {0};
    size_t megabytes = 9;
    char *filler = weir_alloc(megabytes << 20);
    memset(filler, 'x', megabytes << 20);
    assert_true(post(w, "{}"));
    bool ok = true;
    for (int i = 0; i < 9 && ok; i++) {
        json.size = 0;
        weir_buf_printf(&json, "{\"version\":\"1\",\"lookupExtractorFactory\":{\"type\":\"map\","
                               "\"map\":{\"a\":\"");
        weir_buf_put(&json, filler, megabytes << 20);
        weir_buf_text(&json, "\"}}}");
        char name[16];
        snprintf(name, sizeof(name), "l%d", i);
        ok = weir_lookups_post_one(w->lookups, WEIR_STR(TIER), weir_str_of(name),
                                   weir_buf_view(&json), &w->err);
        assert_int_equal(ok, i < 7);
    }
    refused(w, WEIR_ERR_RESOURCE, "the specs of all lookups would be 8 in");
    weir_buf_done(&json);
    free(filler);
}

/* Every version maps a and b to its own number: a reader must never see two at once. */
typedef struct reader {
    _Atomic bool stop;
    _Atomic uint64_t torn, read;
} reader;

static void *read_pairs(void *self)
{
    reader *r = self;
    while (!r->stop) {
        weir_arena *arena = weir_arena_new();
        const weir_lookup *lookup = weir_lookup_pinned(arena, WEIR_STR("l"));
        weir_str a = {0}, b = {0};
        bool ok = lookup && weir_lookup_get(lookup, WEIR_STR("a"), &a) &&
                  weir_lookup_get(lookup, WEIR_STR("b"), &b) && weir_str_eq(a, b) &&
                  weir_lookup_pinned(arena, WEIR_STR("l")) == lookup;
        r->torn += !ok;
        r->read++;
        weir_arena_free(arena);
    }
    return NULL;
}

static void readers_see_one_version_while_others_are_posted(void **state)
{
    world *w = *state;
    reader r = {0};
    pthread_t threads[3];
    char spec[200];
    assert_true(post(w, "{}"));
    assert_true(post_one(w, "l", MAP("v0", "'a':'0','b':'0'")));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_pairs, &r), 0);
    }
    for (int i = 100000; i < 100200 || r.read < 1000; i++) {
        snprintf(spec, sizeof(spec), MAP("v%d", "'a':'%d','b':'%d'"), i, i, i);
        assert_true(post_one(w, "l", spec));
    }
    r.stop = true;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(r.torn, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_there_until_an_empty_map_initialises),
        TEST(a_version_that_is_not_newer_is_refused),
        TEST(specs_tiers_and_status_are_told_as_druid_does),
        TEST(deleting_the_last_lookup_deletes_its_tier),
        TEST(what_cannot_be_loaded_is_refused_by_name),
        TEST(a_restart_finds_the_last_change),
        TEST(old_changes_are_emptied),
        TEST(a_store_that_fails_changes_nothing_that_a_restart_would_not_find),
        TEST(a_damaged_object_leaves_the_change_before_and_refuses_more),
        TEST(two_processes_on_one_store_lose_no_change),
        TEST(specs_are_bounded_together),
        TEST(readers_see_one_version_while_others_are_posted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
