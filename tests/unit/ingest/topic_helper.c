/* tests/unit/ingest/topic_helper.c */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "topic_helper.h"

#define PARTITIONS_MAX 8
#define BATCH_MAX 100

typedef struct stored_record {
    int64_t offset;
    char *value;
} stored_record;
typedef struct partition {
    stored_record *records;
    uint32_t count, capacity;
    int64_t low, high, stored;
} partition;
struct topic {
    pthread_mutex_t lock; /* of all below: a supervisor's thread polls while the test puts */
    partition partitions[PARTITIONS_MAX];
    int32_t partition_count;
    uint32_t opened;
    bool unreachable, absent[PARTITIONS_MAX];
    const char *const *names;
    uint8_t pending; /* weir_source_event_kind of the group; NOTHING: none */
};
typedef struct source {
    weir_event_source base;
    topic *topic;
    int32_t all[PARTITIONS_MAX];
    bool assigned[PARTITIONS_MAX], told_end[PARTITIONS_MAX];
    int64_t next[PARTITIONS_MAX];
    weir_record batch[BATCH_MAX];
    int32_t one;
} source;

topic *topic_new(int32_t partitions)
{
    topic *t = weir_calloc(1, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
    t->partition_count = partitions;
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        t->partitions[i].stored = -1;
    }
    return t;
}

static void empty(partition *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        free(p->records[i].value);
    }
    free(p->records);
    *p = (partition){.stored = p->stored};
}

void topic_free(topic *t)
{
    assert(t->opened == 0);
    for (int i = 0; i < PARTITIONS_MAX; i++) {
        empty(&t->partitions[i]);
    }
    free(t);
}

int64_t topic_put(topic *t, int32_t number, const char *value)
{
    pthread_mutex_lock(&t->lock);
    partition *p = &t->partitions[number];
    if (p->count == p->capacity) {
        p->capacity = p->capacity * 2 + 64;
        p->records = weir_realloc(p->records, p->capacity * sizeof(*p->records));
    }
    p->records[p->count++] = (stored_record){p->high, value ? weir_strdup(value) : NULL};
    int64_t offset = p->high++;
    pthread_mutex_unlock(&t->lock);
    return offset;
}

void topic_skip(topic *t, int32_t number, int64_t count)
{
    pthread_mutex_lock(&t->lock);
    t->partitions[number].high += count;
    pthread_mutex_unlock(&t->lock);
}

void topic_trim(topic *t, int32_t number, int64_t low)
{
    pthread_mutex_lock(&t->lock);
    t->partitions[number].low = low;
    pthread_mutex_unlock(&t->lock);
}

void topic_remake(topic *t)
{
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < t->partition_count; i++) {
        empty(&t->partitions[i]);
    }
    pthread_mutex_unlock(&t->lock);
}

void topic_assign(topic *t)
{
    pthread_mutex_lock(&t->lock);
    t->pending = WEIR_SOURCE_ASSIGNED;
    pthread_mutex_unlock(&t->lock);
}

void topic_name_each(topic *t, const char *const *names)
{
    t->names = names;
}

void topic_absent(topic *t, int32_t number, bool yes)
{
    pthread_mutex_lock(&t->lock);
    t->absent[number] = yes;
    pthread_mutex_unlock(&t->lock);
}

void topic_grow(topic *t, int32_t partitions)
{
    pthread_mutex_lock(&t->lock);
    t->partition_count = partitions;
    t->pending = WEIR_SOURCE_ASSIGNED;
    pthread_mutex_unlock(&t->lock);
}

void topic_revoke(topic *t)
{
    pthread_mutex_lock(&t->lock);
    t->pending = WEIR_SOURCE_REVOKED;
    pthread_mutex_unlock(&t->lock);
}

void topic_lose(topic *t)
{
    pthread_mutex_lock(&t->lock);
    t->pending = WEIR_SOURCE_LOST;
    pthread_mutex_unlock(&t->lock);
}

void topic_unreachable(topic *t, bool yes)
{
    pthread_mutex_lock(&t->lock);
    t->unreachable = yes;
    pthread_mutex_unlock(&t->lock);
}

uint32_t topic_opened(const topic *t)
{
    return t->opened;
}

int64_t topic_stored(const topic *t, int32_t number)
{
    return t->partitions[number].stored;
}

static weir_record record_of(int32_t number, const stored_record *r)
{
    return (weir_record){.partition = number,
                         .offset = r->offset,
                         .timestamp_ms = 1000 + r->offset,
                         .value = r->value ? weir_str_of(r->value) : (weir_str){0}};
}

static bool poll_partition(source *s, int32_t number, weir_source_event *out)
{
    partition *p = &s->topic->partitions[number];
    s->one = number;
    out->partitions = &s->one;
    out->partition_count = 1;
    if (s->next[number] < p->low || s->next[number] > p->high) {
        s->assigned[number] = false;
        out->kind = WEIR_SOURCE_OUT_OF_RANGE;
        out->offset = s->next[number];
        weir_fail(&out->err, WEIR_ERR_KAFKA, "out of range");
        return true;
    }
    for (uint32_t i = 0; i < p->count && out->record_count < BATCH_MAX; i++) {
        if (p->records[i].offset >= s->next[number]) {
            s->batch[out->record_count++] = record_of(number, &p->records[i]);
        }
    }
    if (out->record_count > 0) {
        out->kind = WEIR_SOURCE_RECORDS;
        out->records = s->batch;
        s->next[number] = s->batch[out->record_count - 1].offset + 1;
        s->told_end[number] = false;
        return true;
    }
    if (!s->told_end[number]) {
        s->told_end[number] = true;
        s->next[number] = p->high;
        out->kind = WEIR_SOURCE_EOF;
        out->offset = p->high;
        return true;
    }
    s->told_end[number] = s->next[number] == p->high;
    return false;
}

static void poll_locked(source *s, bool take_records, weir_source_event *out)
{
    if (s->topic->pending != WEIR_SOURCE_NOTHING) {
        out->kind = s->topic->pending;
        out->partitions = s->all;
        out->partition_count = (uint32_t)s->topic->partition_count;
        s->topic->pending = WEIR_SOURCE_NOTHING;
        return;
    }
    for (int32_t i = 0; take_records && i < s->topic->partition_count; i++) {
        if (s->assigned[i] && poll_partition(s, i, out)) {
            return;
        }
    }
}

static void source_poll(weir_event_source *self, int wait_ms, bool take_records,
                        weir_source_event *out)
{
    source *s = (source *)self;
    *out = (weir_source_event){0};
    pthread_mutex_lock(&s->topic->lock);
    poll_locked(s, take_records, out);
    pthread_mutex_unlock(&s->topic->lock);
    if (out->kind == WEIR_SOURCE_NOTHING && wait_ms > 0) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static bool source_assign(weir_event_source *self, const int32_t *partitions,
                          const int64_t *offsets, uint32_t count, weir_error *err)
{
    source *s = (source *)self;
    (void)err;
    memset(s->assigned, 0, sizeof(s->assigned));
    memset(s->told_end, 0, sizeof(s->told_end));
    for (uint32_t i = 0; i < count; i++) {
        s->assigned[partitions[i]] = true;
        s->next[partitions[i]] = offsets[i];
    }
    return true;
}

static bool source_give(weir_event_source *self, weir_error *err)
{
    return source_assign(self, NULL, NULL, 0, err);
}

static bool source_watermarks(weir_event_source *self, int32_t number, int64_t *low, int64_t *high,
                              weir_error *err)
{
    topic *t = ((source *)self)->topic;
    pthread_mutex_lock(&t->lock);
    *low = t->partitions[number].low;
    *high = t->partitions[number].high;
    bool reached = !t->unreachable, absent = t->absent[number];
    pthread_mutex_unlock(&t->lock);
    if (absent) {
        return weir_fail(err, WEIR_ERR_NOT_FOUND, "there is no such topic");
    }
    return reached || weir_fail(err, WEIR_ERR_KAFKA, "the broker does not answer");
}

static bool source_watermarks_known(weir_event_source *self, int32_t number, int64_t *low,
                                    int64_t *high)
{
    return source_watermarks(self, number, low, high, NULL);
}

static bool source_read_one(weir_event_source *self, int32_t number, int64_t offset,
                            weir_record *out, weir_error *err)
{
    topic *t = ((source *)self)->topic;
    const partition *p = &t->partitions[number];
    bool found = false;
    (void)err;
    pthread_mutex_lock(&t->lock);
    for (uint32_t i = 0; !found && i < p->count; i++) {
        found = p->records[i].offset >= offset;
        if (found) {
            *out = record_of(number, &p->records[i]);
        }
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

static void source_store(weir_event_source *self, const int32_t *partitions, const int64_t *offsets,
                         uint32_t count)
{
    topic *t = ((source *)self)->topic;
    pthread_mutex_lock(&t->lock);
    for (uint32_t i = 0; i < count; i++) {
        t->partitions[partitions[i]].stored = offsets[i];
    }
    pthread_mutex_unlock(&t->lock);
}

static uint32_t source_members(weir_event_source *self)
{
    (void)self;
    return 1;
}

static void source_close(weir_event_source *self, bool leave)
{
    (void)leave;
    topic *t = ((source *)self)->topic;
    pthread_mutex_lock(&t->lock);
    t->opened--;
    pthread_mutex_unlock(&t->lock);
    free(self);
}

static weir_topic_partition source_name(weir_event_source *self, int32_t number)
{
    return (weir_topic_partition){weir_str_of(((source *)self)->topic->names[number]), 0};
}

static int32_t source_number(weir_event_source *self, const weir_topic_partition *name)
{
    const topic *t = ((source *)self)->topic;
    for (int32_t i = 0; i < t->partition_count; i++) {
        if (weir_str_is(name->topic, t->names[i]) && name->partition == 0) {
            return i;
        }
    }
    return -1;
}

weir_event_source *topic_open(void *self, const weir_source_options *options, weir_error *err)
{
    static const weir_event_source_ops one = {.poll = source_poll,
                                              .assign = source_assign,
                                              .give = source_give,
                                              .watermarks = source_watermarks,
                                              .watermarks_known = source_watermarks_known,
                                              .read_one = source_read_one,
                                              .store_offsets = source_store,
                                              .members = source_members,
                                              .close = source_close};
    static weir_event_source_ops many; /* the same, and names */
    many = one;
    many.name = source_name;
    many.number = source_number;
    source *s = weir_calloc(1, sizeof(*s));
    (void)options, (void)err;
    s->topic = self;
    s->base.ops = s->topic->names ? &many : &one;
    for (int32_t i = 0; i < PARTITIONS_MAX; i++) {
        s->all[i] = i;
    }
    pthread_mutex_lock(&s->topic->lock);
    s->topic->opened++;
    pthread_mutex_unlock(&s->topic->lock);
    topic_assign(s->topic);
    return &s->base;
}

static void run_to_end(weir_job *job)
{
    int64_t wait_ms;
    for (int i = 0; i < 1000 && !job->step(job, &wait_ms); i++) {
    }
    job->done = true;
}

static void start_at_once(void *self, weir_job *job)
{
    (void)self;
    run_to_end(job);
}

static void join_nothing(void *self, weir_job *job)
{
    (void)self, (void)job;
}

const weir_jobs topic_jobs_at_once = {NULL, start_at_once, join_nothing};

static void hold(void *self, weir_job *job)
{
    held_jobs *held = self;
    assert(held->count < 16);
    held->jobs[held->count++] = job;
}

weir_jobs topic_jobs_held(held_jobs *held)
{
    return (weir_jobs){held, hold, join_nothing};
}

void held_jobs_run(held_jobs *held)
{
    for (int i = 0; i < held->count; i++) {
        run_to_end(held->jobs[i]);
    }
    held->count = 0;
}
