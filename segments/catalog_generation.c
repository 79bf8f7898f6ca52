/* segments/catalog_generation.c - live rows in the view: each change of a generation is a publish.
 * docs/PROTOCOL.md, sections 4 and 6. All but the ingest thread's own calls may come from any
 * thread; rows that are appended need no publish, a snapshot sees them. */
#include "segments/catalog_table.h"
#include <assert.h>
#include <stdlib.h>

weir_generation *weir_generation_ref(weir_generation *gen)
{
    atomic_fetch_add(&gen->refs, 1);
    return gen;
}

void weir_generation_unref(weir_generation *gen)
{
    if (gen && atomic_fetch_sub(&gen->refs, 1) == 1) {
        weir_realtime_unref(gen->rows);
        weir_schema_unref(gen->schema);
        weir_arena_free(gen->arena);
        free(gen);
    }
}

weir_realtime *weir_generation_rows(weir_generation *gen)
{
    return gen->rows;
}

weir_schema *weir_generation_schema(weir_generation *gen)
{
    return gen->schema;
}

/* What a change does to one generation. */
typedef struct change {
    weir_generation *gen;
    const weir_generation_source *sources; /* added one, or the ends */
    uint32_t source_count;
} change;

static uint32_t find_gen(const published *p, const weir_generation *gen)
{
    uint32_t i = 0;
    while (i < p->gen_count && p->gens[i]->gen != gen) {
        i++;
    }
    return i;
}

static published *build_begin(const published *old, void *self)
{
    published *p = weir_published_copy(old, 1);
    gen_state *g = weir_calloc(1, sizeof(*g));
    g->refs = 1;
    g->gen = weir_generation_ref(((change *)self)->gen);
    p->gens[p->gen_count++] = g;
    return p;
}

weir_generation *weir_generation_begin(weir_table *table, uint64_t holder, weir_schema *schema,
                                       weir_budget *budget)
{
    weir_generation *gen = weir_calloc(1, sizeof(*gen));
    *gen = (weir_generation){.refs = 1, .table = table, .holder = holder};
    gen->schema = weir_schema_ref(schema);
    gen->rows = weir_realtime_new(schema, budget);
    gen->arena = weir_arena_new();
    weir_table_change(table, build_begin, &(change){.gen = gen});
    return gen;
}

/* The generation's own copy in a new published object, with room for more sources. */
static gen_state *open_gen(published *p, const weir_generation *gen, uint32_t more_sources)
{
    uint32_t i = find_gen(p, gen);
    assert(i < p->gen_count); /* not dropped before */
    gen_state *copy = weir_gen_state_copy(p->gens[i], more_sources);
    weir_gen_state_unref(p->gens[i]);
    p->gens[i] = copy;
    return copy;
}

static published *build_add_source(const published *old, void *self)
{
    change *c = self;
    published *p = weir_published_copy(old, 0);
    gen_state *g = open_gen(p, c->gen, 1);
    assert(!g->sealed && g->source_count < WEIR_REALTIME_SOURCES);
    g->sources[g->source_count++] = *c->sources;
    weir_published_mask(p);
    return p;
}

uint8_t weir_generation_add_source(weir_generation *gen, const weir_source_key *key, uint64_t epoch,
                                   int64_t from)
{
    weir_source_key own = {weir_arena_str(gen->arena, key->supervisor),
                           weir_arena_str(gen->arena, key->topic), key->partition};
    weir_generation_source source = {.key = own, .epoch = epoch, .from = from, .to = from};
    gen->reached[atomic_fetch_add(&gen->sources, 1)] = from;
    weir_table_change(gen->table, build_add_source, &(change){gen, &source, 1});
    return (uint8_t)(atomic_load(&gen->sources) - 1); /* one writer: nobody else adds */
}

static published *build_seal(const published *old, void *self)
{
    change *c = self;
    published *p = weir_published_copy(old, 0);
    gen_state *g = open_gen(p, c->gen, 0);
    assert(!g->sealed && g->source_count == c->source_count);
    for (uint32_t i = 0; i < c->source_count; i++) {
        assert(c->sources[i].to >= g->sources[i].from);
        g->sources[i].to = c->sources[i].to;
        g->sources[i].anchor = c->sources[i].anchor;
        g->sources[i].counts = c->sources[i].counts;
    }
    g->sealed = true;
    return p;
}

void weir_generation_seal(weir_generation *gen, const weir_generation_source *ends, uint32_t count)
{
    weir_table_change(gen->table, build_seal, &(change){gen, ends, count});
}

static published *build_drop(const published *old, void *self)
{
    uint32_t i = find_gen(old, ((change *)self)->gen);
    if (i == old->gen_count) {
        return NULL; /* a commit was faster */
    }
    published *p = weir_published_copy(old, 0);
    weir_gen_state_unref(p->gens[i]);
    p->gen_count--;
    for (; i < p->gen_count; i++) {
        p->gens[i] = p->gens[i + 1];
    }
    weir_published_mask(p); /* what followed unmasked rows that are gone does not follow any more */
    return p;
}

void weir_generation_drop(weir_generation *gen)
{
    weir_table_change(gen->table, build_drop, &(change){.gen = gen});
}

uint32_t weir_generation_sources(weir_generation *gen, weir_arena *arena,
                                 weir_generation_source **out, weir_mask *masked)
{
    published *p = weir_published_of(gen->table);
    uint32_t i = find_gen(p, gen), count = 0;
    weir_mask mask = {{0}};
    if (i < p->gen_count) {
        const gen_state *g = p->gens[i];
        count = g->source_count;
        *out = WEIR_ARENA_ARRAY(arena, weir_generation_source, count + 1);
        for (uint32_t k = 0; k < count; k++) {
            (*out)[k] = g->sources[k];
            (*out)[k].key.supervisor = weir_arena_str(arena, g->sources[k].key.supervisor);
            (*out)[k].key.topic = weir_arena_str(arena, g->sources[k].key.topic);
            mask.bits[k / 64] |= (uint64_t)g->sources[k].masked << k % 64;
        }
    }
    if (masked) {
        *masked = mask;
    }
    weir_published_unref(p);
    return count;
}

bool weir_table_holds(weir_table *table, uint64_t holder, const weir_source_key *key,
                      int64_t *position)
{
    published *p = weir_published_of(table);
    bool found = false;
    for (uint32_t i = 0; i < p->gen_count; i++) {
        const gen_state *g = p->gens[i];
        for (uint32_t k = 0; k < g->source_count && g->gen->holder == holder; k++) {
            const weir_generation_source *s = &g->sources[k];
            if (!s->masked && s->key.partition == key->partition &&
                weir_str_eq(s->key.topic, key->topic) &&
                weir_str_eq(s->key.supervisor, key->supervisor)) {
                *position = g->sealed ? s->to : WEIR_POSITION_GROWING;
                found = true;
            }
        }
    }
    weir_published_unref(p);
    return found;
}
