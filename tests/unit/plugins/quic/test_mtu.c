/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the limit of the packet size. There is none at first. A path that acknowledges nothing of
 * its long packets for three probe timeouts, or refuses one, gets the minimum, once. Progress,
 * short packets and refused short ones do not count. Probes are packets of new data, one at a time,
 * at doubled intervals after failures, of each size in turn, the largest first. A probe passes if
 * it is acknowledged before anything is sent again. The limit ends at the path's maximum and with
 * the path. Random calls keep the invariants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/mtu.h"
#include "random.h"

#define MS UINT64_C(1000000)
#define PTO_NS (50 * MS)
#define START_NS (1000 * MS)
#define FULL 1452u
#define MUCH 100000u

static struct quic_mtu wide(void)
{
    struct quic_mtu m;

    quic_mtu_init(&m);
    assert_false(quic_mtu_has_limit(&m));
    return m;
}

/* Limited at START_NS, with everything before offset 10,000 acknowledged. */
static struct quic_mtu narrow(void)
{
    struct quic_mtu m = wide();

    quic_mtu_wrote(&m, FULL, 10000, false, START_NS);
    assert_true(quic_mtu_refused(&m, FULL, START_NS));
    quic_mtu_acked(&m, 10000, START_NS);
    assert_int_equal(m.limit, QUIC_MTU_MIN);
    return m;
}

static void test_stall(void **state)
{
    struct quic_mtu m = wide();

    (void)state;
    quic_mtu_wrote(&m, FULL, 1400, false, START_NS);
    quic_mtu_wrote(&m, FULL, 2800, false, START_NS + PTO_NS); /* the first one counts */
    assert_true(quic_mtu_has_long(&m));
    assert_false(quic_mtu_check(&m, PTO_NS, START_NS + 3 * PTO_NS - 1));
    assert_true(quic_mtu_check(&m, PTO_NS, START_NS + 3 * PTO_NS));
    assert_int_equal(m.limit, QUIC_MTU_MIN);
    assert_false(quic_mtu_has_long(&m));
    assert_false(quic_mtu_check(&m, PTO_NS, START_NS + 100 * PTO_NS)); /* once */
}

static void test_progress(void **state)
{
    struct quic_mtu m = wide();

    (void)state;
    quic_mtu_wrote(&m, FULL, 1400, false, START_NS);
    quic_mtu_wrote(&m, FULL, 2800, false, START_NS + PTO_NS);
    quic_mtu_acked(&m, 1400, START_NS + 2 * PTO_NS);
    assert_false(quic_mtu_check(&m, PTO_NS, START_NS + 3 * PTO_NS)); /* from the last one */
    assert_true(quic_mtu_check(&m, PTO_NS, START_NS + 4 * PTO_NS));
    m = wide();
    quic_mtu_wrote(&m, FULL, 1400, false, START_NS);
    quic_mtu_acked(&m, 700, START_NS + 2 * PTO_NS);
    quic_mtu_wrote(&m, FULL, 2800, false, START_NS + 2 * PTO_NS); /* from this one */
    assert_false(quic_mtu_check(&m, PTO_NS, START_NS + 5 * PTO_NS - 1));
    assert_true(quic_mtu_check(&m, PTO_NS, START_NS + 5 * PTO_NS));
    m = wide();
    quic_mtu_wrote(&m, FULL, 1400, false, START_NS);
    quic_mtu_acked(&m, 1400, START_NS + PTO_NS);
    quic_mtu_wrote(&m, QUIC_MTU_MIN, 2600, false, START_NS + 2 * PTO_NS);
    assert_false(quic_mtu_has_long(&m)); /* short ones do not count */
    assert_false(quic_mtu_check(&m, PTO_NS, START_NS + 100 * PTO_NS));
}

static void test_refused(void **state)
{
    struct quic_mtu m = wide();

    (void)state;
    assert_false(quic_mtu_refused(&m, QUIC_MTU_MIN, START_NS)); /* an error about another packet */
    assert_false(quic_mtu_has_limit(&m));
    assert_true(quic_mtu_refused(&m, QUIC_MTU_MIN + 1, START_NS));
    assert_int_equal(m.limit, QUIC_MTU_MIN);
    assert_false(quic_mtu_refused(&m, FULL, START_NS));
}

/* Asks for a probe at its time and not before: its size. It is written, up to offset `sent`. */
static size_t probe(struct quic_mtu *m, uint64_t sent, uint64_t *now_ns)
{
    size_t size;

    assert_true(m->raise_ns > *now_ns);
    *now_ns = m->raise_ns - 1;
    assert_int_equal(quic_mtu_next(m, FULL, MUCH, *now_ns), m->limit);
    ++*now_ns;
    assert_int_equal(quic_mtu_next(m, FULL, FULL - 1, *now_ns), m->limit); /* not a full packet */
    size = quic_mtu_next(m, FULL, MUCH, *now_ns);
    assert_true(size > m->limit && size <= FULL);
    quic_mtu_wrote(m, size, sent, false, *now_ns);
    assert_true(m->is_probing);
    assert_int_equal(quic_mtu_next(m, FULL, MUCH, *now_ns + 1), m->limit); /* one at a time */
    return size;
}

static void test_probes_fail(void **state)
{
    struct quic_mtu m = narrow();
    uint64_t now = START_NS, wait = QUIC_MTU_WAIT_NS;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t before = now;

        assert_int_equal(probe(&m, 20000, &now), quic_mtu_sizes[i % QUIC_MTU_SIZES]);
        assert_int_equal(now - before, wait);
        if (i % 3 == 0)
            quic_mtu_wrote(&m, QUIC_MTU_MIN, 20000, true, now);
        else if (i % 3 == 1)
            assert_false(quic_mtu_refused(&m, FULL, now));
        else
            assert_false(quic_mtu_check(&m, PTO_NS, now + 3 * PTO_NS));
        assert_false(m.is_probing);
        assert_int_equal(m.limit, QUIC_MTU_MIN);
        if (i % 3 == 2)
            now += 3 * PTO_NS;
        wait = 2 * wait < QUIC_MTU_WAIT_MAX_NS ? 2 * wait : QUIC_MTU_WAIT_MAX_NS;
    }
    assert_int_equal(wait, QUIC_MTU_WAIT_MAX_NS);
}

static void test_probe_passes(void **state)
{
    struct quic_mtu m = narrow();
    uint64_t now = START_NS;

    (void)state;
    assert_int_equal(probe(&m, 20000, &now), FULL);
    quic_mtu_wrote(&m, QUIC_MTU_MIN, 21000, true, now); /* lost, or something else was */
    quic_mtu_acked(&m, 21000, now);
    assert_int_equal(m.limit, QUIC_MTU_MIN);
    assert_int_equal(probe(&m, 30000, &now), 1444);
    quic_mtu_acked(&m, 29999, now);
    assert_true(m.is_probing);
    quic_mtu_acked(&m, 30000, now);
    assert_false(m.is_probing);
    assert_int_equal(quic_mtu_next(&m, FULL, MUCH, now), 1444);
    assert_int_equal(probe(&m, 40000, &now), FULL); /* soon after */
    quic_mtu_acked(&m, 40000, now);
    assert_true(quic_mtu_next(&m, FULL, MUCH, now) >= FULL);
    assert_false(quic_mtu_has_limit(&m));
}

/* Old bytes in a long packet: their acknowledgement says nothing, so it is no probe. */
static void test_repeat_is_no_probe(void **state)
{
    struct quic_mtu m = narrow();
    uint64_t now = m.raise_ns;

    (void)state;
    assert_int_equal(quic_mtu_next(&m, FULL, MUCH, now), FULL);
    quic_mtu_wrote(&m, FULL, 20000, true, now);
    assert_false(m.is_probing);
    quic_mtu_acked(&m, 20000, now);
    assert_int_equal(quic_mtu_next(&m, FULL, MUCH, now), QUIC_MTU_MIN);
    assert_int_equal(probe(&m, 30000, &now), FULL);
}

static void test_new_path(void **state)
{
    struct quic_mtu m = narrow();
    uint64_t now = START_NS;

    (void)state;
    assert_int_equal(probe(&m, 20000, &now), FULL);
    assert_true(quic_mtu_next(&m, QUIC_MTU_MIN, MUCH, now) >= FULL); /* the library probes it */
    assert_false(quic_mtu_has_limit(&m) || m.is_probing);
}

/* A shrunk path again: the limit falls from a size in between. */
static void test_again(void **state)
{
    struct quic_mtu m = narrow();
    uint64_t now = START_NS;

    (void)state;
    assert_int_equal(probe(&m, 20000, &now), FULL);
    assert_false(quic_mtu_refused(&m, FULL, now));
    assert_int_equal(probe(&m, 30000, &now), 1444);
    quic_mtu_acked(&m, 30000, now);
    quic_mtu_wrote(&m, 1444, 40000, false, now);
    assert_true(quic_mtu_refused(&m, 1444, now));
    assert_int_equal(m.limit, QUIC_MTU_MIN);
    assert_int_equal(m.wait_ns, QUIC_MTU_WAIT_NS);
}

static void test_random(void **state)
{
    struct quic_mtu m = wide();
    uint64_t now = START_NS, sent = 0, acked = 0;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        size_t n = 1 + any(FULL);

        now += any(100 * MS);
        if (quic_mtu_has_limit(&m)) {
            size_t max = quic_mtu_next(&m, any(20) ? FULL : QUIC_MTU_MIN, any(3000), now);

            assert_true(max >= QUIC_MTU_MIN);
            n = n < max ? n : max;
        }
        sent += any(n);
        quic_mtu_wrote(&m, n, sent, any(10) == 0, now);
        acked += any(sent - acked + 1);
        if (any(3) == 0)
            quic_mtu_acked(&m, acked, now);
        if (any(50) == 0)
            quic_mtu_check(&m, any(200 * MS), now);
        if (any(50) == 0)
            quic_mtu_refused(&m, 1 + any(FULL), now);
        assert_true(m.limit >= QUIC_MTU_MIN);
        assert_true(!m.is_probing || (quic_mtu_has_limit(&m) && m.size > m.limit));
        assert_true(m.wait_ns >= QUIC_MTU_WAIT_NS && m.wait_ns <= QUIC_MTU_WAIT_MAX_NS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stall),        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_probes_fail),
        cmocka_unit_test(test_probe_passes), cmocka_unit_test(test_repeat_is_no_probe),
        cmocka_unit_test(test_new_path),     cmocka_unit_test(test_again),
        cmocka_unit_test(test_random),
    };

    random_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
