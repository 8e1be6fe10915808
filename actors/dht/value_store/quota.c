/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/value_store/quota.h"

#include <stdlib.h>

#include "base/check.h"

const struct dht_quota *dht_quota_find(const struct rt_map *owners, uint64_t hash)
{
    return (const struct dht_quota *)rt_map_find(owners, hash);
}

struct dht_quota *dht_quota_add(struct rt_map *owners, uint64_t hash, size_t bytes)
{
    struct dht_quota *o = (struct dht_quota *)rt_map_find(owners, hash);

    if (!o) {
        o = calloc(1, sizeof(*o));
        RT_INSIST(o != NULL);
        rt_list_init(&o->fresh);
        rt_list_init(&o->in_turn);
        rt_map_put(owners, &o->node, hash);
    }
    o->values++;
    o->bytes += bytes;
    return o;
}

void dht_quota_remove(struct rt_map *owners, struct dht_quota *o, size_t bytes)
{
    RT_REQUIRE(o->values > 0 && o->bytes >= bytes);
    o->values--;
    o->bytes -= bytes;
    if (o->values > 0)
        return;
    rt_map_remove(owners, &o->node);
    free(o);
}
