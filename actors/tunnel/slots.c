/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The authority decides which links a slot has and in which order they are used.
 *
 * Invariants: it updates every worker's view before it replies to the requester, so every worker
 * has a slot before its node knows the slot. A slot exists while it has a link. Versions only grow.
 */
#include <stdlib.h>
#include <string.h>

#include "actor/actor_limits.h"
#include "base/check.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "tunnel/tables/temp_slots.h"
#include "tunnel/tunnel_metrics.h"
#include "tunnel/tunnel_private.h"

/* A tunnel's slot lives as long as its connection; clients ignore the expiry in the reply. */

struct slot_link {
    struct rt_addr addr;
    uint32_t birth; /* the larger, the newer */
};

struct slot {
    struct rt_map_node node;
    uint8_t key[32];
    uint32_t count, births;
    struct slot_link links[LIM_LINKS_PER_SLOT]; /* the one to use first */
};

struct slots {
    struct rt_actor actor;
    struct relay_timer expiry; /* of temporary slots */
    struct rt_map by_id;       /* struct slot */
    struct temp_slots temp;
    uint64_t version; /* of all updates ever sent */
    uint32_t tunnels_max;
    bool is_shutting_down;
    uint16_t view_count;
    struct rt_addr views[LIM_WORKERS_MAX];
};

uint64_t tunnel_slot_id(const struct rt_worker *w, const uint8_t key[32])
{
    uint8_t hash[32];
    uint64_t id = 0;

    rt_sha256_2(tunnel_worker_of(w)->slot_secret, 32, key, 32, hash);
    for (int i = 0; i < 8; i++)
        id = id << 8 | hash[i];
    return id != 0 ? id : 1;
}

static struct slot *slot_find(const struct slots *s, uint64_t id)
{
    struct rt_map_node *n = rt_map_find(&s->by_id, id);

    return n ? RT_CONTAINER_OF(n, struct slot, node) : NULL;
}

static void broadcast(struct slots *s, const struct slot *slot)
{
    s->version++;
    for (uint16_t i = 0; i < s->view_count; i++) {
        struct slots_update *u = rt_msg_new(SLOTS_UPDATE, sizeof(*u));

        u->slot_id = slot->node.hash;
        u->version = s->version;
        u->count = slot->count;
        for (uint32_t j = 0; j < slot->count; j++)
            u->links[j] = slot->links[j].addr;
        rt_send(s->actor.worker, s->views[i], &u->msg);
    }
}

static void slot_drop(struct slots *s, struct slot *slot)
{
    rt_map_remove(&s->by_id, &slot->node);
    rt_metric_sub(RT_METRIC_TUNNELS, 1);
    free(slot);
}

/* -- links -- */

static uint32_t link_index(const struct slot *slot, struct rt_addr link)
{
    uint32_t i = 0;

    while (i < slot->count && !rt_addr_equal(slot->links[i].addr, link))
        i++;
    return i;
}

static void link_remove(struct slot *slot, uint32_t i)
{
    slot->count--;
    memmove(&slot->links[i], &slot->links[i + 1], (slot->count - i) * sizeof(slot->links[0]));
}

static uint32_t oldest_link(const struct slot *slot)
{
    uint32_t oldest = 0;

    for (uint32_t i = 1; i < slot->count; i++)
        if (slot->links[i].birth < slot->links[oldest].birth)
            oldest = i;
    return oldest;
}

static void link_close_oldest(struct slots *s, struct slot *slot)
{
    uint32_t i = oldest_link(slot);
    struct rt_msg *m = rt_msg_new(TUNNEL_CLOSE, sizeof(*m));

    rt_send(s->actor.worker, slot->links[i].addr, m);
    link_remove(slot, i);
    rt_metric_inc(RT_METRIC_TUNNEL_REPLACED);
}

static void link_add(struct slots *s, struct slot *slot, struct rt_addr link)
{
    if (slot->count == LIM_LINKS_PER_SLOT)
        link_close_oldest(s, slot);
    memmove(&slot->links[1], &slot->links[0], slot->count * sizeof(slot->links[0]));
    slot->links[0] = (struct slot_link){.addr = link, .birth = slot->births++};
    slot->count++;
    rt_metric_inc(RT_METRIC_TUNNEL_REGISTERED);
    broadcast(s, slot);
}

static void on_link_gone(struct slots *s, const struct slots_link *m)
{
    struct slot *slot = slot_find(s, m->slot_id);
    uint32_t i = slot ? link_index(slot, m->link) : 0;

    if (!slot || i == slot->count)
        return;
    link_remove(slot, i);
    broadcast(s, slot);
    if (slot->count == 0)
        slot_drop(s, slot);
}

/* The last link keeps its place: no other link could be used instead. */
static void on_link_silent(struct slots *s, const struct slots_link *m)
{
    struct slot *slot = slot_find(s, m->slot_id);
    uint32_t i = slot ? link_index(slot, m->link) : 0;
    struct slot_link silent;

    if (!slot || i + 1 >= slot->count)
        return;
    silent = slot->links[i];
    link_remove(slot, i);
    slot->links[slot->count++] = silent;
    rt_metric_inc(RT_METRIC_TUNNEL_DEMOTED);
    broadcast(s, slot);
}

/* -- requests -- */

/* The slot id that a peer wants to renew: live and its own, or the refusal. */
static enum wire_refusal check_named(struct slots *s, const struct slots_request *a)
{
    const struct slot *slot = slot_find(s, a->slot_id);

    if (!slot)
        return temp_slots_renew(&s->temp, a->slot_id, a->key, rt_now_ns(s->actor.worker));
    if (memcmp(slot->key, a->key, sizeof(slot->key)) != 0)
        return WIRE_REFUSAL_SLOT_OWNER_MISMATCH;
    return WIRE_REFUSAL_NONE;
}

static enum wire_refusal register_tunnel(struct slots *s, struct slots_request *a)
{
    uint64_t id = tunnel_slot_id(s->actor.worker, a->key);
    struct slot *slot = slot_find(s, id);

    if (slot && memcmp(slot->key, a->key, sizeof(slot->key)) != 0)
        return WIRE_REFUSAL_SLOT_OWNER_MISMATCH;
    if (!slot) {
        if (s->by_id.count >= s->tunnels_max)
            return WIRE_REFUSAL_TUNNELS_FULL;
        slot = calloc(1, sizeof(*slot));
        RT_INSIST(slot != NULL);
        memcpy(slot->key, a->key, sizeof(slot->key));
        rt_map_put(&s->by_id, &slot->node, id);
        rt_metric_inc(RT_METRIC_TUNNELS);
    }
    a->slot_id = id;
    a->expires_at_s = rt_wall_ns(s->actor.worker) / RT_S + LIM_TUNNEL_TTL_S;
    link_add(s, slot, a->link);
    return WIRE_REFUSAL_NONE;
}

static void on_expiry(struct relay_timer *t)
{
    struct slots *s = RT_CONTAINER_OF(t, struct slots, expiry);
    uint64_t next = temp_slots_expire(&s->temp, rt_now_ns(s->actor.worker));

    if (next != UINT64_MAX)
        rt_timer_arm(s->actor.worker, t, next);
}

/* Random and unused: neither 0 nor a live slot's. */
static uint64_t temp_id(struct slots *s, uint64_t now_ns)
{
    uint64_t id;

    do
        rt_random(s->actor.worker, &id, sizeof(id));
    while (id == 0 || slot_find(s, id) || temp_slots_has(&s->temp, id, now_ns));
    return id;
}

static enum wire_refusal register_temp(struct slots *s, struct slots_request *a)
{
    struct rt_worker *w = s->actor.worker;
    uint64_t now = rt_now_ns(w);
    uint64_t id = a->slot_id;

    if (id == 0) {
        enum wire_refusal r;

        id = temp_id(s, now);
        r = temp_slots_add(&s->temp, id, a->key, now);
        if (r != WIRE_REFUSAL_NONE)
            return r;
        if (!rt_timer_armed(&s->expiry))
            rt_timer_arm(w, &s->expiry, now + LIM_TEMP_SLOT_TTL_S * RT_S);
    }
    a->slot_id = id;
    a->expires_at_s = rt_wall_ns(w) / RT_S + LIM_TEMP_SLOT_TTL_S;
    return WIRE_REFUSAL_NONE;
}

static enum wire_refusal on_register(struct slots *s, struct slots_request *a)
{
    enum wire_refusal r;

    if (s->is_shutting_down)
        return WIRE_REFUSAL_SHUTTING_DOWN;
    r = a->slot_id != 0 ? check_named(s, a) : WIRE_REFUSAL_NONE;
    if (r != WIRE_REFUSAL_NONE)
        return r;
    return a->op == SLOTS_REGISTER_TUNNEL ? register_tunnel(s, a) : register_temp(s, a);
}

static enum wire_refusal on_connect(struct slots *s, const struct slots_request *a)
{
    if (slot_find(s, a->slot_id))
        return WIRE_REFUSAL_NONE;
    return temp_slots_connect(&s->temp, a->slot_id, a->key, rt_now_ns(s->actor.worker));
}

static enum wire_refusal on_stream(struct slots *s, struct slots_request *a)
{
    const struct slot *slot = slot_find(s, a->slot_id);

    a->link = (struct rt_addr){0};
    if (!slot)
        return temp_slots_stream(&s->temp, a->slot_id, a->key, a->kind, rt_now_ns(s->actor.worker));
    a->link = slot->links[0].addr;
    return WIRE_REFUSAL_NONE;
}

static void on_request(struct slots *s, struct slots_request *a)
{
    switch (a->op) {
    case SLOTS_REGISTER_TUNNEL:
    case SLOTS_REGISTER_TEMP:
        a->refusal = on_register(s, a);
        break;
    case SLOTS_CONNECT:
        a->refusal = on_connect(s, a);
        break;
    case SLOTS_STREAM:
        a->refusal = on_stream(s, a);
        break;
    }
    rt_msg_reply(s->actor.worker, &a->msg);
}

static void slots_on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct slots *s = RT_CONTAINER_OF(self, struct slots, actor);

    switch (m->kind) {
    case SLOTS_REQUEST:
        on_request(s, RT_MSG_CAST(m, struct slots_request, SLOTS_REQUEST));
        return;
    case SLOTS_LINK_GONE:
        on_link_gone(s, RT_MSG_CAST(m, struct slots_link, SLOTS_LINK_GONE));
        break;
    case SLOTS_LINK_SILENT:
        on_link_silent(s, RT_MSG_CAST(m, struct slots_link, SLOTS_LINK_SILENT));
        break;
    case SLOTS_SHUTDOWN:
        s->is_shutting_down = true;
        rt_log(RELAY_LOG_INFO, "no longer accepting tunnels", NULL);
        break;
    default:
        break;
    }
    rt_msg_free(&m);
}

/* -- life -- */

struct slots *slots_new(struct rt_worker *w, const struct tunnel_config *config)
{
    struct slots *s = calloc(1, sizeof(*s));
    uint8_t hash_key[16];

    RT_INSIST(s != NULL);
    s->tunnels_max = config->max_tunnels;
    s->expiry.fire = on_expiry;
    rt_random(w, hash_key, sizeof(hash_key));
    temp_slots_init(&s->temp, hash_key);
    rt_actor_start(&s->actor, w, slots_on_msg);
    return s;
}

static void slot_release(void *ctx, struct rt_map_node *n)
{
    (void)ctx;
    rt_metric_sub(RT_METRIC_TUNNELS, 1);
    free(RT_CONTAINER_OF(n, struct slot, node));
}

void slots_free(struct slots **slots)
{
    struct slots *s = *slots;

    *slots = NULL;
    if (!s)
        return;
    rt_timer_disarm(s->actor.worker, &s->expiry);
    rt_actor_stop(&s->actor);
    temp_slots_fini(&s->temp);
    rt_map_fini(&s->by_id, slot_release, NULL);
    free(s);
}

struct rt_addr slots_addr(const struct slots *s)
{
    return rt_actor_addr(&s->actor);
}

void slots_add_view(struct slots *s, struct rt_addr view)
{
    RT_REQUIRE(s->view_count < LIM_WORKERS_MAX);
    s->views[s->view_count++] = view;
}
