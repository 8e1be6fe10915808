/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The configured bootstrap peers (protocol: State database, pins). Pure: returns the next action
 * for an entry and takes the result.
 *
 * An attempt resolves the name and dials the addresses until one answers with the right key. It
 * dials all of them over the configured transport first, then over the other (tcp port = quic port
 * + 1). The right key is the one written after @. Without one, any key of the pin's chain of
 * rotations is right (trust.h), and none while that chain is void. Without a pin, the first key is
 * pinned, under the entry as written. A pin never changes: another key is refused and reported
 * until the operator removes the pin. If a dial reaches this relay, the next address is dialled and
 * nothing is pinned. This occurs if the name resolves to all seeds of a network.
 *
 * A failed attempt is repeated after 1 s, doubling to 5 minutes, less a random part of up to half.
 * A successful attempt is repeated after a quarter of an hour, so that a split network merges.
 */
#ifndef DHT_BOOTSTRAP_H
#define DHT_BOOTSTRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "dht/kademlia/trust.h"
#include "wire_peer.h"

struct dht_boot;

/* A peer to join the network through. */
#define DHT_BOOT_TEXT_MAX 512u
#define DHT_BOOT_HOST_MAX 256u
struct dht_boot_peer {
    char text[DHT_BOOT_TEXT_MAX]; /* as written */
    char host[DHT_BOOT_HOST_MAX]; /* a name; empty: the address in hop */
    struct wire_peer_hop hop;     /* port, transport, key if one was written; address */
};

/* own_key: of this relay. trust outlives the result. Configured keys and all loaded or new pins are
 * added to trust. */
struct dht_boot *dht_boot_new(const struct dht_boot_peer *peers, uint32_t count,
                              const uint8_t own_key[32], struct dht_trust *trust,
                              uint64_t (*random)(void *ctx), void *random_ctx);
void dht_boot_free(struct dht_boot **b);

enum dht_boot_do {
    DHT_BOOT_NOTHING,
    DHT_BOOT_RESOLVE, /* *out_entry's name */
    DHT_BOOT_DIAL,    /* *out_hop, for *out_entry */
};

/* The next action. Call it until it returns NOTHING, and end each action with the function below.
 */
enum dht_boot_do dht_boot_next(struct dht_boot *b, uint64_t now_ns, uint32_t *out_entry,
                               struct wire_peer_hop *out_hop);
/* When dht_boot_next has an action, if no function is called before; UINT64_MAX: never. */
uint64_t dht_boot_next_ns(const struct dht_boot *b);

/* Ends RESOLVE. addrs: the addresses of the name, with any port. count 0: it was not resolved. */
void dht_boot_resolved(struct dht_boot *b, uint32_t entry, const struct wire_peer_hop *addrs,
                       uint32_t count, uint64_t now_ns);

enum dht_boot_verdict {
    DHT_BOOT_FINE,        /* the right key */
    DHT_BOOT_PINNED,      /* the first key, which is now pinned */
    DHT_BOOT_UNPINNED,    /* the first key, not pinned: there are LIM_PINS_MAX pins */
    DHT_BOOT_KEY_CHANGED, /* another key than the right one: see dht_boot_key */
    DHT_BOOT_KEY_VOID,    /* the pin's chain is void: no key is right */
    DHT_BOOT_UNREACHABLE,
    DHT_BOOT_SELF, /* this relay's own key */
};

/* The peer ended the handshake. Call before dht_boot_dialled. */
void dht_boot_closed(struct dht_boot *b, uint32_t entry);

/* Ends DIAL. key: of the peer that authenticated; NULL: unreachable. */
enum dht_boot_verdict dht_boot_dialled(struct dht_boot *b, uint32_t entry, const uint8_t *key,
                                       uint64_t now_ns);

/* The routing tables are empty: entries that wait after a success are due a minute after it. */
void dht_boot_hurry(struct dht_boot *b);

const struct dht_boot_peer *dht_boot_peer(const struct dht_boot *b, uint32_t entry);
/* The configured key of the entry, else the pinned key; NULL: there is none yet. */
const uint8_t *dht_boot_key(const struct dht_boot *b, uint32_t entry);
/* The key expected of the entry. For a pin's chain: the last right key the peer used, else the
 * newest. NULL: there is none yet. */
const uint8_t *dht_boot_expected_key(const struct dht_boot *b, uint32_t entry);
/* True: an entry with a key accepts this key, or the peer of an unpinned entry used it. */
bool dht_boot_accepts(const struct dht_boot *b, const uint8_t key[32]);
uint32_t dht_boot_count(const struct dht_boot *b);
/* Failed attempts in a row. */
uint32_t dht_boot_failures(const struct dht_boot *b, uint32_t entry);
enum dht_boot_fault {
    DHT_BOOT_SILENT,         /* no reply */
    DHT_BOOT_CLOSED,         /* the peer ended the handshake */
    DHT_BOOT_NO_ADDRESS,     /* the name was not resolved */
    DHT_BOOT_WRONG_KEY,      /* another key, or the pin's chain is void */
    DHT_BOOT_ONLY_OURSELVES, /* every address reached this relay */
};
/* The reason of the last failed attempt. */
enum dht_boot_fault dht_boot_fault(const struct dht_boot *b, uint32_t entry);

/* -- pins: the CBOR map of the state database, pins of entries no longer configured included -- */
void dht_boot_load_pins(struct dht_boot *b, uint8_t *payload, size_t len);
/* Encodes all pins. Returns the bytes needed; out is complete if they are at most cap. */
size_t dht_boot_write_pins(const struct dht_boot *b, uint8_t *out, size_t cap);

#endif
