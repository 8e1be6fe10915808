/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, in virtual time with two clocks:
 *  - At start both keys of the hour are due at once. Without a store they are due again within a
 *    minute, in doubling steps from 2 s. Stored announcements follow in doubling steps up to the
 *    interval, then once per interval, less a tenth at most.
 *  - Six to ten minutes before the hour the next keys are due once, and again when no node stored
 *    them. The hour itself then causes nothing. An hour that was missed because the clock jumped in
 *    either direction is due at once.
 *  - Seeded, over a day: at every moment a valid announcement is stored under both keys of the
 * hour, and in the last 300 s of the hour also under the next keys.
 *  - The final announcement has the keys of the hour, and the next keys if they have been used.
 *  - A list of keys has no duplicates, even when both slots of a relay are the same.
 */
#include "unit/announcer/support.h"

#include "wire_limits.h"
#include "announcer/directory/rendezvous.h"

static uint8_t pubkey[32] = {7};
static uint64_t rng = 20261123;

static const uint64_t hour_s = NOW_S / 3600 * 3600; /* the start of all tests, plus a few minutes */

static void keys_of(uint64_t wall_s, uint8_t out[2][32])
{
    uint64_t bucket = wall_s / 3600;

    for (uint8_t which = 0; which < 2; which++)
        wire_rendezvous_key(bucket, wire_rendezvous_slot(pubkey, bucket, which), out[which]);
}

static bool has_key(const struct rendezvous_keys *k, const uint8_t key[32])
{
    for (uint32_t i = 0; i < k->count; i++)
        if (memcmp(k->at[i], key, 32) == 0)
            return true;
    return false;
}

static bool has_hour(const struct rendezvous_keys *k, uint64_t wall_s)
{
    uint8_t keys[2][32];

    keys_of(wall_s, keys);
    return has_key(k, keys[0]) && has_key(k, keys[1]);
}

/* Both clocks together: t seconds after the start, which is at hour_s + begin_s. */
struct clocks {
    struct rendezvous r;
    uint64_t begin_s;
};

static void begin(struct clocks *c, uint64_t begin_s, uint32_t interval_s)
{
    rendezvous_init(&c->r, interval_s, test_random(&rng));
    c->begin_s = hour_s + begin_s;
}

static bool due(struct clocks *c, uint64_t t, struct rendezvous_keys *k)
{
    return rendezvous_due(&c->r, pubkey, (1000 + t) * RT_S, c->begin_s + t, k);
}

static void done(struct clocks *c, uint64_t t, uint32_t stored)
{
    rendezvous_done(&c->r, stored, (1000 + t) * RT_S, test_random(&rng));
}

/* Seconds until it is due again. */
static uint64_t wait_due(struct clocks *c, uint64_t t, struct rendezvous_keys *k)
{
    uint64_t waited = 0;

    while (!due(c, t + waited, k))
        assert_true(++waited < 100000);
    return waited;
}

static void test_at_start(void **state)
{
    struct rendezvous_keys k;
    struct clocks c;

    (void)state;
    begin(&c, 600, 1800);
    assert_true(due(&c, 0, &k));
    assert_true(has_hour(&k, c.begin_s));
    assert_true(k.count <= 2);
}

static void test_not_stored(void **state)
{
    static const uint64_t steps[] = {2, 4, 8, 16, 32, 60, 60};
    struct rendezvous_keys k;
    struct clocks c;
    uint64_t t = 0;

    (void)state;
    begin(&c, 600, 1800);
    assert_true(due(&c, 0, &k));
    for (size_t i = 0; i < 7; i++) {
        done(&c, t, 0);
        assert_int_equal(wait_due(&c, t, &k), steps[i]);
        t += steps[i];
    }
    done(&c, t, 3); /* the first store: short steps again */
    assert_in_range(wait_due(&c, t, &k), 9, 10);
}

static void test_steps(void **state)
{
    struct rendezvous_keys k;
    struct clocks c;
    uint64_t t = 0, step = 10;

    (void)state;
    begin(&c, 0, 300);
    assert_true(due(&c, 0, &k));
    for (int i = 0; i < 7; i++, step = 2 * step < 300 ? 2 * step : 300) {
        uint64_t waited;

        done(&c, t, i == 0 ? 1 : 20);
        waited = wait_due(&c, t, &k);
        assert_in_range(waited, step * 9 / 10, step);
        t += waited;
    }
    assert_int_equal(step, 300);
}

/* Announced, and past the first short steps: the seconds that took. */
static uint64_t settle(struct clocks *c, uint64_t t, uint64_t until)
{
    struct rendezvous_keys k;

    for (;;) {
        uint64_t waited;

        done(c, t, 20);
        if (c->r.step_ns == c->r.interval_ns)
            return t;
        waited = wait_due(c, t, &k);
        if (t + waited >= until)
            return t;
        t += waited;
    }
}

static void test_by_the_interval(void **state)
{
    uint64_t least = UINT64_MAX, most = 0;
    struct rendezvous_keys k;
    struct clocks c;

    (void)state;
    begin(&c, 0, 600);
    assert_true(due(&c, 0, &k));
    (void)settle(&c, 0, 3000);
    for (int i = 0; i < 200; i++) {
        uint64_t waited;

        done(&c, 1000, 20);
        waited = wait_due(&c, 1000, &k);
        assert_in_range(waited, 540, 600);
        least = waited < least ? waited : least;
        most = waited > most ? waited : most;
    }
    assert_true(most - least > 30); /* jitter */
}

static void test_ahead_of_the_hour(void **state)
{
    struct rendezvous_keys k;

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct clocks c;
        uint64_t t = 0, ahead;

        begin(&c, 0, 21600);
        assert_true(due(&c, 0, &k));
        while (!has_hour(&k, c.begin_s + 3600)) {
            done(&c, t, 20);
            t += wait_due(&c, t, &k);
        }
        ahead = 3600 - t;
        assert_in_range(ahead, 360, 600);
        done(&c, t, 0);
        assert_false(due(&c, t + 1, &k));
        assert_true(due(&c, t + 60, &k)); /* no store: due again */
        assert_true(has_hour(&k, c.begin_s + 3600));
        /* The hour comes, and brings nothing of its own. */
        for (t += 60; t < 3600; t += wait_due(&c, t, &k))
            done(&c, t, 20);
        assert_true(t > 3600);
    }
}

static void test_clock_jumps(void **state)
{
    struct rendezvous_keys k;
    struct clocks c;

    (void)state;
    begin(&c, 600, 1800);
    assert_true(due(&c, 0, &k));
    done(&c, 0, 20);
    assert_false(due(&c, 1, &k));
    assert_true(rendezvous_next_ns(&c.r, 1001 * RT_S) <= 1001 * RT_S + RENDEZVOUS_POLL_NS);
    c.begin_s += 86400;
    assert_true(due(&c, 1, &k));
    assert_true(has_hour(&k, c.begin_s));
    done(&c, 1, 20);
    c.begin_s -= 200000;
    assert_true(due(&c, 2, &k));
    assert_true(has_hour(&k, c.begin_s));
}

/* Stored announcements: the key of an hour and the expiry. */
struct stored {
    uint8_t key[32];
    uint64_t expires_s;
};

static bool stands(const struct stored *s, size_t count, uint64_t of_s, uint64_t now_s)
{
    uint8_t keys[2][32];
    int found = 0;

    keys_of(of_s, keys);
    for (int which = 0; which < 2; which++)
        for (size_t i = 0; i < count; i++)
            if (memcmp(s[i].key, keys[which], 32) == 0 && s[i].expires_s > now_s) {
                found++;
                break;
            }
    return found == 2;
}

static void test_a_day(void **state)
{
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng);
    for (int run = 0; run < 20; run++) {
        static struct stored s[4096];
        uint32_t interval = 60 + (uint32_t)(test_random(&rng) % 21541);
        struct rendezvous_keys k;
        struct clocks c;
        size_t count = 0;

        begin(&c, test_random(&rng) % 3600, interval);
        for (uint64_t t = 0; t < 86400; t++) {
            uint64_t now_s = c.begin_s + t;

            if (due(&c, t, &k)) {
                for (uint32_t i = 0; i < k.count && count < 4096; i++) {
                    memcpy(s[count].key, k.at[i], 32);
                    s[count++].expires_s = now_s + LIM_ANNOUNCEMENT_S;
                }
                done(&c, t, 5 + (uint32_t)(test_random(&rng) % 16));
            }
            if (t % 97 == 0 && count < 4096) {
                assert_true(stands(s, count, now_s, now_s));
                assert_true(t < 330 || stands(s, count, now_s + 300, now_s));
            }
        }
    }
}

static void test_final_announcement(void **state)
{
    struct rendezvous_keys k;
    struct clocks c;

    (void)state;
    begin(&c, 600, 1800);
    assert_true(due(&c, 0, &k));
    done(&c, 0, 20);
    rendezvous_current(&c.r, pubkey, c.begin_s, &k);
    assert_true(has_hour(&k, c.begin_s) && !has_hour(&k, c.begin_s + 3600));
    assert_true(due(&c, 2900, &k));
    done(&c, 2900, 20);
    rendezvous_current(&c.r, pubkey, c.begin_s + 2900, &k);
    assert_true(has_hour(&k, c.begin_s) && has_hour(&k, c.begin_s + 3600));
}

static void test_one_slot_twice(void **state)
{
    struct rendezvous_keys k;
    bool was_seen = false;

    (void)state;
    for (uint32_t n = 0; n < 200; n++) {
        struct clocks c;

        memcpy(pubkey, &n, sizeof(n));
        begin(&c, 3300, 1800);
        assert_true(due(&c, 0, &k)); /* both hours */
        assert_true(has_hour(&k, c.begin_s) && has_hour(&k, c.begin_s + 3600));
        assert_in_range(k.count, 2, 4);
        was_seen = was_seen || k.count < 4;
        for (uint32_t i = 0; i < k.count; i++)
            for (uint32_t m = 0; m < i; m++)
                assert_memory_not_equal(k.at[i], k.at[m], 32);
    }
    assert_true(was_seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_start),
        cmocka_unit_test(test_not_stored),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_by_the_interval),
        cmocka_unit_test(test_ahead_of_the_hour),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_a_day),
        cmocka_unit_test(test_final_announcement),
        cmocka_unit_test(test_one_slot_twice),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
