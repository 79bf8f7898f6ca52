/* compute/complex.c - the complex types, an entry each: their names and how a value shows in an answer. Values are their serialised bytes everywhere:
 * a sketch's DataSketches image, Druid's HyperLogLog bytes, JSON text, a pair of time and value (agg_first.c: pairs). */
#include "compute/agg_table.h"
#include "weir/base64.h"
#include <stdlib.h>

static void print_base64(weir_json *json, weir_str bytes)
{
    char *text = malloc(4 * ((bytes.size + 2) / 3) + 1);
    weir_json_str(json, text ? (weir_str){text, weir_base64_encode(bytes, text)} : WEIR_STR(""));
    free(text);
}

static void print_json(weir_json *json, weir_str bytes)
{
    weir_json_raw(json, bytes);
}

static const weir_complex complexes[] = {
    {"hyperUnique", NULL},
    {"json", print_json},
    {"thetaSketch", NULL},
    {"thetaSketchEstimateWithErrorBounds", print_json},
    {"HLLSketch", NULL},
    {"quantilesDoublesSketch", NULL},
    {"KllDoublesSketch", NULL},
    {"KllFloatsSketch", NULL},
    {"arrayOfDoublesSketch", NULL},
    {"variance", NULL},
    {"serializablePairLongLong", weir_pair_print_long},
    {"serializablePairLongFloat", weir_pair_print_double},
    {"serializablePairLongDouble", weir_pair_print_double},
    {"serializablePairLongString", weir_pair_print_string},
};

const weir_complex *weir_complex_find(weir_str name)
{
    for (size_t i = 0; i < sizeof(complexes) / sizeof(*complexes); i++) {
        if (weir_str_is(name, complexes[i].name)) {
            return &complexes[i];
        }
    }
    return NULL;
}

void weir_complex_print(const weir_complex *complex, weir_json *json, weir_str bytes)
{
    (complex && complex->print ? complex->print : print_base64)(json, bytes);
}

weir_type weir_type_json(void)
{
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("json"))};
}

bool weir_type_is_json(weir_type type)
{
    return type.kind == WEIR_COMPLEX && type.complex && strcmp(type.complex->name, "json") == 0;
}
