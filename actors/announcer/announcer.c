/* SPDX-License-Identifier: MPL-2.0 */
/* The announcer actor: its life, its messages, and what every worker knows of it. */
#include <stdlib.h>

#include "announcer/announcer_private.h"
#include "base/check.h"

/* What every worker has. */
struct announcer_local {
    struct rt_addr addr;
    struct announcer *announcer; /* worker 0 */
};

static struct rt_local_key local_key;

uint64_t announcer_random(void *ctx)
{
    struct announcer *a = ctx;
    uint64_t n;

    rt_random(a->worker, &n, sizeof(n));
    return n;
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

/* -- messages -- */

static void shut_down(struct announcer *a, struct rt_msg *m)
{
    a->is_stopped = true;
    own_stop(a);
    discover_stop(a);
    spread_stop(a);
    revocation_stop(a);
    own_goodbye(a, m);
}

/* Answers of the DHT; a bounced question is one without an answer. */
static void on_answer(struct announcer *a, struct rt_msg *m)
{
    switch (m->kind) {
    case DHT_PUBLISH:
    case DHT_PUBLISHED:
        own_published(a, (struct dht_publish_ask *)m);
        break;
    case DHT_LOOKUP:
    case DHT_LOOKED_UP:
        if (!revocation_looked_up(a, (struct dht_lookup_ask *)m))
            discover_looked_up(a, (struct dht_lookup_ask *)m);
        break;
    case DHT_CALLED:
        discover_called(a, (struct dht_call_ask *)m);
        break;
    case DHT_PEERS_TOLD:
        discover_peers(a, (struct dht_peers_ask *)m);
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
    case RELAY_LIST_ASK:
        discover_tell(a, (struct relay_list_ask *)m);
        rt_msg_answer(a->worker, m, RELAY_LIST_TOLD);
        return;
    case ANNOUNCER_SHUTDOWN:
        shut_down(a, m);
        return;
    case ANNOUNCER_SEEN_SELF:
        own_seen(a, &((struct announcer_seen_self *)m)->hop);
        rt_msg_free(&m);
        return;
    case ANNOUNCER_REVOKED:
        revocation_found(a, ((struct announcer_revoked *)m)->key);
        rt_msg_free(&m);
        return;
    default:
        on_answer(a, m);
    }
}

/* -- life -- */

void announcer_init(struct rt_system *sys, const struct announcer_config *config)
{
    struct announcer *a = calloc(1, sizeof(*a));

    RT_INSIST(a != NULL);
    a->worker = rt_system_worker(sys, 0);
    a->config = *config;
    own_init(a);
    discover_init(a);
    spread_init(a);
    intake_init(a);
    revocation_init(a);
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

    own_start(l->announcer);
    discover_start(l->announcer);
    spread_start(l->announcer);
    revocation_start(l->announcer);
}

static void free_announcer(struct announcer *a)
{
    own_stop(a);
    discover_stop(a);
    spread_stop(a);
    revocation_stop(a);
    rt_actor_stop(&a->actor);
    intake_fini(a);
    revocation_fini(a);
    discover_fini(a);
    own_fini(a);
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
