/* compute/fn_like.c - SQL's LIKE: % is any text, _ one character, the escape takes the next
 * character as it is. */
#include "compute/fn_util.h"
#include "compute/utf.h"

typedef struct piece {
    weir_str text; /* to be found as it is */
    uint32_t ones; /* characters before the text that may be anything */
    bool any;      /* before those, any number of characters */
} piece;
typedef struct like {
    piece *pieces; /* the last one may have no text */
    uint32_t count;
} like;

static bool infer_like(weir_fn_call *call, weir_error *err)
{
    (void)err;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        call->arg_types[i] = WEIR_TYPE(WEIR_STRING);
    }
    call->type = (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
    return true;
}

static bool prepare_like(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    weir_str pattern, escape = {0};
    if (!weir_call_literal(call, 1, &pattern)) {
        return call->literals[1] && call->literals[1]->is_null
                   ? true
                   : weir_fn_fail(call, err, "pattern must be a string literal");
    }
    if (!weir_call_is_default(call, 2) &&
        (!weir_call_literal(call, 2, &escape) || weir_str_utf16_size(escape) != 1)) {
        return weir_fn_fail(call, err, "escape must be null or a single character");
    }
    like *l = WEIR_ARENA_NEW(arena, like);
    l->pieces = WEIR_ARENA_ARRAY(arena, piece, pattern.size + 1);
    char *text = weir_arena_alloc(arena, pattern.size + 1);
    piece *now = &l->pieces[l->count++];
    now->text = (weir_str){text, 0};
    for (size_t at = 0; at < pattern.size;) {
        uint32_t size;
        weir_utf_next(pattern, at, &size);
        char c = pattern.at[at];
        bool escaped = escape.size == size && memcmp(pattern.at + at, escape.at, size) == 0;
        if (escaped) {
            at += size;
            if (at == pattern.size) {
                break;
            }
            weir_utf_next(pattern, at, &size);
        } else if (c == '%' || c == '_') {
            if (now->text.size) {
                now = &l->pieces[l->count++];
            }
            now->any |= c == '%';
            now->ones += c == '_';
            now->text = (weir_str){text, 0};
            at++;
            continue;
        }
        memcpy(text, pattern.at + at, size);
        text += size;
        now->text.size += size;
        at += size;
    }
    call->prepared = l;
    return true;
}

/* Skips `count` characters. False: the text ends before. */
static bool skip(weir_str s, size_t *at, uint32_t count)
{
    for (; count > 0; count--) {
        uint32_t size;
        if (*at >= s.size) {
            return false;
        }
        weir_utf_next(s, *at, &size);
        *at += size;
    }
    return true;
}

static bool starts_at(weir_str s, size_t at, weir_str text)
{
    return s.size - at >= text.size && memcmp(s.at + at, text.at, text.size) == 0;
}

/* Greedy from the left: after a %, the first place that fits is enough, but for the last piece,
 * which must end the text. */
static bool matches(const like *l, weir_str s)
{
    if (!s.at) {
        s = WEIR_STR("");
    }
    uint32_t back = UINT32_MAX; /* the last piece after a %, and where it was tried */
    size_t at = 0, back_at = 0;
    for (uint32_t i = 0;;) {
        bool fits;
        if (i == l->count) {
            fits = at == s.size;
            if (fits) {
                return true;
            }
        } else {
            const piece *p = &l->pieces[i];
            if (p->any && (back != i)) {
                back = i;
                back_at = at;
            }
            fits = skip(s, &at, p->ones) && starts_at(s, at, p->text);
            if (fits) {
                at += p->text.size;
                if (i + 1 == l->count && p->any && p->text.size == 0) {
                    return true; /* % at the end */
                }
                i++;
                continue;
            }
        }
        if (back == UINT32_MAX || back_at >= s.size) {
            return false;
        }
        const piece *from = &l->pieces[back];
        if (from->ones == 0 && from->text.size) { /* the next place where its text is */
            const char *next =
                memmem(s.at + back_at + 1, s.size - back_at - 1, from->text.at, from->text.size);
            if (!next) {
                return false;
            }
            back_at = (size_t)(next - s.at);
            at = back_at;
            i = back;
            continue;
        }
        skip(s, &back_at, 1);
        at = back_at;
        i = back;
    }
}

static bool run_like(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                     const weir_sel *sel, uint32_t n, weir_vec *out)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        values[i] = matches(call->prepared, weir_arg_str(&args[0], i));
    }
    return true;
}

static const weir_fn fns[] = {
    {
        .name = "like",
        .sql_name = "LIKE",
        .min_args = 2,
        .max_args = 3,
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL,
        .infer = infer_like,
        .prepare = prepare_like,
        .run = run_like,
    },
};
const weir_fn_set weir_fns_like = WEIR_FN_SET(fns);
