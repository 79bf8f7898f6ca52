/* compute/text_time.h - pieces of times in text, shared by text_time.c and text_format.c. A weir_str
 * is the cursor: a take_ function moves it past what it took, and returns false when nothing fits.
 */
#ifndef COMPUTE_TEXT_TIME_H
#define COMPUTE_TEXT_TIME_H
#include "weir/str.h"

bool weir_take_number(weir_str *in, size_t most, int64_t *out); /* 1..most digits */
bool weir_take_signed(weir_str *in, size_t most, int64_t *out);
bool weir_take_char(weir_str *in, char c);
bool weir_take_offset(weir_str *in, int32_t *out_ms); /* Z, +HH, +HH:mm, +HHmm ... */
bool weir_take_date(weir_str *in, int64_t *out_days); /* yyyy[-MM[-dd]], yyyy-DDD, xxxx-Www[-e] */
bool weir_take_time(weir_str *in, int64_t *out_ms);   /* HH[:mm[:ss]], fraction of the last */
int64_t weir_take_fraction(weir_str *in, size_t most,
                           int64_t unit_ms); /* 0..most digits behind a point */

/* Checked; days since 1970. */
bool weir_date_from(int64_t year, int64_t month, int64_t day, int64_t *out_days);
bool weir_week_date_from(int64_t year, int64_t week, int64_t day_of_week, int64_t *out_days);
int64_t weir_first_week(int64_t year); /* Monday of ISO week 1 */
bool weir_instant_of(int64_t days, int64_t time_ms, int64_t offset_ms, int64_t *out_ms);

size_t weir_print_padded(char *out, int64_t value, int digits);
size_t weir_print_offset(char *out, int32_t offset_ms, bool colons);
#endif
