/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants of an entry:
 *  - WAITING for next_ns -> RESOLVING -> TRYING <-> DIALLING -> WAITING. An attempt without an
 *    address left goes back to WAITING.
 *  - While it is TRYING or DIALLING, try_next is the index of the next or current address.
 * Each pin has another text, and its key is a root of `trust`.
 */
#include "dht/kademlia/bootstrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/address/addr.h"
#include "wire_state.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

#define BACKOFF_FIRST_NS (1 * RT_S)
#define BACKOFF_LAST_NS (300 * RT_S)
#define AGAIN_NS (900 * RT_S)
#define HURRY_NS (60 * RT_S)

enum state { WAITING, RESOLVING, TRYING, DIALLING };

struct pin {
    char *entry;
    uint32_t entry_len;
    uint8_t key[32];
};

struct entry {
    struct dht_boot_peer peer;
    enum state state;
    bool is_joined; /* the last attempt succeeded */
    uint64_t next_ns, joined_ns;
    uint32_t failures;
    enum dht_boot_fault fault; /* of this attempt so far */
    bool has_shown;            /* the peer used a right key since the start ... */
    uint8_t shown[32];         /* ... the last such key */
    uint32_t try_count, try_next;
    struct wire_peer_hop tries[LIM_BOOTSTRAP_TRIES];
};

struct dht_boot {
    uint32_t count;
    struct entry *entries;
    uint8_t own_key[32];
    struct dht_trust *trust;
    uint64_t (*random)(void *ctx);
    void *random_ctx;
    uint32_t pin_count;
    struct pin *pins;
};

struct dht_boot *dht_boot_new(const struct dht_boot_peer *peers, uint32_t count,
                              const uint8_t own_key[32], struct dht_trust *trust,
                              uint64_t (*random)(void *ctx), void *random_ctx)
{
    struct dht_boot *b = calloc(1, sizeof(*b));

    RT_INSIST(b != NULL);
    b->trust = trust;
    b->random = random;
    b->random_ctx = random_ctx;
    memcpy(b->own_key, own_key, sizeof(b->own_key));
    b->entries = calloc(count + 1, sizeof(*b->entries));
    RT_INSIST(b->entries != NULL);
    b->count = count;
    for (uint32_t i = 0; i < count; i++) {
        b->entries[i].peer = peers[i];
        if (peers[i].hop.has_pubkey_hint)
            dht_trust_add(trust, peers[i].hop.pubkey_hint, false);
    }
    return b;
}

void dht_boot_free(struct dht_boot **b)
{
    if (!*b)
        return;
    for (uint32_t i = 0; i < (*b)->pin_count; i++)
        free((*b)->pins[i].entry);
    free((*b)->pins);
    free((*b)->entries);
    free(*b);
    *b = NULL;
}

const struct dht_boot_peer *dht_boot_peer(const struct dht_boot *b, uint32_t entry)
{
    return &b->entries[entry].peer;
}

uint32_t dht_boot_count(const struct dht_boot *b)
{
    return b->count;
}

uint32_t dht_boot_failures(const struct dht_boot *b, uint32_t entry)
{
    return b->entries[entry].failures;
}

enum dht_boot_fault dht_boot_fault(const struct dht_boot *b, uint32_t entry)
{
    return b->entries[entry].fault;
}

/* -- pins -- */

static const struct pin *find_pin(const struct dht_boot *b, const char *entry, size_t len)
{
    for (uint32_t i = 0; i < b->pin_count; i++)
        if (b->pins[i].entry_len == len && memcmp(b->pins[i].entry, entry, len) == 0)
            return &b->pins[i];
    return NULL;
}

/* False: there are too many pins. */
static bool add_pin(struct dht_boot *b, struct wire_bytes entry, const uint8_t public_key[32])
{
    struct pin *p;

    if (find_pin(b, (const char *)entry.ptr, entry.len))
        return true;
    if (b->pin_count == LIM_PINS_MAX) {
        rt_metric_inc(RT_METRIC_DHT_PINS_DROPPED);
        return false;
    }
    b->pins = realloc(b->pins, (b->pin_count + 1) * sizeof(*b->pins));
    RT_INSIST(b->pins != NULL);
    p = &b->pins[b->pin_count++];
    p->entry = malloc(entry.len + 1);
    RT_INSIST(p->entry != NULL);
    memcpy(p->entry, entry.ptr, entry.len);
    p->entry_len = entry.len;
    memcpy(p->key, public_key, 32);
    dht_trust_add(b->trust, public_key, true);
    return true;
}

static void load_pin(void *ctx, struct wire_bytes entry, const uint8_t public_key[32])
{
    (void)add_pin(ctx, entry, public_key);
}

void dht_boot_load_pins(struct dht_boot *b, uint8_t *payload, size_t len)
{
    (void)!wire_pins_decode(payload, len, load_pin, b);
}

size_t dht_boot_write_pins(const struct dht_boot *b, uint8_t *out, size_t cap)
{
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, out, cap);
    wire_write_pins(&w, b->pin_count);
    for (uint32_t i = 0; i < b->pin_count; i++) {
        struct wire_bytes entry = {(const uint8_t *)b->pins[i].entry, b->pins[i].entry_len};

        wire_write_pin(&w, entry, b->pins[i].key);
    }
    return wire_writer_len(&w, &fits);
}

const uint8_t *dht_boot_key(const struct dht_boot *b, uint32_t entry)
{
    const struct dht_boot_peer *p = &b->entries[entry].peer;
    const struct pin *pin;

    if (p->hop.has_pubkey_hint)
        return p->hop.pubkey_hint;
    pin = find_pin(b, p->text, strlen(p->text));
    return pin ? pin->key : NULL;
}

const uint8_t *dht_boot_expected_key(const struct dht_boot *b, uint32_t entry)
{
    const struct entry *e = &b->entries[entry];
    const uint8_t *key = dht_boot_key(b, entry);

    if (!key || e->peer.hop.has_pubkey_hint)
        return key;
    if (e->has_shown && dht_trust_accepts(b->trust, key, e->shown))
        return e->shown;
    return dht_trust_newest(b->trust, key);
}

/* Judges a key that the entry's peer used: FINE, KEY_CHANGED, KEY_VOID, or PINNED for the first. */
static enum dht_boot_verdict judge_key(const struct dht_boot *b, uint32_t entry,
                                       const uint8_t key[32])
{
    const uint8_t *right = dht_boot_key(b, entry);

    if (!right)
        return DHT_BOOT_PINNED;
    if (b->entries[entry].peer.hop.has_pubkey_hint)
        return memcmp(right, key, 32) == 0 ? DHT_BOOT_FINE : DHT_BOOT_KEY_CHANGED;
    if (dht_trust_verdict(b->trust, right) != DHT_TRUST_SOUND)
        return DHT_BOOT_KEY_VOID;
    return dht_trust_accepts(b->trust, right, key) ? DHT_BOOT_FINE : DHT_BOOT_KEY_CHANGED;
}

bool dht_boot_accepts(const struct dht_boot *b, const uint8_t key[32])
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct entry *e = &b->entries[i];
        enum dht_boot_verdict v = judge_key(b, i, key);

        if (v == DHT_BOOT_FINE ||
            (v == DHT_BOOT_PINNED && e->has_shown && memcmp(e->shown, key, 32) == 0))
            return true;
    }
    return false;
}

/* -- attempts -- */

/* Between half of `full` and all of it. */
static uint64_t jitter(const struct dht_boot *b, uint64_t full)
{
    return full - b->random(b->random_ctx) % (full / 2 + 1);
}

static void fail(struct dht_boot *b, struct entry *e, uint64_t now_ns)
{
    uint64_t wait = BACKOFF_FIRST_NS;

    for (uint32_t i = 0; i < e->failures && wait < BACKOFF_LAST_NS; i++)
        wait *= 2;
    if (wait > BACKOFF_LAST_NS)
        wait = BACKOFF_LAST_NS;
    e->failures++;
    e->is_joined = false;
    e->state = WAITING;
    e->next_ns = now_ns + jitter(b, wait);
}

static void add_try(struct entry *e, struct wire_peer_hop hop)
{
    hop.has_pubkey_hint = false;
    dht_hop_normalise(&hop);
    for (uint32_t i = 0; i < e->try_count; i++)
        if (dht_hop_same(&e->tries[i], &hop))
            return;
    if (e->try_count < LIM_BOOTSTRAP_TRIES)
        e->tries[e->try_count++] = hop;
}

void dht_boot_resolved(struct dht_boot *b, uint32_t entry, const struct wire_peer_hop *addrs,
                       uint32_t count, uint64_t now_ns)
{
    struct entry *e = &b->entries[entry];

    RT_REQUIRE(entry < b->count && e->state == RESOLVING);
    e->try_count = e->try_next = 0;
    e->fault = count ? DHT_BOOT_SILENT : DHT_BOOT_NO_ADDRESS;
    if (count > LIM_BOOTSTRAP_TRIES / 2)
        count = LIM_BOOTSTRAP_TRIES / 2;
    for (uint32_t other = 0; other < 2; other++) {
        for (uint32_t i = 0; i < count; i++) {
            struct wire_peer_hop hop = addrs[i];

            hop.port = e->peer.hop.port;
            hop.transport = e->peer.hop.transport;
            if (!other || dht_hop_other_transport(&hop, &hop))
                add_try(e, hop);
        }
    }
    e->state = TRYING;
    if (e->try_count == 0)
        fail(b, e, now_ns);
}

enum dht_boot_do dht_boot_next(struct dht_boot *b, uint64_t now_ns, uint32_t *out_entry,
                               struct wire_peer_hop *out_hop)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct entry *e = &b->entries[i];

        if (e->state == WAITING && e->next_ns <= now_ns) {
            e->state = RESOLVING;
            *out_entry = i;
            if (e->peer.host[0] != '\0')
                return DHT_BOOT_RESOLVE;
            dht_boot_resolved(b, i, &e->peer.hop, 1, now_ns);
        }
        if (e->state == TRYING) {
            RT_REQUIRE(e->try_next < e->try_count);
            e->state = DIALLING;
            *out_entry = i;
            *out_hop = e->tries[e->try_next];
            return DHT_BOOT_DIAL;
        }
    }
    return DHT_BOOT_NOTHING;
}

uint64_t dht_boot_next_ns(const struct dht_boot *b)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < b->count; i++) {
        const struct entry *e = &b->entries[i];

        if (e->state == TRYING)
            return 0;
        if (e->state == WAITING && e->next_ns < next)
            next = e->next_ns;
    }
    return next;
}

static void next_try(struct dht_boot *b, struct entry *e, uint64_t now_ns)
{
    e->state = TRYING;
    if (++e->try_next == e->try_count)
        fail(b, e, now_ns);
}

void dht_boot_closed(struct dht_boot *b, uint32_t entry)
{
    RT_REQUIRE(entry < b->count);
    if (b->entries[entry].fault == DHT_BOOT_SILENT)
        b->entries[entry].fault = DHT_BOOT_CLOSED;
}

enum dht_boot_verdict dht_boot_dialled(struct dht_boot *b, uint32_t entry, const uint8_t *key,
                                       uint64_t now_ns)
{
    struct entry *e = &b->entries[entry];
    struct wire_bytes text = {(const uint8_t *)e->peer.text, (uint32_t)strlen(e->peer.text)};
    enum dht_boot_verdict v;

    RT_REQUIRE(entry < b->count && e->state == DIALLING);
    if (!key || memcmp(b->own_key, key, 32) == 0) {
        if (key && e->fault == DHT_BOOT_SILENT)
            e->fault = DHT_BOOT_ONLY_OURSELVES;
        next_try(b, e, now_ns);
        return key ? DHT_BOOT_SELF : DHT_BOOT_UNREACHABLE;
    }
    v = judge_key(b, entry, key);
    if (v != DHT_BOOT_FINE && v != DHT_BOOT_PINNED) {
        e->fault = DHT_BOOT_WRONG_KEY;
        next_try(b, e, now_ns);
        return v;
    }
    e->state = WAITING;
    e->failures = 0;
    e->is_joined = true;
    e->joined_ns = now_ns;
    e->next_ns = now_ns + jitter(b, AGAIN_NS);
    e->has_shown = true;
    memcpy(e->shown, key, 32);
    if (v == DHT_BOOT_PINNED && !add_pin(b, text, key))
        return DHT_BOOT_UNPINNED;
    return v;
}

void dht_boot_hurry(struct dht_boot *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct entry *e = &b->entries[i];

        if (e->state == WAITING && e->is_joined && e->next_ns > e->joined_ns + HURRY_NS)
            e->next_ns = e->joined_ns + HURRY_NS;
    }
}
