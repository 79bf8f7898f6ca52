/* compute/fn_table.c - every function of the expression language, by file; the only place that
 * names the files' sets. Looked up without regard to case, as Druid does. */
#include "compute/fn.h"
#include "weir/hash.h"
#include <assert.h>
#include <stdlib.h>
#include <pthread.h>

#define SETS(X) /* fn_<name>.c holds weir_fns_<name> */                                            \
    X(operator)                                                                                    \
    X(compare)                                                                                     \
    X(cond)                                                                                        \
    X(cast)                                                                                        \
    X(postagg)                                                                                     \
    X(quantiles)                                                                                   \
    X(variance)                                                                                    \
    X(concat)                                                                                      \
    X(math)                                                                                        \
    X(reduce)                                                                                      \
    X(string)                                                                                      \
    X(lambda)                                                                                      \
    X(array)                                                                                       \
    X(time)                                                                                        \
    X(regexp)                                                                                      \
    X(like)                                                                                        \
    X(ip)                                                                                          \
    X(format)                                                                                      \
    X(lookup)                                                                                      \
    X(json)                                                                                        \
    X(theta)                                                                                       \
    X(tuple)                                                                                       \
    X(mv)                                                                                          \
    X(hll)                                                                                         \
    X(extract)                                                                                     \
    X(complex)

#define X(name) extern const weir_fn_set weir_fns_##name;
SETS(X)
#undef X

static const weir_fn_set *const sets[] = {
#define X(name) &weir_fns_##name,
    SETS(X)
#undef X
};

#define SLOTS 1024u /* more than twice the functions there are */
#define NAME_SIZE 64u

static const weir_fn *slots[SLOTS];
static const weir_fn *all[SLOTS / 2];
static size_t all_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static weir_str lower_name(weir_str name, char out[NAME_SIZE])
{
    for (size_t i = 0; i < name.size; i++) {
        out[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] + 32 : name.at[i]);
    }
    return (weir_str){out, name.size};
}

static uint32_t slot_of(weir_str name)
{
    char lower[NAME_SIZE];
    weir_str key = lower_name(name, lower);
    uint32_t at = (uint32_t)weir_hash_bytes(key.at, key.size) & (SLOTS - 1);
    while (slots[at] && !weir_str_eq_nocase(weir_str_of(slots[at]->name), name)) {
        at = (at + 1) & (SLOTS - 1);
    }
    return at;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const weir_fn *const *)a)->name, (*(const weir_fn *const *)b)->name);
}

static void fill(void)
{
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        for (size_t i = 0; i < sets[s]->count; i++) {
            const weir_fn *fn = &sets[s]->fns[i];
            uint32_t at = slot_of(weir_str_of(fn->name));
            assert(!slots[at] && all_count < SLOTS / 2 && strlen(fn->name) < NAME_SIZE);
            slots[at] = fn;
            all[all_count++] = fn;
        }
    }
    qsort(all, all_count, sizeof(all[0]), by_name);
}

const weir_fn *weir_fn_find(weir_str name)
{
    pthread_once(&once, fill);
    return name.size < NAME_SIZE ? slots[slot_of(name)] : NULL;
}

const weir_fn *const *weir_fn_all(size_t *count)
{
    pthread_once(&once, fill);
    *count = all_count;
    return all;
}
