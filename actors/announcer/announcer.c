/* SPDX-License-Identifier: MPL-2.0 */
/* The announcer actor: its life, its messages, and what every worker knows of it. */
#include <stdlib.h>

#include "announcer/announcer_private.h"
#include "announcer/directory/list_reply.h"
#include "base/check.h"

/* What every worker has. */
struct announcer_local {
    struct rt_addr addr;
    struct announcer *announcer; /* worker 0 */
};

uint64_t announcer_random(void *ctx)
{
    return part_random(((struct announcer *)ctx)->worker);
}

void announcer_ask_dht(struct announcer *a, struct rt_msg *m)
{
    m->reply_to = rt_actor_addr(&a->actor);
    rt_send(a->worker, dht_addr(a->worker), m);
}

static void ask_fini(struct rt_msg *m)
{
    relay_slice_drop(&((struct relay_list_ask *)m)->answer);
}

struct relay_list_ask *relay_list_ask_new(uint16_t max_count, enum wire_dialect dialect)
{
    struct relay_list_ask *q = rt_msg_new(RELAY_LIST_ASK, sizeof(*q));

    q->msg.fini = ask_fini;
    q->max_count = max_count;
    q->dialect = dialect;
    return q;
}

/* -- between the parts -- */

static void on_renewed(void *ctx, const uint8_t relay_pubkey[32], enum announcement_form form)
{
    local_publish_add(&((struct announcer *)ctx)->local_publish, relay_pubkey, form);
}

static void on_own_address_seen(void *ctx, const struct wire_peer_hop *hop)
{
    self_announce_address_seen(&((struct announcer *)ctx)->self, hop);
}

static void on_job_ended(void *ctx)
{
    reach_checks_run(&((struct announcer *)ctx)->reach_checks);
}

static void on_request(void *ctx, struct rt_msg *m)
{
    announcer_ask_dht(ctx, m);
}

static void on_withdrawn(void *ctx)
{
    struct announcer *a = ctx;
    struct rt_msg *m = a->shutdown;

    a->shutdown = NULL;
    rt_msg_reply(a->worker, m);
}

static const struct self_announce_callbacks self_announce_callbacks = {
    .request = on_request,
    .withdrawn = on_withdrawn,
};

static void on_reached(void *ctx, const struct wire_peer_hop *at, uint8_t dialects)
{
    revocation_checks_add(&((struct announcer *)ctx)->revocation_checks, at, dialects);
}

static void on_dialects_changed(void *ctx, const uint8_t relay_pubkey[32])
{
    struct announcer *a = ctx;

    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        local_publish_add(&a->local_publish, relay_pubkey, form);
}

static void on_list_received(void *ctx, struct relay_slice payload)
{
    verify_queue_add_list(&((struct announcer *)ctx)->verify_queue, payload);
}

static const struct reach_checks_callbacks reach_checks_callbacks = {
    .request = on_request,
    .reached = on_reached,
    .dialects_changed = on_dialects_changed,
    .list_received = on_list_received,
};

static const struct local_publish_callbacks local_publish_callbacks = {
    .request = on_request,
};

static void on_newcomer_checked(void *ctx, const struct wire_peer_hop *at, uint8_t dialects)
{
    struct announcer *a = ctx;
    uint32_t listed =
        directory_admit(&a->directory, at, dialects, announcer_now_ns(a), announcer_now_s(a));

    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        if (listed & 1u << form)
            local_publish_add(&a->local_publish, at->pubkey_hint, form);
    reach_checks_run(&a->reach_checks);
}

static const struct revocation_checks_callbacks revocation_checks_callbacks = {
    .request = on_request,
    .newcomer_checked = on_newcomer_checked,
};

static const struct verify_queue_callbacks verify_queue_callbacks = {
    .renewed = on_renewed,
    .own_address_seen = on_own_address_seen,
    .job_ended = on_job_ended,
};

/* -- messages -- */

static void on_shutdown(struct announcer *a, struct rt_msg *m)
{
    a->is_stopped = true;
    self_announce_stop(&a->self);
    discover_stop(a);
    reach_checks_stop(&a->reach_checks);
    local_publish_stop(&a->local_publish);
    revocation_checks_stop(&a->revocation_checks);
    if (self_announce_withdraw(&a->self, a->directory.list))
        a->shutdown = m;
    else
        rt_msg_reply(a->worker, m);
}

static void on_looked_up(struct announcer *a, struct dht_lookup_ask *l)
{
    if (a->is_stopped)
        return;
    if (l->cookie == COOKIE_ROUND_LOOK_UP)
        discover_looked_up(a, l);
    else
        revocation_checks_looked_up(&a->revocation_checks, l->cookie - COOKIE_REVOCATION_CHECK, l);
}

static void on_called(struct announcer *a, struct dht_call_ask *c)
{
    if (c->cookie == COOKIE_FINAL_STORE)
        self_announce_final_stored(&a->self);
    else if (a->is_stopped)
        return;
    else if (c->cookie == COOKIE_DIAL)
        reach_checks_dialled(&a->reach_checks, c);
    else
        reach_checks_list_replied(&a->reach_checks, c);
}

/* Replies of the DHT. */
static void on_answer(struct announcer *a, struct rt_msg *m)
{
    switch (m->kind) {
    case DHT_PUBLISHED:
        self_announce_published(&a->self, RT_MSG_CAST(m, struct dht_publish_ask, DHT_PUBLISHED));
        break;
    case DHT_LOOKED_UP:
        on_looked_up(a, RT_MSG_CAST(m, struct dht_lookup_ask, DHT_LOOKED_UP));
        break;
    case DHT_CALLED:
        if (!m->is_bounced)
            on_called(a, RT_MSG_CAST(m, struct dht_call_ask, DHT_CALLED));
        break;
    case DHT_PEERS_TOLD:
        if (!m->is_bounced)
            discover_peers(a, RT_MSG_CAST(m, struct dht_peers_ask, DHT_PEERS_TOLD));
        break;
    default:
        break;
    }
    rt_msg_free(&m);
}

static void on_list_request(struct announcer *a, struct relay_list_ask *q)
{
    q->answer = list_reply_encode(a->directory.list, self_announce_current(&a->self, q->dialect),
                                  q->dialect, q->max_count, announcer_now_s(a));
    if (!q->answer.owner)
        q->refusal = RT_REFUSAL_MEMORY;
    rt_msg_reply(a->worker, &q->msg);
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct announcer *a = RT_CONTAINER_OF(self, struct announcer, actor);

    switch (m->kind) {
    case RELAY_LIST_ASK:
        on_list_request(a, RT_MSG_CAST(m, struct relay_list_ask, RELAY_LIST_ASK));
        return;
    case ANNOUNCER_SHUTDOWN:
        on_shutdown(a, m);
        return;
    case ANNOUNCER_SEEN_SELF:
        self_announce_address_seen(
            &a->self, &RT_MSG_CAST(m, struct announcer_seen_self, ANNOUNCER_SEEN_SELF)->hop);
        rt_msg_free(&m);
        return;
    case ANNOUNCER_REVOKED:
        revocation_checks_found(&a->revocation_checks,
                                RT_MSG_CAST(m, struct announcer_revoked, ANNOUNCER_REVOKED)->key);
        rt_msg_free(&m);
        return;
    default:
        on_answer(a, m);
    }
}

/* -- life -- */

static void init_self_announce(struct announcer *a)
{
    struct self_announce_config c = {.identity = a->config.identity,
                                     .interval_s = a->config.interval_s,
                                     .max_tunnels = a->config.max_tunnels,
                                     .bandwidth = a->config.bandwidth,
                                     .where = a->config.where,
                                     .where_ctx = a->config.where_ctx};

    self_announce_init(&a->self, a->worker, &c, &self_announce_callbacks, a);
}

void announcer_init(struct rt_system *sys, const struct announcer_config *config)
{
    struct announcer *a = calloc(1, sizeof(*a));

    RT_INSIST(a != NULL);
    a->worker = rt_system_worker(sys, 0);
    a->config = *config;
    init_self_announce(a);
    directory_init(&a->directory, a->config.hash_key, announcer_random, a);
    discover_init(a);
    reach_checks_init(&a->reach_checks, a->worker, &a->directory, &reach_checks_callbacks, a);
    local_publish_init(&a->local_publish, a->worker, a->directory.list,
                       a->config.identity->public_key, &local_publish_callbacks, a);
    verify_queue_init(&a->verify_queue, a->worker, &a->directory, a->config.identity->public_key,
                      &verify_queue_callbacks, a);
    revocation_checks_init(&a->revocation_checks, a->worker, &a->directory,
                           a->config.identity->public_key, &revocation_checks_callbacks, a);
    rt_actor_start(&a->actor, a->worker, on_msg);
    for (uint16_t i = 0; i < rt_system_count(sys); i++) {
        struct announcer_local *l = calloc(1, sizeof(*l));

        RT_INSIST(l != NULL);
        l->addr = rt_actor_addr(&a->actor);
        l->announcer = i == 0 ? a : NULL;
        rt_worker_set_local(rt_system_worker(sys, i), RT_LOCAL_ANNOUNCER, l);
    }
}

void announcer_start(struct rt_system *sys)
{
    struct announcer_local *l = rt_worker_local(rt_system_worker(sys, 0), RT_LOCAL_ANNOUNCER);

    self_announce_start(&l->announcer->self);
    discover_start(l->announcer);
    local_publish_start(&l->announcer->local_publish);
    revocation_checks_start(&l->announcer->revocation_checks);
}

static void free_announcer(struct announcer *a)
{
    discover_stop(a);
    local_publish_stop(&a->local_publish);
    revocation_checks_stop(&a->revocation_checks);
    rt_actor_stop(&a->actor);
    verify_queue_fini(&a->verify_queue);
    reach_checks_fini(&a->reach_checks);
    directory_fini(&a->directory);
    self_announce_fini(&a->self);
    rt_msg_free(&a->shutdown);
    free(a);
}

void announcer_fini(struct rt_system *sys)
{
    for (uint16_t i = 0; i < rt_system_count(sys); i++) {
        struct rt_worker *w = rt_system_worker(sys, i);
        struct announcer_local *l = rt_worker_local(w, RT_LOCAL_ANNOUNCER);

        if (!l)
            continue;
        if (l->announcer)
            free_announcer(l->announcer);
        free(l);
        rt_worker_set_local(w, RT_LOCAL_ANNOUNCER, NULL);
    }
}

struct rt_addr announcer_addr(const struct rt_worker *w)
{
    const struct announcer_local *l = rt_worker_local(w, RT_LOCAL_ANNOUNCER);

    return l ? l->addr : (struct rt_addr){0};
}
