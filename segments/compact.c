/* segments/compact.c - see segments/compact.h. Rows are read block by block as queries read them
 * and appended as ingestion appends them, so types, lists, json and roll-up are what they always
 * are; what is in memory is the encoded form of a live segment's sealed chunks. */
#include <stdlib.h>
#include "segments/compact.h"

#define FREEZE_BYTES_PER_ROW 80u /* order, places, and a column of eight bytes */

typedef struct waiting { /* for bytes; shared with who fetches them */
    _Atomic uint32_t refs;
    _Atomic bool woken;
} waiting;

struct weir_merge {
    weir_merge_options options;
    weir_schema *schema;
    weir_realtime *rt;
    weir_arena *arena;
    weir_scratch s;
    uint32_t input, chunk; /* next to read */
    uint64_t read;
    weir_str *names; /* of the input's columns */
    const weir_column **columns;
    uint32_t column_count;
    waiting *waiting;
    bool done;
};

static void waiting_unref(waiting *w)
{
    if (w && atomic_fetch_sub(&w->refs, 1) == 1) {
        free(w);
    }
}

static void wake(void *self)
{
    waiting *w = self;
    atomic_store(&w->woken, true);
    waiting_unref(w);
}

weir_merge *weir_merge_new(const weir_merge_options *options, weir_error *err)
{
    weir_schema *schema = weir_merge_schema(options, err);
    if (!schema) {
        return NULL;
    }
    weir_merge *m = weir_calloc(1, sizeof(*m));
    m->options = *options;
    m->arena = weir_arena_new();
    m->schema = schema;
    m->rt = weir_realtime_new(schema, options->budget);
    m->s.budget = options->budget;
    return m;
}

void weir_merge_free(weir_merge *m)
{
    if (m) {
        waiting_unref(m->waiting);
        weir_scratch_done(&m->s);
        weir_realtime_unref(m->rt);
        weir_schema_unref(m->schema);
        weir_arena_free(m->arena);
        free(m);
    }
}

weir_realtime *weir_merge_rows(weir_merge *m)
{
    return m->rt;
}

uint64_t weir_merge_rows_read(const weir_merge *m)
{
    return m->read;
}

static void name_columns(weir_merge *m, const weir_rows *rows)
{
    uint32_t count = rows->ops->column_count(rows);
    m->names = WEIR_ARENA_ARRAY(m->arena, weir_str, count + 1);
    m->columns = WEIR_ARENA_ARRAY(m->arena, const weir_column *, count + 1);
    m->column_count = count;
    for (uint32_t i = 0; i < count; i++) { /* __time is first */
        m->columns[i] = rows->ops->column_at(rows, i);
        m->names[i] = m->columns[i]->name;
    }
}

/* The input's bytes. */
static weir_ready prepare(weir_merge *m, weir_rows *rows, weir_error *err)
{
    if (!rows->ops->prepare) {
        return WEIR_READY;
    }
    if (m->waiting && !atomic_load(&m->waiting->woken)) {
        return WEIR_WAIT;
    }
    waiting_unref(m->waiting);
    m->waiting = weir_calloc(1, sizeof(*m->waiting));
    m->waiting->refs = 2; /* ours, and that of whoever wakes us */
    weir_need need = {.chunk = 0,
                      .count = rows->ops->chunks(rows),
                      .column_count = m->column_count,
                      .columns = m->names};
    weir_ready ready = rows->ops->prepare(rows, &need, (weir_wake){wake, m->waiting}, err);
    if (ready != WEIR_WAIT) {
        waiting_unref(m->waiting); /* nobody will */
        waiting_unref(m->waiting);
        m->waiting = NULL;
    }
    return ready;
}

static bool append_rows(weir_merge *m, uint32_t chunk, uint32_t from, const weir_sel *sel,
                        weir_error *err)
{
    weir_vec *vecs = WEIR_SCRATCH_ARRAY(&m->s, weir_vec, m->column_count + 1);
    uint16_t *rows = NULL;
    if (sel->kind != WEIR_SEL_ALL) {
        const uint16_t *in_block = weir_sel_rows(sel, &m->s);
        rows = WEIR_SCRATCH_ARRAY(&m->s, uint16_t, sel->count);
        for (uint32_t i = 0; i < sel->count; i++) {
            rows[i] = (uint16_t)(in_block[i] + from);
        }
    }
    for (uint32_t i = 0; i < m->column_count; i++) {
        const weir_column *col = m->columns[i];
        if (rows ? !col->ops->gather(col, chunk, rows, sel->count, &m->s, &vecs[i], err)
                 : !col->ops->read(col, chunk, from, sel->n, false, &m->s, &vecs[i], err)) {
            return false;
        }
    }
    weir_vec times;
    if (!weir_vec_flatten(&vecs[0], &m->s, &times, err)) {
        return false;
    }
    weir_input input = {.n = sel->count,
                        .times = times.at.l,
                        .column_count = m->column_count - 1,
                        .names = m->names + 1,
                        .columns = vecs + 1};
    m->read += sel->count;
    return weir_realtime_append(m->rt, &input, 0, err);
}

static bool append_chunk(weir_merge *m, weir_rows *rows, uint32_t chunk, weir_error *err)
{
    weir_chunk_info info;
    weir_sel seen;
    bool ok = true;
    rows->ops->chunk(rows, chunk, &info);
    weir_mark mark = weir_scratch_mark(&m->s);
    bool some = rows->ops->visible(rows, chunk, &m->s, &seen);
    for (uint32_t from = 0; from < info.row_count && ok; from += WEIR_BLOCK_ROWS) {
        uint32_t left = info.row_count - from, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        weir_mark block = weir_scratch_mark(&m->s);
        weir_sel sel = some ? weir_sel_block(&seen, from, n, &m->s) : weir_sel_all(n);
        ok = sel.kind == WEIR_SEL_NONE || append_rows(m, chunk, from, &sel, err);
        weir_scratch_rewind(&m->s, block);
    }
    weir_scratch_rewind(&m->s, mark);
    return ok;
}

static bool is_full(const weir_merge *m)
{
    size_t bytes =
        weir_realtime_bytes(m->rt) + FREEZE_BYTES_PER_ROW * (size_t)weir_realtime_rows(m->rt);
    return m->options.memory_bytes > 0 && bytes > m->options.memory_bytes;
}

weir_merge_step weir_merge_next(weir_merge *m, weir_error *err)
{
    if (m->done) {
        return WEIR_MERGE_DONE;
    }
    if (m->input == m->options.count) {
        m->done = true;
        weir_realtime_end(m->rt);
        return WEIR_MERGE_DONE;
    }
    weir_rows *rows = m->options.rows[m->input];
    if (m->chunk == 0 && !m->waiting) {
        name_columns(m, rows);
    }
    switch (prepare(m, rows, err)) {
    case WEIR_WAIT:
        return WEIR_MERGE_WAIT;
    case WEIR_FAILED:
        return WEIR_MERGE_FAILED;
    case WEIR_READY:
        break;
    }
    if (m->chunk < rows->ops->chunks(rows) && !append_chunk(m, rows, m->chunk, err)) {
        return WEIR_MERGE_FAILED;
    }
    if (++m->chunk >= rows->ops->chunks(rows)) {
        m->chunk = 0;
        m->input++;
    }
    return is_full(m) ? WEIR_MERGE_FULL : WEIR_MERGE_MORE;
}
