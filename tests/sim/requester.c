/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "odd.h"
#include "refusal_text.h"
#include "requester.h"
#include "wire_relay.h"

static void ask_more(struct sim_requester *r);
static void connect_again(struct sim_requester *r);

static uint32_t depth_of(const struct sim_requester *r)
{
    return r->config.depth ? r->config.depth : 1;
}

/* -- asking -- */

static void send_stream(struct sim_requester *r, const struct wire_relay_stream *m, uint32_t req_id,
                        const uint8_t *inner, uint32_t inner_len)
{
    struct sim_prng *p = sim_prng(r->world);
    uint8_t head[WIRE_RELAY_FRAME_HEAD_MAX];
    size_t n;

    if (!sim_prng_chance(p, r->config.odd_percent)) {
        n = wire_relay_stream_frame_head(head, req_id, 0, m, inner_len);
        sim_client_send_raw(r->client, head, n);
        sim_client_send_raw(r->client, inner, inner_len);
        return;
    }
    n = wire_relay_stream_head(head, m, inner_len);
    uint8_t *stream = malloc(n + inner_len), *frame;
    struct wire_envelope e = {.type = WIRE_RELAY_STREAM,
                              .req_id = req_id,
                              .flags = (uint16_t)sim_prng_below(p, 2) * 0x100,
                              .payload = {stream, (uint32_t)n + inner_len}};
    uint32_t frame_len;

    RT_INSIST(stream != NULL);
    memcpy(stream, head, n);
    memcpy(stream + n, inner, inner_len);
    frame = sim_odd_envelope(p, &e, &frame_len);
    sim_client_send(r->client, NULL, 0, frame, frame_len);
    free(frame);
    free(stream);
}

static uint8_t *inner_of(struct sim_requester *r, const struct sim_ask *a, uint32_t *out_len)
{
    struct sim_prng *p = sim_prng(r->world);
    uint8_t *payload = sim_oracle_ask_bytes(a), *frame;
    struct wire_envelope e = {.type = SIM_INNER_TYPE,
                              .req_id = a->inner_req_id,
                              .flags = 0,
                              .payload = {payload, a->ask_len}};

    if (sim_prng_chance(p, r->config.odd_percent)) {
        frame = sim_odd_envelope(p, &e, out_len);
    } else {
        size_t n;

        frame = malloc(WIRE_ENVELOPE_HEAD_MAX + (size_t)a->ask_len);
        RT_INSIST(frame != NULL);
        n = wire_envelope_bare_head(frame, e.type, e.req_id, e.flags, a->ask_len);
        memcpy(frame + n, payload, a->ask_len);
        *out_len = (uint32_t)n + a->ask_len;
    }
    free(payload);
    return frame;
}

static void ask(struct sim_requester *r)
{
    const struct sim_requester_config *c = &r->config;
    struct sim_prng *p = sim_prng(r->world);
    struct sim_ask *a = sim_oracle_ask(r->oracle, c->node, r->index,
                                       (uint32_t)sim_prng_between(p, c->ask_min, c->ask_max),
                                       (uint32_t)sim_prng_between(p, c->reply_min, c->reply_max));
    uint32_t req_id = r->next_req_id++, stream_id = (uint32_t)sim_prng_below(p, 3), len;
    struct wire_relay_stream m = {.slot_id = *c->slot_id,
                                  .stream_id = stream_id,
                                  .kind = sim_prng_chance(p, 80) ? WIRE_KIND_CONTENT
                                                                 : WIRE_KIND_CONTROL};
    uint8_t *inner = inner_of(r, a, &len);

    r->waiting[r->waiting_count].ask = a;
    r->waiting[r->waiting_count].req_id = req_id;
    r->waiting[r->waiting_count++].stream_id = stream_id;
    r->asked++;
    r->on_connection++;
    send_stream(r, &m, req_id, inner, len);
    free(inner);
}

/* -- leaving -- */

static void withdraw_all(struct sim_requester *r)
{
    for (uint32_t i = 0; i < r->waiting_count; i++)
        r->waiting[i].ask->is_withdrawn = true;
    r->left += r->waiting_count;
    r->waiting_count = 0;
}

static void leave(struct sim_requester *r, enum sim_leave how)
{
    if (!r->client)
        return;
    if (how == SIM_FIN) {
        r->has_fin = true;
        sim_client_fin(r->client);
        return;
    }
    if (how == SIM_RESET)
        sim_client_reset(&r->client);
    else if (how == SIM_VANISH)
        sim_client_vanish(&r->client);
    else
        sim_client_close(&r->client);
    withdraw_all(r);
    connect_again(r);
}

static void on_leave(void *ctx, uint64_t epoch)
{
    struct sim_requester *r = ctx;

    if (epoch == r->epoch && r->client && !r->has_fin && r->waiting_count > 0)
        leave(r, r->config.leave);
}

/* -- answers -- */

static void check_stream(struct sim_requester *r, const struct wire_envelope *e)
{
    struct wire_relay_stream m;

    if (e->type != WIRE_RELAY_STREAM || e->flags != WIRE_FLAG_RESPONSE ||
        wire_relay_stream_decode((uint8_t *)(uintptr_t)e->payload.ptr, e->payload.len, &m) !=
            RT_ERR_OK)
        sim_fail(r->world, "an answer is no RelayStream: type %u flags %u", e->type, e->flags);
    if (m.slot_id != *r->config.slot_id || m.stream_id != r->waiting[0].stream_id)
        sim_fail(r->world, "an answer names another slot or stream");
    sim_oracle_done(r->oracle, r->waiting[0].ask, (uint8_t *)(uintptr_t)m.payload.ptr,
                    m.payload.len);
    if (sim_now(r->world) - r->waiting[0].ask->asked_ns > r->slowest_ns)
        r->slowest_ns = sim_now(r->world) - r->waiting[0].ask->asked_ns;
    r->answered++;
}

static void check_error(struct sim_requester *r, const struct wire_envelope *e)
{
    enum wire_refusal why = sim_refusal_of(e->payload.ptr, e->payload.len);
    uint64_t allowed = r->config.allowed | (r->has_fin ? SIM_ALLOW(CANCELLED) : 0);

    if (e->type != WIRE_RELAY_STREAM || e->flags != (WIRE_FLAG_RESPONSE | WIRE_FLAG_ERROR))
        sim_fail(r->world, "an error answer has type %u flags %u", e->type, e->flags);
    if (!(allowed & (UINT64_C(1) << why)) || why == WIRE_REFUSAL_NONE)
        sim_fail(r->world, "requester %u was refused: %.*s", r->index, (int)e->payload.len,
                 (const char *)e->payload.ptr);
    sim_oracle_refused(r->oracle, r->waiting[0].ask);
    r->refused++;
    r->refused_by[why]++;
}

static void on_frame(void *user, uint8_t *body, uint32_t len)
{
    struct sim_requester *r = user;
    struct wire_envelope e;

    if (wire_envelope_decode(body, len, &e) != RT_ERR_OK)
        sim_fail(r->world, "a requester got a frame that does not decode");
    if (r->waiting_count == 0)
        sim_fail(r->world, "a requester got an answer to nothing: type %u", e.type);
    if (e.req_id != r->waiting[0].req_id)
        sim_fail(r->world, "answers out of order: %u for %u", e.req_id, r->waiting[0].req_id);
    if (e.flags & WIRE_FLAG_ERROR)
        check_error(r, &e);
    else
        check_stream(r, &e);
    memmove(&r->waiting[0], &r->waiting[1], --r->waiting_count * sizeof(r->waiting[0]));
    ask_more(r);
}

static void on_pause_over(void *ctx, uint64_t epoch)
{
    struct sim_requester *r = ctx;

    if (epoch == r->epoch && r->client && !r->has_fin)
        ask_more(r);
}

static bool wants_new_connection(const struct sim_requester *r)
{
    return r->has_fin || (r->config.per_connection && r->on_connection >= r->config.per_connection);
}

static void ask_more(struct sim_requester *r)
{
    struct sim_prng *p = sim_prng(r->world);

    if (r->waiting_count == 0 && (r->asked >= r->config.count || wants_new_connection(r))) {
        sim_client_close(&r->client);
        connect_again(r);
        return;
    }
    while (r->asked < r->config.count && r->waiting_count < depth_of(r) &&
           !wants_new_connection(r)) {
        if (r->on_connection > 0 && r->waiting_count == 0 && r->config.pause_max_ns &&
            sim_prng_chance(p, 50)) {
            sim_in(r->world, sim_prng_below(p, r->config.pause_max_ns) + 1, on_pause_over, r,
                   r->epoch);
            return;
        }
        ask(r);
        if (sim_prng_chance(p, r->config.leave_percent))
            sim_in(r->world, sim_prng_below(p, 200 * RT_MS), on_leave, r, r->epoch);
    }
}

/* -- life -- */

static void on_ready(void *user)
{
    struct sim_requester *r = user;

    if (r->config.read_bytes_s)
        sim_link_read_rate(sim_client_link(r->client), r->config.read_bytes_s);
    ask_more(r);
}

static void on_gone(void *user)
{
    struct sim_requester *r = user;

    r->client = NULL;
    if (!r->config.may_be_cut && !r->has_fin && !r->is_stopped)
        sim_fail(r->world, "the relay closed the connection of requester %u", r->index);
    r->cuts++;
    withdraw_all(r);
    connect_again(r);
}

static const struct sim_client_ops client_ops = {on_ready, on_frame, on_gone};

static void on_reconnect(void *ctx, uint64_t epoch)
{
    struct sim_requester *r = ctx;

    if (epoch == r->epoch && !r->client && !r->is_stopped)
        r->client = sim_client_new(r->world, r->config.id, &r->config.relay, &r->config.path,
                                   SIM_TRICK_NONE, &client_ops, r);
}

static void connect_again(struct sim_requester *r)
{
    r->epoch++;
    r->on_connection = 0;
    r->has_fin = false;
    if (r->asked >= r->config.count || r->is_stopped) {
        r->is_done = true;
        return;
    }
    sim_in(r->world, sim_prng_below(sim_prng(r->world), r->config.pause_max_ns + 1), on_reconnect,
           r, r->epoch);
}

void sim_requester_init(struct sim_requester *r, struct sim_world *w, struct sim_oracle *o,
                        uint32_t index, const struct sim_requester_config *config)
{
    *r = (struct sim_requester){.world = w, .oracle = o, .config = *config, .index = index};
    RT_REQUIRE(config->depth <= SIM_DEPTH_MAX);
    if (r->config.ask_min < SIM_ASK_HEAD)
        r->config.ask_min = SIM_ASK_HEAD;
    if (r->config.ask_max < r->config.ask_min)
        r->config.ask_max = r->config.ask_min;
    if (r->config.reply_min < SIM_REPLY_HEAD)
        r->config.reply_min = SIM_REPLY_HEAD;
    if (r->config.reply_max < r->config.reply_min)
        r->config.reply_max = r->config.reply_min;
}

void sim_requester_start(struct sim_requester *r)
{
    connect_again(r);
}

void sim_requester_stop(struct sim_requester *r)
{
    r->is_stopped = true;
    if (r->client)
        leave(r, SIM_CLOSE);
    r->is_done = true;
}
