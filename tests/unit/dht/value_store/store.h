/* SPDX-License-Identifier: MPL-2.0 */
/* A value store over a disk that keeps the last row, for tests of records. */
#ifndef TEST_DHT_STORE_H
#define TEST_DHT_STORE_H

#include "dht/value_store/communities.h"
#include "dht/value_store/value_store.h"
#include "unit/dht/records.h"

extern const struct dht_origin store_someone; /* a peer that is not a contact */

struct store_row {
    struct dht_value is; /* without the value: see bytes */
    uint8_t bytes[4096];
};

/* Recorded by the sink of the store; cleared when a store is made. */
extern struct store_disk {
    uint32_t puts, drops, revocations;
    struct store_row last;
    uint64_t mark;
} store_disk;

/* With room for 1000 values, or for count. */
struct dht_value_store *store_new(void);
struct dht_value_store *store_new_of(uint32_t count);
void store_free(struct dht_value_store **v); /* asserts that no buffer is left */

/* Checks and stores a value. store_at: by store_someone, for a day; asserts success. */
enum wire_refusal store_by(struct dht_value_store *v, const struct test_value *value, uint64_t ttl,
                           const struct dht_origin *by, uint64_t now_s);
void store_at(struct dht_value_store *v, const struct test_value *value, uint64_t now_s);

/* The remaining seconds of this value in dialect d; 0: it is not found. */
uint64_t store_left(struct dht_value_store *v, enum wire_dialect d, const struct test_value *value,
                    uint64_t now_s);
bool store_holds(struct dht_value_store *v,
                 const struct test_value *value); /* in dialect C, at NOW_S */

/* Member 2 of community 1, for a day from NOW_S. */
struct test_member store_member_at(uint64_t issued_at, uint64_t seq);

#endif
