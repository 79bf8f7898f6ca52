/* tests/sim/history.c - what the log says, read by itself past all faults, and what each commit
 * must do by its own kind: a hand-off adds just the records of its ranges, a load just its rows,
 * once for its label; compaction changes nothing; a drop takes all rows of a time, an overwrite all
 * of its time that were committed before its claim. So each record knows in which versions it
 * stands. */
#include <stdlib.h>
#include <string.h>
#include "ingest/worker_parts.h"
#include "world.h"

typedef struct change { /* a commit under the lens */
    world *w;
    const weir_commit *c;
    bool known;                /* some partition was known before */
    uint8_t *expected, *added; /* by record: rows that its kind calls for, rows in its segments */
} change;

static weir_store_faults calm_store(world *w)
{
    weir_store_faults faults = w->rules.faults;
    weir_store_memory_faults(w->store, &(weir_store_faults){0});
    return faults;
}

uint32_t history_copies(const record *r, uint64_t version)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->copy_count; i++) {
        count +=
            r->copies[i].born <= version && (r->copies[i].gone == 0 || r->copies[i].gone > version);
    }
    return count;
}

static void add_copy(world *w, record *r, uint64_t version)
{
    if (r->copy_count == COPIES) {
        world_fail(w, "record %ld was committed %d times", (long)(r - w->records), COPIES);
        return;
    }
    r->copies[r->copy_count++] = (copy){.born = version};
}

/* Offsets. */

/* Which incarnation of the topic a range was read from: the one whose record its anchor is. -1:
 * none. */
static int32_t incarnation_of(world *w, const weir_range *r)
{
    uint32_t p = (uint32_t)r->source.partition;
    for (int32_t k = w->partitions[p].incarnation; k >= 0; k--) {
        const record *rec = topic_record(w, p, k, r->anchor.offset);
        if (rec) {
            weir_record delivered = topic_deliver(rec);
            if (weir_record_hash(&delivered) == r->anchor.xxh3) {
                return k;
            }
        }
    }
    return -1;
}

/* Rows of another topic follow in the same epoch. That is right only where nothing could tell: the
 * new one does not have (or has expired) a record where the anchor was. What lies before is read by
 * nobody then. */
static void note_unnoticed(world *w, const weir_commit *c, const weir_range *r, int32_t incarnation)
{
    uint32_t p = (uint32_t)r->source.partition;
    const record *rec = topic_record(w, p, incarnation, w->anchor_at[p]);
    if (rec && rec->kind == RECORD_DATA &&
        rec->offset >= topic_incarnation(w, p, incarnation)->low) {
        world_fail(
            w, "commit %lu goes on in another topic: offset %ld of partition %u is not the anchor",
            c->version, rec->offset, p);
    }
    w->began_at[p] = r->from;
    w->unnoticed++;
}

static void note_lost(world *w, uint32_t p, int64_t from, int64_t to)
{
    for (int64_t offset = from; offset < to; offset++) {
        for (int32_t k = 0; k <= w->partitions[p].incarnation; k++) {
            record *rec = topic_record(w, p, k, offset);
            if (rec) {
                rec->lost = true;
            }
        }
    }
}

/* Whether one that read this topic found a record to keep in the range; -1: the topic does not
 * reach so far. */
static int has_data(world *w, int32_t incarnation, const weir_range *r)
{
    int found = 0;
    for (int64_t offset = r->from; offset < r->to; offset++) {
        const record *rec = topic_record(w, (uint32_t)r->source.partition, incarnation, offset);
        if (!rec) {
            return -1;
        }
        found |= rec->kind == RECORD_DATA;
    }
    return found;
}

/* A range without an anchor had control records alone, or aborted ones. Nothing could tell that
 * they were of a topic before the one that there is now: what that one has there is read by nobody.
 */
static void note_control(world *w, const weir_commit *c, const weir_range *r)
{
    uint32_t p = (uint32_t)r->source.partition;
    bool read_here = false, data_elsewhere = false;
    for (int32_t k = 0; k <= w->partitions[p].incarnation; k++) {
        int found = has_data(w, k, r);
        read_here = read_here || found == 0;
        data_elsewhere = data_elsewhere || found == 1;
    }
    if (!read_here) {
        world_fail(w, "commit %lu keeps nothing of [%ld, %ld) of partition %u, which has records",
                   c->version, r->from, r->to, p);
    }
    if (data_elsewhere) {
        note_lost(w, p, r->from, r->to);
        w->unnoticed++;
    }
    if (w->anchor_at[p] < 0) {
        w->began_at[p] = r->to;
    }
}

static void note_data(change *n, const weir_range *r)
{
    world *w = n->w;
    uint32_t p = (uint32_t)r->source.partition;
    if (!r->anchor.known) {
        note_control(w, n->c, r);
        return;
    }
    int32_t k = incarnation_of(w, r);
    if (k < 0) {
        world_fail(w, "commit %lu has an anchor at offset %ld of partition %u that no record has",
                   n->c->version, r->anchor.offset, p);
        return;
    }
    if (w->anchor_at[p] >= 0 && k != w->anchor_of[p]) {
        note_unnoticed(w, n->c, r, k);
    }
    w->anchor_at[p] = r->anchor.offset;
    w->anchor_of[p] = k;
    for (int64_t offset = r->from; offset < r->to && !w->failed; offset++) {
        record *rec = topic_record(w, p, k, offset);
        uint64_t before = rec && rec->copy_count > 0 ? rec->copies[rec->copy_count - 1].born : 0;
        if (!rec) {
            world_fail(w, "commit %lu has offset %ld of partition %u, which is not in the topic",
                       n->c->version, offset, p);
        } else if (before > w->reset_at[p]) {
            world_fail(w, "offset %ld of partition %u is in commit %lu and in commit %lu", offset,
                       p, before, n->c->version);
        } else if (rec->kind == RECORD_DATA) {
            add_copy(w, rec, n->c->version);
            n->expected[rec - w->records]++;
        }
    }
}

static void note_range(change *n, const weir_range *r)
{
    world *w = n->w;
    uint32_t p = (uint32_t)r->source.partition;
    world_trace(w, "commit %lu: partition %u epoch %lu kind %u [%ld, %ld) anchor %ld",
                n->c->version, p, r->epoch, r->kind, r->from, r->to,
                r->anchor.known ? r->anchor.offset : -1);
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        bool own = weir_str_is(n->c->node, proc->node) && r->kind == WEIR_RANGE_DATA;
        proc->touched[p] = own ? proc->touched[p] : n->c->version;
    }
    bool begins = r->kind == WEIR_RANGE_START;
    uint64_t epoch = w->epoch[p] + (r->kind == WEIR_RANGE_RESET);
    if (begins == (w->started >> p & 1) ||
        (!begins && (r->epoch != epoch || r->from != w->next_at[p]))) {
        world_fail(
            w,
            "I2: commit %lu has [%ld, %ld) of epoch %lu, where partition %u stands at %ld of "
            "epoch %lu",
            n->c->version, r->from, r->to, r->epoch, p, w->next_at[p], w->epoch[p]);
    }
    w->started |= 1u << p;
    w->epoch[p] = r->epoch;
    w->next_at[p] = r->to;
    switch ((weir_range_kind)r->kind) {
    case WEIR_RANGE_DATA:
        note_data(n, r);
        break;
    case WEIR_RANGE_GAP:
        w->gaps++;
        if (w->anchor_at[p] < 0) {
            w->began_at[p] = r->to;
        }
        note_lost(w, p, r->from, r->to);
        break;
    case WEIR_RANGE_RESET:
        w->resets++;
        w->anchor_at[p] = -1;
        w->began_at[p] = r->to;
        w->reset_at[p] = n->c->version;
        note_lost(w, p, 0, r->to); /* who asked for it wants none of those */
        break;
    case WEIR_RANGE_START:
        if (n->known && n->c->op != WEIR_OP_RESET && p >= w->first_partitions &&
            w->partitions[p].incarnation == 0 && r->to > w->partitions[p].low) {
            world_fail(w,
                       "commit %lu starts partition %u, which was added later, at %ld, not at %ld",
                       n->c->version, p, r->to, w->partitions[p].low);
        }
        w->began_at[p] = r->to;
        break;
    }
}

/* Loads. */

static load *load_of(world *w, weir_str label)
{
    int64_t number;
    if (!weir_str_starts(label, WEIR_STR("load-")) ||
        !weir_str_to_long((weir_str){label.at + 5, label.size - 5}, &number) ||
        number >= w->load_count) {
        return NULL;
    }
    return &w->loads[number];
}

static void note_load(change *n)
{
    world *w = n->w;
    load *l = load_of(w, n->c->label);
    if (!l) {
        world_fail(w, "commit %lu has label '%.*s', which nobody asked for", n->c->version,
                   WEIR_STR_ARG(n->c->label));
        return;
    }
    if (l->committed_at > 0) {
        world_fail(w, "load %ld is in commit %lu and in commit %lu", (long)(l - w->loads),
                   l->committed_at, n->c->version);
        return;
    }
    l->committed_at = n->c->version;
    for (uint32_t i = 0; i < l->count; i++) {
        add_copy(w, &w->records[l->first_id + i], n->c->version);
        n->expected[l->first_id + i]++;
    }
}

/* Segments. */

static segment_rows *find_segment(world *w, weir_str id)
{
    for (uint32_t i = w->segment_count; i > 0; i--) {
        if (weir_str_is(id, w->segments[i - 1].id)) {
            return &w->segments[i - 1];
        }
    }
    return NULL;
}

static bool is_hidden(const segment_rows *s, int64_t ms)
{
    bool hidden = false;
    for (uint32_t i = 0; i < s->hide_count; i++) {
        hidden = hidden || (s->hides[i].start_ms <= ms && ms < s->hides[i].end_ms);
    }
    return hidden;
}

static void release(void *self)
{
    (void)self;
}

static void note_segment(change *n, const weir_added *added)
{
    world *w = n->w;
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_segment *seg;
    weir_error err = {0};
    uint8_t *rows = calloc(w->record_count + 1, 1);
    for (uint32_t i = 0; i < w->deleted_count; i++) {
        if (weir_str_is(added->id, w->deleted[i])) {
            world_fail(w, "I7: commit %lu adds segment %s, which was deleted", n->c->version,
                       w->deleted[i]);
        }
    }
    if (find_segment(w, added->id)) {
        world_fail(w, "I4: segment %.*s is added again", WEIR_STR_ARG(added->id));
    }
    weir_str key = weir_key_segment(arena, WEIR_STR("t"), added->id);
    if (w->store->ops->get(w->store, key, 0, 0, &bytes, &err) != WEIR_GET_FOUND) {
        world_fail(w, "I6: commit %lu adds %.*s, which is not in the store", n->c->version,
                   WEIR_STR_ARG(key));
    } else if (!weir_segment_open_expect(
                   key.at, (weir_bytes){(const uint8_t *)bytes.at, bytes.size, release, NULL, NULL},
                   added->footer_xxh3, &seg, &err)) {
        world_fail(w, "I6: %s", err.message);
    } else {
        if (!check_count(w, weir_segment_rows(seg), rows, &err)) {
            world_fail(w, "I6: %s", err.message);
        }
        weir_segment_unref(seg);
    }
    w->segments = realloc(w->segments, (w->segment_count + 1) * sizeof(*w->segments));
    segment_rows *s = &w->segments[w->segment_count++];
    *s = (segment_rows){0};
    memcpy(s->id, added->id.at, added->id.size < 39 ? added->id.size : 39);
    s->ids = calloc(added->rows + 1, sizeof(*s->ids));
    for (uint32_t id = 0; id < w->record_count; id++) {
        n->added[id] = (uint8_t)(n->added[id] + rows[id]);
        for (uint8_t k = 0; k < rows[id] && s->count < added->rows; k++) {
            s->ids[s->count++] = id;
        }
    }
    free(rows);
    weir_buf_done(&bytes);
    weir_arena_free(arena);
}

/* Rows that the commit takes out of sight, counted by record. */
static void count_gone(change *n, uint8_t *gone)
{
    world *w = n->w;
    for (uint32_t i = 0; i < n->c->remove_count + n->c->hide_count; i++) {
        bool whole = i < n->c->remove_count;
        const weir_removed *r = whole ? &n->c->remove[i] : &n->c->hide[i - n->c->remove_count];
        segment_rows *s = find_segment(w, r->id);
        if (!s || s->removed_at > 0) {
            world_fail(w, "commit %lu takes segment %.*s, which is not there", n->c->version,
                       WEIR_STR_ARG(r->id));
            return;
        }
        for (uint32_t k = 0; k < s->count; k++) {
            int64_t ms = w->records[s->ids[k]].time_ms;
            bool in = whole || (r->from_ms <= ms && ms < r->to_ms);
            if (in && !is_hidden(s, ms)) {
                gone[s->ids[k]]++;
            }
        }
        if (whole) {
            s->removed_at = n->c->version;
        } else if (s->hide_count < 24) {
            s->hides[s->hide_count++] = (weir_interval){r->from_ms, r->to_ms};
        } else {
            world_fail(w, "segment %s has too many hides for this model", s->id);
        }
    }
}

/* Copies of a record that the version before shows, of those that were born until `born`. */
static uint32_t copies_before(const change *n, const record *r, uint64_t born)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->copy_count; i++) {
        count += r->copies[i].born < n->c->version && r->copies[i].born <= born &&
                 r->copies[i].gone == 0;
    }
    return count;
}

static bool within(const record *r, const weir_interval *interval)
{
    return r->time_ms >= interval->start_ms && r->time_ms < interval->end_ms &&
           (r->kind == RECORD_DATA || r->kind == RECORD_LOADED);
}

/* Whether just the rows of that time go. */
static bool goes(const change *n, const uint8_t *gone, const weir_interval *interval, uint64_t born)
{
    bool same = true;
    for (uint32_t id = 0; id < n->w->record_count && same; id++) {
        const record *r = &n->w->records[id];
        same = gone[id] == (within(r, interval) ? copies_before(n, r, born) : 0);
    }
    return same;
}

static void mark_gone(change *n, const uint8_t *gone, uint64_t born)
{
    for (uint32_t id = 0; id < n->w->record_count; id++) {
        record *r = &n->w->records[id];
        uint32_t left = gone[id];
        for (uint32_t i = 0; i < r->copy_count && left > 0; i++) {
            copy *c = &r->copies[i];
            if (c->gone == 0 && c->born < n->c->version && c->born <= born) {
                c->gone = n->c->version;
                left--;
            }
        }
    }
}

static open_claim *find_claim(world *w, weir_str id)
{
    for (uint32_t i = w->claim_count; i > 0; i--) {
        if (weir_str_is(id, w->claims[i - 1].id)) {
            return &w->claims[i - 1];
        }
    }
    return NULL;
}

static void check_drop(change *n, const uint8_t *gone)
{
    world *w = n->w;
    bool asked = false;
    uint64_t born = n->c->version - 1;
    for (uint32_t i = 0; i < w->drop_count && !asked; i++) { /* as of some version since */
        for (born = n->c->version - 1; born >= w->drops[i].version && !asked; born--) {
            asked = goes(n, gone, &w->drops[i].interval, born);
        }
    }
    if (!asked) {
        world_fail(w, "commit %lu drops other rows than all of a time that was asked for",
                   n->c->version);
    }
    mark_gone(n, gone, born + 1);
}

/* What it replaces: all of its time, or the hours in which it has rows. */
static bool replaces(const world *w, const load *l, int64_t ms)
{
    bool in = ms >= l->interval.start_ms && ms < l->interval.end_ms;
    bool hour = l->drop_existing;
    for (uint32_t i = 0; i < l->count && !hour; i++) {
        hour = w->records[l->first_id + i].time_ms / HOUR_MS == ms / HOUR_MS;
    }
    return in && hour;
}

static void check_overwrite(change *n, const uint8_t *gone)
{
    world *w = n->w;
    const load *l = load_of(w, n->c->label);
    open_claim *claim = n->c->release_count == 1 ? find_claim(w, n->c->release[0].id) : NULL;
    if (!l || !claim || !claim->open) {
        world_fail(w, "commit %lu overwrites without a claim", n->c->version);
        return;
    }
    for (uint32_t id = 0; id < w->record_count; id++) {
        const record *r = &w->records[id];
        bool in =
            (r->kind == RECORD_DATA || r->kind == RECORD_LOADED) && replaces(w, l, r->time_ms);
        uint32_t old = in ? copies_before(n, r, claim->version) : 0;
        if (gone[id] != old) {
            world_fail(w,
                       "commit %lu overwrites %u rows of record %u and not the %u that were "
                       "committed until its claim in version %lu",
                       n->c->version, gone[id], id, old, claim->version);
        }
    }
    for (uint32_t i = 0; i < w->load_count; i++) {
        const load *other = &w->loads[i];
        for (uint32_t k = 0; k < other->count && other->overwrite; k++) {
            const record *r = &w->records[other->first_id + k];
            if (other->committed_at > claim->version && other->committed_at < n->c->version &&
                replaces(w, l, r->time_ms)) {
                world_fail(w,
                           "commit %lu overwrites a time beside load %u, which overwrote it in "
                           "commit %lu, after its claim in version %lu",
                           n->c->version, i, other->committed_at, claim->version);
            }
        }
    }
    mark_gone(n, gone, claim->version);
}

static void note_gone(change *n)
{
    world *w = n->w;
    uint8_t *gone = calloc(w->record_count + 1, 1);
    count_gone(n, gone);
    switch ((weir_op)n->c->op) {
    case WEIR_OP_COMPACT: /* what goes comes again */
        for (uint32_t id = 0; id < w->record_count; id++) {
            n->expected[id] = (uint8_t)(n->expected[id] + gone[id]);
        }
        w->jobs[JOB_COMMIT_COMPACT]++;
        break;
    case WEIR_OP_DROP:
        check_drop(n, gone);
        break;
    case WEIR_OP_OVERWRITE:
        check_overwrite(n, gone);
        break;
    case WEIR_OP_CREATE:
    case WEIR_OP_HANDOFF:
    case WEIR_OP_START:
    case WEIR_OP_GAP:
    case WEIR_OP_RESET:
    case WEIR_OP_LOAD:
    case WEIR_OP_CLAIM:
    case WEIR_OP_SPEC:
    case WEIR_OP_CONFIG:
    case WEIR_OP_GC:
        for (uint32_t id = 0; id < w->record_count; id++) {
            if (gone[id] > 0) {
                world_fail(w, "commit %lu takes record %u away, which its kind %u may not",
                           n->c->version, id, n->c->op);
            }
        }
        break;
    }
    free(gone);
}

static void note_claims(change *n)
{
    world *w = n->w;
    for (uint32_t i = 0; i < n->c->claim_count; i++) {
        w->claims = realloc(w->claims, (w->claim_count + 1) * sizeof(*w->claims));
        open_claim *claim = &w->claims[w->claim_count++];
        *claim = (open_claim){.interval = {n->c->claim[i].from_ms, n->c->claim[i].to_ms},
                              .version = n->c->version,
                              .open = true};
        weir_str id = n->c->claim[i].id;
        memcpy(claim->id, id.at, id.size < 95 ? id.size : 95);
    }
    w->jobs[JOB_RELEASE] += n->c->op == WEIR_OP_CLAIM && n->c->release_count > 0;
    for (uint32_t i = 0; i < n->c->release_count; i++) {
        open_claim *claim = find_claim(w, n->c->release[i].id);
        if (claim) {
            claim->open = false;
        }
    }
    if (n->c->horizon > 0) {
        w->horizon = n->c->horizon;
        w->jobs[JOB_COLLECT]++;
    }
}

static void note_commit(world *w, const weir_commit *c)
{
    change n = {w, c, w->started != 0, calloc(w->record_count + 1, 1),
                calloc(w->record_count + 1, 1)};
    world_trace(w, "commit %lu by %.*s: kind %u%s%.*s, %u in, %u out, %u hidden", c->version,
                WEIR_STR_ARG(c->node), c->op, c->label.size > 0 ? ", label " : "",
                WEIR_STR_ARG(c->label), c->add_count, c->remove_count, c->hide_count);
    for (uint32_t i = 0; i < c->offset_count; i++) {
        note_range(&n, &c->offsets[i]);
    }
    note_gone(&n);
    if (c->op == WEIR_OP_LOAD || c->op == WEIR_OP_OVERWRITE) {
        note_load(&n);
    }
    for (uint32_t i = 0; i < c->add_count; i++) {
        note_segment(&n, &c->add[i]);
    }
    note_claims(&n);
    for (uint32_t id = 0; id < w->record_count && !w->failed; id++) {
        if (n.expected[id] != n.added[id]) {
            world_fail(w, "commit %lu has %u rows of record %u in its segments, and should have %u",
                       c->version, n.added[id], id, n.expected[id]);
        }
    }
    free(n.expected);
    free(n.added);
}

void history_read(world *w, uint64_t version)
{
    weir_store_faults faults = calm_store(w);
    while (w->checked_version < version && !w->failed) {
        weir_commit *commit;
        weir_error err = {0};
        weir_get got =
            weir_commit_get(w->store, WEIR_STR("t"), w->checked_version + 1, &commit, &err);
        if (got == WEIR_GET_NONE) {
            break;
        }
        if (got == WEIR_GET_FAILED) {
            world_fail(w, "%s", err.message);
            break;
        }
        w->checked_version++;
        w->commits++;
        note_commit(w, commit);
        weir_commit_free(commit);
    }
    weir_store_memory_faults(w->store, &faults);
}

/* I7: a segment may go when no state from the horizon's commit on has it, and none ever will. */
void history_deleted(process *proc, weir_str key)
{
    world *w = proc->world;
    const char *slash = memrchr(key.at, '/', key.size);
    uint64_t base;
    weir_str id = slash ? (weir_str){slash + 1, (size_t)(key.at + key.size - slash - 1)} : key;
    if (id.size != 37 || id.at[20] != '-') {
        return; /* a checkpoint, or a probe */
    }
    base = strtoull(id.at, NULL, 10);
    history_read(w, UINT64_MAX);
    const segment_rows *s = find_segment(w, id);
    world_trace(w, "%s deletes %.*s", proc->node, WEIR_STR_ARG(id));
    if (base >= w->horizon) {
        world_fail(w, "I7: %.*s is deleted, and the horizon is %lu", WEIR_STR_ARG(id), w->horizon);
    } else if (s && s->removed_at == 0) {
        world_fail(w, "I7: %.*s is deleted, and is in the state", WEIR_STR_ARG(id));
    } else if (s && s->removed_at >= w->horizon) {
        world_fail(w, "I7: %.*s is deleted; it was removed in version %lu, the horizon is %lu",
                   WEIR_STR_ARG(id), s->removed_at, w->horizon);
    }
    for (uint32_t i = 0; i < w->claim_count; i++) {
        if (w->claims[i].open && base >= w->claims[i].version) {
            world_fail(w, "%.*s is deleted under the open claim of version %lu", WEIR_STR_ARG(id),
                       w->claims[i].version);
        }
    }
    w->jobs[JOB_DELETE]++;
    w->deleted = realloc(w->deleted, (w->deleted_count + 1) * sizeof(*w->deleted));
    memset(w->deleted[w->deleted_count], 0, sizeof(w->deleted[0]));
    memcpy(w->deleted[w->deleted_count++], id.at, id.size);
}

void history_done(world *w)
{
    for (uint32_t i = 0; i < w->segment_count; i++) {
        free(w->segments[i].ids);
    }
    free(w->segments);
    free(w->claims);
    free(w->drops);
    free(w->deleted);
}
