/* compute/zone.c - time zones. A zone is a table of transitions asked from ICU once per process, up
 * to 2440; later times are taken back by whole 400 years, after which the calendar and the rules
 * repeat. A coarse index of 199-day steps makes a look-up two or three loads. Fixed offsets
 * ("+05:30") are zones without transitions. */
#include "compute/calendar.h"
#include "compute/civil.h"
#include "weir/log.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#define STEP_BITS 34 /* 2^34 ms = 198.8 days */
#define CYCLE_MS (146097 * WEIR_DAY_MS)
#define TABLE_END_MS (171658 * WEIR_DAY_MS) /* 2439-12-29 */
#define MAX_ZONES 4096u /* named ones are 600; the rest are offsets that someone wrote */

struct weir_zone_rules {
    weir_str id;
    uint32_t count;   /* transitions */
    int64_t *at;      /* ascending, UTC ms */
    int32_t *offsets; /* offsets[i] holds before at[i]; offsets[count] after the last */
    int64_t base;     /* start of the index */
    uint32_t steps;
    uint16_t *index; /* transitions at or before the start of each step */
    bool cyclic;
};

static const weir_zone_rules utc_zone = {.id = {"UTC", 3}, .offsets = (int32_t[]){0}};

static struct {
    pthread_mutex_t lock; /* guards the list */
    const weir_zone_rules *zones[MAX_ZONES];
    uint32_t count;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- fixed offsets: Joda's +HH, +HH:mm, +HH:mm:ss, +HHmm, +HHmmss */

static bool two_digits(weir_str *text, int64_t limit, int64_t *out)
{
    if (text->size < 2 || text->at[0] < '0' || text->at[0] > '9' || text->at[1] < '0' ||
        text->at[1] > '9') {
        return false;
    }
    *out = (text->at[0] - '0') * 10 + (text->at[1] - '0');
    text->at += 2;
    text->size -= 2;
    return *out < limit;
}

bool weir_offset_parse(weir_str text, int32_t *out_ms)
{
    int64_t hours, minutes = 0, seconds = 0;
    if (text.size < 3 || (text.at[0] != '+' && text.at[0] != '-')) {
        return false;
    }
    bool negative = text.at[0] == '-';
    weir_str rest = {text.at + 1, text.size - 1};
    if (!two_digits(&rest, 24, &hours)) {
        return false;
    }
    bool colons = rest.size > 0 && rest.at[0] == ':';
    int64_t *parts[] = {&minutes, &seconds};
    for (int i = 0; i < 2 && rest.size > 0; i++) {
        if (colons) {
            if (rest.at[0] != ':') {
                return false;
            }
            rest.at++;
            rest.size--;
        }
        if (!two_digits(&rest, 60, parts[i])) {
            return false;
        }
    }
    int64_t ms = ((hours * 60 + minutes) * 60 + seconds) * 1000;
    *out_ms = (int32_t)(negative ? -ms : ms);
    return rest.size == 0;
}

static weir_zone_rules *new_zone(weir_str id, uint32_t transitions)
{
    weir_zone_rules *zone = weir_calloc(1, sizeof(*zone));
    zone->id = weir_str_dup(id);
    zone->count = transitions;
    zone->at = weir_calloc(transitions + 1, sizeof(int64_t));
    zone->offsets = weir_calloc(transitions + 1, sizeof(int32_t));
    return zone;
}

static const weir_zone_rules *new_fixed(int32_t offset_ms)
{
    char text[16];
    int32_t left = abs(offset_ms) / 1000;
    int size = snprintf(text, sizeof(text), "%c%02d:%02d", offset_ms < 0 ? '-' : '+', left / 3600,
                        left / 60 % 60);
    if (left % 60) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, ":%02d", left % 60);
    }
    weir_zone_rules *zone = new_zone((weir_str){text, (size_t)size}, 0);
    zone->offsets[0] = offset_ms;
    return zone;
}

/* ---- from ICU */

static bool to_utf16(weir_str id, UChar out[64])
{
    if (id.size == 0 || id.size > 60) {
        return false;
    }
    for (size_t i = 0; i < id.size; i++) {
        if (id.at[i] <= 0 || (id.at[i] < '0' && !strchr("+-/", id.at[i]))) {
            return false;
        }
        out[i] = (UChar)id.at[i];
    }
    out[id.size] = 0;
    return true;
}

/* Whether ICU's data has the zone under exactly this name or an alias. */
static bool icu_knows(const UChar *id)
{
    UChar canonical[128];
    UErrorCode status = U_ZERO_ERROR;
    UBool is_system = 0;
    ucal_getCanonicalTimeZoneID(id, -1, canonical, 128, &is_system, &status);
    static const UChar unknown[] = u"Etc/Unknown";
    return U_SUCCESS(status) && is_system && u_strcmp(id, unknown) != 0;
}

static int32_t icu_offset(UCalendar *calendar, int64_t ms)
{
    UErrorCode status = U_ZERO_ERROR;
    ucal_setMillis(calendar, (UDate)ms, &status);
    return ucal_get(calendar, UCAL_ZONE_OFFSET, &status) +
           ucal_get(calendar, UCAL_DST_OFFSET, &status);
}

static void index_steps(weir_zone_rules *zone)
{
    zone->base = zone->at[0];
    zone->steps = (uint32_t)((zone->at[zone->count - 1] - zone->base) >> STEP_BITS) + 1;
    zone->index = weir_calloc(zone->steps, sizeof(uint16_t));
    uint32_t i = 0;
    for (uint32_t step = 0; step < zone->steps; step++) {
        int64_t start = zone->base + ((int64_t)step << STEP_BITS);
        while (i < zone->count && zone->at[i] <= start) {
            i++;
        }
        zone->index[step] = (uint16_t)i;
    }
}

static const weir_zone_rules *new_from_icu(weir_str id, const UChar *name)
{
    enum { MOST = 4000 };
    UErrorCode status = U_ZERO_ERROR;
    UCalendar *calendar = ucal_open(name, -1, "en_US", UCAL_GREGORIAN, &status);
    if (U_FAILURE(status)) {
        return &utc_zone;
    }
    const int64_t start = -130 * 366 * WEIR_DAY_MS; /* before any zone's first transition */
    int64_t at[MOST];
    int32_t offsets[MOST + 1];
    uint32_t count = 0;
    offsets[0] = icu_offset(calendar, start);
    ucal_setMillis(calendar, (UDate)start, &status);
    UDate next;
    while (count < MOST &&
           ucal_getTimeZoneTransitionDate(calendar, UCAL_TZ_TRANSITION_NEXT, &next, &status) &&
           U_SUCCESS(status) && next < (UDate)TABLE_END_MS) {
        int32_t offset = icu_offset(calendar, (int64_t)next);
        if (offset !=
            offsets[count]) { /* ICU also reports changes of name or of what is called summer */
            at[count] = (int64_t)next;
            offsets[++count] = offset;
        }
        ucal_setMillis(calendar, next, &status);
    }
    ucal_close(calendar);
    weir_zone_rules *zone = new_zone(id, count);
    memcpy(zone->at, at, sizeof(*at) * count);
    memcpy(zone->offsets, offsets, sizeof(*offsets) * (count + 1));
    zone->cyclic = count > 0 && at[count - 1] > TABLE_END_MS - 2 * 366 * WEIR_DAY_MS;
    if (count > 0) {
        index_steps(zone);
    }
    return zone;
}

/* ---- finding */

static bool is_zone_letter_id(weir_str id)
{
    return weir_str_is(id, "UTC") || weir_str_is(id, "Z") || weir_str_is(id, "GMT") ||
           weir_str_is(id, "UT");
}

static const weir_zone_rules *find_known(weir_str id)
{
    for (uint32_t i = 0; i < known.count; i++) {
        if (weir_str_eq(known.zones[i]->id, id)) {
            return known.zones[i];
        }
    }
    return NULL;
}

static const weir_zone_rules *make(weir_str id)
{
    int32_t offset_ms;
    UChar name[64];
    if (weir_offset_parse(id, &offset_ms)) {
        if (offset_ms == 0) {
            return &utc_zone;
        }
        const weir_zone_rules *fixed = new_fixed(offset_ms);
        const weir_zone_rules *same = find_known(fixed->id); /* "+0200" and "+02:00" */
        if (same) {
            free((void *)fixed->id.at);
            free(fixed->at);
            free(fixed->offsets);
            free((void *)fixed);
        }
        return same ? same : fixed;
    }
    return to_utf16(id, name) && icu_knows(name) ? new_from_icu(id, name) : NULL;
}

/* NULL: no such zone. ICU is asked under the lock: once per zone and process. */
static const weir_zone_rules *find(weir_str id)
{
    if (is_zone_letter_id(id)) {
        return &utc_zone;
    }
    pthread_mutex_lock(&known.lock);
    const weir_zone_rules *zone = find_known(id);
    if (!zone && known.count < MAX_ZONES) {
        zone = make(id);
        if (zone && zone != &utc_zone && !find_known(zone->id)) {
            known.zones[known.count++] = zone;
        }
    }
    pthread_mutex_unlock(&known.lock);
    return zone;
}

const weir_zone_rules *weir_zone_find(weir_str id)
{
    const weir_zone_rules *zone = find(id);
    return zone ? zone : &utc_zone;
}

bool weir_zone_is_known(weir_str id)
{
    return find(id) != NULL;
}

bool weir_zone_is_utc(const weir_zone_rules *zone)
{
    return zone->count == 0 && zone->offsets[0] == 0;
}

bool weir_zone_is_fixed(const weir_zone_rules *zone)
{
    return zone->count == 0;
}

weir_str weir_zone_id(const weir_zone_rules *zone)
{
    return zone->id;
}

/* Number of transitions at or before `ms`, which lies before the table's end: offsets[that] holds
 * at `ms`. */
static uint32_t segment_of(const weir_zone_rules *zone, int64_t ms)
{
    if (ms < zone->at[0]) {
        return 0;
    }
    uint64_t step = ((uint64_t)ms - (uint64_t)zone->base) >> STEP_BITS; /* far apart, perhaps */
    if (step >= zone->steps) {
        return zone->count;
    }
    uint32_t i = zone->index[step];
    while (i < zone->count && zone->at[i] <= ms) {
        i++;
    }
    return i;
}

/* What to take away so that the table covers `ms`. */
static int64_t cycles_before(const weir_zone_rules *zone, int64_t ms)
{
    if (!zone->cyclic || ms < TABLE_END_MS - 366 * WEIR_DAY_MS) {
        return 0;
    }
    return ((ms - (TABLE_END_MS - 366 * WEIR_DAY_MS)) / CYCLE_MS + 1) * CYCLE_MS;
}

int32_t weir_zone_offset_ms(const weir_zone_rules *zone, int64_t utc_ms)
{
    if (zone->count == 0) {
        return zone->offsets[0];
    }
    return zone->offsets[segment_of(zone, utc_ms - cycles_before(zone, utc_ms))];
}

int64_t weir_zone_next_change(const weir_zone_rules *zone, int64_t utc_ms)
{
    if (zone->count == 0) {
        return INT64_MAX;
    }
    int64_t away = cycles_before(zone, utc_ms);
    uint32_t next = segment_of(zone, utc_ms - away);
    return next < zone->count ? weir_add_sat(zone->at[next], away) : INT64_MAX;
}

int64_t weir_zone_to_utc(const weir_zone_rules *zone, int64_t local_ms)
{
    if (zone->count == 0) {
        return weir_sub_sat(local_ms, zone->offsets[0]);
    }
    int64_t local = local_ms - cycles_before(zone, local_ms);
    /* the earliest stretch of constant offset in which this local time occurs; offsets are below a
     * day */
    uint32_t i = segment_of(zone, weir_sub_sat(local, WEIR_DAY_MS));
    while (i < zone->count && weir_sub_sat(local, zone->offsets[i]) >= zone->at[i]) {
        if (weir_sub_sat(local, zone->offsets[i + 1]) <
            zone->at[i]) { /* in the gap between the two */
            break;
        }
        i++;
    }
    return weir_sub_sat(local_ms, zone->offsets[i]);
}

int64_t weir_zone_to_utc_near(const weir_zone_rules *zone, int64_t local_ms, int64_t near_utc_ms)
{
    int32_t offset = weir_zone_offset_ms(zone, near_utc_ms);
    int64_t utc = weir_sub_sat(local_ms, offset);
    return weir_zone_offset_ms(zone, utc) == offset ? utc : weir_zone_to_utc(zone, local_ms);
}
