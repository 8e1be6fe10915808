/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Relay announcements, the list of them (messages 460, 461), and the rendezvous slots and keys they
 * are stored under (protocol: Relay announcement and discovery).
 */
#ifndef WIRE_ANNOUNCE_H
#define WIRE_ANNOUNCE_H

#include "wire_cbor.h"
#include "wire_hello.h"
#include "wire_peer.h"

enum wire_bandwidth { WIRE_BANDWIDTH_LOW, WIRE_BANDWIDTH_MEDIUM, WIRE_BANDWIDTH_HIGH };

struct wire_announcement {
    uint8_t relay_pubkey[32];
    struct wire_list addrs; /* of PeerAddr; in the decoded buffer, or as the caller wrote it */
    struct wire_capabilities capabilities;
    uint16_t max_tunnels;
    enum wire_bandwidth bandwidth_class;
    bool has_max_bytes_per_tunnel;
    uint64_t max_bytes_per_tunnel;
    uint64_t issued_at;    /* unix seconds */
    uint64_t expires_at;   /* unix seconds */
    uint8_t signature[64]; /* by relay_pubkey, over wire_write_announcement_signed */
};

/* A signature of another length than 64 is RT_ERR_BAD_SIGNATURE. */
RT_MUST_CHECK rt_err wire_announcement_decode(uint8_t *buf, size_t len,
                                              struct wire_announcement *out);
void wire_write_announcement(struct wire_writer *w, const struct wire_announcement *a);
void wire_write_announcement_signed(struct wire_writer *w, const struct wire_announcement *a);

/* It is a relay's, lives for at most LIM_ANNOUNCEMENT_S, and names at least one address, all of
 * them direct. Neither the signature nor the time is looked at. */
bool wire_announcement_is_valid(const struct wire_announcement *a);

/* -- lists: fn is called for each announcement; NULL checks the shape only -- */
typedef void wire_announcement_fn(void *ctx, const struct wire_announcement *a);
RT_MUST_CHECK rt_err wire_relay_list_decode(uint8_t *buf, size_t len, wire_announcement_fn *fn,
                                            void *ctx);
/* The beginning of one: count announcements in their encoded form follow. */
void wire_write_relay_list_head(struct wire_writer *w, size_t count);
void wire_write_relay_list_request(struct wire_writer *w, uint16_t max_count);

/* -- rendezvous -- */
#define WIRE_RENDEZVOUS_SLOTS 16u          /* keys per bucket */
#define WIRE_RENDEZVOUS_SLOTS_PER_RELAY 2u /* keys that a relay is stored under */
#define WIRE_RENDEZVOUS_BUCKET_S 3600u

uint64_t wire_rendezvous_bucket(uint64_t unix_secs);
/* which: 0 .. WIRE_RENDEZVOUS_SLOTS_PER_RELAY - 1; the two may be equal. */
uint32_t wire_rendezvous_slot(const uint8_t relay_pubkey[32], uint64_t bucket, uint8_t which);
void wire_rendezvous_key(uint64_t bucket, uint32_t slot, uint8_t out[32]);
/* True if the key is one of the relay's, in the bucket of issued_at or an adjacent one. */
bool wire_announcement_has_key(const struct wire_announcement *a, const uint8_t key[32]);

#endif
