/* ingest/kafka_topics.c - see ingest/kafka_topics.h. A pattern is matched here and not by
 * librdkafka, whose expressions are POSIX's and not Java's; the consumer subscribes to the names
 * that were found, and again when they change. */
#include "ingest/kafka_topics.h"
#include "compute/regex.h"
#include <assert.h>
#include <stdlib.h>

typedef struct topic {
    weir_str name;             /* with a 0 at the end */
    int32_t *numbers;          /* by partition; -1: not seen yet */
    uint32_t room, partitions; /* partitions: as the broker said last */
    bool found, seen;          /* seen: by the discovery under way */
    uint8_t missed;
} topic;

struct weir_kafka_topics {
    weir_arena *arena;
    weir_str text;
    const weir_regex *pattern; /* NULL: one topic */
    topic *topics;
    uint32_t topic_count;
    struct named {
        uint32_t topic;
        int32_t partition;
    } * names; /* by number */
    uint32_t name_count;
    bool discovered;
};

weir_kafka_topics *weir_kafka_topics_new(weir_str text, bool is_pattern, weir_error *err)
{
    weir_kafka_topics *t = weir_calloc(1, sizeof(*t));
    t->arena = weir_arena_new();
    t->text = weir_arena_str(t->arena, text);
    if (is_pattern) {
        weir_str whole = weir_arena_printf(t->arena, "\\A(?:%.*s)\\z", WEIR_STR_ARG(text));
        t->pattern = weir_regex_new(t->arena, whole, err);
        if (!t->pattern) {
            weir_kafka_topics_free(t);
            return NULL;
        }
    }
    return t;
}

void weir_kafka_topics_free(weir_kafka_topics *t)
{
    if (t) {
        for (uint32_t i = 0; i < t->topic_count; i++) {
            free(t->topics[i].numbers);
        }
        free(t->topics);
        free(t->names);
        weir_arena_free(t->arena);
        free(t);
    }
}

const char *weir_kafka_topics_text(const weir_kafka_topics *t)
{
    return t->text.at;
}

/* Numbers. */

static topic *find_topic(weir_kafka_topics *t, weir_str name, uint32_t *index)
{
    for (*index = 0; *index < t->topic_count; (*index)++) {
        if (weir_str_eq(t->topics[*index].name, name)) {
            return &t->topics[*index];
        }
    }
    return NULL;
}

static topic *add_topic(weir_kafka_topics *t, weir_str name)
{
    t->topics = weir_realloc(t->topics, (t->topic_count + 1u) * sizeof(*t->topics));
    topic *added = &t->topics[t->topic_count++];
    *added = (topic){.name = weir_arena_str(t->arena, name)};
    return added;
}

int32_t weir_kafka_topics_number(weir_kafka_topics *t, weir_str name, int32_t partition)
{
    uint32_t index;
    if (!t->pattern || partition < 0) {
        return weir_str_eq(name, t->text) ? partition : -1;
    }
    topic *of = find_topic(t, name, &index);
    of = of ? of : add_topic(t, name);
    if ((uint32_t)partition >= of->room) {
        uint32_t room = (uint32_t)partition + 8;
        of->numbers = weir_realloc(of->numbers, room * sizeof(*of->numbers));
        for (; of->room < room; of->room++) {
            of->numbers[of->room] = -1;
        }
    }
    if (of->numbers[partition] < 0) {
        t->names = weir_realloc(t->names, (t->name_count + 1) * sizeof(*t->names));
        t->names[t->name_count] = (struct named){index, partition};
        of->numbers[partition] = (int32_t)t->name_count++;
    }
    return of->numbers[partition];
}

weir_topic_partition weir_kafka_topics_name(const weir_kafka_topics *t, int32_t number)
{
    if (!t->pattern) {
        return (weir_topic_partition){t->text, number};
    }
    assert(number >= 0 && (uint32_t)number < t->name_count);
    const struct named *named = &t->names[number];
    return (weir_topic_partition){t->topics[named->topic].name, named->partition};
}

const char *weir_kafka_topics_topic(const weir_kafka_topics *t, int32_t number)
{
    return weir_kafka_topics_name(t, number).topic.at;
}

/* Discovery. */

static bool matches(const weir_kafka_topics *t, const char *name)
{
    weir_error ignored; /* a match that took too long: none */
    weir_regex_match match;
    bool found = false;
    if (strncmp(name, "__", 2) == 0 && strncmp(t->text.at, "__", 2) != 0) {
        return false;
    }
    return weir_regex_find(t->pattern, weir_str_of(name), 0, &found, &match, &ignored) && found;
}

static void see(weir_kafka_topics *t, const rd_kafka_metadata_topic_t *seen)
{
    uint32_t index;
    if (seen->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || !matches(t, seen->topic)) {
        return;
    }
    topic *of = find_topic(t, weir_str_of(seen->topic), &index);
    of = of ? of : add_topic(t, weir_str_of(seen->topic));
    of->seen = true;
    of->partitions = (uint32_t)seen->partition_cnt;
}

bool weir_kafka_topics_discover(weir_kafka_topics *t, rd_kafka_t *client, int wait_ms,
                                bool *changed, weir_error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, wait_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(err, WEIR_ERR_KAFKA,
                         "topicPattern '%s': the topics cannot be asked for: %s", t->text.at,
                         rd_kafka_err2str(code));
    }
    for (int i = 0; i < metadata->topic_cnt; i++) {
        see(t, &metadata->topics[i]);
    }
    rd_kafka_metadata_destroy(metadata);
    *changed = !t->discovered;
    t->discovered = true;
    for (uint32_t i = 0; i < t->topic_count; i++) {
        topic *of = &t->topics[i];
        of->missed = of->seen ? 0 : of->missed < 2 ? of->missed + 1 : 2;
        bool found = of->seen || (of->found && of->missed < 2);
        *changed = *changed || found != of->found;
        of->found = found;
        of->seen = false;
    }
    return true;
}

uint32_t weir_kafka_topics_found(const weir_kafka_topics *t)
{
    uint32_t found = t->pattern ? 0 : 1;
    for (uint32_t i = 0; i < t->topic_count; i++) {
        found += t->topics[i].found;
    }
    return found;
}

uint32_t weir_kafka_topics_partitions(const weir_kafka_topics *t)
{
    uint32_t partitions = 0;
    for (uint32_t i = 0; i < t->topic_count; i++) {
        partitions += t->topics[i].found ? t->topics[i].partitions : 0;
    }
    return partitions;
}

rd_kafka_topic_partition_list_t *weir_kafka_topics_list(const weir_kafka_topics *t)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    if (!t->pattern) {
        rd_kafka_topic_partition_list_add(list, t->text.at, RD_KAFKA_PARTITION_UA);
    }
    for (uint32_t i = 0; i < t->topic_count; i++) {
        if (t->topics[i].found) {
            rd_kafka_topic_partition_list_add(list, t->topics[i].name.at, RD_KAFKA_PARTITION_UA);
        }
    }
    return list;
}
