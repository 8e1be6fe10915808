/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The dht actor: the life of its parts, and the routes of messages, timers and events between them.
 *
 * Invariant: parts are made from the lowest layer up. rpc_pool is freed first, because its calls
 * lie in the memory of other parts; then the look-ups, then what owns them. After DHT_STOP no part
 * dials, looks up or pushes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/dht_private.h"
#include "dht/dht_worker.h"
#include "dht/value_store/communities.h"
#include "host/resolver.h"

#define TICK_NS (10 * RT_S)
#define SELF_TICKS 6u      /* our addresses are read every SELF_TICKS ticks */
#define EXPIRE_VALUES 512u /* in one tick */
#define SAVE_VALUES 4096u
#define EXPIRE_COMMUNITIES 64u
#define EXPIRE_PEERS 16u
#define PROVE_AT_ONCE 4u /* signatures of loaded manifests in one heavy job */

static void stop(struct dht *d)
{
    d->context.is_stopped = true;
    dht_value_store_flush(d->values);
    maintenance_stop(&d->maintenance);
    bootstrap_run_stop(&d->bootstrap);
    replicate_stop(&d->replicate);
    trust_lookups_stop(&d->trust_lookups);
    rpc_pool_stop(d->rpc);
}

static void inbound(struct dht *d, const struct dht_inbound *m)
{
    clock_watch_note(&d->clock, &m->from, m->skew_s);
    if (m->skew_s == 0)
        membership_inbound(&d->membership, m);
}

static void serve(struct dht *d, struct dht_request *a)
{
    if (a->op >= DHT_COMMUNITY_STATUS)
        community_requests_serve(&d->community_requests, a);
    else
        requests_serve(&d->requests, a);
}

static void on_question(struct dht *d, struct rt_msg *m)
{
    switch (m->kind) {
    case DHT_REQUEST:
        serve(d, RT_MSG_CAST(m, struct dht_request, DHT_REQUEST));
        return;
    case DHT_PUBLISH_REQUEST:
        replicate_publish(&d->replicate,
                          RT_MSG_CAST(m, struct dht_publish_request, DHT_PUBLISH_REQUEST));
        return;
    case DHT_LOOKUP_REQUEST:
        actor_requests_lookup(&d->actor_requests,
                              RT_MSG_CAST(m, struct dht_lookup_request, DHT_LOOKUP_REQUEST));
        return;
    case DHT_CALL_REQUEST:
        actor_requests_call(&d->actor_requests,
                            RT_MSG_CAST(m, struct dht_call_request, DHT_CALL_REQUEST));
        return;
    case DHT_PEERS_REQUEST:
        actor_requests_peers(&d->actor_requests,
                             RT_MSG_CAST(m, struct dht_peers_request, DHT_PEERS_REQUEST));
        return;
    case DHT_STOP:
        stop(d);
        rt_msg_reply(d->context.worker, m);
        return;
    case DHT_INBOUND:
        inbound(d, RT_MSG_CAST(m, struct dht_inbound, DHT_INBOUND));
        break;
    default:
        break;
    }
    rt_msg_free(&m);
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct dht *d = RT_CONTAINER_OF(self, struct dht, actor);

    if (m->is_bounced)
        rt_msg_free(&m);
    else if (m->kind == RT_RESOLVED)
        bootstrap_run_resolved(&d->bootstrap, m);
    else
        on_question(d, m);
}

/* -- timers -- */

static struct rt_metric *const gauges[DHT_GAUGES] = {
    RT_METRIC_DHT_NODES_A, RT_METRIC_DHT_NODES_B,     RT_METRIC_DHT_NODES_C,
    RT_METRIC_DHT_VALUES,  RT_METRIC_DHT_VALUE_BYTES, RT_METRIC_DHT_PEERS};

static void report(struct dht *d)
{
    uint64_t now[DHT_GAUGES] = {
        dht_table_count(d->membership.tables[WIRE_DIALECT_A]),
        dht_table_count(d->membership.tables[WIRE_DIALECT_B]),
        dht_table_count(d->membership.tables[WIRE_DIALECT_C]),
        dht_value_store_count(d->values),
        dht_value_store_bytes(d->values),
        dht_peers_count(d->membership.peers),
    };

    for (uint32_t i = 0; i < DHT_GAUGES; i++) {
        rt_metric_add(gauges[i], now[i]);
        rt_metric_sub(gauges[i], d->gauges[i]);
        d->gauges[i] = now[i];
    }
}

static void refresh_self(struct dht *d)
{
    if (self_address_refresh(&d->self))
        membership_rescope(&d->membership);
}

static void expire(struct dht *d)
{
    uint64_t now_s = dht_now_s(&d->context);

    (void)dht_value_store_expire(d->values, now_s, EXPIRE_VALUES);
    (void)dht_value_store_save_due(d->values, now_s, SAVE_VALUES);
    dht_communities_expire(dht_value_store_communities(d->values), now_s, EXPIRE_COMMUNITIES);
    dht_peers_expire(d->membership.peers, now_s, EXPIRE_PEERS);
}

static void upkeep(struct dht *d)
{
    expire(d);
    report(d);
    if (++d->ticks % SELF_TICKS == 0)
        refresh_self(d);
    if (d->context.is_stopped)
        return;
    maintenance_tick(&d->maintenance, d->ticks);
    /* A value that no node took is fresh again after an hour. */
    if (dht_value_store_next_fresh(d->values, dht_now_s(&d->context)))
        replicate_due(&d->replicate);
    if (membership_count(&d->membership) == 0)
        bootstrap_run_due(&d->bootstrap);
}

static void on_tick(struct relay_timer *t)
{
    struct dht *d = RT_CONTAINER_OF(t, struct dht, tick_timer);

    upkeep(d);
    rt_timer_arm(d->context.worker, t,
                 dht_now_ns(&d->context) + TICK_NS - dht_random(&d->context) % (TICK_NS / 4));
}

/* Loaded manifests prove the keys of their shares step by step, after the established sessions. */
static void on_prove(struct rt_job *job)
{
    struct dht *d = RT_CONTAINER_OF(job, struct dht, prove_job);

    if (dht_value_store_prove(d->values, PROVE_AT_ONCE, dht_now_s(&d->context)))
        rt_job_queue(d->context.worker, job);
}

/* -- events of the parts -- */

static void on_reached(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                       uint8_t dialects, const struct wire_hello *hello)
{
    struct dht *d = ctx;

    membership_reached(&d->membership, hop, dialect, dialects, hello);
}

static void on_lost(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                    enum dht_outcome why)
{
    struct dht *d = ctx;

    membership_lost(&d->membership, hop, dialect, why);
}

static void on_skew(void *ctx, const struct wire_peer_hop *hop, int64_t skew_s)
{
    struct dht *d = ctx;

    clock_watch_note(&d->clock, hop, skew_s);
}

static void on_joined(void *ctx, const struct wire_peer_hop *node, uint8_t dialects)
{
    struct dht *d = ctx;

    replicate_joined(&d->replicate, node, dialects);
}

static void on_ping(void *ctx, enum wire_dialect dialect, const struct wire_peer_hop *node)
{
    struct dht *d = ctx;

    maintenance_ping(&d->maintenance, dialect, node);
}

static uint32_t on_seeds(void *ctx, enum wire_dialect dialect, struct wire_peer_hop *out)
{
    const struct dht *d = ctx;

    return bootstrap_run_seeds(&d->bootstrap, dialect, out);
}

static void on_pinned(void *ctx, struct relay_slice pins)
{
    struct dht *d = ctx;

    persist_put_pins(&d->persist, pins);
    trust_lookups_wake(&d->trust_lookups);
}

static void on_identity_put(void *ctx, const uint8_t key[32], const uint8_t *value, size_t len)
{
    struct dht *d = ctx;

    persist_put_identity(&d->persist, key, value, len);
}

static void on_identity_dropped(void *ctx, const uint8_t key[32])
{
    struct dht *d = ctx;

    persist_drop_identity(&d->persist, key);
}

static void on_judged(void *ctx, const struct dht_trust_judgement *j)
{
    struct dht *d = ctx;

    bootstrap_run_judged(&d->bootstrap, j);
}

static void on_identity_record(void *ctx, struct relay_slice value)
{
    struct dht *d = ctx;

    trust_lookups_heard(&d->trust_lookups, value);
}

static void on_fresh_value(void *ctx)
{
    struct dht *d = ctx;

    replicate_due(&d->replicate);
}

static void on_probe_due(void *ctx)
{
    struct dht *d = ctx;

    maintenance_probe(&d->maintenance);
}

/* -- life -- */

static struct dht *dht_of(struct rt_system *sys)
{
    return RT_CONTAINER_OF(dht_worker_actor(sys), struct dht, actor);
}

static void on_revoked(void *ctx, const uint8_t key[32])
{
    struct dht *d = ctx;

    if (d->revoked)
        d->revoked(d->revoked_ctx, d->context.worker, key);
}

static void make_store(struct dht *d, const struct dht_config *c)
{
    struct dht_value_store_limits limits = {LIM_VALUES_MAX, c->value_bytes_max, LIM_VALUES_PER_PEER,
                                            LIM_VALUE_BYTES_PER_PEER};
    struct dht_value_store_sink sink = persist_value_sink(&d->persist);

    sink.revoked = on_revoked;
    sink.revoked_ctx = d;
    d->values = dht_value_store_new(&limits, c->hash_key, dht_random, &d->context);
    dht_value_store_set_sink(d->values, &sink);
}

static void make_network(struct dht *d, const struct dht_config *c)
{
    struct rpc_pool_callbacks calls = {on_reached, on_lost, on_skew, d};
    struct self_address_callbacks self = {c->self, c->self_ctx, c->seen_self, c->seen_self_ctx};
    struct dht_peers_sink peers = persist_peer_sink(&d->persist);
    struct membership_callbacks members = {on_joined, on_ping, on_probe_due, d};
    struct lookup_run_callbacks lookups = {on_seeds, d};

    d->rpc = rpc_pool_new(d->context.worker, d->context.identity, d->context.dialects, &calls);
    self_address_init(&d->self, &d->context, &self);
    clock_watch_init(&d->clock, &d->context);
    membership_init(&d->membership, &d->context, &d->self, d->rpc, &peers, &members);
    lookup_run_init(&d->lookups, &d->context, &d->membership, d->rpc, &lookups);
    maintenance_init(&d->maintenance, &d->context, &d->membership, &d->lookups, d->rpc);
    replicate_init(&d->replicate, &d->context, &d->membership, &d->lookups, d->values, d->rpc);
}

static void make_bootstrap(struct dht *d, const struct dht_config *c)
{
    struct dht_trust_hooks trust = {on_identity_put, on_identity_dropped, on_judged, d};
    struct bootstrap_run_config config = {
        .peers = c->bootstrap, .count = c->bootstrap_count, .resolver = c->resolver};
    struct bootstrap_run_callbacks callbacks = {on_pinned, d};

    trust_lookups_init(&d->trust_lookups, &d->context, &d->lookups, d->values, &trust);
    config.trust = d->trust_lookups.trust;
    bootstrap_run_init(&d->bootstrap, &d->context, &d->membership, &d->lookups, d->rpc, &config,
                       &callbacks);
}

static rt_err make_requests(struct dht *d)
{
    struct requests_callbacks callbacks = {on_identity_record, on_fresh_value, d};

    actor_requests_init(&d->actor_requests, &d->context, &d->membership, &d->lookups, d->values,
                        d->rpc);
    community_requests_init(&d->community_requests, &d->context, d->values);
    return requests_init(&d->requests, &d->context, &d->membership, d->values, &callbacks);
}

static struct dht *make(struct rt_worker *home, const struct dht_config *c)
{
    struct dht *d = calloc(1, sizeof(*d));

    RT_INSIST(d != NULL);
    d->context.worker = home;
    d->context.identity = c->identity;
    rt_node_id(c->identity->public_key, d->context.self_id);
    memcpy(d->context.hash_key, c->hash_key, sizeof(d->context.hash_key));
    d->context.dialects = c->dialects;
    d->revoked = c->revoked;
    d->revoked_ctx = c->revoked_ctx;
    d->prove_job.run = on_prove;
    rt_list_init(&d->prove_job.node);
    d->tick_timer.fire = on_tick;
    persist_init(&d->persist, &d->context);
    make_store(d, c);
    make_network(d, c);
    make_bootstrap(d, c);
    return d;
}

static void free_parts(struct dht *d)
{
    rpc_pool_free(&d->rpc); /* first: other parts own the memory of its calls */
    community_requests_fini(&d->community_requests);
    requests_fini(&d->requests);
    lookup_run_fini(&d->lookups);
    actor_requests_fini(&d->actor_requests);
    replicate_fini(&d->replicate);
    bootstrap_run_fini(&d->bootstrap);
    trust_lookups_fini(&d->trust_lookups);
    membership_fini(&d->membership);
    dht_value_store_free(&d->values);
}

static void free_dht(struct dht *d)
{
    rt_timer_disarm(d->context.worker, &d->tick_timer);
    maintenance_stop(&d->maintenance);
    bootstrap_run_stop(&d->bootstrap);
    replicate_stop(&d->replicate);
    trust_lookups_stop(&d->trust_lookups);
    rt_job_cancel(d->context.worker, &d->prove_job);
    rt_actor_stop(&d->actor);
    free_parts(d);
    for (uint32_t i = 0; i < DHT_GAUGES; i++)
        rt_metric_sub(gauges[i], d->gauges[i]);
    free(d);
}

rt_err dht_init(struct rt_system *sys, const struct dht_config *config)
{
    struct rt_worker *home = rt_system_worker(sys, 0);
    struct dht *d = make(home, config);
    rt_err err = make_requests(d);

    rt_actor_start(&d->actor, home, on_msg);
    d->context.address = rt_actor_addr(&d->actor);
    if (err != RT_ERR_OK) {
        free_dht(d);
        return err;
    }
    dht_worker_init(sys, &d->actor);
    return RT_ERR_OK;
}

void dht_set_transport(struct rt_system *sys, enum wire_transport kind,
                       const struct relay_transport *t, void *state)
{
    rpc_pool_set_transport(dht_of(sys)->rpc, kind, t, state);
}

void dht_load_value(struct rt_system *sys, const uint8_t key[32], const uint8_t sub[32],
                    const uint8_t *value, uint32_t len, uint64_t expires_s, uint64_t event,
                    const struct dht_origin *origin)
{
    struct dht *d = dht_of(sys);

    (void)dht_value_store_load(d->values, key, sub, value, len, expires_s, event, origin,
                               dht_now_s(&d->context));
}

void dht_load_mark(struct rt_system *sys, const uint8_t community_id[32], uint64_t mark,
                   uint64_t expires_s)
{
    dht_communities_load_mark(dht_value_store_communities(dht_of(sys)->values), community_id, mark,
                              expires_s);
}

void dht_load_peer(struct rt_system *sys, const struct wire_peer_row *row, uint8_t dialects,
                   enum wire_dialect last)
{
    struct dht *d = dht_of(sys);

    (void)dht_peers_load(d->membership.peers, row, dialects, last, dht_now_s(&d->context));
}

void dht_load_pins(struct rt_system *sys, uint8_t *payload, size_t len)
{
    dht_boot_load_pins(dht_of(sys)->bootstrap.boot, payload, len);
}

void dht_load_identity(struct rt_system *sys, const uint8_t key[32], const uint8_t *value,
                       size_t len)
{
    dht_trust_load(dht_of(sys)->trust_lookups.trust, key, value, len);
}

void dht_start(struct rt_system *sys)
{
    struct dht *d = dht_of(sys);

    d->context.is_started = true;
    dht_communities_loaded(dht_value_store_communities(d->values), dht_now_s(&d->context));
    refresh_self(d);
    rt_job_queue(d->context.worker, &d->prove_job);
    rt_timer_arm(d->context.worker, &d->tick_timer, dht_now_ns(&d->context));
    bootstrap_run_start(&d->bootstrap);
    replicate_start(&d->replicate);
    trust_lookups_start(&d->trust_lookups);
}

void dht_set_storage(struct rt_system *sys, const struct storage_client *to)
{
    persist_set_storage(&dht_of(sys)->persist, to);
}

void dht_fini(struct rt_system *sys)
{
    if (!dht_worker_actor(sys))
        return;
    free_dht(dht_of(sys));
    dht_worker_fini(sys);
}
