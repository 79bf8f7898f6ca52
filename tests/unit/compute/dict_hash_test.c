/* tests/unit/compute/dict_hash_test.c - hashes of dictionary ids agree with hashing each text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include "compute/dict_hash.h"
#include "unit/compute/vec_helper.h"
#include "weir/hash.h"

static uint64_t hash(weir_str text)
{
    return weir_hash_bytes(text.at, text.size);
}

static void hash_all(const void *self, const weir_str *texts, uint32_t n, weir_scratch *s,
                     uint64_t *out)
{
    (void)self, (void)s;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = hash(texts[i]);
    }
}

static void every_row_has_the_hash_of_its_text(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 300, 70000,
                                     300000}; /* fewer and more than are swept at once */
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        weir_arena *arena = weir_arena_new();
        weir_heap *heap = weir_heap_new(NULL);
        weir_scratch scratch = {0};
        test_random r = {k + 1};
        weir_str *texts = WEIR_ARENA_ARRAY(arena, weir_str, sizes[k]);
        for (uint32_t i = 0; i < sizes[k]; i++) {
            char text[16];
            snprintf(text, sizeof(text), "%06x", i);
            texts[i] = weir_arena_str(arena, weir_str_of(text));
        }
        weir_vec vec = {.type = WEIR_TYPE(WEIR_STRING),
                        .form = WEIR_DICT,
                        .dict = test_dict_new(arena, texts, sizes[k])};
        for (uint32_t block = 0; block < 12; block++) {
            uint32_t ids[4096];
            uint64_t hashes[4096];
            vec.n = block % 2 ? 4096 : test_below(&r, 300);
            for (uint32_t i = 0; i < vec.n; i++) {
                ids[i] = test_below(&r, block % 3 ? sizes[k] + 1 : sizes[k] / 10 + 1);
            }
            vec.at.ids = ids;
            weir_dict_hashes(&vec, &(weir_text_hash){hash_all, NULL, 1}, block == 5 ? NULL : heap,
                             &scratch, hashes);
            for (uint32_t i = 0; i < vec.n; i++) {
                assert_int_equal(hashes[i], ids[i] ? hash(texts[ids[i] - 1]) : 0);
            }
            weir_scratch_rewind(&scratch, (weir_mark){0});
        }
        weir_scratch_done(&scratch);
        weir_heap_free(heap);
        weir_arena_free(arena);
    }
}

static uint64_t hashed;

static void count_all(const void *self, const weir_str *texts, uint32_t n, weir_scratch *s,
                      uint64_t *out)
{
    hashed += n;
    hash_all(self, texts, n, s, out);
}

/* As many dictionaries as a heap keeps things for are hashed about once, not once a block. */
static void several_dictionaries_are_kept_side_by_side(void **state)
{
    (void)state;
    enum { DICTS = WEIR_HEAP_KEPT, TEXTS = 100000, BLOCKS = 60 };
    weir_arena *arena = weir_arena_new();
    weir_heap *heap = weir_heap_new(NULL);
    weir_scratch scratch = {0};
    test_random r = {1};
    weir_str *texts = WEIR_ARENA_ARRAY(arena, weir_str, TEXTS);
    for (uint32_t i = 0; i < TEXTS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%06x", i);
        texts[i] = weir_arena_str(arena, weir_str_of(text));
    }
    const weir_dict *dicts[DICTS];
    for (uint32_t d = 0; d < DICTS; d++) {
        weir_dict *dict = (weir_dict *)(uintptr_t)test_dict_new(arena, texts, TEXTS);
        dict->uid = d + 1;
        dicts[d] = dict;
    }
    for (uint32_t block = 0; block < BLOCKS * DICTS; block++) {
        uint32_t ids[4096];
        uint64_t hashes[4096];
        for (uint32_t i = 0; i < 4096; i++) {
            ids[i] = 1 + test_below(&r, TEXTS);
        }
        weir_vec vec = {.type = WEIR_TYPE(WEIR_STRING),
                        .form = WEIR_DICT,
                        .n = 4096,
                        .dict = dicts[block % DICTS],
                        .at.ids = ids};
        weir_dict_hashes(&vec, &(weir_text_hash){count_all, NULL, 1}, heap, &scratch, hashes);
        weir_scratch_rewind(&scratch, (weir_mark){0});
    }
    assert_true(hashed < 2u * DICTS * TEXTS);
    weir_scratch_done(&scratch);
    weir_heap_free(heap);
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_the_hash_of_its_text),
        cmocka_unit_test(several_dictionaries_are_kept_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
