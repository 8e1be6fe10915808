/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One publication is under way at a time, except for the final one, which does not wait. The timer
 * is armed when no publication is under way. Once stopped, only a withdrawal sends requests.
 */
#include "announcer/self_announce.h"

#include <string.h>

#include "announcer/announcer_metrics.h"
#include "announcer/directory/announcement.h"
#include "announcer/part.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/address/addr.h"
#include "wire_dht.h"
#include "wire_envelope.h"
#include "wire_limits.h"

#define TTL_S 86400u                 /* protocol: of the stored value */
#define REPORT_AFTER_NS (120 * RT_S) /* time for other relays to verify our addresses */
#define STORE_BYTES 128u             /* upper bound of a STORE without its value */

/* -- the announcement -- */

static void log_addrs(const struct self_announce *s)
{
    char text[DHT_HOP_TEXT];

    if (s->addrs.count == 0)
        rt_log(RELAY_LOG_WARN,
               "this relay is not announced: it is bound to no public address; set the address at "
               "which "
               "it can be reached with --announce",
               NULL);
    for (uint32_t i = 0; i < s->addrs.count; i++) {
        dht_hop_text(&s->addrs.at[i], text, sizeof(text));
        rt_log(RELAY_LOG_INFO, "this relay announces itself", "addr=%s", text);
    }
}

/* Logs the addresses when they have changed. */
static void choose_addrs(struct self_announce *s)
{
    struct announcer_where where = {0};

    s->config.where(s->config.where_ctx, &where);
    if (announcer_addrs_choose(&s->addrs, &where) || !s->has_addrs)
        log_addrs(s);
    s->has_addrs = true;
}

static bool has_announcement(const struct self_announce *s)
{
    return s->encoded[ANNOUNCEMENT_FORM_5].owner && s->encoded[ANNOUNCEMENT_FORM_8].owner;
}

static void drop_announcement(struct self_announce *s)
{
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        relay_slice_drop(&s->encoded[form]);
}

/* Makes the announcement in both forms, newer than all before. */
static void make_announcement(struct self_announce *s, uint64_t lifetime_s)
{
    struct announcement_fields of = {.max_tunnels = s->config.max_tunnels,
                                     .bandwidth = s->config.bandwidth,
                                     .issued_at = part_wall_s(s->worker)};

    drop_announcement(s);
    if (s->addrs.count == 0)
        return;
    if (of.issued_at <= s->issued_s && s->issued_s - of.issued_at < LIM_HELLO_SKEW_S)
        of.issued_at = s->issued_s + 1;
    of.expires_at = of.issued_at + lifetime_s;
    for (of.form = 0; of.form < ANNOUNCEMENT_FORMS; of.form++)
        s->encoded[of.form] = announcement_make(s->config.identity, &s->addrs, &of);
    s->issued_s = of.issued_at;
    s->expires_s = of.expires_at;
}

const struct relay_slice *self_announce_current(const struct self_announce *s,
                                                enum wire_dialect dialect)
{
    const struct relay_slice *encoded = &s->encoded[announcement_form_in(dialect)];

    return encoded->owner && s->expires_s > part_wall_s(s->worker) ? encoded : NULL;
}

/* -- publication -- */

static void publish_one(struct self_announce *s, const uint8_t key[32], enum announcement_form form)
{
    struct dht_publish_request *p = dht_publish_request_new();

    memcpy(p->key, key, sizeof(p->key));
    p->dialects = announcement_form_dialects(form);
    p->value = rt_slice_copy(s->encoded[form].ptr, s->encoded[form].len);
    p->ttl_secs = TTL_S;
    s->callbacks->request(s->ctx, &p->msg);
}

static void publish(struct self_announce *s, const struct rendezvous_keys *keys)
{
    publication_begin(&s->publication, keys);
    for (uint32_t i = 0; i < keys->count; i++)
        for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
            publish_one(s, keys->at[i], form);
}

static void arm(struct self_announce *s)
{
    rt_timer_arm(s->worker, &s->timer, rendezvous_next_ns(&s->schedule, rt_now_ns(s->worker)));
}

static void publication_done(struct self_announce *s, uint32_t stores)
{
    rendezvous_done(&s->schedule, stores, rt_now_ns(s->worker), part_random(s->worker));
    arm(s);
}

static void on_timer(struct relay_timer *t)
{
    struct self_announce *s = RT_CONTAINER_OF(t, struct self_announce, timer);
    struct rendezvous_keys keys;

    if (!rendezvous_due(&s->schedule, s->config.identity->public_key, rt_now_ns(s->worker),
                        part_wall_s(s->worker), &keys)) {
        arm(s);
        return;
    }
    choose_addrs(s);
    make_announcement(s, LIM_ANNOUNCEMENT_S);
    if (has_announcement(s))
        publish(s, &keys); /* publication_done follows with the last reply */
    else
        publication_done(s, 0); /* no address or no memory: try again within a minute */
}

static void report_unverified(struct self_announce *s)
{
    uint64_t now_ns = rt_now_ns(s->worker);
    char text[DHT_HOP_TEXT];

    if (s->report_ns == 0)
        s->report_ns = now_ns + REPORT_AFTER_NS;
    if (now_ns < s->report_ns)
        return;
    s->report_ns = now_ns + s->schedule.interval_ns;
    for (uint32_t i = 0; i < s->addrs.count; i++) {
        if (s->addrs.is_verified[i])
            continue;
        dht_hop_text(&s->addrs.at[i], text, sizeof(text));
        rt_log(RELAY_LOG_WARN, "announced address is not verified: no other relay has reported it",
               "addr=%s", text);
    }
}

static void end_withdrawal(struct self_announce *s)
{
    if (!s->is_withdrawing)
        return;
    s->is_withdrawing = false;
    rt_timer_disarm(s->worker, &s->withdraw_timer);
    s->callbacks->withdrawn(s->ctx);
}

void self_announce_published(struct self_announce *s, const struct dht_publish_request *p)
{
    uint32_t stored = p->msg.is_bounced ? 0 : p->stored, fewest;
    bool is_last = publication_ended(&s->publication, p->key, stored);

    if (s->is_stopped && !s->is_withdrawing)
        return;
    rt_metric_add(RT_METRIC_ANNOUNCED, stored);
    s->has_stored = s->has_stored || stored > 0;
    if (!is_last)
        return;
    if (s->is_stopped) {
        if (s->final_stores == 0)
            end_withdrawal(s);
        return;
    }
    fewest = publication_fewest(&s->publication);
    rt_log(fewest ? RELAY_LOG_INFO : RELAY_LOG_DEBUG, "announcement published", "stores=%u",
           fewest);
    if (fewest)
        report_unverified(s);
    publication_done(s, fewest);
}

/* -- withdrawal -- */

static void store_at(struct self_announce *s, const struct wire_peer_hop *relay,
                     enum wire_dialect dialect, const uint8_t key[32], enum announcement_form form)
{
    struct wire_store store = {.value = {s->encoded[form].ptr, s->encoded[form].len},
                               .ttl_secs = TTL_S};
    uint8_t bytes[STORE_BYTES + LIM_RELAY_BYTES_MAX];
    struct dht_call_request *c = dht_call_request_new();
    struct wire_writer w;
    bool fits;

    memcpy(store.key, key, sizeof(store.key));
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_store(&w, &store);
    c->cookie = COOKIE_FINAL_STORE;
    c->to = *relay;
    c->dialect = dialect;
    c->type = WIRE_STORE;
    c->timeout_ns = LIM_WITHDRAWAL_NS;
    c->payload = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    RT_INSIST(fits);
    s->final_stores++;
    s->callbacks->request(s->ctx, &c->msg);
}

/* Sends every form that the relay verifies, all in one session. */
static void store_at_relay(struct self_announce *s, const struct relay_list_view *relay,
                           const struct rendezvous_keys *keys)
{
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        for (uint32_t k = 0; k < keys->count; k++)
            if (announcement_form_dialects(form) & relay->dialects)
                store_at(s, &relay->reached, relay_list_dialect(relay->dialects), keys->at[k],
                         form);
}

static void on_withdraw_timer(struct relay_timer *t)
{
    end_withdrawal(RT_CONTAINER_OF(t, struct self_announce, withdraw_timer));
}

bool self_announce_withdraw(struct self_announce *s, const struct relay_list *listed)
{
    uint32_t count = relay_list_count(listed);
    struct relay_list_view relay;
    struct rendezvous_keys keys;

    RT_REQUIRE(s->is_stopped);
    if (s->is_withdrawing || !has_announcement(s) ||
        (!s->has_stored && s->publication.pending == 0))
        return false;
    make_announcement(s, LIM_FINAL_ANNOUNCEMENT_S);
    if (!has_announcement(s))
        return false;
    s->is_withdrawing = true;
    rt_timer_arm(s->worker, &s->withdraw_timer, rt_now_ns(s->worker) + LIM_WITHDRAWAL_NS);
    rendezvous_current(&s->schedule, s->config.identity->public_key, part_wall_s(s->worker), &keys);
    publish(s, &keys);
    for (uint32_t i = 0; i < count && count <= LIM_RELAYS_STORED; i++) {
        relay_list_at(listed, i, &relay);
        store_at_relay(s, &relay, &keys);
    }
    return true;
}

void self_announce_final_stored(struct self_announce *s)
{
    RT_REQUIRE(s->final_stores > 0);
    if (--s->final_stores == 0 && s->publication.pending == 0)
        end_withdrawal(s);
}

/* -- verified addresses -- */

void self_announce_address_seen(struct self_announce *s, const struct wire_peer_hop *hop)
{
    char text[DHT_HOP_TEXT];

    if (!announcer_addrs_verified(&s->addrs, hop))
        return;
    dht_hop_text(hop, text, sizeof(text));
    rt_log(RELAY_LOG_INFO, "announced address is verified: another relay reported it", "addr=%s",
           text);
}

/* -- life -- */

void self_announce_init(struct self_announce *s, struct rt_worker *w,
                        const struct self_announce_config *config,
                        const struct self_announce_callbacks *callbacks, void *ctx)
{
    *s = (struct self_announce){.worker = w,
                                .config = *config,
                                .callbacks = callbacks,
                                .ctx = ctx,
                                .timer.fire = on_timer,
                                .withdraw_timer.fire = on_withdraw_timer};
    rendezvous_init(&s->schedule, config->interval_s, part_random(w));
}

void self_announce_start(struct self_announce *s)
{
    rt_timer_arm(s->worker, &s->timer, rt_now_ns(s->worker));
}

void self_announce_stop(struct self_announce *s)
{
    s->is_stopped = true;
    rt_timer_disarm(s->worker, &s->timer);
}

void self_announce_fini(struct self_announce *s)
{
    self_announce_stop(s);
    rt_timer_disarm(s->worker, &s->withdraw_timer);
    drop_announcement(s);
}
