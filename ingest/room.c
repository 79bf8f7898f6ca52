/* ingest/room.c - see ingest/room.h. The shares are of the whole budget, so that rows have at least
 * 7/16 of it however many consumers there are: what is reserved alone never stops ingestion. */
#include "ingest/room.h"
#include <pthread.h>

#define WAITING_MAX (640u << 20)
#define PREFETCH_LEAST (1u << 20)
#define PROCESS_BYTES (24u << 20) /* code, stacks, buffers, what the allocator has to spare */

static size_t used_of(const weir_budget *budget)
{
    return atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
}

size_t weir_room_generation(const weir_budget *budget)
{
    return budget->limit_bytes / 8;
}

size_t weir_room_take_waiting(const weir_budget *budget, weir_budget *waiting)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&one_at_a_time);
    size_t all = budget->limit_bytes / 4, there = waiting ? used_of(waiting) : 0;
    size_t bytes = there < all ? (all - there) / 2 : 0;
    bytes = bytes > WAITING_MAX ? WAITING_MAX : bytes;
    if (waiting) {
        weir_budget_force(waiting, bytes);
    }
    pthread_mutex_unlock(&one_at_a_time);
    return bytes;
}

size_t weir_room_prefetch(const weir_budget *budget, size_t taken_bytes)
{
    return budget->limit_bytes == 0       ? 0
           : taken_bytes < PREFETCH_LEAST ? PREFETCH_LEAST
                                          : taken_bytes;
}

static size_t process_bytes(const weir_budget *budget)
{
    size_t share = budget->limit_bytes / 8;
    return share < PROCESS_BYTES ? share : PROCESS_BYTES;
}

/* Of the largest generation: its rows in order, keys to sort them by, a column of each kind. */
static size_t freezing_bytes(const weir_budget *budget)
{
    return weir_room_generation(budget) / 2 * 3;
}

bool weir_room_is_over(const weir_budget *budget)
{
    return budget->limit_bytes > 0 &&
           used_of(budget) + freezing_bytes(budget) + process_bytes(budget) >= budget->limit_bytes;
}

void weir_room_keep(const weir_budget *budget)
{
    size_t taken = used_of(budget) + process_bytes(budget), pooled = weir_page_pooled_bytes();
    if (budget->limit_bytes > 0 && pooled > 0 && taken + pooled > budget->limit_bytes) {
        weir_page_trim_to(taken < budget->limit_bytes ? budget->limit_bytes - taken : 0);
    }
}
