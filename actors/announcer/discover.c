/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Others: every so often a round looks up the keys of the hour and asks some nodes for the relays
 * they know; what is new is dialled, and what is listed is asked again from time to time.
 */
#include <string.h>

#include "announcer/announcer_metrics.h"
#include "announcer/announcer_private.h"
#include "base/budget.h"
#include "base/check.h"
#include "wire_envelope.h"
#include "wire_limits.h"

#define ROUND_FIRST_NS (5 * RT_S)
#define ROUND_MAX_NS (900 * RT_S)
#define ROUND_ALONE_NS (30 * RT_S) /* while the routing table is empty */
#define LOOKUPS_AT_ONCE 2u
#define PEERS_ASKED 4u /* nodes of the routing table asked in a round */
#define CALL_NS (10 * RT_S)
#define LIST_HEAD_BYTES 64u

static uint64_t jittered(struct announcer *a, uint64_t ns)
{
    return ns - announcer_random(a) % (ns / 4);
}

/* -- the pace -- */

static void report(struct announcer *a)
{
    uint64_t count = relay_list_count(a->list), evicted = relay_list_evicted(a->list),
             lost = relay_list_lost(a->list);

    rt_metric_add(RT_METRIC_RELAYS, count);
    rt_metric_sub(RT_METRIC_RELAYS, a->gauge);
    rt_metric_add(RT_METRIC_RELAYS_EVICTED, evicted - a->evicted);
    rt_metric_add(RT_METRIC_RELAYS_LOST, lost - a->lost);
    a->gauge = count;
    a->evicted = evicted;
    a->lost = lost;
}

static void call(struct announcer *a, const struct wire_peer_hop *to, enum wire_dialect dialect,
                 uint16_t type)
{
    struct dht_call_ask *c = dht_call_ask_new();
    uint8_t bytes[32];
    struct wire_writer w;
    bool fits;

    c->to = *to;
    c->dialect = dialect;
    c->type = type;
    c->timeout_ns = CALL_NS;
    if (type == WIRE_RELAY_LIST_REQUEST) {
        wire_writer_init(&w, bytes, sizeof(bytes));
        wire_write_relay_list_request(&w, LIM_RELAY_ASKED);
        c->payload = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    }
    announcer_ask_dht(a, &c->msg);
}

void discover_pump(struct announcer *a)
{
    uint64_t now_ns = announcer_now_ns(a), next_ns, asked_ns;
    struct wire_peer_hop hop;
    enum wire_dialect dialect;

    report(a);
    if (a->is_stopped)
        return;
    while (candidates_next(a->candidates, now_ns, &hop)) {
        rt_metric_inc(RT_METRIC_RELAY_DIALS);
        call(a, &hop, DHT_DIALECT_ANY, 0);
    }
    if (relay_list_next(a->list, now_ns, &hop, &dialect))
        call(a, &hop, dialect, WIRE_RELAY_LIST_REQUEST);
    next_ns = candidates_next_ns(a->candidates, now_ns);
    asked_ns = relay_list_next_ns(a->list);
    next_ns = asked_ns < next_ns ? asked_ns : next_ns;
    if (next_ns != UINT64_MAX)
        rt_timer_arm(a->worker, &a->dial_timer, next_ns);
}

static void on_dial_timer(struct relay_timer *t)
{
    discover_pump(RT_CONTAINER_OF(t, struct announcer, dial_timer));
}

/* -- a round: one dialect after the other, to bound concurrent requests; C first, as it has the
 * most relays -- */

#define ROUND_LOOK_UPS (WIRE_DIALECTS * WIRE_RENDEZVOUS_SLOTS)

static void ask_peers(struct announcer *a, enum wire_dialect dialect)
{
    struct dht_peers_ask *p = dht_peers_ask_new();

    p->dialect = dialect;
    p->max = PEERS_ASKED;
    announcer_ask_dht(a, &p->msg);
}

static void look_up(struct announcer *a)
{
    uint64_t bucket = wire_rendezvous_bucket(announcer_now_s(a));

    while (a->lookups < LOOKUPS_AT_ONCE && a->next_look_up < ROUND_LOOK_UPS) {
        struct dht_lookup_ask *l = dht_lookup_ask_new();
        uint32_t slot = a->next_look_up % WIRE_RENDEZVOUS_SLOTS;

        l->dialect = WIRE_DIALECT_C - a->next_look_up++ / WIRE_RENDEZVOUS_SLOTS;
        if (slot == 0)
            ask_peers(a, l->dialect);
        wire_rendezvous_key(bucket, slot, l->key);
        l->values_max = DHT_LOOKUP_VALUES_MAX;
        a->lookups++;
        announcer_ask_dht(a, &l->msg);
    }
}

/* Once there is a contact, rounds follow at doubling intervals. */
static void on_round_timer(struct relay_timer *t)
{
    struct announcer *a = RT_CONTAINER_OF(t, struct announcer, round_timer);

    a->next_look_up = 0;
    look_up(a);
}

static void round_is_over(struct announcer *a)
{
    uint64_t max_ns = a->peopled == 0 ? ROUND_ALONE_NS : ROUND_MAX_NS;

    rt_timer_arm(a->worker, &a->round_timer, announcer_now_ns(a) + jittered(a, a->round_step_ns));
    a->round_step_ns = 2 * a->round_step_ns < max_ns ? 2 * a->round_step_ns : max_ns;
}

void discover_looked_up(struct announcer *a, struct dht_lookup_ask *l)
{
    RT_INSIST(a->lookups > 0);
    a->lookups--;
    if (a->is_stopped)
        return;
    for (uint32_t i = 0; !l->msg.is_bounced && i < l->count; i++)
        intake_one(a, relay_slice_take(&l->values[i]));
    look_up(a);
    if (a->lookups == 0)
        round_is_over(a);
}

void discover_peers(struct announcer *a, const struct dht_peers_ask *p)
{
    if (a->is_stopped)
        return;
    if (p->count == 0) {
        a->peopled &= ~WIRE_DIALECT_BIT(p->dialect);
        return;
    }
    if (!(a->peopled & WIRE_DIALECT_BIT(p->dialect)))
        a->round_step_ns = ROUND_FIRST_NS;
    a->peopled |= WIRE_DIALECT_BIT(p->dialect);
    for (uint32_t i = 0; i < p->count; i++)
        call(a, &p->peers[i], p->dialect, WIRE_RELAY_LIST_REQUEST);
}

/* -- answers -- */

static enum candidate_end how_it_ended(enum dht_outcome outcome)
{
    switch (outcome) {
    case DHT_CALL_ANSWERED:
        return CANDIDATE_THERE;
    case DHT_CALL_NO_TRANSPORT:
        return CANDIDATE_NOT_OURS;
    case DHT_CALL_BUSY:
        return CANDIDATE_LATER;
    case DHT_CALL_UNREACHABLE:
    case DHT_CALL_WRONG_KEY:
    case DHT_CALL_REFUSED:
    case DHT_CALL_TIMEOUT:
    case DHT_CALL_WRONG_DIALECT:
        break;
    }
    return CANDIDATE_SILENT;
}

static void dialled(struct announcer *a, const struct dht_call_ask *c)
{
    enum candidate_end how = how_it_ended(c->outcome);
    struct announcement_forms none;

    if (how == CANDIDATE_THERE && c->peer_dialects != 0)
        revocation_check_newcomer(a, &c->to, c->peer_dialects);
    else
        (void)candidates_ended(a->candidates, &c->to,
                               how == CANDIDATE_THERE ? CANDIDATE_SILENT : how, announcer_now_ns(a),
                               &none);
}

/* A newer announcement may have been listed during the dial. */
static void admit_one(struct announcer *a, struct relay_slice bytes, const struct wire_peer_hop *at,
                      uint8_t dialects)
{
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann;

    if (!bytes.owner)
        return;
    if (!announcement_read(&bytes, room, &ann) ||
        relay_list_judge(a->list, &ann, announcer_now_s(a)) == RELAY_IGNORE) {
        relay_slice_drop(&bytes);
        return;
    }
    relay_list_put(a->list, &ann, bytes, at, dialects, announcer_now_ns(a), announcer_now_s(a));
    spread_one(a, ann.relay_pubkey, announcement_form(&ann));
}

void discover_admit(struct announcer *a, const struct wire_peer_hop *at, uint8_t dialects)
{
    struct announcement_forms forms;

    if (!candidates_ended(a->candidates, at, CANDIDATE_THERE, announcer_now_ns(a), &forms))
        return;
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        admit_one(a, relay_slice_take(&forms.at[form].bytes), at, dialects);
}

/* The request for a relay list ended. A relay that now speaks another dialect is reached, too. */
static void asked(struct announcer *a, const struct dht_call_ask *c)
{
    bool is_there = c->outcome == DHT_CALL_ANSWERED || c->outcome == DHT_CALL_WRONG_DIALECT;

    if (c->outcome == DHT_CALL_BUSY || c->outcome == DHT_CALL_NO_TRANSPORT)
        return;
    if (relay_list_asked(a->list, c->to.pubkey_hint, c->dialect, is_there ? c->peer_dialects : 0,
                         announcer_now_ns(a)))
        for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
            spread_one(a, c->to.pubkey_hint, form);
}

void discover_called(struct announcer *a, struct dht_call_ask *c)
{
    if (c->type == WIRE_STORE)
        own_farewell_ended(a);
    if (a->is_stopped)
        return;
    if (c->type == 0) {
        dialled(a, c);
    } else {
        asked(a, c);
        if (c->outcome == DHT_CALL_ANSWERED && c->answer_type == WIRE_RELAY_LIST_RESPONSE &&
            !c->is_error)
            intake_list(a, relay_slice_take(&c->answer));
    }
    discover_pump(a);
}

/* -- telling others -- */

void discover_tell(struct announcer *a, struct relay_list_ask *q)
{
    const struct relay_slice *own = &a->own[announcement_form_in(q->dialect)];
    struct relay_slice chosen[LIM_RELAYS_MAX + 1];
    uint32_t max = q->max_count <= LIM_RELAYS_MAX ? q->max_count : LIM_RELAYS_MAX + 1, count = 0;
    uint64_t now_s = announcer_now_s(a);
    size_t len = LIST_HEAD_BYTES;
    struct relay_buf *buf;
    struct wire_writer w;
    bool is_cut, fits;

    if (max > 0 && own->owner && a->own_expires_s > now_s) {
        chosen[count++] = relay_slice_view(own->ptr, own->len);
        len += own->len;
    }
    count += relay_list_sample(a->list, q->dialect, max - count, LIM_PAYLOAD_MAX - len, now_s,
                               chosen + count, &is_cut);
    if (is_cut)
        rt_metric_inc(RT_METRIC_RELAY_LISTS_CUT);
    for (uint32_t i = 0; i < count; i++)
        len += chosen[i].len;
    buf = rt_buf_new(len);
    if (!buf) {
        q->refusal = RT_REFUSAL_MEMORY;
        return;
    }
    wire_writer_init(&w, buf->bytes, len);
    wire_write_relay_list_head(&w, count);
    for (uint32_t i = 0; i < count; i++)
        wire_write_raw(&w, chosen[i].ptr, chosen[i].len);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    q->answer = relay_slice_own(buf, buf->bytes, (uint32_t)len);
}

/* -- life -- */

void discover_init(struct announcer *a)
{
    a->list = relay_list_new(a->config.hash_key, announcer_random, a);
    a->candidates = candidates_new(a->config.hash_key);
    a->round_step_ns = ROUND_FIRST_NS;
    a->round_timer.fire = on_round_timer;
    a->dial_timer.fire = on_dial_timer;
}

void discover_start(struct announcer *a)
{
    rt_timer_arm(a->worker, &a->round_timer, announcer_now_ns(a) + jittered(a, ROUND_FIRST_NS));
}

void discover_stop(struct announcer *a)
{
    rt_timer_disarm(a->worker, &a->round_timer);
    rt_timer_disarm(a->worker, &a->dial_timer);
}

void discover_fini(struct announcer *a)
{
    candidates_free(&a->candidates);
    relay_list_free(&a->list);
    rt_metric_sub(RT_METRIC_RELAYS, a->gauge);
}
