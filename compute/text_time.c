/* compute/text_time.c - ISO 8601 instants and intervals as Joda reads and prints them. */
#include "compute/calendar.h"
#include "compute/civil.h"
#include "compute/text_time.h"

#define ETERNITY_START (INT64_MIN / 2)
#define ETERNITY_END (INT64_MAX / 2)

const weir_interval weir_interval_eternity = {ETERNITY_START, ETERNITY_END};

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool take_char(cursor *c, char wanted)
{
    bool ok = c->at < c->end && *c->at == wanted;
    c->at += ok;
    return ok;
}

/* `least` to `most` digits. */
static bool take_digits(cursor *c, int least, int most, int64_t *out)
{
    int64_t value = 0;
    int n = 0;
    while (n < most && c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        value = value * 10 + (*c->at++ - '0');
        n++;
    }
    *out = value;
    return n >= least;
}

/* Nanoseconds count down to ms; further digits are cut off. */
static bool take_fraction(cursor *c, int64_t *out_ms)
{
    int64_t ms = 0, unit = 100;
    const char *from = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, unit /= 10) {
        ms += (*c->at - '0') * unit;
    }
    *out_ms = ms;
    return c->at > from;
}

bool weir_take_offset(const char **at, const char *end, int32_t *out_ms)
{
    cursor c = {*at, end};
    int64_t hours, minutes = 0, seconds = 0;
    if (take_char(&c, 'Z')) {
        *at = c.at;
        *out_ms = 0;
        return true;
    }
    bool negative = c.at < c.end && *c.at == '-';
    if (!(take_char(&c, '-') || take_char(&c, '+')) || !take_digits(&c, 2, 2, &hours)) {
        return false;
    }
    bool colon = take_char(&c, ':');
    if ((colon || (c.at < c.end && *c.at >= '0' && *c.at <= '9')) && !take_digits(&c, 2, 2, &minutes)) {
        return false;
    }
    if (colon && take_char(&c, ':') && !take_digits(&c, 2, 2, &seconds)) {
        return false;
    }
    if (hours > 23 || minutes > 59 || seconds > 59) {
        return false;
    }
    int32_t ms = (int32_t)((hours * 3600 + minutes * 60 + seconds) * 1000);
    *at = c.at;
    *out_ms = negative ? -ms : ms;
    return true;
}

/* Week 1 has the year's first Thursday. */
int64_t weir_days_of_week_date(int64_t year, int32_t week, int32_t day)
{
    int64_t fourth = weir_days_of(year, 1, 4);
    return fourth - (weir_day_of_week(fourth) - 1) + (week - 1) * 7 + day - 1;
}

/* yyyy[-MM[-dd]], yyyy-DDD, yyyy-Www[-e]; *day when the date is whole, so that a time may follow. */
static bool take_date(cursor *c, int64_t *days)
{
    bool negative = take_char(c, '-');
    int64_t year, month = 1, day = 1;
    const char *from;
    negative = !(!negative && take_char(c, '+')) && negative;
    if (!take_digits(c, 1, 9, &year)) {
        return false;
    }
    year = negative ? -year : year;
    *days = weir_days_of(year, 1, 1);
    if (!take_char(c, '-')) {
        return true;
    }
    if (take_char(c, 'W')) {
        int64_t week, weekday = 1;
        bool ok = take_digits(c, 1, 2, &week) && week >= 1 && week <= 53 &&
                  (!take_char(c, '-') || (take_digits(c, 1, 1, &weekday) && weekday >= 1 && weekday <= 7));
        *days = weir_days_of_week_date(year, (int32_t)week, (int32_t)weekday);
        return ok;
    }
    from = c->at;
    if (!take_digits(c, 1, 3, &month)) {
        return false;
    }
    if (c->at - from == 3) {
        *days += month - 1;
        return month >= 1 && month <= 365 + weir_is_leap(year);
    }
    if (month < 1 || month > 12 || (take_char(c, '-') && !take_digits(c, 1, 2, &day))) {
        return false;
    }
    *days = weir_days_of(year, (int32_t)month, (int32_t)day);
    return day >= 1 && day <= weir_days_in_month(year, (int32_t)month);
}

/* HH[:mm[:ss[.fraction]]]; hours and minutes may carry a fraction in ISO, which nobody writes. */
static bool take_time(cursor *c, int64_t *ms)
{
    int64_t hour, minute = 0, second = 0, fraction = 0;
    if (!take_digits(c, 1, 2, &hour) || hour > 23) {
        return false;
    }
    if (take_char(c, ':') && (!take_digits(c, 1, 2, &minute) || minute > 59)) {
        return false;
    }
    if (take_char(c, ':') && (!take_digits(c, 1, 2, &second) || second > 59)) {
        return false;
    }
    if ((take_char(c, '.') || take_char(c, ',')) && !take_fraction(c, &fraction)) {
        return false;
    }
    *ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

bool weir_time_parse_iso_like(weir_str text, bool blank_separates, int64_t *out_ms)
{
    cursor c = {text.at, text.at + text.size};
    int64_t days = 0, time_ms = 0;
    int32_t offset = 0;
    bool dated = text.size > 0 && *text.at != 'T';
    if (text.size == 0 || (dated && !take_date(&c, &days))) {
        return false;
    }
    if (take_char(&c, 'T') || (blank_separates && take_char(&c, ' '))) {
        bool zone_only = c.at < c.end && (*c.at == 'Z' || *c.at == '+' || *c.at == '-');
        if (c.at < c.end && !zone_only && !take_time(&c, &time_ms)) {
            return false;
        }
        if (blank_separates) {
            take_char(&c, ' ');
        }
        if (c.at < c.end && !weir_take_offset(&c.at, c.end, &offset)) {
            return false;
        }
    }
    if (days > INT64_MAX / WEIR_DAY_MS - 2 || days < INT64_MIN / WEIR_DAY_MS + 2) {
        return false; /* a year that no millisecond of 64 bits can name */
    }
    *out_ms = days * WEIR_DAY_MS + time_ms - offset;
    return c.at == c.end;
}

bool weir_time_parse_iso(weir_str text, int64_t *out_ms)
{
    return weir_time_parse_iso_like(text, false, out_ms);
}

static bool parse_sides(weir_str a, weir_str b, weir_interval *out)
{
    weir_period period;
    const weir_zone_rules *utc = weir_zone_find(WEIR_STR("UTC"));
    if (a.size > 0 && a.at[0] == 'P') {
        if (!weir_period_parse(a, &period) || !weir_time_parse_iso(b, &out->end_ms)) {
            return false;
        }
        out->start_ms = weir_period_add(&period, utc, out->end_ms, -1);
        return true;
    }
    if (!weir_time_parse_iso(a, &out->start_ms)) {
        return false;
    }
    if (b.size > 0 && b.at[0] == 'P') {
        if (!weir_period_parse(b, &period)) {
            return false;
        }
        out->end_ms = weir_period_add(&period, utc, out->start_ms, 1);
        return true;
    }
    return weir_time_parse_iso(b, &out->end_ms);
}

bool weir_interval_parse(weir_str text, weir_interval *out, weir_error *err)
{
    const char *slash = text.size ? memchr(text.at, '/', text.size) : NULL;
    size_t size = slash ? (size_t)(slash - text.at) : 0;
    weir_interval own;
    if (!slash || !parse_sides((weir_str){text.at, size}, (weir_str){slash + 1, text.size - size - 1}, &own)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "'%.*s' is not an interval of the form start/end", (int)(text.size < 200 ? text.size : 200), text.at);
    }
    if (own.end_ms < own.start_ms) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "interval '%.*s': the end is before the start", WEIR_STR_ARG(text));
    }
    *out = own;
    return true;
}

static size_t put_padded(char *out, int64_t value, int digits)
{
    char text[32];
    size_t size = weir_print_long(text, value < 0 ? -value : value), n = 0;
    if (value < 0) {
        out[n++] = '-';
    }
    for (int pad = digits - (int)size; pad > 0; pad--) {
        out[n++] = '0';
    }
    memcpy(out + n, text, size);
    return n + size;
}

/* A local time; without a zone. */
static size_t print_local(char *out, int64_t local_ms)
{
    int64_t days = weir_floor_div(local_ms, WEIR_DAY_MS), ms = local_ms - days * WEIR_DAY_MS;
    weir_civil date = weir_civil_of(days);
    const struct {
        int64_t value;
        int digits;
        char before;
    } parts[] = {{date.month, 2, '-'}, {date.day, 2, '-'}, {ms / 3600000, 2, 'T'}, {ms / 60000 % 60, 2, ':'}, {ms / 1000 % 60, 2, ':'}, {ms % 1000, 3, '.'}};
    size_t n = put_padded(out, date.year, 4);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        out[n++] = parts[i].before;
        n += put_padded(out + n, parts[i].value, parts[i].digits);
    }
    return n;
}

size_t weir_time_print(char out[40], int64_t ms)
{
    size_t n = print_local(out, ms);
    out[n++] = 'Z';
    return n;
}

size_t weir_offset_print(char *out, int32_t offset_ms, bool colon)
{
    int32_t minutes = (offset_ms < 0 ? -offset_ms : offset_ms) / 60000;
    size_t n = 0;
    out[n++] = offset_ms < 0 ? '-' : '+';
    n += put_padded(out + n, minutes / 60, 2);
    if (colon) {
        out[n++] = ':';
    }
    return n + put_padded(out + n, minutes % 60, 2);
}

size_t weir_time_print_zone(char out[40], int64_t ms, const weir_zone_rules *zone)
{
    if (!zone || weir_zone_is_utc(zone)) {
        return weir_time_print(out, ms);
    }
    int32_t offset = weir_zone_offset_ms(zone, ms);
    size_t n = print_local(out, ms + offset);
    if (offset == 0) { /* as Joda's ZZ prints a zero offset */
        out[n++] = 'Z';
        return n;
    }
    return n + weir_offset_print(out + n, offset, true);
}
