/* query/filter_judge.c - verdicts: of every value of a dictionary once (a byte each, shared by the
 * workers), of numbers by range or by call. A string column costs one table look-up a row, whatever
 * the predicate is. */
#include "query/filter_judge.h"
#include "compute/json_text.h"
#include <assert.h>
#include <stdlib.h>

enum { MAX_SPANS = 256, PENDING = 255 };

bool weir_judge_null(const weir_pred *pred, uint8_t kind)
{
    bool number = kind == WEIR_LONG || kind == WEIR_FLOAT || kind == WEIR_DOUBLE;
    return (number ? pred->leaf->null_number : pred->leaf->null_verdict) == pred->want;
}

/* Spans of wanted ids from the spans of TRUE ids: for FALSE, what lies between. */
static uint32_t wanted_spans(const weir_pred *pred, const weir_id_span *spans, uint32_t count,
                             uint32_t dict_count, weir_id_span *out)
{
    uint32_t n = 0, at = 1;
    for (uint32_t i = 0; i < count; i++) {
        weir_id_span span = spans[i];
        span.from = span.from < 1 ? 1 : span.from;
        if (!pred->negated && span.from < span.to) {
            out[n++] = span;
        } else if (pred->negated && at < span.from) {
            out[n++] = (weir_id_span){at, span.from};
        }
        at = span.to > at ? span.to : at;
    }
    if (pred->negated && at < dict_count) {
        out[n++] = (weir_id_span){at, dict_count};
    }
    return n;
}

static weir_wanted *keep_wanted(weir_pred_store *store, const weir_id_span *spans, uint32_t count,
                                uint32_t ids)
{
    weir_wanted *wanted = WEIR_SCRATCH_ARRAY(&store->scratch, weir_wanted, 1);
    weir_id_span *copy = NULL;
    if (spans) {
        copy = WEIR_SCRATCH_ARRAY(&store->scratch, weir_id_span, count + 1);
        memcpy(copy, spans, count * sizeof(*copy));
    }
    *wanted = (weir_wanted){count, copy, ids};
    return wanted;
}

static weir_judged *find_judged(weir_pred *pred, const weir_dict *dict)
{
    weir_judged *judged = atomic_load_explicit(&pred->judged, memory_order_acquire);
    while (judged && (judged->uid != dict->uid || judged->count < dict->count)) {
        judged = judged->next;
    }
    return judged;
}

weir_judged *weir_judged_of(weir_pred *pred, weir_lane *lane, const weir_dict *dict)
{
    (void)lane;
    weir_judged *judged = find_judged(pred, dict);
    if (judged) {
        return judged;
    }
    weir_id_span spans[MAX_SPANS], wanted[MAX_SPANS + 1];
    uint32_t span_count = UINT32_MAX, ids = 0, wanted_count = 0;
    if (dict->sorted && pred->leaf->type->spans) {
        span_count = pred->leaf->type->spans(pred->leaf, dict, spans, MAX_SPANS);
    }
    if (span_count != UINT32_MAX) {
        wanted_count = wanted_spans(pred, spans, span_count, dict->count, wanted);
    }
    for (uint32_t i = 0; i < wanted_count; i++) {
        ids += wanted[i].to - wanted[i].from;
    }
    weir_pred_store *store = pred->store;
    pthread_mutex_lock(&store->lock);
    judged = find_judged(pred, dict);
    if (!judged) {
        judged = WEIR_SCRATCH_ARRAY(&store->scratch, weir_judged, 1);
        memset(judged, 0, sizeof(*judged));
        judged->uid = dict->uid;
        judged->count = dict->count;
        judged->dict = dict;
        judged->next = atomic_load_explicit(&pred->judged, memory_order_relaxed);
        if (span_count != UINT32_MAX) {
            atomic_init(&judged->wanted, keep_wanted(store, wanted, wanted_count, ids));
        }
        atomic_store_explicit(&pred->judged, judged, memory_order_release);
    }
    pthread_mutex_unlock(&store->lock);
    return judged;
}

static _Atomic uint8_t *make_verdicts(weir_pred *pred, weir_judged *judged)
{
    uint8_t *table = WEIR_SCRATCH_ARRAY(&pred->store->scratch, uint8_t, judged->count);
    const weir_wanted *wanted = atomic_load_explicit(&judged->wanted, memory_order_acquire);
    weir_verdict other = pred->want == WEIR_V_TRUE ? WEIR_V_FALSE : WEIR_V_TRUE;
    memset(table, wanted ? 1 + (int)other : 0, judged->count);
    for (uint32_t i = 0; wanted && i < wanted->span_count; i++) {
        weir_id_span span = wanted->spans[i];
        memset(table + span.from, 1 + (int)pred->want, span.to - span.from);
    }
    table[0] = (uint8_t)(1 + pred->leaf->null_verdict);
    return (_Atomic uint8_t *)table;
}

static _Atomic uint8_t *verdicts_of(weir_pred *pred, weir_judged *judged)
{
    _Atomic uint8_t *table = atomic_load_explicit(&judged->verdicts, memory_order_acquire);
    if (table) {
        return table;
    }
    pthread_mutex_lock(&pred->store->lock);
    table = atomic_load_explicit(&judged->verdicts, memory_order_relaxed);
    if (!table) {
        table = make_verdicts(pred, judged);
        atomic_store_explicit(&judged->verdicts, table, memory_order_release);
    }
    pthread_mutex_unlock(&pred->store->lock);
    return table;
}

static inline uint8_t verdict_at(_Atomic uint8_t *table, uint32_t id)
{
    return atomic_load_explicit(&table[id], memory_order_relaxed);
}

/* Judges ids that were marked PENDING by this lane. */
static bool judge_ids(weir_pred *pred, weir_lane *lane, const weir_dict *dict,
                      _Atomic uint8_t *table, const uint32_t *ids, uint32_t n)
{
    weir_scratch *s = &lane->scratch;
    weir_mark mark = weir_scratch_mark(s);
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    bool ok = dict->ops->values(dict, ids, n, s, values, &lane->err);
    for (uint32_t i = 0; ok && i < n; i++) {
        uint8_t verdict = (uint8_t)(1 + pred->leaf->type->string(pred->leaf, values[i]));
        atomic_store_explicit(&table[ids[i]], verdict, memory_order_relaxed);
    }
    weir_scratch_rewind(s, mark);
    return ok;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Every id of ids[0..n) that matters is judged afterwards. */
static bool ensure_judged(weir_pred *pred, weir_lane *lane, const weir_dict *dict,
                          _Atomic uint8_t *table, const uint32_t *ids, uint32_t n,
                          const uint64_t *in)
{
    uint32_t *missing = NULL, count = 0;
    weir_mark mark = weir_scratch_mark(&lane->scratch);
    for (uint32_t i = 0; i < n; i++) {
        if (verdict_at(table, ids[i]) != 0 || (in && !weir_bit(in, i))) {
            continue;
        }
        if (!missing) {
            missing = WEIR_SCRATCH_ARRAY(&lane->scratch, uint32_t, n);
        }
        missing[count++] = ids[i];
        atomic_store_explicit(&table[ids[i]], PENDING, memory_order_relaxed);
    }
    bool ok = true;
    if (count) {
        qsort(missing, count, sizeof(*missing), by_id);
    }
    for (uint32_t at = 0; ok && at < count; at += WEIR_BLOCK_ROWS) {
        uint32_t take = count - at < WEIR_BLOCK_ROWS ? count - at : WEIR_BLOCK_ROWS;
        ok = weir_ctl_check(lane->run.ctl, &lane->err) &&
             judge_ids(pred, lane, dict, table, missing + at, take);
    }
    weir_scratch_rewind(&lane->scratch, mark);
    return ok;
}

/* One value whose verdict another lane may still be at work on. */
static bool settle(weir_pred *pred, weir_lane *lane, const weir_dict *dict, _Atomic uint8_t *table,
                   uint32_t id, uint8_t *out)
{
    *out = verdict_at(table, id);
    if (*out == PENDING || *out == 0) {
        if (!judge_ids(pred, lane, dict, table, &id, 1)) {
            return false;
        }
        *out = verdict_at(table, id);
    }
    return true;
}

bool weir_judged_complete(weir_pred *pred, weir_lane *lane, weir_judged *judged)
{
    if (atomic_load_explicit(&judged->wanted, memory_order_acquire)) {
        return true;
    }
    _Atomic uint8_t *table = verdicts_of(pred, judged);
    uint32_t ids[WEIR_BLOCK_ROWS];
    weir_id_span spans[MAX_SPANS];
    uint32_t span_count = 0, wanted = 0;
    for (uint32_t from = 1; from < judged->count; from += WEIR_BLOCK_ROWS) {
        uint32_t left = judged->count - from, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        uint32_t missing = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint8_t verdict = verdict_at(table, from + i);
            if (verdict == 0 || verdict == PENDING) {
                ids[missing++] = from + i;
            }
        }
        if (!weir_ctl_check(lane->run.ctl, &lane->err) ||
            (missing && !judge_ids(pred, lane, judged->dict, table, ids, missing))) {
            return false;
        }
        for (uint32_t id = from; id < from + n; id++) {
            if (verdict_at(table, id) != 1 + (uint8_t)pred->want) {
                continue;
            }
            wanted++;
            if (span_count && span_count <= MAX_SPANS && spans[span_count - 1].to == id) {
                spans[span_count - 1].to++;
            } else if (span_count < MAX_SPANS) {
                spans[span_count++] = (weir_id_span){id, id + 1};
            } else {
                span_count = MAX_SPANS + 1;
            }
        }
    }
    bool few = span_count <= MAX_SPANS;
    pthread_mutex_lock(&pred->store->lock);
    if (!atomic_load_explicit(&judged->wanted, memory_order_relaxed)) {
        weir_wanted *known =
            keep_wanted(pred->store, few ? spans : NULL, few ? span_count : 0, wanted);
        atomic_store_explicit(&judged->wanted, known, memory_order_release);
    }
    pthread_mutex_unlock(&pred->store->lock);
    return true;
}

/* Vectors. */

static void fill(uint64_t *bits, uint32_t n, bool all)
{
    memset(bits, all ? 0xff : 0, weir_words(n) * sizeof(*bits));
}

static weir_verdict of_string(const weir_pred *pred, weir_str value)
{
    return pred->leaf->type->string(pred->leaf, value);
}

static weir_verdict of_long(const weir_pred *pred, int64_t value)
{
    if (pred->leaf->type->lng) {
        return pred->leaf->type->lng(pred->leaf, value);
    }
    char text[32];
    return of_string(pred, (weir_str){text, weir_print_long(text, value)});
}

static weir_verdict of_double(const weir_pred *pred, double value)
{
    if (pred->leaf->type->dbl) {
        return pred->leaf->type->dbl(pred->leaf, value);
    }
    char text[32];
    return of_string(pred, (weir_str){text, weir_print_double(text, value)});
}

static weir_verdict of_float(const weir_pred *pred, float value)
{
    if (pred->leaf->type->flt) {
        return pred->leaf->type->flt(pred->leaf, value);
    }
    char text[32];
    return of_string(pred, (weir_str){text, weir_print_float(text, value)});
}

/* A literal of json is judged as what it is; of other complex values filters only know that they
 * are there. */
static weir_verdict of_complex(const weir_pred *pred, weir_type type, weir_str value)
{
    if (pred->leaf->type->any_value) {
        return of_string(pred, value);
    }
    if (!type.complex || strcmp(type.complex->name, "json") != 0) {
        return WEIR_V_FALSE;
    }
    weir_buf text = {0};
    weir_verdict verdict = WEIR_V_FALSE;
    switch (weir_json_kind_of(value)) {
    case WEIR_JSON_STRING:
        weir_json_unquote(value, &text);
        verdict = of_string(pred, weir_buf_view(&text));
        weir_buf_done(&text);
        break;
    case WEIR_JSON_LONG:
        verdict = of_long(pred, weir_json_to_long(value));
        break;
    case WEIR_JSON_DOUBLE:
        verdict = of_double(pred, weir_json_to_double(value));
        break;
    case WEIR_JSON_NULL:
    case WEIR_JSON_TRUE:
    case WEIR_JSON_FALSE:
    case WEIR_JSON_OBJECT:
    case WEIR_JSON_ARRAY:
        break;
    }
    return verdict;
}

static weir_verdict of_flat(const weir_pred *pred, const weir_vec *vec, uint32_t i)
{
    if (vec->nulls && weir_bit(vec->nulls, i)) {
        return weir_type_is_number(vec->type) ? pred->leaf->null_number : pred->leaf->null_verdict;
    }
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        return of_long(pred, vec->at.l[i]);
    case WEIR_DOUBLE:
        return of_double(pred, vec->at.d[i]);
    case WEIR_FLOAT:
        return of_float(pred, vec->at.f[i]);
    case WEIR_STRING:
        return of_string(pred, vec->at.s[i]);
    case WEIR_COMPLEX:
        return of_complex(pred, vec->type, vec->at.s[i]);
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        return WEIR_V_UNKNOWN;
    }
    return WEIR_V_UNKNOWN;
}

static void ranged(const weir_pred *pred, const weir_vec *vec, int64_t lo, int64_t hi,
                   uint64_t *bits)
{
    uint64_t flip = pred->negated ? ~0ull : 0;
    for (uint32_t w = 0; w < weir_words(vec->n); w++) {
        uint32_t from = w * 64, n = vec->n - from < 64 ? vec->n - from : 64;
        uint64_t word = 0;
        if (vec->type.kind == WEIR_LONG) {
            for (uint32_t i = 0; i < n; i++) {
                int64_t v = vec->at.l[from + i];
                word |= (uint64_t)((v >= lo) & (v <= hi)) << i;
            }
        } else {
            for (uint32_t i = 0; i < n; i++) {
                int64_t v =
                    weir_double_rank(vec->type.kind == WEIR_DOUBLE ? vec->at.d[from + i]
                                                                   : (double)vec->at.f[from + i]);
                word |= (uint64_t)((v >= lo) & (v <= hi)) << i;
            }
        }
        bits[w] = word ^ flip;
    }
    if (!vec->nulls) {
        return;
    }
    uint64_t keep = weir_judge_null(pred, vec->type.kind) ? ~0ull : 0;
    for (uint32_t w = 0; w < weir_words(vec->n); w++) {
        bits[w] = (bits[w] & ~vec->nulls[w]) | (vec->nulls[w] & keep);
    }
}

static void one_by_one(const weir_pred *pred, const weir_vec *vec, const uint64_t *in,
                       uint64_t *bits)
{
    fill(bits, vec->n, false);
    for (uint32_t i = 0; i < vec->n; i++) {
        if ((!in || weir_bit(in, i)) && of_flat(pred, vec, i) == pred->want) {
            weir_bit_set(bits, i);
        }
    }
}

static void judge_flat(const weir_pred *pred, const weir_vec *vec, const uint64_t *in,
                       uint64_t *bits)
{
    if (vec->type.kind == WEIR_LONG && pred->long_range) {
        ranged(pred, vec, pred->lo, pred->hi, bits);
    } else if (vec->type.kind == WEIR_DOUBLE && pred->double_range) {
        ranged(pred, vec, pred->dlo, pred->dhi, bits);
    } else if (vec->type.kind == WEIR_FLOAT && pred->float_range) {
        ranged(pred, vec, pred->flo, pred->fhi, bits);
    } else {
        one_by_one(pred, vec, in, bits);
    }
}

static bool judge_dict(weir_pred *pred, weir_lane *lane, const weir_vec *vec, const uint64_t *in,
                       uint64_t *bits)
{
    _Atomic uint8_t *table = verdicts_of(pred, weir_judged_of(pred, lane, vec->dict));
    const uint32_t *ids = vec->at.ids;
    if (!ensure_judged(pred, lane, vec->dict, table, ids, vec->n, in)) {
        return false;
    }
    uint8_t want = (uint8_t)(1 + pred->want);
    uint64_t pending = 0;
    for (uint32_t w = 0; w < weir_words(vec->n); w++) {
        uint32_t from = w * 64, n = vec->n - from < 64 ? vec->n - from : 64;
        uint64_t word = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint8_t v = verdict_at(table, ids[from + i]);
            word |= (uint64_t)(v == want) << i;
            pending |= v == PENDING;
        }
        bits[w] = word;
    }
    for (uint32_t i = 0; pending && i < vec->n; i++) { /* rare: another lane is at it */
        uint8_t v = verdict_at(table, ids[i]);
        if (v == PENDING && !settle(pred, lane, vec->dict, table, ids[i], &v)) {
            return false;
        }
        if (v == want) {
            weir_bit_set(bits, i);
        }
    }
    return true;
}

/* A row is true when some element is, false when none is true or unknown; an empty list is one
 * null. */
static bool judge_lists(weir_pred *pred, weir_lane *lane, const weir_vec *vec, const uint64_t *in,
                        uint64_t *bits)
{
    const weir_vec *items = vec->items;
    const uint32_t *offsets = vec->at.offsets;
    uint32_t base = offsets[0], count = offsets[vec->n] - base;
    bool dict = items->form == WEIR_DICT;
    _Atomic uint8_t *table = NULL;
    if (dict) {
        table = verdicts_of(pred, weir_judged_of(pred, lane, items->dict));
        if (!ensure_judged(pred, lane, items->dict, table, items->at.ids + base, count, NULL)) {
            return false;
        }
    }
    fill(bits, vec->n, false);
    for (uint32_t i = 0; i < vec->n; i++) {
        if (in && !weir_bit(in, i)) {
            continue;
        }
        uint32_t from = offsets[i], to = offsets[i + 1];
        bool null_row = from == to || (vec->nulls && weir_bit(vec->nulls, i));
        uint32_t seen = null_row ? 1u << pred->leaf->null_verdict : 0;
        for (; !null_row && from < to; from++) {
            uint8_t v = 0;
            if (!dict) {
                seen |= 1u << of_flat(pred, items, from);
            } else if (settle(pred, lane, items->dict, table, items->at.ids[from], &v)) {
                seen |= 1u << (v - 1);
            } else {
                return false;
            }
        }
        weir_verdict verdict = seen & 1u << WEIR_V_TRUE      ? WEIR_V_TRUE
                               : seen & 1u << WEIR_V_UNKNOWN ? WEIR_V_UNKNOWN
                                                             : WEIR_V_FALSE;
        if (verdict == pred->want) {
            weir_bit_set(bits, i);
        }
    }
    return true;
}

/* One element of an array under a leaf that looks for one. */
static bool element_matches(weir_pred *pred, weir_lane *lane, const weir_vec *items,
                            _Atomic uint8_t *table, uint32_t k, bool null_matches, bool *out)
{
    if (weir_vec_is_null(items, k)) {
        *out = null_matches;
        return true;
    }
    uint8_t v = 0;
    if (table && !settle(pred, lane, items->dict, table, items->at.ids[k], &v)) {
        return false;
    }
    *out = (table ? (weir_verdict)(v - 1) : of_flat(pred, items, k)) == WEIR_V_TRUE;
    return true;
}

/* Rows of an ARRAY column: a null row is null, any other is judged whole or by its elements. */
static bool judge_arrays(weir_pred *pred, weir_lane *lane, const weir_vec *vec, const uint64_t *in,
                         uint64_t *bits)
{
    const weir_leaf_type *type = pred->leaf->type;
    const uint32_t *offsets = vec->at.offsets;
    weir_vec items = *vec->items;
    _Atomic uint8_t *table = NULL;
    bool null_matches = type->null_element && type->null_element(pred->leaf);
    if (!type->array && !type->null_element && !type->any_value) {
        return weir_fail(&lane->err, WEIR_ERR_RUN, "Predicate does not support ARRAY types");
    }
    if (type->null_element && items.form == WEIR_DICT) {
        table = verdicts_of(pred, weir_judged_of(pred, lane, items.dict));
        if (!ensure_judged(pred, lane, items.dict, table, items.at.ids + offsets[0],
                           offsets[vec->n] - offsets[0], NULL)) {
            return false;
        }
    } else if (!type->any_value &&
               !weir_vec_flatten(vec->items, &lane->scratch, &items, &lane->err)) {
        return false;
    }
    fill(bits, vec->n, false);
    for (uint32_t i = 0; i < vec->n; i++) {
        if (in && !weir_bit(in, i)) {
            continue;
        }
        weir_verdict verdict = WEIR_V_FALSE;
        if (vec->nulls && weir_bit(vec->nulls, i)) {
            verdict = pred->leaf->null_verdict;
        } else if (type->any_value) {
            verdict = of_string(pred, (weir_str){0});
        } else if (type->array) {
            verdict = type->array(pred->leaf, &items, offsets[i], offsets[i + 1]);
        } else {
            bool found = false;
            for (uint32_t k = offsets[i]; k < offsets[i + 1] && !found; k++) {
                if (!element_matches(pred, lane, &items, table, k, null_matches, &found)) {
                    return false;
                }
            }
            verdict = found ? WEIR_V_TRUE : WEIR_V_FALSE;
        }
        if (verdict == pred->want) {
            weir_bit_set(bits, i);
        }
    }
    return true;
}

static bool judge_const(weir_pred *pred, weir_lane *lane, const weir_vec *vec, uint64_t *bits)
{
    weir_vec one = *vec;
    uint64_t word = 0;
    one.n = 1;
    if (weir_vec_is_null(vec, 0)) {
        bool null_wanted = weir_judge_null(pred, vec->type.kind);
        fill(bits, vec->n, null_wanted);
        return true;
    }
    one.form = vec->items ? WEIR_LIST : vec->dict ? WEIR_DICT : WEIR_FLAT;
    if (!weir_judge_vec(pred, lane, &one, NULL, &word)) {
        return false;
    }
    fill(bits, vec->n, word & 1);
    return true;
}

bool weir_judge_vec(weir_pred *pred, weir_lane *lane, const weir_vec *vec, const uint64_t *in,
                    uint64_t *bits)
{
    switch ((weir_form)vec->form) {
    case WEIR_CONST:
        return judge_const(pred, lane, vec, bits);
    case WEIR_FLAT:
        judge_flat(pred, vec, in, bits);
        return true;
    case WEIR_DICT:
        return judge_dict(pred, lane, vec, in, bits);
    case WEIR_LIST:
        return vec->type.kind == WEIR_ARRAY && !vec->type.multi
                   ? judge_arrays(pred, lane, vec, in, bits)
                   : judge_lists(pred, lane, vec, in, bits);
    case WEIR_SCALED:
        assert(!"predicates read plain doubles");
        return false;
    }
    return false;
}
