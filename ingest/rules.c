/* ingest/rules.c - see ingest/rules.h. How a rule fits a bucket changes only where one of its
 * bounds lies, so of a segment that spans any number of buckets only those at bounds are looked at.
 */
#include "ingest/rules.h"
#include "weir/buf.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define RULES_MAX 10000u
#define DEFAULT_REPLICANTS 2

static const struct rule_type {
    const char *name;
    bool drop, replicants;
    uint8_t time;
} types[] = {
    {"loadForever", false, true, WEIR_RULE_FOREVER},
    {"loadByInterval", false, true, WEIR_RULE_INTERVAL},
    {"loadByPeriod", false, true, WEIR_RULE_PERIOD},
    {"dropForever", true, false, WEIR_RULE_FOREVER},
    {"dropByInterval", true, false, WEIR_RULE_INTERVAL},
    {"dropByPeriod", true, false, WEIR_RULE_PERIOD},
    {"dropBeforeByPeriod", true, false, WEIR_RULE_BEFORE_PERIOD},
    {"broadcastForever", false, false, WEIR_RULE_FOREVER},
    {"broadcastByInterval", false, false, WEIR_RULE_INTERVAL},
    {"broadcastByPeriod", false, false, WEIR_RULE_PERIOD},
};

static const struct rule_type *find_type(weir_str name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (weir_str_is(name, types[i].name)) {
            return &types[i];
        }
    }
    return NULL;
}

static bool read_period(const weir_members *m, weir_rule *rule, weir_json *json, weir_error *err)
{
    weir_str text = {0};
    if (!weir_member_text(m, "period", &text, err)) {
        return false;
    }
    if (!text.at || !weir_period_parse(text, &rule->period)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: '%.*s' is no ISO 8601 period",
                         weir_member_path(m, "period"), WEIR_STR_ARG(text));
    }
    weir_json_member_str(json, "period", text);
    if (rule->time == WEIR_RULE_PERIOD) {
        rule->include_future = true;
        if (!weir_member_bool(m, "includeFuture", &rule->include_future, err)) {
            return false;
        }
        weir_json_member_bool(json, "includeFuture", rule->include_future);
    }
    return true;
}

static bool read_interval(const weir_members *m, weir_rule *rule, weir_json *json, weir_error *err)
{
    weir_str text = {0};
    char printed[82];
    if (!weir_member_text(m, "interval", &text, err)) {
        return false;
    }
    if (!text.at || !weir_interval_parse(text, &rule->interval, err)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: '%.*s' is no interval",
                         weir_member_path(m, "interval"), WEIR_STR_ARG(text));
    }
    size_t n = weir_time_print(printed, rule->interval.start_ms);
    printed[n++] = '/';
    n += weir_time_print(printed + n, rule->interval.end_ms);
    weir_json_member_str(json, "interval", (weir_str){printed, n});
    return true;
}

/* How many servers hold it says nothing here, but is kept. */
static bool read_replicants(const weir_members *m, weir_json *json, weir_error *err)
{
    const json_t *tiers, *count;
    const char *tier;
    bool use_default = true;
    if (!weir_member_object(m, "tieredReplicants", &tiers, err) ||
        !weir_member_bool(m, "useDefaultTierForNull", &use_default, err)) {
        return false;
    }
    weir_json_key(json, WEIR_STR("tieredReplicants"));
    weir_json_begin_object(json);
    if (!tiers && use_default) {
        weir_json_member_long(json, "_default_tier", DEFAULT_REPLICANTS);
    }
    json_object_foreach((json_t *)(uintptr_t)tiers, tier, count)
    {
        if (!json_is_integer(count) || json_integer_value(count) < 0) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "%s.%s: a number of replicants >= 0 is wanted",
                             weir_member_path(m, "tieredReplicants"), tier);
        }
        weir_json_member_long(json, tier, json_integer_value(count));
    }
    weir_json_end_object(json);
    weir_json_member_bool(json, "useDefaultTierForNull", use_default);
    return true;
}

static bool read_rule(const json_t *value, size_t at, weir_rule *rule, weir_json *json,
                      weir_error *err)
{
    char path[24];
    weir_members m;
    weir_str name = {0};
    snprintf(path, sizeof(path), "[%zu]", at);
    if (!weir_members_of(value, path, &m, err) || !weir_member_text(&m, "type", &name, err)) {
        return false;
    }
    const struct rule_type *type = name.at ? find_type(name) : NULL;
    if (!type) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: '%.*s' is no type of rule",
                         weir_member_path(&m, "type"), WEIR_STR_ARG(name));
    }
    rule->drop = type->drop;
    rule->time = type->time;
    weir_json_begin_object(json);
    bool ok = true;
    switch ((weir_rule_time)type->time) {
    case WEIR_RULE_FOREVER:
        break;
    case WEIR_RULE_INTERVAL:
        ok = read_interval(&m, rule, json, err);
        break;
    case WEIR_RULE_PERIOD:
    case WEIR_RULE_BEFORE_PERIOD:
        ok = read_period(&m, rule, json, err);
        break;
    }
    ok = ok && (!type->replicants || read_replicants(&m, json, err));
    weir_json_member_text(json, "type", type->name);
    weir_json_end_object(json);
    return ok;
}

static bool read_list(const json_t *root, weir_arena *arena, weir_rules *out, weir_buf *text,
                      weir_error *err)
{
    weir_json json = {.out = text};
    size_t count = json_array_size(root);
    if (!json_is_array(root) || count > RULES_MAX) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "an array of at most %u rules is wanted",
                         RULES_MAX);
    }
    weir_rule *rules = WEIR_ARENA_ARRAY(arena, weir_rule, count + 1);
    memset(rules, 0, (count + 1) * sizeof(*rules));
    weir_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        if (!read_rule(json_array_get(root, i), i, &rules[i], &json, err)) {
            return false;
        }
    }
    weir_json_end_array(&json);
    *out = (weir_rules){(uint32_t)count, rules, weir_arena_str(arena, weir_buf_view(text))};
    return true;
}

bool weir_rules_parse(weir_str text, weir_arena *arena, weir_rules *out, weir_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(text.size ? text.at : "", text.size, 0, &why);
    weir_buf printed = {0};
    bool ok = root ? read_list(root, arena, out, &printed, err)
                   : weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body is no JSON list: %s", why.text);
    weir_buf_done(&printed);
    json_decref(root);
    return ok;
}

weir_rules weir_rules_join(const weir_rules *first, const weir_rules *then, weir_arena *arena)
{
    weir_rule *all = WEIR_ARENA_ARRAY(arena, weir_rule, first->count + then->count + 1);
    if (first->count > 0) {
        memcpy(all, first->rules, first->count * sizeof(*all));
    }
    if (then->count > 0) {
        memcpy(all + first->count, then->rules, then->count * sizeof(*all));
    }
    return (weir_rules){first->count + then->count, all, {0}};
}

static int64_t ago(const weir_rule *rule, int64_t now_ms)
{
    return weir_period_add(&rule->period, weir_zone_find(WEIR_STR("UTC")), now_ms, -1);
}

static bool overlaps(weir_interval a, weir_interval b)
{
    return a.start_ms < b.end_ms && b.start_ms < a.end_ms;
}

static bool contains(weir_interval a, weir_interval b)
{
    return a.start_ms <= b.start_ms && b.end_ms <= a.end_ms;
}

/* To be kept it is enough that a bucket touches a rule's time, to go it must lie within. */
static bool fits(const weir_rule *rule, weir_interval bucket, int64_t now_ms)
{
    weir_interval time = rule->interval;
    switch ((weir_rule_time)rule->time) {
    case WEIR_RULE_FOREVER:
        return true;
    case WEIR_RULE_INTERVAL:
        break;
    case WEIR_RULE_PERIOD:
        time = (weir_interval){ago(rule, now_ms), rule->include_future ? INT64_MAX : now_ms};
        break;
    case WEIR_RULE_BEFORE_PERIOD:
        time = (weir_interval){INT64_MIN, ago(rule, now_ms)};
        break;
    }
    return rule->drop ? contains(time, bucket) : overlaps(time, bucket);
}

bool weir_rules_drop(const weir_rules *rules, weir_interval bucket, int64_t now_ms)
{
    for (uint32_t i = 0; i < rules->count; i++) {
        if (fits(&rules->rules[i], bucket, now_ms)) {
            return rules->rules[i].drop;
        }
    }
    return false;
}

/* Starts of buckets from which on something may change. */
typedef struct starts {
    int64_t *at;
    uint32_t count;
} starts;

static void add_start(starts *s, const weir_granularity *buckets, weir_interval hull, int64_t bound)
{
    if (bound < hull.start_ms || bound >= hull.end_ms) {
        return;
    }
    s->at[s->count] = weir_granularity_floor(buckets, bound);
    s->at[s->count + 1] = weir_granularity_next(buckets, s->at[s->count]);
    s->count += 2;
}

static int compare_starts(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static starts find_starts(const weir_rules *rules, const weir_granularity *buckets,
                          weir_interval hull, int64_t now_ms, weir_arena *arena)
{
    starts s = {WEIR_ARENA_ARRAY(arena, int64_t, 6 * (size_t)rules->count + 4), 0};
    add_start(&s, buckets, hull, hull.start_ms);
    add_start(&s, buckets, hull, now_ms);
    for (uint32_t i = 0; i < rules->count; i++) {
        const weir_rule *rule = &rules->rules[i];
        if (rule->time == WEIR_RULE_INTERVAL) {
            add_start(&s, buckets, hull, rule->interval.start_ms);
            add_start(&s, buckets, hull, rule->interval.end_ms);
        } else if (rule->time != WEIR_RULE_FOREVER) {
            add_start(&s, buckets, hull, ago(rule, now_ms));
        }
    }
    qsort(s.at, s.count, sizeof(*s.at), compare_starts);
    return s;
}

/* The bucket that holds `ms`, of a segment with that hull. */
static weir_interval bucket_at(const weir_granularity *buckets, weir_interval hull, int64_t ms)
{
    switch ((weir_gran_kind)buckets->kind) {
    case WEIR_GRAN_ALL:
        return weir_interval_eternity;
    case WEIR_GRAN_NONE:
        return hull;
    case WEIR_GRAN_DURATION:
    case WEIR_GRAN_PERIOD:
        break;
    }
    int64_t start = weir_granularity_floor(buckets, ms);
    return (weir_interval){start, weir_granularity_next(buckets, start)};
}

static bool has_buckets(const weir_granularity *buckets)
{
    return buckets->kind == WEIR_GRAN_DURATION || buckets->kind == WEIR_GRAN_PERIOD;
}

uint32_t weir_rules_gone(const weir_rules *rules, const weir_granularity *buckets,
                         weir_interval hull, int64_t now_ms, weir_arena *arena, weir_interval **out)
{
    uint32_t count = 0;
    weir_interval bucket = bucket_at(buckets, hull, hull.start_ms);
    if (!has_buckets(buckets) || hull.end_ms <= bucket.end_ms) { /* most segments: no memory */
        bool gone = weir_rules_drop(rules, bucket, now_ms);
        if (gone) {
            *out = WEIR_ARENA_NEW(arena, weir_interval);
            **out = bucket;
        }
        return gone;
    }
    hull.start_ms = bucket.start_ms;
    hull.end_ms = weir_granularity_next(buckets, weir_granularity_floor(buckets, hull.end_ms - 1));
    starts s = find_starts(rules, buckets, hull, now_ms, arena);
    *out = WEIR_ARENA_ARRAY(arena, weir_interval, s.count + 1);
    for (uint32_t i = 0; i < s.count; i++) {
        bool last = i + 1 == s.count || s.at[i + 1] >= hull.end_ms;
        int64_t end_ms = last ? hull.end_ms : s.at[i + 1];
        if (s.at[i] >= hull.end_ms || s.at[i] == end_ms ||
            !weir_rules_drop(rules, bucket_at(buckets, hull, s.at[i]), now_ms)) {
            continue;
        }
        if (count > 0 && (*out)[count - 1].end_ms == s.at[i]) {
            (*out)[count - 1].end_ms = end_ms;
        } else {
            (*out)[count++] = (weir_interval){s.at[i], end_ms};
        }
    }
    return count;
}
