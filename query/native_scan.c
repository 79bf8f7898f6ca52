/* query/native_scan.c - scan: ROWS(columns, order) -> SORT(limit, offset). A scan over all columns
 * learns them from the views: dimensions and metrics of every segment, __time first. A column to
 * order by that is not asked for is read behind the shown ones. */
#include "query/native_json.h"

static bool parse_format(weir_native *n, const weir_at *at, const json_t *json, uint32_t *out)
{
    static const char *const names[] = {"list", "compactedList", "valueVector"};
    weir_str name;
    *out = WEIR_SCAN_LIST;
    if (!weir_native_text(n, at, json, "resultFormat", &name)) {
        return false;
    }
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (weir_str_is(name, names[i])) {
            *out = i;
            return true;
        }
    }
    return !name.at || weir_native_fail(n, WEIR_AT(at, "resultFormat"),
                                        "'%.*s' is no result format", WEIR_STR_ARG(name));
}

typedef struct scan_order {
    uint32_t count;
    weir_str *names;
    bool *descending;
} scan_order;

static bool parse_direction(weir_native *n, const weir_at *at, const json_t *json, bool none_too,
                            int *out)
{
    weir_str order;
    *out = 0;
    if (!weir_native_text(n, at, json, "order", &order) || !order.at) {
        return !order.at || none_too;
    }
    if (weir_str_eq_nocase(order, WEIR_STR("ascending"))) {
        *out = 1;
    } else if (weir_str_eq_nocase(order, WEIR_STR("descending"))) {
        *out = -1;
    } else if (!none_too || !weir_str_eq_nocase(order, WEIR_STR("none"))) {
        return weir_native_fail(n, WEIR_AT(at, "order"), "'%.*s' is no order", WEIR_STR_ARG(order));
    }
    return true;
}

static bool parse_order(weir_native *n, const weir_at *at, const json_t *json, scan_order *out)
{
    const json_t *list;
    size_t count;
    int direction;
    if (!parse_direction(n, at, json, true, &direction) ||
        !weir_native_list(n, at, json, "orderBy", &list, &count)) {
        return false;
    }
    out->names = WEIR_ARENA_ARRAY(n->arena, weir_str, count + 1);
    out->descending = WEIR_ARENA_ARRAY(n->arena, bool, count + 1);
    if (count == 0 && direction != 0) {
        out->names[0] = WEIR_STR("__time");
        out->descending[0] = direction < 0;
        out->count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        const weir_at *item_at = WEIR_AT_ITEM(WEIR_AT(at, "orderBy"), i);
        if (!weir_native_object(n, item_at, item) ||
            !weir_native_need_text(n, item_at, item, "columnName", &out->names[i]) ||
            !parse_direction(n, item_at, item, false, &direction)) {
            return false;
        }
        out->descending[i] = direction < 0;
        out->count = (uint32_t)count;
    }
    return true;
}

/* From ROWS with its shown columns known. */
static void finish(weir_native *n, weir_native_part *part, weir_node *rows, const scan_order *order,
                   int64_t limit, int64_t offset)
{
    weir_names names = {.arena = n->arena};
    weir_sort_key *keys = WEIR_ARENA_ARRAY(n->arena, weir_sort_key, order->count + 1);
    weir_native_column *shown =
        WEIR_ARENA_ARRAY(n->arena, weir_native_column, rows->as.rows.column_count + 1);
    for (uint32_t i = 0; i < rows->as.rows.column_count; i++) {
        uint32_t index;
        weir_names_add(&names, rows->as.rows.columns[i]);
        weir_names_has(&names, rows->as.rows.columns[i], &index);
        shown[i] = (weir_native_column){rows->as.rows.columns[i], index};
    }
    part->shown = shown;
    part->shown_count = rows->as.rows.column_count;
    for (uint32_t i = 0; i < order->count; i++) {
        weir_names_add(&names, order->names[i]);
        weir_names_has(&names, order->names[i], &keys[i].column);
        keys[i].descending = keys[i].nulls_last = order->descending[i];
        keys[i].ordering = &weir_order_lexicographic;
    }
    rows->as.rows.columns = names.at;
    rows->as.rows.column_count = names.count;
    if (order->count && weir_str_is(order->names[0], "__time")) {
        rows->as.rows.order = order->descending[0] ? WEIR_ORDER_TIME_DESC : WEIR_ORDER_TIME_ASC;
    }
    weir_node_resolve(n->arena, rows);
    bool sort = order->count > 0 || limit >= 0 || offset > 0;
    part->root = sort ? weir_native_sort(n, rows, keys, order->count, limit, offset, false) : rows;
}

static bool parse_columns(weir_native *n, const weir_at *at, const json_t *json, weir_names *out)
{
    const json_t *list;
    size_t count;
    if (!weir_native_list(n, at, json, "columns", &list, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        weir_str name;
        if (!weir_native_scalar_text(n, WEIR_AT_ITEM(WEIR_AT(at, "columns"), i),
                                     json_array_get(list, i), &name)) {
            return false;
        }
        weir_names_add(out, name.at ? name : WEIR_STR("null"));
    }
    return true;
}

typedef struct open_scan { /* waits for the views' columns */
    weir_node *rows;
    scan_order order;
    int64_t limit, offset;
} open_scan;

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part)
{
    weir_node *rows;
    weir_names columns = {.arena = n->arena};
    open_scan *open = WEIR_ARENA_NEW(n->arena, open_scan);
    int64_t batch_size;
    if (!weir_native_rows(n, at, json, part, true, &rows) ||
        !parse_format(n, at, json, &part->result_format) ||
        !parse_order(n, at, json, &open->order) ||
        !weir_native_long(n, at, json, "limit", 0, &open->limit) ||
        !weir_native_long(n, at, json, "offset", 0, &open->offset) ||
        !weir_native_long(n, at, json, "batchSize", 0, &batch_size) ||
        !parse_columns(n, at, json, &columns)) {
        return false;
    }
    if (open->limit < 0 || open->offset < 0 || batch_size < 0) {
        return weir_native_fail(n,
                                WEIR_AT(at, open->limit < 0    ? "limit"
                                            : open->offset < 0 ? "offset"
                                                               : "batchSize"),
                                "must be greater than 0");
    }
    open->limit = open->limit == 0 || open->limit == INT64_MAX ? -1 : open->limit;
    weir_granularity_simple(WEIR_STR("all"), &part->granularity);
    open->rows = rows;
    if (columns.count == 0) {
        part->meta = open;
        part->root = rows;
        return true;
    }
    rows->as.rows.columns = columns.at;
    rows->as.rows.column_count = columns.count;
    finish(n, part, rows, &open->order, open->limit, open->offset);
    return true;
}

static bool bind(weir_native *n, weir_native_part *part, weir_view *const *views,
                 uint32_t view_count)
{
    open_scan *open = part->meta;
    if (!open) {
        return true;
    }
    weir_node_rows *rows = &open->rows->as.rows;
    weir_native_signature signature = {0};
    weir_native_signature_of(n, rows, views, view_count, &signature);
    weir_names columns = signature.names;
    for (uint32_t i = 0; i < rows->virtual_count; i++) {
        weir_names_add(&columns, rows->virtuals[i].name);
    }
    rows->columns = columns.at;
    rows->column_count = columns.count;
    finish(n, part, open->rows, &open->order, open->limit, open->offset);
    return true;
}

const weir_native_type weir_native_scan = {
    .type = "scan", .parse = parse, .bind = bind, .writer = &weir_write_scan};
