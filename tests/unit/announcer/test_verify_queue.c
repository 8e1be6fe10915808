/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the part alone.
 *  - A valid announcement becomes a candidate in two jobs: fields, then signature. One with a false
 *    signature is refused and counted.
 *  - A newer announcement of a listed relay is reported as renewed.
 *  - Our own announcement in a list reports its addresses. As a value of the DHT it is ignored.
 *  - Garbage is refused and counted. Items that were not processed are freed.
 */
#include "part_world.h"

#include "announcer/announcer_metrics.h"
#include "announcer/verify_queue.h"

static const uint8_t hash_key[16] = {8};
static struct relay_directory directory;
static struct verify_queue queue;
static struct test_relay *own;
static uint64_t rng = 20261205;
static uint32_t renewed, own_addresses, jobs;

static void on_renewed(void *ctx, const uint8_t relay_pubkey[32], enum announcement_form form)
{
    (void)ctx;
    (void)relay_pubkey;
    assert_int_equal(form, ANNOUNCEMENT_FORM_5);
    renewed++;
}

static void on_own_address(void *ctx, const struct wire_peer_hop *hop)
{
    (void)ctx;
    assert_memory_equal(hop->ip, own->addrs.at[0].ip, 4);
    own_addresses++;
}

static void on_job_ended(void *ctx)
{
    (void)ctx;
    jobs++;
}

static const struct verify_queue_callbacks callbacks = {on_renewed, on_own_address, on_job_ended};

static void begin(void)
{
    world_begin();
    renewed = own_addresses = jobs = 0;
    own = test_relay(1, 0x08080808, NOW_S);
    directory_init(&directory, hash_key, test_random, &rng);
    verify_queue_init(&queue, world.worker, &directory, own->identity.public_key, &callbacks, NULL);
}

static void end(void)
{
    verify_queue_fini(&queue);
    directory_fini(&directory);
    test_relay_free(&own);
    world_end();
}

static void add(const struct test_relay *r)
{
    verify_queue_add(&queue, relay_slice_ref(r->bytes));
    world_run(0);
}

/* Adds a list with this announcement only. */
static void add_list(const struct test_relay *r)
{
    uint8_t bytes[64 + ANNOUNCEMENT_ROOM];
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_relay_list_head(&w, 1);
    wire_write_raw(&w, r->bytes.ptr, r->bytes.len);
    verify_queue_add_list(&queue, rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits)));
    world_run(0);
}

static void test_candidates(void **state)
{
    uint64_t refused = rt_metric_get(RT_METRIC_RELAYS_REFUSED);
    struct test_relay *good = test_relay(2, 0x09090909, NOW_S),
                      *forged = test_relay(3, 0x0a090909, NOW_S);

    (void)state;
    begin();
    relay_slice_drop(&forged->bytes);
    forged->ann.max_tunnels++;
    forged->bytes = announcement_encode(&forged->ann);
    add(good);
    assert_int_equal(jobs, 2);
    assert_int_equal(candidates_count(directory.candidates), 1);
    add(good);
    assert_int_equal(jobs, 3);
    add_list(forged);
    assert_int_equal(jobs, 5);
    assert_int_equal(candidates_count(directory.candidates), 1);
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS_REFUSED) - refused, 1);
    test_relay_free(&good);
    test_relay_free(&forged);
    end();
}

static void test_renewed(void **state)
{
    struct test_relay *r = test_relay(2, 0x09090909, NOW_S);

    (void)state;
    begin();
    relay_list_put(directory.list, &r->ann, relay_slice_ref(r->bytes), &r->addrs.at[0],
                   WIRE_DIALECTS_ALL, world.now_ns, NOW_S);
    add(r);
    assert_int_equal(renewed, 0);
    r->of.issued_at++;
    test_relay_make(r);
    add_list(r);
    assert_int_equal(renewed, 1);
    assert_int_equal(candidates_count(directory.candidates), 0);
    test_relay_free(&r);
    end();
}

static void test_own(void **state)
{
    (void)state;
    begin();
    add(own);
    assert_int_equal(own_addresses, 0);
    add_list(own);
    assert_int_equal(own_addresses, 1);
    assert_int_equal(candidates_count(directory.candidates), 0);
    end();
}

static void test_garbage(void **state)
{
    uint64_t refused = rt_metric_get(RT_METRIC_RELAYS_REFUSED);

    (void)state;
    begin();
    verify_queue_add(&queue, rt_slice_copy((const uint8_t *)"garbage", 7));
    verify_queue_add_list(&queue, rt_slice_copy((const uint8_t *)"garbage", 7));
    world_run(0);
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS_REFUSED) - refused, 2);
    verify_queue_add(&queue, relay_slice_ref(own->bytes)); /* not processed */
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_renewed),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_garbage),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
