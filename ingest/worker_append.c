/* ingest/worker_append.c - records to visible rows: those of a partition together, in batches of up
 * to 4,096 events. A record counts once its rows are appended (or it was counted as bad); only then
 * the position moves past it. */
#include "ingest/worker_parts.h"
#include "weir/hash.h"
#include "weir/log.h"

uint64_t weir_record_hash(const weir_record *record)
{
    uint64_t parts[5] = {weir_hash_bytes(record->key.at, record->key.size),
                         weir_hash_bytes(record->value.at, record->value.size),
                         (uint64_t)record->timestamp_ms, record->key.at ? 1 : 0,
                         record->value.at ? 1 : 0};
    for (int i = 0; i < 5; i++) {
        parts[i] = htole64(parts[i]);
    }
    return weir_hash_bytes(parts, sizeof(parts));
}

static void see_reject(void *self, weir_reject reason, uint32_t number, const char *sentence)
{
    weir_worker *w = self;
    const weir_record *record = &w->batch[number];
    weir_stats_reject(w->options.stats, reason);
    w->batch_unparseable += reason == WEIR_REJECT_UNPARSEABLE;
    w->batch_thrown_away += reason >= WEIR_REJECT_EMPTY;
    const weir_source_key *key = &w->batch_source->key;
    weir_rejects_add(w->options.rejects, reason,
                     w->spec->topic_is_pattern ? key->topic : (weir_str){0}, key->partition,
                     record->offset, sentence, record->value);
    if (w->spec->log_parse_exceptions &&
        (reason == WEIR_REJECT_UNPARSEABLE || reason == WEIR_REJECT_WITH_ERROR)) {
        weir_log(WEIR_WARN, "ingest", "%.*s: topic '%.*s', partition %d, offset %lld: %s: %s",
                 WEIR_STR_ARG(w->spec->id), WEIR_STR_ARG(key->topic), (int)key->partition,
                 (long long)record->offset, weir_reject_word(reason), sentence);
    }
}

static weir_reject_sink sink_of(weir_worker *w)
{
    return (weir_reject_sink){see_reject, w};
}

/* Batch to rows; returns how many. */
static uint32_t append_batch(weir_worker *w)
{
    weir_input input;
    weir_error err;
    weir_time_window window = weir_transform_window(w->spec, weir_wall_ms(w->options.clock));
    uint64_t unparseable = w->batch_unparseable, thrown_away = w->batch_thrown_away;
    if (!weir_transform_run(w->transform, &w->events, window, sink_of(w), &input, &err)) {
        w->batch_unparseable = unparseable; /* an aggregator refused the batch: all of it is bad */
        w->batch_thrown_away = thrown_away;
        for (uint32_t i = 0; i < w->events.n; i++) {
            see_reject(w, WEIR_REJECT_UNPARSEABLE, w->events.records[i], err.message);
        }
        return 0;
    }
    if (input.n == 0) {
        return 0;
    }
    w->appended_us = weir_monotonic_us(w->options.clock);
    return weir_append(weir_generation_rows(w->gen), &input, w->batch_source->number,
                       weir_transform_records(w->transform), sink_of(w));
}

/* The batch holds all records before number `end`: its rows become visible, and then only the
 * position moves, so that a seal in between cuts where rows are cut. */
static void finish_batch(weir_worker *w, uint32_t end)
{
    weir_worker_source *s = w->batch_source;
    uint32_t kept = append_batch(w);
    const weir_record *last = &w->batch[end - 1];
    s->counts.kept += kept;
    s->counts.unparseable += w->batch_unparseable;
    s->counts.thrown_away += w->batch_thrown_away;
    s->counts.bytes += w->batch_bytes;
    s->position = last->offset + 1;
    weir_generation_reach(w->gen, s->number, s->position);
    s->anchor =
        (weir_anchor){.known = true, .offset = last->offset, .xxh3 = weir_record_hash(last)};
    weir_stats_add(w->options.stats, WEIR_METER_PROCESSED, kept);
    weir_stats_add(w->options.stats, WEIR_METER_BYTES, w->batch_bytes);
    w->batch_unparseable = w->batch_thrown_away = w->batch_bytes = 0;
    weir_events_reset(&w->events);
}

static void decode(weir_worker *w, uint32_t number)
{
    const weir_record *record = &w->batch[number];
    weir_error err;
    bool full = false, ok;
    if (!record->value.at) {
        see_reject(w, WEIR_REJECT_EMPTY, number, "the record has no value (a tombstone)");
        return;
    }
    ok = w->decoder->ops->decode(w->decoder, record->value, false, number, &w->events, &full, &err);
    if (full) {
        finish_batch(w, number);
        ok = w->decoder->ops->decode(w->decoder, record->value, false, number, &w->events, &full,
                                     &err);
    }
    if (!ok) {
        see_reject(w, WEIR_REJECT_UNPARSEABLE, number, err.message);
    }
    w->batch_bytes += record->value.size;
}

/* How long rows took to be seen: since the poll gave them to us, and since they were written to the
 * topic. */
static void note_freshness(weir_worker *w, const weir_record *records, uint32_t count,
                           int64_t polled_us)
{
    int64_t now_ms = weir_wall_ms(w->options.clock);
    weir_histogram_add(&w->options.stats->append_to_visible,
                       weir_monotonic_us(w->options.clock) - polled_us, count);
    weir_histogram_add(&w->options.stats->event_to_visible,
                       (now_ms - records[0].timestamp_ms) * 1000, count - count / 2);
    if (count > 1) {
        weir_histogram_add(&w->options.stats->event_to_visible,
                           (now_ms - records[count - 1].timestamp_ms) * 1000, count / 2);
    }
}

/* Records of one partition, offsets ascending. */
static void append_run(weir_worker *w, weir_worker_source *s, const weir_record *records,
                       uint32_t count, int64_t polled_us)
{
    while (count > 0 && records[0].offset < s->position) { /* came again after an assignment */
        records++;
        count--;
    }
    if (count == 0) {
        return;
    }
    w->batch = records;
    w->batch_source = s;
    for (uint32_t i = 0; i < count; i++) {
        decode(w, i);
    }
    finish_batch(w, count);
    if (w->gen_begun_us == 0) {
        w->gen_begun_us = weir_monotonic_us(w->options.clock);
    }
    note_freshness(w, records, count, polled_us);
}

void weir_worker_append(weir_worker *w, const weir_record *records, uint32_t count)
{
    int64_t polled_us = weir_monotonic_us(w->options.clock);
    for (uint32_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && records[to].partition == records[from].partition; to++) {
        }
        weir_worker_source *s = weir_worker_find(w, records[from].partition);
        if (s && s->ready && !s->stopped) {
            append_run(w, s, records + from, to - from, polled_us);
        }
    }
}
