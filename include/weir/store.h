/* include/weir/store.h - the only way to durable storage: five calls over a local directory, S3, or a test's own.
 * Answers of a call that failed are definite only where said so: UNKNOWN means it may have happened, or may happen later. */
#ifndef WEIR_STORE_H
#define WEIR_STORE_H
#include "weir/buf.h"
#include "weir/clock.h"
#include "weir/error.h"
#include "weir/segment.h"

typedef enum weir_put { WEIR_PUT_DONE, WEIR_PUT_EXISTS, WEIR_PUT_UNKNOWN, WEIR_PUT_FAILED } weir_put; /* FAILED: definitely not there because of this call */
typedef enum weir_get { WEIR_GET_FOUND, WEIR_GET_NONE, WEIR_GET_FAILED } weir_get;

typedef struct weir_store weir_store;
typedef struct weir_store_ops {
    weir_put (*put_if_absent)(weir_store *store, weir_str key, weir_str bytes, weir_error *err);
    weir_put (*put)(weir_store *store, weir_str key, weir_str bytes, weir_error *err);
    /* A local file's bytes under `key`; the file stays. Large ones in parts. */
    weir_put (*put_file)(weir_store *store, weir_str key, const char *path, weir_error *err);
    /* Bytes [from, from + size) appended to `out`; size 0: to the end. */
    weir_get (*get)(weir_store *store, weir_str key, uint64_t from, uint64_t size, weir_buf *out, weir_error *err);
    /* Names below `prefix` that are > `after`, ascending: see(self, key, size); false from it stops. */
    bool (*list)(weir_store *store, weir_str prefix, weir_str after, bool (*see)(void *self, weir_str key, uint64_t size), void *self, weir_error *err);
    bool (*remove)(weir_store *store, weir_str key, weir_error *err); /* absent: true */
    /* The object as mapped local bytes without a copy, where the store can; NULL or false: fetch it. */
    bool (*map)(weir_store *store, weir_str key, weir_bytes *out, weir_error *err);
    /* Calls under way and all later ones fail within a moment, so that a process can end; NULL: none of them lasts long. Any thread. */
    void (*cancel)(weir_store *store);
    void (*free)(weir_store *store);
    /* Ends uploads in parts below `prefix` that were begun and not ended, where which(self, key) says so; their parts go. NULL: a put is one step here. */
    bool (*abort_uploads)(weir_store *store, weir_str prefix, bool (*which)(void *self, weir_str key), void *self, weir_error *err);
} weir_store_ops;
struct weir_store {
    const weir_store_ops *ops;
    weir_str name; /* for errors: the directory, s3://bucket/prefix */
};
/* A directory; made if absent. Refuses a file system without hard links and without RENAME_NOREPLACE. */
weir_store *weir_store_dir_open(const char *path, weir_error *err);
/* In memory, with faults, all from one seed: for tests and the simulation. */
typedef struct weir_store_faults {
    uint32_t fail_ppm, unknown_landed_ppm, unknown_lost_ppm, late_ppm; /* chances per call, parts per million; late: lands at a later call */
    uint32_t half_body_ppm, flip_ppm;  /* of a get's answer */
    bool outage;                        /* every call fails */
} weir_store_faults;
weir_store *weir_store_memory_new(const weir_clock *clock);
void weir_store_memory_faults(weir_store *store, const weir_store_faults *faults);
void weir_store_memory_land_late(weir_store *store); /* what was delayed happens now */
/* Two put_if_absent of one new name: the second must be refused. */
bool weir_store_probe(weir_store *store, const weir_clock *clock, weir_error *err);
static inline void weir_store_cancel(weir_store *store)
{
    if (store->ops->cancel) {
        store->ops->cancel(store);
    }
}
static inline void weir_store_free(weir_store *store)
{
    if (store) {
        store->ops->free(store);
    }
}
#endif
