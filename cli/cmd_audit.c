/* cli/cmd_audit.c - weir audit: whether a table's log, segments, rows and topics say the same. Exit
 * code: 0 clean, 1 findings, 2 it could not look. */
#include "cli/audit_ids.h"
#include "cli/cli.h"
#include "weir/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: weir audit TABLE [--data DIR] [--store S3URL] [--s3-... VALUE] [FLAG...]\n"
    "  Reads a table's whole log and compares it with its checkpoints, its segments and the topics "
    "that\n"
    "  it was read from. Nothing is changed; a server may run beside it.\n"
    "  --deep           reads every byte of every segment; else their sizes and footers\n"
    "  --read-topics    reads the committed records that the topics still have and counts them\n"
    "  --no-topics      leaves the brokers alone\n"
    "  --brokers LIST   instead of those of the supervisors' specs\n"
    "  --ids COLUMN     every value of the column is there once; with --read-topics: as often as "
    "in the topics\n"
    "  --count METRIC   with --ids: the metric that counts events, where rows roll up\n"
    "  --json           one JSON object\n"
    "  Exit code: 0 clean, 1 there are findings, 2 it could not look.\n";

typedef struct options {
    const char *table, *brokers, *ids, *count;
    bool deep, read_topics, no_topics, json;
} options;

static const char *const kinds[] = {"data", "gap", "start", "reset"};

/* Adjoining data ranges of an epoch are one. Returns the range after. */
static size_t join(const weir_audit *a, const weir_audit_source *s, size_t i, int64_t *to)
{
    const weir_audit_range *first = &a->ranges[s->first_range + i];
    *to = first->to;
    for (i++; i < s->range_count; i++) {
        const weir_audit_range *next = &a->ranges[s->first_range + i];
        if (first->kind != WEIR_RANGE_DATA || next->kind != WEIR_RANGE_DATA || next->from != *to ||
            next->epoch != first->epoch) {
            break;
        }
        *to = next->to;
    }
    return i;
}

static void put_ranges(const weir_audit *a, const weir_audit_source *s, weir_json *out)
{
    weir_json_key(out, WEIR_STR("ranges"));
    weir_json_begin_array(out);
    for (size_t i = 0; i < s->range_count;) {
        const weir_audit_range *range = &a->ranges[s->first_range + i];
        int64_t to;
        i = join(a, s, i, &to);
        weir_json_begin_object(out);
        weir_json_member_long(out, "epoch", (int64_t)range->epoch);
        weir_json_member_text(out, "kind", kinds[range->kind]);
        weir_json_member_long(out, "from", range->from);
        weir_json_member_long(out, "to", to);
        weir_json_member_long(out, "version", (int64_t)range->version);
        if (range->reason.size > 0) {
            weir_json_member_str(out, "reason", range->reason);
        }
        weir_json_end_object(out);
    }
    weir_json_end_array(out);
}

static void put_source(const weir_audit *a, const weir_audit_source *s, weir_json *out)
{
    const weir_source_state *state = s->state;
    weir_json_begin_object(out);
    weir_json_member_str(out, "supervisor", state->source.supervisor);
    weir_json_member_str(out, "topic", state->source.topic);
    weir_json_member_long(out, "partition", state->source.partition);
    weir_json_member_long(out, "epoch", (int64_t)state->epoch);
    weir_json_member_long(out, "next", state->next);
    if (s->asked) {
        weir_json_member_long(out, "low", s->low);
        weir_json_member_long(out, "high", s->high);
        weir_json_member_long(out, "recordsRead", (int64_t)s->records);
    } else if (s->note.size > 0) {
        weir_json_member_str(out, "note", s->note);
    }
    weir_json_member_long(out, "kept", (int64_t)state->totals.kept);
    weir_json_member_long(out, "thrownAway", (int64_t)state->totals.thrown_away);
    weir_json_member_long(out, "unparseable", (int64_t)state->totals.unparseable);
    put_ranges(a, s, out);
    weir_json_end_object(out);
}

static void print_json(const weir_audit *a, const weir_audit_ids *ids, weir_buf *out)
{
    weir_json json = {.out = out, .pretty = true};
    weir_json_begin_object(&json);
    weir_json_member_str(&json, "table", a->table);
    weir_json_member_str(&json, "store", a->store->name);
    weir_json_member_long(&json, "version", (int64_t)weir_log_version(a->state));
    weir_json_member_long(&json, "commits", (int64_t)a->commits);
    weir_json_member_long(&json, "checkpoints", a->checkpoints);
    weir_json_member_long(&json, "segments", (int64_t)a->segments);
    weir_json_member_long(&json, "segmentBytes", (int64_t)a->segment_bytes);
    weir_json_member_long(&json, "unreferenced", (int64_t)a->unreferenced);
    if (ids) {
        weir_audit_ids_figures f = weir_audit_ids_figures_get(ids);
        weir_json_member_long(&json, "rows", (int64_t)f.rows);
        weir_json_member_long(&json, "rowsWithoutId", (int64_t)f.without);
        weir_json_member_long(&json, "distinctIds", (int64_t)f.distinct);
        weir_json_member_long(&json, "distinctIdsInTopics", (int64_t)f.in_topics);
    }
    weir_json_key(&json, WEIR_STR("sources"));
    weir_json_begin_array(&json);
    for (size_t i = 0; i < a->source_count; i++) {
        put_source(a, &a->sources[i], &json);
    }
    weir_json_end_array(&json);
    weir_json_key(&json, WEIR_STR("findings"));
    weir_json_begin_array(&json);
    for (size_t i = 0; i < a->finding_count; i++) {
        weir_json_begin_object(&json);
        weir_json_member_text(&json, "check", a->findings[i].check);
        weir_json_member_str(&json, "text", a->findings[i].text);
        weir_json_end_object(&json);
    }
    weir_json_end_array(&json);
    weir_json_end_object(&json);
    weir_buf_byte(out, '\n');
}

static const char *number_or_dash(bool known, int64_t value, char text[32])
{
    snprintf(text, 32, known ? "%lld" : "-", (long long)value);
    return text;
}

static void print_source(const weir_audit *a, const weir_audit_source *s, weir_buf *out)
{
    char low[32], high[32], records[32];
    const weir_source_state *state = s->state;
    weir_buf_printf(out, "  %-28.*s %4d %5llu %12lld %12s %12s %12llu %10llu %10llu %12s\n",
                    WEIR_STR_ARG(state->source.topic), (int)state->source.partition,
                    (unsigned long long)state->epoch, (long long)state->next,
                    number_or_dash(s->asked, s->low, low), number_or_dash(s->asked, s->high, high),
                    (unsigned long long)state->totals.kept,
                    (unsigned long long)state->totals.thrown_away,
                    (unsigned long long)state->totals.unparseable,
                    number_or_dash(s->asked, (int64_t)s->records, records));
    for (size_t i = 0; i < s->range_count;) {
        const weir_audit_range *range = &a->ranges[s->first_range + i];
        int64_t to;
        i = join(a, s, i, &to);
        weir_buf_printf(out, "      epoch %llu %-5s [%lld, %lld) from version %llu%s%.*s\n",
                        (unsigned long long)range->epoch, kinds[range->kind],
                        (long long)range->from, (long long)to, (unsigned long long)range->version,
                        range->reason.size > 0 ? ": " : "", WEIR_STR_ARG(range->reason));
    }
    if (s->note.size > 0) {
        weir_buf_printf(out, "      not compared: %.*s\n", WEIR_STR_ARG(s->note));
    }
}

static void print_text(const weir_audit *a, const weir_audit_ids *ids, weir_buf *out)
{
    weir_buf_printf(
        out,
        "table %.*s in %.*s\n  version %llu; %llu commits read, %u checkpoints compared; "
        "%llu segments, %.1f MB; %llu objects that nothing refers to\n",
        WEIR_STR_ARG(a->table), WEIR_STR_ARG(a->store->name),
        (unsigned long long)weir_log_version(a->state), (unsigned long long)a->commits,
        a->checkpoints, (unsigned long long)a->segments, (double)a->segment_bytes / 1e6,
        (unsigned long long)a->unreferenced);
    if (ids) {
        weir_audit_ids_figures f = weir_audit_ids_figures_get(ids);
        weir_buf_printf(
            out, "  %llu rows, %llu of them without an id, %llu distinct ids; %llu in the topics\n",
            (unsigned long long)f.rows, (unsigned long long)f.without,
            (unsigned long long)f.distinct, (unsigned long long)f.in_topics);
    }
    if (a->source_count > 0) {
        weir_buf_printf(out, "\n  %-28s %4s %5s %12s %12s %12s %12s %10s %10s %12s\n", "topic",
                        "part", "epoch", "next", "low", "high", "kept", "thrown", "unparsable",
                        "records read");
    }
    for (size_t i = 0; i < a->source_count; i++) {
        print_source(a, &a->sources[i], out);
    }
    weir_buf_byte(out, '\n');
    for (size_t i = 0; i < a->finding_count; i++) {
        weir_buf_printf(out, "FINDING %s: %.*s\n", a->findings[i].check,
                        WEIR_STR_ARG(a->findings[i].text));
    }
    if (a->finding_count == 0) {
        weir_buf_printf(out, "clean\n");
    } else {
        weir_buf_printf(out, "%zu findings\n", a->finding_count);
    }
}

/* The topics have every record that was ever committed: of one epoch, and from its start on. */
static bool has_all(const weir_audit *a)
{
    for (size_t i = 0; i < a->source_count; i++) {
        const weir_audit_source *s = &a->sources[i];
        for (size_t r = 0; r < s->range_count; r++) {
            const weir_audit_range *range = &a->ranges[s->first_range + r];
            if (range->kind == WEIR_RANGE_DATA && !range->whole) {
                return false;
            }
        }
    }
    return a->source_count > 0;
}

static bool look(const options *o, const weir_data_dir *data, weir_audit **audit,
                 weir_audit_ids *ids, weir_error *err)
{
    weir_audit_topics_options topics = {.brokers = o->brokers,
                                        .read = o->read_topics,
                                        .ids = weir_str_of(o->ids ? o->ids : ""),
                                        .see = weir_audit_ids_see,
                                        .self = ids};
    return weir_audit_begin(data->store, weir_str_of(o->table), audit, err) &&
           weir_audit_segments(*audit, o->deep, err) &&
           (o->no_topics || weir_audit_topics(*audit, &topics, err)) &&
           (!ids || weir_audit_ids_check(ids, *audit, data, o->read_topics, has_all(*audit), err));
}

static int run(const options *o, const weir_config *config)
{
    weir_arena *arena = weir_arena_new();
    weir_data_dir data;
    weir_error err = {0};
    weir_audit *audit = NULL;
    weir_audit_ids *ids =
        o->ids ? weir_audit_ids_new(weir_str_of(o->ids), weir_str_of(o->count ? o->count : ""))
               : NULL;
    int code = 2;
    if (!config->store[0] && access(config->data, F_OK) != 0) { /* opening would make it */
        weir_fail(&err, WEIR_ERR_NOT_FOUND, "%s: %s", config->data, strerror(errno));
    } else if (weir_data_dir_open(config, arena, &data, &err)) {
        if (look(o, &data, &audit, ids, &err)) {
            weir_buf out = {0};
            if (o->json) {
                print_json(audit, ids, &out);
            } else {
                print_text(audit, ids, &out);
            }
            fwrite(out.at, 1, out.size, stdout);
            weir_buf_done(&out);
            code = audit->finding_count > 0;
        }
        weir_audit_free(audit);
        weir_data_dir_close(&data);
    }
    if (code == 2) {
        fprintf(stderr, "weir audit: %s\n", err.message);
    }
    weir_audit_ids_free(ids);
    weir_arena_free(arena);
    return fflush(stdout) == 0 ? code : 2;
}

static bool is_of_the_store(const char *name)
{
    return strcmp(name, "store") == 0 || strncmp(name, "s3-", 3) == 0;
}

int weir_cmd_audit(int argc, char **argv)
{
    options o = {0};
    weir_config config;
    weir_error err;
    weir_config_defaults(&config);
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool *flag = strcmp(name, "--deep") == 0          ? &o.deep
                     : strcmp(name, "--read-topics") == 0 ? &o.read_topics
                     : strcmp(name, "--no-topics") == 0   ? &o.no_topics
                     : strcmp(name, "--json") == 0        ? &o.json
                                                          : NULL;
        const char **text = strcmp(name, "--brokers") == 0 ? &o.brokers
                            : strcmp(name, "--ids") == 0   ? &o.ids
                            : strcmp(name, "--count") == 0 ? &o.count
                            : strcmp(name, "--data") == 0  ? &config.data
                                                           : NULL;
        if (strcmp(name, "--help") == 0) {
            fputs(help, stdout);
            return 0;
        } else if (flag) {
            *flag = true;
        } else if (text && value) {
            *text = value;
            i++;
        } else if (value && strncmp(name, "--", 2) == 0 && is_of_the_store(name + 2)) {
            if (!weir_config_set(&config, name + 2, value, &err)) {
                fprintf(stderr, "weir audit: %s\n", err.message);
                return 2;
            }
            i++;
        } else if (text) {
            fprintf(stderr, "weir audit: %s needs a value\n", name);
            return 2;
        } else if (name[0] == '-' || o.table) {
            fprintf(stderr, "weir audit: '%s' is not understood\n%s", name, help);
            return 2;
        } else {
            o.table = name;
        }
    }
    if (!o.table || (o.read_topics && o.no_topics)) {
        fputs(help, stderr);
        return 2;
    }
    weir_log_setup(WEIR_ERROR, false);
    return run(&o, &config);
}
