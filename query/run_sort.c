/* query/run_sort.c - rows are compared by a 64-bit rank of the first key, and whole only where ranks are equal. With a limit the table is
 * cut back to the rows that can still win (quickselect) whenever it has doubled, and later rows worse than the worst of them are not even kept. */
#include "query/run_sort.h"
#include "query/filter_judge.h" /* weir_double_rank */
#include <assert.h>
#include <stdlib.h>

enum { CUT_ROWS_MIN = 4096 };

typedef struct item {
    uint64_t rank;
    uint32_t row;
} item;

struct weir_sort_run {
    weir_stage stage;
    const weir_node_sort *node;
    uint32_t column_count;
    weir_str *names;
    weir_type *types;
    weir_table_rows *table;
    int64_t keep;        /* rows that can be asked for (of each bucket); -1: all */
    bool one_bucket;     /* all rows so far have the same value in column 0, where that is a bucket or the first key */
    bool some;
    int64_t bucket;      /* that value */
    bool has_worst;
    uint64_t worst;      /* rank of the worst row that can still win */
    uint32_t cut_at;     /* rows at which the table is cut back */
    weir_vec *columns;   /* the table's, in place, while sorting */
    weir_area items;
    uint32_t at, count;
    int64_t in_bucket;   /* rows seen of the bucket at hand */
    int64_t bucket_at;
};

/* The first key is the bucket: while all rows have one and the same, the second key is what tells rows apart. */
static bool leads_by_bucket(const weir_sort_run *sort)
{
    const weir_node_sort *node = sort->node;
    return node->key_count > 0 && node->keys[0].column == 0 && sort->types[0].kind == WEIR_LONG;
}

/* The key that ranks rows; NULL: none. */
static const weir_sort_key *lead_key(const weir_sort_run *sort)
{
    uint32_t skip = sort->one_bucket && leads_by_bucket(sort);
    return skip < sort->node->key_count ? &sort->node->keys[skip] : NULL;
}

weir_sort_run *weir_sort_run_new(const weir_stage *stage, const weir_node_sort *node,
                                 uint32_t column_count, const weir_str *names,
                                 const weir_type *types)
{
    weir_sort_run *sort = WEIR_ARENA_NEW(stage->arena, weir_sort_run);
    *sort = (weir_sort_run){.stage = *stage, .node = node, .column_count = column_count};
    sort->names = WEIR_ARENA_ARRAY(stage->arena, weir_str, column_count + 1);
    sort->types = WEIR_ARENA_ARRAY(stage->arena, weir_type, column_count + 1);
    memcpy(sort->names, names, column_count * sizeof(*names));
    memcpy(sort->types, types, column_count * sizeof(*types));
    sort->columns = WEIR_ARENA_ARRAY(stage->arena, weir_vec, column_count + 1);
    sort->keep = node->limit < 0 || node->limit > INT64_MAX - node->offset
                     ? -1
                     : node->limit + node->offset;
    sort->one_bucket = sort->node->per_bucket || leads_by_bucket(sort);
    sort->cut_at = sort->keep >= 0 && sort->keep < CUT_ROWS_MIN / 2 ? CUT_ROWS_MIN
                   : sort->keep >= 0 && sort->keep < INT32_MAX / 2 ? (uint32_t)sort->keep * 2
                                                                    : UINT32_MAX;
    return sort;
}

void weir_sort_run_done(weir_sort_run *sort)
{
    weir_table_rows_free(sort->table);
    sort->table = NULL;
    weir_area_done(&sort->items, sort->stage.budget);
}

/* Ranks: never contrary to the order, equal where 64 bits do not tell. */

static uint64_t string_rank(weir_str s)
{
    uint64_t rank = 0;
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t byte = i < s.size ? (uint8_t)s.at[i] : 0;
        if (byte >= 0xEE) { /* UTF-16: F0..F4 before EE, EF */
            byte = (uint8_t)(byte >= 0xF0 ? byte - 2 : byte + 5);
        }
        rank = rank << 8 | byte;
    }
    return rank;
}

/* Of a column of the table. */
static weir_str text_at(const weir_vec *vec, uint32_t row)
{
    return weir_intern_value((const weir_intern *)vec->dict, vec->at.ids[row]);
}

/* A sketch's estimate, say; all are equal where the type has no order. */
static double complex_rank(const weir_vec *vec, uint32_t i)
{
    const weir_complex *complex = vec->type.complex;
    return complex && complex->rank ? complex->rank(vec->at.s[vec->form == WEIR_CONST ? 0 : i]) : 0;
}

static uint64_t value_rank(const weir_sort_key *key, const weir_vec *vec, uint32_t i)
{
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        return (uint64_t)vec->at.l[i] ^ 1ull << 63;
    case WEIR_DOUBLE:
        return (uint64_t)weir_double_rank(vec->at.d[i]) ^ 1ull << 63;
    case WEIR_FLOAT:
        return (uint64_t)weir_double_rank((double)vec->at.f[i]) ^ 1ull << 63;
    case WEIR_STRING:
        if (vec->form == WEIR_LIST || (key->ordering && key->ordering != &weir_order_lexicographic)) {
            return 1ull << 63;
        }
        return string_rank(vec->form == WEIR_FLAT ? vec->at.s[i] : text_at(vec, i));
    case WEIR_COMPLEX:
        return (uint64_t)weir_double_rank(complex_rank(vec, i)) ^ 1ull << 63;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        return 1ull << 63;
    }
    return 0;
}

/* The first and last ranks are nulls' own. */
static uint64_t rank_of(const weir_sort_key *key, const weir_vec *vec, uint32_t i)
{
    if (weir_vec_is_null(vec, i)) {
        return key->nulls_last ? UINT64_MAX : 0;
    }
    uint64_t rank = 1 + (value_rank(key, vec, i) >> 1);
    return key->descending ? UINT64_MAX - rank : rank;
}

/* Comparing rows of the table. */

/* Lists compare by element, nulls first, shorter first. */
static int compare_lists(const weir_vec *vec, const weir_ordering *ordering, uint32_t a, uint32_t b)
{
    const uint32_t *o = vec->at.offsets;
    uint32_t i = o[a], j = o[b];
    for (; i < o[a + 1] && j < o[b + 1]; i++, j++) {
        uint32_t x = vec->items->at.ids[i], y = vec->items->at.ids[j];
        if (x != y) {
            return x == 0   ? -1
                   : y == 0 ? 1
                            : ordering->compare(text_at(vec->items, i), text_at(vec->items, j));
        }
    }
    return (i < o[a + 1]) - (j < o[b + 1]);
}

static int compare_values(const weir_vec *vec, const weir_sort_key *key, uint32_t a, uint32_t b)
{
    const weir_ordering *ordering = key->ordering ? key->ordering : &weir_order_lexicographic;
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        return weir_long_cmp(vec->at.l[a], vec->at.l[b]);
    case WEIR_DOUBLE:
        return weir_double_cmp(vec->at.d[a], vec->at.d[b]);
    case WEIR_FLOAT:
        return weir_double_cmp((double)vec->at.f[a], (double)vec->at.f[b]);
    case WEIR_STRING:
        if (vec->form == WEIR_LIST) {
            return compare_lists(vec, ordering, a, b);
        }
        return vec->at.ids[a] == vec->at.ids[b] ? 0
                                                : ordering->compare(text_at(vec, a), text_at(vec, b));
    case WEIR_COMPLEX:
        return weir_double_cmp(complex_rank(vec, a), complex_rank(vec, b));
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        return 0;
    }
    return 0;
}

static int compare_key(const weir_sort_run *sort, const weir_sort_key *key, uint32_t a, uint32_t b)
{
    const weir_vec *vec = &sort->columns[key->column];
    bool x = weir_vec_is_null(vec, a), y = weir_vec_is_null(vec, b);
    if (x || y) {
        int order = x - y; /* 1: only a is null */
        return key->nulls_last ? order : -order;
    }
    int order = compare_values(vec, key, a, b);
    return key->descending ? -order : order;
}

static int compare_rows(const weir_sort_run *sort, uint32_t a, uint32_t b)
{
    if (sort->node->per_bucket && !sort->one_bucket) {
        const int64_t *buckets = sort->columns[0].at.l;
        if (buckets[a] != buckets[b]) {
            return buckets[a] < buckets[b] ? -1 : 1;
        }
    }
    for (uint32_t k = 0; k < sort->node->key_count; k++) {
        int order = compare_key(sort, &sort->node->keys[k], a, b);
        if (order) {
            return order;
        }
    }
    return a < b ? -1 : a > b;
}

static inline bool is_less(const weir_sort_run *sort, const item *a, const item *b)
{
    return a->rank != b->rank ? a->rank < b->rank : compare_rows(sort, a->row, b->row) < 0;
}

static int compare_items(const void *a, const void *b, void *sort)
{
    const item *x = a, *y = b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return compare_rows(sort, x->row, y->row);
}

/* Items of all rows of the table. With several buckets the bucket is the rank. */
static bool make_items(weir_sort_run *sort, weir_lane *lane)
{
    uint32_t n = weir_table_rows_count(sort->table);
    const weir_sort_key *key = lead_key(sort);
    if (!weir_area_fresh(&sort->items, sort->stage.budget, (n + (size_t)1) * sizeof(item),
                         &lane->err)) {
        return false;
    }
    for (uint32_t c = 0; c < sort->column_count; c++) {
        sort->columns[c] = weir_table_rows_column(sort->table, c);
    }
    item *items = sort->items.at;
    bool by_bucket = sort->node->per_bucket && !sort->one_bucket;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t rank = by_bucket ? (uint64_t)sort->columns[0].at.l[i] ^ 1ull << 63
                        : key     ? rank_of(key, &sort->columns[key->column], i)
                                  : 0;
        items[i] = (item){rank, i};
        if (i % WEIR_BLOCK_ROWS == 0 && !weir_ctl_check(lane->run.ctl, &lane->err)) {
            return false;
        }
    }
    sort->count = n;
    return true;
}

/* The `keep` smallest items come first, in no order. */
static void select_items(const weir_sort_run *sort, item *items, uint32_t n, uint32_t keep)
{
    uint32_t low = 0, high = n;
    while (high - low > 1) {
        item pivot = items[low + (high - low) / 2];
        uint32_t i = low, j = high - 1;
        while (true) {
            while (is_less(sort, &items[i], &pivot)) {
                i++;
            }
            while (is_less(sort, &pivot, &items[j])) {
                j--;
            }
            if (i >= j) {
                break;
            }
            item swap = items[i];
            items[i++] = items[j];
            items[j--] = swap;
        }
        if (i == j) { /* the pivot is in its place */
            if (keep == j || keep == j + 1) {
                return;
            }
            *(keep < j ? &high : &low) = keep < j ? j : j + 1;
        } else { /* [low, j] <= pivot <= [j + 1, high) */
            *(keep <= j ? &high : &low) = j + 1;
        }
    }
}

static int by_row(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Only rows that can still be asked for stay. */
static bool cut(weir_sort_run *sort, weir_lane *lane)
{
    if (!make_items(sort, lane)) {
        return false;
    }
    item *items = sort->items.at;
    uint32_t n = sort->count, kept = 0;
    weir_area rows_area = {0};
    if (!weir_area_fresh(&rows_area, sort->stage.budget, (n + (size_t)1) * sizeof(uint32_t),
                         &lane->err)) {
        return false;
    }
    uint32_t *rows = rows_area.at;
    if (sort->one_bucket || !sort->node->per_bucket) {
        uint32_t keep = sort->keep < n ? (uint32_t)sort->keep : n;
        select_items(sort, items, n, keep);
        for (; kept < keep; kept++) {
            rows[kept] = items[kept].row;
            sort->worst = kept == 0 || items[kept].rank > sort->worst ? items[kept].rank : sort->worst;
        }
        sort->has_worst = true;
    } else { /* as many of each bucket */
        qsort_r(items, n, sizeof(*items), compare_items, sort);
        int64_t seen = 0;
        for (uint32_t i = 0; i < n; i++) {
            const int64_t *buckets = sort->columns[0].at.l;
            bool fresh = i == 0 || buckets[items[i].row] != buckets[items[i - 1].row];
            seen = fresh ? 0 : seen;
            if (seen++ < sort->keep) {
                rows[kept++] = items[i].row;
            }
        }
    }
    qsort(rows, kept, sizeof(*rows), by_row);
    weir_table_rows_keep(sort->table, rows, kept);
    sort->cut_at = kept > CUT_ROWS_MIN / 2 ? kept * 2 : CUT_ROWS_MIN;
    weir_area_done(&rows_area, sort->stage.budget);
    return true;
}

/* Watches whether more than one bucket comes. */
static bool see_buckets(weir_sort_run *sort, weir_lane *lane, const weir_vec *column, uint32_t n)
{
    weir_vec flat;
    if (!sort->one_bucket) {
        return true;
    }
    if (!weir_vec_flatten(column, &lane->scratch, &flat, &lane->err)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!sort->some) {
            sort->some = true;
            sort->bucket = flat.at.l[i];
        }
        if (flat.at.l[i] != sort->bucket) { /* rows left out so far lost within their one bucket */
            sort->one_bucket = false;
            sort->has_worst = false;
            return true;
        }
    }
    return true;
}

uint32_t weir_sort_run_lead(const weir_sort_run *sort)
{
    const weir_sort_key *key = lead_key(sort);
    return key && sort->has_worst ? key->column : WEIR_NO_ID;
}

static bool is_as_good(const weir_sort_run *sort, const weir_sort_key *key, const weir_vec *vec,
                       uint32_t i)
{
    return rank_of(key, vec, i) <= sort->worst;
}

bool weir_sort_run_can_win(const weir_sort_run *sort, weir_lane *lane, const weir_vec *lead,
                           uint32_t n, uint16_t *rows, uint32_t *count)
{
    const weir_sort_key *key = lead_key(sort);
    weir_vec flat;
    if (!weir_vec_flatten(lead, &lane->scratch, &flat, &lane->err)) {
        return false;
    }
    uint32_t kept = 0;
    if (flat.type.kind == WEIR_DOUBLE && !flat.nulls && key->descending) { /* the common case, without a call a row */
        for (uint32_t i = 0; i < n; i++) {
            uint64_t rank = (uint64_t)weir_double_rank(flat.at.d[i]) ^ 1ull << 63;
            rows[kept] = (uint16_t)i;
            kept += UINT64_MAX - (1 + (rank >> 1)) <= sort->worst;
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            rows[kept] = (uint16_t)i;
            kept += is_as_good(sort, key, &flat, i);
        }
    }
    *count = kept;
    return true;
}

/* Leaves out rows that rank below the worst one that can still win. */
static bool leave_out(weir_sort_run *sort, weir_lane *lane, const weir_vec **columns, uint32_t *n)
{
    weir_scratch *s = &lane->scratch;
    uint16_t *rows = WEIR_SCRATCH_ARRAY(s, uint16_t, *n);
    uint32_t kept;
    if (!weir_sort_run_can_win(sort, lane, &(*columns)[lead_key(sort)->column], *n, rows, &kept)) {
        return false;
    }
    if (kept == *n) {
        return true;
    }
    weir_vec *out = WEIR_SCRATCH_ARRAY(s, weir_vec, sort->column_count);
    for (uint32_t c = 0; kept && c < sort->column_count; c++) {
        weir_vec_gather(&(*columns)[c], rows, kept, s, &out[c]);
    }
    *columns = out;
    *n = kept;
    return true;
}

bool weir_sort_run_put(weir_sort_run *sort, weir_lane *lane, const weir_vec *columns, uint32_t n)
{
    if (!sort->table) {
        sort->table = weir_table_rows_new(sort->stage.budget, sort->column_count, sort->names,
                                          sort->types);
    }
    weir_mark mark = weir_scratch_mark(&lane->scratch);
    bool ok = n == 0 || see_buckets(sort, lane, &columns[0], n);
    if (ok && n && sort->has_worst && lead_key(sort)) {
        ok = leave_out(sort, lane, &columns, &n);
    }
    ok = ok && (n == 0 ||
                weir_table_rows_append(sort->table, columns, n, &lane->scratch, &lane->err));
    weir_scratch_rewind(&lane->scratch, mark);
    if (ok && weir_table_rows_count(sort->table) >= sort->cut_at) {
        ok = cut(sort, lane);
    }
    return ok;
}

bool weir_sort_run_finish(weir_sort_run *sort, weir_lane *lane)
{
    if (!sort->table) {
        return true;
    }
    if (sort->keep >= 0 && weir_table_rows_count(sort->table) > sort->keep && !cut(sort, lane)) {
        return false;
    }
    if (!make_items(sort, lane)) {
        return false;
    }
    qsort_r(sort->items.at, sort->count, sizeof(item), compare_items, sort);
    return true;
}

bool weir_sort_run_next(weir_sort_run *sort, weir_lane *lane, weir_batch *out)
{
    const weir_node_sort *node = sort->node;
    weir_scratch *s = &lane->scratch;
    const item *items = sort->items.at;
    uint32_t *rows = WEIR_SCRATCH_ARRAY(s, uint32_t, WEIR_BLOCK_ROWS), n = 0;
    *out = (weir_batch){0};
    if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
        return false;
    }
    for (; sort->at < sort->count && n < lane->block_rows; sort->at++) {
        uint32_t row = items[sort->at].row;
        if (node->per_bucket) {
            int64_t bucket = sort->columns[0].at.l[row];
            if (sort->at == 0 || bucket != sort->bucket_at) {
                sort->bucket_at = bucket;
                sort->in_bucket = 0;
            }
        }
        int64_t at = sort->in_bucket++;
        if (at >= node->offset && (node->limit < 0 || at - node->offset < node->limit)) {
            rows[n++] = row;
        }
    }
    if (n == 0) {
        return true;
    }
    weir_vec *columns = WEIR_SCRATCH_ARRAY(s, weir_vec, sort->column_count);
    for (uint32_t c = 0; c < sort->column_count; c++) {
        weir_table_rows_take(sort->table, c, rows, n, s, &columns[c]);
    }
    *out = (weir_batch){.n = n, .column_count = sort->column_count, .columns = columns};
    return true;
}
