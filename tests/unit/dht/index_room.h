/* SPDX-License-Identifier: MPL-2.0 */
/* An index of communities whose records the test owns, and the marks it has put on disk. */
#ifndef TEST_DHT_INDEX_ROOM_H
#define TEST_DHT_INDEX_ROOM_H

#include "dht/communities.h"
#include "support.h"

#define INDEX_MARKS 3u /* communities whose marks are kept; those of more are not */

struct index_record {
    struct dht_record r;
    uint8_t id[32], community[32];
    uint32_t community_number;
    uint64_t expires_s, renewed;
    struct relay_slice value;
    bool is_held;
};

/* What is on disk of the marks. */
struct index_marks {
    uint32_t count;
    struct {
        uint8_t id[32];
        uint64_t mark, expires_s;
    } rows[INDEX_MARKS];
};

/* The id that a number stands for, of a record or a community. */
void index_id(uint32_t number, uint8_t out[32]);
struct dht_communities *index_new(struct index_marks *m);
void index_record_init(struct index_record *x, uint32_t number, uint32_t community);
/* The community has one record for a moment. */
void index_enter_and_leave(struct dht_communities *c, uint32_t community, uint64_t now_s,
                           uint64_t *out_event);

#endif
