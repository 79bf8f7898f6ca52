/* cli/cmd_segment.c - weir segment: what a frozen segment's file holds, and whether every byte of
 * it is sound. The table is printed from the same JSON that --json prints. Exit code: 0 sound, 1
 * cannot be read or damaged, 2 wrong use. */
#include "cli/cli.h"
#include "weir/segment.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: weir segment FILE... [--chunks] [--verify] [--json]\n"
    "  Describes segments' files: rows, times, and per column its type, encodings, values, and "
    "bytes by part.\n"
    "  --chunks   every chunk of every column: encoding, place, bytes, range, nulls\n"
    "  --verify   checks every checksum, decodes every value, compares zones and indexes with the "
    "values\n"
    "  --json     as one JSON object each\n";

typedef struct options {
    const char *path; /* the one at hand */
    char **paths;     /* taken out of argv */
    int count;
    bool chunks, verify, json;
} options;

static bool parse_options(int argc, char **argv, options *out)
{
    out->paths = argv;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--chunks") == 0) {
            out->chunks = true;
        } else if (strcmp(argv[i], "--verify") == 0) {
            out->verify = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            out->json = true;
        } else if (argv[i][0] == '-') {
            fprintf(stderr, "weir segment: what is '%s'?\n%s", argv[i], help);
            return false;
        } else {
            out->paths[out->count++] = argv[i];
        }
    }
    if (out->count == 0) {
        fputs(help, stderr);
    }
    return out->count > 0;
}

static long long number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

/* "1234567" as "1,234,567". */
static const char *grouped(long long value, char out[32])
{
    char digits[32];
    int size = snprintf(digits, sizeof(digits), "%lld", value), to = 0;
    for (int i = 0; i < size; i++) {
        out[to++] = digits[i];
        if (digits[i] != '-' && (size - i - 1) % 3 == 0 && i + 1 < size) {
            out[to++] = ',';
        }
    }
    out[to] = 0;
    return out;
}

static void print_encodings(const json_t *encodings)
{
    const char *name;
    json_t *count;
    bool first = true;
    json_object_foreach((json_t *)encodings, name, count)
    {
        printf("%s%s", first ? "" : ", ", name);
        if (json_object_size(encodings) > 1) {
            printf(" %lld", (long long)json_integer_value(count));
        }
        first = false;
    }
}

static void print_range(const json_t *chunk)
{
    const json_t *min = json_object_get(chunk, "min"), *max = json_object_get(chunk, "max");
    const json_t *min_id = json_object_get(chunk, "minId");
    if (min_id) {
        printf("  ids %lld..%lld", (long long)json_integer_value(min_id), number(chunk, "maxId"));
    } else if (json_is_integer(min)) {
        printf("  %lld..%lld", (long long)json_integer_value(min),
               (long long)json_integer_value(max));
    } else if (json_is_number(min)) {
        printf("  %.17g..%.17g", json_number_value(min), json_number_value(max));
    }
}

static void print_chunks(const json_t *column)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(json_object_get(column, "chunks"), i, chunk)
    {
        char bytes[32], index[32];
        printf("    chunk %-5zu %-16s at %-12lld %10s bytes", i, text(chunk, "encoding"),
               number(chunk, "offset"), grouped(number(chunk, "bytes"), bytes));
        if (json_object_get(chunk, "items")) {
            printf("  %lld items %s bytes", number(chunk, "items"),
                   grouped(number(chunk, "itemBytes"), bytes));
        }
        if (json_object_get(chunk, "indexBytes")) {
            printf("  index %s bytes", grouped(number(chunk, "indexBytes"), index));
        }
        if (number(chunk, "nulls")) {
            printf("  %lld nulls", number(chunk, "nulls"));
        }
        print_range(chunk);
        putchar('\n');
    }
}

static void print_text(const json_t *root)
{
    char a[32], b[32];
    size_t i;
    json_t *column;
    printf("%s\n", text(root, "name"));
    printf("  %s rows in %lld chunks, %s .. %s\n", grouped(number(root, "rows"), a),
           number(root, "chunkCount"), text(root, "minTime"), text(root, "maxTime"));
    printf("  %s bytes, footer %s, version %lld, footer xxh3 %s\n\n",
           grouped(number(root, "bytes"), a), grouped(number(root, "footerBytes"), b),
           number(root, "version"), text(root, "footerXxh3"));
    printf("  %-24s %-20s %13s %13s %13s %13s %12s %10s  %s\n", "column", "type", "bytes", "values",
           "dictionary", "index", "cardinality", "nulls", "encodings");
    json_array_foreach(json_object_get(root, "columns"), i, column)
    {
        char cells[6][32];
        bool string = json_object_get(column, "cardinality") != NULL;
        printf("  %-24s %-20s %13s %13s %13s %13s %12s %10s  ", text(column, "name"),
               text(column, "type"), grouped(number(column, "bytes"), cells[0]),
               grouped(number(column, "valueBytes"), cells[1]),
               string ? grouped(number(column, "dictionaryBytes"), cells[2]) : "",
               string ? grouped(number(column, "indexBytes"), cells[3]) : "",
               string ? grouped(number(column, "cardinality"), cells[4]) : "",
               grouped(number(column, "nulls"), cells[5]));
        print_encodings(json_object_get(column, "encodings"));
        putchar('\n');
        print_chunks(column);
    }
}

static bool describe(weir_segment *seg, const options *o, weir_error *err)
{
    weir_buf buf = {0};
    weir_json json = {.out = &buf, .pretty = o->json};
    weir_segment_describe(seg, o->chunks, &json);
    bool ok = true;
    if (o->json) {
        printf("%.*s\n", (int)buf.size, buf.at);
    } else {
        json_error_t problem;
        json_t *root = json_loadb(buf.at, buf.size, JSON_ALLOW_NUL, &problem);
        ok = root ||
             weir_fail(err, WEIR_ERR_INTERNAL, "the description is no JSON: %s", problem.text);
        if (ok) {
            print_text(root);
        }
        json_decref(root);
    }
    weir_buf_done(&buf);
    return ok;
}

static bool look_at(const options *o)
{
    weir_error err = {0};
    weir_bytes bytes;
    weir_segment *seg = NULL;
    bool ok = weir_bytes_map(o->path, &bytes, &err) &&
              weir_segment_open(o->path, bytes, &seg, &err) && describe(seg, o, &err);
    if (ok && o->verify) {
        ok = weir_segment_verify(seg, &err);
        if (ok) {
            fputs(o->json ? "" : "\n", stdout);
            fprintf(o->json ? stderr : stdout,
                    "  verified: every checksum, every value, every zone and index\n");
        }
    }
    weir_segment_unref(seg);
    if (!ok) {
        fflush(stdout);
        fprintf(stderr, "weir segment: %s\n", err.message);
    }
    return ok;
}

int weir_cmd_segment(int argc, char **argv)
{
    options o = {0};
    bool ok = true;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    if (!parse_options(argc, argv, &o)) {
        return 2;
    }
    for (int i = 0; i < o.count; i++) { /* a damaged one does not hide the others */
        o.path = o.paths[i];
        fputs(i > 0 && !o.json ? "\n" : "", stdout);
        ok = look_at(&o) && ok;
    }
    return ok ? 0 : 1;
}
