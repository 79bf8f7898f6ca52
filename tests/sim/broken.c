/* tests/sim/broken.c - see tests/sim/broken.h. */
#include "broken.h"
#include <string.h>

int broken_rule_now = -1;

#ifdef SIM_BROKEN
const broken_rule broken_rules[] = {
#include "broken_rules.h"
};
const int broken_rule_count = sizeof(broken_rules) / sizeof(broken_rules[0]);
static const bool applied[] = {
#include "applied.h"
};
bool broken_is_applied(int rule)
{
    return applied[rule];
}
#else
const broken_rule broken_rules[] = {{0}};
const int broken_rule_count = 0;
bool broken_is_applied(int rule)
{
    (void)rule;
    return false;
}
#endif

bool broken_is(int rule)
{
    bool off = rule == broken_rule_now;
    for (int i = 0; broken_rule_now >= 0 && i < 4 && !off; i++) {
        const char *name = broken_rules[broken_rule_now].pair[i];
        off = name && strcmp(name, broken_rules[rule].name) == 0;
    }
    return off;
}
