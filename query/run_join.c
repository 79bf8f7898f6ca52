/* query/run_join.c - a hash join. A row's key is a code per pair: a string's id in the right
 * column's dictionary, else 8 bytes. One pair of strings needs no hash table: the id is the group.
 * Else keys stand in open addressing, half full. Right rows lie group by group in one array, so
 * that a match is a stretch of it. A left row is looked up once; left dictionary ids are translated
 * to the right's each when it is first met (run_join_ids.c). */
#include "query/run_join.h"
#include "query/run_join_ids.h"
#include "weir/hash.h"
#include <assert.h>

enum { NO_GROUP = UINT32_MAX };

typedef struct pair {
    weir_type type;  /* of the right column: the left is cast to it */
    uint32_t column; /* of the right */
    bool nulls;
} pair;

typedef struct output {
    bool right;
    uint32_t column; /* of its side */
} output;

struct weir_join_run {
    weir_stage stage;
    const weir_node_join *node;
    weir_slots names; /* of the left */
    weir_port *port;  /* the pairs' left expressions, cast */
    uint32_t pair_count, words;
    pair *pairs;
    weir_type *types; /* of outputs */
    output *outputs;
    bool outer_left, outer_right; /* left rows, right rows that meet none come out too */
    weir_table_rows *table;
    uint32_t row_count, group_count;
    bool direct;      /* group = id of the only key */
    weir_area groups; /* u32 per right row: its group, or NO_GROUP (a null key) */
    weir_area starts; /* u32 per group, and the end */
    weir_area rows;   /* u32: right rows by group */
    weir_area keys;   /* words u64 per group */
    weir_area slots;  /* u32: group + 1 */
    uint32_t slot_mask;
    weir_area met;       /* bits by group, atomic */
    weir_join_ids **ids; /* by pair */
    uint32_t rest_at;
};

/* Binding. */

static weir_type key_type(weir_type type)
{
    if (type.kind == WEIR_UNKNOWN || type.kind == WEIR_STRING) {
        return WEIR_TYPE(WEIR_STRING);
    }
    return type;
}

static bool bind_pairs(weir_join_run *join, weir_slots *right, weir_error *err)
{
    weir_arena *arena = join->stage.arena;
    const weir_node_join *node = join->node;
    weir_want *wants = WEIR_ARENA_ARRAY(arena, weir_want, node->pair_count + 1);
    join->pairs = WEIR_ARENA_ARRAY(arena, pair, node->pair_count + 1);
    join->pair_count = node->pair_count;
    join->words = node->pair_count;
    for (uint32_t i = 0; i < node->pair_count; i++) {
        pair *p = &join->pairs[i];
        p->column = weir_slots_find(right, node->pairs[i].right);
        assert(p->column != WEIR_NO_ID);
        p->type = key_type(right->types[p->column]);
        p->nulls = node->pairs[i].nulls;
        if (p->type.kind == WEIR_ARRAY || p->type.kind == WEIR_COMPLEX) {
            return weir_fail(err, WEIR_ERR_UNSUPPORTED,
                             "joining by the column '%.*s': its values are no numbers and no text",
                             WEIR_STR_ARG(node->pairs[i].right));
        }
        wants[i] = (weir_want){.expr = node->pairs[i].left};
        join->words +=
            p->nulls && join->words == node->pair_count; /* one more word says which are null */
    }
    join->port = weir_port_new(&join->names, wants, node->pair_count, err);
    if (!join->port) {
        return false;
    }
    for (uint32_t i = 0; i < node->pair_count; i++) {
        if (weir_port_type(join->port, i).kind == WEIR_ARRAY &&
            !weir_port_type(join->port, i).multi) {
            return weir_fail(err, WEIR_ERR_UNSUPPORTED, "joining by an array is not supported");
        }
    }
    return true;
}

static void bind_outputs(weir_join_run *join, weir_slots *right)
{
    weir_arena *arena = join->stage.arena;
    const weir_node_join *node = join->node;
    join->types = WEIR_ARENA_ARRAY(arena, weir_type, node->column_count + 1);
    join->outputs = WEIR_ARENA_ARRAY(arena, output, node->column_count + 1);
    for (uint32_t i = 0; i < node->column_count; i++) {
        weir_str name = node->columns[i];
        output *out = &join->outputs[i];
        out->right = weir_join_is_right(node, name, &name);
        weir_slots *side = out->right ? right : &join->names;
        out->column = weir_slots_find(side, name);
        assert(out->column != WEIR_NO_ID);
        join->types[i] = side->types[out->column];
    }
}

weir_join_run *weir_join_run_new(const weir_stage *stage, const weir_node_join *node,
                                 uint32_t left_count, const weir_str *left_names,
                                 const weir_type *left_types, uint32_t right_count,
                                 const weir_str *right_names, const weir_type *right_types,
                                 weir_error *err)
{
    weir_join_run *join = WEIR_ARENA_NEW(stage->arena, weir_join_run);
    *join = (weir_join_run){
        .stage = *stage,
        .node = node,
        .names = {.arena = stage->arena, .lock = stage->lock, .now_ms = stage->now_ms},
        .outer_left = node->kind == WEIR_JOIN_LEFT || node->kind == WEIR_JOIN_FULL,
        .outer_right = node->kind == WEIR_JOIN_RIGHT || node->kind == WEIR_JOIN_FULL};
    weir_slots right = {.arena = stage->arena};
    for (uint32_t i = 0; i < left_count; i++) {
        weir_slots_add(&join->names, left_names[i], left_types[i]);
    }
    for (uint32_t i = 0; i < right_count; i++) {
        weir_slots_add(&right, right_names[i], right_types[i]);
    }
    bind_outputs(join, &right);
    return bind_pairs(join, &right, err) ? join : NULL;
}

uint32_t weir_join_run_outputs(const weir_join_run *join, const weir_str **names,
                               const weir_type **types)
{
    *names = join->node->columns;
    *types = join->types;
    return join->node->column_count;
}

/* Codes. */

/* Numbers of the pair's kind as 8 bytes; NaN is one value. */
static void code_numbers(const weir_vec *flat, uint32_t n, uint64_t *codes)
{
    if (flat->type.kind == WEIR_LONG) {
        memcpy(codes, flat->at.l, n * sizeof(*codes));
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        double value = flat->type.kind == WEIR_FLOAT ? (double)flat->at.f[i] : flat->at.d[i];
        value = value != value ? __builtin_nan("") : value;
        memcpy(&codes[i], &value, sizeof(value));
    }
}

static void set_nulls(const weir_vec *flat, uint32_t n, uint8_t *nulls)
{
    for (uint32_t i = 0; i < n; i++) {
        nulls[i] = flat->nulls && weir_bit(flat->nulls, i);
    }
}

static void set_ids(const uint32_t *ids, uint32_t n, uint64_t *codes, uint8_t *nulls)
{
    for (uint32_t i = 0; i < n; i++) {
        codes[i] = ids[i];
        nulls[i] = ids[i] == 0;
    }
}

/* Building. */

static uint64_t hash_key(const uint64_t *key, uint32_t words)
{
    uint64_t hash = 0;
    for (uint32_t w = 0; w < words; w++) {
        hash = (hash ^ key[w]) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static uint32_t *find_slot(const weir_join_run *join, const uint64_t *key, uint64_t hash)
{
    uint32_t *slots = join->slots.at, words = join->words;
    const uint64_t *keys = join->keys.at;
    uint32_t at = (uint32_t)hash & join->slot_mask;
    while (slots[at] && memcmp(keys + (size_t)(slots[at] - 1) * words, key, words * 8) != 0) {
        at = (at + 1) & join->slot_mask;
    }
    return &slots[at];
}

/* Packs the codes of n rows into keys; false in `ok`: a null that equals nothing. */
static void pack(const weir_join_run *join, uint64_t *const *codes, uint8_t *const *nulls,
                 uint32_t n, uint64_t *keys, uint8_t *ok)
{
    uint32_t words = join->words;
    memset(ok, 1, n);
    for (uint32_t p = 0; p < join->pair_count; p++) {
        for (uint32_t i = 0; i < n; i++) {
            keys[(size_t)i * words + p] = nulls[p][i] ? 0 : codes[p][i];
            ok[i] = ok[i] && (!nulls[p][i] || join->pairs[p].nulls);
        }
    }
    for (uint32_t i = 0; words > join->pair_count && i < n; i++) {
        uint64_t which = 0;
        for (uint32_t p = 0; p < join->pair_count; p++) {
            which |= (uint64_t)nulls[p][i] << (p & 63);
        }
        keys[(size_t)i * words + words - 1] = which;
    }
}

/* Codes of the right's rows [from, from + n). A row with a list has no key unless it is a list of
 * one. */
static bool code_right(weir_join_run *join, weir_lane *lane, uint32_t from, uint32_t n,
                       uint64_t **codes, uint8_t **nulls)
{
    weir_scratch *s = &lane->scratch;
    for (uint32_t p = 0; p < join->pair_count; p++) {
        weir_vec whole = weir_table_rows_column(join->table, join->pairs[p].column), vec, flat;
        codes[p] = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
        nulls[p] = WEIR_SCRATCH_ARRAY(s, uint8_t, n);
        weir_vec_slice(&whole, from, n, s, &vec);
        if (vec.form == WEIR_LIST) {
            for (uint32_t i = 0; i < n; i++) {
                uint32_t at = vec.at.offsets[i];
                uint32_t id = vec.at.offsets[i + 1] - at == 1 ? vec.items->at.ids[at] : 0;
                codes[p][i] = id;
                nulls[p][i] = id == 0;
            }
            continue;
        }
        if (vec.form == WEIR_DICT) {
            set_ids(vec.at.ids, n, codes[p], nulls[p]);
            continue;
        }
        if (!weir_vec_flatten(&vec, s, &flat, &lane->err)) {
            return false;
        }
        code_numbers(&flat, n, codes[p]);
        set_nulls(&flat, n, nulls[p]);
    }
    return true;
}

static bool group_by_hash(weir_join_run *join, weir_lane *lane, uint32_t from, uint32_t n,
                          uint64_t *const *codes, uint8_t *const *nulls)
{
    weir_scratch *s = &lane->scratch;
    uint32_t words = join->words, *groups = (uint32_t *)join->groups.at + from;
    uint64_t *keys = WEIR_SCRATCH_ARRAY(s, uint64_t, (size_t)n * words);
    uint8_t *ok = WEIR_SCRATCH_ARRAY(s, uint8_t, n);
    pack(join, codes, nulls, n, keys, ok);
    if (!weir_area_reserve(&join->keys, join->stage.budget, (size_t)join->group_count * words * 8,
                           ((size_t)join->group_count + n) * words * 8, &lane->err)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t *key = keys + (size_t)i * words;
        groups[i] = NO_GROUP;
        if (!ok[i]) {
            continue;
        }
        uint32_t *slot = find_slot(join, key, hash_key(key, words));
        if (*slot == 0) {
            memcpy((uint64_t *)join->keys.at + (size_t)join->group_count * words, key, words * 8);
            *slot = ++join->group_count;
        }
        groups[i] = *slot - 1;
    }
    return true;
}

static bool group_rows(weir_join_run *join, weir_lane *lane)
{
    weir_scratch *s = &lane->scratch;
    uint64_t **codes = WEIR_SCRATCH_ARRAY(s, uint64_t *, join->pair_count + 1);
    uint8_t **nulls = WEIR_SCRATCH_ARRAY(s, uint8_t *, join->pair_count + 1);
    weir_mark mark = weir_scratch_mark(s);
    for (uint32_t from = 0; from < join->row_count; from += WEIR_BLOCK_ROWS) {
        uint32_t left = join->row_count - from, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        uint32_t *groups = (uint32_t *)join->groups.at + from;
        if (!weir_ctl_check(join->stage.ctl, &lane->err) ||
            !code_right(join, lane, from, n, codes, nulls) ||
            (!join->direct && !group_by_hash(join, lane, from, n, codes, nulls))) {
            return false;
        }
        for (uint32_t i = 0; join->direct && i < n; i++) {
            groups[i] = nulls[0][i] ? NO_GROUP : (uint32_t)codes[0][i];
        }
        weir_scratch_rewind(s, mark);
    }
    return true;
}

/* Rows by group: counted, then put. */
static bool deal_rows(weir_join_run *join, weir_lane *lane)
{
    weir_budget *budget = join->stage.budget;
    size_t groups_bytes = ((size_t)join->group_count + 1) * sizeof(uint32_t);
    if (!weir_area_fresh(&join->starts, budget, groups_bytes, &lane->err) ||
        !weir_area_fresh(&join->rows, budget, ((size_t)join->row_count + 1) * 4, &lane->err)) {
        return false;
    }
    uint32_t *starts = join->starts.at, *rows = join->rows.at;
    const uint32_t *groups = join->groups.at;
    memset(starts, 0, groups_bytes);
    for (uint32_t r = 0; r < join->row_count; r++) {
        if (groups[r] != NO_GROUP) {
            starts[groups[r] + 1]++;
        }
    }
    for (uint32_t g = 0; g < join->group_count; g++) {
        starts[g + 1] += starts[g];
    }
    for (uint32_t r = 0; r < join->row_count; r++) {
        if (groups[r] != NO_GROUP) {
            rows[starts[groups[r]]++] = r;
        }
    }
    for (uint32_t g = join->group_count;
         g-- > 0;) { /* each start went to its end, the next one's start */
        starts[g + 1] = starts[g];
    }
    starts[0] = 0;
    return true;
}

/* Every row equals every row: one group. */
static bool build_always(weir_join_run *join)
{
    join->group_count = 1;
    memset(join->groups.at, 0, (size_t)join->row_count * sizeof(uint32_t));
    return true;
}

static bool build_never(weir_join_run *join)
{
    join->group_count = 0;
    memset(join->groups.at, 0xff, (size_t)join->row_count * sizeof(uint32_t));
    return true;
}

static bool build_slots(weir_join_run *join, weir_lane *lane)
{
    uint32_t slots = 1024;
    while (slots < join->row_count * 2ull && slots < 1u << 31) {
        slots *= 2;
    }
    if (!weir_area_fresh(&join->slots, join->stage.budget, slots * sizeof(uint32_t), &lane->err)) {
        return false;
    }
    memset(join->slots.at, 0, slots * sizeof(uint32_t));
    join->slot_mask = slots - 1;
    return true;
}

bool weir_join_run_build(weir_join_run *join, weir_lane *lane, weir_table_rows *table,
                         uint32_t lane_count)
{
    weir_budget *budget = join->stage.budget;
    join->table = table;
    join->row_count = weir_table_rows_count(table);
    weir_table_rows_end(table, WEIR_STR("")); /* from here on many read it */
    join->ids = WEIR_ARENA_ARRAY(join->stage.arena, weir_join_ids *, join->pair_count + 1);
    for (uint32_t p = 0; p < join->pair_count; p++) {
        join->ids[p] = weir_join_ids_new(join->stage.arena, budget, lane_count);
    }
    if (!weir_area_fresh(&join->groups, budget, ((size_t)join->row_count + 1) * 4, &lane->err)) {
        return false;
    }
    const pair *first = join->pairs;
    join->direct = join->pair_count == 1 && first->type.kind == WEIR_STRING && !first->nulls;
    bool ok;
    if (join->node->never) {
        ok = build_never(join);
    } else if (join->pair_count == 0) {
        ok = build_always(join);
    } else if (join->direct) {
        weir_vec column = weir_table_rows_column(table, first->column);
        const weir_dict *dict = column.items ? column.items->dict : column.dict;
        join->group_count = dict->count;
        ok = group_rows(join, lane);
    } else {
        ok = build_slots(join, lane) && group_rows(join, lane);
    }
    size_t bits = weir_words(join->group_count) * sizeof(uint64_t) + 8;
    ok = ok && deal_rows(join, lane) &&
         (!join->outer_right || weir_area_fresh(&join->met, budget, bits, &lane->err));
    if (ok && join->outer_right) {
        memset(join->met.at, 0, bits);
    } else {
        weir_area_done(&join->groups, budget); /* only the rest asks for a row's group */
    }
    return ok;
}

/* Probing. */

static const weir_dict *right_dict(const weir_join_run *join, const pair *p)
{
    weir_vec column = weir_table_rows_column(join->table, p->column);
    return column.items ? column.items->dict : column.dict;
}

/* Left ids as the right's; ids of values that the right lacks become NO_ID. */
static bool translate(weir_join_run *join, weir_lane *lane, uint32_t p, const weir_vec *vec,
                      uint32_t n, uint64_t *codes, uint8_t *nulls)
{
    uint32_t *found = WEIR_SCRATCH_ARRAY(&lane->scratch, uint32_t, n + 1);
    if (!weir_join_ids_find(join->ids[p], lane, vec->dict, right_dict(join, &join->pairs[p]),
                            vec->at.ids, n, found)) {
        return false;
    }
    set_ids(found, n, codes, nulls);
    return true;
}

/* Codes of n left values, which are no lists. */
static bool code_left(weir_join_run *join, weir_lane *lane, uint32_t p, const weir_vec *given,
                      uint32_t n, uint64_t *codes, uint8_t *nulls)
{
    weir_scratch *s = &lane->scratch;
    const pair *key = &join->pairs[p];
    weir_vec vec, flat;
    if (given->form == WEIR_CONST && n > 1) { /* once for all */
        weir_vec one = *given;
        one.n = 1;
        if (!code_left(join, lane, p, &one, 1, codes, nulls)) {
            return false;
        }
        for (uint32_t i = 1; i < n; i++) {
            codes[i] = codes[0];
            nulls[i] = nulls[0];
        }
        return true;
    }
    if (given->form == WEIR_DICT && key->type.kind == WEIR_STRING) {
        return translate(join, lane, p, given, n, codes, nulls);
    }
    if (!weir_vec_cast(given, key->type, s, &vec, &lane->err) ||
        !weir_vec_flatten(&vec, s, &flat, &lane->err)) {
        return false;
    }
    set_nulls(&flat, n, nulls);
    if (key->type.kind != WEIR_STRING) {
        code_numbers(&flat, n, codes);
        return true;
    }
    const weir_dict *right = right_dict(join, key);
    for (uint32_t i = 0; i < n; i++) {
        codes[i] = nulls[i] ? 0 : right->ops->find(right, flat.at.s[i]);
    }
    return true;
}

/* Lists of one are their element, empty ones null; more than one is refused, as in Druid. */
static bool code_lists(weir_join_run *join, weir_lane *lane, uint32_t p, const weir_vec *vec,
                       uint32_t n, uint64_t *codes, uint8_t *nulls)
{
    weir_scratch *s = &lane->scratch;
    uint32_t *items = WEIR_SCRATCH_ARRAY(s, uint32_t, n), count = 0, at = 0;
    uint8_t *none = WEIR_SCRATCH_ARRAY(s, uint8_t, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t size = vec->at.offsets[i + 1] - vec->at.offsets[i];
        none[i] = size == 0 || (vec->nulls && weir_bit(vec->nulls, i));
        if (size > 1) {
            return weir_fail(&lane->err, WEIR_ERR_UNSUPPORTED,
                             "joining against a multi-value dimension is not supported");
        }
        items[count] = vec->at.offsets[i];
        count += !none[i];
    }
    uint32_t first =
        vec->at.offsets[0]; /* no list is longer than one: as many items as rows at most */
    uint16_t *rows = WEIR_SCRATCH_ARRAY(s, uint16_t, count + 1);
    weir_vec part, picked;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (uint16_t)(items[i] - first);
    }
    weir_vec_slice(vec->items, first, vec->at.offsets[n] - first, s, &part);
    weir_vec_gather(&part, rows, count, s, &picked);
    if (!code_left(join, lane, p, &picked, count, codes, nulls)) {
        return false;
    }
    at = count;
    for (uint32_t i = n; i-- > 0;) { /* back to front: apart in place */
        at -= !none[i];
        codes[i] = none[i] ? 0 : codes[at];
        nulls[i] = none[i] ? 1 : nulls[at];
    }
    return true;
}

static bool probe_rows(weir_join_run *join, weir_lane *lane, const weir_batch *in, uint32_t *groups)
{
    weir_scratch *s = &lane->scratch;
    uint32_t n = in->n, words = join->words;
    weir_vec *lefts = WEIR_SCRATCH_ARRAY(s, weir_vec, join->pair_count);
    uint64_t **codes = WEIR_SCRATCH_ARRAY(s, uint64_t *, join->pair_count);
    uint8_t **nulls = WEIR_SCRATCH_ARRAY(s, uint8_t *, join->pair_count);
    if (!weir_port_read(join->port, &lane->run, weir_batch_get, (void *)(uintptr_t)in, n, lefts)) {
        return false;
    }
    for (uint32_t p = 0; p < join->pair_count; p++) {
        codes[p] = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
        nulls[p] = WEIR_SCRATCH_ARRAY(s, uint8_t, n);
        bool lists = lefts[p].form == WEIR_LIST;
        if (lefts[p].form == WEIR_CONST && lefts[p].items) {
            weir_vec constant = lefts[p];
            lists = true;
            if (!weir_vec_flatten(&constant, s, &lefts[p], &lane->err)) {
                return false;
            }
        }
        if (!(lists ? code_lists : code_left)(join, lane, p, &lefts[p], n, codes[p], nulls[p])) {
            return false;
        }
    }
    if (join->direct) {
        for (uint32_t i = 0; i < n; i++) {
            groups[i] = nulls[0][i] ? NO_GROUP : (uint32_t)codes[0][i];
        }
        return true;
    }
    uint64_t *keys = WEIR_SCRATCH_ARRAY(s, uint64_t, (size_t)n * words);
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
    uint8_t *ok = WEIR_SCRATCH_ARRAY(s, uint8_t, n);
    pack(join, codes, nulls, n, keys, ok);
    for (uint32_t i = 0; i < n; i++) {
        hashes[i] = hash_key(keys + (size_t)i * words, words);
        __builtin_prefetch((uint32_t *)join->slots.at + ((uint32_t)hashes[i] & join->slot_mask));
    }
    for (uint32_t i = 0; i < n; i++) {
        groups[i] = ok[i] ? *find_slot(join, keys + (size_t)i * words, hashes[i]) - 1 : NO_GROUP;
    }
    return true;
}

static void see_groups(weir_join_run *join, const uint32_t *groups, uint32_t n)
{
    _Atomic uint64_t *met = join->met.at;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t g = groups[i];
        if (g < join->group_count &&
            !(atomic_load_explicit(&met[g >> 6], memory_order_relaxed) >> (g & 63) & 1)) {
            atomic_fetch_or_explicit(&met[g >> 6], 1ull << (g & 63), memory_order_relaxed);
        }
    }
}

bool weir_join_run_open(weir_join_run *join, weir_lane *lane, weir_expand *expand)
{
    weir_scratch *s = &lane->scratch;
    uint32_t n = expand->in.n;
    uint32_t *groups = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    expand->row = expand->at = 0;
    expand->own = groups;
    weir_mark mark = weir_scratch_mark(s);
    if (join->node->never || join->pair_count == 0) {
        memset(groups, join->node->never ? 0xff : 0, n * sizeof(*groups));
    } else if (!probe_rows(join, lane, &expand->in, groups)) {
        return false;
    }
    if (join->outer_right) {
        see_groups(join, groups, n);
    }
    weir_scratch_rewind(s, mark);
    return true;
}

/* Fills up to `most` pairs of rows. True in *outer: some right row is none. */
static uint32_t fill_pairs(const weir_join_run *join, weir_expand *expand, uint32_t most,
                           uint16_t *lefts, uint32_t *rights, bool *outer)
{
    const uint32_t *groups = expand->own, *starts = join->starts.at, *rows = join->rows.at;
    uint32_t n = 0, row = expand->row, at = expand->at, end = expand->in.n;
    *outer = false;
    while (row < end && n < most) {
        uint32_t g = groups[row];
        uint32_t from = g < join->group_count ? starts[g] : 0;
        uint32_t size = g < join->group_count ? starts[g + 1] - from : 0;
        if (size == 0) {
            lefts[n] = (uint16_t)row;
            rights[n] = WEIR_NO_ID;
            n += join->outer_left;
            *outer = *outer || join->outer_left;
            row++;
            continue;
        }
        for (; at < size && n < most; at++, n++) {
            lefts[n] = (uint16_t)row;
            rights[n] = rows[from + at];
        }
        if (at == size) {
            at = 0;
            row++;
        }
    }
    expand->row = row;
    expand->at = at;
    return n;
}

static bool is_every_row(const uint16_t *rows, uint32_t n, uint32_t all)
{
    if (n != all) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i] != i) {
            return false;
        }
    }
    return true;
}

bool weir_join_run_next(weir_join_run *join, weir_lane *lane, weir_expand *expand, weir_batch *out)
{
    weir_scratch *s = &lane->scratch;
    uint32_t most = lane->block_rows < WEIR_BLOCK_ROWS ? lane->block_rows : WEIR_BLOCK_ROWS;
    uint16_t *lefts = WEIR_SCRATCH_ARRAY(s, uint16_t, most + 1);
    uint32_t *rights = WEIR_SCRATCH_ARRAY(s, uint32_t, most + 1);
    bool outer;
    uint32_t n = fill_pairs(join, expand, most, lefts, rights, &outer);
    *out =
        (weir_batch){.n = n, .column_count = join->node->column_count, .origin = expand->in.origin};
    if (n == 0 || !weir_ctl_check(join->stage.ctl, &lane->err)) {
        return n == 0;
    }
    bool whole = is_every_row(lefts, n, expand->in.n);
    weir_vec *columns = WEIR_SCRATCH_ARRAY(s, weir_vec, join->node->column_count + 1);
    for (uint32_t i = 0; i < join->node->column_count; i++) {
        const output *of = &join->outputs[i];
        if (join->types[i].kind == WEIR_UNKNOWN) { /* a column that nobody has */
            columns[i] = weir_vec_null(join->types[i], n);
        } else if (of->right && outer) {
            weir_table_rows_take_outer(join->table, of->column, rights, n, s, &columns[i]);
        } else if (of->right) {
            weir_table_rows_take(join->table, of->column, rights, n, s, &columns[i]);
        } else if (whole) {
            columns[i] = expand->in.columns[of->column];
        } else {
            weir_vec_gather(&expand->in.columns[of->column], lefts, n, s, &columns[i]);
        }
    }
    out->columns = columns;
    return true;
}

bool weir_join_run_rest(weir_join_run *join, weir_lane *lane, weir_batch *out)
{
    weir_scratch *s = &lane->scratch;
    uint32_t most = lane->block_rows, n = 0;
    uint32_t *rows = WEIR_SCRATCH_ARRAY(s, uint32_t, most + 1);
    const uint32_t *groups = join->groups.at;
    const uint64_t *met = join->met.at;
    for (; n == 0 && join->rest_at < join->row_count;) {
        if (!weir_ctl_check(join->stage.ctl, &lane->err)) {
            return false;
        }
        uint32_t left = join->row_count - join->rest_at,
                 end = join->rest_at + (left < most ? left : most);
        for (; join->rest_at < end; join->rest_at++) {
            uint32_t g = groups[join->rest_at];
            rows[n] = join->rest_at;
            n += g == NO_GROUP || !weir_bit(met, g);
        }
    }
    weir_vec *columns = WEIR_SCRATCH_ARRAY(s, weir_vec, join->node->column_count + 1);
    for (uint32_t i = 0; n && i < join->node->column_count; i++) {
        if (join->outputs[i].right && join->types[i].kind != WEIR_UNKNOWN) {
            weir_table_rows_take(join->table, join->outputs[i].column, rows, n, s, &columns[i]);
        } else {
            columns[i] = weir_vec_null(join->types[i], n);
        }
    }
    *out = (weir_batch){.n = n, .column_count = join->node->column_count, .columns = columns};
    return true;
}

void weir_join_run_done(weir_join_run *join)
{
    weir_budget *budget = join->stage.budget;
    weir_area *areas[] = {&join->groups, &join->starts, &join->rows,
                          &join->keys,   &join->slots,  &join->met};
    for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
        weir_area_done(areas[i], budget);
    }
    for (uint32_t p = 0; join->ids && p < join->pair_count; p++) {
        weir_join_ids_done(join->ids[p]);
    }
    weir_table_rows_free(join->table);
    join->table = NULL;
}
