/* query/rewrite.h - the rules of rewrite.c that have files of their own. */
#ifndef QUERY_REWRITE_H
#define QUERY_REWRITE_H
#include "query/plan.h"

/* Rules for rows over joins, unnests and unions, filters being in normal form: conjuncts move to the side that they read; then each
 * of those nodes puts out the columns that somebody above it reads, and no others. */
void weir_rewrite_sources(weir_arena *arena, weir_node *root);
#endif
