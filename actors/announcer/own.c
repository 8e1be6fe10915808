/* SPDX-License-Identifier: MPL-2.0 */
/* Ourselves: what we announce, when, where, and whether others have seen it. */
#include <string.h>

#include "announcer/announcer_metrics.h"
#include "announcer/announcer_private.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/addr.h"
#include "wire_limits.h"

#define TTL_S 86400u                 /* protocol: of the stored value */
#define REPORT_AFTER_NS (120 * RT_S) /* what is not verified by then is worth a word */

/* -- our announcement -- */

static void tell_addrs(const struct announcer *a)
{
    char text[DHT_HOP_TEXT];

    if (a->addrs.count == 0)
        rt_log(
            RELAY_LOG_WARN,
            "this relay is not announced, nobody will find it by itself: it is bound to no public "
            "address, so give the one it is reached at with --announce",
            NULL);
    for (uint32_t i = 0; i < a->addrs.count; i++) {
        dht_hop_text(&a->addrs.at[i], text, sizeof(text));
        rt_log(RELAY_LOG_INFO, "this relay announces itself", "addr=%s", text);
    }
}

/* Where we are now; says so when it has changed. */
static void choose(struct announcer *a)
{
    struct announcer_where where = {0};

    a->config.where(a->config.where_ctx, &where);
    if (announcer_addrs_choose(&a->addrs, &where) || !a->has_chosen)
        tell_addrs(a);
    a->has_chosen = true;
}

static bool has_own(const struct announcer *a)
{
    return a->own[ANNOUNCEMENT_FORM_5].owner && a->own[ANNOUNCEMENT_FORM_8].owner;
}

static void drop_own(struct announcer *a)
{
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        relay_slice_drop(&a->own[form]);
}

/* Makes announcements newer than all before, in both forms. */
static void make(struct announcer *a, uint64_t life_s)
{
    struct announcement_of of = {.max_tunnels = a->config.max_tunnels,
                                 .bandwidth = a->config.bandwidth,
                                 .issued_at = announcer_now_s(a)};

    drop_own(a);
    if (a->addrs.count == 0)
        return;
    if (of.issued_at <= a->own_issued_s && a->own_issued_s - of.issued_at < LIM_HELLO_SKEW_S)
        of.issued_at = a->own_issued_s + 1;
    of.expires_at = of.issued_at + life_s;
    for (of.form = 0; of.form < ANNOUNCEMENT_FORMS; of.form++)
        a->own[of.form] = announcement_make(a->config.identity, &a->addrs, &of);
    a->own_issued_s = of.issued_at;
    a->own_expires_s = of.expires_at;
}

/* -- storing it -- */

static void publish_one(struct announcer *a, const uint8_t key[32], enum announcement_form form)
{
    struct dht_publish_ask *p = dht_publish_ask_new();

    memcpy(p->key, key, sizeof(p->key));
    p->dialects = announcement_form_dialects(form);
    p->value = rt_slice_copy(a->own[form].ptr, a->own[form].len);
    p->ttl_secs = TTL_S;
    announcer_ask_dht(a, &p->msg);
}

static void publish(struct announcer *a, const struct rendezvous_keys *keys)
{
    publication_begin(&a->publication, keys);
    for (uint32_t i = 0; i < keys->count; i++)
        for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
            publish_one(a, keys->at[i], form);
}

static void arm(struct announcer *a)
{
    rt_timer_arm(a->worker, &a->own_timer, rendezvous_next_ns(&a->timing, announcer_now_ns(a)));
}

static void on_own_timer(struct relay_timer *t)
{
    struct announcer *a = RT_CONTAINER_OF(t, struct announcer, own_timer);
    struct rendezvous_keys keys;

    if (!rendezvous_due(&a->timing, a->config.identity->public_key, announcer_now_ns(a),
                        announcer_now_s(a), &keys)) {
        arm(a);
        return;
    }
    choose(a);
    make(a, LIM_ANNOUNCEMENT_S);
    if (has_own(a)) {
        publish(a, &keys);
        return; /* the timer is armed when it is stored */
    }
    /* Within a minute there may be an address, or memory. */
    rendezvous_done(&a->timing, 0, announcer_now_ns(a), announcer_random(a));
    arm(a);
}

static void report_unverified(struct announcer *a)
{
    uint64_t now_ns = announcer_now_ns(a);
    char text[DHT_HOP_TEXT];

    if (a->report_ns == 0)
        a->report_ns = now_ns + REPORT_AFTER_NS;
    if (now_ns < a->report_ns)
        return;
    a->report_ns = now_ns + a->timing.interval_ns;
    for (uint32_t i = 0; i < a->addrs.count; i++) {
        if (a->addrs.is_verified[i])
            continue;
        dht_hop_text(&a->addrs.at[i], text, sizeof(text));
        rt_log(RELAY_LOG_WARN,
               "announced address is not verified: no other relay has shown it to us yet",
               "addr=%s", text);
    }
}

static void said_goodbye(struct announcer *a)
{
    rt_timer_disarm(a->worker, &a->goodbye_timer);
    if (a->goodbye)
        rt_msg_answer(a->worker, a->goodbye, ANNOUNCER_SHUT_DOWN);
    a->goodbye = NULL;
}

void own_published(struct announcer *a, struct dht_publish_ask *p)
{
    uint32_t stored = p->msg.is_bounced ? 0 : p->stored, fewest;
    bool is_last = publication_ended(&a->publication, p->key, stored);

    if (a->is_stopped && !a->goodbye)
        return;
    rt_metric_add(RT_METRIC_ANNOUNCED, stored);
    a->has_stored = a->has_stored || stored > 0;
    if (!is_last)
        return;
    if (a->is_stopped) {
        if (a->farewells == 0)
            said_goodbye(a);
        return;
    }
    fewest = publication_fewest(&a->publication);
    rt_log(fewest ? RELAY_LOG_INFO : RELAY_LOG_DEBUG, "announced", "stores=%u", fewest);
    if (fewest)
        report_unverified(a);
    rendezvous_done(&a->timing, fewest, announcer_now_ns(a), announcer_random(a));
    arm(a);
}

/* -- the last word -- */

static void on_goodbye_timer(struct relay_timer *t)
{
    said_goodbye(RT_CONTAINER_OF(t, struct announcer, goodbye_timer));
}

void own_goodbye(struct announcer *a, struct rt_msg *m)
{
    struct rendezvous_keys keys;

    if (a->goodbye || !has_own(a) || (!a->has_stored && a->publication.pending == 0)) {
        rt_msg_answer(a->worker, m, ANNOUNCER_SHUT_DOWN);
        return;
    }
    a->goodbye = m;
    rt_timer_arm(a->worker, &a->goodbye_timer, announcer_now_ns(a) + LIM_GOODBYE_NS);
    make(a, LIM_GOODBYE_S);
    rendezvous_everywhere(&a->timing, a->config.identity->public_key, announcer_now_s(a), &keys);
    if (!has_own(a)) {
        said_goodbye(a);
        return;
    }
    publish(a, &keys);
    spread_goodbye(a, &keys);
}

void own_farewell_ended(struct announcer *a)
{
    if (--a->farewells == 0 && a->publication.pending == 0)
        said_goodbye(a);
}

/* -- seen by others -- */

void own_seen(struct announcer *a, const struct wire_peer_hop *hop)
{
    char text[DHT_HOP_TEXT];

    if (!announcer_addrs_verified(&a->addrs, hop))
        return;
    dht_hop_text(hop, text, sizeof(text));
    rt_log(RELAY_LOG_INFO, "announced address is verified: another relay has shown it to us",
           "addr=%s", text);
}

/* -- life -- */

void own_init(struct announcer *a)
{
    a->own_timer.fire = on_own_timer;
    a->goodbye_timer.fire = on_goodbye_timer;
    rendezvous_init(&a->timing, a->config.interval_s, announcer_random(a));
}

void own_start(struct announcer *a)
{
    rt_timer_arm(a->worker, &a->own_timer, announcer_now_ns(a));
}

void own_stop(struct announcer *a)
{
    rt_timer_disarm(a->worker, &a->own_timer);
}

void own_fini(struct announcer *a)
{
    rt_timer_disarm(a->worker, &a->goodbye_timer);
    rt_msg_free(&a->goodbye);
    drop_own(a);
}
