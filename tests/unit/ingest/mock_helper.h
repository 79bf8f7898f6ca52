/* tests/unit/ingest/mock_helper.h - librdkafka's mock cluster with a producer, for tests of the consume path.
 * It keeps about 5 MB a partition and knows no isolation: transactions are tested against a real broker (tests/e2e). */
#ifndef MOCK_HELPER_H
#define MOCK_HELPER_H
#include "ingest/source.h"

typedef struct mock mock;
mock *mock_new(const char *topic, int partitions);
void mock_free(mock *m);
const char *mock_brokers(const mock *m);
/* Produces and waits for the acknowledgement; value NULL: a tombstone. */
void mock_produce(mock *m, int partition, const char *key, const char *value, int64_t timestamp_ms);
void mock_create(mock *m, const char *topic, int partitions); /* one more topic */
void mock_produce_to(mock *m, const char *topic, int partition, const char *value);
void mock_flush(mock *m);
/* {"bootstrap.servers": ...} */
struct json_t *mock_properties(const mock *m);
weir_event_source *mock_open(const mock *m, const char *group);
#endif
