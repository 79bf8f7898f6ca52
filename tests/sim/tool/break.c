/* tests/sim/tool/break.c - copies of the product's sources in which rules can be broken: every line
 * of broken_rules.h that is found (once) is replaced. usage: sim_break ROOT OUT FILE... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../broken.h"

const broken_rule broken_rules[] = {
#include "../broken_rules.h"
};
const int broken_rule_count = sizeof(broken_rules) / sizeof(broken_rules[0]);

static char *read_file(const char *root, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    FILE *in = fopen(path, "r");
    char *text = calloc(1, 4 << 20);
    size_t size = in ? fread(text, 1, (4 << 20) - 1, in) : 0;
    if (in) {
        fclose(in);
    }
    text[size] = 0;
    return text;
}

/* The text with one place replaced; NULL: it is not there just once. */
static char *replace(const char *text, int rule, const broken_edit *edit)
{
    const char *at = strstr(text, edit->from);
    if (!at || strstr(at + 1, edit->from)) {
        return NULL;
    }
    char *out = calloc(1, 4 << 20);
    size_t size = (size_t)(at - text);
    memcpy(out, text, size);
    for (const char *to = edit->to; *to;) {
        if (strncmp(to, "BROKEN", 6) == 0) {
            size += (size_t)sprintf(out + size, "broken_is(%d)", rule);
            to += 6;
        } else {
            out[size++] = *to++;
        }
    }
    strcpy(out + size, at + strlen(edit->from));
    return out;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[4096];
    size_t begin = (size_t)snprintf(path, sizeof(path), "%s/", folder);
    snprintf(path + begin, sizeof(path) - begin, "%s", name);
    for (char *at = path + begin; *at; at++) {
        *at = *at == '/' ? '_' : *at;
    }
    FILE *out = fopen(path, "w");
    if (!out || fputs(text, out) < 0 || fclose(out) != 0) {
        fprintf(stderr, "sim_break: cannot write %s\n", path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    int missing[256] = {0};
    char list[2048] = "";
    char **texts = calloc((size_t)argc, sizeof(*texts));
    for (int i = 3; i < argc; i++) {
        texts[i] = read_file(argv[1], argv[i]);
    }
    for (int rule = 0; rule < broken_rule_count; rule++) {
        for (const broken_edit *edit = broken_rules[rule].edits; edit->file; edit++) {
            int i = 3;
            while (i < argc && strcmp(argv[i], edit->file) != 0) {
                i++;
            }
            char *next = i < argc ? replace(texts[i], rule, edit) : NULL;
            missing[rule] += !next;
            if (next) {
                free(texts[i]);
                texts[i] = next;
            }
        }
        strcat(list, missing[rule] ? "false, " : "true, ");
    }
    for (int i = 3; i < argc; i++) {
        char *out = calloc(1, strlen(texts[i]) + 200);
        sprintf(out, "#include <stdbool.h>\nbool broken_is(int rule);\n#line 1 \"%s\"\n%s", argv[i],
                texts[i]);
        write_file(argv[2], argv[i], out);
        free(out);
    }
    strcat(list, "\n");
    write_file(argv[2], "applied.h", list);
    return 0;
}
