/* include/weir/coordinator.h - what is done beside ingestion and queries, over and over: *duties*
 * (Druid's word) over tables, on one thread with low priority. Compaction, rules, the collection of
 * garbage are each a row of a table (ingest/duties.c) and a file. Safety is the table log's: any
 * number of processes may run the same duties over one store. */
#ifndef WEIR_COORDINATOR_H
#define WEIR_COORDINATOR_H
#include "weir/catalog.h"
#include "weir/ingest.h"

typedef struct weir_coordinator weir_coordinator;
typedef struct weir_coordinator_options {
    weir_catalog *catalog;   /* borrowed, as all here; closed after the coordinator is freed */
    weir_ingest *ingest;     /* whose generations are flushed before a drop; NULL: there are none */
    struct weir_settings *settings; /* weir/settings.h; NULL: all defaults */
    const weir_clock *clock;
    const char *work_path;   /* folder for local files under way */
    bool threads;            /* false: somebody calls weir_coordinator_step */
    int64_t period_ms;       /* of all duties at most; 0: each its own */
    uint32_t pace;           /* percent of one core that the work may take; 0: 100 */
    size_t memory_bytes;     /* that a duty's work may take; 0: an eighth of the machine's */
    int64_t gc_grace_ms;     /* how long objects that nobody needs stay; 0: an hour */
    bool compact_configured; /* compaction: only of tables that have a config */
} weir_coordinator_options;
weir_coordinator *weir_coordinator_new(const weir_coordinator_options *options);
/* One thing of one duty: a few milliseconds to a second, never asleep but in the catalog's waits. *wait_ms: how long nothing will be due (0: more at once).
 * One thread, and only without threads of its own. */
void weir_coordinator_step(weir_coordinator *coordinator, int64_t *wait_ms);
/* The duty is due now, for one table or (NULL) all. Any thread. False: there is no such duty. */
bool weir_coordinator_hurry(weir_coordinator *coordinator, const char *duty, weir_table *table);
/* Work under way is given up: nothing is lost, the next process picks it again. Returns at once. */
void weir_coordinator_stop(weir_coordinator *coordinator);
/* Stops and waits until the thread has ended, which may take as long as a call of the store. */
void weir_coordinator_free(weir_coordinator *coordinator);
/* Prometheus lines: runs, failures, bytes by duty. Any thread. */
void weir_coordinator_metrics(weir_coordinator *coordinator, weir_buf *out);
#endif
