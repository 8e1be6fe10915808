/* SPDX-License-Identifier: MPL-2.0 */
/* Peers that break the protocol: each is refused with its own counted reason, and no other peer is
 * affected.
 */
#include <string.h>

#include "scenarios.h"
#include "session/refusal_total.h"
#include "transport/transport_metrics.h"
#include "tunnel/tunnel_metrics.h"
#include "wire_limits.h"
#include "wire_relay.h"

static const struct {
    enum sim_trick trick;
    enum wire_refusal refusal;
} tricks[] = {
    {SIM_TRICK_TRUNCATED_HELLO, WIRE_REFUSAL_HELLO_MALFORMED},
    {SIM_TRICK_GARBAGE_HELLO, WIRE_REFUSAL_HELLO_MALFORMED},
    {SIM_TRICK_OVERSIZE_HELLO, WIRE_REFUSAL_HELLO_OVERSIZE},
    {SIM_TRICK_STALE_CLOCK, WIRE_REFUSAL_HELLO_CLOCK},
    {SIM_TRICK_EARLY_CLOCK, WIRE_REFUSAL_HELLO_CLOCK},
    {SIM_TRICK_WRONG_VERSION, WIRE_REFUSAL_HELLO_VERSION},
    {SIM_TRICK_WRONG_SIGNATURE, WIRE_REFUSAL_HELLO_SIGNATURE},
    {SIM_TRICK_SHORT_SIGNATURE, WIRE_REFUSAL_HELLO_SIGNATURE},
    {SIM_TRICK_REPLAYED_NONCE, WIRE_REFUSAL_HELLO_REPLAY},
    {SIM_TRICK_WRONG_ACK_KEY, WIRE_REFUSAL_ACK_MISMATCH},
    {SIM_TRICK_WRONG_ACK_NONCE, WIRE_REFUSAL_ACK_MISMATCH},
    {SIM_TRICK_WRONG_ACK_ECHO, WIRE_REFUSAL_ACK_MISMATCH},
    {SIM_TRICK_WRONG_ACK_SIGNATURE, WIRE_REFUSAL_HELLO_SIGNATURE},
};

/* An honest client connects and is answered, all within that time. */
static void expect_honest_served(struct sim *s, uint64_t within_ns)
{
    static const uint8_t pex_request[] = {0xa1, 0x69, 'm', 'a', 'x', '_',
                                          'p',  'e',  'e', 'r', 's', 0x00};
    uint64_t from = sim_now(s->world);
    struct sim_path path;
    struct sim_lone *l;

    sim_path_good(&path);
    l = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    sim_await_ready(l, within_ns);
    sim_lone_ask(l, WIRE_PEX_REQUEST, pex_request, sizeof(pex_request));
    sim_expect(s, !l->is_gone && l->type == WIRE_PEX_OFFER && l->flags == WIRE_FLAG_RESPONSE,
               "an honest client is not answered");
    sim_expect(s, sim_now(s->world) - from <= within_ns, "an honest client waits %.3f s",
               (double)(sim_now(s->world) - from) / (double)RT_S);
    sim_lone_close(l);
}

/* Every wrong handshake there is. */
void scenario_bad_hello(struct sim *s)
{
    size_t count = sizeof(tricks) / sizeof(tricks[0]);

    sim_begin(s);
    expect_honest_served(s, 100 * RT_MS);
    for (size_t i = 0; i < count; i++) {
        enum wire_refusal r = tricks[i].refusal;
        uint64_t before = session_refusal_total(r);
        struct sim_path path;
        struct sim_lone *l;

        sim_path_random(s->world, &path);
        l = sim_add_lone(s, sim_new_identity(s), &path, tricks[i].trick);
        sim_await_gone(l, 9 * RT_S);
        sim_expect(s, l->answers == 0 && !l->is_ready, "trick %u gets through", tricks[i].trick);
        sim_expect(s, session_refusal_total(r) == before + 1, "trick %u is not counted as %s",
                   tricks[i].trick, wire_refusal_info(r)->reason);
        if (i % 3 == 0)
            expect_honest_served(s, 100 * RT_MS);
    }
    sim_end(s);
}

/* 200 clients that connect and say nothing, 200 that send half a hello, from one address or from
 * many: an honest client is served within 100 ms all the while, and they are gone in time. */
void scenario_half_open(struct sim *s)
{
    struct sim_identity *crowd = NULL;
    bool is_one_address = sim_chance(s, 50);
    uint64_t from;
    uint32_t left = 0;

    if (is_one_address) /* from many, a burst evicts all earlier ones, honest or not */
        s->config.door.half_open_max = 64;
    s->config.door.per_prefix_max = 500;
    sim_begin(s);
    from = sim_now(s->world);
    for (uint32_t i = 0; i < 400; i++) {
        struct sim_path path;

        if (!crowd || !is_one_address)
            crowd = sim_new_identity(s);
        sim_path_random(s->world, &path);
        path.secure = i % 4 == 0 ? SIM_SECURE_NEVER : SIM_SECURE_OK;
        sim_add_lone(s, crowd, &path, i % 2 == 0 ? SIM_TRICK_SAY_NOTHING : SIM_TRICK_HALF_HELLO);
    }
    for (uint32_t i = 0; i < 8; i++) {
        expect_honest_served(s, 100 * RT_MS);
        sim_sleep(s, 1200 * RT_MS);
    }
    sim_run(s->world, from + 12 * RT_S, NULL, NULL);
    for (uint32_t i = 0; i < 400; i++)
        left += !s->lones[i]->is_gone;
    sim_expect(s, left == 0, "%u of the crowd are still there after the deadline", left);
    sim_end(s);
}

static struct sim_lone *authenticated(struct sim *s, bool is_good_path)
{
    struct sim_path path;
    struct sim_lone *l;

    if (is_good_path)
        sim_path_good(&path);
    else
        sim_path_random(s->world, &path);
    l = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    sim_await_ready(l, 20 * RT_S);
    return l;
}

static void expect_refused(struct sim_lone *l, enum wire_refusal r)
{
    sim_expect(l->sim, !l->is_gone && l->refusal == r, "expected %s, got %s",
               wire_refusal_info(r)->reason,
               l->is_gone ? "the end" : wire_refusal_info(l->refusal ? l->refusal : 1)->reason);
}

static struct sim_lone *authenticated_in(struct sim *s, enum wire_dialect dialect)
{
    struct sim_identity *id = sim_new_identity(s);
    struct sim_path path;
    struct sim_lone *l;

    sim_path_good(&path);
    id->dialect = dialect;
    l = sim_add_lone(s, id, &path, SIM_TRICK_NONE);
    sim_await_ready(l, 1 * RT_S);
    return l;
}

/* Requests that decode badly: an error each, and the connection stays. Communities are not browsed
 * in dialect A. */
void scenario_bad_request(struct sim *s)
{
    static const uint16_t wrong[] = {0,   99,  401, 403, 405,   407,  451,
                                     461, 498, 501, 503, 12345, 65535};
    static const uint16_t known[] = {100, 101, 200, 201, 202, 400, 402, 404, 406, 450,
                                     452, 453, 460, 499, 500, 502, 410, 412, 414, 416};
    enum wire_dialect dialect = (enum wire_dialect)sim_between(s, 0, WIRE_DIALECTS - 1);
    struct sim_lone *l;
    uint8_t noise[64];

    sim_begin(s);
    l = authenticated_in(s, dialect);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        sim_lone_ask(l, wrong[i], noise, 0);
        expect_refused(l, WIRE_REFUSAL_UNSUPPORTED_TYPE);
        sim_expect(s, l->type == wrong[i], "an error answer has another type");
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t len = sim_between(s, 0, sizeof(noise));

        for (size_t k = 0; k < len; k++)
            noise[k] = (uint8_t)sim_prng_next(s->prng);
        noise[0] = 0x83; /* an array, so that no chance makes it a good map */
        sim_lone_ask(l, known[i], noise, (uint32_t)len);
        expect_refused(l, known[i] / 10 == 41 && dialect == WIRE_DIALECT_A
                              ? WIRE_REFUSAL_UNSUPPORTED_TYPE
                              : WIRE_REFUSAL_PAYLOAD_MALFORMED);
    }
    expect_honest_served(s, 100 * RT_MS);
    sim_end(s);
}

/* The inner payload must be an envelope: garbage does not reach the node. */
void scenario_bad_inner(struct sim *s)
{
    struct sim_node_config n;
    struct sim_lone *l;

    sim_begin(s);
    sim_node_default(s, &n);
    sim_add_node(s, &n);
    sim_await_nodes(s, 20 * RT_S);
    l = authenticated(s, false);
    for (uint32_t i = 0; i < 12; i++) {
        uint32_t len = (uint32_t)sim_between(s, 0, 3000);
        struct wire_relay_stream m = {.slot_id = s->nodes[0]->slot_id, .kind = WIRE_KIND_CONTENT};
        uint8_t payload[WIRE_RELAY_STREAM_HEAD_MAX + 3000];
        size_t head = wire_relay_stream_head(payload, &m, len);

        for (uint32_t k = 0; k < len; k++)
            payload[head + k] = (uint8_t)sim_prng_next(s->prng);
        if (len > 0)
            payload[head] = 0x84;
        sim_lone_ask(l, WIRE_RELAY_STREAM, payload, (uint32_t)head + len);
        expect_refused(l, WIRE_REFUSAL_INNER_MALFORMED);
    }
    sim_expect(s, s->nodes[0]->seen == 0, "a stranger's garbage reaches the node");
    sim_end(s);
}

enum bad_frame { FRAME_NOISE, FRAME_EMPTY, FRAME_TOO_LONG, FRAME_PAYLOAD_TOO_LONG, FRAME_COUNT };

static void send_bad_frame(struct sim_lone *l, enum bad_frame which)
{
    static uint8_t zeros[LIM_PAYLOAD_MAX + 1];
    uint8_t length[WIRE_LENGTH_BYTES], noise[300], head[WIRE_ENVELOPE_HEAD_MAX];

    for (size_t k = 0; k < sizeof(noise); k++)
        noise[k] = (uint8_t)sim_prng_next(l->sim->prng);
    noise[0] = 0x9f;
    if (which == FRAME_NOISE) {
        sim_client_send(l->client, NULL, 0, noise, sizeof(noise));
    } else if (which == FRAME_EMPTY) {
        sim_client_send(l->client, NULL, 0, noise, 0);
    } else if (which == FRAME_TOO_LONG) {
        wire_length_write(length, LIM_FRAME_MAX + 1);
        sim_client_send_raw(l->client, length, sizeof(length));
        sim_client_send_raw(l->client, noise, sizeof(noise));
    } else {
        size_t n = wire_envelope_bare_head(head, WIRE_PEX_OFFER, 1, 0, sizeof(zeros));

        sim_client_send(l->client, head, n, zeros, sizeof(zeros));
    }
}

/* Frames that are no envelope end the connection, and are counted. */
void scenario_bad_frame(struct sim *s)
{
    static const enum wire_refusal expected[] = {
        WIRE_REFUSAL_ENVELOPE_MALFORMED, WIRE_REFUSAL_ENVELOPE_MALFORMED,
        WIRE_REFUSAL_FRAME_OVERSIZE, WIRE_REFUSAL_ENVELOPE_MALFORMED};

    sim_begin(s);
    for (unsigned i = 0; i < FRAME_COUNT; i++) {
        uint64_t before = session_refusal_total(expected[i]);
        struct sim_lone *l = authenticated(s, i == FRAME_PAYLOAD_TOO_LONG);

        send_bad_frame(l, (enum bad_frame)i);
        sim_await_gone(l, 25 * RT_S);
        sim_expect(s, session_refusal_total(expected[i]) == before + 1,
                   "bad frame %u is not counted", i);
        expect_honest_served(s, 100 * RT_MS);
    }
    sim_end(s);
}

/* A node that sends an unrequested frame, or an answer that matches no request, loses its link. */
void scenario_unasked_frame(struct sim *s)
{
    struct sim_node_config n;
    uint64_t before;

    sim_begin(s);
    sim_node_default(s, &n);
    n.may_be_cut = true;
    sim_add_node(s, &n);
    sim_await_nodes(s, 20 * RT_S);
    before = rt_metric_get(RT_METRIC_TUNNEL_UNASKED);
    sim_node_send_unasked(s->nodes[0]);
    sim_sleep(s, 10 * RT_S);
    sim_expect(s, s->nodes[0]->cuts == 1, "an unrequested frame does not end the link");
    sim_expect(s, rt_metric_get(RT_METRIC_TUNNEL_UNASKED) == before + 1, "it is not counted");
    s->nodes[0]->is_stopped = true;
    expect_honest_served(s, 100 * RT_MS);
    sim_end(s);
}

/* Frames that arrive drop by drop: cut off after their deadline, and they hold little memory. */
void scenario_slow_writers(struct sim *s)
{
    struct sim_lone *l[16];
    uint8_t length[WIRE_LENGTH_BYTES];
    uint64_t before = rt_metric_get(RT_METRIC_TIMEOUT_FRAME);

    s->memory_max = 4 * (uint64_t)SIM_MIB;
    sim_begin(s);
    for (uint32_t i = 0; i < 16; i++)
        l[i] = authenticated(s, true);
    wire_length_write(length, LIM_FRAME_MAX);
    for (uint32_t i = 0; i < 16; i++)
        sim_client_send_raw(l[i]->client, length, sizeof(length));
    for (uint32_t t = 0; t < 35; t++) {
        for (uint32_t i = 0; i < 16; i++)
            if (l[i]->client)
                sim_client_send_raw(l[i]->client, "drop", 4);
        sim_sleep(s, 1 * RT_S);
        if (t % 8 == 0)
            expect_honest_served(s, 100 * RT_MS);
    }
    for (uint32_t i = 0; i < 16; i++)
        sim_expect(s, l[i]->is_gone, "a frame may take longer than its deadline");
    sim_expect(s, rt_metric_get(RT_METRIC_TIMEOUT_FRAME) == before + 16, "it is not counted");
    sim_end(s);
}
