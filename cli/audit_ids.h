/* cli/audit_ids.h - ids of a table's rows against themselves and against those of its topics: `weir audit --ids`. */
#ifndef AUDIT_IDS_H
#define AUDIT_IDS_H
#include "cli/data_dir.h"
#include "weir/audit.h"

typedef struct weir_audit_ids weir_audit_ids;
/* `count`: the metric that counts events where rows roll up; empty: each row is one. */
weir_audit_ids *weir_audit_ids_new(weir_str column, weir_str count);
void weir_audit_ids_free(weir_audit_ids *ids);
void weir_audit_ids_see(void *self, weir_str id); /* of a record of the topic */
/* Asks the table and compares; findings go to the audit. `topics`: see() was told every committed record that the topics still have;
 * `whole`: and they have all of them. False also where the columns cannot prove anything: no values, or none that are ids. */
bool weir_audit_ids_check(weir_audit_ids *ids, weir_audit *audit, const weir_data_dir *data, bool topics, bool whole, weir_error *err);
typedef struct weir_audit_ids_figures {
    uint64_t rows, without, distinct, in_topics; /* without: rows that have no id */
} weir_audit_ids_figures;
weir_audit_ids_figures weir_audit_ids_figures_get(const weir_audit_ids *ids);
#endif
