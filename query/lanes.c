/* query/lanes.c - see the header. */
#include "query/lanes.h"

static bool parse_capacity(weir_str text, uint32_t max_queries, uint32_t *out)
{
    bool percent = text.size > 0 && text.at[text.size - 1] == '%';
    int64_t number;
    if (!weir_str_to_long((weir_str){text.at, text.size - percent}, &number) || number < 1 ||
        number > (percent ? 100 : 1000000)) {
        return false;
    }
    uint64_t capacity =
        percent ? ((uint64_t)max_queries * (uint64_t)number + 99) / 100 : (uint64_t)number;
    *out = (uint32_t)capacity;
    return true;
}

bool weir_lanes_parse(weir_str text, uint32_t max_queries, weir_lanes *out, weir_error *err)
{
    weir_str left = weir_str_trim(text);
    *out = (weir_lanes){0};
    while (left.size > 0) {
        const char *comma = memchr(left.at, ',', left.size);
        weir_str item = {left.at, comma ? (size_t)(comma - left.at) : left.size};
        left = comma ? (weir_str){comma + 1, left.size - item.size - 1} : (weir_str){0};
        item = weir_str_trim(item);
        bool hilo = item.size > 5 && memcmp(item.at, "hilo:", 5) == 0;
        const char *equals = hilo ? item.at + 4 : memchr(item.at, '=', item.size);
        weir_lane_rule *rule = &out->at[out->count];
        if (!equals || equals == item.at) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "'%.*s' is no lane: name=capacity, or hilo:percent%%",
                             WEIR_STR_ARG(item));
        }
        if (out->count == WEIR_LANES_MAX) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST, "there are more than %d lanes",
                             WEIR_LANES_MAX);
        }
        rule->name =
            hilo ? WEIR_STR("low") : weir_str_trim((weir_str){item.at, (size_t)(equals - item.at)});
        weir_str capacity =
            weir_str_trim((weir_str){equals + 1, item.size - (size_t)(equals + 1 - item.at)});
        if (!parse_capacity(capacity, max_queries, &rule->capacity)) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "'%.*s' is no capacity of a lane: a number from 1 on, or a percentage",
                             WEIR_STR_ARG(capacity));
        }
        for (uint32_t i = 0; i < out->count; i++) {
            if (weir_str_eq(out->at[i].name, rule->name)) {
                return weir_fail(err, WEIR_ERR_BAD_REQUEST, "there are two lanes '%.*s'",
                                 WEIR_STR_ARG(rule->name));
            }
        }
        out->by_priority = out->by_priority || hilo;
        out->count++;
    }
    return true;
}

weir_lane_rule *weir_lanes_find(weir_lanes *lanes, weir_str name, int32_t priority)
{
    if (name.size == 0 && lanes->by_priority && priority < 0) {
        name = WEIR_STR("low");
    }
    for (uint32_t i = 0; i < lanes->count; i++) {
        if (weir_str_eq(lanes->at[i].name, name)) {
            return &lanes->at[i];
        }
    }
    return NULL;
}
