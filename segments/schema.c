/* segments/schema.c - Druid's dataSchema to weir_schema. What the parser of events needs besides
 * (flattenSpec, timestampSpec's format) is read by ingest/spec.c from the same JSON; here is what
 * rows look like once they are rows. As in Druid, discovery leaves out the time column and all
 * inputs and outputs of metrics. */
#include "weir/schema.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct parse {
    weir_schema *schema;
    weir_arena *arena;
    void (*warn)(void *self, const char *member);
    void *self;
    weir_error *err;
} parse;

weir_schema *weir_schema_ref(weir_schema *schema)
{
    atomic_fetch_add_explicit(&schema->refs, 1, memory_order_relaxed);
    return schema;
}

void weir_schema_unref(weir_schema *schema)
{
    if (schema && atomic_fetch_sub_explicit(&schema->refs, 1, memory_order_acq_rel) == 1) {
        weir_arena_free(schema->arena);
    }
}

static void free_json(void *json)
{
    json_decref(json);
}

static void unknown_members(parse *p, const weir_members *m, const char *const *known)
{
    weir_members_unknown(m, known, p->warn, p->self);
}

/* Granularities. */

static bool parse_granularity_object(parse *p, const weir_members *m, weir_granularity *out)
{
    weir_str type = {0}, period = {0}, zone = WEIR_STR("UTC"), origin = {0};
    int64_t duration_ms = 0, origin_ms = 0;
    if (!weir_member_text(m, "type", &type, p->err) ||
        !weir_member_text(m, "period", &period, p->err) ||
        !weir_member_text(m, "timeZone", &zone, p->err) ||
        !weir_member_text(m, "origin", &origin, p->err) ||
        !weir_member_long(m, "duration", 1, INT64_MAX, &duration_ms, p->err)) {
        return false;
    }
    if (origin.size > 0 && !weir_time_parse_iso(origin, &origin_ms)) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s is not a time: '%.*s'",
                         weir_member_path(m, "origin"), WEIR_STR_ARG(origin));
    }
    if (weir_str_is(type, "all") || weir_str_is(type, "none")) {
        return weir_granularity_simple(type, out);
    }
    if (weir_str_is(type, "duration") && duration_ms > 0) {
        weir_granularity_duration(duration_ms, origin_ms, out);
        return true;
    }
    if (!weir_str_is(type, "period") || period.size == 0) {
        return weir_fail(
            p->err, WEIR_ERR_BAD_REQUEST,
            "%s must be period (with a period), duration (with a duration), all or none",
            weir_member_path(m, "type"));
    }
    weir_error why = {0};
    return weir_granularity_period(weir_arena_str(p->arena, period), weir_arena_str(p->arena, zone),
                                   origin.size ? &origin_ms : NULL, out, &why) ||
           weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s: %.500s", m->path, why.message);
}

static bool parse_granularity(parse *p, const weir_members *parent, const char *name,
                              const char *fallback, weir_granularity *out)
{
    const json_t *value = weir_member_any(parent, name);
    char path[210];
    snprintf(path, sizeof(path), "%s", weir_member_path(parent, name));
    if (json_is_object(value)) {
        weir_members m = {value, path};
        return parse_granularity_object(p, &m, out);
    }
    weir_str text = weir_str_of(fallback);
    if (!weir_member_text(parent, name, &text, p->err)) {
        return false;
    }
    text = weir_arena_str(p->arena, text);
    weir_error ignored;
    if (weir_granularity_simple(text, out) ||
        (text.size > 0 && text.at[0] == 'P' &&
         weir_granularity_period(text, WEIR_STR("UTC"), NULL, out, &ignored))) {
        return true;
    }
    return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s is not a granularity: '%.*s'", path,
                     WEIR_STR_ARG(text));
}

static bool parse_granularity_spec(parse *p, const weir_members *top)
{
    static const char *const known[] = {"type",   "segmentGranularity", "queryGranularity",
                                        "rollup", "intervals",          NULL};
    const json_t *value;
    weir_members m;
    p->schema->rollup = true;
    if (!weir_member_object(top, "granularitySpec", &value, p->err) ||
        !weir_members_of(value, "dataSchema.granularitySpec", &m, p->err)) {
        return false;
    }
    unknown_members(p, &m, known);
    return weir_member_bool(&m, "rollup", &p->schema->rollup, p->err) &&
           parse_granularity(p, &m, "segmentGranularity", "DAY", &p->schema->segment_granularity) &&
           parse_granularity(p, &m, "queryGranularity", "NONE", &p->schema->query_granularity);
}

/* Dimensions. */

static bool parse_multi(parse *p, const weir_members *m, uint8_t *out)
{
    weir_str text = WEIR_STR("SORTED_ARRAY");
    if (!weir_member_text(m, "multiValueHandling", &text, p->err)) {
        return false;
    }
    if (weir_str_eq_nocase(text, WEIR_STR("SORTED_ARRAY"))) {
        *out = WEIR_MULTI_SORTED_ARRAY;
    } else if (weir_str_eq_nocase(text, WEIR_STR("ARRAY"))) {
        *out = WEIR_MULTI_ARRAY;
    } else if (weir_str_eq_nocase(text, WEIR_STR("SORTED_SET"))) {
        *out = WEIR_MULTI_SORTED_SET;
    } else {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "%s must be SORTED_ARRAY, SORTED_SET or ARRAY, not '%.*s'",
                         weir_member_path(m, "multiValueHandling"), WEIR_STR_ARG(text));
    }
    return true;
}

/* castToType of an auto column. */
static bool parse_cast(parse *p, const weir_members *m, weir_type *out)
{
    weir_str name = {0};
    *out = WEIR_TYPE(WEIR_UNKNOWN);
    if (!weir_member_text(m, "castToType", &name, p->err) || name.size == 0) {
        return name.size == 0;
    }
    bool known = weir_type_parse(name, out);
    out->kind = out->kind == WEIR_FLOAT ? WEIR_DOUBLE : out->kind;
    out->elem = out->elem == WEIR_FLOAT ? WEIR_DOUBLE : out->elem;
    bool kept = out->kind == WEIR_COMPLEX ? weir_type_is_json(*out)
                : out->kind == WEIR_ARRAY
                    ? out->elem == WEIR_LONG || out->elem == WEIR_DOUBLE || out->elem == WEIR_STRING
                    : true;
    return (known && kept) ||
           weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                     "%s must be STRING, LONG, FLOAT, DOUBLE, an ARRAY of these or COMPLEX<json>, "
                     "not '%.*s'",
                     weir_member_path(m, "castToType"), WEIR_STR_ARG(name));
}

static bool parse_dimension_type(parse *p, const weir_members *m, weir_str name, weir_type *out,
                                 bool *automatic)
{
    weir_str type = WEIR_STR("string");
    if (!weir_member_text(m, "type", &type, p->err)) {
        return false;
    }
    if (weir_str_is(type, "auto")) {
        *automatic = true;
        return parse_cast(p, m, out);
    }
    if (weir_str_is(type, "json")) {
        *automatic = true;
        *out = weir_type_json();
        return true;
    }
    if (weir_str_is(type, "string")) {
        *out = (weir_type){.kind = WEIR_STRING, .multi = true};
    } else if (weir_str_is(type, "long")) {
        *out = WEIR_TYPE(WEIR_LONG);
    } else if (weir_str_is(type, "float")) {
        *out = WEIR_TYPE(WEIR_FLOAT);
    } else if (weir_str_is(type, "double")) {
        *out = WEIR_TYPE(WEIR_DOUBLE);
    } else if (weir_str_is(type, "spatial")) {
        return weir_fail(p->err, WEIR_ERR_UNSUPPORTED,
                         "%s: dimension '%.*s' has type '%.*s', which is not supported",
                         weir_member_path(m, "type"), WEIR_STR_ARG(name), WEIR_STR_ARG(type));
    } else {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "%s must be string, long, float, double, auto or json, not '%.*s'",
                         weir_member_path(m, "type"), WEIR_STR_ARG(type));
    }
    return true;
}

static bool parse_dimension(parse *p, const json_t *value, const char *path, weir_dimension *out)
{
    static const char *const known[] = {"type",
                                        "name",
                                        "createBitmapIndex",
                                        "multiValueHandling",
                                        "maxStringLength",
                                        "castToType",
                                        "formatVersion",
                                        NULL};
    weir_str name = {0};
    weir_members m = {NULL, path};
    *out = (weir_dimension){.type = {.kind = WEIR_STRING, .multi = true}, .bitmap_index = true};
    if (json_is_string(value)) {
        name = (weir_str){json_string_value(value), json_string_length(value)};
    } else {
        if (!weir_members_of(value, path, &m, p->err)) {
            return false;
        }
        unknown_members(p, &m, known);
        if (!weir_member_text(&m, "name", &name, p->err) ||
            !parse_dimension_type(p, &m, name, &out->type, &out->automatic) ||
            !weir_member_bool(&m, "createBitmapIndex", &out->bitmap_index, p->err) ||
            !parse_multi(p, &m, &out->multi)) {
            return false;
        }
        out->bitmap_index = out->bitmap_index && (out->automatic || out->type.kind == WEIR_STRING);
    }
    if (name.size == 0) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "%s must not be empty",
                         weir_member_path(&m, "name"));
    }
    out->name = weir_arena_str(p->arena, name);
    return true;
}

/* "__time" among the dimensions says where time stands in the sort order; the ones before it are
 * clusters. */
static bool put_dimensions(parse *p, const json_t *list, bool time_first)
{
    weir_schema *schema = p->schema;
    size_t count = json_array_size(list);
    weir_dimension *dimensions = WEIR_ARENA_ARRAY(p->arena, weir_dimension, count + 1);
    for (size_t i = 0; i < count; i++) {
        char path[80];
        weir_dimension dimension;
        snprintf(path, sizeof(path), "dataSchema.dimensionsSpec.dimensions[%zu]", i);
        if (!parse_dimension(p, json_array_get(list, i), path, &dimension)) {
            return false;
        }
        if (!weir_str_is(dimension.name, "__time")) {
            dimensions[schema->dimension_count++] = dimension;
        } else if (!time_first) {
            schema->cluster_count = schema->dimension_count;
        } else if (i > 0) {
            return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                             "%s: __time must be first unless forceSegmentSortByTime is false",
                             path);
        }
    }
    weir_str *clusters = WEIR_ARENA_ARRAY(p->arena, weir_str, schema->cluster_count + 1);
    for (uint32_t i = 0; i < schema->cluster_count; i++) {
        clusters[i] = dimensions[i].name;
    }
    schema->clusters = clusters;
    schema->dimensions = dimensions;
    return true;
}

static bool put_exclusions(parse *p, const json_t *list)
{
    weir_schema *schema = p->schema;
    size_t count = json_array_size(list);
    weir_str *names = WEIR_ARENA_ARRAY(p->arena, weir_str, count + 1);
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(list, i);
        if (!json_is_string(name)) {
            return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                             "dataSchema.dimensionsSpec.dimensionExclusions[%zu] must be a string",
                             i);
        }
        names[i] =
            weir_arena_str(p->arena, (weir_str){json_string_value(name), json_string_length(name)});
    }
    schema->exclusions = names;
    schema->exclusion_count = (uint32_t)count;
    return true;
}

static bool parse_dimensions_spec(parse *p, const weir_members *top)
{
    static const char *const known[] = {"dimensions",
                                        "dimensionExclusions",
                                        "spatialDimensions",
                                        "includeAllDimensions",
                                        "useSchemaDiscovery",
                                        "forceSegmentSortByTime",
                                        "type",
                                        NULL};
    const json_t *value, *list, *exclusions, *spatial;
    weir_members m;
    bool all = false, typed = false, time_first = true;
    if (!weir_member_object(top, "dimensionsSpec", &value, p->err) ||
        !weir_members_of(value, "dataSchema.dimensionsSpec", &m, p->err)) {
        return false;
    }
    unknown_members(p, &m, known);
    if (!weir_member_array(&m, "dimensions", &list, p->err) ||
        !weir_member_array(&m, "dimensionExclusions", &exclusions, p->err) ||
        !weir_member_array(&m, "spatialDimensions", &spatial, p->err) ||
        !weir_member_bool(&m, "includeAllDimensions", &all, p->err) ||
        !weir_member_bool(&m, "useSchemaDiscovery", &typed, p->err) ||
        !weir_member_bool(&m, "forceSegmentSortByTime", &time_first, p->err)) {
        return false;
    }
    if (json_array_size(spatial) > 0) {
        return weir_fail(p->err, WEIR_ERR_UNSUPPORTED,
                         "dataSchema.dimensionsSpec.spatialDimensions is not supported");
    }
    if (!put_dimensions(p, list, time_first) || !put_exclusions(p, exclusions)) {
        return false;
    }
    p->schema->discover = p->schema->dimension_count == 0 || all || typed;
    p->schema->discover_typed = typed;
    return true;
}

/* Metrics. */

static bool parse_metrics(parse *p, const weir_members *top)
{
    const json_t *list;
    if (!weir_member_array(top, "metricsSpec", &list, p->err)) {
        return false;
    }
    uint32_t count = (uint32_t)json_array_size(list);
    weir_agg_spec *metrics = WEIR_ARENA_ARRAY(p->arena, weir_agg_spec, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        char path[60];
        snprintf(path, sizeof(path), "dataSchema.metricsSpec[%u]", i);
        json_t *json = json_incref(json_array_get(list, i));
        weir_arena_defer(p->arena, free_json, json);
        if (!weir_agg_spec_parse(json, path, p->arena, &metrics[i], p->err)) {
            if (p->err && p->err->code == WEIR_ERR_BAD_QUERY) {
                p->err->code = WEIR_ERR_BAD_REQUEST; /* a spec, not a query */
            }
            return false;
        }
        if (!metrics[i].agg->row) {
            return weir_fail(p->err, WEIR_ERR_UNSUPPORTED,
                             "%s: aggregator '%s' cannot be a metric column", path,
                             metrics[i].agg->type);
        }
        if (metrics[i].name.size == 0 || weir_str_is(metrics[i].name, "__time")) {
            return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                             "%s.name must be a column's name, not '%.*s'", path,
                             WEIR_STR_ARG(metrics[i].name));
        }
    }
    p->schema->metrics = metrics;
    p->schema->metric_count = count;
    return true;
}

/* What discovery must leave out. */
typedef struct exclude {
    weir_schema *schema;
    weir_str *names;
    uint32_t count, capacity;
} exclude;

static bool is_dimension(const weir_schema *schema, weir_str name)
{
    for (uint32_t i = 0; i < schema->dimension_count; i++) {
        if (weir_str_eq(schema->dimensions[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void exclude_name(void *self, weir_str name)
{
    exclude *ex = self;
    if (is_dimension(ex->schema, name)) {
        return;
    }
    for (uint32_t i = 0; i < ex->count; i++) {
        if (weir_str_eq(ex->names[i], name)) {
            return;
        }
    }
    if (ex->count == ex->capacity) {
        weir_str *grown = WEIR_ARENA_ARRAY(ex->schema->arena, weir_str, ex->capacity * 2);
        memcpy(grown, ex->names, sizeof(weir_str) * ex->count);
        ex->names = grown;
        ex->capacity *= 2;
    }
    ex->names[ex->count++] = weir_arena_str(ex->schema->arena, name);
}

static void exclude_inputs(parse *p, weir_str time_column)
{
    weir_schema *schema = p->schema;
    exclude ex = {.schema = schema, .capacity = 16 + schema->exclusion_count};
    ex.names = WEIR_ARENA_ARRAY(p->arena, weir_str, ex.capacity);
    for (uint32_t i = 0; i < schema->exclusion_count; i++) {
        exclude_name(&ex, schema->exclusions[i]);
    }
    exclude_name(&ex, time_column);
    exclude_name(&ex, WEIR_STR("__time"));
    for (uint32_t i = 0; i < schema->metric_count; i++) {
        exclude_name(&ex, schema->metrics[i].name);
        for (uint32_t a = 0; a < schema->metrics[i].arg_count; a++) {
            weir_expr_columns(schema->metrics[i].args[a], exclude_name, &ex);
        }
    }
    schema->exclusions = ex.names;
    schema->exclusion_count = ex.count;
}

static int by_name(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

static bool names_are_distinct(parse *p)
{
    const weir_schema *schema = p->schema;
    uint32_t count = schema->dimension_count + schema->metric_count;
    weir_str *names = weir_calloc(count + 1, sizeof(weir_str));
    for (uint32_t i = 0; i < count; i++) {
        names[i] = i < schema->dimension_count ? schema->dimensions[i].name
                                               : schema->metrics[i - schema->dimension_count].name;
    }
    qsort(names, count, sizeof(weir_str), by_name);
    bool ok = true;
    for (uint32_t i = 1; ok && i < count; i++) {
        if (weir_str_eq(names[i - 1], names[i])) {
            ok = weir_fail(
                p->err, WEIR_ERR_BAD_REQUEST,
                "dataSchema: column '%.*s' is named twice in dimensionsSpec and metricsSpec",
                WEIR_STR_ARG(names[i]));
        }
    }
    free(names);
    return ok;
}

/* The rest. */

static bool parse_timestamp_spec(parse *p, const weir_members *top, weir_str *column)
{
    static const char *const known[] = {"column", "format", "missingValue", NULL};
    const json_t *value;
    weir_members m;
    if (!weir_member_object(top, "timestampSpec", &value, p->err) ||
        !weir_members_of(value, "dataSchema.timestampSpec", &m, p->err)) {
        return false;
    }
    unknown_members(p, &m, known);
    *column = WEIR_STR("timestamp");
    if (!weir_member_text(&m, "column", column, p->err)) {
        return false;
    }
    if (value) {
        char *text = json_dumps(value, JSON_COMPACT);
        p->schema->timestamp_spec_json = weir_arena_str(p->arena, weir_str_of(text));
        free(text);
    }
    return true;
}

static bool refuse_parser(parse *p, const weir_members *top)
{
    if (weir_member_any(top, "parser")) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "dataSchema.parser is no longer used: give timestampSpec and "
                         "dimensionsSpec, and inputFormat in ioConfig");
    }
    return true;
}

static bool parse_all(parse *p, const json_t *data_schema)
{
    static const char *const known[] = {"dataSource",  "timestampSpec",   "dimensionsSpec",
                                        "metricsSpec", "granularitySpec", "transformSpec",
                                        NULL};
    weir_members top;
    weir_str table = {0}, time_column;
    if (!data_schema || json_is_null(data_schema)) {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST, "dataSchema is missing");
    }
    if (!weir_members_of(data_schema, "dataSchema", &top, p->err)) {
        return false;
    }
    unknown_members(p, &top, known);
    if (!weir_member_text(&top, "dataSource", &table, p->err)) {
        return false;
    }
    if (table.size == 0 || table.size > 80 || memchr(table.at, '/', table.size) ||
        table.at[0] == '.') {
        return weir_fail(p->err, WEIR_ERR_BAD_REQUEST,
                         "dataSchema.dataSource must be a name of 1 to 80 bytes without '/' that "
                         "begins with no dot");
    }
    p->schema->table = weir_arena_str(p->arena, table);
    if (!refuse_parser(p, &top) || !parse_timestamp_spec(p, &top, &time_column) ||
        !parse_dimensions_spec(p, &top) || !parse_granularity_spec(p, &top) ||
        !parse_metrics(p, &top) || !names_are_distinct(p)) {
        return false;
    }
    exclude_inputs(p, time_column);
    return true;
}

weir_schema *weir_schema_parse(const struct json_t *data_schema,
                               void (*warn)(void *self, const char *member), void *self,
                               weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_schema *schema = WEIR_ARENA_NEW(arena, weir_schema);
    schema->arena = arena;
    atomic_init(&schema->refs, 1);
    parse p = {.schema = schema, .arena = arena, .warn = warn, .self = self, .err = err};
    if (!parse_all(&p, data_schema)) {
        weir_arena_free(arena);
        return NULL;
    }
    return schema;
}
