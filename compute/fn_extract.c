/* compute/fn_extract.c - what extraction functions need beyond the expression language.
 * extract-millis(x, as_millis): the time of a value, ISO text or (when as_millis) a number in text.
 * time-convert(x, from, to): text of one pattern as text of another, patterns as ICU's
 * SimpleDateFormat has them; text that cannot be read stays. */
#include <stdlib.h>
#include <unicode/udat.h>
#include <unicode/ustring.h>
#include "compute/calendar.h"
#include "compute/fn_util.h"

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

static bool infer_millis(weir_fn_call *call, weir_error *err)
{
    (void)err;
    weir_type type = call->arg_types[0];
    call->arg_types[0] = weir_type_is_number(type) ? WEIR_TYPE(WEIR_LONG) : WEIR_TYPE(WEIR_STRING);
    call->arg_types[1] = call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

RUN(run_millis)
{
    if (call->arg_types[0].kind == WEIR_LONG) {
        *out = args[0];
        return true;
    }
    bool as_millis = weir_arg_long(&args[1], 0) != 0;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str text = weir_arg_str(&args[0], i);
        if (!(as_millis && weir_text_to_long(text, &values[i])) &&
            !weir_time_parse_iso_like(text, false, &values[i])) {
            return weir_fail(run->err, WEIR_ERR_RUN, "Invalid format: \"%.*s\"",
                             (int)(text.size < 200 ? text.size : 200), text.at);
        }
    }
    return true;
}

/* ---- time-convert ---- */

typedef struct patterns { /* UTF-16, in the program's arena */
    const UChar *from, *to;
    int32_t from_size, to_size;
} patterns;

static const UChar *utf16(weir_arena *arena, weir_str text, int32_t *size)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar *out = WEIR_ARENA_ARRAY(arena, UChar, text.size + 1);
    u_strFromUTF8WithSub(out, (int32_t)text.size + 1, size, text.at, (int32_t)text.size, 0xfffd,
                         NULL, &status);
    return U_SUCCESS(status) ? out : NULL;
}

static UDateFormat *open_format(const UChar *pattern, int32_t size)
{
    static const UChar utc[] = {'U', 'T', 'C'};
    UErrorCode status = U_ZERO_ERROR;
    UDateFormat *format =
        udat_open(UDAT_PATTERN, UDAT_PATTERN, "en", utc, 3, pattern, size, &status);
    return U_SUCCESS(status) ? format : NULL;
}

static bool infer_convert(weir_fn_call *call, weir_error *err)
{
    weir_str text;
    if (!weir_call_literal(call, 1, &text) || !weir_call_literal(call, 2, &text)) {
        return weir_fn_fail(call, err, "needs two constant patterns");
    }
    return weir_infer_strings(call, err);
}

static bool prepare_convert(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    patterns *p = WEIR_ARENA_NEW(arena, patterns);
    weir_str from = {0}, to = {0};
    weir_call_literal(call, 1, &from);
    weir_call_literal(call, 2, &to);
    p->from = utf16(arena, from, &p->from_size);
    p->to = utf16(arena, to, &p->to_size);
    UDateFormat *parser = p->from ? open_format(p->from, p->from_size) : NULL,
                *printer = p->to ? open_format(p->to, p->to_size) : NULL;
    bool ok = parser && printer;
    weir_str bad = parser ? to : from;
    udat_close(parser);
    udat_close(printer);
    call->prepared = p;
    return ok ||
           weir_fail(err, WEIR_ERR_BAD_QUERY, "'%.*s' is no pattern of a time", WEIR_STR_ARG(bad));
}

#define LONGEST 256 /* characters of a time */

/* False: it is no time of that pattern. */
static bool convert(UDateFormat *parser, UDateFormat *printer, weir_str text, weir_buf *out)
{
    UChar units[LONGEST];
    char bytes[LONGEST * 3];
    int32_t size = 0, at = 0;
    UErrorCode status = U_ZERO_ERROR;
    if (text.size > LONGEST) {
        return false;
    }
    u_strFromUTF8WithSub(units, LONGEST, &size, text.at, (int32_t)text.size, 0xfffd, NULL, &status);
    if (U_FAILURE(status)) {
        return false;
    }
    UDate date = udat_parse(parser, units, size, &at, &status);
    if (U_FAILURE(status)) {
        return false;
    }
    size = udat_format(printer, date, units, LONGEST, NULL, &status);
    if (U_FAILURE(status) || size > LONGEST) {
        return false;
    }
    u_strToUTF8(bytes, sizeof(bytes), &at, units, size, &status);
    weir_buf_put(out, bytes, U_SUCCESS(status) ? (size_t)at : 0);
    return U_SUCCESS(status);
}

RUN(run_convert)
{
    const patterns *p = call->prepared; /* formats are one thread's: opened per block */
    UDateFormat *parser = open_format(p->from, p->from_size),
                *printer = open_format(p->to, p->to_size);
    bool ok = parser && printer;
    weir_str *values = weir_out_strings(run, n, out);
    weir_buf text = {0};
    if (!ok) {
        weir_fail(run->err, WEIR_ERR_RUN, "cannot open a time format");
    }
    FOR_ROWS(sel, i)
    {
        text.size = 0;
        if (ok && !convert(parser, printer, weir_arg_str(&args[0], i), &text)) {
            values[i] = weir_arg_str(&args[0], i);
        } else {
            ok = ok && weir_out_copy(run, weir_buf_view(&text), &values[i]);
        }
    }
    weir_buf_done(&text);
    udat_close(parser);
    udat_close(printer);
    return ok;
}

#define FN(text, count, infer_it, prepare_it, run_it)                                              \
    {                                                                                              \
        .name = text, .min_args = count, .max_args = count,                                        \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL, .infer = infer_it,                       \
        .prepare = prepare_it, .run = run_it,                                                      \
    }
static const weir_fn fns[] = {
    FN("extract-millis", 2, infer_millis, NULL, run_millis),
    FN("time-convert", 3, infer_convert, prepare_convert, run_convert),
};
const weir_fn_set weir_fns_extract = WEIR_FN_SET(fns);
