/* ingest/duty_claims.c - claims whose owner died. A claim that has shown no new beat for an hour of
 * this process's own monotonic time is released; if its owner only slept, its commit is not valid
 * any more (V6) and it gives up (docs/PROTOCOL.md, section 7). */
#include "ingest/duty_retention.h"
#include "weir/hash.h"
#include "weir/log.h"

#define DEAD_MS 3600000
#define PERIOD_MS 300000
#define KNOWN 64u /* claims are few: one per job under way */

typedef struct known {
    uint64_t id_hash, version, beats;
    int64_t since_us; /* this many beats */
} known;
typedef struct kept {
    uint32_t count;
    known claims[KNOWN];
} kept;

/* What was known of the claim, else what is from now on. */
static known watch(const kept *k, const weir_claim_state *claim, int64_t now_us)
{
    known now = {weir_hash_bytes(claim->claim.id.at, claim->claim.id.size), claim->version,
                 claim->beats, now_us};
    for (uint32_t i = 0; i < k->count; i++) {
        const known *old = &k->claims[i];
        if (old->id_hash == now.id_hash && old->version == now.version && old->beats == now.beats) {
            now.since_us = old->since_us;
        }
    }
    return now;
}

static weir_duty_step release(weir_duty_run *run, weir_claim *dead, uint32_t count, weir_error *err)
{
    int rule = 0;
    weir_commit *commit = weir_commit_new(WEIR_OP_CLAIM, run->options->clock);
    commit->release = WEIR_ARENA_ARRAY(commit->arena, weir_claim, count);
    commit->release_count = count;
    for (uint32_t i = 0; i < count; i++) {
        commit->release[i].id = weir_commit_text(commit, dead[i].id);
    }
    switch (weir_table_commit(run->table, commit, weir_duty_cancelled, run, &rule, err)) {
    case WEIR_COMMIT_LANDED:
        weir_log(WEIR_WARN, "coordinator",
                 "table '%.*s': %u claims are released: their owners showed no beat for an hour",
                 WEIR_STR_ARG(weir_table_name(run->table)), count);
        atomic_fetch_add(&run->stats->items, count);
        return WEIR_DUTY_DONE;
    case WEIR_COMMIT_INVALID: /* V6: somebody else released one of them */
        return rule == 6 ? WEIR_DUTY_DONE : WEIR_DUTY_FAILED;
    case WEIR_COMMIT_GIVEN_UP:
        break;
    }
    return WEIR_DUTY_FAILED;
}

static weir_duty_step step(weir_duty_run *run, weir_error *err)
{
    kept *k = run->kept, next = {0};
    weir_log_state *state = weir_table_state(run->table);
    size_t count;
    const weir_claim_state *claims = weir_log_claims(state, &count);
    int64_t now_us = weir_monotonic_us(run->options->clock);
    weir_claim dead[KNOWN];
    uint32_t dead_count = 0;
    for (size_t i = 0; i < count && next.count < KNOWN; i++) {
        known n = watch(k, &claims[i], now_us);
        if (now_us - n.since_us >= (int64_t)DEAD_MS * 1000) {
            dead[dead_count++].id = weir_arena_str(run->arena, claims[i].claim.id);
        }
        next.claims[next.count++] = n;
    }
    weir_log_state_unref(state);
    *k = next;
    return dead_count > 0 ? release(run, dead, dead_count, err) : WEIR_DUTY_DONE;
}

const weir_duty weir_duty_claims = {.name = "claims",
                                    .period_ms = PERIOD_MS,
                                    .kept_bytes = sizeof(kept),
                                    .work_bytes = 0,
                                    .step = step};
