/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Shared by the tests of pages and of the search: one community with records in an index, and the
 * same records as plain structs in order of id.
 */
#ifndef TEST_COMMUNITY_ROOM_H
#define TEST_COMMUNITY_ROOM_H

#include "unit/dht/support.h"

#include "dht/value_store/communities.h"
#include "wire_browse.h"
#include "wire_community.h"
#include "wire_refusal.h"

#define ROOM_RECORDS 1200u

struct room_record {
    struct dht_record r;
    uint8_t id[32];
    uint64_t expires_s;
    struct relay_slice value;
    struct wire_member_record member; /* of a member */
    struct wire_share_record share;   /* of a share; the room owns the texts */
    uint8_t *texts;
};

struct room {
    uint8_t id[32];
    struct dht_communities *index;
    struct room_record *records[ROOM_RECORDS]; /* in order of id once room_sort was called */
    uint32_t count;
};

/* A community without records. */
void room_init(struct room *m);
void room_fini(struct room *m);
struct room_record *room_add_member(struct room *m, uint32_t number, enum wire_member_status status,
                                    uint64_t expires_s);
/* Texts are copied; NULL: none. */
struct room_record *room_add_share(struct room *m, uint32_t number, const char *title,
                                   const char *description, uint64_t updated_at,
                                   uint64_t expires_s);
void room_remove(struct room *m, struct room_record *x);
void room_sort(struct room *m);

/* A request for at most `limit` entries; cursor: NULL or text, borrowed. */
struct wire_browse_request room_request(const struct room *m, const char *cursor, uint16_t limit);
/* The 64 hexadecimal digits of an id. */
void room_cursor(const uint8_t id[32], char out[65]);

/* Asserts that there is a reply with the bytes written to want; drops it. */
void room_expect(struct relay_slice reply, const struct wire_writer *want);

#endif
