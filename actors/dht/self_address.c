/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/self_address.h"

#include <string.h>

void self_address_init(struct self_address *s, struct dht_context *context,
                       const struct self_address_callbacks *callbacks)
{
    memset(s, 0, sizeof(*s));
    s->context = context;
    s->callbacks = *callbacks;
}

static enum dht_scope widest(const struct wire_peer_hop *hops, uint32_t count)
{
    enum dht_scope best = DHT_SCOPE_NONE;

    for (uint32_t i = 0; i < count; i++)
        if (dht_scope_of(&hops[i]) > best)
            best = dht_scope_of(&hops[i]);
    return best;
}

/* The scopes of the operator's addresses as bits. A relay bound to loopback alone counts as
 * announced there. */
static uint8_t scopes_of(const struct self_address *s)
{
    uint8_t scopes = 0;

    for (uint32_t i = 0; i < s->now.announced_count; i++)
        scopes |= (uint8_t)(1u << dht_scope_of(&s->now.announced[i]));
    if (s->scope == DHT_SCOPE_LOOPBACK)
        scopes |= 1u << DHT_SCOPE_LOOPBACK;
    return scopes;
}

bool self_address_refresh(struct self_address *s)
{
    struct dht_self now;

    if (!s->callbacks.get)
        return false;
    memset(&now, 0, sizeof(now));
    s->callbacks.get(s->callbacks.get_ctx, &now);
    if (memcmp(&now, &s->now, sizeof(now)) == 0)
        return false;
    s->now = now;
    s->scope = now.announced_count ? widest(now.announced, now.announced_count)
                                   : widest(now.bound, now.bound_count);
    s->announced_scopes = scopes_of(s);
    return true;
}

static bool is_own(const struct self_address *s, const struct wire_peer_hop *hop)
{
    for (uint32_t i = 0; i < s->now.announced_count; i++)
        if (dht_hop_same(&s->now.announced[i], hop))
            return true;
    for (uint32_t i = 0; i < s->now.bound_count; i++)
        if (dht_hop_same(&s->now.bound[i], hop))
            return true;
    for (uint32_t i = 0; i < s->met_count; i++)
        if (dht_hop_same(&s->met[i], hop))
            return true;
    return false;
}

bool self_address_may_keep(const struct self_address *s, const struct wire_peer_hop *hop)
{
    enum dht_scope scope = dht_scope_of(hop);

    return scope != DHT_SCOPE_NONE && scope >= s->scope && !is_own(s, hop);
}

void self_address_bootstrapped(struct self_address *s, const struct wire_peer_hop *hop)
{
    s->bootstrap_scopes |= (uint8_t)(1u << dht_scope_of(hop));
}

bool self_address_may_trust(const struct self_address *s, const struct wire_peer_hop *hop)
{
    enum dht_scope scope = dht_scope_of(hop);

    return scope == DHT_SCOPE_GLOBAL ||
           ((s->announced_scopes | s->bootstrap_scopes) & (1u << scope)) != 0;
}

void self_address_met(struct self_address *s, const struct wire_peer_hop *hop)
{
    if (s->met_count < DHT_SELF_MAX && !is_own(s, hop))
        s->met[s->met_count++] = *hop;
}

void self_address_named(struct self_address *s, const struct wire_peer_hop *hop)
{
    if (s->callbacks.named && is_own(s, hop))
        s->callbacks.named(s->callbacks.named_ctx, s->context->worker, hop);
}

uint32_t self_address_peers(const struct self_address *s, struct wire_peer out[DHT_SELF_MAX])
{
    const struct wire_peer_hop *hops = s->now.announced_count ? s->now.announced : s->now.bound;
    uint32_t of = s->now.announced_count ? s->now.announced_count : s->now.bound_count;
    uint32_t count = 0;

    for (uint32_t i = 0; i < of; i++) {
        if (dht_scope_of(&hops[i]) != s->scope || s->scope == DHT_SCOPE_NONE)
            continue;
        out[count] = (struct wire_peer){.hop = hops[i]};
        out[count].hop.has_pubkey_hint = true;
        memcpy(out[count++].hop.pubkey_hint, s->context->identity->public_key, 32);
    }
    return count;
}
