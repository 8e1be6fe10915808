/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the MTU of a path shrinks in the middle of a transfer, in one direction or in both, to the
 * minimum or to a size between; the sender is notified or not. All bytes arrive, in a bounded time.
 * Later the MTU grows: the packets grow with it, and few of them are lost to probes.
 */
#include "qsim.h"

#define KIB UINT64_C(1024)
#define ANSWERS_BYTES (680 * 2 * KIB)
#define FULL_BYTES 1452u
#define ARRIVES_NS (1300 * QSIM_MS)
#define PROBED_NS                                                                                  \
    (70 * QSIM_S)     /* time for six probes that fail: after 1, 3, 7, 15, 31, 63 s ...            \
                       */
#define PROBES_MAX 8u /* ... and for one that passes between two of them */

static size_t path_max(const struct qsim_end *e)
{
    return quic_engine_path_max(e->engine);
}

/* A connection on which both ends have found the path's MTU. */
static struct qsim_end *connect_wide(struct qsim_world *w, struct qsim_end **z)
{
    struct qsim_end *a = qsim_connect(w, z);

    qsim_exchange(w, a, *z, 50 * KIB, QSIM_S);
    QSIM_CHECK(w, path_max(a) == FULL_BYTES && path_max(*z) == FULL_BYTES);
    return a;
}

static void shrink(struct qsim_world *w, bool is_refused)
{
    static const size_t sizes[] = {1200, 1232, 1280, 1372, 1451};
    struct qsim_weather narrow = {.mtu = sizes[sim_prng_below(&w->random, 5)],
                                  .delay_ns = w->out.delay_ns,
                                  .refuses_long = is_refused};
    unsigned where = (unsigned)sim_prng_below(&w->random, 3);

    if (where != 0)
        w->out = narrow;
    if (where != 1)
        w->back = narrow;
}

static void shrink_in_transfer(struct qsim_world *w, bool is_refused)
{
    struct qsim_end *a, *z;
    uint64_t begun, before = sim_prng_below(&w->random, ANSWERS_BYTES / 2);

    w->out.delay_ns = w->back.delay_ns = QSIM_MS + sim_prng_below(&w->random, 9 * QSIM_MS);
    a = connect_wide(w, &z);
    begun = w->now_ns;
    qsim_send(z, ANSWERS_BYTES);
    qsim_send(a, ANSWERS_BYTES / 4);
    while (a->received < before)
        qsim_run(w, QSIM_MS);
    shrink(w, is_refused);
    qsim_until_received(a, z->given + z->to_send, ARRIVES_NS);
    qsim_until_received(z, a->given + a->to_send, ARRIVES_NS);
    QSIM_CHECK(w, w->now_ns - begun < ARRIVES_NS);
    QSIM_CHECK(w, z->narrowings == (w->back.mtu != 0));
    QSIM_CHECK(w, a->narrowings <= (w->out.mtu != 0)); /* it may have sent all before */
    QSIM_CHECK(w, w->back.mtu == 0 || path_max(z) <= w->back.mtu);
    qsim_close(w);
}

void qsim_scenario_mtu_shrinks(struct qsim_world *w, uint64_t seed)
{
    qsim_open(w, "mtu_shrinks", seed);
    shrink_in_transfer(w, false);
}

void qsim_scenario_mtu_refused(struct qsim_world *w, uint64_t seed)
{
    qsim_open(w, "mtu_refused", seed);
    shrink_in_transfer(w, true);
}

/* Messages both ways for some time, each long enough for a probe. */
static void talk(struct qsim_world *w, struct qsim_end *a, struct qsim_end *z, uint64_t ns)
{
    uint64_t until = w->now_ns + ns;

    while (w->now_ns < until) {
        qsim_exchange(w, a, z, 5 * KIB, QSIM_S);
        qsim_run(w, 300 * QSIM_MS);
    }
}

/* The largest size of packets that was probed and passes a path of that MTU. */
static size_t best_size(size_t mtu)
{
    for (unsigned i = 0; i < QUIC_MTU_SIZES; i++) {
        if (mtu == 0 || quic_mtu_sizes[i] <= mtu)
            return quic_mtu_sizes[i];
    }
    return QUIC_MTU_MIN;
}

void qsim_scenario_mtu_grows(struct qsim_world *w, uint64_t seed)
{
    const struct qsim_weather wide = {.delay_ns = 10 * QSIM_MS};
    struct qsim_end *a, *z;
    unsigned lost;

    qsim_open(w, "mtu_grows", seed);
    a = connect_wide(w, &z);
    for (unsigned i = 1; i <= 2; i++) {
        qsim_send(a, 100 * KIB);
        qsim_send(z, 100 * KIB);
        shrink(w, sim_prng_below(&w->random, 2));
        qsim_until_received(a, z->given + z->to_send, QSIM_S);
        qsim_until_received(z, a->given + a->to_send, QSIM_S);
        lost = w->long_packets;
        talk(w, a, z, PROBED_NS);
        QSIM_CHECK(w, w->long_packets - lost <= 2 * PROBES_MAX);
        QSIM_CHECK(w, path_max(a) == best_size(w->out.mtu));
        QSIM_CHECK(w, path_max(z) == best_size(w->back.mtu));
        qsim_set_weather(w, &wide);
        talk(w, a, z, 2 * PROBED_NS);
        QSIM_CHECK(w, path_max(a) == FULL_BYTES && path_max(z) == FULL_BYTES);
        QSIM_CHECK(w, a->narrowings <= i && z->narrowings <= i);
    }
    qsim_close(w);
}
