/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Memory for secrets: guarded pages, not in core dumps, locked into memory where RLIMIT_MEMLOCK
 * allows it, zeroed when freed. A limit that is too small costs only the lock. After
 * rt_crypto_init; any thread.
 */
#ifndef RT_SECRET_H
#define RT_SECRET_H

#include <stddef.h>

/* Zeroed. size: that of a struct, so that the result is aligned for it. */
void *rt_secret_new(size_t size);
/* Zeroes and frees it; NULL allowed. */
void rt_secret_free(void *p);

#endif
