/* segments/store.c - the probe: a store that lets two writers put one name would lose commits, so
 * weir does not start on it. */
#include "weir/store.h"
#include "weir/hash.h"
#include <stdio.h>
#include <time.h>

#define TRIES 6 /* puts whose answers were not definite */
#define WAIT_MS 20
#define WAIT_MAX_MS 250

static const char *put_word(weir_put put)
{
    switch (put) {
    case WEIR_PUT_DONE:
        return "done";
    case WEIR_PUT_EXISTS:
        return "refused";
    case WEIR_PUT_UNKNOWN:
        return "unknown";
    case WEIR_PUT_FAILED:
        return "failed";
    }
    return "";
}

/* A little longer each time. */
static void wait_before_next(int tries)
{
    int64_t ms = tries < 4 ? (int64_t)WAIT_MS << tries : WAIT_MAX_MS;
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* Puts the name until the store says whether it took it: a try whose answer is lost is no reason to
 * begin anew, as the name is ours alone (EXISTS: such a try was taken, or the answer is a lie,
 * which the second put shows). */
static weir_put put_until_definite(weir_store *store, weir_str name, const char *text, int *tries,
                                   weir_error *why)
{
    weir_put put = WEIR_PUT_UNKNOWN;
    for (; *tries < TRIES; wait_before_next((*tries)++)) {
        put = store->ops->put_if_absent(store, name, weir_str_of(text), why);
        if (put == WEIR_PUT_DONE || put == WEIR_PUT_EXISTS || why->code == WEIR_ERR_REFUSED) {
            break;
        }
    }
    return put;
}

/* One new name, twice. True: its first put was taken or may have been, and the second was told. */
static bool probe_once(weir_store *store, const weir_clock *clock, weir_put *first,
                       weir_put *second, int *tries, weir_error *why)
{
    char key[40], hex[17]; /* '~pr' is no escape: no table has this folder */
    weir_hex_u64(hex, weir_random(clock));
    int size = snprintf(key, sizeof(key), "~probe/%s", hex);
    weir_str name = {key, (size_t)size};
    *second = WEIR_PUT_FAILED;
    *first = put_until_definite(store, name, "first\n", tries, why);
    if (*first != WEIR_PUT_DONE && *first != WEIR_PUT_EXISTS) {
        return false;
    }
    *second = put_until_definite(store, name, "second\n", tries, why);
    store->ops->remove(store, name, NULL);
    return *second == WEIR_PUT_EXISTS || (*first == WEIR_PUT_DONE && *second == WEIR_PUT_DONE);
}

bool weir_store_probe(weir_store *store, const weir_clock *clock, weir_error *err)
{
    weir_put first, second;
    weir_error why = {0};
    int tries = 0;
    while (!probe_once(store, clock, &first, &second, &tries, &why) && tries < TRIES &&
           why.code != WEIR_ERR_REFUSED) {
        wait_before_next(tries++);
    }
    if (second == WEIR_PUT_EXISTS) {
        return true;
    }
    if (first == WEIR_PUT_DONE && second == WEIR_PUT_DONE) {
        return weir_fail(
            err, WEIR_ERR_REFUSED,
            "store %.*s lets two writers put one name: weir cannot commit safely there",
            WEIR_STR_ARG(store->name));
    }
    return weir_fail(err, why.code == WEIR_ERR_REFUSED ? WEIR_ERR_REFUSED : WEIR_ERR_STORE,
                     "store %.*s cannot be probed (first put %s, second put %s): %s",
                     WEIR_STR_ARG(store->name), put_word(first), put_word(second), why.message);
}
