/* cli/cmd_query.c - weir query: sends a native query, prints its answer. Exit code: 0 answered, 1 the server or the query failed, 2 wrong use. */
#include "cli/cli.h"
#include "cli/table.h"
#include "weir/clock.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "usage: weir query [--url URL] [--format table|json|csv|tsv] [--no-timing] [JSON | @FILE | FILE.json | -]\n"
    "  Sends a native query to a server and prints the answer; without an argument, or with -, the query is read from stdin.\n"
    "  --url URL     the server; default $WEIR_URL, else http://127.0.0.1:8888\n"
    "  --format F    table (default on a terminal), json (default otherwise: the answer as it came), csv, tsv\n"
    "  --no-timing   no line with rows and milliseconds on stderr\n";

typedef struct options {
    const char *url, *format, *query;
    bool timing;
} options;

static bool read_stream(FILE *file, weir_buf *out)
{
    char bytes[65536];
    size_t n;
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0) {
        weir_buf_put(out, bytes, n);
    }
    return !ferror(file);
}

static bool read_file(const char *path, weir_buf *out, weir_error *err)
{
    FILE *file = fopen(path, "r");
    bool ok = file && read_stream(file, out);
    if (file) {
        fclose(file);
    }
    return ok || weir_fail(err, WEIR_ERR_BAD_REQUEST, "cannot read %s", path);
}

static bool read_query(const char *argument, weir_buf *out, weir_error *err)
{
    if (!argument || strcmp(argument, "-") == 0) {
        return read_stream(stdin, out) || weir_fail(err, WEIR_ERR_BAD_REQUEST, "cannot read stdin");
    }
    if (argument[0] == '@') {
        return read_file(argument + 1, out, err);
    }
    if (argument[0] != '{') {
        return read_file(argument, out, err);
    }
    weir_buf_text(out, argument);
    return true;
}

/* Druid's error body as one line; anything else as it is. */
static void print_error(int status, const weir_buf *answer)
{
    json_t *root = json_loadb(answer->at, answer->size, 0, NULL);
    const char *word = json_string_value(json_object_get(root, "error"));
    const char *message = json_string_value(json_object_get(root, "errorMessage"));
    if (word && message) {
        fprintf(stderr, "weir query: %s (HTTP %d): %s\n", word, status, message);
    } else {
        fprintf(stderr, "weir query: HTTP %d %.*s\n", status, (int)answer->size, answer->at);
    }
    json_decref(root);
}

static size_t print_answer(const weir_buf *answer, const char *format)
{
    json_t *root = json_loadb(answer->at, answer->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    weir_grid *grid = root ? weir_grid_of(root) : NULL;
    size_t rows = grid ? weir_grid_rows(grid) : 1;
    weir_buf out = {0};
    if (strcmp(format, "json") == 0 || !grid) {
        weir_buf_str(&out, weir_buf_view(answer));
        weir_buf_byte(&out, '\n');
    } else if (strcmp(format, "table") == 0) {
        weir_grid_print_table(grid, &out);
    } else {
        weir_grid_print_separated(grid, format[0] == 'c' ? ',' : '\t', &out);
    }
    fwrite(out.at, 1, out.size, stdout);
    weir_buf_done(&out);
    if (grid) {
        weir_grid_free(grid);
    }
    json_decref(root);
    return rows;
}

static int ask(const options *o)
{
    weir_buf query = {0}, answer = {0};
    weir_error err = {0};
    int status = 0, code = 1;
    int64_t start = weir_monotonic_us(&weir_clock_system);
    if (!read_query(o->query, &query, &err) ||
        !weir_http_call(o->url, "POST", "/druid/v2", weir_buf_view(&query), &status, &answer, &err)) {
        fprintf(stderr, "weir query: %s\n", err.message);
    } else if (status != 200) {
        print_error(status, &answer);
    } else {
        double ms = (double)(weir_monotonic_us(&weir_clock_system) - start) / 1000;
        size_t rows = print_answer(&answer, o->format);
        if (o->timing) {
            fprintf(stderr, "%zu rows in %.1f ms\n", rows, ms);
        }
        code = fflush(stdout) == 0 ? 0 : 1;
    }
    weir_buf_done(&query);
    weir_buf_done(&answer);
    return code;
}

static bool is_format(const char *name)
{
    return strcmp(name, "table") == 0 || strcmp(name, "json") == 0 || strcmp(name, "csv") == 0 || strcmp(name, "tsv") == 0;
}

int weir_cmd_query(int argc, char **argv)
{
    const char *url = getenv("WEIR_URL");
    options o = {.url = url && url[0] ? url : "http://127.0.0.1:8888", .format = isatty(STDOUT_FILENO) ? "table" : "json", .timing = true};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return 0;
        } else if (strcmp(argv[i], "--no-timing") == 0) {
            o.timing = false;
        } else if (strcmp(argv[i], "--url") == 0 && i + 1 < argc) {
            o.url = argv[++i];
        } else if (strcmp(argv[i], "--format") == 0 && i + 1 < argc && is_format(argv[i + 1])) {
            o.format = argv[++i];
        } else if (strcmp(argv[i], "--format") == 0 && i + 1 < argc) {
            fprintf(stderr, "weir query: '%s' is no format: table, json, csv and tsv are\n", argv[i + 1]);
            return 2;
        } else if ((argv[i][0] == '-' && argv[i][1]) || o.query) {
            fprintf(stderr, "weir query: '%s' is not understood\n%s", argv[i], help);
            return 2;
        } else {
            o.query = argv[i];
        }
    }
    return ask(&o);
}
