/* segments/realtime.c - the live segment: columns, chunks, and the append that ends in one release
 * store. A batch is first made ready column by column, which may fail and shows nothing; then
 * copied to cells, which cannot; then the row count is published, so that its rows appear in one
 * step. A batch never straddles chunks: a chunk without room for it is sealed a little early.
 * Readers meet the writer at one lock, held to add a column or a chunk or to put a sealed chunk in
 * the place of the one that grew; everything else is by atomics (live.h). */
#include <assert.h>
#include <stdlib.h>
#include "segments/live_auto.h"
#include "segments/live_join.h"
#include "segments/rollup.h"
#include "weir/log.h"

/* A sealed chunk with more rows than this is not rolled up again: half a chunk of new rows is worth
 * the work for each old one. */
#define JOINED_ROWS (WEIR_CHUNK_ROWS / 2)

/* --- chunks --- */

weir_live_chunk *weir_live_chunk_new(weir_realtime *rt)
{
    weir_live_chunk *chunk = weir_calloc(1, sizeof(*chunk));
    chunk->refs = 1;
    chunk->mem.budget = &rt->budget;
    chunk->cell_count = rt->column_capacity;
    chunk->cells = WEIR_SCRATCH_ARRAY(&chunk->mem, weir_live_cells_slot, chunk->cell_count);
    memset(chunk->cells, 0, sizeof(*chunk->cells) * chunk->cell_count);
    return chunk;
}

weir_live_chunk *weir_live_chunk_ref(weir_live_chunk *chunk)
{
    atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
    return chunk;
}

void weir_live_chunk_unref(weir_live_chunk *chunk)
{
    if (atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    weir_scratch_done(&chunk->mem);
    if (chunk->sealed) {
        weir_live_sealed_free(chunk->sealed);
    }
    free(chunk);
}

static weir_live_span span_of(const int64_t *times, uint32_t n)
{
    weir_live_span span = {times[0], times[0], times[0], times[n - 1], true};
    bool falls = false;
    for (uint32_t i = 1; i < n; i++) {
        span.min = times[i] < span.min ? times[i] : span.min;
        span.max = times[i] > span.max ? times[i] : span.max;
        falls |= times[i] < times[i - 1];
    }
    span.sorted = !falls;
    return span;
}

weir_live_span weir_live_chunk_span(const weir_live_chunk *chunk, uint32_t row_count)
{
    weir_live_span whole = {0};
    if (chunk->sealed) {
        return chunk->sealed->span;
    }
    assert(row_count > 0);
    for (uint32_t block = 0; block * WEIR_BLOCK_ROWS < row_count; block++) {
        uint32_t n = row_count - block * WEIR_BLOCK_ROWS;
        const int64_t *times = atomic_load_explicit(&chunk->times[block], memory_order_acquire);
        weir_live_span span = n >= WEIR_BLOCK_ROWS ? chunk->spans[block] : span_of(times, n);
        if (block == 0) {
            whole = span;
            continue;
        }
        whole.sorted = whole.sorted && span.sorted && span.first >= whole.last;
        whole.min = span.min < whole.min ? span.min : whole.min;
        whole.max = span.max > whole.max ? span.max : whole.max;
        whole.last = span.last;
    }
    return whole;
}

static weir_live_chunk *growing_of(const weir_realtime *rt) /* writer */
{
    weir_live_chunk *last = rt->chunk_count ? rt->chunks[rt->chunk_count - 1] : NULL;
    return last && !last->sealed ? last : NULL;
}

static weir_live_chunk *add_chunk(weir_realtime *rt)
{
    weir_live_chunk *chunk = weir_live_chunk_new(rt);
    weir_live_chunk **old = NULL, **longer = NULL;
    uint32_t capacity = rt->chunk_capacity;
    if (rt->chunk_count == capacity) {
        capacity = capacity ? 2 * capacity : 16;
        longer = weir_alloc(sizeof(*longer) * capacity);
        if (rt->chunk_count) {
            memcpy(longer, rt->chunks, sizeof(*longer) * rt->chunk_count);
        }
    }
    pthread_mutex_lock(&rt->lock);
    if (longer) {
        old = rt->chunks;
        rt->chunks = longer;
        rt->chunk_capacity = capacity;
    }
    rt->chunks[rt->chunk_count++] = chunk;
    pthread_mutex_unlock(&rt->lock);
    free(old);
    return chunk;
}

/* The sealed chunk whose rows are rolled up once more with those of the growing one; NULL: none. */
static weir_live_chunk *joined_next(const weir_realtime *rt)
{
    const weir_live_chunk *growing = growing_of(rt);
    uint32_t sealed = rt->chunk_count - (growing != NULL);
    weir_live_chunk *last = rt->rollup && sealed ? rt->chunks[sealed - 1] : NULL;
    return last && last->row_count <= JOINED_ROWS ? last : NULL;
}

/* Rows that the growing chunk takes before it is sealed. */
static uint32_t growing_limit(const weir_realtime *rt)
{
    const weir_live_chunk *next = joined_next(rt);
    return WEIR_CHUNK_ROWS - (next ? next->row_count : 0);
}

static void seal_last(weir_realtime *rt)
{
    weir_live_chunk *chunk = growing_of(rt), *before = joined_next(rt);
    weir_live_chunk *joined = before ? weir_live_join(rt, before, chunk) : NULL;
    weir_live_chunk *sealed = weir_live_seal(rt, joined ? joined : chunk);
    pthread_mutex_lock(&rt->lock);
    if (before) {
        rt->chunk_count--;
        rt->sealed_rows -= before->row_count;
    }
    rt->chunks[rt->chunk_count - 1] = sealed;
    rt->sealed_rows += sealed->sealed->row_count;
    pthread_mutex_unlock(&rt->lock);
    weir_live_chunk_unref(chunk);
    if (before) {
        weir_live_chunk_unref(before);
        weir_live_chunk_unref(joined);
    }
}

/* --- columns --- */

static void more_columns(weir_realtime *rt)
{
    uint32_t capacity = rt->column_capacity ? 2 * rt->column_capacity : 64;
    weir_live_column **longer = WEIR_ARENA_ARRAY(rt->arena, weir_live_column *, capacity);
    if (rt->column_count) {
        memcpy(longer, rt->columns, sizeof(*longer) * rt->column_count);
    }
    weir_live_chunk *chunk = growing_of(rt);
    weir_live_cells_slot *cells = NULL;
    if (chunk) {
        cells = WEIR_SCRATCH_ARRAY(&chunk->mem, weir_live_cells_slot, capacity);
        memset(cells, 0, sizeof(*cells) * capacity);
        for (uint32_t i = 0; i < chunk->cell_count; i++) {
            atomic_store_explicit(&cells[i],
                                  atomic_load_explicit(&chunk->cells[i], memory_order_relaxed),
                                  memory_order_relaxed);
        }
    }
    pthread_mutex_lock(&rt->lock);
    rt->columns = longer;
    rt->column_capacity = capacity;
    if (chunk) {
        chunk->cells = cells;
        chunk->cell_count = capacity;
    }
    pthread_mutex_unlock(&rt->lock);
}

static weir_live_column *column_new(weir_realtime *rt, weir_str name, weir_type type, bool indexed)
{
    if (rt->column_count == rt->column_capacity) {
        more_columns(rt);
    }
    weir_live_column *col = WEIR_ARENA_NEW(rt->arena, weir_live_column);
    uint32_t id;
    weir_live_dict_intern(&rt->names, &name, NULL, 1, &id);
    assert(id == rt->column_count + 1);
    *col = (weir_live_column){.name = weir_live_dict_value(&rt->names, id),
                              .type = type,
                              .index = rt->column_count,
                              .indexed = indexed && weir_live_has_dict(type),
                              .multi = WEIR_MULTI_ARRAY};
    if (weir_live_has_dict(type)) {
        col->dict = WEIR_ARENA_NEW(rt->arena, weir_live_dict);
        weir_live_dict_init(col->dict, &rt->mem);
    }
    return col;
}

/* From now on readers may find it. */
static uint32_t publish_column(weir_realtime *rt, weir_live_column *col)
{
    pthread_mutex_lock(&rt->lock);
    rt->columns[rt->column_count++] = col;
    pthread_mutex_unlock(&rt->lock);
    return col->index;
}

static uint32_t add_column(weir_realtime *rt, weir_str name, weir_type type, bool metric,
                           bool indexed, uint8_t multi)
{
    weir_live_column *col = column_new(rt, name, type, indexed);
    col->metric = metric;
    col->multi = multi;
    return publish_column(rt, col);
}

static uint32_t add_auto(weir_realtime *rt, weir_str name, weir_type type, bool indexed)
{
    weir_live_column *col = column_new(rt, name, weir_type_json(), false);
    col->indexed = indexed;
    weir_live_auto_init(rt, col, type);
    return publish_column(rt, col);
}

uint32_t weir_live_add_part(weir_realtime *rt, weir_str name, weir_type type,
                            const weir_live_leaf *leaf, uint8_t part)
{
    weir_live_column *col = column_new(rt, name, type, leaf->of->indexed);
    col->leaf = leaf;
    col->part = part;
    rt->hidden_count++;
    return publish_column(rt, col);
}

/* What this segment can keep: numbers, strings, bytes. Arrays are kept as lists of strings. */
static weir_type kept_type(weir_type type)
{
    bool as_is = weir_type_is_number(type) || type.kind == WEIR_COMPLEX;
    return as_is ? type : WEIR_TYPE(WEIR_STRING);
}

static void add_declared(weir_realtime *rt)
{
    for (uint32_t i = 0; i < rt->schema->dimension_count; i++) {
        const weir_dimension *dim = &rt->schema->dimensions[i];
        if (dim->automatic && !weir_str_is(dim->name, "__time")) {
            add_auto(rt, dim->name, dim->type, dim->bitmap_index);
        } else if (!weir_str_is(dim->name, "__time")) {
            add_column(rt, dim->name, kept_type(dim->type), false, dim->bitmap_index, dim->multi);
        }
    }
    for (uint32_t i = 0; i < rt->schema->metric_count; i++) {
        weir_type type;
        weir_error err;
        if (!weir_agg_stored_type(&rt->schema->metrics[i], &type, &err)) {
            weir_die("metric %.*s: %s", WEIR_STR_ARG(rt->schema->metrics[i].name),
                     err.message); /* the spec's reader refuses it */
        }
        add_column(rt, rt->schema->metrics[i].name, kept_type(type), true, false, WEIR_MULTI_ARRAY);
    }
}

/* By first sight: a string, or an auto column where types are discovered. */
static bool discover(weir_realtime *rt, weir_str name, const weir_vec *vec, uint32_t *out,
                     weir_error *err)
{
    const weir_schema *schema = rt->schema;
    const weir_vec *values = vec->items ? vec->items : vec;
    *out = WEIR_LIVE_NO_COLUMN;
    if (!schema->discover || values->type.kind == WEIR_UNKNOWN || weir_str_is(name, "__time") ||
        weir_path_is_hidden(name)) {
        return true;
    }
    for (uint32_t i = 0; i < schema->exclusion_count; i++) {
        if (weir_str_eq(schema->exclusions[i], name)) {
            return true;
        }
    }
    bool any = vec->form != WEIR_CONST || !weir_vec_is_null(vec, 0);
    for (uint32_t i = 0; vec->nulls && vec->form != WEIR_CONST && any && i < vec->n; i++) {
        if (!weir_vec_is_null(vec, i)) {
            break;
        }
        any = i + 1 < vec->n;
    }
    if (!any) {
        return true; /* nothing seen yet */
    }
    if (rt->column_count - rt->hidden_count == WEIR_LIVE_COLUMNS_MAX) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "column '%.*s' is one too many: there are %u",
                         WEIR_STR_ARG(name), WEIR_LIVE_COLUMNS_MAX);
    }
    if (name.size > WEIR_LIVE_VALUE_MAX) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "the name of column '%.*s...' has %zu bytes",
                         64, name.at, name.size);
    }
    bool bytes = values->type.kind == WEIR_COMPLEX && !weir_type_is_json(values->type);
    if (schema->discover_typed && !bytes) {
        *out = add_auto(rt, name, WEIR_TYPE(WEIR_UNKNOWN), true);
    } else {
        *out = add_column(rt, name, bytes ? values->type : WEIR_TYPE(WEIR_STRING), false, true,
                          WEIR_MULTI_SORTED_ARRAY);
    }
    return true;
}

/* The column of the i-th name of a batch: nearly always the same as in the batch before. */
static bool find_column(weir_realtime *rt, const weir_input *input, uint32_t i, uint32_t *out,
                        weir_error *err)
{
    weir_str name = input->names[i];
    uint32_t hint = rt->hints[i];
    if (hint < rt->column_count && weir_str_eq(rt->columns[hint]->name, name)) {
        *out = hint;
        return true;
    }
    weir_live_dict_view names = weir_live_dict_pin(&rt->names);
    uint32_t id = names.base.ops->find(&names.base, name);
    if (id != WEIR_NO_ID) {
        *out = id - 1;
    } else if (!discover(rt, name, &input->columns[i], out, err)) {
        return false;
    }
    rt->hints[i] = *out;
    return true;
}

/* --- life --- */

weir_realtime *weir_realtime_new(weir_schema *schema, weir_budget *budget)
{
    weir_realtime *rt = weir_calloc(1, sizeof(*rt));
    rt->refs = 1;
    rt->budget.parent = budget;
    rt->budget.name = "live segment";
    rt->schema = weir_schema_ref(schema);
    rt->arena = weir_arena_new();
    rt->mem.budget = rt->work.budget = &rt->budget;
    rt->uid = weir_uid_next();
    rt->min_time = INT64_MAX;
    rt->max_time = INT64_MIN;
    pthread_mutex_init(&rt->lock, NULL);
    weir_live_dict_init(&rt->names, &rt->mem);
    weir_live_dict_init(&rt->leaf_names, &rt->mem);
    weir_live_dict_init(&rt->no_values, &rt->mem);
    more_columns(rt);
    add_declared(rt);
    rt->declared_count = rt->column_count;
    if (schema->rollup) {
        rt->rollup = weir_rollup_new(schema, rt->arena);
    }
    return rt;
}

weir_realtime *weir_realtime_ref(weir_realtime *rt)
{
    atomic_fetch_add_explicit(&rt->refs, 1, memory_order_relaxed);
    return rt;
}

void weir_realtime_unref(weir_realtime *rt)
{
    if (!rt || atomic_fetch_sub_explicit(&rt->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (uint32_t i = 0; i < rt->chunk_count; i++) {
        weir_live_chunk_unref(rt->chunks[i]);
    }
    free(rt->chunks);
    free(rt->hints);
    weir_scratch_done(&rt->work);
    weir_scratch_done(&rt->mem);
    assert(atomic_load(&rt->budget.used_bytes) == 0);
    pthread_mutex_destroy(&rt->lock);
    weir_arena_free(rt->arena);
    weir_schema_unref(rt->schema);
    free(rt);
}

/* --- append --- */

void weir_live_batch_add(weir_live_batch *batch, const weir_live_ready *ready, weir_scratch *s)
{
    if (batch->column_count == batch->column_capacity) {
        uint32_t capacity = batch->column_capacity * 2 + 32;
        weir_live_ready *columns = WEIR_SCRATCH_ARRAY(s, weir_live_ready, capacity);
        if (batch->column_count) {
            memcpy(columns, batch->columns, sizeof(*columns) * batch->column_count);
        }
        batch->columns = columns;
        batch->column_capacity = capacity;
    }
    batch->columns[batch->column_count++] = *ready;
}

static void reserve_hints(weir_realtime *rt, uint32_t count)
{
    if (rt->hint_count >= count) {
        return;
    }
    rt->hints = weir_realloc(rt->hints, sizeof(*rt->hints) * count);
    for (uint32_t i = rt->hint_count; i < count; i++) {
        rt->hints[i] = WEIR_LIVE_NO_COLUMN;
    }
    rt->hint_count = count;
}

static bool ready_column(weir_realtime *rt, weir_live_column *col, const weir_vec *vec,
                         weir_live_batch *out, weir_error *err)
{
    weir_live_ready ready;
    bool any;
    if (col->automatic) {
        return weir_live_shred(rt, col, vec, out, err);
    }
    if (!weir_live_make_ready(col, vec, &rt->work, &ready, &any, err)) {
        return false;
    }
    if (any) {
        weir_live_batch_add(out, &ready, &rt->work);
    }
    return true;
}

static bool make_ready(weir_realtime *rt, const weir_input *input, weir_live_batch *out,
                       weir_error *err)
{
    reserve_hints(rt, input->column_count);
    for (uint32_t i = 0; i < input->column_count; i++) {
        uint32_t at;
        assert(input->columns[i].n == input->n);
        if (!find_column(rt, input, i, &at, err)) {
            return false;
        }
        if (at == WEIR_LIVE_NO_COLUMN || rt->columns[at]->batch == rt->batch) {
            continue; /* not wanted, or named twice: the first counts */
        }
        rt->columns[at]->batch = rt->batch;
        if (!ready_column(rt, rt->columns[at], &input->columns[i], out, err)) {
            return false;
        }
    }
    int64_t *times = WEIR_SCRATCH_ARRAY(&rt->work, int64_t, input->n);
    out->times = input->times;
    if (rt->schema->query_granularity.kind != WEIR_GRAN_NONE) {
        weir_granularity_floor_many(&rt->schema->query_granularity, input->times, input->n, times,
                                    &rt->work);
        out->times = times;
    }
    return true;
}

weir_live_cells *weir_live_cells_of(weir_live_chunk *chunk, uint32_t index)
{
    weir_live_cells *cells = atomic_load_explicit(&chunk->cells[index], memory_order_relaxed);
    if (!cells) {
        cells = weir_live_cells_new(&chunk->mem);
        atomic_store_explicit(&chunk->cells[index], cells, memory_order_release);
    }
    return cells;
}

static bool has_room(const weir_live_chunk *chunk, uint32_t limit, const weir_live_batch *b,
                     uint32_t n)
{
    if (atomic_load_explicit(&chunk->row_count, memory_order_relaxed) + n > limit) {
        return false;
    }
    for (uint32_t i = 0; i < b->column_count; i++) {
        const weir_live_cells *cells =
            atomic_load_explicit(&chunk->cells[b->columns[i].col->index], memory_order_relaxed);
        if (b->columns[i].offsets && cells &&
            cells->list_at + weir_live_list_room(&b->columns[i], n) > WEIR_LIVE_LISTS_FULL) {
            return false;
        }
    }
    return true;
}

static void put_times(weir_live_chunk *chunk, const int64_t *times, uint8_t source, uint32_t at,
                      uint32_t n)
{
    for (uint32_t from = 0; from < n;) {
        uint32_t block = (at + from) / WEIR_BLOCK_ROWS, offset = (at + from) % WEIR_BLOCK_ROWS;
        uint32_t part = WEIR_BLOCK_ROWS - offset < n - from ? WEIR_BLOCK_ROWS - offset : n - from;
        if (offset == 0) {
            atomic_store_explicit(&chunk->times[block],
                                  WEIR_SCRATCH_ARRAY(&chunk->mem, int64_t, WEIR_BLOCK_ROWS),
                                  memory_order_release);
            atomic_store_explicit(&chunk->sources[block],
                                  WEIR_SCRATCH_ARRAY(&chunk->mem, uint8_t, WEIR_BLOCK_ROWS),
                                  memory_order_release);
        }
        int64_t *to = atomic_load_explicit(&chunk->times[block], memory_order_relaxed);
        memcpy(to + offset, times + from, sizeof(*to) * part);
        memset(atomic_load_explicit(&chunk->sources[block], memory_order_relaxed) + offset, source,
               part);
        if (offset + part == WEIR_BLOCK_ROWS) {
            chunk->spans[block] = span_of(to, WEIR_BLOCK_ROWS);
        }
        from += part;
    }
}

static void note_hull(weir_realtime *rt, const int64_t *times, uint32_t n)
{
    weir_live_span span = span_of(times, n);
    if (span.min < atomic_load_explicit(&rt->min_time, memory_order_relaxed)) {
        atomic_store_explicit(&rt->min_time, span.min, memory_order_relaxed);
    }
    if (span.max > atomic_load_explicit(&rt->max_time, memory_order_relaxed)) {
        atomic_store_explicit(&rt->max_time, span.max, memory_order_relaxed);
    }
}

static void put_batch(weir_realtime *rt, const weir_live_batch *b, uint8_t source, uint32_t n)
{
    weir_live_chunk *chunk = growing_of(rt);
    if (chunk && !has_room(chunk, growing_limit(rt), b, n)) {
        seal_last(rt);
        chunk = NULL;
    }
    chunk = chunk ? chunk : add_chunk(rt);
    uint32_t at = atomic_load_explicit(&chunk->row_count, memory_order_relaxed);
    for (uint32_t i = 0; i < b->column_count; i++) {
        weir_live_put(weir_live_cells_of(chunk, b->columns[i].col->index), &chunk->mem, &b->columns[i], at,
                      n);
    }
    put_times(chunk, b->times, source, at, n);
    note_hull(rt, b->times, n);
    atomic_store_explicit(&rt->events, atomic_load_explicit(&rt->events, memory_order_relaxed) + n,
                          memory_order_relaxed);
    atomic_store_explicit(&chunk->row_count, at + n,
                          memory_order_release); /* the rows are visible */
    if (growing_limit(rt) < at + n + n) {
        seal_last(rt); /* the next batch would not fit: better now, when nothing waits to be seen */
    }
}

bool weir_realtime_append(weir_realtime *rt, const weir_input *input, uint8_t source,
                          weir_error *err)
{
    assert(!rt->ended && input->n <= WEIR_BLOCK_ROWS);
    if (input->n == 0) {
        return true;
    }
    weir_mark mark = weir_scratch_mark(&rt->work);
    weir_live_batch b = {0};
    rt->batch++;
    bool ok = make_ready(rt, input, &b, err);
    if (ok) {
        put_batch(rt, &b, source, input->n);
    }
    weir_scratch_rewind(&rt->work, mark);
    return ok;
}

void weir_realtime_settle(weir_realtime *rt)
{
    if (rt->rollup && growing_of(rt)) {
        seal_last(rt);
    }
}

void weir_realtime_end(weir_realtime *rt)
{
    assert(!rt->ended);
    rt->ended = true;
    if (growing_of(rt)) {
        seal_last(rt);
    }
    weir_scratch_done(&rt->work);
}

/* --- figures --- */

uint64_t weir_realtime_rows(const weir_realtime *rt)
{
    weir_realtime *own = (weir_realtime *)rt; /* the lock alone changes */
    pthread_mutex_lock(&own->lock);
    uint64_t rows = rt->sealed_rows;
    const weir_live_chunk *last = growing_of(rt);
    if (last) {
        rows += atomic_load_explicit(&last->row_count, memory_order_acquire);
    }
    pthread_mutex_unlock(&own->lock);
    return rows;
}

uint64_t weir_realtime_events(const weir_realtime *rt)
{
    return atomic_load_explicit(&rt->events, memory_order_relaxed);
}

size_t weir_realtime_bytes(const weir_realtime *rt)
{
    return atomic_load_explicit(&rt->budget.used_bytes, memory_order_relaxed);
}

bool weir_realtime_hull(const weir_realtime *rt, weir_interval *out)
{
    int64_t min = atomic_load_explicit(&rt->min_time, memory_order_relaxed);
    int64_t max = atomic_load_explicit(&rt->max_time, memory_order_relaxed);
    if (min > max) {
        return false;
    }
    *out = (weir_interval){min, max + 1};
    return true;
}
