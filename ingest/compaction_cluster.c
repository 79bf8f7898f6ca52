/* ingest/compaction_cluster.c - Druid's ClusterCompactionConfig: how many task slots compaction may
 * take, in which order, by which engine. It is one setting of the cluster. weir compacts on one
 * thread, newest time first, and not by tasks: what only says how Druid uses its machines is kept
 * and shown, anything else than what weir does is refused. */
#include <jansson.h>
#include <stdlib.h>
#include "weir/compaction.h"
#include "weir/members.h"
#include "weir/settings.h"

#define KEY "compactionCluster"
#define POLICY "newestSegmentFirst"

typedef struct cluster {
    double ratio;
    int64_t slots;
    weir_str priority; /* at NULL: of no data source */
} cluster;

static bool read_ratio(const weir_members *m, double *out, weir_error *err)
{
    const json_t *value = weir_member_any(m, "compactionTaskSlotRatio");
    double ratio = value ? json_number_value(value) : *out;
    if ((value && !json_is_number(value)) || ratio < 0 || ratio > 1) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "compactionTaskSlotRatio must be a number between 0 and 1");
    }
    *out = ratio;
    return true;
}

static bool read_policy(const weir_members *m, cluster *out, weir_error *err)
{
    const json_t *value;
    weir_members policy;
    weir_str type = {0};
    if (!weir_member_object(m, "compactionPolicy", &value, err)) {
        return false;
    }
    if (!value) {
        return true;
    }
    out->priority = (weir_str){0};
    if (!weir_members_of(value, "compactionPolicy", &policy, err) ||
        !weir_member_text(&policy, "type", &type, err) ||
        !weir_member_text(&policy, "priorityDatasource", &out->priority, err)) {
        return false;
    }
    return weir_str_is(type, POLICY) ||
           weir_fail(err, WEIR_ERR_UNSUPPORTED,
                     "compactionPolicy.type '%.*s' is not supported: " POLICY " is",
                     WEIR_STR_ARG(type));
}

/* What is given changes `out`, the rest stays. Strings are borrowed from the JSON value. */
static bool read_cluster(const json_t *root, cluster *out, weir_error *err)
{
    weir_members m;
    weir_str engine = WEIR_STR("native");
    bool supervisors = false;
    if (!weir_members_of(root, "", &m, err) || !read_ratio(&m, &out->ratio, err) ||
        !weir_member_long(&m, "maxCompactionTaskSlots", 0, INT32_MAX, &out->slots, err) ||
        !read_policy(&m, out, err) || !weir_member_bool(&m, "useSupervisors", &supervisors, err) ||
        !weir_member_text(&m, "engine", &engine, err)) {
        return false;
    }
    if (supervisors) {
        return weir_fail(err, WEIR_ERR_UNSUPPORTED, "useSupervisors is not supported");
    }
    return weir_str_is(engine, "native") ||
           weir_fail(err, WEIR_ERR_UNSUPPORTED, "engine '%.*s' is not supported: native is",
                     WEIR_STR_ARG(engine));
}

static void print_cluster(const cluster *from, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_json_begin_object(&json);
    weir_json_member_double(&json, "compactionTaskSlotRatio", from->ratio);
    weir_json_member_long(&json, "maxCompactionTaskSlots", from->slots);
    weir_json_key(&json, WEIR_STR("compactionPolicy"));
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "type", POLICY);
    weir_json_key(&json, WEIR_STR("priorityDatasource"));
    if (from->priority.at) {
        weir_json_str(&json, from->priority);
    } else {
        weir_json_null(&json);
    }
    weir_json_end_object(&json);
    weir_json_member_bool(&json, "useSupervisors", false);
    weir_json_member_text(&json, "engine", "native");
    weir_json_end_object(&json);
}

/* From what is kept (empty: nothing) and then from `given` (may be NULL). */
static bool merge(weir_str kept, const json_t *given, weir_buf *out, weir_error *err)
{
    json_t *old = kept.size ? json_loadb(kept.at, kept.size, 0, NULL) : NULL;
    cluster c = {.ratio = 0.1, .slots = INT32_MAX};
    bool ok = (!old || read_cluster(old, &c, err)) && (!given || read_cluster(given, &c, err));
    if (ok) {
        print_cluster(&c, out);
    }
    json_decref(old);
    return ok;
}

bool weir_compactions_cluster(const weir_compactions *c, weir_buf *out, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_str kept = {0};
    bool ok = (!c->settings || weir_settings_get(c->settings, KEY, arena, &kept, err)) &&
              merge(kept, NULL, out, err);
    weir_arena_free(arena);
    return ok;
}

static bool next_kept(void *self, weir_str old, weir_buf *out, weir_error *err)
{
    return merge(old, self, out, err);
}

bool weir_compactions_cluster_set(const weir_compactions *c, weir_str text, weir_error *err)
{
    json_error_t why;
    json_t *root = text.size ? json_loadb(text.at, text.size, 0, &why) : NULL;
    if (!root) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body is %s%s",
                         text.size ? "no JSON: " : "empty", text.size ? why.text : "");
    }
    bool ok = c->settings ? weir_settings_change(c->settings, KEY, next_kept, root, err)
                          : weir_fail(err, WEIR_ERR_UNSUPPORTED, "no settings are kept here");
    json_decref(root);
    return ok;
}
