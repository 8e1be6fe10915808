/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Paged reading of a community's index (protocol-v2: Communities, messages): requests 410, 412, 414
 * and 416, decoded, and their replies 411, 413, 415 and 417, encoded. Dialects B and C.
 *
 * A reply is written in one pass: its head with the number of entries, the entries, and the
 * cursor if the head announces one. A writer without a buffer (wire_writer_init with NULL) measures
 * an entry exactly.
 */
#ifndef WIRE_BROWSE_H
#define WIRE_BROWSE_H

#include "wire_cbor.h"
#include "wire_community.h"

struct wire_browse_request {
    uint8_t community_id[32];
    struct wire_bytes cursor; /* text; ptr NULL: none; in 416 it is since_cursor */
    uint16_t limit;
    bool has_since; /* 412 only */
    uint64_t since_unix;
    struct wire_bytes query; /* 414 only; may be empty */
};

RT_MUST_CHECK rt_err wire_community_members_request_decode(uint8_t *buf, size_t len,
                                                           struct wire_browse_request *out);
RT_MUST_CHECK rt_err wire_community_shares_request_decode(uint8_t *buf, size_t len,
                                                          struct wire_browse_request *out);
RT_MUST_CHECK rt_err wire_community_search_request_decode(uint8_t *buf, size_t len,
                                                          struct wire_browse_request *out);
RT_MUST_CHECK rt_err wire_community_events_request_decode(uint8_t *buf, size_t len,
                                                          struct wire_browse_request *out);

/* Most bytes of a cursor that we write. */
#define WIRE_CURSOR_MAX 64u
/* Most bytes of a reply without its entries; a cursor of WIRE_CURSOR_MAX is included. */
#define WIRE_REPLY_FRAME_MAX 192u
/* Most bytes of an entry, a hit or an event without the bytes of its texts. */
#define WIRE_REPLY_ENTRY_MAX 224u

/* count: how many entries follow. has_cursor: wire_write_reply_cursor follows them. */
void wire_write_members_reply_head(struct wire_writer *w, const uint8_t community_id[32],
                                   uint32_t count, bool has_cursor);
void wire_write_shares_reply_head(struct wire_writer *w, const uint8_t community_id[32],
                                  uint32_t count, bool has_cursor);
void wire_write_search_reply_head(struct wire_writer *w, const uint8_t community_id[32],
                                  uint32_t count, bool has_cursor);
void wire_write_events_reply_head(struct wire_writer *w, const uint8_t community_id[32],
                                  uint32_t count, bool has_cursor);

void wire_write_members_reply_entry(struct wire_writer *w, const uint8_t member_node_pubkey[32],
                                    enum wire_member_status status, uint64_t announce_seq);
void wire_write_shares_reply_entry(struct wire_writer *w, const struct wire_share_record *share);
void wire_write_search_reply_hit(struct wire_writer *w, const struct wire_share_record *share,
                                 uint32_t score);
/* member_joined or member_left, by the status */
void wire_write_events_reply_member(struct wire_writer *w, const uint8_t member_node_pubkey[32],
                                    enum wire_member_status status, uint64_t announce_seq);
/* share_upserted */
void wire_write_events_reply_share(struct wire_writer *w, const struct wire_share_record *share);

void wire_write_reply_cursor(struct wire_writer *w, const char *text, size_t len);

#endif
