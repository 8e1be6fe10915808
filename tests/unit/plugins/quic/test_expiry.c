/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the heap is compared with a plain array of times over random runs: members are set, moved
 * both ways, removed and popped. What pops is due and one of the earliest. Equal times and
 * QUIC_NEVER are included. Then a thousand members are drained in order, so that the heap grows and
 * shrinks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quic/expiry.h"
#include "random.h"

#define MEMBERS 1000u

static struct quic_expiry members[MEMBERS];
static uint64_t times[MEMBERS]; /* QUIC_NEVER: not in */

static uint64_t earliest(void)
{
    uint64_t least = QUIC_NEVER;

    for (unsigned i = 0; i < MEMBERS; i++)
        least = times[i] < least ? times[i] : least;
    return least;
}

static void reset(void)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        members[i].place = 0;
        times[i] = QUIC_NEVER;
    }
}

static void put(struct quic_expiries *h, unsigned i, uint64_t at)
{
    quic_expiries_set(h, &members[i], at);
    times[i] = at;
    assert_int_equal(members[i].place == 0, at == QUIC_NEVER);
}

static void hasten(struct quic_expiries *h, unsigned i, uint64_t at)
{
    quic_expiries_hasten(h, &members[i], at);
    times[i] = at < times[i] ? at : times[i];
}

static void pop_due(struct quic_expiries *h, uint64_t now)
{
    struct quic_expiry *m = quic_expiries_pop(h, now);
    uint64_t least = earliest();

    assert_int_equal(m != NULL, least <= now);
    if (!m)
        return;
    assert_int_equal(times[m - members], least);
    assert_int_equal(m->place, 0);
    times[m - members] = QUIC_NEVER;
}

static void test_against_model(void **state)
{
    struct quic_expiries h = {0};

    (void)state;
    reset();
    assert_int_equal(quic_expiries_next(&h), QUIC_NEVER);
    assert_null(quic_expiries_pop(&h, UINT64_MAX - 1));
    for (unsigned i = 0; i < 20000; i++) {
        unsigned who = (unsigned)any(i < 10000 ? MEMBERS : 20);

        if (any(3) == 0)
            pop_due(&h, any(5000));
        else if (any(4) == 0)
            hasten(&h, who, any(5000));
        else
            put(&h, who, any(4) ? any(5000) : QUIC_NEVER);
        assert_int_equal(quic_expiries_next(&h), earliest());
    }
    quic_expiries_fini(&h);
    assert_int_equal(quic_expiries_next(&h), QUIC_NEVER);
}

static void test_in_order(void **state)
{
    struct quic_expiries h = {0};
    uint64_t last = 0;
    uint32_t most;

    (void)state;
    reset();
    for (unsigned i = 0; i < MEMBERS; i++)
        put(&h, i, any(100000));
    most = h.capacity;
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct quic_expiry *m = quic_expiries_pop(&h, 100000);

        assert_non_null(m);
        assert_true(times[m - members] >= last);
        last = times[m - members];
    }
    assert_null(quic_expiries_pop(&h, UINT64_MAX - 1));
    assert_true(h.capacity <= most / 4);
    quic_expiries_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_in_order),
    };

    random_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
