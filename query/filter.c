/* query/filter.c - which rows of a chunk a filter selects. Per leaf and chunk the cheapest of: zone map (all or none), postings,
 * a range on the encoded form, a scan with a verdict per dictionary id, the expression engine; each conjunct sees only what the ones
 * before it left. Costs are ns as measured on chunks in cache: a container 60, a posting 0.7, a row by range 0.1, by table 0.45. */
#include "query/filter_judge.h"
#include <assert.h>
#include <stdlib.h>

enum { FEW = 25 }; /* fewer than 1 row in FEW selected: rows are picked, not scanned */

static uint32_t rank_leaf(const weir_pred *pred)
{
    if (pred->port) {
        return 4;
    }
    return pred->long_range || pred->double_range ? 1 : 2;
}

static bool bind_leaf(weir_pred *pred, weir_slots *names, weir_error *err)
{
    const weir_leaf *leaf = pred->leaf;
    weir_want want = {.expr = leaf->expr ? leaf->expr
                                         : weir_expr_column(names->arena, leaf->column)};
    pred->port = weir_port_new(names, &want, 1, err);
    if (!pred->port) {
        return false;
    }
    pred->slot = weir_port_plain(pred->port, 0);
    if (pred->slot != WEIR_NO_ID) {
        pred->port = NULL;
    }
    double lo, hi;
    bool lo_open, hi_open;
    const weir_leaf_type *type = leaf->type;
    pred->long_range = type->long_range && type->long_range(leaf, &pred->lo, &pred->hi);
    if (type->double_range && type->double_range(leaf, &lo, &lo_open, &hi, &hi_open)) {
        pred->double_range = true;
        pred->dlo = weir_double_rank(lo) + lo_open;
        pred->dhi = weir_double_rank(hi) - hi_open;
    }
    if (type->float_range && type->float_range(leaf, &lo, &lo_open, &hi, &hi_open)) {
        pred->float_range = true;
        pred->flo = weir_double_rank(lo) + lo_open;
        pred->fhi = weir_double_rank(hi) - hi_open;
    }
    pred->cost = rank_leaf(pred);
    return true;
}

static weir_pred *bind_node(weir_slots *names, const weir_filter *filter, weir_pred_store *store,
                            weir_error *err)
{
    weir_pred *pred = WEIR_ARENA_NEW(names->arena, weir_pred);
    pred->kind = filter->kind;
    pred->store = store;
    pred->slot = WEIR_NO_ID;
    if (filter->kind == WEIR_FILTER_LEAF) {
        pred->leaf = &filter->leaf;
        pred->negated = filter->negated;
        pred->want = filter->negated ? WEIR_V_FALSE : WEIR_V_TRUE;
        return bind_leaf(pred, names, err) ? pred : NULL;
    }
    assert(filter->kind != WEIR_FILTER_NOT && filter->kind != WEIR_FILTER_ISTRUE);
    pred->child_count = filter->child_count;
    pred->children = WEIR_ARENA_ARRAY(names->arena, weir_pred *, filter->child_count + 1);
    for (uint32_t i = 0; i < filter->child_count; i++) {
        weir_pred *child = bind_node(names, filter->children[i], store, err);
        if (!child) {
            return NULL;
        }
        pred->cost = child->cost > pred->cost ? child->cost : pred->cost;
        uint32_t at = i; /* cheap ones first; the order asked for where they are equal */
        for (; filter->kind == WEIR_FILTER_AND && at > 0 &&
               pred->children[at - 1]->cost > child->cost;
             at--) {
            pred->children[at] = pred->children[at - 1];
        }
        pred->children[at] = child;
    }
    return pred;
}

weir_pred *weir_pred_new(weir_slots *names, const weir_filter *filter, weir_budget *budget,
                         weir_error *err)
{
    if (!filter) {
        return NULL;
    }
    weir_pred_store *store = WEIR_ARENA_NEW(names->arena, weir_pred_store);
    pthread_mutex_init(&store->lock, NULL);
    store->scratch.budget = budget;
    weir_pred *pred = bind_node(names, filter, store, err);
    if (!pred) {
        pthread_mutex_destroy(&store->lock);
        return NULL;
    }
    pred->root = true;
    return pred;
}

void weir_pred_done(weir_pred *pred)
{
    if (pred) {
        assert(pred->root);
        weir_scratch_done(&pred->store->scratch);
        pthread_mutex_destroy(&pred->store->lock);
    }
}

bool weir_pred_uses(const weir_pred *pred, uint32_t slot)
{
    if (pred->kind == WEIR_FILTER_LEAF) {
        return pred->port ? weir_port_uses(pred->port, slot) : pred->slot == slot;
    }
    for (uint32_t i = 0; i < pred->child_count; i++) {
        if (weir_pred_uses(pred->children[i], slot)) {
            return true;
        }
    }
    return false;
}

/* Sets. */

static weir_sel all_or_none(const weir_sel *in, bool all)
{
    return all ? *in : weir_sel_none(in->n);
}

/* Rows of `in` whose bit is set; `bits` is the caller's to overwrite. */
static weir_sel within(const weir_sel *in, uint64_t *bits, weir_scratch *s)
{
    if (in->kind != WEIR_SEL_ALL) {
        const uint64_t *of = weir_sel_bits(in, s);
        for (uint32_t w = 0; w < weir_words(in->n); w++) {
            bits[w] &= of[w];
        }
    }
    return weir_sel_of_bits(bits, in->n);
}

static uint64_t *clear_bits(weir_scratch *s, uint32_t n)
{
    uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n));
    memset(bits, 0, weir_words(n) * sizeof(*bits));
    return bits;
}

/* Postings. */

static uint16_t u16_at(const void *at, size_t i)
{
    uint16_t v;
    memcpy(&v, (const char *)at + i * 2, 2);
    return v;
}

static void add_posting(const weir_posting *posting, uint64_t *bits, uint32_t words)
{
    switch ((weir_posting_kind)posting->kind) {
    case WEIR_POSTING_ARRAY:
        for (uint32_t i = 0; i < posting->count; i++) {
            weir_bit_set(bits, u16_at(posting->at, i));
        }
        break;
    case WEIR_POSTING_BITSET:
        for (uint32_t w = 0; w < words; w++) {
            uint64_t word;
            memcpy(&word, (const char *)posting->at + (size_t)w * 8, 8);
            bits[w] |= word;
        }
        break;
    case WEIR_POSTING_RUNS:
        for (uint32_t r = 0; r < posting->runs; r++) {
            uint32_t from = u16_at(posting->at, 2 * r), to = from + u16_at(posting->at, 2 * r + 1);
            for (; from <= to && from % 64; from++) {
                weir_bit_set(bits, from);
            }
            for (; from + 63 <= to; from += 64) {
                bits[from / 64] = ~0ull;
            }
            for (; from <= to; from++) {
                weir_bit_set(bits, from);
            }
        }
        break;
    }
}

/* Union of the postings of ids in spans (and of null). False: some id has no posting here, scan instead. */
static bool unite(const weir_column *col, weir_lane *lane, const weir_block *block,
                  const weir_id_span *spans, uint32_t span_count, bool with_null, uint64_t *bits)
{
    uint32_t words = weir_words(block->info.row_count);
    weir_posting posting;
    weir_scratch *s = &lane->scratch;
    weir_mark mark = weir_scratch_mark(s);
    if (with_null) {
        if (!col->ops->postings(col, block->chunk, 0, s, &posting)) {
            return false;
        }
        add_posting(&posting, bits, words);
    }
    for (uint32_t i = 0; i < span_count; i++) {
        for (uint32_t id = spans[i].from; id < spans[i].to; id++) {
            if (!col->ops->postings(col, block->chunk, id, s, &posting)) {
                return false;
            }
            add_posting(&posting, bits, words);
        }
        weir_scratch_rewind(s, mark);
    }
    return true;
}

/* Scans. */

static bool judge_block(weir_pred *pred, weir_lane *lane, weir_block *block, const uint64_t *in,
                        uint64_t *bits)
{
    weir_vec vec;
    bool ok = pred->port ? weir_port_read(pred->port, &lane->run, weir_block_get, block, block->n,
                                          &vec)
                         : weir_block_get(block, pred->slot, &vec, &lane->err);
    return ok && weir_judge_vec(pred, lane, &vec, in, bits);
}

/* Few rows left: only they are read. */
static bool pick(weir_pred *pred, weir_lane *lane, weir_block *block, const weir_sel *in,
                 weir_sel *out)
{
    weir_scratch *s = &lane->scratch;
    const uint16_t *rows = weir_sel_rows(in, s);
    uint16_t *kept = WEIR_SCRATCH_ARRAY(s, uint16_t, in->count);
    uint32_t count = 0;
    for (uint32_t from = 0; from < in->count; from += WEIR_BLOCK_ROWS) {
        uint32_t left = in->count - from, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(s);
        uint64_t bits[WEIR_BLOCK_ROWS / 64];
        weir_block_set(block, 0, n, rows + from, n);
        if (!weir_ctl_check(lane->run.ctl, &lane->err) ||
            !judge_block(pred, lane, block, NULL, bits)) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            kept[count] = rows[from + i];
            count += weir_bit(bits, i);
        }
        weir_scratch_rewind(s, mark);
    }
    *out = (weir_sel){.kind = count ? WEIR_SEL_LIST : WEIR_SEL_NONE,
                      .n = in->n,
                      .count = count,
                      .rows = kept};
    return true;
}

/* Block by block; blocks without selected rows are not read. lo <= hi: by range on the encoded form. */
static bool scan_blocks(weir_pred *pred, weir_lane *lane, weir_block *block, const weir_sel *in,
                        bool by_range, int64_t lo, int64_t hi, weir_sel *out)
{
    weir_scratch *s = &lane->scratch;
    uint64_t *bits = clear_bits(s, in->n);
    const uint64_t *of = in->kind == WEIR_SEL_ALL ? NULL : weir_sel_bits(in, s);
    const weir_column *col = by_range ? weir_block_column(block, pred->slot) : NULL;
    for (uint32_t from = 0; from < in->n; from += WEIR_BLOCK_ROWS) {
        uint32_t left = in->n - from, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(s);
        weir_sel here = weir_sel_block(in, from, n, s);
        if (here.kind == WEIR_SEL_NONE) {
            continue;
        }
        if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
            return false;
        }
        if (!by_range || !col->ops->range(col, block->chunk, from, n, lo, hi, s, bits + from / 64,
                                          &lane->err)) {
            weir_block_set(block, from, n, NULL, n);
            if (lane->err.code != WEIR_OK ||
                !judge_block(pred, lane, block, of ? of + from / 64 : NULL, bits + from / 64)) {
                return false;
            }
        }
        weir_scratch_rewind(s, mark);
    }
    *out = within(in, bits, s);
    return true;
}

static bool scan(weir_pred *pred, weir_lane *lane, const weir_block *chunk, const weir_sel *in,
                 bool by_range, int64_t lo, int64_t hi, weir_sel *out)
{
    weir_block block;
    weir_block_init(&block, chunk->scan, lane, chunk->seg, chunk->chunk, &chunk->info);
    if (in->count * FEW < in->n) {
        return pick(pred, lane, &block, in, out);
    }
    return scan_blocks(pred, lane, &block, in, by_range, lo, hi, out);
}

/* Leaves over string columns. */

static uint32_t selected_rows(const weir_block *chunk, const weir_sel *in)
{
    uint64_t all = chunk->scan->row_count * in->count / (in->n ? in->n : 1);
    return all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
}

/* All ids of the chunk are wanted, or none is: *out is set and true returned. */
static bool decided_by_zone(const weir_wanted *wanted, bool null_wanted, const weir_zone *zone,
                            const weir_sel *in, weir_sel *out)
{
    if (zone->multi || (zone->null_count > 0 && zone->null_count < in->n && !zone->has_range)) {
        return false;
    }
    if (zone->null_count >= in->n) {
        *out = all_or_none(in, null_wanted);
        return true;
    }
    if (!zone->has_range || !wanted->spans) {
        return false;
    }
    bool touched = false, covered = false;
    for (uint32_t i = 0; i < wanted->span_count; i++) {
        weir_id_span span = wanted->spans[i];
        touched = touched || (span.from <= zone->max.id && span.to > zone->min.id);
        covered = covered || (span.from <= zone->min.id && span.to > zone->max.id);
    }
    if (!touched && (zone->null_count == 0 || !null_wanted)) {
        *out = weir_sel_none(in->n);
        return true;
    }
    if (covered && (zone->null_count == 0 || null_wanted)) {
        *out = *in;
        return true;
    }
    return false;
}

/* Ids that are not wanted, null apart, as spans. */
static uint32_t complement(const weir_wanted *wanted, uint32_t count, weir_id_span *out)
{
    uint32_t n = 0, at = 1;
    for (uint32_t i = 0; i < wanted->span_count; i++) {
        if (at < wanted->spans[i].from) {
            out[n++] = (weir_id_span){at, wanted->spans[i].from};
        }
        at = wanted->spans[i].to;
    }
    if (at < count) {
        out[n++] = (weir_id_span){at, count};
    }
    return n;
}

/* By postings where that costs less than `scan_ns`. */
static bool by_postings(weir_pred *pred, weir_lane *lane, const weir_block *chunk,
                        const weir_sel *in, const weir_column *col, const weir_wanted *wanted,
                        bool null_wanted, bool multi, double scan_ns, weir_sel *out)
{
    if (!col->indexed || !chunk->info.sealed || lane->options->force_scan || !wanted->spans) {
        return false;
    }
    uint32_t ids = col->dict->count - 1, others = ids - wanted->count;
    double per_id = 60 + 0.7 * in->n / (ids + 1.0);
    bool invert = multi ? pred->negated : others < wanted->count;
    if ((invert ? others : wanted->count) * per_id > scan_ns) {
        return false;
    }
    weir_id_span *spans = WEIR_SCRATCH_ARRAY(&lane->scratch, weir_id_span, wanted->span_count + 1);
    uint32_t span_count = wanted->span_count;
    if (invert) {
        span_count = complement(wanted, col->dict->count, spans);
    } else {
        memcpy(spans, wanted->spans, span_count * sizeof(*spans));
    }
    uint64_t *bits = clear_bits(&lane->scratch, in->n);
    if (!unite(col, lane, chunk, spans, span_count, null_wanted != invert, bits)) {
        return false;
    }
    for (uint32_t w = 0; invert && w < weir_words(in->n); w++) {
        bits[w] = ~bits[w];
    }
    if (in->n % 64) {
        bits[in->n / 64] &= (1ull << in->n % 64) - 1;
    }
    *out = within(in, bits, &lane->scratch);
    return true;
}

static bool string_leaf(weir_pred *pred, weir_lane *lane, const weir_block *chunk,
                        const weir_sel *in, const weir_column *col, weir_sel *out)
{
    weir_judged *judged = weir_judged_of(pred, lane, col->dict);
    bool null_wanted = pred->leaf->null_verdict == pred->want;
    if (judged->count <= WEIR_BLOCK_ROWS || judged->count < selected_rows(chunk, in) / 4) {
        if (!weir_judged_complete(pred, lane, judged)) {
            return false;
        }
    }
    const weir_wanted *wanted = atomic_load_explicit(&judged->wanted, memory_order_acquire);
    if (!wanted) {
        return scan(pred, lane, chunk, in, false, 0, 0, out);
    }
    if (wanted->count == judged->count - 1 && null_wanted) {
        *out = *in;
        return true;
    }
    if (wanted->count == 0 && !null_wanted) {
        *out = weir_sel_none(in->n);
        return true;
    }
    weir_zone zone = {0};
    bool known = col->ops->zone(col, chunk->chunk, &zone);
    bool multi = known ? zone.multi : col->type.multi;
    if (known && decided_by_zone(wanted, null_wanted, &zone, in, out)) {
        return true;
    }
    bool range = wanted->spans && wanted->span_count == 1 && !multi && col->ops->range &&
                 (!null_wanted || (known && zone.null_count == 0));
    double scan_ns = (range ? 0.1 : 0.45) * (in->count * FEW < in->n ? in->count * 3 : in->n);
    if (by_postings(pred, lane, chunk, in, col, wanted, null_wanted, multi, scan_ns, out)) {
        return true;
    }
    weir_id_span span = range ? wanted->spans[0] : (weir_id_span){0, 0};
    return scan(pred, lane, chunk, in, range, span.from, (int64_t)span.to - 1, out);
}

/* Leaves over numbers. */

typedef enum verdict { NONE, ALL, OPEN } verdict;

/* What the zone alone says of a chunk's rows. */
static verdict judge_zone(const weir_pred *pred, const weir_column *col, const weir_zone *zone, uint32_t rows)
{
    bool null_wanted = pred->leaf->null_number == pred->want;
    bool is_long = col->type.kind == WEIR_LONG;
    bool ranged = is_long                           ? pred->long_range
                  : col->type.kind == WEIR_DOUBLE ? pred->double_range
                                                    : pred->float_range;
    if (zone->null_count >= rows) {
        return null_wanted ? ALL : NONE;
    }
    if (ranged && zone->has_range && !zone->has_nan) {
        int64_t lo = is_long ? pred->lo : col->type.kind == WEIR_DOUBLE ? pred->dlo : pred->flo;
        int64_t hi = is_long ? pred->hi : col->type.kind == WEIR_DOUBLE ? pred->dhi : pred->fhi;
        int64_t min = is_long ? zone->min.l : weir_double_rank(zone->min.d);
        int64_t max = is_long ? zone->max.l : weir_double_rank(zone->max.d);
        bool inside = min >= lo && max <= hi, outside = max < lo || min > hi;
        if ((inside || outside) && (zone->null_count == 0 || (inside != pred->negated) == null_wanted)) {
            return inside != pred->negated ? ALL : NONE;
        }
    }
    return OPEN;
}

static bool number_leaf(weir_pred *pred, weir_lane *lane, const weir_block *chunk,
                        const weir_sel *in, const weir_column *col, weir_sel *out)
{
    weir_zone zone = {0};
    bool known = col->ops->zone(col, chunk->chunk, &zone);
    bool null_wanted = pred->leaf->null_number == pred->want;
    bool is_long = col->type.kind == WEIR_LONG;
    verdict told = known ? judge_zone(pred, col, &zone, chunk->info.row_count) : OPEN;
    if (told != OPEN) {
        *out = all_or_none(in, told == ALL);
        return true;
    }
    bool range = is_long && pred->long_range && !pred->negated && pred->lo <= pred->hi && col->ops->range &&
                 (!null_wanted || (known && zone.null_count == 0));
    return scan(pred, lane, chunk, in, range, pred->lo, pred->hi, out);
}

static bool leaf_chunk(weir_pred *pred, weir_lane *lane, const weir_block *chunk,
                       const weir_sel *in, weir_sel *out)
{
    if (pred->port) {
        return scan(pred, lane, chunk, in, false, 0, 0, out);
    }
    const weir_column *col = weir_block_column(chunk, pred->slot);
    weir_type type = chunk->scan->names.types[pred->slot];
    if (!col && pred->slot != chunk->scan->time_slot) {
        *out = all_or_none(in, weir_judge_null(pred, WEIR_UNKNOWN));
        return true;
    }
    bool mixed = col && col->type.kind == WEIR_STRING && !col->dict; /* live, of several kinds */
    if (!col || mixed || col->type.kind != type.kind) {
        return scan(pred, lane, chunk, in, false, 0, 0, out);
    }
    switch ((weir_kind)type.kind) {
    case WEIR_STRING:
        return string_leaf(pred, lane, chunk, in, col, out);
    case WEIR_LONG:
    case WEIR_DOUBLE:
    case WEIR_FLOAT:
        return number_leaf(pred, lane, chunk, in, col, out);
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        return scan(pred, lane, chunk, in, false, 0, 0, out);
    }
    return false;
}

/* The tree, over a chunk or over rows that `get` reads. */

typedef struct where {
    const weir_block *chunk; /* or: */
    weir_port_get *get;
    void *self;
} where;

static bool leaf_rows(weir_pred *pred, weir_lane *lane, const where *at, const weir_sel *in,
                      weir_sel *out)
{
    weir_vec vec;
    if (pred->slot == WEIR_NO_ID && !pred->port) { /* no such column */
        *out = all_or_none(in, weir_judge_null(pred, WEIR_UNKNOWN));
        return true;
    }
    bool ok = pred->port ? weir_port_read(pred->port, &lane->run, at->get, at->self, in->n, &vec)
                         : at->get(at->self, pred->slot, &vec, &lane->err);
    uint64_t *bits = clear_bits(&lane->scratch, in->n);
    const uint64_t *of = in->kind == WEIR_SEL_ALL ? NULL : weir_sel_bits(in, &lane->scratch);
    if (!ok || !weir_judge_vec(pred, lane, &vec, of, bits)) {
        return false;
    }
    *out = within(in, bits, &lane->scratch);
    return true;
}

static bool eval(weir_pred *pred, weir_lane *lane, const where *at, const weir_sel *in,
                 weir_sel *out);

static bool eval_or(weir_pred *pred, weir_lane *lane, const where *at, const weir_sel *in,
                    weir_sel *out)
{
    weir_scratch *s = &lane->scratch;
    uint64_t *bits = clear_bits(s, in->n), *rest = clear_bits(s, in->n);
    weir_sel left = *in, found;
    *out = weir_sel_none(in->n);
    for (uint32_t i = 0; i < pred->child_count && left.kind != WEIR_SEL_NONE; i++) {
        if (!eval(pred->children[i], lane, at, &left, &found)) {
            return false;
        }
        if (found.kind == WEIR_SEL_NONE) {
            continue;
        }
        const uint64_t *all = weir_sel_bits(&left, s), *more = weir_sel_bits(&found, s);
        for (uint32_t w = 0; w < weir_words(in->n); w++) {
            bits[w] |= more[w];
            rest[w] = all[w] & ~more[w];
        }
        left = weir_sel_of_bits(rest, in->n);
    }
    *out = weir_sel_of_bits(bits, in->n);
    return true;
}

static bool eval_rest(weir_pred *pred, weir_lane *lane, const where *at, const weir_sel *in,
                      weir_sel *out)
{
    weir_sel found;
    if (!eval(pred->children[0], lane, at, in, &found)) {
        return false;
    }
    if (found.kind == WEIR_SEL_NONE) {
        *out = *in;
        return true;
    }
    weir_scratch *s = &lane->scratch;
    uint64_t *bits = clear_bits(s, in->n);
    const uint64_t *all = weir_sel_bits(in, s), *less = weir_sel_bits(&found, s);
    for (uint32_t w = 0; w < weir_words(in->n); w++) {
        bits[w] = all[w] & ~less[w];
    }
    *out = weir_sel_of_bits(bits, in->n);
    return true;
}

static bool eval(weir_pred *pred, weir_lane *lane, const where *at, const weir_sel *in,
                 weir_sel *out)
{
    switch ((weir_filter_kind)pred->kind) {
    case WEIR_FILTER_TRUE:
        *out = *in;
        return true;
    case WEIR_FILTER_FALSE:
        *out = weir_sel_none(in->n);
        return true;
    case WEIR_FILTER_LEAF:
        return at->chunk ? leaf_chunk(pred, lane, at->chunk, in, out)
                         : leaf_rows(pred, lane, at, in, out);
    case WEIR_FILTER_OR:
        return eval_or(pred, lane, at, in, out);
    case WEIR_FILTER_AND:
        *out = *in;
        for (uint32_t i = 0; i < pred->child_count && out->kind != WEIR_SEL_NONE; i++) {
            weir_sel left = *out;
            if (!eval(pred->children[i], lane, at, &left, out)) {
                return false;
            }
        }
        return true;
    case WEIR_FILTER_REST:
        return eval_rest(pred, lane, at, in, out);
    case WEIR_FILTER_NOT:
    case WEIR_FILTER_ISTRUE:
        break;
    }
    assert(!"not was pushed down to the leaves");
    return false;
}

bool weir_pred_chunk(weir_pred *pred, weir_lane *lane, const weir_block *chunk, const weir_sel *in,
                     weir_sel *out)
{
    return eval(pred, lane, &(where){.chunk = chunk}, in, out);
}

bool weir_pred_excludes(const weir_pred *pred, const weir_scan *scan, uint32_t seg, uint32_t chunk)
{
    weir_chunk_info info;
    weir_zone zone = {0};
    const weir_rows *rows = scan->segs[seg].rows;
    uint32_t excluded = 0;
    for (uint32_t i = 0; i < pred->child_count; i++) {
        excluded += weir_pred_excludes(pred->children[i], scan, seg, chunk);
    }
    if (pred->kind == WEIR_FILTER_AND || pred->kind == WEIR_FILTER_OR) {
        return pred->kind == WEIR_FILTER_AND ? excluded > 0 : excluded == pred->child_count;
    }
    if (pred->kind != WEIR_FILTER_LEAF || pred->port || pred->slot == WEIR_NO_ID) {
        return false;
    }
    const weir_column *col = scan->segs[seg].columns[pred->slot];
    if (!col || !weir_type_is_number(col->type) || col->type.kind != scan->names.types[pred->slot].kind ||
        !col->ops->zone(col, chunk, &zone)) {
        return false;
    }
    rows->ops->chunk(rows, chunk, &info);
    return judge_zone(pred, col, &zone, info.row_count) == NONE;
}

bool weir_pred_rows(weir_pred *pred, weir_lane *lane, weir_port_get *get, void *self, uint32_t n,
                    const weir_sel *in, weir_sel *out)
{
    assert(in->n == n);
    (void)n;
    return eval(pred, lane, &(where){.get = get, .self = self}, in, out);
}
