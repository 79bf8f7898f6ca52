/* tests/unit/segments/postings_test.c - postings against a scan of the plain ids. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include "segments/postings.h"

static uint64_t seed = 1;
static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % n);
}

static void to_bits(const weir_posting *p, uint64_t *bits)
{
    memset(bits, 0, 8192);
    const uint8_t *at = p->at;
    uint16_t pair[2];
    if (p->kind == WEIR_POSTING_BITSET) {
        memcpy(bits, at, 8192);
        return;
    }
    for (uint32_t i = 0; i < (p->kind == WEIR_POSTING_RUNS ? p->runs : p->count); i++) {
        if (p->kind == WEIR_POSTING_ARRAY) {
            memcpy(pair, at + 2 * i, 2);
            pair[1] = 0;
        } else {
            memcpy(pair, at + 4 * i, 4);
        }
        for (uint32_t row = pair[0]; row <= (uint32_t)pair[0] + pair[1]; row++) {
            assert_false(weir_bit(bits, row));
            weir_bit_set(bits, row);
        }
    }
}

typedef struct column {
    uint32_t row_count;
    uint32_t *ids, *offsets;
    uint64_t *nulls;
} column;

static bool row_has(const column *c, uint32_t row, uint32_t id)
{
    if (c->offsets == NULL) {
        return c->ids[row] == id;
    }
    if (c->offsets[row] == c->offsets[row + 1] || (c->nulls && weir_bit(c->nulls, row))) {
        return id == 0;
    }
    for (uint32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        if (c->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static uint32_t check(const column *c, uint32_t id_limit, const uint32_t *probes,
                      uint32_t probe_count)
{
    weir_buf buf = {0};
    weir_postings p;
    uint32_t kinds = 0;
    weir_postings_build(c->ids, c->offsets, c->nulls, c->row_count, &buf);
    assert_true(weir_postings_open(weir_buf_view(&buf), c->row_count, &p));
    assert_int_equal(p.size, buf.size);
    assert_true(weir_postings_check(&p, id_limit));
    for (uint32_t i = 0; i < probe_count; i++) {
        uint64_t bits[1024];
        weir_posting posting;
        uint32_t count = 0;
        weir_postings_find(&p, probes[i], &posting);
        if (posting.count == 0) {
            memset(bits, 0, sizeof(bits));
        } else {
            to_bits(&posting, bits);
            kinds |= 1u << posting.kind;
        }
        for (uint32_t row = 0; row < c->row_count; row++) {
            bool want = row_has(c, row, probes[i]);
            assert_int_equal(weir_bit(bits, row), want);
            count += want;
        }
        assert_int_equal(posting.count, count);
    }
    for (size_t cut = 0; cut < buf.size; cut += 1 + cut / 5) {
        weir_postings other;
        assert_false(weir_postings_open((weir_str){buf.at, cut}, c->row_count, &other) &&
                     weir_postings_check(&other, id_limit));
    }
    weir_buf_done(&buf);
    return kinds;
}

static void single_values_are_found_as_arrays_bitsets_and_runs(void **state)
{
    (void)state;
    seed = 5;
    static const uint32_t sizes[] = {1, 64, 1000, 65535, 65536},
                          cardinalities[] = {1, 2, 7, 300, 20000, 3000000};
    uint32_t *ids = malloc(65536 * sizeof(*ids)), kinds = 0;
    for (uint32_t k = 0; k < 5; k++) {
        for (uint32_t j = 0; j < 6; j++) {
            uint32_t n = sizes[k], probes[24], value = below(cardinalities[j]);
            for (uint32_t i = 0; i < n; i++) {
                ids[i] = (k + j) % 3 && below(30) ? value
                                                  : below(cardinalities[j]); /* clustered, or not */
                value = ids[i];
            }
            for (uint32_t i = 0; i < 24; i++) {
                probes[i] = i < 4 ? i : i % 2 ? ids[below(n)] : below(cardinalities[j] + 3);
            }
            kinds |= check(&(column){.row_count = n, .ids = ids}, cardinalities[j], probes, 24);
        }
    }
    assert_int_equal(kinds, 7);
    free(ids);
}

static void lists_count_once_a_row_and_null_and_empty_rows_are_id_0(void **state)
{
    (void)state;
    seed = 6;
    static const uint32_t sizes[] = {1, 70, 5000, 65536};
    uint32_t *ids = malloc(65536 * 4 * sizeof(*ids)), *offsets = malloc(65537 * sizeof(*offsets));
    uint64_t nulls[1024];
    for (uint32_t k = 0; k < 8; k++) {
        uint32_t n = sizes[k % 4], cardinality = k < 4 ? 5 : 3000, at = 7,
                 probes[12]; /* a list may begin anywhere */
        memset(nulls, 0, sizeof(nulls));
        for (uint32_t row = 0; row < n; row++) {
            offsets[row] = at;
            uint32_t count = below(4);
            for (uint32_t i = 0; i < count; i++) {
                ids[at++] = below(cardinality);
            }
            if (below(9) == 0) {
                weir_bit_set(nulls, row);
            }
        }
        offsets[n] = at;
        for (uint32_t i = 0; i < 12; i++) {
            probes[i] = i < 6 ? i : below(cardinality);
        }
        check(
            &(column){
                .row_count = n, .ids = ids, .offsets = offsets, .nulls = k % 2 ? nulls : NULL},
            cardinality, probes, 12);
    }
    free(ids);
    free(offsets);
}

static void flipped_bytes_are_refused_or_stay_inside(void **state)
{
    (void)state;
    seed = 7;
    uint32_t ids[9000];
    for (uint32_t i = 0; i < 9000; i++) {
        ids[i] = i < 3000 ? 7 : below(3) ? 5 : 8 + below(200); /* runs, a bitset, arrays */
    }
    weir_buf buf = {0};
    weir_postings_build(ids, NULL, NULL, 9000, &buf);
    for (uint32_t turn = 0; turn < 3000; turn++) {
        char *copy = malloc(buf.size);
        memcpy(copy, buf.at, buf.size);
        copy[turn < 2100 ? turn % buf.size : below((uint32_t)buf.size)] ^= (char)(1 << below(8));
        weir_postings p;
        if (weir_postings_open((weir_str){copy, buf.size}, 9000, &p) &&
            weir_postings_check(&p, 300)) {
            for (uint32_t i = 0; i < p.id_count; i++) {
                uint64_t bits[1024];
                weir_posting posting;
                assert_true(weir_postings_at(&p, i, &posting) < 300);
                to_bits(&posting, bits);
            }
        }
        free(copy);
    }
    weir_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_values_are_found_as_arrays_bitsets_and_runs),
        cmocka_unit_test(lists_count_once_a_row_and_null_and_empty_rows_are_id_0),
        cmocka_unit_test(flipped_bytes_are_refused_or_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
