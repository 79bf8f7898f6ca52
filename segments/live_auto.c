/* segments/live_auto.c - the paths of an auto column as a tree of keys, and their leaves. A key is
 * mostly the one that came at this place in the row before, so it is found by one comparison; a
 * hash table has all. Paths and the keys that lead to them are bounded: what comes later stays in
 * the text and is counted. */
#include "segments/live_auto.h"
#include "compute/json_text.h"
#include "segments/live_shred.h"
#include "weir/hash.h"
#include <assert.h>

#define NODES_MAX (8u * WEIR_PATHS_MAX)
#define PATH_SIZE_MAX 4096u /* bytes */
#define STEPS_MAX (WEIR_JSON_DEPTH + 1)
#define SLOTS 16384u /* twice the nodes */
static_assert(SLOTS >= 2 * NODES_MAX, "the table is at most half full");

static weir_live_leaf *leaf_new(weir_realtime *rt, weir_live_auto *a, weir_str name, bool root,
                                bool arrays)
{
    weir_live_leaf *leaf = WEIR_ARENA_NEW(rt->arena, weir_live_leaf);
    uint32_t id;
    weir_live_dict_intern(&rt->leaf_names, &name, NULL, 1, &id);
    leaf->name = weir_live_dict_value(&rt->leaf_names, id);
    leaf->index = id - 1;
    leaf->of = a->col;
    leaf->root = root;
    leaf->arrays = arrays;
    for (uint32_t i = 0; i < WEIR_PARTS; i++) {
        leaf->columns[i] = WEIR_LIVE_NO_COLUMN;
    }
    rt->leaf_count = id > rt->leaf_count ? id : rt->leaf_count;
    return leaf;
}

void weir_live_auto_init(weir_realtime *rt, weir_live_column *col, weir_type type)
{
    weir_live_auto *a = WEIR_ARENA_NEW(rt->arena, weir_live_auto);
    a->col = col;
    a->type = type;
    col->automatic = a;
}

weir_type weir_live_auto_type(const weir_live_column *col)
{
    return col->automatic->type;
}

weir_type weir_live_widest(uint32_t parts, bool nested)
{
    uint32_t scalars = parts & (WEIR_PART_BIT(WEIR_PART_LONG) | WEIR_PART_BIT(WEIR_PART_DOUBLE) |
                                WEIR_PART_BIT(WEIR_PART_STRING));
    bool strings = parts & (WEIR_PART_BIT(WEIR_PART_STRING) | WEIR_PART_BIT(WEIR_PART_STRINGS));
    bool doubles = parts & (WEIR_PART_BIT(WEIR_PART_DOUBLE) | WEIR_PART_BIT(WEIR_PART_DOUBLES));
    uint8_t kind = strings ? WEIR_STRING : doubles ? WEIR_DOUBLE : WEIR_LONG;
    if (nested) {
        return weir_type_json();
    }
    if (parts == 0) {
        return WEIR_TYPE(WEIR_STRING); /* as Druid types a column of nulls */
    }
    return parts == scalars ? WEIR_TYPE(kind) : (weir_type){.kind = WEIR_ARRAY, .elem = kind};
}

/* ---- the tree ---- */

static uint32_t slot_of(const weir_live_auto *a, const weir_path_node *parent, weir_str key)
{
    uint64_t hash = weir_hash_bytes(key.at, key.size) ^ weir_hash_u64((uint64_t)(uintptr_t)parent);
    return (uint32_t)(hash >> 20) & a->slot_mask;
}

static weir_path_node *node_new(weir_realtime *rt, weir_live_auto *a, weir_path_node *parent,
                                weir_str key, uint32_t slot)
{
    if (a->node_count == NODES_MAX || a->leaf_count >= WEIR_PATHS_MAX || key.size > PATH_SIZE_MAX) {
        return NULL;
    }
    weir_path_node *node = WEIR_ARENA_NEW(rt->arena, weir_path_node);
    node->parent = parent;
    node->key = weir_arena_str(rt->arena, key);
    a->slots[slot] = node;
    a->node_count++;
    return node;
}

weir_path_node *weir_path_child(weir_realtime *rt, weir_live_auto *a, weir_path_node *parent,
                                weir_path_node *guess, weir_str key)
{
    if (guess && guess->parent == parent && weir_str_eq(guess->key, key)) {
        return guess;
    }
    if (!a->slots) {
        a->slots = WEIR_ARENA_ARRAY(rt->arena, weir_path_node *, SLOTS);
        a->slot_mask = SLOTS - 1;
    }
    uint32_t at = slot_of(a, parent, key);
    for (; a->slots[at]; at = (at + 1) & a->slot_mask) {
        if (a->slots[at]->parent == parent && weir_str_eq(a->slots[at]->key, key)) {
            return a->slots[at];
        }
    }
    return node_new(rt, a, parent, key, at);
}

/* ---- leaves ---- */

/* "$.a['b c'][0]" of a node; empty: too long. */
static weir_str path_of(weir_realtime *rt, const weir_live_auto *a, const weir_path_node *node)
{
    weir_json_step steps[STEPS_MAX];
    weir_buf names[STEPS_MAX] = {{0}}, text = {0};
    uint32_t at = STEPS_MAX;
    for (; node != &a->root && at > 0; node = node->parent) {
        weir_json_step *step = &steps[--at];
        *step = (weir_json_step){.is_index = node->key.at[0] != '"'};
        if (step->is_index) {
            weir_str_to_long(node->key, &step->index);
        } else {
            weir_json_unquote(node->key, &names[at]);
            step->field = weir_buf_view(&names[at]);
        }
    }
    if (node == &a->root) {
        weir_json_path_print(steps + at, STEPS_MAX - at, &text);
    }
    weir_str path = {0};
    if (text.size <= PATH_SIZE_MAX && text.size > 0) {
        path = weir_arena_str(rt->arena, weir_buf_view(&text));
    }
    for (; at < STEPS_MAX; at++) {
        weir_buf_done(&names[at]);
    }
    weir_buf_done(&text);
    return path;
}

weir_live_leaf *weir_path_leaf(weir_realtime *rt, weir_live_auto *a, weir_path_node *node,
                               bool arrays)
{
    weir_live_leaf **slot = arrays ? &node->arrays : &node->scalars;
    if (*slot || (a->leaf_count >= WEIR_PATHS_MAX && node != &a->root)) {
        return *slot;
    }
    weir_str path = path_of(rt, a, node);
    if (path.size == 0) {
        return NULL;
    }
    weir_str name = weir_path_column_name(rt->arena, a->col->name, path, arrays);
    a->leaf_count += node != &a->root;
    *slot = leaf_new(rt, a, name, node == &a->root, arrays);
    return *slot;
}

weir_live_leaf *weir_path_rest(weir_realtime *rt, weir_live_auto *a)
{
    if (!a->rest) {
        a->rest = leaf_new(rt, a, weir_path_rest_name(rt->arena, a->col->name), false, false);
    }
    return a->rest;
}
