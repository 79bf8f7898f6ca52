/* tests/sim/broken_rules.h - the rules and their lines; see broken.h. */
/* clang-format off */
#define VALID "segments/table_log_valid.c"
#define PUBLISH "segments/catalog_publish.c"
#define COMMIT "segments/catalog_commit.c"
#define START "ingest/worker_start.c"
#define APPEND "ingest/worker_append.c"
#define HANDOFF "ingest/handoff.c"
#define CLAIMS "ingest/claims.c"
#define COLLECT "segments/collect.c"

{"V1 prev", false, {{VALID, "if (c->prev != state->hash) {", "if (!BROKEN && c->prev != state->hash) {"}}, {0}},
{"V1 label", false, {{VALID, "if (c->label.size > 0 &&", "if (!BROKEN && c->label.size > 0 &&"}}, {0}},
{"V2 next", false, {{VALID, "if (r->from != source->next) {", "if (!BROKEN && r->from != source->next) {"}}, {0}},
{"V2 epoch", true, {{VALID, "if (r->epoch != source->epoch + (kind == WEIR_RANGE_RESET)) {",
    "if (!BROKEN && r->epoch != source->epoch + (kind == WEIR_RANGE_RESET)) {"}}, {0}},
{"V3 base", false, {{VALID, "if (base < state->horizon || base > state->version) {",
    "if ((!BROKEN && base < state->horizon) || base > state->version) {"}}, {0}},
{"V4 rev", false, {{VALID, "if (segment->rev != r->rev) {", "if (!BROKEN && segment->rev != r->rev) {"}}, {0}},
{"V5 claim", false, {{VALID, "if (overlap(s->added.from_ms, s->added.to_ms, claim->from_ms, claim->to_ms)) {",
    "if (!BROKEN && overlap(s->added.from_ms, s->added.to_ms, claim->from_ms, claim->to_ms)) {"}}, {0}},
{"V6 overlap", true, {{VALID, "if (weir_str_eq(a->id, b->id) || overlap(a->from_ms, a->to_ms, b->from_ms, b->to_ms)) {",
    "if (!BROKEN && (weir_str_eq(a->id, b->id) || overlap(a->from_ms, a->to_ms, b->from_ms, b->to_ms))) {"}}, {0}},
{"V6 open", false, {{VALID, "if (!find_claim(state, id)) {", "if (!BROKEN && !find_claim(state, id)) {"}}, {0}},
{"V7 claims", true, {{VALID, "if (c->horizon > state->claims[i].version) {",
    "if (!BROKEN && c->horizon > state->claims[i].version) {"}}, {0}},
{"the mask on fold", false, {
    {PUBLISH, "    weir_published_mask(p);\n    return p;\n}\n\nvoid weir_table_fold(",
     "    if (!BROKEN) {\n        weir_published_mask(p);\n    }\n    return p;\n}\n\nvoid weir_table_fold("},
    {PUBLISH, "return ok && segments ==", "return (ok || BROKEN) && segments =="}}, {0}},
{"V2 next and the mask", false, {{0}}, {"V2 next", "the mask on fold"}},
{"the mask by epoch", true, {{PUBLISH, "s->epoch == r->epoch &&", "(BROKEN || s->epoch == r->epoch) &&"}}, {0}},
{"epoch in V2 and the mask", false, {{0}}, {"V2 epoch", "the mask by epoch"}},
{"`start` first", false, {
    {START, "    add_range(commit, s, WEIR_RANGE_START,",
     "    if (BROKEN) {\n        s->epoch = 0;\n        s->position = at;\n        s->ready = true;\n        return true;\n    }\n    add_range(commit, s, WEIR_RANGE_START,"},
    {VALID, "        return BREACH(2, SOURCE_FORMAT \" is not known\"", "        return BROKEN || BREACH(2, SOURCE_FORMAT \" is not known\""},
    {PUBLISH, "    bool fits = !r->broken &&", "    bool fits = (BROKEN && r->next < 0 && !r->begun) || (!r->broken &&"},
    {PUBLISH, "(!r->begun || r->holder == holder);", "(!r->begun || r->holder == holder));"},
    {PUBLISH, ".broken = !source};", ".broken = !source && !BROKEN};"}}, {0}},
{"the anchor", false, {{START, "if (!known->anchor.known ||", "if (BROKEN || !known->anchor.known ||"}}, {0}},
{"the same bytes again", true, {
    {COMMIT, "            break; /* fold it, try the next version */",
     "            if (BROKEN) {\n"
     "                char *txn = weir_arena_alloc(a->commit->arena, 34);\n"
     "                weir_hex_u64(txn, weir_random(a->table->catalog->options.clock));\n"
     "                weir_hex_u64(txn + 16, weir_random(a->table->catalog->options.clock));\n"
     "                a->commit->txn = (weir_str){txn, 32};\n"
     "                remember_txn(a->table, a->commit->txn);\n"
     "            }\n"
     "            break;"},
    {COMMIT, "        weir_commit_free(there);\n    } while (!known", "        if (BROKEN && put == WEIR_PUT_UNKNOWN) {\n            result = TAKEN;\n            known = true;\n        }\n        weir_commit_free(there);\n    } while (!known"}}, {0}},
{"the same bytes and V1 label", false, {{0}}, {"the same bytes again", "V1 label"}},
{"freed after the commit", false, {
    {HANDOFF, "    switch (weir_table_commit(h->options.table, make_commit(h), is_cancelled, h, &rule, &err)) {",
     "    weir_commit *made = make_commit(h);\n    if (BROKEN) {\n        weir_generation_drop(h->gen);\n    }\n"
     "    switch (weir_table_commit(h->options.table, made, is_cancelled, h, &rule, &err)) {"}}, {0}},
{"append from the position on", false, {{APPEND, "records[0].offset < s->position) {", "records[0].offset < s->position && !BROKEN) {"}}, {0}},
{"the collector's look at claims", true, {{COLLECT, "horizon = claim[i].version < horizon ?", "horizon = !BROKEN && claim[i].version < horizon ?"}}, {0}},
{"V7 claims and the collector's look", false, {{0}}, {"V7 claims", "the collector's look at claims"}},
{"tombstones", false, {{COLLECT, "!weir_log_has_tombstone(state, id);", "(BROKEN || !weir_log_has_tombstone(state, id));"}}, {0}},
{"the horizon before deletions", false, {{COLLECT, "        if (base < horizon) {", "        if (base < horizon || BROKEN) {"}}, {0}},
{"only what was there at the claim", false, {{CLAIMS, "segment->born <= r->born ?", "BROKEN || segment->born <= r->born ?"}}, {0}},
{"the look at others' claims", true, {{CLAIMS, "if (!own && !overlaps(&open[i].claim, intervals, count)) {", "if (!own && (BROKEN || !overlaps(&open[i].claim, intervals, count))) {"}}, {0}},
{"V6 overlap and the look at claims", false, {{0}}, {"V6 overlap", "the look at others' claims"}},
{"an added partition from its start", false, {{START, "use_earliest || topic_known ? low : high;", "use_earliest || (topic_known && !BROKEN) ? low : high;"}}, {0}},
