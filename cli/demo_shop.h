/* cli/demo_shop.h - a believable web shop, from a seed: visitors with a country, a device and a way in, who look, search, fill carts and buy. */
#ifndef CLI_DEMO_SHOP_H
#define CLI_DEMO_SHOP_H
#include "weir/buf.h"

typedef struct weir_shop weir_shop;
weir_shop *weir_shop_new(uint64_t seed);
void weir_shop_free(weir_shop *shop);
bool weir_shop_chance(weir_shop *shop, double probability);
/* Appends one event as a JSON object (15 dimensions of 2 to 100,000 values, 5 numbers); 1 % are late by minutes to hours. Returns the user's number. */
uint64_t weir_shop_event(weir_shop *shop, int64_t now_ms, weir_buf *out);
#endif
