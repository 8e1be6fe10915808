/* SPDX-License-Identifier: MPL-2.0 */
/* Joining the network: does what dht_boot says, and reports. */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/dht_private.h"
#include "host/resolver.h"

#define DIAL_NS (10 * RT_S)

struct name_question {
    struct rt_resolve resolve;
    uint32_t entry;
};

static bool is_power_of_two(uint32_t n)
{
    return (n & (n - 1)) == 0;
}

static void report_failure(const struct dht *d, uint32_t entry, uint32_t failures_before)
{
    static const char *const texts[] = {
        [DHT_BOOT_SILENT] = "bootstrap peer cannot be reached, will be tried again",
        [DHT_BOOT_CLOSED] =
            "bootstrap peer closes during the handshake; a clock that is off by more than 300 s, "
            "there or here, is one cause",
        [DHT_BOOT_NO_ADDRESS] = "bootstrap peer's name cannot be resolved, will be tried again",
        [DHT_BOOT_WRONG_KEY] = NULL, /* already logged */
        [DHT_BOOT_ONLY_OURSELVES] = "bootstrap peer is this relay itself",
    };
    uint32_t failures = dht_boot_failures(d->boot, entry);
    enum dht_boot_fault fault = dht_boot_fault(d->boot, entry);

    if (failures <= failures_before || !is_power_of_two(failures) || !texts[fault] ||
        (fault == DHT_BOOT_ONLY_OURSELVES && failures > 1))
        return;
    rt_log(RELAY_LOG_WARN, texts[fault], "peer=%s attempts=%u", dht_boot_peer(d->boot, entry)->text,
           failures);
}

static void report_changed_key(const struct dht *d, uint32_t entry, const struct wire_peer_hop *hop,
                               const uint8_t *key)
{
    char addr[DHT_HOP_TEXT], found[65], expected[65];

    dht_hop_text(hop, addr, sizeof(addr));
    rt_hex(key, 32, found);
    rt_hex(dht_boot_key(d->boot, entry), 32, expected);
    rt_log(RELAY_LOG_ERROR,
           "bootstrap peer shows another key than the one written or pinned for it, refused; ask "
           "its operator for the key and write ADDR@KEY",
           "peer=%s addr=%s key=%s expected=%s", dht_boot_peer(d->boot, entry)->text, addr, found,
           expected);
}

static void report_reached(const struct dht *d, uint32_t entry, const struct wire_peer_hop *hop,
                           const struct rpc_end *end, enum dht_boot_verdict v)
{
    static const char *const texts[] = {
        [DHT_BOOT_FINE] = "bootstrap peer reached",
        [DHT_BOOT_PINNED] = "bootstrap peer reached, its key is pinned",
        [DHT_BOOT_UNPINNED] = "bootstrap peer reached, its key cannot be pinned: too many pins",
    };
    char addr[DHT_HOP_TEXT], hex[65];

    dht_hop_text(hop, addr, sizeof(addr));
    rt_hex(end->key, 32, hex);
    rt_log(v == DHT_BOOT_UNPINNED ? RELAY_LOG_WARN : RELAY_LOG_INFO, texts[v],
           "peer=%s addr=%s key=%s dialect=%s", dht_boot_peer(d->boot, entry)->text, addr, hex,
           wire_dialect_name(end->dialect));
    if (!membership_may_dial(&d->membership, hop))
        rt_log(RELAY_LOG_WARN,
               "bootstrap peer's address is of narrower scope (loopback, private) than our own: it "
               "is asked, but neither of us tells others of the other",
               "peer=%s addr=%s", dht_boot_peer(d->boot, entry)->text, addr);
}

static void save_pins(struct dht *d)
{
    size_t len = dht_boot_write_pins(d->boot, NULL, 0);
    struct relay_buf *buf = d->disk.put_pins ? rt_buf_new(len) : NULL;

    if (!buf)
        return;
    (void)dht_boot_write_pins(d->boot, buf->bytes, len);
    d->disk.put_pins(d->disk.ctx, relay_slice_own(buf, buf->bytes, (uint32_t)len));
}

/* A place to look things up from, as long as the table is thin. */
static void keep_hop(struct dht *d, const struct wire_peer_hop *hop, const uint8_t *key,
                     uint8_t dialects)
{
    struct dht_boot_hop *place = NULL;

    for (uint32_t i = 0; i < d->boot_hop_count; i++)
        if (dht_hop_same(&d->boot_hops[i].hop, hop))
            place = &d->boot_hops[i];
    if (!place && d->boot_hop_count < LOOKUP_RUN_SEEDS_MAX)
        place = &d->boot_hops[d->boot_hop_count++];
    if (!place)
        place = &d->boot_hops[dht_random(&d->context) % LOOKUP_RUN_SEEDS_MAX];
    *place = (struct dht_boot_hop){*hop, dialects};
    place->hop.has_pubkey_hint = true;
    memcpy(place->hop.pubkey_hint, key, 32);
}

static void on_dialled(struct rpc_call *c, const struct rpc_end *end)
{
    struct dht_errand *e = RT_CONTAINER_OF(c, struct dht_errand, call);
    struct dht *d = e->dht;
    uint32_t entry = e->entry, failures = dht_boot_failures(d->boot, entry);
    enum dht_boot_verdict v;

    if (end->outcome == DHT_CALL_REFUSED)
        dht_boot_closed(d->boot, entry);
    v = dht_boot_dialled(d->boot, entry, end->key, dht_now_ns(&d->context));
    if (v == DHT_BOOT_PINNED) {
        save_pins(d);
        dht_watch_wake(d);
    }
    if (v == DHT_BOOT_KEY_CHANGED && is_power_of_two(failures + 1))
        report_changed_key(d, entry, &c->to, end->key);
    if (v == DHT_BOOT_PINNED || v == DHT_BOOT_UNPINNED || v == DHT_BOOT_FINE) {
        if (v == DHT_BOOT_PINNED || failures > 0 || d->lookups.self[end->dialect].began_ns == 0)
            report_reached(d, entry, &c->to, end, v);
        keep_hop(d, &c->to, end->key, end->peer_dialects);
        for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++)
            if (end->peer_dialects & WIRE_DIALECT_BIT(i))
                lookup_run_self(&d->lookups, i);
    }
    report_failure(d, entry, failures);
    dht_errand_end(e);
    dht_join(d);
}

static void dial(struct dht *d, uint32_t entry, struct wire_peer_hop hop)
{
    const uint8_t *key = dht_boot_expected_key(d->boot, entry);
    struct dht_errand *e;

    hop.has_pubkey_hint = key != NULL;
    if (key)
        memcpy(hop.pubkey_hint, key, 32);
    e = dht_errand_new(d, &hop, 0, (struct relay_slice){0}, DIAL_NS, on_dialled);
    e->entry = entry;
    dht_errand_start(e);
}

static void resolve(struct dht *d, uint32_t entry)
{
    const struct dht_boot_peer *p = dht_boot_peer(d->boot, entry);
    struct name_question *q;

    if (!d->resolver) {
        dht_boot_resolved(d->boot, entry, NULL, 0, dht_now_ns(&d->context));
        return;
    }
    q = rt_msg_new(RT_RESOLVE, sizeof(*q));
    q->resolve.msg.reply_to = rt_actor_addr(&d->actor);
    memcpy(q->resolve.host, p->host, sizeof(q->resolve.host));
    q->resolve.port = p->hop.port;
    q->entry = entry;
    d->resolver->resolve(d->resolver->ctx, d->context.worker, &q->resolve);
}

void dht_join_resolved(struct dht *d, struct rt_msg *m)
{
    struct name_question *q = RT_CONTAINER_OF(RT_MSG_CAST(m, struct rt_resolve, RT_RESOLVED),
                                              struct name_question, resolve);
    struct wire_peer_hop addrs[RT_RESOLVE_ADDRS_MAX];
    uint32_t count = 0, failures = dht_boot_failures(d->boot, q->entry);

    for (uint32_t i = 0; q->resolve.err == RT_ERR_OK && i < q->resolve.count; i++)
        if (dht_hop_from(&q->resolve.addrs[i], &addrs[count]))
            count++;
    dht_boot_resolved(d->boot, q->entry, addrs, count, dht_now_ns(&d->context));
    report_failure(d, q->entry, failures);
    rt_msg_free(&m);
    dht_join(d);
}

void dht_join(struct dht *d)
{
    struct wire_peer_hop hop;
    enum dht_boot_do what;
    uint32_t entry;
    uint64_t next_ns;

    if (!d->context.is_started || d->context.is_stopped)
        return;
    if (membership_count(&d->membership) == 0)
        dht_boot_hurry(d->boot);
    while ((what = dht_boot_next(d->boot, dht_now_ns(&d->context), &entry, &hop)) !=
           DHT_BOOT_NOTHING) {
        if (what == DHT_BOOT_RESOLVE)
            resolve(d, entry);
        else
            dial(d, entry, hop);
    }
    next_ns = dht_boot_next_ns(d->boot);
    if (next_ns != UINT64_MAX)
        rt_timer_arm(d->context.worker, &d->boot_timer, next_ns);
}
