/* ingest/duty_collect.c - the collection of garbage: segments/collect.c as a duty. The counters say
 * how many objects were deleted and their bytes. */
#include "ingest/duty_retention.h"
#include "weir/collect.h"
#include "weir/log.h"

#define PERIOD_MS 600000
#define LEAST_AGAIN_MS 100

typedef struct work {
    weir_collect run;
    uint64_t objects, bytes;
} work;

static int64_t grace_ms(const weir_duty_run *run)
{
    return run->options->gc_grace_ms > 0 ? run->options->gc_grace_ms : WEIR_COLLECT_GRACE_MS;
}

static weir_duty_step step(weir_duty_run *run, weir_error *err)
{
    work *w = run->work;
    bool done;
    if (!w->run.table) {
        int64_t often_ms = grace_ms(run) / 4;
        run->again_ms = often_ms < run->again_ms ? often_ms : run->again_ms;
        run->again_ms = run->again_ms < LEAST_AGAIN_MS ? LEAST_AGAIN_MS : run->again_ms;
        w->run = (weir_collect){.table = run->table,
                                .clock = run->options->clock,
                                .memory = run->kept,
                                .grace_ms = grace_ms(run),
                                .give_up = weir_duty_cancelled,
                                .self = run};
    }
    if (!weir_collect_step(&w->run, &done, err)) {
        return WEIR_DUTY_FAILED;
    }
    w->objects += w->run.objects;
    w->bytes += w->run.bytes;
    atomic_fetch_add(&run->stats->items, w->run.objects);
    atomic_fetch_add(&run->stats->bytes, w->run.bytes);
    if (!done) {
        return WEIR_DUTY_MORE;
    }
    if (w->objects > 0) {
        weir_log(WEIR_INFO, "coordinator",
                 "table '%.*s': %lu objects that nobody needs are deleted, %lu bytes",
                 WEIR_STR_ARG(weir_table_name(run->table)), w->objects, w->bytes);
    }
    return WEIR_DUTY_DONE;
}

const weir_duty weir_duty_collect = {.name = "collect",
                                     .period_ms = PERIOD_MS,
                                     .kept_bytes = sizeof(weir_collect_memory),
                                     .work_bytes = sizeof(work),
                                     .step = step};
