/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a nonce is new once and known afterwards. It is forgotten after LIM_NONCE_S and not one
 * second before. A million others do not grow the ledger, and evict only older ones. Of many
 * threads that insert one nonce at once, exactly one succeeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "session/ledger.h"
#include "session/session_limits.h"

static const uint8_t key[16] = "ledger-test-key";

static void nonce_of(uint64_t n, uint8_t out[32])
{
    memset(out, 0xa5, 32);
    memcpy(out, &n, sizeof(n));
}

static void test_second_time_is_a_replay(void **state)
{
    struct session_ledger *l = session_ledger_new(key);
    uint8_t a[32], b[32];

    (void)state;
    nonce_of(1, a);
    nonce_of(2, b);
    assert_true(session_ledger_insert(l, a, 1000));
    assert_false(session_ledger_insert(l, a, 1000));
    assert_true(session_ledger_insert(l, b, 1000));
    assert_false(session_ledger_insert(l, a, 1000 + LIM_NONCE_S));
    assert_true(session_ledger_insert(l, a, 1001 + LIM_NONCE_S));
    assert_false(session_ledger_insert(l, a, 1002 + LIM_NONCE_S));
    session_ledger_free(&l);
    assert_null(l);
}

static void test_flood_forgets_the_oldest_only(void **state)
{
    struct session_ledger *l = session_ledger_new(key);
    uint8_t n[32];
    uint32_t forgotten = 0;

    (void)state;
    for (uint64_t i = 0; i < 2 * (uint64_t)LIM_NONCE_ENTRIES; i++) {
        nonce_of(i, n);
        assert_true(session_ledger_insert(l, n, 5000 + i / 100000));
    }
    /* The last quarter of the table's size is young enough to be there whatever the hash did. */
    for (uint64_t i = 2 * (uint64_t)LIM_NONCE_ENTRIES - LIM_NONCE_ENTRIES / 4;
         i < 2 * (uint64_t)LIM_NONCE_ENTRIES; i++) {
        nonce_of(i, n);
        forgotten += session_ledger_insert(l, n, 5030);
    }
    assert_true(forgotten < LIM_NONCE_ENTRIES / 1000);
    nonce_of(0, n);
    assert_true(session_ledger_insert(l, n, 5030));
    session_ledger_free(&l);
}

#define RACERS 4
#define ROUNDS 20000

struct race {
    struct session_ledger *ledger;
    _Atomic uint32_t won;
};

static void *racer(void *arg)
{
    struct race *r = arg;
    uint8_t n[32];

    for (uint64_t i = 0; i < ROUNDS; i++) {
        nonce_of(i, n);
        if (session_ledger_insert(r->ledger, n, 100))
            atomic_fetch_add(&r->won, 1);
    }
    return NULL;
}

static void test_racing_inserts_have_one_winner(void **state)
{
    struct race r = {.ledger = session_ledger_new(key)};
    pthread_t t[RACERS];

    (void)state;
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, racer, &r), 0);
    for (int i = 0; i < RACERS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(atomic_load(&r.won), ROUNDS);
    session_ledger_free(&r.ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_time_is_a_replay),
        cmocka_unit_test(test_flood_forgets_the_oldest_only),
        cmocka_unit_test(test_racing_inserts_have_one_winner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
