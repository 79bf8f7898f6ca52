/* base/config.c - one table names every setting: its default, its flag and its line of help. Flags are --name with - for _. */
#include "weir/config.h"
#include "weir/log.h"
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>

typedef enum kind { TEXT, NUMBER, SIZE, FLAG } kind;

typedef struct setting {
    const char *name;
    size_t offset;
    kind kind;
    const char *fallback, *help;
} setting;

#define AT(member) offsetof(weir_config, member)
static const setting settings[] = {
    {"listen", AT(listen), TEXT, "127.0.0.1:8888", "address and port of the HTTP API; port 0 takes a free one"},
    {"data", AT(data), TEXT, "weir-data", "directory for work files and, unless store says otherwise, of the store"},
    {"store", AT(store), TEXT, "", "where tables are kept: empty: in data; or s3://bucket/prefix"},
    {"s3_endpoint", AT(s3_endpoint), TEXT, "", "http(s)://host[:port]; empty: AWS_ENDPOINT_URL, else AWS's own of the region"},
    {"s3_region", AT(s3_region), TEXT, "", "empty: AWS_REGION, else us-east-1"},
    {"s3_path_style", AT(s3_path_style), FLAG, "false", "the bucket in the path and not in the host's name"},
    {"s3_access_key", AT(s3_access_key), TEXT, "", "empty: AWS_ACCESS_KEY_ID, else the shared credentials file"},
    {"s3_secret_key", AT(s3_secret_key), TEXT, "", "empty: AWS_SECRET_ACCESS_KEY, else the shared credentials file"},
    {"store_cache_bytes", AT(store_cache_bytes), SIZE, "16G", "segments of an s3 store that are kept in data"},
    {"node", AT(node), TEXT, "", "advertised host:port; empty: the listening address"},
    {"workers", AT(workers), NUMBER, "0", "query threads; 0: one per core"},
    {"query_memory_bytes", AT(query_memory_bytes), SIZE, "0", "memory of all queries together; 0: a quarter of the machine's"},
    {"query_timeout_ms", AT(query_timeout_ms), NUMBER, "300000", "default of context.timeout"},
    {"max_queries", AT(max_queries), NUMBER, "1000", "queries answered at once; more wait for their turn"},
    {"query_lanes", AT(query_lanes), TEXT, "", "lanes and how many queries each may answer at once: name=3,name=25%, hilo:20%; empty: none"},
    {"segment_cache_bytes", AT(segment_cache_bytes), SIZE, "256M", "partial results kept of frozen segments; 0: none"},
    {"result_cache_bytes", AT(result_cache_bytes), SIZE, "64M", "whole answers kept; 0: none"},
    {"ingest_memory_bytes", AT(ingest_memory_bytes), SIZE, "0", "memory of ingestion and of the process itself; 0: a quarter of the machine's"},
    {"lookup_memory_bytes", AT(lookup_memory_bytes), SIZE, "0", "memory of lookups that follow topics; 0: an eighth of the machine's"},
    {"ingest_threads", AT(ingest_threads), NUMBER, "1", "ingest threads of a supervisor at most"},
    {"coordinator_period_ms", AT(coordinator_period_ms), NUMBER, "0", "how often duties (compaction, rules) look at each table at least; 0: each its own"},
    {"auto_compaction", AT(auto_compaction), TEXT, "on", "on; off: only tables with a compaction config are compacted"},
    {"coordinator_pace", AT(coordinator_pace), NUMBER, "60", "percent of one core that duties may take"},
    {"coordinator_memory_bytes", AT(coordinator_memory_bytes), SIZE, "0", "memory of a duty's work (compaction); 0: an eighth of the machine's"},
    {"store_wait_ms", AT(store_wait_ms), NUMBER, "30000", "how long a start waits for a store that does not answer"},
    {"gc_grace_ms", AT(gc_grace_ms), NUMBER, "3600000", "how long a segment that was dropped or replaced stays in the store, for queries that still read it"},
    {"task_memory_bytes", AT(task_memory_bytes), SIZE, "0", "memory of all tasks together; 0: an eighth of the machine's"},
    {"task_input_path", AT(task_input_path), TEXT, "", "folder in which tasks may read files (inputSource local); empty: none"},
    {"log_level", AT(log_level), TEXT, "info", "debug, info, warn or error"},
    {"log_format", AT(log_format), TEXT, "text", "text, or json: an object a line"},
    {"demo", AT(demo), FLAG, "false", "an embedded broker, a generated web-shop stream and its supervisor"},
    {"demo_events_per_second", AT(demo_events_per_second), NUMBER, "2000", "mean rate of the demo's stream"},
};
#define SETTING_COUNT (sizeof(settings) / sizeof(*settings))

static const setting *find_setting(const char *name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

/* "64", "512M", "2G": bytes. */
static bool parse_size(const char *text, int64_t *out)
{
    static const char units[] = "KMGT";
    size_t size = strlen(text);
    int shift = 0;
    const char *unit = size > 0 ? strchr(units, text[size - 1]) : NULL;
    if (unit) {
        shift = 10 * (int)(unit - units + 1);
        size--;
    }
    int64_t number;
    if (!weir_str_to_long((weir_str){text, size}, &number) || number < 0 || number > INT64_MAX >> shift) {
        return false;
    }
    *out = number << shift;
    return true;
}

static bool set_value(weir_config *config, const setting *s, const char *value, weir_error *err)
{
    void *at = (char *)config + s->offset;
    switch (s->kind) {
    case TEXT:
        *(const char **)at = value;
        return true;
    case NUMBER:
    case SIZE: {
        int64_t number;
        bool ok = s->kind == SIZE ? parse_size(value, &number)
                                  : weir_str_to_long(weir_str_of(value), &number) && number >= 0;
        if (!ok) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: '%s' is not a number%s", s->name, value,
                             s->kind == SIZE ? " of bytes (K, M, G, T may follow)" : " >= 0");
        }
        *(int64_t *)at = number;
        return true;
    }
    case FLAG:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: '%s' is neither true nor false", s->name, value);
        }
        *(bool *)at = strcmp(value, "true") == 0;
        return true;
    }
    return false;
}

void weir_config_defaults(weir_config *config)
{
    weir_error err;
    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!set_value(config, &settings[i], settings[i].fallback, &err)) {
            weir_die("default of %s: %s", settings[i].name, err.message);
        }
    }
}

bool weir_config_set(weir_config *config, const char *name, const char *value, weir_error *err)
{
    char key[64];
    size_t size = strlen(name);
    if (size >= sizeof(key)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "no setting is named '%.60s...'", name);
    }
    for (size_t i = 0; i <= size; i++) {
        key[i] = name[i] == '-' ? '_' : name[i];
    }
    const setting *s = find_setting(key);
    if (!s) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "no setting is named '%s'", name);
    }
    return set_value(config, s, value, err);
}

bool weir_config_is_flag(const char *name)
{
    const setting *s = find_setting(name);
    return s && s->kind == FLAG;
}

static bool read_member(weir_config *config, const char *key, const json_t *value, weir_arena *arena, weir_error *err)
{
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        text = weir_arena_printf(arena, "%lld", (long long)json_integer_value(value)).at;
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "true" : "false";
    }
    if (!text) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: a string, whole number or boolean is wanted", key);
    }
    return weir_config_set(config, key, weir_arena_text(arena, weir_str_of(text)), err);
}

bool weir_config_read(const char *path, weir_arena *arena, weir_config *config, weir_error *err)
{
    json_error_t why;
    json_t *root = json_load_file(path, 0, &why);
    if (!root) {
        return why.line < 0 ? weir_fail(err, WEIR_ERR_BAD_REQUEST, "config %s: %s", path, why.text)
                            : weir_fail(err, WEIR_ERR_BAD_REQUEST, "config %s, line %d: %s", path, why.line, why.text);
    }
    bool ok = json_is_object(root) || weir_fail(err, WEIR_ERR_BAD_REQUEST, "an object is wanted");
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        ok = ok && read_member(config, key, value, arena, err);
    }
    json_decref(root);
    return ok || weir_fail_in(err, "config %s", path);
}

void weir_config_help(weir_buf *out)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        weir_buf_printf(out, "  %-24s %-16s %s\n", settings[i].name, settings[i].fallback, settings[i].help);
    }
}
