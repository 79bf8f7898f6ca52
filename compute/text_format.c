/* compute/text_format.c - timestampSpec's formats and Joda's patterns, read and printed. A pattern is compiled to items: a letter with its count, or literal text.
 * Adjacent numbers ("yyyyMMdd") are read with fixed widths, others as far as digits go. An unclosed quote runs to the end, as in Joda. */
#include "compute/calendar.h"
#include "compute/civil.h"
#include "compute/text_time.h"
#include <ctype.h>
#include <time.h>
#include <unicode/udat.h>
#include <unicode/ustring.h>

typedef enum format_kind { FORMAT_ISO, FORMAT_MILLIS, FORMAT_POSIX, FORMAT_MICRO, FORMAT_NANO, FORMAT_AUTO, FORMAT_RUBY, FORMAT_PATTERN } format_kind;

typedef struct item {
    char letter; /* 0: literal */
    uint32_t count;
    weir_str literal;
} item;

struct weir_time_format {
    format_kind kind;
    uint32_t item_count;
    const item *items;
};

static const struct {
    const char *name;
    format_kind kind;
} names[] = {{"iso", FORMAT_ISO},   {"millis", FORMAT_MILLIS}, {"posix", FORMAT_POSIX}, {"micro", FORMAT_MICRO},
             {"nano", FORMAT_NANO}, {"auto", FORMAT_AUTO},     {"ruby", FORMAT_RUBY}};

static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
static const char *const weekdays[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

/* Quoted text from `i` (past the quote) to the closing quote; '' is one quote. */
static size_t take_quoted(weir_str pattern, size_t i, weir_buf *out)
{
    for (; i < pattern.size; i++) {
        if (pattern.at[i] != '\'') {
            weir_buf_byte(out, pattern.at[i]);
        } else if (i + 1 < pattern.size && pattern.at[i + 1] == '\'') {
            weir_buf_byte(out, '\'');
            i++;
        } else {
            return i + 1;
        }
    }
    return i;
}

static bool compile(weir_arena *arena, weir_str pattern, weir_time_format *format, weir_error *err)
{
    item *items = WEIR_ARENA_ARRAY(arena, item, pattern.size + 1);
    weir_buf literal = {0};
    uint32_t n = 0;
    for (size_t i = 0; i < pattern.size;) {
        char c = pattern.at[i];
        if (isalpha((unsigned char)c)) {
            if (!strchr("GCYxweEyDMdaKhHkmsSzZ", c)) {
                weir_buf_done(&literal);
                return weir_fail(err, WEIR_ERR_BAD_QUERY, "time format '%.*s': no field is called '%c'", WEIR_STR_ARG(pattern), c);
            }
            size_t from = i;
            while (i < pattern.size && pattern.at[i] == c) {
                i++;
            }
            items[n++] = (item){.letter = c, .count = (uint32_t)(i - from)};
            continue;
        }
        literal.size = 0;
        if (c == '\'' && i + 1 < pattern.size && pattern.at[i + 1] == '\'') {
            weir_buf_byte(&literal, '\'');
            i += 2;
        } else if (c == '\'') {
            i = take_quoted(pattern, i + 1, &literal);
        } else {
            weir_buf_byte(&literal, c);
            i++;
        }
        items[n++] = (item){.literal = weir_arena_str(arena, weir_buf_view(&literal))};
    }
    weir_buf_done(&literal);
    format->items = items;
    format->item_count = n;
    return n > 0 || weir_fail(err, WEIR_ERR_BAD_QUERY, "a time format is empty");
}

const weir_time_format *weir_time_format_new(weir_arena *arena, weir_str name, weir_error *err)
{
    weir_time_format *format = WEIR_ARENA_NEW(arena, weir_time_format);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (weir_str_eq_nocase(name, weir_str_of(names[i].name))) {
            format->kind = names[i].kind;
            return format;
        }
    }
    format->kind = FORMAT_PATTERN;
    return compile(arena, name, format, err) ? format : NULL;
}

/* What a text said; years and such that it did not say keep their defaults. */
typedef struct fields {
    int64_t year, week_year, fraction_ms;
    int32_t month, day, day_of_year, week, weekday, hour, half_hour, minute, second, offset_ms;
    int8_t half; /* 0 am, 1 pm, -1 not said */
    bool has_year, has_date, has_week;
    const weir_zone_rules *zone;
} fields;

static bool is_number(const item *it)
{
    return it->letter && !strchr("GaEzZ", it->letter) && !(it->letter == 'M' && it->count >= 3);
}

static bool take_number(const char **at, const char *end, uint32_t most, int64_t *out)
{
    int64_t value = 0;
    uint32_t n = 0;
    bool negative = *at < end && **at == '-' && most >= 9;
    *at += negative;
    while (n < most && *at < end && isdigit((unsigned char)**at)) {
        value = value * 10 + (*(*at)++ - '0');
        n++;
    }
    *out = negative ? -value : value;
    return n > 0;
}

/* Index of the name that the text begins with, whole or its first three letters. */
static bool take_name(const char **at, const char *end, const char *const *list, int count, int32_t *out)
{
    size_t left = (size_t)(end - *at);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            size_t size = pass == 0 ? strlen(list[i]) : 3;
            if (left >= size && strncasecmp(*at, list[i], size) == 0) {
                *at += size;
                *out = i;
                return true;
            }
        }
    }
    return false;
}

static bool take_zone(const char **at, const char *end, fields *f)
{
    const char *from = *at;
    if (weir_take_offset(at, end, &f->offset_ms)) {
        return true;
    }
    while (*at < end && (isalnum((unsigned char)**at) || strchr("/_+-", **at))) {
        (*at)++;
    }
    weir_str id = {from, (size_t)(*at - from)};
    f->zone = id.size > 0 && weir_zone_is_known(id) ? weir_zone_find(id) : NULL;
    return f->zone != NULL;
}

static bool take_fraction(const char **at, const char *end, uint32_t most, int64_t *out)
{
    int64_t unit = 100, ms = 0;
    const char *from = *at;
    for (uint32_t n = 0; n < most && *at < end && isdigit((unsigned char)**at); n++, (*at)++, unit /= 10) {
        ms += (**at - '0') * unit;
    }
    *out = ms;
    return *at > from;
}

static int64_t pivot_year(int64_t two_digits)
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    int64_t low = parts.tm_year + 1900 - 50 + 20; /* Joda: the current year less 30, and a century from there */
    int64_t year = low - weir_floor_mod(low, 100) + two_digits;
    return year < low ? year + 100 : year;
}

static bool in(int64_t value, int64_t low, int64_t high)
{
    return value >= low && value <= high;
}

static bool take_item(const item *it, const item *next, const char **at, const char *end, fields *f)
{
    int64_t v = 0;
    uint32_t most = next && is_number(next) ? it->count : 9;
    const char *from = *at;
    if (is_number(it) && it->letter != 'S' && !take_number(at, end, most, &v)) {
        return false;
    }
    switch (it->letter) {
    case 'y':
    case 'Y':
        f->year = it->count == 2 && *at - from == 2 ? pivot_year(v) : v;
        return f->has_year = true;
    case 'C':
        f->year = v * 100;
        return f->has_year = true;
    case 'x':
        f->week_year = v;
        return f->has_week = true;
    case 'w':
        f->week = (int32_t)v;
        f->has_week = true;
        return in(v, 1, 53);
    case 'e':
        f->weekday = (int32_t)v;
        return in(v, 1, 7);
    case 'D':
        f->day_of_year = (int32_t)v;
        f->has_date = true;
        return in(v, 1, 366);
    case 'M':
        f->has_date = true;
        if (it->count >= 3) {
            bool found = take_name(at, end, months, 12, &f->month);
            f->month++;
            return found;
        }
        f->month = (int32_t)v;
        return in(v, 1, 12);
    case 'd':
        f->day = (int32_t)v;
        f->has_date = true;
        return in(v, 1, 31);
    case 'E':
        return take_name(at, end, weekdays, 7, &f->weekday) && ++f->weekday;
    case 'a':
        if (end - *at < 2 || toupper((unsigned char)(*at)[1]) != 'M' || !strchr("AP", toupper((unsigned char)**at))) {
            return false;
        }
        f->half = toupper((unsigned char)**at) == 'P';
        *at += 2;
        return true;
    case 'K':
    case 'h':
        f->half_hour = (int32_t)v % 12;
        f->half = f->half < 0 ? 0 : f->half;
        return in(v, it->letter == 'h', it->letter == 'h' ? 12 : 11);
    case 'H':
    case 'k':
        f->hour = (int32_t)v % 24;
        return in(v, it->letter == 'k', it->letter == 'k' ? 24 : 23);
    case 'm':
        f->minute = (int32_t)v;
        return in(v, 0, 59);
    case 's':
        f->second = (int32_t)v;
        return in(v, 0, 59);
    case 'S':
        return take_fraction(at, end, it->count > 3 || !next || !is_number(next) ? 9 : it->count, &f->fraction_ms);
    case 'z':
    case 'Z':
        return take_zone(at, end, f);
    case 'G':
        *at += end - *at >= 2 ? 2 : 0;
        return *at > from;
    }
    return false;
}

static bool days_of(const fields *f, int64_t *out)
{
    int64_t year = f->has_year ? f->year : f->has_date ? 2000 : 1970;
    if (f->has_week) {
        *out = weir_days_of_week_date(f->week_year ? f->week_year : year, f->week ? f->week : 1, f->weekday ? f->weekday : 1);
        return true;
    }
    if (f->day_of_year) {
        *out = weir_days_of(year, 1, 1) + f->day_of_year - 1;
        return f->day_of_year <= 365 + weir_is_leap(year);
    }
    *out = weir_days_of(year, f->month, f->day);
    return f->day <= weir_days_in_month(year, f->month);
}

static bool parse_pattern(const weir_time_format *format, weir_str text, int64_t *out_ms)
{
    fields f = {.month = 1, .day = 1, .half = -1};
    const char *at = text.at, *end = text.at + text.size;
    for (uint32_t i = 0; i < format->item_count; i++) {
        const item *it = &format->items[i], *next = i + 1 < format->item_count ? it + 1 : NULL;
        if (it->letter) {
            if (!take_item(it, next, &at, end, &f)) {
                return false;
            }
        } else if ((size_t)(end - at) < it->literal.size || strncasecmp(at, it->literal.at, it->literal.size) != 0) {
            return false;
        } else {
            at += it->literal.size;
        }
    }
    int64_t days;
    if (at != end || !days_of(&f, &days)) {
        return false;
    }
    int32_t hour = f.half >= 0 ? f.half_hour + 12 * f.half : f.hour;
    int64_t local = days * WEIR_DAY_MS + ((int64_t)hour * 60 + f.minute) * 60000 + (int64_t)f.second * 1000 + f.fraction_ms;
    *out_ms = f.zone ? local - weir_zone_offset_ms(f.zone, local - weir_zone_offset_ms(f.zone, local)) : local - f.offset_ms;
    return true;
}

bool weir_time_format_long(const weir_time_format *format, int64_t number, int64_t *out_ms)
{
    switch (format->kind) {
    case FORMAT_POSIX:
    case FORMAT_RUBY:
        return !__builtin_mul_overflow(number, 1000, out_ms);
    case FORMAT_MICRO:
        *out_ms = number / 1000;
        return true;
    case FORMAT_NANO:
        *out_ms = number / 1000000;
        return true;
    case FORMAT_ISO:
    case FORMAT_MILLIS:
    case FORMAT_AUTO:
    case FORMAT_PATTERN:
        *out_ms = number;
        return true;
    }
    return false;
}

bool weir_time_format_double(const weir_time_format *format, double number, int64_t *out_ms)
{
    if (!(number > -9e18 && number < 9e18)) {
        return false;
    }
    if (format->kind == FORMAT_RUBY) {
        *out_ms = weir_double_to_long(number * 1000);
        return true;
    }
    return weir_time_format_long(format, (int64_t)number, out_ms);
}

static weir_str without_quotes(weir_str text)
{
    bool quoted = text.size >= 2 && text.at[0] == '"' && text.at[text.size - 1] == '"';
    return quoted ? (weir_str){text.at + 1, text.size - 2} : text;
}

static bool parse_auto(weir_str text, int64_t *out_ms)
{
    weir_str plain = weir_str_trim(text);
    if (weir_str_to_long(plain, out_ms)) {
        return true;
    }
    for (size_t i = plain.size; i > 0 && isalpha((unsigned char)plain.at[i - 1]); i--) { /* "... UTC", "... GMT" */
        if (i >= 2 && plain.at[i - 2] == ' ') {
            weir_str zone = {plain.at + i - 1, plain.size - i + 1}, rest = {plain.at, i - 2};
            int64_t local;
            if (!weir_zone_is_known(zone) || !weir_time_parse_iso_like(rest, true, &local)) {
                return false;
            }
            *out_ms = local - weir_zone_offset_ms(weir_zone_find(zone), local);
            return true;
        }
    }
    return weir_time_parse_iso_like(plain, true, out_ms);
}

bool weir_time_format_parse(const weir_time_format *format, weir_str text, int64_t *out_ms)
{
    int64_t number;
    double real;
    text = without_quotes(text);
    switch (format->kind) {
    case FORMAT_ISO:
        return weir_time_parse_iso(text, out_ms);
    case FORMAT_AUTO:
        return parse_auto(text, out_ms);
    case FORMAT_RUBY:
        return weir_text_to_double(text, &real) && weir_time_format_double(format, real, out_ms);
    case FORMAT_MILLIS:
    case FORMAT_POSIX:
    case FORMAT_MICRO:
    case FORMAT_NANO:
        return weir_str_to_long(text, &number) && weir_time_format_long(format, number, out_ms);
    case FORMAT_PATTERN:
        return parse_pattern(format, text, out_ms);
    }
    return false;
}

/* Names of another language come from ICU; index from 0, Sunday is 1 there. */
static bool put_foreign(weir_str locale, UDateFormatSymbolType kind, int32_t index, weir_buf *out)
{
    char id[64];
    UChar text[64];
    UErrorCode code = U_ZERO_ERROR;
    if (locale.size == 0 || locale.size >= sizeof(id) || weir_str_starts(locale, WEIR_STR("en"))) {
        return false;
    }
    memcpy(id, locale.at, locale.size);
    id[locale.size] = 0;
    UDateFormat *symbols = udat_open(UDAT_DEFAULT, UDAT_DEFAULT, id, NULL, 0, NULL, 0, &code);
    int32_t units = U_SUCCESS(code) ? udat_getSymbols(symbols, kind, index, text, 64, &code) : 0;
    char utf8[256];
    int32_t size = 0;
    u_strToUTF8(utf8, sizeof(utf8), &size, text, units, &code);
    udat_close(symbols);
    if (U_FAILURE(code)) {
        return false;
    }
    weir_buf_put(out, utf8, (size_t)size);
    return true;
}

static void put_number(weir_buf *out, int64_t value, uint32_t digits)
{
    char text[32];
    size_t size = weir_print_long(text, value < 0 ? -value : value);
    if (value < 0) {
        weir_buf_byte(out, '-');
    }
    for (size_t i = size; i < digits; i++) {
        weir_buf_byte(out, '0');
    }
    weir_buf_put(out, text, size);
}

static void put_name(weir_buf *out, const char *name, bool whole)
{
    weir_buf_put(out, name, whole ? strlen(name) : 3);
}

typedef struct parts { /* of a local time */
    weir_civil date;
    int64_t days, of_day_ms, week_year;
    int32_t week, weekday, offset_ms;
} parts;

static parts split(int64_t ms, const weir_zone_rules *zone)
{
    parts p = {.offset_ms = zone ? weir_zone_offset_ms(zone, ms) : 0};
    int64_t local = ms + p.offset_ms;
    p.days = weir_floor_div(local, WEIR_DAY_MS);
    p.of_day_ms = local - p.days * WEIR_DAY_MS;
    p.date = weir_civil_of(p.days);
    p.weekday = weir_day_of_week(p.days);
    int64_t thursday = p.days - p.weekday + 4;
    p.week_year = weir_civil_of(thursday).year;
    p.week = (int32_t)((thursday - weir_days_of(p.week_year, 1, 1)) / 7) + 1;
    return p;
}

static void put_fraction(weir_buf *out, int64_t ms, uint32_t digits)
{
    char text[4] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), '0'};
    for (uint32_t i = 0; i < digits; i++) {
        weir_buf_byte(out, text[i < 3 ? i : 3]);
    }
}

static void put_zone(const item *it, const parts *p, const weir_zone_rules *zone, weir_buf *out)
{
    char text[16];
    if (it->letter == 'Z' && it->count < 3) {
        weir_buf_put(out, text, weir_offset_print(text, p->offset_ms, it->count == 2));
    } else {
        weir_buf_str(out, zone ? weir_zone_id(zone) : WEIR_STR("UTC"));
    }
}

static void put_item(const item *it, const parts *p, const weir_zone_rules *zone, weir_str locale, weir_buf *out)
{
    int64_t hour = p->of_day_ms / 3600000;
    bool whole = it->count >= 4;
    switch (it->letter) {
    case 'y':
    case 'Y':
        put_number(out, it->count == 2 ? weir_floor_mod(p->date.year, 100) : p->date.year, it->count);
        return;
    case 'C':
        put_number(out, p->date.year / 100, it->count);
        return;
    case 'x':
        put_number(out, it->count == 2 ? weir_floor_mod(p->week_year, 100) : p->week_year, it->count);
        return;
    case 'w':
        put_number(out, p->week, it->count);
        return;
    case 'e':
        put_number(out, p->weekday, it->count);
        return;
    case 'D':
        put_number(out, p->days - weir_days_of(p->date.year, 1, 1) + 1, it->count);
        return;
    case 'M':
        if (it->count < 3) {
            put_number(out, p->date.month, it->count);
        } else if (!put_foreign(locale, whole ? UDAT_MONTHS : UDAT_SHORT_MONTHS, p->date.month - 1, out)) {
            put_name(out, months[p->date.month - 1], whole);
        }
        return;
    case 'd':
        put_number(out, p->date.day, it->count);
        return;
    case 'E':
        if (!put_foreign(locale, whole ? UDAT_WEEKDAYS : UDAT_SHORT_WEEKDAYS, p->weekday % 7 + 1, out)) {
            put_name(out, weekdays[p->weekday - 1], whole);
        }
        return;
    case 'a':
        if (!put_foreign(locale, UDAT_AM_PMS, hour >= 12, out)) {
            weir_buf_text(out, hour < 12 ? "AM" : "PM");
        }
        return;
    case 'K':
        put_number(out, hour % 12, it->count);
        return;
    case 'h':
        put_number(out, hour % 12 == 0 ? 12 : hour % 12, it->count);
        return;
    case 'H':
        put_number(out, hour, it->count);
        return;
    case 'k':
        put_number(out, hour == 0 ? 24 : hour, it->count);
        return;
    case 'm':
        put_number(out, p->of_day_ms / 60000 % 60, it->count);
        return;
    case 's':
        put_number(out, p->of_day_ms / 1000 % 60, it->count);
        return;
    case 'S':
        put_fraction(out, p->of_day_ms % 1000, it->count);
        return;
    case 'G':
        weir_buf_text(out, p->date.year > 0 ? "AD" : "BC");
        return;
    case 'z':
    case 'Z':
        put_zone(it, p, zone, out);
        return;
    }
}

static void put_scaled(weir_buf *out, int64_t ms, format_kind kind)
{
    int64_t value = kind == FORMAT_POSIX   ? weir_floor_div(ms, 1000)
                    : kind == FORMAT_MICRO ? weir_mul_sat(ms, 1000)
                    : kind == FORMAT_NANO  ? weir_mul_sat(ms, 1000000)
                                           : ms;
    put_number(out, value, 1);
}

void weir_time_format_print(const weir_time_format *format, int64_t ms, const weir_zone_rules *zone, weir_str locale, weir_buf *out)
{
    char text[40];
    switch (format->kind) {
    case FORMAT_ISO:
    case FORMAT_AUTO:
        weir_buf_put(out, text, weir_time_print_zone(text, ms, zone));
        return;
    case FORMAT_MILLIS:
    case FORMAT_POSIX:
    case FORMAT_MICRO:
    case FORMAT_NANO:
        put_scaled(out, ms, format->kind);
        return;
    case FORMAT_RUBY:
        weir_buf_put(out, text, weir_print_double(text, (double)ms / 1000));
        return;
    case FORMAT_PATTERN:
        break;
    }
    parts p = split(ms, zone);
    for (uint32_t i = 0; i < format->item_count; i++) {
        if (format->items[i].letter) {
            put_item(&format->items[i], &p, zone, locale, out);
        } else {
            weir_buf_str(out, format->items[i].literal);
        }
    }
}
