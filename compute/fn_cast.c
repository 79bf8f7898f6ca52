/* compute/fn_cast.c - cast(x, 'LONG'): the engine's own conversion of an argument does the work. */
#include "compute/fn_util.h"

static bool infer_cast(weir_fn_call *call, weir_error *err)
{
    weir_str name;
    weir_type type;
    if (!weir_call_literal(call, 1, &name)) {
        return weir_fn_fail(call, err, "second argument must be a type name, a literal");
    }
    if (!weir_type_parse(name, &type)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "Function[cast] does not know the type '%.*s'",
                         WEIR_STR_ARG(name));
    }
    if (type.kind == WEIR_FLOAT) {
        type = WEIR_TYPE(WEIR_DOUBLE);
    }
    call->type = call->arg_types[0] = type;
    return true;
}

/* To an array, a multi-value column is taken whole. */
static const weir_expr *rewrite_cast(const weir_expr *call, weir_arena *arena)
{
    weir_type type;
    const weir_value *name = &call->args[1]->value;
    bool literal =
        call->args[1]->kind == WEIR_EXPR_CONST && name->type.kind == WEIR_STRING && !name->is_null;
    bool array = literal && weir_type_parse(name->as.s, &type) && type.kind == WEIR_ARRAY;
    return array ? weir_expr_call(arena, "cast-array", 2, call->args) : call;
}

static bool run_cast(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                     const weir_sel *sel, uint32_t n, weir_vec *out)
{
    (void)call, (void)run, (void)sel, (void)n;
    *out = args[0];
    return true;
}

static const weir_fn fns[] = {
    {
        .name = "cast",
        .sql_name = "CAST",
        .min_args = 2,
        .max_args = 2,
        .flags = WEIR_FN_PURE | WEIR_FN_TOTAL,
        .infer = infer_cast,
        .run = run_cast,
        .rewrite = rewrite_cast,
    },
    {
        .name = "cast-array",
        .min_args = 2,
        .max_args = 2,
        .flags = WEIR_FN_PURE | WEIR_FN_TOTAL,
        .list_args = 1,
        .infer = infer_cast,
        .run = run_cast,
    },
};
const weir_fn_set weir_fns_cast = WEIR_FN_SET(fns);
