/* SPDX-License-Identifier: MPL-2.0 */
/* What others say of relays, ourselves among them: looked at bit by bit in heavy jobs. */
#include <stdlib.h>
#include <string.h>

#include "announcer/announcer_metrics.h"
#include "announcer/announcer_private.h"
#include "base/check.h"

/* What somebody sent, or an announcement of it that is to be verified. Bounded by what a round
 * asks for. */
enum news_kind { NEWS_LIST, NEWS_ONE, NEWS_TO_VERIFY };

struct news {
    struct rt_list node;
    struct relay_slice bytes;
    enum news_kind what;
};

static void work(struct announcer *a)
{
    if (rt_list_empty(&a->news_job.node))
        rt_job_queue(a->worker, &a->news_job);
}

static void queue(struct announcer *a, struct relay_slice bytes, enum news_kind what)
{
    struct news *n = calloc(1, sizeof(*n));

    RT_INSIST(n != NULL);
    n->bytes = bytes;
    n->what = what;
    rt_list_init(&n->node);
    if (what == NEWS_TO_VERIFY)
        rt_list_push_front(&a->news, &n->node);
    else
        rt_list_push_back(&a->news, &n->node);
    work(a);
}

static void news_free(struct news *n)
{
    rt_list_unlink(&n->node);
    relay_slice_drop(&n->bytes);
    free(n);
}

/* -- looking -- */

static void see_self(void *ctx, const struct wire_peer *p)
{
    own_seen(ctx, &p->hop);
}

struct look {
    struct announcer *announcer;
    uint32_t seen, unknown;
};

static bool is_worth_it(struct announcer *a, const struct wire_announcement *ann)
{
    if (revoked_has(a->revocation.revoked, ann->relay_pubkey))
        return false;
    switch (relay_list_judge(a->list, ann, announcer_now_s(a))) {
    case RELAY_RENEW:
        return true;
    case RELAY_DIAL:
        return !candidates_has(a->candidates, ann);
    case RELAY_IGNORE:
        break;
    }
    return false;
}

static void look_at(void *ctx, const struct wire_announcement *ann)
{
    struct look *l = ctx;
    struct announcer *a = l->announcer;
    struct relay_slice bytes;

    if (++l->seen > LIM_RELAY_ASKED) {
        rt_metric_inc(RT_METRIC_RELAYS_EXCESS);
        return;
    }
    if (memcmp(ann->relay_pubkey, a->config.identity->public_key, 32) == 0) {
        wire_peers_each(&ann->addrs, see_self, a);
        return;
    }
    if (!announcement_is_sound(ann, announcer_now_s(a))) {
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
        return;
    }
    if (!is_worth_it(a, ann))
        return;
    if (relay_list_judge(a->list, ann, announcer_now_s(a)) == RELAY_DIAL &&
        ++l->unknown > LIM_RELAY_NEWS_MAX) {
        rt_metric_inc(RT_METRIC_RELAYS_EXCESS);
        return;
    }
    bytes = announcement_encode(ann);
    if (bytes.owner)
        queue(a, bytes, NEWS_TO_VERIFY);
    else
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
}

static void take_list(struct announcer *a, const struct relay_slice *payload)
{
    struct look l = {.announcer = a};

    /* The payload is ours alone, so that decoding may work in it. */
    if (wire_relay_list_decode((uint8_t *)(uintptr_t)payload->ptr, payload->len, look_at, &l) !=
        RT_ERR_OK)
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
}

static void take_one(struct announcer *a, const struct relay_slice *encoded)
{
    struct look l = {.announcer = a};
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann;

    if (!announcement_read(encoded, room, &ann))
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
    else if (memcmp(ann.relay_pubkey, a->config.identity->public_key, 32) != 0)
        look_at(&l, &ann);
}

/* -- verifying -- */

/* The signature is valid in the form of ann. */
static void take_verified(struct announcer *a, const struct wire_announcement *ann)
{
    struct relay_slice bytes = announcement_encode(ann);

    if (!bytes.owner) {
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
    } else if (relay_list_judge(a->list, ann, announcer_now_s(a)) == RELAY_RENEW) {
        relay_list_renew(a->list, ann, bytes, announcer_now_s(a));
        spread_one(a, ann->relay_pubkey, announcement_form(ann));
    } else if (candidates_count(a->candidates) == LIM_RELAY_CANDIDATES) {
        rt_metric_inc(RT_METRIC_RELAYS_WAITING);
        relay_slice_drop(&bytes);
    } else {
        (void)candidates_offer(a->candidates, ann, bytes, announcer_now_ns(a));
    }
}

static void verify(struct announcer *a, const struct relay_slice *bytes)
{
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann;

    if (!announcement_read(bytes, room, &ann) || !is_worth_it(a, &ann))
        return;
    if (!announcement_verify(&ann))
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
    else if (is_worth_it(a, &ann)) /* also in the form that is signed */
        take_verified(a, &ann);
}

static void on_job(struct rt_job *job)
{
    struct announcer *a = RT_CONTAINER_OF(job, struct announcer, news_job);
    struct rt_list *first = rt_list_pop_front(&a->news);
    struct news *n = first ? RT_CONTAINER_OF(first, struct news, node) : NULL;

    if (!n)
        return;
    switch (n->what) {
    case NEWS_LIST:
        take_list(a, &n->bytes);
        break;
    case NEWS_ONE:
        take_one(a, &n->bytes);
        break;
    case NEWS_TO_VERIFY:
        verify(a, &n->bytes);
        break;
    }
    news_free(n);
    if (!rt_list_empty(&a->news))
        work(a);
    discover_pump(a);
}

/* -- life -- */

void intake_list(struct announcer *a, struct relay_slice payload)
{
    if (payload.owner)
        queue(a, payload, NEWS_LIST);
}

void intake_one(struct announcer *a, struct relay_slice encoded)
{
    if (encoded.owner)
        queue(a, encoded, NEWS_ONE);
}

void intake_init(struct announcer *a)
{
    rt_list_init(&a->news);
    a->news_job.run = on_job;
    rt_list_init(&a->news_job.node);
}

void intake_fini(struct announcer *a)
{
    rt_job_cancel(a->worker, &a->news_job);
    while (!rt_list_empty(&a->news))
        news_free(RT_CONTAINER_OF(a->news.next, struct news, node));
}
