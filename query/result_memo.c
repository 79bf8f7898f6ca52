/* query/result_memo.c - see the header. An answer quicker than a millisecond is not kept: finding
 * it again costs a tenth of that. Large ones are kept only when they are asked for twice. */
#include "query/result_memo.h"
#include "weir/hash.h"

enum { WORTH_US = 1000, SMALL_BYTES = 64 << 10 };

typedef struct reach { /* the ROWS nodes of a plan, to know which rows it reads */
    weir_arena *arena;
    uint32_t count, capacity;
    const weir_node_rows **at;
} reach;

static void add_rows(reach *r, const weir_node_rows *rows)
{
    if (r->count == r->capacity) {
        uint32_t capacity = r->capacity ? r->capacity * 2 : 8;
        const weir_node_rows **grown = WEIR_ARENA_ARRAY(r->arena, const weir_node_rows *, capacity);
        if (r->count) {
            memcpy(grown, r->at, r->count * sizeof(*grown));
        }
        r->at = grown;
        r->capacity = capacity;
    }
    r->at[r->count++] = rows;
}

/* False: something here reads what no segment holds. */
static bool find_rows(reach *r, const weir_node *node)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        if (node->as.rows.child) {
            return find_rows(r, node->as.rows.child);
        }
        add_rows(r, &node->as.rows);
        return node->as.rows.given == NULL;
    case WEIR_NODE_FILTER:
        return find_rows(r, node->as.filter.child);
    case WEIR_NODE_PROJECT:
        return find_rows(r, node->as.project.child);
    case WEIR_NODE_AGG:
        return find_rows(r, node->as.agg.child);
    case WEIR_NODE_SORT:
        return find_rows(r, node->as.sort.child);
    case WEIR_NODE_UNION:
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            if (!find_rows(r, node->as.merge.children[i])) {
                return false;
            }
        }
        return true;
    case WEIR_NODE_JOIN:
        return find_rows(r, node->as.join.left) && find_rows(r, node->as.join.right);
    case WEIR_NODE_UNNEST:
        return find_rows(r, node->as.unnest.child);
    case WEIR_NODE_WINDOW:
        break;
    }
    return false;
}

static bool names_table(const weir_node_rows *rows, weir_str table)
{
    for (uint32_t i = 0; i < rows->table_count; i++) {
        if (weir_str_eq(rows->tables[i], table)) {
            return true;
        }
    }
    return false;
}

/* Whether the query may read rows of this table at these times. */
static bool reads(const reach *r, weir_str table, int64_t min, int64_t max)
{
    for (uint32_t i = 0; i < r->count; i++) {
        const weir_node_rows *rows = r->at[i];
        for (uint32_t k = 0; k < rows->interval_count && names_table(rows, table); k++) {
            if (rows->intervals[k].start_ms <= max && rows->intervals[k].end_ms > min) {
                return true;
            }
        }
    }
    return false;
}

/* A live segment grows: what it holds now where the query reads, and, as types of columns count
 * everywhere, its columns. */
static void put_live(const reach *r, weir_str table, const weir_rows *rows, weir_buf *out)
{
    uint32_t columns = rows->ops->column_count(rows), chunks = rows->ops->chunks(rows);
    for (uint32_t i = 0; i < columns; i++) {
        weir_type type = rows->ops->column_at(rows, i)->type;
        weir_buf_byte(out, (char)(type.kind * 2 + type.multi));
    }
    for (uint32_t c = 0; c < chunks; c++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, c, &info);
        if (r && !reads(r, table, info.min_time, info.max_time)) {
            weir_buf_u32(out, c); /* which chunks count is part of the key */
            continue;
        }
        weir_buf_u32(out, info.row_count);
        weir_buf_u64(out, info.events); /* rows that roll up grow and stay as many */
        weir_buf_byte(out, (char)info.sealed);
        weir_buf_u64(out, (uint64_t)info.min_time);
        weir_buf_u64(out, (uint64_t)info.max_time);
    }
}

static bool put_view(const reach *r, const weir_view *view, weir_buf *out)
{
    weir_buf_bytes(out, view->table);
    for (uint32_t i = 0; i < view->count; i++) {
        const weir_rows *rows = view->rows[i];
        if (!rows || (view->problems && view->problems[i].size)) {
            return false;
        }
        weir_buf_u64(out, rows->uid);
        weir_buf_u64(out, view->revs ? view->revs[i] : 0);
        if (rows->live) {
            put_live(r, view->table, rows, out);
        }
    }
    return true;
}

bool weir_result_key(const weir_native_query *query, weir_view *const *views, uint32_t view_count,
                     bool pretty, const weir_memo *memo, weir_memo_key *out)
{
    weir_buf text = {0};
    reach r = {.arena = query->arena};
    bool ok = !query->plan || find_rows(&r, query->plan->root);
    if (ok) {
        weir_buf_text(&text, WEIR_VERSION);
        weir_buf_byte(&text, (char)pretty);
        weir_native_identity(query, &text);
        if (query->plan) {
            weir_plan_print(query->plan, &text);
        }
    }
    for (uint32_t i = 0; ok && i < view_count; i++) {
        ok = put_view(query->plan ? &r : NULL, views[i], &text);
    }
    if (ok) {
        *out = weir_memo_key_of(memo, weir_buf_view(&text));
    }
    weir_buf_done(&text);
    return ok;
}

void weir_result_etag(weir_memo_key key, char out[33])
{
    weir_hex_u64(out, key.hash);
    weir_hex_u64(out + 16, key.salted);
}

bool weir_result_etag_matches(weir_str if_none_match, const char *etag)
{
    size_t at = 0;
    while (at < if_none_match.size) {
        const char *comma = memchr(if_none_match.at + at, ',', if_none_match.size - at);
        size_t end = comma ? (size_t)(comma - if_none_match.at) : if_none_match.size;
        weir_str one = weir_str_trim((weir_str){if_none_match.at + at, end - at});
        if (one.size > 2 && memcmp(one.at, "W/", 2) == 0) {
            one = (weir_str){one.at + 2, one.size - 2};
        }
        if (one.size >= 2 && one.at[0] == '"' && one.at[one.size - 1] == '"') {
            one = (weir_str){one.at + 1, one.size - 2};
        }
        if (weir_str_is(one, etag) || weir_str_is(one, "*")) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

bool weir_result_is_worth_it(weir_memo *memo, weir_memo_key key, size_t size, int64_t took_us)
{
    return memo && took_us >= WORTH_US && (size <= SMALL_BYTES || weir_memo_seen(memo, key));
}
