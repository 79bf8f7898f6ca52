/* include/weir/log.h - structured lines on stderr: time, level, room, sentence, then key=value pairs that the caller formats.
 * {"format":"json"} in the config prints one JSON object a line instead. Thread-safe; each line is one write. */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H
#include "weir/error.h"

typedef enum weir_level { WEIR_DEBUG, WEIR_INFO, WEIR_WARN, WEIR_ERROR } weir_level;

void weir_log_setup(weir_level least, bool as_json);
bool weir_log_level(const char *name, weir_level *out); /* "debug" "info" "warn" "error" */
void weir_log(weir_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Says why and ends the process: for our own mistakes and out of memory only. */
_Noreturn void weir_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
