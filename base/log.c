/* base/log.c - see include/weir/log.h. */
#include "weir/log.h"
#include "weir/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static _Atomic int least_level = WEIR_INFO;
static _Atomic bool json_lines;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void weir_log_setup(weir_level least, bool as_json)
{
    least_level = (int)least;
    json_lines = as_json;
}

bool weir_log_level(const char *name, weir_level *out)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (weir_level)i;
            return true;
        }
    }
    return false;
}

static void write_line(weir_level level, const char *room, const char *sentence)
{
    struct timespec now;
    struct tm parts;
    char when[32], stamp[48];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(stamp, sizeof(stamp), "%s.%03ldZ", when, now.tv_nsec / 1000000);
    weir_buf line = {0};
    if (json_lines) {
        weir_json json = {.out = &line};
        weir_json_begin_object(&json);
        weir_json_member_text(&json, "time", stamp);
        weir_json_member_text(&json, "level", level_names[level]);
        weir_json_member_text(&json, "room", room);
        weir_json_member_text(&json, "message", sentence);
        weir_json_end_object(&json);
        weir_buf_byte(&line, '\n');
    } else {
        weir_buf_printf(&line, "%s %-5s %-8s %s\n", stamp, level_names[level], room, sentence);
    }
    ssize_t written = write(STDERR_FILENO, line.at, line.size);
    (void)written; /* nowhere left to say it */
    weir_buf_done(&line);
}

void weir_log(weir_level level, const char *room, const char *format, ...)
{
    if ((int)level < least_level) {
        return;
    }
    char sentence[2000];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    write_line(level, room, sentence);
}

void weir_die(const char *format, ...)
{
    char sentence[1000];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(sentence, sizeof(sentence) - 1, format, args);
    va_end(args);
    size = size < 0 ? 0 : size > 998 ? 998 : size;
    sentence[size] = '\n';
    ssize_t written = write(STDERR_FILENO, sentence, (size_t)size + 1); /* no allocation here */
    (void)written;
    abort();
}
