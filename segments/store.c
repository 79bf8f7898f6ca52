/* segments/store.c - the probe: a store that lets two writers put one name would lose commits, so
 * weir does not start on it. */
#include "weir/store.h"
#include "weir/hash.h"
#include <stdio.h>

#define TRIES 3

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

bool weir_store_probe(weir_store *store, const weir_clock *clock, weir_error *err)
{
    weir_put first = WEIR_PUT_FAILED, second = WEIR_PUT_FAILED;
    weir_error why = {0};
    for (int i = 0; i < TRIES; i++) { /* '~pr' is no escape: no table has this folder */
        char key[40], hex[17];
        weir_hex_u64(hex, weir_random(clock));
        int size = snprintf(key, sizeof(key), "~probe/%s", hex);
        weir_str name = {key, (size_t)size};
        first = store->ops->put_if_absent(store, name, WEIR_STR("first\n"), &why);
        second = first == WEIR_PUT_DONE
                     ? store->ops->put_if_absent(store, name, WEIR_STR("second\n"), &why)
                     : WEIR_PUT_FAILED;
        store->ops->remove(store, name, NULL);
        if (first == WEIR_PUT_DONE && second == WEIR_PUT_EXISTS) {
            return true;
        }
        if (first == WEIR_PUT_DONE && second == WEIR_PUT_DONE) {
            return weir_fail(
                err, WEIR_ERR_REFUSED,
                "store %.*s lets two writers put one name: weir cannot commit safely there",
                WEIR_STR_ARG(store->name));
        }
    }
    return weir_fail(err, why.code == WEIR_ERR_REFUSED ? WEIR_ERR_REFUSED : WEIR_ERR_STORE,
                     "store %.*s cannot be probed (first put %s, second put %s): %s",
                     WEIR_STR_ARG(store->name), put_word(first), put_word(second), why.message);
}
