/* segments/table_log_scan.c - commits of a table one after the other, many of their objects got at
 * once. */
#include "segments/fetch.h"
#include "segments/table_log_state.h"
#include <stdlib.h>

enum { THREADS = 16, AT_ONCE = 64 };

static bool see_part(const weir_fetch *part, void (*see)(void *self, const weir_commit *commit),
                     void *self, weir_error *err)
{
    weir_commit *commit;
    if (part->got != WEIR_GET_FOUND) {
        *err = part->err;
        return false;
    }
    if (!weir_commit_read(part->key, weir_buf_view(&part->bytes), &commit, err)) {
        return false;
    }
    see(self, commit);
    weir_commit_free(commit);
    return true;
}

bool weir_log_scan(weir_store *store, weir_str table, uint64_t from, uint64_t to,
                   void (*see)(void *self, const weir_commit *commit), void *self, weir_error *err)
{
    weir_fetcher *fetcher = weir_fetcher_new(store, to - from < AT_ONCE ? 4 : THREADS);
    weir_fetch *parts = weir_alloc(AT_ONCE * sizeof(*parts));
    bool ok = true;
    for (; ok && from <= to; from += AT_ONCE) {
        weir_arena *arena = weir_arena_new();
        size_t count = to - from + 1 < AT_ONCE ? (size_t)(to - from + 1) : AT_ONCE;
        memset(parts, 0, AT_ONCE * sizeof(*parts));
        for (size_t i = 0; i < count; i++) {
            parts[i].key = weir_key_log(arena, table, from + i);
        }
        weir_fetch_all(fetcher, parts, count);
        for (size_t i = 0; i < count; i++) {
            ok = ok && see_part(&parts[i], see, self, err);
            weir_buf_done(&parts[i].bytes);
        }
        weir_arena_free(arena);
    }
    free(parts);
    weir_fetcher_free(fetcher);
    return ok;
}
