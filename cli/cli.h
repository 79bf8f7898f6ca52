/* cli/cli.h - the commands of the `weir` program, and what they share. A command gets argv from its own name on and returns the exit code:
 * 0 done, 1 failed, 2 wrong use. */
#ifndef CLI_H
#define CLI_H
#include "weir/buf.h"
#include "weir/error.h"

int weir_cmd_serve(int argc, char **argv);
int weir_cmd_query(int argc, char **argv);
int weir_cmd_load(int argc, char **argv);
int weir_cmd_segment(int argc, char **argv);
int weir_cmd_audit(int argc, char **argv);

/* cli/http.c: one request to a server, blocking. `url` is http://host:port; the body of the answer is appended to `out`. */
bool weir_http_call(const char *url, const char *method, const char *path, weir_str body, int *status, weir_buf *out, weir_error *err);
#endif
