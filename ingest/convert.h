/* ingest/convert.h - cells of a batch to a typed vector, after Druid's rules for dimensions and for metrics' inputs. */
#ifndef INGEST_CONVERT_H
#define INGEST_CONVERT_H
#include "compute/vec.h"
#include "ingest/events.h"
#include "weir/schema.h"

typedef struct weir_convert {
    weir_events *events;
    const uint32_t *rows; /* events that are wanted, ascending */
    uint32_t n;
    weir_scratch *scratch;
    weir_str column; /* for sentences */
    /* Told once per value that could not be read and became null. */
    void (*bad)(void *self, uint32_t row, const char *sentence);
    void *self;
} weir_convert;

/* A dimension: strings of anything (numbers as Java prints them, booleans as true and false, objects as Java prints maps), lists as multi-values. */
void weir_convert_string(const weir_convert *c, uint32_t column, weir_vec *out);
/* A numeric dimension: text only if it is exactly such a number, booleans as 1 and 0. */
void weir_convert_number(const weir_convert *c, uint32_t column, weir_kind kind, weir_vec *out);
/* A numeric metric's input: text with commas and a plus too, booleans not. kind LONG or DOUBLE. */
void weir_convert_metric(const weir_convert *c, uint32_t column, weir_kind kind, weir_vec *out);
/* An auto or json column: LONG (booleans too), DOUBLE or STRING where all values are such, else COMPLEX<json> text; UNKNOWN: nothing but nulls. */
void weir_convert_auto(const weir_convert *c, uint32_t column, weir_vec *out);
/* The cells as JSON text, compact. */
void weir_convert_json(const weir_convert *c, uint32_t column, weir_vec *out);
/* A derived column as such: JSON becomes compact. */
void weir_convert_auto_vec(const weir_vec *vec, weir_scratch *scratch, weir_vec *out);
/* LONG, DOUBLE or STRING: what holds all values of the batch. */
weir_kind weir_convert_natural(const weir_convert *c, uint32_t column);
#endif
