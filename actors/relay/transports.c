/* SPDX-License-Identifier: MPL-2.0 */
#include <string.h>

#include "base/check.h"
#include "relay_private.h"

static rt_err open_states(struct relay *r, uint32_t t, struct relay_error *err)
{
    const struct relay_transport_config *c = &r->transports[t];

    for (uint16_t i = 0; i < r->config.workers; i++) {
        struct relay_node *n = &r->nodes[i];

        if (c->table->worker_init(c->host, n->worker, &n->ports[t].state, err) != 0)
            return RT_ERR_SYSTEM;
    }
    return RT_ERR_OK;
}

/* One listener per worker on one address. With port 0 the port of the first is everyone's. */
static rt_err listen_on(struct relay *r, uint32_t t, struct relay_error *err)
{
    const struct relay_transport_config *c = &r->transports[t];
    struct sockaddr_storage bound = {0};

    memcpy(&bound, c->listen_addr, c->listen_addr_len);
    for (uint16_t i = 0; i < r->config.workers; i++) {
        struct relay_port *p = &r->nodes[i].ports[t];
        struct sockaddr_storage addr = bound;
        struct relay_listen spec = {
            .addr = (const struct sockaddr *)&addr,
            .addr_len = c->listen_addr_len,
            .fd = -1,
            .index = i,
            .count = r->config.workers,
        };

        if (c->table->listen(p->state, &spec, &p->listener, &bound, err) != 0)
            return RT_ERR_SYSTEM;
    }
    r->bound[t] = bound;
    return RT_ERR_OK;
}

rt_err relay_transports_open(struct relay *r, const struct relay_transport_config *transports,
                             uint32_t count, struct relay_error *err)
{
    rt_err e = RT_ERR_OK;

    RT_REQUIRE(count <= RELAY_TRANSPORTS_MAX);
    for (uint32_t t = 0; !e && t < count; t++) {
        r->transports[t] = transports[t];
        r->transport_count++;
        e = open_states(r, t, err);
    }
    for (uint32_t t = 0; !e && t < count; t++) {
        if (transports[t].listen_addr)
            e = listen_on(r, t, err);
    }
    return e;
}

void relay_node_unlisten(struct relay_node *n)
{
    for (uint32_t t = 0; t < n->relay->transport_count; t++) {
        struct relay_listener *l = n->ports[t].listener;

        n->ports[t].listener = NULL;
        if (l)
            n->relay->transports[t].table->unlisten(l);
    }
}

void relay_transports_close(struct relay *r)
{
    for (uint16_t i = 0; i < r->config.workers; i++) {
        struct relay_node *n = &r->nodes[i];

        relay_node_unlisten(n);
        for (uint32_t t = 0; t < r->transport_count; t++) {
            if (n->ports[t].state)
                r->transports[t].table->worker_fini(n->ports[t].state);
            n->ports[t].state = NULL;
        }
    }
}

const struct sockaddr_storage *relay_bound(const struct relay *r, uint32_t transport)
{
    return &r->bound[transport];
}

void *relay_transport_state(const struct relay *r, uint32_t transport, uint16_t worker)
{
    return r->nodes[worker].ports[transport].state;
}
