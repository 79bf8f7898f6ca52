/* query/meta.c - segmentMetadata and dataSourceMetadata, straight from the views: no plan, no scan.
 * Counts and nulls come from zone maps, cardinalities and extremes from dictionaries; only where a
 * growing chunk knows no nulls its blocks are read. Folding of segments is Druid's (the larger
 * cardinality, not the union). */
#include <assert.h>
#include <stdlib.h>
#include "query/native_json.h"

enum {
    ANALYZE_CARDINALITY = 1,
    ANALYZE_INTERVAL = 2,
    ANALYZE_MINMAX = 4,
    ANALYZE_SIZE = 8,
    ANALYZE_TIMESTAMP_SPEC = 16,
    ANALYZE_GRANULARITY = 32,
    ANALYZE_AGGREGATORS = 64,
    ANALYZE_ROLLUP = 128,
};

#define RECENT_MS (7 * 86400000ll) /* that is told of when no interval is asked for */

static const struct {
    const char *name;
    uint32_t bit;
} analyses[] = {
    {"cardinality", ANALYZE_CARDINALITY},
    {"interval", ANALYZE_INTERVAL},
    {"minmax", ANALYZE_MINMAX},
    {"size", ANALYZE_SIZE},
    {"timestampSpec", ANALYZE_TIMESTAMP_SPEC},
    {"queryGranularity", ANALYZE_GRANULARITY},
    {"aggregators", ANALYZE_AGGREGATORS},
    {"rollup", ANALYZE_ROLLUP},
};

typedef enum include_kind { INCLUDE_ALL, INCLUDE_NONE, INCLUDE_LIST } include_kind;
typedef struct table_list {
    uint32_t count; /* 1, or those of a union */
    const weir_str *at;
} table_list;

typedef struct segment_query {
    table_list tables;
    uint32_t analyses;
    bool merge, lenient;
    include_kind include;
    weir_names columns; /* INCLUDE_LIST */
} segment_query;

static bool read_tables(weir_native *n, const weir_at *at, const json_t *json,
                        weir_native_part *part, table_list *out)
{
    weir_node_rows rows = {0};
    const json_t *source = weir_native_get(json, "dataSource", NULL);
    if (!source) {
        return weir_native_fail(n, at, "needs 'dataSource'");
    }
    if (!weir_native_source(n, WEIR_AT(at, "dataSource"), source, part, &rows)) {
        return false;
    }
    if (rows.table_count == 0) {
        return weir_native_fail(n, WEIR_AT(at, "dataSource"),
                                "must be a table or a union of tables");
    }
    *out = (table_list){rows.table_count, rows.tables};
    return true;
}

static bool parse_analyses(weir_native *n, const weir_at *at, const json_t *json, uint32_t *out)
{
    const json_t *list;
    size_t count;
    *out = ANALYZE_CARDINALITY | ANALYZE_INTERVAL | ANALYZE_MINMAX;
    if (!weir_native_list(n, at, json, "analysisTypes", &list, &count) || !list) {
        return !weir_native_get(json, "analysisTypes", NULL);
    }
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        const weir_at *item = WEIR_AT_ITEM(WEIR_AT(at, "analysisTypes"), i);
        weir_str name;
        uint32_t bit = 0;
        if (!weir_native_scalar_text(n, item, json_array_get(list, i), &name)) {
            return false;
        }
        for (size_t k = 0; k < sizeof(analyses) / sizeof(analyses[0]); k++) {
            bit |= weir_str_eq_nocase(name, weir_str_of(analyses[k].name)) ? analyses[k].bit : 0;
        }
        if (!bit) {
            return weir_native_fail(n, item, "'%.*s' is no analysis", WEIR_STR_ARG(name));
        }
        *out |= bit;
    }
    return true;
}

static bool parse_include(weir_native *n, const weir_at *at, const json_t *json, segment_query *out)
{
    const json_t *include = weir_native_get(json, "toInclude", NULL), *list;
    weir_str type;
    size_t count;
    at = WEIR_AT(at, "toInclude");
    if (!include) {
        return true;
    }
    if (!weir_native_need_type(n, at, include, &type)) {
        return false;
    }
    if (weir_str_is(type, "all") || weir_str_is(type, "none")) {
        out->include = weir_str_is(type, "all") ? INCLUDE_ALL : INCLUDE_NONE;
        return true;
    }
    if (!weir_str_is(type, "list")) {
        return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' must be all, none or list",
                                WEIR_STR_ARG(type));
    }
    out->include = INCLUDE_LIST;
    if (!weir_native_list(n, at, include, "columns", &list, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        weir_str name;
        if (!weir_native_scalar_text(n, WEIR_AT_ITEM(WEIR_AT(at, "columns"), i),
                                     json_array_get(list, i), &name)) {
            return false;
        }
        weir_names_add(&out->columns, name);
    }
    return true;
}

static bool parse_segments(weir_native *n, const weir_at *at, const json_t *json,
                           weir_native_part *part)
{
    segment_query *query = WEIR_ARENA_NEW(n->arena, segment_query);
    const json_t *intervals = weir_native_get(json, "intervals", NULL);
    weir_str strategy;
    query->columns.arena = n->arena;
    if (!read_tables(n, at, json, part, &query->tables) ||
        !parse_analyses(n, at, json, &query->analyses) ||
        !weir_native_bool(n, at, json, "merge", false, &query->merge) ||
        !weir_native_bool(n, at, json, "lenientAggregatorMerge", false, &query->lenient) ||
        !weir_native_text(n, at, json, "aggregatorMergeStrategy", &strategy) ||
        !parse_include(n, at, json, query)) {
        return false;
    }
    query->lenient = query->lenient || weir_str_eq_nocase(strategy, WEIR_STR("lenient"));
    part->eternal = !intervals;
    part->meta = query;
    if (intervals && !weir_native_intervals(n, WEIR_AT(at, "intervals"), intervals,
                                            &part->interval_count, &part->intervals)) {
        return false;
    }
    weir_view_need need = {.count = part->interval_count, .intervals = part->intervals};
    if (!intervals) {
        need = (weir_view_need){.last_ms = RECENT_MS};
    }
    if (!intervals || part->interval_count > 0) {
        weir_native_reads_only(n, &need);
    }
    return true;
}

/* What is known of one column, folded over segments. */
typedef struct column_facts {
    weir_str name;
    weir_type type;
    bool empty;      /* nothing but null so far */
    weir_type other; /* where segments differ in type, the other one */
    bool conflict, multi, nulls, has_cardinality, has_extremes;
    uint64_t bytes, cardinality;
    bool min_null;
    weir_str min, max; /* at NULL: none */
} column_facts;

typedef struct facts { /* of one answer object */
    weir_arena *arena;
    weir_str id;
    uint32_t column_count, column_capacity;
    column_facts *columns;
    uint64_t rows, bytes;
    uint32_t interval_count;
    weir_interval *intervals;
    weir_interval hull;
    const struct weir_schema *schema;
    uint32_t schema_count, segment_count;
    bool schemas_differ;
} facts;

static column_facts *column_of(facts *f, weir_str name)
{
    for (uint32_t i = 0; i < f->column_count; i++) {
        if (weir_str_eq(f->columns[i].name, name)) {
            return &f->columns[i];
        }
    }
    if (f->column_count == f->column_capacity) {
        uint32_t capacity = f->column_capacity ? f->column_capacity * 2 : 16;
        column_facts *columns = WEIR_ARENA_ARRAY(f->arena, column_facts, capacity);
        if (f->column_count) {
            memcpy(columns, f->columns, f->column_count * sizeof(*columns));
        }
        f->columns = columns;
        f->column_capacity = capacity;
    }
    column_facts *column = &f->columns[f->column_count++];
    *column = (column_facts){.name = weir_arena_str(f->arena, name)};
    return column;
}

/* Nulls and lists of one column: from zones, else from the rows themselves. */
static bool look_at_chunks(const weir_rows *rows, const weir_column *column, weir_ctl *ctl,
                           weir_scratch *scratch, bool *nulls, bool *multi, weir_error *err)
{
    uint32_t chunk_count = rows->ops->chunks(rows);
    for (uint32_t c = 0; c < chunk_count; c++) {
        weir_zone zone = {0};
        weir_chunk_info info;
        rows->ops->chunk(rows, c, &info);
        if (column->ops->zone(column, c, &zone)) {
            *nulls = *nulls || zone.null_count > 0;
            *multi = *multi || zone.multi;
            continue;
        }
        for (uint32_t from = 0; from < info.row_count && !(*nulls && *multi);
             from += WEIR_BLOCK_ROWS) {
            uint32_t n =
                info.row_count - from < WEIR_BLOCK_ROWS ? info.row_count - from : WEIR_BLOCK_ROWS;
            weir_mark mark = weir_scratch_mark(scratch);
            weir_vec vec;
            if ((ctl && !weir_ctl_check(ctl, err)) ||
                !column->ops->read(column, c, from, n, false, scratch, &vec, err)) {
                return false;
            }
            *multi = *multi || vec.form == WEIR_LIST;
            for (uint32_t i = 0; i < n && !*nulls; i++) {
                *nulls = weir_vec_is_null(&vec, i) ||
                         (vec.form == WEIR_LIST && vec.at.offsets[i] == vec.at.offsets[i + 1]);
            }
            weir_scratch_rewind(scratch, mark);
        }
    }
    return true;
}

static bool extremes(const weir_dict *dict, weir_ctl *ctl, weir_arena *arena, weir_str *min,
                     weir_str *max, weir_error *err)
{
    weir_scratch scratch = {0};
    bool ok = true;
    *min = *max = (weir_str){0};
    if (dict->count > 1 && dict->sorted) {
        const uint32_t ids[] = {1, dict->count - 1};
        weir_str ends[2];
        ok = dict->ops->values(dict, ids, 2, &scratch, ends, err);
        if (ok) {
            *min = weir_arena_str(arena, ends[0]);
            *max = weir_arena_str(arena, ends[1]);
        }
    }
    for (uint32_t from = 1; ok && !dict->sorted && from < dict->count; from += WEIR_BLOCK_ROWS) {
        uint32_t n = dict->count - from < WEIR_BLOCK_ROWS ? dict->count - from : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(&scratch);
        uint32_t *ids = WEIR_SCRATCH_ARRAY(&scratch, uint32_t, n);
        weir_str *values = WEIR_SCRATCH_ARRAY(&scratch, weir_str, n), low = *min, high = *max;
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = from + i;
        }
        ok = (!ctl || weir_ctl_check(ctl, err)) &&
             dict->ops->values(dict, ids, n, &scratch, values, err);
        for (uint32_t i = 0; ok && i < n; i++) {
            low = !low.at || weir_str_cmp(values[i], low) < 0 ? values[i] : low;
            high = !high.at || weir_str_cmp(values[i], high) > 0 ? values[i] : high;
        }
        *min = ok ? weir_arena_str(arena, low) : *min;
        *max = ok ? weir_arena_str(arena, high) : *max;
        weir_scratch_rewind(&scratch, mark);
    }
    weir_scratch_done(&scratch);
    return ok;
}

static bool fold_column(facts *f, const segment_query *query, const weir_rows *rows,
                        const weir_column *column, weir_ctl *ctl, weir_error *err)
{
    column_facts *known = column_of(f, column->name);
    bool first = known->type.kind == WEIR_UNKNOWN, nulls = column->type.kind == WEIR_COMPLEX,
         multi = false;
    weir_scratch scratch = {0};
    bool ok = look_at_chunks(rows, column, ctl, &scratch, &nulls, &multi, err);
    weir_scratch_done(&scratch);
    if (!ok) {
        return false;
    }
    /* A column of nulls, or of empty arrays, says nothing of what the others hold. */
    bool empty = column->type.kind == WEIR_STRING && column->dict && column->dict->count == 1;
    weir_type type = column->type;
    if (!first && known->empty && !empty) {
        known->type = type;
    } else if (!first && (empty || (type.kind == WEIR_ARRAY && known->type.kind == WEIR_ARRAY))) {
        type = known->type = empty ? known->type : weir_type_wider(known->type, type);
    }
    known->empty = empty && (first || known->empty);
    if (!first && !weir_type_eq(known->type, type)) {
        known->other = known->conflict ? known->other : type;
        known->conflict = true;
        return true;
    }
    known->type = type;
    known->nulls = known->nulls || nulls;
    known->multi = known->multi || (multi && column->type.kind == WEIR_STRING);
    if (query->analyses & ANALYZE_SIZE) {
        uint64_t bytes = column->ops->bytes(column);
        known->bytes += bytes;
        f->bytes += bytes;
    }
    if (column->type.kind != WEIR_STRING ||
        !column->dict) { /* no dictionary: a live auto column whose values are of several kinds */
        return true;
    }
    known->has_cardinality = true;
    if (query->analyses & ANALYZE_CARDINALITY) {
        uint64_t count = column->dict->count - 1 + (nulls ? 1 : 0);
        known->cardinality = count > known->cardinality ? count : known->cardinality;
    }
    if (query->analyses & ANALYZE_MINMAX) {
        weir_str min, max;
        if (!extremes(column->dict, ctl, f->arena, &min, &max, err)) {
            return false;
        }
        known->min_null = known->min_null || nulls ||
                          !min.at; /* null is the smallest value, and prints as none */
        known->min =
            known->min.at && (!min.at || weir_str_cmp(known->min, min) <= 0) ? known->min : min;
        known->max =
            known->max.at && (!max.at || weir_str_cmp(known->max, max) >= 0) ? known->max : max;
        known->has_extremes = true;
    }
    return true;
}

static bool included(const segment_query *query, weir_str name)
{
    uint32_t index;
    return query->include == INCLUDE_ALL ||
           (query->include == INCLUDE_LIST && weir_names_has(&query->columns, name, &index));
}

static uint64_t visible_rows(const weir_rows *rows)
{
    uint64_t total = 0;
    uint32_t chunk_count = rows->ops->chunks(rows);
    weir_scratch scratch = {0};
    for (uint32_t c = 0; c < chunk_count; c++) {
        weir_chunk_info info;
        weir_sel sel;
        rows->ops->chunk(rows, c, &info);
        total += rows->ops->visible && rows->ops->visible(rows, c, &scratch, &sel) ? sel.count
                                                                                   : info.row_count;
    }
    weir_scratch_done(&scratch);
    return total;
}

static void fold_interval(facts *f, weir_interval interval)
{
    weir_interval *intervals = WEIR_ARENA_ARRAY(f->arena, weir_interval, f->interval_count + 1);
    uint32_t count = 0;
    bool placed = false;
    f->hull = f->segment_count == 0 ? interval : f->hull;
    f->hull.start_ms = interval.start_ms < f->hull.start_ms ? interval.start_ms : f->hull.start_ms;
    f->hull.end_ms = interval.end_ms > f->hull.end_ms ? interval.end_ms : f->hull.end_ms;
    for (uint32_t i = 0; i < f->interval_count; i++) {
        weir_interval at = f->intervals[i];
        if (at.end_ms < interval.start_ms) {
            intervals[count++] = at;
        } else if (at.start_ms > interval.end_ms) {
            if (!placed) {
                intervals[count++] = interval;
                placed = true;
            }
            intervals[count++] = at;
        } else { /* they touch */
            interval.start_ms = at.start_ms < interval.start_ms ? at.start_ms : interval.start_ms;
            interval.end_ms = at.end_ms > interval.end_ms ? at.end_ms : interval.end_ms;
        }
    }
    if (!placed) {
        intervals[count++] = interval;
    }
    f->intervals = intervals;
    f->interval_count = count;
}

static bool same_metrics(const struct weir_schema *a, const struct weir_schema *b)
{
    if (a->metric_count != b->metric_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->metric_count; i++) {
        if (!weir_str_eq(a->metrics[i].json, b->metrics[i].json)) {
            return false;
        }
    }
    return true;
}

/* Of a live segment: the buckets that its rows lie in, as it will be when it freezes. */
static weir_interval interval_of(const weir_rows *rows)
{
    weir_interval interval = rows->interval;
    if (!rows->live || !rows->schema || interval.end_ms <= interval.start_ms) {
        return interval;
    }
    const weir_granularity *buckets = &rows->schema->segment_granularity;
    if (buckets->kind != WEIR_GRAN_PERIOD && buckets->kind != WEIR_GRAN_DURATION) {
        return interval;
    }
    interval.start_ms = weir_granularity_floor(buckets, interval.start_ms);
    interval.end_ms =
        weir_granularity_next(buckets, weir_granularity_floor(buckets, interval.end_ms - 1));
    return interval;
}

static bool fold_segment(facts *f, const segment_query *query, const weir_rows *rows, weir_ctl *ctl,
                         weir_error *err)
{
    if (ctl && !weir_ctl_check(ctl, err)) {
        return false;
    }
    f->id = rows->id;
    f->rows += visible_rows(rows);
    fold_interval(f, interval_of(rows));
    f->segment_count++;
    if (rows->schema) {
        f->schemas_differ =
            f->schemas_differ || (f->schema && !same_metrics(f->schema, rows->schema));
        f->schema = rows->schema;
        f->schema_count++;
    }
    uint32_t count = rows->ops->column_count(rows);
    for (uint32_t i = 0; i < count; i++) {
        const weir_column *column = rows->ops->column_at(rows, i);
        if (included(query, column->name) && !fold_column(f, query, rows, column, ctl, err)) {
            return false;
        }
    }
    return true;
}

/* "ARRAY", "json", "LONG". */
static weir_str short_name(weir_type type, char text[64])
{
    return type.kind == WEIR_ARRAY                     ? WEIR_STR("ARRAY")
           : type.kind == WEIR_COMPLEX && type.complex ? weir_str_of(type.complex->name)
                                                       : weir_type_name(type, text);
}

static void write_conflict(const column_facts *column, weir_json *out)
{
    char a[64], b[64], text[200];
    weir_str mine = short_name(column->type, a), other = short_name(column->other, b);
    if (weir_str_eq(mine, other)) {
        mine = weir_type_name(column->type, a);
        other = weir_type_name(column->other, b);
    }
    snprintf(text, sizeof(text), "error:cannot_merge_diff_types: [%.*s] and [%.*s]",
             WEIR_STR_ARG(mine), WEIR_STR_ARG(other));
    weir_json_key(out, column->name);
    weir_json_begin_object(out);
    weir_json_member_text(out, "typeSignature", "STRING");
    weir_json_member_text(out, "type", "STRING");
    weir_json_member_bool(out, "hasMultipleValues", false);
    weir_json_member_bool(out, "hasNulls", false);
    weir_json_member_long(out, "size", -1);
    weir_json_member_null(out, "cardinality");
    weir_json_member_null(out, "minValue");
    weir_json_member_null(out, "maxValue");
    weir_json_member_text(out, "errorMessage", text);
    weir_json_end_object(out);
}

static void write_column(const column_facts *column, weir_json *out)
{
    char text[64];
    if (column->conflict) {
        write_conflict(column, out);
        return;
    }
    weir_json_key(out, column->name);
    weir_json_begin_object(out);
    weir_json_member_str(out, "typeSignature", weir_type_name(column->type, text));
    weir_json_member_str(out, "type", short_name(column->type, text));
    weir_json_member_bool(out, "hasMultipleValues", column->multi);
    weir_json_member_bool(out, "hasNulls", column->nulls);
    weir_json_member_long(out, "size", (int64_t)column->bytes);
    if (column->has_cardinality) {
        weir_json_member_long(out, "cardinality", (int64_t)column->cardinality);
    } else {
        weir_json_member_null(out, "cardinality");
    }
    if (column->has_extremes && !column->min_null) {
        weir_json_member_str(out, "minValue", column->min);
    } else {
        weir_json_member_null(out, "minValue");
    }
    if (column->has_extremes && column->max.at) {
        weir_json_member_str(out, "maxValue", column->max);
    } else {
        weir_json_member_null(out, "maxValue");
    }
    weir_json_member_null(out, "errorMessage");
    weir_json_end_object(out);
}

static bool write_aggregators(const facts *f, const segment_query *query, weir_json *out,
                              weir_error *err)
{
    bool known = f->schema && f->schema->metric_count &&
                 (query->lenient || (!f->schemas_differ && f->schema_count == f->segment_count));
    weir_json_key(out, WEIR_STR("aggregators"));
    if (!(query->analyses & ANALYZE_AGGREGATORS) || !known) {
        weir_json_null(out);
        return true;
    }
    weir_json_begin_object(out);
    for (uint32_t i = 0; i < f->schema->metric_count; i++) {
        weir_agg_spec combining;
        if (!weir_agg_combining(&f->schema->metrics[i], f->arena, &combining, err)) {
            return false;
        }
        weir_json_key(out, combining.name);
        weir_json_raw(out, combining.json);
    }
    weir_json_end_object(out);
    return true;
}

static bool write_facts(const facts *f, const segment_query *query, weir_json *out, weir_error *err)
{
    weir_json_begin_object(out);
    weir_json_member_str(out, "id", f->id);
    weir_json_key(out, WEIR_STR("intervals"));
    if (query->analyses & ANALYZE_INTERVAL) {
        weir_json_begin_array(out);
        for (uint32_t i = 0; i < f->interval_count; i++) {
            char text[96];
            size_t size = weir_time_print(text, f->intervals[i].start_ms);
            text[size++] = '/';
            size += weir_time_print(text + size, f->intervals[i].end_ms);
            weir_json_str(out, (weir_str){text, size});
        }
        weir_json_end_array(out);
    } else {
        weir_json_null(out);
    }
    weir_json_key(out, WEIR_STR("columns"));
    weir_json_begin_object(out);
    for (uint32_t i = 0; i < f->column_count; i++) {
        write_column(&f->columns[i], out);
    }
    weir_json_end_object(out);
    weir_json_member_long(out, "size", (int64_t)f->bytes);
    weir_json_member_long(out, "numRows", (int64_t)f->rows);
    if (!write_aggregators(f, query, out, err)) {
        return false;
    }
    const struct weir_schema *schema = f->schema_count == f->segment_count ? f->schema : NULL;
    weir_json_key(out, WEIR_STR("timestampSpec"));
    if ((query->analyses & ANALYZE_TIMESTAMP_SPEC) && schema && schema->timestamp_spec_json.size) {
        weir_json_raw(out, schema->timestamp_spec_json);
    } else {
        weir_json_null(out);
    }
    weir_json_key(out, WEIR_STR("queryGranularity"));
    if ((query->analyses & ANALYZE_GRANULARITY) && schema) {
        weir_str name = schema->query_granularity.name;
        weir_json_begin_object(out);
        weir_json_member_str(out, "type", name.size ? name : WEIR_STR("none"));
        weir_json_end_object(out);
    } else {
        weir_json_null(out);
    }
    weir_json_key(out, WEIR_STR("rollup"));
    if ((query->analyses & ANALYZE_ROLLUP) && schema) {
        weir_json_bool(out, schema->rollup);
    } else {
        weir_json_null(out);
    }
    weir_json_end_object(out);
    return true;
}

/* Without intervals: the week before the newest row's end, as Druid's default. */
static weir_interval default_interval(const weir_view *view)
{
    int64_t end = INT64_MIN;
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->rows[i] && view->rows[i]->interval.end_ms > end) {
            end = view->rows[i]->interval.end_ms;
        }
    }
    return (weir_interval){end > INT64_MIN + RECENT_MS ? end - RECENT_MS : INT64_MIN, end};
}

static bool wanted(const weir_rows *rows, const weir_interval *intervals, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rows->interval.start_ms < intervals[i].end_ms &&
            rows->interval.end_ms > intervals[i].start_ms) {
            return rows->ops->chunks(rows) > 0;
        }
    }
    return false;
}

static const weir_view *view_of(weir_view *const *views, uint32_t view_count, weir_str table)
{
    for (uint32_t i = 0; i < view_count; i++) {
        if (weir_str_eq(views[i]->table, table)) {
            return views[i];
        }
    }
    return NULL;
}

/* Where segments are fetched: what will be read of dictionaries is on its way, of all at once. */
static void begin_dictionaries(const segment_query *query, weir_rows *rows, weir_arena *arena)
{
    bool reads = query->analyses & (ANALYZE_MINMAX | ANALYZE_SIZE);
    uint32_t count = reads && rows->ops->prepare ? rows->ops->column_count(rows) : 0, strings = 0;
    weir_str *names = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const weir_column *column = rows->ops->column_at(rows, i);
        if (column->dict && included(query, column->name)) {
            names[strings++] = column->name;
        }
    }
    weir_need need = {.column_count = strings, .columns = names};
    if (strings) { /* what fails here fails again, and says why, when it is read */
        rows->ops->prepare(rows, &need, (weir_wake){0}, NULL);
    }
}

/* Segments of one table: each as an object, or all folded into `all`. */
static bool write_segments(const weir_view *view, const weir_native_part *part,
                           const segment_query *query, facts *all, weir_arena *arena, weir_ctl *ctl,
                           weir_json *out, weir_error *err)
{
    weir_interval recent = default_interval(view);
    const weir_interval *intervals = part->eternal ? &recent : part->intervals;
    uint32_t interval_count = part->eternal ? 1 : part->interval_count;
    for (uint32_t i = 0; i < view->count; i++) {
        if (wanted(view->rows[i], intervals, interval_count)) {
            begin_dictionaries(query, view->rows[i], arena);
        }
    }
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->problems && view->problems[i].size) {
            return weir_fail(err, WEIR_ERR_CORRUPT, "%.*s", WEIR_STR_ARG(view->problems[i]));
        }
        if (!wanted(view->rows[i], intervals, interval_count)) {
            continue;
        }
        facts one = {.arena = arena};
        facts *f = query->merge ? all : &one;
        if (!fold_segment(f, query, view->rows[i], ctl, err) ||
            (!query->merge && !write_facts(&one, query, out, err))) {
            return false;
        }
    }
    return true;
}

/* The id of merged segments; of several tables it names none. */
static weir_str merged_id(const facts *all, weir_str table, bool one_table, weir_arena *arena)
{
    char from[40], to[40];
    if (!one_table) {
        return WEIR_STR("merged");
    }
    size_t from_size = weir_time_print(from, all->hull.start_ms),
           to_size = weir_time_print(to, all->hull.end_ms);
    return weir_arena_printf(arena, "%.*s_%.*s_%.*s_merged", WEIR_STR_ARG(table), (int)from_size,
                             from, (int)to_size, to);
}

static bool meta_segments(const weir_native_part *part, weir_view *const *views,
                          uint32_t view_count, weir_ctl *ctl, weir_json *out, weir_error *err)
{
    const segment_query *query = part->meta;
    weir_arena *arena = weir_arena_new();
    facts all = {.arena = arena};
    bool ok = true;
    uint32_t with_segments = 0;
    weir_str table = {0};
    weir_json_begin_array(out);
    for (uint32_t i = 0; ok && i < query->tables.count; i++) {
        const weir_view *view = view_of(views, view_count, query->tables.at[i]);
        uint32_t had = all.segment_count;
        ok = !view || write_segments(view, part, query, &all, arena, ctl, out, err);
        if (all.segment_count > had) {
            with_segments++;
            table = query->tables.at[i];
        }
    }
    if (ok && query->merge && all.segment_count) {
        if (all.segment_count > 1) {
            all.id = merged_id(&all, table, with_segments == 1, arena);
        }
        ok = write_facts(&all, query, out, err);
    }
    weir_json_end_array(out);
    weir_arena_free(arena);
    return ok;
}

static bool parse_source(weir_native *n, const weir_at *at, const json_t *json,
                         weir_native_part *part)
{
    table_list *tables = WEIR_ARENA_NEW(n->arena, table_list);
    part->meta = tables;
    bool ok = read_tables(n, at, json, part, tables);
    weir_native_reads_only(n, &(weir_view_need){.ends = true});
    return ok;
}

/* The newest time of a table's rows into *newest. */
static bool see_newest(const weir_view *view, int64_t *newest, bool *any, weir_error *err)
{
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->problems && view->problems[i].size) {
            return weir_fail(err, WEIR_ERR_CORRUPT, "%.*s", WEIR_STR_ARG(view->problems[i]));
        }
        const weir_rows *rows = view->rows[i];
        uint32_t chunk_count = rows->ops->chunks(rows);
        for (uint32_t c = 0; c < chunk_count; c++) {
            weir_chunk_info info;
            rows->ops->chunk(rows, c, &info);
            if (info.row_count) {
                *any = true;
                *newest = info.max_time > *newest ? info.max_time : *newest;
            }
        }
    }
    return true;
}

static bool meta_source(const weir_native_part *part, weir_view *const *views, uint32_t view_count,
                        weir_ctl *ctl, weir_json *out, weir_error *err)
{
    const table_list *tables = part->meta;
    int64_t newest = INT64_MIN;
    bool any = false;
    (void)ctl;
    for (uint32_t i = 0; i < tables->count; i++) {
        const weir_view *view = view_of(views, view_count, tables->at[i]);
        if (view && !see_newest(view, &newest, &any, err)) {
            return false;
        }
    }
    weir_json_begin_array(out);
    if (any) {
        char text[40];
        weir_str time = {text, weir_time_print(text, newest)};
        weir_json_begin_object(out);
        weir_json_member_str(out, "timestamp", time);
        weir_json_key(out, WEIR_STR("result"));
        weir_json_begin_object(out);
        weir_json_member_str(out, "maxIngestedEventTime", time);
        weir_json_end_object(out);
        weir_json_end_object(out);
    }
    weir_json_end_array(out);
    return true;
}

const weir_native_type weir_native_segment_metadata = {
    .type = "segmentMetadata", .parse = parse_segments, .meta = meta_segments};
const weir_native_type weir_native_datasource_metadata = {
    .type = "dataSourceMetadata", .parse = parse_source, .meta = meta_source};
