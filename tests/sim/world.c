/* tests/sim/world.c - the scheduler: fibers, virtual time, chance. */
#include "world.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
enum { STACK_BYTES = 1 << 20 };
#else
enum { STACK_BYTES = 256 << 10 };
#endif

uint64_t world_random(world *w)
{
    uint64_t z = w->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint32_t world_draw(world *w, uint32_t below)
{
    return (uint32_t)(world_random(w) >> 32) % below;
}

bool world_chance(world *w, uint32_t ppm)
{
    return ppm > 0 && world_draw(w, 1000000) < ppm;
}

void world_fail(world *w, const char *format, ...)
{
    va_list args;
    if (w->failed) {
        return; /* the first one says it */
    }
    w->failed = true;
    va_start(args, format);
    vsnprintf(w->failure, sizeof(w->failure), format, args);
    va_end(args);
    world_trace(w, "FAILED: %s", w->failure);
}

void world_trace(world *w, const char *format, ...)
{
    va_list args;
    if (!w->trace) {
        return;
    }
    printf("%10.3f %s ", (double)w->now_us / 1000, w->calm ? "calm " : "chaos");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* The two ends of a switch, told to AddressSanitizer. */
static void leave(void **fake, const void *stack, size_t size)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(fake, stack, size);
#else
    (void)fake, (void)stack, (void)size;
#endif
}

static void arrive(void *fake, const void **stack, size_t *size)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake, stack, size);
#else
    (void)fake, (void)stack, (void)size;
#endif
}

static void to_main(fiber *f, bool for_ever)
{
    world *w = f->proc->world;
    leave(for_ever ? NULL : &f->fake_stack, w->main_stack, w->main_stack_size);
    swapcontext(&f->context, &w->main);
    arrive(f->fake_stack, &w->main_stack, &w->main_stack_size);
}

static void fiber_main(unsigned low, unsigned high)
{
    fiber *f = (fiber *)(uintptr_t)((uint64_t)high << 32 | low);
    arrive(NULL, &f->proc->world->main_stack, &f->proc->world->main_stack_size);
    f->run(f->proc);
    f->done = true;
    to_main(f, true);
    abort(); /* nobody resumes what is done */
}

static void make_context(fiber *f)
{
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    uint64_t at = (uint64_t)(uintptr_t)f;
    makecontext(&f->context, (void (*)(void))(void *)fiber_main, 2, (unsigned)at,
                (unsigned)(at >> 32));
}

fiber *world_start_fiber(process *proc, void (*run)(process *proc))
{
    world *w = proc->world;
    fiber *f = w->fibers;
    while (f < w->fibers + FIBERS && f->used) {
        f++;
    }
    if (f == w->fibers + FIBERS) {
        fprintf(stderr, "seed %lu: out of fibers\n", w->seed);
        abort();
    }
    w->fiber_top = f - w->fibers >= w->fiber_top ? (uint32_t)(f - w->fibers) + 1 : w->fiber_top;
    char *stack = f->stack ? f->stack : malloc(STACK_BYTES);
    *f = (fiber){.stack = stack, .run = run, .proc = proc, .used = true, .wake_us = w->now_us};
    make_context(f);
    proc->fibers++;
    return f;
}

void world_resume(world *w, fiber *f)
{
    w->current = f;
    leave(&w->main_fake_stack, f->stack, STACK_BYTES);
    swapcontext(&w->main, &f->context);
    arrive(w->main_fake_stack, NULL, NULL);
    w->current = NULL;
    if (f->done) {
        f->used = false;
        f->proc->fibers--;
    }
}

void world_yield(world *w)
{
    to_main(w->current, false);
}

void world_sleep(world *w, int64_t ms)
{
    w->current->wake_us = w->current->proc->dead ? 0 : w->now_us + ms * 1000;
    w->dead_us += w->current->proc->dead ? ms * 1000 : 0; /* what waits by the clock ends */
    world_yield(w);
}

bool world_wait_on(world *w, const void *place, int64_t until_us)
{
    fiber *f = w->current;
    if (f->proc->dead) {
        f->wake_us = 0;
        w->dead_us += 100000;
    } else {
        f->wake_us = until_us < 0 ? INT64_MAX : until_us;
        f->waits_on = place;
    }
    world_yield(w);
    bool woken = !f->proc->dead && f->waits_on == NULL;
    f->waits_on = NULL;
    return woken;
}

void world_wake(world *w, const void *place)
{
    for (fiber *f = w->fibers; f < w->fibers + w->fiber_top; f++) {
        if (f->waits_on == place && f->used) {
            f->waits_on = NULL;
            f->wake_us = w->now_us;
        }
    }
}
