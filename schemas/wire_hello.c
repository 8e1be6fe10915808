/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_hello.h"

#include <string.h>

#include "wire_dialect.h"

enum { PUBKEY, CAPABILITIES, NONCE, ECHOED, TIMESTAMP, VERSION, EPHEMERAL, SIGNATURE, KEYS };
static const char *const names[] = {
    "node_pubkey",      "capabilities",     "nonce",     "echoed_nonce", "timestamp_unix_secs",
    "protocol_version", "ephemeral_pubkey", "signature",
};

static const char *const capability_names[] = {
    "dht",
    "store",
    "relay",
    "content_seed",
    "mobile_light",
    "community_paged_browse",
    "community_search",
    "community_delta_sync",
};
#define CAPABILITIES_BASIC 5u
#define CAPABILITIES_ALL 8u

void wire_read_capabilities(struct wire_reader *r, struct wire_capabilities *out)
{
    bool *fields[CAPABILITIES_ALL] = {
        &out->dht,
        &out->store,
        &out->relay,
        &out->content_seed,
        &out->mobile_light,
        &out->community_paged_browse,
        &out->community_search,
        &out->community_delta_sync,
    };
    *out = (struct wire_capabilities){0};
    struct wire_map m = wire_map_open(r, capability_names, CAPABILITIES_ALL);
    for (int key; (key = wire_map_next(r, &m)) >= 0;)
        *fields[key] = wire_read_bool(r);
    wire_map_require(r, &m, (1u << CAPABILITIES_BASIC) - 1);
    out->has_community_fields = m.seen >> CAPABILITIES_BASIC != 0;
}

void wire_write_capabilities(struct wire_writer *w, const struct wire_capabilities *c)
{
    const bool fields[CAPABILITIES_ALL] = {
        c->dht,
        c->store,
        c->relay,
        c->content_seed,
        c->mobile_light,
        c->community_paged_browse,
        c->community_search,
        c->community_delta_sync,
    };
    uint32_t count = c->has_community_fields ? CAPABILITIES_ALL : CAPABILITIES_BASIC;
    wire_write_map(w, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_write_key(w, capability_names[i]);
        wire_write_bool(w, fields[i]);
    }
}

static void read_field(struct wire_reader *r, int key, struct wire_hello *h)
{
    switch (key) {
    case PUBKEY:
        wire_read_fixed(r, h->node_pubkey, 32);
        break;
    case CAPABILITIES:
        wire_read_capabilities(r, &h->capabilities);
        break;
    case NONCE:
        wire_read_fixed(r, h->nonce, 32);
        break;
    case ECHOED:
        h->has_echoed_nonce = !wire_read_null(r);
        if (h->has_echoed_nonce)
            wire_read_fixed(r, h->echoed_nonce, 32);
        break;
    case TIMESTAMP:
        h->timestamp_unix_secs = wire_read_uint(r, UINT64_MAX);
        break;
    case VERSION:
        h->protocol_version = (uint16_t)wire_read_uint(r, UINT16_MAX);
        break;
    case EPHEMERAL:
        wire_read_fixed(r, h->ephemeral_pubkey, 32);
        break;
    case SIGNATURE:
        wire_read_signature(r, h->signature);
        break;
    }
}

rt_err wire_hello_decode(uint8_t *buf, size_t len, struct wire_hello *out)
{
    struct wire_hello h = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, names, KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;)
        read_field(&r, key, &h);
    wire_map_require(&r, &m, ((1u << KEYS) - 1) & ~(1u << ECHOED));
    if (r.err == RT_ERR_OK)
        *out = h;
    return r.err;
}

/* The first seven values: as the array that is signed, or, with keys, as the start of the map. */
static void write_fields(struct wire_writer *w, const struct wire_hello *h, bool with_keys)
{
    for (int key = PUBKEY; key < SIGNATURE; key++) {
        if (with_keys)
            wire_write_key(w, names[key]);
        switch (key) {
        case PUBKEY:
            wire_write_int_array(w, h->node_pubkey, 32);
            break;
        case CAPABILITIES:
            wire_write_capabilities(w, &h->capabilities);
            break;
        case NONCE:
            wire_write_int_array(w, h->nonce, 32);
            break;
        case ECHOED:
            if (h->has_echoed_nonce)
                wire_write_int_array(w, h->echoed_nonce, 32);
            else
                wire_write_null(w);
            break;
        case TIMESTAMP:
            wire_write_uint(w, h->timestamp_unix_secs);
            break;
        case VERSION:
            wire_write_uint(w, h->protocol_version);
            break;
        case EPHEMERAL:
            wire_write_int_array(w, h->ephemeral_pubkey, 32);
            break;
        }
    }
}

size_t wire_hello_encode(const struct wire_hello *h, uint8_t *out, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, out, cap);
    wire_write_map(&w, KEYS);
    write_fields(&w, h, true);
    wire_write_key(&w, names[SIGNATURE]);
    wire_write_int_array(&w, h->signature, 64);
    return w.pos;
}

size_t wire_hello_signed(const struct wire_hello *h, uint8_t *out, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, out, cap);
    wire_write_array(&w, SIGNATURE);
    write_fields(&w, h, false);
    return w.pos;
}

/* -- the marker of our relays -- */

static const uint8_t mark[6] = {0x9d, 0x53, 0x43, 0x50, 0x32, 0x72};
#define MARK_FORMAT 1u
#define MARK_FORMAT_MASK 0x0fu

void wire_nonce_mark(uint8_t nonce[32], uint8_t dialects)
{
    memcpy(nonce, mark, sizeof(mark));
    nonce[6] = MARK_FORMAT;
    nonce[7] = dialects;
}

uint8_t wire_nonce_dialects(const uint8_t nonce[32])
{
    if (memcmp(nonce, mark, sizeof(mark)) != 0 || (nonce[6] & MARK_FORMAT_MASK) < MARK_FORMAT)
        return 0;
    return nonce[7] & WIRE_DIALECTS_ALL;
}
