/* cli/main.c - the command table. */
#include "cli/cli.h"
#include <stdio.h>
#include <string.h>
#include "weir/query.h"
#include "weir/row_filter.h"

static const struct {
    const char *name, *use, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", "[--listen HOST:PORT] [--data DIR] [--config FILE] [--demo]", "the service", weir_cmd_serve},
    {"query", "[--url URL] [--format table|json|csv|tsv] [JSON | @FILE | -]", "asks a server a native query", weir_cmd_query},
    {"load", "--data DIR --spec SPEC [FILE...]", "loads files of JSON lines into a store", weir_cmd_load},
    {"audit", "TABLE [--data DIR] [--deep] [--read-topics] [--ids COLUMN]", "compares a table's log, segments, rows and topics", weir_cmd_audit},
    {"segment", "FILE... [--chunks] [--verify] [--json]", "describes and verifies segments' files", weir_cmd_segment},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

static int print_help(FILE *to)
{
    fprintf(to, "weir " WEIR_VERSION ", a real-time OLAP store that speaks Apache Druid's API\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  weir %s %s\n      %s\n", commands[i].name, commands[i].use, commands[i].help);
    }
    fprintf(to, "\n`weir COMMAND --help` says more.\n");
    return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    weir_row_filters_install(weir_query_row_filters());
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        puts("weir " WEIR_VERSION);
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        return print_help(stdout);
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (name[0]) {
        fprintf(stderr, "weir: no command is named '%s'\n", name);
    }
    return print_help(stderr);
}
