/* base/uid.c - one counter for the whole process, so that a number names one thing whoever made it. */
#include "weir/uid.h"
#include <stdatomic.h>

uint64_t weir_uid_next(void)
{
    static _Atomic uint64_t last;
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}
