/* query/by_segment.c - see the header. */
#include "query/by_segment.h"

struct weir_by_segment {
    weir_arena *arena;
    weir_view *const *views;
    uint32_t view_count;
    uint32_t interval_count;
    const weir_interval *intervals;
    uint32_t view, segment; /* the next one to look at */
    uint32_t told;
    const weir_rows *rows; /* at hand */
    weir_interval part;
    weir_view **seen;
};

weir_by_segment *weir_by_segment_new(const weir_native_query *query, weir_view *const *views,
                                     uint32_t view_count)
{
    uint32_t count;
    const weir_interval *intervals;
    if (!weir_native_reads_segments(query, &count, &intervals)) {
        return NULL;
    }
    weir_by_segment *by = WEIR_ARENA_NEW(query->arena, weir_by_segment);
    *by = (weir_by_segment){.arena = query->arena,
                            .views = views,
                            .view_count = view_count,
                            .interval_count = count,
                            .intervals = intervals};
    by->seen = WEIR_ARENA_ARRAY(query->arena, weir_view *, view_count + 1);
    return by;
}

/* The hull of what the query asks of these rows. */
static bool asked_of(const weir_by_segment *by, const weir_rows *rows, weir_interval *out)
{
    bool any = false;
    for (uint32_t i = 0; i < by->interval_count; i++) {
        const weir_interval *in = &by->intervals[i], *own = &rows->interval;
        if (in->start_ms < own->end_ms && in->end_ms > own->start_ms) {
            int64_t start = in->start_ms > own->start_ms ? in->start_ms : own->start_ms;
            out->start_ms = any ? out->start_ms : start; /* intervals ascend */
            out->end_ms = in->end_ms < own->end_ms ? in->end_ms : own->end_ms;
            any = true;
        }
    }
    return any;
}

static weir_view *view_of_one(weir_arena *arena, const weir_view *view, uint32_t i)
{
    weir_view *one = WEIR_ARENA_NEW(arena, weir_view);
    *one = *view;
    one->count = 1;
    one->rows = &view->rows[i];
    one->revs = view->revs ? &view->revs[i] : NULL;
    one->problems = view->problems ? &view->problems[i] : NULL;
    return one;
}

static weir_view *view_of_none(weir_arena *arena, const weir_view *view)
{
    weir_view *none = WEIR_ARENA_NEW(arena, weir_view);
    *none = (weir_view){.table = view->table, .version = view->version, .schema = view->schema};
    return none;
}

weir_view **weir_by_segment_next(weir_by_segment *by)
{
    by->told += by->rows != NULL;
    for (; by->view < by->view_count; by->view++, by->segment = 0) {
        const weir_view *view = by->views[by->view];
        while (by->segment < view->count) {
            uint32_t i = by->segment++;
            if (view->rows[i] && asked_of(by, view->rows[i], &by->part)) {
                by->rows = view->rows[i];
                for (uint32_t v = 0; v < by->view_count; v++) {
                    by->seen[v] = v == by->view ? view_of_one(by->arena, view, i)
                                                : view_of_none(by->arena, by->views[v]);
                }
                return by->seen;
            }
        }
    }
    return NULL;
}

void weir_by_segment_open(const weir_by_segment *by, weir_buf *out)
{
    char text[40];
    size_t size = weir_time_print(text, by->rows->interval.start_ms);
    weir_buf_printf(out, "%s{\"timestamp\":\"%.*s\",\"result\":{\"results\":", by->told ? "," : "",
                    (int)size, text);
}

void weir_by_segment_close(const weir_by_segment *by, weir_buf *out)
{
    char start[40], end[40];
    size_t start_size = weir_time_print(start, by->part.start_ms),
           end_size = weir_time_print(end, by->part.end_ms);
    weir_json json = {.out = out};
    weir_buf_text(out, ",\"segment\":");
    weir_json_str(&json, by->rows->id);
    weir_buf_printf(out, ",\"interval\":\"%.*s/%.*s\"}}", (int)start_size, start, (int)end_size,
                    end);
}
