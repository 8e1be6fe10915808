/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/address/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"

static bool is_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static enum dht_scope scope4(const uint8_t ip[4])
{
    if (ip[0] == 0 || ip[0] >= 224)
        return DHT_SCOPE_NONE;
    if (ip[0] == 127)
        return DHT_SCOPE_LOOPBACK;
    if (ip[0] == 169 && ip[1] == 254)
        return DHT_SCOPE_LINK;
    if (ip[0] == 10 || (ip[0] == 172 && ip[1] >> 4 == 1) || (ip[0] == 192 && ip[1] == 168) ||
        (ip[0] == 100 && ip[1] >> 6 == 1))
        return DHT_SCOPE_PRIVATE;
    return DHT_SCOPE_GLOBAL;
}

static enum dht_scope scope6(const uint8_t ip[16])
{
    enum dht_scope scope;
    uint8_t inner[4];

    if (rt_ip6_inner_v4(ip, inner)) {
        scope = scope4(inner);
        return scope == DHT_SCOPE_GLOBAL && rt_ip6_is_local_translated(ip) ? DHT_SCOPE_PRIVATE
                                                                           : scope;
    }
    if (ip[0] == 0xff || is_zero(ip, 16))
        return DHT_SCOPE_NONE;
    if (is_zero(ip, 15) && ip[15] == 1)
        return DHT_SCOPE_LOOPBACK;
    if (ip[0] == 0xfe && ip[1] >> 6 == 2)
        return DHT_SCOPE_LINK;
    if (ip[0] >> 1 == 0x7e)
        return DHT_SCOPE_PRIVATE;
    /* Global unicast; the rest is not assigned. */
    if (ip[0] >> 5 == 1)
        return DHT_SCOPE_GLOBAL;
    return DHT_SCOPE_NONE;
}

enum dht_scope dht_scope_of(const struct wire_peer_hop *hop)
{
    if (hop->port == 0)
        return DHT_SCOPE_NONE;
    return hop->is_ipv6 ? scope6(hop->ip) : scope4(hop->ip);
}

void dht_hop_normalise(struct wire_peer_hop *hop)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (hop->is_ipv6 && memcmp(hop->ip, mapped, sizeof(mapped)) == 0) {
        hop->is_ipv6 = false;
        memcpy(hop->ip, hop->ip + 12, 4);
    }
    if (!hop->is_ipv6)
        memset(hop->ip + 4, 0, 12);
}

bool dht_hop_same_ip(const struct wire_peer_hop *a, const struct wire_peer_hop *b)
{
    return a->is_ipv6 == b->is_ipv6 && memcmp(a->ip, b->ip, a->is_ipv6 ? 16 : 4) == 0;
}

bool dht_hop_same(const struct wire_peer_hop *a, const struct wire_peer_hop *b)
{
    return a->port == b->port && a->transport == b->transport && dht_hop_same_ip(a, b);
}

void dht_hop_bytes(const struct wire_peer_hop *hop, uint8_t out[DHT_HOP_BYTES])
{
    memset(out, 0, DHT_HOP_BYTES);
    memcpy(out, hop->ip, hop->is_ipv6 ? 16 : 4);
    out[16] = hop->is_ipv6;
    out[17] = (uint8_t)(hop->port >> 8);
    out[18] = (uint8_t)hop->port;
    out[19] = (uint8_t)hop->transport;
}

uint64_t dht_hop_net(const struct wire_peer_hop *hop, uint32_t v4_bits, uint32_t v6_bits)
{
    uint8_t inner[4];
    bool has_inner = hop->is_ipv6 && rt_ip6_inner_v4(hop->ip, inner);
    const uint8_t *ip = has_inner ? inner : hop->ip;
    bool is_v6 = hop->is_ipv6 && !has_inner;
    uint32_t bits = is_v6 ? v6_bits : v4_bits;
    uint64_t net = 0;

    for (uint32_t i = 0; i < 7; i++)
        net = net << 8 | (i < (is_v6 ? 7u : 4u) ? ip[i] : 0);
    net = bits == 0 ? 0 : net >> (56 - bits) << (56 - bits);
    return net << 8 | (is_v6 ? 6 : 4);
}

socklen_t dht_hop_sockaddr(const struct wire_peer_hop *hop, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (hop->is_ipv6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(hop->port);
        memcpy(&in6->sin6_addr, hop->ip, 16);
        return sizeof(*in6);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)out;

    in->sin_family = AF_INET;
    in->sin_port = htons(hop->port);
    memcpy(&in->sin_addr, hop->ip, 4);
    return sizeof(*in);
}

bool dht_hop_from(const struct sockaddr_storage *addr, struct wire_peer_hop *out)
{
    struct wire_peer_hop h = {.transport = WIRE_TCP};

    if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

        h.is_ipv6 = true;
        h.port = ntohs(in6->sin6_port);
        memcpy(h.ip, &in6->sin6_addr, 16);
    } else if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

        h.port = ntohs(in->sin_port);
        memcpy(h.ip, &in->sin_addr, 4);
    } else {
        return false;
    }
    dht_hop_normalise(&h);
    *out = h;
    return true;
}

void dht_hop_text(const struct wire_peer_hop *hop, char *out, size_t cap)
{
    char ip[INET6_ADDRSTRLEN] = "";

    inet_ntop(hop->is_ipv6 ? AF_INET6 : AF_INET, hop->ip, ip, sizeof(ip));
    snprintf(out, cap, hop->is_ipv6 ? "%s://[%s]:%u" : "%s://%s:%u",
             hop->transport == WIRE_TCP ? "tcp" : "quic", ip, hop->port);
}

bool dht_hop_other_transport(const struct wire_peer_hop *hop, struct wire_peer_hop *out)
{
    struct wire_peer_hop h = *hop;

    if (hop->transport == WIRE_TCP ? hop->port <= 1 : hop->port == UINT16_MAX)
        return false;
    h.transport = hop->transport == WIRE_TCP ? WIRE_QUIC : WIRE_TCP;
    h.port = (uint16_t)(hop->transport == WIRE_TCP ? hop->port - 1 : hop->port + 1);
    *out = h;
    return true;
}
