/* tests/sim/world.h - one seed's world: virtual time, fibers in place of threads, processes that
 * can be killed and paused, a topic, a store with faults.
 *
 * Everything runs on one thread. What blocks in a real process (a store call, a wait, a poll) gives
 * way to the scheduler here, which draws who goes on; so any interleaving of whole processes can
 * happen between any two store calls, and a seed gives the same history each time. A kill is: from
 * now on nothing that the process does has an effect outside of it, and all its calls fail, so that
 * its fibers run to their ends. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include <ucontext.h>
#include "ingest/source.h"
#include "weir/catalog.h"

enum { PARTITIONS = 4, PROCESSES = 3, INCARNATIONS = 5, HOUR_MS = 3600000, RECORDS = 16384 };

typedef struct world world;
typedef struct process process;

typedef struct fiber {
    ucontext_t context;
    char *stack;
    void (*run)(process *proc);
    process *proc;
    int64_t wake_us;
    bool used, done;
    void *fake_stack; /* AddressSanitizer's */
} fiber;

typedef enum record_kind { RECORD_DATA, RECORD_CONTROL, RECORD_ABORTED } record_kind;
typedef struct record { /* of the topic; its id is its place in world.records */
    uint8_t kind;
    int32_t partition, incarnation;
    int64_t offset, time_ms;
    char value[64];
    uint64_t committed_at; /* version of the commit that holds it; 0: none yet */
    bool lost;             /* a gap in the log names its offset */
} record;

typedef struct partition {
    uint32_t *ids; /* of records, by offset - base */
    int64_t base, low, high;
    uint32_t count, room;
    int32_t incarnation;
} partition;

/* What one process's consumer is told next. */
typedef struct group_event {
    uint8_t kind;  /* weir_source_event_kind */
    uint32_t mask; /* of partitions */
} group_event;

typedef struct consumer { /* the fake weir_event_source of one process */
    weir_event_source source;
    process *proc;
    group_event queue[16];
    uint32_t queued;
    uint32_t assigned; /* mask; what assign() was told */
    int64_t position[PARTITIONS];
    int32_t incarnation[PARTITIONS],
        asked[PARTITIONS]; /* of the topic: that is read, that the broker was last asked about */
    bool at_end[PARTITIONS];
    weir_record batch[64];
    int32_t list[PARTITIONS];
    bool open;
} consumer;

typedef struct sim_store { /* a process's way to the one store */
    weir_store store;
    process *proc;
} sim_store;

struct process {
    world *world;
    uint32_t number, incarnation;
    bool alive, dead, stopping; /* stopping: SIGTERM */
    int64_t paused_until_us, restart_us, clock_jump_ms;
    weir_clock clock;
    sim_store store;
    consumer consumer;
    weir_catalog *catalog;
    weir_table *table;
    struct ingest *ingest;
    uint32_t fibers;
};

typedef struct rules { /* what chaos is allowed */
    bool kills, pauses, rebalances, two_owners, retention, redelivery, clock_jumps, remakes;
    weir_store_faults faults;
} rules;

struct world {
    uint64_t seed, random;
    int64_t now_us;
    bool failed, trace, calm,
        calm_assigned; /* calm_assigned: since it is calm each partition has one owner */
    char failure[600];
    weir_clock clock; /* the store's */
    weir_store *store;
    rules rules;
    fiber fibers[32];
    ucontext_t main;
    void *main_fake_stack;
    const void *main_stack;
    size_t main_stack_size;
    fiber *current;
    process processes[PROCESSES];
    partition partitions[PARTITIONS];        /* the newest incarnation */
    partition old[PARTITIONS][INCARNATIONS]; /* those before it */
    uint32_t partition_count;
    record *records;
    uint32_t record_count;
    uint64_t checked_version;      /* of the log, by check.c */
    int64_t anchor_at[PARTITIONS]; /* of the log: its offset (-1: none in this epoch), and the
                                      incarnation that it is of */
    int32_t anchor_of[PARTITIONS];
    const record *missing;        /* that is in no commit, by check_settled */
    int64_t began_at[PARTITIONS]; /* where the last start or reset of the log begins */
    uint32_t owner[PARTITIONS];
    uint64_t steps, commits, kills, views, gaps, resets, unnoticed, masks;
    struct weir_spec *spec; /* borrowed, as the next */
    const char *work_path;
    weir_budget budget;
};

uint64_t world_random(world *w);
uint32_t world_draw(world *w, uint32_t below);
bool world_chance(world *w, uint32_t ppm);
void world_fail(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_yield(world *w);             /* of the running fiber */
void world_sleep(world *w, int64_t ms); /* virtual */
void world_start_fiber(process *proc, void (*run)(process *proc));

/* process.c */
void process_start(process *proc);
void process_kill(process *proc);
weir_store *sim_store_init(process *proc); /* store.c */

/* topic.c */
void topic_init(world *w);
void topic_produce(world *w);
void topic_expire(world *w); /* retention: the low watermark of a partition passes some records */
const partition *topic_incarnation(const world *w, uint32_t p, int32_t incarnation);
record *topic_record(world *w, uint32_t p, int32_t incarnation, int64_t offset); /* NULL: none */
weir_record topic_deliver(const record *r); /* as a consumer gets it */
void topic_remake(world *w); /* a partition of a topic that was deleted and made anew: shorter,
                                longer, or empty */
void topic_rebalance(world *w);
void topic_assign_all(world *w); /* each partition to one live
                                    process */
void topic_done(world *w);
weir_event_source *consumer_open(process *proc);
void consumer_tell(process *proc, uint8_t kind, uint32_t mask);

/* ingest.c */
void ingest_run(process *proc);
void ingest_free(process *proc);
void ingest_trace(process *proc);

/* check.c */
void check_view(process *proc);
void check_end(world *w);
bool check_settled(world *w); /* all that the topic has is
                                 committed */
#endif
