/* compute/text_format.c - timestampSpec's formats: iso, auto, numbers since 1970, and Joda
 * patterns, read and printed. A pattern is cut into items once; text is read item by item into
 * fields, and the fields become an instant at the end. */
#include "compute/calendar.h"
#include "compute/civil.h"
#include "compute/text.h"
#include "compute/text_time.h"
#include "weir/clock.h"
#include <math.h>
#include <strings.h>
#include <unicode/ucal.h>
#include <unicode/udat.h>
#include <unicode/ustring.h>

typedef enum format_kind { ISO, AUTO, POSIX, MILLIS, MICRO, NANO, RUBY, PATTERN } format_kind;

typedef struct item {
    char letter; /* a letter of the pattern; 0: literal */
    int count;   /* how often it stands there */
    bool digits_follow;
    weir_str literal;
} item;

struct weir_time_format {
    uint8_t kind; /* format_kind */
    uint32_t item_count;
    const item *items;
    int64_t pivot; /* two-digit years are within 50 of it */
};

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days_of_week[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                           "Friday", "Saturday", "Sunday"};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_numeric(const item *it)
{
    return it->letter &&
           (strchr("CxyYdhHmsSeDwkK", it->letter) || (it->letter == 'M' && it->count <= 2));
}

/* ---- making */

static bool cut_pattern(weir_arena *arena, weir_str pattern, weir_time_format *format,
                        weir_error *err)
{
    item *items = WEIR_ARENA_ARRAY(arena, item, pattern.size + 1);
    uint32_t count = 0;
    for (size_t i = 0; i < pattern.size;) {
        item *it = &items[count++];
        if (is_letter(pattern.at[i])) {
            it->letter = pattern.at[i];
            for (; i < pattern.size && pattern.at[i] == it->letter; i++) {
                it->count++;
            }
            if (!strchr("GCYxwedDEyMaKhHkmsSzZ", it->letter)) {
                return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                                 "Illegal pattern component: %c in time format '%.*s'", it->letter,
                                 WEIR_STR_ARG(pattern));
            }
            continue;
        }
        char *text = weir_arena_alloc(
            arena, pattern.size - i); /* literals up to the next letter, quotes taken off */
        bool quoted = false;
        for (; i < pattern.size && (quoted || !is_letter(pattern.at[i])); i++) {
            if (pattern.at[i] != '\'') {
                text[it->literal.size++] = pattern.at[i];
            } else if (i + 1 < pattern.size && pattern.at[i + 1] == '\'') {
                text[it->literal.size++] = '\'';
                i++;
            } else {
                quoted = !quoted;
            }
        }
        it->literal.at = text;
    }
    for (uint32_t i = 0; i + 1 < count; i++) {
        items[i].digits_follow = is_numeric(&items[i + 1]);
    }
    format->items = items;
    format->item_count = count;
    return true;
}

const weir_time_format *weir_time_format_new(weir_arena *arena, weir_str name, weir_error *err)
{
    static const char *const names[] = {"iso", "auto", "posix", "millis", "micro", "nano", "ruby"};
    weir_time_format *format = WEIR_ARENA_NEW(arena, weir_time_format);
    for (uint8_t kind = ISO; kind < PATTERN; kind++) {
        if (weir_str_eq_nocase(name, weir_str_of(names[kind]))) {
            format->kind = kind;
            return format;
        }
    }
    if (name.size == 0) {
        weir_fail(err, WEIR_ERR_BAD_REQUEST, "an empty time format");
        return NULL;
    }
    format->kind = PATTERN;
    format->pivot =
        weir_civil_of(weir_floor_div(weir_wall_ms(&weir_clock_system), WEIR_DAY_MS)).year - 30;
    return cut_pattern(arena, name, format, err) ? format : NULL;
}

/* ---- reading a pattern */

typedef struct fields {
    int64_t year, month, day, day_of_year, week_year, week, day_of_week; /* NONE: not there */
    int64_t hour, hour12, half, minute, second, ms, era, century;
    int32_t offset_ms;
    const weir_zone_rules *zone;
} fields;
#define NONE INT64_MIN

/* The longest of `names`, whole or cut to three letters, without case. */
static bool take_name(weir_str *in, const char *const *names, int count, int64_t *out)
{
    size_t best = 0;
    for (int i = 0; i < count; i++) {
        size_t whole = strlen(names[i]), sizes[] = {whole, 3};
        for (int k = 0; k < 2; k++) {
            if (sizes[k] <= in->size && sizes[k] > best &&
                strncasecmp(in->at, names[i], sizes[k]) == 0) {
                best = sizes[k];
                *out = i + 1;
            }
        }
    }
    in->at += best;
    in->size -= best;
    return best > 0;
}

static bool take_year(const weir_time_format *format, const item *it, weir_str *in, int64_t *out)
{
    size_t before = in->size;
    bool sign = in->size > 0 && (in->at[0] == '-' || in->at[0] == '+');
    if (it->count != 2) {
        return weir_take_signed(in, it->digits_follow ? (size_t)it->count : 9, out);
    }
    if (!weir_take_signed(in, it->digits_follow ? 2 : 9, out)) {
        return false;
    }
    if (before - in->size == 2 && !sign) { /* the year that ends so within 50 of the pivot */
        int64_t low = format->pivot - 50;
        *out += weir_floor_div(low, 100) * 100;
        *out += *out < low ? 100 : 0;
    }
    return true;
}

/* The longest zone id that stands here. */
static bool take_zone_id(weir_str *in, const weir_zone_rules **out)
{
    size_t size = 0;
    while (size < in->size && size < 40 &&
           (is_letter(in->at[size]) || strchr("0123456789_/+-:", in->at[size]))) {
        size++;
    }
    for (; size > 0; size--) {
        weir_str id = {in->at, size};
        if (weir_zone_is_known(id)) {
            *out = weir_zone_find(id);
            in->at += size;
            in->size -= size;
            return true;
        }
    }
    return false;
}

static bool take_zone_name(weir_str *in, const weir_zone_rules **out)
{
    static const struct {
        const char *name, *id;
    } names[] = {{"UTC", "UTC"},
                 {"UT", "UTC"},
                 {"GMT", "UTC"},
                 {"EST", "America/New_York"},
                 {"EDT", "America/New_York"},
                 {"CST", "America/Chicago"},
                 {"CDT", "America/Chicago"},
                 {"MST", "America/Denver"},
                 {"MDT", "America/Denver"},
                 {"PST", "America/Los_Angeles"},
                 {"PDT", "America/Los_Angeles"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        weir_str name = weir_str_of(names[i].name);
        if (weir_str_starts(*in, name)) {
            *out = weir_zone_find(weir_str_of(names[i].id));
            in->at += name.size;
            in->size -= name.size;
            return true;
        }
    }
    return false;
}

static bool take_literal(weir_str *in, weir_str literal)
{
    if (in->size < literal.size || !weir_str_eq_nocase((weir_str){in->at, literal.size}, literal)) {
        return false;
    }
    in->at += literal.size;
    in->size -= literal.size;
    return true;
}

static bool take_item(const weir_time_format *format, const item *it, weir_str *in, fields *f)
{
    static const char *const halves[] = {"AM", "PM"}, *const eras[] = {"BC", "AD"};
    switch (it->letter) {
    case 0:
        return take_literal(in, it->literal);
    case 'y':
    case 'Y':
        return take_year(format, it, in, &f->year);
    case 'x':
        return take_year(format, it, in, &f->week_year);
    case 'C':
        return weir_take_signed(in, 9, &f->century);
    case 'M':
        return it->count >= 3 ? take_name(in, months, 12, &f->month)
                              : weir_take_number(in, 2, &f->month);
    case 'd':
        return weir_take_number(in, 2, &f->day);
    case 'D':
        return weir_take_number(in, 3, &f->day_of_year);
    case 'w':
        return weir_take_number(in, 2, &f->week);
    case 'e':
        return weir_take_number(in, 1, &f->day_of_week);
    case 'E':
        return take_name(in, days_of_week, 7, &f->day_of_week);
    case 'a':
        return take_name(in, halves, 2, &f->half);
    case 'G':
        return take_name(in, eras, 2, &f->era);
    case 'H':
        return weir_take_number(in, 2, &f->hour) && f->hour < 24;
    case 'k':
        if (!weir_take_number(in, 2, &f->hour) || f->hour < 1 || f->hour > 24) {
            return false;
        }
        f->hour %= 24;
        return true;
    case 'h':
        if (!weir_take_number(in, 2, &f->hour12) || f->hour12 < 1 || f->hour12 > 12) {
            return false;
        }
        f->hour12 %= 12;
        return true;
    case 'K':
        return weir_take_number(in, 2, &f->hour12) && f->hour12 < 12;
    case 'm':
        return weir_take_number(in, 2, &f->minute) && f->minute < 60;
    case 's':
        return weir_take_number(in, 2, &f->second) && f->second < 60;
    case 'S':
        f->ms = weir_take_fraction(in, (size_t)it->count, 1000);
        return true;
    case 'Z':
        return it->count >= 3 ? take_zone_id(in, &f->zone) : weir_take_offset(in, &f->offset_ms);
    case 'z':
        return take_zone_name(in, &f->zone);
    }
    return false;
}

static int64_t or_else(int64_t value, int64_t fallback)
{
    return value == NONE ? fallback : value;
}

static bool days_of_fields(const fields *f, int64_t *out)
{
    bool any_date = f->month != NONE || f->day != NONE || f->day_of_year != NONE ||
                    f->week != NONE || f->day_of_week != NONE;
    int64_t year = f->year;
    if (year == NONE && f->century != NONE) {
        year = f->century * 100;
    }
    if (year == NONE && f->week_year == NONE) {
        year = any_date ? 2000 : 1970; /* Joda's default year, once a part of a date is given */
    }
    if (f->era == 1 && year != NONE) {
        year = 1 - year;
    }
    if (f->week_year != NONE || f->week != NONE) {
        return weir_week_date_from(or_else(f->week_year, year), or_else(f->week, 1),
                                   or_else(f->day_of_week, 1), out);
    }
    if (f->day_of_year != NONE) {
        bool ok = f->day_of_year >= 1 && weir_date_from(year, 1, 1, out) &&
                  f->day_of_year <= 365 + weir_is_leap(year);
        *out += ok ? f->day_of_year - 1 : 0;
        return ok;
    }
    if (!weir_date_from(year, or_else(f->month, 1), or_else(f->day, 1), out)) {
        return false;
    }
    if (f->day_of_week != NONE) { /* moves within the week, as Joda does when they disagree */
        *out += f->day_of_week - weir_day_of_week(*out);
        return f->day_of_week >= 1 && f->day_of_week <= 7;
    }
    return true;
}

static bool parse_pattern(const weir_time_format *format, weir_str text, int64_t *out_ms)
{
    fields f = {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
                NONE, 0,    0,    0,    NONE, NONE, 0,    NULL};
    weir_str in = text;
    for (uint32_t i = 0; i < format->item_count; i++) {
        if (!take_item(format, &format->items[i], &in, &f)) {
            return false;
        }
    }
    int64_t days, hour = f.hour;
    if (in.size > 0 || !days_of_fields(&f, &days)) {
        return false;
    }
    if (hour == NONE) {
        hour = or_else(f.hour12, 0) + (f.half == 2 ? 12 : 0);
    }
    int64_t time = hour * WEIR_HOUR_MS + f.minute * 60000 + f.second * 1000 + f.ms;
    if (!weir_instant_of(days, time, f.offset_ms, out_ms)) {
        return false;
    }
    *out_ms = f.zone ? weir_zone_to_utc(f.zone, *out_ms) : *out_ms;
    return true;
}

/* ---- reading the other formats */

/* Druid takes a pair of double quotes off, and blanks around and within them. */
static weir_str strip(weir_str text)
{
    text = weir_str_trim(text);
    if (text.size > 1 && text.at[0] == '"' && text.at[text.size - 1] == '"') {
        text = weir_str_trim((weir_str){text.at + 1, text.size - 2});
    }
    return text;
}

static bool all_digits(weir_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
    }
    return text.size > 0;
}

/* millis when all are digits, else ISO with 'T' or a blank before the time, and maybe a zone's name
 * at the end, which Druid drops. */
static bool parse_auto(weir_str text, int64_t *out_ms)
{
    if (all_digits(text)) {
        return weir_str_to_long(text, out_ms);
    }
    weir_str in = strip(text);
    for (size_t i = in.size; i-- > 1;) {
        if (in.at[i] == ' ') {
            weir_str last = {in.at + i + 1, in.size - i - 1};
            if (last.size > 0 && is_letter(last.at[0]) && weir_zone_is_known(last)) {
                in.size = i;
            }
            break;
        }
    }
    int64_t days, time = 0;
    int32_t offset = 0;
    if (!weir_take_date(&in, &days)) {
        return false;
    }
    if (weir_take_char(&in, 'T') || weir_take_char(&in, 't') || weir_take_char(&in, ' ')) {
        if (in.size > 0 && in.at[0] >= '0' && in.at[0] <= '9' && !weir_take_time(&in, &time)) {
            return false;
        }
        if (in.size > 0 && !weir_take_offset(&in, &offset)) {
            return false;
        }
    }
    return in.size == 0 && weir_instant_of(days, time, offset, out_ms);
}

static bool scale_number(uint8_t kind, int64_t number, int64_t *out_ms)
{
    *out_ms = kind == POSIX   ? weir_mul_sat(number, 1000)
              : kind == MICRO ? number / 1000
              : kind == NANO  ? number / 1000000
                              : number;
    return true;
}

bool weir_time_format_parse(const weir_time_format *format, weir_str text, int64_t *out_ms)
{
    int64_t number;
    double seconds;
    switch ((format_kind)format->kind) {
    case ISO:
        return weir_time_parse_iso(strip(text), out_ms) || weir_str_to_long(strip(text), out_ms);
    case AUTO:
        return parse_auto(text, out_ms);
    case POSIX:
    case MILLIS:
    case MICRO:
    case NANO:
        return weir_str_to_long(strip(text), &number) && scale_number(format->kind, number, out_ms);
    case RUBY:
        return weir_text_to_double(strip(text), &seconds) &&
               weir_time_format_double(format, seconds, out_ms);
    case PATTERN:
        return text.size > 0 && parse_pattern(format, strip(text), out_ms);
    }
    return false;
}

bool weir_time_format_long(const weir_time_format *format, int64_t number, int64_t *out_ms)
{
    if (format->kind == ISO || format->kind == PATTERN) {
        char text[32];
        return weir_time_format_parse(format, (weir_str){text, weir_print_long(text, number)},
                                      out_ms);
    }
    if (format->kind == RUBY) {
        return weir_time_format_double(format, (double)number, out_ms);
    }
    return scale_number(format->kind, number, out_ms);
}

bool weir_time_format_double(const weir_time_format *format, double number, int64_t *out_ms)
{
    if (format->kind == ISO || format->kind == PATTERN) {
        char text[32];
        return weir_time_format_parse(format, (weir_str){text, weir_print_double(text, number)},
                                      out_ms);
    }
    if (format->kind == RUBY) {
        *out_ms = weir_double_to_long(number * 1000);
        return true;
    }
    return scale_number(format->kind, weir_double_to_long(number), out_ms);
}

/* ---- printing */

/* Names of another language than English, from ICU. */
static bool put_icu_symbol(weir_buf *out, weir_str locale, UDateFormatSymbolType type,
                           int32_t index)
{
    char name[64];
    UChar text[64];
    char utf8[256];
    int32_t size = 0;
    UErrorCode status = U_ZERO_ERROR;
    if (locale.size >= sizeof(name)) {
        return false;
    }
    memcpy(name, locale.at, locale.size);
    name[locale.size] = 0;
    UDateFormat *format = udat_open(UDAT_NONE, UDAT_SHORT, name, NULL, 0, NULL, 0, &status);
    if (U_FAILURE(status)) {
        return false;
    }
    int32_t units = udat_getSymbols(format, type, index, text, 64, &status);
    udat_close(format);
    u_strToUTF8(utf8, sizeof(utf8), &size, text, units, &status);
    if (U_FAILURE(status)) {
        return false;
    }
    weir_buf_put(out, utf8, (size_t)size);
    return true;
}

static bool is_english(weir_str locale)
{
    return locale.size == 0 || (locale.size >= 2 && strncasecmp(locale.at, "en", 2) == 0);
}

/* The number-th (from 1) of `names`, cut to three letters unless `whole`. */
static void put_name(weir_buf *out, weir_str locale, const char *const *names, int32_t number,
                     bool whole)
{
    bool month = names == months;
    if (!is_english(locale)) {
        UDateFormatSymbolType type = month ? (whole ? UDAT_MONTHS : UDAT_SHORT_MONTHS)
                                           : (whole ? UDAT_WEEKDAYS : UDAT_SHORT_WEEKDAYS);
        if (put_icu_symbol(out, locale, type,
                           month ? number - 1
                                 : number % 7 + 1)) { /* ICU's weeks begin on Sunday, 1 */
            return;
        }
    }
    const char *name = names[number - 1];
    weir_buf_put(out, name, whole ? strlen(name) : 3);
}

static void put_zone_name(weir_buf *out, const weir_zone_rules *zone, int64_t ms, bool whole)
{
    UChar id[64], name[128];
    char utf8[400];
    int32_t size = 0;
    UErrorCode status = U_ZERO_ERROR;
    weir_str text = weir_zone_id(zone);
    if (weir_zone_is_utc(zone)) {
        weir_buf_text(out, whole ? "Coordinated Universal Time" : "UTC");
        return;
    }
    int32_t units = 0;
    if (!weir_zone_is_fixed(zone) && text.size < 64) {
        u_charsToUChars(text.at, id, (int32_t)text.size);
        id[text.size] = 0;
        UCalendar *calendar = ucal_open(id, -1, "en_US", UCAL_GREGORIAN, &status);
        if (U_SUCCESS(status)) {
            ucal_setMillis(calendar, (UDate)ms, &status);
            bool summer = ucal_get(calendar, UCAL_DST_OFFSET, &status) != 0;
            UCalendarDisplayNameType type = whole ? (summer ? UCAL_DST : UCAL_STANDARD)
                                                  : (summer ? UCAL_SHORT_DST : UCAL_SHORT_STANDARD);
            units = ucal_getTimeZoneDisplayName(calendar, type, "en_US", name, 128, &status);
            ucal_close(calendar);
        }
        u_strToUTF8(utf8, sizeof(utf8), &size, name, units, &status);
    }
    if (units > 0 && U_SUCCESS(status)) {
        weir_buf_put(out, utf8, (size_t)size);
    } else {
        weir_buf_str(out, text);
    }
}

static void put_number(weir_buf *out, int64_t value, int digits)
{
    char text[64];
    weir_buf_put(out, text, weir_print_padded(text, value, digits > 40 ? 40 : digits));
}

typedef struct moment { /* an instant, taken apart in its zone */
    int64_t ms, days, of_day;
    weir_civil date;
    int32_t offset;
    const weir_zone_rules *zone;
} moment;

static int64_t week_year_of(int64_t days)
{
    int64_t year = weir_civil_of(days - weir_day_of_week(days) + 4).year; /* its Thursday's */
    return year;
}

static void put_year(weir_buf *out, int64_t year, int count)
{
    if (count == 2) {
        put_number(out, (year < 0 ? -year : year) % 100, 2);
    } else {
        put_number(out, year, count);
    }
}

static void put_fraction(weir_buf *out, int64_t ms, int count)
{
    char text[8];
    weir_print_padded(text, ms, 3);
    for (int i = 0; i < count; i++) {
        weir_buf_byte(out, i < 3 ? text[i] : '0');
    }
}

static void put_offset(weir_buf *out, const moment *m, int count)
{
    char text[16];
    if (count >= 3) {
        weir_buf_str(out, weir_zone_id(m->zone));
    } else {
        weir_buf_put(out, text, weir_print_offset(text, m->offset, count == 2));
    }
}

static void put_item(const item *it, const moment *m, weir_str locale, weir_buf *out)
{
    int64_t hour = m->of_day / WEIR_HOUR_MS, year = m->date.year;
    switch (it->letter) {
    case 0:
        weir_buf_str(out, it->literal);
        break;
    case 'y':
        put_year(out, year, it->count);
        break;
    case 'Y':
        put_year(out, year > 0 ? year : 1 - year, it->count);
        break;
    case 'x':
        put_year(out, week_year_of(m->days), it->count);
        break;
    case 'C':
        put_number(out, (year > 0 ? year : 1 - year) / 100, it->count);
        break;
    case 'G':
        weir_buf_text(out, year > 0 ? "AD" : "BC");
        break;
    case 'M':
        if (it->count >= 3) {
            put_name(out, locale, months, m->date.month, it->count >= 4);
        } else {
            put_number(out, m->date.month, it->count);
        }
        break;
    case 'd':
        put_number(out, m->date.day, it->count);
        break;
    case 'D':
        put_number(out, m->days - weir_days_of(year, 1, 1) + 1, it->count);
        break;
    case 'w':
        put_number(out, (m->days - weir_first_week(week_year_of(m->days))) / 7 + 1, it->count);
        break;
    case 'e':
        put_number(out, weir_day_of_week(m->days), it->count);
        break;
    case 'E':
        put_name(out, locale, days_of_week, weir_day_of_week(m->days), it->count >= 4);
        break;
    case 'a':
        if (is_english(locale) || !put_icu_symbol(out, locale, UDAT_AM_PMS, hour >= 12)) {
            weir_buf_text(out, hour < 12 ? "AM" : "PM");
        }
        break;
    case 'H':
        put_number(out, hour, it->count);
        break;
    case 'k':
        put_number(out, hour ? hour : 24, it->count);
        break;
    case 'K':
        put_number(out, hour % 12, it->count);
        break;
    case 'h':
        put_number(out, hour % 12 ? hour % 12 : 12, it->count);
        break;
    case 'm':
        put_number(out, m->of_day / 60000 % 60, it->count);
        break;
    case 's':
        put_number(out, m->of_day / 1000 % 60, it->count);
        break;
    case 'S':
        put_fraction(out, m->of_day % 1000, it->count);
        break;
    case 'Z':
        put_offset(out, m, it->count);
        break;
    case 'z':
        put_zone_name(out, m->zone, m->ms, it->count >= 4);
        break;
    }
}

static void print_pattern(const weir_time_format *format, int64_t ms, const weir_zone_rules *zone,
                          weir_str locale, weir_buf *out)
{
    moment m = {.ms = ms, .zone = zone ? zone : weir_zone_find(WEIR_STR("UTC"))};
    m.offset = weir_zone_offset_ms(m.zone, ms);
    int64_t local = weir_add_sat(ms, m.offset);
    m.days = weir_floor_div(local, WEIR_DAY_MS);
    m.of_day = weir_floor_mod(local, WEIR_DAY_MS);
    m.date = weir_civil_of(m.days);
    for (uint32_t i = 0; i < format->item_count; i++) {
        put_item(&format->items[i], &m, locale, out);
    }
}

void weir_time_format_print(const weir_time_format *format, int64_t ms, const weir_zone_rules *zone,
                            weir_str locale, weir_buf *out)
{
    char text[40];
    switch ((format_kind)format->kind) {
    case ISO:
    case AUTO:
        weir_buf_put(out, text, weir_time_print_zone(text, ms, zone));
        break;
    case POSIX:
        put_number(out, ms / 1000, 0);
        break;
    case MILLIS:
        put_number(out, ms, 0);
        break;
    case MICRO:
        put_number(out, weir_mul_sat(ms, 1000), 0);
        break;
    case NANO:
        put_number(out, weir_mul_sat(ms, 1000000), 0);
        break;
    case RUBY:
        weir_buf_put(out, text, weir_print_double(text, (double)ms / 1000));
        break;
    case PATTERN:
        print_pattern(format, ms, zone, locale, out);
        break;
    }
}
