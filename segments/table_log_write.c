/* segments/table_log_write.c - a commit and its bytes: one line of JSON, a line with the xxh3 of it
 * (docs/FORMAT.md, "The table log"). One table of fields both writes and reads. */
#include "segments/table_log_state.h"
#include <assert.h>
#include <stdlib.h>

static const char *const op_words[] = {"create", "handoff", "start",     "gap",  "reset",
                                       "load",   "claim",   "overwrite", "drop", "compact",
                                       "spec",   "config",  "gc",        NULL};
static const char *const range_words[] = {"data", "gap", "start", "reset", NULL};
static_assert(sizeof(op_words) / sizeof(op_words[0]) == WEIR_OP_GC + 2, "a word for each op");
static_assert(sizeof(range_words) / sizeof(range_words[0]) == WEIR_RANGE_RESET + 2,
              "a word for each kind");

#define FIELD(kind_, type, name_, member)                                                          \
    {                                                                                              \
        .name = (name_), .kind = WEIR_FIELD_##kind_, .at = offsetof(type, member)                  \
    }
#define MAYBE(kind_, type, name_, member)                                                          \
    {                                                                                              \
        .name = (name_), .kind = WEIR_FIELD_##kind_, .optional = true,                             \
        .at = offsetof(type, member)                                                               \
    }
#define LIST(name_, member, count, fields_)                                                        \
    {                                                                                              \
        .name = (name_), .kind = WEIR_FIELD_LIST, .optional = true,                                \
        .at = offsetof(weir_commit, member), .other = offsetof(weir_commit, count),                \
        .size = sizeof(*((weir_commit *)0)->member), .fields = (fields_)                           \
    }

const weir_field weir_anchor_fields[] = {
    FIELD(LONG, weir_anchor, "offset", offset),
    FIELD(HEX, weir_anchor, "xxh3", xxh3),
    {0},
};
const weir_field weir_counts_fields[] = {
    FIELD(ULONG, weir_counts, "kept", kept),
    FIELD(ULONG, weir_counts, "thrown_away", thrown_away),
    FIELD(ULONG, weir_counts, "unparseable", unparseable),
    FIELD(ULONG, weir_counts, "bytes", bytes),
    {0},
};
const weir_field weir_range_fields[] = {
    FIELD(STR, weir_range, "supervisor", source.supervisor),
    FIELD(STR, weir_range, "topic", source.topic),
    FIELD(INT, weir_range, "partition", source.partition),
    FIELD(ULONG, weir_range, "epoch", epoch),
    {.name = "kind",
     .kind = WEIR_FIELD_ENUM,
     .at = offsetof(weir_range, kind),
     .words = range_words},
    FIELD(LONG, weir_range, "from", from),
    FIELD(LONG, weir_range, "to", to),
    {.name = "anchor",
     .kind = WEIR_FIELD_OBJECT,
     .optional = true,
     .at = offsetof(weir_range, anchor),
     .other = offsetof(weir_range, anchor.known),
     .fields = weir_anchor_fields},
    {.name = "counts",
     .kind = WEIR_FIELD_OBJECT,
     .at = offsetof(weir_range, counts),
     .fields = weir_counts_fields},
    MAYBE(STR, weir_range, "reason", reason),
    {0},
};
const weir_field weir_added_fields[] = {
    FIELD(STR, weir_added, "id", id),
    FIELD(LONG, weir_added, "from_ms", from_ms),
    FIELD(LONG, weir_added, "to_ms", to_ms),
    FIELD(ULONG, weir_added, "rows", rows),
    FIELD(ULONG, weir_added, "events", events),
    FIELD(ULONG, weir_added, "bytes", bytes),
    FIELD(ULONG, weir_added, "footer_bytes", footer_bytes),
    FIELD(HEX, weir_added, "footer_xxh3", footer_xxh3),
    {0},
};
static const weir_field removed_fields[] = {
    FIELD(STR, weir_removed, "id", id),
    FIELD(ULONG, weir_removed, "rev", rev),
    {0},
};
static const weir_field hidden_fields[] = {
    FIELD(STR, weir_removed, "id", id),
    FIELD(ULONG, weir_removed, "rev", rev),
    FIELD(LONG, weir_removed, "from_ms", from_ms),
    FIELD(LONG, weir_removed, "to_ms", to_ms),
    {0},
};
static const weir_field claim_fields[] = {
    FIELD(STR, weir_claim, "claim", id),
    FIELD(LONG, weir_claim, "from_ms", from_ms),
    FIELD(LONG, weir_claim, "to_ms", to_ms),
    {0},
};
static const weir_field claim_id_fields[] = {
    FIELD(STR, weir_claim, "claim", id),
    {0},
};
static const weir_field supervisor_fields[] = {
    FIELD(STR, weir_supervisor_state, "id", id),
    FIELD(RAW, weir_supervisor_state, "spec", spec),
    FIELD(BOOL, weir_supervisor_state, "suspended", suspended),
    {0},
};
/* supervisor_fields are of the state's struct: the commit's begins alike. */
static_assert(offsetof(weir_commit, supervisor.spec) - offsetof(weir_commit, supervisor.id) ==
                  offsetof(weir_supervisor_state, spec),
              "alike");
static_assert(offsetof(weir_commit, supervisor.suspended) - offsetof(weir_commit, supervisor.id) ==
                  offsetof(weir_supervisor_state, suspended),
              "alike");

static const weir_field commit_fields[] = {
    {.name = "format", .kind = WEIR_FIELD_FORMAT},
    FIELD(ULONG, weir_commit, "version", version),
    FIELD(HEX, weir_commit, "prev", prev),
    FIELD(STR, weir_commit, "table", table),
    FIELD(STR, weir_commit, "table_id", table_id),
    FIELD(STR, weir_commit, "txn", txn),
    FIELD(STR, weir_commit, "node", node),
    FIELD(LONG, weir_commit, "at_ms", at_ms),
    {.name = "op", .kind = WEIR_FIELD_ENUM, .at = offsetof(weir_commit, op), .words = op_words},
    LIST("offsets", offsets, offset_count, weir_range_fields),
    LIST("add", add, add_count, weir_added_fields),
    LIST("remove", remove, remove_count, removed_fields),
    LIST("hide", hide, hide_count, hidden_fields),
    LIST("claim", claim, claim_count, claim_fields),
    LIST("renew", renew, renew_count, claim_id_fields),
    LIST("release", release, release_count, claim_id_fields),
    {.name = "supervisor",
     .kind = WEIR_FIELD_OBJECT,
     .optional = true,
     .at = offsetof(weir_commit, supervisor),
     .other = offsetof(weir_commit, supervisor.set),
     .fields = supervisor_fields},
    MAYBE(RAW, weir_commit, "config", config),
    MAYBE(ULONG, weir_commit, "horizon", horizon),
    MAYBE(STR, weir_commit, "label", label),
    {0},
};

weir_commit *weir_commit_new(uint8_t op, const weir_clock *clock)
{
    weir_arena *arena = weir_arena_new();
    weir_commit *commit = WEIR_ARENA_NEW(arena, weir_commit);
    char txn[34];
    weir_hex_u64(txn, weir_random(clock));
    weir_hex_u64(txn + 16, weir_random(clock));
    *commit = (weir_commit){.arena = arena,
                            .op = op,
                            .at_ms = weir_wall_ms(clock),
                            .txn = weir_arena_str(arena, (weir_str){txn, 32})};
    return commit;
}

void weir_commit_free(weir_commit *commit)
{
    if (commit) {
        weir_arena_free(commit->arena);
    }
}

/* Lists double at powers of two; the old one stays in the arena. */
static void *list_add(weir_arena *arena, void *items, uint32_t count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0) {
        return items;
    }
    void *more = weir_arena_alloc(arena, size * (count > 0 ? (size_t)count * 2 : 1));
    if (count > 0) {
        memcpy(more, items, size * count);
    }
    return more;
}

weir_source_key weir_source_key_copy(weir_arena *arena, const weir_source_key *key)
{
    return (weir_source_key){weir_arena_str(arena, key->supervisor),
                             weir_arena_str(arena, key->topic), key->partition};
}

weir_range weir_range_copy(weir_arena *arena, const weir_range *range)
{
    weir_range copy = *range;
    copy.source = weir_source_key_copy(arena, &range->source);
    copy.reason = weir_arena_str(arena, range->reason);
    return copy;
}

void weir_commit_add_range(weir_commit *commit, const weir_range *range)
{
    commit->offsets =
        list_add(commit->arena, commit->offsets, commit->offset_count, sizeof(*range));
    commit->offsets[commit->offset_count++] = weir_range_copy(commit->arena, range);
}

void weir_commit_add_segment(weir_commit *commit, const weir_added *added)
{
    commit->add = list_add(commit->arena, commit->add, commit->add_count, sizeof(*added));
    commit->add[commit->add_count] = *added;
    commit->add[commit->add_count++].id = weir_arena_str(commit->arena, added->id);
}

void weir_commit_add_removed(weir_commit *commit, const weir_removed *removed)
{
    commit->remove =
        list_add(commit->arena, commit->remove, commit->remove_count, sizeof(*removed));
    commit->remove[commit->remove_count] = *removed;
    commit->remove[commit->remove_count++].id = weir_arena_str(commit->arena, removed->id);
}

void weir_commit_add_hidden(weir_commit *commit, const weir_removed *hidden)
{
    commit->hide = list_add(commit->arena, commit->hide, commit->hide_count, sizeof(*hidden));
    commit->hide[commit->hide_count] = *hidden;
    commit->hide[commit->hide_count++].id = weir_arena_str(commit->arena, hidden->id);
}

void weir_commit_set_supervisor(weir_commit *commit, weir_str id, weir_str spec, bool suspended)
{
    commit->supervisor.id = weir_arena_str(commit->arena, id);
    commit->supervisor.spec = weir_arena_str(commit->arena, spec);
    commit->supervisor.suspended = suspended;
    commit->supervisor.set = true;
}

weir_str weir_commit_text(weir_commit *commit, weir_str text)
{
    return weir_arena_str(commit->arena, text);
}

void weir_commit_write(const weir_commit *commit, weir_buf *out)
{
    size_t from = out->size;
    weir_json json = {.out = out};
    char hex[17];
    weir_fields_write(&json, commit_fields, commit);
    weir_hex_u64(hex, weir_hash_bytes(out->at + from, out->size - from));
    weir_buf_printf(out, "\n%s\n", hex);
}

/* The line, when the object is a line, its hash and nothing else. */
static bool check_hash(weir_str bytes, weir_str *line, uint64_t *hash)
{
    uint64_t said;
    if (bytes.size < 18 || bytes.at[bytes.size - 1] != '\n' || bytes.at[bytes.size - 18] != '\n') {
        return false;
    }
    *line = (weir_str){bytes.at, bytes.size - 18};
    *hash = weir_hash_bytes(line->at, line->size);
    return weir_hex_parse((weir_str){bytes.at + bytes.size - 17, 16}, &said) && said == *hash;
}

bool weir_commit_read(weir_str name, weir_str bytes, weir_commit **out, weir_error *err)
{
    weir_str line;
    uint64_t hash;
    bool newer;
    if (!check_hash(bytes, &line, &hash)) {
        return weir_fail(
            err, WEIR_ERR_CORRUPT,
            "log object %.*s is damaged: its %zu bytes do not have the hash that they end with",
            WEIR_STR_ARG(name), bytes.size);
    }
    weir_arena *arena = weir_arena_new();
    weir_commit *commit = WEIR_ARENA_NEW(arena, weir_commit);
    commit->arena = arena;
    commit->hash = hash;
    if (!weir_fields_read(line, commit_fields, commit, arena, &newer, err)) {
        weir_commit_free(commit);
        return weir_fail_in(err, "log object %.*s", WEIR_STR_ARG(name));
    }
    *out = commit;
    return true;
}
