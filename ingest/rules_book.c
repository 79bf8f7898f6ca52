/* ingest/rules_book.c - see ingest/rules_book.h; and Druid's API over it. A table's rules are
 * committed to its log, so all processes over a store apply the same ones. */
#include "ingest/rules_book.h"
#include "weir/retention.h"
#include <jansson.h>
#include <stdlib.h>

#define HISTORY_MAX 50u /* changes kept of each list */

weir_str weir_rules_kept(weir_table *table, weir_arena *arena)
{
    weir_log_state *state = weir_table_state(table);
    weir_str kept = weir_log_config_get(state, WEIR_RULES_KEY, arena);
    weir_log_state_unref(state);
    return kept;
}

bool weir_rules_kept_default(weir_settings *settings, weir_arena *arena, weir_str *out,
                             weir_error *err)
{
    *out = (weir_str){0};
    return !settings || weir_settings_get(settings, WEIR_RULES_KEY, arena, out, err);
}

bool weir_rules_read(weir_str kept, bool is_default, weir_arena *arena, weir_rules *out,
                     weir_error *err)
{
    if (kept.size == 0) {
        return weir_rules_parse(is_default ? WEIR_STR("[{\"type\":\"loadForever\"}]")
                                           : WEIR_STR("[]"),
                                arena, out, err);
    }
    json_t *root = json_loadb(kept.at, kept.size, 0, NULL);
    char *text = json_dumps(json_object_get(root, "rules"), JSON_COMPACT);
    bool ok = weir_rules_parse(text ? weir_str_of(text) : (weir_str){0}, arena, out, err);
    free(text);
    json_decref(root);
    return ok;
}

static bool is_default(weir_str table)
{
    return weir_str_is(table, WEIR_RULES_DEFAULT);
}

/* What is kept under a name; an unknown one has nothing. */
static bool kept_of(const weir_retention *r, weir_str name, weir_arena *arena, weir_str *out,
                    weir_error *err)
{
    weir_table *table = is_default(name) ? NULL : weir_catalog_table(r->catalog, name);
    *out = table ? weir_rules_kept(table, arena) : (weir_str){0};
    return !is_default(name) || weir_rules_kept_default(r->settings, arena, out, err);
}

static bool put_rules(const weir_retention *r, weir_str name, weir_arena *arena, weir_str *out,
                      weir_error *err)
{
    weir_rules rules;
    weir_str kept;
    bool ok = kept_of(r, name, arena, &kept, err) &&
              weir_rules_read(kept, is_default(name), arena, &rules, err);
    *out = ok ? rules.json : (weir_str){0};
    return ok;
}

bool weir_rules_all(const weir_retention *r, weir_buf *out, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_json json = {.out = out};
    weir_table **tables;
    weir_str rules;
    size_t count = weir_catalog_all(r->catalog, arena, &tables);
    bool ok = put_rules(r, WEIR_STR(WEIR_RULES_DEFAULT), arena, &rules, err);
    weir_json_begin_object(&json);
    if (ok) {
        weir_json_key(&json, WEIR_STR(WEIR_RULES_DEFAULT));
        weir_json_raw(&json, rules);
    }
    for (size_t i = 0; i < count && ok; i++) {
        if (weir_rules_kept(tables[i], arena).size > 0) {
            ok = put_rules(r, weir_table_name(tables[i]), arena, &rules, err);
            weir_json_key(&json, weir_table_name(tables[i]));
            weir_json_raw(&json, ok ? rules : WEIR_STR("null"));
        }
    }
    weir_json_end_object(&json);
    weir_arena_free(arena);
    return ok;
}

/* "[a,b]" and "[c]" as one list. */
static void join_lists(weir_str a, weir_str b, weir_buf *out)
{
    bool both = a.size > 2 && b.size > 2;
    weir_buf_str(out, (weir_str){a.at, a.size - 1});
    weir_buf_text(out, both ? "," : "");
    weir_buf_str(out, (weir_str){b.at + 1, b.size - 1});
}

bool weir_rules_of(const weir_retention *r, weir_str table, bool full, weir_buf *out,
                   weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_str own, then;
    bool ok = put_rules(r, table, arena, &own, err) &&
              (!full || put_rules(r, WEIR_STR(WEIR_RULES_DEFAULT), arena, &then, err));
    if (ok && full) {
        join_lists(own, then, out);
    } else if (ok) {
        weir_buf_str(out, own);
    }
    weir_arena_free(arena);
    return ok;
}

/* One change under way. */
typedef struct change {
    weir_str rules;
    const weir_rules_author *author;
    int64_t at_ms;
} change;

static json_t *text_of(weir_str text)
{
    return json_stringn_nocheck(text.size ? text.at : "", text.size);
}

static bool next_kept(void *self, weir_str old, weir_buf *out, weir_error *err)
{
    const change *c = self;
    json_t *root = old.size ? json_loadb(old.at, old.size, 0, NULL) : NULL;
    json_t *history = json_deep_copy(json_object_get(root, "history"));
    (void)err;
    json_decref(root);
    history = json_is_array(history) ? history : json_array();
    json_array_append_new(
        history, json_pack("{so, so, so, so, sI}", "author", text_of(c->author->author), "comment",
                           text_of(c->author->comment), "ip", text_of(c->author->ip), "payload",
                           text_of(c->rules), "time", (json_int_t)c->at_ms));
    while (json_array_size(history) > HISTORY_MAX) {
        json_array_remove(history, 0);
    }
    char *past = json_dumps(history, JSON_COMPACT);
    weir_buf_text(out, "{\"rules\":");
    weir_buf_str(out, c->rules);
    weir_buf_text(out, ",\"history\":");
    weir_buf_text(out, past);
    weir_buf_text(out, "}");
    free(past);
    json_decref(history);
    return true;
}

static bool set_default(const weir_retention *r, change *c, weir_error *err)
{
    return r->settings ? weir_settings_change(r->settings, WEIR_RULES_KEY, next_kept, c, err)
                       : weir_fail(err, WEIR_ERR_UNSUPPORTED, "no settings are kept here");
}

static bool set_table(const weir_retention *r, weir_str name, change *c, weir_arena *arena,
                      weir_error *err)
{
    weir_table *table = weir_catalog_table_create(r->catalog, name, err);
    weir_buf next = {0};
    bool ok = table && next_kept(c, weir_rules_kept(table, arena), &next, err) &&
              weir_table_config_put(table, WEIR_RULES_KEY, weir_buf_view(&next), r->clock, err);
    weir_buf_done(&next);
    return ok;
}

bool weir_rules_set(const weir_retention *r, weir_str name, weir_str json,
                    const weir_rules_author *author, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_rules rules;
    bool ok = weir_rules_parse(json, arena, &rules, err);
    if (ok && is_default(name) && rules.count == 0) {
        ok = weir_fail(err, WEIR_ERR_BAD_REQUEST, "Cluster-level rules cannot be empty.");
    }
    if (ok) {
        change c = {rules.json, author, weir_wall_ms(r->clock)};
        ok = is_default(name) ? set_default(r, &c, err) : set_table(r, name, &c, arena, err);
    }
    if (ok && r->coordinator) {
        weir_coordinator_hurry(r->coordinator, "rules",
                               is_default(name) ? NULL : weir_catalog_table(r->catalog, name));
    }
    weir_arena_free(arena);
    return ok;
}

/* History. */

typedef struct entry {
    weir_str table;
    const json_t *value;
    int64_t at_ms;
    size_t order;
} entry;

typedef struct past {
    weir_arena *arena;
    const weir_interval *within;
    entry *entries;
    size_t count, room;
} past;

static void unref_json(void *json)
{
    json_decref(json);
}

static bool read_past(past *p, const weir_retention *r, weir_str name, weir_error *err)
{
    weir_str kept;
    if (!kept_of(r, name, p->arena, &kept, err)) {
        return false;
    }
    json_t *root = kept.size ? json_loadb(kept.at, kept.size, 0, NULL) : NULL;
    const json_t *history = json_object_get(root, "history"), *value;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)history, i, value)
    {
        int64_t at_ms = json_integer_value(json_object_get(value, "time"));
        if (p->within && (at_ms < p->within->start_ms || at_ms >= p->within->end_ms)) {
            continue;
        }
        if (p->count == p->room) {
            entry *old = p->entries;
            p->room = p->room ? p->room * 2 : 64;
            p->entries = WEIR_ARENA_ARRAY(p->arena, entry, p->room);
            if (p->count > 0) {
                memcpy(p->entries, old, p->count * sizeof(*old));
            }
        }
        p->entries[p->count] = (entry){name, value, at_ms, p->count};
        p->count++;
    }
    if (root) {
        weir_arena_defer(p->arena, unref_json, root);
    }
    return true;
}

static int compare_entries(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void put_text(weir_json *json, const char *name, const json_t *value, const char *member)
{
    const char *text = json_string_value(json_object_get(value, member));
    weir_json_member_text(json, name, text ? text : "");
}

static void put_entry(weir_json *json, const entry *e)
{
    char time[40];
    weir_json_begin_object(json);
    weir_json_member_str(json, "key", e->table);
    weir_json_member_text(json, "type", "rules");
    weir_json_key(json, WEIR_STR("auditInfo"));
    weir_json_begin_object(json);
    put_text(json, "author", e->value, "author");
    put_text(json, "comment", e->value, "comment");
    put_text(json, "ip", e->value, "ip");
    weir_json_end_object(json);
    put_text(json, "payload", e->value, "payload");
    weir_json_member_str(json, "auditTime", (weir_str){time, weir_time_print(time, e->at_ms)});
    weir_json_end_object(json);
}

bool weir_rules_history(const weir_retention *r, weir_str table, const weir_interval *interval,
                        int64_t count, weir_buf *out, weir_error *err)
{
    past p = {.arena = weir_arena_new(), .within = interval};
    weir_json json = {.out = out};
    bool ok = true;
    if (table.at) {
        ok = read_past(&p, r, table, err);
    } else {
        weir_table **tables;
        size_t all = weir_catalog_all(r->catalog, p.arena, &tables);
        ok = read_past(&p, r, WEIR_STR(WEIR_RULES_DEFAULT), err);
        for (size_t i = 0; i < all && ok; i++) {
            ok = read_past(&p, r, weir_table_name(tables[i]), err);
        }
    }
    if (p.count > 1) {
        qsort(p.entries, p.count, sizeof(*p.entries), compare_entries);
    }
    weir_json_begin_array(&json);
    for (size_t i = 0; ok && i < p.count && (count <= 0 || i < (size_t)count); i++) {
        put_entry(&json, &p.entries[count > 0 ? p.count - 1 - i : i]);
    }
    weir_json_end_array(&json);
    weir_arena_free(p.arena);
    return ok;
}
