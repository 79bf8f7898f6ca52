/* segments/schema_print.c - a weir_schema as Druid's dataSchema, which weir_schema_parse reads
 * back: the footer of a frozen segment keeps it. */
#include "weir/schema.h"
#include "weir/buf.h"

static void print_granularity(weir_json *json, const char *key, const weir_granularity *gran)
{
    weir_json_key(json, weir_str_of(key));
    switch ((weir_gran_kind)gran->kind) {
    case WEIR_GRAN_ALL:
        weir_json_str(json, WEIR_STR("all"));
        return;
    case WEIR_GRAN_NONE:
        weir_json_str(json, WEIR_STR("none"));
        return;
    case WEIR_GRAN_DURATION:
        weir_json_begin_object(json);
        weir_json_member_text(json, "type", "duration");
        weir_json_member_long(json, "duration", gran->duration_ms);
        break;
    case WEIR_GRAN_PERIOD: {
        weir_granularity simple;
        if (weir_granularity_simple(gran->name, &simple) && weir_zone_is_utc(gran->zone) &&
            !gran->has_origin) {
            weir_json_str(json, gran->name);
            return;
        }
        weir_json_begin_object(json);
        weir_json_member_text(json, "type", "period");
        weir_json_member_str(json, "period", gran->name);
        weir_json_member_str(json, "timeZone", weir_zone_id(gran->zone));
        break;
    }
    }
    if (gran->has_origin || gran->origin_ms != 0) {
        char text[40];
        size_t size = weir_time_print(text, gran->origin_ms);
        weir_json_member_str(json, "origin", (weir_str){text, size});
    }
    weir_json_end_object(json);
}

static void print_dimension(weir_json *json, const weir_dimension *dimension)
{
    static const char *const kinds[] = {[WEIR_LONG] = "long",
                                        [WEIR_FLOAT] = "float",
                                        [WEIR_DOUBLE] = "double",
                                        [WEIR_STRING] = "string"};
    static const char *const multis[] = {[WEIR_MULTI_SORTED_ARRAY] = "SORTED_ARRAY",
                                         [WEIR_MULTI_ARRAY] = "ARRAY",
                                         [WEIR_MULTI_SORTED_SET] = "SORTED_SET"};
    weir_json_begin_object(json);
    if (dimension->automatic) {
        char name[64];
        bool nested = weir_type_is_json(dimension->type);
        weir_json_member_text(json, "type", nested ? "json" : "auto");
        weir_json_member_str(json, "name", dimension->name);
        if (!nested && dimension->type.kind != WEIR_UNKNOWN) {
            weir_json_member_str(json, "castToType", weir_type_name(dimension->type, name));
        }
        weir_json_end_object(json);
        return;
    }
    weir_json_member_text(json, "type", kinds[dimension->type.kind]);
    weir_json_member_str(json, "name", dimension->name);
    if (dimension->type.kind == WEIR_STRING) {
        weir_json_member_text(json, "multiValueHandling", multis[dimension->multi]);
        weir_json_member_bool(json, "createBitmapIndex", dimension->bitmap_index);
    }
    weir_json_end_object(json);
}

static void print_dimensions(weir_json *json, const weir_schema *schema)
{
    weir_json_key(json, WEIR_STR("dimensionsSpec"));
    weir_json_begin_object(json);
    weir_json_key(json, WEIR_STR("dimensions"));
    weir_json_begin_array(json);
    for (uint32_t i = 0; i < schema->dimension_count; i++) {
        if (schema->cluster_count > 0 && i == schema->cluster_count) {
            weir_json_begin_object(json);
            weir_json_member_text(json, "type", "long");
            weir_json_member_text(json, "name", "__time");
            weir_json_end_object(json);
        }
        print_dimension(json, &schema->dimensions[i]);
    }
    if (schema->cluster_count > 0 && schema->cluster_count == schema->dimension_count) {
        weir_json_str(json, WEIR_STR("__time"));
    }
    weir_json_end_array(json);
    weir_json_key(json, WEIR_STR("dimensionExclusions"));
    weir_json_begin_array(json);
    for (uint32_t i = 0; i < schema->exclusion_count; i++) {
        weir_json_str(json, schema->exclusions[i]);
    }
    weir_json_end_array(json);
    weir_json_member_bool(json, "includeAllDimensions",
                          schema->discover && !schema->discover_typed);
    weir_json_member_bool(json, "useSchemaDiscovery", schema->discover_typed);
    weir_json_member_bool(json, "forceSegmentSortByTime", schema->cluster_count == 0);
    weir_json_end_object(json);
}

void weir_schema_print(const weir_schema *schema, weir_json *json)
{
    weir_json_begin_object(json);
    weir_json_member_str(json, "dataSource", schema->table);
    if (schema->timestamp_spec_json.size > 0) {
        weir_json_key(json, WEIR_STR("timestampSpec"));
        weir_json_raw(json, schema->timestamp_spec_json);
    }
    print_dimensions(json, schema);
    weir_json_key(json, WEIR_STR("metricsSpec"));
    weir_json_begin_array(json);
    for (uint32_t i = 0; i < schema->metric_count; i++) {
        weir_json_raw(json, schema->metrics[i].json);
    }
    weir_json_end_array(json);
    weir_json_key(json, WEIR_STR("granularitySpec"));
    weir_json_begin_object(json);
    weir_json_member_text(json, "type", "uniform");
    print_granularity(json, "segmentGranularity", &schema->segment_granularity);
    print_granularity(json, "queryGranularity", &schema->query_granularity);
    weir_json_member_bool(json, "rollup", schema->rollup);
    weir_json_end_object(json);
    weir_json_end_object(json);
}
