/* SPDX-License-Identifier: MPL-2.0 */
/* Shutdown, idleness, and slots that live for a while. */
#include <string.h>

#include "scenarios.h"
#include "session/session_limits.h"
#include "transport/transport_metrics.h"
#include "tunnel/tunnel_limits.h"
#include "tunnel/tunnel_metrics.h"
#include "wire_relay.h"

static bool is_down(void *ctx)
{
    return sim_relay_is_down(((struct sim *)ctx)->relays[0]);
}

/* A request its node had read when the shutdown began is answered, whatever else ends. */
static void check_pending_answered(struct sim *s, uint64_t began_ns)
{
    for (uint32_t i = 0; i < s->oracle.count; i++) {
        const struct sim_ask *a = s->oracle.asks[i];

        sim_expect(s, !a->seen_ns || a->seen_ns >= began_ns || a->done_ns,
                   "request %llx was pending at the shutdown and is lost",
                   (unsigned long long)a->number);
    }
}

/* The phases of a SIGTERM under load. */
void scenario_shutdown(struct sim *s)
{
    struct sim_node_config n;
    uint64_t began;
    bool has_silent = sim_chance(s, 30);

    sim_begin(s);
    for (uint32_t i = 0; i < 3; i++) {
        sim_node_default(s, &n);
        sim_path_good(&n.path);
        n.delay_max_ns = sim_between(s, 1, 800) * RT_MS;
        n.may_be_cut = n.may_be_refused = true;
        if (i == 2 && has_silent)
            n.answers_max = 0;
        sim_add_node(s, &n);
    }
    sim_await_nodes(s, 5 * RT_S);
    for (uint32_t i = 0; i < 12; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[i % 3], &c);
        sim_path_good(&c.path);
        c.count = 1000;
        c.per_connection = (uint32_t)sim_between(s, 0, 3);
        c.pause_max_ns = 300 * RT_MS;
        c.may_be_cut = true;
        c.allowed = SIM_ALLOW(SHUTTING_DOWN) | SIM_ALLOW(TUNNEL_CLOSED) |
                    SIM_ALLOW(SLOT_NOT_FOUND) | SIM_ALLOW(TUNNEL_TIMEOUT);
        sim_add_requester(s, &c);
    }
    sim_sleep(s, sim_between(s, 50, 3000) * RT_MS);
    began = sim_now(s->world);
    s->is_shutting_down = true;
    sim_relay_shut_down(s->relays[0]);
    sim_await(s, LIM_SHUTDOWN_NS + 4 * RT_S, is_down, s, "the relay is down");
    sim_sleep(s, 1 * RT_S);
    if (!has_silent)
        check_pending_answered(s, began);
    for (uint32_t i = 0; i < 3; i++)
        sim_expect(s, s->nodes[i]->cuts == 1, "a tunnel outlives the shutdown");
    sim_end(s);
}

/* Sessions that ask nothing end after five minutes; a tunnel stands for a day. */
void scenario_idle(struct sim *s)
{
    struct sim_node_config n;
    struct sim_requester_config c;
    struct sim_path path;
    struct sim_lone *l;
    uint64_t from;

    sim_begin(s);
    sim_node_default(s, &n);
    sim_add_node(s, &n);
    sim_path_good(&path);
    l = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    sim_await_ready(l, 1 * RT_S);
    from = sim_now(s->world);
    sim_await_gone(l, LIM_SESSION_IDLE_NS + 5 * RT_S);
    sim_expect(s, l->gone_ns - from >= LIM_SESSION_IDLE_NS - 1 * RT_S,
               "an idle session ends early");
    sim_expect(s, rt_metric_get(RT_METRIC_TIMEOUT_IDLE) == 1, "it is not counted");
    sim_sleep(s, 24 * 3600 * RT_S);
    sim_requester_default(s, s->nodes[0], &c);
    sim_add_requester(s, &c);
    sim_await_requesters(s, 30 * RT_S);
    sim_expect(s, s->requesters[0]->answered == 1, "a tunnel that stood idle does not serve");
    sim_end(s);
}

static uint64_t register_temp(struct sim_lone *l, uint64_t slot_id, enum wire_refusal expected)
{
    struct wire_relay_register m = {.has_slot_id = slot_id != 0, .slot_id = slot_id};
    struct wire_relay_registered answer = {0};
    uint8_t payload[WIRE_RELAY_SMALL_MAX];
    size_t len = wire_relay_register_encode(&m, payload, sizeof(payload));

    sim_lone_ask(l, WIRE_RELAY_REGISTER, payload, (uint32_t)len);
    sim_expect(l->sim, !l->is_gone && l->refusal == expected, "a registration ends otherwise: %u",
               l->refusal);
    if (expected != WIRE_REFUSAL_NONE)
        return 0;
    sim_expect(l->sim,
               wire_relay_registered_decode(l->payload, l->len, &answer) == RT_ERR_OK &&
                   answer.slot_id != 0,
               "RelayRegistered has a wrong shape");
    return answer.slot_id;
}

static void connect_temp(struct sim_lone *l, uint64_t slot_id, enum wire_refusal expected)
{
    uint8_t payload[WIRE_RELAY_SMALL_MAX];
    size_t len = wire_relay_connect_encode(slot_id, payload, sizeof(payload));

    sim_lone_ask(l, WIRE_RELAY_CONNECT, payload, (uint32_t)len);
    sim_expect(l->sim, !l->is_gone && l->refusal == expected, "RelayConnect ends otherwise: %u",
               l->refusal);
}

static void stream_temp(struct sim_lone *l, uint64_t slot_id, enum wire_relay_kind kind,
                        uint32_t len, enum wire_refusal expected)
{
    static uint8_t payload[WIRE_RELAY_STREAM_HEAD_MAX + LIM_CONTROL_PAYLOAD_MAX + 1];
    struct wire_relay_stream m = {.slot_id = slot_id, .stream_id = 3, .kind = kind};
    size_t head = wire_relay_stream_head(payload, &m, len);

    memset(payload + head, 0x77, len);
    sim_lone_ask(l, WIRE_RELAY_STREAM, payload, (uint32_t)head + len);
    sim_expect(l->sim, !l->is_gone && l->refusal == expected, "RelayStream ends otherwise: %u",
               l->refusal);
    if (expected == WIRE_REFUSAL_NONE)
        sim_expect(l->sim, l->len == head + len && memcmp(l->payload, payload, 200) == 0,
                   "a control stream is not echoed");
}

/* Slots without a tunnel. */
void scenario_temporary_slots(struct sim *s)
{
    struct sim_lone *owner, *guest, *stranger;
    struct sim_path path;
    uint64_t slot;

    sim_begin(s);
    sim_path_good(&path);
    owner = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    guest = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    stranger = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    sim_await_ready(owner, 1 * RT_S);
    sim_await_ready(guest, 1 * RT_S);
    sim_await_ready(stranger, 1 * RT_S);
    slot = register_temp(owner, 0, WIRE_REFUSAL_NONE);
    stream_temp(owner, slot, WIRE_KIND_CONTROL, 300, WIRE_REFUSAL_SLOT_NO_REQUESTER);
    connect_temp(guest, slot, WIRE_REFUSAL_NONE);
    stream_temp(guest, slot, WIRE_KIND_CONTROL, 300, WIRE_REFUSAL_NONE);
    stream_temp(owner, slot, WIRE_KIND_CONTROL, 100000, WIRE_REFUSAL_NONE);
    stream_temp(stranger, slot, WIRE_KIND_CONTROL, 300, WIRE_REFUSAL_SLOT_UNAUTHORIZED);
    stream_temp(guest, slot, WIRE_KIND_CONTENT, 300, WIRE_REFUSAL_SLOT_CONTENT);
    stream_temp(guest, slot, WIRE_KIND_CONTROL, LIM_CONTROL_PAYLOAD_MAX + 1,
                WIRE_REFUSAL_CONTROL_TOO_LARGE);
    register_temp(stranger, slot, WIRE_REFUSAL_SLOT_OWNER_MISMATCH);
    register_temp(stranger, slot + 1, WIRE_REFUSAL_SLOT_NOT_FOUND);
    for (uint32_t i = 1; i < LIM_TEMP_SLOTS_PER_KEY; i++)
        register_temp(owner, 0, WIRE_REFUSAL_NONE);
    register_temp(owner, 0, WIRE_REFUSAL_SLOT_TEMP_KEY);
    for (uint32_t i = 0; i < 4; i++) {
        sim_sleep(s, 200 * RT_S);
        register_temp(owner, slot, WIRE_REFUSAL_NONE);
        connect_temp(guest, slot, WIRE_REFUSAL_NONE);
    }
    sim_sleep(s, (LIM_TEMP_SLOT_TTL_S + 5) * RT_S);
    sim_expect(s, owner->is_gone && guest->is_gone, "idle sessions stay");
    sim_expect(s, rt_metric_get(RT_METRIC_TEMP_SLOTS) == 0, "%llu temporary slots stay",
               (unsigned long long)rt_metric_get(RT_METRIC_TEMP_SLOTS));
    sim_end(s);
}
