/* tests/sim/ingest_model.c - PROTOCOL.md's section 6 in few words: what an ingest thread and its
 * hand-off do, on true generations, commits and views. Rows are their times alone; a time names its
 * record. */
#include <stdio.h>
#include <stdlib.h>
#include "weir/hash.h"
#include "world.h"

enum { GEN_ROWS = 512, GEN_SOURCES = 64, QUEUE = 8 };

typedef struct gen {
    weir_generation *gen;
    uint32_t row_count, source_count;
    struct {
        uint8_t source;
        int64_t time_ms;
    } rows[GEN_ROWS];
    weir_generation_source ends[GEN_SOURCES];
    int64_t begun_us;
} gen;

typedef struct held {
    bool assigned, wrong; /* wrong: masked or out of range, to be started again */
    int64_t position;
    int source; /* in the growing generation; -1: none */
} held;

struct ingest {
    process *proc;
    gen *growing, *queue[QUEUE];
    uint32_t queued;
    held parts[PARTITIONS];
    bool done; /* no more seals will come */
};

static weir_source_key key_of(int32_t p)
{
    return (weir_source_key){WEIR_STR("sup"), WEIR_STR("events"), p};
}

static bool is_dead(void *self)
{
    return ((process *)self)->dead;
}

static void begin_gen(struct ingest *in)
{
    process *proc = in->proc;
    in->growing = calloc(1, sizeof(gen));
    in->growing->gen =
        weir_generation_begin(proc->table, 1, proc->world->schema, &proc->world->budget);
    in->growing->begun_us = proc->world->now_us;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        in->parts[p].source = -1;
    }
}

static void free_gen(gen *g)
{
    weir_generation_unref(g->gen);
    free(g);
}

static void add_source(struct ingest *in, int32_t p, uint64_t epoch, int64_t from)
{
    gen *g = in->growing;
    weir_source_key key = key_of(p);
    uint8_t source = weir_generation_add_source(g->gen, &key, epoch, from);
    if (source >= GEN_SOURCES) {
        world_fail(in->proc->world, "%u sources in one generation", source);
        return;
    }
    g->ends[source] =
        (weir_generation_source){.key = key, .epoch = epoch, .from = from, .to = from};
    g->source_count = source + 1u;
    world_trace(in->proc->world, "p%u partition %d is source %u from %ld", in->proc->number, p,
                source, from);
    in->parts[p].source = source;
}

/* The end of the generation; the next one begins where it ends. */
static void seal(struct ingest *in)
{
    gen *g = in->growing;
    for (uint32_t i = 0; i < g->source_count; i++) {
        int32_t p = g->ends[i].key.partition;
        if (in->parts[p].source == (int)i) {
            g->ends[i].to = in->parts[p].position;
        }
    }
    weir_generation_seal(g->gen, g->ends, g->source_count);
    weir_realtime_end(weir_generation_rows(g->gen));
    world_trace(in->proc->world, "p%u sealed %u rows of %u sources", in->proc->number, g->row_count,
                g->source_count);
    bool going_on[PARTITIONS];
    for (int32_t p = 0; p < PARTITIONS; p++) {
        going_on[p] = in->parts[p].assigned && in->parts[p].source >= 0;
    }
    in->queue[in->queued++] = g;
    begin_gen(in);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        if (going_on[p]) {
            uint64_t epoch = 0;
            for (uint32_t i = 0; i < g->source_count; i++) {
                epoch = g->ends[i].key.partition == p ? g->ends[i].epoch : epoch;
            }
            add_source(in, p, epoch, in->parts[p].position);
        }
    }
}

static void wait_for_hand_offs(struct ingest *in, int64_t ms)
{
    world *w = in->proc->world;
    int64_t until = w->now_us + ms * 1000;
    while (in->queued > 0 && w->now_us < until && !in->proc->dead) {
        world_sleep(w, 5);
    }
}

static weir_commit_result commit_range(struct ingest *in, uint8_t op, const weir_range *range)
{
    process *proc = in->proc;
    weir_commit *commit = weir_commit_new(op, &proc->clock);
    weir_error err = {0};
    int rule;
    weir_commit_add_range(commit, range);
    weir_commit_result result = weir_table_commit(proc->table, commit, is_dead, proc, &rule, &err);
    world_trace(proc->world, "p%u %s of partition %d [%ld, %ld): %s", proc->number,
                op == WEIR_OP_START ? "start" : "gap", range->source.partition, range->from,
                range->to, result == WEIR_COMMIT_LANDED ? "landed" : err.message);
    return result;
}

/* Whether the topic is what the log says it was. False: it could not be told. */
static bool check_anchor(struct ingest *in, const weir_source_state *source, int64_t low,
                         int64_t high)
{
    weir_event_source *events = &in->proc->consumer.source;
    weir_record r;
    weir_error err = {0};
    int32_t p = source->source.partition;
    if (source->next > high) {
        world_fail(in->proc->world, "partition %d ends at %ld, before next %ld", p, high,
                   source->next);
    }
    if (!source->anchor.known || source->anchor.offset < low) {
        return true;
    }
    if (!events->ops->read_one(events, p, source->anchor.offset, &r, &err)) {
        return err.code == WEIR_OK;
    }
    if (r.offset == source->anchor.offset &&
        weir_hash_bytes(r.value.at, r.value.size) != source->anchor.xxh3) {
        world_fail(in->proc->world, "partition %d: another record at anchor %ld", p, r.offset);
    }
    return true;
}

/* Section 6, "start of a source". False: try again. */
static bool try_start(struct ingest *in, int32_t p)
{
    process *proc = in->proc;
    weir_event_source *events = &proc->consumer.source;
    held *part = &in->parts[p];
    weir_source_key key = key_of(p);
    weir_error err = {0};
    int64_t low, high, position;
    if (!weir_table_refresh(proc->table, &err) ||
        !events->ops->watermarks(events, p, &low, &high, &err)) {
        return false;
    }
    weir_log_state *state = weir_table_state(proc->table);
    const weir_source_state *source = weir_log_source(state, &key);
    bool ok = false;
    if (!source) {
        weir_range range = {
            .source = key, .epoch = 1, .kind = WEIR_RANGE_START, .from = low, .to = low};
        commit_range(in, WEIR_OP_START, &range); /* whatever came of it: look again */
    } else if (weir_table_holds(proc->table, 1, &key, &position)) {
        position = position == WEIR_POSITION_GROWING ? part->position : position;
        if (position < low) { /* first what is held, then the gap */
            if (in->queued < QUEUE) {
                seal(in);
            }
            wait_for_hand_offs(in, 1000);
        } else {
            ok = check_anchor(in, source, low, high);
            if (ok && part->source < 0) {
                add_source(in, p, source->epoch, position);
            }
            part->position = position;
        }
    } else if (source->next < low) {
        weir_range range = {.source = key,
                            .epoch = source->epoch,
                            .kind = WEIR_RANGE_GAP,
                            .from = source->next,
                            .to = low,
                            .reason = WEIR_STR("expired")};
        commit_range(in, WEIR_OP_GAP, &range);
    } else if (check_anchor(in, source, low, high)) {
        part->position = source->next;
        add_source(in, p, source->epoch, source->next);
        ok = true;
    }
    weir_log_state_unref(state);
    return ok;
}

/* Starts what is wrong, then names every offset. */
static void start_sources(struct ingest *in)
{
    process *proc = in->proc;
    weir_event_source *events = &proc->consumer.source;
    int32_t list[PARTITIONS];
    int64_t offsets[PARTITIONS];
    uint32_t count = 0;
    weir_error err;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        for (int tries = 0;
             in->parts[p].assigned && in->parts[p].wrong && !proc->dead && !proc->stopping;
             tries++) {
            in->parts[p].wrong = !try_start(in, p);
            if (in->parts[p].wrong && tries > 20) {
                break; /* others must not wait for ever: again in the next round */
            }
            if (in->parts[p].wrong) {
                world_sleep(proc->world, 20);
            }
        }
        if (in->parts[p].assigned && !in->parts[p].wrong) {
            list[count] = p;
            offsets[count++] = in->parts[p].position;
        }
    }
    events->ops->assign(events, list, offsets, count, &err);
}

/* Rows that somebody else committed were masked by the fold: start those again. */
static bool see_masks(struct ingest *in)
{
    weir_arena *arena = weir_arena_new();
    weir_generation_source *sources = NULL;
    bool any = false;
    uint32_t count = weir_generation_sources(in->growing->gen, arena, &sources, NULL);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        held *part = &in->parts[p];
        if (part->source >= 0 && (uint32_t)part->source < count && sources[part->source].masked) {
            in->growing->ends[part->source].to = part->position;
            part->source = -1;
            part->wrong = part->assigned;
            any = any || part->assigned;
            in->proc->world->masks++;
            world_trace(in->proc->world, "p%u partition %d is masked at %ld", in->proc->number, p,
                        part->position);
        }
        any = any || (part->assigned && part->wrong);
    }
    weir_arena_free(arena);
    return any;
}

static void append_one(struct ingest *in, held *part, const weir_record *r)
{
    gen *g = in->growing;
    world *w = in->proc->world;
    uint32_t id = 0;
    int64_t time_ms = 0;
    weir_error err = {0};
    if (sscanf(r->value.at, "{\"time\":%ld,\"id\":\"%u\"", &time_ms, &id) != 2 ||
        g->row_count == GEN_ROWS) {
        world_fail(w, "a record cannot be read, or a generation is too large");
        return;
    }
    weir_realtime_append(weir_generation_rows(g->gen), &(weir_input){.n = 1, .times = &time_ms},
                         (uint8_t)part->source, &err);
    g->rows[g->row_count].source = (uint8_t)part->source;
    g->rows[g->row_count++].time_ms = time_ms;
    weir_generation_source *end = &g->ends[part->source];
    end->counts.kept++;
    end->counts.bytes += r->value.size;
    end->anchor = (weir_anchor){true, r->offset, weir_hash_bytes(r->value.at, r->value.size)};
}

static void take_records(struct ingest *in, const weir_source_event *event)
{
    for (uint32_t i = 0; i < event->record_count; i++) {
        const weir_record *r = &event->records[i];
        held *part = &in->parts[r->partition];
        if (part->assigned && !part->wrong && part->source >= 0 && r->offset >= part->position) {
            append_one(in, part, r);
            part->position = r->offset + 1;
        }
    }
}

static void take_event(struct ingest *in, const weir_source_event *event)
{
    process *proc = in->proc;
    weir_event_source *events = &proc->consumer.source;
    weir_error err;
    switch ((weir_source_event_kind)event->kind) {
    case WEIR_SOURCE_RECORDS:
        take_records(in, event);
        break;
    case WEIR_SOURCE_ASSIGNED:
        for (int32_t p = 0; p < PARTITIONS; p++) {
            in->parts[p].assigned = false;
        }
        for (uint32_t i = 0; i < event->partition_count; i++) {
            in->parts[event->partitions[i]].assigned = in->parts[event->partitions[i]].wrong = true;
        }
        start_sources(in);
        break;
    case WEIR_SOURCE_REVOKED:
    case WEIR_SOURCE_LOST:
        for (int32_t p = 0; p < PARTITIONS; p++) {
            in->parts[p].assigned = false;
        }
        if (event->kind == WEIR_SOURCE_REVOKED && in->queued < QUEUE) {
            seal(in);
            wait_for_hand_offs(in, 3000);
        }
        events->ops->give(events, &err);
        break;
    case WEIR_SOURCE_EOF:
        for (uint32_t i = 0; i < event->partition_count; i++) {
            held *part = &in->parts[event->partitions[i]];
            if (part->assigned && !part->wrong && part->source >= 0 &&
                event->offset > part->position) {
                part->position = event->offset;
            }
        }
        break;
    case WEIR_SOURCE_OUT_OF_RANGE:
        for (uint32_t i = 0; i < event->partition_count; i++) {
            in->parts[event->partitions[i]].wrong = true;
        }
        start_sources(in);
        break;
    case WEIR_SOURCE_NOTHING:
    case WEIR_SOURCE_ERROR:
    case WEIR_SOURCE_FATAL:
        break;
    }
}

/* Whether the growing generation has moved at all. */
static bool has_progress(const struct ingest *in)
{
    bool any = in->growing->row_count > 0;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        any = any || (in->parts[p].source >= 0 &&
                      in->parts[p].position > in->growing->ends[in->parts[p].source].from);
    }
    return any;
}

void ingest_run(process *proc)
{
    world *w = proc->world;
    struct ingest *in = proc->ingest = calloc(1, sizeof(*in));
    weir_event_source *events = &proc->consumer.source;
    in->proc = proc;
    begin_gen(in);
    world_start_fiber(proc, handoff_run);
    while (!proc->dead && !proc->stopping) {
        weir_source_event event;
        bool room = in->queued < QUEUE - 3 && in->growing->row_count < GEN_ROWS - 64;
        events->ops->poll(events, 20, room, &event);
        if (proc->dead) {
            break;
        }
        take_event(in, &event);
        if (see_masks(in)) {
            start_sources(in);
        }
        bool full = in->growing->row_count > 30 || in->growing->source_count > GEN_SOURCES - 16;
        bool old = w->now_us - in->growing->begun_us > 400000;
        if (in->queued < QUEUE - 3 && (full || (old && has_progress(in)))) {
            seal(in);
        }
    }
    if (proc->stopping && !proc->dead) {
        seal(in);
        wait_for_hand_offs(in, 8000);
        proc->dead = true; /* what is unknown then is given up */
    }
    events->ops->close(events, proc->stopping);
    in->done = true;
}

static bool append_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

/* Writes the times as a segment and uploads it, under a new name each time until the store says
 * that it is there. */
static bool upload(process *proc, weir_commit *commit, const int64_t *times, uint32_t n)
{
    weir_buf bytes = {0};
    weir_error err = {0};
    weir_segment_info info;
    weir_segment_writer *writer =
        weir_segment_writer_new((weir_file){&bytes, append_bytes}, proc->world->schema, n, false);
    if (!weir_segment_put_time(writer, times, &err) ||
        !weir_segment_writer_end(writer, &info, &err)) {
        world_fail(proc->world, "no segment: %s", err.message);
        return false;
    }
    weir_put put = WEIR_PUT_UNKNOWN;
    weir_added added = {.from_ms = info.min_time,
                        .to_ms = info.max_time + 1,
                        .rows = n,
                        .events = n,
                        .bytes = bytes.size,
                        .footer_bytes = info.footer_bytes,
                        .footer_xxh3 = info.footer_xxh3};
    while (put != WEIR_PUT_DONE && !proc->dead) {
        weir_log_state *state = weir_table_state(proc->table);
        added.id = weir_segment_id_new(commit->arena, weir_log_version(state), &proc->clock);
        weir_log_state_unref(state);
        put = proc->store.store.ops->put(&proc->store.store,
                                         weir_key_segment(commit->arena, WEIR_STR("t"), added.id),
                                         weir_buf_view(&bytes), &err);
    }
    weir_buf_done(&bytes);
    if (put == WEIR_PUT_DONE) {
        weir_commit_add_segment(commit, &added);
    }
    return put == WEIR_PUT_DONE;
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A segment for each of two buckets, the rest together as strays. */
static bool freeze(process *proc, weir_commit *commit, const gen *g, const weir_mask *mask)
{
    int64_t times[GEN_ROWS];
    uint32_t n = 0, from = 0, parts = 0;
    for (uint32_t i = 0; i < g->row_count; i++) {
        if (!(mask->bits[0] >> g->rows[i].source & 1)) {
            times[n++] = g->rows[i].time_ms;
        }
    }
    qsort(times, n, sizeof(times[0]), compare_times);
    while (from < n) {
        uint32_t to = from + 1;
        while (to < n && (parts == 2 || times[to] / HOUR_MS == times[from] / HOUR_MS)) {
            to++;
        }
        if (!upload(proc, commit, times + from, to - from)) {
            return false;
        }
        parts++;
        from = to;
    }
    return true;
}

/* Steps 1 to 3 of a hand-off. True: done with the generation. */
static bool hand_off(process *proc, gen *g)
{
    weir_arena *arena = weir_arena_new();
    weir_generation_source *sources = NULL;
    weir_mask mask;
    weir_error err = {0};
    int rule = 0;
    bool done = true;
    uint32_t count = weir_generation_sources(g->gen, arena, &sources, &mask);
    weir_commit *commit = weir_commit_new(WEIR_OP_HANDOFF, &proc->clock);
    for (uint32_t i = 0; i < count; i++) {
        const weir_generation_source *s = &sources[i];
        if (!s->masked && s->from < s->to) {
            weir_range range = {.source = s->key,
                                .epoch = s->epoch,
                                .kind = WEIR_RANGE_DATA,
                                .from = s->from,
                                .to = s->to,
                                .anchor = s->anchor,
                                .counts = s->counts};
            weir_commit_add_range(commit, &range);
        }
    }
    if (count == 0 || commit->offset_count == 0) {
        weir_generation_drop(g->gen);
        weir_commit_free(commit);
    } else if (!freeze(proc, commit, g, &mask)) {
        weir_commit_free(commit);
        done = proc->dead;
    } else {
        weir_commit_result result =
            weir_table_commit(proc->table, commit, is_dead, proc, &rule, &err);
        world_trace(proc->world, "p%u hand-off: %s", proc->number,
                    result == WEIR_COMMIT_LANDED ? "landed" : err.message);
        done = result == WEIR_COMMIT_LANDED || proc->dead;
        if (result == WEIR_COMMIT_INVALID && rule != 2 && rule != 3) {
            world_fail(proc->world, "a hand-off is refused: %s", err.message);
        }
    }
    weir_arena_free(arena);
    return done;
}

void handoff_run(process *proc)
{
    struct ingest *in = proc->ingest;
    uint32_t tries = 0;
    while (!proc->dead && !(in->done && in->queued == 0)) {
        if (in->queued == 0) {
            world_sleep(proc->world, 5);
        } else if (hand_off(proc, in->queue[0])) {
            free_gen(in->queue[0]);
            for (uint32_t i = 1; i < in->queued; i++) {
                in->queue[i - 1] = in->queue[i];
            }
            in->queued--;
            tries = 0;
        } else if (tries++ > 200) {
            world_fail(proc->world, "p%u: a hand-off does not come to an end", proc->number);
            proc->dead = true;
        }
    }
}

void ingest_free(process *proc)
{
    struct ingest *in = proc->ingest;
    if (!in) {
        return;
    }
    for (uint32_t i = 0; i < in->queued; i++) {
        free_gen(in->queue[i]);
    }
    free_gen(in->growing);
    free(in);
    proc->ingest = NULL;
}
