/* compute/text.h - Java's words for numbers and times, both ways. */
#ifndef COMPUTE_TEXT_H
#define COMPUTE_TEXT_H
#include "compute/type.h"
#include "weir/buf.h"

/* [start, end) in ms. */
typedef struct weir_interval {
    int64_t start_ms, end_ms;
} weir_interval;
extern const weir_interval weir_interval_eternity; /* Druid's: -146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z */

/* ISO 8601 instant cut at any field ("2015", "2015-09-12T00Z", "...T00:00:00.123456+02:00"); no zone: UTC. */
bool weir_time_parse_iso(weir_str text, int64_t *out_ms);
/* The same; with blank_separates a blank may stand for the T and before the offset. */
bool weir_time_parse_iso_like(weir_str text, bool blank_separates, int64_t *out_ms);
/* "start/end", "start/period", "period/end"; end >= start. */
bool weir_interval_parse(weir_str text, weir_interval *out, weir_error *err);
/* "2015-09-12T00:46:58.771Z"; years outside 0..9999 as Joda prints them. Returns the length. */
size_t weir_time_print(char out[40], int64_t ms);
void weir_json_member_time(weir_json *json, const char *key, int64_t ms); /* as text */
/* With the zone's offset ("2024-03-11T00:00:00.000-04:00"), "Z" for zero offset of UTC. */
struct weir_zone_rules;
size_t weir_time_print_zone(char out[40], int64_t ms, const struct weir_zone_rules *zone);
/* Guava's Doubles.tryParse, which Druid's string-to-number coercion uses: "1e3" "1.5f" ".5" "NaN" "-Infinity" "0x1p3"; no blanks,
 * no "0x10"; false = null. */
bool weir_text_to_double(weir_str text, double *out);
/* Druid's string to long in aggregators and expressions: the whole text as a long, else via double ("1.9" is 1). */
bool weir_text_to_long(weir_str text, int64_t *out);
/* Druid's string to long for dimensions and for filter values: "1", "1.0", "1e3", but "1.9" is null. */
bool weir_text_to_long_exact(weir_str text, int64_t *out);
int64_t weir_double_to_long(double d); /* Java's (long): saturates, NaN is 0 */
/* Timestamps of events: timestampSpec formats. format: iso millis posix micro nano auto ruby, or a Joda pattern. */
typedef struct weir_time_format weir_time_format;
const weir_time_format *weir_time_format_new(weir_arena *arena, weir_str format, weir_error *err);
bool weir_time_format_parse(const weir_time_format *format, weir_str text, int64_t *out_ms);
bool weir_time_format_long(const weir_time_format *format, int64_t number, int64_t *out_ms); /* a JSON number */
bool weir_time_format_double(const weir_time_format *format, double number, int64_t *out_ms);
/* Prints by a Joda pattern (or iso etc. as above) in `zone` (NULL: UTC); the result is in `out`'s buffer. */

void weir_time_format_print(const weir_time_format *format, int64_t ms, const struct weir_zone_rules *zone, weir_str locale, weir_buf *out);
#endif
