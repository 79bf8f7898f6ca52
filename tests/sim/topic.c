/* tests/sim/topic.c - a topic, its group, and the consumers' end of it. The group is as bad as can
 * be: it moves partitions at any time, tells the old owner late or says that they are lost, gives
 * one partition to two or to none; consumers deliver again, and deliver what is no longer theirs.
 */
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void topic_init(world *w)
{
    w->records = calloc(RECORDS, sizeof(*w->records));
    w->partition_count = w->first_partitions = 1 + world_draw(w, PARTITIONS);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        w->partitions[p].base = w->partitions[p].low = w->partitions[p].high =
            w->partitions[p].stable = world_draw(w, 50);
        w->owner[p] = PROCESSES;
        w->anchor_at[p] = -1;
    }
}

void topic_done(world *w)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        free(w->partitions[p].ids);
        for (int k = 0; k < INCARNATIONS; k++) {
            free(w->old[p][k].ids);
        }
    }
    free(w->records);
}

static void add_record(world *w, uint32_t p, uint8_t kind)
{
    partition *part = &w->partitions[p];
    if (w->record_count == RECORDS) {
        return; /* batches point into the array: it never moves */
    }
    if (part->count == part->room) {
        part->room = part->room ? part->room * 2 : 64;
        part->ids = realloc(part->ids, part->room * sizeof(*part->ids));
    }
    uint32_t id = w->record_count++;
    record *r = &w->records[id];
    *r = (record){.kind = kind,
                  .partition = (int32_t)p,
                  .incarnation = part->incarnation,
                  .offset = part->high++};
    r->time_ms = (int64_t)world_draw(w, 8) * HOUR_MS + id; /* the id can be read from the time */
    snprintf(r->value, sizeof(r->value), "{\"time\":%ld,\"id\":\"%u\"}", r->time_ms, id);
    part->ids[part->count++] = id;
}

void topic_produce(world *w)
{
    uint32_t p = world_draw(w, w->partition_count), n = 1 + world_draw(w, 8);
    /* In a topic made anew every offset has a record: where the anchor's has none, the new topic
     * cannot be told from the old one compacted. */
    bool first = w->partitions[p].incarnation == 0, aborted = first && world_chance(w, 100000);
    for (uint32_t i = 0; i < n; i++) {
        add_record(w, p, aborted ? RECORD_ABORTED : RECORD_DATA);
    }
    if (aborted || (first && world_chance(w, 200000))) {
        add_record(w, p, RECORD_CONTROL);
    }
    partition *part = &w->partitions[p];
    if (part->open && world_chance(w, 400000)) {
        topic_close_transaction(w, p);
    } else if (first && !w->calm && w->rules.transactions && world_chance(w, 200000)) {
        part->open = true; /* what comes now is not read before it is closed */
    }
    part->stable = part->open ? part->stable : part->high;
}

void topic_close_transaction(world *w, uint32_t p)
{
    partition *part = &w->partitions[p];
    bool abort = part->open && world_chance(w, 500000);
    for (int64_t offset = part->stable; abort && offset < part->high; offset++) {
        record *r = topic_record(w, p, part->incarnation, offset);
        r->kind = r->kind == RECORD_DATA ? RECORD_ABORTED : r->kind;
    }
    if (part->open) {
        add_record(w, p, RECORD_CONTROL);
    }
    part->open = false;
    part->stable = part->high;
}

const partition *topic_incarnation(const world *w, uint32_t p, int32_t incarnation)
{
    return incarnation == w->partitions[p].incarnation ? &w->partitions[p]
                                                       : &w->old[p][incarnation];
}

record *topic_record(world *w, uint32_t p, int32_t incarnation, int64_t offset)
{
    const partition *part = topic_incarnation(w, p, incarnation);
    return offset >= part->base && offset < part->high ? &w->records[part->ids[offset - part->base]]
                                                       : NULL;
}

weir_record topic_deliver(const record *r)
{
    return (weir_record){r->partition, r->offset, 1000 + r->offset, WEIR_STR("k"),
                         weir_str_of(r->value)};
}

void topic_remake(world *w)
{
    uint32_t p = world_draw(w, w->partition_count);
    partition *part = &w->partitions[p];
    if (part->incarnation + 1 == INCARNATIONS) {
        return;
    }
    w->old[p][part->incarnation] = *part;
    int64_t base = world_draw(w, (uint32_t)part->high + 1);
    uint32_t dice = world_draw(w, 3);
    base = dice == 0 ? 0 : dice == 1 ? w->next_at[p] : base;
    w->reset_wanted = world_chance(w, 600000) ? p + 1 : 0; /* by who did that */
    *part =
        (partition){.base = base, .low = base, .high = base, .incarnation = part->incarnation + 1};
    for (uint32_t n = world_draw(w, 2) * world_draw(w, 200); n > 0; n--) {
        add_record(w, p, RECORD_DATA);
    }
    part->stable = part->high;
    world_trace(w, "partition %u is made anew: [%ld, %ld)", p, part->low, part->high);
}

void topic_expire(world *w)
{
    partition *part = &w->partitions[world_draw(w, w->partition_count)];
    int64_t most = part->stable - part->low;
    if (most > 0) {
        part->low += 1 + world_draw(w, (uint32_t)(most < 12 ? most : 12));
        world_trace(w, "retention: partition %ld begins at %ld", (long)(part - w->partitions),
                    part->low);
    }
}

void consumer_tell(process *proc, uint8_t kind, uint32_t mask)
{
    consumer *c = &proc->consumer;
    if (!c->open) {
        return;
    }
    if (c->queued == 16) { /* it was away for long: all that it had is lost by now */
        c->queue[0] = (group_event){WEIR_SOURCE_LOST, 0};
        c->queued = 1;
    }
    c->queue[c->queued++] = (group_event){kind, mask};
}

static uint32_t owned_by(const world *w, uint32_t number)
{
    uint32_t mask = 0;
    for (uint32_t p = 0; p < w->partition_count; p++) {
        mask |= (uint32_t)(w->owner[p] == number) << p;
    }
    return mask;
}

/* Eager: what a member has is taken, then it is given what is its. */
static void tell_member(world *w, uint32_t number, bool lost)
{
    process *proc = &w->processes[number];
    if (proc->alive && proc->consumer.open) {
        consumer_tell(proc, lost ? WEIR_SOURCE_LOST : WEIR_SOURCE_REVOKED, 0);
        consumer_tell(proc, WEIR_SOURCE_ASSIGNED, owned_by(w, number));
    }
}

void topic_rebalance(world *w)
{
    for (uint32_t p = 0; p < w->partition_count; p++) {
        w->owner[p] = world_draw(w, w->calm ? PROCESSES : PROCESSES + 1); /* nobody's */
    }
    for (uint32_t i = 0; i < PROCESSES; i++) {
        bool hears = !w->rules.two_owners ||
                     world_chance(w, 750000); /* else it goes on with what it had: two owners */
        if (hears) {
            tell_member(w, i, world_chance(w, 300000));
        }
    }
    world_trace(w, "rebalance: %u %u %u %u", w->owner[0], w->owner[1], w->owner[2], w->owner[3]);
}

void topic_assign_all(world *w)
{
    uint32_t live[PROCESSES], count = 0;
    for (uint32_t i = 0; i < PROCESSES; i++) {
        const process *proc = &w->processes[i];
        if (proc->alive && !proc->dead && !proc->stopping && proc->consumer.open) {
            live[count++] = i;
        }
    }
    for (uint32_t p = 0; p < w->partition_count && count > 0; p++) {
        w->owner[p] = live[world_draw(w, count)];
    }
    for (uint32_t i = 0; i < count; i++) {
        tell_member(w, live[i], false);
    }
    w->calm_assigned = w->calm && count > 0;
}

void topic_fence(process *proc)
{
    world *w = proc->world;
    consumer_tell(proc, WEIR_SOURCE_FATAL, 0);
    proc->fenced = proc->consumer.open;
    for (uint32_t p = 0; p < w->partition_count && proc->fenced; p++) {
        w->owner[p] = w->owner[p] == proc->number ? PROCESSES : w->owner[p];
    }
    world_trace(w, "p%u is fenced", proc->number);
}

static consumer *of(weir_event_source *source)
{
    return (consumer *)source;
}

static void fill_list(consumer *c, uint32_t mask, weir_source_event *out)
{
    out->partitions = c->list;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        if (mask >> p & 1) {
            c->list[out->partition_count++] = p;
        }
    }
}

/* Up to n records of a partition from `offset` on; returns the offset after the last one looked at.
 */
static int64_t fetch(consumer *c, int32_t p, int64_t offset, uint32_t n, weir_source_event *out)
{
    world *w = c->proc->world;
    const partition *part = &w->partitions[p];
    out->kind = WEIR_SOURCE_RECORDS;
    out->records = c->batch;
    for (; offset < part->stable && out->record_count < (n < 64 ? n : 64); offset++) {
        const record *r = &w->records[part->ids[offset - part->base]];
        if (r->kind == RECORD_DATA) {
            c->batch[out->record_count++] =
                (weir_record){p, r->offset, 1000 + r->offset, WEIR_STR("k"), weir_str_of(r->value)};
        }
    }
    return offset;
}

static void poll_records(consumer *c, weir_source_event *out)
{
    world *w = c->proc->world;
    uint32_t first = world_draw(w, PARTITIONS);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        int32_t p = (int32_t)((first + i) % PARTITIONS);
        const partition *part = &w->partitions[p];
        /* Again, or of a partition that is not (any longer) this one's. Never ahead of what was
         * delivered: a queue is drained when its partition is taken. */
        int64_t end = c->assigned >> p & 1 ? c->position[p] : part->stable;
        bool stale = w->rules.redelivery && world_chance(w, 20000) &&
                     p < (int32_t)w->partition_count && end > part->low;
        if (stale) {
            int64_t from = part->low + world_draw(w, (uint32_t)(end - part->low));
            fetch(c, p, from, 1 + world_draw(w, (uint32_t)(end - from)), out);
            for (uint32_t k = 0; k < out->record_count; k++) {
                out->record_count = out->records[k].offset < end ? out->record_count : k;
            }
            if (out->record_count > 0) {
                return;
            }
        }
        if (!(c->assigned >> p & 1)) {
            continue;
        }
        if (c->incarnation[p] != part->incarnation || c->position[p] < part->low ||
            c->position[p] > part->high) {
            out->kind = WEIR_SOURCE_OUT_OF_RANGE;
            fill_list(c, 1u << p, out);
            return;
        }
        if (c->position[p] < part->stable) {
            c->position[p] = fetch(c, p, c->position[p], 1 + world_draw(w, 10), out);
            c->at_end[p] = false;
            if (out->record_count > 0) {
                return;
            }
        }
        if (c->position[p] == part->stable && !c->at_end[p]) {
            c->at_end[p] = true;
            out->kind = WEIR_SOURCE_EOF;
            out->offset = part->stable;
            fill_list(c, 1u << p, out);
            return;
        }
    }
    out->kind = WEIR_SOURCE_NOTHING;
}

static void poll(weir_event_source *source, int wait_ms, bool take_records, weir_source_event *out)
{
    consumer *c = of(source);
    world *w = c->proc->world;
    *out = (weir_source_event){.kind = WEIR_SOURCE_NOTHING};
    world_sleep(w, world_draw(w, 10));
    if (c->proc->dead) {
        return;
    }
    if (c->queued > 0) {
        group_event event = c->queue[0];
        memmove(c->queue, c->queue + 1, --c->queued * sizeof(c->queue[0]));
        out->kind = event.kind;
        fill_list(c, event.kind == WEIR_SOURCE_ASSIGNED ? event.mask : c->assigned, out);
        return;
    }
    if (take_records) {
        poll_records(c, out);
    }
    if (out->kind == WEIR_SOURCE_NOTHING) {
        world_sleep(w, wait_ms);
    }
}

static bool assign(weir_event_source *source, const int32_t *partitions, const int64_t *offsets,
                   uint32_t count, weir_error *err)
{
    consumer *c = of(source);
    (void)err;
    c->assigned = 0;
    for (uint32_t i = 0; i < count; i++) {
        c->assigned |= 1u << partitions[i];
        c->position[partitions[i]] = offsets[i];
        c->incarnation[partitions[i]] = c->asked[partitions[i]];
        c->at_end[partitions[i]] = false;
    }
    return true;
}

static bool give(weir_event_source *source, weir_error *err)
{
    (void)err;
    of(source)->assigned = 0;
    return true;
}

static bool watermarks(weir_event_source *source, int32_t partition_number, int64_t *low,
                       int64_t *high, weir_error *err)
{
    consumer *c = of(source);
    world *w = c->proc->world;
    world_sleep(w, world_draw(w, 20));
    if (c->proc->dead || (!w->calm && world_chance(w, 50000))) {
        return weir_fail(err, WEIR_ERR_KAFKA, "no answer from the broker");
    }
    *low = w->partitions[partition_number].low;
    *high = w->partitions[partition_number].stable;
    c->asked[partition_number] = w->partitions[partition_number].incarnation;
    return true;
}

static bool watermarks_known(weir_event_source *source, int32_t partition_number, int64_t *low,
                             int64_t *high)
{
    world *w = of(source)->proc->world;
    *low = w->partitions[partition_number].low;
    *high = w->partitions[partition_number].stable;
    return true;
}

static bool read_one(weir_event_source *source, int32_t partition_number, int64_t offset,
                     weir_record *out, weir_error *err)
{
    consumer *c = of(source);
    world *w = c->proc->world;
    weir_source_event event = {0};
    world_sleep(w, world_draw(w, 20));
    if (c->proc->dead || (!w->calm && world_chance(w, 50000))) {
        return weir_fail(err, WEIR_ERR_KAFKA, "no answer from the broker");
    }
    const partition *part = &w->partitions[partition_number];
    fetch(c, partition_number, offset < part->low ? part->low : offset, 1, &event);
    if (event.record_count == 0) {
        return false;
    }
    *out = c->batch[0];
    return true;
}

static void store_offsets(weir_event_source *source, const int32_t *partitions,
                          const int64_t *offsets, uint32_t count)
{
    (void)source, (void)partitions, (void)offsets, (void)count; /* monitors only */
}

static uint32_t members(weir_event_source *source)
{
    (void)source;
    return 1;
}

static void close_source(weir_event_source *source, bool leave)
{
    (void)leave;
    of(source)->open = false;
}

weir_event_source *consumer_open(process *proc)
{
    static const weir_event_source_ops ops = {.poll = poll,
                                              .assign = assign,
                                              .give = give,
                                              .watermarks = watermarks,
                                              .watermarks_known = watermarks_known,
                                              .read_one = read_one,
                                              .store_offsets = store_offsets,
                                              .members = members,
                                              .close = close_source};
    proc->consumer = (consumer){.source = {&ops}, .proc = proc, .open = true};
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        proc->consumer.asked[p] = proc->world->partitions[p].incarnation;
    }
    consumer_tell(proc, WEIR_SOURCE_ASSIGNED, owned_by(proc->world, proc->number));
    return &proc->consumer.source;
}
