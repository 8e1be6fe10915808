/* SPDX-License-Identifier: MPL-2.0 */
#include "part_room.h"

#include "wire_envelope.h"

struct dht_context room_context;
struct dht_self room_addresses;
struct self_address room_self;
struct membership room_members;
uint32_t room_joined, room_pings, room_probes, room_named;
uint8_t room_joined_dialects;
struct wire_peer_hop room_pinged;
static struct rt_sign_key identity;

static void get_self(void *ctx, struct dht_self *out)
{
    (void)ctx;
    *out = room_addresses;
}

static void on_named(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop)
{
    (void)ctx, (void)w, (void)hop;
    room_named++;
}

static void on_joined(void *ctx, const struct wire_peer_hop *node, uint8_t dialects)
{
    (void)ctx, (void)node;
    room_joined++;
    room_joined_dialects = dialects;
}

static void on_ping(void *ctx, enum wire_dialect dialect, const struct wire_peer_hop *node)
{
    (void)ctx, (void)dialect;
    room_pings++;
    room_pinged = *node;
}

static void on_probe(void *ctx)
{
    (void)ctx;
    room_probes++;
}

int room_begin(void **state)
{
    static const struct self_address_callbacks self = {.get = get_self, .named = on_named};
    static const struct membership_callbacks callbacks = {on_joined, on_ping, on_probe, NULL};
    static const struct dht_peers_sink saved;

    (void)state;
    world_begin();
    fake_rpc_begin();
    test_sign_key(1000, &identity);
    memset(&room_context, 0, sizeof(room_context));
    room_context.worker = world_worker();
    room_context.identity = &identity;
    room_context.dialects = WIRE_DIALECTS_ALL;
    room_context.is_started = true;
    rt_node_id(identity.public_key, room_context.self_id);
    memset(&room_addresses, 0, sizeof(room_addresses));
    room_addresses.bound_count = 1;
    room_addresses.bound[0] = test_hop(0x0b0000fe, 7001);
    room_joined = room_pings = room_probes = room_named = 0;
    self_address_init(&room_self, &room_context, &self);
    assert_true(self_address_refresh(&room_self));
    membership_init(&room_members, &room_context, &room_self, fake_rpc_pool(), &saved, &callbacks);
    return 0;
}

int room_end(void **state)
{
    (void)state;
    fake_rpc_end();
    membership_fini(&room_members);
    world_end();
    return 0;
}

struct wire_peer_hop room_add(uint32_t ip, uint32_t number)
{
    struct wire_peer_hop h = test_node(ip, number);

    membership_reached(&room_members, &h, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL);
    if (fake_rpc_to(&h) && fake_rpc_to(&h)->type == WIRE_PEX_OFFER)
        fake_rpc_reply(fake_rpc_to(&h), h.pubkey_hint, 0, "", 0);
    return h;
}
