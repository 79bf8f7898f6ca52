/* bench/decode_bench.c - ns an event of decode alone, decode and transform, and with append into a
 * live segment, one thread: lineitem-shaped events (16 fields, about 370 bytes, from a seed) in
 * messages of their own, as Kafka gives them. usage: decode_bench [EVENTS] */
#include "ingest/append.h"
#include "ingest/decode.h"
#include "ingest/transform.h"
#include "weir/clock.h"
#include <stdio.h>
#include <stdlib.h>

#define MESSAGES 100000u

static const char spec_text[] =
    "{\"type\":\"index_parallel\",\"spec\":{\"dataSchema\":{\"dataSource\":\"lineitem\","
    "\"timestampSpec\":{\"column\":\"l_shipdate\",\"format\":\"iso\"},"
    "\"dimensionsSpec\":{\"dimensions\":[{\"type\":\"long\",\"name\":\"l_orderkey\"},\"l_partkey\","
    "\"l_suppkey\",{\"type\":\"long\",\"name\":\"l_linenumber\"},\"l_returnflag\","
    "\"l_linestatus\",\"l_commitdate\",\"l_receiptdate\",\"l_shipinstruct\",\"l_shipmode\",\"l_"
    "comment\"]},"
    "\"metricsSpec\":[{\"type\":\"count\",\"name\":\"count\"},{\"type\":\"doubleSum\",\"name\":\"L_"
    "QUANTITY\",\"fieldName\":\"l_quantity\"},{\"type\":\"doubleSum\",\"name\":\"L_EXTENDEDPRICE\","
    "\"fieldName\":\"l_extendedprice\"},{\"type\":\"doubleSum\",\"name\":\"L_DISCOUNT\","
    "\"fieldName\":\"l_discount\"},{\"type\":\"doubleSum\",\"name\":\"L_TAX\",\"fieldName\":\"l_"
    "tax\"}],"
    "\"granularitySpec\":{\"segmentGranularity\":\"YEAR\",\"queryGranularity\":\"NONE\",\"rollup\":"
    "false}},\"ioConfig\":{\"inputFormat\":{\"type\":\"json\"}}}}";

static uint64_t state = 42;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static const char *pick(const char *const *from, uint32_t count)
{
    return from[draw(count)];
}

static void make_date(char out[11])
{
    snprintf(out, 11, "%04u-%02u-%02u", 1992 + draw(7), 1 + draw(12), 1 + draw(28));
}

static weir_str make_event(weir_arena *arena, uint32_t i)
{
    static const char *const flags[] = {"A", "N", "R"}, *const status[] = {"F", "O"},
                             *const modes[] = {"AIR",     "FOB",  "MAIL", "RAIL",
                                               "REG AIR", "SHIP", "TRUCK"},
                             *const instructs[] = {"COLLECT COD", "DELIVER IN PERSON", "NONE",
                                                   "TAKE BACK RETURN"},
                             *const words[] = {"carefully", "final",    "deposits", "quickly",
                                               "regular",   "requests", "sleep",    "furiously",
                                               "packages",  "bold"};
    char ship[11], commit[11], receipt[11];
    make_date(ship);
    make_date(commit);
    make_date(receipt);
    return weir_arena_printf(
        arena,
        "{\"l_orderkey\":%u,\"l_partkey\":%u,\"l_suppkey\":%u,\"l_linenumber\":%u,\"l_quantity\":%"
        "u,\"l_extendedprice\":%u.%02u,\"l_discount\":0.%02u,\"l_tax\":0.%02u,"
        "\"l_returnflag\":\"%s\",\"l_linestatus\":\"%s\",\"l_shipdate\":\"%s\",\"l_commitdate\":\"%"
        "s\",\"l_receiptdate\":\"%s\",\"l_shipinstruct\":\"%s\",\"l_shipmode\":\"%s\","
        "\"l_comment\":\"%s %s %s %u\"}",
        i / 4, 1 + draw(200000), 1 + draw(10000), 1 + i % 7, 1 + draw(50), 900 + draw(100000),
        draw(100), draw(11), draw(9), pick(flags, 3), pick(status, 2), ship, commit, receipt,
        pick(instructs, 4), pick(modes, 7), pick(words, 10), pick(words, 10), pick(words, 10),
        draw(100000000));
}

typedef struct bench {
    weir_str *messages;
    weir_spec *spec;
    weir_fields *fields;
    weir_decoder *decoder;
    weir_transform *transform;
    weir_events events;
    weir_budget budget;
    weir_realtime *rt;
    uint64_t bytes;
} bench;

static void no_reject(void *self, weir_reject reason, uint32_t record, const char *sentence)
{
    (void)self, (void)reason, (void)record;
    fprintf(stderr, "rejected: %s\n", sentence);
    exit(1);
}

static void flush(bench *b, int depth)
{
    weir_input input;
    weir_error err;
    if (depth > 0 &&
        !weir_transform_run(b->transform, &b->events, (weir_time_window){INT64_MIN, INT64_MAX},
                            (weir_reject_sink){no_reject, NULL}, &input, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    if (depth > 1) {
        weir_append(b->rt, &input, 0, weir_transform_records(b->transform),
                    (weir_reject_sink){no_reject, NULL});
    }
    weir_events_reset(&b->events);
}

/* depth 0: decode; 1: and transform; 2: and append. */
static void run(bench *b, uint32_t events, int depth, const char *name)
{
    int64_t begun = weir_monotonic_us(&weir_clock_system);
    b->bytes = 0;
    b->rt = depth > 1 ? weir_realtime_new(b->spec->schema, &b->budget) : NULL;
    for (uint32_t i = 0; i < events; i++) {
        weir_error err;
        bool full;
        weir_str message = b->messages[i % MESSAGES];
        if (b->events.n == WEIR_EVENTS_MAX) {
            flush(b, depth);
        }
        if (!b->decoder->ops->decode(b->decoder, message, false, 0, &b->events, &full, &err)) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        b->bytes += message.size;
    }
    flush(b, depth);
    double us = (double)(weir_monotonic_us(&weir_clock_system) - begun);
    printf("%-28s %6.0f ns an event, %5.0f k events/s, %5.0f MB/s of %.0f bytes\n", name,
           us * 1000 / events, events / us * 1000, (double)b->bytes / us,
           (double)b->bytes / events);
    if (b->rt) {
        weir_realtime_unref(b->rt);
    }
}

int main(int argc, char **argv)
{
    uint32_t events = argc > 1 ? (uint32_t)atoi(argv[1]) : 2000000;
    weir_arena *arena = weir_arena_new();
    weir_error err;
    bench b = {.messages = WEIR_ARENA_ARRAY(arena, weir_str, MESSAGES)};
    for (uint32_t i = 0; i < MESSAGES; i++) {
        b.messages[i] = make_event(arena, i);
    }
    b.spec = weir_spec_parse(weir_str_of(spec_text), false, true, &err);
    if (!b.spec) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    b.fields = weir_spec_fields(b.spec);
    b.decoder = weir_decoder_json_new(b.fields);
    b.transform = weir_transform_new(b.spec, b.fields, &err);
    weir_events_init(&b.events);
    for (int round = 0; round < 2; round++) {
        run(&b, events, 0, "decode");
        run(&b, events, 1, "decode, transform");
        run(&b, events < 1000000 ? events : 1000000, 2, "decode, transform, append");
    }
    weir_events_done(&b.events);
    weir_transform_free(b.transform);
    weir_decoder_free(b.decoder);
    weir_fields_free(b.fields);
    weir_spec_unref(b.spec);
    weir_arena_free(arena);
    return 0;
}
