/* SPDX-License-Identifier: MPL-2.0 */
/* The register of listening addresses, by address. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "net_private.h"

static const struct sockaddr *generic(const struct sockaddr_storage *a)
{
    return (const struct sockaddr *)(const void *)a;
}

static struct sim_listening **bucket(struct sim_net *n, const struct sockaddr_storage *a)
{
    const struct sockaddr_in *v4 = (const void *)a;
    const struct sockaddr_in6 *v6 = (const void *)a;
    uint64_t host = v4->sin_addr.s_addr;

    if (a->ss_family == AF_INET6)
        memcpy(&host, &v6->sin6_addr.s6_addr[8], sizeof(host));
    return &n->listenings[sim_mix(host << 16 | v4->sin_port) % SIM_LISTEN_BUCKETS];
}

bool sim_net_listen(struct sim_net *n, struct sockaddr_storage *addr, uint16_t index,
                    struct sim_lane *lane, struct relay_listener *l)
{
    struct sim_listening *e = sim_alloc(sizeof(*e));
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)addr;
    bool is_taken = false;

    pthread_mutex_lock(&n->lock);
    if (v4->sin_port == 0) /* the port lies at the same place in both families */
        v4->sin_port = htons(n->next_port++);
    for (struct sim_listening *o = *bucket(n, addr); o; o = o->next)
        is_taken |=
            sim_addr_equal(generic(&o->addr), generic(addr)) && (index == 0 || o->index == index);
    if (!is_taken) {
        struct sim_listening **at = bucket(n, addr);

        while (*at)
            at = &(*at)->next;
        *at = e;
        n->listening_count++;
        *e = (struct sim_listening){NULL, *addr, index, lane, l};
    }
    pthread_mutex_unlock(&n->lock);
    if (is_taken)
        free(e);
    return !is_taken;
}

void sim_net_unlisten(struct sim_net *n, const struct relay_listener *l)
{
    struct sim_listening *e = NULL;

    pthread_mutex_lock(&n->lock);
    for (uint32_t i = 0; !e && i < SIM_LISTEN_BUCKETS; i++) {
        struct sim_listening **at = &n->listenings[i];

        while (*at && (*at)->listener != l)
            at = &(*at)->next;
        e = *at;
        if (e)
            *at = e->next;
    }
    n->listening_count -= e != NULL;
    pthread_mutex_unlock(&n->lock);
    free(e);
}

bool sim_net_knock(struct sim_link *l)
{
    struct sim_net *n = l->net;
    struct sim_listening *found = NULL;
    struct sim_knock *k;
    uint32_t count = 0;

    pthread_mutex_lock(&n->lock);
    for (struct sim_listening *e = *bucket(n, &l->to); e; e = e->next)
        if (sim_addr_equal(generic(&e->addr), generic(&l->to)) &&
            sim_prng_below(sim_prng(n->world), ++count) == 0)
            found = e;
    if (found) {
        k = sim_alloc(sizeof(*k));
        k->mail.run = sim_transport_knock;
        k->listener = found->listener;
        k->link = l;
        k->peer = l->from;
        k->send_buffer = l->path.send_buffer;
        l->lane = found->lane;
        l->has_relay_end = true;
        sim_lane_post(found->lane, &k->mail);
    }
    pthread_mutex_unlock(&n->lock);
    return found != NULL;
}

bool sim_net_is_listened(struct sim_link *l)
{
    struct sim_net *n = l->net;
    bool found = false;

    pthread_mutex_lock(&n->lock);
    for (struct sim_listening *e = *bucket(n, &l->to); e; e = e->next)
        found |= sim_addr_equal(generic(&e->addr), generic(&l->to));
    pthread_mutex_unlock(&n->lock);
    return found;
}
