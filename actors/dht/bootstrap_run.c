/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: every resolution and every dial that dht_boot_next gives out is ended by its reply,
 * also when it failed; the entry is the cookie. After each, the next one is begun.
 */
#include "dht/bootstrap_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/address/addr.h"
#include "host/resolver.h"

#define LOG_BURST 32u /* lines a second: the holder of a stolen key can rotate at will */

struct name_question {
    struct rt_resolve resolve;
    uint32_t entry;
};

static bool is_power_of_two(uint32_t n)
{
    return (n & (n - 1)) == 0;
}

/* -- log lines -- */

static void report_failure(const struct bootstrap_run *b, uint32_t entry, uint32_t failures_before)
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
    uint32_t failures = dht_boot_failures(b->boot, entry);
    enum dht_boot_fault fault = dht_boot_fault(b->boot, entry);

    if (failures <= failures_before || !is_power_of_two(failures) || !texts[fault] ||
        (fault == DHT_BOOT_ONLY_OURSELVES && failures > 1))
        return;
    rt_log(RELAY_LOG_WARN, texts[fault], "peer=%s attempts=%u", dht_boot_peer(b->boot, entry)->text,
           failures);
}

static void report_changed_key(const struct bootstrap_run *b, uint32_t entry,
                               const struct wire_peer_hop *hop, const uint8_t *key)
{
    char addr[DHT_HOP_TEXT], found[65], expected[65];

    dht_hop_text(hop, addr, sizeof(addr));
    rt_hex(key, 32, found);
    rt_hex(dht_boot_key(b->boot, entry), 32, expected);
    rt_log(RELAY_LOG_ERROR,
           "bootstrap peer shows another key than the one written or pinned for it, refused; ask "
           "its operator for the key and write ADDR@KEY",
           "peer=%s addr=%s key=%s expected=%s", dht_boot_peer(b->boot, entry)->text, addr, found,
           expected);
}

static void report_reached(const struct bootstrap_run *b, uint32_t entry,
                           const struct wire_peer_hop *hop, const struct rpc_end *end,
                           enum dht_boot_verdict v)
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
           "peer=%s addr=%s key=%s dialect=%s", dht_boot_peer(b->boot, entry)->text, addr, hex,
           wire_dialect_name(end->dialect));
    if (!membership_may_dial(b->membership, hop))
        rt_log(RELAY_LOG_WARN,
               "bootstrap peer's address is of narrower scope (loopback, private) than our own: it "
               "is asked, but neither of us tells others of the other",
               "peer=%s addr=%s", dht_boot_peer(b->boot, entry)->text, addr);
}

static void report_void(const struct dht_boot_peer *p, const struct dht_trust_judgement *j)
{
    char pin[65], key[65];

    rt_hex(j->root, 32, pin);
    rt_hex(j->key, 32, key);
    rt_log(
        RELAY_LOG_WARN,
        j->verdict == DHT_TRUST_REVOKED
            ? "the pinned key of a bootstrap peer, or a key it was rotated to, is revoked; the "
              "peer is refused until its new key is written as ADDR@KEY or the pin is removed"
            : "the pinned key of a bootstrap peer was rotated too often, or in a cycle; the peer "
              "is refused until its new key is written as ADDR@KEY or the pin is removed",
        "peer=%s pin=%s key=%s", p->text, pin, key);
}

static void report_rotated(const struct dht_boot_peer *p, const struct dht_trust_judgement *j)
{
    char pin[65], key[65];

    rt_hex(j->root, 32, pin);
    rt_hex(j->key, 32, key);
    rt_log(RELAY_LOG_INFO, "bootstrap peer's pinned key was rotated, its new key is accepted too",
           "peer=%s pin=%s key=%s", p->text, pin, key);
}

static void report_written(const struct dht_boot_peer *p, const struct dht_trust_judgement *j)
{
    char key[65];

    rt_hex(j->root, 32, key);
    rt_log(RELAY_LOG_WARN,
           "bootstrap peer's key is revoked but is accepted because it is written in the option; "
           "replace it with the peer's new key",
           "peer=%s key=%s", p->text, key);
}

static void report_verdict(const struct dht_boot_peer *p, const struct dht_trust_judgement *j,
                           uint64_t now_ns)
{
    static struct rt_log_site site;
    bool is_written = p->hop.has_pubkey_hint;

    /* A configured key has successors only if another entry has pinned it. */
    if (is_written && (j->verdict != DHT_TRUST_REVOKED || memcmp(j->key, j->root, 32) != 0))
        return;
    if (!rt_log_allowed(&site, LOG_BURST, now_ns))
        return;
    if (is_written)
        report_written(p, j);
    else if (j->verdict == DHT_TRUST_SOUND)
        report_rotated(p, j);
    else
        report_void(p, j);
}

/* -- pins and seeds -- */

static struct relay_slice write_pins(const struct bootstrap_run *b)
{
    size_t len = dht_boot_write_pins(b->boot, NULL, 0);
    struct relay_buf *buf = rt_buf_new(len);

    if (!buf)
        return (struct relay_slice){0};
    (void)dht_boot_write_pins(b->boot, buf->bytes, len);
    return relay_slice_own(buf, buf->bytes, (uint32_t)len);
}

/* Replaces a random seed when there is no room. */
static void keep_seed(struct bootstrap_run *b, const struct wire_peer_hop *hop, const uint8_t *key,
                      uint8_t dialects)
{
    uint32_t place = UINT32_MAX;

    for (uint32_t i = 0; i < b->seed_count; i++)
        if (dht_hop_same(&b->seeds[i].hop, hop))
            place = i;
    if (place == UINT32_MAX && b->seed_count < LOOKUP_RUN_SEEDS_MAX)
        place = b->seed_count++;
    if (place == UINT32_MAX)
        place = (uint32_t)(dht_random(b->context) % LOOKUP_RUN_SEEDS_MAX);
    b->seeds[place].hop = *hop;
    b->seeds[place].hop.has_pubkey_hint = true;
    memcpy(b->seeds[place].hop.pubkey_hint, key, 32);
    b->seeds[place].dialects = dialects;
}

uint32_t bootstrap_run_seeds(const struct bootstrap_run *b, enum wire_dialect dialect,
                             struct wire_peer_hop *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < b->seed_count; i++)
        if (b->seeds[i].dialects & WIRE_DIALECT_BIT(dialect))
            out[count++] = b->seeds[i].hop;
    return count;
}

/* -- attempts -- */

/* The peer has authenticated with a key that is right for the entry. */
static void welcome(struct bootstrap_run *b, const struct wire_peer_hop *hop,
                    const struct rpc_end *end)
{
    keep_seed(b, hop, end->key, end->peer_dialects);
    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++)
        if (end->peer_dialects & WIRE_DIALECT_BIT(i))
            lookup_run_self(b->lookups, i);
}

static void on_dialled(void *owner, uint64_t cookie, const struct rpc_call *call,
                       const struct rpc_end *end)
{
    struct bootstrap_run *b = owner;
    uint32_t entry = (uint32_t)cookie, failures = dht_boot_failures(b->boot, entry);
    enum dht_boot_verdict v;

    if (end->outcome == DHT_CALL_REFUSED)
        dht_boot_closed(b->boot, entry);
    v = dht_boot_dialled(b->boot, entry, end->key, dht_now_ns(b->context));
    if (v == DHT_BOOT_PINNED)
        b->callbacks.pinned(b->callbacks.ctx, write_pins(b));
    if (v == DHT_BOOT_KEY_CHANGED && is_power_of_two(failures + 1))
        report_changed_key(b, entry, &call->to, end->key);
    if (v == DHT_BOOT_PINNED || v == DHT_BOOT_UNPINNED || v == DHT_BOOT_FINE) {
        self_address_bootstrapped(b->membership->self, &call->to);
        if (v == DHT_BOOT_PINNED || failures > 0 || b->lookups->self[end->dialect].began_ns == 0)
            report_reached(b, entry, &call->to, end, v);
        welcome(b, &call->to, end);
    }
    report_failure(b, entry, failures);
    bootstrap_run_due(b);
}

static void dial(struct bootstrap_run *b, uint32_t entry, const struct wire_peer_hop *hop)
{
    const uint8_t *key = dht_boot_expected_key(b->boot, entry);
    struct rpc_call call = {.to = *hop,
                            .dialect = DHT_DIALECT_ANY,
                            .first = dht_peers_dialect(b->membership->peers, hop),
                            .timeout_ns = LIM_BOOTSTRAP_DIAL_NS};

    call.to.has_pubkey_hint = key != NULL;
    if (key)
        memcpy(call.to.pubkey_hint, key, 32);
    rpc_pool_send(b->rpc, &call, on_dialled, b, entry);
}

static void resolve(struct bootstrap_run *b, uint32_t entry)
{
    const struct dht_boot_peer *p = dht_boot_peer(b->boot, entry);
    struct name_question *q;

    if (!b->resolver) {
        dht_boot_resolved(b->boot, entry, NULL, 0, dht_now_ns(b->context));
        return;
    }
    q = rt_msg_new(RT_RESOLVE, sizeof(*q));
    q->resolve.msg.reply_to = b->context->address;
    memcpy(q->resolve.host, p->host, sizeof(q->resolve.host));
    q->resolve.port = p->hop.port;
    q->entry = entry;
    b->resolver->resolve(b->resolver->ctx, b->context->worker, &q->resolve);
}

void bootstrap_run_resolved(struct bootstrap_run *b, struct rt_msg *m)
{
    struct name_question *q = RT_CONTAINER_OF(RT_MSG_CAST(m, struct rt_resolve, RT_RESOLVED),
                                              struct name_question, resolve);
    struct wire_peer_hop addrs[RT_RESOLVE_ADDRS_MAX];
    uint32_t count = 0, failures = dht_boot_failures(b->boot, q->entry);

    for (uint32_t i = 0; q->resolve.err == RT_ERR_OK && i < q->resolve.count; i++)
        if (dht_hop_from(&q->resolve.addrs[i], &addrs[count]))
            count++;
    dht_boot_resolved(b->boot, q->entry, addrs, count, dht_now_ns(b->context));
    report_failure(b, q->entry, failures);
    rt_msg_free(&m);
    bootstrap_run_due(b);
}

void bootstrap_run_due(struct bootstrap_run *b)
{
    struct wire_peer_hop hop;
    enum dht_boot_do what;
    uint32_t entry;
    uint64_t next_ns;

    if (!b->context->is_started || b->context->is_stopped)
        return;
    if (membership_count(b->membership) == 0)
        dht_boot_hurry(b->boot);
    while ((what = dht_boot_next(b->boot, dht_now_ns(b->context), &entry, &hop)) !=
           DHT_BOOT_NOTHING) {
        if (what == DHT_BOOT_RESOLVE)
            resolve(b, entry);
        else
            dial(b, entry, &hop);
    }
    next_ns = dht_boot_next_ns(b->boot);
    if (next_ns != UINT64_MAX)
        rt_timer_arm(b->context->worker, &b->timer, next_ns);
}

/* -- verdicts on keys -- */

void bootstrap_run_judged(struct bootstrap_run *b, const struct dht_trust_judgement *j)
{
    for (uint32_t i = 0; i < dht_boot_count(b->boot); i++) {
        const uint8_t *key = dht_boot_key(b->boot, i);

        if (key && memcmp(key, j->root, 32) == 0)
            report_verdict(dht_boot_peer(b->boot, i), j, dht_now_ns(b->context));
    }
    for (uint32_t i = b->seed_count; i-- > 0;)
        if (!dht_boot_accepts(b->boot, b->seeds[i].hop.pubkey_hint))
            b->seeds[i] = b->seeds[--b->seed_count];
}

/* -- life -- */

static void on_timer(struct relay_timer *t)
{
    bootstrap_run_due(RT_CONTAINER_OF(t, struct bootstrap_run, timer));
}

void bootstrap_run_init(struct bootstrap_run *b, struct dht_context *context,
                        struct membership *membership, struct lookup_runs *lookups,
                        struct rpc_pool *rpc, const struct bootstrap_run_config *config,
                        const struct bootstrap_run_callbacks *callbacks)
{
    RT_REQUIRE(config->trust != NULL && callbacks->pinned != NULL);
    memset(b, 0, sizeof(*b));
    b->context = context;
    b->membership = membership;
    b->lookups = lookups;
    b->rpc = rpc;
    b->resolver = config->resolver;
    b->callbacks = *callbacks;
    b->boot = dht_boot_new(config->peers, config->count, context->identity->public_key,
                           config->trust, dht_random, context);
    b->timer.fire = on_timer;
    for (uint32_t i = 0; i < config->count; i++)
        if (config->peers[i].host[0] == '\0')
            self_address_bootstrapped(membership->self, &config->peers[i].hop);
}

void bootstrap_run_start(struct bootstrap_run *b)
{
    rt_timer_arm(b->context->worker, &b->timer, dht_now_ns(b->context));
}

void bootstrap_run_stop(struct bootstrap_run *b)
{
    rt_timer_disarm(b->context->worker, &b->timer);
}

void bootstrap_run_fini(struct bootstrap_run *b)
{
    dht_boot_free(&b->boot);
}
