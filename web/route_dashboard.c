/* web/route_dashboard.c - the page at `/`: plain files, built into the program; and the figures that it polls. */
#include "web/routes.h"

/* The bytes of a file in web/dashboard as `name`..`name`_end. */
#define EMBED(name, file)                                                                              \
    __asm__(".section .rodata\n.global " #name "\n" #name ":\n.incbin \"" WEIR_DASHBOARD "/" file        \
            "\"\n.global " #name "_end\n" #name "_end:\n.byte 0\n.previous\n");                           \
    extern const char name[], name##_end[]

EMBED(weir_page_index, "index.html");
EMBED(weir_page_script, "app.js");
EMBED(weir_page_chart, "chart.js");
EMBED(weir_page_style, "style.css");

static const struct {
    const char *name, *type, *from, *to;
} files[] = {
    {"index.html", "text/html; charset=utf-8", weir_page_index, weir_page_index_end},
    {"app.js", "text/javascript; charset=utf-8", weir_page_script, weir_page_script_end},
    {"chart.js", "text/javascript; charset=utf-8", weir_page_chart, weir_page_chart_end},
    {"style.css", "text/css; charset=utf-8", weir_page_style, weir_page_style_end},
};

static void reply_file(weir_call *call, weir_str name)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (weir_str_is(name, files[i].name)) {
            call->reply_type = files[i].type;
            weir_buf_put(&call->out, files[i].from, (size_t)(files[i].to - files[i].from));
            return;
        }
    }
    call->status = 404;
}

void weir_route_dashboard(weir_call *call)
{
    reply_file(call, WEIR_STR("index.html"));
}

void weir_route_dashboard_file(weir_call *call)
{
    reply_file(call, call->arg);
}

static void write_table(weir_json *json, weir_table *table)
{
    weir_table_stats stats;
    weir_table_stats_get(table, &stats);
    weir_json_begin_object(json);
    weir_json_member_str(json, "name", weir_table_name(table));
    weir_json_member_long(json, "events", (int64_t)(stats.frozen_events + stats.live_events));
    weir_json_member_long(json, "rows", (int64_t)(stats.frozen_rows + stats.live_rows));
    weir_json_member_long(json, "liveRows", (int64_t)stats.live_rows);
    weir_json_member_long(json, "frozenBytes", (int64_t)stats.frozen_bytes);
    weir_json_member_long(json, "liveBytes", (int64_t)stats.live_bytes);
    weir_json_member_long(json, "segments", (int64_t)stats.frozen_segments);
    weir_json_member_long(json, "commits", (int64_t)stats.commits);
    if (stats.min_ms <= stats.max_ms) {
        weir_json_member_long(json, "minTime", stats.min_ms);
        weir_json_member_long(json, "maxTime", stats.max_ms);
    }
    weir_json_end_object(json);
}

void weir_route_tables(weir_call *call)
{
    weir_json json = {.out = &call->out};
    weir_str *names;
    size_t count = weir_catalog_tables(call->doors->catalog, call->arena, &names);
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "version", WEIR_VERSION);
    weir_json_member_long(&json, "now", weir_wall_ms(call->doors->clock));
    weir_json_key(&json, WEIR_STR("tables"));
    weir_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        write_table(&json, weir_catalog_table(call->doors->catalog, names[i]));
    }
    weir_json_end_array(&json);
    weir_json_end_object(&json);
}
