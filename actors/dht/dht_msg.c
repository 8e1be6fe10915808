/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/dht_msg.h"

static void ask_fini(struct rt_msg *m)
{
    struct dht_ask *a = (struct dht_ask *)m;

    relay_slice_drop(&a->payload);
    relay_slice_drop(&a->answer);
}

struct dht_ask *dht_ask_new(enum dht_op op)
{
    struct dht_ask *a = rt_msg_new(DHT_ASK, sizeof(*a));

    a->msg.fini = ask_fini;
    a->op = op;
    return a;
}

static void publish_fini(struct rt_msg *m)
{
    relay_slice_drop(&((struct dht_publish_ask *)m)->value);
}

struct dht_publish_ask *dht_publish_ask_new(void)
{
    struct dht_publish_ask *a = rt_msg_new(DHT_PUBLISH, sizeof(*a));

    a->msg.fini = publish_fini;
    return a;
}

static void lookup_fini(struct rt_msg *m)
{
    struct dht_lookup_ask *a = (struct dht_lookup_ask *)m;

    for (uint32_t i = 0; i < a->count; i++)
        relay_slice_drop(&a->values[i]);
}

struct dht_lookup_ask *dht_lookup_ask_new(void)
{
    struct dht_lookup_ask *a = rt_msg_new(DHT_LOOKUP, sizeof(*a));

    a->msg.fini = lookup_fini;
    return a;
}

static void call_fini(struct rt_msg *m)
{
    struct dht_call_ask *a = (struct dht_call_ask *)m;

    relay_slice_drop(&a->payload);
    relay_slice_drop(&a->answer);
}

struct dht_call_ask *dht_call_ask_new(void)
{
    struct dht_call_ask *a = rt_msg_new(DHT_CALL, sizeof(*a));

    a->msg.fini = call_fini;
    return a;
}

struct dht_peers_ask *dht_peers_ask_new(void)
{
    return rt_msg_new(DHT_PEERS, sizeof(struct dht_peers_ask));
}
