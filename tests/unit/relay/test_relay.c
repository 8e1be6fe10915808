/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the composition without storage and network, over two transports that only count. tests/sim
 * runs it with both.
 *  - Start: every transport has a state on every worker. All workers listen on the port of the
 *    first. A transport without an address does not listen.
 *  - Stop: each listener is closed by its own worker, then the callback runs once.
 *  - A listener that fails: one sentence, and everything that was made is released.
 *  - Addresses: the configured ones, then those bound. A wildcard address is replaced by those of
 *    the host's interfaces, the wildcard of IPv4 by their IPv4 addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/budget.h"
#include "dht/address/addr.h"
#include "host/interfaces.h"
#include "relay/relay_private.h"
#include "transport/transport_limits.h"

#define WORKERS 2u
#define PORT 4711u

/* -- transports that count -- */

struct relay_listener {
    struct rt_worker *worker;
    bool is_open;
};

static struct relay_listener listeners[8];
static uint32_t listener_count, states_open, open_listeners, listens_before_failure;
static uint16_t ports_asked[8];
static struct rt_worker *turning; /* the worker whose turn it is */

static int worker_init(const struct relay_host *host, struct relay_worker *w, void **out_state,
                       struct relay_error *err)
{
    (void)host, (void)err;
    *out_state = w;
    states_open++;
    return 0;
}

static void worker_fini(void *state)
{
    assert_non_null(state);
    states_open--;
}

static int listen_at(void *state, const struct relay_listen *spec, struct relay_listener **out,
                     struct sockaddr_storage *out_bound, struct relay_error *err)
{
    struct sockaddr_storage bound = {0};
    uint16_t port;

    assert_int_equal(spec->count, WORKERS);
    memcpy(&bound, spec->addr, spec->addr_len);
    port = bound.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&bound)->sin6_port)
                                       : ntohs(((struct sockaddr_in *)&bound)->sin_port);
    if (listener_count == listens_before_failure) {
        snprintf(err->text, sizeof(err->text), "the address is taken");
        return -1;
    }
    ports_asked[listener_count] = port;
    if (bound.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&bound)->sin6_port = htons(PORT);
    else
        ((struct sockaddr_in *)&bound)->sin_port = htons(PORT);
    *out = &listeners[listener_count++];
    **out = (struct relay_listener){state, true};
    *out_bound = bound;
    open_listeners++;
    return 0;
}

static void unlisten(struct relay_listener *l)
{
    assert_true(l->is_open);
    if (turning)
        assert_ptr_equal(turning, l->worker);
    l->is_open = false;
    open_listeners--;
}

static const struct relay_transport table = {.name = "counts",
                                             .worker_init = worker_init,
                                             .worker_fini = worker_fini,
                                             .listen = listen_at,
                                             .unlisten = unlisten};
static const struct relay_host host = {.worker_count = WORKERS};

/* -- the driver -- */

static uint64_t now_ns;

static uint64_t clock_ns(void *ctx)
{
    (void)ctx;
    return UINT64_C(1770000000) * RT_S + ++now_ns;
}

static void fill(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 7, len);
}

static const struct rt_seams seams = {clock_ns, clock_ns, fill, NULL};

static struct sockaddr_in any4;
static struct sockaddr_in6 any6;

static struct relay *new_relay(struct relay_config *c)
{
    static const uint8_t seed[32] = {1};
    struct rt_sign_key identity;
    struct relay_error err = {""};
    struct relay *r = NULL;

    rt_sign_key_from_seed(seed, &identity);
    c->workers = WORKERS;
    c->dialects = WIRE_DIALECTS_ALL;
    c->identity = &identity;
    c->door = (struct rt_door_limits){100, LIM_HALF_OPEN_MAX, LIM_CONNS_PER_PREFIX};
    c->max_tunnels = 10;
    c->value_bytes_max = 1u << 20;
    assert_int_equal(relay_new(c, &seams, NULL, &r, &err), RT_ERR_OK);
    assert_memory_equal(relay_public_key(r), identity.public_key, 32);
    assert_null(relay_storage_worker(r));
    return r;
}

/* TCP listens on listen_addr; QUIC dials only. */
static rt_err start(struct relay *r, const void *listen_addr, socklen_t len,
                    struct relay_error *err)
{
    const struct relay_transport_config transports[] = {
        {WIRE_TCP, &table, &host, listen_addr, len},
        {WIRE_QUIC, &table, &host, NULL, 0},
    };

    return relay_start(r, transports, 2, err);
}

static void run(struct relay *r)
{
    for (uint32_t i = 0; i < 100 * WORKERS; i++) {
        turning = rt_system_worker(relay_system(r), i % WORKERS);
        now_ns += 10 * RT_MS;
        (void)rt_worker_turn(turning);
    }
    turning = NULL;
}

static void finish(struct relay *r)
{
    assert_int_equal(relay_finish(r), 0);
    assert_int_equal(states_open, 0);
    assert_int_equal(open_listeners, 0);
    relay_free(&r);
    assert_null(r);
    assert_int_equal(rt_buf_live(), 0);
}

static int setup(void **state)
{
    (void)state;
    any4 = (struct sockaddr_in){.sin_family = AF_INET};
    any6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    listener_count = 0;
    listens_before_failure = UINT32_MAX;
    return 0;
}

/* -- tests -- */

static void count_done(void *ctx)
{
    assert_non_null(turning);
    ++*(uint32_t *)ctx;
}

static void test_life(void **state)
{
    struct relay_config c = {0};
    struct relay_error err = {""};
    struct relay *r = new_relay(&c);
    uint32_t done = 0;

    (void)state;
    assert_int_equal(start(r, &any4, sizeof(any4), &err), RT_ERR_OK);
    assert_int_equal(states_open, 2 * WORKERS);
    assert_int_equal(open_listeners, WORKERS);
    assert_int_equal(ports_asked[0], 0);
    assert_int_equal(ports_asked[1], PORT);
    assert_int_equal(relay_bound(r, 0)->ss_family, AF_INET);
    assert_int_equal(relay_bound(r, 1)->ss_family, 0);
    assert_ptr_equal(relay_transport_state(r, 1, 1), rt_system_worker(relay_system(r), 1));
    run(r);
    relay_stop(r, count_done, &done);
    assert_int_equal(open_listeners, WORKERS);
    run(r);
    assert_int_equal(done, 1);
    assert_int_equal(open_listeners, 0);
    assert_int_equal(states_open, 2 * WORKERS);
    finish(r);
}

static void test_listener_fails(void **state)
{
    struct relay_config c = {0};
    struct relay_error err = {""};
    struct relay *r = new_relay(&c);

    (void)state;
    listens_before_failure = 1;
    assert_int_equal(start(r, &any4, sizeof(any4), &err), RT_ERR_SYSTEM);
    assert_string_equal(err.text, "the address is taken");
    assert_int_equal(open_listeners, 1);
    finish(r);
}

static rt_err list_interfaces(struct rt_interface *out, size_t cap, size_t *out_count)
{
    static const char *const ips[] = {"203.0.113.5", "2001:db8::5"};

    assert_true(cap >= 2);
    memset(out, 0, 2 * sizeof(*out));
    ((struct sockaddr_in *)&out[0].addr)->sin_family = AF_INET;
    ((struct sockaddr_in6 *)&out[1].addr)->sin6_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET, ips[0], &((struct sockaddr_in *)&out[0].addr)->sin_addr),
                     1);
    assert_int_equal(inet_pton(AF_INET6, ips[1], &((struct sockaddr_in6 *)&out[1].addr)->sin6_addr),
                     1);
    *out_count = 2;
    return RT_ERR_OK;
}

/* The addresses of a relay that listens there, as text, one after another. */
static void addresses(const struct relay_config *with, const void *listen_addr, socklen_t len,
                      char *out, size_t cap)
{
    struct relay_config c = *with;
    struct announcer_where where = {0};
    struct dht_self self = {0};
    struct relay_error err = {""};
    struct relay *r = new_relay(&c);
    char text[128];

    assert_int_equal(start(r, listen_addr, len, &err), RT_ERR_OK);
    relay_dht_self(r, &self);
    relay_announcer_where(r, &where);
    assert_int_equal(where.configured_count, self.announced_count);
    assert_int_equal(where.bound_count, self.bound_count);
    assert_memory_equal(where.bound, self.bound, self.bound_count * sizeof(self.bound[0]));
    *out = '\0';
    for (uint32_t i = 0; i < self.announced_count + self.bound_count; i++) {
        dht_hop_text(i < self.announced_count ? &self.announced[i]
                                              : &self.bound[i - self.announced_count],
                     text, sizeof(text));
        snprintf(out + strlen(out), cap - strlen(out), "%s%s", i ? " " : "", text);
    }
    finish(r);
}

static void test_addresses(void **state)
{
    struct wire_peer_hop announced = {
        .ip = {198, 51, 100, 1}, .port = 7002, .transport = WIRE_QUIC};
    struct relay_config c = {.interfaces = list_interfaces};
    struct sockaddr_in one = any4;
    char text[512];

    (void)state;
    addresses(&c, &any4, sizeof(any4), text, sizeof(text));
    assert_string_equal(text, "tcp://203.0.113.5:4711");
    addresses(&c, &any6, sizeof(any6), text, sizeof(text));
    assert_string_equal(text, "tcp://203.0.113.5:4711 tcp://[2001:db8::5]:4711");
    c.announced = &announced;
    c.announced_count = 1;
    c.interfaces = NULL;
    addresses(&c, &any6, sizeof(any6), text, sizeof(text));
    assert_string_equal(text, "quic://198.51.100.1:7002");
    one.sin_addr.s_addr = htonl(0xc0000207);
    addresses(&c, &one, sizeof(one), text, sizeof(text));
    assert_string_equal(text, "quic://198.51.100.1:7002 tcp://192.0.2.7:4711");
}

static int group_setup(void **state)
{
    (void)state;
    rt_budget_configure(UINT64_C(1) << 30);
    return rt_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_life, setup),
        cmocka_unit_test_setup(test_listener_fails, setup),
        cmocka_unit_test_setup(test_addresses, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
