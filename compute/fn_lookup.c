/* compute/fn_lookup.c - lookup(x, 'name'[, missing]) through a registered lookup, as there is one
 * when the program is made; lookup_pinned(x, 'name', uid[, missing]) through the version that a
 * query holds; lookup-map(x, keys, values[, missing]) through one given by two constant arrays,
 * which front ends lower map lookups to. What has no key, null too, and what is mapped to null is
 * `missing`. */
#include "compute/fn_util.h"
#include "compute/lookup.h"

static void unref(void *lookup)
{
    weir_lookup_unref(lookup);
}

static bool infer_lookup(weir_fn_call *call, weir_error *err)
{
    weir_str name;
    call->arg_types[0] = call->type = WEIR_TYPE(WEIR_STRING);
    if (!weir_call_literal(call, 1, &name)) {
        return weir_fn_fail(call, err, "second argument must be a registered lookup name");
    }
    if (call->arg_count > 2) {
        if (!call->literals[2]) {
            return weir_fn_fail(call, err, "third argument must be a literal");
        }
        call->arg_types[2] = WEIR_TYPE(WEIR_STRING);
    }
    return true;
}

static bool prepare_lookup(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    weir_str name = {0};
    weir_call_literal(call, 1, &name);
    weir_lookup *lookup = weir_lookup_find(name);
    if (!lookup) {
        return weir_fail(err, WEIR_ERR_RUN, "Lookup [%.*s] not found", WEIR_STR_ARG(name));
    }
    weir_arena_defer(arena, unref, lookup);
    call->prepared = lookup;
    return true;
}

static bool infer_pinned(weir_fn_call *call, weir_error *err)
{
    call->arg_types[0] = call->type = WEIR_TYPE(WEIR_STRING);
    if (!call->literals[1] || !call->literals[2] || (call->arg_count > 3 && !call->literals[3])) {
        return weir_fn_fail(call, err, "needs constants after its first argument");
    }
    if (call->arg_count > 3) {
        call->arg_types[3] = WEIR_TYPE(WEIR_STRING);
    }
    return true;
}

static bool prepare_pinned(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    weir_lookup *lookup = weir_lookup_find_pinned((uint64_t)call->literals[2]->as.l);
    if (!lookup) {
        return weir_fail(err, WEIR_ERR_INTERNAL, "a lookup's version went before its query");
    }
    weir_arena_defer(arena, unref, lookup);
    call->prepared = lookup;
    return true;
}

static const weir_expr *copy_with(weir_arena *arena, const weir_expr *expr,
                                  const weir_expr *const *args)
{
    weir_expr *copy = WEIR_ARENA_NEW(arena, weir_expr);
    *copy = *expr;
    copy->args = args;
    return copy;
}

/* lookup(x, 'name'[, missing]) bound to its version; the call itself where there is none. */
static const weir_expr *pin_call(weir_arena *arena, const weir_expr *call)
{
    const weir_value *name =
        call->arg_count >= 2 && call->arg_count <= 3 && call->args[1]->kind == WEIR_EXPR_CONST
            ? &call->args[1]->value
            : NULL;
    if (!name || name->is_null || name->type.kind != WEIR_STRING) {
        return call;
    }
    const weir_lookup *lookup = weir_lookup_pinned(arena, name->as.s);
    if (!lookup) {
        return call;
    }
    const weir_expr *args[4] = {
        call->args[0], call->args[1],
        weir_expr_const(arena, weir_value_long((int64_t)weir_lookup_uid(lookup)))};
    if (call->arg_count == 3) {
        args[3] = call->args[2];
    }
    return weir_expr_call(arena, "lookup_pinned", call->arg_count + 1, args);
}

const weir_expr *weir_lookups_pin(weir_arena *arena, const weir_expr *expr)
{
    const weir_expr **args = NULL; /* made when one of them changes */
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        const weir_expr *arg = weir_lookups_pin(arena, expr->args[i]);
        if (arg != expr->args[i] && !args) {
            args = WEIR_ARENA_ARRAY(arena, const weir_expr *, expr->arg_count);
            memcpy(args, expr->args, expr->arg_count * sizeof(*args));
        }
        if (args) {
            args[i] = arg;
        }
    }
    expr = args ? copy_with(arena, expr, args) : expr;
    return expr->kind == WEIR_EXPR_CALL && weir_str_eq_nocase(expr->name, WEIR_STR("lookup"))
               ? pin_call(arena, expr)
               : expr;
}

static bool infer_map(weir_fn_call *call, weir_error *err)
{
    weir_type strings = {.kind = WEIR_ARRAY, .elem = WEIR_STRING};
    if (!call->literals[1] || !call->literals[2] || (call->arg_count > 3 && !call->literals[3])) {
        return weir_fn_fail(call, err, "needs constants after its first argument");
    }
    call->arg_types[0] = call->type = WEIR_TYPE(WEIR_STRING);
    call->arg_types[1] = call->arg_types[2] = strings;
    if (call->arg_count > 3) {
        call->arg_types[3] = WEIR_TYPE(WEIR_STRING);
    }
    return true;
}

static bool prepare_map(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    const weir_value *keys = call->literals[1], *values = call->literals[2];
    if (!keys || !values || keys->is_null || values->is_null ||
        keys->as.array.count != values->as.array.count) {
        return weir_fn_fail(call, err, "needs as many keys as values");
    }
    uint32_t count = 0;
    weir_str *key = WEIR_ARENA_ARRAY(arena, weir_str, keys->as.array.count + 1);
    weir_str *value = WEIR_ARENA_ARRAY(arena, weir_str, keys->as.array.count + 1);
    for (uint32_t i = 0; i < keys->as.array.count; i++) {
        const weir_value *k = &keys->as.array.at[i], *v = &values->as.array.at[i];
        if (!k->is_null) {
            key[count] = k->as.s;
            value[count++] = v->is_null ? (weir_str){0} : v->as.s.at ? v->as.s : WEIR_STR("");
        }
    }
    weir_lookup *lookup = weir_lookup_new(key, value, count);
    weir_arena_defer(arena, unref, lookup);
    call->prepared = lookup;
    return true;
}

static bool run_lookup(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, uint32_t n, weir_vec *out)
{
    uint32_t last = call->fn->max_args - 1u;
    bool has_missing = call->arg_count > last && !weir_arg_null(&args[last], 0);
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str value = {0};
        if (weir_arg_null(&args[0], i) ||
            !weir_lookup_get(call->prepared, weir_arg_str(&args[0], i), &value) || !value.at) {
            value = has_missing ? weir_arg_str(&args[last], i) : (weir_str){0};
            value = has_missing && !value.at ? WEIR_STR("") : value;
        }
        values[i] = value;
        if (!value.at) {
            weir_out_null(run, n, out, i);
        }
    }
    return true;
}

static const weir_fn fns[] = {
    {.name = "lookup",
     .sql_name = "LOOKUP",
     .min_args = 2,
     .max_args = 3,
     .flags = WEIR_FN_PURE,
     .infer = infer_lookup,
     .prepare = prepare_lookup,
     .run = run_lookup},
    {.name = "lookup_pinned",
     .min_args = 3,
     .max_args = 4,
     .flags = WEIR_FN_PURE,
     .infer = infer_pinned,
     .prepare = prepare_pinned,
     .run = run_lookup},
    {.name = "lookup-map",
     .min_args = 3,
     .max_args = 4,
     .flags = WEIR_FN_PURE,
     .list_args = 6,
     .infer = infer_map,
     .prepare = prepare_map,
     .run = run_lookup},
};
const weir_fn_set weir_fns_lookup = WEIR_FN_SET(fns);
