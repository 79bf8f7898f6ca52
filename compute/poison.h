/* compute/poison.h - tells AddressSanitizer which pooled bytes nobody may touch; nothing in other builds. */
#ifndef COMPUTE_POISON_H
#define COMPUTE_POISON_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WEIR_POISONS 1
#endif
#ifndef WEIR_POISONS
#define WEIR_POISONS 0
#endif

#if WEIR_POISONS
#include <sanitizer/asan_interface.h>
#define WEIR_POISON(at, size) __asan_poison_memory_region((at), (size))
#define WEIR_UNPOISON(at, size) __asan_unpoison_memory_region((at), (size))
#else
#define WEIR_POISON(at, size) ((void)(at), (void)(size))
#define WEIR_UNPOISON(at, size) ((void)(at), (void)(size))
#endif
#endif
