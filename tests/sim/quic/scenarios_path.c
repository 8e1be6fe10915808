/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: what a path may do to a connection that stands: weather of all sorts, a small MTU,
 * darkness, new addresses, a reader that is slow. The bytes come through whole, whatever it is.
 */
#include <arpa/inet.h>
#include <string.h>

#include "qsim.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

static struct qsim_weather any_weather(struct qsim_world *w)
{
    struct sim_prng *p = &w->random;

    return (struct qsim_weather){.loss = (unsigned)sim_prng_below(p, 100),
                                 .repeat = (unsigned)sim_prng_below(p, 100),
                                 .reorder = (unsigned)sim_prng_below(p, 100),
                                 .spoil = (unsigned)sim_prng_below(p, 10),
                                 .delay_ns = sim_prng_below(p, 150 * QSIM_MS),
                                 .jitter_ns = sim_prng_below(p, 30 * QSIM_MS),
                                 .late_ns = sim_prng_below(p, 200 * QSIM_MS)};
}

/* Ends a connection, one way or another; both ends must hear of it. */
static void end_somehow(struct qsim_world *w, struct qsim_end *a, struct qsim_end *z)
{
    struct sim_prng *p = &w->random;
    struct qsim_end *first = sim_prng_below(p, 2) ? a : z, *other = first == a ? z : a;
    unsigned how = (unsigned)sim_prng_below(p, 4);

    if (how == 0) { /* its last packet arrives */
        other->answers_fin = true;
        first->to_send = sim_prng_below(p, 20 * KIB);
        qsim_end_close(first, false);
    } else if (how == 1) {
        qsim_end_close(first, true);
    } else if (how == 2) {
        qsim_end_close(first, false);
        qsim_end_close(other, sim_prng_below(p, 2));
    } else {
        qsim_end_forget(first);
        other->to_send = 1000; /* the peer is gone: a reset or a timeout */
        qsim_end_flush(other);
    }
    qsim_until_closed(a, 200 * QSIM_S);
    qsim_until_closed(z, 200 * QSIM_S);
    if (how == 0)
        QSIM_CHECK(w, other->received == first->given);
    if (how != 2)
        QSIM_CHECK(w, other->why.why == (how == 0 ? other->why.why : RELAY_END_PEER) ||
                          other->why.why == RELAY_END_TIMEOUT);
}

void qsim_scenario_small(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;

    qsim_open(w, "small", seed);
    w->out = any_weather(w);
    w->back = any_weather(w);
    w->server.always_retries = sim_prng_below(&w->random, 4) == 0;
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, sim_prng_below(&w->random, 100 * KIB), 200 * QSIM_S);
    if (sim_prng_below(&w->random, 3) == 0) {
        qsim_rebind(w, sim_prng_below(&w->random, 2));
        qsim_exchange(w, a, z, 1 + sim_prng_below(&w->random, 50 * KIB), 200 * QSIM_S);
    }
    end_somehow(w, a, z);
    qsim_close(w);
}

void qsim_scenario_large(struct qsim_world *w, uint64_t seed)
{
    const struct qsim_weather bad = {.loss = 10,
                                     .repeat = 10,
                                     .reorder = 20,
                                     .delay_ns = 20 * QSIM_MS,
                                     .jitter_ns = QSIM_MS / 5,
                                     .late_ns = 10 * QSIM_MS};
    struct qsim_end *a, *z;

    qsim_open(w, "large", seed);
    qsim_set_weather(w, &bad);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, 20000000, 300 * QSIM_S);
    z->answers_fin = true;
    qsim_end_close(a, false);
    qsim_until_closed(a, 10 * QSIM_S);
    qsim_until_closed(z, 10 * QSIM_S);
    qsim_close(w);
}

void qsim_scenario_key_update(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;

    qsim_open(w, "key_update", seed);
    w->out = any_weather(w);
    w->back = any_weather(w);
    a = qsim_connect(w, &z);
    quic_engine_keep_alive(a->engine, QSIM_S); /* so that the last keys get confirmed */
    quic_engine_keep_alive(z->engine, QSIM_S);
    for (int i = 0; i < 5; i++) {
        struct qsim_end *who = (seed + (uint64_t)i) % 2 ? a : z;

        qsim_exchange(w, a, z, 1 + sim_prng_below(&w->random, 30 * KIB), 200 * QSIM_S);
        for (int k = 0; ngtcp2_conn_initiate_key_update(who->engine->conn, w->now_ns) != 0; k++) {
            QSIM_CHECK(w, k < 20);
            qsim_run(w, QSIM_S);
        }
    }
    qsim_exchange(w, a, z, 100 * KIB, 200 * QSIM_S);
    end_somehow(w, a, z);
    qsim_close(w);
}

/* Noise at the addresses of a connection. */
static void make_noise(struct qsim_world *w, const struct qsim_end *a)
{
    struct sim_prng *p = &w->random;
    const ngtcp2_path *path = quic_engine_path(a->engine);
    union quic_addr client, server = w->server.address;
    bool is_to_server = sim_prng_below(p, 2);
    uint8_t bytes[1200];
    size_t n = 1 + sim_prng_below(p, sizeof(bytes));

    memset(&client, 0, sizeof(client));
    memcpy(&client, path->local.addr, path->local.addrlen);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)sim_prng_next(p);
    if (sim_prng_below(p, 2))
        bytes[0] = (uint8_t)(0x40 | (bytes[0] & 0x3f)); /* the look of a short header */
    if (is_to_server)
        qsim_transmit(w, true, &client, &server, bytes, n);
    else
        qsim_transmit(w, false, &server, &client, bytes, n);
}

void qsim_scenario_spoilt(struct qsim_world *w, uint64_t seed)
{
    const struct qsim_weather bad = {.spoil = 50, .delay_ns = 5 * QSIM_MS};
    struct qsim_end *a, *z;

    qsim_open(w, "spoilt", seed);
    qsim_set_weather(w, &bad);
    a = qsim_connect(w, &z);
    for (int i = 0; i < 50; i++) {
        for (int k = 0; k < 10; k++)
            make_noise(w, a);
        qsim_exchange(w, a, z, 5000, 100 * QSIM_S);
    }
    qsim_close(w);
}

void qsim_scenario_mtu(struct qsim_world *w, uint64_t seed)
{
    const struct qsim_weather narrow = {.mtu = 1252, .loss = 10, .delay_ns = 10 * QSIM_MS};
    struct qsim_end *a, *z;

    qsim_open(w, "mtu", seed);
    qsim_set_weather(w, &narrow);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, MIB, 100 * QSIM_S);
    qsim_close(w);
}

void qsim_scenario_blackout(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;

    qsim_open(w, "blackout", seed);
    a = qsim_connect(w, &z);
    for (int i = 0; i < 3; i++) {
        qsim_send(a, MIB);
        qsim_send(z, MIB);
        qsim_run(w, sim_prng_below(&w->random, 200 * QSIM_MS));
        w->out.is_cut = sim_prng_below(&w->random, 3) > 0;
        w->back.is_cut = !w->out.is_cut || sim_prng_below(&w->random, 2);
        qsim_run(w, QSIM_S + sim_prng_below(&w->random, 8 * QSIM_S));
        w->out.is_cut = w->back.is_cut = false;
        qsim_until_received(z, a->given + a->to_send, 100 * QSIM_S);
        qsim_until_received(a, z->given + z->to_send, 100 * QSIM_S);
    }
    qsim_close(w);
}

void qsim_scenario_slow_reader(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z, *reader, *writer;
    uint64_t begun;

    qsim_open(w, "slow_reader", seed);
    a = qsim_connect(w, &z);
    reader = seed % 2 ? a : z;
    writer = seed % 2 ? z : a;
    reader->read_per_s = 500000;
    begun = w->now_ns;
    qsim_send(writer, 5000000);
    qsim_run(w, 2 * QSIM_S);
    QSIM_CHECK(w, quic_engine_left(writer->engine) > 0 && writer->to_send > 0);
    qsim_send(reader, 100000); /* a waiting end still reads */
    qsim_until_received(writer, 100000, QSIM_S);
    qsim_until_received(reader, 5000000, 60 * QSIM_S);
    /* the bytes in the window at the end are sent and not read */
    QSIM_CHECK(w, w->now_ns - begun > 7 * QSIM_S);
    qsim_close(w);
}

static void check_server_knows(struct qsim_world *w, const struct qsim_end *z)
{
    const ngtcp2_path *path = quic_engine_path(z->engine);
    const struct sockaddr_in *at = (const struct sockaddr_in *)(const void *)path->remote.addr;

    QSIM_CHECK(w, ntohs(at->sin_port) / 1000 == 27 + w->nat_shift / 1000);
    QSIM_CHECK(w, ntohl(at->sin_addr.s_addr) ==
                      ntohl(w->client.address.v4.sin_addr.s_addr) + w->nat_moves);
}

void qsim_scenario_rebind(struct qsim_world *w, uint64_t seed)
{
    const struct qsim_weather bad = {.loss = 10, .delay_ns = 15 * QSIM_MS};
    struct qsim_end *a, *z;

    qsim_open(w, "rebind", seed);
    qsim_set_weather(w, &bad);
    a = qsim_connect(w, &z);
    /* an end that only receives sends nothing from its new port before it has data */
    quic_engine_keep_alive(a->engine, 5 * QSIM_S);
    for (int i = 0; i < 5; i++) {
        qsim_send(z, MIB); /* a download: all it hears of the new port is acknowledgements */
        qsim_send(a, i % 2 ? 300 * KIB : 0);
        qsim_run(w, sim_prng_below(&w->random, 300 * QSIM_MS));
        qsim_rebind(w, sim_prng_below(&w->random, 2));
        qsim_until_received(a, z->given + z->to_send, 60 * QSIM_S);
        qsim_until_received(z, a->given + a->to_send, 60 * QSIM_S);
    }
    qsim_exchange(w, a, z, 10000, 60 * QSIM_S);
    check_server_knows(w, z);
    qsim_close(w);
}

/* It needs to hear that the handshake is over, and an id for the new path, which is on its way. */
static void move_to_new_socket(struct qsim_world *w, struct qsim_end *a)
{
    struct qsim_host *h = &w->client;
    union quic_addr local = h->address, remote = w->server.address;
    ngtcp2_path path = {.local = {&local.any, sizeof(local.v4)},
                        .remote = {&remote.any, sizeof(remote.v4)}};
    int rv = -1;

    h->address.v4.sin_port = htons((uint16_t)(ntohs(h->address.v4.sin_port) + 1));
    for (int i = 0; i < 20; i++) {
        rv = ngtcp2_conn_initiate_migration(a->engine->conn, &path, w->now_ns);
        if (rv != NGTCP2_ERR_CONN_ID_BLOCKED && rv != NGTCP2_ERR_INVALID_STATE)
            break;
        qsim_run(w, 100 * QSIM_MS);
    }
    QSIM_CHECK(w, rv == 0);
    qsim_end_flush(a);
}

void qsim_scenario_migrate(struct qsim_world *w, uint64_t seed)
{
    const struct qsim_weather bad = {.loss = 10, .delay_ns = 15 * QSIM_MS};
    struct qsim_end *a, *z;
    struct sockaddr_in at;

    qsim_open(w, "migrate", seed);
    qsim_set_weather(w, &bad);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, 10 * KIB, 60 * QSIM_S);
    for (int i = 0; i < 3; i++) {
        qsim_send(z, MIB);
        qsim_send(a, MIB);
        qsim_run(w, sim_prng_below(&w->random, 200 * QSIM_MS));
        move_to_new_socket(w, a);
        qsim_until_received(a, z->given + z->to_send, 60 * QSIM_S);
        qsim_until_received(z, a->given + a->to_send, 60 * QSIM_S);
        qsim_run(w, QSIM_S);
    }
    memcpy(&at, quic_engine_path(z->engine)->remote.addr, sizeof(at));
    QSIM_CHECK(w, ntohs(at.sin_port) == ntohs(w->client.address.v4.sin_port) - 1);
    qsim_close(w);
}
