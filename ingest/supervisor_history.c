/* ingest/supervisor_history.c - which specs a supervisor had, newest first: the table's log
 * remembers all of them, so it is read; and what is said to all supervisors at once. */
#include "ingest/supervisor.h"
#include "weir/catalog.h"
#include <stdlib.h>

typedef struct version {
    weir_str id, spec, table; /* spec "null": terminated */
    bool suspended;
    int64_t at_ms;
} version;
typedef struct history {
    weir_ingest *ingest;
    weir_arena *arena;
    weir_str id; /* empty: all */
    weir_str table;
    version *versions;
    size_t count, room;
    bool ok;
    weir_error err;
} history;

static void see_commit(void *self, const weir_commit *commit)
{
    history *h = self;
    if (!commit->supervisor.set || (h->id.size > 0 && !weir_str_eq(commit->supervisor.id, h->id))) {
        return;
    }
    if (h->count == h->room) {
        h->room = h->room * 2 + 16;
        h->versions = weir_realloc(h->versions, h->room * sizeof(*h->versions));
    }
    h->versions[h->count++] = (version){.id = weir_arena_str(h->arena, commit->supervisor.id),
                                        .spec = weir_arena_str(h->arena, commit->supervisor.spec),
                                        .table = h->table,
                                        .suspended = commit->supervisor.suspended,
                                        .at_ms = commit->at_ms};
}

/* A table whose state has the supervisor, or any. */
static bool see_table(void *self, weir_str name)
{
    history *h = self;
    weir_table *table = weir_catalog_table(h->ingest->options.catalog, name);
    weir_log_state *state = table ? weir_table_state(table) : NULL;
    if (!state) {
        return true;
    }
    size_t count;
    const weir_supervisor_state *all = weir_log_supervisors(state, &count);
    bool wanted = false;
    for (size_t i = 0; i < count; i++) {
        wanted = wanted || h->id.size == 0 || weir_str_eq(all[i].id, h->id);
    }
    h->table = weir_arena_str(h->arena, name);
    h->ok = h->ok && (!wanted || weir_log_scan(weir_catalog_store(h->ingest->options.catalog), name,
                                               1, weir_log_version(state), see_commit, h, &h->err));
    weir_log_state_unref(state);
    return h->ok;
}

/* By id; of one id the newest first. */
static int compare(const void *x, const void *y)
{
    const version *a = x, *b = y;
    int order = weir_str_cmp(a->id, b->id);
    return order ? order : (a->at_ms < b->at_ms) - (a->at_ms > b->at_ms);
}

static void put_version(const version *v, weir_json *out)
{
    char time[40];
    weir_json_begin_object(out);
    weir_json_key(out, WEIR_STR("spec"));
    if (weir_str_is(v->spec, "null")) { /* Druid's tombstone */
        weir_json_begin_object(out);
        weir_json_member_text(out, "type", "NoopSupervisorSpec");
        weir_json_member_str(out, "id", v->id);
        weir_json_key(out, WEIR_STR("dataSources"));
        weir_json_begin_array(out);
        weir_json_str(out, v->table);
        weir_json_end_array(out);
        weir_json_member_bool(out, "suspended", false);
        weir_json_end_object(out);
    } else {
        weir_buf spec = {0};
        weir_supervisor_put_spec(v->spec, v->suspended, &spec);
        weir_json_raw(out, weir_buf_view(&spec));
        weir_buf_done(&spec);
    }
    weir_json_member_str(out, "version", (weir_str){time, weir_time_print(time, v->at_ms)});
    weir_json_end_object(out);
}

bool weir_supervisor_history(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err)
{
    history h = {.ingest = ingest, .arena = weir_arena_new(), .id = id, .ok = true};
    bool ok = weir_log_tables(weir_catalog_store(ingest->options.catalog), see_table, &h, err);
    if (ok && !h.ok) {
        *err = h.err;
        ok = false;
    }
    if (ok && id.size > 0 && h.count == 0) {
        ok = weir_fail(err, WEIR_ERR_NOT_FOUND, "No history for [%.*s].", WEIR_STR_ARG(id));
    }
    if (h.count > 1) {
        qsort(h.versions, h.count, sizeof(*h.versions), compare);
    }
    weir_json json = {.out = out};
    if (ok && id.size == 0) {
        weir_json_begin_object(&json);
    }
    for (size_t i = 0; ok && i < h.count; i++) {
        const version *v = &h.versions[i];
        if (i == 0 || !weir_str_eq(v->id, v[-1].id)) {
            if (i > 0) {
                weir_json_end_array(&json);
            }
            if (id.size == 0) {
                weir_json_key(&json, v->id);
            }
            weir_json_begin_array(&json);
        }
        put_version(v, &json);
    }
    if (ok && h.count > 0) {
        weir_json_end_array(&json);
    }
    if (ok && id.size == 0) {
        weir_json_end_object(&json);
    }
    free(h.versions);
    weir_arena_free(h.arena);
    return ok;
}

/* All at once. */

bool weir_supervisors_each(weir_ingest *ingest, weir_supervisors_do what, weir_buf *out,
                           weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_supervisor **all;
    uint32_t count = weir_supervisors_all(ingest, arena, &all);
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        weir_buf ignored = {0};
        weir_error why = {0};
        bool done = true;
        switch (what) {
        case WEIR_SUPERVISORS_SUSPEND:
        case WEIR_SUPERVISORS_RESUME:
            done = weir_supervisor_suspend(ingest, all[i]->id, what == WEIR_SUPERVISORS_SUSPEND,
                                           &ignored, &why);
            break;
        case WEIR_SUPERVISORS_TERMINATE:
            done = weir_supervisor_terminate(ingest, all[i]->id, &ignored, &why);
            break;
        }
        /* BAD_REQUEST: it is so already; NOT_FOUND: somebody terminated it */
        if (!done && why.code != WEIR_ERR_BAD_REQUEST && why.code != WEIR_ERR_NOT_FOUND && ok) {
            *err = why;
            ok = false;
        }
        weir_buf_done(&ignored);
        weir_supervisor_unref(all[i]);
    }
    weir_arena_free(arena);
    if (ok) {
        weir_buf_text(out, "{\"status\":\"success\"}");
    }
    return ok;
}
