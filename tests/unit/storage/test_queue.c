/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the queue of writes.
 *  - By hand: the order is that of the first write to a row. A later write to the row replaces the
 *    earlier one, put or drop. Rows differ by key and sub, by table, and by addresses with the same
 *    beginning.
 *  - Against a model, an array: thousands of random puts and drops over a few hundred rows, and
 *    batches taken. Content and order of the output are equal.
 *  - The gate: a write above LIM_STORAGE_QUEUED or above the byte limit is refused and counted. One
 *    that leaves admits another. A small memory_max lowers the limit. Writes outlive the owner of
 *    the gate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/budget.h"
#include "crypto/crypto.h"
#include "storage/gate.h"
#include "storage/queue.h"
#include "storage/storage_limits.h"
#include "storage/storage_metrics.h"
#include "wire_limits.h"

static const uint8_t hash_key[16] = {1, 2, 3}, none[32];

static struct storage_write *value(uint32_t n, uint32_t sub, uint64_t expires_s)
{
    uint8_t key[32] = {0}, sub_key[32] = {0};

    memcpy(key, &n, 4);
    memcpy(sub_key, &sub, 4);
    return storage_put_value_new(key, sub_key, (struct relay_slice){0}, expires_s, 0, 0, 0);
}

static void by_hand(void **state)
{
    struct storage_queue q;
    struct storage_write *w;

    (void)state;
    storage_queue_init(&q, hash_key);
    assert_null(storage_queue_first(&q));
    storage_queue_put(&q, value(1, 0, 10));
    storage_queue_put(&q, value(2, 0, 20));
    storage_queue_put(&q, value(1, 1, 30));
    storage_queue_put(&q,
                      storage_put_peer_new("192.0.2.1:7001:Tcp", (struct relay_slice){0}, 0, 0));
    storage_queue_put(&q,
                      storage_put_peer_new("192.0.2.1:7001:Tcq", (struct relay_slice){0}, 0, 0));
    storage_queue_put(&q, storage_put_pins_new((struct relay_slice){0}));
    storage_queue_put(&q, value(0, 0, 40)); /* zeros, as the pins have */
    assert_int_equal(q.count, 7);
    storage_queue_put(&q, value(1, 0, 11));
    storage_queue_put(&q, storage_drop_peer_new("192.0.2.1:7001:Tcp"));
    storage_queue_put(&q, storage_put_pins_new((struct relay_slice){0}));
    assert_int_equal(q.count, 7);
    w = storage_queue_first(&q);
    assert_int_equal(w->expires_s, 11);
    w = storage_queue_next(&q, w);
    assert_int_equal(w->expires_s, 20);
    w = storage_queue_next(&q, w);
    assert_int_equal(w->expires_s, 30);
    w = storage_queue_next(&q, w);
    assert_int_equal(w->msg.kind, STORAGE_DROP_PEER);
    storage_queue_done(&q, 4);
    w = storage_queue_first(&q);
    assert_string_equal((const char *)w->row_key, "192.0.2.1:7001:Tcq");
    w = storage_queue_next(&q, w);
    assert_int_equal(w->msg.kind, STORAGE_PUT_PINS);
    w = storage_queue_next(&q, w);
    assert_int_equal(w->expires_s, 40);
    assert_null(storage_queue_next(&q, w));
    storage_queue_fini(&q);
}

static uint64_t lcg;

static uint32_t next_random(void)
{
    lcg = lcg * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(lcg >> 33);
}

#define ROWS 300u
#define STEPS 20000u

static void at_random(void **state)
{
    unsigned seed =
        getenv("TEST_SEED") ? (unsigned)strtoul(getenv("TEST_SEED"), NULL, 10) : (unsigned)getpid();
    static uint32_t rows[ROWS]; /* the model: rows that wait, oldest first */
    static uint64_t forms[ROWS];
    uint32_t count = 0;
    struct storage_queue q;

    (void)state;
    printf("seed %u\n", seed);
    lcg = seed;
    storage_queue_init(&q, hash_key);
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t n = next_random() % ROWS, at = 0;

        if (next_random() % 400 == 0) {
            uint32_t take = count ? next_random() % (count + 1) : 0;
            struct storage_write *w = storage_queue_first(&q);

            for (uint32_t i = 0; i < count; i++, w = storage_queue_next(&q, w)) {
                assert_memory_equal(w->row_key, &rows[i], 4);
                assert_int_equal(w->expires_s, forms[rows[i]]);
            }
            assert_null(w);
            storage_queue_done(&q, take);
            count -= take;
            memmove(rows, rows + take, count * sizeof(rows[0]));
            continue;
        }
        while (at < count && rows[at] != n)
            at++;
        if (at == count)
            rows[count++] = n;
        if (next_random() % 4 == 0) {
            uint8_t key[32] = {0};

            memcpy(key, &n, 4);
            storage_queue_put(&q, storage_drop_value_new(key, none));
            forms[n] = 0;
        } else {
            storage_queue_put(&q, value(n, 0, step));
            forms[n] = step;
        }
        assert_int_equal(q.count, count);
    }
    storage_queue_fini(&q);
    assert_int_equal(q.bytes, 0);
}

static void gate_by_number(void **state)
{
    struct storage_gate *g = storage_gate_new();
    uint64_t dropped = rt_metric_get(RT_METRIC_STORAGE_DROPPED);
    struct storage_queue q;
    struct storage_write *w;
    struct rt_msg *m;

    (void)state;
    rt_budget_configure(UINT64_C(1) << 30);
    storage_queue_init(&q, hash_key);
    for (uint32_t i = 0; i < LIM_STORAGE_QUEUED; i++) {
        w = value(i, 0, 1);
        assert_true(storage_gate_enter(g, w));
        storage_queue_put(&q, w);
    }
    assert_int_equal(rt_metric_get(RT_METRIC_STORAGE_QUEUED), LIM_STORAGE_QUEUED);
    w = value(LIM_STORAGE_QUEUED, 0, 1);
    assert_false(storage_gate_enter(g, w));
    assert_int_equal(storage_gate_dropped(g), 1);
    assert_int_equal(rt_metric_get(RT_METRIC_STORAGE_DROPPED), dropped + 1);
    storage_queue_done(&q, 1);
    assert_true(storage_gate_enter(g, w));
    m = &w->msg;
    storage_gate_drop(&g);
    rt_msg_free(&m);
    storage_queue_fini(&q);
    assert_int_equal(rt_metric_get(RT_METRIC_STORAGE_QUEUED), 0);
}

/* Sends values of 64 KiB until one is refused; how many passed. */
static uint32_t fill(struct storage_gate *g, struct storage_queue *q)
{
    static uint8_t bytes[LIM_VALUE_MAX];
    struct relay_slice shared = rt_slice_copy(bytes, sizeof(bytes));
    uint32_t count = 0;

    assert_non_null(shared.owner);
    for (;; count++) {
        uint8_t key[32] = {0};
        struct storage_write *w;
        struct rt_msg *m;

        memcpy(key, &count, 4);
        w = storage_put_value_new(key, none, relay_slice_ref(shared), 1, 0, 0, 0);
        m = &w->msg;
        if (!storage_gate_enter(g, w)) {
            rt_msg_free(&m);
            break;
        }
        storage_queue_put(q, w);
    }
    relay_slice_drop(&shared);
    return count;
}

static void gate_by_bytes(void **state)
{
    static const uint64_t memory[] = {UINT64_C(1) << 30, UINT64_C(64) << 20};
    static const uint64_t limit[] = {LIM_STORAGE_QUEUED_BYTES, UINT64_C(8) << 20};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct storage_gate *g = storage_gate_new();
        struct storage_queue q;

        rt_budget_configure(memory[i]);
        storage_queue_init(&q, hash_key);
        assert_int_equal(fill(g, &q), limit[i] / LIM_VALUE_MAX);
        assert_int_equal(q.bytes, limit[i]);
        storage_queue_done(&q, 3);
        assert_int_equal(fill(g, &q), 3); /* rows 0 to 2 again */
        storage_queue_fini(&q);
        storage_gate_drop(&g);
    }
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(at_random),
        cmocka_unit_test(gate_by_number),
        cmocka_unit_test(gate_by_bytes),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage queue", tests, NULL, NULL);
}
