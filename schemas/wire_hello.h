/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The three handshake messages (protocol: Framing and session handshake): one shape, told apart by
 * place and by echoed_nonce.
 *
 * Nonces of our relays contain a marker, so that these relays recognise each other. Bytes 0 to 5
 * are constant. Byte 6 holds the format version (1) in its low four bits and flags in its high
 * four. Byte 7 is the set of dialects served (bit 0: A, 1: B, 2: C). 24 random bytes follow. The
 * flag 0x80 is reserved for nonces that are bound to the secure channel. The set has the same place
 * in every format version. Nonces are signed, and every crate accepts any nonce.
 */
#ifndef WIRE_HELLO_H
#define WIRE_HELLO_H

#include "wire_cbor.h"

/* has_community_fields selects the encoding: all 8 fields, or the first 5. The decoder sets it if
 * the map has any of the last three fields; missing ones read as false. */
struct wire_capabilities {
    bool dht, store, relay, content_seed, mobile_light;
    bool community_paged_browse, community_search, community_delta_sync;
    bool has_community_fields;
};

struct wire_hello {
    uint8_t node_pubkey[32]; /* Ed25519 */
    struct wire_capabilities capabilities;
    uint8_t nonce[32];
    bool has_echoed_nonce;
    uint8_t echoed_nonce[32];
    uint64_t timestamp_unix_secs;
    uint16_t protocol_version;
    uint8_t ephemeral_pubkey[32]; /* X25519 */
    uint8_t signature[64];        /* by node_pubkey, over wire_hello_signed */
};

#define WIRE_HELLO_MAX 1024u /* bytes a hello of ours encodes to, at most */

/* signature of another length than 64 is RT_ERR_BAD_SIGNATURE. */
RT_MUST_CHECK rt_err wire_hello_decode(uint8_t *buf, size_t len, struct wire_hello *out);
/* Body only, without the frame length. Returns bytes written; cap >= WIRE_HELLO_MAX. */
size_t wire_hello_encode(const struct wire_hello *h, uint8_t *out, size_t cap);
/* The bytes the signature covers: the array of the first seven values. cap >= WIRE_HELLO_MAX. */
size_t wire_hello_signed(const struct wire_hello *h, uint8_t *out, size_t cap);

#define WIRE_NONCE_MARK_BYTES 8u
/* Writes the marker over the first bytes of a random nonce. dialects: the set served, not empty. */
void wire_nonce_mark(uint8_t nonce[32], uint8_t dialects);
/* The dialects that the marker names; 0: the nonce is not marked. */
uint8_t wire_nonce_dialects(const uint8_t nonce[32]);

void wire_read_capabilities(struct wire_reader *r, struct wire_capabilities *out);
void wire_write_capabilities(struct wire_writer *w, const struct wire_capabilities *c);

#endif
