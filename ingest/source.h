/* ingest/source.h - where events come from, behind a table of functions: Kafka (kafka.c), or a simulation's topic.
 * One consumer, one thread: all calls come from the thread that owns it. docs/PROTOCOL.md, section 6. */
#ifndef INGEST_SOURCE_H
#define INGEST_SOURCE_H
#include "weir/table_log.h"

/* A source numbers its partitions: with one topic the number is the partition's own, with topicPattern they count as they are first seen. Below and in
 * the worker `partition` is such a number; name() tells what it means. */
typedef struct weir_topic_partition {
    weir_str topic; /* borrowed until the source is closed */
    int32_t partition;
} weir_topic_partition;
typedef struct weir_record {
    int32_t partition;
    int64_t offset, timestamp_ms;
    weir_str key, value; /* value.at NULL: tombstone */
} weir_record;

typedef enum weir_source_event_kind {
    WEIR_SOURCE_NOTHING,      /* nothing within the wait */
    WEIR_SOURCE_RECORDS,      /* a batch; borrowed until the next call */
    WEIR_SOURCE_ASSIGNED,     /* partitions given; answer with assign() naming each offset */
    WEIR_SOURCE_REVOKED,      /* partitions to be taken; hand off, then give() them up */
    WEIR_SOURCE_LOST,         /* taken already */
    WEIR_SOURCE_EOF,          /* partition, offset: its end for now */
    WEIR_SOURCE_OUT_OF_RANGE, /* partition: its offset is not in the topic */
    WEIR_SOURCE_ERROR,        /* sentence in err; the consumer goes on by itself */
    WEIR_SOURCE_FENCED,       /* another process joined the group under our name: it has the partitions now */
    WEIR_SOURCE_FATAL,        /* the consumer is broken: the supervisor must act */
} weir_source_event_kind;
typedef struct weir_source_event {
    uint8_t kind;
    const weir_record *records;
    uint32_t record_count;
    const int32_t *partitions;
    uint32_t partition_count;
    int64_t offset;
    weir_error err;
} weir_source_event;

typedef struct weir_event_source weir_event_source;
typedef struct weir_event_source_ops {
    /* Next thing, waiting at most wait_ms. take_records false: backpressure, only the group's events are polled. */
    void (*poll)(weir_event_source *source, int wait_ms, bool take_records, weir_source_event *out);
    /* The whole assignment anew; each partition begins at its offset. */
    bool (*assign)(weir_event_source *source, const int32_t *partitions, const int64_t *offsets, uint32_t count, weir_error *err);
    bool (*give)(weir_event_source *source, weir_error *err); /* after REVOKED or LOST: unassign */
    bool (*watermarks)(weir_event_source *source, int32_t partition, int64_t *low, int64_t *high, weir_error *err); /* asks the broker; high: read_committed end. NOT_FOUND: there is no such topic or partition */
    bool (*watermarks_known)(weir_event_source *source, int32_t partition, int64_t *low, int64_t *high); /* as last seen, no I/O */
    /* The record at an offset or the first after it, by itself (anchors). False without err set: none within the wait. */
    bool (*read_one)(weir_event_source *source, int32_t partition, int64_t offset, weir_record *out, weir_error *err);
    void (*store_offsets)(weir_event_source *source, const int32_t *partitions, const int64_t *offsets, uint32_t count); /* for monitors; errors ignored */
    uint32_t (*members)(weir_event_source *source); /* of the group that hold partitions, as far as known; 1 when alone */
    void (*close)(weir_event_source *source, bool leave); /* leave: unsubscribe so that others take over at once */
    /* Both NULL: one topic, the options'. number: also of a partition that is not assigned; -1: of a topic that is not read. */
    weir_topic_partition (*name)(weir_event_source *source, int32_t partition);
    int32_t (*number)(weir_event_source *source, const weir_topic_partition *name);
} weir_event_source_ops;
struct weir_event_source {
    const weir_event_source_ops *ops;
};
typedef struct weir_source_options {
    weir_str topic, group_id, instance_id;
    bool is_pattern; /* topic is Java's regular expression of many; it must match the whole name */
    const struct json_t *consumer_properties; /* the spec's */
    bool if_free;          /* open fails while another process is in the group under this instance_id (it may ask the broker, for seconds) */
    size_t prefetch_bytes; /* memory of records that wait to be taken; 0: plenty */
} weir_source_options;
/* Properties that Kafka does not know are a warning, wrong values BAD_REQUEST naming "<where>.X". No I/O. */
bool weir_kafka_check(const char *where, const struct json_t *consumer_properties, weir_error *err);
bool weir_kafka_check_pattern(weir_str pattern, weir_error *err); /* BAD_REQUEST */
weir_event_source *weir_kafka_open(const weir_source_options *options, weir_error *err);
/* What opens sources; the simulation has its own. */
typedef weir_event_source *(*weir_source_open)(void *self, const weir_source_options *options, weir_error *err);
#endif
