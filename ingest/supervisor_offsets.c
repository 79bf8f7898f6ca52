/* ingest/supervisor_offsets.c - offsets over HTTP: reset, resetOffsets, and gaps that are
 * acknowledged. A supervisor that runs resets itself (worker_reset.c); for a suspended one the
 * range is committed here, and a partition that it never read begins where the caller says. */
#include "ingest/gaps.h"
#include "ingest/kafka.h"
#include "ingest/supervisor.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdlib.h>

/* The body:
 * {"type":"kafka","partitions":{"type":"end","stream":"t","partitionOffsetMap":{"0":100}}}; keys
 * are "topic:partition" where topics are many. */

static bool read_number(weir_str text, int64_t most, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || value > (most - (text.at[i] - '0')) / 10) {
            return false;
        }
        value = value * 10 + (text.at[i] - '0');
    }
    *out = value;
    return text.size > 0;
}

static bool read_partition(const weir_spec *spec, weir_str key, weir_reset *out, weir_error *err)
{
    int64_t partition = -1;
    size_t colon = key.size;
    while (colon > 0 && key.at[colon - 1] != ':') {
        colon--;
    }
    bool ok = read_number((weir_str){key.at + colon, key.size - colon}, INT32_MAX, &partition) &&
              (colon > 1 || (colon == 0 && !spec->topic_is_pattern));
    out->topic = colon > 1 ? (weir_str){key.at, colon - 1} : spec->topic;
    out->partition = (int32_t)partition;
    if (ok && !spec->topic_is_pattern && !weir_str_eq(out->topic, spec->topic)) {
        ok = false;
    }
    return ok || weir_fail(err, WEIR_ERR_BAD_REQUEST,
                           "partitions.partitionOffsetMap: '%.*s' is not %s of supervisor's topics",
                           WEIR_STR_ARG(key),
                           spec->topic_is_pattern ? "\"topic:partition\"" : "a partition");
}

static bool read_resets(const weir_spec *spec, const json_t *map, weir_arena *arena,
                        weir_reset **out, uint32_t *count, weir_error *err)
{
    *out = WEIR_ARENA_ARRAY(arena, weir_reset, json_object_size(map) + 1);
    *count = 0;
    for (void *it = json_object_iter((json_t *)(uintptr_t)map); it;
         it = json_object_iter_next((json_t *)(uintptr_t)map, it)) {
        weir_reset *reset = &(*out)[(*count)++];
        const json_t *value = json_object_iter_value(it);
        weir_str key = weir_arena_str(arena, weir_str_of(json_object_iter_key(it)));
        if (!read_partition(spec, key, reset, err)) {
            return false;
        }
        bool ok = json_is_integer(value)
                      ? (reset->offset = json_integer_value(value)) >= 0
                      : json_is_string(value) && read_number(weir_str_of(json_string_value(value)),
                                                             INT64_MAX - 1, &reset->offset);
        if (!ok) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "partitions.partitionOffsetMap.%.*s must be an offset",
                             WEIR_STR_ARG(key));
        }
        for (uint32_t i = 0; i + 1 < *count; i++) {
            if ((*out)[i].partition == reset->partition &&
                weir_str_eq((*out)[i].topic, reset->topic)) {
                return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                                 "partitions.partitionOffsetMap names partition %d twice",
                                 (int)reset->partition);
            }
        }
    }
    return *count > 0 || weir_fail(err, WEIR_ERR_BAD_REQUEST,
                                   "partitions.partitionOffsetMap must name a partition");
}

static bool read_body(const weir_spec *spec, const json_t *json, weir_arena *arena,
                      weir_reset **out, uint32_t *count, weir_error *err)
{
    weir_members top, members;
    weir_str type = {0}, sequences = WEIR_STR("end"), stream = {0};
    const json_t *partitions, *map;
    if (!json_is_object(json)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "the body must be an object with type and partitions");
    }
    if (!weir_members_of(json, "", &top, err) || !weir_member_text(&top, "type", &type, err) ||
        !weir_member_object(&top, "partitions", &partitions, err) ||
        !weir_members_of(partitions, "partitions", &members, err) ||
        !weir_member_text(&members, "type", &sequences, err) ||
        !weir_member_text(&members, "stream", &stream, err) ||
        (stream.size == 0 && !weir_member_text(&members, "topic", &stream, err)) ||
        !weir_member_object(&members, "partitionOffsetMap", &map, err) ||
        (!map && !weir_member_object(&members, "partitionSequenceNumberMap", &map, err))) {
        return false;
    }
    if (!weir_str_is(type, "kafka")) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "type must be kafka, not '%.*s'",
                         WEIR_STR_ARG(type));
    }
    if (!partitions || !weir_str_is(sequences, "end")) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "partitions must be an object of type end");
    }
    if (!weir_str_eq(stream, spec->topic)) {
        return weir_fail(
            err, WEIR_ERR_BAD_REQUEST,
            "Stream[%.*s] doesn't exist in the supervisor[%.*s]. Supervisor is consuming "
            "stream[%.*s].",
            WEIR_STR_ARG(stream), WEIR_STR_ARG(spec->id), WEIR_STR_ARG(spec->topic));
    }
    return read_resets(spec, map, arena, out, count, err);
}

/* A supervisor without a worker: nothing of it is live, so the ranges are all there is to do. */
static bool commit_resets(weir_supervisor *s, const weir_reset *resets, uint32_t count,
                          weir_error *err)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_RESET, s->ingest->options.clock);
    weir_log_state *state = weir_table_state(s->table);
    for (uint32_t i = 0; i < count; i++) {
        weir_source_key key = {s->id, resets[i].topic, resets[i].partition};
        const weir_source_state *known = weir_log_source(state, &key);
        weir_range range = {.source = key,
                            .epoch = known ? known->epoch + 1 : 0,
                            .kind = known ? WEIR_RANGE_RESET : WEIR_RANGE_START,
                            .from = known ? known->next : resets[i].offset,
                            .to = resets[i].offset,
                            .reason = WEIR_STR("a reset was asked for")};
        weir_commit_add_range(commit, &range);
    }
    weir_log_state_unref(state);
    return weir_supervisor_commit(s, s->table, commit, err);
}

/* All partitions of the spec's topics that the log knows: to the begin, or to the end. */
static bool commit_reset_of_all(weir_supervisor *s, weir_error *err)
{
    const weir_spec *spec = s->spec;
    weir_arena *arena = weir_arena_new();
    weir_log_state *state = weir_table_state(s->table);
    size_t source_count;
    const weir_source_state *sources = weir_log_sources(state, &source_count);
    weir_topic_partition *names = WEIR_ARENA_ARRAY(arena, weir_topic_partition, source_count + 1);
    weir_reset *resets = WEIR_ARENA_ARRAY(arena, weir_reset, source_count + 1);
    int64_t *low = WEIR_ARENA_ARRAY(arena, int64_t, source_count + 1);
    int64_t *high = WEIR_ARENA_ARRAY(arena, int64_t, source_count + 1);
    uint32_t count = 0;
    for (size_t i = 0; i < source_count; i++) {
        const weir_source_key *key = &sources[i].source;
        if (weir_str_eq(key->supervisor, s->id) &&
            (spec->topic_is_pattern || weir_str_eq(key->topic, spec->topic))) {
            names[count++] = (weir_topic_partition){key->topic, key->partition};
        }
    }
    bool ok =
        count == 0 || weir_kafka_ends("ioConfig.consumerProperties", spec->consumer_properties,
                                      names, count, low, high, err);
    for (uint32_t i = 0; ok && i < count; i++) {
        resets[i] =
            (weir_reset){names[i].topic, names[i].partition, spec->use_earliest ? low[i] : high[i]};
    }
    ok = ok && (count == 0 || commit_resets(s, resets, count, err));
    weir_log_state_unref(state);
    weir_arena_free(arena);
    return ok;
}

typedef struct waiting {
    weir_worker *worker;
    uint64_t ticket;
    weir_error refused;
} waiting;

static bool was_reset(void *self)
{
    waiting *w = self;
    return weir_worker_was_reset(w->worker, w->ticket, &w->refused);
}

/* With `change` held. count 0: all. */
static bool reset_now(weir_supervisor *s, const weir_reset *resets, uint32_t count, weir_error *err)
{
    if (s->terminated) {
        return weir_supervisor_fail_unknown(s->id, err);
    }
    if (!s->worker) {
        return weir_table_refresh(s->table, err) &&
               (count == 0 ? commit_reset_of_all(s, err) : commit_resets(s, resets, count, err));
    }
    waiting w = {.worker = s->worker, .ticket = weir_worker_reset(s->worker, resets, count)};
    if (!weir_supervisor_wait(s, was_reset, &w, err)) {
        return false;
    }
    if (w.refused.code != WEIR_OK) {
        *err = w.refused;
    }
    return w.refused.code == WEIR_OK;
}

static bool reset(weir_ingest *ingest, weir_str id, const json_t *body, weir_buf *out,
                  weir_error *err)
{
    weir_supervisor *s = weir_supervisor_find(ingest, id, err);
    if (!s) {
        return false;
    }
    weir_arena *arena = weir_arena_new();
    weir_reset *resets = NULL;
    uint32_t count = 0;
    pthread_mutex_lock(&s->change);
    bool ok = s->spec || weir_supervisor_fail_unknown(id, err);
    ok = ok && (!body || read_body(s->spec, body, arena, &resets, &count, err)) &&
         reset_now(s, resets, count, err);
    pthread_mutex_unlock(&s->change);
    if (ok) {
        weir_supervisor_put_id(s->id, out);
    }
    weir_arena_free(arena);
    weir_supervisor_unref(s);
    return ok;
}

bool weir_supervisor_reset(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err)
{
    return reset(ingest, id, NULL, out, err);
}

static json_t *read_json(weir_str text, weir_error *err)
{
    json_error_t at;
    json_t *json = json_loadb(text.at, text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
    if (!json) {
        weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body is not JSON: %s (line %d, column %d)",
                  at.text, at.line, at.column);
    }
    return json;
}

bool weir_supervisor_reset_offsets(weir_ingest *ingest, weir_str id, weir_str body, weir_buf *out,
                                   weir_error *err)
{
    json_t *json = read_json(body, err);
    bool ok = json && reset(ingest, id, json, out, err);
    json_decref(json);
    return ok;
}

bool weir_supervisor_handoff_groups(weir_ingest *ingest, weir_str id, weir_str body, weir_buf *out,
                                    weir_error *err)
{
    weir_members members;
    const json_t *groups = NULL;
    json_t *json = read_json(body, err);
    bool ok = json && weir_members_of(json, "", &members, err) &&
              weir_member_array(&members, "taskGroupIds", &groups, err);
    if (ok && json_array_size(groups) == 0) {
        ok = weir_fail(err, WEIR_ERR_BAD_REQUEST, "List of task groups to handoff can't be empty");
    }
    json_decref(json);
    weir_buf ignored = {0}; /* Druid's answer is empty */
    ok = ok && weir_supervisor_handoff(ingest, id, &ignored, err);
    weir_buf_done(&ignored);
    (void)out;
    return ok;
}

/* Gaps. */

static bool acknowledge(weir_supervisor *s, int64_t version, weir_buf *out, weir_error *err)
{
    if (!weir_table_refresh(s->table, err)) {
        return false;
    }
    weir_log_state *state = weir_table_state(s->table);
    uint64_t newest = weir_log_version(state), upto = version > 0 ? (uint64_t)version : newest;
    weir_gap_figures before = weir_gaps_count(state, s->id);
    weir_log_state_unref(state);
    upto = upto < newest ? upto : newest;
    if (before.open_gaps > 0) {
        weir_commit *commit = weir_commit_new(WEIR_OP_CONFIG, s->ingest->options.clock);
        weir_gaps_acknowledge(commit, s->id, upto);
        if (!weir_supervisor_commit(s, s->table, commit, err)) {
            return false;
        }
    }
    state = weir_table_state(s->table);
    weir_gap_figures after = weir_gaps_count(state, s->id);
    weir_log_state_unref(state);
    weir_json json = {.out = out};
    weir_json_begin_object(&json);
    weir_json_member_str(&json, "id", s->id);
    weir_json_member_long(&json, "acknowledged", (int64_t)(before.open_gaps - after.open_gaps));
    weir_json_member_long(&json, "unacknowledged", (int64_t)after.open_gaps);
    weir_json_end_object(&json);
    return true;
}

bool weir_supervisor_acknowledge(weir_ingest *ingest, weir_str id, weir_str body, weir_buf *out,
                                 weir_error *err)
{
    weir_members members;
    int64_t version = 0;
    json_t *json = body.size > 0 ? read_json(body, err) : NULL;
    bool ok = (body.size == 0 || json) && weir_members_of(json, "", &members, err) &&
              weir_member_long(&members, "version", 1, INT64_MAX, &version, err);
    weir_supervisor *s = ok ? weir_supervisor_find(ingest, id, err) : NULL;
    json_decref(json);
    if (!s) {
        return false;
    }
    pthread_mutex_lock(&s->change);
    ok = acknowledge(s, version, out, err);
    pthread_mutex_unlock(&s->change);
    weir_supervisor_unref(s);
    return ok;
}
