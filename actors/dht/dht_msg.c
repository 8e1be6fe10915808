/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/dht_msg.h"

static void ask_fini(struct rt_msg *m)
{
    struct dht_request *a = (struct dht_request *)m;

    relay_slice_drop(&a->payload);
    relay_slice_drop(&a->reply);
}

struct dht_request *dht_request_new(enum dht_op op)
{
    struct dht_request *a = rt_msg_new(DHT_REQUEST, sizeof(*a));

    a->msg.fini = ask_fini;
    a->op = op;
    return a;
}

static void publish_fini(struct rt_msg *m)
{
    relay_slice_drop(&((struct dht_publish_request *)m)->value);
}

struct dht_publish_request *dht_publish_request_new(void)
{
    struct dht_publish_request *a = rt_msg_new(DHT_PUBLISH_REQUEST, sizeof(*a));

    a->msg.fini = publish_fini;
    return a;
}

static void lookup_fini(struct rt_msg *m)
{
    struct dht_lookup_request *a = (struct dht_lookup_request *)m;

    for (uint32_t i = 0; i < a->count; i++)
        relay_slice_drop(&a->values[i]);
}

struct dht_lookup_request *dht_lookup_request_new(void)
{
    struct dht_lookup_request *a = rt_msg_new(DHT_LOOKUP_REQUEST, sizeof(*a));

    a->msg.fini = lookup_fini;
    return a;
}

static void call_fini(struct rt_msg *m)
{
    struct dht_call_request *a = (struct dht_call_request *)m;

    relay_slice_drop(&a->payload);
    relay_slice_drop(&a->reply);
}

struct dht_call_request *dht_call_request_new(void)
{
    struct dht_call_request *a = rt_msg_new(DHT_CALL_REQUEST, sizeof(*a));

    a->msg.fini = call_fini;
    return a;
}

struct dht_peers_request *dht_peers_request_new(void)
{
    return rt_msg_new(DHT_PEERS_REQUEST, sizeof(struct dht_peers_request));
}
