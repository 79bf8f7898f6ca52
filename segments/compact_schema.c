/* segments/compact_schema.c - which segments may become one, and the schema that they have
 * together: the newest one's columns first, then what only older ones declare, with the type that
 * it has there. */
#include <stdlib.h>
#include "segments/compact.h"
#include "weir/paths.h"

typedef struct column { /* of one segment */
    weir_str name;
    weir_type type;
    bool metric;
    const weir_dimension *dimension; /* as declared; NULL: discovered */
    bool automatic;
    weir_type wanted; /* automatic: as of weir_dimension */
    uint8_t multi;
    const weir_agg_spec *spec; /* NULL: no metric that the schema knows */
} column;

typedef struct columns { /* by name */
    const weir_schema *schema;
    column *at;
    uint32_t count;
} columns;

static int compare_names(const void *a, const void *b)
{
    return weir_str_cmp(((const column *)a)->name, ((const column *)b)->name);
}

static column column_of(const weir_schema *schema, const weir_column *from)
{
    column c = {.name = from->name, .type = from->type, .metric = from->metric};
    for (uint32_t i = 0; i < schema->dimension_count && !c.metric; i++) {
        c.dimension = weir_str_eq(schema->dimensions[i].name, from->name) ? &schema->dimensions[i]
                                                                          : c.dimension;
    }
    for (uint32_t i = 0; i < schema->metric_count && c.metric; i++) {
        c.spec = weir_str_eq(schema->metrics[i].name, from->name) ? &schema->metrics[i] : c.spec;
    }
    if (c.dimension) {
        c.automatic = c.dimension->automatic;
        c.wanted = c.dimension->type;
        c.multi = c.dimension->multi;
    } else if (!c.metric) {
        bool bytes = c.type.kind == WEIR_COMPLEX && !weir_type_is_json(c.type);
        c.automatic = schema->discover_typed && !bytes;
        c.wanted = WEIR_TYPE(WEIR_UNKNOWN);
        c.multi = WEIR_MULTI_SORTED_ARRAY;
    }
    return c;
}

/* Without __time. */
static columns read_columns(const weir_rows *rows, weir_arena *arena)
{
    uint32_t count = rows->ops->column_count(rows);
    columns out = {.schema = rows->schema, .at = WEIR_ARENA_ARRAY(arena, column, count + 1)};
    for (uint32_t i = 0; rows->schema && i < count; i++) {
        const weir_column *from = rows->ops->column_at(rows, i);
        if (!weir_str_is(from->name, "__time")) {
            out.at[out.count++] = column_of(rows->schema, from);
        }
    }
    qsort(out.at, out.count, sizeof(*out.at), compare_names);
    return out;
}

static bool same_column(const column *a, const column *b)
{
    if (a->metric != b->metric || a->automatic != b->automatic) {
        return false;
    }
    if (a->metric) {
        return weir_type_eq(a->type, b->type) && a->spec && b->spec &&
               weir_str_eq(a->spec->json, b->spec->json);
    }
    return a->automatic ? weir_type_eq(a->wanted, b->wanted)
                        : weir_type_eq(a->type, b->type) && a->multi == b->multi;
}

/* What a schema can declare. */
static bool is_said(const column *c)
{
    return c->metric      ? c->spec != NULL
           : c->automatic ? true
           : c->dimension ? true
                          : c->type.kind != WEIR_COMPLEX && c->type.kind != WEIR_ARRAY;
}

static bool fit_together(const columns *a, const columns *b)
{
    uint32_t i = 0, k = 0;
    while (i < a->count && k < b->count) {
        int order = weir_str_cmp(a->at[i].name, b->at[k].name);
        if (order == 0 && !same_column(&a->at[i], &b->at[k])) {
            return false;
        }
        i += order <= 0;
        k += order >= 0;
    }
    return true;
}

static bool all_said(const columns *c)
{
    bool ok = c->schema != NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        ok = ok && is_said(&c->at[i]);
    }
    return ok;
}

uint32_t weir_merge_classes(weir_rows *const *rows, uint32_t count, uint32_t *classes)
{
    weir_arena *arena = weir_arena_new();
    columns *all = WEIR_ARENA_ARRAY(arena, columns, count + 1);
    uint32_t class_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        all[i] = read_columns(rows[i], arena);
        uint32_t class = 0;
        for (bool fits = false; class < class_count && !fits; class += !fits) {
            fits = all_said(&all[i]);
            for (uint32_t k = 0; k < i && fits; k++) {
                fits = classes[k] != class || (all_said(&all[k]) && fit_together(&all[k], &all[i]));
            }
        }
        classes[i] = class;
        class_count += class == class_count;
    }
    weir_arena_free(arena);
    return class_count;
}

/* --- the schema together --- */

typedef struct uniting {
    weir_schema *schema;
    weir_dimension *dimensions;
    weir_agg_spec *metrics;
    weir_str *named; /* all of both, sorted, for looking up; rebuilt per input */
} uniting;

static int compare_strs(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

static bool is_named(const uniting *u, uint32_t count, weir_str name)
{
    return bsearch(&name, u->named, count, sizeof(name), compare_strs) != NULL;
}

static uint32_t name_all(uniting *u)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < u->schema->dimension_count; i++) {
        u->named[count++] = u->dimensions[i].name;
    }
    for (uint32_t i = 0; i < u->schema->metric_count; i++) {
        u->named[count++] = u->metrics[i].name;
    }
    qsort(u->named, count, sizeof(*u->named), compare_strs);
    return count;
}

static weir_dimension dimension_of(const column *c, weir_arena *arena)
{
    weir_dimension out = c->dimension ? *c->dimension
                                      : (weir_dimension){.type = c->automatic ? c->wanted : c->type,
                                                         .automatic = c->automatic,
                                                         .bitmap_index = true,
                                                         .multi = c->multi};
    out.type.multi = false;
    out.name = weir_arena_str(arena, c->name);
    return out;
}

/* Whether the newest schema would discover the column as its own did. */
static bool is_discovered(const weir_schema *newest, const weir_schema *own, const column *c)
{
    bool excluded = false;
    for (uint32_t i = 0; i < newest->exclusion_count; i++) {
        excluded = excluded || weir_str_eq(newest->exclusions[i], c->name);
    }
    return !c->metric && !c->dimension && !excluded && newest->discover &&
           newest->discover_typed == own->discover_typed;
}

/* What this input has beyond those before it; in the order in which it has them. */
static void add_columns(uniting *u, const weir_schema *newest, const weir_rows *rows,
                        weir_arena *arena)
{
    uint32_t count = rows->ops->column_count(rows), known = name_all(u);
    for (uint32_t i = 0; i < count; i++) {
        const weir_column *from = rows->ops->column_at(rows, i);
        if (weir_str_is(from->name, "__time") || is_named(u, known, from->name)) {
            continue;
        }
        column c = column_of(rows->schema, from);
        if (is_discovered(newest, rows->schema, &c)) {
            continue;
        }
        if (c.metric) {
            u->metrics[u->schema->metric_count++] = *c.spec;
        } else {
            u->dimensions[u->schema->dimension_count++] = dimension_of(&c, arena);
        }
    }
}

static void share_exclusions(weir_schema *schema, const weir_schema *newest, const uniting *u)
{
    weir_str *kept = WEIR_ARENA_ARRAY(schema->arena, weir_str, newest->exclusion_count + 1);
    for (uint32_t i = 0; i < newest->exclusion_count; i++) {
        bool kept_column = false;
        for (uint32_t k = 0; k < schema->dimension_count; k++) {
            kept_column = kept_column || weir_str_eq(u->dimensions[k].name, newest->exclusions[i]);
        }
        if (!kept_column) {
            kept[schema->exclusion_count++] = newest->exclusions[i];
        }
    }
    schema->exclusions = kept;
}

static void unref_schema(void *schema)
{
    weir_schema_unref(schema);
}

static bool same_granularity(const weir_granularity *a, const weir_granularity *b)
{
    static const int64_t probes[] = {0, 86399999, 1234567890123, 1700000000001, 1900000000123};
    if (a->kind == WEIR_GRAN_ALL || b->kind == WEIR_GRAN_ALL) {
        return a->kind == b->kind;
    }
    for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
        int64_t x = weir_granularity_floor(a, probes[i]), y = weir_granularity_floor(b, probes[i]);
        if (x != y) {
            return false;
        }
    }
    return a->kind == b->kind && a->kind == WEIR_GRAN_NONE
               ? true
               : weir_granularity_next(a, weir_granularity_floor(a, 0)) ==
                     weir_granularity_next(b, weir_granularity_floor(b, 0));
}

bool weir_merge_is_like(const weir_rows *rows, const weir_granularity *segment_granularity,
                        const weir_granularity *query_granularity, int rollup)
{
    const weir_schema *s = rows->schema;
    return !s ||
           ((!segment_granularity ||
             same_granularity(segment_granularity, &s->segment_granularity)) &&
            (!query_granularity || same_granularity(query_granularity, &s->query_granularity)) &&
            (rollup < 0 || s->rollup == (rollup > 0)));
}

weir_schema *weir_merge_schema(const weir_merge_options *options, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    const weir_schema *newest = options->rows[0]->schema;
    weir_schema *schema = WEIR_ARENA_NEW(arena, weir_schema);
    size_t dimensions = 1, metrics = 1;
    for (uint32_t i = 0; i < options->count; i++) {
        const weir_rows *rows = options->rows[i];
        if (!rows->schema) {
            weir_fail(err, WEIR_ERR_CORRUPT, "segment %.*s has no schema", WEIR_STR_ARG(rows->id));
            weir_arena_free(arena);
            return NULL;
        }
        /* names, aggregators and zones are borrowed from them */
        weir_arena_defer(arena, unref_schema,
                         weir_schema_ref((weir_schema *)(uintptr_t)rows->schema));
        dimensions += rows->ops->column_count(rows) + rows->schema->dimension_count;
        metrics += rows->schema->metric_count;
    }
    *schema = *newest;
    schema->arena = arena;
    schema->refs = 1;
    schema->exclusion_count = 0;
    uniting u = {.schema = schema,
                 .dimensions = WEIR_ARENA_ARRAY(arena, weir_dimension, dimensions),
                 .metrics = WEIR_ARENA_ARRAY(arena, weir_agg_spec, metrics),
                 .named = WEIR_ARENA_ARRAY(arena, weir_str, dimensions + metrics)};
    for (uint32_t i = 0; i < newest->dimension_count; i++) {
        u.dimensions[i] = newest->dimensions[i];
    }
    for (uint32_t i = 0; i < newest->metric_count; i++) {
        u.metrics[i] = newest->metrics[i];
    }
    for (uint32_t i = 0; i < options->count; i++) {
        const weir_schema *of = options->rows[i]->schema;
        schema->rollup = schema->rollup && of->rollup;
        if (!same_granularity(&of->query_granularity, &schema->query_granularity)) {
            weir_granularity_simple(WEIR_STR("none"), &schema->query_granularity);
        }
        add_columns(&u, newest, options->rows[i], arena);
    }
    share_exclusions(schema, newest, &u);
    schema->dimensions = u.dimensions;
    schema->metrics = u.metrics;
    schema->rollup = options->rollup < 0 ? schema->rollup : options->rollup > 0;
    schema->segment_granularity =
        options->segment_granularity ? *options->segment_granularity : newest->segment_granularity;
    schema->query_granularity =
        options->query_granularity ? *options->query_granularity : schema->query_granularity;
    schema->segment_granularity.name = weir_arena_str(arena, schema->segment_granularity.name);
    schema->query_granularity.name = weir_arena_str(arena, schema->query_granularity.name);
    return schema;
}
