/* segments/table_log_valid.c - when a commit may be version N+1: rules V1 to V7 of
 * docs/PROTOCOL.md, section 3, a function each. The same function serves the writer, before it
 * puts, and every reader, before it folds: a breach found by a reader stops the table. */
#include "segments/table_log_state.h"
#include <stdlib.h>

#define BREACH(rule, ...) weir_fail(err, WEIR_ERR_CONFLICT, "V" #rule ": " __VA_ARGS__)

static int compare_keys(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

/* The first name that occurs twice, else empty. */
static weir_str find_twice(weir_str *names, size_t count)
{
    weir_str twice = {0};
    if (count > 1) {
        qsort(names, count, sizeof(*names), compare_keys);
    }
    for (size_t i = 1; i < count && twice.size == 0; i++) {
        twice = weir_str_eq(names[i], names[i - 1]) ? names[i] : twice;
    }
    return twice;
}

static bool overlap(int64_t from, int64_t to, int64_t other_from, int64_t other_to)
{
    return from < to && other_from < other_to && from < other_to && other_from < to;
}

static const weir_claim_state *find_claim(const weir_log_state *state, weir_str id)
{
    for (size_t i = 0; i < state->claim_count; i++) {
        if (weir_str_eq(state->claims[i].claim.id, id)) {
            return &state->claims[i];
        }
    }
    return NULL;
}

static bool v1_fits(const weir_log_state *state, const weir_commit *c, weir_error *err)
{
    if (c->version != state->version + 1) {
        return BREACH(1, "version %lu does not follow %lu", c->version, state->version);
    }
    if (c->prev != state->hash) {
        return BREACH(1, "prev %016lx is not the hash %016lx of version %lu", c->prev, state->hash,
                      state->version);
    }
    if ((c->op == WEIR_OP_CREATE) != (state->version == 0)) {
        return state->version == 0 ? BREACH(1, "the first commit of a table must create it")
                                   : BREACH(1, "table %.*s exists", WEIR_STR_ARG(state->table));
    }
    if (!weir_str_eq(c->table, state->table)) {
        return BREACH(1, "it is of table '%.*s', not '%.*s'", WEIR_STR_ARG(c->table),
                      WEIR_STR_ARG(state->table));
    }
    if (!weir_text_is_hex(c->table_id, 32) ||
        (state->version > 0 && !weir_str_eq(c->table_id, state->table_id))) {
        return BREACH(1, "table_id '%.*s' is not '%.*s'", WEIR_STR_ARG(c->table_id),
                      WEIR_STR_ARG(state->table_id));
    }
    if (!weir_text_is_hex(c->txn, 32)) {
        return BREACH(1, "txn '%.*s' is not 32 hex digits", WEIR_STR_ARG(c->txn));
    }
    if (c->label.size > 0 && weir_log_has_label(state, c->label)) {
        return BREACH(1, "label '%.*s' is committed already", WEIR_STR_ARG(c->label));
    }
    return true;
}

static int compare_ranges(const void *a, const void *b)
{
    const weir_source_key *x = &(*(const weir_range *const *)a)->source,
                          *y = &(*(const weir_range *const *)b)->source;
    int order = weir_str_cmp(x->supervisor, y->supervisor);
    order = order ? order : weir_str_cmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static bool each_source_once(const weir_commit *c)
{
    if (c->offset_count < 2) {
        return true;
    }
    const weir_range **sorted = weir_alloc(sizeof(*sorted) * c->offset_count);
    for (uint32_t i = 0; i < c->offset_count; i++) {
        sorted[i] = &c->offsets[i];
    }
    qsort(sorted, c->offset_count, sizeof(*sorted), compare_ranges);
    bool once = true;
    for (uint32_t i = 1; i < c->offset_count; i++) {
        once = once && compare_ranges(&sorted[i], &sorted[i - 1]) != 0;
    }
    free(sorted);
    return once;
}

#define SOURCE_FORMAT "%.*s of supervisor %.*s, partition %d"
#define SOURCE_ARG(r)                                                                              \
    WEIR_STR_ARG((r)->source.topic), WEIR_STR_ARG((r)->source.supervisor), (r)->source.partition

static bool v2_range(const weir_log_state *state, const weir_range *r, weir_error *err)
{
    const weir_source_state *source = weir_log_source(state, &r->source);
    weir_range_kind kind = (weir_range_kind)r->kind;
    if (r->from < 0 || r->to < 0) {
        return BREACH(2, SOURCE_FORMAT ": offsets [%ld, %ld) are below 0", SOURCE_ARG(r), r->from,
                      r->to);
    }
    if (kind == WEIR_RANGE_START) {
        return !source || BREACH(2, SOURCE_FORMAT " is known already", SOURCE_ARG(r));
    }
    if (!source) {
        return BREACH(2, SOURCE_FORMAT " is not known", SOURCE_ARG(r));
    }
    if (r->epoch != source->epoch + (kind == WEIR_RANGE_RESET)) {
        return BREACH(2, SOURCE_FORMAT ": epoch %lu does not fit the log's %lu", SOURCE_ARG(r),
                      r->epoch, source->epoch);
    }
    if (r->from != source->next) {
        return BREACH(2, SOURCE_FORMAT ": from %ld is not the log's next %ld", SOURCE_ARG(r),
                      r->from, source->next);
    }
    if (kind != WEIR_RANGE_RESET && r->to <= r->from) {
        return BREACH(2, SOURCE_FORMAT ": [%ld, %ld) is empty", SOURCE_ARG(r), r->from, r->to);
    }
    return true;
}

static bool v2_offsets(const weir_log_state *state, const weir_commit *c, weir_error *err)
{
    for (uint32_t i = 0; i < c->offset_count; i++) {
        if (!v2_range(state, &c->offsets[i], err)) {
            return false;
        }
    }
    return each_source_once(c) || BREACH(2, "a source occurs twice");
}

static bool v3_add(const weir_log_state *state, const weir_commit *c, weir_error *err)
{
    if (c->add_count == 0) {
        return true;
    }
    weir_str *ids = weir_alloc(sizeof(*ids) * c->add_count);
    bool ok = true;
    for (uint32_t i = 0; i < c->add_count && ok; i++) {
        const weir_added *a = &c->add[i];
        uint64_t base;
        bool there;
        ids[i] = a->id;
        if (!weir_segment_id_base(a->id, &base)) {
            ok = BREACH(3, "segment id '%.*s' is malformed", WEIR_STR_ARG(a->id));
        } else if (base < state->horizon || base > state->version) {
            ok = BREACH(3, "the base of segment %.*s is not within the horizon %lu and version %lu",
                        WEIR_STR_ARG(a->id), state->horizon, state->version);
        } else if (a->rows == 0 || a->from_ms >= a->to_ms) {
            ok = BREACH(3, "segment %.*s has no rows or no time", WEIR_STR_ARG(a->id));
        } else if (weir_state_find_segment(state, a->id, &there), there) {
            ok = BREACH(3, "segment %.*s is there already", WEIR_STR_ARG(a->id));
        } else if (weir_state_find_tombstone(state, a->id, &there), there) {
            ok = BREACH(3, "segment %.*s was removed", WEIR_STR_ARG(a->id));
        }
    }
    weir_str twice = ok ? find_twice(ids, c->add_count) : (weir_str){0};
    free(ids);
    return ok && (twice.size == 0 || BREACH(3, "segment %.*s is added twice", WEIR_STR_ARG(twice)));
}

static bool v4_one(const weir_log_state *state, const weir_removed *r, bool hide, weir_error *err)
{
    const weir_segment_state *segment = weir_log_segment(state, r->id);
    if (!segment) {
        return BREACH(4, "segment %.*s is not there", WEIR_STR_ARG(r->id));
    }
    if (segment->rev != r->rev) {
        return BREACH(4, "segment %.*s is at rev %lu, not %lu", WEIR_STR_ARG(r->id), segment->rev,
                      r->rev);
    }
    if (hide && r->from_ms >= r->to_ms) {
        return BREACH(4, "no time to hide in segment %.*s", WEIR_STR_ARG(r->id));
    }
    return true;
}

static bool v4_remove(const weir_log_state *state, const weir_commit *c, weir_error *err)
{
    size_t count = 0, all = (size_t)c->remove_count + c->hide_count;
    if (all == 0) {
        return true;
    }
    weir_str *ids = weir_alloc(sizeof(*ids) * all);
    bool ok = true;
    for (size_t i = 0; i < all && ok; i++) {
        const weir_removed *r = i < c->remove_count ? &c->remove[i] : &c->hide[i - c->remove_count];
        /* Hides of one segment stand together: several times of it may go at once. */
        bool again = i > c->remove_count && weir_str_eq(r->id, r[-1].id);
        if (!again) {
            ids[count++] = r->id;
        }
        ok = v4_one(state, r, i >= c->remove_count, err);
    }
    weir_str twice = ok ? find_twice(ids, count) : (weir_str){0};
    free(ids);
    return ok && (twice.size == 0 || BREACH(4, "segment %.*s occurs twice", WEIR_STR_ARG(twice)));
}

static bool v5_compact(const weir_log_state *state, const weir_commit *c, weir_error *err)
{
    uint64_t before = 0, after = 0;
    bool hides = c->hide_count > 0;
    if (c->op != WEIR_OP_COMPACT) {
        return true;
    }
    for (uint32_t i = 0; i < c->remove_count + c->hide_count; i++) {
        const weir_segment_state *s = weir_log_segment(
            state, i < c->remove_count ? c->remove[i].id : c->hide[i - c->remove_count].id);
        for (size_t k = 0; k < state->claim_count; k++) {
            const weir_claim *claim = &state->claims[k].claim;
            if (overlap(s->added.from_ms, s->added.to_ms, claim->from_ms, claim->to_ms)) {
                return BREACH(5, "segment %.*s lies in the time of claim %.*s",
                              WEIR_STR_ARG(s->added.id), WEIR_STR_ARG(claim->id));
            }
        }
        before += s->added.events;
        hides = hides || s->hide_count > 0;
    }
    for (uint32_t i = 0; i < c->add_count; i++) {
        after += c->add[i].events;
    }
    return hides || before == after || BREACH(5, "%lu events would become %lu", before, after);
}

static bool v6_claims(const weir_log_state *state, const weir_commit *c, weir_error *err)
{
    for (uint32_t i = 0; i < c->claim_count; i++) {
        const weir_claim *a = &c->claim[i];
        if (a->id.size == 0 || a->from_ms > a->to_ms || find_claim(state, a->id)) {
            return BREACH(6, "claim '%.*s' has no id or no order, or is open already",
                          WEIR_STR_ARG(a->id));
        }
        for (size_t k = 0; k < state->claim_count + i; k++) {
            const weir_claim *b = k < state->claim_count ? &state->claims[k].claim
                                                         : &c->claim[k - state->claim_count];
            if (weir_str_eq(a->id, b->id) || overlap(a->from_ms, a->to_ms, b->from_ms, b->to_ms)) {
                return BREACH(6, "claim %.*s overlaps claim %.*s", WEIR_STR_ARG(a->id),
                              WEIR_STR_ARG(b->id));
            }
        }
    }
    for (uint32_t i = 0; i < c->renew_count + c->release_count; i++) {
        weir_str id = i < c->renew_count ? c->renew[i].id : c->release[i - c->renew_count].id;
        if (!find_claim(state, id)) {
            return BREACH(6, "claim %.*s is not open", WEIR_STR_ARG(id));
        }
    }
    return c->op != WEIR_OP_OVERWRITE || c->release_count > 0 ||
           BREACH(6, "an overwrite must release its claim");
}

static bool v7_horizon(const weir_log_state *state, const weir_commit *c, weir_error *err)
{
    if (c->horizon == 0) {
        return true;
    }
    if (c->horizon <= state->horizon || c->horizon > state->version) {
        return BREACH(7, "horizon %lu is not above %lu and within version %lu", c->horizon,
                      state->horizon, state->version);
    }
    for (size_t i = 0; i < state->claim_count; i++) {
        if (c->horizon > state->claims[i].version) {
            return BREACH(7, "horizon %lu is above the version %lu of claim %.*s", c->horizon,
                          state->claims[i].version, WEIR_STR_ARG(state->claims[i].claim.id));
        }
    }
    return true;
}

bool weir_log_valid(const weir_log_state *state, const weir_commit *commit, int *rule,
                    weir_error *err)
{
    static bool (*const rules[])(const weir_log_state *, const weir_commit *, weir_error *) = {
        v1_fits,    v2_offsets, v3_add,     v4_remove,
        v5_compact, v6_claims,  v7_horizon, /* V5 looks up what V4 found */
    };
    for (int i = 0; i < 7; i++) {
        if (!rules[i](state, commit, err)) {
            if (rule) {
                *rule = i + 1;
            }
            return false;
        }
    }
    return true;
}
