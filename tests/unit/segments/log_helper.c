/* tests/unit/segments/log_helper.c - see log_helper.h. */
#include "log_helper.h"

static int64_t wall_ms(void *self)
{
    return 1700000000000 + ((seeded *)self)->now_us / 1000;
}

static int64_t monotonic_us(void *self)
{
    return ((seeded *)self)->now_us;
}

static uint64_t random_bits(void *self)
{
    uint64_t z =
        __atomic_add_fetch(&((seeded *)self)->random, 0x9E3779B97F4A7C15u, __ATOMIC_RELAXED);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

void seeded_init(seeded *s, uint64_t seed)
{
    *s = (seeded){.clock = {s, wall_ms, monotonic_us, random_bits}, .random = seed};
}

uint32_t draw(seeded *s, uint32_t below)
{
    return (uint32_t)(random_bits(s) % below);
}

void fit(weir_commit *commit, const weir_log_state *state)
{
    commit->version = weir_log_version(state) + 1;
    commit->prev = weir_log_hash(state);
    commit->table = weir_commit_text(commit, weir_log_table(state));
    commit->table_id = weir_commit_text(commit, weir_log_version(state) > 0
                                                    ? weir_log_table_id(state)
                                                    : WEIR_STR("0123456789abcdef0123456789abcdef"));
}

weir_range range_of(int32_t partition, uint8_t kind, uint64_t epoch, int64_t from, int64_t to)
{
    return (weir_range){
        .source = PART(partition), .kind = kind, .epoch = epoch, .from = from, .to = to};
}

weir_added added_of(weir_str id, int64_t from_ms, int64_t to_ms, uint64_t rows)
{
    return (weir_added){.id = id,
                        .from_ms = from_ms,
                        .to_ms = to_ms,
                        .rows = rows,
                        .events = rows,
                        .bytes = rows * 10,
                        .footer_bytes = 100,
                        .footer_xxh3 = rows * 77};
}

weir_log_state *fold(weir_log_state *state, weir_commit *commit)
{
    weir_error err = {0};
    weir_buf bytes = {0};
    weir_commit *read = NULL;
    weir_log_state *next = NULL;
    weir_commit_write(commit, &bytes);
    if (!weir_commit_read(WEIR_STR("test"), weir_buf_view(&bytes), &read, &err) ||
        !weir_log_fold(state, read, read->hash, &next, &err)) {
        fail_msg("%s", err.message);
    }
    weir_buf_done(&bytes);
    weir_commit_free(read);
    weir_commit_free(commit);
    weir_log_state_unref(state);
    return next;
}

weir_log_state *created(seeded *s, const char *table)
{
    weir_log_state *state = weir_log_state_empty(weir_str_of(table));
    weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, &s->clock);
    fit(commit, state);
    return fold(state, commit);
}

static void random_offsets(seeded *s, const weir_log_state *state, weir_commit *commit)
{
    for (int32_t partition = 0; partition < 4; partition++) {
        const weir_source_state *source = weir_log_source(state, &PART(partition));
        weir_range range = range_of(partition, WEIR_RANGE_START, 1, 0, (int64_t)draw(s, 100));
        range.from = range.to;
        if (source) {
            int64_t next = source->next;
            uint8_t kind = (uint8_t)(draw(s, 20) == 0   ? WEIR_RANGE_RESET
                                     : draw(s, 20) == 0 ? WEIR_RANGE_GAP
                                                        : WEIR_RANGE_DATA);
            range = range_of(partition, kind, source->epoch + (kind == WEIR_RANGE_RESET), next,
                             kind == WEIR_RANGE_RESET ? (int64_t)draw(s, 50)
                                                      : next + 1 + (int64_t)draw(s, 1000));
            range.anchor = (weir_anchor){draw(s, 3) > 0, range.to - 1, weir_random(&s->clock)};
            range.counts = (weir_counts){draw(s, 500), draw(s, 10), draw(s, 5), draw(s, 100000)};
            range.reason =
                kind == WEIR_RANGE_GAP ? WEIR_STR("expired: \"10\" \xc3\xa4\n") : (weir_str){0};
        }
        if (draw(s, 2) == 0) {
            weir_commit_add_range(commit, &range);
        }
    }
}

static void random_segments(seeded *s, const weir_log_state *state, weir_commit *commit)
{
    size_t count;
    const weir_segment_state *const *segments = weir_log_segments(state, &count);
    for (uint32_t i = draw(s, 4); i > 0; i--) {
        int64_t from = (int64_t)draw(s, 1000) * 1000 - 300000;
        uint64_t base = weir_log_horizon(state) +
                        draw(s, (uint32_t)(weir_log_version(state) - weir_log_horizon(state) + 1));
        weir_added added = added_of(weir_segment_id_new(commit->arena, base, &s->clock), from,
                                    from + 1 + draw(s, 5000), 1 + draw(s, 1000));
        weir_commit_add_segment(commit, &added);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t what = draw(s, 30);
        weir_removed r = {segments[i]->added.id, segments[i]->rev, segments[i]->added.from_ms,
                          segments[i]->added.from_ms + 1};
        if (what == 0) {
            weir_commit_add_removed(commit, &r);
        } else if (what == 1) {
            weir_commit_add_hidden(commit, &r);
        }
    }
}

static void random_claims(seeded *s, const weir_log_state *state, weir_commit *commit)
{
    size_t count;
    const weir_claim_state *claims = weir_log_claims(state, &count);
    if (count == 0) {
        commit->claim = WEIR_ARENA_NEW(commit->arena, weir_claim);
        commit->claim[0] =
            (weir_claim){weir_arena_printf(commit->arena, "claim%u", draw(s, 1000000)), 10,
                         10 + (int64_t)draw(s, 2)};
        commit->claim_count = 1;
    } else if (draw(s, 2) == 0) {
        commit->renew = WEIR_ARENA_NEW(commit->arena, weir_claim);
        commit->renew[0] = (weir_claim){weir_commit_text(commit, claims[0].claim.id), 0, 0};
        commit->renew_count = 1;
    } else {
        commit->release = WEIR_ARENA_NEW(commit->arena, weir_claim);
        commit->release[0] = (weir_claim){weir_commit_text(commit, claims[0].claim.id), 0, 0};
        commit->release_count = 1;
    }
}

weir_commit *random_commit(seeded *s, const weir_log_state *state)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_HANDOFF, &s->clock);
    fit(commit, state);
    commit->node = WEIR_STR("host:1");
    random_offsets(s, state, commit);
    random_segments(s, state, commit);
    if (draw(s, 6) == 0) {
        random_claims(s, state, commit);
    }
    if (draw(s, 8) == 0) {
        weir_commit_set_supervisor(
            commit, draw(s, 2) ? WEIR_STR("sup") : WEIR_STR("other"),
            draw(s, 2) ? WEIR_STR("{\n \"type\": \"kafka\", \"x\": [0.1, null, \"a\\nb\"]}")
                       : WEIR_STR("null"),
            draw(s, 2));
    }
    if (draw(s, 8) == 0) {
        commit->config = weir_arena_printf(commit->arena, "{\"rule%u\": {\"days\": %u}, \"k\":1}",
                                           draw(s, 3), draw(s, 100));
    }
    if (draw(s, 3) == 0) {
        commit->label = weir_arena_printf(commit->arena, "load-%016lx", weir_random(&s->clock));
    }
    size_t claims;
    weir_log_claims(state, &claims);
    if (claims == 0 && draw(s, 10) == 0 && weir_log_version(state) > weir_log_horizon(state)) {
        commit->horizon = weir_log_horizon(state) + 1 +
                          draw(s, (uint32_t)(weir_log_version(state) - weir_log_horizon(state)));
    }
    return commit;
}

bool same_state(const weir_log_state *a, const weir_log_state *b)
{
    weir_buf x = {0}, y = {0};
    weir_checkpoint_write(a, &x);
    weir_checkpoint_write(b, &y);
    bool same = weir_str_eq(weir_buf_view(&x), weir_buf_view(&y));
    weir_buf_done(&x);
    weir_buf_done(&y);
    return same;
}

void put_commit(weir_store *store, const weir_commit *commit)
{
    weir_buf bytes = {0};
    weir_error err = {0};
    weir_commit_write(commit, &bytes);
    weir_put put = store->ops->put_if_absent(
        store, weir_key_log(commit->arena, commit->table, commit->version), weir_buf_view(&bytes),
        &err);
    assert_int_equal(put, WEIR_PUT_DONE);
    weir_buf_done(&bytes);
}
