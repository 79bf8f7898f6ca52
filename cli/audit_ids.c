/* cli/audit_ids.c - see cli/audit_ids.h: one groupBy over the committed segments gives each id and
 * how often it is there; ids of the topics are sorted by their hash and walked beside it. */
#include "cli/audit_ids.h"
#include "weir/hash.h"
#include "weir/query.h"
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#define SHOWN 5u /* ids that are named in a finding */

typedef struct entry {
    uint64_t hash, count;
    size_t at, size; /* in texts */
} entry;
typedef struct bag {
    entry *entries;
    size_t count, room;
    weir_buf texts;
} bag;
struct weir_audit_ids {
    weir_str column, metric;
    bag table, topics;
    weir_audit_ids_figures figures;
};

weir_audit_ids *weir_audit_ids_new(weir_str column, weir_str count)
{
    weir_audit_ids *ids = weir_calloc(1, sizeof(*ids));
    ids->column = column;
    ids->metric = count;
    return ids;
}

static void bag_done(bag *b)
{
    free(b->entries);
    weir_buf_done(&b->texts);
}

void weir_audit_ids_free(weir_audit_ids *ids)
{
    if (ids) {
        bag_done(&ids->table);
        bag_done(&ids->topics);
        free(ids);
    }
}

static void put(bag *b, weir_str id, uint64_t count)
{
    if (b->count == b->room) {
        b->room = b->room * 2 + 1024;
        b->entries = weir_realloc(b->entries, b->room * sizeof(*b->entries));
    }
    b->entries[b->count++] =
        (entry){weir_hash_bytes(id.at, id.size), count, b->texts.size, id.size};
    weir_buf_str(&b->texts, id);
}

void weir_audit_ids_see(void *self, weir_str id)
{
    weir_audit_ids *ids = self;
    put(&ids->topics, id, 1);
}

static int by_hash(const void *x, const void *y)
{
    const entry *a = x, *b = y;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

/* Ascending by hash, each once. */
static void settle(bag *b)
{
    size_t kept = 0;
    if (b->count > 1) {
        qsort(b->entries, b->count, sizeof(*b->entries), by_hash);
    }
    for (size_t i = 0; i < b->count; i++) {
        if (kept > 0 && b->entries[kept - 1].hash == b->entries[i].hash) {
            b->entries[kept - 1].count += b->entries[i].count;
        } else {
            b->entries[kept++] = b->entries[i];
        }
    }
    b->count = kept;
}

/* The query. */

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool wake;
} waiting;

static void wake(void *self)
{
    waiting *w = self;
    pthread_mutex_lock(&w->lock);
    w->wake = true;
    pthread_cond_signal(&w->woken);
    pthread_mutex_unlock(&w->lock);
}

static bool ask(weir_engine *engine, weir_str query, weir_buf *out, weir_error *err)
{
    waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER};
    weir_request request = {.body = query};
    weir_answer *answer = weir_engine_native(engine, &request, (weir_answer_wake){wake, &w});
    weir_answer_state state;
    while ((state = weir_answer_take(answer, out, err)) <= WEIR_ANSWER_MORE) {
        pthread_mutex_lock(&w.lock);
        while (state == WEIR_ANSWER_WAIT && !w.wake) {
            pthread_cond_wait(&w.woken, &w.lock);
        }
        w.wake = false;
        pthread_mutex_unlock(&w.lock);
    }
    bool ok = state == WEIR_ANSWER_DONE && weir_answer_status(answer) == 200;
    if (state == WEIR_ANSWER_DONE && !ok) {
        weir_fail(err, WEIR_ERR_BAD_QUERY, "the query for ids: %.*s",
                  (int)(out->size < 600 ? out->size : 600), out->at);
    }
    weir_answer_unref(answer);
    return ok;
}

static void write_query(const weir_audit_ids *ids, weir_str table, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "queryType", "groupBy");
    weir_json_member_str(&json, "dataSource", table);
    weir_json_member_text(&json, "granularity", "all");
    weir_json_member_text(&json, "intervals",
                          "-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z");
    weir_json_key(&json, WEIR_STR("dimensions"));
    weir_json_begin_array(&json);
    weir_json_str(&json, ids->column);
    weir_json_end_array(&json);
    weir_json_key(&json, WEIR_STR("aggregations"));
    weir_json_begin_array(&json);
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "type", ids->metric.size > 0 ? "longSum" : "count");
    weir_json_member_text(&json, "name", "n");
    if (ids->metric.size > 0) {
        weir_json_member_str(&json, "fieldName", ids->metric);
    }
    weir_json_end_object(&json);
    weir_json_end_array(&json);
    weir_json_key(&json, WEIR_STR("context"));
    weir_json_raw(&json, WEIR_STR("{\"resultAsArray\":true,\"timeout\":0}"));
    weir_json_end_object(&json);
}

/* [["a",1],["b",2]]: row by row, as the whole would be large as a tree. */
static bool read_answer(weir_audit_ids *ids, weir_str answer, weir_error *err)
{
    const char *at = answer.at + 1, *end = answer.at + answer.size;
    while (at < end && *at == '[') {
        json_error_t where;
        json_t *row =
            json_loadb(at, (size_t)(end - at), JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &where);
        if (!row) {
            return weir_fail(err, WEIR_ERR_INTERNAL, "the answer for ids cannot be read: %s",
                             where.text);
        }
        const json_t *id = json_array_get(row, 0);
        uint64_t n = (uint64_t)json_integer_value(json_array_get(row, 1));
        char number[32];
        if (json_is_string(id)) {
            put(&ids->table, (weir_str){json_string_value(id), json_string_length(id)}, n);
        } else if (json_is_integer(id)) {
            snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(id));
            put(&ids->table, weir_str_of(number), n);
        }
        bool known = json_is_string(id) || json_is_integer(id) || json_is_null(id);
        bool counted = json_is_integer(json_array_get(row, 1));
        ids->figures.rows += n;
        ids->figures.without += json_is_null(id) ? n : 0;
        at += where.position;
        at += at < end && *at == ',';
        json_decref(row);
        if (!known) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "column '%.*s' has values that are neither strings nor longs: they "
                             "are no ids",
                             WEIR_STR_ARG(ids->column));
        }
        if (!counted) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "column '%.*s' has no values: it counts no events",
                             WEIR_STR_ARG(ids->metric));
        }
    }
    return ids->figures.rows == 0 || ids->figures.rows > ids->figures.without ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST, "no row has a value in column '%.*s'",
                     WEIR_STR_ARG(ids->column));
}

static bool read_table(weir_audit_ids *ids, weir_str table, const weir_data_dir *data,
                       weir_error *err)
{
    weir_catalog_options options = {.store = data->store,
                                    .clock = &weir_clock_system,
                                    .node = WEIR_STR("audit"),
                                    .work_path = data->work_path,
                                    .cache_path = data->cache_path};
    weir_catalog *catalog = weir_catalog_open(&options, err);
    if (!catalog) {
        return false;
    }
    weir_engine *engine =
        weir_engine_new(&(weir_engine_options){.catalog = catalog, .clock = &weir_clock_system});
    weir_buf query = {0}, answer = {0};
    write_query(ids, table, &query);
    bool ok = ask(engine, weir_buf_view(&query), &answer, err) &&
              read_answer(ids, weir_buf_view(&answer), err);
    weir_engine_free(engine);
    weir_catalog_close(catalog);
    weir_buf_done(&query);
    weir_buf_done(&answer);
    return ok;
}

/* Findings. */

typedef struct wrong { /* ids of one kind */
    uint64_t count;
    weir_buf names;
} wrong;

static void note(wrong *w, const bag *of, const entry *e)
{
    if (w->count++ < SHOWN) {
        weir_buf_printf(&w->names, "%s%.*s", w->count > 1 ? ", " : "", (int)e->size,
                        of->texts.at + e->at);
    }
}

static void tell(wrong *w, weir_audit *audit, const char *what)
{
    if (w->count > 0) {
        weir_audit_find(audit, "ids", "%llu ids %s: %.*s%s", (unsigned long long)w->count, what,
                        (int)w->names.size, w->names.at, w->count > SHOWN ? " ..." : "");
    }
    weir_buf_done(&w->names);
}

/* Both ascend by hash. A record that came twice in the topic is there twice. */
static void compare(weir_audit_ids *ids, weir_audit *audit, bool whole)
{
    const bag *table = &ids->table, *topics = &ids->topics;
    wrong missing = {0}, doubled = {0}, unknown = {0};
    size_t t = 0;
    for (size_t i = 0; i < table->count; i++) {
        const entry *e = &table->entries[i];
        while (t < topics->count && topics->entries[t].hash < e->hash) {
            note(&missing, topics, &topics->entries[t++]);
        }
        bool same = t < topics->count && topics->entries[t].hash == e->hash;
        uint64_t expected = same ? topics->entries[t++].count : whole ? 0 : 1;
        if (e->count < expected) {
            note(&missing, table, e);
        } else if (e->count > expected && expected > 0 && (whole || e->count > 1)) {
            note(&doubled, table, e);
        } else if (expected == 0) {
            note(&unknown, table, e);
        }
    }
    while (t < topics->count) {
        note(&missing, topics, &topics->entries[t++]);
    }
    tell(&missing, audit,
         "of the topics' committed records are not in the table (or not as often)");
    tell(&doubled, audit, "are in the table more often than in the topics");
    tell(&unknown, audit, "are in the table, but in none of the topics' committed records");
}

static void find_doubled(weir_audit_ids *ids, weir_audit *audit)
{
    wrong doubled = {0};
    for (size_t i = 0; i < ids->table.count; i++) {
        if (ids->table.entries[i].count > 1) {
            note(&doubled, &ids->table, &ids->table.entries[i]);
        }
    }
    tell(&doubled, audit, "are in the table more than once");
}

bool weir_audit_ids_check(weir_audit_ids *ids, weir_audit *audit, const weir_data_dir *data,
                          bool topics, bool whole, weir_error *err)
{
    if (!read_table(ids, audit->table, data, err)) {
        return false;
    }
    settle(&ids->table);
    settle(&ids->topics);
    ids->figures.distinct = ids->table.count;
    ids->figures.in_topics = ids->topics.count;
    if (topics) {
        compare(ids, audit, whole);
    } else {
        find_doubled(ids, audit);
    }
    return true;
}

weir_audit_ids_figures weir_audit_ids_figures_get(const weir_audit_ids *ids)
{
    return ids->figures;
}
