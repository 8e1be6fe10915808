/* SPDX-License-Identifier: MPL-2.0 */
#include "qsim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#define STEPS_PER_MS_MAX 100000u /* more of them, and something spins */
#define NAT_STEP 1000u

void qsim_fail(const struct qsim_world *w, const char *fmt, ...)
{
    va_list ap;

    printf("FAILED scenario=%s seed=%llu at %.6f s: ", w->scenario, (unsigned long long)w->seed,
           (double)w->now_ns / 1e9);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
    exit(1);
}

void qsim_open(struct qsim_world *w, const char *scenario, uint64_t seed)
{
    *w = (struct qsim_world){.scenario = scenario, .seed = seed, .now_ns = QSIM_S};
    w->random.state = sim_mix(seed);
    w->out.delay_ns = w->back.delay_ns = 10 * QSIM_MS;
    qsim_host_open(&w->client, w, false);
    qsim_host_open(&w->server, w, true);
}

void qsim_close(struct qsim_world *w)
{
    qsim_host_close(&w->client);
    qsim_host_close(&w->server);
    for (size_t i = 0; i < w->packet_count; i++)
        free(w->packets[i]);
    free(w->packets);
    w->packets = NULL;
    w->packet_count = 0;
    QSIM_CHECK(w, qsim_buffers_live() == 0);
}

void qsim_set_weather(struct qsim_world *w, const struct qsim_weather *both)
{
    w->out = w->back = *both;
}

/* -- packets under way -- */

static bool is_before(const struct qsim_packet *a, const struct qsim_packet *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

static void swap(struct qsim_packet **a, struct qsim_packet **b)
{
    struct qsim_packet *t = *a;

    *a = *b;
    *b = t;
}

static void heap_push(struct qsim_world *w, struct qsim_packet *p)
{
    size_t i = w->packet_count++;

    if (w->packet_count > w->packet_capacity) {
        w->packet_capacity = w->packet_capacity ? 2 * w->packet_capacity : 64;
        w->packets = realloc(w->packets, w->packet_capacity * sizeof(struct qsim_packet *));
        RT_INSIST(w->packets);
    }
    w->packets[i] = p;
    for (; i > 0 && is_before(p, w->packets[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&w->packets[i], &w->packets[(i - 1) / 2]);
}

static struct qsim_packet *heap_pop(struct qsim_world *w)
{
    struct qsim_packet *first = w->packets[0];
    size_t i = 0;

    w->packets[0] = w->packets[--w->packet_count];
    for (;;) {
        size_t least = i;

        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < w->packet_count; k++) {
            if (is_before(w->packets[k], w->packets[least]))
                least = k;
        }
        if (least == i)
            return first;
        swap(&w->packets[i], &w->packets[least]);
        i = least;
    }
}

static bool has_chance(struct qsim_world *w, unsigned per_thousand)
{
    return per_thousand > 0 && sim_prng_below(&w->random, 1000) < per_thousand;
}

/* One bit, but none of the version: a negotiation is not authenticated and would be accepted. */
static void flip_a_bit(struct qsim_world *w, struct qsim_packet *p)
{
    size_t i = sim_prng_below(&w->random, p->len);

    if ((p->bytes[0] & 0x80) && (i < 5 || memcmp(p->bytes + 1, "\0\0\0", 4) == 0))
        return;
    p->bytes[i] ^= (uint8_t)(1u << sim_prng_below(&w->random, 8));
}

static void put_under_way(struct qsim_world *w, const struct qsim_weather *at,
                          const struct qsim_packet *like)
{
    struct qsim_packet *p = malloc(sizeof(*p) + like->len);

    RT_INSIST(p);
    memcpy(p, like, sizeof(*p) + like->len);
    p->at_ns = w->now_ns + at->delay_ns;
    p->number = w->numbers++;
    if (at->jitter_ns > 0)
        p->at_ns += sim_prng_below(&w->random, at->jitter_ns);
    if (has_chance(w, at->reorder))
        p->at_ns += sim_prng_below(&w->random, at->late_ns + 1);
    if (has_chance(w, at->spoil))
        flip_a_bit(w, p);
    heap_push(w, p);
}

/* The client's address as the server sees it. */
static union quic_addr outside(const struct qsim_world *w, const union quic_addr *inside)
{
    union quic_addr a = *inside;

    a.v4.sin_port = htons((uint16_t)(ntohs(a.v4.sin_port) + w->nat_shift));
    a.v4.sin_addr.s_addr = htonl(ntohl(a.v4.sin_addr.s_addr) + w->nat_moves);
    return a;
}

/* False: it is no longer known behind the translator. */
static bool inside(const struct qsim_world *w, union quic_addr *a)
{
    uint16_t port = (uint16_t)(ntohs(a->v4.sin_port) - w->nat_shift);

    if (ntohl(a->v4.sin_addr.s_addr) !=
            ntohl(w->client.address.v4.sin_addr.s_addr) + w->nat_moves ||
        ntohs(a->v4.sin_port) < w->nat_shift || port >= ntohs(w->client.address.v4.sin_port) ||
        port + NAT_STEP <= ntohs(w->client.address.v4.sin_port))
        return false;
    a->v4.sin_port = htons(port);
    a->v4.sin_addr = w->client.address.v4.sin_addr;
    return true;
}

void qsim_rebind(struct qsim_world *w, bool has_moved)
{
    w->nat_shift += NAT_STEP;
    w->nat_moves += has_moved;
}

bool qsim_transmit(struct qsim_world *w, bool is_from_client, const union quic_addr *from,
                   const union quic_addr *to, const uint8_t *p, size_t n)
{
    const struct qsim_weather *at = is_from_client ? &w->out : &w->back;
    struct qsim_packet *like;

    QSIM_CHECK(w, n > 0 && n <= QUIC_PACKET_MAX);
    w->trace = sim_mix(w->trace ^ sim_mix(w->now_ns + n) ^ is_from_client);
    if (w->tap)
        w->tap(w->tap_ctx, is_from_client, p, n);
    if (at->mtu && n > at->mtu) {
        w->long_packets++;
        return !at->refuses_long;
    }
    if (at->is_cut || has_chance(w, at->loss))
        return true;
    like = malloc(sizeof(*like) + n);
    RT_INSIST(like);
    *like = (struct qsim_packet){.from = is_from_client ? outside(w, from) : *from, .to = *to};
    like->len = n;
    memcpy(like->bytes, p, n);
    put_under_way(w, at, like);
    if (has_chance(w, at->repeat))
        put_under_way(w, at, like);
    free(like);
    return true;
}

static void arrive(struct qsim_world *w, struct qsim_packet *p)
{
    bool is_to_server = memcmp(&p->to, &w->server.address, sizeof(p->to)) == 0;

    if (is_to_server)
        qsim_host_datagram(&w->server, p);
    else if (inside(w, &p->to))
        qsim_host_datagram(&w->client, p);
    free(p);
}

/* -- time -- */

static uint64_t next_event(const struct qsim_world *w)
{
    uint64_t at = w->packet_count > 0 ? w->packets[0]->at_ns : QSIM_NEVER;
    uint64_t c = qsim_host_wake(&w->client), s = qsim_host_wake(&w->server);

    at = c < at ? c : at;
    return s < at ? s : at;
}

static void check_pace(struct qsim_world *w)
{
    if (w->now_ns - w->steps_at_ns >= QSIM_MS) {
        w->steps_at_ns = w->now_ns;
        w->steps = 0;
    }
    if (++w->steps > STEPS_PER_MS_MAX)
        qsim_fail(w, "it spins");
}

/* The next event, if it is before `until`. False: there is none. */
static bool step(struct qsim_world *w, uint64_t until)
{
    uint64_t at = next_event(w);

    if (at > until)
        return false;
    if (at > w->now_ns)
        w->now_ns = at;
    check_pace(w);
    if (w->packet_count > 0 && w->packets[0]->at_ns <= w->now_ns)
        arrive(w, heap_pop(w));
    qsim_host_wake_up(&w->client);
    qsim_host_wake_up(&w->server);
    return true;
}

void qsim_until(struct qsim_world *w, bool (*done)(void *ctx), void *ctx, uint64_t limit_ns,
                const char *what)
{
    uint64_t until = w->now_ns + limit_ns;

    while (!done(ctx)) {
        if (!step(w, until))
            qsim_fail(w, "timed out after %.1f s: %s", (double)limit_ns / 1e9, what);
    }
}

void qsim_run(struct qsim_world *w, uint64_t ns)
{
    uint64_t until = w->now_ns + ns;

    while (step(w, until))
        continue;
    w->now_ns = until;
}
