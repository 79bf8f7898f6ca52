/* ingest/task_types.c - every type of task, once. */
#include "ingest/tasks.h"

extern const weir_task_type weir_task_compact, weir_task_index_parallel, weir_task_index,
    weir_task_kill, weir_task_noop;

const weir_task_type *const weir_task_types[] = {&weir_task_compact,        &weir_task_index,
                                                 &weir_task_index_parallel, &weir_task_kill,
                                                 &weir_task_noop,           NULL};
