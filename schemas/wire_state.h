/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The CBOR payloads of the state database whose shape we share with the reference implementation
 * (protocol: State database). The tables themselves are in state.sql and actors/storage.
 */
#ifndef WIRE_STATE_H
#define WIRE_STATE_H

#include "wire_cbor.h"
#include "wire_hello.h"
#include "wire_peer.h"

/* -- metadata: node_key, the Ed25519 seed -- */
#define WIRE_NODE_KEY_MAX 66u
RT_MUST_CHECK rt_err wire_node_key_decode(uint8_t *buf, size_t len, uint8_t out_seed[32]);
size_t wire_node_key_encode(const uint8_t seed[32], uint8_t *out, size_t cap);

/* -- metadata: pinned_bootstrap_keys, bootstrap entry as written -> public key -- */
typedef void wire_pin_fn(void *ctx, struct wire_bytes entry, const uint8_t public_key[32]);
/* Calls fn for each pin, in the order stored. */
RT_MUST_CHECK rt_err wire_pins_decode(uint8_t *buf, size_t len, wire_pin_fn *fn, void *ctx);
/* The map's head, and then each of its count pins. */
void wire_write_pins(struct wire_writer *w, uint64_t count);
void wire_write_pin(struct wire_writer *w, struct wire_bytes entry, const uint8_t public_key[32]);

/* -- peers: a row's payload -- */
struct wire_peer_row {
    struct wire_peer addr;
    uint64_t last_seen_unix;
    bool has_capabilities;
    struct wire_capabilities capabilities;
    bool has_capabilities_seen_at;
    uint64_t capabilities_seen_at;
    int32_t reputation_score;
};

RT_MUST_CHECK rt_err wire_peer_row_decode(uint8_t *buf, size_t len, struct wire_peer_row *out);
void wire_write_peer_row(struct wire_writer *w, const struct wire_peer_row *row);

#endif
