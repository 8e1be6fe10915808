/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The values a relay holds for the DHT: a bounded table from key to value with an expiry. Pure:
 * time is an argument, values were checked before (value_check). O(1) per operation; expiry goes by
 * hourly lists, so that nothing scans all values.
 *
 * Threads: the dht actor's worker only. Values are owned slices; a found one is a counted
 * reference.
 */
#ifndef DHT_VALUES_H
#define DHT_VALUES_H

#include "abi/relay_buf.h"
#include "base/refusal.h"
#include "dht/value_check.h"

struct dht_values;

struct dht_values_limits {
    uint32_t count_max;
    uint64_t bytes_max;
};

struct dht_values *dht_values_new(const struct dht_values_limits *limits,
                                  const uint8_t hash_key[16]);
void dht_values_free(struct dht_values **v);

/*
 * Stores a copy of value for ttl_secs, raised and cut to the protocol's bounds. A value that ranks
 * below the one held is accepted and changes nothing; the same again only renews the TTL. A
 * ShareHead replaces whatever was there: without the share's key nobody can say which of two is
 * true. NONE, STORE_FULL or MEMORY.
 */
enum rt_refusal dht_values_store(struct dht_values *v, const uint8_t key[32],
                                 const struct dht_rank *rank, const uint8_t *value, uint32_t len,
                                 uint64_t ttl_secs, uint64_t now_s);

/* The value under key with a reference of its own and the seconds it has left; false: none. */
bool dht_values_find(struct dht_values *v, const uint8_t key[32], uint64_t now_s,
                     struct relay_slice *out_value, uint64_t *out_ttl_secs);

/* Drops what has expired by now_s. */
void dht_values_expire(struct dht_values *v, uint64_t now_s);

uint32_t dht_values_count(const struct dht_values *v);
uint64_t dht_values_bytes(const struct dht_values *v);

#endif
