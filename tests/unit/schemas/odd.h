/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Takes a canonical encoding apart and writes the same value in other forms that a peer may choose.
 * With a generator, each requested form is applied or not at random, item by item.
 */
#ifndef TEST_ODD_H
#define TEST_ODD_H

#include <stddef.h>
#include <stdint.h>

enum odd_form {
    ODD_WIDE_HEADS = 1,    /* numbers and lengths in eight bytes */
    ODD_INDEFINITE = 2,    /* arrays and maps without a count */
    ODD_REVERSED = 4,      /* keys from last to first */
    ODD_BYTES_AS_INTS = 8, /* byte strings as arrays */
    ODD_INTS_AS_BYTES = 16,
    ODD_CHUNKS = 32, /* byte strings and texts in pieces */
    ODD_TAGS = 64,
    ODD_UNKNOWN_KEYS = 128, /* one more entry in every map */
    ODD_ALL = 255,
};

/* Returns the number of bytes written. Aborts if they do not fit or the input is not canonical. The
 * first tag_len bytes are copied unchanged. rng: state of the random choices, or NULL. */
size_t odd_write(const uint8_t *in, size_t len, size_t tag_len, unsigned forms, uint64_t *rng,
                 uint8_t *out, size_t cap);

uint64_t odd_random(uint64_t *rng); /* xorshift64*, rng not 0 */

#endif
