/* include/weir/hot.h - WEIR_HOT before a kernel: compiled for AVX2 and for any x86-64, the loader picks one at start.
 * Empty under sanitizers (clones crash at start under gcc 12's TSan), off x86-64 and in clang, which lacks the attribute for C. */
#ifndef WEIR_HOT_H
#define WEIR_HOT_H

#if !defined(WEIR_SANITIZED) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WEIR_HOT __attribute__((target_clones("avx2", "default")))
#else
#define WEIR_HOT
#endif
#endif
