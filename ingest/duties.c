/* ingest/duties.c - the duties of the coordinator, a row each. */
#include "ingest/duty_retention.h"

const weir_duty *const weir_duties[] = {
    &weir_duty_claims,
    &weir_duty_collect,
    &weir_duty_compaction,
    &weir_duty_rules,
    NULL,
};
