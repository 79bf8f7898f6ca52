/* ingest/audit_topics.c - see include/weir/audit.h: what the log says was read of each partition,
 * compared with the topic. Only ranges of the newest epoch are: those before a reset may be of a
 * topic that is no more. Consumers without a group: nobody notices. */
#include "weir/audit.h"
#include "ingest/kafka.h"
#include "ingest/spec.h"
#include "ingest/worker_parts.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define ASK_MS 10000
#define READ_MS 15000
#define BATCH 4096

typedef struct client { /* of one supervisor's brokers */
    weir_str supervisor;
    rd_kafka_t *rk; /* NULL: there is none, and `why` */
    char why[300];
} client;

typedef struct auditing {
    weir_audit *audit;
    const weir_audit_topics_options *options;
    client *clients;
    size_t client_count;
} auditing;

#define PARTITION "partition %d of topic '%.*s'"
#define PARTITION_ARG(s) (s)->state->source.partition, WEIR_STR_ARG((s)->state->source.topic)

static bool make_client(client *c, const json_t *properties, weir_error *err)
{
    rd_kafka_conf_t *conf = weir_kafka_conf("consumerProperties", properties, err);
    if (!conf) {
        return false;
    }
    c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, c->why, sizeof(c->why));
    if (!c->rk) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ERR_KAFKA, "%s", c->why);
    }
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(c->rk, 0, NULL, &metadata, ASK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(
            err, WEIR_ERR_KAFKA,
            "the brokers of supervisor '%.*s' do not answer (%s); --no-topics leaves them "
            "out",
            WEIR_STR_ARG(c->supervisor), rd_kafka_err2str(code));
    }
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static const weir_supervisor_state *find_supervisor(const weir_audit *a, weir_str id)
{
    size_t count;
    const weir_supervisor_state *all = weir_log_supervisors(a->state, &count);
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(all[i].id, id)) {
            return &all[i];
        }
    }
    return NULL;
}

static bool open_client(const auditing *x, client *c, weir_error *err)
{
    if (x->options->brokers) {
        json_t *properties = json_pack("{s:s}", "bootstrap.servers", x->options->brokers);
        bool ok = make_client(c, properties, err);
        json_decref(properties);
        return ok;
    }
    const weir_supervisor_state *state = find_supervisor(x->audit, c->supervisor);
    weir_error why = {0};
    weir_spec *spec = state && state->spec.size > 0 && !weir_str_is(state->spec, "null")
                          ? weir_spec_parse(state->spec, true, false, &why)
                          : NULL;
    if (!spec) {
        snprintf(c->why, sizeof(c->why),
                 "its supervisor has no spec any more: name the brokers%s%.200s",
                 why.message[0] ? ": " : "", why.message);
        return true;
    }
    bool ok = make_client(c, spec->consumer_properties, err);
    weir_spec_unref(spec);
    return ok;
}

static client *find_client(auditing *x, weir_str supervisor, weir_error *err)
{
    for (size_t i = 0; i < x->client_count; i++) {
        if (weir_str_eq(x->clients[i].supervisor, supervisor)) {
            return &x->clients[i];
        }
    }
    x->clients = weir_realloc(x->clients, (x->client_count + 1) * sizeof(client));
    client *c = &x->clients[x->client_count++];
    *c = (client){.supervisor = supervisor};
    return open_client(x, c, err) ? c : NULL;
}

/* The last record that was read is still the one that was read. */
static void check_anchor(const auditing *x, const weir_audit_source *s, rd_kafka_topic_t *topic)
{
    const weir_anchor *anchor = &s->state->anchor;
    int32_t partition = s->state->source.partition;
    if (!anchor->known || anchor->offset < s->low || anchor->offset >= s->high ||
        rd_kafka_consume_start(topic, partition, anchor->offset) != 0) {
        return;
    }
    rd_kafka_message_t *m = rd_kafka_consume(topic, partition, READ_MS);
    rd_kafka_consume_stop(topic, partition);
    if (m && !m->err && m->offset == anchor->offset) {
        weir_record record = {.offset = m->offset,
                              .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
                              .key = {m->key, m->key ? m->key_len : 0},
                              .value = {m->payload, m->payload ? m->len : 0}};
        if (weir_record_hash(&record) != anchor->xxh3) {
            weir_audit_find(x->audit, "topic",
                            PARTITION ": the record at offset %" PRId64
                                      " is not the one that was read: the topic has changed",
                            PARTITION_ARG(s), anchor->offset);
        }
    }
    if (m) {
        rd_kafka_message_destroy(m);
    }
}

static void tell_id(const auditing *x, const rd_kafka_message_t *m)
{
    char text[64];
    json_t *event = json_loadb(m->payload, m->len, 0, NULL);
    const json_t *id = json_object_getn(event, x->options->ids.at, x->options->ids.size);
    if (json_is_string(id)) {
        x->options->see(x->options->self,
                        (weir_str){json_string_value(id), json_string_length(id)});
    } else if (json_is_integer(id)) {
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(id));
        x->options->see(x->options->self, weir_str_of(text));
    }
    json_decref(event);
}

typedef struct walk { /* over the committed ranges of the newest epoch, as offsets ascend */
    weir_audit_range *at, *end;
} walk;

static bool is_data(const weir_audit_source *s, const weir_audit_range *range)
{
    return range->kind == WEIR_RANGE_DATA && range->epoch == s->state->epoch;
}

/* Whether the offset lies in a committed range; it is counted there. */
static bool take_record(const weir_audit_source *s, walk *w, int64_t offset)
{
    while (w->at < w->end && (!is_data(s, w->at) || w->at->to <= offset)) {
        w->at++;
    }
    if (w->at == w->end || w->at->from > offset) {
        return false;
    }
    w->at->found++;
    return true;
}

/* Reads [from, next). */
static bool read_records(const auditing *x, weir_audit_source *s, rd_kafka_topic_t *topic,
                         int64_t from, weir_error *err)
{
    static rd_kafka_message_t *messages[BATCH];
    int32_t partition = s->state->source.partition;
    walk w = {x->audit->ranges + s->first_range,
              x->audit->ranges + s->first_range + s->range_count};
    bool ok = true, more = from < s->state->next;
    if (more && rd_kafka_consume_start(topic, partition, from) != 0) {
        return weir_fail(err, WEIR_ERR_KAFKA, PARTITION " cannot be read: %s", PARTITION_ARG(s),
                         rd_kafka_err2str(rd_kafka_last_error()));
    }
    bool began = more;
    while (ok && more) {
        rd_kafka_message_t *first = rd_kafka_consume(topic, partition, READ_MS);
        if (!first) {
            ok = weir_fail(err, WEIR_ERR_KAFKA, PARTITION ": no record came within %d s",
                           PARTITION_ARG(s), READ_MS / 1000);
            break;
        }
        messages[0] = first;
        ssize_t n = rd_kafka_consume_batch(topic, partition, 0, messages + 1, BATCH - 1);
        n = n > 0 ? n + 1 : 1;
        for (ssize_t i = 0; i < n; i++) {
            const rd_kafka_message_t *m = messages[i];
            if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                more = false;
            } else if (m->err && ok) {
                ok = weir_fail(err, WEIR_ERR_KAFKA, PARTITION ": %s", PARTITION_ARG(s),
                               rd_kafka_message_errstr(m));
            } else if (!m->err && m->offset >= s->state->next) {
                more = false;
            } else if (!m->err && take_record(s, &w, m->offset)) {
                s->records++;
                if (x->options->ids.size > 0 && m->payload) {
                    tell_id(x, m);
                }
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    if (began) {
        rd_kafka_consume_stop(topic, partition);
    }
    return ok;
}

static void compare_counts(const auditing *x, weir_audit_source *s)
{
    for (size_t i = 0; i < s->range_count; i++) {
        weir_audit_range *range = &x->audit->ranges[s->first_range + i];
        uint64_t taken = range->counts.kept + range->counts.thrown_away + range->counts.unparseable;
        range->whole = is_data(s, range) && range->from >= s->low && range->to <= s->high;
        if (range->whole && range->found != taken) {
            weir_audit_find(
                x->audit, "topic",
                PARTITION ": version %" PRIu64 " took %" PRIu64 " records of offsets [%" PRId64
                          ", %" PRId64 "), the topic has %" PRIu64 " there",
                PARTITION_ARG(s), range->version, taken, range->from, range->to, range->found);
        }
    }
}

static bool audit_source(auditing *x, weir_audit_source *s, weir_error *err)
{
    const weir_source_key *key = &s->state->source;
    client *c = find_client(x, key->supervisor, err);
    if (!c) {
        return false;
    }
    if (!c->rk) {
        s->note = weir_arena_str(x->audit->arena, weir_str_of(c->why));
        return true;
    }
    char *name = weir_arena_text(x->audit->arena, key->topic);
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(c->rk, name, key->partition, &s->low, &s->high, ASK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        s->note = weir_arena_printf(x->audit->arena, "its offsets cannot be asked for: %s",
                                    rd_kafka_err2str(code));
        return true;
    }
    s->asked = true;
    if (s->state->next > s->high) {
        weir_audit_find(x->audit, "topic",
                        PARTITION ": it ends at offset %" PRId64 ", but was read up to %" PRId64
                                  ": the topic has changed, or lost records",
                        PARTITION_ARG(s), s->high, s->state->next);
        return true;
    }
    rd_kafka_topic_t *topic = rd_kafka_topic_new(c->rk, name, NULL);
    check_anchor(x, s, topic);
    bool ok = true;
    if (x->options->read) {
        int64_t from = s->state->next;
        for (size_t i = 0; i < s->range_count; i++) {
            const weir_audit_range *range = &x->audit->ranges[s->first_range + i];
            from = is_data(s, range) && range->from < from ? range->from : from;
        }
        ok = read_records(x, s, topic, from < s->low ? s->low : from, err);
        if (ok) {
            compare_counts(x, s);
        }
    }
    rd_kafka_topic_destroy(topic);
    return ok;
}

bool weir_audit_topics(weir_audit *audit, const weir_audit_topics_options *options, weir_error *err)
{
    auditing x = {.audit = audit, .options = options};
    bool ok = true;
    for (size_t i = 0; ok && i < audit->source_count; i++) {
        ok = audit_source(&x, &audit->sources[i], err);
    }
    for (size_t i = 0; i < x.client_count; i++) {
        if (x.clients[i].rk) {
            rd_kafka_destroy(x.clients[i].rk);
        }
    }
    free(x.clients);
    return ok;
}
