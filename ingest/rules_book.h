/* ingest/rules_book.h - where rules are kept: {"rules": [...], "history": [{author, comment, ip, payload, time}, ...]}, in a table's log or in the settings. */
#ifndef INGEST_RULES_BOOK_H
#define INGEST_RULES_BOOK_H
#include "ingest/rules.h"
#include "weir/catalog.h"
#include "weir/settings.h"

#define WEIR_RULES_KEY "rules"
/* The value kept of a table, or of the default; empty: never set. */
weir_str weir_rules_kept(weir_table *table, weir_arena *arena);
bool weir_rules_kept_default(weir_settings *settings, weir_arena *arena, weir_str *out, weir_error *err);
/* The rules of a value. Of an empty one: none, and for the default Druid's own (all is loaded for ever). */
bool weir_rules_read(weir_str kept, bool is_default, weir_arena *arena, weir_rules *out, weir_error *err);
#endif
