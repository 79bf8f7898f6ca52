/* include/weir/machine.h - what the process may use of the machine. */
#ifndef WEIR_MACHINE_H
#define WEIR_MACHINE_H
#include <stddef.h>

/* Physical memory, or less where a control group (of either version, its parents included) says so: what defaults are shares of. */
size_t weir_machine_bytes(void);
/* The same with the files /proc/self/cgroup and /sys/fs/cgroup under the folder `root` ("": the real ones). */
size_t weir_machine_bytes_at(const char *root, size_t physical_bytes);
#endif
