/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: three identities with links that open and close, thirty requesters with one request each at
 * a time, and a thousand random events: requests, answers of all sizes, single bytes, silence, lost
 * and closed connections, fourth links, requesters that half-close or die, exhausted memory, nodes
 * that do not read. Invariants hold after each event. At the end, after time has passed:
 *  - every request ended exactly once, and an answer belongs to its request;
 *  - all workers know the same links, and all of these are alive;
 *  - nothing is reserved, kept or counted (room_end).
 * Seeds: argv[1], or fixed ones; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/budget.h"
#include "room.h"
#include "wire_limits.h"
#include "tunnel/tables/pending.h"

#define STEPS 1500u
#define IDENTITIES 3u
#define LINKS 12u
#define ASKERS 30u

static uint64_t rng_state;
static struct peer *links[LINKS];
static struct peer *askers[ASKERS];
static uint32_t in_flight[ASKERS]; /* id, or 0 */
static struct rt_addr sent_to[ASKERS];
static uint32_t next_id;
static uint64_t ends[WIRE_REFUSAL_COUNT];

static uint32_t below(uint32_t n)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return (uint32_t)((rng_state >> 11) % n);
}

static uint64_t slot_of(uint32_t identity)
{
    uint8_t key[32];

    memset(key, (int)identity + 1, sizeof(key));
    return tunnel_slot_id(room_worker(0), key);
}

static void asker_new(uint32_t i)
{
    askers[i] = peer_new((uint16_t)below(ROOM_WORKERS), (uint8_t)(100 + i % 7));
    in_flight[i] = 0;
}

/* Checks how the request of requester i ended; the requester may send the next one. */
static void settle(uint32_t i)
{
    const struct answer *a;

    if (in_flight[i] == 0)
        return;
    a = peer_answer(askers[i], in_flight[i]);
    if (!a)
        return;
    ends[a->refusal]++;
    if (a->refusal == WIRE_REFUSAL_NONE && !a->is_bounced) {
        uint32_t echoed = (uint32_t)a->first[0] << 24 | (uint32_t)a->first[1] << 16 |
                          (uint32_t)a->first[2] << 8 | a->first[3];

        assert_int_equal(echoed, in_flight[i]);
    }
    in_flight[i] = 0;
}

static void do_request(void)
{
    uint32_t i = below(ASKERS);
    uint64_t slot = slot_of(below(IDENTITIES));
    struct rt_addr link = tunnel_slot_lookup(askers[i]->actor.worker, slot);
    uint32_t len = below(20) == 0 ? below(300000) : below(1100);

    if (in_flight[i] != 0 || rt_addr_is_none(link))
        return;
    if (rt_budget_max() != UINT64_MAX && len > TUNNEL_INLINE_MAX)
        len = 10;
    in_flight[i] = next_id++;
    sent_to[i] = link;
    peer_request_to(askers[i], link, slot, in_flight[i], len,
                    room_now + (below(5) == 0 ? 5 : 30) * RT_S);
}

static struct peer *some_link(void)
{
    struct peer *p = links[below(LINKS)];

    return p && node_is_alive(p) ? p : NULL;
}

static void do_answer(void)
{
    static const uint32_t sizes[] = {
        4, 300, 700, 50000, 200000, LIM_INNER_FRAME_MAX, LIM_INNER_FRAME_MAX + 1, LIM_FRAME_MAX};
    struct peer *p = some_link();

    if (p)
        node_echoes(p, sizes[below(below(4) == 0 ? 8 : 4)]);
}

static void do_link(void)
{
    uint32_t i = below(LINKS);

    if (links[i] && node_is_alive(links[i])) {
        if (below(3) == 0)
            node_closes(links[i]);
        else if (below(3) == 0)
            node_loses_connection(links[i], RT_CONN_END_TRANSPORT);
        else if (links[i]->conn->sent_read == links[i]->conn->sent_len)
            node_sends(links[i], 10, 0xaa);
        return;
    }
    links[i] = peer_new((uint16_t)below(ROOM_WORKERS), (uint8_t)(1 + below(IDENTITIES)));
    assert_int_equal(peer_register(links[i], 0), WIRE_REFUSAL_NONE);
    links[i]->conn->keeps_output = below(4) == 0;
}

static void do_leave(void)
{
    uint32_t i = below(ASKERS);

    if (in_flight[i] == 0)
        return;
    if (below(2) == 0) {
        peer_cancel(askers[i], sent_to[i], false);
    } else {
        peer_cancel(askers[i], sent_to[i], true);
        asker_new(i);
    }
}

static void do_other(void)
{
    struct peer *p = some_link();

    switch (below(4)) {
    case 0:
        room_pass(below(10) == 0 ? below(9) * RT_S : below(600) * RT_MS);
        break;
    case 1:
        if (p)
            node_sends_a_byte(p);
        break;
    case 2:
        if (p && p->conn->unsent > 0)
            node_drains(p);
        break;
    default:
        rt_budget_configure(below(5) == 0 ? PENDING_RESERVE_MIN * below(40) : UINT64_MAX);
        break;
    }
}

static void assert_views_agree(void)
{
    for (uint32_t k = 0; k < IDENTITIES; k++) {
        struct rt_addr front = tunnel_slot_lookup(room_worker(0), slot_of(k));
        bool is_alive = rt_addr_is_none(front);

        for (uint16_t w = 1; w < ROOM_WORKERS; w++)
            assert_true(rt_addr_equal(tunnel_slot_lookup(room_worker(w), slot_of(k)), front));
        for (uint32_t i = 0; i < LINKS; i++)
            is_alive |= links[i] && node_is_alive(links[i]) && rt_addr_equal(links[i]->link, front);
        assert_true(is_alive);
    }
}

static void run_seed(uint64_t seed)
{
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    next_id = 1;
    memset(links, 0, sizeof(links));
    room_start(IDENTITIES, (uint8_t)seed);
    for (uint32_t i = 0; i < ASKERS; i++)
        asker_new(i);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t what = below(100);

        if (what < 45)
            do_request();
        else if (what < 75)
            do_answer();
        else if (what < 80)
            do_link();
        else if (what < 84)
            do_leave();
        else
            do_other();
        for (uint32_t i = 0; i < ASKERS; i++)
            settle(i);
        assert_views_agree();
    }
    rt_budget_configure(UINT64_MAX);
    room_pass(65 * RT_S);
    for (uint32_t i = 0; i < ASKERS; i++) {
        settle(i);
        assert_int_equal(in_flight[i], 0);
    }
    room_end(NULL);
}

static uint64_t seed_asked;

static void test_random_events(void **state)
{
    (void)state;
    room_begin(state);
    room_end(state);
    if (seed_asked) {
        run_seed(seed_asked);
        return;
    }
    memset(ends, 0, sizeof(ends));
    for (uint64_t seed = 1; seed <= 30; seed++)
        run_seed(seed);
    assert_true(ends[WIRE_REFUSAL_NONE] > 1000);
    assert_true(ends[WIRE_REFUSAL_TUNNEL_CLOSED] > 0 && ends[WIRE_REFUSAL_ANSWER_TOO_LARGE] > 0);
    assert_true(ends[WIRE_REFUSAL_CANCELLED] > 0 && ends[WIRE_REFUSAL_QUEUE_TIMEOUT] > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_events)};

    if (argc > 1)
        seed_asked = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
