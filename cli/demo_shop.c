/* cli/demo_shop.c - popularity falls as 1/rank; what belongs together (city and country, brand and product, price and category) hangs on the same numbers. */
#include "cli/demo_shop.h"
#include "weir/hash.h"
#include <stdio.h>
#include <math.h>
#include <stdlib.h>

#define USERS 100000u
#define PRODUCTS 20000u
#define COUNT(list) ((uint32_t)(sizeof(list) / sizeof(*(list))))

struct weir_shop {
    uint64_t state;
};

static const char *const countries[] = {"Germany", "United States", "France", "United Kingdom", "Netherlands", "Poland", "Spain", "Italy", "Austria",
                                        "Switzerland", "Belgium", "Sweden", "Denmark", "Norway", "Finland", "Czechia", "Portugal", "Ireland",
                                        "Canada", "Japan", "Brazil", "Australia", "India", "Mexico", "Türkiye", "Greece", "Hungary", "Romania"};
static const char *const categories[] = {"shoes", "books", "garden", "kitchen", "toys", "audio", "phones", "computers", "cameras", "sports",
                                         "outdoor", "fashion", "beauty", "health", "pets", "music", "games", "office", "tools", "lighting"};
static const char *const brands[] = {"Alder", "Birk", "Cedar", "Drift", "Elm", "Fjord", "Grove", "Heath", "Isle", "Juniper", "Kestrel", "Larch", "Moor", "Nord"};
static const char *const events[] = {"page_view", "search", "add_to_cart", "checkout", "purchase"};
static const char *const devices[] = {"mobile", "desktop", "tablet"};
static const char *const browsers[] = {"Chrome", "Safari", "Firefox", "Edge", "Samsung Internet", "Opera"};
static const char *const systems[] = {"Android", "iOS", "Windows", "macOS", "Linux"};
static const char *const referrers[] = {"direct", "search", "newsletter", "social", "ads", "partner", "app"};
static const char *const tags[] = {"sale", "new", "eco", "gift", "bestseller", "clearance", "bundle", "limited"};

weir_shop *weir_shop_new(uint64_t seed)
{
    weir_shop *shop = weir_alloc(sizeof(*shop));
    shop->state = seed;
    return shop;
}

void weir_shop_free(weir_shop *shop)
{
    free(shop);
}

static uint64_t draw(weir_shop *shop)
{
    return weir_hash_u64(++shop->state);
}

static double draw_unit(weir_shop *shop)
{
    return (double)(draw(shop) >> 11) / 9007199254740992.0;
}

bool weir_shop_chance(weir_shop *shop, double probability)
{
    return draw_unit(shop) < probability;
}

/* 0..n-1, small numbers most often: about 1/rank. */
static uint32_t draw_rank(weir_shop *shop, uint32_t n)
{
    uint32_t rank = (uint32_t)(pow((double)n + 1, draw_unit(shop)) - 1);
    return rank < n ? rank : n - 1;
}

static uint32_t draw_event(weir_shop *shop)
{
    double x = draw_unit(shop);
    return x < 0.72 ? 0 : x < 0.84 ? 1 : x < 0.93 ? 2 : x < 0.965 ? 3 : 4;
}

static int64_t event_time(weir_shop *shop, int64_t now_ms)
{
    if (!weir_shop_chance(shop, 0.01)) {
        return now_ms - (int64_t)(draw(shop) % 200);
    }
    return now_ms - (int64_t)(weir_shop_chance(shop, 0.9) ? draw(shop) % 600000 : draw(shop) % 7200000);
}

static void put_tags(weir_shop *shop, uint32_t product, weir_json *json)
{
    uint64_t own = weir_hash_u64(product + 77u);
    weir_json_key(json, WEIR_STR("tags"));
    weir_json_begin_array(json);
    for (uint32_t i = 0; i < own % 3; i++) {
        weir_json_str(json, weir_str_of(tags[(own >> (8 + 8 * i)) % COUNT(tags)]));
    }
    weir_json_end_array(json);
    (void)shop;
}

static void put_product(weir_shop *shop, uint32_t event, weir_json *json)
{
    uint32_t product = draw_rank(shop, PRODUCTS);
    uint64_t own = weir_hash_u64(product);
    const char *category = categories[own % COUNT(categories)];
    char text[64];
    double price = 5 + (double)(own >> 20 & 0xFFFF) / 400;
    int64_t quantity = event == 4 ? 1 + (int64_t)draw_rank(shop, 5) : 0;
    snprintf(text, sizeof(text), "/%s/%u", category, product / 50);
    weir_json_member_text(json, "page", event == 1 ? "/search" : event >= 3 ? "/checkout" : text);
    weir_json_member_text(json, "category", category);
    snprintf(text, sizeof(text), "P%05u", product);
    weir_json_member_text(json, "product", text);
    weir_json_member_text(json, "brand", brands[(own >> 8) % COUNT(brands)]);
    put_tags(shop, product, json);
    weir_json_member_long(json, "quantity", quantity);
    weir_json_member_double(json, "revenue", round(price * (double)quantity * 100) / 100);
}

static void put_visitor(weir_shop *shop, uint64_t user, weir_json *json)
{
    uint64_t own = weir_hash_u64(user * 2 + 1);
    uint32_t country = (uint32_t)(pow(COUNT(countries) + 1, (double)(own & 0xFFFF) / 65536) - 1) % COUNT(countries);
    uint32_t device = (own >> 16) % 10 < 6 ? 0 : (own >> 16) % 10 < 9 ? 1 : 2;
    char text[64];
    snprintf(text, sizeof(text), "u%06llu", (unsigned long long)user);
    weir_json_member_text(json, "user", text);
    weir_json_member_text(json, "country", countries[country]);
    snprintf(text, sizeof(text), "%s-%llu", countries[country], (unsigned long long)((own >> 24) % (40 / (country + 1) + 2)));
    weir_json_member_text(json, "city", text);
    weir_json_member_text(json, "device", devices[device]);
    weir_json_member_text(json, "browser", browsers[(own >> 32) % COUNT(browsers)]);
    weir_json_member_text(json, "os", systems[device == 1 ? 2 + (own >> 40) % 3 : (own >> 40) % 2]);
    weir_json_member_bool(json, "member", (own >> 48 & 3) == 0);
    weir_json_member_text(json, "referrer", referrers[draw_rank(shop, COUNT(referrers))]);
    weir_json_key(json, WEIR_STR("campaign"));
    if (weir_shop_chance(shop, 0.3)) {
        snprintf(text, sizeof(text), "campaign-%u", draw_rank(shop, 40));
        weir_json_str(json, weir_str_of(text));
    } else {
        weir_json_null(json);
    }
}

uint64_t weir_shop_event(weir_shop *shop, int64_t now_ms, weir_buf *out)
{
    weir_json json = {.out = out};
    uint64_t user = weir_shop_chance(shop, 0.5) ? draw_rank(shop, USERS) : draw(shop) % USERS;
    uint32_t event = draw_event(shop);
    weir_json_begin_object(&json);
    weir_json_member_long(&json, "time", event_time(shop, now_ms));
    weir_json_member_text(&json, "event", events[event]);
    put_product(shop, event, &json);
    put_visitor(shop, user, &json);
    weir_json_member_long(&json, "cart_size", (int64_t)draw_rank(shop, 12));
    weir_json_member_long(&json, "latency_ms", 20 + (int64_t)(-60 * log(1 - draw_unit(shop))));
    weir_json_member_long(&json, "bytes", 800 + (int64_t)(draw(shop) % 60000));
    weir_json_end_object(&json);
    return user;
}
