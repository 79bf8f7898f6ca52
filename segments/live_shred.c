/* segments/live_shred.c - the JSON text of a row taken apart in one pass: scalars and arrays of
 * scalars go to the parts of their paths. The text is valid and compact (ingest made it so); a text
 * that is not is read up to where it stops making sense, never past its end. */
#include "segments/live_shred.h"
#include "compute/json_text.h"
#include "compute/text.h"

typedef struct scanner {
    weir_shred *sh;
    const char *at, *end;
} scanner;

static bool take(scanner *in, char c)
{
    if (in->at < in->end && *in->at == c) {
        in->at++;
        return true;
    }
    return false;
}

/* At a quote: the string with its quotes. *plain: no escapes in it. */
static weir_str take_quoted(scanner *in, bool *plain)
{
    const char *from = in->at++;
    *plain = true;
    while (in->at < in->end && *in->at != '"') {
        if (*in->at == '\\') {
            *plain = false;
            in->at++;
        }
        in->at++;
    }
    in->at = in->at < in->end ? in->at + 1 : in->end;
    return (weir_str){from, (size_t)(in->at - from)};
}

static weir_str unquoted(scanner *in, weir_str quoted, bool plain)
{
    if (quoted.size < 2) {
        return (weir_str){"", 0};
    }
    if (plain) {
        return (weir_str){quoted.at + 1, quoted.size - 2};
    }
    weir_buf text = {0};
    weir_json_unquote(quoted, &text);
    char *copy = weir_scratch_take(in->sh->s, text.size + 1);
    memcpy(copy, text.at ? text.at : "", text.size);
    weir_str out = {copy, text.size};
    weir_buf_done(&text);
    return out;
}

static weir_shred_scalar take_scalar(scanner *in)
{
    weir_shred_scalar out = {.kind = WEIR_UNKNOWN};
    if (in->at < in->end && *in->at == '"') {
        bool plain;
        weir_str quoted = take_quoted(in, &plain);
        out.kind = WEIR_STRING;
        out.s = unquoted(in, quoted, plain);
        return out;
    }
    const char *from = in->at;
    while (in->at < in->end && *in->at != ',' && *in->at != ']' && *in->at != '}') {
        in->at++;
    }
    weir_str word = {from, (size_t)(in->at - from)};
    if (word.size == 0 || word.at[0] == 'n') {
        return out;
    }
    if (word.at[0] == 't' || word.at[0] == 'f') {
        out.kind = WEIR_LONG;
        out.l = word.at[0] == 't';
    } else if (weir_str_to_long(word, &out.l)) {
        out.kind = WEIR_LONG;
    } else {
        out.kind = WEIR_DOUBLE;
        out.d = weir_json_to_double(word);
    }
    return out;
}

/* ---- castToType ---- */

static weir_shred_scalar cast(weir_shred *sh, weir_shred_scalar value, uint8_t kind)
{
    weir_shred_scalar out = {.kind = WEIR_UNKNOWN};
    char text[32];
    if (value.kind == kind || value.kind == WEIR_UNKNOWN) {
        return value;
    }
    if (kind == WEIR_STRING) {
        size_t size = value.kind == WEIR_LONG ? weir_print_long(text, value.l)
                                              : weir_print_double(text, value.d);
        out.s = (weir_str){memcpy(weir_scratch_take(sh->s, size), text, size), size};
        out.kind = WEIR_STRING;
    } else if (kind == WEIR_LONG) {
        bool ok = value.kind == WEIR_DOUBLE || weir_text_to_long(value.s, &out.l);
        out.l = value.kind == WEIR_DOUBLE ? weir_double_to_long(value.d) : out.l;
        out.kind = ok ? WEIR_LONG : WEIR_UNKNOWN;
    } else {
        bool ok = value.kind == WEIR_LONG || weir_text_to_double(value.s, &out.d);
        out.d = value.kind == WEIR_LONG ? (double)value.l : out.d;
        out.kind = ok ? WEIR_DOUBLE : WEIR_UNKNOWN;
    }
    return out;
}

/* Whether the column's own value must become of one type. */
static bool is_forced(const weir_live_auto *a)
{
    return a->type.kind != WEIR_UNKNOWN && a->type.kind != WEIR_COMPLEX;
}

static void put_forced(weir_shred *sh, weir_live_leaf *leaf, bool array)
{
    weir_type type = sh->a->type;
    uint8_t kind = type.kind == WEIR_ARRAY ? type.elem : type.kind;
    for (uint32_t i = 0; i < sh->item_count; i++) {
        sh->items[i] = cast(sh, sh->items[i], kind);
    }
    if (type.kind == WEIR_ARRAY && (array || sh->items[0].kind != WEIR_UNKNOWN)) {
        weir_shred_put_array(sh, leaf);
    } else if (type.kind != WEIR_ARRAY && sh->item_count == 1) {
        weir_shred_put(sh, leaf, &sh->items[0]);
    }
}

/* ---- values ---- */

static weir_live_leaf *leaf_of(scanner *in, weir_path_node *node, bool arrays)
{
    weir_live_leaf *leaf = node ? weir_path_leaf(in->sh->rt, in->sh->a, node, arrays) : NULL;
    in->sh->rest += leaf == NULL;
    return leaf;
}

static void put_scalar(scanner *in, weir_path_node *node, const weir_shred_scalar *value)
{
    weir_shred *sh = in->sh;
    if (value->kind == WEIR_UNKNOWN) {
        return;
    }
    bool forced = node == &sh->a->root && is_forced(sh->a);
    weir_live_leaf *leaf = leaf_of(in, node, forced && sh->a->type.kind == WEIR_ARRAY);
    if (leaf && forced) {
        sh->item_count = 0;
        weir_shred_item(sh, value);
        put_forced(sh, leaf, false);
    } else if (leaf) {
        weir_shred_put(sh, leaf, value);
    }
}

static void put_array(scanner *in, weir_path_node *node)
{
    weir_shred *sh = in->sh;
    bool forced = node == &sh->a->root && is_forced(sh->a);
    weir_live_leaf *leaf = leaf_of(in, node, !forced || sh->a->type.kind == WEIR_ARRAY);
    if (leaf && forced) {
        put_forced(sh, leaf, true);
    } else if (leaf) {
        weir_shred_put_array(sh, leaf);
    }
}

/* Whether the array that begins here has scalars only. */
static bool is_flat(const scanner *in)
{
    scanner look = *in;
    for (look.at++; look.at < look.end; look.at++) {
        bool plain;
        if (*look.at == '{' || *look.at == '[') {
            return false;
        }
        if (*look.at == ']') {
            return true;
        }
        if (*look.at == '"') {
            take_quoted(&look, &plain);
            look.at--;
        }
    }
    return true;
}

static void scan_value(scanner *in, weir_path_node *node, uint32_t depth);

static void scan_flat(scanner *in, weir_path_node *node)
{
    in->sh->item_count = 0;
    in->at++;
    if (!take(in, ']')) {
        do {
            weir_shred_scalar item = take_scalar(in);
            weir_shred_item(in->sh, &item);
        } while (take(in, ','));
        take(in, ']');
    }
    put_array(in, node);
}

/* The child that `key` names; NULL: unknown, and there is no room for it. */
static weir_path_node *step(scanner *in, weir_path_node *node, weir_path_node **last, weir_str key)
{
    if (!node) {
        return NULL;
    }
    weir_path_node **guess = *last ? &(*last)->next : &node->first;
    weir_path_node *child = weir_path_child(in->sh->rt, in->sh->a, node, *guess, key);
    if (child) {
        *guess = child;
        *last = child;
    }
    return child;
}

static void scan_array(scanner *in, weir_path_node *node, uint32_t depth)
{
    weir_path_node *last = NULL;
    char digits[32];
    in->at++;
    for (int64_t i = 0; in->at < in->end && !take(in, ']'); i++) {
        const char *before = in->at;
        weir_str key = {digits, weir_print_long(digits, i)};
        scan_value(in, step(in, node, &last, key), depth - 1);
        take(in, ',');
        if (in->at == before) {
            in->at = in->end; /* no value here */
        }
    }
}

static void scan_object(scanner *in, weir_path_node *node, uint32_t depth)
{
    weir_path_node *last = NULL;
    in->at++;
    while (in->at < in->end && !take(in, '}')) {
        bool plain;
        if (*in->at != '"') {
            in->at = in->end; /* no key here */
            return;
        }
        weir_str key = take_quoted(in, &plain);
        take(in, ':');
        scan_value(in, step(in, node, &last, key), depth - 1);
        take(in, ',');
    }
}

static void scan_value(scanner *in, weir_path_node *node, uint32_t depth)
{
    if (in->at >= in->end || depth == 0) {
        in->at = in->end;
    } else if (*in->at == '{') {
        scan_object(in, node, depth);
    } else if (*in->at != '[') {
        weir_shred_scalar value = take_scalar(in);
        put_scalar(in, node, &value);
    } else if (is_flat(in)) {
        scan_flat(in, node);
    } else {
        scan_array(in, node, depth);
    }
}

/* ---- a batch ---- */

typedef struct texts { /* of nested values */
    weir_str *values;
    uint64_t *nulls;
    bool any;
} texts;

static texts texts_new(weir_shred *sh)
{
    texts t = {.values = WEIR_SCRATCH_ARRAY(sh->s, weir_str, sh->n),
               .nulls = WEIR_SCRATCH_ARRAY(sh->s, uint64_t, weir_words(sh->n) + 1)};
    memset(t.values, 0, sizeof(*t.values) * sh->n);
    memset(t.nulls, 0xFF, sizeof(*t.nulls) * (weir_words(sh->n) + 1));
    return t;
}

static void shred_row(weir_shred *sh, weir_str text, texts *nested)
{
    scanner in = {sh, text.at, text.at + text.size};
    bool object = text.size && text.at[0] == '{';
    bool deep = object || (text.size && text.at[0] == '[' && !is_flat(&in));
    bool keep = sh->a->type.kind == WEIR_COMPLEX || (deep && !is_forced(sh->a));
    if (weir_str_is(text, "null")) {
        return;
    }
    if (keep) {
        nested->values[sh->row] = text;
        nested->nulls[sh->row / 64] &= ~(1ull << sh->row % 64);
        nested->any = true;
    }
    if (keep || !deep) {
        scan_value(&in, &sh->a->root, WEIR_JSON_DEPTH);
    }
}

static void put_rest(weir_shred *sh)
{
    if (sh->rest) {
        weir_shred_scalar count = {.kind = WEIR_LONG, .l = sh->rest};
        weir_shred_put(sh, weir_path_rest(sh->rt, sh->a), &count);
        sh->rest = 0;
    }
}

static void shred_texts(weir_shred *sh, const weir_vec *vec, weir_live_batch *out)
{
    texts nested = texts_new(sh);
    for (sh->row = 0; sh->row < sh->n; sh->row++) {
        if (!weir_vec_is_null(vec, sh->row)) {
            shred_row(sh, vec->at.s[sh->row], &nested);
            put_rest(sh);
        }
    }
    if (nested.any) {
        atomic_store_explicit(&sh->a->col->lists, true, memory_order_relaxed);
        weir_live_ready ready = {.col = sh->a->col, .values = nested.values, .nulls = nested.nulls};
        weir_live_batch_add(out, &ready, sh->s);
    }
}

static weir_shred_scalar scalar_at(const weir_vec *vec, uint32_t i)
{
    weir_shred_scalar out = {.kind = WEIR_UNKNOWN};
    if (vec->nulls && weir_bit(vec->nulls, i)) {
        return out;
    }
    if (vec->type.kind == WEIR_LONG) {
        out = (weir_shred_scalar){.kind = WEIR_LONG, .l = vec->at.l[i]};
    } else if (vec->type.kind == WEIR_DOUBLE) {
        out = (weir_shred_scalar){.kind = WEIR_DOUBLE, .d = vec->at.d[i]};
    } else if (vec->type.kind == WEIR_FLOAT) {
        out = (weir_shred_scalar){.kind = WEIR_DOUBLE, .d = (double)vec->at.f[i]};
    } else if (vec->type.kind == WEIR_STRING) {
        out = (weir_shred_scalar){.kind = WEIR_STRING, .s = vec->at.s[i]};
    }
    return out;
}

/* Values that have a kind already. */
static void shred_values(weir_shred *sh, const weir_vec *vec)
{
    scanner in = {.sh = sh};
    for (sh->row = 0; sh->row < sh->n; sh->row++) {
        if (weir_vec_is_null(vec, sh->row)) {
            continue;
        }
        if (vec->form != WEIR_LIST) {
            weir_shred_scalar value = scalar_at(vec, sh->row);
            put_scalar(&in, &sh->a->root, &value);
            continue;
        }
        sh->item_count = 0;
        for (uint32_t k = vec->at.offsets[sh->row]; k < vec->at.offsets[sh->row + 1]; k++) {
            weir_shred_scalar item = scalar_at(vec->items, k);
            weir_shred_item(sh, &item);
        }
        put_array(&in, &sh->a->root);
    }
}

bool weir_live_shred(weir_realtime *rt, weir_live_column *col, const weir_vec *vec,
                     weir_live_batch *out, weir_error *err)
{
    weir_shred sh = {.rt = rt, .a = col->automatic, .s = &rt->work, .n = vec->n};
    weir_vec flat;
    sh.last = &sh.first;
    if (vec->type.kind == WEIR_UNKNOWN || (vec->form == WEIR_CONST && weir_vec_is_null(vec, 0))) {
        return true;
    }
    if (!weir_vec_flatten(vec, sh.s, &flat, err)) {
        return false;
    }
    if (weir_type_is_json(flat.type)) {
        shred_texts(&sh, &flat, out);
    } else if (flat.type.kind == WEIR_COMPLEX) {
        return weir_fail(err, WEIR_ERR_INTERNAL, "column '%.*s' is of another type than its values",
                         WEIR_STR_ARG(col->name));
    } else if (sh.a->type.kind == WEIR_COMPLEX) { /* a json column keeps the text of scalars too */
        weir_vec printed;
        if (!weir_live_merge(weir_type_json(), &flat, 1, flat.n, sh.s, &printed, err)) {
            return false;
        }
        shred_texts(&sh, &printed, out);
    } else {
        shred_values(&sh, &flat);
    }
    return weir_shred_end(&sh, out, err);
}
