/* SPDX-License-Identifier: MPL-2.0 */
/* The composition: rooms are made in the order in which they depend on each other and released in
 * reverse. Every room's fini accepts a worker on which the room was not made, so a relay that is
 * half made is released like any other. */
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor_limits.h"
#include "announcer/announcer.h"
#include "base/check.h"
#include "crypto/secret.h"
#include "relay_private.h"
#include "tunnel/tunnel.h"

/* -- new -- */

static rt_err get_secrets(struct relay *r, const struct rt_seams *seams, struct relay_error *err)
{
    if (!r->store) {
        seams->random(seams->ctx, r->slot_secret, sizeof(r->slot_secret));
        seams->random(seams->ctx, r->dht_key, sizeof(r->dht_key));
        return RT_ERR_OK;
    }
    memcpy(r->slot_secret, storage_slot_secret(r->store), sizeof(r->slot_secret));
    return storage_secret(r->store, "dht", r->dht_key, sizeof(r->dht_key), err);
}

/* The state that all workers share. */
static rt_err make_shared(struct relay *r, const struct rt_seams *seams)
{
    const struct rt_sign_key *identity = r->store ? storage_identity(r->store) : r->config.identity;
    uint8_t door_key[16], session_key[16];
    rt_err e;

    seams->random(seams->ctx, door_key, sizeof(door_key));
    seams->random(seams->ctx, session_key, sizeof(session_key));
    e = rt_door_new(&r->config.door, r->config.workers, door_key, &r->door);
    return e ? e
             : session_shared_init(&r->sessions, identity, r->config.dialects, r->config.rates,
                                   session_key);
}

static void make_node(struct relay *r, uint16_t index)
{
    struct tunnel_config tunnels = {.max_tunnels = r->config.max_tunnels};
    struct relay_node *n = &r->nodes[index];

    n->relay = r;
    n->worker = rt_system_worker(r->system, index);
    session_worker_init(n->worker, &r->sessions);
    rt_conn_worker_init(n->worker, r->door, session_acceptor(n->worker));
    memcpy(tunnels.slot_secret, r->slot_secret, sizeof(tunnels.slot_secret));
    tunnel_worker_init(n->worker, &tunnels);
    rt_wipe(&tunnels, sizeof(tunnels));
}

static void notify_seen_self(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop)
{
    struct announcer_address_seen *m = rt_msg_new(ANNOUNCER_ADDRESS_SEEN, sizeof(*m));

    (void)ctx;
    m->hop = *hop;
    rt_send(w, announcer_addr(w), &m->msg);
}

static void notify_revoked(void *ctx, struct rt_worker *w, const uint8_t key[32])
{
    struct announcer_revoked *m = rt_msg_new(ANNOUNCER_REVOKED, sizeof(*m));

    (void)ctx;
    memcpy(m->key, key, sizeof(m->key));
    rt_send(w, announcer_addr(w), &m->msg);
}

static rt_err make_dht(struct relay *r)
{
    struct dht_config c = {
        .identity = &r->sessions.identity,
        .dialects = r->config.dialects,
        .value_bytes_max = r->config.value_bytes_max,
        .bootstrap = r->config.bootstrap,
        .bootstrap_count = r->config.bootstrap_count,
        .resolver = r->config.resolver,
        .self = relay_dht_self,
        .self_ctx = r,
        .seen_self = notify_seen_self,
        .revoked = notify_revoked,
    };

    memcpy(c.hash_key, r->dht_key, sizeof(c.hash_key));
    return dht_init(r->system, &c);
}

static void make_announcer(struct relay *r)
{
    struct announcer_config c = {
        .identity = &r->sessions.identity,
        .interval_s = r->config.announce_interval_s,
        .max_tunnels = (uint16_t)r->config.max_tunnels,
        .bandwidth = r->config.bandwidth,
        .where = relay_announcer_where,
        .where_ctx = r,
    };

    memcpy(c.hash_key, r->dht_key, sizeof(c.hash_key));
    announcer_init(r->system, &c);
}

static rt_err make_rooms(struct relay *r, const struct rt_seams *seams, struct relay_error *err)
{
    rt_err e = get_secrets(r, seams, err);

    if (e)
        return e;
    e = make_shared(r, seams);
    for (uint16_t i = 0; !e && i < r->config.workers; i++)
        make_node(r, i);
    if (!e)
        e = make_dht(r);
    if (e) {
        snprintf(err->text, sizeof(err->text), "the relay cannot be set up: %s", rt_err_text(e));
        return e;
    }
    make_announcer(r);
    relay_stop_init(r);
    return RT_ERR_OK;
}

rt_err relay_new(const struct relay_config *config, const struct rt_seams *seams,
                 struct storage *store, struct relay **out, struct relay_error *err)
{
    struct relay *r;
    rt_err e;

    RT_REQUIRE(config->workers > 0 && config->workers <= LIM_WORKERS_MAX);
    RT_REQUIRE(config->announced_count <= LIM_RELAY_ADDRS_MAX);
    RT_REQUIRE(config->joins_network || !config->announces_itself);
    r = rt_secret_new(sizeof(*r) + config->workers * sizeof(r->nodes[0]));
    r->config = *config;
    for (uint32_t i = 0; i < config->announced_count; i++)
        r->announced[i] = config->announced[i];
    r->store = store;
    r->system = rt_system_new((uint16_t)(config->workers + (store ? 1 : 0)), seams);
    e = make_rooms(r, seams, err);
    if (e)
        relay_free(&r);
    else
        *out = r;
    return e;
}

struct rt_system *relay_system(struct relay *r)
{
    return r->system;
}

struct rt_worker *relay_storage_worker(struct relay *r)
{
    return r->store ? rt_system_worker(r->system, r->config.workers) : NULL;
}

const uint8_t *relay_public_key(const struct relay *r)
{
    return r->sessions.identity.public_key;
}

/* -- start -- */

static void join(struct relay *r)
{
    for (uint32_t t = 0; t < r->transport_count; t++)
        dht_set_transport(r->system, r->transports[t].kind, r->transports[t].table,
                          r->nodes[0].ports[t].state);
    dht_start(r->system);
    if (r->config.announces_itself)
        announcer_start(r->system);
}

rt_err relay_start(struct relay *r, const struct relay_transport_config *transports, uint32_t count,
                   struct relay_error *err)
{
    rt_err e = relay_transports_open(r, transports, count, err);

    if (e)
        return e;
    if (r->store) {
        r->storage = storage_start(r->store, relay_storage_worker(r));
        dht_set_storage(r->system, &r->storage);
        e = relay_load(r, err);
        if (e)
            return e;
    }
    if (r->config.joins_network)
        join(r);
    return RT_ERR_OK;
}

/* -- the end -- */

uint32_t relay_finish(struct relay *r)
{
    uint32_t left = 0;

    if (!rt_addr_is_none(r->storage.addr))
        storage_stop(r->store);
    r->storage = (struct storage_client){0};
    for (uint16_t i = 0; i < r->config.workers; i++)
        left += rt_conn_worker_count(r->nodes[i].worker);
    if (left == 0)
        relay_transports_close(r);
    return left;
}

void relay_free(struct relay **r)
{
    struct relay *old = *r;

    *r = NULL;
    if (!old)
        return;
    relay_stop_fini(old);
    announcer_fini(old->system);
    dht_fini(old->system);
    for (uint16_t i = 0; i < old->config.workers; i++) {
        struct rt_worker *w = rt_system_worker(old->system, i);

        tunnel_worker_fini(w);
        session_worker_fini(w);
        rt_conn_worker_fini(w);
    }
    rt_system_free(&old->system);
    session_shared_fini(&old->sessions);
    rt_door_free(&old->door);
    rt_secret_free(old);
}
