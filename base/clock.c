/* base/clock.c - the system's clock and randomness. */
#include "weir/clock.h"
#include "weir/log.h"
#include <sys/random.h>
#include <time.h>

static int64_t wall_ms(void *self)
{
    struct timespec now;
    (void)self;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t monotonic_us(void *self)
{
    struct timespec now;
    (void)self;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t random_bits(void *self)
{
    uint64_t bits;
    (void)self;
    if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits)) {
        weir_die("getrandom gave no bytes");
    }
    return bits;
}

const weir_clock weir_clock_system = {0, wall_ms, monotonic_us, random_bits};

struct timespec weir_deadline(clockid_t clock, int64_t ms)
{
    struct timespec until;
    clock_gettime(clock, &until);
    int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return until;
}
