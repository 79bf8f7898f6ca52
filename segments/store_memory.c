/* segments/store_memory.c - a store in memory with faults, for tests and the simulation.
 * Objects stand in one array, ascending by key. A fault's chance is drawn at every call from the
 * clock's randomness, so that one seed gives one history. The nastiest fault is `late`: the caller
 * is told "unknown", and the put takes effect at some later call of anybody, as a packet that was
 * under way in the network. */
#include "weir/store.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct object {
    weir_str key, bytes; /* owned */
} object;
typedef struct late_put {
    weir_str key, bytes; /* owned */
    bool if_absent;
} late_put;
typedef struct memory_store {
    weir_store base;
    const weir_clock *clock;
    pthread_mutex_t lock; /* guards all below */
    weir_store_faults faults;
    object *objects;
    late_put *late;
    size_t object_count, object_room, late_count, late_room;
} memory_store;

static size_t find(const memory_store *m, weir_str key, bool *there)
{
    size_t from = 0, to = m->object_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (weir_str_cmp(m->objects[middle].key, key) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    *there = from < m->object_count && weir_str_eq(m->objects[from].key, key);
    return from;
}

static void apply_put(memory_store *m, weir_str key, weir_str bytes)
{
    bool there;
    size_t at = find(m, key, &there);
    if (there) {
        free((void *)(uintptr_t)m->objects[at].bytes.at);
    } else {
        if (m->object_count == m->object_room) {
            m->object_room = m->object_room ? m->object_room * 2 : 64;
            m->objects = weir_realloc(m->objects, m->object_room * sizeof(*m->objects));
        }
        memmove(&m->objects[at + 1], &m->objects[at], (m->object_count - at) * sizeof(*m->objects));
        m->object_count++;
        m->objects[at].key = weir_str_dup(key);
    }
    m->objects[at].bytes = weir_str_dup(bytes);
}

static bool chance(memory_store *m, uint32_t ppm)
{
    return ppm > 0 && weir_random(m->clock) % 1000000 < ppm;
}

static void land(memory_store *m, size_t i)
{
    late_put put = m->late[i];
    bool there;
    m->late[i] = m->late[--m->late_count];
    find(m, put.key, &there);
    if (!there || !put.if_absent) {
        apply_put(m, put.key, put.bytes);
    }
    free((void *)(uintptr_t)put.key.at);
    free((void *)(uintptr_t)put.bytes.at);
}

/* At each call one of the delayed puts may take effect. */
static void maybe_land_one(memory_store *m)
{
    if (m->late_count > 0 && chance(m, 200000)) {
        land(m, weir_random(m->clock) % m->late_count);
    }
}

static void delay(memory_store *m, weir_str key, weir_str bytes, bool if_absent)
{
    if (m->late_count == m->late_room) {
        m->late_room = m->late_room ? m->late_room * 2 : 8;
        m->late = weir_realloc(m->late, m->late_room * sizeof(*m->late));
    }
    m->late[m->late_count++] = (late_put){weir_str_dup(key), weir_str_dup(bytes), if_absent};
}

static weir_put put_locked(memory_store *m, weir_str key, weir_str bytes, bool if_absent,
                           weir_error *err)
{
    maybe_land_one(m);
    if (m->faults.outage || chance(m, m->faults.unknown_lost_ppm)) {
        weir_fail(err, WEIR_ERR_STORE, "memory store: no answer to put of %.*s", WEIR_STR_ARG(key));
        return WEIR_PUT_UNKNOWN;
    }
    if (chance(m, m->faults.fail_ppm)) {
        weir_fail(err, WEIR_ERR_STORE, "memory store: put of %.*s refused", WEIR_STR_ARG(key));
        return WEIR_PUT_FAILED;
    }
    if (chance(m, m->faults.late_ppm)) {
        delay(m, key, bytes, if_absent);
        weir_fail(err, WEIR_ERR_STORE, "memory store: put of %.*s timed out", WEIR_STR_ARG(key));
        return WEIR_PUT_UNKNOWN;
    }
    bool there;
    find(m, key, &there);
    if (there && if_absent) {
        return WEIR_PUT_EXISTS;
    }
    apply_put(m, key, bytes);
    if (chance(m, m->faults.unknown_landed_ppm)) {
        weir_fail(err, WEIR_ERR_STORE, "memory store: connection lost after put of %.*s",
                  WEIR_STR_ARG(key));
        return WEIR_PUT_UNKNOWN;
    }
    return WEIR_PUT_DONE;
}

static weir_put memory_put_if_absent(weir_store *store, weir_str key, weir_str bytes,
                                     weir_error *err)
{
    memory_store *m = (memory_store *)store;
    pthread_mutex_lock(&m->lock);
    weir_put put = put_locked(m, key, bytes, true, err);
    pthread_mutex_unlock(&m->lock);
    return put;
}

static weir_put memory_put(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    memory_store *m = (memory_store *)store;
    pthread_mutex_lock(&m->lock);
    weir_put put = put_locked(m, key, bytes, false, err);
    pthread_mutex_unlock(&m->lock);
    return put;
}

static weir_put memory_put_file(weir_store *store, weir_str key, const char *path, weir_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    weir_buf bytes = {0};
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0) {
        weir_buf_reserve(&bytes, 1u << 20);
        n = read(fd, bytes.at + bytes.size, 1u << 20);
        bytes.size += n > 0 ? (size_t)n : 0;
    }
    weir_put put = WEIR_PUT_FAILED;
    if (n < 0) {
        weir_fail(err, WEIR_ERR_STORE, "cannot read %s: %s", path, strerror(errno));
    } else {
        put = memory_put(store, key, weir_buf_view(&bytes), err);
    }
    if (fd >= 0) {
        close(fd);
    }
    weir_buf_done(&bytes);
    return put;
}

static weir_get memory_get(weir_store *store, weir_str key, uint64_t from, uint64_t size,
                           weir_buf *out, weir_error *err)
{
    memory_store *m = (memory_store *)store;
    weir_get got = WEIR_GET_NONE;
    pthread_mutex_lock(&m->lock);
    maybe_land_one(m);
    bool there;
    size_t at = find(m, key, &there);
    if (m->faults.outage || chance(m, m->faults.fail_ppm)) {
        weir_fail(err, WEIR_ERR_STORE, "memory store: no answer to get of %.*s", WEIR_STR_ARG(key));
        got = WEIR_GET_FAILED;
    } else if (there) {
        weir_str bytes = m->objects[at].bytes;
        from = from < bytes.size ? from : bytes.size;
        size = size == 0 || size > bytes.size - from ? bytes.size - from : size;
        size = chance(m, m->faults.half_body_ppm) ? size / 2 : size;
        size_t begin = out->size;
        weir_buf_put(out, bytes.at + from, size);
        if (size > 0 && chance(m, m->faults.flip_ppm)) {
            out->at[begin + weir_random(m->clock) % size] ^=
                (char)(1u << weir_random(m->clock) % 8);
        }
        got = WEIR_GET_FOUND;
    }
    pthread_mutex_unlock(&m->lock);
    return got;
}

/* Keys are copied out first: `see` may call the store. */
static bool memory_list(weir_store *store, weir_str prefix, weir_str after,
                        bool (*see)(void *self, weir_str key, uint64_t size), void *self,
                        weir_error *err)
{
    memory_store *m = (memory_store *)store;
    weir_arena *arena = weir_arena_new();
    pthread_mutex_lock(&m->lock);
    maybe_land_one(m);
    bool ok = !m->faults.outage && !chance(m, m->faults.fail_ppm), there;
    size_t count = 0, from = find(m, weir_str_cmp(prefix, after) > 0 ? prefix : after, &there);
    object *found = WEIR_ARENA_ARRAY(arena, object, m->object_count - from + 1);
    for (size_t i = from; ok && i < m->object_count && weir_str_starts(m->objects[i].key, prefix);
         i++) {
        if (!weir_str_eq(m->objects[i].key, after)) {
            found[count++] =
                (object){weir_arena_str(arena, m->objects[i].key), m->objects[i].bytes};
        }
    }
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < count && see(self, found[i].key, found[i].bytes.size); i++) {
    }
    weir_arena_free(arena);
    return ok || weir_fail(err, WEIR_ERR_STORE, "memory store: no answer to list of %.*s",
                           WEIR_STR_ARG(prefix));
}

static bool memory_remove(weir_store *store, weir_str key, weir_error *err)
{
    memory_store *m = (memory_store *)store;
    pthread_mutex_lock(&m->lock);
    maybe_land_one(m);
    bool there, ok = !m->faults.outage && !chance(m, m->faults.fail_ppm);
    size_t at = find(m, key, &there);
    if (ok && there) {
        free((void *)(uintptr_t)m->objects[at].key.at);
        free((void *)(uintptr_t)m->objects[at].bytes.at);
        memmove(&m->objects[at], &m->objects[at + 1],
                (m->object_count - at - 1) * sizeof(*m->objects));
        m->object_count--;
    }
    pthread_mutex_unlock(&m->lock);
    return ok || weir_fail(err, WEIR_ERR_STORE, "memory store: no answer to delete of %.*s",
                           WEIR_STR_ARG(key));
}

static void memory_free(weir_store *store)
{
    memory_store *m = (memory_store *)store;
    for (size_t i = 0; i < m->object_count; i++) {
        free((void *)(uintptr_t)m->objects[i].key.at);
        free((void *)(uintptr_t)m->objects[i].bytes.at);
    }
    for (size_t i = 0; i < m->late_count; i++) {
        free((void *)(uintptr_t)m->late[i].key.at);
        free((void *)(uintptr_t)m->late[i].bytes.at);
    }
    free(m->objects);
    free(m->late);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

weir_store *weir_store_memory_new(const weir_clock *clock)
{
    static const weir_store_ops ops = {
        .put_if_absent = memory_put_if_absent,
        .put = memory_put,
        .put_file = memory_put_file,
        .get = memory_get,
        .list = memory_list,
        .remove = memory_remove,
        .free = memory_free,
    };
    memory_store *m = weir_calloc(1, sizeof(*m));
    m->base = (weir_store){&ops, WEIR_STR("memory")};
    m->clock = clock;
    pthread_mutex_init(&m->lock, NULL);
    return &m->base;
}

void weir_store_memory_faults(weir_store *store, const weir_store_faults *faults)
{
    memory_store *m = (memory_store *)store;
    pthread_mutex_lock(&m->lock);
    m->faults = *faults;
    pthread_mutex_unlock(&m->lock);
}

void weir_store_memory_land_late(weir_store *store)
{
    memory_store *m = (memory_store *)store;
    pthread_mutex_lock(&m->lock);
    while (m->late_count > 0) {
        land(m, weir_random(m->clock) % m->late_count);
    }
    pthread_mutex_unlock(&m->lock);
}
