/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_announce.h"

#include <string.h>

#include "crypto/crypto.h"
#include "wire_limits.h"

enum { PUBKEY, ADDRS, CAPABILITIES, CAPACITY, ISSUED_AT, EXPIRES_AT, SIGNATURE, KEYS };
static const char *const names[] = {
    "relay_pubkey", "relay_addrs", "capabilities", "capacity",
    "issued_at",    "expires_at",  "signature",
};

enum { MAX_TUNNELS, BANDWIDTH, MAX_BYTES, CAPACITY_KEYS };
static const char *const capacity_names[] = {
    "max_tunnels",
    "bandwidth_class",
    "max_bytes_per_tunnel",
};
static const char *const bandwidth_names[] = {"Low", "Medium", "High"};

static void read_capacity(struct wire_reader *r, struct wire_announcement *a)
{
    struct wire_map m = wire_map_open(r, capacity_names, CAPACITY_KEYS);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        switch (key) {
        case MAX_TUNNELS:
            a->max_tunnels = (uint16_t)wire_read_uint(r, UINT16_MAX);
            break;
        case BANDWIDTH:
            a->bandwidth_class = (enum wire_bandwidth)wire_read_choice(r, bandwidth_names, 3);
            break;
        case MAX_BYTES:
            a->has_max_bytes_per_tunnel = !wire_read_null(r);
            if (a->has_max_bytes_per_tunnel)
                a->max_bytes_per_tunnel = wire_read_uint(r, UINT64_MAX);
            break;
        }
    }
    wire_map_require(r, &m, 1u << MAX_TUNNELS | 1u << BANDWIDTH);
}

static void read_announcement(struct wire_reader *r, struct wire_announcement *out)
{
    *out = (struct wire_announcement){0};
    struct wire_map m = wire_map_open(r, names, KEYS);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        switch (key) {
        case PUBKEY:
            wire_read_fixed(r, out->relay_pubkey, 32);
            break;
        case ADDRS:
            out->addrs = wire_read_peers(r);
            break;
        case CAPABILITIES:
            wire_read_capabilities(r, &out->capabilities);
            break;
        case CAPACITY:
            read_capacity(r, out);
            break;
        case ISSUED_AT:
            out->issued_at = wire_read_uint(r, UINT64_MAX);
            break;
        case EXPIRES_AT:
            out->expires_at = wire_read_uint(r, UINT64_MAX);
            break;
        case SIGNATURE:
            wire_read_signature(r, out->signature);
            break;
        }
    }
    wire_map_require(r, &m, (1u << KEYS) - 1);
}

rt_err wire_announcement_decode(uint8_t *buf, size_t len, struct wire_announcement *out)
{
    struct wire_announcement a;
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    read_announcement(&r, &a);
    if (r.err == RT_ERR_OK)
        *out = a;
    return r.err;
}

static void write_one_peer(void *ctx, const struct wire_peer *p)
{
    wire_write_peer(ctx, p);
}

static void write_capacity(struct wire_writer *w, const struct wire_announcement *a)
{
    wire_write_map(w, CAPACITY_KEYS);
    wire_write_key(w, capacity_names[MAX_TUNNELS]);
    wire_write_uint(w, a->max_tunnels);
    wire_write_key(w, capacity_names[BANDWIDTH]);
    wire_write_key(w, bandwidth_names[a->bandwidth_class]);
    wire_write_key(w, capacity_names[MAX_BYTES]);
    if (a->has_max_bytes_per_tunnel)
        wire_write_uint(w, a->max_bytes_per_tunnel);
    else
        wire_write_null(w);
}

/* The first six values: as the array that is signed, or, with keys, as the start of the map. */
static void write_fields(struct wire_writer *w, const struct wire_announcement *a, bool with_keys)
{
    for (int key = PUBKEY; key < SIGNATURE; key++) {
        if (with_keys)
            wire_write_key(w, names[key]);
        switch (key) {
        case PUBKEY:
            wire_write_int_array(w, a->relay_pubkey, 32);
            break;
        case ADDRS:
            wire_write_array(w, a->addrs.count);
            wire_peers_each(&a->addrs, write_one_peer, w);
            break;
        case CAPABILITIES:
            wire_write_capabilities(w, &a->capabilities);
            break;
        case CAPACITY:
            write_capacity(w, a);
            break;
        case ISSUED_AT:
            wire_write_uint(w, a->issued_at);
            break;
        case EXPIRES_AT:
            wire_write_uint(w, a->expires_at);
            break;
        }
    }
}

void wire_write_announcement(struct wire_writer *w, const struct wire_announcement *a)
{
    wire_write_map(w, KEYS);
    write_fields(w, a, true);
    wire_write_key(w, names[SIGNATURE]);
    wire_write_bytes(w, a->signature, 64);
}

void wire_write_announcement_signed(struct wire_writer *w, const struct wire_announcement *a)
{
    wire_write_array(w, SIGNATURE);
    write_fields(w, a, false);
}

static void find_indirect(void *ctx, const struct wire_peer *p)
{
    if (p->has_relay_via)
        *(bool *)ctx = true;
}

bool wire_announcement_is_valid(const struct wire_announcement *a)
{
    bool has_indirect = false;
    wire_peers_each(&a->addrs, find_indirect, &has_indirect);
    return a->capabilities.relay && a->addrs.count > 0 && !has_indirect &&
           a->expires_at > a->issued_at && a->expires_at - a->issued_at <= LIM_ANNOUNCEMENT_S;
}

/* -- lists -- */

static const char *const list_names[] = {"announcements"};

rt_err wire_relay_list_decode(uint8_t *buf, size_t len, wire_announcement_fn *fn, void *ctx)
{
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, list_names, 1);
    while (wire_map_next(&r, &m) >= 0) {
        for (struct wire_seq s = wire_read_array(&r); wire_seq_next(&r, &s);) {
            struct wire_announcement a;
            read_announcement(&r, &a);
            if (fn != NULL && r.err == RT_ERR_OK)
                fn(ctx, &a);
        }
    }
    wire_map_require(&r, &m, 1);
    return r.err;
}

void wire_write_relay_list_head(struct wire_writer *w, size_t count)
{
    wire_write_map(w, 1);
    wire_write_key(w, list_names[0]);
    wire_write_array(w, count);
}

void wire_write_relay_list_request(struct wire_writer *w, uint16_t max_count)
{
    wire_write_map(w, 1);
    wire_write_key(w, "max_count");
    wire_write_uint(w, max_count);
}

/* -- rendezvous -- */

static void put_u64(uint8_t out[8], uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

uint64_t wire_rendezvous_bucket(uint64_t unix_secs)
{
    return unix_secs / WIRE_RENDEZVOUS_BUCKET_S;
}

uint32_t wire_rendezvous_slot(const uint8_t relay_pubkey[32], uint64_t bucket, uint8_t which)
{
    uint8_t suffix[9], hash[32];
    put_u64(suffix, bucket);
    suffix[8] = which;
    rt_sha256_2(relay_pubkey, 32, suffix, sizeof suffix, hash);
    return hash[31] % WIRE_RENDEZVOUS_SLOTS; /* a power of two: the lowest byte decides */
}
_Static_assert(256 % WIRE_RENDEZVOUS_SLOTS == 0, "the lowest byte decides");

void wire_rendezvous_key(uint64_t bucket, uint32_t slot, uint8_t out[32])
{
    static const char prefix[] = "scp2p:relay:rendezvous";
    uint8_t suffix[16];
    put_u64(suffix, bucket);
    put_u64(suffix + 8, slot);
    rt_sha256_2(prefix, sizeof prefix - 1, suffix, sizeof suffix, out);
}

bool wire_announcement_has_key(const struct wire_announcement *a, const uint8_t key[32])
{
    uint64_t middle = wire_rendezvous_bucket(a->issued_at);
    uint64_t first = middle > 0 ? middle - 1 : 0;
    for (uint64_t bucket = first; bucket <= middle + 1; bucket++) {
        for (uint8_t which = 0; which < WIRE_RENDEZVOUS_SLOTS_PER_RELAY; which++) {
            uint8_t own[32];
            wire_rendezvous_key(bucket, wire_rendezvous_slot(a->relay_pubkey, bucket, which), own);
            if (memcmp(own, key, 32) == 0)
                return true;
        }
    }
    return false;
}
