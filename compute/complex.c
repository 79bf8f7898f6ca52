/* compute/complex.c - the complex types, an entry each: their names, how a value shows in an answer, what values are ordered by. Values are their
 * serialised bytes everywhere: a sketch's DataSketches image, Druid's HyperLogLog bytes, JSON text, a pair of time and value (agg_first.c: pairs). */
#include "compute/agg_table.h"
#include "compute/complex_rank.h"
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
    {"hyperUnique", NULL, weir_rank_hyper_unique},
    {"json", print_json, NULL},
    {"thetaSketch", NULL, weir_rank_theta},
    {"thetaSketchEstimateWithErrorBounds", print_json, weir_rank_theta_bounds},
    {"HLLSketch", NULL, weir_rank_hll_sketch},
    {"quantilesDoublesSketch", NULL, weir_rank_quantiles},
    {"KllDoublesSketch", NULL, weir_rank_kll_doubles},
    {"KllFloatsSketch", NULL, weir_rank_kll_floats},
    {"arrayOfDoublesSketch", NULL, weir_rank_tuple},
    {"variance", NULL, weir_rank_variance},
    {"doubleMean", NULL, NULL},
    {"serializablePairLongLong", weir_pair_print_long, NULL},
    {"serializablePairLongFloat", weir_pair_print_double, NULL},
    {"serializablePairLongDouble", weir_pair_print_double, NULL},
    {"serializablePairLongString", weir_pair_print_string, NULL},
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
