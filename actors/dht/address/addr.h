/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Addresses of peers: their scope, their network, comparison, conversion. Pure.
 *
 * Addresses are in normal form: an IPv4 address is never mapped into IPv6. All functions expect it,
 * except dht_hop_normalise.
 */
#ifndef DHT_ADDR_H
#define DHT_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "wire_peer.h"

/* Scopes of addresses, narrowest first. */
enum dht_scope {
    DHT_SCOPE_NONE, /* unspecified, multicast, broadcast, reserved, or port 0 */
    DHT_SCOPE_LOOPBACK,
    DHT_SCOPE_LINK,
    DHT_SCOPE_PRIVATE, /* RFC 1918, shared 100.64.0.0/10, unique local fc00::/7 */
    DHT_SCOPE_GLOBAL,
};

/* The scope of an IPv4 address inside an IPv6 one (base/ip.h) is that of the IPv4 address. */
enum dht_scope dht_scope_of(const struct wire_peer_hop *hop);

/* Brings the address into normal form. */
void dht_hop_normalise(struct wire_peer_hop *hop);

/* True: same address, port and transport. The keys may differ. */
bool dht_hop_same(const struct wire_peer_hop *a, const struct wire_peer_hop *b);
/* True: same address. */
bool dht_hop_same_ip(const struct wire_peer_hop *a, const struct wire_peer_hop *b);

/* Address, port and transport as bytes, for hashing. */
#define DHT_HOP_BYTES 20u
void dht_hop_bytes(const struct wire_peer_hop *hop, uint8_t out[DHT_HOP_BYTES]);

/* The network of the address as a number: its first v4_bits or v6_bits (at most 56), and the
 * family. The network of an IPv4 address inside an IPv6 one is that of the IPv4 address. */
uint64_t dht_hop_net(const struct wire_peer_hop *hop, uint32_t v4_bits, uint32_t v6_bits);
#define DHT_NET_BUCKET 24, 40 /* protocol: diversity of a bucket */
#define DHT_NET_PROBE 24, 48  /* one dial at a time */

/* Converts to a socket address and returns its length. */
socklen_t dht_hop_sockaddr(const struct wire_peer_hop *hop, struct sockaddr_storage *out);
/* Converts from a socket address, into normal form. False: neither IPv4 nor IPv6. */
bool dht_hop_from(const struct sockaddr_storage *addr, struct wire_peer_hop *out);

/* Writes a text such as "tcp://192.0.2.1:7001". cap >= DHT_HOP_TEXT. */
#define DHT_HOP_TEXT 64u
void dht_hop_text(const struct wire_peer_hop *hop, char *out, size_t cap);

/* The same host and key with the other transport, by the convention tcp port = quic port + 1.
 * False: there is no such port. */
bool dht_hop_other_transport(const struct wire_peer_hop *hop, struct wire_peer_hop *out);

#endif
