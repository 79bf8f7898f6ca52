/* compute/sketch.c - sketches as they arrive in events. */
#include "compute/sketch.h"
#include "weir/base64.h"

bool weir_sketch_decode(weir_str text, weir_scratch *s, weir_str *out)
{
    char *bytes = weir_scratch_take(s, text.size + 1);
    size_t size;
    if (!weir_base64_decode(text, bytes, &size)) {
        return false;
    }
    *out = (weir_str){bytes, size};
    return true;
}
