/* include/weir/error.h - what went wrong, said once, by whoever saw it first.
 * A function that can fail returns bool and takes `weir_error *err` last; everyone above just returns false.
 * Codes are few: each says who can act and which of Druid's error bodies is printed (web/reply.c, query/answer.c). */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* name, HTTP status, Druid's `error` member, Druid's `errorClass` (shared/WIRE: "Errors"). */
#define WEIR_ERR_LIST(X)                                                                               \
    X(BAD_JSON, 400, "Json parse failed", "com.fasterxml.jackson.core.JsonParseException")             \
    X(BAD_QUERY, 500, "Unknown exception", "com.fasterxml.jackson.databind.exc.ValueInstantiationException") \
    X(BAD_CONTEXT, 400, "Query context parse failed", "org.apache.druid.query.BadQueryContextException") \
    X(BAD_REQUEST, 400, "invalidInput", "org.apache.druid.error.InvalidInput")                         \
    X(NOT_FOUND, 404, "notFound", "org.apache.druid.error.NotFound")                                   \
    X(EXISTS, 400, "entryAlreadyExists", "org.apache.druid.error.DruidException")                      \
    X(CONFLICT, 409, "conflict", "org.apache.druid.error.DruidException")                              \
    X(RUN, 500, "Unknown exception", "org.apache.druid.java.util.common.RE")                           \
    X(ARGUMENT, 500, "Unknown exception", "org.apache.druid.java.util.common.IAE")                     \
    X(TIMEOUT, 504, "Query timeout", "org.apache.druid.query.QueryTimeoutException")                   \
    X(CANCELLED, 500, "Query cancelled", "org.apache.druid.query.QueryInterruptedException")           \
    X(RESOURCE, 400, "Resource limit exceeded", "org.apache.druid.query.ResourceLimitExceededException") \
    X(CAPACITY, 429, "Query capacity exceeded", "org.apache.druid.query.QueryCapacityExceededException") \
    X(UNSUPPORTED, 501, "Unsupported operation", "org.apache.druid.query.QueryUnsupportedException")   \
    X(CORRUPT, 500, "Unknown exception", "org.apache.druid.java.util.common.ISE")                      \
    X(STORE, 500, "Unknown exception", "java.io.IOException")                                          \
    X(REFUSED, 500, "Unknown exception", "java.nio.file.AccessDeniedException")                         \
    X(KAFKA, 500, "Unknown exception", "org.apache.kafka.common.KafkaException")                       \
    X(INTERNAL, 500, "Unknown exception", "java.lang.IllegalStateException")

typedef enum weir_err {
    WEIR_OK,
#define X(name, http, word, java) WEIR_ERR_##name,
    WEIR_ERR_LIST(X)
#undef X
} weir_err;

typedef struct weir_error {
    weir_err code;
    char message[1000]; /* one sentence that names the thing; cut, never overrun */
} weir_error;

/* Writes the sentence and the code; always returns false, so that `return weir_fail(...)` reads well. err may be NULL. */
bool weir_fail(weir_error *err, weir_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "context: " before a sentence that is already there. Returns false. */
bool weir_fail_in(weir_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
int weir_err_status(weir_err code);        /* HTTP status; 200 for WEIR_OK */
const char *weir_err_word(weir_err code);  /* Druid's `error` */
const char *weir_err_class(weir_err code); /* Druid's `errorClass` */
#endif
