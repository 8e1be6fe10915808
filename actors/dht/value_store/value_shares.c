/* SPDX-License-Identifier: MPL-2.0 */
/* Shares whose key is known to the value store. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/value_store/value_store_private.h"

struct share *value_store_find_share(const struct dht_value_store *v, const uint8_t share_id[32])
{
    struct rt_map_node *n = rt_map_find(&v->shares, value_store_hash(v, share_id));

    while (n && memcmp(((struct share *)n)->share_id, share_id, 32) != 0)
        n = rt_map_find_next(n);
    return (struct share *)n;
}

struct share *value_store_share_ref(struct dht_value_store *v, const uint8_t share_id[32],
                                    const uint8_t pubkey[32])
{
    struct share *s = value_store_find_share(v, share_id);

    if (!s) {
        s = calloc(1, sizeof(*s));
        RT_INSIST(s != NULL);
        memcpy(s->share_id, share_id, 32);
        memcpy(s->pubkey, pubkey, 32);
        rt_map_put(&v->shares, &s->node, value_store_hash(v, share_id));
    }
    s->refs++;
    return s;
}

void value_store_share_drop(struct dht_value_store *v, struct share *s)
{
    if (!s || --s->refs > 0)
        return;
    rt_map_remove(&v->shares, &s->node);
    free(s);
}

void value_store_unshare(struct dht_value_store *v, struct entry *e)
{
    value_store_share_drop(v, e->share);
    e->share = NULL;
}
