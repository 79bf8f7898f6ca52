/* segments/table_log_fold.c - state(N+1) from state(N) and a commit, and what can be asked of a
 * state. The order of docs/PROTOCOL.md, section 2: release, claim, renew, remove, hide, add,
 * offsets, the rest. */
#include "segments/table_log_state.h"
#include <assert.h>
#include <stdlib.h>

void *weir_list_open(void *items, size_t *count, size_t *room, size_t item_size, size_t at)
{
    if (*count == *room) {
        *room = *room ? *room * 2 : 8;
        items = weir_realloc(items, *room * item_size);
    }
    char *slot = (char *)items + at * item_size;
    memmove(slot + item_size, slot, (*count - at) * item_size);
    memset(slot, 0, item_size);
    (*count)++;
    return items;
}

#define LIST_OPEN(state, list, one, at)                                                            \
    ((state)->list = weir_list_open((state)->list, &(state)->one##_count, &(state)->one##_room,    \
                                    sizeof(*(state)->list), (at)))

static void list_close(void *items, size_t *count, size_t item_size, size_t at)
{
    char *slot = (char *)items + at * item_size;
    memmove(slot, slot + item_size, (*count - at - 1) * item_size);
    (*count)--;
}

size_t weir_state_find_segment(const weir_log_state *state, weir_str id, bool *there)
{
    size_t from = 0, to = state->segment_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (weir_str_cmp(state->segments[middle]->added.id, id) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    *there = from < state->segment_count && weir_str_eq(state->segments[from]->added.id, id);
    return from;
}

size_t weir_state_find_tombstone(const weir_log_state *state, weir_str id, bool *there)
{
    size_t from = 0, to = state->tombstone_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (weir_str_cmp(state->tombstones[middle].id, id) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    *there = from < state->tombstone_count && weir_str_eq(state->tombstones[from].id, id);
    return from;
}

static int compare_sources(const weir_source_key *a, const weir_source_key *b)
{
    int order = weir_str_cmp(a->supervisor, b->supervisor);
    order = order ? order : weir_str_cmp(a->topic, b->topic);
    return order ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

size_t weir_state_find_source(const weir_log_state *state, const weir_source_key *key, bool *there)
{
    size_t from = 0, to = state->source_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare_sources(&state->sources[middle].source, key) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    *there = from < state->source_count && compare_sources(&state->sources[from].source, key) == 0;
    return from;
}

bool weir_text_is_hex(weir_str text, size_t digits)
{
    bool ok = text.size == digits;
    for (size_t i = 0; ok && i < digits; i++) {
        ok = (text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] >= 'a' && text.at[i] <= 'f');
    }
    return ok;
}

bool weir_segment_id_base(weir_str id, uint64_t *base)
{
    int64_t number;
    if (id.size != WEIR_SEGMENT_ID_SIZE || id.at[0] < '0' || id.at[0] > '9' || id.at[20] != '-' ||
        !weir_text_is_hex((weir_str){id.at + 21, 16}, 16) ||
        !weir_str_to_long((weir_str){id.at, 20}, &number)) {
        return false;
    }
    *base = (uint64_t)number;
    return true;
}

segment_record *weir_segment_record_new(const weir_added *added, uint64_t rev, uint64_t born,
                                        uint32_t hide_count, const weir_interval *hides)
{
    assert(added->id.size == WEIR_SEGMENT_ID_SIZE);
    segment_record *record = weir_alloc(sizeof(*record) + hide_count * sizeof(*hides));
    *record = (segment_record){.refs = 1,
                               .state = {.added = *added,
                                         .rev = rev,
                                         .born = born,
                                         .hide_count = hide_count,
                                         .hides = record->hides}};
    memcpy(record->id, added->id.at, WEIR_SEGMENT_ID_SIZE);
    record->state.added.id.at = record->id;
    if (hide_count > 0) {
        memcpy(record->hides, hides, hide_count * sizeof(*hides));
    }
    return record;
}

void weir_segment_record_unref(const weir_segment_state *segment)
{
    segment_record *record = (segment_record *)(uintptr_t)segment;
    if (atomic_fetch_sub(&record->refs, 1) == 1) {
        free(record);
    }
}

weir_log_state *weir_log_state_empty(weir_str table)
{
    weir_log_state *state = weir_calloc(1, sizeof(*state));
    state->refs = 1;
    state->arena = weir_arena_new();
    state->table = weir_arena_str(state->arena, table);
    return state;
}

weir_log_state *weir_log_state_ref(weir_log_state *state)
{
    atomic_fetch_add(&state->refs, 1);
    return state;
}

void weir_log_state_unref(weir_log_state *state)
{
    if (!state || atomic_fetch_sub(&state->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < state->segment_count; i++) {
        weir_segment_record_unref(state->segments[i]);
    }
    free(state->sources);
    free(state->segments);
    free(state->tombstones);
    free(state->claims);
    free(state->gaps);
    free(state->supervisors);
    free(state->labels);
    weir_arena_free(state->arena);
    free(state);
}

static void *copy_list(const void *items, size_t count, size_t size)
{
    void *copy = weir_alloc(count * size);
    if (count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

weir_log_state *weir_state_copy(const weir_log_state *from)
{
    weir_log_state *state = weir_alloc(sizeof(*state));
    weir_arena *arena = weir_arena_new();
    const size_t rest =
        offsetof(weir_log_state, arena); /* all but the count, which others change */
    memcpy((char *)state + rest, (const char *)from + rest, sizeof(*state) - rest);
    atomic_init(&state->refs, 1);
    state->arena = arena;
    state->table = weir_arena_str(arena, from->table);
    state->table_id = weir_arena_str(arena, from->table_id);
    state->config = weir_arena_str(arena, from->config);
#define COPY(list, one)                                                                            \
    state->list = copy_list(from->list, from->one##_count, sizeof(*from->list));                   \
    state->one##_room = from->one##_count
    COPY(sources, source);
    COPY(segments, segment);
    COPY(tombstones, tombstone);
    COPY(claims, claim);
    COPY(gaps, gap);
    COPY(supervisors, supervisor);
    COPY(labels, label);
#undef COPY
    for (size_t i = 0; i < state->source_count; i++) {
        state->sources[i].source = weir_source_key_copy(arena, &from->sources[i].source);
    }
    for (size_t i = 0; i < state->segment_count; i++) {
        atomic_fetch_add_explicit(&((segment_record *)(uintptr_t)state->segments[i])->refs, 1,
                                  memory_order_relaxed);
    }
    for (size_t i = 0; i < state->tombstone_count; i++) {
        state->tombstones[i].id = weir_arena_str(arena, from->tombstones[i].id);
    }
    for (size_t i = 0; i < state->claim_count; i++) {
        state->claims[i].claim.id = weir_arena_str(arena, from->claims[i].claim.id);
    }
    for (size_t i = 0; i < state->gap_count; i++) {
        state->gaps[i].range = weir_range_copy(arena, &from->gaps[i].range);
    }
    for (size_t i = 0; i < state->supervisor_count; i++) {
        state->supervisors[i].id = weir_arena_str(arena, from->supervisors[i].id);
        state->supervisors[i].spec = weir_arena_str(arena, from->supervisors[i].spec);
    }
    for (size_t i = 0; i < state->label_count; i++) {
        state->labels[i] = weir_arena_str(arena, from->labels[i]);
    }
    return state;
}

static size_t find_claim(const weir_log_state *state, weir_str id)
{
    size_t i = 0;
    while (i < state->claim_count && !weir_str_eq(state->claims[i].claim.id, id)) {
        i++;
    }
    assert(i < state->claim_count); /* V6 */
    return i;
}

static void apply_claims(weir_log_state *state, const weir_commit *c)
{
    for (uint32_t i = 0; i < c->release_count; i++) {
        list_close(state->claims, &state->claim_count, sizeof(*state->claims),
                   find_claim(state, c->release[i].id));
    }
    for (uint32_t i = 0; i < c->claim_count; i++) {
        LIST_OPEN(state, claims, claim, state->claim_count);
        weir_claim_state *claim = &state->claims[state->claim_count - 1];
        claim->claim = (weir_claim){weir_arena_str(state->arena, c->claim[i].id),
                                    c->claim[i].from_ms, c->claim[i].to_ms};
        claim->version = c->version;
    }
    for (uint32_t i = 0; i < c->renew_count; i++) {
        state->claims[find_claim(state, c->renew[i].id)].beats++;
    }
}

static void bury(weir_log_state *state, weir_str id, uint64_t version)
{
    bool there;
    size_t at = weir_state_find_segment(state, id, &there);
    assert(there); /* V4 */
    weir_segment_record_unref(state->segments[at]);
    list_close(state->segments, &state->segment_count, sizeof(*state->segments), at);
    at = weir_state_find_tombstone(state, id, &there);
    LIST_OPEN(state, tombstones, tombstone, at);
    state->tombstones[at] = (tombstone){weir_arena_str(state->arena, id), version};
}

static void hide(weir_log_state *state, const weir_removed *hidden)
{
    bool there;
    size_t at = weir_state_find_segment(state, hidden->id, &there);
    assert(there); /* V4 */
    const weir_segment_state *old = state->segments[at];
    weir_interval *hides = weir_alloc(sizeof(*hides) * (old->hide_count + 1));
    memcpy(hides, old->hides, sizeof(*hides) * old->hide_count);
    hides[old->hide_count] = (weir_interval){hidden->from_ms, hidden->to_ms};
    state->segments[at] =
        &weir_segment_record_new(&old->added, old->rev + 1, old->born, old->hide_count + 1, hides)
             ->state;
    weir_segment_record_unref(old);
    free(hides);
}

static void apply_segments(weir_log_state *state, const weir_commit *c)
{
    for (uint32_t i = 0; i < c->remove_count; i++) {
        bury(state, c->remove[i].id, c->version);
    }
    for (uint32_t i = 0; i < c->hide_count; i++) {
        hide(state, &c->hide[i]);
    }
    for (uint32_t i = 0; i < c->add_count; i++) {
        bool there;
        size_t at = weir_state_find_segment(state, c->add[i].id, &there);
        assert(!there); /* V3; I4 */
        LIST_OPEN(state, segments, segment, at);
        state->segments[at] = &weir_segment_record_new(&c->add[i], 0, c->version, 0, NULL)->state;
    }
}

static void apply_range(weir_log_state *state, const weir_commit *c, const weir_range *range)
{
    bool there;
    size_t at = weir_state_find_source(state, &range->source, &there);
    if (!there) {
        LIST_OPEN(state, sources, source, at);
        state->sources[at].source = weir_source_key_copy(state->arena, &range->source);
    }
    weir_source_state *source = &state->sources[at];
    assert(range->kind == WEIR_RANGE_RESET || range->to >= source->next); /* I1 */
    source->epoch = range->epoch;
    source->next = range->to;
    if (range->anchor.known ||
        range->kind ==
            WEIR_RANGE_RESET) { /* what the topic was before a reset says nothing about it now */
        source->anchor = range->anchor;
    }
    source->totals.kept += range->counts.kept;
    source->totals.thrown_away += range->counts.thrown_away;
    source->totals.unparseable += range->counts.unparseable;
    source->totals.bytes += range->counts.bytes;
    if (range->kind == WEIR_RANGE_GAP) {
        LIST_OPEN(state, gaps, gap, state->gap_count);
        state->gaps[state->gap_count - 1] =
            (weir_gap){weir_range_copy(state->arena, range), c->version};
    }
}

static void apply_supervisor(weir_log_state *state, const weir_commit *c)
{
    size_t at = 0;
    while (at < state->supervisor_count &&
           !weir_str_eq(state->supervisors[at].id, c->supervisor.id)) {
        at++;
    }
    if (at == state->supervisor_count) {
        LIST_OPEN(state, supervisors, supervisor, at);
        state->supervisors[at].id = weir_arena_str(state->arena, c->supervisor.id);
    }
    state->supervisors[at].spec = weir_arena_str(state->arena, c->supervisor.spec);
    state->supervisors[at].suspended = c->supervisor.suspended;
}

/* {old} and {new} as one object: the named keys replace the old. */
typedef struct merge {
    weir_json json;
    weir_arena *arena;
    weir_str newer; /* its keys are left out of the old */
    weir_str looked_for;
    bool found;
} merge;

static bool see_name(void *self, weir_str key, weir_str raw)
{
    merge *m = self;
    (void)raw;
    m->found = m->found || weir_str_eq(key, m->looked_for);
    return true;
}

static bool see_member(void *self, weir_str key, weir_str raw)
{
    merge *m = self;
    m->looked_for = key;
    m->found = false;
    if (m->newer.size > 0) {
        weir_members_read(m->newer, m->arena, see_name, m, NULL);
    }
    if (!m->found) {
        weir_json_key(&m->json, key);
        weir_json_raw(&m->json, raw);
    }
    return true;
}

static bool merge_config(weir_log_state *state, weir_str config, weir_error *err)
{
    weir_buf text = {0};
    merge m = {.json = {.out = &text}, .arena = weir_arena_new(), .newer = config};
    weir_json_begin_object(&m.json);
    bool ok =
        state->config.size == 0 || weir_members_read(state->config, m.arena, see_member, &m, err);
    m.newer = (weir_str){0};
    ok = ok && weir_members_read(config, m.arena, see_member, &m, err);
    weir_json_end_object(&m.json);
    if (ok) {
        state->config = weir_arena_str(state->arena, weir_buf_view(&text));
    }
    weir_arena_free(m.arena);
    weir_buf_done(&text);
    return ok;
}

static void move_horizon(weir_log_state *state, uint64_t horizon)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->tombstone_count; i++) {
        if (state->tombstones[i].version >= horizon) {
            state->tombstones[kept++] = state->tombstones[i];
        }
    }
    state->tombstone_count = kept;
    state->horizon = horizon;
}

static void apply_label(weir_log_state *state, weir_str label)
{
    if (state->label_count == WEIR_LABELS_KEPT) {
        list_close(state->labels, &state->label_count, sizeof(*state->labels), 0);
    }
    LIST_OPEN(state, labels, label, state->label_count);
    state->labels[state->label_count - 1] = weir_arena_str(state->arena, label);
}

bool weir_state_apply(weir_log_state *state, const weir_commit *c, uint64_t hash, weir_error *err)
{
    if (!weir_log_valid(state, c, NULL, err) ||
        (c->config.size > 0 && !merge_config(state, c->config, err))) {
        if (err) {
            err->code = WEIR_ERR_CORRUPT;
        }
        return weir_fail_in(err, "the log of table %.*s is broken at version %lu",
                            WEIR_STR_ARG(state->table), state->version + 1);
    }
    apply_claims(state, c);
    apply_segments(state, c);
    for (uint32_t i = 0; i < c->offset_count; i++) {
        apply_range(state, c, &c->offsets[i]);
    }
    if (c->supervisor.set) {
        apply_supervisor(state, c);
    }
    if (c->horizon > 0) {
        assert(c->horizon > state->horizon); /* I1 */
        move_horizon(state, c->horizon);
    }
    if (c->label.size > 0) {
        apply_label(state, c->label);
    }
    if (state->version == 0) {
        state->table_id = weir_arena_str(state->arena, c->table_id);
    }
    state->version = c->version;
    state->hash = hash;
    return true;
}

bool weir_log_fold(const weir_log_state *state, const weir_commit *commit, uint64_t hash,
                   weir_log_state **out, weir_error *err)
{
    weir_log_state *next = weir_state_copy(state);
    if (!weir_state_apply(next, commit, hash, err)) {
        weir_log_state_unref(next);
        return false;
    }
    *out = next;
    return true;
}

uint64_t weir_log_version(const weir_log_state *state)
{
    return state->version;
}

weir_str weir_log_table(const weir_log_state *state)
{
    return state->table;
}

weir_str weir_log_table_id(const weir_log_state *state)
{
    return state->table_id;
}

uint64_t weir_log_hash(const weir_log_state *state)
{
    return state->hash;
}

uint64_t weir_log_horizon(const weir_log_state *state)
{
    return state->horizon;
}

const weir_source_state *weir_log_source(const weir_log_state *state, const weir_source_key *key)
{
    bool there;
    size_t at = weir_state_find_source(state, key, &there);
    return there ? &state->sources[at] : NULL;
}

const weir_source_state *weir_log_sources(const weir_log_state *state, size_t *count)
{
    *count = state->source_count;
    return state->sources;
}

const weir_segment_state *weir_log_segment(const weir_log_state *state, weir_str id)
{
    bool there;
    size_t at = weir_state_find_segment(state, id, &there);
    return there ? state->segments[at] : NULL;
}

const weir_segment_state *const *weir_log_segments(const weir_log_state *state, size_t *count)
{
    *count = state->segment_count;
    return state->segments;
}

bool weir_log_has_tombstone(const weir_log_state *state, weir_str id)
{
    bool there;
    weir_state_find_tombstone(state, id, &there);
    return there;
}

size_t weir_log_tombstones(const weir_log_state *state)
{
    return state->tombstone_count;
}

const weir_claim_state *weir_log_claims(const weir_log_state *state, size_t *count)
{
    *count = state->claim_count;
    return state->claims;
}

const weir_supervisor_state *weir_log_supervisors(const weir_log_state *state, size_t *count)
{
    *count = state->supervisor_count;
    return state->supervisors;
}

const weir_gap *weir_log_gaps(const weir_log_state *state, size_t *count)
{
    *count = state->gap_count;
    return state->gaps;
}

bool weir_log_has_label(const weir_log_state *state, weir_str label)
{
    for (size_t i = state->label_count; i > 0; i--) {
        if (weir_str_eq(state->labels[i - 1], label)) {
            return true;
        }
    }
    return false;
}

weir_str weir_log_config(const weir_log_state *state)
{
    return state->config;
}
