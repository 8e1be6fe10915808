/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The decoders of each fuzz target. All decoders of a group get the same input. A value that one of
 * them accepts is encoded and decoded again and must stay the same (unit/schemas/codec.h).
 */
#ifndef FUZZ_GROUPS_H
#define FUZZ_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_GROUP_MAX 14

struct fuzz_group {
    const char *name;
    const char *codecs[FUZZ_GROUP_MAX + 1]; /* ends with NULL */
};

extern const struct fuzz_group fuzz_groups[];
extern const size_t fuzz_group_count;

/* Runs all decoders of the named group on the input. */
void fuzz_group_run(const char *name, const uint8_t *data, size_t size);

#endif
