/* ingest/gaps.c - see ingest/gaps.h. */
#include "ingest/gaps.h"
#include <jansson.h>

#define KEY "gapsAcknowledged/%.*s"

static uint64_t acknowledged(const weir_log_state *state, weir_str supervisor)
{
    weir_str config = weir_log_config(state);
    if (config.size == 0) {
        return 0;
    }
    weir_arena *arena = weir_arena_new();
    weir_str key = weir_arena_printf(arena, KEY, WEIR_STR_ARG(supervisor));
    json_t *json = json_loadb(config.at, config.size, 0, NULL);
    json_int_t version = json_integer_value(json_object_getn(json, key.at, key.size));
    json_decref(json);
    weir_arena_free(arena);
    return version > 0 ? (uint64_t)version : 0;
}

weir_gap_figures weir_gaps_count(const weir_log_state *state, weir_str supervisor)
{
    size_t count;
    const weir_gap *gaps = weir_log_gaps(state, &count);
    uint64_t known = count > 0 ? acknowledged(state, supervisor) : 0;
    weir_gap_figures figures = {0};
    for (size_t i = 0; i < count; i++) {
        const weir_range *range = &gaps[i].range;
        if (weir_str_eq(range->source.supervisor, supervisor)) {
            bool open = gaps[i].version > known;
            figures.gaps++;
            figures.offsets += (uint64_t)(range->to - range->from);
            figures.open_gaps += open;
            figures.open_offsets += open ? (uint64_t)(range->to - range->from) : 0;
        }
    }
    return figures;
}

void weir_gaps_print(const weir_log_state *state, weir_str supervisor, weir_json *out)
{
    size_t count;
    const weir_gap *gaps = weir_log_gaps(state, &count);
    uint64_t known = count > 0 ? acknowledged(state, supervisor) : 0;
    weir_json_begin_array(out);
    for (size_t i = 0; i < count; i++) {
        const weir_range *range = &gaps[i].range;
        if (gaps[i].version > known && weir_str_eq(range->source.supervisor, supervisor)) {
            weir_json_begin_object(out);
            weir_json_member_str(out, "topic", range->source.topic);
            weir_json_member_long(out, "partition", range->source.partition);
            weir_json_member_long(out, "from", range->from);
            weir_json_member_long(out, "to", range->to);
            weir_json_member_long(out, "size", range->to - range->from);
            weir_json_member_str(out, "reason", range->reason);
            weir_json_member_long(out, "version", (int64_t)gaps[i].version);
            weir_json_end_object(out);
        }
    }
    weir_json_end_array(out);
}

void weir_gaps_acknowledge(weir_commit *commit, weir_str supervisor, uint64_t version)
{
    weir_buf text = {0};
    weir_json json = {.out = &text};
    weir_json_begin_object(&json);
    weir_json_key(&json, weir_arena_printf(commit->arena, KEY, WEIR_STR_ARG(supervisor)));
    weir_json_long(&json, (int64_t)version);
    weir_json_end_object(&json);
    commit->config = weir_commit_text(commit, weir_buf_view(&text));
    weir_buf_done(&text);
}
