/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The envelope: every frame after the handshake (protocol: Envelope).
 * Map {type: u16, req_id: u32, flags: u16, payload: bstr <= 1 MiB}, preceded on the wire by a
 * 4-byte big-endian length.
 */
#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include "wire_cbor.h"

#define WIRE_LENGTH_BYTES 4u
#define WIRE_FLAG_RESPONSE 0x0001u
#define WIRE_FLAG_ERROR 0x0002u

/* X(NAME, number): message types. */
#define WIRE_TYPE_LIST(X)                                                                          \
    X(PEX_OFFER, 100)                                                                              \
    X(PEX_REQUEST, 101)                                                                            \
    X(FIND_NODE, 200)                                                                              \
    X(FIND_VALUE, 201)                                                                             \
    X(STORE, 202)                                                                                  \
    X(GET_MANIFEST, 400)                                                                           \
    X(MANIFEST_DATA, 401)                                                                          \
    X(LIST_PUBLIC_SHARES, 402)                                                                     \
    X(PUBLIC_SHARE_LIST, 403)                                                                      \
    X(GET_COMMUNITY_STATUS, 404)                                                                   \
    X(COMMUNITY_STATUS, 405)                                                                       \
    X(LIST_COMMUNITY_PUBLIC_SHARES, 406)                                                           \
    X(COMMUNITY_PUBLIC_SHARE_LIST, 407)                                                            \
    X(LIST_COMMUNITY_MEMBERS_PAGE, 410)                                                            \
    X(COMMUNITY_MEMBERS_PAGE, 411)                                                                 \
    X(LIST_COMMUNITY_SHARES_PAGE, 412)                                                             \
    X(COMMUNITY_SHARES_PAGE, 413)                                                                  \
    X(SEARCH_COMMUNITY_SHARES, 414)                                                                \
    X(COMMUNITY_SEARCH_RESULTS, 415)                                                               \
    X(LIST_COMMUNITY_EVENTS, 416)                                                                  \
    X(COMMUNITY_EVENTS, 417)                                                                       \
    X(RELAY_REGISTER, 450)                                                                         \
    X(RELAY_REGISTERED, 451)                                                                       \
    X(RELAY_CONNECT, 452)                                                                          \
    X(RELAY_STREAM, 453)                                                                           \
    X(RELAY_LIST_REQUEST, 460)                                                                     \
    X(RELAY_LIST_RESPONSE, 461)                                                                    \
    X(PROVIDERS, 498)                                                                              \
    X(HAVE_CONTENT, 499)                                                                           \
    X(GET_CHUNK, 500)                                                                              \
    X(CHUNK_DATA, 501)                                                                             \
    X(GET_CHUNK_HASHES, 502)                                                                       \
    X(CHUNK_HASH_LIST, 503)

enum wire_type {
#define X(name, number) WIRE_##name = number,
    WIRE_TYPE_LIST(X)
#undef X
};

struct wire_envelope {
    uint16_t type;
    uint32_t req_id;
    uint16_t flags;
    struct wire_view payload; /* into the decoded buffer */
};

/* Decodes one frame's body (without the length). TOO_LARGE: payload over 1 MiB. */
RT_MUST_CHECK rt_err wire_envelope_decode(uint8_t *buf, size_t len, struct wire_envelope *out);

/* Longest head: map, four keys, three integers, byte string head. */
#define WIRE_ENVELOPE_HEAD_MAX 48u

/*
 * Writes the canonical head of an envelope whose payload of payload_len bytes follows apart; with
 * the 4-byte frame length in front (which counts head and payload). Returns the bytes written, at
 * most WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX.
 */
size_t wire_envelope_head(uint8_t *out, uint16_t type, uint32_t req_id, uint16_t flags,
                          uint32_t payload_len);
/* The same without the length in front. */
size_t wire_envelope_bare_head(uint8_t *out, uint16_t type, uint32_t req_id, uint16_t flags,
                               uint32_t payload_len);

/* 4-byte big-endian frame length. */
uint32_t wire_length_read(const uint8_t in[4]);
void wire_length_write(uint8_t out[4], uint32_t len);

#endif
