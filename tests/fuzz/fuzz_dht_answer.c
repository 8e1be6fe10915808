/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Hostile replies to the queries of a look-up. The last byte of the input selects the kind of the
 * look-up, the replying node and the key. The rest is the payload of every reply, a little shorter
 * each time. The look-up must end within its limits, whatever nodes the replies name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "dht/kademlia/routing_table.h"
#include "dht/kademlia/lookup.h"
#include "dht/value_store/value_check.h"
#include "dht/dht_limits.h"
#include "wire_dht.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct asking {
    struct dht_lookup *lookup;
    struct dht_table *table;
    uint32_t candidate, named;
};

static void take(void *ctx, const struct wire_peer *p)
{
    struct asking *a = ctx;
    struct wire_peer_hop hop = p->hop;

    a->named++;
    dht_hop_normalise(&hop);
    if (dht_scope_of(&hop) != DHT_SCOPE_NONE)
        (void)dht_lookup_add(a->lookup, &hop, a->candidate);
}

static void reply(struct asking *a, uint8_t how, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    struct wire_store store = {0};
    struct dht_checked checked;

    RT_INSIST(copy != NULL);
    memcpy(copy, data, len);
    if (how & 1) {
        (void)!wire_find_node_reply_decode(copy, len, take, a);
    } else if (wire_find_value_reply_decode(copy, len, &store, take, a) == RT_ERR_OK &&
               store.value.ptr) {
        (void)dht_value_check(store.key, store.value.ptr, store.value.len, 1770000000, &checked);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t target[20] = {0x42}, how = size ? data[size - 1] : 0, key[32];
    struct wire_peer_hop hop = {.ip = {11, 0, 0, 1}, .port = 7001, .transport = WIRE_TCP}, ping;
    struct wire_peer_hop closest[2 * DHT_K];
    struct asking a = {dht_lookup_new(target, how & 2), dht_table_new(target), 0, 0};
    uint32_t asked = 0;

    (void)dht_lookup_add(a.lookup, &hop, DHT_LOOKUP_SEED);
    while (dht_lookup_next(a.lookup, &a.candidate, &hop)) {
        RT_INSIST(++asked <= LIM_LOOKUP_ASKED_MAX);
        if (how & 4 && asked % 3 == 0) {
            dht_lookup_failed(a.lookup, a.candidate);
            continue;
        }
        rt_sha256(&asked, sizeof(asked), key);
        if (how & 8 && hop.has_pubkey_hint)
            memcpy(key, hop.pubkey_hint, sizeof(key));
        dht_lookup_answered(a.lookup, a.candidate, key);
        if (size > asked)
            reply(&a, how, data, size - asked);
        dht_lookup_reply_ends(a.lookup, a.candidate);
        hop.has_pubkey_hint = true;
        memcpy(hop.pubkey_hint, key, sizeof(key));
        (void)dht_table_seen(a.table, &hop, asked * RT_S, &ping);
    }
    RT_INSIST(dht_lookup_is_done(a.lookup));
    RT_INSIST(dht_lookup_closest(a.lookup, 2 * DHT_K, true, closest) <= 2 * DHT_K);
    RT_INSIST(dht_table_closest(a.table, target, DHT_K, closest) <= dht_table_count(a.table));
    dht_lookup_free(&a.lookup);
    dht_table_free(&a.table);
    return 0;
}
