/* include/weir/pool.h - a fixed set of threads that take jobs from one queue, oldest first. */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H
#include <stdbool.h>
#include <stdint.h>

typedef struct weir_pool weir_pool;

/* `name` shows in top -H. */
weir_pool *weir_pool_new(const char *name, uint32_t thread_count);
void weir_pool_submit(weir_pool *pool, void (*run)(void *), void *argument); /* any thread */
/* Waits for the running jobs, runs what is queued, ends the threads. */
void weir_pool_free(weir_pool *pool);
uint32_t weir_pool_size(const weir_pool *pool);
#endif
