/* ingest/rejects.c - see ingest/rejects.h: a ring per reason, copies cut to 2 KiB, so at most 100 *
 * 6 * 2 KiB a supervisor. */
#include "ingest/rejects.h"
#include "compute/text.h"
#include <pthread.h>
#include <stdlib.h>

typedef struct entry {
    int64_t wall_ms, offset;
    weir_str topic; /* owned; empty: there is only one */
    int32_t partition;
    char *sentence;
    weir_str input;
} entry;

struct weir_rejects {
    const weir_clock *clock;
    pthread_mutex_t lock; /* of all below */
    entry entries[WEIR_REJECT_COUNT][WEIR_REJECTS_KEPT];
    uint64_t added[WEIR_REJECT_COUNT];
};

static const char *const words[] = {
#define X(name, word, counted) word,
    WEIR_REJECT_LIST(X)
#undef X
};

const char *weir_reject_word(weir_reject reason)
{
    return words[reason];
}

weir_rejects *weir_rejects_new(const weir_clock *clock)
{
    weir_rejects *rejects = weir_calloc(1, sizeof(weir_rejects));
    rejects->clock = clock;
    pthread_mutex_init(&rejects->lock, NULL);
    return rejects;
}

static void drop(entry *e)
{
    free(e->sentence);
    free((void *)e->input.at);
    free((void *)e->topic.at);
}

void weir_rejects_free(weir_rejects *rejects)
{
    if (!rejects) {
        return;
    }
    for (int r = 0; r < WEIR_REJECT_COUNT; r++) {
        for (uint32_t i = 0; i < WEIR_REJECTS_KEPT; i++) {
            drop(&rejects->entries[r][i]);
        }
    }
    pthread_mutex_destroy(&rejects->lock);
    free(rejects);
}

void weir_rejects_add(weir_rejects *rejects, weir_reject reason, weir_str topic, int32_t partition,
                      int64_t offset, const char *sentence, weir_str input)
{
    input.size = input.size < WEIR_REJECT_INPUT_MAX ? input.size : WEIR_REJECT_INPUT_MAX;
    entry fresh = {.wall_ms = weir_wall_ms(rejects->clock),
                   .offset = offset,
                   .topic = topic.size > 0 ? weir_str_dup(topic) : (weir_str){0},
                   .partition = partition,
                   .sentence = weir_strdup(sentence),
                   .input = weir_str_dup(input)};
    pthread_mutex_lock(&rejects->lock);
    entry *slot = &rejects->entries[reason][rejects->added[reason]++ % WEIR_REJECTS_KEPT];
    entry old = *slot;
    *slot = fresh;
    pthread_mutex_unlock(&rejects->lock);
    drop(&old);
}

static void print_entry(const entry *e, weir_json *out)
{
    char time[40];
    weir_json_begin_object(out);
    weir_json_member_str(out, "time", (weir_str){time, weir_time_print(time, e->wall_ms)});
    if (e->topic.size > 0) {
        weir_json_member_str(out, "topic", e->topic);
    }
    weir_json_member_long(out, "partition", e->partition);
    weir_json_member_long(out, "offset", e->offset);
    weir_json_member_text(out, "reason", e->sentence);
    weir_json_member_str(out, "input", e->input);
    weir_json_end_object(out);
}

void weir_rejects_print(weir_rejects *rejects, weir_json *out)
{
    weir_json_begin_object(out);
    pthread_mutex_lock(&rejects->lock);
    for (int r = 0; r < WEIR_REJECT_COUNT; r++) {
        uint64_t added = rejects->added[r],
                 kept = added < WEIR_REJECTS_KEPT ? added : WEIR_REJECTS_KEPT;
        weir_json_key(out, weir_str_of(words[r]));
        weir_json_begin_array(out);
        for (uint64_t i = 1; i <= kept; i++) {
            print_entry(&rejects->entries[r][(added - i) % WEIR_REJECTS_KEPT], out);
        }
        weir_json_end_array(out);
    }
    pthread_mutex_unlock(&rejects->lock);
    weir_json_end_object(out);
}

static void print_saved(const entry *e, int reason, weir_json *out)
{
    weir_json_begin_object(out);
    weir_json_member_str(out, "input", e->input);
    weir_json_member_text(out, "errorType", words[reason]);
    weir_json_key(out, WEIR_STR("details"));
    weir_json_begin_array(out);
    weir_json_str(out, weir_str_of(e->sentence));
    weir_json_end_array(out);
    weir_json_member_long(out, "timeOfExceptionMillis", e->wall_ms);
    weir_json_end_object(out);
}

void weir_rejects_print_saved(weir_rejects *rejects, int64_t most, weir_json *out)
{
    static const int reasons[] = {WEIR_REJECT_UNPARSEABLE, WEIR_REJECT_WITH_ERROR};
    weir_json_begin_array(out);
    pthread_mutex_lock(&rejects->lock);
    for (size_t r = 0; r < 2; r++) {
        uint64_t added = rejects->added[reasons[r]],
                 kept = added < WEIR_REJECTS_KEPT ? added : WEIR_REJECTS_KEPT;
        for (uint64_t i = 1; i <= kept && most > 0; i++, most--) {
            print_saved(&rejects->entries[reasons[r]][(added - i) % WEIR_REJECTS_KEPT], reasons[r],
                        out);
        }
    }
    pthread_mutex_unlock(&rejects->lock);
    weir_json_end_array(out);
}
