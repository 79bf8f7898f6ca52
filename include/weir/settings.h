/* include/weir/settings.h - what operators set for the whole cluster: members of one JSON object that all processes over a store share, kept beside the
 * tables (`~config/`). What belongs to one table is in its log (weir_table_config_put). Any thread. */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H
#include "weir/store.h"

typedef struct weir_settings weir_settings;
/* No I/O. All borrowed but `node`. */
weir_settings *weir_settings_new(weir_store *store, const weir_clock *clock, weir_str node);
void weir_settings_free(weir_settings *settings);
/* A member as JSON text in `arena`, as the store had it at most some seconds ago; empty: not set. False: the store did not answer and nothing is known. */
bool weir_settings_get(weir_settings *settings, const char *key, weir_arena *arena, weir_str *out, weir_error *err);
/* change(self, old, out): from the newest value of the member (empty: not set) to the next; called again when another process was faster. */
bool weir_settings_change(weir_settings *settings, const char *key, bool (*change)(void *self, weir_str old, weir_buf *out, weir_error *err), void *self,
                          weir_error *err);
#endif
