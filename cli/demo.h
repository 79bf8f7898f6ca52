/* cli/demo.h - weir serve --demo: librdkafka's mock cluster as an embedded broker, a generated web-shop stream, and a supervisor that ingests it.
 * The mock keeps about 5 MB a partition and nothing across starts: the topic starts anew with each start, segments stay. */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H
#include "weir/ingest.h"

typedef struct weir_demo weir_demo;
weir_demo *weir_demo_start(weir_ingest *ingest, weir_catalog *catalog, int64_t events_per_second, weir_error *err);
void weir_demo_quiet(weir_demo *demo); /* no more events */
void weir_demo_free(weir_demo *demo);  /* after ingestion has stopped */
#endif
