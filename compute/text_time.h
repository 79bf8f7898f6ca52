/* compute/text_time.h - pieces of times that text_time.c and text_format.c share. */
#ifndef COMPUTE_TEXT_TIME_H
#define COMPUTE_TEXT_TIME_H
#include "compute/text.h"

/* As weir_time_parse_iso; a blank may stand for the T and before the offset. */
bool weir_time_parse_iso_like(weir_str text, bool blank_separates, int64_t *out_ms);
/* "Z" "+02" "+0200" "+02:00"; moves *at past it. */
bool weir_take_offset(const char **at, const char *end, int32_t *out_ms);
size_t weir_offset_print(char *out, int32_t offset_ms, bool colon); /* "+0200" "+02:00" */
/* Days since 1970 of an ISO week date; day 1 is Monday. */
int64_t weir_days_of_week_date(int64_t year, int32_t week, int32_t day);
#endif
