/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/value_store/quota.h"

#include <stdlib.h>

#include "base/check.h"

const struct dht_quota *dht_quota_find(const struct rt_map *quotas, uint64_t hash)
{
    return (const struct dht_quota *)rt_map_find(quotas, hash);
}

struct dht_quota *dht_quota_add(struct rt_map *quotas, uint64_t hash, size_t bytes)
{
    struct dht_quota *q = (struct dht_quota *)rt_map_find(quotas, hash);

    if (!q) {
        q = calloc(1, sizeof(*q));
        RT_INSIST(q != NULL);
        rt_list_init(&q->fresh);
        rt_list_init(&q->in_turn);
        rt_map_put(quotas, &q->node, hash);
    }
    q->values++;
    q->bytes += bytes;
    return q;
}

void dht_quota_remove(struct rt_map *quotas, struct dht_quota *q, size_t bytes)
{
    RT_REQUIRE(q->values > 0 && q->bytes >= bytes);
    q->values--;
    q->bytes -= bytes;
    if (q->values > 0)
        return;
    rt_map_remove(quotas, &q->node);
    free(q);
}
