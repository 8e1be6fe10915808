/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Which decoders each fuzz target feeds. An input goes to all of its group; what one accepts must
 * survive writing out and reading again (unit/schemas/codec.h).
 */
#ifndef FUZZ_GROUPS_H
#define FUZZ_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_GROUP_MAX 14

struct fuzz_group {
    const char *name;
    const char *codecs[FUZZ_GROUP_MAX + 1]; /* up to a NULL */
};

extern const struct fuzz_group fuzz_groups[];
extern const size_t fuzz_group_count;

/* Tries the input on the named group. */
void fuzz_group_run(const char *name, const uint8_t *data, size_t size);

#endif
