/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Payloads of requests to the DHT, as clients write them. Pure: time and random bytes are
 * arguments. payload_store_* return the number of bytes written to out, at most PAYLOAD_MAX.
 */
#ifndef LOADGEN_PAYLOAD_H
#define LOADGEN_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"

#define PAYLOAD_MAX 1024u

/* STORE: one provider of a content. */
size_t payload_store_providers(const uint8_t content_id[32], uint64_t now_s,
                               uint8_t out[PAYLOAD_MAX]);

/* The identity of a member. It is the same in every run, so that a later run renews the record. */
void payload_member_identity(uint32_t member, struct rt_sign_key *out);

/* STORE: the record of a member that has joined, issued at now_s, signed, valid for a day. */
size_t payload_store_member(const uint8_t community_id[32], const struct rt_sign_key *member,
                            uint64_t announce_seq, uint64_t now_s, uint8_t out[PAYLOAD_MAX]);

#endif
