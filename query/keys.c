/* query/keys.c - choosing codes once per query from what the segments' dictionaries and zone maps say, then one loop per block and key. */
#include "query/keys.h"
#include "weir/hash.h"
#include <assert.h>
#include <stdlib.h>

enum { MARKED = UINT32_MAX - 1, OFFSET_BITS_MAX = 40 };

static uint8_t bits_for(uint64_t codes)
{
    uint8_t bits = 1;
    while (bits < 64 && codes > 1ull << bits) {
        bits++;
    }
    return bits;
}

/* One dictionary over all segments that have the column, or none at all: its ids can be the query's. */
static bool single_dict(const weir_scan *scan, uint32_t slot, const weir_dict **out)
{
    *out = NULL;
    for (uint32_t s = 0; s < scan->seg_count; s++) {
        const weir_scan_seg *seg = &scan->segs[s];
        const weir_column *col = seg->rows ? seg->columns[slot] : NULL;
        if (!col) {
            continue;
        }
        if (col->type.kind != WEIR_STRING || !col->dict || (*out && (*out)->uid != col->dict->uid)) {
            return false;
        }
        if (!*out || col->dict->count > (*out)->count) {
            *out = col->dict;
        }
    }
    return true;
}

/* How many distinct strings the segments can bring at most; 0: nobody knows. */
static uint64_t string_limit(const weir_scan *scan, uint32_t slot)
{
    uint64_t limit = 1;
    for (uint32_t s = 0; s < scan->seg_count; s++) {
        const weir_scan_seg *seg = &scan->segs[s];
        const weir_column *col = seg->rows ? seg->columns[slot] : NULL;
        if (col && (col->type.kind != WEIR_STRING || !col->dict)) {
            return 0;
        }
        limit += col ? col->dict->count : 0;
    }
    return limit;
}

/* The range of a long column in the chunks at hand, from their zone maps. */
static bool long_range(const weir_scan *scan, uint32_t slot, int64_t *min, int64_t *max)
{
    *min = INT64_MAX;
    *max = INT64_MIN;
    for (uint32_t i = 0; i < scan->slice_count; i++) {
        const weir_slice *slice = &scan->slices[i];
        const weir_scan_seg *seg = &scan->segs[slice->seg];
        const weir_column *col = seg->rows ? seg->columns[slot] : NULL;
        for (uint32_t c = 0; col && c < slice->count; c++) {
            weir_zone zone = {0};
            weir_chunk_info info;
            if (col->type.kind != WEIR_LONG || !col->ops->zone(col, slice->chunk + c, &zone)) {
                return false;
            }
            seg->rows->ops->chunk(seg->rows, slice->chunk + c, &info);
            if (!zone.has_range && zone.null_count < info.row_count) {
                return false;
            }
            if (zone.has_range) {
                *min = zone.min.l < *min ? zone.min.l : *min;
                *max = zone.max.l > *max ? zone.max.l : *max;
            }
        }
    }
    return true;
}

static void choose_long(weir_key_code *key, const weir_scan *scan)
{
    int64_t min, max;
    key->kind = WEIR_CODE_WIDE;
    key->bits = 64;
    if (!scan || key->slot == WEIR_NO_ID || !long_range(scan, key->slot, &min, &max)) {
        return;
    }
    uint64_t range = min > max ? 1 : (uint64_t)max - (uint64_t)min + 2;
    if (min <= max && (uint64_t)max - (uint64_t)min >= 1ull << OFFSET_BITS_MAX) {
        return;
    }
    key->kind = WEIR_CODE_OFFSET;
    key->min = min;
    key->range = range;
    key->bits = bits_for(range);
}

/* Ids of the table's column, where every segment has it as strings. False: none; err is set when the query must end. */
static bool global_ids(weir_key_code *key, const weir_scan *scan, weir_global_ids *globals,
                       weir_arena *arena, weir_lane *lane, weir_error *err)
{
    if (!globals || scan->node->child || scan->node->table_count != 1) {
        return false;
    }
    const weir_dict **dicts = WEIR_ARENA_ARRAY(arena, const weir_dict *, scan->seg_count + 1);
    for (uint32_t s = 0; s < scan->seg_count; s++) {
        const weir_scan_seg *seg = &scan->segs[s];
        const weir_column *col = seg->rows ? seg->columns[key->slot] : NULL;
        if (col && (col->type.kind != WEIR_STRING || !col->dict)) {
            return false;
        }
        dicts[s] = col ? col->dict : NULL;
    }
    return weir_global_column_take(globals, scan->node->tables[0], scan->names.names[key->slot],
                                   dicts, scan->seg_count, scan->row_count, lane->run.ctl,
                                   &lane->scratch, arena, &key->global, err);
}

static bool choose(weir_key_code *key, weir_arena *arena, const weir_scan *scan, bool direct,
                   weir_global_ids *globals, weir_lane *lane, weir_budget *budget, weir_error *err)
{
    switch ((weir_kind)key->type.kind) {
    case WEIR_UNKNOWN:
        key->kind = WEIR_CODE_NULL;
        key->bits = 1;
        key->type = WEIR_TYPE(WEIR_STRING);
        return true;
    case WEIR_LONG:
        choose_long(key, scan);
        return true;
    case WEIR_DOUBLE:
        key->kind = WEIR_CODE_WIDE;
        key->bits = 64;
        return true;
    case WEIR_FLOAT:
        key->kind = WEIR_CODE_FLOAT;
        key->bits = 33;
        return true;
    case WEIR_STRING:
        break;
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        return weir_fail(err, WEIR_ERR_UNSUPPORTED, "grouping by a complex column");
    }
    bool plain = scan && key->slot != WEIR_NO_ID;
    if (plain && direct && single_dict(scan, key->slot, &key->dict)) {
        key->kind = WEIR_CODE_DICT;
        key->bits = bits_for(key->dict ? key->dict->count : 1);
        return true;
    }
    if (plain && direct && global_ids(key, scan, globals, arena, lane, err)) {
        key->kind = WEIR_CODE_GLOBAL;
        key->bits = bits_for(key->global.dict.count);
        return true;
    }
    if (err->code != WEIR_OK) {
        return false;
    }
    uint64_t limit = plain ? string_limit(scan, key->slot) : 0;
    key->kind = WEIR_CODE_INTERN;
    key->bits = limit && limit < UINT32_MAX ? bits_for(limit) : 32;
    weir_intern_init(&key->intern, budget);
    pthread_mutex_init(&key->lock, NULL);
    return true;
}

/* Fields go into words, first fit; a null bit of a wide key is a field like any other. */
static bool place(uint8_t *used, uint32_t *words, uint8_t bits, uint8_t *word, uint8_t *shift)
{
    for (uint32_t w = 0; w < WEIR_KEY_WORDS_MAX; w++) {
        if (used[w] + bits <= 64) {
            *word = (uint8_t)w;
            *shift = used[w];
            used[w] = (uint8_t)(used[w] + bits);
            *words = w + 1 > *words ? w + 1 : *words;
            return true;
        }
    }
    return false;
}

bool weir_keys_init(weir_keys *keys, weir_arena *arena, const weir_scan *scan,
                    const weir_buckets *buckets, uint32_t count, const weir_type *types,
                    const uint32_t *slots, bool direct, weir_global_ids *globals, weir_lane *lane,
                    weir_budget *budget, weir_error *err)
{
    *keys = (weir_keys){.has_bucket = buckets->kind != WEIR_BUCKETS_ONE};
    keys->codes = WEIR_ARENA_ARRAY(arena, weir_key_code, count + 1);
    if (keys->has_bucket) {
        bool raw = buckets->kind == WEIR_BUCKETS_RAW;
        uint64_t range = raw ? (uint64_t)buckets->max - (uint64_t)buckets->min + 1 : buckets->count;
        keys->codes[keys->count++] = (weir_key_code){.kind = WEIR_CODE_BUCKET,
                                                     .slot = WEIR_NO_ID,
                                                     .type = WEIR_TYPE(WEIR_LONG),
                                                     .range = range,
                                                     .bits = bits_for(range)};
    }
    uint8_t used[WEIR_KEY_WORDS_MAX] = {0};
    for (uint32_t i = 0; i < count; i++) {
        weir_key_code *key = &keys->codes[keys->count++];
        *key = (weir_key_code){.slot = slots[i], .type = types[i]};
        if (!choose(key, arena, scan, direct, globals, lane, budget, err)) {
            keys->count--;
            return false;
        }
    }
    bool fits = true;
    for (uint32_t i = 0; i < keys->count; i++) {
        weir_key_code *key = &keys->codes[i];
        fits = fits && place(used, &keys->words, key->bits, &key->word, &key->shift);
        if (key->kind == WEIR_CODE_WIDE) {
            fits = fits && place(used, &keys->words, 1, &key->null_word, &key->null_shift);
        }
    }
    keys->words = keys->words ? keys->words : 1;
    return fits || weir_fail(err, WEIR_ERR_UNSUPPORTED, "grouping by %u dimensions is too much", count);
}

void weir_keys_done(weir_keys *keys, weir_global_ids *globals)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        if (keys->codes[i].kind == WEIR_CODE_GLOBAL) {
            weir_global_column_give(globals, &keys->codes[i].global);
        }
        if (keys->codes[i].kind == WEIR_CODE_INTERN) {
            weir_intern_done(&keys->codes[i].intern);
            pthread_mutex_destroy(&keys->codes[i].lock);
        }
    }
    keys->count = 0;
}

void weir_code_maps_done(weir_code_maps *maps, weir_budget *budget)
{
    for (uint32_t i = 0; i < maps->count; i++) {
        weir_area_done(&maps->at[i].ids, budget);
    }
    maps->count = 0;
}

/* Strings. */

static weir_code_map *map_of(weir_key_code *key, weir_code_maps *maps, weir_lane *lane,
                             const weir_dict *dict)
{
    weir_budget *budget = key->intern.budget;
    weir_code_map *map = NULL;
    for (uint32_t i = maps->count; !map && i-- > 0;) {
        map = maps->at[i].uid == dict->uid ? &maps->at[i] : NULL;
    }
    if (!map) {
        if (maps->count == maps->capacity) { /* the newest are wanted again, the oldest is not */
            weir_area_done(&maps->at[0].ids, budget);
            memmove(maps->at, maps->at + 1, (maps->count - 1) * sizeof(*maps->at));
            maps->count--;
        }
        map = &maps->at[maps->count++];
        *map = (weir_code_map){.uid = dict->uid};
    }
    if (map->count < dict->count) {
        if (!weir_area_reserve(&map->ids, budget, map->count * sizeof(uint32_t),
                               dict->count * sizeof(uint32_t), &lane->err)) {
            return NULL;
        }
        uint32_t *ids = map->ids.at;
        memset(ids + map->count, 0xff, (dict->count - map->count) * sizeof(*ids));
        ids[0] = 0;
        map->count = dict->count;
    }
    return map;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool put_all(weir_key_code *key, weir_lane *lane, const weir_str *values, uint32_t n,
                    uint32_t *ids)
{
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(&lane->scratch, uint64_t, n);
    for (uint32_t i = 0; i < n; i++) {
        hashes[i] = weir_hash_bytes(values[i].at, values[i].size);
    }
    bool ok = true;
    pthread_mutex_lock(&key->lock);
    for (uint32_t i = 0; ok && i < n; i++) {
        ok = weir_intern_put(&key->intern, values[i], hashes[i], &ids[i], &lane->err);
    }
    pthread_mutex_unlock(&key->lock);
    return ok;
}

/* Ids not met before get theirs; sorted first, so that a block of the dictionary is unpacked once. */
static bool intern_missing(weir_key_code *key, weir_lane *lane, const weir_dict *dict,
                           uint32_t *map, uint32_t *missing, uint32_t count)
{
    weir_scratch *s = &lane->scratch;
    qsort(missing, count, sizeof(*missing), by_id);
    for (uint32_t at = 0; at < count; at += WEIR_BLOCK_ROWS) {
        uint32_t left = count - at, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(s);
        weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
        uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
        if (!weir_ctl_check(lane->run.ctl, &lane->err) ||
            !dict->ops->values(dict, missing + at, n, s, values, &lane->err) ||
            !put_all(key, lane, values, n, ids)) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            map[missing[at + i]] = ids[i];
        }
        weir_scratch_rewind(s, mark);
    }
    return true;
}

bool weir_keys_globalise(weir_key_code *key, weir_code_maps *maps, weir_lane *lane,
                         const weir_dict *dict, uint32_t n, uint64_t *codes)
{
    if (key->kind != WEIR_CODE_INTERN || !dict) {
        return true;
    }
    weir_code_map *map = map_of(key, maps, lane, dict);
    if (!map) {
        return false;
    }
    weir_mark mark = weir_scratch_mark(&lane->scratch);
    uint32_t *ids = map->ids.at, *missing = NULL, count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (ids[codes[i]] == WEIR_NO_ID) {
            missing = missing ? missing : WEIR_SCRATCH_ARRAY(&lane->scratch, uint32_t, n);
            missing[count++] = (uint32_t)codes[i];
            ids[codes[i]] = MARKED;
        }
    }
    bool ok = count == 0 || intern_missing(key, lane, dict, ids, missing, count);
    for (uint32_t i = 0; ok && i < n; i++) {
        codes[i] = ids[codes[i]];
    }
    weir_scratch_rewind(&lane->scratch, mark);
    return ok;
}

static bool code_flat_strings(weir_key_code *key, weir_lane *lane, const weir_vec *vec, uint32_t n,
                              uint64_t *out)
{
    weir_scratch *s = &lane->scratch;
    weir_mark mark = weir_scratch_mark(s);
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, n), count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!vec->nulls || !weir_bit(vec->nulls, i)) {
            values[count++] = vec->at.s[i];
        }
    }
    bool ok = put_all(key, lane, values, count, ids);
    count = 0;
    for (uint32_t i = 0; ok && i < n; i++) {
        out[i] = vec->nulls && weir_bit(vec->nulls, i) ? 0 : ids[count++];
    }
    weir_scratch_rewind(s, mark);
    return ok;
}

static bool code_strings(weir_key_code *key, weir_code_maps *maps, weir_lane *lane,
                         const weir_vec *vec, uint32_t n, bool local, uint64_t *out)
{
    if (vec->form != WEIR_DICT) {
        assert(!local && key->kind == WEIR_CODE_INTERN);
        return code_flat_strings(key, lane, vec, n, out);
    }
    if (key->kind == WEIR_CODE_GLOBAL) {
        for (uint32_t i = 0; i < n; i++) {
            out[i] = maps->global[vec->at.ids[i]];
        }
        return true;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = vec->at.ids[i];
    }
    return local || weir_keys_globalise(key, maps, lane, vec->dict, n, out);
}

/* Numbers. */

static uint64_t wide_code(const weir_vec *vec, uint32_t i)
{
    if (vec->type.kind == WEIR_LONG) {
        return (uint64_t)vec->at.l[i];
    }
    double d = vec->at.d[i];
    uint64_t bits = 0x7ff8000000000000u; /* one NaN */
    if (d == d) {
        memcpy(&bits, &d, sizeof(bits));
    }
    return bits;
}

static uint64_t float_code(float f)
{
    uint32_t bits = 0x7fc00000u;
    if (f == f) {
        memcpy(&bits, &f, sizeof(bits));
    }
    return 1 + (uint64_t)bits;
}

static void code_numbers(const weir_key_code *key, const weir_vec *vec, uint32_t n, uint64_t *out,
                         uint64_t *nulls)
{
    for (uint32_t i = 0; i < n; i++) {
        bool null = vec->nulls && weir_bit(vec->nulls, i);
        if (key->kind == WEIR_CODE_WIDE) {
            out[i] = null ? 0 : wide_code(vec, i);
            nulls[i] = null;
        } else if (key->kind == WEIR_CODE_FLOAT) {
            out[i] = null ? 0 : float_code(vec->at.f[i]);
        } else {
            out[i] = null ? 0 : 1 + (uint64_t)vec->at.l[i] - (uint64_t)key->min;
        }
    }
}

static bool code_const(weir_key_code *key, weir_code_maps *maps, weir_lane *lane,
                       const weir_vec *vec, uint32_t n, bool local, const weir_dict *dict,
                       uint64_t *out, uint64_t *nulls)
{
    uint64_t code = 0, null = 1;
    if (!weir_vec_is_null(vec, 0)) {
        weir_vec one = *vec;
        one.n = 1;
        one.nulls = NULL;
        one.form = vec->dict ? WEIR_DICT : WEIR_FLAT;
        bool by_id = local || key->kind == WEIR_CODE_DICT || key->kind == WEIR_CODE_GLOBAL;
        if (by_id && key->type.kind == WEIR_STRING && !vec->dict) { /* a chunk's constant is in its segment's dictionary */
            code = dict->ops->find(dict, vec->at.s[0]);
            code = key->kind == WEIR_CODE_GLOBAL ? maps->global[code] : code;
            null = 0;
        } else if (!weir_keys_code(key, maps, lane, &one, 1, local, dict, &code, &null)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = code;
    }
    for (uint32_t i = 0; key->kind == WEIR_CODE_WIDE && i < n; i++) {
        nulls[i] = null;
    }
    return true;
}

bool weir_keys_code(weir_key_code *key, weir_code_maps *maps, weir_lane *lane, const weir_vec *vec,
                    uint32_t n, bool local, const weir_dict *dict, uint64_t *out, uint64_t *nulls)
{
    if (key->kind == WEIR_CODE_NULL) {
        memset(out, 0, n * sizeof(*out));
        return true;
    }
    if (vec->form == WEIR_CONST) {
        return code_const(key, maps, lane, vec, n, local, dict, out, nulls);
    }
    if (key->type.kind == WEIR_STRING) {
        return code_strings(key, maps, lane, vec, n, local, out);
    }
    code_numbers(key, vec, n, out, nulls);
    return true;
}

/* Back to values. */

static void decode_strings(const weir_key_code *key, uint32_t words, const uint64_t *packed,
                           uint32_t n, weir_scratch *s, weir_vec *out)
{
    const weir_dict *dict = key->kind == WEIR_CODE_INTERN   ? &key->intern.dict
                            : key->kind == WEIR_CODE_GLOBAL ? &key->global.dict
                                                            : key->dict;
    if (!dict) {
        *out = weir_vec_null(out->type, n);
        return;
    }
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = (uint32_t)weir_keys_unpack(key, packed + (size_t)i * words);
    }
    out->form = WEIR_DICT;
    out->dict = dict;
    out->at.ids = ids;
}

bool weir_keys_decode(const weir_key_code *key, const weir_buckets *buckets, uint32_t words,
                      const uint64_t *packed, uint32_t n, weir_scratch *s, weir_vec *out)
{
    *out = (weir_vec){.type = key->type, .form = WEIR_FLAT, .n = n};
    out->type.multi = false;
    if (key->type.kind == WEIR_STRING) {
        decode_strings(key, words, packed, n, s, out);
        return true;
    }
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n));
    uint64_t *values = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t *at = packed + (size_t)i * words;
        uint64_t code = weir_keys_unpack(key, at);
        bool null = code == 0;
        switch ((weir_code_kind)key->kind) {
        case WEIR_CODE_BUCKET:
            values[i] = (uint64_t)weir_buckets_start(buckets, code);
            null = false;
            break;
        case WEIR_CODE_OFFSET:
            values[i] = code - 1 + (uint64_t)key->min;
            break;
        case WEIR_CODE_WIDE:
            values[i] = code;
            null = at[key->null_word] >> key->null_shift & 1;
            break;
        case WEIR_CODE_FLOAT:
            ((uint32_t *)values)[i] = (uint32_t)(code - 1);
            break;
        case WEIR_CODE_NULL:
        case WEIR_CODE_DICT:
        case WEIR_CODE_GLOBAL:
        case WEIR_CODE_INTERN:
            break;
        }
        nulls[i >> 6] |= (uint64_t)null << (i & 63);
    }
    out->nulls = nulls;
    out->at.l = (const int64_t *)values;
    return true;
}
