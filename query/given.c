/* query/given.c - inline rows and lookups as tables in memory: appended by blocks, so that strings
 * are interned and the budget is asked. */
#include "query/given.h"

static bool load_inline(const weir_given *given, weir_table_rows *table, weir_ctl *ctl,
                        weir_scratch *s, weir_error *err)
{
    weir_vec *part = WEIR_SCRATCH_ARRAY(s, weir_vec, given->column_count + 1);
    weir_mark mark = weir_scratch_mark(s);
    bool ok = true;
    for (uint32_t from = 0; ok && from < given->row_count; from += WEIR_BLOCK_ROWS) {
        uint32_t left = given->row_count - from,
                 n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        for (uint32_t c = 0; c < given->column_count; c++) {
            weir_vec_slice(&given->columns[c], from, n, s, &part[c]);
        }
        ok = weir_ctl_check(ctl, err) && weir_table_rows_append(table, part, n, s, err);
        weir_scratch_rewind(s, mark);
    }
    return ok;
}

static bool load_lookup(const weir_lookup *lookup, weir_table_rows *table, weir_ctl *ctl,
                        weir_scratch *s, weir_error *err)
{
    uint32_t count = weir_lookup_count(lookup);
    weir_str *keys = WEIR_SCRATCH_ARRAY(s, weir_str, WEIR_BLOCK_ROWS);
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, WEIR_BLOCK_ROWS);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(WEIR_BLOCK_ROWS));
    bool ok = true;
    for (uint32_t from = 0; ok && from < count; from += WEIR_BLOCK_ROWS) {
        uint32_t n = count - from < WEIR_BLOCK_ROWS ? count - from : WEIR_BLOCK_ROWS;
        memset(nulls, 0, weir_words(n) * sizeof(*nulls));
        for (uint32_t i = 0; i < n; i++) {
            weir_lookup_at(lookup, from + i, &keys[i], &values[i]);
            if (!values[i].at) {
                weir_bit_set(nulls, i);
            }
        }
        weir_vec columns[] = {
            {.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = n, .at.s = keys},
            {.type = WEIR_TYPE(WEIR_STRING),
             .form = WEIR_FLAT,
             .n = n,
             .nulls = nulls,
             .at.s = values},
        };
        ok = weir_ctl_check(ctl, err) && weir_table_rows_append(table, columns, n, s, err);
    }
    return ok;
}

bool weir_given_load(const weir_given *given, weir_ctl *ctl, weir_scratch *s, weir_table_rows **out,
                     weir_error *err)
{
    weir_table_rows *table =
        weir_table_rows_new(&ctl->budget, given->column_count, given->names, given->types);
    weir_mark mark = weir_scratch_mark(s);
    bool ok = given->lookup ? load_lookup(given->lookup, table, ctl, s, err)
                            : load_inline(given, table, ctl, s, err);
    weir_scratch_rewind(s, mark);
    if (!ok) {
        weir_table_rows_free(table);
        return false;
    }
    *out = table;
    return true;
}
