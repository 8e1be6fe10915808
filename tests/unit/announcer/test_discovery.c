/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the part alone.
 *  - A round sends 16 look-ups in each dialect, C first, at most two at a time, and one request for
 *    nodes per dialect. Found announcements and nodes are reported.
 *  - The next round begins after the last reply. The interval doubles up to 15 minutes, or up to 30
 * s while no dialect has a node. It starts again when the first node of a dialect appears.
 *  - A look-up that bounced counts as one without values. A stopped part begins no round.
 */
#include "part_world.h"

#include "announcer/discovery.h"
#include "announcer/part.h"
#include "wire_announce.h"

static struct discovery discovery;
static uint32_t announcements, nodes;

static void on_announcement(void *ctx, struct relay_slice announcement)
{
    (void)ctx;
    announcements++;
    relay_slice_drop(&announcement);
}

static void on_node(void *ctx, const struct wire_peer_hop *node, enum wire_dialect dialect)
{
    (void)ctx;
    assert_int_equal(node->pubkey_hint[0], dialect + 1);
    nodes++;
}

static const struct discovery_callbacks callbacks = {world_request, on_announcement, on_node};

static void begin(void)
{
    world_begin();
    announcements = nodes = 0;
    discovery_init(&discovery, world.worker, &callbacks, NULL);
    discovery_start(&discovery);
}

static void end(void)
{
    discovery_stop(&discovery);
    world_end();
}

/* Replies to the request for the nodes of a dialect: count nodes. */
static void reply_peers(uint32_t count)
{
    struct rt_msg *m = world_take(DHT_PEERS_REQUEST);
    struct dht_peers_request *p = (struct dht_peers_request *)m;

    p->count = count;
    for (uint32_t i = 0; i < count; i++)
        p->peers[i].pubkey_hint[0] = (uint8_t)(p->dialect + 1);
    discovery_peers_found(&discovery, p);
    rt_msg_free(&m);
}

/* Replies to a look-up in this dialect with one announcement. */
static void reply_look_up(enum wire_dialect dialect, bool is_bounced)
{
    struct rt_msg *m = world_take(DHT_LOOKUP_REQUEST);
    struct dht_lookup_request *l = (struct dht_lookup_request *)m;

    assert_int_equal(l->cookie, COOKIE_ROUND_LOOK_UP);
    assert_int_equal(l->dialect, dialect);
    m->is_bounced = is_bounced;
    if (!is_bounced)
        l->values[l->count++] = rt_slice_copy((const uint8_t *)"a", 1);
    discovery_looked_up(&discovery, l);
    rt_msg_free(&m);
}

static void reply_round(uint32_t nodes_per_dialect)
{
    uint32_t look_ups = WIRE_DIALECTS * WIRE_RENDEZVOUS_SLOTS;

    for (uint32_t i = 0; i < look_ups; i++) {
        enum wire_dialect dialect = WIRE_DIALECT_C - i / WIRE_RENDEZVOUS_SLOTS;

        while (world.requests[0]->kind == DHT_PEERS_REQUEST)
            reply_peers(nodes_per_dialect);
        assert_in_range(world.request_count, 1, 3); /* two look-ups, one request for nodes */
        reply_look_up(dialect, i % 7 == 0);
    }
}

/* Runs until the next round begins; returns the time that this takes. */
static uint64_t run_to_round(void)
{
    uint64_t begun_ns = world.now_ns;

    while (world.request_count == 0)
        world_run(RT_S / 10);
    return world.now_ns - begun_ns;
}

static void test_round(void **state)
{
    uint32_t look_ups = WIRE_DIALECTS * WIRE_RENDEZVOUS_SLOTS;

    (void)state;
    begin();
    assert_in_range(run_to_round(), 3 * RT_S, 5 * RT_S + RT_S / 10);
    reply_round(2);
    assert_int_equal(announcements, look_ups - (look_ups + 6) / 7);
    assert_int_equal(nodes, 2 * WIRE_DIALECTS);
    assert_int_equal(world.request_count, 0);
    end();
}

static void test_intervals(void **state)
{
    uint64_t interval_ns = 0;

    (void)state;
    begin();
    for (int i = 0; i < 8; i++) {
        interval_ns = run_to_round();
        reply_round(0);
    }
    assert_in_range(interval_ns, 22 * RT_S, 31 * RT_S);
    (void)run_to_round();
    reply_round(1);
    assert_in_range(run_to_round(), 3 * RT_S, 6 * RT_S); /* the first nodes appeared */
    for (int i = 0; i < 12; i++) {
        reply_round(1);
        interval_ns = run_to_round();
    }
    assert_in_range(interval_ns, 675 * RT_S - RT_S, 901 * RT_S);
    end();
}

static void test_stopped(void **state)
{
    (void)state;
    begin();
    discovery_stop(&discovery);
    world_run(3600 * RT_S);
    assert_int_equal(world.request_count, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_stopped),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
