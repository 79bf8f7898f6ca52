/* segments/checkpoint.c - a state as JSON lines, packed with zstd: a hint that makes loading short
 * (docs/FORMAT.md, "The table log"). A header, a line per thing of the state, {"end": lines before
 * it}, the xxh3 of all before. Whatever is wrong, the reader says no and the one before serves. */
#include "segments/table_log_state.h"
#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

#define LARGEST_BYTES (4ull << 30) /* unpacked: 20 million segments */

typedef struct header {
    weir_str table, table_id;
    uint64_t version, last_hash, horizon;
} header;
typedef struct segment_line {
    weir_added added;
    uint64_t rev, born;
    weir_interval *hides;
    uint32_t hide_count;
} segment_line;
typedef struct end_line {
    uint64_t lines;
} end_line;
/* One line: exactly one of these. */
typedef struct line {
    weir_source_state source;
    segment_line segment;
    tombstone tombstone;
    weir_claim_state claim;
    weir_gap gap;
    weir_supervisor_state supervisor;
    weir_str config, label;
    bool has_source, has_segment, has_tombstone, has_claim, has_gap, has_supervisor;
} line;

#define FIELD(kind_, type, name_, member)                                                          \
    {                                                                                              \
        .name = (name_), .kind = WEIR_FIELD_##kind_, .at = offsetof(type, member)                  \
    }
#define OBJECT(name_, member, fields_)                                                             \
    {                                                                                              \
        .name = (name_), .kind = WEIR_FIELD_OBJECT, .optional = true,                              \
        .at = offsetof(line, member), .other = offsetof(line, has_##member), .fields = (fields_)   \
    }

static const weir_field header_fields[] = {
    {.name = "format", .kind = WEIR_FIELD_FORMAT},
    FIELD(ULONG, header, "version", version),
    FIELD(STR, header, "table", table),
    FIELD(STR, header, "table_id", table_id),
    FIELD(HEX, header, "last_hash", last_hash),
    FIELD(ULONG, header, "horizon", horizon),
    {0},
};
static const weir_field source_fields[] = {
    FIELD(STR, weir_source_state, "supervisor", source.supervisor),
    FIELD(STR, weir_source_state, "topic", source.topic),
    FIELD(INT, weir_source_state, "partition", source.partition),
    FIELD(ULONG, weir_source_state, "epoch", epoch),
    FIELD(LONG, weir_source_state, "next", next),
    {.name = "anchor",
     .kind = WEIR_FIELD_OBJECT,
     .optional = true,
     .at = offsetof(weir_source_state, anchor),
     .other = offsetof(weir_source_state, anchor.known),
     .fields = weir_anchor_fields},
    {.name = "totals",
     .kind = WEIR_FIELD_OBJECT,
     .at = offsetof(weir_source_state, totals),
     .fields = weir_counts_fields},
    {0},
};
static const weir_field hide_fields[] = {
    FIELD(LONG, weir_interval, "from_ms", start_ms),
    FIELD(LONG, weir_interval, "to_ms", end_ms),
    {0},
};
static const weir_field segment_fields[] = {
    {.name = "added",
     .kind = WEIR_FIELD_OBJECT,
     .at = offsetof(segment_line, added),
     .fields = weir_added_fields},
    FIELD(ULONG, segment_line, "rev", rev),
    FIELD(ULONG, segment_line, "born", born),
    {.name = "hides",
     .kind = WEIR_FIELD_LIST,
     .optional = true,
     .at = offsetof(segment_line, hides),
     .other = offsetof(segment_line, hide_count),
     .size = sizeof(weir_interval),
     .fields = hide_fields},
    {0},
};
static const weir_field tombstone_fields[] = {
    FIELD(STR, tombstone, "id", id),
    FIELD(ULONG, tombstone, "version", version),
    {0},
};
static const weir_field claim_fields[] = {
    FIELD(STR, weir_claim_state, "claim", claim.id),
    FIELD(LONG, weir_claim_state, "from_ms", claim.from_ms),
    FIELD(LONG, weir_claim_state, "to_ms", claim.to_ms),
    FIELD(ULONG, weir_claim_state, "version", version),
    FIELD(ULONG, weir_claim_state, "beats", beats),
    {0},
};
static const weir_field gap_fields[] = {
    {.name = "range",
     .kind = WEIR_FIELD_OBJECT,
     .at = offsetof(weir_gap, range),
     .fields = weir_range_fields},
    FIELD(ULONG, weir_gap, "version", version),
    {0},
};
static const weir_field supervisor_fields[] = {
    FIELD(STR, weir_supervisor_state, "id", id),
    FIELD(RAW, weir_supervisor_state, "spec", spec),
    FIELD(BOOL, weir_supervisor_state, "suspended", suspended),
    {0},
};
static const weir_field line_fields[] = {
    OBJECT("source", source, source_fields),
    OBJECT("segment", segment, segment_fields),
    OBJECT("tombstone", tombstone, tombstone_fields),
    OBJECT("claim", claim, claim_fields),
    OBJECT("gap", gap, gap_fields),
    OBJECT("supervisor", supervisor, supervisor_fields),
    {.name = "config", .kind = WEIR_FIELD_RAW, .optional = true, .at = offsetof(line, config)},
    {.name = "label", .kind = WEIR_FIELD_STR, .optional = true, .at = offsetof(line, label)},
    {0},
};
static const weir_field end_fields[] = {
    FIELD(ULONG, end_line, "end", lines),
    {0},
};

static void put_line(weir_buf *out, const weir_field *fields, const void *from, uint64_t *lines)
{
    weir_json json = {.out = out};
    weir_fields_write(&json, fields, from);
    weir_buf_byte(out, '\n');
    (*lines)++;
}

static void write_lines(const weir_log_state *state, weir_buf *out)
{
    uint64_t lines = 0;
    header head = {state->table, state->table_id, state->version, state->hash, state->horizon};
    put_line(out, header_fields, &head, &lines);
    for (size_t i = 0; i < state->source_count; i++) {
        put_line(out, line_fields, &(line){.has_source = true, .source = state->sources[i]},
                 &lines);
    }
    for (size_t i = 0; i < state->segment_count; i++) {
        const weir_segment_state *s = state->segments[i];
        segment_line segment = {s->added, s->rev, s->born, (weir_interval *)(uintptr_t)s->hides,
                                s->hide_count};
        put_line(out, line_fields, &(line){.has_segment = true, .segment = segment}, &lines);
    }
    for (size_t i = 0; i < state->tombstone_count; i++) {
        put_line(out, line_fields,
                 &(line){.has_tombstone = true, .tombstone = state->tombstones[i]}, &lines);
    }
    for (size_t i = 0; i < state->claim_count; i++) {
        put_line(out, line_fields, &(line){.has_claim = true, .claim = state->claims[i]}, &lines);
    }
    for (size_t i = 0; i < state->gap_count; i++) {
        put_line(out, line_fields, &(line){.has_gap = true, .gap = state->gaps[i]}, &lines);
    }
    for (size_t i = 0; i < state->supervisor_count; i++) {
        put_line(out, line_fields,
                 &(line){.has_supervisor = true, .supervisor = state->supervisors[i]}, &lines);
    }
    if (state->config.size > 0) {
        put_line(out, line_fields, &(line){.config = state->config}, &lines);
    }
    for (size_t i = 0; i < state->label_count; i++) {
        put_line(out, line_fields, &(line){.label = state->labels[i]}, &lines);
    }
    end_line end = {lines};
    put_line(out, end_fields, &end, &lines);
}

void weir_checkpoint_write(const weir_log_state *state, weir_buf *out)
{
    weir_buf text = {0};
    char hex[17];
    write_lines(state, &text);
    weir_hex_u64(hex, weir_hash_bytes(text.at, text.size));
    weir_buf_printf(&text, "%s\n", hex);
    size_t room = ZSTD_compressBound(text.size);
    weir_buf_reserve(out, room);
    size_t size = ZSTD_compress(out->at + out->size, room, text.at, text.size, 3);
    if (ZSTD_isError(size)) {
        abort(); /* the buffer is large enough: only out of memory is left */
    }
    out->size += size;
    weir_buf_done(&text);
}

static bool unpack(weir_str bytes, weir_buf *out, weir_error *err)
{
    unsigned long long size = ZSTD_getFrameContentSize(bytes.at, bytes.size);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
        size > LARGEST_BYTES || size / 2000 > bytes.size) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "not a zstd frame of a believable size");
    }
    weir_buf_reserve(out, size + 1);
    size_t got = ZSTD_decompress(out->at, size, bytes.at, bytes.size);
    if (ZSTD_isError(got) || got != size) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "zstd: %s",
                         ZSTD_isError(got) ? ZSTD_getErrorName(got) : "cut");
    }
    out->size = size;
    return true;
}

static bool take_line(weir_str *text, weir_str *out)
{
    const char *end = text->size > 0 ? memchr(text->at, '\n', text->size) : NULL;
    if (!end) {
        return false;
    }
    *out = (weir_str){text->at, (size_t)(end - text->at)};
    *text = (weir_str){end + 1, text->size - out->size - 1};
    return true;
}

#define APPEND(list, one)                                                                          \
    (state->list = weir_list_open(state->list, &state->one##_count, &state->one##_room,            \
                                  sizeof(*state->list), state->one##_count),                       \
     &state->list[state->one##_count - 1])

/* Puts what a line holds at the end of its list; lists that are kept ascending must come so. */
static bool keep_line(weir_log_state *state, const line *l, weir_error *err)
{
    uint64_t base;
    if (l->has_source) {
        if (state->source_count > 0) {
            bool there;
            if (weir_state_find_source(state, &l->source.source, &there) != state->source_count) {
                return weir_fail(err, WEIR_ERR_CORRUPT, "sources are not in order");
            }
        }
        *APPEND(sources, source) = l->source;
    } else if (l->has_segment) {
        const segment_line *s = &l->segment;
        bool there;
        if (!weir_segment_id_base(s->added.id, &base) ||
            weir_state_find_segment(state, s->added.id, &there) != state->segment_count) {
            return weir_fail(err, WEIR_ERR_CORRUPT, "segment '%.*s' is malformed or out of order",
                             WEIR_STR_ARG(s->added.id));
        }
        *APPEND(segments, segment) =
            &weir_segment_record_new(&s->added, s->rev, s->born, s->hide_count, s->hides)->state;
    } else if (l->has_tombstone) {
        bool there;
        if (weir_state_find_tombstone(state, l->tombstone.id, &there) != state->tombstone_count) {
            return weir_fail(err, WEIR_ERR_CORRUPT, "tombstones are not in order");
        }
        *APPEND(tombstones, tombstone) = l->tombstone;
    } else if (l->has_claim) {
        *APPEND(claims, claim) = l->claim;
    } else if (l->has_gap) {
        *APPEND(gaps, gap) = l->gap;
    } else if (l->has_supervisor) {
        *APPEND(supervisors, supervisor) = l->supervisor;
    } else if (l->config.size > 0) {
        state->config = l->config;
    } else if (l->label.size > 0) {
        *APPEND(labels, label) = l->label;
    } else {
        return weir_fail(err, WEIR_ERR_CORRUPT, "an empty line");
    }
    return true;
}

static bool read_lines(weir_log_state *state, weir_str text, weir_error *err)
{
    weir_str row;
    header head = {0};
    bool newer;
    uint64_t lines = 1;
    if (!take_line(&text, &row) ||
        !weir_fields_read(row, header_fields, &head, state->arena, &newer, err)) {
        return false;
    }
    state->table = head.table;
    state->table_id = head.table_id;
    state->version = head.version;
    state->hash = head.last_hash;
    state->horizon = head.horizon;
    while (take_line(&text, &row) && text.size > 0) {
        line l = {0};
        if (!weir_fields_read(row, line_fields, &l, state->arena, &newer, err) ||
            !keep_line(state, &l, err)) {
            return weir_fail_in(err, "line %" PRIu64, lines + 1);
        }
        lines++;
    }
    end_line end = {0};
    if (!weir_fields_read(row, end_fields, &end, state->arena, &newer, err)) {
        return false;
    }
    return end.lines == lines ||
           weir_fail(err, WEIR_ERR_CORRUPT, "%" PRIu64 " lines and not %" PRIu64, lines, end.lines);
}

bool weir_checkpoint_read(weir_str name, weir_str bytes, weir_log_state **out, weir_error *err)
{
    weir_buf text = {0};
    weir_log_state *state = weir_log_state_empty((weir_str){0});
    uint64_t said;
    bool ok = unpack(bytes, &text, err);
    if (ok) {
        ok = text.size > 17 && weir_hex_parse((weir_str){text.at + text.size - 17, 16}, &said) &&
             said == weir_hash_bytes(text.at, text.size - 17);
        ok = ok ? read_lines(state, (weir_str){text.at, text.size - 17}, err)
                : weir_fail(err, WEIR_ERR_CORRUPT, "its hash is wrong");
    }
    weir_buf_done(&text);
    if (!ok) {
        weir_log_state_unref(state);
        return weir_fail_in(err, "checkpoint %.*s is damaged", WEIR_STR_ARG(name));
    }
    *out = state;
    return true;
}
