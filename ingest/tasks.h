/* ingest/tasks.h - the inside of weir_tasks: what a task is and what a type of tasks brings. A type is a row of task_types.c and a file of its own. */
#ifndef INGEST_TASKS_H
#define INGEST_TASKS_H
#include <pthread.h>
#include "weir/tasks.h"

struct json_t;
typedef enum weir_task_state { WEIR_TASK_PENDING, WEIR_TASK_RUNNING, WEIR_TASK_SUCCESS, WEIR_TASK_FAILED } weir_task_state;
typedef struct weir_task weir_task;
typedef struct weir_task_type {
    const char *name;
    /* Sets task->table and task->work from the posted JSON. BAD_REQUEST names the member. */
    bool (*read)(weir_task *task, const struct json_t *json, weir_error *err);
    /* On a lane. Gives up soon after task->cancelled. */
    bool (*run)(weir_task *task, weir_error *err);
    /* Members of the report, under the tasks' lock; may be asked while it runs. NULL: it has none. */
    void (*report)(weir_task *task, weir_json *out);
    void (*done)(weir_task *task); /* frees task->work; NULL: nothing to free */
} weir_task_type;
extern const weir_task_type *const weir_task_types[]; /* ends with NULL */

struct weir_task {
    weir_tasks *tasks;
    const weir_task_type *type;
    weir_arena *arena; /* id, table */
    weir_str id, table;
    void *work; /* the type's */
    _Atomic bool cancelled;
    /* Guarded by the tasks' lock. */
    weir_task_state state;
    const char *why;      /* it was cancelled */
    weir_str payload;     /* JSON, owned; empty: forgotten */
    weir_buf log;
    int64_t created_ms, queued_ms, began_us, duration_ms; /* duration: -1 until it ends */
    weir_error err;       /* FAILED */
};

struct weir_tasks {
    weir_tasks_options options;
    weir_str node;
    uint64_t process; /* see claims.h */
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    weir_task **list; /* oldest first */
    uint32_t count, capacity, pending, running;
    uint64_t succeeded, failed, payload_bytes;
    int64_t completed_ms; /* when the last one ended; 0: none yet */
    bool stopping;
    pthread_t *threads;
    uint32_t thread_count;
};

weir_task *weir_tasks_find(weir_tasks *tasks, weir_str id); /* lock held; NULL: not in this process */
bool weir_task_is_complete(const weir_task *task);
/* A line into the task's log; not with the lock held. */
void weir_task_note(weir_task *task, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* task_report.c: a report is begun, has the type's own members, the outcome, perhaps more, and is ended. It is not asked for while the task is pending. */
void weir_task_report_begin(const weir_task *task, weir_json *out);
void weir_task_report_counts(weir_json *out, const char *name, const weir_counts *counts, uint64_t with_error); /* kept: those with errors too */
void weir_task_report_outcome(const weir_task *task, bool available, weir_json *out); /* available: its segments answer queries */
void weir_task_report_end(weir_json *out);

/* What the table logs know of a task that is not (or no longer) this process's. */
typedef struct weir_task_trace {
    weir_str table;
    bool committed;  /* else its claim is open */
    bool lost;       /* of an earlier process of this node */
    weir_str node;   /* whose claim it is */
} weir_task_trace;
bool weir_tasks_trace(weir_tasks *tasks, weir_str id, weir_task_trace *out); /* table, node: in the catalog's, or static memory */
#endif
