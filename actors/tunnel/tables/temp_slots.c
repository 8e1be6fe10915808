/* SPDX-License-Identifier: MPL-2.0 */
#include "tunnel/tables/temp_slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "tunnel/tunnel_limits.h"
#include "tunnel/tunnel_metrics.h"

struct temp_slot {
    struct rt_map_node id_node, owner_node;
    struct rt_list expiry_node;
    uint64_t expires_ns;
    uint8_t owner[32], requester[32];
    bool has_requester;
};

void temp_slots_init(struct temp_slots *t, const uint8_t hash_key[16])
{
    *t = (struct temp_slots){0};
    rt_list_init(&t->by_expiry);
    memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
}

static void slot_drop(struct temp_slots *t, struct temp_slot *s)
{
    rt_map_remove(&t->by_id, &s->id_node);
    rt_map_remove(&t->by_owner, &s->owner_node);
    rt_list_unlink(&s->expiry_node);
    rt_metric_sub(RT_METRIC_TEMP_SLOTS, 1);
    free(s);
}

uint64_t temp_slots_expire(struct temp_slots *t, uint64_t now_ns)
{
    while (!rt_list_empty(&t->by_expiry)) {
        struct temp_slot *s = RT_CONTAINER_OF(t->by_expiry.next, struct temp_slot, expiry_node);

        if (s->expires_ns > now_ns)
            return s->expires_ns;
        slot_drop(t, s);
    }
    return UINT64_MAX;
}

void temp_slots_fini(struct temp_slots *t)
{
    temp_slots_expire(t, UINT64_MAX);
    rt_map_fini(&t->by_id, NULL, NULL);
    rt_map_fini(&t->by_owner, NULL, NULL);
}

static struct temp_slot *slot_find(struct temp_slots *t, uint64_t id, uint64_t now_ns)
{
    struct rt_map_node *n;

    temp_slots_expire(t, now_ns);
    n = rt_map_find(&t->by_id, id);
    return n ? RT_CONTAINER_OF(n, struct temp_slot, id_node) : NULL;
}

static void slot_renew(struct temp_slots *t, struct temp_slot *s, uint64_t now_ns)
{
    s->expires_ns = now_ns + LIM_TEMP_SLOT_TTL_S * RT_S;
    rt_list_unlink(&s->expiry_node);
    rt_list_push_back(&t->by_expiry, &s->expiry_node);
}

static uint32_t owned_by(const struct temp_slots *t, uint64_t owner_id, const uint8_t owner[32])
{
    uint32_t count = 0;

    for (struct rt_map_node *n = rt_map_find(&t->by_owner, owner_id); n; n = rt_map_find_next(n))
        if (memcmp(RT_CONTAINER_OF(n, struct temp_slot, owner_node)->owner, owner, 32) == 0)
            count++;
    return count;
}

enum wire_refusal temp_slots_add(struct temp_slots *t, uint64_t id, const uint8_t owner[32],
                                 uint64_t now_ns)
{
    uint64_t owner_id = rt_siphash(t->hash_key, owner, 32);
    struct temp_slot *s;

    RT_REQUIRE(slot_find(t, id, now_ns) == NULL);
    if (owned_by(t, owner_id, owner) >= LIM_TEMP_SLOTS_PER_KEY)
        return WIRE_REFUSAL_SLOT_TEMP_KEY;
    if (t->by_id.count >= LIM_TEMP_SLOTS_MAX)
        return WIRE_REFUSAL_SLOT_TEMP_FULL;
    s = calloc(1, sizeof(*s));
    RT_INSIST(s != NULL);
    memcpy(s->owner, owner, 32);
    rt_list_init(&s->expiry_node);
    rt_map_put(&t->by_id, &s->id_node, id);
    rt_map_put(&t->by_owner, &s->owner_node, owner_id);
    slot_renew(t, s, now_ns);
    rt_metric_inc(RT_METRIC_TEMP_SLOTS);
    return WIRE_REFUSAL_NONE;
}

bool temp_slots_has(struct temp_slots *t, uint64_t id, uint64_t now_ns)
{
    return slot_find(t, id, now_ns) != NULL;
}

enum wire_refusal temp_slots_renew(struct temp_slots *t, uint64_t id, const uint8_t owner[32],
                                   uint64_t now_ns)
{
    struct temp_slot *s = slot_find(t, id, now_ns);

    if (!s)
        return WIRE_REFUSAL_SLOT_NOT_FOUND;
    if (memcmp(s->owner, owner, 32) != 0)
        return WIRE_REFUSAL_SLOT_OWNER_MISMATCH;
    slot_renew(t, s, now_ns);
    return WIRE_REFUSAL_NONE;
}

enum wire_refusal temp_slots_connect(struct temp_slots *t, uint64_t id, const uint8_t requester[32],
                                     uint64_t now_ns)
{
    struct temp_slot *s = slot_find(t, id, now_ns);

    if (!s)
        return WIRE_REFUSAL_SLOT_NOT_FOUND;
    memcpy(s->requester, requester, 32);
    s->has_requester = true;
    return WIRE_REFUSAL_NONE;
}

enum wire_refusal temp_slots_stream(struct temp_slots *t, uint64_t id, const uint8_t key[32],
                                    enum wire_relay_kind kind, uint64_t now_ns)
{
    struct temp_slot *s = slot_find(t, id, now_ns);

    if (!s)
        return WIRE_REFUSAL_SLOT_NOT_FOUND;
    if (kind == WIRE_KIND_CONTENT)
        return WIRE_REFUSAL_SLOT_CONTENT;
    if (s->has_requester && memcmp(s->requester, key, 32) == 0)
        return WIRE_REFUSAL_NONE;
    if (memcmp(s->owner, key, 32) != 0)
        return WIRE_REFUSAL_SLOT_UNAUTHORIZED;
    return s->has_requester ? WIRE_REFUSAL_NONE : WIRE_REFUSAL_SLOT_NO_REQUESTER;
}
