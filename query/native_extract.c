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

static const weir_expr *call2(weir_native *n, const char *fn, const weir_expr *a,
                              const weir_expr *b)
{
    const weir_expr *args[] = {a, b};
    return weir_expr_call(n->arena, fn, 2, args);
}

static const weir_expr *call3(weir_native *n, const char *fn, const weir_expr *a,
                              const weir_expr *b, const weir_expr *c)
{
    const weir_expr *args[] = {a, b, c};
    return weir_expr_call(n->arena, fn, 3, args);
}

/* A locale is taken but not looked at: case is mapped by the root locale. */
static bool parse_case(weir_native *n, const weir_at *at, const json_t *json,
                       const weir_expr *input, const weir_expr **out)
{
    (void)at;
    *out = call1(n, json_string_value(json_object_get(json, "type")),
                 weir_native_cast(n, input, "STRING"));
    return true;
}

/* The group's text; what does not match stays, or becomes null or another text. */
static bool parse_regex(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_expr *input, const weir_expr **out)
{
    weir_str pattern, instead;
    int64_t group;
    bool replace;
    if (!weir_native_need_text(n, at, json, "expr", &pattern) ||
        !weir_native_long(n, at, json, "index", 1, &group) ||
        !weir_native_bool(n, at, json, "replaceMissingValue", false, &replace) ||
        !weir_native_text(n, at, json, "replaceMissingValueWith", &instead)) {
        return false;
    }
    const weir_expr *text = weir_native_cast(n, input, "STRING");
    *out = call3(n, "regexp_extract", text, text_const(n, pattern),
                 weir_expr_const(n->arena, weir_value_long(group)));
    if (!replace) {
        *out = call2(n, "nvl", *out, text);
    } else if (instead.at) {
        *out = call2(n, "nvl", *out, text_const(n, instead));
    }
    return true;
}

static bool parse_partial(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_expr *input, const weir_expr **out)
{
    weir_str pattern;
    if (!weir_native_need_text(n, at, json, "expr", &pattern)) {
        return false;
    }
    const weir_expr *text = weir_native_cast(n, input, "STRING");
    *out = call3(n, "if", call2(n, "regexp_like", text, text_const(n, pattern)), text,
                 weir_expr_const(n->arena, weir_value_null()));
    return true;
}

static bool parse_string_format(weir_native *n, const weir_at *at, const json_t *json,
                                const weir_expr *input, const weir_expr **out)
{
    weir_str format, nulls;
    if (!weir_native_need_text(n, at, json, "format", &format) ||
        !weir_native_text(n, at, json, "nullHandling", &nulls)) {
        return false;
    }
    const weir_expr *text = weir_native_cast(n, input, "STRING");
    bool empty = weir_str_eq_nocase(nulls, WEIR_STR("emptyString")),
         none = weir_str_eq_nocase(nulls, WEIR_STR("returnNull"));
    if (nulls.at && !empty && !none && !weir_str_eq_nocase(nulls, WEIR_STR("nullString"))) {
        return weir_native_fail(n, WEIR_AT(at, "nullHandling"), "'%.*s' is no way to handle nulls",
                                WEIR_STR_ARG(nulls));
    }
    *out = call2(n, "format", text_const(n, format),
                 call2(n, "nvl", text, text_const(n, empty ? WEIR_STR("") : WEIR_STR("null"))));
    if (none) {
        *out = call3(n, "if", call1(n, "isnull", text),
                     weir_expr_const(n->arena, weir_value_null()), *out);
    }
    return true;
}

static bool number_member(weir_native *n, const weir_at *at, const json_t *json, const char *name,
                          double fallback, double *out)
{
    const json_t *given = weir_native_get(json, name, NULL);
    *out = given && json_is_number(given) ? json_number_value(given) : fallback;
    return !given || json_is_number(given) ||
           weir_native_fail(n, WEIR_AT(at, name), "must be a number");
}

/* floor((x - offset) / size) * size + offset, as a whole number's text where it is one. */
static bool parse_bucket(weir_native *n, const weir_at *at, const json_t *json,
                         const weir_expr *input, const weir_expr **out)
{
    double size, offset;
    if (!number_member(n, at, json, "size", 1, &size) ||
        !number_member(n, at, json, "offset", 0, &offset)) {
        return false;
    }
    const weir_expr *by = weir_expr_const(n->arena, weir_value_double(size)),
                    *from = weir_expr_const(n->arena, weir_value_double(offset));
    /* Java's parseDouble takes blanks around a number; only text that is no number yet pays for it.
     */
    const weir_expr *text = weir_native_cast(n, input, "STRING");
    const weir_expr *number = call2(n, "nvl", weir_native_cast(n, input, "DOUBLE"),
                                    weir_native_cast(n, call1(n, "trim", text), "DOUBLE"));
    const weir_expr *steps = call1(n, "floor", call2(n, "/", call2(n, "-", number, from), by));
    const weir_expr *start = call2(n, "+", call2(n, "*", steps, by), from),
                    *whole = weir_native_cast(n, start, "LONG");
    *out = call3(n, "if", call2(n, "==", whole, start), weir_native_cast(n, whole, "STRING"),
                 weir_native_cast(n, start, "STRING"));
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

/* `input` floored to a granularity. */
static bool floored(weir_native *n, const weir_at *at, const json_t *json, const weir_expr *input,
                    const weir_expr **out)
{
    weir_granularity gran;
    if (!weir_native_granularity(n, at, json, &gran)) {
        return false;
    }
    const weir_period *p = &gran.period;
    weir_str period = {0};
    *out = input;
    switch ((weir_gran_kind)gran.kind) {
    case WEIR_GRAN_NONE:
        return true;
    case WEIR_GRAN_ALL:
        return weir_native_unsupported(n, at, "timeFormat with granularity all is not supported");
    case WEIR_GRAN_DURATION:
        period = weir_arena_printf(n->arena, "PT%lld.%03dS", (long long)(gran.duration_ms / 1000),
                                   (int)(gran.duration_ms % 1000));
        break;
    case WEIR_GRAN_PERIOD:
        period = weir_arena_printf(n->arena, "P%dY%dM%dW%dDT%dH%dM%d.%03dS", p->years, p->months,
                                   p->weeks, p->days, p->hours, p->minutes, p->seconds, p->millis);
        break;
    }
    const weir_expr *args[] = {
        input, text_const(n, period),
        weir_expr_const(n->arena,
                        gran.has_origin ? weir_value_long(gran.origin_ms) : weir_value_null()),
        text_const(n, gran.kind == WEIR_GRAN_PERIOD ? weir_zone_id(gran.zone) : WEIR_STR("UTC"))};
    *out = weir_expr_call(n->arena, "timestamp_floor", 4, args);
    return true;
}

/* Joda pattern, zone, locale; without a pattern ISO, or the number of ms when that is asked for. */
static bool parse_time_format(weir_native *n, const weir_at *at, const json_t *json,
                              const weir_expr *input, const weir_expr **out)
{
    weir_str format, zone, locale;
    bool as_millis;
    const json_t *granularity = weir_native_get(json, "granularity", NULL);
    if (!weir_native_text(n, at, json, "format", &format) ||
        !weir_native_text(n, at, json, "timeZone", &zone) ||
        !weir_native_text(n, at, json, "locale", &locale) ||
        !weir_native_bool(n, at, json, "asMillis", false, &as_millis)) {
        return false;
    }
    if (as_millis && !format.at && (zone.at || locale.at)) {
        return weir_native_fail(n, at, "%s requires a format", zone.at ? "timeZone" : "locale");
    }
    input =
        call2(n, "extract-millis", input, weir_expr_const(n->arena, weir_value_long(as_millis)));
    if (granularity && !floored(n, WEIR_AT(at, "granularity"), granularity, input, &input)) {
        return false;
    }
    if (as_millis && !format.at) {
        *out = weir_native_cast(n, input, "STRING");
        return true;
    }
    const weir_expr *args[] = {input, text_const(n, format.at ? format : WEIR_STR("")),
                               text_const(n, zone.at ? zone : WEIR_STR("UTC")),
                               text_const(n, locale.at ? locale : WEIR_STR("en"))};
    *out = weir_expr_call(n->arena, "timestamp-format", 4, args);
    return true;
}

/* Text of one pattern to text of another; what does not parse stays. Patterns are Joda's, or those
 * of ICU's SimpleDateFormat. */
static bool parse_time(weir_native *n, const weir_at *at, const json_t *json,
                       const weir_expr *input, const weir_expr **out)
{
    weir_str from, to;
    bool joda;
    if (!weir_native_need_text(n, at, json, "timeFormat", &from) ||
        !weir_native_need_text(n, at, json, "resultFormat", &to) ||
        !weir_native_bool(n, at, json, "joda", false, &joda)) {
        return false;
    }
    const weir_expr *text = weir_native_cast(n, input, "STRING"),
                    *utc = text_const(n, WEIR_STR("UTC"));
    if (!joda) {
        *out = call3(n, "time-convert", text, text_const(n, from), text_const(n, to));
        return true;
    }
    const weir_expr *time = call3(n, "timestamp_parse", text, text_const(n, from), utc);
    *out = call2(n, "nvl", call3(n, "timestamp_format", time, text_const(n, to), utc), text);
    return true;
}

/* What a search query finds stays, the rest is null. */
static bool parse_search_query(weir_native *n, const weir_at *at, const json_t *json,
                               const weir_expr *input, const weir_expr **out)
{
    const json_t *query = weir_native_get(json, "query", NULL);
    const weir_expr *found;
    if (!query) {
        return weir_native_fail(n, at, "needs 'query'");
    }
    const weir_expr *text = weir_native_cast(n, input, "STRING");
    if (!weir_native_search_expr(n, WEIR_AT(at, "query"), query, text, &found)) {
        return false;
    }
    *out = call3(n, "if", found, text, weir_expr_const(n->arena, weir_value_null()));
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
    {"regex", parse_regex},
    {"partial", parse_partial},
    {"searchQuery", parse_search_query},
    {"time", parse_time},
    {"lookup", weir_native_lookup},
    {"registeredLookup", weir_native_registered_lookup},
    {"stringFormat", parse_string_format},
    {"bucket", parse_bucket},
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
