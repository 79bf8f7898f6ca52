/* compute/fn_json.c - json_value, json_query, json_query_array, json_keys, json_paths, json_object,
 * json_merge, parse_json, try_parse_json, to_json_string. COMPLEX<json> values are JSON text.
 * Without a type, json_value gives COMPLEX<json> that is a literal, since each row may have another
 * type; casts turn it into what is wanted. */
#include "compute/fn_util.h"
#include "compute/json_text.h"
#include "compute/utf.h"
#include "weir/hash.h"
#include <stdlib.h>

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

static weir_type json_type(void)
{
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("json"))};
}

static bool is_json(weir_type type)
{
    return type.kind == WEIR_COMPLEX && type.complex && strcmp(type.complex->name, "json") == 0;
}

static bool needs_json(weir_fn_call *call, weir_error *err)
{
    if (!is_json(call->arg_types[0]) && call->arg_types[0].kind != WEIR_UNKNOWN) {
        char name[64];
        return weir_fail(
            err, WEIR_ERR_BAD_QUERY,
            "Function[%s] first argument must be type [COMPLEX<json>] as input, got [%.*s]",
            call->fn->name, WEIR_STR_ARG(weir_type_name(call->arg_types[0], name)));
    }
    call->arg_types[0] = json_type();
    return true;
}

typedef struct query {
    weir_json_path path;
    weir_type type;
    bool absent; /* nested-field: there is nothing at that path */
} query;

static bool prepare_path(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    weir_str text;
    query *q = WEIR_ARENA_NEW(arena, query);
    if (!weir_call_literal(call, 1, &text)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Function[%s] second argument must be a literal [STRING] value",
                         call->fn->name);
    }
    call->prepared = q;
    q->type = call->type;
    return weir_json_path_parse(arena, text, &q->path, err);
}

/* ---- values ---- */

static bool infer_value(weir_fn_call *call, weir_error *err)
{
    weir_str name;
    weir_type type = json_type();
    if (!weir_call_is_default(call, 2) &&
        (!weir_call_literal(call, 2, &name) || !weir_type_parse(name, &type))) {
        return weir_fn_fail(call, err, "third argument must be a type name, a literal");
    }
    call->type = type.kind == WEIR_FLOAT ? WEIR_TYPE(WEIR_DOUBLE) : type;
    return needs_json(call, err);
}

/* A literal as text; booleans are the longs that they are in Druid. False: null, object or array.
 */
static bool literal_text(weir_str value, weir_buf *out)
{
    char text[32];
    switch (weir_json_kind_of(value)) {
    case WEIR_JSON_STRING:
        weir_json_unquote(value, out);
        return true;
    case WEIR_JSON_LONG:
        weir_buf_put(out, text, weir_print_long(text, weir_json_to_long(value)));
        return true;
    case WEIR_JSON_DOUBLE:
        weir_buf_put(out, text, weir_print_double(text, weir_json_to_double(value)));
        return true;
    case WEIR_JSON_TRUE:
        weir_buf_text(out, "1");
        return true;
    case WEIR_JSON_FALSE:
        weir_buf_text(out, "0");
        return true;
    case WEIR_JSON_NULL:
    case WEIR_JSON_OBJECT:
    case WEIR_JSON_ARRAY:
        break;
    }
    return false;
}

/* A literal as a number of `kind` (LONG or DOUBLE), bits in *out. */
static bool literal_number(weir_str value, weir_kind kind, int64_t *out)
{
    weir_json_kind json = weir_json_kind_of(value);
    double d = 0;
    bool ok = true;
    if (json == WEIR_JSON_LONG && kind == WEIR_LONG) {
        *out = weir_json_to_long(value);
        return true;
    }
    if (json == WEIR_JSON_LONG || json == WEIR_JSON_DOUBLE) {
        d = weir_json_to_double(value);
    } else if (json == WEIR_JSON_TRUE || json == WEIR_JSON_FALSE) {
        d = json == WEIR_JSON_TRUE;
    } else if (json == WEIR_JSON_STRING) {
        weir_buf text = {0};
        weir_json_unquote(value, &text);
        ok = kind == WEIR_LONG ? weir_text_to_long(weir_buf_view(&text), out)
                               : weir_text_to_double(weir_buf_view(&text), &d);
        weir_buf_done(&text);
        if (kind == WEIR_LONG) {
            return ok;
        }
    } else {
        return false;
    }
    if (kind == WEIR_LONG) {
        *out = weir_double_to_long(d);
    } else {
        memcpy(out, &d, sizeof(d));
    }
    return ok;
}

static bool is_literal(weir_str value)
{
    weir_json_kind kind = weir_json_kind_of(value);
    return kind != WEIR_JSON_NULL && kind != WEIR_JSON_OBJECT && kind != WEIR_JSON_ARRAY;
}

/* Scalars of json rows to LONG, DOUBLE or STRING; what is no literal is null. */
bool weir_json_cast(weir_run *run, const weir_vec *from, weir_kind to, uint32_t n, weir_vec *out)
{
    weir_str *strings = to == WEIR_STRING ? weir_out_strings(run, n, out) : NULL;
    int64_t *numbers = strings ? NULL : weir_out_longs(run, n, out);
    weir_buf text = {0};
    bool ok = true;
    for (uint32_t i = 0; i < n; i++) {
        weir_str value = weir_arg_null(from, i) ? (weir_str){0} : weir_arg_str(from, i);
        text.size = 0;
        if (!value.at || weir_json_kind_of(value) == WEIR_JSON_NULL) {
            weir_out_null(run, n, out, i);
        } else if (strings) {
            if (!literal_text(value, &text)) {
                weir_json_normalize(value, &text);
            }
            ok = ok && weir_out_copy(run, weir_buf_view(&text), &strings[i]);
        } else if (!literal_number(value, to, &numbers[i])) {
            weir_out_null(run, n, out, i);
        }
    }
    weir_buf_done(&text);
    return ok;
}

/* The value at the path of each row, JSON null as none: at NULL where there is none. */
static weir_str *found(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, uint32_t n)
{
    const query *q = call->prepared;
    weir_str *values = WEIR_SCRATCH_ARRAY(run->scratch, weir_str, n + 1);
    memset(values, 0, sizeof(*values) * n);
    FOR_ROWS(sel, i)
    {
        if (!weir_json_find(weir_arg_str(&args[0], i), &q->path, &values[i]) ||
            weir_json_kind_of(values[i]) == WEIR_JSON_NULL) {
            values[i] = (weir_str){0};
        }
    }
    return values;
}

/* Arrays of literals as LIST of `elem`; a literal is an array of one. */
static bool value_arrays(weir_run *run, const weir_str *values, weir_kind elem, uint32_t n,
                         weir_vec *out)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1), total = 0;
    weir_buf parts = {0};
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = total;
        if (!values[i].at || weir_json_kind_of(values[i]) == WEIR_JSON_OBJECT) {
            weir_out_null(run, n, out, i);
            continue;
        }
        weir_str key, part = values[i];
        size_t at = 0;
        bool array = weir_json_kind_of(values[i]) == WEIR_JSON_ARRAY;
        while (array ? weir_json_next(values[i], &at, &key, &part) : at++ == 0) {
            weir_buf_put(&parts, &part, sizeof(part));
            total++;
        }
    }
    offsets[n] = total;
    weir_vec *items = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, 1);
    weir_str *strs = WEIR_SCRATCH_ARRAY(run->scratch, weir_str, total + 1);
    if (total) {
        memcpy(strs, parts.at, sizeof(*strs) * total);
    }
    weir_buf_done(&parts);
    weir_vec raw = {.type = json_type(), .form = WEIR_FLAT, .n = total};
    raw.at.s = strs;
    *items = (weir_vec){.type = WEIR_TYPE((uint8_t)elem), .form = WEIR_FLAT, .n = total};
    if (elem == WEIR_COMPLEX) {
        *items = raw;
    } else if (!weir_json_cast(run, &raw, elem, total, items)) {
        return false;
    }
    out->form = WEIR_LIST;
    out->at.offsets = offsets;
    out->items = items;
    return true;
}

RUN(run_value)
{
    weir_str *values = found(call, run, args, sel, n);
    if (call->type.kind == WEIR_ARRAY) {
        return value_arrays(run, values, (weir_kind)call->type.elem, n, out);
    }
    for (uint32_t i = 0; i < n; i++) {
        values[i] = values[i].at && is_literal(values[i]) ? values[i] : (weir_str){0};
        if (!values[i].at) {
            weir_out_null(run, n, out, i);
        }
        if (call->type.kind == WEIR_COMPLEX && values[i].at &&
            (values[i].at[0] == 't' || values[i].at[0] == 'f')) {
            values[i] = values[i].at[0] == 't' ? WEIR_STR("1") : WEIR_STR("0");
        }
    }
    if (call->type.kind == WEIR_COMPLEX) {
        out->at.s = values;
        return true;
    }
    weir_vec raw = {.type = json_type(), .form = WEIR_FLAT, .n = n, .nulls = out->nulls};
    raw.at.s = values;
    out->nulls = NULL;
    return weir_json_cast(run, &raw, (weir_kind)call->type.kind, n, out);
}

/* ---- nested-field: what the virtual column of that name lowers to ---- */

/* Over json as json_value. A column that holds plain values has them at the root, an array also its
 * elements one step below; nothing else is there. */
static bool infer_field(weir_fn_call *call, weir_error *err)
{
    weir_type from = call->arg_types[0], to = {0};
    weir_str text, name;
    weir_arena *arena = weir_arena_new();
    weir_json_path path = {0};
    bool ok = weir_call_literal(call, 1, &text)
                  ? weir_json_path_parse(arena, text, &path, err)
                  : weir_fn_fail(call, err, "needs a path, a literal");
    bool element = from.kind == WEIR_ARRAY && path.count == 1 && path.steps[0].is_index;
    weir_arena_free(arena);
    if (!ok || is_json(from) || from.kind == WEIR_UNKNOWN) {
        return ok && infer_value(call, err);
    }
    if (!weir_call_is_default(call, 2) &&
        (!weir_call_literal(call, 2, &name) || !weir_type_parse(name, &to))) {
        return weir_fn_fail(call, err, "third argument must be a type name, a literal");
    }
    if (element) {
        from = (weir_type){.kind = from.elem, .complex = from.complex};
    }
    bool there = element || path.count == 0;
    call->type = to.kind == WEIR_UNKNOWN ? from
                 : to.kind == WEIR_FLOAT ? WEIR_TYPE(WEIR_DOUBLE)
                                         : to;
    call->type.multi = false;
    if (there && !element && (from.kind == WEIR_ARRAY) == (call->type.kind == WEIR_ARRAY)) {
        call->arg_types[0] = call->type;
    } else if (element && call->type.kind != WEIR_ARRAY) {
        call->arg_types[0] = (weir_type){.kind = WEIR_ARRAY, .elem = call->type.kind};
    }
    return true;
}

static bool prepare_field(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    if (!prepare_path(call, arena, err)) {
        return false;
    }
    query *q = call->prepared;
    weir_type arg = call->arg_types[0];
    bool element = arg.kind == WEIR_ARRAY && q->path.count == 1 && q->path.steps[0].is_index;
    q->absent = !is_json(arg) && !(element && call->type.kind == arg.elem) &&
                !(q->path.count == 0 && weir_type_eq(arg, call->type));
    return true;
}

RUN(run_field)
{
    const query *q = call->prepared;
    if (is_json(call->arg_types[0])) {
        return run_value(call, run, args, sel, n, out);
    }
    if (q->absent) {
        *out = weir_vec_null(call->type, n);
        return true;
    }
    if (q->path.count == 0) {
        *out = args[0];
        return true;
    }
    weir_picks picks = weir_picks_begin(run, args[0].items, n);
    int64_t index = q->path.steps[0].index;
    for (uint32_t i = 0; i < n; i++) {
        bool null = weir_list_null(&args[0], i);
        int64_t size = null ? 0 : weir_list_size(&args[0], i), k = index < 0 ? index + size : index;
        bool has = k >= 0 && k < size;
        weir_picks_add(&picks, has ? 0 : WEIR_NO_ID,
                       has ? weir_list_from(&args[0], i) + (uint32_t)k : 0);
    }
    return weir_picks_end(&picks, call->type, out);
}

static bool infer_query(weir_fn_call *call, weir_error *err)
{
    call->type = json_type();
    return needs_json(call, err);
}

RUN(run_query)
{
    weir_str *values = found(call, run, args, sel, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!values[i].at) {
            weir_out_null(run, n, out, i);
        }
    }
    out->at.s = values;
    return true;
}

static bool infer_query_array(weir_fn_call *call, weir_error *err)
{
    call->type =
        (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_COMPLEX, .complex = json_type().complex};
    return needs_json(call, err);
}

RUN(run_query_array)
{
    weir_str *values = found(call, run, args, sel, n);
    for (uint32_t i = 0; i < n; i++) { /* an object is an array of one, here */
        if (values[i].at && weir_json_kind_of(values[i]) == WEIR_JSON_OBJECT) {
            char *text = weir_scratch_take(run->scratch, values[i].size + 2);
            text[0] = '[';
            memcpy(text + 1, values[i].at, values[i].size);
            text[values[i].size + 1] = ']';
            values[i] = (weir_str){text, values[i].size + 2};
        }
    }
    return value_arrays(run, values, WEIR_COMPLEX, n, out);
}

/* ---- keys and paths ---- */

/* Texts of lists, gathered in a buffer that may move: offsets first, text later. */
typedef struct texts {
    weir_run *run;
    weir_buf bytes, ends; /* ends: size_t per text */
    uint32_t *offsets, count, next, n;
} texts;

static texts texts_begin(weir_run *run, uint32_t n)
{
    texts t = {.run = run, .n = n};
    t.offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1);
    return t;
}

static void texts_row(texts *t, uint32_t i)
{
    for (; t->next <= i; t->next++) {
        t->offsets[t->next] = t->count;
    }
}

static void texts_add(texts *t) /* what was put into bytes since the last one */
{
    weir_buf_put(&t->ends, &t->bytes.size, sizeof(t->bytes.size));
    t->count++;
}

static bool texts_end(texts *t, weir_vec *out)
{
    texts_row(t, t->n);
    weir_str *strs = WEIR_SCRATCH_ARRAY(t->run->scratch, weir_str, t->count + 1), all;
    bool ok = weir_out_copy(t->run, weir_buf_view(&t->bytes), &all);
    const size_t *ends = (const size_t *)(const void *)t->ends.at;
    for (uint32_t i = 0; ok && i < t->count; i++) {
        size_t from = i ? ends[i - 1] : 0;
        strs[i] = (weir_str){all.at + from, ends[i] - from};
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(t->run->scratch, weir_vec, 1);
    *items = (weir_vec){.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = t->count};
    items->at.s = strs;
    out->form = WEIR_LIST;
    out->at.offsets = t->offsets;
    out->items = items;
    weir_buf_done(&t->bytes);
    weir_buf_done(&t->ends);
    return ok;
}

static bool infer_strings(weir_fn_call *call, weir_error *err)
{
    call->type = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_STRING};
    return needs_json(call, err);
}

RUN(run_keys)
{
    const weir_str *values = found(call, run, args, sel, n);
    texts t = texts_begin(run, n);
    for (uint32_t i = 0; i < n; i++) {
        texts_row(&t, i);
        if (!values[i].at || weir_json_kind_of(values[i]) != WEIR_JSON_OBJECT) {
            weir_out_null(run, n, out, i);
            continue;
        }
        weir_str key, part;
        for (size_t at = 0; weir_json_next(values[i], &at, &key, &part);) {
            weir_json_unquote(key, &t.bytes);
            texts_add(&t);
        }
    }
    return texts_end(&t, out);
}

#define MAX_PATHS 4096u
typedef struct found_path {
    weir_json_step steps[WEIR_JSON_DEPTH];
    uint32_t count, hash, order;
} found_path;
typedef struct path_walk {
    weir_arena *arena;
    weir_json_step steps[WEIR_JSON_DEPTH];
    uint32_t depth, count;
    const found_path **paths;
} path_walk;

/* Java's String.hashCode and List.hashCode: Druid prints paths in the order of its hash map. */
static uint32_t java_hash(weir_str s)
{
    uint32_t h = 0;
    for (size_t at = 0; at < s.size;) {
        uint32_t size, c = weir_utf_next(s, at, &size);
        if (c >= 0x10000) {
            h = h * 31 + (0xd800 + ((c - 0x10000) >> 10));
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        h = h * 31 + c;
        at += size;
    }
    return h;
}

static void note_path(path_walk *w)
{
    if (w->count == MAX_PATHS) {
        return;
    }
    found_path *p = WEIR_ARENA_NEW(w->arena, found_path);
    memcpy(p->steps, w->steps, sizeof(*w->steps) * w->depth);
    p->count = w->depth;
    p->order = w->count;
    p->hash = 1;
    for (uint32_t i = 0; i < w->depth; i++) {
        uint32_t part = 31 + (w->steps[i].is_index ? (uint32_t)w->steps[i].index
                                                   : java_hash(w->steps[i].field));
        p->hash = p->hash * 31 + part;
    }
    p->hash ^= p->hash >> 16;
    w->paths[w->count++] = p;
}

static bool all_literals(weir_str array)
{
    weir_str key, part;
    for (size_t at = 0; weir_json_next(array, &at, &key, &part);) {
        weir_json_kind kind = weir_json_kind_of(part);
        if (kind == WEIR_JSON_OBJECT || kind == WEIR_JSON_ARRAY) {
            return false;
        }
    }
    return true;
}

static void walk_paths(path_walk *w, weir_str value)
{
    weir_json_kind kind = weir_json_kind_of(value);
    bool object = kind == WEIR_JSON_OBJECT;
    if ((!object && kind != WEIR_JSON_ARRAY) || (!object && all_literals(value))) {
        note_path(w);
        return;
    }
    weir_str key, part;
    int64_t index = 0;
    for (size_t at = 0; w->depth < WEIR_JSON_DEPTH && weir_json_next(value, &at, &key, &part);
         index++) {
        weir_buf name = {0};
        if (object) {
            weir_json_unquote(key, &name);
        }
        w->steps[w->depth++] =
            (weir_json_step){!object, index, weir_arena_str(w->arena, weir_buf_view(&name))};
        weir_buf_done(&name);
        walk_paths(w, part);
        w->depth--;
    }
}

static int by_bucket(const void *a, const void *b, void *mask)
{
    const found_path *x = *(const found_path *const *)a, *y = *(const found_path *const *)b;
    uint32_t p = x->hash & *(const uint32_t *)mask, q = y->hash & *(const uint32_t *)mask;
    return p != q ? (p > q) - (p < q) : (x->order > y->order) - (x->order < y->order);
}

RUN(run_paths)
{
    (void)call;
    texts t = texts_begin(run, n);
    const found_path **paths = WEIR_SCRATCH_ARRAY(run->scratch, const found_path *, MAX_PATHS);
    FOR_ROWS(sel, i)
    {
        texts_row(&t, i);
        path_walk w = {.arena = weir_arena_new(), .paths = paths};
        walk_paths(&w, weir_arg_null(&args[0], i) ? WEIR_STR("null") : weir_arg_str(&args[0], i));
        uint32_t mask = 15;
        while (w.count > (mask + 1) / 4 * 3) {
            mask = mask * 2 + 1;
        }
        qsort_r((void *)paths, w.count, sizeof(*paths), by_bucket, &mask);
        for (uint32_t k = 0; k < w.count; k++) {
            weir_json_path_print(paths[k]->steps, paths[k]->count, &t.bytes);
            texts_add(&t);
        }
        weir_arena_free(w.arena);
    }
    return texts_end(&t, out);
}

/* ---- making JSON ---- */

/* Row i of any vector as a JSON value. False: a text that should be JSON is not. */
static void put_value(const weir_vec *vec, uint32_t i, weir_json *json)
{
    if (vec->items ? weir_list_null(vec, i) : weir_arg_null(vec, i)) {
        weir_json_null(json);
        return;
    }
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        weir_json_long(json, weir_arg_long(vec, i));
        break;
    case WEIR_DOUBLE:
        weir_json_double(json, weir_arg_double(vec, i));
        break;
    case WEIR_STRING:
        weir_json_str(json, weir_arg_str(vec, i));
        break;
    case WEIR_COMPLEX:
        if (is_json(vec->type)) {
            weir_buf text = {0};
            weir_json_normalize(weir_arg_str(vec, i), &text);
            weir_json_raw(json, weir_buf_view(&text));
            weir_buf_done(&text);
        } else {
            weir_json_null(json);
        }
        break;
    case WEIR_ARRAY:
        weir_json_begin_array(json);
        for (uint32_t k = 0; vec->items && k < weir_list_size(vec, i); k++) {
            put_value(vec->items, weir_list_from(vec, i) + k, json);
        }
        weir_json_end_array(json);
        break;
    case WEIR_UNKNOWN:
    case WEIR_FLOAT:
        weir_json_null(json);
        break;
    }
}

static bool infer_object(weir_fn_call *call, weir_error *err)
{
    if (call->arg_count % 2) {
        return weir_fn_fail(call, err, "needs a value for each name");
    }
    for (uint32_t i = 0; i < call->arg_count; i += 2) {
        if (call->arg_types[i].kind != WEIR_STRING) {
            return weir_fn_fail(call, err, "field name must be a STRING");
        }
        call->arg_types[i] = WEIR_TYPE(WEIR_STRING);
    }
    call->type = json_type();
    return true;
}

RUN(run_object)
{
    weir_str *values = weir_out_strings(run, n, out);
    weir_buf text = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        text.size = 0;
        weir_json json = {.out = &text};
        weir_json_begin_object(&json);
        for (uint32_t k = 0; k < call->arg_count; k += 2) {
            weir_json_key(&json, weir_arg_null(&args[k], i) ? WEIR_STR("null")
                                                            : weir_arg_str(&args[k], i));
            put_value(&args[k + 1], i, &json);
        }
        weir_json_end_object(&json);
        ok = ok && weir_out_copy(run, weir_buf_view(&text), &values[i]);
    }
    weir_buf_done(&text);
    return ok;
}

static bool infer_to_string(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = WEIR_TYPE(WEIR_STRING);
    return true;
}

/* Any value as JSON text, as a string or as json. */
RUN(run_to_json)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    weir_buf text = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        text.size = 0;
        weir_json json = {.out = &text};
        put_value(&args[0], i, &json);
        ok = ok && weir_out_copy(run, weir_buf_view(&text), &values[i]);
    }
    weir_buf_done(&text);
    return ok;
}

static bool infer_to_json(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = json_type();
    return true;
}

/* Text that looks like JSON is parsed; other text is a JSON string; json stays. */
static bool parse(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                  const weir_sel *sel, uint32_t n, bool try_only, weir_vec *out)
{
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str text = weir_arg_str(&args[0], i);
        if (is_json(args[0].type)) {
            values[i] = text;
        } else if (args[0].type.kind == WEIR_STRING && weir_json_is_valid(text)) {
            values[i] = text;
            if (weir_json_kind_of(text) == WEIR_JSON_NULL) {
                weir_out_null(run, n, out, i);
            }
        } else if (try_only) {
            weir_out_null(run, n, out, i);
        } else {
            return weir_fail(run->err, WEIR_ERR_RUN, "Bad string input [%.*s] to [%s]",
                             (int)(text.size < 200 ? text.size : 200), text.at, call->fn->name);
        }
    }
    return true;
}

static bool infer_parse(weir_fn_call *call, weir_error *err)
{
    (void)err;
    weir_kind kind = (weir_kind)call->arg_types[0].kind;
    if (!is_json(call->arg_types[0])) {
        call->arg_types[0] =
            WEIR_TYPE((uint8_t)(kind == WEIR_UNKNOWN ? WEIR_UNKNOWN : WEIR_STRING));
    }
    call->type = json_type();
    return true;
}

RUN(run_parse)
{
    return parse(call, run, args, sel, n, false, out);
}

RUN(run_try_parse)
{
    return parse(call, run, args, sel, n, true, out);
}

/* Members of later objects replace those of earlier ones, level by level. */
static void merge_into(weir_json *json, const weir_str *values, uint32_t count)
{
    uint32_t first = count; /* the last value decides what it is; objects before it take part */
    while (first > 0 && weir_json_kind_of(values[first - 1]) == WEIR_JSON_OBJECT) {
        first--;
    }
    if (first == count) {
        weir_buf text = {0};
        weir_json_normalize(values[count - 1], &text);
        weir_json_raw(json, weir_buf_view(&text));
        weir_buf_done(&text);
        return;
    }
    weir_arena *arena = weir_arena_new();
    weir_json_begin_object(json);
    for (uint32_t v = first; v < count; v++) {
        weir_str key, part;
        for (size_t at = 0; weir_json_next(values[v], &at, &key, &part);) {
            weir_buf name = {0};
            weir_json_unquote(key, &name);
            weir_json_step step = {.field = weir_arena_str(arena, weir_buf_view(&name))};
            weir_buf_done(&name);
            weir_json_path path = {1, &step};
            weir_str *parts = WEIR_ARENA_ARRAY(arena, weir_str, count);
            uint32_t held = 0;
            bool earlier = false;
            for (uint32_t o = first; o < count; o++) {
                weir_str value;
                bool has = weir_json_find(values[o], &path, &value);
                earlier |= has && o < v;
                if (has) {
                    parts[held++] = value;
                }
            }
            if (!earlier) { /* where its name is first */
                weir_json_key(json, step.field);
                merge_into(json, parts, held);
            }
        }
    }
    weir_json_end_object(json);
    weir_arena_free(arena);
}

static bool infer_merge(weir_fn_call *call, weir_error *err)
{
    for (uint32_t i = 0; i < call->arg_count; i++) {
        if (!is_json(call->arg_types[i]) && call->arg_types[i].kind != WEIR_STRING &&
            call->arg_types[i].kind != WEIR_UNKNOWN) {
            return weir_fn_fail(call, err, "needs STRING or COMPLEX<json> arguments");
        }
    }
    call->type = json_type();
    return true;
}

RUN(run_merge)
{
    weir_str *values = weir_out_strings(run, n, out);
    weir_str *parts = WEIR_SCRATCH_ARRAY(run->scratch, weir_str, call->arg_count);
    weir_buf text = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        for (uint32_t k = 0; k < call->arg_count && ok; k++) {
            parts[k] = weir_arg_str(&args[k], i);
            if (!is_json(args[k].type) && !weir_json_is_valid(parts[k])) {
                ok = weir_fail(run->err, WEIR_ERR_RUN, "Bad string input [%.*s] to [json_merge]",
                               (int)(parts[k].size < 200 ? parts[k].size : 200), parts[k].at);
            }
        }
        text.size = 0;
        weir_json json = {.out = &text};
        if (ok) {
            merge_into(&json, parts, call->arg_count);
        }
        ok = ok && weir_out_copy(run, weir_buf_view(&text), &values[i]);
    }
    weir_buf_done(&text);
    return ok;
}

#define FN(text, sql, least, most, more, infer_it, prepare_it, run_it)                             \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = least, .max_args = most,                        \
        .flags = WEIR_FN_PURE | (more), .infer = infer_it, .prepare = prepare_it, .run = run_it,   \
    }
#define NULLS WEIR_FN_NULL_IF_ANY_NULL
static const weir_fn fns[] = {
    FN("json_value", "JSON_VALUE", 2, 3, NULLS, infer_value, prepare_path, run_value),
    FN("nested-field", NULL, 2, 3, NULLS | WEIR_FN_NULL_DEFAULTS, infer_field, prepare_field,
       run_field),
    FN("json_query", "JSON_QUERY", 2, 2, NULLS, infer_query, prepare_path, run_query),
    FN("json_query_array", "JSON_QUERY_ARRAY", 2, 2, NULLS, infer_query_array, prepare_path,
       run_query_array),
    FN("json_keys", "JSON_KEYS", 2, 2, NULLS, infer_strings, prepare_path, run_keys),
    FN("json_paths", "JSON_PATHS", 1, 1, 0, infer_strings, NULL, run_paths),
    FN("json_object", "JSON_OBJECT", 0, 255, 0, infer_object, NULL, run_object),
    FN("to_json", NULL, 1, 1, NULLS, infer_to_json, NULL, run_to_json),
    FN("to_json_string", "TO_JSON_STRING", 1, 1, NULLS, infer_to_string, NULL, run_to_json),
    FN("parse_json", "PARSE_JSON", 1, 1, NULLS, infer_parse, NULL, run_parse),
    FN("try_parse_json", "TRY_PARSE_JSON", 1, 1, NULLS, infer_parse, NULL, run_try_parse),
    FN("json_merge", "JSON_MERGE", 1, 255, NULLS, infer_merge, NULL, run_merge),
};
const weir_fn_set weir_fns_json = WEIR_FN_SET(fns);
