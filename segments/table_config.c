/* segments/table_config.c - what operators set for a table (rules, compaction) lives in its log, as
 * members of one JSON object. */
#include "segments/log_json.h"
#include "weir/catalog.h"

typedef struct looking {
    weir_str key, found;
} looking;

static bool see(void *self, weir_str key, weir_str raw)
{
    looking *l = self;
    l->found = weir_str_eq(key, l->key) ? raw : l->found;
    return true;
}

weir_str weir_log_config_get(const weir_log_state *state, const char *key, weir_arena *arena)
{
    weir_str config = weir_log_config(state);
    looking l = {.key = weir_str_of(key)};
    if (config.size > 0) {
        weir_members_read(config, arena, see, &l, NULL);
    }
    return weir_str_is(l.found, "null") ? (weir_str){0} : weir_arena_str(arena, l.found);
}

bool weir_table_config_put(weir_table *table, const char *key, weir_str json,
                           const weir_clock *clock, weir_error *err)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_CONFIG, clock);
    weir_buf text = {0};
    weir_json out = {.out = &text};
    weir_json_begin_object(&out);
    weir_json_key(&out, weir_str_of(key));
    weir_json_raw(&out, json);
    weir_json_end_object(&out);
    commit->config = weir_commit_text(commit, weir_buf_view(&text));
    weir_buf_done(&text);
    int rule;
    return weir_table_commit(table, commit, NULL, NULL, &rule, err) == WEIR_COMMIT_LANDED ||
           weir_fail_in(err, "'%s' of table '%.*s' is not set", key,
                        WEIR_STR_ARG(weir_table_name(table)));
}
