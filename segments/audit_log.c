/* segments/audit_log.c - see include/weir/audit.h: reads a table's whole log, folds it as a reader
 * does, and besides keeps its own account of every range, so that what lies beyond a broken commit
 * is told as well. Compared with what a server would load (newest checkpoint and the log after it).
 */
#include "weir/audit.h"
#include "segments/fetch.h"
#include "segments/table_log_state.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 16, AT_ONCE = 64 };

void weir_audit_find(weir_audit *audit, const char *check, const char *format, ...)
{
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t count = audit->finding_count;
    if ((count & (count - 1)) == 0) { /* room is a power of two */
        audit->findings = weir_realloc(audit->findings, (count * 2 + 1) * sizeof(weir_finding));
    }
    audit->findings[audit->finding_count++] =
        (weir_finding){check, weir_arena_str(audit->arena, weir_str_of(text))};
}

void weir_audit_free(weir_audit *audit)
{
    if (audit) {
        weir_log_state_unref(audit->state);
        free(audit->findings);
        free(audit->ranges);
        free(audit->sources);
        weir_arena_free(audit->arena);
        free(audit);
    }
}

/* The log. */

typedef struct reading {
    weir_audit *audit;
    weir_fetcher *fetcher;
    weir_log_state *state; /* the fold; of the version before the first broken one */
    bool folding;          /* nothing was broken so far */
    uint64_t hash;         /* of the commit before; 0: it could not be read */
    uint64_t *checkpoints; /* their versions, ascending */
    size_t checkpoint_count, checkpoint_room;
    uint64_t largest; /* of the log's objects */
    size_t range_room;
} reading;

static bool version_of(weir_str key, uint64_t *out)
{
    const char *slash = memrchr(key.at, '/', key.size);
    int64_t version;
    if (!slash || key.at + key.size - slash <= 20 ||
        !weir_str_to_long((weir_str){slash + 1, 20}, &version) || version <= 0) {
        return false;
    }
    *out = (uint64_t)version;
    return true;
}

static bool see_commit(void *self, weir_str key, uint64_t size)
{
    reading *r = self;
    (void)size;
    if (!version_of(key, &r->largest)) {
        weir_audit_find(r->audit, "I1", "%.*s is no name of a commit", WEIR_STR_ARG(key));
    }
    return true;
}

static bool see_checkpoint(void *self, weir_str key, uint64_t size)
{
    reading *r = self;
    uint64_t version;
    (void)size;
    if (version_of(key, &version)) {
        r->checkpoints = weir_list_open(r->checkpoints, &r->checkpoint_count, &r->checkpoint_room,
                                        sizeof(uint64_t), r->checkpoint_count);
        r->checkpoints[r->checkpoint_count - 1] = version;
    }
    return true;
}

/* "<table's folder>/<what>/" */
static weir_str prefix_of(weir_arena *arena, weir_str table, const char *what)
{
    weir_str key = weir_key_log(arena, table, 1);
    const char *slash = memrchr(key.at, '/', key.size);
    size_t folder = (size_t)(slash - key.at) - strlen("/log");
    return weir_arena_printf(arena, "%.*s/%s/", (int)folder, key.at, what);
}

static bool list(const weir_audit *audit, const char *what,
                 bool (*see)(void *self, weir_str key, uint64_t size), void *self, weir_error *err)
{
    return audit->store->ops->list(audit->store, prefix_of(audit->arena, audit->table, what),
                                   (weir_str){0}, see, self, err);
}

static void keep_range(reading *r, const weir_commit *commit, const weir_range *range)
{
    weir_audit *a = r->audit;
    a->ranges = weir_list_open(a->ranges, &a->range_count, &r->range_room, sizeof(*a->ranges),
                               a->range_count);
    a->ranges[a->range_count - 1] =
        (weir_audit_range){.source = weir_source_key_copy(a->arena, &range->source),
                           .epoch = range->epoch,
                           .version = commit->version,
                           .kind = range->kind,
                           .from = range->from,
                           .to = range->to,
                           .counts = range->counts,
                           .reason = weir_arena_str(a->arena, range->reason)};
}

static void check_counts(reading *r, const weir_commit *commit)
{
    uint64_t kept = 0, events = 0;
    for (uint32_t i = 0; i < commit->offset_count; i++) {
        kept += commit->offsets[i].counts.kept;
        keep_range(r, commit, &commit->offsets[i]);
    }
    for (uint32_t i = 0; i < commit->add_count; i++) {
        events += commit->add[i].events;
    }
    if (commit->op == WEIR_OP_HANDOFF && kept != events) {
        weir_audit_find(r->audit, "I8",
                        "version %" PRIu64 " kept %" PRIu64
                        " events of its ranges, but its segments "
                        "hold %" PRIu64,
                        commit->version, kept, events);
    }
}

/* A checkpoint is a text in which equal states are equal. */
static bool same_states(const weir_log_state *a, const weir_log_state *b)
{
    weir_buf x = {0}, y = {0};
    weir_checkpoint_write(a, &x);
    weir_checkpoint_write(b, &y);
    bool same = weir_str_eq(weir_buf_view(&x), weir_buf_view(&y));
    weir_buf_done(&x);
    weir_buf_done(&y);
    return same;
}

/* The checkpoint of the version that the fold has reached. */
static bool check_checkpoint(reading *r, weir_error *err)
{
    weir_audit *a = r->audit;
    weir_fetch part = {.key = weir_key_checkpoint(a->arena, a->table, r->state->version)};
    weir_log_state *state = NULL;
    weir_fetch_one(a->store, &part);
    if (part.got == WEIR_GET_FAILED) {
        *err = part.err;
    } else if (part.got == WEIR_GET_FOUND) {
        weir_error why;
        a->checkpoints++;
        if (!weir_checkpoint_read(part.key, weir_buf_view(&part.bytes), &state, &why)) {
            weir_audit_find(a, "I5", "%s", why.message);
        } else if (!same_states(state, r->state)) {
            weir_audit_find(a, "I5", "%.*s is not what the log folds to", WEIR_STR_ARG(part.key));
        }
    } /* else: an older one that was deleted meanwhile */
    weir_log_state_unref(state);
    weir_buf_done(&part.bytes);
    return part.got != WEIR_GET_FAILED;
}

static bool is_checkpoint(const reading *r, uint64_t version)
{
    for (size_t i = 0; i < r->checkpoint_count; i++) {
        if (r->checkpoints[i] == version) {
            return true;
        }
    }
    return false;
}

static bool see_read(reading *r, uint64_t version, const weir_fetch *part, weir_error *err)
{
    weir_audit *a = r->audit;
    weir_commit *commit = NULL;
    weir_error why;
    if (!weir_commit_read(part->key, weir_buf_view(&part->bytes), &commit, &why)) {
        weir_audit_find(a, "I1", "%s", why.message);
        r->folding = false;
        r->hash = 0;
        return true;
    }
    a->commits++;
    if (commit->version != version) {
        weir_audit_find(a, "I1", "%.*s says that it is version %" PRIu64, WEIR_STR_ARG(part->key),
                        commit->version);
        r->folding = false;
    }
    if (r->folding && !weir_state_apply(r->state, commit, commit->hash, &why)) {
        weir_audit_find(a, "I1", "%s", why.message);
        r->folding = false;
    } else if (!r->folding && r->hash != 0 && commit->prev != r->hash) {
        weir_audit_find(a, "I1",
                        "version %" PRIu64 " follows %016" PRIx64 ", but the commit before it is "
                        "%016" PRIx64,
                        version, commit->prev, r->hash);
    }
    r->hash = commit->hash;
    check_counts(r, commit);
    weir_commit_free(commit);
    return !r->folding || !is_checkpoint(r, version) || check_checkpoint(r, err);
}

static bool see_object(reading *r, uint64_t version, const weir_fetch *part, weir_error *err)
{
    switch (part->got) {
    case WEIR_GET_FAILED:
        *err = part->err;
        return false;
    case WEIR_GET_NONE:
        weir_audit_find(r->audit, "I1",
                        "log object %.*s is missing, but version %" PRIu64 " exists",
                        WEIR_STR_ARG(part->key), r->largest);
        r->folding = false;
        r->hash = 0;
        return true;
    case WEIR_GET_FOUND:
        return see_read(r, version, part, err);
    }
    return false;
}

/* All commits that the list named when it was asked. */
static bool read_log(reading *r, weir_error *err)
{
    bool ok = true;
    for (uint64_t done = 0; ok && done < r->largest; done += AT_ONCE) {
        weir_fetch parts[AT_ONCE] = {0};
        weir_arena *arena = weir_arena_new();
        size_t count = r->largest - done < AT_ONCE ? (size_t)(r->largest - done) : AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            parts[i].key = weir_key_log(arena, r->audit->table, done + 1 + i);
        }
        weir_fetch_all(r->fetcher, parts, count);
        for (size_t i = 0; i < count; i++) {
            ok = ok && see_object(r, done + 1 + i, &parts[i], err);
            weir_buf_done(&parts[i].bytes);
        }
        weir_arena_free(arena);
    }
    return ok;
}

/* I5: what a server loads is what the whole log folds to. It may be some commits further: those
 * that came meanwhile. */
static bool load_state(reading *r, weir_error *err)
{
    weir_audit *a = r->audit;
    weir_error why;
    bool sound = weir_log_load_part(a->store, r->fetcher, a->table, &a->state, &why);
    if (!a->state) {
        *err = why;
        return false;
    }
    if (!sound) {
        weir_audit_find(a, "I1", "a server stops at version %" PRIu64 ": %s",
                        weir_log_version(a->state), why.message);
    }
    if (!r->folding || !sound) {
        return true;
    }
    weir_commit *commit = NULL;
    while (r->state->version < a->state->version) {
        weir_get got = weir_commit_get(a->store, a->table, r->state->version + 1, &commit, err);
        if (got != WEIR_GET_FOUND) {
            return false;
        }
        check_counts(r, commit);
        a->commits++;
        bool ok = weir_state_apply(r->state, commit, commit->hash, err);
        weir_commit_free(commit);
        if (!ok) {
            return false;
        }
    }
    if (!same_states(a->state, r->state)) {
        weir_audit_find(
            a, "I5",
            "the newest checkpoint and the log after it do not fold to what the whole log "
            "folds to (version %" PRIu64 ")",
            r->state->version);
    }
    return true;
}

/* Ranges. */

static int compare_ranges(const void *x, const void *y)
{
    const weir_audit_range *a = x, *b = y;
    int order = weir_str_cmp(a->source.supervisor, b->source.supervisor);
    order = order ? order : weir_str_cmp(a->source.topic, b->source.topic);
    order = order ? order
                  : (a->source.partition > b->source.partition) -
                        (a->source.partition < b->source.partition);
    return order ? order : (a->version > b->version) - (a->version < b->version);
}

static bool same_source(const weir_source_key *a, const weir_source_key *b)
{
    return a->partition == b->partition && weir_str_eq(a->topic, b->topic) &&
           weir_str_eq(a->supervisor, b->supervisor);
}

#define SOURCE "partition %d of topic '%.*s' (supervisor '%.*s')"
#define SOURCE_ARG(s)                                                                              \
    (s)->source.partition, WEIR_STR_ARG((s)->source.topic), WEIR_STR_ARG((s)->source.supervisor)

/* I2, of one range and the one before it. */
static void check_pair(weir_audit *audit, const weir_audit_range *before,
                       const weir_audit_range *range)
{
    if (range->kind != WEIR_RANGE_RESET && range->epoch != before->epoch) {
        weir_audit_find(audit, "I2",
                        SOURCE ": version %" PRIu64 " is of epoch %" PRIu64
                               ", after epoch %" PRIu64,
                        SOURCE_ARG(range), range->version, range->epoch, before->epoch);
    }
    if (range->from > before->to) {
        weir_audit_find(
            audit, "I2",
            SOURCE ": offsets [%" PRId64 ", %" PRId64 ") are covered by no commit, between "
                   "versions %" PRIu64 " and %" PRIu64,
            SOURCE_ARG(range), before->to, range->from, before->version, range->version);
    } else if (range->from < before->to) {
        weir_audit_find(
            audit, "I2",
            SOURCE ": offsets [%" PRId64 ", %" PRId64 ") are covered twice, by versions "
                   "%" PRIu64 " and %" PRIu64,
            SOURCE_ARG(range), range->from, before->to < range->to ? before->to : range->to,
            before->version, range->version);
    }
}

static void check_ranges(weir_audit *a)
{
    if (a->range_count > 1) {
        qsort(a->ranges, a->range_count, sizeof(*a->ranges), compare_ranges);
    }
    for (size_t i = 0; i < a->range_count; i++) {
        const weir_audit_range *range = &a->ranges[i];
        bool first = i == 0 || !same_source(&a->ranges[i - 1].source, &range->source);
        if (first && range->kind != WEIR_RANGE_START) {
            weir_audit_find(a, "I2",
                            SOURCE ": its first range, of version %" PRIu64 ", is no start",
                            SOURCE_ARG(range), range->version);
        }
        if (!first) {
            check_pair(a, range - 1, range);
        }
        bool growing = range->kind == WEIR_RANGE_DATA || range->kind == WEIR_RANGE_GAP;
        if (growing && range->to <= range->from) {
            weir_audit_find(a, "I2", SOURCE ": version %" PRIu64 " has an empty range",
                            SOURCE_ARG(range), range->version);
        }
    }
}

static void make_sources(weir_audit *a)
{
    const weir_source_state *states = weir_log_sources(a->state, &a->source_count);
    a->sources = weir_calloc(a->source_count + 1, sizeof(*a->sources));
    for (size_t i = 0; i < a->source_count; i++) {
        weir_audit_source *source = &a->sources[i];
        source->state = &states[i];
        size_t at = 0;
        while (at < a->range_count && !same_source(&a->ranges[at].source, &states[i].source)) {
            at++;
        }
        source->first_range = at;
        while (at < a->range_count && same_source(&a->ranges[at].source, &states[i].source)) {
            at++;
        }
        source->range_count = at - source->first_range;
        const weir_audit_range *last = &a->ranges[at - (source->range_count > 0)];
        if (source->range_count == 0 || last->to != states[i].next) {
            weir_audit_find(a, "I2",
                            SOURCE ": the state goes on at offset %" PRId64
                                   ", the log's last range "
                                   "ends at %" PRId64,
                            SOURCE_ARG(&states[i]), states[i].next,
                            source->range_count > 0 ? last->to : (int64_t)-1);
        }
    }
}

bool weir_audit_begin(weir_store *store, weir_str table, weir_audit **out, weir_error *err)
{
    weir_audit *a = weir_calloc(1, sizeof(*a));
    a->arena = weir_arena_new();
    a->store = store;
    a->table = weir_arena_str(a->arena, table);
    reading r = {.audit = a, .folding = true, .state = weir_log_state_empty(a->table)};
    r.fetcher = weir_fetcher_new(store, THREADS);
    bool ok =
        list(a, "checkpoints", see_checkpoint, &r, err) && list(a, "log", see_commit, &r, err);
    if (ok && r.largest == 0) {
        ok = weir_fail(err, WEIR_ERR_NOT_FOUND, "there is no table '%.*s' in %.*s",
                       WEIR_STR_ARG(table), WEIR_STR_ARG(store->name));
    }
    ok = ok && read_log(&r, err) && load_state(&r, err);
    if (ok) {
        check_ranges(a);
        make_sources(a);
    }
    weir_fetcher_free(r.fetcher);
    weir_log_state_unref(r.state);
    free(r.checkpoints);
    if (!ok) {
        weir_audit_free(a);
        return false;
    }
    *out = a;
    return true;
}
