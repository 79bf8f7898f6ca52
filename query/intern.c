/* query/intern.c - open addressing, 16-byte slots with the whole hash, load at most one half; strings in bump pages. */
#include "query/intern.h"
#include "weir/hash.h"
#include "weir/uid.h"

enum { FIRST_SLOTS = 1024, ROOM_BYTES = 64 << 10 };

typedef struct slot {
    uint64_t hash;
    uint32_t id; /* 0: free */
} slot;

static bool dict_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                        weir_str *out, weir_error *err)
{
    (void)s, (void)err;
    const weir_str *values = ((const weir_intern *)dict)->values.at;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = values[ids[i]];
    }
    return true;
}

static const slot *find_slot(const weir_intern *intern, weir_str value, uint64_t hash)
{
    const slot *slots = intern->slots.at;
    const weir_str *values = intern->values.at;
    uint32_t mask = intern->slot_count - 1;
    uint32_t at = (uint32_t)hash & mask;
    while (slots[at].id && (slots[at].hash != hash || !weir_str_eq(values[slots[at].id], value))) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

static uint32_t dict_find(const weir_dict *dict, weir_str value)
{
    const weir_intern *intern = (const weir_intern *)dict;
    if (intern->slot_count == 0) {
        return WEIR_NO_ID;
    }
    const slot *s = find_slot(intern, value, weir_hash_bytes(value.at, value.size));
    return s->id ? s->id : WEIR_NO_ID;
}

static const weir_dict_ops ops = {.values = dict_values, .find = dict_find};

void weir_intern_init(weir_intern *intern, weir_budget *budget)
{
    *intern = (weir_intern){.dict = {.ops = &ops, .count = 1, .uid = weir_uid_next()},
                            .budget = budget,
                            .bytes = {.budget = budget}};
}

void weir_intern_done(weir_intern *intern)
{
    weir_area_done(&intern->values, intern->budget);
    weir_area_done(&intern->slots, intern->budget);
    weir_scratch_done(&intern->bytes);
}

static bool grow_slots(weir_intern *intern, weir_error *err)
{
    uint32_t count = intern->slot_count ? intern->slot_count * 2 : FIRST_SLOTS;
    weir_area grown = {0};
    if (!weir_area_fresh(&grown, intern->budget, count * sizeof(slot), err)) {
        return false;
    }
    slot *slots = grown.at;
    memset(slots, 0, count * sizeof(slot));
    const slot *old = intern->slots.at;
    for (uint32_t i = 0; i < intern->slot_count; i++) {
        if (old[i].id) {
            uint32_t at = (uint32_t)old[i].hash & (count - 1);
            while (slots[at].id) {
                at = (at + 1) & (count - 1);
            }
            slots[at] = old[i];
        }
    }
    weir_area_done(&intern->slots, intern->budget);
    intern->slots = grown;
    intern->slot_count = count;
    return true;
}

static weir_str keep_bytes(weir_intern *intern, weir_str value)
{
    if (value.size > intern->room_bytes || !intern->room) { /* an empty value is somewhere, too */
        size_t take = value.size > ROOM_BYTES / 4 ? value.size : ROOM_BYTES - 64;
        char *at = weir_scratch_take(&intern->bytes, take);
        if (take == value.size) {
            memcpy(at, value.at, value.size);
            return (weir_str){at, value.size};
        }
        intern->room = at;
        intern->room_bytes = take;
    }
    char *at = intern->room;
    if (value.size) {
        memcpy(at, value.at, value.size);
    }
    intern->room += value.size;
    intern->room_bytes -= value.size;
    return (weir_str){at, value.size};
}

bool weir_intern_put(weir_intern *intern, weir_str value, uint64_t hash, uint32_t *id,
                     weir_error *err)
{
    if (intern->dict.count * 2 > intern->slot_count && !grow_slots(intern, err)) {
        return false;
    }
    slot *s = (slot *)find_slot(intern, value, hash);
    if (s->id == 0) {
        uint32_t next = intern->dict.count;
        if (!weir_area_reserve(&intern->values, intern->budget, next * sizeof(weir_str),
                               (next + (size_t)1) * sizeof(weir_str), err)) {
            return false;
        }
        ((weir_str *)intern->values.at)[next] = keep_bytes(intern, value);
        *s = (slot){hash, next};
        intern->dict.count = next + 1;
    }
    *id = s->id;
    return true;
}
