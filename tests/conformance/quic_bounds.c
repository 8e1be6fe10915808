/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: what a worker of quic keeps for others is within bounds, in bytes: handshake packets that
 * wait, datagrams on their way to another worker, connections in the closing state, packets that
 * the kernel does not take. What is beyond is counted, and honest peers come through. A connection
 * that ends for want of memory counts once.
 */
#include <string.h>

#include "base/check.h"
#include "quic/dispatch.h"
#include "quic_tests.h"

#define LARGE 60000u /* bytes of a datagram, where a few hundred would do */
#define MANY 60u     /* of them are more than any bound */
#define SETTLE_NS UINT64_C(50000000)
#define MIB (1u << 20)

static struct quic_socket *socket_of(const struct quic_worker *qw)
{
    for (struct rt_list *n = qw->sockets.next; n != &qw->sockets; n = n->next) {
        struct quic_socket *s = RT_CONTAINER_OF(n, struct quic_socket, node);

        if (s->accepts)
            return s;
    }
    cf_fail("no listener");
}

/* The head of a first packet from a stranger, and nothing behind it. */
static void put_initial(uint8_t *p, uint8_t number)
{
    const uint32_t rest = LARGE - 27;
    const uint8_t head[] = {0xc3,
                            0,
                            0,
                            0,
                            1,
                            8,
                            number,
                            1,
                            2,
                            3,
                            4,
                            5,
                            6,
                            7,
                            8,
                            1,
                            2,
                            3,
                            4,
                            5,
                            6,
                            7,
                            8,
                            0,
                            0x80,
                            (uint8_t)(rest >> 16),
                            (uint8_t)(rest >> 8),
                            (uint8_t)rest};

    memset(p, 0, LARGE);
    memcpy(p, head, sizeof(head));
}

void over_quic_large_hellos(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_worker *qw = b->state;
    struct quic_socket *s = socket_of(qw);
    union quic_addr from = s->udp.local;
    uint8_t packet[LARGE];
    struct quic_datagram d = {&s->udp.local, &from, packet, LARGE, LARGE, NULL, 0};
    struct cf_end *a, *z;

    from.v4.sin_port = htons(9);
    quic_worker_clock(qw);
    for (uint8_t i = 0; i < MANY; i++) {
        put_initial(packet, i);
        quic_dispatch_datagram(s, &d);
    }
    CF_CHECK(qw->deferred_bytes > LARGE && qw->deferred_bytes <= QUIC_DEFERRED_BYTES_MAX);
    cf_connect(b, &a, &z);
    cf_for(b, SETTLE_NS);
    CF_CHECK(qw->deferred_bytes == 0 && qw->deferred_count == 0);
    CF_CHECK(cf_counter(b, "handshake_packets_dropped_total") ==
             MANY - QUIC_DEFERRED_BYTES_MAX / LARGE);
    cf_bench_close(b);
}

static uint64_t handed_over(struct cf_bench *b, unsigned count)
{
    struct quic_socket *s = socket_of(b->state);
    union quic_addr from = s->udp.local;
    uint8_t packet[LARGE] = {0x40};
    struct quic_datagram d = {&s->udp.local, &from, packet, LARGE, LARGE, NULL, 0};

    from.v4.sin_port = htons(9);
    quic_ways.states[0] = b->state;
    for (unsigned i = 0; i < count; i++)
        quic_dispatch_hand_over(s, 0, &d);
    cf_for(b, SETTLE_NS);
    return cf_counter(b, "packets_handed_over_dropped_total");
}

void over_quic_large_handover(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint64_t lost = handed_over(b, MANY);

    CF_CHECK(lost > 0 && lost < MANY);
    CF_CHECK(cf_counter(b, "packets_handed_over_total") == MANY - lost);
    CF_CHECK(handed_over(b, MANY / 4) == lost); /* those under way have arrived */
    quic_ways.states[0] = NULL;
    cf_bench_close(b);
}

void over_quic_many_closing(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_worker *qw = b->state;
    struct cf_end *a[3], *z[3];

    for (int i = 0; i < 3; i++)
        cf_connect(b, &a[i], &z[i]);
    qw->closing_count += QUIC_CLOSING_MAX - 1; /* as if it were crowded */
    for (int i = 0; i < 3; i++)
        cf_close(z[i], RELAY_CLOSE_ABORT);
    for (int i = 0; i < 3; i++)
        cf_until_closed(z[i]);
    qw->closing_count -= QUIC_CLOSING_MAX - 1;
    cf_for(b, 1);
    CF_CHECK(cf_counter(b, "closing_evicted_total") == 2);
    cf_connect(b, &a[0], &z[0]);
    cf_bench_close(b);
}

/* The kernel takes nothing, whatever there is to say. */
void over_quic_nothing_taken(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct quic_worker *qw = b->state;
    struct quic_socket *s = socket_of(qw);
    union quic_addr to = s->udp.local;
    uint8_t bytes[1200] = {0};
    struct quic_datagram o = {&s->udp.local, &to, bytes, sizeof(bytes), sizeof(bytes), NULL, 0};
    struct cf_end *a, *z;

    to.v4.sin_port = htons(9);
    cf_connect(b, &a, &z);
    quic_ways.full_every = 1;
    for (unsigned i = 0; i < 2 * QUIC_KEPT_BYTES_MAX / sizeof(bytes); i++)
        quic_socket_write(s, &o);
    CF_CHECK(s->kept_bytes > 0 && s->kept_bytes <= QUIC_KEPT_BYTES_MAX);
    cf_send(z, 100000);
    cf_for(b, SETTLE_NS);
    CF_CHECK(cf_counter(b, "writes_blocked_dropped_total") > 0);
    CF_CHECK(a->received == 0);
    quic_ways.full_every = 0;
    cf_until_received(a, 100000);
    CF_CHECK(s->kept_bytes == 0);
    cf_bench_close(b);
}

void over_quic_no_memory_once(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    const struct cf_driver *d = b->subject->driver;
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_pause(z);
    cf_send_owned(a, 16 * MIB);
    cf_for(b, SETTLE_NS);
    d->set_bytes_max(b->driver, d->bytes_live(b->driver));
    for (int i = 0; i < 1000 && !a->closed; i++) {
        cf_send(a, 5000);
        cf_for(b, 1000);
    }
    CF_CHECK(a->closed && a->end == RELAY_END_SYSTEM);
    cf_for(b, 1);
    CF_CHECK(cf_counter(b, "closed_no_memory_total") == 1);
    cf_bench_close(b);
}
