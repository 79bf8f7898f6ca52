/* tests/unit/compute/agg_hll_sketch_test.c - HLLSketchBuild over vectors of every form and
 * HLLSketchMerge over what it stored: the registers are those of a sketch that was told each value
 * by itself. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include "compute/agg.h"
#include "compute/sketch_hll.h"
#include "compute/utf.h"
#include "weir/base64.h"
#include "unit/compute/vec_helper.h"

#define LG_K 5u
#define GROUPS 3u

typedef struct fixture {
    weir_arena *arena;
    weir_scratch scratch;
    weir_heap *heap, *other;
    weir_agg_spec spec;
    weir_agg_bound bound;
} fixture;

static bool try_begin(fixture *f, const char *text, weir_type type, weir_error *err)
{
    *f = (fixture){
        .arena = weir_arena_new(), .heap = weir_heap_new(NULL), .other = weir_heap_new(NULL)};
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    bool ok = weir_agg_spec_parse(json, "", f->arena, &f->spec, err) &&
              weir_agg_bind(&f->spec, &type, f->arena, &f->bound, err);
    json_decref(json);
    return ok;
}

static void begin(fixture *f, const char *text, weir_type type)
{
    weir_error err = {0};
    if (!try_begin(f, text, type, &err)) {
        fail_msg("%s: %s", text, err.message);
    }
}

static void end(fixture *f)
{
    weir_heap_free(f->heap);
    weir_heap_free(f->other);
    weir_scratch_done(&f->scratch);
    weir_arena_free(f->arena);
}

/* ---- the slow twin */

static void tell(weir_heap *heap, weir_hllsketch *s, const weir_value *value, bool utf8)
{
    uint8_t bytes[400];
    size_t size = 8;
    if (value->type.kind == WEIR_STRING) {
        size = utf8 ? value->as.s.size : weir_utf_to_utf16(value->as.s, bytes);
        if (utf8) {
            memcpy(bytes, value->as.s.at, size);
        }
    } else {
        double number = value->as.d == 0 ? 0 : value->as.d;
        memcpy(bytes,
               value->type.kind == WEIR_LONG ? (const void *)&value->as.l : (const void *)&number,
               8);
    }
    if (size > 0) {
        weir_hllsketch_add(
            heap, s, weir_hllsketch_coupon(weir_murmur3_seeded(bytes, size, WEIR_HLLSKETCH_SEED)));
    }
}

static void tell_row(fixture *f, weir_hllsketch *s, const weir_vec *vec, uint32_t i, bool utf8)
{
    weir_value value;
    assert_true(weir_vec_value(vec, i, f->arena, &value, NULL));
    if (value.is_null) {
        return;
    }
    if (value.type.kind != WEIR_ARRAY && !vec->items) {
        tell(f->other, s, &value, utf8);
        return;
    }
    for (uint32_t k = 0; k < value.as.array.count; k++) {
        if (!value.as.array.at[k].is_null) {
            tell(f->other, s, &value.as.array.at[k], utf8);
        }
    }
}

/* The same coupons or registers, in whatever order they came. */
static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void assert_same(fixture *f, const weir_heap *ha, const weir_hllsketch *a,
                        const weir_heap *hb, const weir_hllsketch *b)
{
    weir_hllsketch_view x = weir_hllsketch_of(ha, a), y = weir_hllsketch_of(hb, b);
    assert_int_equal(x.registers, y.registers);
    if (x.registers) {
        assert_memory_equal(x.at, y.at, 1u << LG_K);
        return;
    }
    assert_int_equal(x.count, y.count);
    uint32_t *left = WEIR_ARENA_ARRAY(f->arena, uint32_t, x.slots + 1),
             *right = WEIR_ARENA_ARRAY(f->arena, uint32_t, y.slots + 1);
    memcpy(left, x.at, x.slots * 4);
    memcpy(right, y.at, y.slots * 4);
    qsort(left, x.slots, 4, by_number);
    qsort(right, y.slots, 4, by_number);
    assert_memory_equal(left + x.slots - x.count, right + y.slots - y.count, x.count * 4);
}

static weir_sel some_rows(fixture *f, test_random *r, uint32_t n)
{
    uint32_t kind = test_below(r, 4), count = 0;
    uint16_t *rows = WEIR_ARENA_ARRAY(f->arena, uint16_t, n + 1);
    uint32_t each = kind == 1 ? 10 : 2;
    for (uint32_t i = 0; i < n; i++) {
        if (test_below(r, each) == 0) {
            rows[count++] = (uint16_t)i;
        }
    }
    return kind == 0 || count == 0
               ? weir_sel_all(n)
               : (weir_sel){.kind = WEIR_SEL_LIST, .n = n, .count = count, .rows = rows};
}

static void save_and_load(fixture *f, void *state)
{
    size_t size = f->bound.agg->save(&f->bound, f->heap, state, NULL);
    uint8_t *bytes = malloc(size);
    assert_int_equal(f->bound.agg->save(&f->bound, f->heap, state, bytes), size);
    weir_reader in = {bytes, bytes + size};
    assert_true(f->bound.agg->load(&f->bound, f->heap, &in, state, NULL));
    assert_true(in.at == in.end);
    for (size_t cut = 0; cut < size; cut += 1 + size / 20) {
        weir_hllsketch ignored;
        weir_error err;
        in = (weir_reader){bytes, bytes + cut};
        assert_false(f->bound.agg->load(&f->bound, f->heap, &in, &ignored, &err));
    }
    free(bytes);
}

static void check_form(test_random *r, test_vec_kind kind, bool utf8)
{
    fixture f;
    uint32_t n = 1 + test_below(r, 200);
    weir_arena *arena = weir_arena_new();
    weir_vec vec = test_vec(arena, r, kind, n), args[1];
    char text[200];
    weir_error err;
    snprintf(text, sizeof(text),
             "{\"type\":\"HLLSketchBuild\",\"name\":\"x\",\"fieldName\":\"c\",\"lgK\":%u,"
             "\"stringEncoding\":\"%s\"}",
             LG_K, utf8 ? "utf8" : "utf16le");
    begin(&f, text, vec.type);
    assert_true(weir_agg_args(&f.bound, &vec, &f.scratch, args, &err));
    weir_hllsketch states[GROUPS + 1], twins[GROUPS + 1];
    for (uint32_t g = 0; g <= GROUPS; g++) {
        f.bound.agg->init(&f.bound, &states[g]);
        twins[g] = (weir_hllsketch){.lg_k = LG_K};
    }
    weir_sel sel = some_rows(&f, r, n);
    f.bound.agg->add_one(&f.bound, f.heap, &states[GROUPS], args, &sel, &f.scratch);
    const uint16_t *rows = weir_sel_rows(&sel, &f.scratch);
    for (uint32_t i = 0; i < sel.count; i++) {
        tell_row(&f, &twins[GROUPS], &vec, rows[i], utf8);
    }
    uint32_t *groups = WEIR_ARENA_ARRAY(f.arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        groups[i] = test_below(r, GROUPS + 1) == GROUPS ? WEIR_NO_ID : test_below(r, GROUPS);
        if (groups[i] != WEIR_NO_ID) {
            tell_row(&f, &twins[groups[i]], &vec, i, utf8);
        }
    }
    f.bound.agg->add_many(&f.bound, f.heap, states, sizeof(states[0]), groups, args, n, &f.scratch);
    for (uint32_t g = 0; g <= GROUPS; g++) {
        assert_same(&f, f.heap, &states[g], f.other, &twins[g]);
    }
    f.bound.agg->merge(&f.bound, f.heap, &states[0], f.heap, &states[1]);
    f.bound.agg->merge(&f.bound, f.heap, &states[0], f.heap, &states[GROUPS]);
    weir_hllsketch_view views[] = {weir_hllsketch_of(f.other, &twins[1]),
                                   weir_hllsketch_of(f.other, &twins[GROUPS])};
    weir_hllsketch_union(f.other, &twins[0], LG_K, &views[0]);
    weir_hllsketch_union(f.other, &twins[0], LG_K, &views[1]);
    save_and_load(&f, &states[0]);
    assert_same(&f, f.heap, &states[0], f.other, &twins[0]);
    end(&f);
    weir_arena_free(arena);
}

static void build_counts_the_values_of_every_form(void **state)
{
    (void)state;
    test_random r = {77};
    for (int round = 0; round < 40; round++) {
        for (unsigned kind = 0; kind < TEST_VECS; kind++) {
            if (kind != TEST_LIST_LONG) { /* arrays are refused */
                check_form(&r, (test_vec_kind)kind, round % 2);
            }
        }
    }
}

/* Rows of a metric, merged, are the sketch of all values; base64 of an event is read as the image
 * is. */
static void merging_stored_rows_is_building_of_all(void **state)
{
    (void)state;
    test_random r = {5};
    static const test_vec_kind kinds[] = {TEST_LONG_NULLS, TEST_STRING_NULLS, TEST_LIST_STRING,
                                          TEST_DICT, TEST_FLOAT_NULLS};
    for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
        fixture build, merge;
        weir_arena *arena = weir_arena_new();
        weir_vec vec = test_vec(arena, &r, kinds[k], 150), images, back;
        weir_error err = {0};
        begin(&build,
              "{\"type\":\"HLLSketchBuild\",\"name\":\"x\",\"fieldName\":\"c\",\"lgK\":5,"
              "\"tgtHllType\":\"HLL_6\"}",
              vec.type);
        assert_true(build.bound.agg->row(&build.bound, &vec, vec.n, &build.scratch, &images, &err));
        assert_string_equal(images.type.complex->name, "HLLSketch");
        weir_agg_spec combining;
        assert_true(weir_agg_combining(&build.spec, build.arena, &combining, &err));
        assert_string_equal(combining.agg->type, "HLLSketchMerge");
        assert_non_null(strstr(combining.json.at, "\"lgK\":5,\"tgtHllType\":\"HLL_6\""));
        begin(&merge, "{\"type\":\"HLLSketchMerge\",\"name\":\"x\",\"fieldName\":\"x\",\"lgK\":5}",
              images.type);
        weir_str *texts = WEIR_ARENA_ARRAY(arena, weir_str, vec.n);
        for (uint32_t i = 0; i < vec.n; i++) {
            char *at = weir_arena_alloc(arena, images.at.s[i].size * 2 + 4);
            texts[i] = (weir_str){at, weir_base64_encode(images.at.s[i], at)};
        }
        texts[0] = WEIR_STR("no sketch");
        weir_vec events = {
            .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = vec.n, .at.s = texts};
        assert_true(
            merge.bound.agg->row(&merge.bound, &events, vec.n, &merge.scratch, &back, &err));
        weir_hllsketch states[2], twin = {.lg_k = LG_K};
        for (uint32_t s = 0; s < 2; s++) {
            merge.bound.agg->init(&merge.bound, &states[s]);
        }
        weir_sel all = weir_sel_all(vec.n);
        merge.bound.agg->add_one(&merge.bound, merge.heap, &states[0], &images, &all,
                                 &merge.scratch);
        merge.bound.agg->add_one(&merge.bound, merge.heap, &states[1], &back, &all, &merge.scratch);
        for (uint32_t i = 1; i < vec.n; i++) {
            tell_row(&merge, &twin, &vec, i, false);
        }
        assert_same(&merge, merge.heap, &states[1], merge.other, &twin);
        tell_row(&merge, &twin, &vec, 0, false);
        assert_same(&merge, merge.heap, &states[0], merge.other, &twin);
        end(&build);
        end(&merge);
        weir_arena_free(arena);
    }
}

static void refusals_name_what_is_wrong(void **state)
{
    (void)state;
    weir_type sketch = {.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("HLLSketch"))},
              json = {.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("json"))};
    const struct {
        const char *text, *says;
        weir_type type;
    } rows[] = {
        {"{\"type\":\"HLLSketchBuild\",\"name\":\"x\",\"fieldName\":\"c\",\"lgK\":22}",
         "lgK must be between 4 and 21, inclusive: 22", WEIR_TYPE(WEIR_LONG)},
        {"{\"type\":\"HLLSketchMerge\",\"name\":\"x\",\"fieldName\":\"c\",\"tgtHllType\":\"HLL_"
         "5\"}",
         "tgtHllType must be HLL_4, HLL_6 or HLL_8, not 'HLL_5'", sketch},
        {"{\"type\":\"HLLSketchBuild\",\"name\":\"x\",\"fieldName\":\"c\",\"stringEncoding\":"
         "\"latin1\"}",
         "stringEncoding must be", WEIR_TYPE(WEIR_STRING)},
        {"{\"type\":\"HLLSketchBuild\",\"name\":\"x\",\"fieldName\":\"c\"}",
         "HLLSketchBuild does not read COMPLEX<HLLSketch>", sketch},
        {"{\"type\":\"HLLSketchMerge\",\"name\":\"x\",\"fieldName\":\"c\"}",
         "HLLSketchMerge does not read COMPLEX<json>", json},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fixture f;
        weir_error err = {0};
        assert_false(try_begin(&f, rows[i].text, rows[i].type, &err));
        assert_non_null(strstr(err.message, rows[i].says));
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(build_counts_the_values_of_every_form),
        cmocka_unit_test(merging_stored_rows_is_building_of_all),
        cmocka_unit_test(refusals_name_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
