/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: protocol section 4, rules 1, 8 and 9, at the authority and in the workers' views, on real
 * workers:
 *  - An identity has one slot id, which never changes.
 *  - A slot has up to three links, newest first; when a link ends, the next one takes over.
 *  - Registrations are renewed by id. max_tunnels counts identities.
 *  - Every worker's view has a change before its originator gets the reply.
 *  - A registration can end early in several ways and then leaves no slot.
 *  - Temporary slots, by message. Shutdown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "room.h"
#include "session/session_limits.h"
#include "tunnel/tunnel_metrics.h"

static uint64_t slot_of(const struct peer *p)
{
    return tunnel_slot_id(p->actor.worker, p->key);
}

/* Asserts that all workers use the node's link for the slot; NULL: none. */
static void assert_front(uint64_t slot_id, const struct peer *node)
{
    struct rt_addr expected = node ? node->link : (struct rt_addr){0};

    for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
        struct rt_addr front = tunnel_slot_lookup(room_worker(i), slot_id);

        assert_true(rt_addr_equal(front, expected));
    }
}

/* -- rule 1, rule 8: one slot id -- */

static void test_a_tunnel_gets_its_slot_and_all_workers_know(void **state)
{
    struct peer *node = peer_new(1, 10);

    (void)state;
    assert_int_equal(peer_register(node, 0), WIRE_REFUSAL_NONE);
    assert_int_not_equal(node->reply.slot_id, 0);
    assert_true(node->reply.expires_at_s > 1700000000);
    assert_front(node->reply.slot_id, node);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 1);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_LINKS), 1);
}

static void test_the_registrants_worker_knows_before_the_reply(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
        struct peer *node = node_new(i, (uint8_t)(20 + i));

        assert_true(rt_addr_equal(node->view_at_reply, node->link));
    }
}

static void test_the_slot_id_never_changes(void **state)
{
    struct peer *node = node_new(0, 10);
    uint64_t id = node->slot_id, other_secret;

    node_closes(node);
    assert_front(id, NULL);
    assert_int_equal(node_new(2, 10)->slot_id, id);
    assert_int_not_equal(node_new(2, 11)->slot_id, id);
    room_end(state);
    room_start(100, 1);
    assert_int_equal(node_new(1, 10)->slot_id, id);
    room_end(state);
    room_start(100, 2);
    other_secret = node_new(1, 10)->slot_id;
    assert_int_not_equal(other_secret, id);
}

static void test_the_slot_lives_as_long_as_its_connection(void **state)
{
    struct peer *node = node_new(0, 10);

    (void)state;
    room_pass(3600 * RT_S);
    assert_front(node->slot_id, node);
    assert_int_equal(node->conn->idle_ns, 0);
    node_loses_connection(node, RT_CONN_END_TRANSPORT);
    assert_front(node->slot_id, NULL);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 0);
}

/* -- rule 8: several connections -- */

static void test_the_newest_is_used_and_the_next_newest_takes_over(void **state)
{
    struct peer *a = node_new(0, 10), *b = node_new(1, 10), *c = node_new(2, 10);

    (void)state;
    assert_front(a->slot_id, c);
    node_closes(c);
    assert_front(a->slot_id, b);
    node_loses_connection(b, RT_CONN_END_TRANSPORT);
    assert_front(a->slot_id, a);
    assert_false(a->conn->is_closed);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 1);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_LINKS), 1);
}

static void test_a_fourth_closes_the_oldest(void **state)
{
    struct peer *a = node_new(0, 10), *b = node_new(1, 10), *c = node_new(2, 10);
    struct peer *d = node_new(1, 10);

    (void)state;
    room_run();
    assert_true(a->conn->is_closed);
    assert_int_equal(a->conn->how, RELAY_CLOSE_GRACEFUL);
    assert_false(b->conn->is_closed || c->conn->is_closed || d->conn->is_closed);
    assert_front(d->slot_id, d);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_LINKS), 3);
}

static void test_the_oldest_is_by_age_not_by_use(void **state)
{
    struct peer *a = node_new(0, 10), *b = node_new(1, 10), *c = node_new(2, 10);
    struct peer *asker = peer_new(1, 50);

    (void)state;
    peer_request(asker, c->slot_id, 1, 10);
    room_pass(3 * RT_S);
    assert_front(c->slot_id, b);
    node_new(0, 10);
    room_run();
    assert_true(a->conn->is_closed);
    assert_false(b->conn->is_closed || c->conn->is_closed);
    node_sends(c, 5, 9);
    assert_answered(asker, 1, 5, 9);
}

static void test_a_silent_link_is_passed_over_while_another_lives(void **state)
{
    struct peer *old = node_new(0, 10), *new = node_new(1, 10);
    struct peer *asker = peer_new(2, 50);
    uint64_t demoted = rt_metric_get(RT_METRIC_TUNNEL_DEMOTED);

    (void)state;
    peer_request(asker, new->slot_id, 1, 10);
    room_pass(1900 * RT_MS);
    assert_front(new->slot_id, new);
    room_pass(200 * RT_MS);
    assert_front(new->slot_id, old);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_DEMOTED), demoted + 1);
    assert_false(new->conn->is_closed);
    assert_node_reads(new, 1);
    node_sends(new, 5, 7);
    assert_answered(asker, 1, 5, 7);
}

static void test_a_link_alone_is_not_passed_over(void **state)
{
    struct peer *node = node_new(0, 10), *asker = peer_new(2, 50);
    uint64_t demoted = rt_metric_get(RT_METRIC_TUNNEL_DEMOTED);

    (void)state;
    peer_request(asker, node->slot_id, 1, 10);
    room_pass(10 * RT_S);
    assert_front(node->slot_id, node);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_DEMOTED), demoted);
}

/* A node that comes back while its old connection is half dead is used at once, and what waits in
 * the old one follows. */
static void test_a_new_link_inherits_from_a_half_dead_one(void **state)
{
    struct peer *old = node_new(0, 10), *asker = peer_new(2, 50), *new;

    (void)state;
    for (uint32_t id = 1; id <= 6; id++)
        peer_request(asker, old->slot_id, id, 10);
    assert_int_equal(node_count_unread(old), 4);
    room_pass(10 * RT_S);
    new = node_new(1, 10);
    assert_front(new->slot_id, new);
    room_pass(2 * RT_S);
    assert_node_reads(new, 5);
    assert_node_reads(new, 6);
    for (uint8_t id = 5; id <= 6; id++) {
        node_sends(new, 4, id);
        assert_answered(asker, id, 4, id);
    }
}

/* -- rule 8: renewing -- */

static void test_the_owners_live_id_is_renewed(void **state)
{
    struct peer *first = node_new(0, 10), *second = peer_new(1, 10);

    (void)state;
    assert_int_equal(peer_register(second, first->slot_id), WIRE_REFUSAL_NONE);
    assert_int_equal(second->slot_id, first->slot_id);
    assert_front(first->slot_id, second);
    assert_int_equal(peer_ask(second, SLOTS_REGISTER_TEMP, first->slot_id, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_NONE);
    assert_int_equal(second->reply.slot_id, first->slot_id);
    assert_front(first->slot_id, second);
}

static void test_anothers_live_id_is_an_owner_mismatch(void **state)
{
    struct peer *node = node_new(0, 10), *other = peer_new(1, 11);

    (void)state;
    assert_int_equal(peer_register(other, node->slot_id), WIRE_REFUSAL_SLOT_OWNER_MISMATCH);
    assert_int_equal(peer_ask(other, SLOTS_REGISTER_TEMP, node->slot_id, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_SLOT_OWNER_MISMATCH);
    assert_front(node->slot_id, node);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 1);
}

static void test_an_id_that_is_not_live_is_not_found(void **state)
{
    struct peer *node = peer_new(0, 10);

    (void)state;
    assert_int_equal(peer_register(node, slot_of(node)), WIRE_REFUSAL_SLOT_NOT_FOUND);
    assert_int_equal(peer_register(node, 12345), WIRE_REFUSAL_SLOT_NOT_FOUND);
    assert_int_equal(peer_register(node, 0), WIRE_REFUSAL_NONE);
}

/* -- max_tunnels -- */

static void test_max_tunnels_counts_identities(void **state)
{
    struct peer *a, *late;

    room_end(state);
    room_start(2, 1);
    a = node_new(0, 10);
    node_new(1, 11);
    late = peer_new(2, 12);
    assert_int_equal(peer_register(late, 0), WIRE_REFUSAL_TUNNELS_FULL);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 2);
    node_new(1, 10);
    node_new(2, 11);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 2);
    node_closes(a);
    assert_int_equal(peer_register(late, 0), WIRE_REFUSAL_TUNNELS_FULL);
}

static void test_a_place_is_free_again_when_an_identity_goes(void **state)
{
    struct peer *a, *late;

    room_end(state);
    room_start(1, 1);
    a = node_new(0, 10);
    late = peer_new(2, 12);
    assert_int_equal(peer_register(late, 0), WIRE_REFUSAL_TUNNELS_FULL);
    node_closes(a);
    assert_int_equal(peer_register(late, 0), WIRE_REFUSAL_NONE);
    assert_front(late->slot_id, late);
}

/* -- versions -- */

static void send_update(struct rt_addr view, uint64_t slot_id, uint64_t version,
                        struct rt_addr link)
{
    struct slots_update *u = rt_msg_new(SLOTS_UPDATE, sizeof(*u));

    u->slot_id = slot_id;
    u->version = version;
    u->count = 1;
    u->links[0] = link;
    rt_send_external(room_system, view, &u->msg);
    room_run();
}

/* The view is the first actor of a worker other than 0. */
static void test_an_older_version_is_ignored(void **state)
{
    struct rt_addr view = {.index = 0, .generation = 1, .worker = 1};
    struct rt_addr x = {.index = 5, .generation = 1}, y = {.index = 6, .generation = 1};

    (void)state;
    send_update(view, 77, 10, x);
    assert_true(rt_addr_equal(tunnel_slot_lookup(room_worker(1), 77), x));
    send_update(view, 77, 9, y);
    assert_true(rt_addr_equal(tunnel_slot_lookup(room_worker(1), 77), x));
    send_update(view, 77, 11, y);
    assert_true(rt_addr_equal(tunnel_slot_lookup(room_worker(1), 77), y));
}

/* -- registrations under way -- */

static void test_an_aborted_registration_leaves_no_slot(void **state)
{
    struct peer *node = peer_new(1, 10);

    (void)state;
    peer_begin_register(node, 0);
    peer_take_back(node);
    room_run();
    assert_front(slot_of(node), NULL);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 0);
    assert_int_equal(node->reply_count, 0);
}

static void test_a_connection_lost_while_registering_leaves_no_slot(void **state)
{
    struct peer *node = peer_new(1, 10);

    (void)state;
    peer_begin_register(node, 0);
    node_loses_connection(node, RT_CONN_END_TRANSPORT);
    assert_int_equal(node->reply_count, 1);
    assert_front(slot_of(node), NULL);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 0);
}

/* The node has finished sending: it gets its reply, and no tunnel. */
static void test_an_eof_while_registering_closes_after_the_reply(void **state)
{
    struct peer *node = peer_new(1, 10);

    (void)state;
    peer_begin_register(node, 0);
    node->conn->ops->eof(node->conn->user);
    room_run();
    assert_int_equal(node->reply_count, 1);
    assert_int_equal(node->reply.slot_id, slot_of(node));
    assert_true(node->conn->is_closed);
    assert_int_equal(node->conn->how, RELAY_CLOSE_GRACEFUL);
    assert_front(slot_of(node), NULL);
}

static void test_a_refusal_reports_an_eof(void **state)
{
    struct peer *node = peer_new(1, 10);

    (void)state;
    peer_begin_register(node, 99);
    node->conn->ops->eof(node->conn->user);
    room_run();
    assert_int_equal(node->reply.refusal, WIRE_REFUSAL_SLOT_NOT_FOUND);
    assert_true(node->is_eof_reported);
}

static void test_requests_wait_for_the_registration(void **state)
{
    struct peer *node = peer_new(1, 10), *asker = peer_new(1, 50);

    (void)state;
    peer_begin_register(node, 0);
    peer_post_request(asker, node->link, slot_of(node), 1, 10, room_now + LIM_QUEUE_NS);
    room_turn(1);
    assert_true(node->conn->is_held);
    assert_node_reads_nothing(node);
    room_run();
    assert_false(node->conn->is_held);
    assert_node_reads(node, 1);
    node_sends(node, 5, 9);
    assert_answered(asker, 1, 5, 9);
}

static void test_a_request_expires_while_registering(void **state)
{
    struct peer *node = peer_new(1, 10), *asker = peer_new(1, 50);

    (void)state;
    peer_begin_register(node, 0);
    peer_post_request(asker, node->link, slot_of(node), 1, 10, room_now + RT_MS);
    room_turn(1);
    room_now += 20 * RT_MS;
    room_turn(1);
    assert_int_equal(node->reply_count, 0);
    assert_refused(asker, 1, WIRE_REFUSAL_QUEUE_TIMEOUT);
    room_run();
    assert_node_reads_nothing(node);
}

static void test_requests_of_a_link_never_registered_are_refused(void **state)
{
    struct peer *node = peer_new(1, 10), *asker = peer_new(1, 50);

    (void)state;
    peer_begin_register(node, 0);
    peer_post_request(asker, node->link, slot_of(node), 1, 10, room_now + LIM_QUEUE_NS);
    peer_post_request(asker, node->link, slot_of(node), 2, 5000, room_now + LIM_QUEUE_NS);
    room_turn(1);
    peer_take_back(node);
    room_run();
    assert_refused(asker, 1, WIRE_REFUSAL_TUNNEL_CLOSED);
    assert_refused(asker, 2, WIRE_REFUSAL_TUNNEL_CLOSED);
    assert_front(slot_of(node), NULL);
}

static void test_a_fourth_link_closes_one_that_has_just_registered(void **state)
{
    struct peer *slow = peer_new(1, 10), *others[3], *asker = peer_new(1, 50);

    (void)state;
    peer_begin_register(slow, 0);
    peer_post_request(asker, slow->link, slot_of(slow), 1, 10, room_now + LIM_QUEUE_NS);
    room_turn(0);
    for (uint16_t i = 0; i < 3; i++) {
        others[i] = peer_new(i, 10);
        peer_begin_register(others[i], 0);
    }
    room_turn(0);
    room_run();
    assert_int_equal(slow->reply_count, 1);
    assert_true(slow->conn->is_closed);
    assert_refused(asker, 1, WIRE_REFUSAL_TUNNEL_CLOSED);
    assert_front(slot_of(slow), others[2]);
}

static void test_shutdown_refuses_registrations_and_leaves_the_rest(void **state)
{
    struct peer *node = node_new(1, 10), *late = peer_new(2, 11);
    struct rt_msg *m = rt_msg_new(SLOTS_SHUTDOWN, sizeof(*m));

    (void)state;
    rt_send_external(room_system, tunnel_slots_addr(room_worker(1)), m);
    room_run();
    assert_int_equal(peer_register(late, 0), WIRE_REFUSAL_SHUTTING_DOWN);
    assert_int_equal(peer_ask(late, SLOTS_REGISTER_TEMP, 0, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_SHUTTING_DOWN);
    assert_front(node->slot_id, node);
    assert_int_equal(peer_ask(late, SLOTS_STREAM, node->slot_id, WIRE_KIND_CONTENT),
                     WIRE_REFUSAL_NONE);
}

/* -- asking the authority -- */

static void test_stream_and_connect_ask_for_a_tunnel(void **state)
{
    struct peer *node = node_new(1, 10), *asker = peer_new(2, 50);

    (void)state;
    for (int kind = WIRE_KIND_CONTROL; kind <= WIRE_KIND_CONTENT; kind++) {
        assert_int_equal(peer_ask(asker, SLOTS_STREAM, node->slot_id, (enum wire_relay_kind)kind),
                         WIRE_REFUSAL_NONE);
        assert_true(rt_addr_equal(asker->reply.link, node->link));
    }
    assert_int_equal(peer_ask(asker, SLOTS_CONNECT, node->slot_id, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_NONE);
    assert_int_equal(peer_ask(asker, SLOTS_CONNECT, 99, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_SLOT_NOT_FOUND);
    assert_int_equal(peer_ask(asker, SLOTS_STREAM, 99, WIRE_KIND_CONTENT),
                     WIRE_REFUSAL_SLOT_NOT_FOUND);
    assert_true(rt_addr_is_none(asker->reply.link));
}

/* -- rule 9 by message; its cases are test_temp_slots' -- */

static void test_temporary_slots(void **state)
{
    struct peer *owner = peer_new(1, 10), *requester = peer_new(2, 50);
    uint64_t ids[LIM_TEMP_SLOTS_PER_KEY];

    (void)state;
    for (uint32_t i = 0; i < LIM_TEMP_SLOTS_PER_KEY; i++) {
        assert_int_equal(peer_ask(owner, SLOTS_REGISTER_TEMP, 0, WIRE_KIND_CONTROL),
                         WIRE_REFUSAL_NONE);
        ids[i] = owner->reply.slot_id;
        assert_int_not_equal(ids[i], 0);
        assert_int_not_equal(ids[i], slot_of(owner));
        for (uint32_t j = 0; j < i; j++)
            assert_int_not_equal(ids[i], ids[j]);
    }
    assert_int_equal(owner->reply.expires_at_s, (room_now / RT_S) + 1700000000 + 600);
    assert_int_equal(peer_ask(owner, SLOTS_REGISTER_TEMP, 0, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_SLOT_TEMP_KEY);
    assert_int_equal(peer_register(owner, 0), WIRE_REFUSAL_NONE);
    assert_int_equal(peer_ask(requester, SLOTS_STREAM, ids[0], WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_SLOT_UNAUTHORIZED);
    assert_int_equal(peer_ask(owner, SLOTS_STREAM, ids[0], WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_SLOT_NO_REQUESTER);
    assert_int_equal(peer_ask(requester, SLOTS_CONNECT, ids[0], WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_NONE);
    assert_int_equal(peer_ask(requester, SLOTS_STREAM, ids[0], WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_NONE);
    assert_true(rt_addr_is_none(requester->reply.link));
    assert_int_equal(peer_ask(owner, SLOTS_STREAM, ids[0], WIRE_KIND_CONTENT),
                     WIRE_REFUSAL_SLOT_CONTENT);
    assert_true(rt_addr_is_none(tunnel_slot_lookup(room_worker(1), ids[0])));
}

static void test_temporary_slots_expire_unless_renewed(void **state)
{
    struct peer *owner = peer_new(1, 10);
    uint64_t kept;

    (void)state;
    assert_int_equal(peer_ask(owner, SLOTS_REGISTER_TEMP, 0, WIRE_KIND_CONTROL), WIRE_REFUSAL_NONE);
    assert_int_equal(peer_ask(owner, SLOTS_REGISTER_TEMP, 0, WIRE_KIND_CONTROL), WIRE_REFUSAL_NONE);
    kept = owner->reply.slot_id;
    room_pass(400 * RT_S);
    assert_int_equal(peer_ask(owner, SLOTS_REGISTER_TEMP, kept, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_NONE);
    assert_int_equal(owner->reply.slot_id, kept);
    room_pass(300 * RT_S);
    assert_int_equal(rt_metric_get(RT_METRIC_TEMP_SLOTS), 1);
    assert_int_equal(peer_ask(owner, SLOTS_REGISTER_TEMP, kept, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_NONE);
    room_pass(601 * RT_S);
    assert_int_equal(rt_metric_get(RT_METRIC_TEMP_SLOTS), 0);
    assert_int_equal(peer_ask(owner, SLOTS_REGISTER_TEMP, kept, WIRE_KIND_CONTROL),
                     WIRE_REFUSAL_SLOT_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_begin, room_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_tunnel_gets_its_slot_and_all_workers_know),
        TEST(test_the_registrants_worker_knows_before_the_reply),
        TEST(test_the_slot_id_never_changes),
        TEST(test_the_slot_lives_as_long_as_its_connection),
        TEST(test_the_newest_is_used_and_the_next_newest_takes_over),
        TEST(test_a_fourth_closes_the_oldest),
        TEST(test_the_oldest_is_by_age_not_by_use),
        TEST(test_a_silent_link_is_passed_over_while_another_lives),
        TEST(test_a_link_alone_is_not_passed_over),
        TEST(test_a_new_link_inherits_from_a_half_dead_one),
        TEST(test_the_owners_live_id_is_renewed),
        TEST(test_anothers_live_id_is_an_owner_mismatch),
        TEST(test_an_id_that_is_not_live_is_not_found),
        TEST(test_max_tunnels_counts_identities),
        TEST(test_a_place_is_free_again_when_an_identity_goes),
        TEST(test_an_older_version_is_ignored),
        TEST(test_an_aborted_registration_leaves_no_slot),
        TEST(test_a_connection_lost_while_registering_leaves_no_slot),
        TEST(test_an_eof_while_registering_closes_after_the_reply),
        TEST(test_a_refusal_reports_an_eof),
        TEST(test_requests_wait_for_the_registration),
        TEST(test_a_request_expires_while_registering),
        TEST(test_requests_of_a_link_never_registered_are_refused),
        TEST(test_a_fourth_link_closes_one_that_has_just_registered),
        TEST(test_shutdown_refuses_registrations_and_leaves_the_rest),
        TEST(test_stream_and_connect_ask_for_a_tunnel),
        TEST(test_temporary_slots),
        TEST(test_temporary_slots_expire_unless_renewed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
