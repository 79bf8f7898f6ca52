/* include/weir/uid.h - numbers that name things within this process (weir_rows.uid, weir_dict.uid): keys of caches. */
#ifndef WEIR_UID_H
#define WEIR_UID_H
#include <stdint.h>

uint64_t weir_uid_next(void); /* never 0, never the same twice; any thread */
#endif
