/* ingest/duty_retention.h - duties that let go of what is not wanted any more. */
#ifndef INGEST_DUTY_RETENTION_H
#define INGEST_DUTY_RETENTION_H
#include "ingest/duty.h"

extern const weir_duty weir_duty_collect; /* objects: duty_collect.c */
extern const weir_duty weir_duty_claims;  /* claims whose owner died: duty_claims.c */
extern const weir_duty weir_duty_rules;   /* rows that a rule drops: duty_rules.c */
#endif
