/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/reach_checks.h"

#include "announcer/announcer_limits.h"
#include "announcer/announcer_metrics.h"
#include "announcer/part.h"
#include "base/budget.h"
#include "base/check.h"
#include "wire_announce.h"
#include "wire_envelope.h"

#define CALL_NS (10 * RT_S)

static void update_metrics(struct reach_checks *r)
{
    uint64_t listed = relay_list_count(r->directory->list),
             evicted = relay_list_evicted(r->directory->list),
             lost = relay_list_lost(r->directory->list);

    rt_metric_add(RT_METRIC_RELAYS, listed);
    rt_metric_sub(RT_METRIC_RELAYS, r->listed);
    rt_metric_add(RT_METRIC_RELAYS_EVICTED, evicted - r->evicted);
    rt_metric_add(RT_METRIC_RELAYS_LOST, lost - r->lost);
    r->listed = listed;
    r->evicted = evicted;
    r->lost = lost;
}

/* -- requests -- */

static void dial(struct reach_checks *r, const struct wire_peer_hop *to)
{
    struct dht_call_request *c = dht_call_request_new();

    rt_metric_inc(RT_METRIC_RELAY_DIALS);
    c->cookie = COOKIE_DIAL;
    c->to = *to;
    c->dialect = DHT_DIALECT_ANY;
    c->timeout_ns = CALL_NS;
    r->callbacks->request(r->ctx, &c->msg);
}

void reach_checks_request_list(struct reach_checks *r, const struct wire_peer_hop *to,
                               enum wire_dialect dialect)
{
    struct dht_call_request *c = dht_call_request_new();
    uint8_t bytes[32];
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_relay_list_request(&w, LIM_RELAY_ASKED);
    c->cookie = COOKIE_LIST_REQUEST;
    c->to = *to;
    c->dialect = dialect;
    c->type = WIRE_RELAY_LIST_REQUEST;
    c->timeout_ns = CALL_NS;
    c->payload = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    RT_INSIST(fits);
    r->callbacks->request(r->ctx, &c->msg);
}

void reach_checks_run(struct reach_checks *r)
{
    uint64_t now_ns = rt_now_ns(r->worker), next_ns, check_ns;
    struct relay_directory *d = r->directory;
    struct wire_peer_hop hop;
    enum wire_dialect dialect;

    update_metrics(r);
    if (r->is_stopped)
        return;
    while (candidates_next(d->candidates, now_ns, &hop))
        dial(r, &hop);
    if (relay_list_next_check(d->list, now_ns, &hop, &dialect))
        reach_checks_request_list(r, &hop, dialect);
    next_ns = candidates_next_ns(d->candidates, now_ns);
    check_ns = relay_list_next_check_ns(d->list);
    next_ns = check_ns < next_ns ? check_ns : next_ns;
    if (next_ns != UINT64_MAX)
        rt_timer_arm(r->worker, &r->timer, next_ns);
}

static void on_timer(struct relay_timer *t)
{
    reach_checks_run(RT_CONTAINER_OF(t, struct reach_checks, timer));
}

/* -- replies -- */

static enum candidate_result candidate_result_of(enum dht_outcome outcome)
{
    switch (outcome) {
    case DHT_CALL_NO_TRANSPORT:
        return CANDIDATE_NOT_DIALLABLE;
    case DHT_CALL_BUSY:
        return CANDIDATE_POSTPONED;
    case DHT_CALL_REPLIED:
    case DHT_CALL_UNREACHABLE:
    case DHT_CALL_WRONG_KEY:
    case DHT_CALL_REFUSED:
    case DHT_CALL_TIMEOUT:
    case DHT_CALL_WRONG_DIALECT:
        break;
    }
    return CANDIDATE_UNREACHABLE;
}

void reach_checks_dialled(struct reach_checks *r, const struct dht_call_request *c)
{
    struct announcement_forms none;

    RT_REQUIRE(c->cookie == COOKIE_DIAL && !r->is_stopped);
    if (c->outcome == DHT_CALL_REPLIED && c->peer_dialects != 0)
        r->callbacks->reached(r->ctx, &c->to, c->peer_dialects);
    else
        (void)candidates_dial_ended(r->directory->candidates, &c->to,
                                    candidate_result_of(c->outcome), rt_now_ns(r->worker), &none);
    reach_checks_run(r);
}

/* A relay that replies in another dialect is reached, too. */
static void note_reply(struct reach_checks *r, const struct dht_call_request *c)
{
    bool is_reached = c->outcome == DHT_CALL_REPLIED || c->outcome == DHT_CALL_WRONG_DIALECT;

    if (c->outcome == DHT_CALL_BUSY || c->outcome == DHT_CALL_NO_TRANSPORT)
        return;
    if (relay_list_check_ended(r->directory->list, c->to.pubkey_hint, c->dialect,
                               is_reached ? c->peer_dialects : 0, rt_now_ns(r->worker)))
        r->callbacks->dialects_changed(r->ctx, c->to.pubkey_hint);
}

void reach_checks_list_replied(struct reach_checks *r, struct dht_call_request *c)
{
    RT_REQUIRE(c->cookie == COOKIE_LIST_REQUEST && !r->is_stopped);
    note_reply(r, c);
    if (c->outcome == DHT_CALL_REPLIED && c->reply_type == WIRE_RELAY_LIST_RESPONSE && !c->is_error)
        r->callbacks->list_received(r->ctx, relay_slice_take(&c->reply));
    reach_checks_run(r);
}

/* -- life -- */

void reach_checks_init(struct reach_checks *r, struct rt_worker *w,
                       struct relay_directory *directory,
                       const struct reach_checks_callbacks *callbacks, void *ctx)
{
    *r = (struct reach_checks){.worker = w,
                               .directory = directory,
                               .callbacks = callbacks,
                               .ctx = ctx,
                               .timer.fire = on_timer};
}

void reach_checks_stop(struct reach_checks *r)
{
    r->is_stopped = true;
    rt_timer_disarm(r->worker, &r->timer);
}

void reach_checks_fini(struct reach_checks *r)
{
    reach_checks_stop(r);
    rt_metric_sub(RT_METRIC_RELAYS, r->listed);
}
