/* compute/text_time.c - ISO 8601 instants and intervals as Joda's dateTimeParser reads them and Druid
 * prints them. One cursor walks the text; every field is optional from the right. Years take up to
 * nine digits, so "20150912" is a year. */
#include "compute/text.h"
#include "compute/calendar.h"
#include "compute/civil.h"
#include "compute/text_time.h"

const weir_interval weir_interval_eternity = {INT64_MIN / 2, INT64_MAX / 2};

#define MIN_YEAR (-292275054)
#define MAX_YEAR 292278993

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool weir_take_number(weir_str *in, size_t most, int64_t *out)
{
    size_t i = 0;
    int64_t value = 0;
    for (; i < most && i < in->size && is_digit(in->at[i]); i++) {
        value = value * 10 + (in->at[i] - '0');
    }
    in->at += i;
    in->size -= i;
    *out = value;
    return i > 0;
}

bool weir_take_signed(weir_str *in, size_t most, int64_t *out)
{
    weir_str rest = *in;
    bool sign = rest.size > 1 && (rest.at[0] == '-' || rest.at[0] == '+') && is_digit(rest.at[1]);
    bool negative = sign && rest.at[0] == '-';
    rest.at += sign;
    rest.size -= sign;
    if (!weir_take_number(&rest, most, out)) {
        return false;
    }
    *out = negative ? -*out : *out;
    *in = rest;
    return true;
}

bool weir_take_char(weir_str *in, char c)
{
    if (in->size == 0 || in->at[0] != c) {
        return false;
    }
    in->at++;
    in->size--;
    return true;
}

static bool next_is(const weir_str *in, char separator)
{
    return in->size > 1 && in->at[0] == separator && is_digit(in->at[1]);
}

bool weir_take_offset(weir_str *in, int32_t *out_ms)
{
    weir_str rest = *in;
    if (weir_take_char(&rest, 'Z') || weir_take_char(&rest, 'z')) {
        *out_ms = 0;
        *in = rest;
        return true;
    }
    if (rest.size < 3 || (rest.at[0] != '+' && rest.at[0] != '-')) {
        return false;
    }
    size_t best = 0; /* the longest prefix that is an offset */
    for (size_t size = 3; size <= 9 && size <= rest.size; size++) {
        int32_t ms;
        if (weir_offset_parse((weir_str){rest.at, size}, &ms)) {
            best = size;
            *out_ms = ms;
        }
    }
    in->at += best;
    in->size -= best;
    return best > 0;
}

bool weir_date_from(int64_t year, int64_t month, int64_t day, int64_t *out_days)
{
    if (year < MIN_YEAR || year > MAX_YEAR || month < 1 || month > 12 || day < 1 ||
        day > weir_days_in_month(year, (int32_t)month)) {
        return false;
    }
    *out_days = weir_days_of(year, (int32_t)month, (int32_t)day);
    return true;
}

int64_t weir_first_week(int64_t year)
{
    int64_t fourth = weir_days_of(year, 1, 4); /* always in week 1 */
    return fourth - (weir_day_of_week(fourth) - 1);
}

bool weir_week_date_from(int64_t year, int64_t week, int64_t day_of_week, int64_t *out_days)
{
    if (year < MIN_YEAR || year > MAX_YEAR || week < 1 || day_of_week < 1 || day_of_week > 7) {
        return false;
    }
    int64_t first = weir_first_week(year), days = first + (week - 1) * 7;
    *out_days = days + day_of_week - 1;
    return days < weir_first_week(year + 1);
}

/* yyyy[-MM[-dd]] | yyyy-DDD | xxxx-Www[-e] */
bool weir_take_date(weir_str *in, int64_t *out_days)
{
    int64_t year, first, second = 1;
    weir_str rest = *in;
    if (!weir_take_signed(&rest, 9, &year)) {
        return false;
    }
    bool ok;
    if (rest.size > 2 && rest.at[0] == '-' && (rest.at[1] | 0x20) == 'w' && is_digit(rest.at[2])) {
        rest.at += 2;
        rest.size -= 2;
        weir_take_number(&rest, 2, &first);
        if (next_is(&rest, '-')) {
            weir_take_char(&rest, '-');
            weir_take_number(&rest, 1, &second);
        }
        ok = weir_week_date_from(year, first, second, out_days);
    } else if (!next_is(&rest, '-')) {
        ok = weir_date_from(year, 1, 1, out_days);
    } else if (rest.size > 3 && is_digit(rest.at[2]) && is_digit(rest.at[3])) {
        weir_take_char(&rest, '-');
        weir_take_number(&rest, 3, &first);
        ok =
            weir_date_from(year, 1, 1, out_days) && first >= 1 && first <= 365 + weir_is_leap(year);
        *out_days += first - 1;
    } else {
        weir_take_char(&rest, '-');
        weir_take_number(&rest, 2, &first);
        if (next_is(&rest, '-')) {
            weir_take_char(&rest, '-');
            weir_take_number(&rest, 2, &second);
        }
        ok = weir_date_from(year, first, second, out_days);
    }
    *in = rest;
    return ok;
}

int64_t weir_take_fraction(weir_str *in, size_t most, int64_t unit_ms)
{
    int64_t ms_10 = 0, place = unit_ms * 10; /* tenths of ms, each digit cut as Joda cuts it */
    for (size_t i = 0; i < most && in->size > 0 && is_digit(in->at[0]); i++) {
        place /= 10;
        ms_10 += (in->at[0] - '0') * place;
        in->at++;
        in->size--;
    }
    return ms_10 / 10;
}

/* A fraction of the field before, when one follows. */
static bool take_point(weir_str *in, int64_t unit_ms, int64_t *ms)
{
    if (!next_is(in, '.') && !next_is(in, ',')) {
        return false;
    }
    in->at++;
    in->size--;
    *ms += weir_take_fraction(in, 9, unit_ms);
    return true;
}

/* HH[:mm[:ss]] with a fraction of the last field */
bool weir_take_time(weir_str *in, int64_t *out_ms)
{
    static const int64_t units[] = {WEIR_HOUR_MS, 60000, 1000}, limits[] = {24, 60, 60};
    int64_t ms = 0;
    for (int i = 0; i < 3; i++) {
        int64_t value;
        if (i > 0) {
            if (!next_is(in, ':')) {
                break;
            }
            weir_take_char(in, ':');
        }
        if (!weir_take_number(in, 2, &value) || value >= limits[i]) {
            return false;
        }
        ms += value * units[i];
        if (take_point(in, units[i], &ms)) {
            break;
        }
    }
    *out_ms = ms;
    return true;
}

bool weir_instant_of(int64_t days, int64_t time_ms, int64_t offset_ms, int64_t *out_ms)
{
    __int128 ms = (__int128)days * WEIR_DAY_MS + time_ms - offset_ms;
    if (ms > INT64_MAX || ms < INT64_MIN) {
        return false;
    }
    *out_ms = (int64_t)ms;
    return true;
}

bool weir_time_parse_iso_like(weir_str text, bool blank_separates, int64_t *out_ms)
{
    int64_t days = 0, time = 0;
    int32_t offset = 0;
    weir_str in = text;
    bool starts_with_time = text.size > 0 && (text.at[0] | 0x20) == 't';
    if (!starts_with_time && !weir_take_date(&in, &days)) {
        return false;
    }
    if (weir_take_char(&in, 'T') || weir_take_char(&in, 't') ||
        (blank_separates && weir_take_char(&in, ' '))) {
        if (in.size > 0 && is_digit(in.at[0])) {
            if (!weir_take_time(&in, &time)) {
                return false;
            }
        } else if (starts_with_time) {
            return false;
        }
        if (blank_separates && in.size > 1) {
            weir_take_char(&in, ' ');
        }
        if (in.size > 0 && !weir_take_offset(&in, &offset)) {
            return false;
        }
    }
    return in.size == 0 && weir_instant_of(days, time, offset, out_ms);
}

bool weir_time_parse_iso(weir_str text, int64_t *out_ms)
{
    return weir_time_parse_iso_like(text, false, out_ms);
}

static bool is_period(weir_str text)
{
    return text.size > 0 && (text.at[0] | 0x20) == 'p';
}

static bool parse_end(weir_str text, int64_t *out, weir_error *err)
{
    return weir_time_parse_iso(text, out) ||
           weir_fail(err, WEIR_ERR_BAD_QUERY, "Invalid format: \"%.*s\"", WEIR_STR_ARG(text));
}

static bool parse_period(weir_str text, weir_period *out, weir_error *err)
{
    return weir_period_parse(text, out) ||
           weir_fail(err, WEIR_ERR_BAD_QUERY, "Invalid format: \"%.*s\"", WEIR_STR_ARG(text));
}

bool weir_interval_parse(weir_str text, weir_interval *out, weir_error *err)
{
    const char *slash = text.size > 0 ? memchr(text.at, '/', text.size) : NULL;
    if (!slash) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "Format requires a '/' separator: %.*s",
                         WEIR_STR_ARG(text));
    }
    weir_str left = {text.at, (size_t)(slash - text.at)};
    weir_str right = {slash + 1, text.size - left.size - 1};
    const weir_zone_rules *utc = weir_zone_find(WEIR_STR("UTC"));
    weir_interval interval;
    weir_period period;
    if (is_period(left) && is_period(right)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "Interval composed of two durations: %.*s",
                         WEIR_STR_ARG(text));
    }
    if (is_period(left)) {
        if (!parse_end(right, &interval.end_ms, err) || !parse_period(left, &period, err)) {
            return false;
        }
        interval.start_ms = weir_period_add(&period, utc, interval.end_ms, -1);
    } else if (is_period(right)) {
        if (!parse_end(left, &interval.start_ms, err) || !parse_period(right, &period, err)) {
            return false;
        }
        interval.end_ms = weir_period_add(&period, utc, interval.start_ms, 1);
    } else if (!parse_end(left, &interval.start_ms, err) ||
               !parse_end(right, &interval.end_ms, err)) {
        return false;
    }
    if (interval.end_ms < interval.start_ms) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "The end instant must be greater than the start instant: %.*s",
                         WEIR_STR_ARG(text));
    }
    *out = interval;
    return true;
}

/* `digits` at least, zeros before. */
size_t weir_print_padded(char *out, int64_t value, int digits)
{
    char reversed[24];
    size_t n = 0, size = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        reversed[n++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        out[size++] = '-';
    }
    for (int i = (int)n; i < digits; i++) {
        out[size++] = '0';
    }
    while (n > 0) {
        out[size++] = reversed[--n];
    }
    return size;
}

static size_t print_local(char out[40], int64_t local_ms)
{
    int64_t days = weir_floor_div(local_ms, WEIR_DAY_MS),
            ms = weir_floor_mod(local_ms, WEIR_DAY_MS);
    weir_civil c = weir_civil_of(days);
    size_t n = weir_print_padded(out, c.year, 4);
    const struct {
        char before;
        int64_t value;
        int digits;
    } parts[] = {{'-', c.month, 2},         {'-', c.day, 2},          {'T', ms / WEIR_HOUR_MS, 2},
                 {':', ms / 60000 % 60, 2}, {':', ms / 1000 % 60, 2}, {'.', ms % 1000, 3}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        out[n++] = parts[i].before;
        n += weir_print_padded(out + n, parts[i].value, parts[i].digits);
    }
    return n;
}

size_t weir_time_print(char out[40], int64_t ms)
{
    size_t n = print_local(out, ms);
    out[n] = 'Z';
    return n + 1;
}

size_t weir_print_offset(char *out, int32_t offset_ms, bool colons)
{
    int32_t left = offset_ms < 0 ? -offset_ms : offset_ms;
    const int32_t parts[] = {left / 3600000, left / 60000 % 60, left / 1000 % 60};
    size_t n = 0;
    out[n++] = offset_ms < 0 ? '-' : '+';
    for (int i = 0; i < (parts[2] ? 3 : 2); i++) {
        if (i > 0 && colons) {
            out[n++] = ':';
        }
        n += weir_print_padded(out + n, parts[i], 2);
    }
    return n;
}

void weir_json_member_time(weir_json *json, const char *key, int64_t ms)
{
    char text[40];
    weir_json_member_str(json, key, (weir_str){text, weir_time_print(text, ms)});
}

size_t weir_time_print_zone(char out[40], int64_t ms, const weir_zone_rules *zone)
{
    int32_t offset = zone ? weir_zone_offset_ms(zone, ms) : 0;
    if (offset == 0) {
        return weir_time_print(out, ms);
    }
    size_t n = print_local(out, weir_add_sat(ms, offset));
    return n + weir_print_offset(out + n, offset, true);
}
