/* SPDX-License-Identifier: MPL-2.0 */
/* Signed values of the kinds with a tag, as clients write them. A number selects a key. */
#ifndef TEST_DHT_RECORDS_H
#define TEST_DHT_RECORDS_H

#include "support.h"
#include "wire_community.h"

/* The id of community n. */
void test_community(uint32_t n, uint8_t out[32]);

/* The record of member key `member` in community `community`; of_token: the community named in the
 * token, 0: no token. */
struct test_member {
    uint32_t community, member, of_token;
    uint64_t announce_seq, issued_at, expires_at;
    enum wire_member_status status;
};
void test_member_record(const struct test_member *m, struct test_value *out);

/* The record of share key `share`; texts may be NULL. */
struct test_share {
    uint32_t community, share;
    uint64_t seq, updated_at;
    const char *title, *description;
    uint8_t manifest_id[32];
};
void test_share_record(const struct test_share *s, struct test_value *out);

void test_hint(uint32_t community, uint32_t members, uint32_t index_peers, uint64_t updated_at,
               struct test_value *out);
/* kind: MEMBERS_PAGE or SHARES_PAGE. */
void test_page(enum wire_value_kind kind, uint32_t community, uint16_t page_no, uint16_t pages,
               uint64_t built_at, struct test_value *out);
void test_rotation(uint32_t old_key, uint32_t new_key, uint64_t seq, uint64_t issued_at,
                   struct test_value *out);
void test_revocation(uint32_t key, uint64_t issued_at, struct test_value *out);

#endif
