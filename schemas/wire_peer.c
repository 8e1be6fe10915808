/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_peer.h"

enum { IP, PORT, TRANSPORT, PUBKEY_HINT, RELAY_VIA, KEYS };
static const char *const names[] = {"ip", "port", "transport", "pubkey_hint", "relay_via"};
enum { RELAY_ADDR, SLOT_ID, ROUTE_KEYS };
static const char *const route_names[] = {"relay_addr", "slot_id"};
static const char *const ip_names[] = {"V4", "V6"};
static const char *const transport_names[] = {"quic", "tcp"};

static void read_addr(struct wire_reader *r, struct wire_peer_hop *hop, struct wire_peer *route);

static void read_ip(struct wire_reader *r, struct wire_peer_hop *hop)
{
    struct wire_map m = wire_map_open(r, ip_names, 2);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        hop->is_ipv6 = key == 1;
        wire_read_fixed(r, hop->ip, hop->is_ipv6 ? 16 : 4);
    }
    if (m.seen != 1 && m.seen != 2)
        wire_reader_fail(r, RT_ERR_MALFORMED);
}

/* Recursion ends at the depth limit: each relay_via lies two maps deeper. */
static void read_route(struct wire_reader *r, struct wire_peer *route)
{
    struct wire_peer_hop relay_addr = {0};
    uint64_t slot_id = 0;
    struct wire_map m = wire_map_open(r, route_names, ROUTE_KEYS);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        if (key == RELAY_ADDR)
            read_addr(r, &relay_addr, NULL);
        else
            slot_id = wire_read_uint(r, UINT64_MAX);
    }
    wire_map_require(r, &m, (1u << ROUTE_KEYS) - 1);
    if (route != NULL && r->err == RT_ERR_OK) {
        route->has_relay_via = true;
        route->relay_addr = relay_addr;
        route->relay_slot_id = slot_id;
    }
}

/* route: where a relay_via goes; NULL: it is checked only. */
static void read_addr(struct wire_reader *r, struct wire_peer_hop *hop, struct wire_peer *route)
{
    struct wire_map m = wire_map_open(r, names, KEYS);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        switch (key) {
        case IP:
            read_ip(r, hop);
            break;
        case PORT:
            hop->port = (uint16_t)wire_read_uint(r, UINT16_MAX);
            break;
        case TRANSPORT:
            hop->transport = (enum wire_transport)wire_read_choice(r, transport_names, 2);
            break;
        case PUBKEY_HINT:
            hop->has_pubkey_hint = !wire_read_null(r);
            if (hop->has_pubkey_hint)
                wire_read_fixed(r, hop->pubkey_hint, 32);
            break;
        case RELAY_VIA:
            if (!wire_read_null(r))
                read_route(r, route);
            break;
        }
    }
    wire_map_require(r, &m, 1u << IP | 1u << PORT | 1u << TRANSPORT);
}

void wire_read_peer(struct wire_reader *r, struct wire_peer *out)
{
    struct wire_peer p = {0};
    const uint8_t *start = r->pos;
    read_addr(r, &p.hop, &p);
    if (r->err != RT_ERR_OK)
        p = (struct wire_peer){0};
    else
        p.raw = (struct wire_bytes){start, (uint32_t)(r->pos - start)};
    *out = p;
}

static void write_hop(struct wire_writer *w, const struct wire_peer_hop *hop)
{
    wire_write_key(w, names[IP]);
    wire_write_map(w, 1);
    wire_write_key(w, ip_names[hop->is_ipv6]);
    wire_write_int_array(w, hop->ip, hop->is_ipv6 ? 16 : 4);
    wire_write_key(w, names[PORT]);
    wire_write_uint(w, hop->port);
    wire_write_key(w, names[TRANSPORT]);
    wire_write_key(w, transport_names[hop->transport]);
    wire_write_key(w, names[PUBKEY_HINT]);
    if (hop->has_pubkey_hint)
        wire_write_int_array(w, hop->pubkey_hint, 32);
    else
        wire_write_null(w);
}

void wire_write_peer(struct wire_writer *w, const struct wire_peer *p)
{
    wire_write_map(w, p->has_relay_via ? KEYS : KEYS - 1);
    write_hop(w, &p->hop);
    if (!p->has_relay_via)
        return;
    wire_write_key(w, names[RELAY_VIA]);
    wire_write_map(w, ROUTE_KEYS);
    wire_write_key(w, route_names[RELAY_ADDR]);
    wire_write_map(w, KEYS - 1);
    write_hop(w, &p->relay_addr);
    wire_write_key(w, route_names[SLOT_ID]);
    wire_write_uint(w, p->relay_slot_id);
}

static uint32_t read_each(struct wire_reader *r, struct wire_seq s, wire_peer_fn *fn, void *ctx)
{
    uint32_t count = 0;
    for (; wire_seq_next(r, &s); count++) {
        struct wire_peer p;
        wire_read_peer(r, &p);
        if (fn != NULL && r->err == RT_ERR_OK)
            fn(ctx, &p);
    }
    return count;
}

void wire_read_peer_list(struct wire_reader *r, wire_peer_fn *fn, void *ctx)
{
    read_each(r, wire_read_array(r), fn, ctx);
}

struct wire_list wire_read_peers(struct wire_reader *r)
{
    struct wire_list l = {{r->pos, 0}, 0};
    l.count = read_each(r, wire_read_array(r), NULL, NULL);
    l.raw.len = (uint32_t)(r->pos - l.raw.ptr);
    return l;
}

void wire_peers_each(const struct wire_list *peers, wire_peer_fn *fn, void *ctx)
{
    struct wire_reader r;
    struct wire_seq s = wire_list_open(peers, &r);
    read_each(&r, s, fn, ctx);
}

void wire_write_peer_list(struct wire_writer *w, const struct wire_peer *peers, size_t count)
{
    wire_write_array(w, count);
    for (size_t i = 0; i < count; i++)
        wire_write_peer(w, &peers[i]);
}

/* -- peer exchange -- */

static const char *const offer_names[] = {"peers"};
static const char *const request_names[] = {"max_peers"};

rt_err wire_pex_offer_decode(uint8_t *buf, size_t len, wire_peer_fn *fn, void *ctx)
{
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, offer_names, 1);
    while (wire_map_next(&r, &m) >= 0)
        wire_read_peer_list(&r, fn, ctx);
    wire_map_require(&r, &m, 1);
    return r.err;
}

rt_err wire_pex_request_decode(uint8_t *buf, size_t len, uint8_t *out_max_peers)
{
    uint8_t max_peers = 0;
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, request_names, 1);
    while (wire_map_next(&r, &m) >= 0)
        max_peers = (uint8_t)wire_read_uint(&r, UINT8_MAX);
    wire_map_require(&r, &m, 1);
    if (r.err == RT_ERR_OK)
        *out_max_peers = max_peers;
    return r.err;
}

void wire_write_pex_offer(struct wire_writer *w, const struct wire_peer *peers, size_t count)
{
    wire_write_map(w, 1);
    wire_write_key(w, offer_names[0]);
    wire_write_peer_list(w, peers, count);
}

void wire_write_pex_request(struct wire_writer *w, uint8_t max_peers)
{
    wire_write_map(w, 1);
    wire_write_key(w, request_names[0]);
    wire_write_uint(w, max_peers);
}
