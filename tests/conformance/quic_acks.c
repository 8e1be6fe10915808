/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: what waits for something to go along with, and what does not. Machines stand still now and
 * then, which makes a wait longer, or lets an old timer end it early: that something waits is shown
 * by most of many rounds, that something does not by the quickest.
 */
#include <time.h>

#include "quic/worker.h"
#include "quic_peer.h"
#include "quic_tests.h"

#define SETTLE_NS UINT64_C(100000000) /* probes of the path's MTU, and what they are answered */
#define KEEP_NS UINT64_C(10000000000)
#define ROUNDS 20u
#define SHORT 10u
#define MOVES 5u

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* A client, and its end at the relay, which have nothing to say to each other. */
static struct cf_end *meet(struct cf_bench *b, struct quic_peer *p)
{
    struct cf_end *z;

    quic_peer_begin(b, p, &b->address);
    quic_peer_until_opened(p);
    z = cf_until_admitted(b);
    quic_peer_send(p, SHORT);
    cf_until_received(z, SHORT);
    quic_peer_for(p, SETTLE_NS);
    return z;
}

static void part(struct cf_bench *b, struct quic_peer *p)
{
    quic_peer_part(p);
    cf_bench_close(b);
}

void over_quic_one_packet_waits(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    const struct relay_transport *t = b->subject->transport;
    struct quic_peer p;
    struct cf_end *z = meet(b, &p);
    unsigned waits = 0;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        uint64_t from = now_ns();

        quic_peer_send(&p, SHORT);
        cf_until_received(z, SHORT * (i + 1));
        t->keep_alive(z->conn, i % 2 ? KEEP_NS : 0); /* a timer is no reason to write */
        quic_peer_until_acknowledged(&p);
        waits += now_ns() - from >= QUIC_ACK_ONE_NS / 2;
    }
    CF_CHECK(waits > ROUNDS / 2);
    part(b, &p);
}

static void answer(struct cf_end *e, size_t n)
{
    cf_send(e, n);
}

void over_quic_answer_acknowledges(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    struct cf_end *z = meet(b, &p);
    uint64_t before = cf_counter(b, "packets_out_total");

    z->hooks.data = answer;
    for (unsigned i = 1; i <= ROUNDS; i++) {
        quic_peer_send(&p, SHORT);
        quic_peer_until_received(&p, SHORT * i);
    }
    CF_CHECK(cf_counter(b, "packets_out_total") - before <= ROUNDS + ROUNDS / 2);
    part(b, &p);
}

/* The peer has said something as well, which is not acknowledged yet. */
static void sent(struct cf_end *e, size_t left)
{
    struct quic_peer *p = e->ctx;

    if (left > 0)
        return;
    quic_peer_turn(p);
    CF_CHECK(quic_engine_left(p->engine) == SHORT);
}

void over_quic_delivers_at_once(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    struct cf_end *z = meet(b, &p);

    z->ctx = &p;
    z->hooks.sent = sent;
    for (unsigned i = 1; i <= ROUNDS; i++) {
        cf_send(z, 1000);
        cf_for(b, QUIC_ACK_NS);
        quic_peer_send(&p, SHORT); /* reads first: what it sends acknowledges */
        cf_until_drained(z);
        quic_peer_until_acknowledged(&p);
    }
    CF_CHECK(z->sent_events >= 2 * ROUNDS);
    part(b, &p);
}

void over_quic_gap_is_urgent(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    struct cf_end *z = meet(b, &p);
    uint64_t quickest = UINT64_MAX, total = SHORT;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        uint64_t heard = p.heard, from = now_ns();

        p.loses = 1;
        quic_peer_send(&p, 2000); /* two packets */
        while (p.heard == heard && now_ns() - from < CF_WAIT_NS)
            quic_peer_for(&p, QUIC_ACK_NS / 10);
        if (now_ns() - from < quickest)
            quickest = now_ns() - from;
        quic_peer_until_acknowledged(&p);
        total += 2000;
        cf_until_received(z, total);
        quic_peer_for(&p, 2 * QUIC_ACK_ONE_NS);
    }
    CF_CHECK(quickest < QUIC_ACK_ONE_NS / 2);
    part(b, &p);
}

void over_quic_other_path_is_urgent(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    uint64_t quickest = UINT64_MAX;

    (void)meet(b, &p);
    for (unsigned i = 0; i < MOVES; i++) {
        uint64_t heard = p.heard, from = now_ns();

        quic_peer_move(&p);
        quic_peer_send(&p, SHORT);
        while (p.heard == heard && now_ns() - from < CF_WAIT_NS)
            quic_peer_for(&p, QUIC_ACK_NS / 10);
        if (now_ns() - from < quickest)
            quickest = now_ns() - from;
        quic_peer_until_acknowledged(&p);
        quic_peer_for(&p, SETTLE_NS);
    }
    CF_CHECK(quickest < QUIC_ACK_ONE_NS / 2);
    part(b, &p);
}
