/* tests/sim/world.h - one seed's world: virtual time, fibers in place of threads, processes that
 * can be killed and paused, a topic, a store with faults.
 *
 * Everything runs on one thread. What blocks in a real process (a store call, a wait, a lock, a
 * poll) gives way to the scheduler here, which draws who goes on; so any interleaving of whole
 * processes can happen between any two store calls, and a seed gives the same history each time.
 * The product's threads, locks and clocks are taken at the link (threads.c): its code runs as it
 * is. A kill is: nothing that the process does has an effect outside of it any more, and all its
 * calls fail; its fibers are run to their ends, or left where they are. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include <ucontext.h>
#include "ingest/source.h"
#include "weir/catalog.h"

enum {
    PARTITIONS = 4,
    PROCESSES = 3,
    AUDITOR = PROCESSES, /* a process that no fault touches: it looks at the end */
    INCARNATIONS = 5,
    HOURS = 8,
    HOUR_MS = 3600000,
    RECORDS = 16384,
    COPIES = 6,
    FIBERS = 160,
    LOADS = 64
};

typedef struct world world;
typedef struct process process;

typedef struct thread_end thread_end; /* threads.c */
typedef struct fiber {
    ucontext_t context;
    char *stack;
    void (*run)(process *proc);
    void *(*thread)(void *arg); /* of the product, in place of run */
    void *arg;
    thread_end *end;
    process *proc;
    int64_t wake_us;
    const void *waits_on; /* a condition variable; NULL: time alone */
    bool used, done;
    void *fake_stack; /* AddressSanitizer's */
} fiber;

typedef enum record_kind {
    RECORD_DATA,
    RECORD_CONTROL,
    RECORD_ABORTED,
    RECORD_LOADED /* a row of a batch load: of no partition */
} record_kind;
typedef struct copy {    /* a row of the record, as the log has it */
    uint64_t born, gone; /* versions; gone 0: it is there */
} copy;
typedef struct record { /* of the topic, or of a load; its id is its place in world.records */
    uint8_t kind, copy_count;
    bool lost, shown;               /* a gap in the log names its offset; a view had it */
    int32_t partition, incarnation; /* partition -1: of load `incarnation` */
    int64_t offset, time_ms;
    char value[48];
    copy copies[COPIES];
} record;

typedef struct partition {
    uint32_t *ids; /* of records, by offset - base */
    int64_t base, low, high;
    int64_t stable; /* end of what consumers may read: an open transaction begins there */
    uint32_t count, room;
    int32_t incarnation;
    bool open; /* a transaction is */
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

typedef struct last_view { /* what the last view of a process showed */
    uint8_t *counts;       /* by record */
    uint32_t size;
    uint64_t version;
} last_view;

struct process {
    world *world;
    uint32_t number, incarnation;
    bool alive, dead, stopping, fenced, disk_full; /* stopping: SIGTERM */
    int64_t paused_until_us, restart_us, stop_us, clock_jump_ms;
    char node[24], work_path[64];
    weir_clock clock;
    sim_store store;
    consumer consumer;
    weir_catalog *catalog;
    weir_table *table;
    struct weir_ingest *ingest;
    struct weir_coordinator *coordinator;
    _Atomic bool ending; /* loads are given up */
    last_view seen;
    uint64_t touched[PARTITIONS]; /* newest version in which somebody else changed the partition */
    uint32_t fibers, helpers;     /* helpers: of the sim's own, that use the catalog */
};

typedef struct load { /* a batch load: one label, put by whoever tries */
    uint32_t first_id, count;
    bool overwrite, drop_existing, reported; /* reported: some process was told that it is done */
    weir_interval interval;                  /* overwrite: whole hours */
    uint64_t committed_at;
} load;

typedef struct segment_rows { /* what a segment holds, read when its commit was */
    char id[40];
    uint32_t *ids;
    uint32_t count, hide_count;
    uint64_t removed_at; /* version */
    weir_interval hides[24];
} segment_rows;

typedef struct open_claim {
    char id[96];
    weir_interval interval;
    uint64_t version;
    bool open;
} open_claim;

typedef struct asked_drop {
    weir_interval interval;
    uint64_t version; /* the log's end then */
} asked_drop;

typedef struct rules { /* what chaos is allowed */
    bool kills, pauses, rebalances, two_owners, retention, redelivery, clock_jumps, remakes;
    bool fences, disk_full, resets, specs, loads, checkpoints, transactions, overwrites, drops,
        warps, compactions;
    weir_store_faults faults;
} rules;

struct world {
    uint64_t seed, random;
    int64_t now_us, dead_us;
    bool failed, trace, calm,
        calm_assigned; /* calm_assigned: since it is calm each partition has one owner */
    char failure[600];
    weir_clock clock; /* the store's */
    weir_store *store;
    rules rules;
    fiber fibers[FIBERS];
    uint32_t fiber_top;
    ucontext_t main;
    void *main_fake_stack;
    const void *main_stack;
    size_t main_stack_size;
    fiber *current;
    process processes[PROCESSES + 1];
    partition partitions[PARTITIONS];           /* the newest incarnation */
    partition old[PARTITIONS][INCARNATIONS];    /* those before it */
    uint32_t partition_count, first_partitions; /* first: those that were there at the beginning */
    record *records;
    uint32_t record_count;
    uint64_t checked_version;      /* of the log, by history.c */
    int64_t anchor_at[PARTITIONS]; /* of the log: its offset (-1: none in this epoch), and the
                                      incarnation that it is of */
    int32_t anchor_of[PARTITIONS];
    const record *missing;         /* that is in no commit, by check_settled */
    int64_t began_at[PARTITIONS];  /* where the last start or reset of the log begins */
    uint64_t reset_at[PARTITIONS]; /* version of the last reset */
    int64_t next_at[PARTITIONS];   /* of the log, as the next */
    uint64_t epoch[PARTITIONS];
    uint32_t started;      /* mask of partitions */
    uint32_t reset_wanted; /* partition + 1, as the topic was made anew */
    uint32_t owner[PARTITIONS];
    load loads[LOADS];
    uint32_t load_count;
    segment_rows *segments;
    uint32_t segment_count;
    open_claim *claims;
    uint32_t claim_count;
    asked_drop *drops; /* that somebody asked for */
    uint32_t drop_count;
    char (*deleted)[40]; /* segments */
    uint32_t deleted_count;
    uint64_t horizon;
    int64_t grace_ms; /* of collection */
    uint32_t spec;    /* number of the newest that was posted */
    uint64_t steps, commits, kills, views, gaps, resets, unnoticed, failed_handoffs, jobs[16];
    char work_path[40];
};

enum { /* world.jobs */
       JOB_FLUSH,
       JOB_SPEC,
       JOB_SUSPEND,
       JOB_RESET,
       JOB_CHECKPOINT,
       JOB_LOAD,
       JOB_OVERWRITE,
       JOB_DROP,
       JOB_COMPACT,
       JOB_COLLECT,
       JOB_DELETE,
       JOB_RELEASE,
       JOB_COMMIT_COMPACT,
       JOB_RULES,
       JOB_KINDS
};

typedef struct world_totals {             /* of many seeds */
    uint64_t figures[9], jobs[JOB_KINDS]; /* see seed.c */
    char failure[600];                    /* of the last */
} world_totals;
bool world_run_seed(uint64_t seed, bool trace, const char *work_path, world_totals *totals);

extern world *the_world; /* that runs; NULL: none */
uint64_t world_random(world *w);
uint32_t world_draw(world *w, uint32_t below);
bool world_chance(world *w, uint32_t ppm);
void world_fail(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_yield(world *w);             /* of the running fiber */
void world_sleep(world *w, int64_t ms); /* virtual */
/* Until world_wake of the same place, or (us >= 0) that moment. False: the time is over, or the
 * process is dead. */
bool world_wait_on(world *w, const void *place, int64_t until_us);
void world_wake(world *w, const void *place);
fiber *world_start_fiber(process *proc, void (*run)(process *proc));
void world_resume(world *w, fiber *f);

/* process.c: processes begin and end. */
void process_start(process *proc);
void process_kill(process *proc);
void process_reap(process *proc); /* all its fibers have ended */
void process_start_helper(process *proc, void (*run)(process *proc));
void process_trace(process *proc);
weir_clock process_clock(process *proc);

/* store.c */
weir_store *sim_store_init(process *proc);

/* chaos.c: faults as they come, then none. */
void chaos_draw(world *w);
void chaos_step(world *w);
void chaos_calm(world *w);

/* jobs.c: what an operator asks of a process. */
void jobs_run(process *proc);
const char *jobs_spec(world *w, uint32_t number);

/* topic.c */
void topic_init(world *w);
void topic_produce(world *w);
void topic_expire(world *w); /* retention: the low watermark of a partition passes some records */
const partition *topic_incarnation(const world *w, uint32_t p, int32_t incarnation);
record *topic_record(world *w, uint32_t p, int32_t incarnation, int64_t offset); /* NULL: none */
weir_record topic_deliver(const record *r); /* as a consumer gets it */
void topic_remake(world *w); /* a partition of a topic that was deleted and made anew: shorter,
                                longer, or empty */
void topic_close_transaction(world *w, uint32_t p);
void topic_rebalance(world *w);
void topic_fence(process *proc); /* another one of the same name came */
void topic_assign_all(world *w); /* each partition to one live
                                    process */
void topic_done(world *w);
weir_event_source *consumer_open(process *proc);
void consumer_tell(process *proc, uint8_t kind, uint32_t mask);

/* history.c: the log, read past all faults. */
void history_read(world *w, uint64_t version);              /* on to that version, or its end */
uint32_t history_copies(const record *r, uint64_t version); /* visible in that version */
void history_deleted(process *proc, weir_str key);          /* an object is about to go: I7 */
void history_done(world *w);

/* check.c */
void check_view(process *proc);
void check_end(process *proc);
bool check_settled(world *w); /* all that the topic has is
                                 committed */
/* Rows by record. False: err says what cannot be read. */
bool check_count(world *w, const weir_rows *rows, uint8_t *seen, weir_error *err);
#endif
