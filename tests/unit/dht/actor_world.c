/* SPDX-License-Identifier: MPL-2.0 */
#include "actor_world.h"

#include "dht/dht_limits.h"
#include "dht/dht_private.h"
#include "storage/gate.h"
#include "wire_dht.h"

struct rt_sign_key actor_identity;
struct rt_actor actor_asker;
struct rt_msg *actor_reply; /* the last that came back */
uint32_t actor_seen_self_count;
struct dht_boot_peer actor_bootstrap;
void (*actor_store)(const struct storage_write *w);
void (*actor_load)(void);
static struct rt_actor storage;
static struct storage_gate *gate;
static bool has_bootstrap;
static uint64_t value_bytes_max = LIM_VALUE_BYTES_MAX;

static void on_reply(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    rt_msg_free(&actor_reply);
    actor_reply = m;
}

static void on_write(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    actor_store(RT_MSG_CAST(m, struct storage_write, m->kind));
    rt_msg_free(&m);
}

static void start_storage(void)
{
    struct storage_client client;

    if (!actor_store)
        return;
    gate = storage_gate_new();
    rt_actor_start(&storage, world_worker(), on_write);
    client = (struct storage_client){rt_actor_addr(&storage), gate};
    dht_set_storage(world_system, &client);
}

static void stop_storage(void)
{
    if (!gate)
        return;
    rt_actor_stop(&storage);
    storage_gate_drop(&gate);
}

static void where_we_are(void *ctx, struct dht_self *out)
{
    (void)ctx;
    out->bound_count = 1;
    out->bound[0] = test_hop(0x0b0000fe, 7001);
}

static void seen_self(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop)
{
    (void)ctx, (void)w, (void)hop;
    actor_seen_self_count++;
}

int actor_begin(void **state)
{
    struct dht_config c = {.identity = &actor_identity,
                           .dialects = WIRE_DIALECTS_ALL,
                           .hash_key = "dht-actor-test",
                           .value_bytes_max = value_bytes_max,
                           .bootstrap = &actor_bootstrap,
                           .bootstrap_count = has_bootstrap,
                           .self = where_we_are,
                           .seen_self = seen_self};

    (void)state;
    world_begin();
    test_sign_key(1000, &actor_identity);
    actor_seen_self_count = 0;
    assert_int_equal(dht_init(world_system, &c), RT_ERR_OK);
    dht_set_transport(world_system, WIRE_TCP, &world_transport, NULL);
    rt_actor_start(&actor_asker, world_worker(), on_reply);
    start_storage();
    if (actor_load)
        actor_load();
    dht_start(world_system);
    world_run();
    return 0;
}

static int begin_with_peer(void **state, const uint8_t *key)
{
    memset(&actor_bootstrap, 0, sizeof(actor_bootstrap));
    actor_bootstrap.hop = test_hop(0x0b000101, 7001);
    snprintf(actor_bootstrap.text, sizeof(actor_bootstrap.text), "11.0.1.1:7001");
    actor_bootstrap.hop.has_pubkey_hint = key != NULL;
    if (key)
        memcpy(actor_bootstrap.hop.pubkey_hint, key, 32);
    has_bootstrap = true;
    (void)actor_begin(state);
    has_bootstrap = false;
    return 0;
}

int actor_begin_with_bootstrap(void **state)
{
    return begin_with_peer(state, NULL);
}

int actor_begin_with_written_key(void **state, const uint8_t key[32])
{
    return begin_with_peer(state, key);
}

int actor_begin_with_a_small_store(void **state)
{
    value_bytes_max = 16u * 1024u;
    (void)actor_begin(state);
    value_bytes_max = LIM_VALUE_BYTES_MAX;
    return 0;
}

int actor_end(void **state)
{
    (void)state;
    rt_msg_free(&actor_reply);
    rt_actor_stop(&actor_asker);
    dht_fini(world_system);
    stop_storage();
    world_end();
    return 0;
}

void *actor_ask(struct rt_msg *m)
{
    m->reply_to = rt_actor_addr(&actor_asker);
    rt_msg_free(&actor_reply);
    rt_send(world_worker(), dht_addr(world_worker()), m);
    world_pass(5 * RT_MS);
    return actor_reply;
}

struct sockaddr_storage actor_from(uint32_t ip, uint16_t port)
{
    struct wire_peer_hop h = test_hop(ip, port);
    struct sockaddr_storage a;

    dht_hop_sockaddr(&h, &a);
    return a;
}

void actor_come_in(uint32_t ip, uint32_t number)
{
    struct sockaddr_storage a = actor_from(ip, 50000);
    uint8_t key[32];

    test_key(number, key);
    dht_note_inbound(world_worker(), key, &a, WIRE_DIALECT_A, 1, 0);
    world_pass(RT_S);
}

/* A node at that address that is in the table: it came in, was dialled and answered. */
struct wire_peer_hop actor_add_node(uint32_t ip, uint32_t number)
{
    struct wire_peer_hop h = test_node(ip, number);

    actor_come_in(ip, number);
    assert_non_null(fake_to(&h));
    fake_ready(fake_to(&h), h.pubkey_hint);
    world_pass(5 * RT_MS);
    fake_reply(fake_to(&h), WIRE_PEX_OFFER, 0, "", 0); /* to our introduction */
    return h;
}

struct dht_request *actor_ask_as(enum dht_op op, uint32_t ip, uint32_t number,
                                 const uint8_t key[32], const uint8_t *payload, uint32_t len)
{
    struct dht_request *a = dht_request_new(op);
    struct sockaddr_storage addr = actor_from(ip, 50000);
    uint8_t who[32];

    test_key(number, who);
    assert_true(dht_hop_of(&addr, who, &a->origin));
    a->max_peers = 255;
    a->peer_dialects = WIRE_DIALECT_BIT(WIRE_DIALECT_A);
    if (key)
        memcpy(a->key, key, 32);
    if (len > 0)
        a->payload = rt_slice_copy(payload, len);
    return actor_ask(&a->msg);
}

void actor_count_peer(void *ctx, const struct wire_peer *p)
{
    (void)p;
    ++*(uint32_t *)ctx;
}

uint32_t actor_peers_in_reply(const struct dht_request *a)
{
    uint8_t copy[8192];
    uint32_t count = 0;

    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    memcpy(copy, a->reply.ptr, a->reply.len);
    assert_int_equal(a->op == DHT_FIND_NODE
                         ? wire_find_node_reply_decode(copy, a->reply.len, actor_count_peer, &count)
                         : wire_pex_offer_decode(copy, a->reply.len, actor_count_peer, &count),
                     RT_ERR_OK);
    return count;
}
