/* query/paths.c - a path of a json column is a column of its own (weir/paths.h). Calls that read it
 * become that column, an element of its array column, or null where no row has anything there; what
 * is neither stays a call over the json text. */
#include "query/paths.h"
#include "compute/json_text.h"
#include "weir/paths.h"

typedef struct bound_names { /* parameters of lambdas around */
    const weir_expr *lambda;
    const struct bound_names *outer;
} bound_names;

static bool is_bound(const bound_names *bound, weir_str name)
{
    for (; bound; bound = bound->outer) {
        for (uint32_t i = 0; i < bound->lambda->param_count; i++) {
            if (weir_str_eq(bound->lambda->params[i], name)) {
                return true;
            }
        }
    }
    return false;
}

/* Type of a column of the source; UNKNOWN: none. */
static weir_type peek(weir_slots *names, weir_str name)
{
    weir_type type = {0};
    if (!names->resolve(names->self, name, &type)) {
        return (weir_type){0};
    }
    return type;
}

static bool is_json(weir_type type)
{
    return type.kind == WEIR_COMPLEX && type.complex && strcmp(type.complex->name, "json") == 0;
}

static const weir_expr *cast_to(weir_slots *names, const weir_expr *expr, weir_type from,
                                weir_type to)
{
    if (to.kind == WEIR_UNKNOWN || weir_type_eq(from, to)) {
        return expr;
    }
    char text[64];
    weir_str name = weir_arena_str(names->arena, weir_type_name(to, text));
    const weir_expr *args[] = {expr, weir_expr_const(names->arena, weir_value_str(name))};
    return weir_expr_call(names->arena, "cast", 2, args);
}

static weir_str print_path(weir_arena *arena, const weir_json_step *steps, uint32_t count)
{
    weir_buf text = {0};
    weir_json_path_print(steps, count, &text);
    weir_str path = weir_arena_str(arena, weir_buf_view(&text));
    weir_buf_done(&text);
    return path;
}

/* Whether values of several kinds that were widened to `type` are still right for the use. */
static bool is_exact(weir_type type, weir_type to, weir_path_use use)
{
    uint8_t kind = type.kind == WEIR_ARRAY ? type.elem : type.kind,
            wanted = to.kind == WEIR_ARRAY ? to.elem : to.kind;
    if (kind == WEIR_LONG || use == WEIR_PATH_AS_NUMBER || weir_type_is_number(WEIR_TYPE(wanted))) {
        return true;
    }
    return kind == WEIR_STRING && (wanted == WEIR_STRING || use == WEIR_PATH_AS_TEXT);
}

/* `to` UNKNOWN: as the values are. NULL: only the json text can say. */
static const weir_expr *read_path(weir_slots *names, weir_str column, const weir_json_path *path,
                                  weir_type to, weir_path_use use)
{
    weir_arena *arena = names->arena;
    weir_str whole = print_path(arena, path->steps, path->count), list = {0};
    weir_str scalar = weir_path_column_name(arena, column, whole, false),
             array = weir_path_column_name(arena, column, whole, true);
    weir_type scalar_type = peek(names, scalar), array_type = peek(names, array), list_type = {0};
    const weir_json_step *last = path->count ? &path->steps[path->count - 1] : NULL;
    if (peek(names, weir_path_rest_name(arena, column)).kind != WEIR_UNKNOWN) {
        return NULL; /* more paths than columns */
    }
    if (last && last->is_index) { /* may be an element of an array */
        weir_str prefix = print_path(arena, path->steps, path->count - 1);
        list = weir_path_column_name(arena, column, prefix, true);
        list_type = peek(names, list);
    }
    bool has_scalar = scalar_type.kind != WEIR_UNKNOWN, has_array = array_type.kind != WEIR_UNKNOWN,
         has_list = list_type.kind != WEIR_UNKNOWN;
    if (!has_scalar && !has_array && !has_list) {
        return cast_to(names, weir_expr_const(arena, weir_value_null()), (weir_type){0}, to);
    }
    if (!is_exact(has_scalar ? scalar_type : has_array ? array_type : list_type, to, use)) {
        return NULL;
    }
    bool wants_array = to.kind == WEIR_ARRAY;
    if (has_list && !has_scalar && !wants_array && last->index >= 0) {
        const weir_expr *args[] = {weir_expr_column(arena, list),
                                   weir_expr_const(arena, weir_value_long(last->index))};
        return cast_to(names, weir_expr_call(arena, "array_offset", 2, args),
                       WEIR_TYPE(list_type.elem), to);
    }
    if (has_list || (wants_array && has_scalar) || (to.kind == WEIR_UNKNOWN && has_array)) {
        return NULL;
    }
    if (wants_array) {
        return cast_to(names, weir_expr_column(arena, array), array_type, to);
    }
    if (!has_scalar) { /* arrays only: no scalar in any row */
        return cast_to(names, weir_expr_const(arena, weir_value_null()), (weir_type){0}, to);
    }
    return cast_to(names, weir_expr_column(arena, scalar), scalar_type, to);
}

static const weir_expr *read_call(weir_slots *names, const weir_expr *call,
                                  const bound_names *bound, weir_path_use use)
{
    weir_error ignored = {0};
    weir_json_path path;
    weir_type to = {0};
    bool value = weir_str_eq_nocase(call->name, WEIR_STR("json_value"));
    if ((!value && !weir_str_is(call->name, "nested-field")) || call->arg_count < 2 ||
        call->arg_count > 3 || call->args[0]->kind != WEIR_EXPR_COLUMN ||
        is_bound(bound, call->args[0]->name) || call->args[1]->kind != WEIR_EXPR_CONST ||
        call->args[1]->value.type.kind != WEIR_STRING || call->args[1]->value.is_null ||
        !is_json(peek(names, call->args[0]->name)) ||
        !weir_json_path_parse(names->arena, call->args[1]->value.as.s, &path, &ignored)) {
        return call;
    }
    if (call->arg_count == 3 &&
        (call->args[2]->kind != WEIR_EXPR_CONST || call->args[2]->value.type.kind != WEIR_STRING ||
         call->args[2]->value.is_null || !weir_type_parse(call->args[2]->value.as.s, &to) ||
         to.kind == WEIR_COMPLEX)) {
        return call;
    }
    to = to.kind == WEIR_FLOAT ? WEIR_TYPE(WEIR_DOUBLE) : to;
    const weir_expr *read = read_path(names, call->args[0]->name, &path, to, use);
    return read ? read : call;
}

static const weir_expr *read_all(weir_slots *names, const weir_expr *expr, const bound_names *bound,
                                 weir_path_use use)
{
    bound_names own = {expr, bound};
    const weir_expr **args = NULL;
    weir_path_use inner = use == WEIR_PATH_AS_NUMBER ? use : WEIR_PATH_AS_TEXT;
    if (expr->kind == WEIR_EXPR_LAMBDA) {
        bound = &own;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        const weir_expr *arg = read_all(names, expr->args[i], bound, inner);
        if (arg != expr->args[i] && !args) {
            args = WEIR_ARENA_ARRAY(names->arena, const weir_expr *, expr->arg_count);
            memcpy(args, expr->args, expr->arg_count * sizeof(*args));
        }
        if (args) {
            args[i] = arg;
        }
    }
    if (args) {
        weir_expr *copy = WEIR_ARENA_NEW(names->arena, weir_expr);
        *copy = *expr;
        copy->args = args;
        return copy;
    }
    return expr->kind == WEIR_EXPR_CALL ? read_call(names, expr, bound, use) : expr;
}

const weir_expr *weir_paths_read(weir_slots *names, const weir_expr *expr, weir_path_use use)
{
    return names->keeps_paths ? read_all(names, expr, NULL, use) : expr;
}
