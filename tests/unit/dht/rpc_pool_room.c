/* SPDX-License-Identifier: MPL-2.0 */
#include "rpc_pool_room.h"

struct rpc_pool *pool;
uint32_t reached, lost;
uint8_t reached_dialects;
enum dht_outcome lost_why;
enum wire_dialect lost_dialect;
int64_t last_skew;
static bool is_starting;

static void on_reached(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                       uint8_t dialects, const struct wire_hello *hello)
{
    (void)ctx, (void)hello, (void)dialect;
    assert_true(hop->has_pubkey_hint);
    reached++;
    reached_dialects = dialects;
}

static void on_lost(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                    enum dht_outcome why)
{
    (void)ctx, (void)hop;
    lost_why = why;
    lost_dialect = dialect;
    lost++;
}

static void on_skew(void *ctx, const struct wire_peer_hop *hop, int64_t skew_s)
{
    (void)ctx, (void)hop;
    last_skew = skew_s;
}

int calls_begin(void **state)
{
    static const struct rpc_pool_callbacks callbacks = {on_reached, on_lost, on_skew, NULL};
    static struct rt_sign_key identity;

    (void)state;
    world_begin();
    test_sign_key(1, &identity);
    reached = lost = 0;
    last_skew = 0;
    pool = rpc_pool_new(world_worker(), &identity, WIRE_DIALECTS_ALL, &callbacks);
    rpc_pool_set_transport(pool, WIRE_TCP, &world_transport, NULL);
    return 0;
}

int calls_end(void **state)
{
    (void)state;
    rpc_pool_free(&pool);
    world_end();
    return 0;
}

void on_done(struct rpc_call *c, const struct rpc_end *e)
{
    struct call *call = (struct call *)c;

    assert_false(is_starting);
    call->done++;
    call->outcome = e->outcome;
    call->has_key = e->key != NULL;
    if (e->key) {
        memcpy(call->key, e->key, 32);
        call->dialect = e->dialect;
        call->dialects = e->peer_dialects;
    }
    if (!e->reply)
        return;
    call->type = e->reply->type;
    call->is_error = e->reply->flags & WIRE_FLAG_ERROR;
    call->len = e->reply->payload.len;
    memcpy(call->reply, e->reply->payload.ptr, call->len);
}

void start_in(struct call *c, const struct wire_peer_hop *to, uint16_t type,
              enum wire_dialect dialect)
{
    memset(c, 0, sizeof(*c));
    c->call.dialect = dialect;
    c->call.first = WIRE_DIALECT_C;
    c->call.to = *to;
    c->call.type = type;
    c->call.timeout_ns = 5 * RT_S;
    c->call.done = on_done;
    if (type)
        c->call.payload = rt_slice_copy("ask", 3);
    is_starting = true;
    rpc_pool_start(pool, &c->call);
    is_starting = false;
}

void start(struct call *c, const struct wire_peer_hop *to, uint16_t type)
{
    start_in(c, to, type, DHT_DIALECT_ANY);
}

struct wire_peer_hop address(uint32_t n)
{
    return test_hop(0x0b000001 + (n << 8), 7001);
}
