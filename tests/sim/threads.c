/* tests/sim/threads.c - the product's threads are fibers: calls of pthread and of the clock are
 * taken at the link (--wrap), so that code with threads runs here unchanged, on one thread and in
 * virtual time. A lock that is held makes others wait in virtual time; whoever gives one up may
 * lose its turn. Beside them: write(), for a disk that is full. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "world.h"

struct thread_end { /* what a pthread_t points to */
    bool done, detached;
    void *result;
};

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_clock_gettime(clockid_t clock, struct timespec *out);
ssize_t __real_write(int fd, const void *bytes, size_t size);
int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_detach(pthread_t thread);
int __wrap_pthread_setname_np(pthread_t thread, const char *name);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_setpriority(int which, id_t who, int priority);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

static int lock_waiters; /* of all locks; those of killed processes may stay in it */

static fiber *current(void)
{
    return the_world ? the_world->current : NULL;
}

static void run_thread(process *proc)
{
    fiber *f = proc->world->current;
    thread_end *end = f->end;
    void *result = f->thread(f->arg);
    if (end->detached) {
        free(end);
        return;
    }
    end->result = result;
    end->done = true;
    world_wake(proc->world, end);
}

int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    (void)attr;
    thread_end *end = calloc(1, sizeof(*end));
    *out = (pthread_t)(uintptr_t)end;
    if (!current()) {
        abort(); /* all that has threads runs in a fiber */
    }
    fiber *f = world_start_fiber(current()->proc, run_thread);
    f->thread = run;
    f->arg = arg;
    f->end = end;
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    thread_end *end = (thread_end *)(uintptr_t)thread;
    while (!end->done) {
        world_wait_on(the_world, end, -1);
    }
    if (result) {
        *result = end->result;
    }
    free(end);
    return 0;
}

int __wrap_pthread_detach(pthread_t thread)
{
    thread_end *end = (thread_end *)(uintptr_t)thread;
    end->detached = true;
    if (end->done) {
        free(end);
    }
    return 0;
}

int __wrap_pthread_setname_np(pthread_t thread, const char *name)
{
    (void)thread, (void)name;
    return 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    while (pthread_mutex_trylock(mutex) != 0) {
        if (!current()) {
            abort();
        }
        lock_waiters++;
        world_wait_on(the_world, mutex, -1);
        lock_waiters--;
    }
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    int result = __real_pthread_mutex_unlock(mutex);
    if (lock_waiters > 0 && current()) {
        world_wake(the_world, mutex);
    }
    return result;
}

/* Deadlines are of the wall's clock or of the monotonic one, which begins at 0 here. */
static int64_t deadline_us(const struct timespec *until)
{
    int64_t us = until->tv_sec * 1000000 + until->tv_nsec / 1000;
    return us > 1000000000000000 ? us - 1700000000000000 : us;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    __wrap_pthread_mutex_unlock(mutex);
    world_wait_on(the_world, cond, -1);
    return __wrap_pthread_mutex_lock(mutex);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    __wrap_pthread_mutex_unlock(mutex);
    bool woken = world_wait_on(the_world, cond, deadline_us(until));
    __wrap_pthread_mutex_lock(mutex);
    return woken ? 0 : ETIMEDOUT;
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    return __wrap_pthread_cond_broadcast(cond); /* a wake-up too many is allowed */
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    if (current()) {
        world_wake(the_world, cond);
    }
    return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)left;
    int64_t ms = time->tv_sec * 1000 + time->tv_nsec / 1000000;
    if (current()) {
        world_sleep(the_world, ms > 0 ? ms : 1);
    }
    return 0;
}

int __wrap_setpriority(int which, id_t who, int priority)
{
    (void)which, (void)who, (void)priority;
    return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    if (!the_world) {
        return __real_clock_gettime(clock, out);
    }
    bool dead = current() && current()->proc->dead;
    int64_t us = the_world->now_us + (dead ? the_world->dead_us : 0);
    us += clock == CLOCK_REALTIME ? 1700000000000000 : 0;
    *out = (struct timespec){us / 1000000, us % 1000000 * 1000};
    return 0;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    fiber *f = current();
    if (fd > STDERR_FILENO && f && f->proc->disk_full) {
        errno = ENOSPC;
        return -1;
    }
    return __real_write(fd, bytes, size);
}
