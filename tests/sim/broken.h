/* tests/sim/broken.h - rules of docs/PROTOCOL.md that can be broken on purpose, each alone or with
 * the one that guards it. No switch is in the product: `weir_sim_rules` is built of copies of its
 * sources in which the lines of broken_rules.h are replaced (break.c); weir_sim has the sources as
 * they are. */
#ifndef SIM_BROKEN_H
#define SIM_BROKEN_H
#include <stdbool.h>

typedef struct broken_edit {
    const char *file, *from, *to; /* `from` occurs once; BROKEN in `to`: whether that rule is off */
} broken_edit;
typedef struct broken_rule {
    const char *name;
    bool guarded; /* by another rule: off in a pair only */
    broken_edit edits[8];
    const char *pair[4]; /* names of rules before this one that are off with it */
} broken_rule;

extern const broken_rule broken_rules[];
extern const int broken_rule_count; /* 0: of sources as they are */
extern int broken_rule_now;         /* -1: none */
bool broken_is(int rule);           /* off now, alone or in its pair */
bool broken_is_applied(int rule);   /* its lines were found */
#endif
