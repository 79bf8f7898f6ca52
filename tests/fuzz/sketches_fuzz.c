/* Sketches: whatever the bytes, merging them as a stored value and loading them as a saved state
 * end inside them, and what was taken can be finished, saved, loaded and merged again. The first
 * byte chooses one of the aggregators that read sketches, the second how: a stored value or a saved
 * state. */
#include "compute/agg.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {
    "quantilesDoublesSketch", "KllDoublesSketch", "KllFloatsSketch", "thetaSketch",
    "HLLSketchMerge",         "varianceFold",     "hyperUnique",     "arrayOfDoublesSketch",
};
enum { TYPES = sizeof(types) / sizeof(types[0]) };

static void bind(uint8_t which, weir_arena *arena, weir_agg_spec *spec, weir_agg_bound *bound)
{
    static const weir_type unknown;
    weir_error err;
    char text[100];
    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"name\":\"x\",\"fieldName\":\"c\"}",
             types[which % TYPES]);
    json_t *json = json_loads(text, 0, NULL);
    bool ok = weir_agg_spec_parse(json, "", arena, spec, &err) &&
              weir_agg_bind(spec, &unknown, arena, bound, &err);
    weir_type sketch = bound->raw_type;
    if (!ok || !weir_agg_bind(spec, &sketch, arena, bound, &err)) {
        abort();
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    weir_arena *arena = weir_arena_new();
    weir_heap *heap = weir_heap_new(NULL);
    weir_scratch scratch = {0};
    weir_agg_spec spec;
    weir_agg_bound bound;
    weir_error err;
    bind(data[0], arena, &spec, &bound);
    void *state = weir_arena_alloc(arena, bound.state_size),
         *again = weir_arena_alloc(arena, bound.state_size);
    weir_str image = {(const char *)data + 2, size - 2};
    weir_vec column = {.type = bound.raw_type, .form = WEIR_FLAT, .n = 1, .at.s = &image}, out;
    weir_sel sel = weir_sel_all(1);
    weir_reader in = weir_reader_of(image);
    bound.agg->init(&bound, state);
    bound.agg->init(&bound, again);
    bool ok = data[1] % 2 == 0 || bound.agg->load(&bound, heap, &in, state, &err);
    if (ok) {
        bound.agg->add_one(&bound, heap, state, &column, &sel, &scratch);
        for (int finalize = 0; finalize < 2; finalize++) {
            bound.agg->finish(&bound, heap, state, bound.state_size, 1, finalize, &scratch, &out);
        }
        size_t saved = bound.agg->save(&bound, heap, state, NULL);
        uint8_t *bytes = malloc(saved + 1);
        bound.agg->save(&bound, heap, state, bytes);
        in = (weir_reader){bytes, bytes + saved};
        if (!bound.agg->load(&bound, heap, &in, again, &err)) {
            abort();
        }
        bound.agg->merge(&bound, heap, again, heap, state);
        bound.agg->finish(&bound, heap, again, bound.state_size, 1, true, &scratch, &out);
        free(bytes);
    }
    weir_heap_free(heap);
    weir_scratch_done(&scratch);
    weir_arena_free(arena);
    return 0;
}
