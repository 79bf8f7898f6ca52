/* ingest/rules.h - Druid's load and drop rules: the first rule that fits a time bucket says whether its rows are kept. Plain data. */
#ifndef INGEST_RULES_H
#define INGEST_RULES_H
#include "compute/calendar.h"
#include "weir/arena.h"
#include "weir/error.h"

typedef enum weir_rule_time {
    WEIR_RULE_FOREVER,
    WEIR_RULE_INTERVAL,
    WEIR_RULE_PERIOD,        /* the last `period`, and (include_future) what is to come */
    WEIR_RULE_BEFORE_PERIOD, /* all before that */
} weir_rule_time;
typedef struct weir_rule {
    bool drop; /* else kept: load and broadcast are one here */
    uint8_t time; /* weir_rule_time */
    bool include_future;
    weir_interval interval;
    weir_period period;
} weir_rule;
typedef struct weir_rules { /* lists may be joined: first a table's, then the default's */
    uint32_t count;
    const weir_rule *rules;
    weir_str json; /* as Druid prints them */
} weir_rules;
/* A JSON array of rules; everything in `arena`. BAD_REQUEST names the member ("[1].period"). */
bool weir_rules_parse(weir_str json, weir_arena *arena, weir_rules *out, weir_error *err);
/* Both lists, the first one's rules first. */
weir_rules weir_rules_join(const weir_rules *first, const weir_rules *then, weir_arena *arena);
/* Whether the rows of a bucket go. No rule fits: they stay. */
bool weir_rules_drop(const weir_rules *rules, weir_interval bucket, int64_t now_ms);
/* The buckets that touch `hull` and go, as ascending disjoint intervals in `arena`. */
uint32_t weir_rules_gone(const weir_rules *rules, const weir_granularity *buckets, weir_interval hull, int64_t now_ms, weir_arena *arena,
                         weir_interval **out);
#endif
