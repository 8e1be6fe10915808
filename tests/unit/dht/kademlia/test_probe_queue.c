/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: probes are returned in order, five a second, and one at a time per /24 and /48; an address
 * of the next network then comes first. An address that refused is refused for exactly an hour,
 * unless the refusal is dropped. An address is queued once. Queue and refusals are bounded, and one
 * network alone cannot fill the queue. A seeded crowd of offers keeps all limits for ten minutes.
 */
#include "unit/dht/support.h"

#include "dht/kademlia/probe_queue.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

#define SPACE (RT_S / LIM_PROBES_PER_S)

static const uint8_t hash_key[16] = "dht-probe-test";
static enum wire_dialect dialect; /* of the last returned address */

static void test_five_a_second_in_order(void **state)
{
    struct dht_probe_queue *p = dht_probe_queue_new(hash_key);
    struct wire_peer_hop in, out;
    uint64_t now = RT_S;

    (void)state;
    assert_int_equal(dht_probe_queue_next_ns(p), UINT64_MAX);
    for (uint32_t i = 0; i < 20; i++) {
        in = test_hop(0x0b000001 + (i << 8), 7001);
        assert_true(dht_probe_queue_offer(p, &in, WIRE_DIALECT_C, now));
        assert_false(dht_probe_queue_offer(p, &in, WIRE_DIALECT_C, now));
    }
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(dht_probe_queue_next(p, now, &out, &dialect));
        assert_int_equal(out.ip[2], i);
        assert_false(dht_probe_queue_next(p, now + SPACE - 1, &out, &dialect));
        if (i < 19)
            assert_int_equal(dht_probe_queue_next_ns(p), now + SPACE);
        dht_probe_queue_ended(p, &out, true, now);
        now += SPACE;
    }
    assert_int_equal(dht_probe_queue_waiting(p), 0);
    dht_probe_queue_free(&p);
}

static void test_one_at_a_time_per_network(void **state)
{
    struct dht_probe_queue *p = dht_probe_queue_new(hash_key);
    struct wire_peer_hop a = test_hop(0x0b000001, 7001), b = test_hop(0x0b000002, 7001),
                         c = test_hop(0x0b000101, 7001), out;

    (void)state;
    dht_probe_queue_offer(p, &a, WIRE_DIALECT_C, 0);
    dht_probe_queue_offer(p, &b, WIRE_DIALECT_C, 0);
    dht_probe_queue_offer(p, &c, WIRE_DIALECT_C, 0);
    assert_true(dht_probe_queue_next(p, 0, &out, &dialect));
    assert_true(dht_hop_same(&out, &a));
    assert_true(dht_probe_queue_next(p, SPACE, &out, &dialect));
    assert_true(dht_hop_same(&out, &c));
    assert_false(dht_probe_queue_next(p, 2 * SPACE, &out, &dialect));
    assert_int_equal(dht_probe_queue_next_ns(p), UINT64_MAX); /* none before one of these ends */
    dht_probe_queue_ended(p, &c, true, 3 * SPACE);
    assert_false(dht_probe_queue_next(p, 3 * SPACE, &out, &dialect));
    dht_probe_queue_ended(p, &a, true, 3 * SPACE);
    assert_true(dht_probe_queue_next(p, 3 * SPACE, &out, &dialect));
    assert_true(dht_hop_same(&out, &b));
    dht_probe_queue_free(&p);
}

static void test_refused_for_an_hour(void **state)
{
    struct dht_probe_queue *p = dht_probe_queue_new(hash_key);
    struct wire_peer_hop a = test_hop(0x0b000001, 7001), out;

    (void)state;
    dht_probe_queue_offer(p, &a, WIRE_DIALECT_C, 0);
    assert_true(dht_probe_queue_next(p, 0, &out, &dialect));
    dht_probe_queue_ended(p, &a, false, RT_S);
    assert_false(dht_probe_queue_offer(p, &a, WIRE_DIALECT_C, RT_S + LIM_REFUSED_NS - 1));
    assert_true(dht_probe_queue_is_refused(p, &a, RT_S + LIM_REFUSED_NS - 1));
    a.port++; /* another port is another address */
    assert_true(dht_probe_queue_offer(p, &a, WIRE_DIALECT_C, RT_S));
    a.port--;
    assert_true(dht_probe_queue_offer(p, &a, WIRE_DIALECT_C, RT_S + LIM_REFUSED_NS));
    dht_probe_queue_refused(p, &a, 5000 * RT_S, 4000 * RT_S);
    assert_true(dht_probe_queue_is_refused(p, &a, 4500 * RT_S));
    dht_probe_queue_forgive(p, &a);
    assert_false(dht_probe_queue_is_refused(p, &a, 4500 * RT_S));
    dht_probe_queue_free(&p);
}

static void test_queue_and_refusals_are_bounded(void **state)
{
    struct dht_probe_queue *p = dht_probe_queue_new(hash_key);
    struct wire_peer_hop h;
    uint32_t queued = 0;

    (void)state;
    for (uint32_t i = 0; i < 2 * LIM_PROBES_QUEUED; i++) {
        h = test_hop(0x0b000001 + (i << 8), 7001);
        queued += dht_probe_queue_offer(p, &h, WIRE_DIALECT_C, 0);
    }
    assert_int_equal(queued, LIM_PROBES_QUEUED);
    for (uint32_t i = 0; i < 2 * LIM_REFUSED_ENTRIES; i++) {
        h = test_hop(0x0c000001 + (i << 8), 7001);
        dht_probe_queue_refused(p, &h, RT_S, 0);
    }
    for (uint32_t i = 0, remembered = 0; i < 2 * LIM_REFUSED_ENTRIES; i++) {
        h = test_hop(0x0c000001 + (i << 8), 7001);
        remembered += dht_probe_queue_is_refused(p, &h, 0);
        if (i == 2 * LIM_REFUSED_ENTRIES - 1) {
            assert_int_equal(remembered, LIM_REFUSED_ENTRIES);
            assert_true(dht_probe_queue_is_refused(p, &h, 0)); /* the oldest was dropped */
        }
    }
    dht_probe_queue_free(&p);
}

static void test_one_network_leaves_room_for_others(void **state)
{
    struct dht_probe_queue *p = dht_probe_queue_new(hash_key);
    uint64_t dropped = rt_metric_get(RT_METRIC_DHT_PROBES_DROPPED);
    struct wire_peer_hop h;
    uint32_t others = 0;

    (void)state;
    for (uint32_t i = 0; i < 2 * LIM_PROBES_QUEUED; i++) {
        h = test_hop(0x0b000001, (uint16_t)(1024 + i));
        (void)dht_probe_queue_offer(p, &h, WIRE_DIALECT_C, 0);
    }
    assert_int_equal(dht_probe_queue_waiting(p), LIM_PROBES_QUEUED / 2);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_PROBES_DROPPED) - dropped,
                     LIM_PROBES_QUEUED * 3 / 2);
    for (uint32_t i = 0; i < LIM_PROBES_QUEUED; i++) {
        h = test_hop(0x0c000001 + (i << 8), 7001);
        others += dht_probe_queue_offer(p, &h, WIRE_DIALECT_C, 0);
    }
    assert_int_equal(others, LIM_PROBES_QUEUED / 2);
    dht_probe_queue_free(&p);
}

/* A crowd offers addresses of few networks, most of them dead. */
static void test_limits_hold_under_a_crowd_of_offers(void **state)
{
    struct dht_probe_queue *p = dht_probe_queue_new(hash_key);
    static uint64_t last_dial[4096];
    struct wire_peer_hop under_way[64], h;
    uint64_t ends[64], seed = 20261130, window = 0;
    uint32_t count = 0, in_window = 0, dials = 0;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t now = RT_S; now < 600 * RT_S; now += 10 * RT_MS) {
        h = test_hop(0x0b000000 + (uint32_t)(test_random(&seed) % 4096), 7001);
        (void)dht_probe_queue_offer(p, &h, WIRE_DIALECT_C, now);
        while (dht_probe_queue_next(p, now, &h, &dialect)) {
            uint32_t n = (uint32_t)h.ip[2] << 8 | h.ip[3];

            if (now / RT_S != window)
                in_window = 0;
            window = now / RT_S;
            assert_true(++in_window <= LIM_PROBES_PER_S);
            assert_true(last_dial[n] == 0 || last_dial[n] + 4 * RT_S <= now);
            for (uint32_t i = 0; i < count; i++)
                assert_int_not_equal(dht_hop_net(&under_way[i], DHT_NET_PROBE),
                                     dht_hop_net(&h, DHT_NET_PROBE));
            last_dial[n] = now;
            under_way[count] = h;
            ends[count++] = now + 5 * RT_S;
            dials++;
        }
        for (uint32_t i = 0; i < count; i++)
            if (ends[i] <= now) {
                dht_probe_queue_ended(p, &under_way[i], false, now);
                under_way[i] = under_way[--count];
                ends[i--] = ends[count];
            }
    }
    assert_true(dials > 500 && dials <= 600 * LIM_PROBES_PER_S);
    dht_probe_queue_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_five_a_second_in_order),
        cmocka_unit_test(test_one_at_a_time_per_network),
        cmocka_unit_test(test_refused_for_an_hour),
        cmocka_unit_test(test_queue_and_refusals_are_bounded),
        cmocka_unit_test(test_one_network_leaves_room_for_others),
        cmocka_unit_test(test_limits_hold_under_a_crowd_of_offers),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
