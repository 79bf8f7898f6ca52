/* segments/catalog_hold.c - a view that would show less is not shown yet.
 *
 * When another process commits a part of what is live here (it was paused and woke up, or took a
 * partition over), all our rows of that source are masked, though some lie beyond that commit: they
 * are in the topic, and come again in a moment, by reading or with the other's next commit. Until
 * then queries go on seeing the published object of before. It is a view like any other (one
 * version of the log, one holder for each source), only older; rows that are appended to its
 * generations are in it. So no answer goes back. It is held for HOLD_US at most, and not at all
 * against a commit that takes rows away on purpose. */
#include "segments/catalog_table.h"
#include "weir/log.h"

#define HOLD_US 15000000

static bool same_source(const weir_generation_source *a, const weir_generation_source *b)
{
    return a->epoch == b->epoch && a->key.partition == b->key.partition &&
           weir_str_eq(a->key.topic, b->key.topic) &&
           weir_str_eq(a->key.supervisor, b->key.supervisor);
}

/* How far rows of a generation's source go; of a growing one: by now. */
static int64_t end_of(const gen_state *g, uint32_t source)
{
    return g->sealed ? g->sources[source].to
                     : atomic_load_explicit(&g->gen->reached[source], memory_order_acquire);
}

/* How far `p` shows the source: committed, and live after that. INT64_MAX: it is not what it was.
 */
static int64_t shown_to(const published *p, const weir_generation_source *source)
{
    const weir_source_state *state = weir_log_source(p->state, &source->key);
    if (!state || state->epoch != source->epoch) {
        return INT64_MAX;
    }
    int64_t to = state->next;
    for (uint32_t i = 0; i < p->gen_count; i++) {
        const gen_state *g = p->gens[i];
        for (uint32_t k = 0; k < g->source_count; k++) {
            if (!g->sources[k].masked && same_source(&g->sources[k], source)) {
                int64_t end = end_of(g, k);
                to = end > to ? end : to;
            }
        }
    }
    return to;
}

/* Whether `next` shows all rows that `old` does. */
static bool shows_all(const published *next, const published *old)
{
    for (uint32_t i = 0; i < old->gen_count; i++) {
        const gen_state *g = old->gens[i];
        for (uint32_t k = 0; k < g->source_count; k++) {
            if (!g->sources[k].masked && end_of(g, k) > shown_to(next, &g->sources[k])) {
                return false;
            }
        }
    }
    return true;
}

/* Rows that go are to go: a merge of segments alone takes none away. */
static bool takes_rows(const weir_commit *commit)
{
    return (commit->remove_count > 0 || commit->hide_count > 0) && commit->op != WEIR_OP_COMPACT;
}

bool weir_hold_wanted(const published *old, const published *next, const weir_commit *commit,
                      bool own)
{
    return !own && commit->offset_count > 0 && !takes_rows(commit) && !shows_all(next, old);
}

bool weir_hold_forbidden(const weir_commit *commit)
{
    return takes_rows(commit);
}

published *weir_published_shown(weir_table *table)
{
    const weir_clock *clock = table->catalog->options.clock;
    published *gone = NULL;
    pthread_mutex_lock(&table->lock);
    published *current = table->current, *held = table->held;
    int64_t since_us = table->held_us;
    atomic_fetch_add(&current->refs, 1);
    if (held) {
        atomic_fetch_add(&held->refs, 1);
    }
    pthread_mutex_unlock(&table->lock);
    if (!held) {
        return current;
    }
    if (!shows_all(current, held) && weir_monotonic_us(clock) - since_us < HOLD_US) {
        weir_published_unref(current);
        return held;
    }
    pthread_mutex_lock(&table->lock);
    if (table->held == held) {
        gone = held;
        table->held = NULL;
    }
    pthread_mutex_unlock(&table->lock);
    weir_published_unref(gone);
    weir_published_unref(held);
    return current;
}

void weir_generation_reach(weir_generation *gen, uint8_t source, int64_t position)
{
    atomic_store_explicit(&gen->reached[source], position, memory_order_release);
}
