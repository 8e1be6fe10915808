/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "client.h"
#include "net_private.h"
#include "wire_hello.h"
#include "wire_limits.h"

enum client_state { CLIENT_CONNECTS, CLIENT_SAID_HELLO, CLIENT_READY, CLIENT_GIVEN_UP };

struct sim_client {
    struct sim_world *world;
    const struct sim_identity *id;
    struct sim_target to;
    enum sim_trick trick;
    const struct sim_client_ops *ops;
    void *user;
    struct sim_link *link;
    enum client_state state;
    struct wire_hello hello;
    struct sim_bytes in;
};

/* The last honest hello of this process's world, for the replay. */
static struct wire_hello last_hello;

void sim_identity_init(struct sim_identity *id, uint32_t number)
{
    uint8_t seed[32] = {'s', 'i', 'm'};

    memcpy(seed + 8, &number, sizeof(number));
    rt_sign_key_from_seed(seed, &id->key);
    sim_addr4(&id->addr, 0x0a000000u + number + 1, 0);
    id->dialect = WIRE_DIALECT_A;
}

/* -- handshake -- */

static void sign_hello(struct sim_client *c, struct wire_hello *h)
{
    uint8_t bytes[WIRE_HELLO_MAX];
    size_t len = wire_hello_signed(h, bytes, sizeof(bytes));

    rt_sign(&c->id->key, bytes, len, h->signature);
}

static void fill(struct sim_client *c, void *out, size_t len)
{
    uint8_t *p = out;

    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)sim_prng_next(sim_prng(c->world));
}

static uint64_t wall_s(const struct sim_client *c)
{
    return SIM_WALL_START_S + sim_now(c->world) / RT_S;
}

static void make_hello(struct sim_client *c)
{
    struct wire_hello *h = &c->hello;
    uint8_t secret[32];

    memset(h, 0, sizeof(*h));
    memcpy(h->node_pubkey, c->id->key.public_key, 32);
    fill(c, h->nonce, 32);
    fill(c, secret, 32);
    rt_kx_public(secret, h->ephemeral_pubkey);
    h->timestamp_unix_secs = wall_s(c);
    h->protocol_version = wire_dialect_version(c->id->dialect);
    h->capabilities.has_community_fields = wire_dialect_has_community_fields(c->id->dialect);
    if (c->trick == SIM_TRICK_STALE_CLOCK)
        h->timestamp_unix_secs -= LIM_HELLO_SKEW_S + 2;
    if (c->trick == SIM_TRICK_EARLY_CLOCK)
        h->timestamp_unix_secs += LIM_HELLO_SKEW_S + 2;
    if (c->trick == SIM_TRICK_WRONG_VERSION)
        h->protocol_version = 2;
    sign_hello(c, h);
    if (c->trick == SIM_TRICK_WRONG_SIGNATURE)
        h->signature[sim_prng_below(sim_prng(c->world), 64)] ^= 1;
    if (c->trick == SIM_TRICK_REPLAYED_NONCE)
        *h = last_hello;
    else if (c->trick == SIM_TRICK_NONE)
        last_hello = *h;
}

static void send_cut(struct sim_client *c, uint8_t *body, size_t len, size_t send)
{
    uint8_t length[WIRE_LENGTH_BYTES];

    wire_length_write(length, (uint32_t)len);
    sim_link_send(c->link, length, sizeof(length));
    sim_link_send(c->link, body, send);
}

/* A signature of 63 bytes: the last field is an array, so its head says 0x98 63. */
static size_t shorten_signature(uint8_t *body, size_t len, const struct wire_hello *h)
{
    uint8_t last = h->signature[63];
    size_t cut = last < 24 ? 1 : 2;

    for (size_t i = len - 2; i > 0; i--)
        if (body[i] == 0x98 && body[i + 1] == 64) {
            body[i + 1] = 63;
            break;
        }
    return len - cut;
}

static void say_hello(struct sim_client *c)
{
    uint8_t body[WIRE_HELLO_MAX];
    size_t len;

    make_hello(c);
    len = wire_hello_encode(&c->hello, body, sizeof(body));
    if (c->trick == SIM_TRICK_SHORT_SIGNATURE)
        len = shorten_signature(body, len, &c->hello);
    if (c->trick == SIM_TRICK_GARBAGE_HELLO)
        fill(c, body, len);
    switch (c->trick) {
    case SIM_TRICK_SAY_NOTHING:
        return;
    case SIM_TRICK_HALF_HELLO:
        send_cut(c, body, len, len / 2);
        return;
    case SIM_TRICK_TRUNCATED_HELLO:
        send_cut(c, body, len / 2, len / 2);
        return;
    case SIM_TRICK_OVERSIZE_HELLO:
        send_cut(c, body, LIM_HANDSHAKE_FRAME_MAX + 1, len);
        return;
    default:
        send_cut(c, body, len, len);
        c->state = CLIENT_SAID_HELLO;
    }
}

static void check_server_hello(struct sim_client *c, const struct wire_hello *h)
{
    uint8_t bytes[WIRE_HELLO_MAX];
    size_t len = wire_hello_signed(h, bytes, sizeof(bytes));
    uint64_t now = wall_s(c);

    if (!rt_sign_verify(h->node_pubkey, bytes, len, h->signature))
        sim_fail(c->world, "the relay's hello is not signed by its key");
    if (memcmp(h->node_pubkey, c->to.public_key, 32) != 0)
        sim_fail(c->world, "the relay's hello is another relay's");
    if (!h->has_echoed_nonce || memcmp(h->echoed_nonce, c->hello.nonce, 32) != 0)
        sim_fail(c->world, "the relay's hello does not echo our nonce");
    if (h->protocol_version != wire_dialect_version(c->id->dialect) ||
        h->timestamp_unix_secs + LIM_HELLO_SKEW_S < now || h->timestamp_unix_secs > now + 1)
        sim_fail(c->world, "the relay's hello has a wrong version or clock");
}

static void on_server_hello(struct sim_client *c, uint8_t *body, uint32_t len)
{
    struct wire_hello theirs, ack = c->hello;
    uint8_t out[WIRE_HELLO_MAX];
    size_t n;

    if (wire_hello_decode(body, len, &theirs) != RT_ERR_OK)
        sim_fail(c->world, "the relay's hello does not decode");
    check_server_hello(c, &theirs);
    ack.has_echoed_nonce = true;
    memcpy(ack.echoed_nonce, theirs.nonce, 32);
    ack.timestamp_unix_secs = wall_s(c);
    if (c->trick == SIM_TRICK_WRONG_ACK_KEY)
        ack.node_pubkey[3] ^= 1;
    if (c->trick == SIM_TRICK_WRONG_ACK_NONCE)
        ack.nonce[3] ^= 1;
    if (c->trick == SIM_TRICK_WRONG_ACK_ECHO)
        ack.echoed_nonce[3] ^= 1;
    sign_hello(c, &ack);
    if (c->trick == SIM_TRICK_WRONG_ACK_SIGNATURE)
        ack.signature[40] ^= 1;
    n = wire_hello_encode(&ack, out, sizeof(out));
    send_cut(c, out, n, c->trick == SIM_TRICK_HALF_ACK ? n / 2 : n);
    if (c->trick != SIM_TRICK_NONE)
        return;
    c->state = CLIENT_READY;
    c->ops->ready(c->user);
}

/* -- the link's events -- */

static void on_opened(void *user)
{
    say_hello(user);
}

static void on_frame(struct sim_client *c, uint8_t *body, uint32_t len)
{
    if (c->state == CLIENT_SAID_HELLO)
        on_server_hello(c, body, len);
    else if (c->state == CLIENT_READY)
        c->ops->frame(c->user, body, len);
    else
        sim_fail(c->world, "a frame out of turn, %u bytes", len);
}

static void on_data(void *user, const uint8_t *ptr, size_t len)
{
    struct sim_client *c = user;

    sim_bytes_push(&c->in, ptr, len);
    while (c->state != CLIENT_GIVEN_UP && c->in.len >= WIRE_LENGTH_BYTES) {
        uint8_t *at = c->in.ptr + c->in.head;
        uint32_t n = wire_length_read(at);

        if (n > LIM_FRAME_MAX)
            sim_fail(c->world, "the relay announces a frame of %u bytes", n);
        if (c->in.len < WIRE_LENGTH_BYTES + n)
            return;
        on_frame(c, at + WIRE_LENGTH_BYTES, n);
        sim_bytes_shift(&c->in, WIRE_LENGTH_BYTES + n);
    }
}

static void free_client(void *ctx, uint64_t arg)
{
    struct sim_client *c = ctx;

    (void)arg;
    sim_bytes_free(&c->in);
    free(c);
}

/* No callback is called any more; callbacks may be on the stack. */
static void give_up(struct sim_client *c)
{
    c->state = CLIENT_GIVEN_UP;
    c->link = NULL;
    sim_in(c->world, 0, free_client, c, 0);
}

static void tell_gone(struct sim_client *c)
{
    const struct sim_client_ops *ops = c->ops;
    void *user = c->user;

    if (c->in.len > 0 && c->state == CLIENT_READY)
        sim_fail(c->world, "the relay closed in the middle of a frame");
    give_up(c);
    ops->gone(user);
}

static void on_eof(void *user)
{
    struct sim_client *c = user;

    sim_link_close(c->link);
    tell_gone(c);
}

static void on_closed(void *user, enum sim_gone how)
{
    struct sim_client *c = user;

    if (how == SIM_GONE_RESET)
        c->in.len = 0;
    tell_gone(c);
}

static const struct sim_link_ops link_ops = {on_opened, on_data, on_eof, on_closed};

/* -- verbs -- */

struct sim_client *sim_client_new(struct sim_world *w, const struct sim_identity *id,
                                  const struct sim_target *to, const struct sim_path *path,
                                  enum sim_trick trick, const struct sim_client_ops *ops,
                                  void *user)
{
    struct sim_client *c = sim_alloc(sizeof(*c));
    struct sockaddr_storage from = id->addr;
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&from;

    c->world = w;
    c->id = id;
    c->to = *to;
    c->trick = trick;
    c->ops = ops;
    c->user = user;
    v4->sin_port = htons((uint16_t)sim_prng_between(sim_prng(w), 1024, 65535));
    c->link = sim_connect(sim_world_net(w), (const struct sockaddr *)&from,
                          (const struct sockaddr *)&c->to.addr, path, &link_ops, c);
    return c;
}

void sim_client_send(struct sim_client *c, const void *head, size_t head_len, const void *body,
                     size_t body_len)
{
    uint8_t length[WIRE_LENGTH_BYTES];

    wire_length_write(length, (uint32_t)(head_len + body_len));
    sim_link_send(c->link, length, sizeof(length));
    sim_link_send(c->link, head, head_len);
    sim_link_send(c->link, body, body_len);
}

void sim_client_send_raw(struct sim_client *c, const void *bytes, size_t len)
{
    sim_link_send(c->link, bytes, len);
}

struct sim_link *sim_client_link(struct sim_client *c)
{
    return c->link;
}

static void end_with(struct sim_client **client, void (*how)(struct sim_link *l))
{
    struct sim_client *c = *client;

    *client = NULL;
    if (!c || c->state == CLIENT_GIVEN_UP)
        return;
    how(c->link);
    give_up(c);
}

void sim_client_close(struct sim_client **c)
{
    end_with(c, sim_link_close);
}

void sim_client_reset(struct sim_client **c)
{
    end_with(c, sim_link_reset);
}

void sim_client_vanish(struct sim_client **c)
{
    end_with(c, sim_link_vanish);
}

void sim_client_fin(struct sim_client *c)
{
    sim_link_fin(c->link);
}
