/* query/native_extract.c - extraction functions as expressions over their input, a table row per
 * type. */
#include "query/native_json.h"

static const weir_expr *call1(weir_native *n, const char *fn, const weir_expr *input)
{
    return weir_expr_call(n->arena, fn, 1, &input);
}

static const weir_expr *text_const(weir_native *n, weir_str text)
{
    return weir_expr_const(n->arena, weir_value_str(text));
}

static bool parse_identity(weir_native *n, const weir_at *at, const json_t *json,
                           const weir_expr *input, const weir_expr **out)
{
    (void)n;
    (void)at;
    (void)json;
    *out = input;
    return true;
}

static bool parse_case(weir_native *n, const weir_at *at, const json_t *json,
                       const weir_expr *input, const weir_expr **out)
{
    weir_str locale;
    if (!weir_native_text(n, at, json, "locale", &locale)) {
        return false;
    }
    if (locale.size) {
        return weir_native_unsupported(n, WEIR_AT(at, "locale"),
                                       "case mapping by locale is not supported yet");
    }
    *out = call1(n, json_string_value(json_object_get(json, "type")),
                 weir_native_cast(n, input, "STRING"));
    return true;
}

static bool parse_strlen(weir_native *n, const weir_at *at, const json_t *json,
                         const weir_expr *input, const weir_expr **out)
{
    (void)at;
    (void)json;
    *out = weir_native_cast(n, call1(n, "strlen", weir_native_cast(n, input, "STRING")), "STRING");
    return true;
}

static bool parse_substring(weir_native *n, const weir_at *at, const json_t *json,
                            const weir_expr *input, const weir_expr **out)
{
    int64_t index, length;
    if (!weir_native_long(n, at, json, "index", -1, &index) ||
        !weir_native_long(n, at, json, "length", -1, &length)) {
        return false;
    }
    if (index < 0 || (weir_native_get(json, "length", NULL) && length <= 0)) {
        return weir_native_fail(n, at,
                                "needs an 'index' that is not negative and a 'length' above 0");
    }
    const weir_expr *args[] = {weir_native_cast(n, input, "STRING"),
                               weir_expr_const(n->arena, weir_value_long(index)),
                               weir_expr_const(n->arena, weir_value_long(length))};
    *out = weir_expr_call(n->arena, "substring", 3, args);
    return true;
}

/* Joda pattern, zone; without a pattern ISO. */
static bool parse_time_format(weir_native *n, const weir_at *at, const json_t *json,
                              const weir_expr *input, const weir_expr **out)
{
    weir_str format, zone, locale;
    if (!weir_native_text(n, at, json, "format", &format) ||
        !weir_native_text(n, at, json, "timeZone", &zone) ||
        !weir_native_text(n, at, json, "locale", &locale)) {
        return false;
    }
    if (weir_native_get(json, "granularity", NULL)) {
        return weir_native_unsupported(n, WEIR_AT(at, "granularity"),
                                       "timeFormat with a granularity is not supported yet");
    }
    const weir_expr *args[] = {
        input, text_const(n, format.at ? format : WEIR_STR("yyyy-MM-dd'T'HH:mm:ss.SSSZZ")),
        text_const(n, zone.at ? zone : WEIR_STR("UTC"))};
    *out = weir_expr_call(n->arena, "timestamp_format", 3, args);
    return true;
}

static bool parse_cascade(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_expr *input, const weir_expr **out)
{
    const json_t *list;
    size_t count;
    if (!weir_native_list(n, at, json, "extractionFns", &list, &count)) {
        return false;
    }
    if (!list) {
        return weir_native_fail(n, at, "needs 'extractionFns'");
    }
    *out = input;
    for (size_t i = 0; i < count; i++) {
        if (!weir_native_extraction(n, WEIR_AT_ITEM(WEIR_AT(at, "extractionFns"), i),
                                    json_array_get(list, i), *out, out)) {
            return false;
        }
    }
    return true;
}

static const struct extraction_type {
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json, const weir_expr *input,
                  const weir_expr **out); /* NULL: not yet */
} extraction_types[] = {
    {"identity", parse_identity},
    {"upper", parse_case},
    {"lower", parse_case},
    {"strlen", parse_strlen},
    {"substring", parse_substring},
    {"timeFormat", parse_time_format},
    {"cascade", parse_cascade},
    {"regex", NULL},
    {"partial", NULL},
    {"searchQuery", NULL},
    {"time", NULL},
    {"lookup", NULL},
    {"registeredLookup", NULL},
    {"stringFormat", NULL},
    {"bucket", NULL},
};

static bool parse_by_type(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_expr *input, const weir_expr **out)
{
    weir_str type;
    if (!weir_native_need_type(n, at, json, &type)) {
        return false;
    }
    if (weir_str_is(type, "javascript")) {
        return weir_native_fail(n, at, "JavaScript is disabled");
    }
    for (size_t i = 0; i < sizeof(extraction_types) / sizeof(extraction_types[0]); i++) {
        if (weir_str_is(type, extraction_types[i].type)) {
            return extraction_types[i].parse
                       ? extraction_types[i].parse(n, at, json, input, out)
                       : weir_native_unsupported(
                             n, WEIR_AT(at, "type"),
                             "the extraction function '%.*s' is not supported yet",
                             WEIR_STR_ARG(type));
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no extraction function",
                            WEIR_STR_ARG(type));
}

bool weir_native_extraction(weir_native *n, const weir_at *at, const json_t *json,
                            const weir_expr *input, const weir_expr **out)
{
    if (!weir_native_enter(n, at)) {
        return false;
    }
    bool ok = parse_by_type(n, at, json, input, out);
    weir_native_leave(n);
    return ok;
}
