/* SPDX-License-Identifier: MPL-2.0 */
#include "support.h"

#include "wire_limits.h"

uint64_t test_random(void *ctx)
{
    uint64_t z = (*(uint64_t *)ctx += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int test_setup(void **state)
{
    (void)state;
    rt_budget_configure(UINT64_C(256) << 20);
    return rt_crypto_init() == RT_ERR_OK ? 0 : -1;
}

struct wire_peer_hop test_hop(uint32_t ip)
{
    struct wire_peer_hop h = {.port = 7001, .transport = WIRE_TCP};

    for (int i = 0; i < 4; i++)
        h.ip[i] = (uint8_t)(ip >> (24 - 8 * i));
    return h;
}

void test_sign_key(uint32_t number, struct rt_sign_key *out)
{
    uint8_t seed[32] = {'r', 'e', 'l', 'a', 'y'};

    memcpy(seed + 8, &number, sizeof(number));
    rt_sign_key_from_seed(seed, out);
}

void test_relay_make(struct test_relay *r)
{
    relay_slice_drop(&r->bytes);
    r->bytes = announcement_make(&r->identity, &r->addrs, &r->of);
    assert_non_null(r->bytes.owner);
    assert_true(announcement_read(&r->bytes, r->room, &r->ann));
}

struct test_relay *test_relay(uint32_t number, uint32_t ip, uint64_t issued_at)
{
    return test_relay_in(ANNOUNCEMENT_FORM_5, number, ip, issued_at);
}

struct test_relay *test_relay_in(enum announcement_form form, uint32_t number, uint32_t ip,
                                 uint64_t issued_at)
{
    struct test_relay *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    test_sign_key(number, &r->identity);
    r->addrs.count = 1;
    r->addrs.at[0] = test_hop(ip);
    r->of = (struct announcement_fields){.form = form,
                                         .max_tunnels = 64,
                                         .bandwidth = WIRE_BANDWIDTH_MEDIUM,
                                         .issued_at = issued_at,
                                         .expires_at = issued_at + LIM_ANNOUNCEMENT_S};
    test_relay_make(r);
    return r;
}

void test_relay_free(struct test_relay **relay)
{
    struct test_relay *r = *relay;

    *relay = NULL;
    relay_slice_drop(&r->bytes);
    free(r);
}
