/* compute/quantile_family.c - the table of the quantile sketches, and their summaries as
 * datasketches-java 4.2 prints them. */
#include "compute/quantile_family.h"
#include "compute/sketch_kll.h"
#include "compute/sketch_quantiles.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>

/* Digits in groups of three, as Java's %,d. */
static void put_grouped(weir_buf *out, uint64_t value)
{
    char digits[24];
    int size = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    for (int i = 0; i < size; i++) {
        weir_buf_byte(out, digits[i]);
        if (size - i - 1 > 0 && (size - i - 1) % 3 == 0) {
            weir_buf_byte(out, ',');
        }
    }
}

static void put_line(weir_buf *out, const char *label, uint64_t value)
{
    weir_buf_text(out, label);
    put_grouped(out, value);
    weir_buf_byte(out, '\n');
}

static void put_exponent(weir_buf *out, const char *label, double value)
{
    weir_buf_text(out, label);
    if (isnan(value) || isinf(value)) {
        weir_buf_printf(out, "%12s\n", isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    } else {
        weir_buf_printf(out, "%12.6e\n", value);
    }
}

static void put_bits(weir_buf *out, uint64_t bits)
{
    int top = bits ? 63 - __builtin_clzll(bits) : 0;
    for (int i = top; i >= 0; i--) {
        weir_buf_byte(out, bits >> i & 1 ? '1' : '0');
    }
    weir_buf_byte(out, '\n');
}

static uint64_t power_of_two(uint64_t least)
{
    uint64_t size = 1;
    while (size < least) {
        size *= 2;
    }
    return size;
}

static void describe_classic(const weir_heap *heap, const void *state, weir_buf *out)
{
    const weir_quantiles *q = state;
    uint64_t levels = q->n / (2ull * q->k), base = q->n % (2ull * q->k);
    uint32_t valid = (uint32_t)__builtin_popcountll(levels);
    uint32_t total = levels ? 64u - (uint32_t)__builtin_clzll(levels) : 0;
    uint64_t held = levels ? (2ull + total) * q->k : power_of_two(base > 4 ? base : 4);
    weir_buf_text(out, "\n### Quantiles HeapUpdateDoublesSketch SUMMARY: \n");
    weir_buf_printf(out, "   Empty                        : %s\n", q->n ? "false" : "true");
    weir_buf_text(out, "   Memory, Capacity bytes       : false, \n");
    weir_buf_printf(out, "   Estimation Mode              : %s\n", levels ? "true" : "false");
    put_line(out, "   K                            : ", q->k);
    put_line(out, "   N                            : ", q->n);
    weir_buf_printf(out, "   Levels (Needed, Total, Valid): %u, %u, %u\n", total, total, valid);
    weir_buf_text(out, "   Level Bit Pattern            : ");
    put_bits(out, levels);
    put_line(out, "   BaseBufferCount              : ", base);
    put_line(out, "   Combined Buffer Capacity     : ", held);
    put_line(out, "   Retained Items               : ", weir_quantiles_retained(q->k, q->n));
    put_line(out, "   Compact Storage Bytes        : ", weir_quantiles_save(heap, q, NULL));
    put_line(out, "   Updatable Storage Bytes      : ", q->n ? (4 + held) * sizeof(double) : 8);
    weir_buf_printf(out, "   Normalized Rank Error        : %.3f%%\n", 157.6 / pow(q->k, 0.9726));
    weir_buf_printf(out, "   Normalized Rank Error (PMF)  : %.3f%%\n", 185.4 / pow(q->k, 0.9657));
    put_exponent(out, "   Min Item                     : ", q->n ? q->min : (double)NAN);
    put_exponent(out, "   Max Item                     : ", q->n ? q->max : (double)NAN);
    weir_buf_text(out, "### END SKETCH SUMMARY\n");
}

static void put_java_number(weir_buf *out, const char *label, double value, bool is_float)
{
    weir_json json = {.out = out};
    weir_buf_text(out, label);
    if (isnan(value) || isinf(value)) {
        weir_buf_text(out, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    } else if (is_float) {
        weir_json_float(&json, (float)value);
    } else {
        weir_json_double(&json, value);
    }
    weir_buf_byte(out, '\n');
}

static void describe_kll(const weir_heap *heap, const void *state, weir_buf *out)
{
    const weir_kll *kll = state;
    size_t width = kll->floats ? sizeof(float) : sizeof(double);
    weir_buf_printf(out, "\n### Kll%sSketch Summary:\n", kll->floats ? "Floats" : "Doubles");
    weir_buf_printf(out, "   K                      : %u\n", kll->k);
    weir_buf_printf(out, "   Dynamic min K          : %u\n", kll->min_k);
    weir_buf_text(out, "   M                      : 8\n");
    weir_buf_printf(out, "   N                      : %llu\n", (unsigned long long)kll->n);
    weir_buf_printf(out, "   Epsilon                : %.3f%%\n", 229.6 / pow(kll->min_k, 0.9723));
    weir_buf_printf(out, "   Epsilon PMF            : %.3f%%\n", 244.6 / pow(kll->min_k, 0.9433));
    weir_buf_printf(out, "   Empty                  : %s\n", kll->n ? "false" : "true");
    weir_buf_printf(out, "   Estimation Mode        : %s\n", kll->levels > 1 ? "true" : "false");
    weir_buf_printf(out, "   Levels                 : %u\n", kll->levels);
    weir_buf_text(out, "   Level 0 Sorted         : false\n");
    weir_buf_printf(out, "   Capacity Items         : %u\n", kll->capacity);
    weir_buf_printf(out, "   Retained Items         : %u\n", kll->retained);
    weir_buf_printf(out, "   Empty/Garbage Items    : %u\n", kll->capacity - kll->retained);
    weir_buf_text(out, "   ReadOnly               : false\n");
    weir_buf_printf(out, "   Updatable Storage Bytes: %zu\n",
                    20 + (kll->levels + (size_t)1) * 4 + (kll->capacity + (size_t)2) * width);
    weir_buf_printf(out, "   Compact Storage Bytes  : %zu\n", weir_kll_save(heap, kll, NULL));
    put_java_number(out, "   Min Item               : ", kll->n ? kll->min : (double)NAN,
                    kll->floats);
    put_java_number(out, "   Max Item               : ", kll->n ? kll->max : (double)NAN,
                    kll->floats);
    weir_buf_text(out, "### End sketch summary\n");
}

/* What the table needs: sketches behind pointers to nothing in particular. */

static void init_classic(void *state, uint32_t k)
{
    *(weir_quantiles *)state = weir_quantiles_of(k);
}
static void add_classic(weir_heap *heap, void *state, double value)
{
    weir_quantiles_add(heap, state, value);
}
static void merge_classic(weir_heap *heap, void *into, const weir_heap *from_heap, const void *from)
{
    weir_quantiles_merge(heap, into, from_heap, from);
}
static bool merge_image_classic(weir_heap *heap, void *into, weir_str image)
{
    return weir_quantiles_merge_image(heap, into, image);
}
static size_t save_classic(const weir_heap *heap, const void *state, uint8_t *out)
{
    return weir_quantiles_save(heap, state, out);
}
static bool load_classic(weir_heap *heap, weir_str image, void *state)
{
    return weir_quantiles_load(heap, image, state);
}
static uint64_t count_classic(const void *state)
{
    return ((const weir_quantiles *)state)->n;
}
static void view_classic(const weir_heap *heap, const void *state, weir_scratch *s,
                         weir_sorted_view *out)
{
    weir_quantiles_view(heap, state, s, out);
}
static void drop_classic(weir_heap *heap, void *state)
{
    weir_heap_drop(heap, ((weir_quantiles *)state)->handle);
}

static void init_doubles(void *state, uint32_t k)
{
    *(weir_kll *)state = weir_kll_of(k, false);
}
static void init_floats(void *state, uint32_t k)
{
    *(weir_kll *)state = weir_kll_of(k, true);
}
static void add_kll(weir_heap *heap, void *state, double value)
{
    weir_kll_add(heap, state, value);
}
static void merge_kll(weir_heap *heap, void *into, const weir_heap *from_heap, const void *from)
{
    weir_kll_merge(heap, into, from_heap, from);
}
static bool merge_image_kll(weir_heap *heap, void *into, weir_str image)
{
    return weir_kll_merge_image(heap, into, image);
}
static size_t save_kll(const weir_heap *heap, const void *state, uint8_t *out)
{
    return weir_kll_save(heap, state, out);
}
static size_t save_one_double(uint32_t k, double value, uint8_t *out)
{
    return weir_kll_save_one(k, false, value, out);
}
static size_t save_one_float(uint32_t k, double value, uint8_t *out)
{
    return weir_kll_save_one(k, true, value, out);
}
static bool load_doubles(weir_heap *heap, weir_str image, void *state)
{
    return weir_kll_load(heap, image, false, state);
}
static bool load_floats(weir_heap *heap, weir_str image, void *state)
{
    return weir_kll_load(heap, image, true, state);
}
static uint64_t count_kll(const void *state)
{
    return ((const weir_kll *)state)->n;
}
static void view_kll(const weir_heap *heap, const void *state, weir_scratch *s,
                     weir_sorted_view *out)
{
    weir_kll_view(heap, state, s, out);
}
static void drop_kll(weir_heap *heap, void *state)
{
    weir_heap_drop(heap, ((weir_kll *)state)->handle);
}

static_assert(sizeof(weir_quantiles) % 8 == 0 && sizeof(weir_kll) % 8 == 0, "states are 8-aligned");
static_assert(sizeof(weir_quantiles) <= WEIR_QUANTILE_STATE_BYTES &&
                  sizeof(weir_kll) <= WEIR_QUANTILE_STATE_BYTES,
              "room for any state");

const weir_quantile_family weir_family_classic = {.complex = "quantilesDoublesSketch",
                                                  .k_rule = "a power of 2 from 2 to 32768",
                                                  .state_size = sizeof(weir_quantiles),
                                                  .one_bytes = WEIR_QUANTILES_ONE_BYTES,
                                                  .k_ok = weir_quantiles_k_ok,
                                                  .init = init_classic,
                                                  .add = add_classic,
                                                  .merge = merge_classic,
                                                  .merge_image = merge_image_classic,
                                                  .save = save_classic,
                                                  .save_one = weir_quantiles_save_one,
                                                  .load = load_classic,
                                                  .count = count_classic,
                                                  .view = view_classic,
                                                  .describe = describe_classic,
                                                  .drop = drop_classic};
#define KLL(name, is_float, suffix)                                                                \
    {                                                                                              \
        .complex = (name), .k_rule = "from 8 to 65535", .floats = (is_float),                      \
        .state_size = sizeof(weir_kll), .one_bytes = WEIR_KLL_ONE_BYTES, .k_ok = weir_kll_k_ok,    \
        .init = init_##suffix##s, .add = add_kll, .merge = merge_kll,                              \
        .merge_image = merge_image_kll, .save = save_kll, .save_one = save_one_##suffix,           \
        .load = load_##suffix##s, .count = count_kll, .view = view_kll, .describe = describe_kll,  \
        .drop = drop_kll,                                                                          \
    }
const weir_quantile_family weir_family_kll_doubles = KLL("KllDoublesSketch", false, double);
const weir_quantile_family weir_family_kll_floats = KLL("KllFloatsSketch", true, float);

const weir_quantile_family *weir_quantile_family_of(weir_type type)
{
    static const weir_quantile_family *const all[] = {
        &weir_family_classic, &weir_family_kll_doubles, &weir_family_kll_floats};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (type.kind == WEIR_COMPLEX && type.complex &&
            strcmp(type.complex->name, all[i]->complex) == 0) {
            return all[i];
        }
    }
    return NULL;
}
