/* base/error.c - see include/weir/error.h. */
#include "weir/error.h"
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *word, *java;
} errors[] = {
    {200, "", ""},
#define X(name, http, word, java) {http, word, java},
    WEIR_ERR_LIST(X)
#undef X
};

bool weir_fail(weir_error *err, weir_err code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
    }
    return false;
}

bool weir_fail_in(weir_error *err, const char *format, ...)
{
    if (err) {
        char context[400], old[sizeof(err->message)];
        va_list args;
        va_start(args, format);
        vsnprintf(context, sizeof(context), format, args);
        va_end(args);
        memcpy(old, err->message, sizeof(old));
        snprintf(err->message, sizeof(err->message), "%s: %.*s", context,
                 (int)(sizeof(err->message) - sizeof(context) - 3), old);
    }
    return false;
}

int weir_err_status(weir_err code)
{
    return errors[code].status;
}

const char *weir_err_word(weir_err code)
{
    return errors[code].word;
}

const char *weir_err_class(weir_err code)
{
    return errors[code].java;
}
