/* SPDX-License-Identifier: MPL-2.0 */
#include "fake_dial.h"

#include "base/log.h"

struct dial *fake_dials;
uint32_t fake_count, fake_opened;
bool fake_fails;

struct rt_system *world_system;
uint64_t world_now_ns;
static uint64_t random_state;
const struct relay_transport world_transport;

/* -- sessions -- */

rt_err dial_open(struct rt_worker *w, const struct dial_hello *hello,
                 const struct relay_transport *t, void *t_state, const struct sockaddr *addr,
                 socklen_t len, const struct dial_ops *ops, void *user, struct dial **out,
                 struct relay_error *err)
{
    struct sockaddr_storage to = {0};
    struct dial *d;

    (void)t_state, (void)err;
    assert_ptr_equal(w, world_worker());
    assert_ptr_equal(t, &world_transport);
    if (fake_fails)
        return RT_ERR_SYSTEM;
    d = calloc(1, sizeof(*d));
    assert_non_null(d);
    memcpy(&to, addr, len);
    assert_true(dht_hop_from(&to, &d->to));
    d->dialect = hello->dialect;
    d->ops = ops;
    d->user = user;
    d->next = fake_dials;
    fake_dials = d;
    fake_count++;
    fake_opened++;
    *out = d;
    return RT_ERR_OK;
}

void dial_request(struct dial *d, uint16_t type, struct relay_slice *payload, uint64_t timeout_ns)
{
    (void)timeout_ns;
    assert_true(d->is_ready && !d->has_request && payload->len <= sizeof(d->payload));
    d->has_request = true;
    d->type = type;
    d->len = payload->len;
    if (payload->len > 0)
        memcpy(d->payload, payload->ptr, payload->len);
    relay_slice_drop(payload);
}

const struct wire_hello *dial_server(const struct dial *d)
{
    assert_true(d->is_ready);
    return &d->hello;
}

static void forget(struct dial *d)
{
    struct dial **at = &fake_dials;

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    fake_count--;
    free(d);
}

void dial_close(struct dial *d)
{
    forget(d);
}

struct dial *fake_to(const struct wire_peer_hop *hop)
{
    struct dial *found = NULL;

    for (struct dial *d = fake_dials; d; d = d->next)
        if (d->to.port == hop->port && dht_hop_same_ip(&d->to, hop))
            found = d;
    return found;
}

void fake_ready(struct dial *d, const uint8_t key[32])
{
    d->is_ready = true;
    d->hello.timestamp_unix_secs = world_wall_s();
    memcpy(d->hello.node_pubkey, key, 32);
    d->ops->ready(d->user, key);
}

void fake_reply(struct dial *d, uint16_t type, uint16_t flags, const void *payload, uint32_t len)
{
    static uint8_t bytes[8192];
    struct wire_envelope e = {.type = type, .flags = WIRE_FLAG_RESPONSE | flags};

    assert_true(d->has_request && len <= sizeof(bytes));
    if (len > 0)
        memcpy(bytes, payload, len);
    e.payload = (struct wire_view){bytes, len};
    d->has_request = false;
    d->ops->reply(d->user, &e);
}

static void end_with(struct dial *d, const struct dial_end *end)
{
    const struct dial_ops *ops = d->ops;
    void *user = d->user;

    forget(d);
    ops->ended(user, end);
}

void fake_end(struct dial *d, enum rt_conn_end how, enum relay_end transport, int64_t skew_s)
{
    struct dial_end end = {.how = how, .transport = transport, .skew_s = skew_s};

    if (skew_s != 0)
        end.refusal = WIRE_REFUSAL_HELLO_CLOCK;
    end_with(d, &end);
}

void fake_refuse(struct dial *d)
{
    struct dial_end end = {
        .how = RT_CONN_END_TRANSPORT, .transport = RELAY_END_PEER, .is_hello_refused = true};

    end_with(d, &end);
}

/* -- the world -- */

static uint64_t mono(void *ctx)
{
    (void)ctx;
    return world_now_ns;
}

static uint64_t wall(void *ctx)
{
    (void)ctx;
    return world_wall_s() * RT_S;
}

static void fill(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)test_random(&random_state);
}

static void wake(void *ctx)
{
    (void)ctx;
}

uint64_t world_wall_s(void)
{
    return NOW_S + world_now_ns / RT_S;
}

struct rt_worker *world_worker(void)
{
    return rt_system_worker(world_system, 0);
}

void world_begin(void)
{
    static const struct rt_seams seams = {mono, wall, fill, NULL};

    assert_int_equal(test_setup(NULL), 0);
    rt_log_configure(RELAY_LOG_ERROR, RT_LOG_TEXT);
    random_state = 20261206;
    world_now_ns = 1000 * RT_S;
    fake_opened = 0;
    fake_fails = false;
    world_system = rt_system_new(1, &seams);
    rt_worker_set_waker(world_worker(), (struct rt_waker){wake, NULL});
}

void world_end(void)
{
    rt_system_free(&world_system);
    assert_int_equal(fake_count, 0);
    assert_int_equal(rt_buf_live(), 0);
}

void world_run(void)
{
    rt_worker_refresh_clock(world_worker());
    while (rt_worker_turn(world_worker()))
        continue;
}

void world_pass(uint64_t ns)
{
    uint64_t end = world_now_ns + ns, next;

    for (;;) {
        world_run();
        next = rt_worker_next_timer(world_worker());
        if (next > end)
            break;
        world_now_ns = next > world_now_ns ? next : world_now_ns + RT_MS;
    }
    world_now_ns = end;
    world_run();
}
