/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: counts: a single key gets exactly its limit, and one more unit for each one that it
 * returns. With many keys in a table that is a quarter full, almost no key is refused below its
 * limit. After all units are returned, every cell is zero.
 * Rates: the burst passes at once and not one unit more; then one unit per interval of virtual
 * time. Over a long random run the same number passes as in a simple leaky bucket. Many other keys
 * affect few keys. A key with constant attempts recovers as fast as one without. A rate of 0 sets
 * no limit. Threads that share one key exceed the limit by at most their number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/seams.h"
#include "base/sketch.h"

#define WIDTH 4096u
#define THREADS 4
#define LIMIT 1000u

static const uint8_t hash_key[16] = "sketch-test-key";

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void test_count_is_exact_for_one_key(void **state)
{
    struct rt_count_sketch s;
    const char key[] = "192.0.2.1";

    (void)state;
    assert_int_equal(rt_count_sketch_init(&s, WIDTH, hash_key), RT_ERR_OK);
    assert_false(rt_count_sketch_take(&s, key, sizeof key, 0));
    for (int i = 0; i < 5; i++)
        assert_true(rt_count_sketch_take(&s, key, sizeof key, 5));
    assert_false(rt_count_sketch_take(&s, key, sizeof key, 5));
    rt_count_sketch_give(&s, key, sizeof key);
    assert_true(rt_count_sketch_take(&s, key, sizeof key, 5));
    assert_false(rt_count_sketch_take(&s, key, sizeof key, 5));
    assert_true(rt_count_sketch_take(&s, key, sizeof key - 1, 5));
    rt_count_sketch_fini(&s);
    rt_count_sketch_fini(&s);
}

static void test_count_collisions_are_few(void **state)
{
    struct rt_count_sketch s;
    uint32_t keys = WIDTH / 4, refused = 0;
    uint32_t *held = calloc(keys, sizeof *held);

    (void)state;
    assert_int_equal(rt_count_sketch_init(&s, WIDTH, hash_key), RT_ERR_OK);
    for (int round = 0; round < 4; round++) {
        for (uint32_t key = 0; key < keys; key++) {
            if (rt_count_sketch_take(&s, &key, sizeof key, 4))
                held[key]++;
            else
                refused++;
        }
    }
    /* Both rows must be shared: about (1 - e^-1/4)^2 = 5 % of the keys, some of their units. */
    print_message("refused within the limit: %u of %u\n", refused, 4 * keys);
    assert_true(refused < 4 * keys / 20);
    for (uint32_t key = 0; key < keys; key++) {
        for (; held[key] > 0; held[key]--)
            rt_count_sketch_give(&s, &key, sizeof key);
    }
    for (uint32_t i = 0; i < 2 * WIDTH; i++)
        assert_int_equal(s.cells[i], 0);
    rt_count_sketch_fini(&s);
    free(held);
}

struct shared_count {
    struct rt_count_sketch sketch;
    _Atomic uint32_t taken;
};

static void *take_all(void *arg)
{
    struct shared_count *shared = arg;

    for (uint32_t i = 0; i < LIMIT; i++) {
        if (rt_count_sketch_take(&shared->sketch, "k", 1, LIMIT))
            atomic_fetch_add(&shared->taken, 1);
    }
    return NULL;
}

static void test_count_of_threads(void **state)
{
    struct shared_count shared = {0};
    pthread_t threads[THREADS];

    (void)state;
    assert_int_equal(rt_count_sketch_init(&shared.sketch, WIDTH, hash_key), RT_ERR_OK);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_all, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(shared.taken, LIMIT, LIMIT + THREADS - 1);
    rt_count_sketch_fini(&shared.sketch);
}

static void test_rate_burst_then_interval(void **state)
{
    struct rt_rate_sketch s;
    uint64_t now = 5 * RT_S, every = RT_S / 10;

    (void)state;
    assert_int_equal(rt_rate_sketch_init(&s, WIDTH, 600, 3, hash_key), RT_ERR_OK);
    assert_int_equal(s.every_ns, every);
    for (int i = 0; i < 3; i++)
        assert_true(rt_rate_sketch_take(&s, "a", 1, now));
    assert_false(rt_rate_sketch_take(&s, "a", 1, now));
    assert_true(rt_rate_sketch_take(&s, "b", 1, now));
    for (int i = 1; i < 50; i++) {
        assert_false(rt_rate_sketch_take(&s, "a", 1, now + (uint64_t)i * every - 1));
        assert_true(rt_rate_sketch_take(&s, "a", 1, now + (uint64_t)i * every));
        assert_false(rt_rate_sketch_take(&s, "a", 1, now + (uint64_t)i * every));
    }
    now += 1000 * RT_S;
    for (int i = 0; i < 3; i++)
        assert_true(rt_rate_sketch_take(&s, "a", 1, now));
    assert_false(rt_rate_sketch_take(&s, "a", 1, now));
    rt_rate_sketch_fini(&s);
    rt_rate_sketch_fini(&s);
}

static void test_rate_is_a_leaky_bucket(void **state)
{
    struct rt_rate_sketch s;
    uint64_t now = RT_S, level_ns = 0, burst = 20, every = 60 * RT_S / 240;

    (void)state;
    assert_int_equal(rt_rate_sketch_init(&s, WIDTH, 240, burst, hash_key), RT_ERR_OK);
    for (int i = 0; i < 20000; i++) {
        uint64_t step = next_random() % (2 * every);
        bool fits;

        now += step;
        level_ns = level_ns > step ? level_ns - step : 0;
        fits = level_ns <= (burst - 1) * every;
        level_ns += fits ? every : 0;
        assert_int_equal(rt_rate_sketch_take(&s, "key", 3, now), fits);
    }
    rt_rate_sketch_fini(&s);
}

static void test_rate_collisions_are_few(void **state)
{
    struct rt_rate_sketch s;
    uint64_t now = RT_S, refused = 0, asked = 0;
    uint32_t keys = WIDTH / 4;

    (void)state;
    assert_int_equal(rt_rate_sketch_init(&s, WIDTH, 60, 5, hash_key), RT_ERR_OK);
    /* Each key asks at its own rate and no more, so no one should ever be refused. */
    for (int second = 0; second < 30; second++, now += RT_S) {
        for (uint32_t key = 0; key < keys; key++, asked++)
            refused += !rt_rate_sketch_take(&s, &key, sizeof key, now);
    }
    print_message("refused within the rate: %u of %u\n", (unsigned)refused, (unsigned)asked);
    assert_true(refused < asked / 20);
    for (uint32_t i = 0; i < 2 * WIDTH; i++)
        assert_true(s.cells[i] <= now + 5 * RT_S);
    rt_rate_sketch_fini(&s);
}

static void test_rate_hammering_is_not_punished(void **state)
{
    struct rt_rate_sketch s;
    uint64_t now = RT_S, passed = 0;

    (void)state;
    assert_int_equal(rt_rate_sketch_init(&s, WIDTH, 60, 1, hash_key), RT_ERR_OK);
    for (int i = 0; i < 10 * 1000; i++, now += RT_MS)
        passed += rt_rate_sketch_take(&s, "k", 1, now);
    assert_int_equal(passed, 10);
    rt_rate_sketch_fini(&s);
}

static void test_rate_zero_limits_nothing(void **state)
{
    struct rt_rate_sketch s;

    (void)state;
    assert_int_equal(rt_rate_sketch_init(&s, WIDTH, 0, 0, hash_key), RT_ERR_OK);
    for (int i = 0; i < 100000; i++)
        assert_true(rt_rate_sketch_take(&s, "k", 1, 1));
    rt_rate_sketch_fini(&s);
}

struct shared_rate {
    struct rt_rate_sketch sketch;
    _Atomic uint32_t taken;
};

static void *take_burst(void *arg)
{
    struct shared_rate *shared = arg;

    for (uint32_t i = 0; i < LIMIT; i++) {
        if (rt_rate_sketch_take(&shared->sketch, "k", 1, RT_S))
            atomic_fetch_add(&shared->taken, 1);
    }
    return NULL;
}

static void test_rate_of_threads(void **state)
{
    struct shared_rate shared = {0};
    pthread_t threads[THREADS];

    (void)state;
    assert_int_equal(rt_rate_sketch_init(&shared.sketch, WIDTH, 60, LIMIT, hash_key), RT_ERR_OK);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_burst, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(shared.taken, LIMIT, LIMIT + THREADS - 1);
    rt_rate_sketch_fini(&shared.sketch);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_is_exact_for_one_key),
        cmocka_unit_test(test_count_collisions_are_few),
        cmocka_unit_test(test_count_of_threads),
        cmocka_unit_test(test_rate_burst_then_interval),
        cmocka_unit_test(test_rate_is_a_leaky_bucket),
        cmocka_unit_test(test_rate_collisions_are_few),
        cmocka_unit_test(test_rate_hammering_is_not_punished),
        cmocka_unit_test(test_rate_zero_limits_nothing),
        cmocka_unit_test(test_rate_of_threads),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    seed += seed == 0;
    printf("seed=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests_name("base/sketch", tests, NULL, NULL);
}
