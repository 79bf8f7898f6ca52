/* include/weir/tasks.h - Druid's task API: jobs that a client posts and polls. A task runs in this process on one of a few lanes; what it does to a table is one
 * commit whose label is the task's id. So after a restart, and in every process on the store, a task that committed is known as a success; one that was lost with its
 * process changed nothing. Any thread may call; each writes a body of Druid's shape to `out`, also when it is not found. */
#ifndef WEIR_TASKS_H
#define WEIR_TASKS_H
#include "weir/ingest.h"

typedef struct weir_tasks weir_tasks;
typedef struct weir_tasks_options {
    weir_catalog *catalog;   /* borrowed, as all here */
    weir_ingest *ingest;     /* its rows are handed off before they are replaced; its supervisors are listed as tasks. NULL: none */
    const weir_clock *clock;
    weir_str node;           /* advertised host:port */
    const char *work_path;
    const char *input_path;  /* folder in which an inputSource `local` may read; NULL, empty: nowhere */
    size_t memory_bytes;     /* of all tasks together; 0: an eighth of the machine's */
    uint32_t lanes;          /* tasks that run at once; 0: 2 */
} weir_tasks_options;
weir_tasks *weir_tasks_new(const weir_tasks_options *options);
/* Cancels all tasks; waits at most `wait_ms` until they gave up (and released their claims). False: one is still busy: the process must not free what it borrows. */
bool weir_tasks_stop(weir_tasks *tasks, int64_t wait_ms);
void weir_tasks_free(weir_tasks *tasks); /* NULL is fine; after a stop that was true */

/* BAD_REQUEST: what cannot be read as a task; EXISTS: a task of that id is known; CAPACITY: too many wait. */
bool weir_task_post(weir_tasks *tasks, weir_str body, weir_buf *out, weir_error *err);
bool weir_task_payload(weir_tasks *tasks, weir_str id, weir_buf *out); /* false, here and below: not found */
bool weir_task_status(weir_tasks *tasks, weir_str id, weir_buf *out);
bool weir_task_report(weir_tasks *tasks, weir_str id, weir_buf *out);
bool weir_task_log(weir_tasks *tasks, weir_str id, int64_t offset, weir_buf *out); /* text from that byte on; below 0: the last so many */
/* It gives up soon. One that is just committing may still succeed: its status says what came of it. */
bool weir_task_shutdown(weir_tasks *tasks, weir_str id, weir_buf *out, weir_error *err);
bool weir_tasks_shutdown_all(weir_tasks *tasks, weir_str table, weir_buf *out); /* false: none was active */

typedef struct weir_task_filter {
    weir_str state; /* pending, waiting, running, complete; empty: all, in these texts too */
    weir_str table, type;
    bool has_created, has_max;
    weir_interval created; /* of complete ones */
    int64_t max;           /* complete ones, the newest */
} weir_task_filter;
void weir_tasks_list(weir_tasks *tasks, const weir_task_filter *filter, weir_buf *out);
/* Body: a list of ids; those that are known come back. */
bool weir_tasks_statuses(weir_tasks *tasks, weir_str body, weir_buf *out, weir_error *err);
/* Time that jobs have claimed, by table: body {table: least priority, ...}, or [{"datasource": ...}, ...]. */
bool weir_tasks_locked(weir_tasks *tasks, weir_str body, weir_buf *out, weir_error *err);
void weir_tasks_workers(weir_tasks *tasks, weir_buf *out);
void weir_tasks_capacity(weir_tasks *tasks, weir_buf *out);
void weir_tasks_metrics(weir_tasks *tasks, weir_buf *out); /* Prometheus lines */
#endif
