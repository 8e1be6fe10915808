/* SPDX-License-Identifier: MPL-2.0 */
/*
 * IPv4 addresses inside IPv6 addresses. Scopes, networks and limits by prefix judge such an address
 * by the IPv4 address: one IPv4 host would otherwise have many networks, or a private address would
 * pass for a public one. Pure.
 */
#ifndef RT_IP_H
#define RT_IP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The IPv4 address inside an IPv6 address; false: there is none. Mapped ::ffff:0:0/96 (RFC 4291),
 * translated 64:ff9b::/96 and 64:ff9b:1::/48 (RFC 6052, RFC 8215; the last 32 bits), 6to4 2002::/16
 * (RFC 3056).
 */
bool rt_ip6_inner_v4(const uint8_t ip[16], uint8_t out_v4[4]);

/* True: an address of 64:ff9b:1::/48 whose translator may find the IPv4 address elsewhere than in
 * the last 32 bits (RFC 6052, section 2.2). It belongs to the local network. */
bool rt_ip6_is_local_translated(const uint8_t ip[16]);

#endif
