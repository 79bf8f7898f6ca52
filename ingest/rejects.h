/* ingest/rejects.h - why an event did not become a row (or only in part), in Druid's words; the last 100 of each reason are kept for inspection. */
#ifndef INGEST_REJECTS_H
#define INGEST_REJECTS_H
#include "weir/buf.h"
#include "weir/clock.h"

#define WEIR_REJECT_LIST(X) /* name, word, counted as: u unparseable, t thrown away, e processed with error */ \
    X(UNPARSEABLE, "unparseable", u)                                                                           \
    X(WITH_ERROR, "processedWithError", e)                                                                     \
    X(EMPTY, "null", t)                                                                                        \
    X(LATE, "beforeMinimumMessageTime", t)                                                                     \
    X(EARLY, "afterMaximumMessageTime", t)                                                                     \
    X(FILTERED, "filtered", t)
typedef enum weir_reject {
#define X(name, word, counted) WEIR_REJECT_##name,
    WEIR_REJECT_LIST(X)
#undef X
    WEIR_REJECT_COUNT
} weir_reject;
const char *weir_reject_word(weir_reject reason);

/* Told of each event that is rejected, with the number of its record in the batch. */
typedef struct weir_reject_sink {
    void (*call)(void *self, weir_reject reason, uint32_t record, const char *sentence);
    void *self;
} weir_reject_sink;

#define WEIR_REJECTS_KEPT 100u
#define WEIR_REJECT_INPUT_MAX 2048u /* bytes of the event that are kept */
typedef struct weir_rejects weir_rejects; /* any thread */
weir_rejects *weir_rejects_new(const weir_clock *clock);
void weir_rejects_free(weir_rejects *rejects);
/* topic: empty where there is only one. */
void weir_rejects_add(weir_rejects *rejects, weir_reject reason, weir_str topic, int32_t partition, int64_t offset, const char *sentence, weir_str input);
/* {"unparseable":[{"time","topic" (if there are several),"partition","offset","reason","input"}...newest first], ...}: every reason is there. */
void weir_rejects_print(weir_rejects *rejects, weir_json *out);
/* As a task's report has them: [{"input","errorType","details","timeOfExceptionMillis"}...], `most` at most: the unparseable ones, then those with errors. */
void weir_rejects_print_saved(weir_rejects *rejects, int64_t most, weir_json *out);
#endif
