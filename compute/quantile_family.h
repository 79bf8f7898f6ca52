/* compute/quantile_family.h - the quantile sketches as aggregators and functions see them: one
 * entry each, so that both are written once. A state is the sketch's struct. */
#ifndef COMPUTE_QUANTILE_FAMILY_H
#define COMPUTE_QUANTILE_FAMILY_H
#include "compute/sketch_view.h"
#include "weir/buf.h"

typedef struct weir_quantile_family {
    const char *complex; /* type's name: "KllDoublesSketch" */
    const char *k_rule;  /* what k may be, for errors */
    bool floats;         /* values are floats */
    uint32_t state_size;
    size_t one_bytes; /* the most that save_one writes */
    bool (*k_ok)(int64_t k);
    void (*init)(void *state, uint32_t k);
    void (*add)(weir_heap *heap, void *state, double value);
    void (*merge)(weir_heap *heap, void *into, const weir_heap *from_heap, const void *from);
    bool (*merge_image)(weir_heap *heap, void *into, weir_str image);
    size_t (*save)(const weir_heap *heap, const void *state, uint8_t *out);
    size_t (*save_one)(uint32_t k, double value, uint8_t *out); /* NaN: of no value */
    bool (*load)(weir_heap *heap, weir_str image, void *state);
    uint64_t (*count)(const void *state);
    void (*view)(const weir_heap *heap, const void *state, weir_scratch *s,
                 weir_sorted_view *out);                                       /* count > 0 */
    void (*describe)(const weir_heap *heap, const void *state, weir_buf *out); /* Java's toString */
    void (*drop)(weir_heap *heap, void *state);
} weir_quantile_family;
#define WEIR_QUANTILE_STATE_BYTES 64u /* room for any of them */
extern const weir_quantile_family weir_family_classic, weir_family_kll_doubles,
    weir_family_kll_floats;
/* NULL: the type is none of a quantile sketch. */
const weir_quantile_family *weir_quantile_family_of(weir_type type);
#endif
