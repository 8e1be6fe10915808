/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: each guarantee of pending.h alone, with few requests and chosen times: order, turns and
 * debt, fairness by bytes, no starvation by newcomers, growth and shrinking of the window, limits
 * and evictions from a full queue, deadlines, requesters that leave, taking, trimming.
 * test_pending_model tests many operations in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "wire_limits.h"
#include "tunnel/tables/pending.h"
#include "tunnel/tunnel_limits.h"

static struct pending p;
static uint32_t made;

static struct rt_addr address(uint32_t n)
{
    return (struct rt_addr){.index = n, .generation = 1, .worker = (uint16_t)(n % 3)};
}

/* A request of that key, from an address of its own. The index of the address is its number. */
static struct pending_request *request(uint64_t key, uint64_t deadline_ns)
{
    struct pending_request *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    r->key = key;
    r->deadline_ns = deadline_ns;
    r->requester = address(++made);
    return r;
}

static void drop(struct pending_request *r)
{
    assert_non_null(r);
    free(r);
}

static uint32_t add(uint64_t key)
{
    struct pending_request *r = request(key, 1000 * RT_S);

    assert_null(pending_add(&p, r));
    return r->requester.index;
}

/* Adds; what is refused for it: 0 nothing, or which. */
static uint32_t add_refused(uint64_t key)
{
    struct pending_request *r = pending_add(&p, request(key, 1000 * RT_S));
    uint32_t id = r ? r->requester.index : 0;

    if (r)
        drop(r);
    return id;
}

static bool is_refused_itself(uint64_t key)
{
    uint32_t refused = add_refused(key);

    return refused == made;
}

static uint64_t write_key(uint64_t now)
{
    assert_true(pending_can_write(&p));
    return pending_write(&p, now)->key;
}

static void answer(uint32_t bytes, uint64_t now)
{
    drop(pending_answered(&p, bytes, now));
}

static int begin(void **state)
{
    (void)state;
    made = 0;
    pending_init(&p);
    return 0;
}

static int end(void **state)
{
    struct pending_request *r;

    (void)state;
    while ((r = pending_take_written(&p)))
        drop(r);
    while ((r = pending_take_waiting(&p)))
        drop(r);
    pending_fini(&p);
    return 0;
}

/* -- order -- */

static void test_answers_pop_in_the_order_written(void **state)
{
    uint32_t ids[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        ids[i] = add(7);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pending_write(&p, 0)->requester.index, ids[i]);
    for (int i = 0; i < 3; i++) {
        struct pending_request *r = pending_answered(&p, 10, 0);

        assert_int_equal(r->requester.index, ids[i]);
        drop(r);
    }
    assert_null(pending_answered(&p, 10, 0));
}

static void test_an_older_deadline_goes_first_within_its_key(void **state)
{
    struct pending_request *young = request(7, 30 * RT_S), *old = request(7, 10 * RT_S);
    struct pending_request *middle = request(7, 20 * RT_S);

    (void)state;
    assert_null(pending_add(&p, young));
    assert_null(pending_add(&p, old));
    assert_null(pending_add(&p, middle));
    assert_int_equal(pending_next_deadline(&p), 10 * RT_S);
    assert_ptr_equal(pending_write(&p, 0), old);
    assert_ptr_equal(pending_write(&p, 0), middle);
    assert_ptr_equal(pending_write(&p, 0), young);
}

/* -- turns -- */

static void test_keys_take_turns_for_any_number_of_requests(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        add(1);
    add(2);
    add(3);
    assert_int_equal(write_key(0), 1);
    assert_int_equal(write_key(0), 2);
    assert_int_equal(write_key(0), 3);
    assert_int_equal(write_key(0), 1);
}

static void test_answer_bytes_are_paid_with_turns(void **state)
{
    (void)state;
    p.window = 1;
    add(1);
    write_key(0);
    for (int i = 0; i < 3; i++)
        add(1);
    for (int i = 0; i < 20; i++)
        add(2);
    answer(10 * PENDING_TURN_BYTES, 0);
    for (int i = 0; i < 10; i++) {
        p.window = 1;
        assert_int_equal(write_key(0), 2);
        answer(0, 0);
    }
    p.window = 2;
    assert_true(write_key(0) + write_key(0) == 3);
}

static void test_debt_has_no_effect_while_no_other_key_waits(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        add(1);
        assert_int_equal(write_key(0), 1);
        answer(1000000, 0);
    }
    add(1);
    assert_int_equal(write_key(0), 1);
    add(1);
    add(2);
    add(1);
    assert_int_equal(write_key(0), 1);
    assert_int_equal(write_key(0), 2);
    assert_int_equal(write_key(0), 1);
}

static void test_debt_outlasts_a_pause(void **state)
{
    (void)state;
    p.window = 8;
    add(1);
    add(2);
    write_key(0);
    write_key(0);
    answer(20 * PENDING_TURN_BYTES, 0);
    answer(0, 0);
    add(1);
    for (int i = 0; i < 10; i++)
        add(2);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(write_key(0), 2);
        answer(0, 0);
    }
    assert_int_equal(write_key(0), 1);
}

/* Keys that always wait, with answers of very different weight, are served about the same bytes. */
static void test_bytes_are_shared_fairly(void **state)
{
    static const uint32_t weight[] = {500, 5000, 50000, 500000};
    uint64_t served[4] = {0};
    uint64_t least = UINT64_MAX, most = 0;
    struct pending_request *r;

    (void)state;
    for (uint32_t i = 0; i < 4 * LIM_QUEUED_PER_KEY; i++)
        add(i % 4);
    for (int i = 0; i < 20000; i++) {
        uint64_t key;

        while (pending_can_write(&p))
            pending_write(&p, 0);
        key = RT_CONTAINER_OF(p.written.next, struct pending_request, window_node)->key;
        r = pending_answered(&p, weight[key], 0);
        assert_int_equal(r->key, key);
        served[key] += weight[key] + PENDING_TURN_BYTES;
        drop(r);
        add(key);
    }
    for (int i = 0; i < 4; i++) {
        least = served[i] < least ? served[i] : least;
        most = served[i] > most ? served[i] : most;
    }
    assert_true(least > 0);
    assert_true(most - least <= (uint64_t)LIM_WINDOW_MAX * (500000 + PENDING_TURN_BYTES));
}

static void test_newcomers_cannot_starve_a_debtor(void **state)
{
    uint32_t turns = 0;
    uint32_t debt = 1024 * 1024;
    uint64_t key;

    (void)state;
    p.window = 1;
    add(1);
    write_key(0);
    add(1);
    answer(debt, 0);
    for (uint64_t fresh = 100; turns < 5000; fresh++, turns++) {
        add(fresh);
        p.window = 1;
        key = write_key(0);
        answer(100, 0);
        if (key == 1)
            break;
    }
    assert_in_range(turns, debt / PENDING_TURN_BYTES - 1, debt / PENDING_TURN_BYTES + 2);
}

/* -- window -- */

static void test_window_starts_at_four(void **state)
{
    (void)state;
    assert_int_equal(p.window, 4);
    for (int i = 0; i < 6; i++)
        add(1);
    for (int i = 0; i < 4; i++)
        write_key(0);
    assert_false(pending_can_write(&p));
    answer(1, 900 * RT_MS);
    assert_true(pending_can_write(&p));
}

/* Serves n answers at bytes_per_s while the queue is never empty. Returns the time of the last. */
static uint64_t serve(uint32_t n, uint32_t bytes, uint64_t bytes_per_s)
{
    static uint64_t now;
    uint64_t took = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct pending_request *r;

        while (p.waiting_count < 40)
            add(i % 8);
        while (pending_can_write(&p))
            pending_write(&p, now);
        now += bytes * RT_S / bytes_per_s;
        r = pending_answered(&p, bytes, now);
        took = now - r->written_ns;
        drop(r);
        assert_in_range(p.window, LIM_WINDOW_MIN, LIM_WINDOW_MAX);
    }
    return took;
}

static void test_window_grows_for_a_fast_node(void **state)
{
    (void)state;
    serve(100, 1000, 10000000);
    assert_int_equal(p.window, LIM_WINDOW_MAX);
}

static void test_window_does_not_grow_while_it_is_not_the_limit(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        add(1);
        write_key(0);
        answer(10, 0);
    }
    assert_int_equal(p.window, LIM_WINDOW_START);
}

static void test_window_shrinks_to_one_on_a_slow_uplink(void **state)
{
    uint64_t took;

    (void)state;
    took = serve(12, 256 * 1024, 64 * 1024);
    assert_int_equal(p.window, 1);
    assert_int_equal(took, 4 * RT_S);
}

static void test_an_answer_takes_about_a_second_at_most(void **state)
{
    (void)state;
    serve(500, 100 * 1024, 1024 * 1024);
    for (int i = 0; i < 200; i++)
        assert_true(serve(1, 100 * 1024, 1024 * 1024) <= PENDING_TARGET_NS * 5 / 4);
    assert_in_range(p.window, 4, 12);
}

static void test_one_slow_window_shrinks_once(void **state)
{
    (void)state;
    p.window = 8;
    for (int i = 0; i < 8; i++)
        add(1);
    for (int i = 0; i < 8; i++)
        write_key(0);
    answer(1, 2 * RT_S);
    assert_int_equal(p.window, 4);
    for (int i = 0; i < 7; i++)
        answer(1, 2 * RT_S + (uint64_t)i);
    assert_int_equal(p.window, 4);
}

static void test_an_unused_window_does_not_count(void **state)
{
    (void)state;
    p.window = 32;
    add(1);
    write_key(0);
    answer(1, 3 * RT_S);
    assert_int_equal(p.window, 1);
}

/* -- limits -- */

static void test_one_key_fills_its_own_share_only(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < LIM_QUEUED_PER_KEY; i++)
        assert_int_equal(add_refused(1), 0);
    assert_true(is_refused_itself(1));
    assert_int_equal(add_refused(2), 0);
    assert_int_equal(p.waiting_count, LIM_QUEUED_PER_KEY + 1);
}

static void test_written_requests_do_not_count_as_queued(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < LIM_QUEUED_PER_KEY; i++)
        assert_int_equal(add_refused(1), 0);
    write_key(0);
    assert_int_equal(add_refused(1), 0);
    assert_true(is_refused_itself(1));
}

static void test_a_full_queue_evicts_from_the_largest_key(void **state)
{
    uint32_t newest = 0, refused;

    (void)state;
    for (uint64_t key = 0; key < LIM_QUEUED_PER_TUNNEL / LIM_QUEUED_PER_KEY; key++)
        for (uint32_t i = 0; i < LIM_QUEUED_PER_KEY; i++)
            add(key);
    newest = made;
    refused = add_refused(99);
    assert_true(refused > 0 && refused <= newest);
    assert_int_equal(refused % LIM_QUEUED_PER_KEY, 0);
    assert_int_equal(p.waiting_count, LIM_QUEUED_PER_TUNNEL);
}

static void test_a_queue_full_of_equals_refuses_the_newcomer(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < LIM_QUEUED_PER_TUNNEL; key++)
        add(key);
    assert_true(is_refused_itself(9999));
    assert_true(is_refused_itself(0));
}

/* -- deadlines -- */

static void test_expired_requests_are_out_by_deadline(void **state)
{
    struct pending_request *a = request(1, 30), *b = request(2, 20), *c = request(3, 40);

    (void)state;
    pending_add(&p, a);
    pending_add(&p, b);
    pending_add(&p, c);
    assert_null(pending_expired(&p, 19));
    assert_ptr_equal(pending_expired(&p, 30), b);
    assert_ptr_equal(pending_expired(&p, 30), a);
    assert_null(pending_expired(&p, 30));
    assert_int_equal(pending_next_deadline(&p), 40);
    drop(a);
    drop(b);
}

static void test_a_written_request_does_not_expire(void **state)
{
    (void)state;
    assert_null(pending_add(&p, request(1, 30)));
    write_key(0);
    assert_null(pending_expired(&p, 1000));
    assert_int_equal(pending_next_deadline(&p), UINT64_MAX);
}

/* -- leaving requesters -- */

static void test_cancel_takes_a_waiting_request_out(void **state)
{
    struct pending_request *a = request(1, 30), *b = request(1, 30);
    bool found = false;

    (void)state;
    pending_add(&p, a);
    pending_add(&p, b);
    assert_ptr_equal(pending_cancel(&p, a->requester, false, &found), a);
    assert_true(found);
    assert_null(pending_cancel(&p, a->requester, false, &found));
    assert_ptr_equal(pending_write(&p, 0), b);
    assert_false(pending_can_write(&p));
    drop(a);
}

static void test_cancel_leaves_a_written_request_as_asked(void **state)
{
    struct pending_request *a = request(1, 30);
    bool found = false;

    (void)state;
    pending_add(&p, a);
    write_key(0);
    assert_null(pending_cancel(&p, a->requester, false, &found));
    assert_true(found);
    assert_false(a->is_cancelled);
    assert_null(pending_cancel(&p, a->requester, true, &found));
    assert_true(a->is_cancelled);
    assert_int_equal(p.written_count, 1);
    assert_ptr_equal(pending_answered(&p, 1, 0), a);
    drop(a);
}

static void test_cancel_of_an_unknown_address_finds_nothing(void **state)
{
    bool found = false;

    (void)state;
    assert_null(pending_cancel(&p, address(77), true, &found));
    add(1);
    assert_null(pending_cancel(&p, address(77), true, &found));
    assert_false(found);
}

/* -- taking away, trimming, reserving -- */

static void test_taking_away_keeps_age_and_order(void **state)
{
    struct pending_request *a = request(1, 30), *b = request(2, 30), *c = request(1, 20);

    (void)state;
    pending_add(&p, a);
    pending_add(&p, b);
    pending_add(&p, c);
    assert_ptr_equal(pending_take_waiting(&p), c);
    assert_ptr_equal(pending_take_waiting(&p), a);
    assert_ptr_equal(pending_take_waiting(&p), b);
    assert_null(pending_take_waiting(&p));
    drop(a);
    drop(b);
    drop(c);
}

static void test_trim_frees_the_tables_only_when_empty(void **state)
{
    (void)state;
    add(1);
    pending_trim(&p);
    assert_non_null(p.tables);
    write_key(0);
    pending_trim(&p);
    assert_non_null(p.tables);
    answer(1, 0);
    pending_trim(&p);
    assert_null(p.tables);
    add(1);
    assert_int_equal(write_key(0), 1);
}

static void test_reservation_follows_recent_answers(void **state)
{
    (void)state;
    assert_int_equal(pending_reserve(&p), PENDING_RESERVE_MIN);
    for (int i = 0; i < 10; i++) {
        add(1);
        write_key(0);
        answer(256 * 1024, 0);
    }
    assert_in_range(pending_reserve(&p), 250 * 1024, 256 * 1024);
    for (int i = 0; i < 10; i++) {
        add(1);
        write_key(0);
        answer(LIM_FRAME_MAX, 0);
    }
    assert_int_equal(pending_reserve(&p), PENDING_RESERVE_MAX);
    for (int i = 0; i < 100; i++) {
        add(1);
        write_key(0);
        answer(10, 0);
    }
    assert_int_equal(pending_reserve(&p), PENDING_RESERVE_MIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_pop_in_the_order_written),
        TEST(test_an_older_deadline_goes_first_within_its_key),
        TEST(test_keys_take_turns_for_any_number_of_requests),
        TEST(test_answer_bytes_are_paid_with_turns),
        TEST(test_debt_has_no_effect_while_no_other_key_waits),
        TEST(test_debt_outlasts_a_pause),
        TEST(test_bytes_are_shared_fairly),
        TEST(test_newcomers_cannot_starve_a_debtor),
        TEST(test_window_starts_at_four),
        TEST(test_window_grows_for_a_fast_node),
        TEST(test_window_does_not_grow_while_it_is_not_the_limit),
        TEST(test_window_shrinks_to_one_on_a_slow_uplink),
        TEST(test_an_answer_takes_about_a_second_at_most),
        TEST(test_one_slow_window_shrinks_once),
        TEST(test_an_unused_window_does_not_count),
        TEST(test_one_key_fills_its_own_share_only),
        TEST(test_written_requests_do_not_count_as_queued),
        TEST(test_a_full_queue_evicts_from_the_largest_key),
        TEST(test_a_queue_full_of_equals_refuses_the_newcomer),
        TEST(test_expired_requests_are_out_by_deadline),
        TEST(test_a_written_request_does_not_expire),
        TEST(test_cancel_takes_a_waiting_request_out),
        TEST(test_cancel_leaves_a_written_request_as_asked),
        TEST(test_cancel_of_an_unknown_address_finds_nothing),
        TEST(test_taking_away_keeps_age_and_order),
        TEST(test_trim_frees_the_tables_only_when_empty),
        TEST(test_reservation_follows_recent_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
