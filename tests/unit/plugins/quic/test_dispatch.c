/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: how a read is sorted by connection; the test replaces sockets and connections. Random
 * buffers of random datagrams for a few connections: each datagram is read exactly once, in the
 * order of its connection, whatever the number of runs. A read of few runs calls each connection
 * once. A run joins datagrams of one buffer only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "quic/accept.h"
#include "quic/closing.h"
#include "quic/conn.h"
#include "quic/dispatch.h"
#include "quic/stateless.h"
#include "random.h"

#define CONNS 5u
#define HEAD_BYTES (1u + QUIC_CID_BYTES)
#define SEGMENT 32u
#define SEGMENTS_MAX 20u
#define ROUNDS 2000

static struct {
    struct quic_worker worker;
    struct quic_socket socket;
    struct relay_conn conns[CONNS];
    unsigned calls[CONNS], received[CONNS], sent[CONNS];
    union quic_addr local, remote[QUIC_READ_BATCH];
    uint8_t bytes[QUIC_READ_BATCH][SEGMENTS_MAX * SEGMENT];
    struct quic_datagram in[QUIC_READ_BATCH];
    unsigned count, unknown;
} w;

/* -- in place of the other files -- */

int quic_udp_read(const struct quic_udp *u, struct quic_udp_buffers *b,
                  struct quic_datagram out[QUIC_READ_BATCH], unsigned *out_count)
{
    (void)u, (void)b;
    if (w.count == 0)
        return EAGAIN;
    memcpy(out, w.in, w.count * sizeof(w.in[0]));
    *out_count = w.count;
    w.count = 0;
    return 0;
}

void quic_conn_read(struct relay_conn *c, const struct quic_datagram *d)
{
    size_t i = (size_t)(c - w.conns);

    w.calls[i]++;
    for (; d; d = d->next) {
        for (size_t at = 0; at < d->len; at += d->segment) {
            assert_int_equal(d->bytes[at + 1], i);
            assert_int_equal(d->bytes[at + HEAD_BYTES], (uint8_t)w.received[i]++);
        }
    }
}

void quic_stateless_reset(struct quic_socket *s, const struct quic_datagram *d, const uint8_t *cid,
                          size_t cid_len)
{
    (void)cid, (void)cid_len;
    assert_ptr_equal(s, &w.socket);
    assert_int_equal(d->len, SEGMENT);
    w.unknown++;
}

void quic_conn_end(struct relay_conn *c, enum relay_end why, const char *detail)
{
    (void)c, (void)why, (void)detail;
    fail();
}

bool quic_accept_is_welcome(struct quic_socket *s, const struct quic_datagram *d,
                            struct quic_initial *in)
{
    (void)s, (void)d, (void)in;
    return false;
}

void quic_accept_defer(struct quic_socket *s, const struct quic_datagram *d)
{
    (void)s, (void)d;
    fail();
}

void quic_stateless_versions(struct quic_socket *s, const struct quic_datagram *d,
                             const ngtcp2_version_cid *vc)
{
    (void)s, (void)d, (void)vc;
    fail();
}

void quic_closing_answer(struct quic_closing *q)
{
    (void)q;
    fail();
}

bool quic_engine_is_open(const struct quic_engine *e)
{
    (void)e;
    return true;
}

uint64_t quic_worker_clock(struct quic_worker *qw)
{
    return qw->now_ns;
}

/* -- tests -- */

static int setup(void **state)
{
    const uint8_t key[QUIC_CID_KEY_BYTES] = {7};

    (void)state;
    memset(&w, 0, sizeof(w));
    quic_cid_map_init(&w.worker.cids, key);
    w.worker.env.workers = 1;
    w.socket.worker = &w.worker;
    w.socket.accepts = true;
    for (uint8_t i = 0; i < CONNS; i++) {
        const uint8_t id[QUIC_CID_BYTES] = {i};
        struct relay_conn *c = &w.conns[i];

        c->state = QUIC_CONN_OPEN;
        c->socket = &w.socket;
        assert_true(quic_cid_map_add(&w.worker.cids, quic_cid_hash(&w.worker.cids, id, sizeof(id)),
                                     &c->owner));
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    quic_cid_map_fini(&w.worker.cids);
    return 0;
}

/* A datagram for connection i; i == CONNS: for an unknown id. */
static void put(uint8_t *p, unsigned i)
{
    memset(p, 0, SEGMENT);
    p[0] = 0x40;
    p[1] = (uint8_t)i;
    if (i < CONNS)
        p[HEAD_BYTES] = (uint8_t)w.sent[i]++;
}

/* A buffer of n datagrams, the one at k for connection of(k). */
static void add_buffer(unsigned n, unsigned (*of)(unsigned k))
{
    unsigned b = w.count++;

    for (unsigned k = 0; k < n; k++)
        put(w.bytes[b] + k * SEGMENT, of(k));
    w.in[b] = (struct quic_datagram){.local = &w.local,
                                     .remote = &w.remote[b],
                                     .bytes = w.bytes[b],
                                     .len = n * SEGMENT,
                                     .segment = SEGMENT};
}

static unsigned random_conn(unsigned k)
{
    (void)k;
    return (unsigned)any(CONNS + 1);
}

static unsigned in_turn(unsigned k)
{
    return k % 2;
}

static unsigned the_first(unsigned k)
{
    (void)k;
    return 0;
}

static void test_random(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        unsigned buffers = 1 + (unsigned)any(QUIC_READ_BATCH);

        for (unsigned b = 0; b < buffers; b++)
            add_buffer(1 + (unsigned)any(SEGMENTS_MAX), random_conn);
        quic_dispatch_read(&w.socket);
        assert_memory_equal(w.received, w.sent, sizeof(w.sent));
    }
    assert_true(w.unknown > 0);
}

static void test_one_call(void **state)
{
    (void)state;
    add_buffer(5, the_first);
    add_buffer(SEGMENTS_MAX, in_turn);
    add_buffer(3, the_first);
    quic_dispatch_read(&w.socket);
    assert_int_equal(w.calls[0], 1);
    assert_int_equal(w.calls[1], 1);
    assert_memory_equal(w.received, w.sent, sizeof(w.sent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_call, setup, teardown),
    };

    random_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
