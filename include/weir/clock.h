/* include/weir/clock.h - time and randomness behind a table, so that a simulation can own both.
 * Wall time is for labels and Druid's answers; safety never depends on it (PROTOCOL.md). */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H
#include <stdint.h>
#include <time.h>

typedef struct weir_clock {
    void *self;
    int64_t (*wall_ms)(void *self);     /* ms since 1970, UTC; may jump */
    int64_t (*monotonic_us)(void *self);
    uint64_t (*random)(void *self);     /* 64 random bits */
} weir_clock;

extern const weir_clock weir_clock_system; /* any thread; random from getrandom */

/* So many ms from now on CLOCK_REALTIME or CLOCK_MONOTONIC, for pthread_cond_timedwait. */
struct timespec weir_deadline(clockid_t clock, int64_t ms);

static inline int64_t weir_wall_ms(const weir_clock *clock)
{
    return clock->wall_ms(clock->self);
}
static inline int64_t weir_monotonic_us(const weir_clock *clock)
{
    return clock->monotonic_us(clock->self);
}
static inline uint64_t weir_random(const weir_clock *clock)
{
    return clock->random(clock->self);
}
#endif
