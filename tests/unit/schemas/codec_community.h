/* SPDX-License-Identifier: MPL-2.0 */
/* Part of codec.c, in a file of its own because of its length: the codecs of tagged values and
 * community requests. */
#ifndef TEST_CODEC_COMMUNITY_H
#define TEST_CODEC_COMMUNITY_H

#include "wire_cbor.h"

rt_err recode_member_record(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_membership_token(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_share_record(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_community_hint(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_members_page(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_shares_page(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_rotation(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_revocation(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_members_request(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_shares_request(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_search_request(uint8_t *buf, size_t len, struct wire_writer *w);
rt_err recode_events_request(uint8_t *buf, size_t len, struct wire_writer *w);

#endif
