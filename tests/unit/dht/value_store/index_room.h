/* SPDX-License-Identifier: MPL-2.0 */
/* An index of communities with records owned by the test, and the marks that the index saved. */
#ifndef TEST_DHT_INDEX_ROOM_H
#define TEST_DHT_INDEX_ROOM_H

#include "dht/value_store/communities.h"
#include "unit/dht/support.h"

#define INDEX_MARKS 3u /* communities with a saved mark; marks of others are ignored */

struct index_record {
    struct dht_record r;
    uint8_t id[32], community[32];
    uint32_t community_number;
    uint64_t expires_s, renewed;
    struct relay_slice value;
    bool is_held;
};

/* The saved marks. */
struct index_marks {
    uint32_t count;
    struct {
        uint8_t id[32];
        uint64_t mark, expires_s;
    } rows[INDEX_MARKS];
};

/* The id of the record or community with this number. */
void index_id(uint32_t number, uint8_t out[32]);
struct dht_communities *index_new(struct index_marks *m);
void index_record_init(struct index_record *x, uint32_t number, uint32_t community);
/* Enters one record into the community and removes it. */
void index_enter_and_leave(struct dht_communities *c, uint32_t community, uint64_t now_s,
                           uint64_t *out_event);

#endif
