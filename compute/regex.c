/* compute/regex.c - see regex.h. The compiled code is shared; what a match writes belongs to the
 * thread. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "compute/regex.h"
#include "weir/buf.h"
#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_GROUPS 256u

struct weir_regex {
    pcre2_code *code;
    weir_str pattern;
    uint32_t group_count;
};

typedef struct thread_state {
    pcre2_match_data *match;
    pcre2_match_context *context;
} thread_state;

static pthread_key_t state_key;
static pthread_once_t state_once = PTHREAD_ONCE_INIT;

static void free_state(void *self)
{
    thread_state *state = self;
    pcre2_match_data_free(state->match);
    pcre2_match_context_free(state->context);
    free(state);
}

static void make_key(void)
{
    pthread_key_create(&state_key, free_state);
}

static thread_state *thread_state_of(void)
{
    pthread_once(&state_once, make_key);
    thread_state *state = pthread_getspecific(state_key);
    if (!state) {
        state = weir_calloc(1, sizeof(*state));
        state->match = pcre2_match_data_create(MAX_GROUPS, NULL);
        state->context = pcre2_match_context_create(NULL);
        pcre2_set_match_limit(state->context, WEIR_REGEX_STEPS);
        pcre2_set_heap_limit(state->context, 64u << 10); /* KiB */
        pthread_setspecific(state_key, state);
    }
    return state;
}

/* Java's POSIX classes, as the inside of a bracket. */
static const struct {
    const char *name, *set;
} classes[] = {
    {"Lower", "a-z"},
    {"Upper", "A-Z"},
    {"ASCII", "\\x00-\\x7f"},
    {"Alpha", "a-zA-Z"},
    {"Digit", "0-9"},
    {"Alnum", "a-zA-Z0-9"},
    {"Punct", "!-\\/:-@\\[-`{-~"},
    {"Graph", "!-~"},
    {"Print", "\\x20-~"},
    {"Blank", "\\x20\\t"},
    {"Cntrl", "\\x00-\\x1f\\x7f"},
    {"XDigit", "0-9a-fA-F"},
    {"Space", "\\x20\\t\\n\\x0b\\f\\r"},
};

/* \p{Name} or \P{Name} at `at` (the p). Returns where it ends; 0: leave it to PCRE2. */
static size_t put_class(weir_buf *out, weir_str s, size_t at, bool in_set)
{
    const char *close =
        at + 1 < s.size && s.at[at + 1] == '{' ? memchr(s.at + at, '}', s.size - at) : NULL;
    if (!close) {
        return 0;
    }
    weir_str name = {s.at + at + 2, (size_t)(close - s.at) - at - 2};
    size_t end = (size_t)(close - s.at) + 1;
    bool negative = s.at[at] == 'P';
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (weir_str_is(name, classes[i].name) && !(negative && in_set)) {
            weir_buf_text(out, in_set ? "" : negative ? "[^" : "[");
            weir_buf_text(out, classes[i].set);
            weir_buf_text(out, in_set ? "" : "]");
            return end;
        }
    }
    bool is = weir_str_starts(name, WEIR_STR("Is")) && name.size > 2;
    if (weir_str_is(name, "javaLowerCase") || weir_str_is(name, "IsLowercase")) {
        name = WEIR_STR("Ll");
    } else if (weir_str_is(name, "javaUpperCase") || weir_str_is(name, "IsUppercase")) {
        name = WEIR_STR("Lu");
    } else if (weir_str_is(name, "IsAlphabetic")) {
        name = WEIR_STR("L");
    } else if (weir_str_is(name, "IsDigit")) {
        name = WEIR_STR("Nd");
    } else if (is) {
        name = (weir_str){name.at + 2, name.size - 2};
    } else {
        return 0;
    }
    weir_buf_printf(out, "\\%c{%.*s}", s.at[at], WEIR_STR_ARG(name));
    return end;
}

/* \uXXXX becomes \x{XXXX}, \p{Alpha} and such become sets; quoted parts \Q...\E stay. */
static void translate(weir_str s, weir_buf *out)
{
    int sets = 0;
    for (size_t i = 0; i < s.size;) {
        char c = s.at[i];
        if (c == '\\' && i + 1 < s.size) {
            char next = s.at[i + 1];
            size_t end = 0;
            if (next == 'u' && i + 6 <= s.size) {
                weir_buf_printf(out, "\\x{%.4s}", s.at + i + 2);
                end = i + 6;
            } else if (next == 'p' || next == 'P') {
                end = put_class(out, s, i + 1, sets > 0);
            } else if (next == 'Q') {
                const char *close = memmem(s.at + i, s.size - i, "\\E", 2);
                end = close ? (size_t)(close - s.at) + 2 : s.size;
                weir_buf_put(out, s.at + i, end - i);
            }
            if (!end) {
                weir_buf_put(out, s.at + i, 2);
                end = i + 2;
            }
            i = end;
            continue;
        }
        sets += c == '[' && sets == 0 ? 1 : c == ']' && sets > 0 ? -1 : 0;
        weir_buf_byte(out, c);
        i++;
    }
}

static void free_code(void *code)
{
    pcre2_code_free(code);
}

const weir_regex *weir_regex_new(weir_arena *arena, weir_str pattern, weir_error *err)
{
    weir_regex *regex = WEIR_ARENA_NEW(arena, weir_regex);
    weir_buf text = {0};
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_set_newline(context, PCRE2_NEWLINE_ANY); /* what Java's . and $ stop at */
    pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    pcre2_set_parens_nest_limit(context, 100);
    translate(pattern, &text);
    regex->pattern = weir_arena_str(arena, pattern);
    regex->code = pcre2_compile((PCRE2_SPTR)(text.size ? text.at : ""), text.size,
                                PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                                &code, &at, context);
    pcre2_compile_context_free(context);
    weir_buf_done(&text);
    if (!regex->code) {
        char why[160];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
        weir_fail(err, WEIR_ERR_BAD_QUERY,
                  "regular expression '%.*s' does not compile near %zu: %s",
                  (int)(pattern.size > 200 ? 200 : pattern.size), pattern.at, (size_t)at, why);
        return NULL;
    }
    weir_arena_defer(arena, free_code, regex->code);
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->group_count);
    if (regex->group_count >= MAX_GROUPS) {
        weir_fail(err, WEIR_ERR_BAD_QUERY, "regular expression '%.*s' has more than %u groups",
                  (int)(pattern.size > 200 ? 200 : pattern.size), pattern.at, MAX_GROUPS - 1);
        return NULL;
    }
    pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* without it the interpreter runs */
    return regex;
}

bool weir_regex_find(const weir_regex *regex, weir_str text, size_t from, bool *found,
                     weir_regex_match *out, weir_error *err)
{
    thread_state *state = thread_state_of();
    int result = pcre2_match(regex->code, (PCRE2_SPTR)(text.size ? text.at : ""), text.size, from,
                             0, state->match, state->context);
    if (result == PCRE2_ERROR_NOMATCH) {
        *found = false;
        return true;
    }
    if (result < 0) {
        return weir_fail(err, WEIR_ERR_RESOURCE,
                         "regular expression '%.*s' takes too long on a text of %zu bytes",
                         (int)(regex->pattern.size > 200 ? 200 : regex->pattern.size),
                         regex->pattern.at, text.size);
    }
    *found = true;
    *out = (weir_regex_match){regex->group_count, pcre2_get_ovector_pointer(state->match)};
    return true;
}

int weir_regex_group(const weir_regex *regex, weir_str name)
{
    char text[64];
    if (name.size >= sizeof(text)) {
        return -1;
    }
    memcpy(text, name.at, name.size);
    text[name.size] = '\0';
    int group = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)text);
    return group > 0 ? group : -1;
}
