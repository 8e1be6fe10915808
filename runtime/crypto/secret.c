/* SPDX-License-Identifier: MPL-2.0 */
#include "secret.h"

#include <string.h>

#include <sodium.h>

#include "base/check.h"

void *rt_secret_new(size_t size)
{
    void *p = sodium_malloc(size);

    RT_INSIST(p != NULL);
    memset(p, 0, size);
    return p;
}

void rt_secret_free(void *p)
{
    sodium_free(p);
}
