/* include/weir/base64.h - standard base64 (RFC 4648, section 4), as sketches travel in JSON. */
#ifndef WEIR_BASE64_H
#define WEIR_BASE64_H
#include "weir/str.h"

/* `out` has room for 4 * ((size + 2) / 3) bytes; returns how many were written. Padded. */
size_t weir_base64_encode(weir_str bytes, char *out);
/* Padded or not; `out` has room for text.size bytes. False: malformed. */
bool weir_base64_decode(weir_str text, char *out, size_t *size);
#endif
