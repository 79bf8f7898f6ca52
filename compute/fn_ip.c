/* compute/fn_ip.c - IPv4 addresses as text or long, IPv6 as text, subnets in CIDR notation as
 * literals. */
#include "compute/fn_util.h"
#include <arpa/inet.h>
#include <stdio.h>

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

/* Four numbers of 0 to 255 without leading zeros. */
static bool parse_v4(weir_str s, uint32_t *out)
{
    uint32_t address = 0;
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        uint32_t value = 0;
        size_t from = at;
        if (part > 0 && (at >= s.size || s.at[at++] != '.')) {
            return false;
        }
        from = at;
        while (at < s.size && s.at[at] >= '0' && s.at[at] <= '9' && at - from < 3) {
            value = value * 10 + (uint32_t)(s.at[at++] - '0');
        }
        if (at == from || value > 255 || (at - from > 1 && s.at[from] == '0')) {
            return false;
        }
        address = address << 8 | value;
    }
    *out = address;
    return at == s.size;
}

static bool parse_v6(weir_str s, uint8_t out[16])
{
    char text[64];
    if (s.size >= sizeof(text) || memchr(s.at ? s.at : "", '\0', s.size)) {
        return false;
    }
    memcpy(text, s.at ? s.at : "", s.size);
    text[s.size] = '\0';
    return inet_pton(AF_INET6, text, out) == 1;
}

typedef struct subnet {
    uint8_t bytes[16];
    uint32_t bits;
} subnet;

static bool split_subnet(weir_str s, uint32_t most, weir_str *address, uint32_t *bits)
{
    const char *slash = s.size ? memchr(s.at, '/', s.size) : NULL;
    *address = slash ? (weir_str){s.at, (size_t)(slash - s.at)} : s;
    *bits = most;
    if (slash) {
        int64_t value;
        if (!weir_str_to_long((weir_str){slash + 1, s.size - address->size - 1}, &value) ||
            value < 0 || value > most) {
            return false;
        }
        *bits = (uint32_t)value;
    }
    return true;
}

static bool prepare_subnet(weir_fn_call *call, weir_arena *arena, weir_error *err, bool v6)
{
    weir_str text, address;
    subnet *net = WEIR_ARENA_NEW(arena, subnet);
    if (!weir_call_literal(call, 1, &text)) {
        return weir_fn_fail(call, err, "subnet argument must be a string literal");
    }
    uint32_t v4 = 0;
    bool ok = split_subnet(text, v6 ? 128 : 32, &address, &net->bits) &&
              (v6 ? parse_v6(address, net->bytes) : parse_v4(address, &v4));
    if (!ok) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Function[%s] subnet arg has an invalid format: %.*s", call->fn->name,
                         WEIR_STR_ARG(text));
    }
    if (!v6) {
        v4 = htonl(v4);
        memcpy(net->bytes, &v4, 4);
    }
    call->prepared = net;
    return true;
}

static bool prepare_v4(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    return prepare_subnet(call, arena, err, false);
}

static bool prepare_v6(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    return prepare_subnet(call, arena, err, true);
}

static bool holds(const subnet *net, const uint8_t *address)
{
    uint32_t whole = net->bits / 8, rest = net->bits % 8;
    return memcmp(net->bytes, address, whole) == 0 &&
           (rest == 0 || (uint8_t)(net->bytes[whole] ^ address[whole]) >> (8 - rest) == 0);
}

/* Text and longs are addresses; of other types nothing is. */
static void address_type(weir_fn_call *call)
{
    weir_kind kind = (weir_kind)call->arg_types[0].kind;
    call->arg_types[0] =
        WEIR_TYPE((uint8_t)(kind == WEIR_LONG || kind == WEIR_STRING ? kind : WEIR_UNKNOWN));
}

static bool infer_match(weir_fn_call *call, weir_error *err)
{
    (void)err;
    address_type(call);
    call->type = (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
    return true;
}

/* The address of row i. False: none. */
static bool v4_of(const weir_vec *arg, uint32_t i, uint32_t *out)
{
    if (weir_arg_null(arg, i)) {
        return false;
    }
    if (arg->type.kind == WEIR_STRING) {
        return parse_v4(weir_arg_str(arg, i), out);
    }
    int64_t value = arg->type.kind == WEIR_LONG ? weir_arg_long(arg, i) : -1;
    *out = (uint32_t)value;
    return value >= 0 && value <= UINT32_MAX;
}

RUN(run_match_v4)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        uint32_t address;
        if (v4_of(&args[0], i, &address)) {
            address = htonl(address);
            values[i] = holds(call->prepared, (const uint8_t *)&address);
        }
    }
    return true;
}

RUN(run_match_v6)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        uint8_t address[16];
        values[i] = args[0].type.kind == WEIR_STRING && !weir_arg_null(&args[0], i) &&
                    parse_v6(weir_arg_str(&args[0], i), address) && holds(call->prepared, address);
    }
    return true;
}

static bool infer_parse(weir_fn_call *call, weir_error *err)
{
    (void)err;
    address_type(call);
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

RUN(run_parse)
{
    (void)call;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        uint32_t address;
        if (v4_of(&args[0], i, &address)) {
            values[i] = address;
        } else {
            weir_out_null(run, n, out, i);
        }
    }
    return true;
}

static bool infer_stringify(weir_fn_call *call, weir_error *err)
{
    (void)err;
    address_type(call);
    call->type = WEIR_TYPE(WEIR_STRING);
    return true;
}

RUN(run_stringify)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        uint32_t a;
        if (!v4_of(&args[0], i, &a)) {
            weir_out_null(run, n, out, i);
            continue;
        }
        char *text = weir_scratch_take(run->scratch, 16);
        int size = snprintf(text, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
        values[i] = (weir_str){text, (size_t)size};
    }
    return true;
}

static const weir_fn fns[] = {
    {.name = "ipv4_match",
     .sql_name = "IPV4_MATCH",
     .min_args = 2,
     .max_args = 2,
     .flags = WEIR_FN_PURE,
     .infer = infer_match,
     .prepare = prepare_v4,
     .run = run_match_v4},
    {.name = "ipv6_match",
     .sql_name = "IPV6_MATCH",
     .min_args = 2,
     .max_args = 2,
     .flags = WEIR_FN_PURE,
     .infer = infer_match,
     .prepare = prepare_v6,
     .run = run_match_v6},
    {.name = "ipv4_parse",
     .sql_name = "IPV4_PARSE",
     .min_args = 1,
     .max_args = 1,
     .flags = WEIR_FN_PURE,
     .infer = infer_parse,
     .run = run_parse},
    {.name = "ipv4_stringify",
     .sql_name = "IPV4_STRINGIFY",
     .min_args = 1,
     .max_args = 1,
     .flags = WEIR_FN_PURE,
     .infer = infer_stringify,
     .run = run_stringify},
};
const weir_fn_set weir_fns_ip = WEIR_FN_SET(fns);
