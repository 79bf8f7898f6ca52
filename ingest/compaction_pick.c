/* ingest/compaction_pick.c - which segments to merge next.
 *
 * Each merge writes rows again, so segments are merged with those of their size. Where rows still
 * arrive, eight or more small ones are merged whenever none of them is much larger than all smaller
 * ones together: a row is written a few times (a logarithm), and a bucket that gets a segment a
 * minute has some tens of them. A bucket that is quiet, or from time to time any but the newest, is
 * brought down to `most`, the smallest first. Strays are dealt out when they are quiet, many, or
 * from time to time. */
#include "ingest/compaction_pick.h"
#include <stdlib.h>
#include "weir/hash.h"

#define TIER 8u        /* small segments that are worth a merge while rows arrive */
#define TIER_GROWTH 2u /* the next may be so much larger than all before it together */
#define ROW_BYTES 150u /* of memory to merge a row, beside its file's bytes (measured) */
#define FILE_BYTES 8u  /* for each byte of a file */

typedef struct bucket {
    int64_t start, end;
    bool stray;
    const weir_segment_state **at; /* ascending by rows */
    uint32_t count, small;         /* small: less than half the target; they come first */
    uint64_t rows, bytes, newest;  /* newest: born */
    bool hides;
} bucket;

typedef struct picking {
    const weir_log_state *state;
    const weir_compaction_policy *policy;
    weir_arena *arena;
    bucket *buckets;
    size_t count;
    int64_t newest_start; /* of the newest bucket */
} picking;

static bool is_claimed(const weir_log_state *state, const weir_added *added)
{
    size_t count;
    const weir_claim_state *claims = weir_log_claims(state, &count);
    for (size_t i = 0; i < count; i++) {
        if (added->from_ms < claims[i].claim.to_ms && claims[i].claim.from_ms < added->to_ms) {
            return true;
        }
    }
    return false;
}

typedef struct member {
    int64_t start, end;
    bool stray;
    const weir_segment_state *segment;
} member;

static member member_of(const weir_granularity *gran, const weir_segment_state *s)
{
    member m = {.start = INT64_MIN, .end = INT64_MAX, .segment = s};
    if (gran->kind == WEIR_GRAN_ALL) {
        return m;
    }
    m.start = weir_granularity_floor(gran, s->added.from_ms);
    m.end = gran->kind == WEIR_GRAN_NONE ? m.start + 1 : weir_granularity_next(gran, m.start);
    m.stray = s->added.to_ms > m.end;
    if (m.stray) {
        m.start = INT64_MIN; /* they come first, as one */
        m.end = INT64_MIN;
    }
    return m;
}

static int compare_members(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->stray != y->stray) {
        return x->stray ? -1 : 1;
    }
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    if (x->segment->added.rows != y->segment->added.rows) {
        return x->segment->added.rows < y->segment->added.rows ? -1 : 1;
    }
    return weir_str_cmp(x->segment->added.id, y->segment->added.id);
}

static void add_member(picking *p, const member *m)
{
    bucket *b = p->count > 0 ? &p->buckets[p->count - 1] : NULL;
    if (!b || b->stray != m->stray || b->start != m->start) {
        b = &p->buckets[p->count++];
        *b = (bucket){.start = m->start, .end = m->end, .stray = m->stray};
        b->at = WEIR_ARENA_ARRAY(p->arena, const weir_segment_state *, 8);
    }
    if (b->count >= 8 && (b->count & (b->count - 1)) == 0) {
        const weir_segment_state **more =
            WEIR_ARENA_ARRAY(p->arena, const weir_segment_state *, 2 * b->count);
        memcpy(more, b->at, sizeof(*more) * b->count);
        b->at = more;
    }
    b->at[b->count++] = m->segment;
    b->small += m->segment->added.rows < (p->policy->target_rows + 1) / 2;
    b->rows += m->segment->added.rows;
    b->bytes += m->segment->added.bytes;
    b->newest = m->segment->born > b->newest ? m->segment->born : b->newest;
    b->hides = b->hides || m->segment->hide_count > 0;
}

static void sort_out(picking *p)
{
    size_t count, kept = 0;
    const weir_segment_state *const *segments = weir_log_segments(p->state, &count);
    member *members = WEIR_ARENA_ARRAY(p->arena, member, count + 1);
    p->newest_start = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        member m = member_of(p->policy->granularity, segments[i]);
        const weir_added *added = &segments[i]->added;
        if (!m.stray && m.start > p->newest_start) {
            p->newest_start = m.start;
        }
        if (added->from_ms < p->policy->within.end_ms &&
            p->policy->within.start_ms < added->to_ms && !is_claimed(p->state, added)) {
            members[kept++] = m;
        }
    }
    qsort(members, kept, sizeof(*members), compare_members);
    p->buckets = WEIR_ARENA_ARRAY(p->arena, bucket, kept + 1);
    for (size_t i = 0; i < kept; i++) {
        add_member(p, &members[i]);
    }
}

/* --- one bucket --- */

static bool is_skipped(const picking *p, const bucket *b)
{
    const weir_compaction_policy *policy = p->policy;
    return (policy->bucket_bytes_max > 0 && b->bytes > policy->bucket_bytes_max) ||
           (!b->stray && b->end > policy->skip_from_ms);
}

/* How many of the smallest fit the target and the memory, at most `most`. */
static uint32_t fitting(const picking *p, const bucket *b, uint32_t most)
{
    const weir_compaction_policy *policy = p->policy;
    uint64_t rows = 0, memory = 0,
             rows_max = policy->merge_rows > 0 && policy->merge_rows < policy->target_rows
                            ? policy->merge_rows
                            : policy->target_rows;
    uint32_t n = 0;
    while (n < most) {
        const weir_added *added = &b->at[n]->added;
        rows += added->rows;
        memory += FILE_BYTES * added->bytes + ROW_BYTES * added->rows;
        if (n > 0 &&
            (rows > rows_max || (policy->memory_bytes > 0 && memory > policy->memory_bytes))) {
            break;
        }
        n++;
    }
    return n;
}

/* The smallest ones up to where one is much larger than all before it. */
static uint32_t tier_of(const picking *p, const bucket *b)
{
    uint64_t rows = 0;
    uint32_t n = 0, most = fitting(p, b, b->small);
    while (n < most && (n < 2 || b->at[n]->added.rows <= TIER_GROWTH * rows)) {
        rows += b->at[n++]->added.rows;
    }
    return n >= TIER ? n : 0;
}

/* How many of the smallest are to be merged now; 0: none. */
static uint32_t wanted(const picking *p, const bucket *b)
{
    const weir_compaction_policy *policy = p->policy;
    bool quiet = b->newest <= policy->quiet, newest = b->start == p->newest_start && !b->stray,
         now = quiet || policy->everything || (policy->thorough && !newest);
    uint32_t n = 0;
    if (b->stray) {
        return now || b->count >= TIER ? fitting(p, b, b->count) : 0;
    }
    if (now && policy->fewest && b->small > 1) {
        n = fitting(p, b, b->small);
    } else if (now && b->count > policy->most && b->small > 1) {
        uint32_t over = b->count - policy->most + 1;
        n = fitting(p, b, over < b->small ? over : b->small);
    }
    return n > 1 ? n : tier_of(p, b);
}

static int compare_ids(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

static bool choose(const picking *p, const weir_segment_state *const *at, uint32_t n, bool rewrite,
                   weir_compaction_choice *out)
{
    *out = (weir_compaction_choice){
        .ids = WEIR_ARENA_ARRAY(p->arena, weir_str, n + 1), .count = n, .rewrite = rewrite};
    for (uint32_t i = 0; i < n; i++) {
        out->ids[i] = weir_arena_str(p->arena, at[i]->added.id);
    }
    qsort(out->ids, n, sizeof(*out->ids), compare_ids);
    for (uint32_t i = 0; i < n; i++) {
        out->hash = weir_hash_u64(out->hash ^ weir_hash_bytes(out->ids[i].at, out->ids[i].size));
    }
    return !p->policy->is_vain || !p->policy->is_vain(p->policy->self, out->hash);
}

/* When nothing else is to be done in the bucket: those with hidden rows, to give their space back,
 * and those that are not as they are wanted. */
static bool choose_alone(const picking *p, const bucket *b, weir_compaction_choice *out)
{
    const weir_compaction_policy *policy = p->policy;
    bool newest = b->start == p->newest_start && !b->stray,
         now = policy->everything || b->newest <= policy->quiet || (policy->thorough && !newest);
    for (uint32_t i = 0; now && i < b->count; i++) {
        bool unlike = policy->fewest && policy->is_unlike &&
                      policy->is_unlike(policy->self, b->at[i]->added.id);
        if ((b->at[i]->hide_count > 0 || unlike) && choose(p, &b->at[i], 1, true, out)) {
            return true;
        }
    }
    return false;
}

static bool pick_in(const picking *p, const bucket *b, weir_compaction_choice *out)
{
    if (is_skipped(p, b)) {
        return false;
    }
    uint32_t n = wanted(p, b);
    for (; n > 0; n--) { /* what was in vain is tried again without the largest */
        if ((n > 1 || b->stray) && choose(p, b->at, n, b->stray, out)) {
            return true;
        }
    }
    return (b->hides || p->policy->fewest) && choose_alone(p, b, out);
}

bool weir_compaction_pick(const weir_log_state *state, const weir_compaction_policy *policy,
                          weir_arena *arena, weir_compaction_choice *out)
{
    picking p = {.state = state, .policy = policy, .arena = arena};
    bool found = false;
    uint32_t most = 0;
    sort_out(&p);
    for (size_t i = 0; i < p.count; i++) { /* the worst first */
        weir_compaction_choice choice;
        if ((!found || p.buckets[i].count > most) && pick_in(&p, &p.buckets[i], &choice)) {
            found = true;
            most = p.buckets[i].stray ? UINT32_MAX : p.buckets[i].count;
            *out = choice;
        }
    }
    return found;
}

static void count_need(const bucket *b, uint64_t *bytes, uint64_t *segments, uint64_t *intervals)
{
    *bytes += b->bytes;
    *segments += b->count;
    *intervals += 1;
}

weir_compaction_need weir_compaction_needs(const weir_log_state *state,
                                           const weir_compaction_policy *policy)
{
    weir_compaction_need need = {0};
    picking p = {.state = state, .policy = policy, .arena = weir_arena_new()};
    sort_out(&p);
    for (size_t i = 0; i < p.count; i++) {
        weir_compaction_choice choice;
        const bucket *b = &p.buckets[i];
        if (is_skipped(&p, b)) {
            count_need(b, &need.bytes_skipped, &need.segments_skipped, &need.intervals_skipped);
        } else if (pick_in(&p, b, &choice)) {
            count_need(b, &need.bytes_awaiting, &need.segments_awaiting, &need.intervals_awaiting);
        } else {
            count_need(b, &need.bytes_done, &need.segments_done, &need.intervals_done);
        }
    }
    weir_arena_free(p.arena);
    return need;
}
