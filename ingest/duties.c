/* ingest/duties.c - the duties of the coordinator, a row each. */
#include "ingest/duty.h"

const weir_duty *const weir_duties[] = {
    NULL,
};
