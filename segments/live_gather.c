/* segments/live_gather.c - the values of a batch by part: a column of cells for scalars, lists in
 * the order of rows for arrays. All of it is the writer's scratch until it is put into cells. */
#include "compute/text.h"
#include "segments/live_shred.h"
#include "weir/buf.h"

struct weir_shred_part {
    weir_live_column *col;
    weir_shred_part *next;
    uint32_t n;
    union {
        int64_t *l;
        double *d;
        weir_str *s;
    } at;            /* of n rows; of the elements of arrays */
    uint64_t *nulls; /* of rows; ends as bit set = null */
    /* Arrays. */
    uint32_t *offsets, rows; /* offsets[0..rows] are set */
    uint64_t *item_nulls;
    uint32_t item_count, item_capacity;
};

static const weir_type part_types[WEIR_PARTS] = {
    [WEIR_PART_LONG] = {.kind = WEIR_LONG},
    [WEIR_PART_DOUBLE] = {.kind = WEIR_DOUBLE},
    [WEIR_PART_STRING] = {.kind = WEIR_STRING},
    [WEIR_PART_LONGS] = {.kind = WEIR_ARRAY, .elem = WEIR_LONG},
    [WEIR_PART_DOUBLES] = {.kind = WEIR_ARRAY, .elem = WEIR_DOUBLE},
    [WEIR_PART_STRINGS] = {.kind = WEIR_ARRAY, .elem = WEIR_STRING},
    [WEIR_PART_EMPTIES] = {.kind = WEIR_ARRAY, .elem = WEIR_LONG},
};

static weir_live_column *column_of(weir_shred *sh, weir_live_leaf *leaf, weir_live_part part)
{
    weir_realtime *rt = sh->rt;
    if (leaf->columns[part] == WEIR_LIVE_NO_COLUMN) {
        char *text = weir_scratch_take(sh->s, leaf->name.size + 2);
        memcpy(text, leaf->name.at, leaf->name.size);
        text[leaf->name.size] = '\001';
        text[leaf->name.size + 1] = (char)('0' + part);
        leaf->columns[part] = weir_live_add_part(rt, (weir_str){text, leaf->name.size + 2},
                                                 part_types[part], leaf, (uint8_t)part);
    }
    return rt->columns[leaf->columns[part]];
}

static weir_shred_part *part_new(weir_shred *sh, weir_live_leaf *leaf, weir_live_part part)
{
    weir_shred_part *p = WEIR_SCRATCH_ARRAY(sh->s, weir_shred_part, 1);
    weir_type type = part_types[part];
    *p = (weir_shred_part){.col = column_of(sh, leaf, part), .n = sh->n};
    p->nulls = WEIR_SCRATCH_ARRAY(sh->s, uint64_t, weir_words(sh->n) + 1);
    memset(p->nulls, 0xFF, sizeof(*p->nulls) * (weir_words(sh->n) + 1));
    if (type.kind == WEIR_ARRAY) {
        p->offsets = WEIR_SCRATCH_ARRAY(sh->s, uint32_t, sh->n + 1);
        p->offsets[0] = 0;
    } else {
        size_t size = (type.kind == WEIR_STRING ? sizeof(weir_str) : 8) * sh->n;
        p->at.l = weir_scratch_take(sh->s, size);
        memset(p->at.l, 0, size);
    }
    *sh->last = p;
    sh->last = &p->next;
    return p;
}

static void row_fill(weir_shred_part *p, uint32_t row)
{
    while (p->rows < row) {
        p->offsets[++p->rows] = p->item_count;
    }
}

/* A key that comes twice in one object: its later value counts, as in Jackson. */
static void take_back(weir_shred_part *p, uint32_t row)
{
    if (weir_bit(p->nulls, row)) {
        return;
    }
    weir_bit_set(p->nulls, row);
    if (p->offsets) {
        p->item_count = p->offsets[row];
        p->rows = row;
    }
}

static weir_shred_part *part_of(weir_shred *sh, weir_live_leaf *leaf, weir_live_part part)
{
    if (leaf->batch != sh->rt->batch) {
        leaf->batch = sh->rt->batch;
        memset(leaf->gathering, 0, sizeof(leaf->gathering));
    }
    for (uint32_t i = 0; i < WEIR_PARTS; i++) {
        if (leaf->gathering[i]) {
            take_back(leaf->gathering[i], sh->row);
        }
    }
    if (!leaf->gathering[part]) {
        leaf->gathering[part] = part_new(sh, leaf, part);
    }
    weir_shred_part *p = leaf->gathering[part];
    p->nulls[sh->row / 64] &= ~(1ull << sh->row % 64);
    return p;
}

void weir_shred_put(weir_shred *sh, weir_live_leaf *leaf, const weir_shred_scalar *value)
{
    if (value->kind == WEIR_LONG) {
        part_of(sh, leaf, WEIR_PART_LONG)->at.l[sh->row] = value->l;
    } else if (value->kind == WEIR_DOUBLE) {
        part_of(sh, leaf, WEIR_PART_DOUBLE)->at.d[sh->row] = value->d;
    } else if (value->kind == WEIR_STRING) {
        part_of(sh, leaf, WEIR_PART_STRING)->at.s[sh->row] = value->s;
    }
}

void weir_shred_item(weir_shred *sh, const weir_shred_scalar *item)
{
    if (sh->item_count == sh->item_capacity) {
        uint32_t capacity = sh->item_capacity * 2 + 64;
        weir_shred_scalar *items = WEIR_SCRATCH_ARRAY(sh->s, weir_shred_scalar, capacity);
        if (sh->item_count) {
            memcpy(items, sh->items, sizeof(*items) * sh->item_count);
        }
        sh->items = items;
        sh->item_capacity = capacity;
    }
    sh->items[sh->item_count++] = *item;
}

static void reserve_items(weir_shred *sh, weir_shred_part *p, uint32_t more, size_t size)
{
    uint32_t capacity = p->item_capacity;
    if (p->item_count + more <= capacity) {
        return;
    }
    while (capacity < p->item_count + more) {
        capacity = capacity * 2 + 64;
    }
    void *items = weir_scratch_take(sh->s, size * capacity);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(sh->s, uint64_t, weir_words(capacity));
    memset(nulls, 0, sizeof(*nulls) * weir_words(capacity));
    if (p->item_count) {
        memcpy(items, p->at.l, size * p->item_count);
        memcpy(nulls, p->item_nulls, sizeof(*nulls) * weir_words(p->item_count));
    }
    p->at.l = items;
    p->item_nulls = nulls;
    p->item_capacity = capacity;
}

static weir_str text_of(weir_shred *sh, const weir_shred_scalar *item)
{
    char text[32];
    if (item->kind == WEIR_STRING) {
        return item->s;
    }
    size_t size =
        item->kind == WEIR_LONG ? weir_print_long(text, item->l) : weir_print_double(text, item->d);
    return (weir_str){memcpy(weir_scratch_take(sh->s, size), text, size), size};
}

static void put_item(weir_shred *sh, weir_shred_part *p, const weir_shred_scalar *item)
{
    uint32_t at = p->item_count++;
    bool null = item->kind == WEIR_UNKNOWN;
    p->item_nulls[at / 64] &= ~(1ull << at % 64);
    p->item_nulls[at / 64] |= (uint64_t)null << at % 64;
    if (p->col->type.elem == WEIR_STRING) {
        p->at.s[at] = null ? (weir_str){0} : text_of(sh, item);
    } else if (p->col->type.elem == WEIR_DOUBLE) {
        p->at.d[at] = null ? 0 : item->kind == WEIR_LONG ? (double)item->l : item->d;
    } else {
        p->at.l[at] = null ? 0 : item->l;
    }
}

void weir_shred_put_array(weir_shred *sh, weir_live_leaf *leaf)
{
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < sh->item_count; i++) {
        kinds |= 1u << sh->items[i].kind;
    }
    weir_live_part part = kinds & 1u << WEIR_STRING   ? WEIR_PART_STRINGS
                          : kinds & 1u << WEIR_DOUBLE ? WEIR_PART_DOUBLES
                          : kinds & 1u << WEIR_LONG   ? WEIR_PART_LONGS
                                                      : WEIR_PART_EMPTIES;
    weir_shred_part *p = part_of(sh, leaf, part);
    row_fill(p, sh->row);
    reserve_items(sh, p, sh->item_count,
                  p->col->type.elem == WEIR_STRING ? sizeof(weir_str) : sizeof(int64_t));
    for (uint32_t i = 0; i < sh->item_count; i++) {
        put_item(sh, p, &sh->items[i]);
    }
    row_fill(p, sh->row + 1);
}

/* ---- the end of a batch ---- */

static bool sizes_fit(const weir_live_column *col, const weir_str *values, uint32_t n,
                      weir_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        if (values[i].size > WEIR_LIVE_VALUE_MAX) {
            return weir_fail(
                err, WEIR_ERR_BAD_REQUEST, "a value of column '%.*s' has %zu bytes, more than %u",
                WEIR_STR_ARG(col->leaf->of->name), values[i].size, WEIR_LIVE_VALUE_MAX);
        }
    }
    return true;
}

bool weir_shred_end(weir_shred *sh, weir_live_batch *out, weir_error *err)
{
    for (weir_shred_part *p = sh->first; p; p = p->next) {
        bool lists = p->offsets != NULL;
        weir_live_ready ready = {.col = p->col, .values = p->at.l, .nulls = p->nulls};
        uint32_t count = lists ? p->item_count : p->n;
        if (lists) {
            row_fill(p, p->n);
            ready.offsets = p->offsets;
            ready.item_nulls = p->item_nulls;
        }
        if (count > WEIR_LIVE_LISTS_FULL / 8) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "arrays of column '%.*s' have %u elements in one batch",
                             WEIR_STR_ARG(p->col->leaf->of->name), count);
        }
        if (weir_live_has_dict(p->col->type)) {
            if (!sizes_fit(p->col, p->at.s, count, err)) {
                return false;
            }
            uint32_t *ids = WEIR_SCRATCH_ARRAY(sh->s, uint32_t, count + 1);
            weir_live_dict_intern(p->col->dict, p->at.s, lists ? p->item_nulls : p->nulls, count,
                                  ids);
            ready.values = ids;
            ready.nulls = lists ? p->nulls : NULL;
            ready.item_nulls = NULL;
        }
        weir_live_batch_add(out, &ready, sh->s);
    }
    return true;
}
