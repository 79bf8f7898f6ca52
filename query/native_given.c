/* query/native_given.c - the data sources "inline" (rows in the request) and "lookup" (the entries
 * of a registered lookup as columns k and v). Inline values become vectors here: a column's type is
 * the one declared, else what all its values fit. */
#include "query/native_json.h"
#include "query/given.h"
#include "weir/hash.h"

typedef struct inline_rows {
    weir_given *given;
    weir_type *types;
    bool *untyped;
    const json_t *rows;
} inline_rows;

/* What a column without a type is: long, double, text, or a list of those. */
static weir_type wider(weir_type a, weir_type b)
{
    static const uint8_t rank[] = {
        [WEIR_UNKNOWN] = 0, [WEIR_LONG] = 1,  [WEIR_FLOAT] = 2,  [WEIR_DOUBLE] = 3,
        [WEIR_STRING] = 4,  [WEIR_ARRAY] = 5, [WEIR_COMPLEX] = 5};
    if (a.kind == WEIR_ARRAY && b.kind == WEIR_ARRAY) {
        a.elem = rank[a.elem] < rank[b.elem] ? b.elem : a.elem;
        return a;
    }
    return rank[a.kind] < rank[b.kind] ? b : a;
}

static bool read_types(weir_native *n, const weir_at *at, const json_t *json, inline_rows *in)
{
    const json_t *list;
    size_t count;
    uint32_t columns = in->given->column_count;
    if (!weir_native_list(n, at, json, "columnTypes", &list, &count)) {
        return false;
    }
    if (list && count != columns) {
        return weir_native_fail(n, WEIR_AT(at, "columnTypes"), "has %zu entries for %u columns",
                                count, columns);
    }
    for (uint32_t i = 0; i < columns; i++) {
        const json_t *item = json_array_get(list, i);
        weir_str name = {0};
        if (item && !json_is_null(item) &&
            !weir_native_scalar_text(n, WEIR_AT_ITEM(WEIR_AT(at, "columnTypes"), i), item, &name)) {
            return false;
        }
        if (name.at && !weir_type_parse(name, &in->types[i])) {
            return weir_native_fail(n, WEIR_AT_ITEM(WEIR_AT(at, "columnTypes"), i),
                                    "'%.*s' is no type of column", WEIR_STR_ARG(name));
        }
        in->untyped[i] = !name.at;
    }
    return true;
}

/* A column's values, by row. */
static bool read_values(weir_native *n, const weir_at *at, const inline_rows *in, uint32_t column,
                        weir_value *out, weir_type *found)
{
    bool lists = false;
    *found = WEIR_TYPE(WEIR_UNKNOWN);
    for (uint32_t r = 0; r < in->given->row_count; r++) {
        const json_t *row = json_array_get(in->rows, r);
        if (!weir_native_value(n, WEIR_AT_ITEM(WEIR_AT_ITEM(WEIR_AT(at, "rows"), r), column),
                               json_array_get(row, column), &out[r])) {
            return false;
        }
        lists = lists || out[r].type.kind == WEIR_ARRAY;
        *found = out[r].is_null ? *found : wider(*found, out[r].type);
    }
    if (in->types[column].kind == WEIR_STRING &&
        lists) { /* lists in a column of text: multi-values */
        found->multi = true;
    }
    return true;
}

/* One value of the kind, as Druid casts it; booleans are words in text. */
static weir_value as_kind(weir_arena *arena, weir_value value, uint8_t kind)
{
    if (kind == WEIR_STRING && value.type.face == WEIR_FACE_BOOLEAN) {
        return weir_value_str(value.as.l ? WEIR_STR("true") : WEIR_STR("false"));
    }
    return value.is_null ? value : weir_value_cast(arena, value, (weir_kind)kind);
}

typedef struct flat { /* a vector being filled */
    uint8_t kind;
    void *at;
    uint64_t *nulls;
} flat;

static flat flat_new(weir_arena *arena, uint8_t kind, uint32_t n)
{
    return (flat){kind, WEIR_ARENA_ARRAY(arena, weir_str, n + 1),
                  WEIR_ARENA_ARRAY(arena, uint64_t, weir_words(n) + 1)};
}

static void flat_put(const flat *to, weir_arena *arena, uint32_t i, weir_value given)
{
    weir_value value = as_kind(arena, given, to->kind);
    if (value.is_null || value.type.kind == WEIR_UNKNOWN || value.type.kind == WEIR_ARRAY) {
        weir_bit_set(to->nulls, i);
        return;
    }
    switch ((weir_kind)to->kind) {
    case WEIR_LONG:
        ((int64_t *)to->at)[i] = value.as.l;
        return;
    case WEIR_DOUBLE:
        ((double *)to->at)[i] = value.as.d;
        return;
    case WEIR_FLOAT:
        ((float *)to->at)[i] = (float)value.as.d;
        return;
    case WEIR_STRING:
        ((weir_str *)to->at)[i] = value.as.s;
        return;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        weir_bit_set(to->nulls, i);
    }
}

static weir_vec flat_vec(const flat *of, uint32_t n)
{
    weir_vec vec = {.type = WEIR_TYPE(of->kind), .form = WEIR_FLAT, .n = n, .nulls = of->nulls};
    vec.at.l = of->at;
    return vec;
}

static weir_vec list_vec(weir_arena *arena, const weir_value *values, uint32_t n, weir_type type)
{
    uint32_t *offsets = WEIR_ARENA_ARRAY(arena, uint32_t, n + 1), total = 0;
    uint64_t *nulls = WEIR_ARENA_ARRAY(arena, uint64_t, weir_words(n) + 1);
    uint8_t kind = type.kind == WEIR_ARRAY ? type.elem : WEIR_STRING;
    for (uint32_t i = 0; i < n; i++) {
        total += values[i].type.kind == WEIR_ARRAY ? values[i].as.array.count : 1;
    }
    flat items = flat_new(arena, kind, total);
    total = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (values[i].is_null) {
            weir_bit_set(nulls, i);
        } else if (values[i].type.kind == WEIR_ARRAY) {
            for (uint32_t k = 0; k < values[i].as.array.count; k++) {
                flat_put(&items, arena, total++, values[i].as.array.at[k]);
            }
        } else { /* a single value is a list of one */
            flat_put(&items, arena, total++, values[i]);
        }
        offsets[i + 1] = total;
    }
    weir_vec *item_vec = WEIR_ARENA_NEW(arena, weir_vec);
    *item_vec = flat_vec(&items, total);
    weir_vec vec = {.type = type, .form = WEIR_LIST, .n = n, .nulls = nulls, .items = item_vec};
    vec.at.offsets = offsets;
    return vec;
}

static bool read_columns(weir_native *n, const weir_at *at, inline_rows *in)
{
    weir_given *given = in->given;
    weir_vec *columns = WEIR_ARENA_ARRAY(n->arena, weir_vec, given->column_count + 1);
    weir_value *values = WEIR_ARENA_ARRAY(n->arena, weir_value, given->row_count + 1);
    for (uint32_t c = 0; c < given->column_count; c++) {
        weir_type found, *type = &in->types[c];
        if (!read_values(n, at, in, c, values, &found)) {
            return false;
        }
        *type = in->untyped[c] ? found : *type;
        type->face = WEIR_FACE_NONE;
        type->multi = found.multi;
        if (type->kind == WEIR_UNKNOWN ||
            (type->kind == WEIR_ARRAY && type->elem == WEIR_UNKNOWN)) {
            *(type->kind == WEIR_ARRAY ? &type->elem : &type->kind) = WEIR_STRING; /* only nulls */
        }
        if (type->kind == WEIR_COMPLEX) {
            char name[64];
            weir_str text = weir_type_name(*type, name);
            return weir_native_unsupported(n, WEIR_AT_ITEM(WEIR_AT(at, "columnTypes"), c),
                                           "inline values of type %.*s are not supported",
                                           WEIR_STR_ARG(text));
        }
        if (type->kind == WEIR_ARRAY || type->multi) {
            columns[c] = list_vec(n->arena, values, given->row_count, *type);
            continue;
        }
        flat all = flat_new(n->arena, type->kind, given->row_count);
        for (uint32_t r = 0; r < given->row_count; r++) {
            flat_put(&all, n->arena, r, values[r]);
        }
        columns[c] = flat_vec(&all, given->row_count);
        columns[c].type = *type;
    }
    given->columns = columns;
    return true;
}

static bool check_rows(weir_native *n, const weir_at *at, const inline_rows *in)
{
    for (uint32_t r = 0; r < in->given->row_count; r++) {
        const json_t *row = json_array_get(in->rows, r);
        const weir_at *row_at = WEIR_AT_ITEM(WEIR_AT(at, "rows"), r);
        if (!json_is_array(row)) {
            return weir_native_fail(n, row_at, "must be a list of values");
        }
        if (json_array_size(row) != in->given->column_count) {
            return weir_native_fail(n, row_at, "has %zu values for %u columns",
                                    json_array_size(row), in->given->column_count);
        }
    }
    return true;
}

static uint64_t hash_of(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    uint64_t hash = text ? weir_hash_bytes(text, strlen(text)) : 0;
    free(text);
    return hash;
}

bool weir_native_inline(weir_native *n, const weir_at *at, const json_t *json, weir_node_rows *rows)
{
    inline_rows in = {.given = WEIR_ARENA_NEW(n->arena, weir_given)};
    const json_t *names;
    size_t name_count, row_count;
    if (!weir_native_list(n, at, json, "columnNames", &names, &name_count) ||
        !weir_native_values(n, at, json, "rows", &in.rows, &row_count)) {
        return false;
    }
    if (!names || !in.rows) {
        return weir_native_fail(n, at, "needs '%s'", names ? "rows" : "columnNames");
    }
    weir_names columns = {.arena = n->arena};
    for (size_t i = 0; i < name_count; i++) {
        weir_str name;
        const weir_at *item = WEIR_AT_ITEM(WEIR_AT(at, "columnNames"), i);
        if (!weir_native_scalar_text(n, item, json_array_get(names, i), &name)) {
            return false;
        }
        if (!name.at) {
            return weir_native_fail(n, item, "is null");
        }
        if (!weir_names_add(&columns, name)) {
            return weir_native_fail(n, item, "there are two columns '%.*s'", WEIR_STR_ARG(name));
        }
    }
    in.types = WEIR_ARENA_ARRAY(n->arena, weir_type, name_count + 1);
    in.untyped = WEIR_ARENA_ARRAY(n->arena, bool, name_count + 1);
    *in.given = (weir_given){.id = WEIR_STR(WEIR_INLINE_ID),
                             .column_count = columns.count,
                             .row_count = (uint32_t)row_count,
                             .names = columns.at,
                             .types = in.types,
                             .untyped = in.untyped,
                             .hash = hash_of(json)};
    rows->given = in.given;
    return read_types(n, at, json, &in) && check_rows(n, at, &in) && read_columns(n, at, &in);
}

bool weir_native_lookup_rows(weir_native *n, const weir_at *at, const json_t *json,
                             weir_node_rows *rows)
{
    static const weir_str names[] = {{"k", 1}, {"v", 1}};
    static const weir_type types[] = {{.kind = WEIR_STRING}, {.kind = WEIR_STRING}};
    weir_str name;
    if (!weir_native_need_text(n, at, json, "lookup", &name)) {
        return false;
    }
    /* this version, as all of the query; as in Druid, no lookup of the name: no rows */
    const weir_lookup *lookup = weir_lookup_pinned(n->arena, name);
    uint64_t version = lookup ? weir_lookup_uid(lookup) : 0;
    weir_given *given = WEIR_ARENA_NEW(n->arena, weir_given);
    size_t size = name.size + sizeof(WEIR_GIVEN_INTERVAL);
    char *id = WEIR_ARENA_ARRAY(n->arena, char, size);
    memcpy(id, name.at, name.size);
    memcpy(id + name.size, WEIR_GIVEN_INTERVAL, sizeof(WEIR_GIVEN_INTERVAL));
    *given = (weir_given){.id = {id, size - 1},
                          .column_count = 2,
                          .names = names,
                          .types = types,
                          .lookup = lookup,
                          .hash = weir_hash_bytes(name.at, name.size) ^ weir_hash_u64(version)};
    if (lookup) {
        given->row_count = weir_lookup_count(lookup);
    }
    rows->given = given;
    return true;
}
