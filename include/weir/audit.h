/* include/weir/audit.h - proof after the fact: whether a table's log, its segments and its topics say the same. Reads only; a server may run beside it.
 * What is found wrong is a finding, one sentence; what keeps the audit from looking is an error. One thread. docs/PROTOCOL.md, section 9. */
#ifndef WEIR_AUDIT_H
#define WEIR_AUDIT_H
#include "weir/table_log.h"

typedef struct weir_finding {
    const char *check; /* "I1" ... as in PROTOCOL.md, "topic", "ids" */
    weir_str text;
} weir_finding;
typedef struct weir_audit_range { /* as committed; in the order of (source, version) */
    weir_source_key source;
    uint64_t epoch, version;
    uint8_t kind; /* weir_range_kind */
    int64_t from, to;
    weir_counts counts;
    weir_str reason;
    uint64_t found; /* records of the topic in it, by weir_audit_topics */
    bool whole;     /* all of it could be read */
} weir_audit_range;
typedef struct weir_audit_source { /* what was seen of a source's topic */
    const weir_source_state *state;
    size_t first_range, range_count;
    bool asked;          /* low and high are known */
    int64_t low, high;
    weir_str note;       /* why not, else empty */
    uint64_t records;    /* read, of committed ranges */
} weir_audit_source;
typedef struct weir_audit {
    weir_arena *arena;   /* of everything here */
    weir_store *store;   /* borrowed */
    weir_str table;
    weir_finding *findings;
    size_t finding_count;
    weir_log_state *state; /* as a server would load it */
    uint64_t commits;      /* log objects read */
    weir_audit_range *ranges;
    size_t range_count;
    weir_audit_source *sources; /* in the state's order */
    size_t source_count;
    uint32_t checkpoints;       /* compared with the log */
    uint64_t segments, segment_bytes, unreferenced; /* of the state; objects that are not in it */
} weir_audit;

void weir_audit_find(weir_audit *audit, const char *check, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Reads the whole log: I1, I2, I4, I5, I8 of section 9. False: there is no such table, or the store does not answer. */
bool weir_audit_begin(weir_store *store, weir_str table, weir_audit **out, weir_error *err);
/* I6: every segment of the state is in the store, its footer is the one in the log. deep: every block and value too. */
bool weir_audit_segments(weir_audit *audit, bool deep, weir_error *err);
void weir_audit_free(weir_audit *audit);

/* ingest/audit_topics.c: the topics that the log names, at the brokers of the supervisors' specs. */
typedef struct weir_audit_topics_options {
    const char *brokers; /* instead of the specs'; NULL: theirs */
    bool read;           /* every record of the committed ranges that the topic still has; else only its offsets and the last record read are asked for */
    weir_str ids;        /* member of the events: see(self, id) for each record read; empty: none */
    void (*see)(void *self, weir_str id);
    void *self;
} weir_audit_topics_options;
bool weir_audit_topics(weir_audit *audit, const weir_audit_topics_options *options, weir_error *err);
#endif
