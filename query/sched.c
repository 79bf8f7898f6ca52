/* query/sched.c - a lock around a short list of running jobs. A turn is about 2 ms, so the list is looked at 500 times a second and
 * worker: finding the least served job by walking it is cheaper than keeping it sorted. */
#include "query/sched.h"
#include "query/global_ids.h"
#include "weir/log.h"
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct weir_sched {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t wake;
    weir_job *first;
    bool ending;
    uint32_t asleep;
    uint64_t steps, busy_us;
    const weir_clock *clock;
    weir_global_ids *globals;
    uint32_t worker_count;
    pthread_t threads[];
};

/* The least served job with a ready lane, for its weight. */
static weir_job *choose(weir_sched *sched)
{
    weir_job *best = NULL;
    for (weir_job *job = sched->first; job; job = job->next) {
        if (job->ready && (!best || job->served_us < best->served_us)) {
            best = job;
        }
    }
    return best;
}

static void forget(weir_sched *sched, weir_job *job)
{
    assert(job->ready == 0 && job->running == 0);
    *(job->previous ? &job->previous->next : &sched->first) = job->next;
    if (job->next) {
        job->next->previous = job->previous;
    }
}

/* One turn of one lane; the lock is held on entry and exit. */
static void take_turn(weir_sched *sched, weir_job *job)
{
    uint32_t lane = (uint32_t)__builtin_ctzll(job->ready);
    uint64_t bit = 1ull << lane;
    job->ready &= ~bit;
    job->running |= bit;
    pthread_mutex_unlock(&sched->lock);
    int64_t begin = weir_monotonic_us(sched->clock);
    weir_step step = job->step(job, lane, begin + WEIR_STEP_US);
    int64_t took = weir_monotonic_us(sched->clock) - begin;
    pthread_mutex_lock(&sched->lock);
    sched->steps++;
    sched->busy_us += (uint64_t)took;
    job->served_us += ((double)took + 1) / job->weight;
    job->running &= ~bit;
    job->over = job->over || step == WEIR_STEP_ENDED;
    if (job->over) { /* lanes woken for something that is over may still be at work: the last one back ends the job */
        job->ready = job->again = 0;
        if (job->running == 0) {
            forget(sched, job);
            pthread_mutex_unlock(&sched->lock);
            job->ended(job);
            pthread_mutex_lock(&sched->lock);
        }
        return;
    }
    if (step == WEIR_STEP_MORE || (job->again & bit)) {
        job->ready |= bit;
    }
    job->again &= ~bit;
}

static void *work(void *argument)
{
    weir_sched *sched = argument;
    pthread_mutex_lock(&sched->lock);
    while (true) {
        weir_job *job = choose(sched);
        if (job) {
            take_turn(sched, job);
        } else if (sched->ending) {
            break;
        } else {
            sched->asleep++;
            pthread_cond_wait(&sched->wake, &sched->lock);
            sched->asleep--;
        }
    }
    pthread_mutex_unlock(&sched->lock);
    return NULL;
}

weir_sched *weir_sched_new(uint32_t worker_count, const weir_clock *clock)
{
    worker_count = worker_count < WEIR_LANES_MAX ? worker_count : WEIR_LANES_MAX;
    weir_sched *sched = weir_calloc(1, sizeof(*sched) + worker_count * sizeof(pthread_t));
    pthread_mutex_init(&sched->lock, NULL);
    pthread_cond_init(&sched->wake, NULL);
    sched->clock = clock;
    sched->globals = weir_global_ids_new();
    sched->worker_count = worker_count;
    for (uint32_t i = 0; i < worker_count; i++) {
        if (pthread_create(&sched->threads[i], NULL, work, sched) != 0) {
            weir_die("cannot start query worker %u", i);
        }
        char title[16];
        snprintf(title, sizeof(title), "query-%u", i % 1000);
        pthread_setname_np(sched->threads[i], title);
    }
    return sched;
}

/* Jobs must have ended: whoever started them cancels and waits first. */
void weir_sched_free(weir_sched *sched)
{
    pthread_mutex_lock(&sched->lock);
    assert(sched->first == NULL);
    sched->ending = true;
    pthread_cond_broadcast(&sched->wake);
    pthread_mutex_unlock(&sched->lock);
    for (uint32_t i = 0; i < sched->worker_count; i++) {
        pthread_join(sched->threads[i], NULL);
    }
    pthread_cond_destroy(&sched->wake);
    pthread_mutex_destroy(&sched->lock);
    weir_global_ids_free(sched->globals);
    free(sched);
}

uint32_t weir_sched_workers(const weir_sched *sched)
{
    return sched->worker_count;
}

struct weir_global_ids *weir_sched_globals(const weir_sched *sched)
{
    return sched->globals;
}

const weir_clock *weir_sched_clock(const weir_sched *sched)
{
    return sched->clock;
}

static void wake_for(weir_sched *sched, uint64_t mask)
{
    uint32_t lanes = (uint32_t)__builtin_popcountll(mask);
    for (uint32_t i = 0; i < lanes && i < sched->asleep; i++) {
        pthread_cond_signal(&sched->wake);
    }
}

void weir_sched_add(weir_sched *sched, weir_job *job, int32_t priority)
{
    double steps = priority < -100 ? -100 : priority > 100 ? 100 : priority;
    job->weight = exp2(steps / 10); /* ten steps of priority: twice the share */
    job->ready = 1;
    job->running = job->again = 0;
    job->over = false;
    job->previous = NULL;
    pthread_mutex_lock(&sched->lock);
    double least = 0;
    for (weir_job *other = sched->first; other; other = other->next) {
        least = other == sched->first || other->served_us < least ? other->served_us : least;
    }
    job->served_us = least; /* a new query starts where the least served one is */
    job->next = sched->first;
    if (job->next) {
        job->next->previous = job;
    }
    sched->first = job;
    wake_for(sched, 1);
    pthread_mutex_unlock(&sched->lock);
}

void weir_sched_ready(weir_sched *sched, weir_job *job, uint64_t mask)
{
    pthread_mutex_lock(&sched->lock);
    mask = job->over ? 0 : mask;
    job->again |= mask & job->running;
    uint64_t fresh = mask & ~job->running & ~job->ready;
    job->ready |= fresh;
    wake_for(sched, fresh);
    pthread_mutex_unlock(&sched->lock);
}

void weir_sched_stats_get(weir_sched *sched, weir_sched_stats *out)
{
    pthread_mutex_lock(&sched->lock);
    *out = (weir_sched_stats){.steps = sched->steps, .busy_us = sched->busy_us};
    for (weir_job *job = sched->first; job; job = job->next) {
        *(job->running ? &out->running : &out->waiting) += 1;
    }
    pthread_mutex_unlock(&sched->lock);
}
