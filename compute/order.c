/* compute/order.c - Druid's string orderings, one comparator each, and the natural order of typed
 * values. Numeric compares decimals of any length digit by digit (BigDecimal's order), version is
 * Maven's ComparableVersion. */
#include "compute/order.h"
#include "weir/arena.h"
#include "weir/log.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <unicode/ucasemap.h>
#include <unicode/uchar.h>

static int sign_of(int64_t x)
{
    return (x > 0) - (x < 0);
}

int weir_long_cmp(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

int weir_double_cmp(double a, double b)
{
    if (a < b) {
        return -1;
    }
    if (a > b) {
        return 1;
    }
    if (a == b) {
        return (signbit(b) != 0) - (signbit(a) != 0);
    }
    return isnan(a) - isnan(b);
}

/* ---- alphanumeric: runs of digits by value, the rest without case, by code points */

/* The code point at *at, which moves past it; malformed bytes count one each, as U+FFFD. */
static int32_t code_point(weir_str s, size_t *at)
{
    const uint8_t *p = (const uint8_t *)s.at + *at;
    size_t left = s.size - *at, more = p[0] >= 0xF0 ? 3 : p[0] >= 0xE0 ? 2 : p[0] >= 0xC2 ? 1 : 0;
    int32_t c = p[0] < 0x80 ? p[0] : p[0] & (0x3F >> more);
    bool ok = (p[0] < 0x80 || more > 0) && more < left;
    for (size_t i = 1; ok && i <= more; i++) {
        ok = (p[i] & 0xC0) == 0x80;
        c = c << 6 | (p[i] & 0x3F);
    }
    *at += ok ? more + 1 : 1;
    return ok ? c : 0xFFFD;
}

static int32_t peek(weir_str s, size_t at)
{
    return at < s.size ? code_point(s, &at) : -1;
}

/* 0..9 for the digits that Druid knows (ASCII, Arabic, Devanagari, full width), else -1. */
static int digit_value(int32_t c)
{
    static const int32_t zeros[] = {'0', 0x660, 0x6F0, 0x966, 0xFF10};
    for (size_t i = 0; i < sizeof(zeros) / sizeof(*zeros); i++) {
        if (c >= zeros[i] && c <= zeros[i] + 9) {
            return c - zeros[i];
        }
    }
    return -1;
}

static size_t skip_zeros(weir_str s, size_t *at)
{
    size_t count = 0;
    while (digit_value(peek(s, *at)) == 0) {
        code_point(s, at);
        count++;
    }
    return count;
}

static int next_digit(weir_str s, size_t *at)
{
    int digit = digit_value(peek(s, *at));
    if (digit >= 0) {
        code_point(s, at);
    }
    return digit;
}

static int compare_digit_runs(weir_str a, weir_str b, size_t *i, size_t *k)
{
    size_t zeros_a = skip_zeros(a, i), zeros_b = skip_zeros(b, k);
    int first_difference = 0;
    bool first = true;
    for (;; first = false) {
        /* Druid's quirk: of zeros that end the text, the last counts once more as a digit */
        int x = first && zeros_a > 0 && *i == a.size ? 0 : next_digit(a, i);
        int y = first && zeros_b > 0 && *k == b.size ? 0 : next_digit(b, k);
        if (x < 0 && y < 0) {
            return first_difference ? first_difference
                                    : weir_long_cmp((int64_t)zeros_a, (int64_t)zeros_b);
        }
        if (x < 0 || y < 0) {
            return x < 0 ? -1 : 1;
        }
        if (first_difference == 0) {
            first_difference = x - y;
        }
    }
}

static int compare_other_runs(weir_str a, weir_str b, size_t *i, size_t *k)
{
    int result = 0;
    for (;;) {
        int32_t x = peek(a, *i), y = peek(b, *k);
        bool more_a = x >= 0 && digit_value(x) < 0, more_b = y >= 0 && digit_value(y) < 0;
        if (!more_a && !more_b) {
            return result;
        }
        if (result == 0 && more_a != more_b) {
            result = more_a ? 1 : -1;
        }
        if (result == 0) {
            result = u_tolower(u_toupper(x)) - u_tolower(u_toupper(y));
        }
        if (more_a) {
            code_point(a, i);
        }
        if (more_b) {
            code_point(b, k);
        }
    }
}

static int compare_alphanumeric(weir_str a, weir_str b)
{
    size_t i = 0, k = 0;
    while (i < a.size && k < b.size) {
        bool digits_a = digit_value(peek(a, i)) >= 0, digits_b = digit_value(peek(b, k)) >= 0;
        if (digits_a != digits_b) {
            return digits_a ? -1 : 1;
        }
        int result = digits_a ? compare_digit_runs(a, b, &i, &k) : compare_other_runs(a, b, &i, &k);
        if (result != 0) {
            return result;
        }
    }
    return weir_long_cmp((int64_t)weir_str_utf16_size(a), (int64_t)weir_str_utf16_size(b));
}

/* ---- numeric */

typedef struct decimal {
    int sign;             /* -1, 0, 1 */
    int64_t magnitude;    /* exponent of ten of the first significant digit */
    const char *at, *end; /* from the first significant digit; may hold a point */
} decimal;

/* The whole text as BigDecimal reads it. */
static bool read_decimal(weir_str text, decimal *out)
{
    const char *p = text.at, *end = p + text.size;
    bool negative = text.size > 0 && *p == '-';
    p += text.size > 0 && (*p == '-' || *p == '+');
    const char *first = NULL, *stop = p;
    int64_t whole = 0,
            place = 0; /* digits before the point; place of the first significant digit */
    bool point = false, any = false;
    for (; stop < end && ((*stop >= '0' && *stop <= '9') || (*stop == '.' && !point)); stop++) {
        if (*stop == '.') {
            point = true;
            continue;
        }
        any = true;
        if (!first && *stop != '0') {
            first = stop;
            place = point ? place - 1 : whole;
        } else if (!first && point) {
            place--;
        }
        whole += !point;
    }
    if (!any) {
        return false;
    }
    int64_t exponent = 0;
    if (stop < end && (*stop == 'e' || *stop == 'E')) {
        const char *digits = stop + 1;
        digits += digits < end && *digits == '+'; /* weir_str_to_long takes the minus */
        if (digits == end ||
            !weir_str_to_long((weir_str){digits, (size_t)(end - digits)}, &exponent) ||
            exponent > INT32_MAX || exponent < INT32_MIN) {
            return false;
        }
    } else if (stop != end) {
        return false;
    }
    *out = (decimal){.at = first, .end = stop};
    if (first) {
        /* place is the index of the digit among the whole ones, or minus its distance behind the
         * point */
        out->magnitude =
            (place >= 0 && !(first > text.at && memchr(text.at, '.', (size_t)(first - text.at)))
                 ? whole - 1 - place
                 : place) +
            exponent;
        out->sign = negative ? -1 : 1;
    }
    return true;
}

static int significant_digit(const char **at, const char *end)
{
    while (*at < end && **at == '.') {
        (*at)++;
    }
    return *at < end ? *(*at)++ - '0' : 0;
}

static int compare_decimals(decimal a, decimal b)
{
    if (a.sign != b.sign || a.sign == 0) {
        return weir_long_cmp(a.sign, b.sign);
    }
    if (a.magnitude != b.magnitude) {
        return a.magnitude < b.magnitude ? -a.sign : a.sign;
    }
    while (a.at < a.end || b.at < b.end) {
        int x = significant_digit(&a.at, a.end), y = significant_digit(&b.at, b.end);
        if (x != y) {
            return x < y ? -a.sign : a.sign;
        }
    }
    return 0;
}

static int compare_numeric(weir_str a, weir_str b)
{
    int64_t x, y;
    if (weir_str_to_long(a, &x) && weir_str_to_long(b, &y)) {
        return weir_long_cmp(x, y);
    }
    decimal c, d;
    bool is_a = read_decimal(a, &c), is_b = read_decimal(b, &d);
    if (is_a && is_b) {
        return compare_decimals(c, d);
    }
    return is_a ? 1 : is_b ? -1 : weir_str_cmp(a, b);
}

static int compare_strlen(weir_str a, weir_str b)
{
    int result = weir_long_cmp((int64_t)weir_str_utf16_size(a), (int64_t)weir_str_utf16_size(b));
    return result ? result : weir_str_cmp(a, b);
}

/* ---- version: items between points; a hyphen, or a change between digits and letters, opens a
 * list within the list */

#define FEW_ITEMS 64u
#define FEW_BYTES 256u
#define RELEASE 5 /* rank of "", "ga", "final" */
#define UNKNOWN 7 /* and by text */

typedef struct item {
    weir_str text; /* digits without leading zeros, or letters in lower case */
    bool is_number;
    int rank; /* of letters */
    uint32_t list;
} item;

typedef struct version {
    item *items;
    uint32_t count, lists;
    item few[FEW_ITEMS];
} version;

static int rank_of(weir_str text, bool digit_follows)
{
    static const struct {
        const char *word;
        int rank;
    } words[] = {{"alpha", 0},    {"beta", 1},   {"milestone", 2}, {"rc", 3},          {"cr", 3},
                 {"snapshot", 4}, {"", RELEASE}, {"ga", RELEASE},  {"final", RELEASE}, {"sp", 6}};
    if (digit_follows && text.size == 1) {
        switch (text.at[0]) {
        case 'a':
            return 0;
        case 'b':
            return 1;
        case 'm':
            return 2;
        }
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (weir_str_is(text, words[i].word)) {
            return words[i].rank;
        }
    }
    return UNKNOWN;
}

static bool item_is_null(const item *it)
{
    return it->is_number ? it->text.size == 0 : it->rank == RELEASE;
}

static void add_item(version *v, const char *from, const char *to, bool is_number,
                     bool digit_follows)
{
    if (is_number) {
        while (from < to && *from == '0') {
            from++;
        }
    }
    item *it = &v->items[v->count++];
    *it = (item){{from, (size_t)(to - from)}, is_number, 0, v->lists - 1};
    if (!is_number) {
        it->rank = rank_of(it->text, digit_follows);
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void read_version(weir_str text, version *v)
{
    uint32_t most = (uint32_t)text.size + 1;
    v->items = most <= FEW_ITEMS ? v->few : weir_alloc(sizeof(item) * most);
    v->count = 0;
    v->lists = 1;
    const char *start = text.at, *end = text.at + text.size;
    bool digits = false;
    for (const char *p = text.at; p < end; p++) {
        bool separator = *p == '.' || *p == '-';
        if (separator) {
            add_item(v, start, p, p == start || digits, false); /* nothing between: 0 */
            v->lists += *p == '-';
            start = p + 1;
        } else if (p > start && is_digit(*p) != digits) {
            add_item(v, start, p, digits, !digits);
            v->lists++;
            start = p;
        }
        digits = separator ? digits : is_digit(*p);
    }
    if (start < end) {
        add_item(v, start, end, digits, false);
    }
    uint32_t kept = 0; /* trailing nulls of every list go */
    for (uint32_t i = 0; i < v->count; i++) {
        v->items[kept++] = v->items[i];
        bool last = i + 1 == v->count || v->items[i + 1].list != v->items[i].list;
        while (last && kept > 0 && v->items[kept - 1].list == v->items[i].list &&
               item_is_null(&v->items[kept - 1])) {
            uint32_t list = v->items[i].list;
            kept--;
            if (kept == 0 || v->items[kept - 1].list != list) {
                break;
            }
        }
    }
    v->count = kept;
}

static int item_against_nothing(const item *it)
{
    return it->is_number ? it->text.size > 0 : it->rank - RELEASE;
}

static int compare_items(const item *a, const item *b)
{
    if (a->is_number != b->is_number) {
        return a->is_number ? 1 : -1;
    }
    if (!a->is_number && (a->rank != b->rank || a->rank != UNKNOWN)) {
        return a->rank - b->rank;
    }
    if (a->is_number && a->text.size != b->text.size) {
        return a->text.size < b->text.size ? -1 : 1;
    }
    return weir_str_cmp(a->text, b->text);
}

/* Lists are nested, each behind the items of the one before: i and k walk both texts from the left.
 */
static int compare_lists(const version *a, const version *b)
{
    uint32_t i = 0, k = 0, depth_a = 0, depth_b = 0; /* lists entered */
    for (;;) {
        bool more_a = i < a->count, more_b = k < b->count;
        if (!more_a && !more_b) {
            return 0;
        }
        if (!more_a || !more_b) { /* against nothing: the first item decides, inside lists too */
            const item *it = more_a ? &a->items[i] : &b->items[k];
            int result = item_against_nothing(it);
            if (result != 0) {
                return more_a ? result : -result;
            }
            i += more_a;
            k += more_b;
            continue;
        }
        bool list_a = a->items[i].list > depth_a, list_b = b->items[k].list > depth_b;
        if (list_a && list_b) { /* empty lists count as lists while something follows */
            depth_a++;
            depth_b++;
            continue;
        }
        if (list_a || list_b) {
            const item *other = list_a ? &b->items[k] : &a->items[i];
            int result = other->is_number ? -1 : 1; /* list < number, list > letters */
            return list_a ? result : -result;
        }
        int result = compare_items(&a->items[i++], &b->items[k++]);
        if (result != 0) {
            return result;
        }
    }
}

static UCaseMap *case_map;

static void open_case_map(void)
{
    UErrorCode status = U_ZERO_ERROR;
    case_map = ucasemap_open("en", 0, &status);
    if (U_FAILURE(status)) {
        weir_die("ICU has no case mapping: %s", u_errorName(status));
    }
}

/* Lower case as String.toLowerCase; in `few` or, free_it set, in memory of its own. */
static weir_str lower(weir_str s, char few[FEW_BYTES], char **free_it)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t room = s.size * 3 + 1; /* U+0130 becomes three bytes of two */
    char *out = room <= FEW_BYTES ? few : (*free_it = weir_alloc(room));
    bool ascii = true;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.at[i];
        ascii = ascii && (uint8_t)c < 0x80;
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    if (ascii || room > INT32_MAX) {
        return (weir_str){out, s.size};
    }
    UErrorCode status = U_ZERO_ERROR;
    pthread_once(&once, open_case_map);
    int32_t size =
        ucasemap_utf8ToLower(case_map, out, (int32_t)room, s.at, (int32_t)s.size, &status);
    return U_SUCCESS(status) ? (weir_str){out, (size_t)size} : s;
}

static int compare_version(weir_str a, weir_str b)
{
    version x, y;
    char few_a[FEW_BYTES], few_b[FEW_BYTES], *large_a = NULL, *large_b = NULL;
    read_version(lower(a, few_a, &large_a), &x);
    read_version(lower(b, few_b, &large_b), &y);
    int result = compare_lists(&x, &y);
    free(large_a);
    free(large_b);
    if (x.items != x.few) {
        free(x.items);
    }
    if (y.items != y.few) {
        free(y.items);
    }
    return result;
}

const weir_ordering weir_order_lexicographic = {"lexicographic", weir_str_cmp};
const weir_ordering weir_order_alphanumeric = {"alphanumeric", compare_alphanumeric};
const weir_ordering weir_order_numeric = {"numeric", compare_numeric};
const weir_ordering weir_order_strlen = {"strlen", compare_strlen};
const weir_ordering weir_order_version = {"version", compare_version};
static const weir_ordering order_natural = {"natural", weir_str_cmp};

const weir_ordering *weir_ordering_find(weir_str name)
{
    static const weir_ordering *const all[] = {&weir_order_lexicographic, &weir_order_alphanumeric,
                                               &weir_order_numeric,       &weir_order_strlen,
                                               &weir_order_version,       &order_natural};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (weir_str_eq_nocase(name, weir_str_of(all[i]->name))) {
            return all[i];
        }
    }
    return NULL;
}

static double as_double(const weir_value *v)
{
    return v->type.kind == WEIR_LONG ? (double)v->as.l : v->as.d;
}

static int compare_arrays(const weir_value *a, const weir_value *b, const weir_ordering *ordering)
{
    for (uint32_t i = 0; i < a->as.array.count && i < b->as.array.count; i++) {
        int result = weir_value_cmp(&a->as.array.at[i], &b->as.array.at[i], ordering);
        if (result != 0) {
            return result;
        }
    }
    return weir_long_cmp(a->as.array.count, b->as.array.count);
}

int weir_value_cmp(const weir_value *a, const weir_value *b, const weir_ordering *ordering)
{
    bool null_a = a->is_null || a->type.kind == WEIR_UNKNOWN;
    bool null_b = b->is_null || b->type.kind == WEIR_UNKNOWN;
    if (null_a || null_b) {
        return null_b - null_a;
    }
    if (a->type.kind == WEIR_LONG && b->type.kind == WEIR_LONG) {
        return weir_long_cmp(a->as.l, b->as.l);
    }
    if (weir_type_is_number(a->type) && weir_type_is_number(b->type)) {
        return weir_double_cmp(as_double(a), as_double(b));
    }
    if (a->type.kind != b->type.kind) {
        return weir_long_cmp(a->type.kind, b->type.kind);
    }
    if (a->type.kind == WEIR_ARRAY) {
        return compare_arrays(a, b, ordering);
    }
    return sign_of((ordering ? ordering->compare : weir_str_cmp)(a->as.s, b->as.s));
}
