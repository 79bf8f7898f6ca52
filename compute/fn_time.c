/* compute/fn_time.c - timestamps are LONG ms since 1970 UTC. Periods, zones, units and patterns are
 * literals, read once per program. Unknown zones are UTC, as in Druid. */
#include "compute/calendar.h"
#include "compute/civil.h"
#include "compute/fn_util.h"

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

/* The literal of argument i; *out empty when it is not given or null. */
static bool optional_literal(const weir_fn_call *call, uint32_t i, const char *what, weir_str *out,
                             weir_error *err)
{
    *out = WEIR_STR("");
    if (weir_call_is_default(call, i)) {
        return true;
    }
    if (!weir_call_literal(call, i, out)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "Function[%s] %s argument must be a literal",
                         call->fn->name, what);
    }
    return true;
}

static bool zone_argument(const weir_fn_call *call, uint32_t i, const weir_zone_rules **out,
                          weir_error *err)
{
    weir_str id;
    if (!optional_literal(call, i, "timezone", &id, err)) {
        return false;
    }
    *out = weir_zone_find(id.size ? id : WEIR_STR("UTC"));
    return true;
}

static bool infer_time(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = WEIR_TYPE(WEIR_LONG);
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

/* ---- floor and ceil ---- */

static bool origin_argument(const weir_fn_call *call, uint32_t i, bool *has, int64_t *out,
                            weir_error *err)
{
    *has = false;
    if (weir_call_is_default(call, i)) {
        return true;
    }
    const weir_value *value = call->literals[i];
    if (value && value->type.kind == WEIR_LONG) {
        *has = true;
        *out = value->as.l;
        return true;
    }
    if (!value || value->type.kind != WEIR_STRING) {
        return weir_fn_fail(call, err, "origin argument must be a literal");
    }
    *has = value->as.s.size > 0;
    if (*has && !weir_time_parse_iso(value->as.s, out)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "Function[%s] cannot read the origin '%.*s'",
                         call->fn->name, WEIR_STR_ARG(value->as.s));
    }
    return true;
}

static bool prepare_granularity(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    weir_str period, zone;
    bool has_origin;
    int64_t origin = 0;
    weir_granularity *gran = WEIR_ARENA_NEW(arena, weir_granularity);
    if (!weir_call_literal(call, 1, &period)) {
        return weir_fn_fail(call, err, "period argument must be a literal");
    }
    if (!origin_argument(call, 2, &has_origin, &origin, err) ||
        !optional_literal(call, 3, "timezone", &zone, err) ||
        !weir_granularity_period(period, zone, has_origin ? &origin : NULL, gran, err)) {
        return false;
    }
    call->prepared = gran;
    return true;
}

/* The times of the selected rows side by side, or the vector's own when that is all of them. */
static const int64_t *selected_times(weir_run *run, const weir_vec *arg, const weir_sel *sel)
{
    if (sel->kind == WEIR_SEL_ALL && arg->form == WEIR_FLAT) {
        return arg->at.l;
    }
    int64_t *times = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, sel->count + 1);
    uint32_t k = 0;
    FOR_ROWS(sel, i)
    {
        times[k++] = weir_arg_long(arg, i);
    }
    return times;
}

static int64_t *floors(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, const int64_t **times)
{
    int64_t *starts = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, sel->count + 1);
    *times = selected_times(run, &args[0], sel);
    weir_granularity_floor_many(call->prepared, *times, sel->count, starts, run->scratch);
    return starts;
}

static void spread(weir_run *run, const int64_t *values, const weir_sel *sel, uint32_t n,
                   weir_vec *out)
{
    if (sel->kind == WEIR_SEL_ALL) {
        out->at.l = values;
        return;
    }
    int64_t *all = weir_out_longs(run, n, out);
    uint32_t k = 0;
    FOR_ROWS(sel, i)
    {
        all[i] = values[k++];
    }
}

RUN(run_floor)
{
    const int64_t *times;
    spread(run, floors(call, run, args, sel, &times), sel, n, out);
    return true;
}

RUN(run_ceil)
{
    const int64_t *times;
    int64_t *starts = floors(call, run, args, sel, &times);
    for (uint32_t k = 0; k < sel->count; k++) {
        if (starts[k] != times[k]) {
            starts[k] = weir_granularity_next(call->prepared, starts[k]);
        }
    }
    spread(run, starts, sel, n, out);
    return true;
}

/* ---- shift ---- */

typedef struct shift {
    weir_period period;
    const weir_zone_rules *zone;
} shift;

static bool infer_shift(weir_fn_call *call, weir_error *err)
{
    infer_time(call, err);
    call->arg_types[2] = WEIR_TYPE(WEIR_LONG);
    return true;
}

static bool prepare_shift(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    weir_str period;
    shift *s = WEIR_ARENA_NEW(arena, shift);
    if (!weir_call_literal(call, 1, &period)) {
        return weir_fn_fail(call, err, "period argument must be a literal");
    }
    if (!weir_period_parse(period, &s->period)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Function[timestamp_shift] cannot read the period '%.*s'",
                         WEIR_STR_ARG(period));
    }
    call->prepared = s;
    return zone_argument(call, 3, &s->zone, err);
}

RUN(run_shift)
{
    const shift *s = call->prepared;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        values[i] = weir_period_add(&s->period, s->zone, weir_arg_long(&args[0], i),
                                    weir_arg_long(&args[2], i));
    }
    return true;
}

/* ---- extract ---- */

typedef struct moment { /* a local time by fields */
    int64_t utc_ms, days, ms_of_day;
    weir_civil date;
} moment;

static int64_t day_of_year(const moment *m)
{
    return m->days - weir_days_of(m->date.year, 1, 1) + 1;
}

/* ISO 8601: week 1 has the year's first Thursday. */
static int64_t week_of_year(const moment *m)
{
    int64_t thursday = m->days - weir_day_of_week(m->days) + 4;
    return (thursday - weir_days_of(weir_civil_of(thursday).year, 1, 1)) / 7 + 1;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return -weir_floor_div(-a, b);
}

/* name, value as long; the last two are doubles in Druid */
#define UNITS(X)                                                                                   \
    X(EPOCH, m->utc_ms / 1000)                                                                     \
    X(MICROSECOND, m->ms_of_day % 1000 * 1000)                                                     \
    X(MILLISECOND, m->ms_of_day % 1000)                                                            \
    X(SECOND, m->ms_of_day / 1000 % 60)                                                            \
    X(MINUTE, m->ms_of_day / 60000 % 60)                                                           \
    X(HOUR, m->ms_of_day / 3600000)                                                                \
    X(DAY, m->date.day)                                                                            \
    X(DOW, weir_day_of_week(m->days))                                                              \
    X(ISODOW, weir_day_of_week(m->days))                                                           \
    X(DOY, day_of_year(m))                                                                         \
    X(WEEK, week_of_year(m))                                                                       \
    X(MONTH, m->date.month)                                                                        \
    X(QUARTER, (m->date.month - 1) / 3 + 1)                                                        \
    X(YEAR, m->date.year)                                                                          \
    X(ISOYEAR, m->date.year)                                                                       \
    X(DECADE, m->date.year / 10)                                                                   \
    X(CENTURY, ceil_div(m->date.year, 100))                                                        \
    X(MILLENNIUM, ceil_div(m->date.year, 1000))

#define X(name, value)                                                                             \
    static int64_t unit_##name(const moment *m)                                                    \
    {                                                                                              \
        return value;                                                                              \
    }
UNITS(X)
#undef X

typedef struct unit {
    const char *name;
    int64_t (*value)(const moment *m);
} unit;
static const unit units[] = {
#define X(name, value) {#name, unit_##name},
    UNITS(X)
#undef X
};
#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

typedef struct extract {
    const unit *unit;
    const weir_zone_rules *zone;
    bool needs_date; /* year, month or day: dearer than the rest together */
} extract;

static const unit *find_unit(const weir_fn_call *call)
{
    weir_str name;
    for (size_t k = 0; weir_call_literal(call, 1, &name) && k < UNIT_COUNT; k++) {
        if (weir_str_eq_nocase(name, weir_str_of(units[k].name))) {
            return &units[k];
        }
    }
    return NULL;
}

static bool infer_extract(weir_fn_call *call, weir_error *err)
{
    const unit *u = find_unit(call);
    if (!u) {
        weir_str name = WEIR_STR("");
        bool literal = weir_call_literal(call, 1, &name);
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Function[timestamp_extract] unit argument must be a literal of EPOCH to "
                         "MILLENNIUM%s%.*s",
                         literal ? ", not " : "", WEIR_STR_ARG(name));
    }
    infer_time(call, err);
    call->type = WEIR_TYPE(u >= &units[UNIT_COUNT - 2] ? WEIR_DOUBLE : WEIR_LONG);
    return true;
}

static bool prepare_extract(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    extract *e = WEIR_ARENA_NEW(arena, extract);
    e->unit = find_unit(call);
    e->needs_date = e->unit - units > 5; /* units from DAY on */
    call->prepared = e;
    return zone_argument(call, 2, &e->zone, err);
}

RUN(run_extract)
{
    const extract *e = call->prepared;
    int64_t *longs = weir_out_longs(run, n, out);
    double *doubles = (double *)longs;
    bool utc = weir_zone_is_utc(e->zone);
    FOR_ROWS(sel, i)
    {
        moment m = {.utc_ms = weir_arg_long(&args[0], i)};
        int64_t local =
            utc ? m.utc_ms : weir_add_sat(m.utc_ms, weir_zone_offset_ms(e->zone, m.utc_ms));
        m.days = weir_floor_div(local, WEIR_DAY_MS);
        m.ms_of_day = weir_floor_mod(local, WEIR_DAY_MS);
        if (e->needs_date) {
            m.date = weir_civil_of(m.days);
        }
        int64_t value = e->unit->value(&m);
        if (call->type.kind == WEIR_DOUBLE) {
            doubles[i] = (double)value;
        } else {
            longs[i] = value;
        }
    }
    return true;
}

/* ---- text to time ---- */

typedef struct parse {
    const weir_time_format *format; /* NULL: ISO or SQL */
    const weir_zone_rules *zone;
    bool format_has_zone;
    weir_str locale; /* of names, when printing */
} parse;

/* Whether a Joda pattern reads a zone or an offset: Z or z outside of quotes. */
static bool reads_zone(weir_str pattern)
{
    bool quoted = false;
    for (size_t i = 0; i < pattern.size; i++) {
        quoted ^= pattern.at[i] == '\'';
        if (!quoted && (pattern.at[i] == 'Z' || pattern.at[i] == 'z')) {
            return true;
        }
    }
    return false;
}

/* Whether an ISO or SQL time says its offset: Z + - after the date. */
static bool says_zone(weir_str text)
{
    size_t at = 0;
    while (at < text.size && text.at[at] != 'T' && text.at[at] != ' ') {
        at++;
    }
    for (; at < text.size; at++) {
        if (strchr("Z+-", text.at[at]) && text.at[at]) {
            return true;
        }
    }
    return false;
}

static bool infer_parse(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = WEIR_TYPE(WEIR_STRING);
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

static bool prepare_parse(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    parse *p = WEIR_ARENA_NEW(arena, parse);
    weir_str pattern;
    if (!optional_literal(call, 1, "pattern", &pattern, err) ||
        !zone_argument(call, 2, &p->zone, err) ||
        !optional_literal(call, 3, "locale", &p->locale, err)) {
        return false;
    }
    p->locale = p->locale.size ? p->locale : WEIR_STR("en");
    if (pattern.size) {
        p->format = weir_time_format_new(arena, pattern, err);
        p->format_has_zone = reads_zone(pattern);
        if (!p->format) {
            return weir_fail_in(err, "Function[%s]", call->fn->name);
        }
    }
    call->prepared = p;
    return true;
}

static bool parse_time(const parse *p, weir_str text, bool blank_separates, int64_t *out)
{
    int64_t ms;
    bool zoned = p->format ? p->format_has_zone : says_zone(text);
    if (!(p->format ? weir_time_format_parse(p->format, text, &ms)
                    : weir_time_parse_iso_like(text, blank_separates, &ms))) {
        return false;
    }
    *out = zoned || weir_zone_is_utc(p->zone) ? ms : weir_zone_to_utc(p->zone, ms);
    return true;
}

/* What cannot be read is null. */
RUN(run_parse)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        if (!parse_time(call->prepared, weir_arg_str(&args[0], i), true, &values[i])) {
            weir_out_null(run, n, out, i);
        }
    }
    return true;
}

static bool infer_timestamp(weir_fn_call *call, weir_error *err)
{
    if (call->arg_types[0].kind != WEIR_STRING && call->arg_types[0].kind != WEIR_UNKNOWN) {
        return weir_fn_fail(call, err, "first argument should be a STRING");
    }
    return infer_parse(call, err);
}

/* What cannot be read fails. */
static bool timestamps(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, uint32_t n, int64_t per, weir_vec *out)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str text = weir_arg_str(&args[0], i);
        if (!parse_time(call->prepared, text, false, &values[i])) {
            return weir_fail(run->err, WEIR_ERR_RUN, "Function[%s] invalid value %.*s",
                             call->fn->name, (int)(text.size < 200 ? text.size : 200), text.at);
        }
        values[i] /= per;
    }
    return true;
}

RUN(run_timestamp)
{
    return timestamps(call, run, args, sel, n, 1, out);
}

RUN(run_unix_timestamp)
{
    return timestamps(call, run, args, sel, n, 1000, out);
}

/* ---- time to text ---- */

static bool infer_format(weir_fn_call *call, weir_error *err)
{
    infer_time(call, err);
    call->type = WEIR_TYPE(WEIR_STRING);
    return true;
}

RUN(run_format)
{
    const parse *p = call->prepared;
    weir_str *values = weir_out_strings(run, n, out);
    weir_buf text = {0};
    weir_str last = {0};
    int64_t last_ms = 0;
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        int64_t ms = weir_arg_long(&args[0], i);
        if (last.at && ms == last_ms) { /* times of rows repeat, floored ones most of all */
            values[i] = last;
            continue;
        }
        text.size = 0;
        if (p->format) {
            weir_time_format_print(p->format, ms, p->zone, p->locale, &text);
        } else {
            char iso[40];
            size_t size = weir_zone_is_utc(p->zone) ? weir_time_print(iso, ms)
                                                    : weir_time_print_zone(iso, ms, p->zone);
            weir_buf_put(&text, iso, size);
        }
        ok = ok && weir_out_copy(run, weir_buf_view(&text), &values[i]);
        last = values[i];
        last_ms = ms;
    }
    weir_buf_done(&text);
    return ok;
}

/* ---- months between ---- */

static bool infer_months(weir_fn_call *call, weir_error *err)
{
    infer_time(call, err);
    call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    return true;
}

static bool prepare_months(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    const weir_zone_rules *zone;
    (void)arena;
    if (!zone_argument(call, 2, &zone, err)) {
        return false;
    }
    call->prepared = (void *)(uintptr_t)zone; /* read only */
    return true;
}

/* Whole months from `from` to `to`, local ms. */
static int64_t months_between(int64_t from, int64_t to)
{
    if (to < from) {
        return -months_between(to, from);
    }
    weir_civil a = weir_civil_of(weir_floor_div(from, WEIR_DAY_MS)),
               b = weir_civil_of(weir_floor_div(to, WEIR_DAY_MS));
    int64_t months = (b.year - a.year) * 12 + b.month - a.month;
    while (months > 0 && weir_add_months(from, months) > to) {
        months--;
    }
    return months;
}

RUN(run_months)
{
    const weir_zone_rules *zone = call->prepared;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        int64_t to = weir_arg_long(&args[0], i), from = weir_arg_long(&args[1], i);
        values[i] = months_between(weir_add_sat(from, weir_zone_offset_ms(zone, from)),
                                   weir_add_sat(to, weir_zone_offset_ms(zone, to)));
    }
    return true;
}

#define NULLS (WEIR_FN_NULL_IF_ANY_NULL | WEIR_FN_NULL_DEFAULTS)
static const weir_fn fns[] = {
#define FN(text, sql, least, most, more, infer_it, prepare_it, run_it)                             \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = least, .max_args = most,                        \
        .flags = WEIR_FN_PURE | NULLS | (more), .infer = infer_it, .prepare = prepare_it,          \
        .run = run_it,                                                                             \
    }
    FN("timestamp_floor", "TIME_FLOOR", 2, 4, WEIR_FN_MONOTONE, infer_time, prepare_granularity,
       run_floor),
    FN("timestamp_ceil", "TIME_CEIL", 2, 4, WEIR_FN_MONOTONE, infer_time, prepare_granularity,
       run_ceil),
    FN("timestamp_shift", "TIME_SHIFT", 3, 4, 0, infer_shift, prepare_shift, run_shift),
    FN("timestamp_extract", "TIME_EXTRACT", 2, 3, 0, infer_extract, prepare_extract, run_extract),
    FN("timestamp_parse", "TIME_PARSE", 1, 3, 0, infer_parse, prepare_parse, run_parse),
    FN("timestamp_format", "TIME_FORMAT", 1, 3, 0, infer_format, prepare_parse, run_format),
    FN("timestamp-format", NULL, 4, 4, WEIR_FN_NULL_DEFAULTS, infer_format, prepare_parse,
       run_format), /* with a locale: the extraction function */
    FN("timestamp", NULL, 1, 2, 0, infer_timestamp, prepare_parse, run_timestamp),
    FN("unix_timestamp", NULL, 1, 2, 0, infer_timestamp, prepare_parse, run_unix_timestamp),
    {.name = "subtract_months",
     .min_args = 2,
     .max_args = 3,
     .flags = WEIR_FN_PURE | NULLS,
     .infer = infer_months,
     .prepare = prepare_months,
     .run = run_months},
};
const weir_fn_set weir_fns_time = WEIR_FN_SET(fns);
