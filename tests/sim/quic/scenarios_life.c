/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: how connections begin, last and end: deadlines and silence, proofs of address, versions,
 * resets, and every order in which two ends can part.
 */
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>

#include "qsim.h"

#define DEADLINE_NS (10 * QSIM_S)
#define LIMIT_NS (100 * QSIM_S)

void qsim_scenario_idle(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;
    uint64_t packets, silent;

    qsim_open(w, "idle", seed);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, 1, LIMIT_NS);
    qsim_run(w, 2 * QSIM_S); /* acknowledgements, probes of the path's MTU */
    silent = w->now_ns;
    packets = a->packets_out + z->packets_out;
    qsim_until_closed(a, LIMIT_NS);
    qsim_until_closed(z, LIMIT_NS);
    QSIM_CHECK(w, a->why.why == RELAY_END_TIMEOUT && z->why.why == RELAY_END_TIMEOUT);
    QSIM_CHECK(w, a->closed_ns - silent > 25 * QSIM_S && a->closed_ns - silent < 31 * QSIM_S);
    QSIM_CHECK(w, a->packets_out + z->packets_out == packets &&
                      a->close_packets + z->close_packets == 0);
    qsim_close(w);
}

void qsim_scenario_keep_alive(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;
    uint64_t packets;

    qsim_open(w, "keep_alive", seed);
    w->out.loss = w->back.loss = 20;
    a = qsim_connect(w, &z);
    quic_engine_keep_alive(seed % 2 ? a->engine : z->engine, 10 * QSIM_S);
    qsim_end_flush(seed % 2 ? a : z);
    qsim_run(w, 2 * QSIM_S);
    packets = a->packets_out + z->packets_out;
    qsim_run(w, 300 * QSIM_S);
    QSIM_CHECK(w, !a->has_closed && !z->has_closed);
    packets = a->packets_out + z->packets_out - packets;
    QSIM_CHECK(w, packets >= 50 && packets <= 100);
    qsim_exchange(w, a, z, 1000, LIMIT_NS);
    quic_engine_keep_alive(seed % 2 ? a->engine : z->engine, 0);
    qsim_end_flush(seed % 2 ? a : z);
    qsim_until_closed(a, LIMIT_NS);
    QSIM_CHECK(w, a->why.why == RELAY_END_TIMEOUT);
    qsim_close(w);
}

void qsim_scenario_strangers(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;

    qsim_open(w, "strangers", seed);
    for (uint8_t i = 1; i < QSIM_ENDS_MAX; i++) {
        uint8_t p[1200] = {0xc0, 0, 0, 0, 1, 8, i, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0x44, 0x9d};

        for (size_t k = 18; k < sizeof(p); k++)
            p[k] = (uint8_t)sim_prng_next(&w->random);
        if (seed % 2) /* one more of its bytes than it says, or fewer */
            p[17] = (uint8_t)sim_prng_next(&w->random);
        qsim_transmit(w, true, &w->client.address, &w->server.address, p, sizeof(p));
        qsim_transmit(w, true, &w->client.address, &w->server.address, p, sizeof(p));
    }
    qsim_run(w, 40 * QSIM_S);
    QSIM_CHECK(w, w->server.end_count > 0 && w->server.ids.count == 0);
    w->server.end_count -= 2; /* they are gone: makes room */
    free(w->server.ends[w->server.end_count]);
    free(w->server.ends[w->server.end_count + 1]);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, 1000, LIMIT_NS);
    qsim_close(w);
}

void qsim_scenario_deadline_client(struct qsim_world *w, uint64_t seed)
{
    uint64_t begun;
    struct qsim_end *a;

    qsim_open(w, "deadline_client", seed);
    w->out.is_cut = true;
    begun = w->now_ns;
    a = qsim_dial(w);
    a->deadline_ns = w->now_ns + DEADLINE_NS;
    qsim_until_closed(a, LIMIT_NS);
    QSIM_CHECK(w, w->now_ns - begun >= DEADLINE_NS && w->now_ns - begun < 11 * QSIM_S);
    QSIM_CHECK(w, a->why.why == RELAY_END_LOCAL && !a->has_opened);
    QSIM_CHECK(w, a->packets_out < 20);
    qsim_close(w);

    qsim_open(w, "deadline_client", seed); /* ... and without one the wait is bounded */
    w->out.is_cut = true;
    a = qsim_dial(w);
    qsim_until_closed(a, LIMIT_NS);
    QSIM_CHECK(w, a->why.why == RELAY_END_TIMEOUT);
    qsim_close(w);
}

static void set_deadline(struct qsim_end *e)
{
    e->deadline_ns = e->host->world->now_ns + DEADLINE_NS;
}

static struct qsim_end *first_accepted(struct qsim_world *w)
{
    QSIM_CHECK(w, w->server.end_count > 0);
    return w->server.ends[0];
}

void qsim_scenario_deadline_server(struct qsim_world *w, uint64_t seed)
{
    for (int has_deadline = 0; has_deadline < 2; has_deadline++) {
        struct qsim_end *z;

        qsim_open(w, "deadline_server", seed);
        if (has_deadline)
            w->server.begun = set_deadline;
        qsim_dial(w);
        w->out.is_cut = true; /* its last packets are under way */
        qsim_run(w, QSIM_S);
        z = first_accepted(w);
        QSIM_CHECK(w, z->packets_in > 0 && !z->has_closed);
        qsim_until_closed(z, LIMIT_NS);
        QSIM_CHECK(w, !z->has_opened && z->bytes_out <= 3 * z->bytes_in);
        QSIM_CHECK(w, z->why.why == (has_deadline ? RELAY_END_LOCAL : RELAY_END_TIMEOUT));
        qsim_close(w);
    }
}

/* A key of 1024 bytes that the server does not want, beside one that it does. */
static void offer_much(struct qsim_end *e)
{
    static const char large[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE8192:"
                                "+GROUP-X25519:%DISABLE_TLS13_COMPAT_MODE";
    gnutls_datum_t odd = {(unsigned char *)(uintptr_t) "odd", 3};

    QSIM_CHECK(e->host->world, gnutls_priority_set_direct(e->engine->tls, large, NULL) == 0);
    QSIM_CHECK(e->host->world, gnutls_alpn_set_protocols(e->engine->tls, &odd, 1, 0) == 0);
}

void qsim_scenario_two_initials(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;

    qsim_open(w, "two_initials", seed);
    w->out = (struct qsim_weather){.loss = seed % 2 ? 100 : 0,
                                   .reorder = 300,
                                   .delay_ns = 5 * QSIM_MS,
                                   .late_ns = 20 * QSIM_MS};
    w->client.begun = offer_much;
    a = qsim_connect(w, &z);
    QSIM_CHECK(w, a->bytes_out > 2 * 1200);
    QSIM_CHECK(w, w->server.end_count == 1 || w->server.retries > 0);
    qsim_exchange(w, a, z, 10000, LIMIT_NS);
    qsim_close(w);
}

void qsim_scenario_retry(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;

    qsim_open(w, "retry", seed);
    w->server.always_retries = true;
    w->out.loss = w->back.loss = (unsigned)(seed % 3) * 50;
    a = qsim_connect(w, &z);
    QSIM_CHECK(w, w->server.retries >= 1);
    if (seed % 3 == 0)
        QSIM_CHECK(w, w->server.retries == 1 && w->server.end_count == 1);
    qsim_exchange(w, a, z, 100000, LIMIT_NS);
    qsim_close(w);
}

static bool has_retried(void *ctx)
{
    return ((const struct qsim_world *)ctx)->server.retries > 0;
}

void qsim_scenario_retry_moved(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a;

    qsim_open(w, "retry_moved", seed);
    w->server.always_retries = true;
    a = qsim_dial(w);
    a->deadline_ns = w->now_ns + DEADLINE_NS;
    qsim_until(w, has_retried, w, QSIM_S, "a Retry");
    w->out.is_cut = true; /* its immediate reply is lost, ... */
    qsim_run(w, 2 * w->back.delay_ns);
    w->out.is_cut = false;
    qsim_rebind(w, seed % 2); /* ... and said again from elsewhere */
    qsim_until_closed(a, LIMIT_NS);
    QSIM_CHECK(w, !a->has_opened && a->why.why == RELAY_END_LOCAL);
    QSIM_CHECK(w, w->server.retries >= 2 && w->server.end_count == 0);
    qsim_close(w);
}

void qsim_scenario_versions(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a;

    qsim_open(w, "versions", seed);
    w->server.speaks_nothing = true;
    a = qsim_dial(w);
    qsim_until_closed(a, QSIM_S);
    QSIM_CHECK(w, a->why.why == RELAY_END_HANDSHAKE && a->close_packets == 0);
    QSIM_CHECK(w, w->server.negotiations == 1);
    qsim_close(w);
}

void qsim_scenario_reset(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;
    uint64_t begun;

    qsim_open(w, "reset", seed);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, 10000, LIMIT_NS);
    if (seed % 2) { /* also on an id that came later */
        qsim_rebind(w, true);
        qsim_exchange(w, a, z, 10000, LIMIT_NS);
        qsim_run(w, QSIM_S);
    }
    qsim_end_forget(z);
    begun = w->now_ns;
    qsim_send(a, 5000);
    qsim_until_closed(a, LIMIT_NS);
    QSIM_CHECK(w, w->now_ns - begun < QSIM_S && w->server.resets > 0);
    QSIM_CHECK(w, a->why.why == RELAY_END_PEER && a->close_packets == 0);
    qsim_run(w, 10 * QSIM_S);
    QSIM_CHECK(w, a->has_closed);
    qsim_close(w);
}

void qsim_scenario_graceful(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z, *first, *other;
    uint64_t begun;

    qsim_open(w, "graceful", seed);
    a = qsim_connect(w, &z);
    first = seed % 2 ? a : z;
    other = seed % 2 ? z : a;
    qsim_exchange(w, a, z, 1, LIMIT_NS);
    other->answers_fin = true;
    first->to_send = 300000;
    begun = w->now_ns;
    qsim_end_close(first, false);
    qsim_until_closed(a, LIMIT_NS);
    qsim_until_closed(z, LIMIT_NS);
    QSIM_CHECK(w, other->received == first->given && first->given == 300001);
    QSIM_CHECK(w, first->has_fin && other->has_fin);
    QSIM_CHECK(w, w->now_ns - begun < 2 * QSIM_S); /* no useless wait */
    QSIM_CHECK(w, first->owner.kind == QUIC_OWNER_CLOSING);
    qsim_run(w, 10 * QSIM_S);
    QSIM_CHECK(w, w->client.ids.count == 0 && w->server.ids.count == 0);
    qsim_close(w);
}

void qsim_scenario_unanswered(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;
    uint64_t begun;

    qsim_open(w, "unanswered", seed);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, 1000, LIMIT_NS);
    begun = w->now_ns;
    qsim_end_close(z, false);
    qsim_until_closed(z, LIMIT_NS);
    QSIM_CHECK(w, w->now_ns - begun > QSIM_S && w->now_ns - begun < 3 * QSIM_S / 2);
    QSIM_CHECK(w, a->has_fin && !a->has_closed);
    qsim_until_closed(a, QSIM_S);
    QSIM_CHECK(w, a->why.why == RELAY_END_PEER && !a->why.detail);
    qsim_close(w);
}

void qsim_scenario_both_close(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;

    for (unsigned how = 0; how < 4; how++) {
        qsim_open(w, "both_close", seed);
        a = qsim_connect(w, &z);
        qsim_exchange(w, a, z, 20000, LIMIT_NS);
        qsim_end_close(a, how & 1);
        qsim_end_close(z, how & 2);
        qsim_until_closed(a, 2 * QSIM_S);
        qsim_until_closed(z, 2 * QSIM_S);
        qsim_run(w, 10 * QSIM_S);
        QSIM_CHECK(w, w->client.ids.count == 0 && w->server.ids.count == 0);
        if (w->packet_count > 0 || a->close_packets + z->close_packets > 16)
            qsim_fail(w, "how %u: CONNECTION_CLOSE sent %u and %u times", how, a->close_packets,
                      z->close_packets);
        qsim_close(w);
    }
}

void qsim_scenario_lost_close(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;

    qsim_open(w, "lost_close", seed);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, 20000, LIMIT_NS);
    w->back.is_cut = true;
    qsim_end_close(z, true);
    w->back.is_cut = false;
    qsim_send(a, 100000);
    qsim_until_closed(a, QSIM_S);
    QSIM_CHECK(w, a->why.why == RELAY_END_PEER && z->close_packets >= 2 && z->late_packets > 0);
    QSIM_CHECK(w, z->close_packets <= 8); /* at a falling rate */
    QSIM_CHECK(w, w->server.resets == 0);
    qsim_close(w);
}

static int shut(struct qsim_end *e, int how)
{
    if (how == 0)
        return ngtcp2_conn_shutdown_stream(e->engine->conn, 0, e->engine->stream, 7);
    if (how == 1)
        return ngtcp2_conn_shutdown_stream_read(e->engine->conn, 0, e->engine->stream, 7);
    return ngtcp2_conn_shutdown_stream_write(e->engine->conn, 0, e->engine->stream, 7);
}

void qsim_scenario_stream_reset(struct qsim_world *w, uint64_t seed)
{
    static const char *const said[] = {"the peer reset its stream",
                                       "the peer stopped reading the stream",
                                       "the peer reset its stream"};

    for (int how = 0; how < 3; how++) {
        struct qsim_end *a, *z;

        qsim_open(w, "stream_reset", seed);
        a = qsim_connect(w, &z);
        qsim_exchange(w, a, z, 5000, LIMIT_NS);
        qsim_send(z, 1000000);
        qsim_run(w, sim_prng_below(&w->random, 100 * QSIM_MS));
        QSIM_CHECK(w, shut(a, how) == 0);
        qsim_end_flush(a);
        qsim_until_closed(z, QSIM_S);
        QSIM_CHECK(w, z->why.why == RELAY_END_PEER && z->why.detail);
        if (strcmp(z->why.detail, said[how]) != 0)
            qsim_fail(w, "it heard: %s", z->why.detail);
        qsim_until_closed(a, QSIM_S);
        qsim_close(w);
    }
}

void qsim_scenario_streams(struct qsim_world *w, uint64_t seed)
{
    struct qsim_end *a, *z;
    int64_t id;

    qsim_open(w, "streams", seed);
    a = qsim_connect(w, &z);
    qsim_exchange(w, a, z, 5000, LIMIT_NS);
    QSIM_CHECK(w, ngtcp2_conn_open_bidi_stream(a->engine->conn, &id, NULL) ==
                      NGTCP2_ERR_STREAM_ID_BLOCKED);
    QSIM_CHECK(w, ngtcp2_conn_open_uni_stream(a->engine->conn, &id, NULL) ==
                      NGTCP2_ERR_STREAM_ID_BLOCKED);
    QSIM_CHECK(w, ngtcp2_conn_open_bidi_stream(z->engine->conn, &id, NULL) ==
                      NGTCP2_ERR_STREAM_ID_BLOCKED);
    qsim_close(w);
}
