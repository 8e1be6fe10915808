/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: what happens to bytes. Streams are generated from their position, so that every end checks
 * every byte it gets; the tests vary sizes, pace and direction, and look at memory where a side is
 * slow.
 */
#include "laws.h"

#define SETTLE_NS UINT64_C(50000000)
#define MIB ((size_t)1 << 20)
/* The bytes that a transport may hold per connection beyond the bytes it was given. */
#define SLACK (2 * MIB)

void law_integrity(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    for (int i = 0; i < 16; i++) {
        cf_send(a, cf_random(b, MIB));
        cf_send(z, cf_random(b, MIB));
        cf_send_owned(a, 1 + cf_random(b, MIB));
        if (i % 4 == 3) {
            cf_until_received(a, z->sent);
            cf_until_received(z, a->sent);
        }
    }
    cf_until_received(a, z->sent);
    cf_until_received(z, a->sent);
    cf_until_drained(a);
    CF_CHECK(a->received == z->sent && z->received == a->sent);
    cf_bench_close(b);
}

void law_tiny_buffers(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    z->alloc_max = 1;
    cf_send(a, 40000);
    cf_until_received(z, a->sent);
    z->alloc_max = 7;
    cf_send(a, 40000);
    cf_until_received(z, a->sent);
    cf_bench_close(b);
}

void law_sent(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    for (unsigned i = 0; i < 20; i++) {
        a->sent_events = 0;
        cf_send(a, 1 + cf_random(b, 2000));
        CF_CHECK(a->sent_events == 0);
        cf_until_drained(a);
    }
    cf_until_received(z, a->sent);
    cf_bench_close(b);
}

void law_send_after_close(void **state)
{
    const enum relay_close ways[] = {RELAY_CLOSE_GRACEFUL, RELAY_CLOSE_ABORT};

    for (int i = 0; i < 2; i++) {
        struct cf_bench *b = cf_bench_open(*state);
        struct cf_end *a, *z;
        uint64_t before;

        cf_connect(b, &a, &z);
        cf_send(a, 5000);
        before = a->sent;
        cf_close(a, ways[i]);
        cf_send(a, 5000);
        cf_send_owned(a, 5000);
        cf_until_closed_or_eof(z);
        CF_CHECK(z->received <= before);
        if (ways[i] == RELAY_CLOSE_GRACEFUL)
            CF_CHECK(z->received == before);
        if (!z->closed)
            cf_close(z, RELAY_CLOSE_GRACEFUL);
        cf_until_closed(a);
        cf_bench_close(b);
    }
}

void law_graceful_delivers(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_pause(z);
    cf_send(a, 6 * MIB);
    cf_send_owned(a, 3 * MIB);
    cf_close(a, RELAY_CLOSE_GRACEFUL);
    cf_for(b, SETTLE_NS);
    CF_CHECK(!z->closed && z->received == 0);
    cf_resume(z);
    cf_until_received(z, a->sent);
    cf_until_eof(z);
    CF_CHECK(z->received == a->sent);
    cf_close(z, RELAY_CLOSE_GRACEFUL);
    cf_until_closed(a);
    CF_CHECK(a->end == RELAY_END_LOCAL);
    cf_bench_close(b);
}

void law_graceful_is_eof(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    uint64_t start;
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_send(a, 3000);
    cf_close(a, RELAY_CLOSE_GRACEFUL);
    cf_until_eof(z);
    CF_CHECK(z->received == 3000);
    cf_send(z, 3000); /* no one reads them; the transport must cope */
    start = b->subject->driver->now_ns(b->driver);
    cf_until_closed(a); /* the other end says nothing: about a second */
    CF_CHECK(b->subject->driver->now_ns(b->driver) - start < UINT64_C(3000000000));
    CF_CHECK(a->end == RELAY_END_LOCAL);
    cf_bench_close(b);
}

void law_pause(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    for (int i = 0; i < 5; i++) {
        cf_pause(z);
        cf_pause(z);
        cf_send(a, 200000);
        cf_for(b, SETTLE_NS); /* the end checks that no data comes */
        cf_resume(z);
        cf_resume(z);
        cf_until_received(z, a->sent);
    }
    cf_bench_close(b);
}

static void pause_now(struct cf_end *e, size_t n)
{
    (void)n;
    cf_pause(e);
}

void law_pause_inside_data(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    unsigned events = 0;
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    z->hooks.data = pause_now;
    z->alloc_max = 1000;
    cf_send(a, 50000);
    while (z->received < a->sent) {
        cf_until_received(z, z->received + 1);
        CF_CHECK(z->data_events == ++events);
        if (events < 5) {
            cf_for(b, SETTLE_NS / 5);
            CF_CHECK(z->data_events == events);
        }
        cf_resume(z); /* nothing new comes from the network any more */
    }
    cf_bench_close(b);
}

static void resume_other(struct cf_end *e, size_t n)
{
    struct cf_end *other = e->ctx;

    (void)n;
    if (other->is_paused)
        cf_resume(other);
}

/* Others, busy in every turn, resume a connection while its own input is waiting. */
void law_resume_inside_other(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z, *busy[4], *y = NULL;

    cf_connect(b, &a, &z);
    z->hooks.data = pause_now;
    z->alloc_max = 5000;
    for (int i = 0; i < 4; i++) {
        cf_connect(b, &busy[i], &y);
        y->ctx = z;
        y->hooks.data = resume_other;
    }
    for (int i = 0; i < 10; i++) {
        cf_send_owned(a, 500000);
        while (z->received < a->sent) {
            for (int k = 0; k < 4; k++)
                cf_send(busy[k], 1);
            cf_until_received(y, busy[3]->sent);
        }
    }
    cf_bench_close(b);
}

void law_pause_passes_eof(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_pause(z);
    cf_send(a, 1000);
    cf_close(a, RELAY_CLOSE_GRACEFUL);
    cf_until_eof(z);
    CF_CHECK(z->received == 0);
    cf_resume(z);
    cf_until_received(z, 1000);
    cf_close(z, RELAY_CLOSE_GRACEFUL);
    cf_until_closed(a);
    cf_until_closed(z);

    cf_connect(b, &a, &z);
    cf_pause(z);
    cf_close(a, RELAY_CLOSE_ABORT);
    cf_until_closed_or_eof(z);
    cf_bench_close(b);
}

static void check_shrinks(struct cf_end *e, size_t left)
{
    size_t *last = e->ctx;

    CF_CHECK(left <= *last);
    *last = left;
}

void law_backpressure(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    const struct cf_driver *d = b->subject->driver;
    size_t last = SIZE_MAX, total = 24 * MIB;
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_pause(z);
    for (int i = 0; i < 24; i++)
        cf_send_owned(a, MIB);
    a->ctx = &last;
    a->hooks.sent = check_shrinks;
    cf_for(b, 4 * SETTLE_NS);
    CF_CHECK(a->sent_events > 0 && a->left > 0 && a->left < total);
    CF_CHECK(d->bytes_live(b->driver) <= total + SLACK);
    cf_resume(z);
    cf_until_received(z, total);
    cf_until_drained(a);
    CF_CHECK(d->bytes_live(b->driver) <= SLACK);
    cf_bench_close(b);
}

void law_backpressure_many_small(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_pause(z);
    cf_send_owned(a, 12 * MIB);
    for (int i = 0; i < 5000; i++)
        cf_send(a, cf_random(b, 400));
    cf_for(b, SETTLE_NS);
    CF_CHECK(a->left > 0);
    cf_resume(z);
    cf_until_received(z, a->sent);
    cf_until_drained(a);
    cf_bench_close(b);
}

void law_blocked_sender_still_reads(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_pause(z);
    cf_send_owned(a, 16 * MIB);
    cf_for(b, SETTLE_NS);
    CF_CHECK(a->left > 0);
    cf_send(z, 2 * MIB);
    cf_until_received(a, z->sent);
    cf_resume(z);
    cf_until_received(z, a->sent);
    cf_bench_close(b);
}

void law_no_memory(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    const struct cf_driver *d = b->subject->driver;
    struct cf_end *a, *z, *a2, *z2;

    cf_connect(b, &a, &z);
    cf_connect(b, &a2, &z2);
    cf_send(a2, 100000);
    cf_until_received(z2, 100000);
    cf_pause(z);
    cf_send_owned(a, 16 * MIB);
    cf_for(b, SETTLE_NS);
    d->set_bytes_max(b->driver, d->bytes_live(b->driver));
    for (int i = 0; i < 1000 && !a->closed; i++) {
        cf_send(a, 5000); /* views have to be copied, and cannot be */
        cf_for(b, 1000);
    }
    CF_CHECK(a->closed && a->end == RELAY_END_SYSTEM);
    cf_send(a2, 100000);
    cf_until_received(z2, 200000);
    cf_bench_close(b);
}
