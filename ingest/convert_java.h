/* ingest/convert_java.h - JSON in a string dimension, as Druid has it there: objects as Java prints
 * a map, {a=1, b=[x, null]}; a list's elements each. */
#ifndef INGEST_CONVERT_JAVA_H
#define INGEST_CONVERT_JAVA_H
#include "ingest/convert.h"

/* The column's cells for c->rows with JSON among them told as STRING and LIST cells. Memory from
 * c->scratch and the events. */
const weir_cell *weir_convert_java(const weir_convert *c, uint32_t column);
#endif
