/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Addresses of peers: how far they reach, which network they lie in, whether two are the same.
 * Pure.
 *
 * A hop's address is kept in one form: IPv4 mapped into IPv6 is IPv4.
 */
#ifndef DHT_ADDR_H
#define DHT_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "wire_peer.h"

/* How far an address reaches, narrowest first. */
enum dht_scope {
    DHT_SCOPE_NONE, /* unspecified, multicast, broadcast, reserved, or port 0: nobody's */
    DHT_SCOPE_LOOPBACK,
    DHT_SCOPE_LINK,
    DHT_SCOPE_PRIVATE, /* RFC 1918, shared 100.64.0.0/10, unique local fc00::/7 */
    DHT_SCOPE_GLOBAL,
};

enum dht_scope dht_scope_of(const struct wire_peer_hop *hop);

/* Brings the address into its one form. */
void dht_hop_normalise(struct wire_peer_hop *hop);

/* Same address, port and transport; the key is not looked at. */
bool dht_hop_same(const struct wire_peer_hop *a, const struct wire_peer_hop *b);
bool dht_hop_same_ip(const struct wire_peer_hop *a, const struct wire_peer_hop *b);

/* Address, port and transport as bytes, for hashing. */
#define DHT_HOP_BYTES 20u
void dht_hop_bytes(const struct wire_peer_hop *hop, uint8_t out[DHT_HOP_BYTES]);

/* The network it lies in: its first v4_bits or v6_bits (at most 56), and which of the two it is. */
uint64_t dht_hop_net(const struct wire_peer_hop *hop, uint32_t v4_bits, uint32_t v6_bits);
#define DHT_NET_BUCKET 24, 40 /* protocol: diversity of a bucket */
#define DHT_NET_PROBE 24, 48  /* one dial at a time */

/* To and from socket addresses. len 0: neither IPv4 nor IPv6. */
socklen_t dht_hop_sockaddr(const struct wire_peer_hop *hop, struct sockaddr_storage *out);
bool dht_hop_from(const struct sockaddr_storage *addr, struct wire_peer_hop *out);

/* "tcp://192.0.2.1:7001"; cap >= DHT_HOP_TEXT. */
#define DHT_HOP_TEXT 64u
void dht_hop_text(const struct wire_peer_hop *hop, char *out, size_t cap);

/* The same host by the other transport, by the convention tcp port = quic port + 1; false: there is
 * no such port. The key stays. */
bool dht_hop_other_transport(const struct wire_peer_hop *hop, struct wire_peer_hop *out);

/* -- distance -- */

/* Bits that a and b have in common from the first on: 0 to 160. */
uint32_t dht_common_bits(const uint8_t a[20], const uint8_t b[20]);
/* Less than 0: a is closer to target than b. */
int dht_closer(const uint8_t target[20], const uint8_t a[20], const uint8_t b[20]);

#endif
