/* query/intern.h - strings that a query meets, each with an id in order of arrival: group keys across segments, columns of tables in
 * memory. It is a weir_dict (not sorted). Id 0 is null. Not thread-safe: who shares one holds a lock; readers come when writing has ended. */
#ifndef QUERY_INTERN_H
#define QUERY_INTERN_H
#include "query/area.h"
#include "compute/vec.h"

typedef struct weir_intern {
    weir_dict dict; /* first: a pointer to this is the dictionary */
    weir_budget *budget;
    weir_area values; /* weir_str per id */
    weir_area slots;  /* {hash, id}; id 0: free */
    uint32_t slot_count;
    weir_scratch bytes;
    char *room;
    size_t room_bytes;
} weir_intern;

void weir_intern_init(weir_intern *intern, weir_budget *budget);
void weir_intern_done(weir_intern *intern);
/* The id of `value` with hash weir_hash_bytes(value); its bytes are copied when it is new. False: over budget. */
bool weir_intern_put(weir_intern *intern, weir_str value, uint64_t hash, uint32_t *id, weir_error *err);
static inline weir_str weir_intern_value(const weir_intern *intern, uint32_t id)
{
    return ((const weir_str *)intern->values.at)[id];
}
#endif
