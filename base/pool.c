/* base/pool.c - one queue, one lock; jobs are coarse (a step of a query, a hand-off), so the lock is cold. */
#include "weir/pool.h"
#include "weir/arena.h"
#include "weir/log.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct job {
    struct job *next;
    void (*run)(void *);
    void *argument;
} job;

struct weir_pool {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t wake;
    job *first, *last;
    bool ending;
    uint32_t thread_count;
    pthread_t threads[];
};

static job *take_job(weir_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->ending) {
        pthread_cond_wait(&pool->wake, &pool->lock);
    }
    job *j = pool->first;
    if (j) {
        pool->first = j->next;
        pool->last = pool->first ? pool->last : NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return j;
}

static void *work(void *argument)
{
    job *j;
    while ((j = take_job(argument))) {
        j->run(j->argument);
        free(j);
    }
    return NULL;
}

weir_pool *weir_pool_new(const char *name, uint32_t thread_count)
{
    weir_pool *pool = weir_calloc(1, sizeof(*pool) + thread_count * sizeof(pthread_t));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->thread_count = thread_count;
    for (uint32_t i = 0; i < thread_count; i++) {
        if (pthread_create(&pool->threads[i], NULL, work, pool) != 0) {
            weir_die("cannot start thread %u of pool %s", i, name);
        }
        char title[16];
        snprintf(title, sizeof(title), "%.11s-%u", name, i % 1000);
        pthread_setname_np(pool->threads[i], title);
    }
    return pool;
}

void weir_pool_submit(weir_pool *pool, void (*run)(void *), void *argument)
{
    job *j = weir_alloc(sizeof(*j));
    *j = (job){NULL, run, argument};
    pthread_mutex_lock(&pool->lock);
    *(pool->last ? &pool->last->next : &pool->first) = j;
    pool->last = j;
    pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

void weir_pool_free(weir_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

uint32_t weir_pool_size(const weir_pool *pool)
{
    return pool->thread_count;
}
