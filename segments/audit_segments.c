/* segments/audit_segments.c - see include/weir/audit.h: every segment of the state is in the store,
 * of the size and with the footer that the log names; deep: every checksum, value and index in it.
 */
#include "weir/audit.h"
#include "segments/fetch.h"
#include "segments/format.h"
#include "segments/table_log_state.h"
#include <inttypes.h>
#include <stdlib.h>

enum { THREADS = 16, AT_ONCE = 64 };

typedef struct listing {
    const weir_log_state *state;
    uint64_t *sizes; /* by the state's order; UINT64_MAX: not there */
    uint64_t unreferenced;
} listing;

static bool see_segment(void *self, weir_str key, uint64_t size)
{
    listing *l = self;
    bool there = false;
    const char *slash = memrchr(key.at, '/', key.size);
    size_t at = 0;
    if (slash) {
        weir_str id = {slash + 1, (size_t)(key.at + key.size - slash - 1)};
        at = weir_state_find_segment(l->state, id, &there);
        if (!there) {
            bool buried;
            weir_state_find_tombstone(l->state, id, &buried);
            l->unreferenced += !buried;
        }
    }
    if (there) {
        l->sizes[at] = size;
    }
    return true;
}

static void check_footer(weir_audit *a, const weir_segment_state *segment, const weir_fetch *part)
{
    const weir_added *added = &segment->added;
    weir_str bytes = weir_buf_view(&part->bytes);
    size_t tail = WEIR_SEGMENT_TAIL_BYTES;
    bool sound = bytes.size == added->footer_bytes && bytes.size >= tail &&
                 weir_hash_bytes(bytes.at, bytes.size - tail) == added->footer_xxh3;
    if (!sound) {
        weir_audit_find(a, "I6", "segment %.*s: its footer is not the one that the log names",
                        WEIR_STR_ARG(added->id));
    }
}

/* Every block. The bytes are freed by the segment. */
static void check_whole(weir_audit *a, const weir_segment_state *segment, weir_fetch *part)
{
    const weir_added *added = &segment->added;
    weir_error why;
    weir_segment *seg = NULL;
    uint64_t rows = 0;
    weir_bytes bytes = {(const uint8_t *)part->bytes.at, part->bytes.size, NULL, NULL, NULL};
    bool ok = weir_segment_open_expect(part->key.at, bytes, added->footer_xxh3, &seg, &why) &&
              weir_segment_verify(seg, &why);
    if (!ok) {
        weir_audit_find(a, "I6", "%s", why.message);
    } else {
        const weir_rows *frozen = weir_segment_rows(seg);
        for (uint32_t c = 0; c < frozen->ops->chunks(frozen); c++) {
            weir_chunk_info info;
            frozen->ops->chunk(frozen, c, &info);
            rows += info.row_count;
        }
        if (rows != added->rows) {
            weir_audit_find(a, "I6", "segment %.*s has %" PRIu64 " rows, the log says %" PRIu64,
                            WEIR_STR_ARG(added->id), rows, added->rows);
        }
    }
    weir_segment_unref(seg);
}

static bool check_window(weir_audit *a, weir_fetcher *fetcher, const weir_segment_state *const *all,
                         const uint64_t *sizes, size_t count, bool deep, weir_error *err)
{
    weir_fetch parts[AT_ONCE] = {0};
    const weir_segment_state *of[AT_ONCE];
    size_t asked = 0;
    weir_arena *arena = weir_arena_new();
    for (size_t i = 0; i < count; i++) {
        const weir_added *added = &all[i]->added;
        if (sizes[i] == UINT64_MAX) {
            weir_audit_find(a, "I6", "segment %.*s is in the state, but not in the store",
                            WEIR_STR_ARG(added->id));
        } else if (sizes[i] != added->bytes || added->footer_bytes > added->bytes) {
            weir_audit_find(a, "I6", "segment %.*s has %" PRIu64 " bytes, the log says %" PRIu64,
                            WEIR_STR_ARG(added->id), sizes[i], added->bytes);
        } else {
            of[asked] = all[i];
            parts[asked].key = weir_key_segment(arena, a->table, added->id);
            parts[asked].from = deep ? 0 : added->bytes - added->footer_bytes;
            parts[asked++].size = deep ? added->bytes : added->footer_bytes;
        }
    }
    weir_fetch_all(fetcher, parts, asked);
    bool ok = true;
    for (size_t i = 0; i < asked; i++) {
        switch (parts[i].got) {
        case WEIR_GET_FAILED:
            *err = parts[i].err;
            ok = false;
            break;
        case WEIR_GET_NONE: /* since it was listed */
            weir_audit_find(a, "I6", "segment %.*s is in the state, but not in the store",
                            WEIR_STR_ARG(of[i]->added.id));
            break;
        case WEIR_GET_FOUND:
            if (deep) {
                check_whole(a, of[i], &parts[i]);
            } else {
                check_footer(a, of[i], &parts[i]);
            }
            break;
        }
        weir_buf_done(&parts[i].bytes);
    }
    weir_arena_free(arena);
    return ok;
}

bool weir_audit_segments(weir_audit *a, bool deep, weir_error *err)
{
    size_t count;
    const weir_segment_state *const *all = weir_log_segments(a->state, &count);
    listing l = {.state = a->state, .sizes = weir_alloc((count + 1) * sizeof(uint64_t))};
    for (size_t i = 0; i < count; i++) {
        l.sizes[i] = UINT64_MAX;
        a->segment_bytes += all[i]->added.bytes;
    }
    a->segments = count;
    weir_str key = weir_key_segment(a->arena, a->table, WEIR_STR(""));
    bool ok = a->store->ops->list(a->store, key, (weir_str){0}, see_segment, &l, err);
    weir_fetcher *fetcher = weir_fetcher_new(a->store, THREADS);
    size_t at_once = deep ? 4 : AT_ONCE; /* whole segments are large */
    for (size_t i = 0; ok && i < count; i += at_once) {
        size_t n = count - i < at_once ? count - i : at_once;
        ok = check_window(a, fetcher, all + i, l.sizes + i, n, deep, err);
    }
    a->unreferenced = l.unreferenced;
    weir_fetcher_free(fetcher);
    free(l.sizes);
    return ok;
}
