/* compute/fn_regexp.c - regexp_extract, regexp_like, regexp_replace, string_to_array. A literal
 * pattern is compiled once per program; others per distinct run of equal patterns. The query's
 * control block is looked at every few rows: one match may be slow. */
#include "compute/fn_util.h"
#include "compute/regex.h"
#include "compute/utf.h"

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)
#define CHECK_EVERY 64u

static bool prepare_pattern(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    weir_str pattern;
    if (call->literals[1] && call->literals[1]->is_null) {
        return true;
    }
    if (!weir_call_literal(call, 1, &pattern)) {
        return true; /* compiled as it comes */
    }
    const weir_regex *regex = weir_regex_new(arena, pattern, err);
    call->prepared = (void *)(uintptr_t)regex; /* read only */
    return regex || weir_fail_in(err, "Function[%s]", call->fn->name);
}

/* The patterns of a run: the prepared one, or the last one that a row had. */
typedef struct patterns {
    const weir_regex *regex;
    weir_arena *arena;
    weir_str text;
    uint32_t rows;
} patterns;

static bool pattern_of(const weir_fn_call *call, weir_run *run, const weir_vec *arg, uint32_t i,
                       patterns *p)
{
    if (p->rows++ % CHECK_EVERY == 0 && run->ctl && !weir_ctl_check(run->ctl, run->err)) {
        return false;
    }
    if (call->prepared) {
        p->regex = call->prepared;
        return true;
    }
    weir_str text = weir_arg_str(arg, i);
    if (p->regex && weir_str_eq(text, p->text)) {
        return true;
    }
    weir_arena_free(p->arena);
    p->arena = weir_arena_new();
    p->text = text;
    p->regex = weir_regex_new(p->arena, text, run->err);
    return p->regex != NULL;
}

static weir_str group_of(weir_str text, const weir_regex_match *m, uint32_t group)
{
    size_t from = m->offsets[2 * group], to = m->offsets[2 * group + 1];
    return from == SIZE_MAX || to < from ? (weir_str){0} : (weir_str){text.at + from, to - from};
}

/* ---- like ---- */

static bool infer_like(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = call->arg_types[1] = WEIR_TYPE(WEIR_STRING);
    call->type = (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
    return true;
}

RUN(run_like)
{
    int64_t *values = weir_out_longs(run, n, out);
    patterns p = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        bool found = false;
        weir_regex_match m;
        ok = ok && pattern_of(call, run, &args[1], i, &p) &&
             weir_regex_find(p.regex, weir_arg_str(&args[0], i), 0, &found, &m, run->err);
        values[i] = found;
    }
    weir_arena_free(p.arena);
    return ok;
}

/* ---- extract ---- */

static bool infer_extract(weir_fn_call *call, weir_error *err)
{
    call->arg_types[0] = call->arg_types[1] = call->type = WEIR_TYPE(WEIR_STRING);
    if (call->arg_count > 2) {
        if (!call->literals[2] || call->literals[2]->is_null ||
            !weir_type_is_number(call->literals[2]->type)) {
            return weir_fn_fail(call, err, "index must be a numeric literal");
        }
        call->arg_types[2] = WEIR_TYPE(WEIR_LONG);
    }
    return true;
}

RUN(run_extract)
{
    weir_str *values = weir_out_strings(run, n, out);
    patterns p = {0};
    bool ok = true;
    int64_t group = call->arg_count > 2 ? weir_arg_long(&args[2], 0) : 0;
    FOR_ROWS(sel, i)
    {
        bool found = false;
        weir_regex_match m;
        weir_str text = weir_arg_str(&args[0], i);
        ok = ok && pattern_of(call, run, &args[1], i, &p) &&
             weir_regex_find(p.regex, text, 0, &found, &m, run->err);
        if (ok && found && (group < 0 || group > m.group_count)) {
            ok = weir_fail(run->err, WEIR_ERR_RUN, "No group %lld", (long long)group);
        }
        weir_str part = ok && found ? group_of(text, &m, (uint32_t)group) : (weir_str){0};
        values[i] = part;
        if (!part.at) {
            weir_out_null(run, n, out, i);
        }
    }
    weir_arena_free(p.arena);
    return ok;
}

/* ---- replace ---- */

/* Java's replacement: $1 (as many digits as there are groups for), ${name}, \ before what is meant.
 */
static bool put_replacement(weir_run *run, const weir_regex *regex, weir_str text,
                            const weir_regex_match *m, weir_str with, weir_buf *out)
{
    for (size_t i = 0; i < with.size; i++) {
        char c = with.at[i];
        if (c == '\\') {
            if (++i == with.size) {
                return weir_fail(run->err, WEIR_ERR_RUN, "character to be escaped is missing");
            }
            weir_buf_byte(out, with.at[i]);
            continue;
        }
        if (c != '$') {
            weir_buf_byte(out, c);
            continue;
        }
        int group = -1;
        if (i + 1 < with.size && with.at[i + 1] == '{') {
            const char *close = memchr(with.at + i, '}', with.size - i);
            weir_str name = {with.at + i + 2, close ? (size_t)(close - with.at) - i - 2 : 0};
            group = close ? weir_regex_group(regex, name) : -1;
            if (group < 0) {
                return weir_fail(run->err, WEIR_ERR_RUN, "No group with name {%.*s}",
                                 WEIR_STR_ARG(name));
            }
            i = (size_t)(close - with.at);
        } else {
            if (i + 1 == with.size || with.at[i + 1] < '0' || with.at[i + 1] > '9') {
                return weir_fail(run->err, WEIR_ERR_RUN, "Illegal group reference");
            }
            group = with.at[++i] - '0';
            if ((uint32_t)group > m->group_count) {
                return weir_fail(run->err, WEIR_ERR_RUN, "No group %d", group);
            }
            while (i + 1 < with.size && with.at[i + 1] >= '0' && with.at[i + 1] <= '9' &&
                   (uint32_t)(group * 10 + with.at[i + 1] - '0') <= m->group_count) {
                group = group * 10 + with.at[++i] - '0';
            }
        }
        weir_buf_str(out, group_of(text, m, (uint32_t)group));
    }
    return true;
}

/* Where the next match is looked for: after an empty one, a character on. */
static size_t next_start(weir_str text, size_t from, size_t to)
{
    uint32_t size = 1;
    if (from == to && to < text.size) {
        weir_utf_next(text, to, &size);
    }
    return from == to ? to + size : to;
}

static bool replace_all(weir_run *run, const weir_regex *regex, weir_str text, weir_str with,
                        weir_buf *out)
{
    size_t copied = 0;
    out->size = 0;
    for (size_t at = 0; at <= text.size;) {
        bool found;
        weir_regex_match m;
        if (!weir_regex_find(regex, text, at, &found, &m, run->err)) {
            return false;
        }
        if (!found) {
            break;
        }
        size_t from = m.offsets[0], to = m.offsets[1];
        if (from < copied) { /* lookbehind tricks: no progress */
            break;
        }
        weir_buf_put(out, text.at + copied, from - copied);
        if (!put_replacement(run, regex, text, &m, with, out) || !weir_out_check(run, out->size)) {
            return false;
        }
        copied = to;
        at = next_start(text, from, to);
    }
    if (copied < text.size) {
        weir_buf_put(out, text.at + copied, text.size - copied);
    }
    return true;
}

RUN(run_replace)
{
    weir_str *values = weir_out_strings(run, n, out);
    patterns p = {0};
    weir_buf text = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        ok = ok && pattern_of(call, run, &args[1], i, &p) &&
             replace_all(run, p.regex, weir_arg_str(&args[0], i), weir_arg_str(&args[2], i),
                         &text) &&
             weir_out_copy(run, weir_buf_view(&text), &values[i]);
    }
    weir_buf_done(&text);
    weir_arena_free(p.arena);
    return ok;
}

/* ---- string_to_array: String.split ---- */

static bool infer_split(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = call->arg_types[1] = WEIR_TYPE(WEIR_STRING);
    call->type = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_STRING};
    return true;
}

typedef struct parts {
    weir_buf strs; /* weir_str, one after the other */
    uint32_t count;
} parts;

static void add_part(parts *p, weir_str part)
{
    weir_buf_put(&p->strs, &part, sizeof(part));
    p->count++;
}

/* No empty part at the front from an empty match, none at all at the end. */
static bool split(weir_run *run, const weir_regex *regex, weir_str text, parts *out)
{
    size_t begin = 0;
    uint32_t first = out->count;
    for (size_t at = 0; at <= text.size && text.size > 0;) {
        bool found;
        weir_regex_match m;
        if (!weir_regex_find(regex, text, at, &found, &m, run->err)) {
            return false;
        }
        if (!found || m.offsets[0] < begin) {
            break;
        }
        size_t from = m.offsets[0], to = m.offsets[1];
        at = next_start(text, from, to);
        if ((from == 0 && to == 0) || (from == to && from == text.size)) {
            continue;
        }
        add_part(out, (weir_str){text.at + begin, from - begin});
        begin = to;
    }
    if (out->count == first) {
        add_part(out, text);
        return true;
    }
    add_part(out, (weir_str){text.at + begin, text.size - begin});
    const weir_str *strs = (const weir_str *)(const void *)out->strs.at;
    while (out->count > first && strs[out->count - 1].size == 0) {
        out->count--;
    }
    out->strs.size = sizeof(weir_str) * out->count;
    return true;
}

RUN(run_split)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1);
    memset(offsets, 0, sizeof(*offsets) * (n + 1));
    parts all = {0};
    patterns p = {0};
    uint32_t last = 0;
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        for (; last <= i; last++) {
            offsets[last] = all.count;
        }
        ok = ok && pattern_of(call, run, &args[1], i, &p) &&
             split(run, p.regex, weir_arg_str(&args[0], i), &all) &&
             weir_out_check(run, all.strs.size / 8);
    }
    for (; last <= n; last++) {
        offsets[last] = all.count;
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, 1);
    weir_str *strs = WEIR_SCRATCH_ARRAY(run->scratch, weir_str, all.count + 1);
    if (all.count) {
        memcpy(strs, all.strs.at, sizeof(*strs) * all.count);
    }
    *items = (weir_vec){.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = all.count};
    items->at.s = strs;
    out->form = WEIR_LIST;
    out->at.offsets = offsets;
    out->items = items;
    weir_buf_done(&all.strs);
    weir_arena_free(p.arena);
    return ok;
}

#define FN(text, sql, least, most, infer_it, run_it)                                               \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = least, .max_args = most,                        \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL, .infer = infer_it,                       \
        .prepare = prepare_pattern, .run = run_it,                                                 \
    }
static const weir_fn fns[] = {
    FN("regexp_extract", "REGEXP_EXTRACT", 2, 3, infer_extract, run_extract),
    FN("regexp_like", "REGEXP_LIKE", 2, 2, infer_like, run_like),
    FN("regexp_replace", "REGEXP_REPLACE", 3, 3, weir_infer_strings, run_replace),
    FN("string_to_array", "STRING_TO_ARRAY", 2, 2, infer_split, run_split),
};
const weir_fn_set weir_fns_regexp = WEIR_FN_SET(fns);
