/* tests/sim/store.c - a process's way to the store: any other process may go on before a call takes
 * effect and before its answer arrives; a process that is killed in between leaves the effect (or
 * not) behind and never sees the answer. */
#include "world.h"

static void pass(process *proc)
{
    world *w = proc->world;
    if (!proc->dead) {
        world_sleep(w, world_chance(w, 30000) ? world_draw(w, 3000) : world_draw(w, 20));
    }
}

static weir_put answer_put(process *proc, weir_put put, weir_error *err)
{
    pass(proc);
    if (proc->dead) {
        weir_fail(err, WEIR_ERR_STORE, "killed");
        return WEIR_PUT_UNKNOWN;
    }
    return put;
}

static process *of(weir_store *store)
{
    return ((sim_store *)store)->proc;
}

static weir_put put_if_absent(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    process *proc = of(store);
    weir_store *one = proc->world->store;
    pass(proc);
    return answer_put(
        proc, proc->dead ? WEIR_PUT_UNKNOWN : one->ops->put_if_absent(one, key, bytes, err), err);
}

static weir_put put(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    process *proc = of(store);
    weir_store *one = proc->world->store;
    pass(proc);
    return answer_put(proc, proc->dead ? WEIR_PUT_UNKNOWN : one->ops->put(one, key, bytes, err),
                      err);
}

static weir_put put_file(weir_store *store, weir_str key, const char *path, weir_error *err)
{
    process *proc = of(store);
    weir_store *one = proc->world->store;
    pass(proc);
    return answer_put(proc, proc->dead ? WEIR_PUT_UNKNOWN : one->ops->put_file(one, key, path, err),
                      err);
}

static weir_get get(weir_store *store, weir_str key, uint64_t from, uint64_t size, weir_buf *out,
                    weir_error *err)
{
    process *proc = of(store);
    weir_store *one = proc->world->store;
    pass(proc);
    if (proc->dead) {
        weir_fail(err, WEIR_ERR_STORE, "killed");
        return WEIR_GET_FAILED;
    }
    return one->ops->get(one, key, from, size, out, err);
}

/* In pages of few names, as S3's are of a thousand: others write and delete between them. */
typedef struct page {
    weir_arena *arena;
    weir_str keys[3];
    uint64_t sizes[3];
    uint32_t count;
} page;

static bool see_page(void *self, weir_str key, uint64_t size)
{
    page *p = self;
    p->keys[p->count] = weir_arena_str(p->arena, key);
    p->sizes[p->count++] = size;
    return p->count < 3;
}

static bool list(weir_store *store, weir_str prefix, weir_str after,
                 bool (*see)(void *self, weir_str key, uint64_t size), void *self, weir_error *err)
{
    process *proc = of(store);
    weir_store *one = proc->world->store;
    page p = {.arena = weir_arena_new()};
    bool ok, more = true;
    do {
        p.count = 0;
        pass(proc);
        ok = proc->dead ? weir_fail(err, WEIR_ERR_STORE, "killed")
                        : one->ops->list(one, prefix, after, see_page, &p, err);
        for (uint32_t i = 0; ok && more && i < p.count; i++) {
            after = p.keys[i];
            more = see(self, p.keys[i], p.sizes[i]);
        }
    } while (ok && more && p.count == 3);
    weir_arena_free(p.arena);
    return ok;
}

static bool drop(weir_store *store, weir_str key, weir_error *err)
{
    process *proc = of(store);
    weir_store *one = proc->world->store;
    pass(proc);
    if (proc->dead) {
        return weir_fail(err, WEIR_ERR_STORE, "killed");
    }
    history_deleted(proc, key);
    return one->ops->remove(one, key, err);
}

weir_store *sim_store_init(process *proc)
{
    static const weir_store_ops ops = {.put_if_absent = put_if_absent,
                                       .put = put,
                                       .put_file = put_file,
                                       .get = get,
                                       .list = list,
                                       .remove = drop};
    proc->store = (sim_store){.store = {&ops, WEIR_STR("sim")}, .proc = proc};
    return &proc->store.store;
}
