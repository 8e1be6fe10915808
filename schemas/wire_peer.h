/* SPDX-License-Identifier: MPL-2.0 */
/*
 * PeerAddr and peer exchange (protocol: PeerAddr; messages 100, 101).
 */
#ifndef WIRE_PEER_H
#define WIRE_PEER_H

#include "wire_cbor.h"

enum wire_transport { WIRE_QUIC, WIRE_TCP };

struct wire_peer_hop {
    uint8_t ip[16]; /* IPv4: the first 4 bytes */
    bool is_ipv6;
    uint16_t port;
    enum wire_transport transport;
    bool has_pubkey_hint;
    uint8_t pubkey_hint[32];
};

/* relay_via inside relay_via is accepted (bounded by depth), checked and not kept. */
struct wire_peer {
    struct wire_peer_hop hop;
    bool has_relay_via;
    struct wire_peer_hop relay_addr;
    uint64_t relay_slot_id;
    struct wire_bytes raw; /* the whole PeerAddr as it came, into the decoded buffer */
};

void wire_read_peer(struct wire_reader *r, struct wire_peer *out);
void wire_write_peer(struct wire_writer *w, const struct wire_peer *p);

/*
 * Lists are decoded one peer at a time: fn is called for each; decoding goes on whatever it does.
 * fn may be NULL: the shape is checked only. An error further on does not take back the calls made
 * before it. Reading peers never changes the input.
 */
typedef void wire_peer_fn(void *ctx, const struct wire_peer *p);
void wire_read_peer_list(struct wire_reader *r, wire_peer_fn *fn, void *ctx);
/* The same, kept as a list to be gone through later. */
struct wire_list wire_read_peers(struct wire_reader *r);
void wire_peers_each(const struct wire_list *peers, wire_peer_fn *fn, void *ctx);
void wire_write_peer_list(struct wire_writer *w, const struct wire_peer *peers, size_t count);

RT_MUST_CHECK rt_err wire_pex_offer_decode(uint8_t *buf, size_t len, wire_peer_fn *fn, void *ctx);
RT_MUST_CHECK rt_err wire_pex_request_decode(uint8_t *buf, size_t len, uint8_t *out_max_peers);
/* {peers: [..]} of count peers. */
void wire_write_pex_offer(struct wire_writer *w, const struct wire_peer *peers, size_t count);
void wire_write_pex_request(struct wire_writer *w, uint8_t max_peers);

#endif
