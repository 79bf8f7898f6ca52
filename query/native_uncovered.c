/* query/native_uncovered.c - "uncoveredIntervalsLimit": which parts of the query's intervals no
 * segment covers, for the header X-Druid-Response-Context. */
#include "query/native_json.h"

typedef struct uncovered {
    weir_json json;
    int64_t left; /* intervals that may still be told */
    bool any, overflowed;
} uncovered;

static void tell(uncovered *u, int64_t from, int64_t to)
{
    char text[90], end[40];
    u->overflowed = u->overflowed || u->left == 0;
    if (u->left == 0) {
        return;
    }
    if (!u->any) {
        weir_json_begin_object(&u->json);
        weir_json_key(&u->json, WEIR_STR("uncoveredIntervals"));
        weir_json_begin_array(&u->json);
        u->any = true;
    }
    size_t size = weir_time_print(text, from), end_size = weir_time_print(end, to);
    text[size++] = '/';
    memcpy(text + size, end, end_size);
    weir_json_str(&u->json, (weir_str){text, size + end_size});
    u->left--;
}

/* The first moment from `at` on that no segment covers; `until`: none before it. */
static int64_t covered_until(weir_view *const *views, uint32_t count, int64_t at, int64_t until)
{
    bool more = true;
    while (more && at < until) {
        more = false;
        for (uint32_t v = 0; v < count; v++) {
            for (uint32_t i = 0; i < views[v]->count; i++) {
                const weir_rows *rows = views[v]->rows[i];
                if (rows && rows->interval.start_ms <= at && rows->interval.end_ms > at) {
                    at = rows->interval.end_ms;
                    more = true;
                }
            }
        }
    }
    return at < until ? at : until;
}

/* The next start of a segment after `at`, or `until`. */
static int64_t covered_from(weir_view *const *views, uint32_t count, int64_t at, int64_t until)
{
    for (uint32_t v = 0; v < count; v++) {
        for (uint32_t i = 0; i < views[v]->count; i++) {
            const weir_rows *rows = views[v]->rows[i];
            if (rows && rows->interval.start_ms > at && rows->interval.start_ms < until) {
                until = rows->interval.start_ms;
            }
        }
    }
    return until;
}

void weir_native_uncovered(const weir_native_query *query, weir_view *const *views,
                           uint32_t view_count, weir_buf *out)
{
    const weir_native_part *part = query->own;
    uncovered u = {.json = {.out = out}, .left = query->context.uncovered_limit};
    for (uint32_t i = 0; u.left > 0 && i < part->interval_count; i++) {
        int64_t at = part->intervals[i].start_ms, end = part->intervals[i].end_ms;
        while (at < end && !u.overflowed) {
            int64_t gap = covered_until(views, view_count, at, end);
            at = gap < end ? covered_from(views, view_count, gap, end) : end;
            if (gap < end) {
                tell(&u, gap, at);
            }
        }
    }
    if (u.any) {
        weir_json_end_array(&u.json);
        weir_json_member_bool(&u.json, "uncoveredIntervalsOverflowed", u.overflowed);
        weir_json_end_object(&u.json);
    }
}
