/* compute/sketch.h - what the families of sketches share: bytes of images (DataSketches', little
 * endian), the coin that randomised sketches toss, sketches that arrive as base64. */
#ifndef COMPUTE_SKETCH_H
#define COMPUTE_SKETCH_H
#include "compute/vec.h"
#include "weir/hash.h"
#include "weir/reader.h"

/* Writing an image: each returns where the next part goes. */
static inline uint8_t *weir_put_u8(uint8_t *at, uint8_t value)
{
    *at = value;
    return at + 1;
}
static inline uint8_t *weir_put_u16(uint8_t *at, uint16_t value)
{
    value = htole16(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}
static inline uint8_t *weir_put_u32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}
static inline uint8_t *weir_put_u64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}
static inline uint8_t *weir_put_double(uint8_t *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return weir_put_u64(at, bits);
}
static inline uint8_t *weir_put_float(uint8_t *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return weir_put_u32(at, bits);
}
static inline bool weir_take_double(weir_reader *in, double *out)
{
    uint64_t bits;
    bool ok = weir_take_u64(in, &bits);
    memcpy(out, &bits, sizeof(bits));
    return ok;
}
static inline bool weir_take_float(weir_reader *in, float *out)
{
    uint32_t bits;
    bool ok = weir_take_u32(in, &bits);
    memcpy(out, &bits, sizeof(bits));
    return ok;
}

/* A random number from a state of 64 bits. The same calls with the same `salt`s give the same
 * numbers, so that answers repeat; a salt out of the data keeps two sketches' errors apart. */
static inline uint64_t weir_sketch_random(uint64_t *state, uint64_t salt)
{
    *state = weir_hash_u64(*state + salt + 0x632BE59BD9B4E019u);
    return *state >> 16;
}

/* Base64 text of an event to bytes, memory from `s`. False: it is none. */
bool weir_sketch_decode(weir_str text, weir_scratch *s, weir_str *out);
#endif
