/* segments/s3_options.c - where an S3 store's credentials and endpoint come from when they were not
 * said: the environment, then the shared credentials file. */
#include "weir/store_s3.h"
#include <stdio.h>
#include <stdlib.h>

static weir_str from_environment(const char *name, const char *other)
{
    const char *value = getenv(name);
    value = value && value[0] ? value : other ? getenv(other) : NULL;
    return value ? weir_str_of(value) : (weir_str){0};
}

static void fill(weir_str *to, weir_str with)
{
    if (to->size == 0) {
        *to = with;
    }
}

static weir_str trim(weir_str s)
{
    while (s.size && strchr(" \t\r\n", s.at[0])) {
        s = (weir_str){s.at + 1, s.size - 1};
    }
    while (s.size && strchr(" \t\r\n", s.at[s.size - 1])) {
        s.size--;
    }
    return s;
}

/* "[profile]", then "name = value" lines. */
static void read_line(weir_s3_options *o, weir_arena *arena, weir_str line, const char *profile,
                      bool *ours)
{
    line = trim(line);
    if (line.size >= 2 && line.at[0] == '[') {
        *ours = weir_str_is(trim((weir_str){line.at + 1, line.size - 2}), profile);
        return;
    }
    const char *equals = line.size ? memchr(line.at, '=', line.size) : NULL;
    if (!*ours || !equals || line.at[0] == '#') {
        return;
    }
    weir_str name = trim((weir_str){line.at, (size_t)(equals - line.at)});
    weir_str value = weir_arena_str(
        arena, trim((weir_str){equals + 1, (size_t)(line.at + line.size - equals - 1)}));
    weir_str *to = weir_str_is(name, "aws_access_key_id")       ? &o->access_key
                   : weir_str_is(name, "aws_secret_access_key") ? &o->secret_key
                   : weir_str_is(name, "aws_session_token")     ? &o->session_token
                   : weir_str_is(name, "region")                ? &o->region
                                                                : NULL;
    if (to) {
        fill(to, value);
    }
}

static bool read_file(weir_s3_options *o, weir_arena *arena, weir_error *err)
{
    const char *path = getenv("AWS_SHARED_CREDENTIALS_FILE"), *home = getenv("HOME"),
               *profile = getenv("AWS_PROFILE");
    char line[4096];
    bool named = path && path[0], ours = false;
    bool chosen = profile && profile[0];
    path = named ? path : home ? weir_arena_printf(arena, "%s/.aws/credentials", home).at : NULL;
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file) {
        return !named || weir_fail(err, WEIR_ERR_BAD_REQUEST, "cannot open %s", path);
    }
    while (fgets(line, sizeof(line), file)) {
        read_line(o, arena, weir_str_of(line), chosen ? profile : "default", &ours);
    }
    fclose(file);
    if (o->access_key.size > 0 || (!named && !chosen)) {
        return true;
    }
    return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s has no aws_access_key_id of profile '%s'", path,
                     chosen ? profile : "default");
}

bool weir_s3_options_fill(weir_s3_options *o, weir_arena *arena, weir_error *err)
{
    if (!o->access_key.size) { /* a pair comes from one place */
        o->access_key = from_environment("AWS_ACCESS_KEY_ID", NULL);
        o->secret_key = from_environment("AWS_SECRET_ACCESS_KEY", NULL);
        o->session_token = from_environment("AWS_SESSION_TOKEN", NULL);
    }
    fill(&o->region, from_environment("AWS_REGION", "AWS_DEFAULT_REGION"));
    fill(&o->endpoint, from_environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"));
    if (!o->access_key.size) {
        o->secret_key = o->session_token = (weir_str){0};
        return read_file(o, arena, err);
    }
    return true;
}
