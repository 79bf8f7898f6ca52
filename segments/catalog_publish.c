/* segments/catalog_publish.c - how the published object of a table changes. docs/PROTOCOL.md,
 * section 4. I3 of section 9 is asserted here, at every publish. */
#include "segments/catalog_table.h"
#include "weir/log.h"
#include "weir/uid.h"
#include <assert.h>
#include <stdlib.h>

frozen *weir_frozen_ref(frozen *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void weir_frozen_unref(frozen *f)
{
    if (atomic_fetch_sub(&f->refs, 1) == 1) {
        weir_opened_unref(atomic_load(&f->opened)); /* NULL is fine */
        free(f);
    }
}

static frozen *frozen_new(const weir_segment_state *s)
{
    frozen *f = weir_calloc(1, sizeof(*f) + s->hide_count * sizeof(f->hides[0]));
    assert(s->added.id.size < sizeof(f->id));
    f->refs = 1;
    f->added = s->added;
    memcpy(f->id, s->added.id.at, s->added.id.size);
    f->added.id.at = f->id;
    f->rev = s->rev;
    f->uid = weir_uid_next();
    f->born = s->born;
    f->hide_count = s->hide_count;
    if (s->hide_count > 0) {
        memcpy(f->hides, s->hides, s->hide_count * sizeof(f->hides[0]));
    }
    return f;
}

frozen *weir_frozen_find(const frozen_list *list, weir_str id)
{
    size_t from = 0, to = list->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (weir_str_cmp(list->by_id[middle]->added.id, id) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    bool there = from < list->count && weir_str_eq(list->by_id[from]->added.id, id);
    return there ? list->by_id[from] : NULL;
}

static void frozen_list_unref(frozen_list *list)
{
    if (!list || atomic_fetch_sub(&list->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        weir_frozen_unref(list->by_id[i]);
    }
    free(list->by_id);
    free(list->by_time);
    free(list);
}

static int compare_time(const frozen *a, const frozen *b)
{
    int order = (a->added.from_ms > b->added.from_ms) - (a->added.from_ms < b->added.from_ms);
    return order ? order : weir_str_cmp(a->added.id, b->added.id);
}

static int compare_time_of(const void *a, const void *b)
{
    return compare_time(*(frozen *const *)a, *(frozen *const *)b);
}

static void measure(frozen_list *list)
{
    list->min_ms = INT64_MAX;
    list->max_ms = INT64_MIN;
    for (size_t i = 0; i < list->count; i++) {
        const weir_added *added = &list->by_id[i]->added;
        list->rows += added->rows;
        list->bytes += added->bytes;
        list->events += added->events;
        list->hidden += list->by_id[i]->hide_count > 0;
        list->min_ms = added->from_ms < list->min_ms ? added->from_ms : list->min_ms;
        list->max_ms = added->to_ms - 1 > list->max_ms ? added->to_ms - 1 : list->max_ms;
    }
}

/* by_time: the old order without those that are gone (kept: parallel to old->by_time), and the new
 * ones merged in. */
static void merge_by_time(frozen_list *list, const frozen_list *old, const bool *kept,
                          frozen **fresh, size_t fresh_count)
{
    size_t i = 0, k = 0, n = 0, old_count = old ? old->count : 0;
    if (fresh_count > 1) {
        qsort(fresh, fresh_count, sizeof(*fresh), compare_time_of);
    }
    while (i < old_count || k < fresh_count) {
        if (i < old_count && !kept[i]) {
            i++;
        } else if (k == fresh_count ||
                   (i < old_count && compare_time(old->by_time[i], fresh[k]) < 0)) {
            list->by_time[n++] = old->by_time[i++];
        } else {
            list->by_time[n++] = fresh[k++];
        }
    }
    assert(n == list->count);
}

static size_t time_place(const frozen_list *list, const frozen *f)
{
    frozen **at = bsearch(&f, list->by_time, list->count, sizeof(*list->by_time), compare_time_of);
    assert(at);
    return (size_t)(at - list->by_time);
}

/* Segments of `state`, sharing what `old` (may be NULL) has at the same rev. Both are ascending by
 * id. */
static frozen_list *frozen_list_next(const frozen_list *old, const weir_log_state *state)
{
    size_t count, n = 0, fresh_count = 0, old_count = old ? old->count : 0;
    const weir_segment_state *const *segments = weir_log_segments(state, &count);
    frozen_list *list = weir_calloc(1, sizeof(*list));
    frozen **fresh = weir_alloc((count + 1) * sizeof(frozen *));
    bool *kept = weir_alloc(old_count + 1);
    memset(kept, 1, old_count + 1);
    list->refs = 1;
    list->count = count;
    list->by_id = weir_alloc((count + 1) * sizeof(frozen *));
    list->by_time = weir_alloc((count + 1) * sizeof(frozen *));
    for (size_t i = 0; i < count; i++) {
        while (n < old_count && weir_str_cmp(old->by_id[n]->added.id, segments[i]->added.id) < 0) {
            kept[time_place(old, old->by_id[n++])] = false;
        }
        bool same = n < old_count && weir_str_eq(old->by_id[n]->added.id, segments[i]->added.id);
        if (same && old->by_id[n]->rev == segments[i]->rev) {
            list->by_id[i] = weir_frozen_ref(old->by_id[n]);
        } else {
            list->by_id[i] = fresh[fresh_count++] = frozen_new(segments[i]);
            if (same) {
                kept[time_place(old, old->by_id[n])] = false;
            }
        }
        n += same;
    }
    while (n < old_count) {
        kept[time_place(old, old->by_id[n++])] = false;
    }
    merge_by_time(list, old, kept, fresh, fresh_count);
    measure(list);
    free(fresh);
    free(kept);
    return list;
}

gen_state *weir_gen_state_copy(const gen_state *old, uint32_t more_sources)
{
    size_t room = (size_t)old->source_count + more_sources;
    gen_state *g = weir_calloc(1, sizeof(*g) + room * sizeof(g->sources[0]));
    g->refs = 1;
    g->gen = weir_generation_ref(old->gen);
    g->sealed = old->sealed;
    g->source_count = old->source_count;
    memcpy(g->sources, old->sources, old->source_count * sizeof(g->sources[0]));
    return g;
}

void weir_gen_state_unref(gen_state *g)
{
    if (atomic_fetch_sub(&g->refs, 1) == 1) {
        weir_generation_unref(g->gen);
        free(g);
    }
}

published *weir_published_first(weir_log_state *state)
{
    published *p = weir_calloc(1, sizeof(*p));
    p->refs = 1;
    p->state = state;
    p->frozen = frozen_list_next(NULL, state);
    return p;
}

published *weir_published_copy(const published *old, uint32_t more_gens)
{
    published *p =
        weir_calloc(1, sizeof(*p) + ((size_t)old->gen_count + more_gens) * sizeof(p->gens[0]));
    p->refs = 1;
    p->state = weir_log_state_ref(old->state);
    p->frozen = old->frozen;
    atomic_fetch_add(&p->frozen->refs, 1);
    p->gen_count = old->gen_count;
    for (uint32_t i = 0; i < old->gen_count; i++) {
        p->gens[i] = old->gens[i];
        atomic_fetch_add(&p->gens[i]->refs, 1);
    }
    return p;
}

published *weir_published_of(weir_table *table)
{
    pthread_mutex_lock(&table->lock);
    published *p = table->current;
    atomic_fetch_add(&p->refs, 1);
    pthread_mutex_unlock(&table->lock);
    return p;
}

void weir_published_unref(published *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1) {
        return;
    }
    for (uint32_t i = 0; i < p->gen_count; i++) {
        weir_gen_state_unref(p->gens[i]);
    }
    frozen_list_unref(p->frozen);
    weir_log_state_unref(p->state);
    free(p);
}

/* Where the run of a source's generations has come to, in one walk over the list. */
typedef struct run {
    const weir_source_key *key;
    uint64_t epoch, holder;
    int64_t next; /* -1: nothing can follow */
    bool begun, broken;
} run;

static bool same_key(const weir_source_key *a, const weir_source_key *b)
{
    return a->partition == b->partition && weir_str_eq(a->topic, b->topic) &&
           weir_str_eq(a->supervisor, b->supervisor);
}

static run *find_run(run *runs, size_t *count, const published *p, const weir_source_key *key)
{
    for (size_t i = 0; i < *count; i++) {
        if (same_key(runs[i].key, key)) {
            return &runs[i];
        }
    }
    const weir_source_state *source = weir_log_source(p->state, key);
    runs[*count] = (run){.key = key,
                         .epoch = source ? source->epoch : 0,
                         .next = source ? source->next : -1,
                         .broken = !source};
    return &runs[(*count)++];
}

/* Whether rows of `s`, in a generation of `holder`, follow what came before; moves the run. */
static bool follows(run *r, uint64_t holder, bool sealed, const weir_generation_source *s)
{
    bool fits = !r->broken && s->epoch == r->epoch && s->from == r->next &&
                (!r->begun || r->holder == holder);
    if (fits) {
        r->begun = true;
        r->holder = holder;
        r->next = sealed ? s->to : -1;
    }
    return fits;
}

static size_t count_sources(const published *p)
{
    size_t count = 0;
    for (uint32_t i = 0; i < p->gen_count; i++) {
        count += p->gens[i]->source_count;
    }
    return count;
}

void weir_published_mask(published *p)
{
    size_t count = 0;
    run *runs = weir_alloc((count_sources(p) + 1) * sizeof(run));
    for (uint32_t i = 0; i < p->gen_count; i++) {
        gen_state *g = p->gens[i];
        bool own = false; /* g is a copy of ours */
        for (uint32_t k = 0; k < g->source_count; k++) {
            if (g->sources[k].masked) {
                continue;
            }
            run *r = find_run(runs, &count, p, &g->sources[k].key);
            if (follows(r, g->gen->holder, g->sealed, &g->sources[k])) {
                continue;
            }
            r->broken = true; /* all that comes later of this source goes too */
            if (!own) {
                gen_state *copy = weir_gen_state_copy(g, 0);
                weir_gen_state_unref(g);
                p->gens[i] = g = copy;
                own = true;
            }
            g->sources[k].masked = true;
            weir_log(WEIR_WARN, "catalog",
                     "%.*s: rows of %.*s/%d from %ld on do not fit the log's next and are masked",
                     WEIR_STR_ARG(weir_log_table(p->state)), WEIR_STR_ARG(g->sources[k].key.topic),
                     g->sources[k].key.partition, g->sources[k].from);
        }
    }
    free(runs);
}

/* I3: what is not masked is, per source, one holder's run that begins at the log's next. */
static bool view_fits(const published *p)
{
    size_t count = 0;
    run *runs = weir_alloc((count_sources(p) + 1) * sizeof(run));
    bool ok = true;
    for (uint32_t i = 0; i < p->gen_count; i++) {
        const gen_state *g = p->gens[i];
        for (uint32_t k = 0; k < g->source_count && ok; k++) {
            ok = g->sources[k].masked || follows(find_run(runs, &count, p, &g->sources[k].key),
                                                 g->gen->holder, g->sealed, &g->sources[k]);
        }
    }
    size_t segments;
    weir_log_segments(p->state, &segments);
    free(runs);
    return ok && segments == p->frozen->count;
}

static void change(weir_table *table, published *(*build)(const published *old, void *self),
                   void *self, const weir_commit *folded, bool own)
{
    int64_t now_us = folded ? weir_monotonic_us(table->catalog->options.clock) : 0;
    bool done = false;
    while (!done) {
        published *old = weir_published_of(table), *next = build(old, self), *gone = NULL,
                  *unheld = NULL;
        if (!next) {
            weir_published_unref(old);
            return;
        }
        assert(view_fits(next));                                               /* I3 */
        assert(weir_log_version(next->state) >= weir_log_version(old->state)); /* I1 */
        bool hold = folded && weir_hold_wanted(old, next, folded, own);
        pthread_mutex_lock(&table->lock);
        if (table->current == old) {
            gone = old;
            table->current = next;
            done = true;
            if (folded && weir_hold_forbidden(folded)) {
                unheld = table->held;
                table->held = NULL;
            } else if (hold && !table->held) {
                table->held = old; /* with the reference that `gone` had */
                table->held_us = now_us;
                gone = NULL;
            }
        }
        pthread_mutex_unlock(&table->lock);
        weir_published_unref(gone);
        weir_published_unref(unheld);
        weir_published_unref(old);
        if (!done) {
            weir_published_unref(next);
        }
    }
}

void weir_table_change(weir_table *table, published *(*build)(const published *old, void *self),
                       void *self)
{
    change(table, build, self, NULL, true);
}

typedef struct fold {
    const weir_commit *commit;
    weir_log_state *next;
    frozen_list *frozen;
    bool own;
} fold;

static bool covered(const weir_commit *commit, const weir_generation_source *s)
{
    for (uint32_t i = 0; i < commit->offset_count; i++) {
        const weir_range *r = &commit->offsets[i];
        if (r->kind == WEIR_RANGE_DATA && r->epoch == s->epoch && r->from <= s->from &&
            s->to <= r->to && same_key(&r->source, &s->key)) {
            return true;
        }
    }
    return false;
}

/* Whether an own commit holds this generation's ranges. All of it or nothing: what hand-off leaves
 * out of a commit it has seen masked. */
static bool is_committed(const weir_commit *commit, const gen_state *g)
{
    bool some = false, rest = false;
    for (uint32_t i = 0; i < g->source_count && g->sealed; i++) {
        const weir_generation_source *s = &g->sources[i];
        if (!s->masked && s->from < s->to) {
            bool yes = covered(commit, s);
            some = some || yes;
            rest = rest || !yes;
        }
    }
    assert(!(some && rest));
    return some;
}

static published *build_fold(const published *old, void *self)
{
    fold *f = self;
    published *p = weir_published_copy(old, 0);
    weir_log_state_unref(p->state);
    p->state = weir_log_state_ref(f->next);
    frozen_list_unref(p->frozen);
    p->frozen = f->frozen;
    atomic_fetch_add(&p->frozen->refs, 1);
    if (f->own) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < p->gen_count; i++) {
            if (is_committed(f->commit, p->gens[i])) {
                weir_gen_state_unref(p->gens[i]);
            } else {
                p->gens[kept++] = p->gens[i];
            }
        }
        p->gen_count = kept;
    }
    weir_published_mask(p);
    return p;
}

void weir_table_fold(weir_table *table, const weir_commit *commit, weir_log_state *next, bool own)
{
    published *now = weir_published_of(table);
    fold f = {commit, next, NULL, own};
    bool same = commit->add_count == 0 && commit->remove_count == 0 && commit->hide_count == 0;
    if (same) {
        f.frozen = now->frozen;
        atomic_fetch_add(&f.frozen->refs, 1);
    } else {
        f.frozen = frozen_list_next(now->frozen, next);
    }
    change(table, build_fold, &f, commit, own);
    frozen_list_unref(f.frozen);
    weir_published_unref(now);
    if (commit->horizon > 0) {
        weir_table_sweep_cache(table, next);
    }
}

void weir_table_jump(weir_table *table, weir_log_state *next)
{
    published *now = weir_published_of(table);
    fold f = {.next = next, .frozen = frozen_list_next(now->frozen, next)};
    change(table, build_fold, &f, NULL, false);
    frozen_list_unref(f.frozen);
    weir_published_unref(now);
    weir_table_sweep_cache(table, next);
}
