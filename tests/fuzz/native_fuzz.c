/* Native queries: whatever the bytes, parsing ends, and what was taken can be bound, printed and judged. */
#include "query/native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    weir_native_query *query = weir_native_parse(arena, (weir_str){(const char *)data, size}, &err);
    if (query && weir_native_bind(query, NULL, 0, &err) && query->plan) {
        weir_buf text = {0};
        weir_plan_print(query->plan, &text);
        weir_buf_done(&text);
    }
    weir_arena_free(arena);
    return 0;
}
