/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: packets that come in a row, and those that go. What a client sends before the bench turns
 * is read at once: all of it in the middle of a message, packet by packet at the end of one, before
 * any other event, and not mixed with what another client sends. An answer takes few writes,
 * which the kernel cuts into the packets that were written.
 */
#include "quic_peer.h"
#include "quic_tests.h"

#define SETTLE_NS UINT64_C(100000000) /* probes of the path's MTU, and what they are answered */
#define SHORT 10u
#define LONG 4000u /* three or four packets */
#define ROUNDS 5u

/* A client, and its end at the relay, which waits for the rest of a message. */
static struct cf_end *begin(struct cf_bench *b, struct quic_peer *p)
{
    struct cf_end *z;

    b->last_admitted = NULL;
    quic_peer_begin(b, p, &b->address);
    quic_peer_until_opened(p);
    z = cf_until_admitted(b);
    z->alloc_max = 1 << 20;
    z->inside = CF_INSIDE_ALWAYS;
    quic_peer_send(p, SHORT);
    cf_until_received(z, SHORT);
    quic_peer_for(p, SETTLE_NS);
    return z;
}

/* How many data events n bytes become, which the client sends in one go. */
static unsigned events_of(struct cf_end *z, struct quic_peer *p, size_t n)
{
    unsigned before = z->data_events;

    quic_peer_send(p, n);
    cf_until_received(z, p->sent);
    quic_peer_for(p, SETTLE_NS); /* or its pace would split the next */
    return z->data_events - before;
}

void over_quic_train(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    struct cf_end *z = begin(b, &p);

    for (unsigned i = 0; i < ROUNDS; i++)
        CF_CHECK(events_of(z, &p, LONG) == 1);
    z->inside = CF_INSIDE_NEVER;
    CF_CHECK(events_of(z, &p, SHORT) == 1);
    for (unsigned i = 0; i < ROUNDS; i++)
        CF_CHECK(events_of(z, &p, LONG) >= 3);
    quic_peer_part(&p);
    cf_bench_close(b);
}

void over_quic_train_and_end(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p, q;
    struct cf_end *y = begin(b, &p), *z = begin(b, &q);

    quic_peer_send(&p, LONG);
    quic_engine_finish(p.engine);
    quic_peer_turn(&p);
    quic_peer_send(&q, LONG);
    quic_peer_leave(&q);
    cf_until_eof(y);
    cf_until_closed(z);
    CF_CHECK(y->received == p.sent);
    CF_CHECK(z->received == q.sent && z->end == RELAY_END_PEER);
    quic_peer_part(&p);
    quic_peer_fini(&q);
    cf_bench_close(b);
}

void over_quic_trains_cross(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p, q;
    struct cf_end *y = begin(b, &p), *z = begin(b, &q);

    for (unsigned i = 0; i < ROUNDS; i++) {
        quic_peer_send(&p, 1000);
        quic_peer_send(&q, 1000);
        quic_peer_send(&p, 1000);
        quic_peer_send(&q, SHORT);
        quic_peer_until_acknowledged(&p);
        quic_peer_until_acknowledged(&q);
        CF_CHECK(y->received == p.sent && z->received == q.sent);
    }
    quic_peer_part(&p);
    quic_peer_part(&q);
    cf_bench_close(b);
}

void over_quic_few_writes(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    struct cf_end *z = begin(b, &p);
    uint64_t writes = cf_counter(b, "writes_total"), packets = cf_counter(b, "packets_out_total");

    cf_send(z, 1000000);
    quic_peer_until_received(&p, 1000000);
    writes = cf_counter(b, "writes_total") - writes;
    packets = cf_counter(b, "packets_out_total") - packets;
    CF_CHECK(packets > 1000000 / QUIC_PACKET_MAX && writes * 4 < packets);
    quic_peer_part(&p);
    cf_bench_close(b);
}

/* Sixteen pieces at most go into one packet. Where they are short, so is the packet. What is cut in
 * the wrong place comes again; after a stall of the machine it may, too, but not often. */
void over_quic_short_among_full(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_peer p;
    struct cf_end *z = begin(b, &p);
    unsigned again = 0;

    for (unsigned round = 1; round <= 2 * ROUNDS; round++) {
        uint64_t before = p.heard;

        cf_send_owned(z, 3000);
        for (int i = 0; i < 20; i++)
            cf_send_owned(z, 1);
        cf_send_owned(z, 3000);
        quic_peer_until_received(&p, round * 6020);
        quic_peer_for(&p, SETTLE_NS);
        again += p.heard - before > 7000;
    }
    CF_CHECK(again < ROUNDS / 2);
    quic_peer_part(&p);
    cf_bench_close(b);
}
