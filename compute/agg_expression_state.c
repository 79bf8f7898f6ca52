/* compute/agg_expression_state.c - accumulators of the aggregator "expression": numbers in the
 * state, texts and arrays as bytes in the heap. */
#include "compute/agg_expression.h"
#include "compute/sketch.h"
#include <stdio.h>

/* ---- values of states: numbers as they are; the rest as bytes */

static bool is_number(weir_type type)
{
    return type.kind == WEIR_LONG || type.kind == WEIR_DOUBLE;
}

static void drop(weir_heap *h, const weir_agg_bound *b, weir_expr_state *s)
{
    if (!is_number(weir_expr_agg_of(b)->type) || s->flags & WEIR_EXPRAGG_FAILED) {
        weir_heap_drop(h, s->at.handle);
        s->at.handle = 0;
    }
}

void weir_expr_state_fail(weir_heap *h, const weir_agg_bound *b, weir_expr_state *s,
                          const char *why)
{
    if (s->flags & WEIR_EXPRAGG_FAILED) {
        return;
    }
    drop(h, b, s);
    s->size = (uint32_t)strlen(why);
    s->at.handle = weir_heap_put(h, why, s->size + 1);
    s->flags = WEIR_EXPRAGG_FAILED | WEIR_EXPRAGG_SEEN;
}

/* An array: a byte 0 for null, else 1, then the eight bytes of a number, or a text's length and
 * text. */
static void put_item(weir_buf *out, const weir_vec *items, uint32_t i)
{
    if (weir_vec_is_null(items, i)) {
        weir_buf_byte(out, 0);
        return;
    }
    weir_buf_byte(out, 1);
    if (items->type.kind == WEIR_LONG || items->type.kind == WEIR_DOUBLE) {
        weir_buf_u64(out, (uint64_t)items->at.l[i]);
    } else {
        weir_buf_bytes(out, items->at.s[i]);
    }
}

static void set_bytes(weir_heap *h, const weir_agg_bound *b, weir_expr_state *s, const void *bytes,
                      size_t size)
{
    if (size > (uint64_t)b->spec->values[WEIR_EXPRAGG_MAX_BYTES].as.l) {
        char why[200];
        snprintf(why, sizeof(why),
                 "Unable to serialize value, size [%zu] is larger than max [%lld]", size,
                 (long long)b->spec->values[WEIR_EXPRAGG_MAX_BYTES].as.l);
        weir_expr_state_fail(h, b, s, why);
        return;
    }
    uint64_t fresh = weir_heap_put(h, NULL, size + 1); /* `bytes` may be the old ones */
    if (size > 0) {
        memcpy(weir_heap_at(h, fresh), bytes, size);
    }
    drop(h, b, s);
    s->at.handle = fresh;
    s->size = (uint32_t)size;
    s->flags = WEIR_EXPRAGG_SEEN;
}

/* Row i of a result, FLAT or LIST of the state's type. */
void weir_expr_state_set(weir_heap *h, const weir_agg_bound *b, weir_expr_state *s,
                         const weir_vec *vec, uint32_t i)
{
    if (s->flags & WEIR_EXPRAGG_FAILED) {
        return;
    }
    if (weir_vec_is_null(vec, i)) {
        drop(h, b, s);
        *s = (weir_expr_state){.flags = WEIR_EXPRAGG_SEEN | WEIR_EXPRAGG_IS_NULL};
        return;
    }
    if (is_number(vec->type)) {
        *s = (weir_expr_state){.at.l = vec->at.l[i], .flags = WEIR_EXPRAGG_SEEN};
        return;
    }
    if (vec->form != WEIR_LIST) {
        set_bytes(h, b, s, vec->at.s[i].at, vec->at.s[i].size);
        return;
    }
    weir_buf bytes = {0};
    for (uint32_t k = vec->at.offsets[i]; k < vec->at.offsets[i + 1]; k++) {
        put_item(&bytes, vec->items, k);
    }
    set_bytes(h, b, s, bytes.at, bytes.size);
    weir_buf_done(&bytes);
}

/* What was put is read back; damaged bytes of a partial end the array. */
static bool take_item(weir_reader *in, bool number, int64_t *word, weir_str *text, bool *null)
{
    uint8_t there;
    uint64_t bits;
    if (!weir_take_u8(in, &there) || there > 1) {
        return false;
    }
    *null = there == 0;
    if (*null) {
        return true;
    }
    if (!number) {
        return weir_take_bytes(in, text);
    }
    bool ok = weir_take_u64(in, &bits);
    *word = (int64_t)bits;
    return ok;
}

static uint32_t count_items(const weir_heap *h, const weir_expr_state *s, bool number)
{
    weir_reader in = weir_reader_of((weir_str){weir_heap_at(h, s->at.handle), s->size});
    int64_t word;
    weir_str text;
    bool null;
    uint32_t count = 0;
    while (in.at < in.end && take_item(&in, number, &word, &text, &null)) {
        count++;
    }
    return count;
}

static bool is_set(const weir_agg_bound *b, const weir_expr_state *s)
{
    return s->flags & WEIR_EXPRAGG_SEEN || (b->spec->values[WEIR_EXPRAGG_NULL_UNLESS].as.l == 0);
}

/* The initial value, where nothing was aggregated. */
static void arrays_to_vec(const weir_expr_states *g, const weir_expr_state *const *states,
                          const weir_vec *initial, weir_vec *out)
{
    weir_type type = weir_expr_agg_of(g->b)->type;
    bool number = type.elem == WEIR_LONG || type.elem == WEIR_DOUBLE;
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(g->s, uint32_t, g->n + 1), total = 0;
    uint32_t of_initial =
        initial->form == WEIR_LIST ? initial->at.offsets[1] - initial->at.offsets[0] : 0;
    for (uint32_t i = 0; i < g->n; i++) {
        bool own = states[i]->flags & WEIR_EXPRAGG_SEEN;
        total += !own ? of_initial
                 : states[i]->flags & (WEIR_EXPRAGG_IS_NULL | WEIR_EXPRAGG_FAILED)
                     ? 0
                     : count_items(g->h, states[i], number);
    }
    uint64_t *values = WEIR_SCRATCH_ARRAY(g->s, uint64_t, 2 * (size_t)total + 2);
    int64_t *words = (int64_t *)(void *)values;
    weir_str *texts = (weir_str *)(void *)values;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(g->s, uint64_t, weir_words(total) + 1);
    memset(nulls, 0, sizeof(*nulls) * weir_words(total));
    uint32_t at = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        const weir_expr_state *s = states[i];
        offsets[i] = at;
        for (uint32_t k = 0; !(s->flags & WEIR_EXPRAGG_SEEN) && k < of_initial; k++, at++) {
            uint32_t from = initial->at.offsets[0] + k;
            if (weir_vec_is_null(initial->items, from)) {
                weir_bit_set(nulls, at);
            } else if (number) {
                words[at] = initial->items->at.l[from];
            } else {
                texts[at] = initial->items->at.s[from];
            }
        }
        weir_reader in = {NULL, NULL};
        if (s->flags == WEIR_EXPRAGG_SEEN) {
            in = weir_reader_of((weir_str){weir_heap_at(g->h, s->at.handle), s->size});
        }
        bool null;
        int64_t word;
        weir_str text;
        while (at < total && in.at < in.end && take_item(&in, number, &word, &text, &null)) {
            if (null) {
                weir_bit_set(nulls, at);
            } else if (number) {
                words[at] = word;
            } else {
                texts[at] = text;
            }
            at++;
        }
    }
    offsets[g->n] = at;
    weir_vec *items = WEIR_SCRATCH_ARRAY(g->s, weir_vec, 1);
    *items = (weir_vec){.type = WEIR_TYPE(type.elem), .form = WEIR_FLAT, .n = at, .nulls = nulls};
    items->type.complex = type.complex;
    items->at.l = words;
    out->form = WEIR_LIST;
    out->at.offsets = offsets;
    out->items = items;
}

/* Accumulators as a vector: those of states that saw nothing are the initial value, or null when
 * `final` and the aggregator says so. */
void weir_expr_states_vec(const weir_expr_states *g, const weir_expr_state *const *states,
                          bool final, weir_vec *out)
{
    const weir_expr_agg *p = weir_expr_agg_of(g->b);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(g->s, uint64_t, weir_words(g->n) + 1);
    weir_vec one = weir_vec_const(g->s, &p->initial, 1), initial;
    weir_error err;
    if (!weir_vec_cast(&one, p->type, g->s, &one, &err) ||
        !weir_vec_flatten(&one, g->s, &initial, &err)) {
        initial = weir_vec_null(p->type, 1);
    }
    bool no_initial = weir_vec_is_null(&initial, 0);
    *out = (weir_vec){.type = p->type, .form = WEIR_FLAT, .n = g->n, .nulls = nulls};
    memset(nulls, 0, sizeof(*nulls) * weir_words(g->n));
    for (uint32_t i = 0; i < g->n; i++) {
        bool seen = states[i]->flags & WEIR_EXPRAGG_SEEN;
        if (seen ? (states[i]->flags & (WEIR_EXPRAGG_IS_NULL | WEIR_EXPRAGG_FAILED)) != 0
                 : no_initial || (final && !is_set(g->b, states[i]))) {
            weir_bit_set(nulls, i);
        }
    }
    if (p->type.kind == WEIR_ARRAY) {
        arrays_to_vec(g, states, &initial, out);
        return;
    }
    uint64_t *values = WEIR_SCRATCH_ARRAY(g->s, uint64_t, 2 * (size_t)g->n + 2);
    int64_t *words = (int64_t *)(void *)values;
    weir_str *texts = (weir_str *)(void *)values;
    for (uint32_t i = 0; i < g->n; i++) {
        bool seen = states[i]->flags & WEIR_EXPRAGG_SEEN, null = weir_bit(nulls, i);
        if (is_number(p->type)) {
            words[i] = null ? 0 : seen ? states[i]->at.l : initial.at.l[0];
        } else {
            texts[i] = null ? WEIR_STR("")
                       : seen
                           ? (weir_str){weir_heap_at(g->h, states[i]->at.handle), states[i]->size}
                           : initial.at.s[0];
        }
    }
    out->at.l = words;
}

/* A copy in another heap. */
void weir_expr_state_copy(const weir_agg_bound *b, weir_heap *h, weir_expr_state *into,
                          const weir_heap *from_heap, const weir_expr_state *from)
{
    *into = *from;
    if ((from->flags & WEIR_EXPRAGG_FAILED || !is_number(weir_expr_agg_of(b)->type)) &&
        from->at.handle) {
        into->at.handle =
            weir_heap_put(h, weir_heap_at(from_heap, from->at.handle), from->size + 1);
    }
}

/* flags; then a number's eight bytes, or a length and bytes */
size_t weir_expr_state_save(const weir_agg_bound *b, const weir_heap *h, const void *at,
                            uint8_t *out)
{
    const weir_expr_state *s = at;
    bool bytes = s->flags & WEIR_EXPRAGG_FAILED || !is_number(weir_expr_agg_of(b)->type);
    if (out) {
        out = weir_put_u8(out, (uint8_t)s->flags);
        if (!bytes) {
            weir_put_u64(out, (uint64_t)s->at.l);
        } else {
            out = weir_put_u32(out, s->size);
            if (s->size > 0) {
                memcpy(out, weir_heap_at(h, s->at.handle), s->size);
            }
        }
    }
    return 1 + (bytes ? 4 + (size_t)s->size : 8);
}

bool weir_expr_state_load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *at,
                          weir_error *err)
{
    weir_reader r = *in;
    weir_expr_state s = {.flags = 0};
    uint8_t flags;
    uint64_t bits = 0;
    const uint8_t *bytes = NULL;
    bool ok = weir_take_u8(&r, &flags) &&
              flags <= (WEIR_EXPRAGG_SEEN | WEIR_EXPRAGG_IS_NULL | WEIR_EXPRAGG_FAILED);
    if (ok && (flags & WEIR_EXPRAGG_FAILED || !is_number(weir_expr_agg_of(b)->type))) {
        ok = weir_take_u32(&r, &s.size) && weir_take_span(&r, s.size, &bytes);
    } else if (ok) {
        ok = weir_take_u64(&r, &bits);
    }
    if (!ok) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut or damaged", b->agg->type);
    }
    s.at.l = (int64_t)bits;
    s.flags = flags;
    if (bytes) {
        s.at.handle = weir_heap_put(h, NULL, (size_t)s.size + 1);
        memcpy(weir_heap_at(h, s.at.handle), bytes, s.size);
    }
    memcpy(at, &s, sizeof(s));
    *in = r;
    return true;
}
