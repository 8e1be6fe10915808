/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/local_publish.h"

#include <string.h>

#include "announcer/announcer_limits.h"
#include "announcer/directory/rendezvous.h"
#include "announcer/part.h"
#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_msg.h"
#include "wire_announce.h"

#define AHEAD_S 600u /* the keys of an hour are used from this long before it */
#define POLL_NS (30 * RT_S)
#define STEP_NS (100 * RT_MS)
#define RELAYS_PER_STEP 4u
#define PLACE_DONE UINT32_MAX /* local_publish_add stores what is listed later */
#define TTL_S 86400u

static void store(struct local_publish *p, const uint8_t key[32], const struct relay_list_view *v,
                  enum announcement_form form)
{
    struct dht_request *q = dht_request_new(DHT_STORE);

    memcpy(q->key, key, sizeof(q->key));
    q->ttl_secs = TTL_S;
    q->origin.has_pubkey_hint = true;
    memcpy(q->origin.pubkey_hint, p->own_pubkey, 32);
    q->dialect = WIRE_DIALECT_C;
    q->peer_dialects = WIRE_DIALECTS_ALL;
    q->reached_dialects = v->dialects;
    q->payload = rt_slice_copy(v->bytes[form].ptr, v->bytes[form].len);
    p->callbacks->request(p->ctx, &q->msg);
}

/* Nodes accept an announcement only under the keys of the hours next to the one of its issue. */
static void store_in_hour(struct local_publish *p, const struct relay_list_view *v,
                          enum announcement_form form, uint64_t bucket)
{
    uint64_t issued = wire_rendezvous_bucket(v->issued_at[form]);
    struct rendezvous_keys keys = {0};

    if (v->bytes[form].len == 0 || bucket > issued + 1 || bucket + 1 < issued)
        return;
    rendezvous_add(&keys, v->key, bucket);
    for (uint32_t i = 0; i < keys.count; i++)
        store(p, keys.at[i], v, form);
}

void local_publish_add(struct local_publish *p, const uint8_t relay_pubkey[32],
                       enum announcement_form form)
{
    uint64_t bucket = wire_rendezvous_bucket(part_wall_s(p->worker));
    struct relay_list_view v;

    if (relay_list_count(p->list) > LIM_RELAYS_STORED ||
        !relay_list_find(p->list, relay_pubkey, &v))
        return;
    store_in_hour(p, &v, form, bucket);
    if (p->bucket == bucket + 1)
        store_in_hour(p, &v, form, bucket + 1);
}

/* Stores the whole list under the keys of an hour, some relays in each step. */
static void on_timer(struct relay_timer *t)
{
    struct local_publish *p = RT_CONTAINER_OF(t, struct local_publish, timer);
    uint64_t bucket = wire_rendezvous_bucket(part_wall_s(p->worker) + AHEAD_S);
    uint32_t count = relay_list_count(p->list);
    struct relay_list_view v;

    if (p->bucket != bucket) {
        p->bucket = bucket;
        p->next_place = 0;
    }
    if (count > LIM_RELAYS_STORED)
        count = 0;
    for (uint32_t i = 0; i < RELAYS_PER_STEP && p->next_place < count; i++) {
        relay_list_at(p->list, p->next_place++, &v);
        for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
            store_in_hour(p, &v, form, bucket);
    }
    if (p->next_place >= count)
        p->next_place = PLACE_DONE;
    rt_timer_arm(p->worker, t, rt_now_ns(p->worker) + (p->next_place < count ? STEP_NS : POLL_NS));
}

/* -- life -- */

void local_publish_init(struct local_publish *p, struct rt_worker *w, const struct relay_list *list,
                        const uint8_t *own_pubkey, const struct local_publish_callbacks *callbacks,
                        void *ctx)
{
    *p = (struct local_publish){.worker = w,
                                .list = list,
                                .own_pubkey = own_pubkey,
                                .callbacks = callbacks,
                                .ctx = ctx,
                                .timer.fire = on_timer};
}

void local_publish_start(struct local_publish *p)
{
    p->bucket = wire_rendezvous_bucket(part_wall_s(p->worker) + AHEAD_S);
    p->next_place = PLACE_DONE;
    rt_timer_arm(p->worker, &p->timer, rt_now_ns(p->worker) + POLL_NS);
}

void local_publish_stop(struct local_publish *p)
{
    rt_timer_disarm(p->worker, &p->timer);
}
