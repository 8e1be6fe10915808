/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/directory/publication.h"

#include <string.h>

#include "base/check.h"

void publication_begin(struct publication *p, const struct rendezvous_keys *keys)
{
    p->keys = *keys;
    memset(p->stored, 0, sizeof(p->stored));
    p->pending += keys->count * ANNOUNCEMENT_FORMS;
}

bool publication_ended(struct publication *p, const uint8_t key[32], uint32_t stored)
{
    RT_REQUIRE(p->pending > 0);
    for (uint32_t i = 0; i < p->keys.count; i++)
        if (memcmp(p->keys.at[i], key, 32) == 0)
            p->stored[i] += stored;
    return --p->pending == 0;
}

uint32_t publication_fewest(const struct publication *p)
{
    uint32_t fewest = UINT32_MAX;

    for (uint32_t i = 0; i < p->keys.count; i++)
        if (p->stored[i] < fewest)
            fewest = p->stored[i];
    return fewest;
}
