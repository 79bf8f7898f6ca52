/* ingest/transform.c - see ingest/transform.h. Column by column: the times decide which events
 * stay, then each column is one loop. */
#include "ingest/transform.h"
#include "ingest/convert.h"
#include "ingest/filtered.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct bound_metric { /* a metric bound to the types that its inputs had in some batch */
    uint64_t kinds;           /* 4 bits an argument */
    weir_agg_bound bound;
    struct bound_metric *next;
} bound_metric;
typedef struct metric {
    const weir_agg_spec *spec;
    weir_type stored;
    const uint32_t *columns; /* per argument; WEIR_NO_COLUMN: the time */
    const uint32_t *derived; /* per argument: derived column, or WEIR_NO_COLUMN */
    bound_metric *bounds;
    weir_row_filter *filter; /* NULL: none */
} metric;

struct weir_transform {
    weir_spec *spec;
    weir_fields *fields;
    weir_arena *arena;
    weir_scratch scratch;
    uint32_t time_column;
    uint32_t *dimension_columns;
    uint32_t *dimension_derived; /* derived column, or WEIR_NO_COLUMN */
    metric *metrics;
    weir_derive *transforms; /* NULL: none */
    weir_derive *inputs;     /* metrics' expressions; NULL: none */
    uint32_t input_count, input_capacity;
    const weir_expr **input_exprs;
    weir_row_filter *filter; /* NULL: none */
    /* Run under way. */
    weir_events *events;
    weir_reject_sink sink;
    weir_vec *derived; /* the transforms' columns, then the metrics' inputs */
    uint32_t rows[WEIR_EVENTS_MAX], records[WEIR_EVENTS_MAX], row_count;
    uint64_t with_error[WEIR_EVENTS_MAX / 64];
};

weir_time_window weir_transform_window(const weir_spec *spec, int64_t now_ms)
{
    weir_time_window window = {INT64_MIN, INT64_MAX};
    if (spec->has_late_period) {
        window.min_ms = now_ms - spec->late_period_ms;
    }
    if (spec->has_late_start) {
        window.min_ms = spec->late_start_ms;
    }
    if (spec->has_early_period) { /* as at the begin of one of Druid's tasks */
        window.max_ms = now_ms + spec->task_duration_ms + spec->early_period_ms;
    }
    return window;
}

static uint32_t find_transform(const weir_transform *t, weir_str name)
{
    for (uint32_t i = 0; i < t->spec->transforms.count; i++) {
        if (weir_str_eq(t->spec->transforms.names[i], name)) {
            return i;
        }
    }
    return WEIR_NO_COLUMN;
}

/* An expression as a metric's input is one more derived column. */
static uint32_t add_input(weir_transform *t, const weir_expr *expr)
{
    if (t->input_count == t->input_capacity) {
        t->input_capacity = t->input_capacity ? 2 * t->input_capacity : 4;
        const weir_expr **grown = WEIR_ARENA_ARRAY(t->arena, const weir_expr *, t->input_capacity);
        if (t->input_count > 0) {
            memcpy(grown, t->input_exprs, t->input_count * sizeof(*grown));
        }
        t->input_exprs = grown;
    }
    t->input_exprs[t->input_count] = expr;
    return t->spec->transforms.count + t->input_count++;
}

/* What a filter reads has a column of the events. */
static void see_filter_column(void *self, weir_str name)
{
    weir_transform *t = self;
    if (!weir_str_is(name, "__time") && find_transform(t, name) == WEIR_NO_COLUMN) {
        weir_fields_column(t->fields, name);
    }
}

static bool bind_filter(weir_transform *t, uint32_t i, weir_error *err)
{
    if (!weir_filtered_new(t->spec->schema, i, &t->metrics[i].filter, err)) {
        return false;
    }
    if (t->metrics[i].filter) {
        weir_row_filters()->columns(t->metrics[i].filter, see_filter_column, t);
    }
    return true;
}

static bool bind_arguments(weir_transform *t, metric *m, weir_error *err)
{
    const weir_agg_spec *spec = m->spec;
    uint32_t *columns = WEIR_ARENA_ARRAY(t->arena, uint32_t, spec->arg_count + 1);
    uint32_t *derived = WEIR_ARENA_ARRAY(t->arena, uint32_t, spec->arg_count + 1);
    for (uint32_t a = 0; a < spec->arg_count; a++) {
        const weir_expr *arg = spec->args[a];
        columns[a] = WEIR_NO_COLUMN;
        derived[a] = WEIR_NO_COLUMN;
        if (arg->kind != WEIR_EXPR_COLUMN) {
            derived[a] = add_input(t, arg);
        } else if (!weir_str_is(arg->name, "__time")) {
            derived[a] = find_transform(t, arg->name);
            columns[a] = weir_fields_column(t->fields, arg->name);
        }
    }
    m->columns = columns;
    m->derived = derived;
    return spec->arg_count <= 16 ||
           weir_fail(err, WEIR_ERR_UNSUPPORTED,
                     "dataSchema.metricsSpec: metric '%.*s' has more than 16 inputs",
                     WEIR_STR_ARG(spec->name));
}

/* Per transform the kind of the dimension that it fills. */
static uint8_t *wanted_kinds(const weir_transform *t)
{
    const weir_schema *schema = t->spec->schema;
    uint8_t *kinds = WEIR_ARENA_ARRAY(t->arena, uint8_t, t->spec->transforms.count + 1);
    for (uint32_t i = 0; i < schema->dimension_count; i++) {
        uint8_t kind = schema->dimensions[i].type.kind;
        if (t->dimension_derived[i] != WEIR_NO_COLUMN && kind != WEIR_COMPLEX) {
            kinds[t->dimension_derived[i]] = kind;
        }
    }
    return kinds;
}

weir_transform *weir_transform_new(weir_spec *spec, weir_fields *fields, weir_error *err)
{
    const weir_schema *schema = spec->schema;
    weir_transform *t = weir_calloc(1, sizeof(weir_transform));
    t->spec = weir_spec_ref(spec);
    t->fields = fields;
    t->arena = weir_arena_new();
    t->time_column = weir_fields_column(fields, spec->time_column);
    t->dimension_columns = WEIR_ARENA_ARRAY(t->arena, uint32_t, schema->dimension_count + 1);
    for (uint32_t i = 0; i < schema->dimension_count; i++) {
        t->dimension_columns[i] = weir_fields_column(fields, schema->dimensions[i].name);
    }
    t->dimension_derived = WEIR_ARENA_ARRAY(t->arena, uint32_t, schema->dimension_count + 1);
    for (uint32_t i = 0; i < schema->dimension_count; i++) {
        t->dimension_derived[i] = find_transform(t, schema->dimensions[i].name);
    }
    t->metrics = WEIR_ARENA_ARRAY(t->arena, metric, schema->metric_count + 1);
    for (uint32_t i = 0; i < schema->metric_count; i++) {
        metric *m = &t->metrics[i];
        m->spec = &schema->metrics[i];
        if (!weir_agg_stored_type(m->spec, &m->stored, err) || !bind_arguments(t, m, err) ||
            !bind_filter(t, i, err)) {
            weir_transform_free(t);
            return NULL;
        }
    }
    const weir_transform_spec *transforms = &spec->transforms;
    if (transforms->count > 0) {
        t->transforms =
            weir_derive_new(transforms->exprs, wanted_kinds(t), transforms->count, fields);
    }
    if (t->input_count > 0) {
        t->inputs = weir_derive_new(t->input_exprs, NULL, t->input_count, fields);
    }
    if (transforms->filter) {
        t->filter =
            weir_row_filter_of_spec(transforms->filter, "dataSchema.transformSpec.filter", err);
        if (!t->filter) {
            weir_transform_free(t);
            return NULL;
        }
    }
    return t;
}

void weir_transform_free(weir_transform *t)
{
    if (t) {
        weir_derive_free(t->transforms);
        weir_derive_free(t->inputs);
        if (t->filter) {
            weir_row_filters()->free(t->filter);
        }
        for (uint32_t i = 0; i < t->spec->schema->metric_count; i++) {
            if (t->metrics[i].filter) {
                weir_row_filters()->free(t->metrics[i].filter);
            }
        }
        weir_scratch_done(&t->scratch);
        weir_arena_free(t->arena);
        weir_spec_unref(t->spec);
        free(t);
    }
}

/* Times. */

static bool read_time(const weir_transform *t, weir_cell cell, int64_t *out)
{
    const weir_spec *spec = t->spec;
    switch ((weir_cell_kind)cell.kind) {
    case WEIR_CELL_STRING:
        return weir_time_format_parse(spec->time_format, (weir_str){cell.as.at, cell.size}, out);
    case WEIR_CELL_LONG:
        return weir_time_format_long(spec->time_format, cell.as.l, out);
    case WEIR_CELL_DOUBLE:
        return weir_time_format_double(spec->time_format, cell.as.d, out);
    case WEIR_CELL_NULL:
    case WEIR_CELL_ABSENT:
        *out = spec->missing_time_ms;
        return spec->has_missing_time;
    case WEIR_CELL_TRUE:
    case WEIR_CELL_FALSE:
    case WEIR_CELL_JSON:
    case WEIR_CELL_LIST:
        break;
    }
    return false;
}

static void reject(weir_transform *t, weir_reject reason, uint32_t event, const char *sentence)
{
    t->sink.call(t->sink.self, reason, t->events->records[event], sentence);
}

static void reject_time(weir_transform *t, uint32_t event, weir_cell cell)
{
    char sentence[300];
    weir_str text = cell.kind == WEIR_CELL_STRING
                        ? (weir_str){cell.as.at, cell.size < 100 ? cell.size : 100}
                    : cell.kind == WEIR_CELL_NULL || cell.kind == WEIR_CELL_ABSENT
                        ? WEIR_STR("null")
                        : WEIR_STR("not a string or number of that format");
    snprintf(sentence, sizeof(sentence),
             "timestamp [%.*s] is unparseable (column '%.*s', format %.*s)", WEIR_STR_ARG(text),
             (int)(t->spec->time_column.size < 60 ? t->spec->time_column.size : 60),
             t->spec->time_column.at,
             (int)(t->spec->time_format_name.size < 60 ? t->spec->time_format_name.size : 60),
             t->spec->time_format_name.at);
    reject(t, WEIR_REJECT_UNPARSEABLE, event, sentence);
}

static bool in_intervals(const weir_spec *spec, int64_t ms)
{
    for (uint32_t i = 0; i < spec->interval_count; i++) {
        if (ms >= spec->intervals[i].start_ms && ms < spec->intervals[i].end_ms) {
            return true;
        }
    }
    return spec->interval_count == 0;
}

static void reject_window(weir_transform *t, uint32_t event, int64_t ms, weir_time_window window)
{
    char time[40], bound[40], sentence[200];
    bool late = ms < window.min_ms;
    int time_size = (int)weir_time_print(time, ms),
        bound_size = (int)weir_time_print(bound, late ? window.min_ms : window.max_ms);
    snprintf(sentence, sizeof(sentence), "timestamp [%.*s] is %s [%.*s]", time_size, time,
             late ? "before the minimum message time" : "not before the maximum message time",
             bound_size, bound);
    reject(t, late ? WEIR_REJECT_LATE : WEIR_REJECT_EARLY, event, sentence);
}

/* Fills rows and their times. */
static void choose_rows(weir_transform *t, weir_time_window window, int64_t *times)
{
    t->row_count = 0;
    for (uint32_t i = 0; i < t->events->n; i++) {
        weir_cell cell = weir_events_at(t->events, t->time_column, i);
        int64_t ms;
        if (!read_time(t, cell, &ms) || ms < weir_interval_eternity.start_ms ||
            ms >= weir_interval_eternity.end_ms) {
            reject_time(t, i, cell);
        } else if (ms < window.min_ms || ms >= window.max_ms) {
            reject_window(t, i, ms, window);
        } else if (!in_intervals(t->spec, ms)) {
            reject(t, WEIR_REJECT_FILTERED, i, "the time is in none of granularitySpec.intervals");
        } else {
            times[t->row_count] = ms;
            t->records[t->row_count] = t->events->records[i];
            t->rows[t->row_count++] = i;
        }
    }
}

/* Columns. */

static void see_bad(void *self, uint32_t row, const char *sentence)
{
    weir_transform *t = self;
    if (!weir_bit(t->with_error, row)) {
        weir_bit_set(t->with_error, row);
        reject(t, WEIR_REJECT_WITH_ERROR, t->rows[row], sentence);
    }
}

static weir_convert converter(weir_transform *t, weir_str column)
{
    return (weir_convert){.events = t->events,
                          .rows = t->rows,
                          .n = t->row_count,
                          .scratch = &t->scratch,
                          .column = column,
                          .bad = see_bad,
                          .self = t};
}

/* Derived columns. */

/* Goes on with these rows only. */
static void keep_rows(weir_transform *t, const weir_sel *sel, int64_t *times, uint32_t derived)
{
    const uint16_t *rows = weir_sel_rows(sel, &t->scratch);
    for (uint32_t i = 0; i < sel->count; i++) {
        t->rows[i] = t->rows[rows[i]];
        t->records[i] = t->records[rows[i]];
        times[i] = times[rows[i]];
    }
    for (uint32_t k = 0; k < derived; k++) {
        weir_vec kept;
        weir_vec_gather(&t->derived[k], rows, sel->count, &t->scratch, &kept);
        t->derived[k] = kept;
    }
    t->row_count = sel->count;
}

static weir_sel one_row(const weir_transform *t, uint16_t *row)
{
    return (weir_sel){.kind = WEIR_SEL_LIST, .n = t->row_count, .count = 1, .rows = row};
}

/* Events that an expression fails on cannot be parsed; the others go on. */
static void drop_failing(weir_transform *t, weir_derive *derive, const weir_named_vecs *known,
                         int64_t *times, const char *why)
{
    uint16_t *good = WEIR_SCRATCH_ARRAY(&t->scratch, uint16_t, t->row_count + 1);
    weir_vec *ignored =
        WEIR_SCRATCH_ARRAY(&t->scratch, weir_vec, t->spec->transforms.count + t->input_count + 1);
    uint32_t count = 0;
    bool all = weir_derive_is_untyped(derive);
    for (uint32_t i = 0; i < t->row_count; i++) {
        weir_error err = {0};
        uint16_t row = (uint16_t)i;
        weir_sel only = one_row(t, &row);
        weir_convert c = converter(t, WEIR_STR(""));
        weir_mark mark = weir_scratch_mark(&t->scratch);
        if (all || !weir_derive_run(derive, &c, times, known, &only, ignored, &err)) {
            reject(t, WEIR_REJECT_UNPARSEABLE, t->rows[i], all ? why : err.message);
        } else {
            good[count++] = row;
        }
        weir_scratch_rewind(&t->scratch, mark);
    }
    weir_sel sel = {.kind = count ? WEIR_SEL_LIST : WEIR_SEL_NONE,
                    .n = t->row_count,
                    .count = count,
                    .rows = good};
    keep_rows(t, &sel, times, known->count);
}

static bool derive(weir_transform *t, weir_derive *by, const weir_named_vecs *known, int64_t *times,
                   weir_vec *out, weir_error *err)
{
    weir_convert c = converter(t, WEIR_STR(""));
    weir_error why = {0};
    if (!by || weir_derive_run(by, &c, times, known, NULL, out, &why)) {
        return true;
    }
    drop_failing(t, by, known, times, why.message);
    c = converter(t, WEIR_STR(""));
    weir_named_vecs rest = *known;
    rest.n = t->row_count;
    return t->row_count == 0 || weir_derive_run(by, &c, times, &rest, NULL, out, err);
}

typedef struct filter_inputs {
    weir_transform *t;
    weir_str *names;
    weir_vec *vecs;
    uint32_t count;
} filter_inputs;

static void add_filter_input(void *self, weir_str name)
{
    filter_inputs *in = self;
    weir_transform *t = in->t;
    uint32_t derived = find_transform(t, name);
    weir_convert c = converter(t, name);
    if (derived != WEIR_NO_COLUMN) {
        in->vecs[in->count] = t->derived[derived];
    } else if (weir_str_is(name, "__time")) {
        return; /* put by the caller */
    } else {
        weir_derive_field(&c, weir_fields_column(t->fields, name), &in->vecs[in->count]);
    }
    in->names[in->count++] = name;
}

static void count_input(void *self, weir_str name)
{
    (void)name;
    ++*(uint32_t *)self;
}

/* The rows that match, of those that are left. */
static bool run_filter(weir_transform *t, weir_row_filter *filter, const int64_t *times,
                       weir_sel *out, weir_error *err)
{
    const weir_row_filter_ops *ops = weir_row_filters();
    uint32_t count = 0;
    ops->columns(filter, count_input, &count);
    filter_inputs in = {t, WEIR_SCRATCH_ARRAY(&t->scratch, weir_str, count + 1),
                        WEIR_SCRATCH_ARRAY(&t->scratch, weir_vec, count + 1), 0};
    ops->columns(filter, add_filter_input, &in);
    in.names[in.count] = WEIR_STR("__time");
    in.vecs[in.count++] = (weir_vec){
        .type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = t->row_count, .at.l = times};
    weir_named_vecs rows = {t->row_count, in.count, in.names, in.vecs};
    return ops->run(filter, &rows, &t->scratch, out, err);
}

static bool filter_rows(weir_transform *t, int64_t *times, weir_error *err)
{
    weir_sel sel;
    if (!run_filter(t, t->filter, times, &sel, err)) {
        return weir_fail_in(err, "dataSchema.transformSpec.filter");
    }
    if (sel.count == t->row_count) {
        return true;
    }
    const uint64_t *bits = weir_sel_bits(&sel, &t->scratch);
    for (uint32_t i = 0; i < t->row_count; i++) {
        if (!weir_bit(bits, i)) {
            reject(t, WEIR_REJECT_FILTERED, t->rows[i], "transformSpec.filter does not match");
        }
    }
    keep_rows(t, &sel, times, t->spec->transforms.count);
    return true;
}

/* Transforms, then the filter over what they gave, then metrics' inputs. */
static bool derive_columns(weir_transform *t, int64_t *times, weir_error *err)
{
    uint32_t count = t->spec->transforms.count;
    t->derived = WEIR_SCRATCH_ARRAY(&t->scratch, weir_vec, count + t->input_count + 1);
    weir_named_vecs none = {.n = t->row_count};
    if (!derive(t, t->transforms, &none, times, t->derived, err) ||
        (t->filter && t->row_count > 0 && !filter_rows(t, times, err))) {
        return false;
    }
    weir_named_vecs known = {t->row_count, t->row_count ? count : 0, t->spec->transforms.names,
                             t->derived};
    return derive(t, t->inputs, &known, times, t->derived + count, err);
}

/* A derived column as dimension or metric input. */
static bool cast_derived(weir_transform *t, uint32_t derived, weir_type type, weir_vec *out,
                         weir_error *err)
{
    weir_vec cast;
    const weir_vec *vec = &t->derived[derived];
    bool as_is = type.kind == WEIR_UNKNOWN || weir_type_eq(vec->type, type);
    return (as_is || weir_vec_cast(vec, type, &t->scratch, &cast, err)) &&
           weir_vec_flatten(as_is ? vec : &cast, &t->scratch, out, err);
}

static void put_dimension(weir_transform *t, const weir_dimension *dimension, uint32_t column,
                          weir_vec *out)
{
    weir_convert c = converter(t, dimension->name);
    if (dimension->automatic) {
        weir_convert_auto(&c, column, out);
    } else if (dimension->type.kind == WEIR_STRING) {
        weir_convert_string(&c, column, out);
    } else {
        weir_convert_number(&c, column, (weir_kind)dimension->type.kind, out);
    }
}

/* Objects are discovered only with types: else their cells count as null. */
static void hide_objects(weir_transform *t, uint32_t column)
{
    weir_cells *cells = &t->events->columns[column];
    if (cells->kinds & WEIR_CELL_BIT(WEIR_CELL_JSON)) {
        for (uint32_t i = 0; i < cells->filled; i++) {
            cells->at[i].kind =
                cells->at[i].kind == WEIR_CELL_JSON ? WEIR_CELL_NULL : cells->at[i].kind;
        }
    }
}

/* With useSchemaDiscovery as auto columns, else as strings. */
static void put_discovered(weir_transform *t, weir_input *out, weir_str *names, weir_vec *columns)
{
    bool typed = t->spec->schema->discover_typed;
    uint32_t nothing = WEIR_CELL_BIT(WEIR_CELL_ABSENT) | WEIR_CELL_BIT(WEIR_CELL_NULL) |
                       (typed ? 0 : WEIR_CELL_BIT(WEIR_CELL_JSON));
    for (uint32_t i = 0; i < t->events->column_count; i++) {
        if (!t->fields->columns[i].discovered || !(t->events->columns[i].kinds & ~nothing)) {
            continue;
        }
        weir_convert c = converter(t, t->fields->columns[i].name);
        names[out->column_count] = c.column;
        if (typed) {
            weir_convert_auto(&c, i, &columns[out->column_count++]);
        } else {
            hide_objects(t, i);
            weir_convert_string(&c, i, &columns[out->column_count++]);
        }
    }
}

/* Metrics. */

static bool find_bound(weir_transform *t, metric *m, const weir_vec *args, weir_agg_bound **out,
                       weir_error *err)
{
    uint64_t kinds = 0;
    for (uint32_t a = 0; a < m->spec->arg_count; a++) {
        kinds |= (uint64_t)(args[a].type.kind | (args[a].form == WEIR_LIST) << 3) << (4 * a);
    }
    for (bound_metric *b = m->bounds; b; b = b->next) {
        if (b->kinds == kinds) {
            *out = &b->bound;
            return true;
        }
    }
    weir_type *types = WEIR_ARENA_ARRAY(t->arena, weir_type, m->spec->arg_count + 1);
    for (uint32_t a = 0; a < m->spec->arg_count; a++) {
        types[a] = args[a].type;
    }
    bound_metric *fresh = WEIR_ARENA_NEW(t->arena, bound_metric);
    if (!weir_agg_bind(m->spec, types, t->arena, &fresh->bound, err)) {
        return weir_fail_in(err, "metric '%.*s'", WEIR_STR_ARG(m->spec->name));
    }
    fresh->kinds = kinds;
    fresh->next = m->bounds;
    m->bounds = fresh;
    *out = &fresh->bound;
    return true;
}

static bool put_argument(weir_transform *t, const metric *m, uint32_t a, const int64_t *times,
                         weir_vec *out, weir_error *err)
{
    uint32_t column = m->columns[a];
    if (m->derived[a] != WEIR_NO_COLUMN) {
        weir_kind kind = !weir_type_is_number(m->stored) ? WEIR_UNKNOWN
                         : m->stored.kind == WEIR_LONG   ? WEIR_LONG
                                                         : WEIR_DOUBLE;
        return cast_derived(t, m->derived[a], WEIR_TYPE((uint8_t)kind), out, err);
    }
    if (column == WEIR_NO_COLUMN) {
        *out = (weir_vec){.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = t->row_count};
        out->at.l = times;
        return true;
    }
    weir_convert c = converter(t, m->spec->args[a]->name);
    if (weir_type_is_number(m->stored)) {
        weir_convert_metric(&c, column, m->stored.kind == WEIR_LONG ? WEIR_LONG : WEIR_DOUBLE, out);
        return true;
    }
    weir_kind kind = weir_convert_natural(&c, column);
    if (kind == WEIR_LONG || kind == WEIR_DOUBLE) {
        weir_convert_number(&c, column, kind, out);
    } else {
        weir_convert_string(&c, column, out);
    }
    return true;
}

/* Only the rows that match are rows of the metric. */
static bool put_filtered(weir_transform *t, const metric *m, const weir_agg_bound *bound,
                         weir_vec *args, const int64_t *times, weir_vec *out, weir_error *err)
{
    weir_sel sel;
    weir_vec picked;
    if (!run_filter(t, m->filter, times, &sel, err)) {
        return false;
    }
    const uint16_t *rows = sel.count ? weir_sel_rows(&sel, &t->scratch) : NULL;
    for (uint32_t a = 0; a < m->spec->arg_count; a++) {
        weir_vec all = args[a];
        weir_vec_gather(&all, rows, sel.count, &t->scratch, &args[a]);
    }
    return m->spec->agg->row(bound, args, sel.count, &t->scratch, &picked, err) &&
           weir_filtered_spread(bound, &picked, &sel, &t->scratch, out, err);
}

static bool put_metric(weir_transform *t, metric *m, const int64_t *times, weir_vec *out,
                       weir_error *err)
{
    weir_vec *args = WEIR_SCRATCH_ARRAY(&t->scratch, weir_vec, m->spec->arg_count + 1);
    weir_agg_bound *bound = NULL;
    for (uint32_t a = 0; a < m->spec->arg_count; a++) {
        if (!put_argument(t, m, a, times, &args[a], err)) {
            return weir_fail_in(err, "metric '%.*s'", WEIR_STR_ARG(m->spec->name));
        }
    }
    if (!find_bound(t, m, args, &bound, err)) {
        return false;
    }
    bool ok = m->filter && t->row_count > 0
                  ? put_filtered(t, m, bound, args, times, out, err)
                  : m->spec->agg->row(bound, args, t->row_count, &t->scratch, out, err);
    return ok || weir_fail_in(err, "metric '%.*s'", WEIR_STR_ARG(m->spec->name));
}

bool weir_transform_run(weir_transform *t, weir_events *events, weir_time_window window,
                        weir_reject_sink sink, weir_input *out, weir_error *err)
{
    const weir_schema *schema = t->spec->schema;
    weir_scratch_rewind(&t->scratch, (weir_mark){0});
    weir_events_grow(events, t->fields);
    t->events = events;
    t->sink = sink;
    memset(t->with_error, 0, sizeof(t->with_error));
    int64_t *times = WEIR_SCRATCH_ARRAY(&t->scratch, int64_t, events->n + 1);
    choose_rows(t, window, times);
    if (!derive_columns(t, times, err)) {
        return false;
    }
    uint32_t most = events->column_count + schema->dimension_count + schema->metric_count;
    weir_str *names = WEIR_SCRATCH_ARRAY(&t->scratch, weir_str, most + 1);
    weir_vec *columns = WEIR_SCRATCH_ARRAY(&t->scratch, weir_vec, most + 1);
    *out = (weir_input){.n = t->row_count, .times = times, .names = names, .columns = columns};
    for (uint32_t i = 0; i < schema->dimension_count; i++) {
        names[out->column_count] = schema->dimensions[i].name;
        const weir_dimension *dimension = &schema->dimensions[i];
        weir_vec *column = &columns[out->column_count++];
        if (t->dimension_derived[i] == WEIR_NO_COLUMN) {
            put_dimension(t, dimension, t->dimension_columns[i], column);
        } else if (dimension->automatic) {
            weir_convert_auto_vec(&t->derived[t->dimension_derived[i]], &t->scratch, column);
        } else if (!cast_derived(t, t->dimension_derived[i], dimension->type, column, err)) {
            return weir_fail_in(err, "dimension '%.*s'", WEIR_STR_ARG(dimension->name));
        }
    }
    for (uint32_t i = 0; i < schema->metric_count; i++) {
        names[out->column_count] = schema->metrics[i].name;
        if (!put_metric(t, &t->metrics[i], times, &columns[out->column_count++], err)) {
            return false;
        }
    }
    if (schema->discover) {
        put_discovered(t, out, names, columns);
    }
    return true;
}

const uint32_t *weir_transform_records(const weir_transform *t)
{
    return t->records;
}
