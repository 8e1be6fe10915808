/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The announcer actor. It connects the parts; no part knows the actor or another part.
 *
 *   discovery ----------- announcements --> verify_queue -- candidates --> directory
 *       |                                        ^
 *     nodes                                    lists
 *       v                                        |
 *   reach_checks ---------------------------------
 *       |
 *     relays reached --> revocation_checks -- relays to list --> directory, local_publish
 *
 * Invariant: after ANNOUNCER_SHUTDOWN, self_announce alone gets replies of the DHT, and at most one
 * shutdown request waits for its withdrawal.
 */
#include "announcer/announcer.h"

#include <stdlib.h>

#include "announcer/directory/list_reply.h"
#include "announcer/discovery.h"
#include "announcer/local_publish.h"
#include "announcer/part.h"
#include "announcer/reach_checks.h"
#include "announcer/revocation_checks.h"
#include "announcer/self_announce.h"
#include "announcer/verify_queue.h"
#include "base/check.h"
#include "dht/dht_msg.h"
#include "dht/dht_worker.h"

struct announcer {
    struct rt_actor actor;
    struct rt_worker *worker;
    bool is_stopped;
    struct rt_msg *shutdown; /* the request that waits for the withdrawal, or NULL */
    struct relay_directory directory;
    struct self_announce self_announce;
    struct discovery discovery;
    struct reach_checks reach_checks;
    struct verify_queue verify_queue;
    struct revocation_checks revocation_checks;
    struct local_publish local_publish;
};

/* Per worker. */
struct announcer_local {
    struct rt_addr addr;
    struct announcer *announcer; /* on worker 0, else NULL */
};
static struct rt_local_key local_key;

static uint64_t now_s(const struct announcer *a)
{
    return part_wall_s(a->worker);
}

static uint64_t draw(void *ctx)
{
    return part_random(((struct announcer *)ctx)->worker);
}

/* -- events of the parts -- */

static void on_request(void *ctx, struct rt_msg *m)
{
    struct announcer *a = ctx;

    m->reply_to = rt_actor_addr(&a->actor);
    rt_send(a->worker, dht_addr(a->worker), m);
}

static void on_withdrawn(void *ctx)
{
    struct announcer *a = ctx;
    struct rt_msg *m = a->shutdown;

    a->shutdown = NULL;
    rt_msg_reply(a->worker, m);
}

static void on_announcement_found(void *ctx, struct relay_slice announcement)
{
    struct announcer *a = ctx;

    verify_queue_add(&a->verify_queue, announcement);
}

static void on_node_found(void *ctx, const struct wire_peer_hop *node, enum wire_dialect dialect)
{
    struct announcer *a = ctx;

    reach_checks_request_list(&a->reach_checks, node, dialect);
}

static void on_reached(void *ctx, const struct wire_peer_hop *at, uint8_t dialects)
{
    struct announcer *a = ctx;

    revocation_checks_add(&a->revocation_checks, at, dialects);
}

static void on_dialects_changed(void *ctx, const uint8_t relay_pubkey[32])
{
    struct announcer *a = ctx;

    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        local_publish_add(&a->local_publish, relay_pubkey, form);
}

static void on_list_received(void *ctx, struct relay_slice payload)
{
    struct announcer *a = ctx;

    verify_queue_add_list(&a->verify_queue, payload);
}

static void on_newcomer_checked(void *ctx, const struct wire_peer_hop *at, uint8_t dialects)
{
    struct announcer *a = ctx;
    uint32_t listed = directory_admit(&a->directory, at, dialects, rt_now_ns(a->worker), now_s(a));

    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        if (listed & 1u << form)
            local_publish_add(&a->local_publish, at->pubkey_hint, form);
    reach_checks_run(&a->reach_checks);
}

static void on_renewed(void *ctx, const uint8_t relay_pubkey[32], enum announcement_form form)
{
    struct announcer *a = ctx;

    local_publish_add(&a->local_publish, relay_pubkey, form);
}

static void on_own_address_seen(void *ctx, const struct wire_peer_hop *hop)
{
    struct announcer *a = ctx;

    self_announce_address_seen(&a->self_announce, hop);
}

static void on_job_ended(void *ctx)
{
    struct announcer *a = ctx;

    reach_checks_run(&a->reach_checks);
}

static const struct self_announce_callbacks self_announce_callbacks = {
    .request = on_request,
    .withdrawn = on_withdrawn,
};

static const struct discovery_callbacks discovery_callbacks = {
    .request = on_request,
    .announcement_found = on_announcement_found,
    .node_found = on_node_found,
};

static const struct reach_checks_callbacks reach_checks_callbacks = {
    .request = on_request,
    .reached = on_reached,
    .dialects_changed = on_dialects_changed,
    .list_received = on_list_received,
};

static const struct verify_queue_callbacks verify_queue_callbacks = {
    .renewed = on_renewed,
    .own_address_seen = on_own_address_seen,
    .job_ended = on_job_ended,
};

static const struct revocation_checks_callbacks revocation_checks_callbacks = {
    .request = on_request,
    .newcomer_checked = on_newcomer_checked,
};

static const struct local_publish_callbacks local_publish_callbacks = {
    .request = on_request,
};

/* -- messages -- */

static void list_fini(struct rt_msg *m)
{
    relay_slice_drop(&((struct relay_list_request *)m)->reply);
}

struct relay_list_request *relay_list_request_new(uint16_t max_count, enum wire_dialect dialect)
{
    struct relay_list_request *q = rt_msg_new(RELAY_LIST_REQUEST, sizeof(*q));

    q->msg.fini = list_fini;
    q->max_count = max_count;
    q->dialect = dialect;
    return q;
}

static void on_list_request(struct announcer *a, struct relay_list_request *q)
{
    q->reply =
        list_reply_encode(a->directory.list, self_announce_current(&a->self_announce, q->dialect),
                          q->dialect, q->max_count, now_s(a));
    if (!q->reply.owner)
        q->refusal = WIRE_REFUSAL_MEMORY;
    rt_msg_reply(a->worker, &q->msg);
}

static void stop_parts(struct announcer *a)
{
    a->is_stopped = true;
    self_announce_stop(&a->self_announce);
    discovery_stop(&a->discovery);
    reach_checks_stop(&a->reach_checks);
    local_publish_stop(&a->local_publish);
    revocation_checks_stop(&a->revocation_checks);
}

static void on_shutdown(struct announcer *a, struct rt_msg *m)
{
    stop_parts(a);
    if (self_announce_withdraw(&a->self_announce, a->directory.list))
        a->shutdown = m;
    else
        rt_msg_reply(a->worker, m);
}

static void on_looked_up(struct announcer *a, struct dht_lookup_request *l)
{
    if (a->is_stopped)
        return;
    if (l->cookie == COOKIE_ROUND_LOOK_UP)
        discovery_looked_up(&a->discovery, l);
    else
        revocation_checks_looked_up(&a->revocation_checks, l->cookie - COOKIE_REVOCATION_CHECK, l);
}

static void on_called(struct announcer *a, struct dht_call_request *c)
{
    if (c->cookie == COOKIE_FINAL_STORE)
        self_announce_final_stored(&a->self_announce);
    else if (a->is_stopped)
        return;
    else if (c->cookie == COOKIE_DIAL)
        reach_checks_dialled(&a->reach_checks, c);
    else
        reach_checks_list_replied(&a->reach_checks, c);
}

/* Replies of the DHT. A publication or a look-up that bounced has ended without a result. Other
 * bounced requests do not matter, as the DHT is gone. */
static void on_reply(struct announcer *a, struct rt_msg *m)
{
    switch (m->kind) {
    case DHT_PUBLISH_REPLY:
        self_announce_published(&a->self_announce,
                                RT_MSG_CAST(m, struct dht_publish_request, DHT_PUBLISH_REPLY));
        break;
    case DHT_LOOKUP_REPLY:
        on_looked_up(a, RT_MSG_CAST(m, struct dht_lookup_request, DHT_LOOKUP_REPLY));
        break;
    case DHT_CALL_REPLY:
        if (!m->is_bounced)
            on_called(a, RT_MSG_CAST(m, struct dht_call_request, DHT_CALL_REPLY));
        break;
    case DHT_PEERS_REPLY:
        if (!m->is_bounced && !a->is_stopped)
            discovery_peers_found(&a->discovery,
                                  RT_MSG_CAST(m, struct dht_peers_request, DHT_PEERS_REPLY));
        break;
    default:
        break;
    }
    rt_msg_free(&m);
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct announcer *a = RT_CONTAINER_OF(self, struct announcer, actor);

    switch (m->kind) {
    case RELAY_LIST_REQUEST:
        on_list_request(a, RT_MSG_CAST(m, struct relay_list_request, RELAY_LIST_REQUEST));
        return;
    case ANNOUNCER_SHUTDOWN:
        on_shutdown(a, m);
        return;
    case ANNOUNCER_ADDRESS_SEEN:
        self_announce_address_seen(
            &a->self_announce,
            &RT_MSG_CAST(m, struct announcer_address_seen, ANNOUNCER_ADDRESS_SEEN)->hop);
        rt_msg_free(&m);
        return;
    case ANNOUNCER_REVOKED:
        revocation_checks_found(&a->revocation_checks,
                                RT_MSG_CAST(m, struct announcer_revoked, ANNOUNCER_REVOKED)->key);
        rt_msg_free(&m);
        return;
    default:
        on_reply(a, m);
    }
}

/* -- life -- */

static void init_parts(struct announcer *a, const struct announcer_config *config)
{
    const uint8_t *own_pubkey = config->identity->public_key;
    const struct self_announce_config self = {.identity = config->identity,
                                              .interval_s = config->interval_s,
                                              .max_tunnels = config->max_tunnels,
                                              .bandwidth = config->bandwidth,
                                              .where = config->where,
                                              .where_ctx = config->where_ctx};

    directory_init(&a->directory, config->hash_key, draw, a);
    self_announce_init(&a->self_announce, a->worker, &self, &self_announce_callbacks, a);
    discovery_init(&a->discovery, a->worker, &discovery_callbacks, a);
    reach_checks_init(&a->reach_checks, a->worker, &a->directory, &reach_checks_callbacks, a);
    verify_queue_init(&a->verify_queue, a->worker, &a->directory, own_pubkey,
                      &verify_queue_callbacks, a);
    revocation_checks_init(&a->revocation_checks, a->worker, &a->directory, own_pubkey,
                           &revocation_checks_callbacks, a);
    local_publish_init(&a->local_publish, a->worker, a->directory.list, own_pubkey,
                       &local_publish_callbacks, a);
}

void announcer_init(struct rt_system *sys, const struct announcer_config *config)
{
    struct announcer *a = calloc(1, sizeof(*a));

    RT_INSIST(a != NULL);
    a->worker = rt_system_worker(sys, 0);
    init_parts(a, config);
    rt_actor_start(&a->actor, a->worker, on_msg);
    for (uint16_t i = 0; i < rt_system_count(sys); i++) {
        struct announcer_local *l = calloc(1, sizeof(*l));

        RT_INSIST(l != NULL);
        l->addr = rt_actor_addr(&a->actor);
        l->announcer = i == 0 ? a : NULL;
        rt_worker_set_local(rt_system_worker(sys, i), &local_key, l);
    }
}

void announcer_start(struct rt_system *sys)
{
    struct announcer_local *l = rt_worker_local(rt_system_worker(sys, 0), &local_key);
    struct announcer *a = l->announcer;

    self_announce_start(&a->self_announce);
    discovery_start(&a->discovery);
    local_publish_start(&a->local_publish);
    revocation_checks_start(&a->revocation_checks);
}

static void free_announcer(struct announcer *a)
{
    stop_parts(a);
    rt_actor_stop(&a->actor);
    rt_msg_free(&a->shutdown);
    verify_queue_fini(&a->verify_queue);
    reach_checks_fini(&a->reach_checks);
    self_announce_fini(&a->self_announce);
    directory_fini(&a->directory);
    free(a);
}

void announcer_fini(struct rt_system *sys)
{
    for (uint16_t i = 0; i < rt_system_count(sys); i++) {
        struct rt_worker *w = rt_system_worker(sys, i);
        struct announcer_local *l = rt_worker_local(w, &local_key);

        if (!l)
            continue;
        if (l->announcer)
            free_announcer(l->announcer);
        free(l);
        rt_worker_set_local(w, &local_key, NULL);
    }
}

struct rt_addr announcer_addr(const struct rt_worker *w)
{
    const struct announcer_local *l = rt_worker_local(w, &local_key);

    return l ? l->addr : (struct rt_addr){0};
}

struct relay_directory *announcer_directory(struct rt_worker *w)
{
    struct announcer_local *l = rt_worker_local(w, &local_key);

    RT_REQUIRE(l && l->announcer);
    return &l->announcer->directory;
}
