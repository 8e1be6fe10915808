/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: our own announcement comes first and counts towards max_count. A reply for 0 announcements
 * is an empty list. Without an own announcement only listed relays are in the reply. The largest
 * max_count is accepted.
 */
#include "unit/announcer/support.h"

#include "announcer/directory/list_reply.h"

static const uint8_t hash_key[16] = {4};
static uint64_t rng = 20261202;

struct reply {
    uint32_t count;
    uint8_t first[32]; /* key of the first announcement */
};

static void read_one(void *ctx, const struct wire_announcement *a)
{
    struct reply *r = ctx;

    if (r->count++ == 0)
        memcpy(r->first, a->relay_pubkey, 32);
}

static struct reply ask(struct relay_list *l, const struct relay_slice *own, uint16_t max_count)
{
    struct relay_slice payload = list_reply_encode(l, own, WIRE_DIALECT_A, max_count, NOW_S);
    struct reply r = {0};
    uint8_t *copy;

    assert_non_null(payload.owner);
    copy = malloc(payload.len);
    assert_non_null(copy);
    memcpy(copy, payload.ptr, payload.len);
    assert_int_equal(wire_relay_list_decode(copy, payload.len, read_one, &r), RT_ERR_OK);
    free(copy);
    relay_slice_drop(&payload);
    return r;
}

static void test_own_comes_first(void **state)
{
    struct relay_list *l = relay_list_new(hash_key, test_random, &rng);
    struct test_relay *own = test_relay(1, 0x08080808, NOW_S);

    (void)state;
    assert_int_equal(ask(l, NULL, 64).count, 0);
    for (uint32_t i = 0; i < 10; i++) {
        struct test_relay *r = test_relay(10 + i, 0x09000001 + i * 0x10000, NOW_S);

        relay_list_put(l, &r->ann, relay_slice_ref(r->bytes), &r->addrs.at[0], WIRE_DIALECTS_ALL,
                       RT_S, NOW_S);
        test_relay_free(&r);
    }
    for (int i = 0; i < 20; i++) {
        struct reply r = ask(l, &own->bytes, 5);

        assert_int_equal(r.count, 5);
        assert_memory_equal(r.first, own->ann.relay_pubkey, 32);
    }
    assert_int_equal(ask(l, &own->bytes, 0).count, 0);
    assert_int_equal(ask(l, &own->bytes, UINT16_MAX).count, 11);
    assert_int_equal(ask(l, NULL, 64).count, 10);
    test_relay_free(&own);
    relay_list_free(&l);
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_comes_first),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
