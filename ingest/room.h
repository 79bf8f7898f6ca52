/* ingest/room.h - how the memory of ingestion is divided, so that the process stays within it: live rows take what is left by records that wait at
 * consumers, by one hand-off (freezing a generation takes more than the generation has), and by the process itself. */
#ifndef INGEST_ROOM_H
#define INGEST_ROOM_H
#include "compute/memory.h"

/* Bytes at which a generation is sealed, whether or not others wait for their hand-off; 0: no limit. */
size_t weir_room_generation(const weir_budget *budget);
/* Takes what a new consumer's waiting records may have: an eighth of the budget, each further consumer half as much as the one before, 640 MiB at
 * most. Counted on `waiting`, a child of the budget (NULL: not counted), which gets it back when the consumer is gone. 0: no limit. */
size_t weir_room_take_waiting(const weir_budget *budget, weir_budget *waiting);
/* The same as a consumer should be told: it cannot work with less than a megabyte. */
size_t weir_room_prefetch(const weir_budget *budget, size_t taken_bytes);
/* No more rows are taken until a hand-off has ended. */
bool weir_room_is_over(const weir_budget *budget);
/* Pages that are kept warm go back to the system where rows need their room. Any thread. */
void weir_room_keep(const weir_budget *budget);
#endif
