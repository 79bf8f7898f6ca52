/* ingest/claims.c - see ingest/claims.h. */
#include "ingest/claims.h"
#include "weir/drop.h"
#include "weir/hash.h"

/* Ids. */

#define TAIL_SIZE 33u /* 16 hex digits, '-', 16 hex digits */

typedef struct claim_name {
    weir_str label, node;
    uint64_t process;
} claim_name;

static bool read_hex(weir_str text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) {
            return false;
        }
        *out = *out << 4 | (uint64_t)digit;
    }
    return true;
}

static bool read_name(weir_str id, claim_name *out)
{
    uint64_t random;
    if (id.size < TAIL_SIZE + 2) {
        return false;
    }
    size_t mark = id.size - TAIL_SIZE - 1;
    weir_str tail = {id.at + mark + 1, TAIL_SIZE};
    const char *at = memrchr(id.at, '@', mark);
    if (id.at[mark] != '#' || !at || tail.at[16] != '-' ||
        !read_hex((weir_str){tail.at, 16}, &out->process) ||
        !read_hex((weir_str){tail.at + 17, 16}, &random)) {
        return false;
    }
    out->label = (weir_str){id.at, (size_t)(at - id.at)};
    out->node = (weir_str){at + 1, mark - out->label.size - 1};
    return true;
}

static weir_str new_id(const weir_claims *claims)
{
    const weir_claims_options *o = &claims->options;
    char process[17], random[17];
    weir_hex_u64(process, o->process);
    weir_hex_u64(random, weir_random(o->clock));
    return weir_arena_printf(claims->arena, "%.*s@%.*s#%s-%s", WEIR_STR_ARG(o->label),
                             WEIR_STR_ARG(o->node), process, random);
}

weir_str weir_claims_label(weir_str id)
{
    claim_name name;
    return read_name(id, &name) ? name.label : (weir_str){0};
}

bool weir_claims_find(const weir_log_state *state, weir_str label, weir_str *node,
                      uint64_t *process)
{
    size_t count;
    const weir_claim_state *open = weir_log_claims(state, &count);
    for (size_t i = 0; i < count; i++) {
        claim_name name;
        if (read_name(open[i].claim.id, &name) && weir_str_eq(name.label, label)) {
            *node = name.node;
            *process = name.process;
            return true;
        }
    }
    return false;
}

/* Opening. */

void weir_claims_init(weir_claims *claims, const weir_claims_options *options)
{
    *claims = (weir_claims){.options = *options, .arena = weir_arena_new()};
}

void weir_claims_done(weir_claims *claims)
{
    weir_arena_free(claims->arena);
}

static bool overlaps(const weir_claim *claim, const weir_interval *intervals, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (claim->from_ms < claim->to_ms && intervals[i].start_ms < intervals[i].end_ms &&
            claim->from_ms < intervals[i].end_ms && intervals[i].start_ms < claim->to_ms) {
            return true;
        }
    }
    return false;
}

/* Whether its job cannot go on, or is this one, run again: the commit of the older run is refused
 * once its claim is gone. */
static bool is_over(const weir_claims *claims, const weir_claim *claim)
{
    const weir_claims_options *o = &claims->options;
    claim_name name;
    if (!read_name(claim->id, &name)) {
        return false;
    }
    bool earlier =
        o->node.size > 0 && weir_str_eq(name.node, o->node) && name.process != o->process;
    return earlier || weir_str_eq(name.label, o->label);
}

static void fail_taken(const weir_claim_state *open, weir_error *err)
{
    claim_name name;
    char from[41], to[41];
    from[weir_time_print(from, open->claim.from_ms)] = 0;
    to[weir_time_print(to, open->claim.to_ms)] = 0;
    weir_str label = read_name(open->claim.id, &name) ? name.label : open->claim.id;
    weir_fail(
        err, WEIR_ERR_CONFLICT,
        "'%.*s' works on %s/%s since version %llu (claim %.*s): wait until it is done; if its "
        "process is gone, run it again under that label, or wait an hour",
        WEIR_STR_ARG(label), from, to, (unsigned long long)open->version,
        WEIR_STR_ARG(open->claim.id));
}

/* Into `commit`: releases of claims in the way that are over. False: one is not. */
static bool release_old(const weir_claims *claims, const weir_log_state *state,
                        const weir_interval *intervals, uint32_t count, weir_commit *commit,
                        weir_error *err)
{
    size_t open_count;
    const weir_claim_state *open = weir_log_claims(state, &open_count);
    commit->release = WEIR_ARENA_ARRAY(commit->arena, weir_claim, open_count + 1);
    for (size_t i = 0; i < open_count; i++) {
        bool own = weir_str_eq(weir_claims_label(open[i].claim.id), claims->options.label);
        if (!own && !overlaps(&open[i].claim, intervals, count)) {
            continue;
        }
        if (!is_over(claims, &open[i].claim)) {
            fail_taken(&open[i], err);
            return false;
        }
        commit->release[commit->release_count++].id = weir_commit_text(commit, open[i].claim.id);
    }
    return true;
}

static weir_commit_result commit_now(const weir_claims *claims, weir_commit *commit,
                                     weir_error *err)
{
    int rule;
    return weir_table_commit(claims->options.table, commit, claims->options.give_up,
                             claims->options.self, &rule, err);
}

static void add_claims(weir_claims *claims, const weir_interval *intervals, uint32_t count,
                       weir_commit *commit)
{
    claims->list = WEIR_ARENA_ARRAY(claims->arena, weir_claim, count);
    commit->claim = WEIR_ARENA_ARRAY(commit->arena, weir_claim, count);
    for (uint32_t i = 0; i < count; i++) {
        weir_claim claim = {new_id(claims), intervals[i].start_ms, intervals[i].end_ms};
        claims->list[i] = claim;
        claim.id = weir_commit_text(commit, claim.id);
        commit->claim[i] = claim;
    }
    commit->claim_count = count;
}

/* The version at which our claims were opened; 0: they are not all there (any more). */
static uint64_t version_of(const weir_claims *claims, const weir_log_state *state, uint32_t wanted)
{
    size_t open_count;
    const weir_claim_state *open = weir_log_claims(state, &open_count);
    uint64_t version = 0;
    uint32_t found = 0;
    for (size_t i = 0; i < open_count; i++) {
        for (uint32_t k = 0; k < wanted; k++) {
            if (weir_str_eq(open[i].claim.id, claims->list[k].id)) {
                found++;
                version = open[i].version;
            }
        }
    }
    return found == wanted ? version : 0;
}

static bool fail_gone(const weir_claims *claims, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_CONFLICT,
                     "the claim of '%.*s' was released meanwhile, as dead or by another run of the "
                     "same label: its work is given up, nothing was changed",
                     WEIR_STR_ARG(claims->options.label));
}

/* One commit: either what is over is released, or all is claimed. */
static weir_claims_result try_begin(weir_claims *claims, const weir_interval *intervals,
                                    uint32_t count, bool *again, weir_error *err)
{
    weir_log_state *state = weir_table_state(claims->options.table);
    weir_commit *commit = weir_commit_new(WEIR_OP_CLAIM, claims->options.clock);
    bool done = weir_log_has_label(state, claims->options.label),
         free_now = !done && release_old(claims, state, intervals, count, commit, err);
    weir_log_state_unref(state);
    *again = false;
    if (done || !free_now) {
        weir_commit_free(commit);
        return done ? WEIR_CLAIMS_DONE : WEIR_CLAIMS_TAKEN;
    }
    bool releases = commit->release_count > 0;
    if (!releases) {
        add_claims(claims, intervals, count, commit);
    }
    switch (commit_now(claims, commit, err)) {
    case WEIR_COMMIT_INVALID: /* somebody else came first: look again */
        *again = true;
        return WEIR_CLAIMS_FAILED;
    case WEIR_COMMIT_GIVEN_UP:
        return WEIR_CLAIMS_FAILED;
    case WEIR_COMMIT_LANDED:
        break;
    }
    *again = releases;
    if (releases) {
        return WEIR_CLAIMS_FAILED;
    }
    state = weir_table_state(claims->options.table);
    claims->version = version_of(claims, state, count);
    claims->count = count;
    weir_log_state_unref(state);
    if (claims->version == 0) { /* in the blink of an eye */
        fail_gone(claims, err);
        return WEIR_CLAIMS_FAILED;
    }
    return WEIR_CLAIMS_OPEN;
}

weir_claims_result weir_claims_begin(weir_claims *claims, const weir_interval *intervals,
                                     uint32_t count, weir_error *err)
{
    bool again;
    weir_claims_result result;
    do {
        if (!weir_table_refresh(claims->options.table, err)) {
            return WEIR_CLAIMS_FAILED;
        }
        result = try_begin(claims, intervals, count, &again, err);
    } while (again);
    return result;
}

/* While they are open. */

static weir_claim *copy_ids(const weir_claims *claims, weir_commit *commit)
{
    weir_claim *list = WEIR_ARENA_ARRAY(commit->arena, weir_claim, claims->count + 1);
    for (uint32_t i = 0; i < claims->count; i++) {
        list[i].id = weir_commit_text(commit, claims->list[i].id);
    }
    return list;
}

bool weir_claims_renew(weir_claims *claims, weir_error *err)
{
    if (claims->count == 0) {
        return true;
    }
    weir_commit *commit = weir_commit_new(WEIR_OP_CLAIM, claims->options.clock);
    commit->renew = copy_ids(claims, commit);
    commit->renew_count = claims->count;
    switch (commit_now(claims, commit, err)) {
    case WEIR_COMMIT_LANDED:
        return true;
    case WEIR_COMMIT_INVALID:
        return fail_gone(claims, err);
    case WEIR_COMMIT_GIVEN_UP:
        break;
    }
    return false;
}

bool weir_claims_release(weir_claims *claims, weir_error *err)
{
    if (claims->count == 0) {
        return true;
    }
    weir_commit *commit = weir_commit_new(WEIR_OP_CLAIM, claims->options.clock);
    commit->release = copy_ids(claims, commit);
    commit->release_count = claims->count;
    if (commit_now(claims, commit, err) == WEIR_COMMIT_GIVEN_UP) {
        return weir_fail_in(err, "the claim of '%.*s' stays until it is released as dead",
                            WEIR_STR_ARG(claims->options.label));
    }
    claims->count = 0; /* landed, or gone already */
    return true;
}

/* Replacing. */

typedef struct replaced {
    const weir_interval *intervals; /* ascending, disjoint */
    uint32_t count;
    uint64_t born; /* by then at the latest */
} replaced;

static uint32_t replaced_of(void *self, const weir_segment_state *segment, weir_arena *arena,
                            weir_interval **out)
{
    const replaced *r = self;
    const weir_added *added = &segment->added;
    uint32_t first = 0, end;
    while (first < r->count && r->intervals[first].end_ms <= added->from_ms) {
        first++;
    }
    for (end = first; end < r->count && r->intervals[end].start_ms < added->to_ms; end++) {
    }
    uint32_t count = segment->born <= r->born ? end - first : 0;
    *out = WEIR_ARENA_ARRAY(arena, weir_interval, count + 1);
    if (count > 0) {
        memcpy(*out, r->intervals + first, sizeof(**out) * count);
    }
    return count;
}

bool weir_claims_replace(const weir_claims *claims, const weir_interval *intervals, uint32_t count,
                         weir_commit *commit, uint64_t *changed, weir_error *err)
{
    replaced r = {intervals, count, claims->version};
    weir_log_state *state = weir_table_state(claims->options.table);
    bool open = version_of(claims, state, claims->count) == claims->version;
    if (open) {
        *changed = weir_drop_add(&(weir_drop){replaced_of, &r}, state, commit);
        commit->release = copy_ids(claims, commit);
        commit->release_count = claims->count;
    }
    weir_log_state_unref(state);
    return open || fail_gone(claims, err);
}
