/* machine.h - how much memory this process may have and has, and how much room
 * a disk has left. */
#ifndef BROKER_MACHINE_H
#define BROKER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of memory: the machine's, or the least that a control group allows which
 * this process is in, of version 1 or 2, at whatever level. root stands in front
 * of every path ("" but in tests). UINT64_MAX if nothing can be learnt. */
uint64_t machine_memory(const char *root);

/* Opens what tells how much of it this process has: machine_resident asks it in
 * a microsecond, even when no descriptor is left. -1 if there is none. */
int machine_open_resident(void);

/* Bytes; 0 if it cannot be told. */
uint64_t machine_resident(int fd);

/* Bytes on the file system of dir that may still be written by anybody. False
 * with errno. */
bool machine_disk_free(const char *dir, uint64_t *bytes);

#endif
