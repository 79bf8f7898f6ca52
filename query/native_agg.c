/* query/native_agg.c - "aggregations". The aggregators themselves stand in compute's table; here
 * are those that are none: "filtered" wraps any of them, "grouping" follows from the grouping set.
 */
#include "query/native_json.h"

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_agg_use *out);

/* The name is the inner aggregator's unless there is one outside; nested filters must all be true.
 */
static bool parse_filtered(weir_native *n, const weir_at *at, const json_t *json, weir_agg_use *out)
{
    const json_t *inner = weir_native_get(json, "aggregator", NULL),
                 *filter = weir_native_get(json, "filter", NULL);
    weir_str name;
    weir_filter *own;
    if (!inner || !filter) {
        return weir_native_fail(n, at, "needs '%s'", inner ? "filter" : "aggregator");
    }
    if (!parse(n, WEIR_AT(at, "aggregator"), inner, out) ||
        !weir_native_filter(n, WEIR_AT(at, "filter"), filter, &own) ||
        !weir_native_text(n, at, json, "name", &name)) {
        return false;
    }
    if (name.at) {
        out->spec.name = name;
    }
    if (own && out->filter) {
        weir_filter *both[] = {own, out->filter};
        out->filter = weir_filter_normal(n->arena, weir_filter_and(n->arena, both, 2));
    } else if (own) {
        out->filter = own;
    }
    return true;
}

typedef struct place { /* of the aggregator whose dimension specs are read */
    weir_native *n;
    const weir_at *at;
} place;

static bool read_dimension(void *self, const char *member, size_t index, const json_t *spec,
                           const weir_expr **out, weir_error *err)
{
    const place *p = self;
    (void)err; /* n's own */
    return weir_native_dimension_expr(p->n, WEIR_AT_ITEM(WEIR_AT(p->at, member), index), spec, out);
}

static bool parse_plain(weir_native *n, const weir_at *at, const json_t *json, weir_agg_use *out)
{
    weir_str path = weir_at_path(n->arena, at);
    place p = {n, at};
    weir_agg_dimensions dimensions = {.read = read_dimension, .self = &p};
    *out = (weir_agg_use){0};
    return weir_agg_spec_parse_with(json, path.at, &dimensions, n->arena, &out->spec, n->err);
}

static bool refuse_script(weir_native *n, const weir_at *at, const json_t *json, weir_agg_use *out)
{
    (void)json, (void)out;
    return weir_native_fail(n, at, "JavaScript is disabled");
}

static const struct own_type {
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json, weir_agg_use *out);
} own_types[] = {
    {"filtered", parse_filtered},
    {"grouping", weir_native_grouping_parse},
    {"javascript", refuse_script},
};

static bool parse_by_type(weir_native *n, const weir_at *at, const json_t *json, weir_str type,
                          weir_agg_use *out)
{
    for (size_t i = 0; i < sizeof(own_types) / sizeof(own_types[0]); i++) {
        if (weir_str_is(type, own_types[i].type)) {
            return own_types[i].parse(n, at, json, out);
        }
    }
    return parse_plain(n, at, json, out);
}

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_agg_use *out)
{
    weir_str type;
    if (!weir_native_need_type(n, at, json, &type) || !weir_native_enter(n, at)) {
        return false;
    }
    bool ok = parse_by_type(n, at, json, type, out);
    weir_native_leave(n);
    return ok;
}

bool weir_native_aggs(weir_native *n, const weir_at *at, const json_t *query, uint32_t *count,
                      weir_agg_use **out)
{
    const json_t *list;
    size_t size;
    if (!weir_native_list(n, at, query, "aggregations", &list, &size)) {
        return false;
    }
    weir_agg_use *uses = WEIR_ARENA_ARRAY(n->arena, weir_agg_use, size + 1);
    n->groupings = NULL;
    for (size_t i = 0; i < size; i++) {
        if (!parse(n, WEIR_AT_ITEM(WEIR_AT(at, "aggregations"), i), json_array_get(list, i),
                   &uses[i])) {
            return false;
        }
        if (!uses[i].spec.name.at) {
            return weir_native_fail(n, WEIR_AT_ITEM(WEIR_AT(at, "aggregations"), i),
                                    "needs 'name'");
        }
    }
    *count = (uint32_t)size;
    *out = uses;
    return true;
}

static weir_str raw_output(weir_native *n, weir_agg_use *use)
{
    weir_str name = use->spec.name;
    if (!use->raw_name.at) { /* a byte that no name on the wire begins with */
        char *at = weir_arena_alloc(n->arena, name.size + 1);
        at[0] = '\1';
        memcpy(at + 1, name.at, name.size);
        use->raw_name = (weir_str){at, name.size + 1};
    }
    return use->raw_name;
}

weir_str weir_native_raw(weir_native *n, weir_str name)
{
    for (uint32_t i = 0; i < n->agg_count; i++) {
        if (weir_str_eq(n->aggs[i].spec.name, name) && n->aggs[i].spec.agg->finalizes) {
            return raw_output(n, &n->aggs[i]);
        }
    }
    return name;
}

void weir_native_states(weir_native *n)
{
    for (uint32_t i = 0; i < n->agg_count; i++) {
        const weir_agg *agg = n->aggs[i].spec.agg;
        if (agg->finalizes || agg->totals_by_state) {
            raw_output(n, &n->aggs[i]);
        }
    }
}
