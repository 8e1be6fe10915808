/* SPDX-License-Identifier: MPL-2.0 */
#include "session/handshake.h"

#include <stdio.h>
#include <string.h>

#include "wire_limits.h"

void handshake_hello(const struct rt_sign_key *identity, const struct handshake_fresh *fresh,
                     enum wire_dialect dialect, const uint8_t *echoed, uint64_t wall_s,
                     struct wire_hello *out)
{
    bool has_community_fields = wire_dialect_has_community_fields(dialect);
    uint8_t covered[WIRE_HELLO_MAX];
    size_t len;

    memset(out, 0, sizeof(*out));
    memcpy(out->node_pubkey, identity->public_key, 32);
    out->capabilities = (struct wire_capabilities){
        .dht = true,
        .relay = true,
        .community_paged_browse = has_community_fields,
        .community_search = has_community_fields,
        .community_delta_sync = has_community_fields,
        .has_community_fields = has_community_fields,
    };
    memcpy(out->nonce, fresh->nonce, 32);
    if (echoed) {
        out->has_echoed_nonce = true;
        memcpy(out->echoed_nonce, echoed, 32);
    }
    out->timestamp_unix_secs = wall_s;
    out->protocol_version = wire_dialect_version(dialect);
    rt_kx_public(fresh->ephemeral_secret, out->ephemeral_pubkey);
    len = wire_hello_signed(out, covered, sizeof(covered));
    rt_sign(identity, covered, len, out->signature);
}

enum wire_refusal handshake_check_shape(const struct wire_hello *h, bool wants_echo)
{
    if (h->has_echoed_nonce == wants_echo)
        return WIRE_REFUSAL_NONE;
    return wants_echo ? WIRE_REFUSAL_ACK_MISMATCH : WIRE_REFUSAL_HELLO_MALFORMED;
}

enum wire_refusal handshake_check_clock(const struct wire_hello *h, uint64_t wall_s)
{
    uint64_t theirs = h->timestamp_unix_secs;
    uint64_t skew = theirs > wall_s ? theirs - wall_s : wall_s - theirs;

    return skew > LIM_HELLO_SKEW_S ? WIRE_REFUSAL_HELLO_CLOCK : WIRE_REFUSAL_NONE;
}

enum wire_refusal handshake_choose_dialect(struct wire_hello *h, enum wire_dialect *out)
{
    enum wire_dialect d;

    if (!wire_dialect_of(h->protocol_version, h->capabilities.has_community_fields, &d))
        return WIRE_REFUSAL_HELLO_VERSION;
    h->capabilities.has_community_fields = wire_dialect_has_community_fields(d);
    *out = d;
    return WIRE_REFUSAL_NONE;
}

enum wire_refusal handshake_check_dialect(struct wire_hello *h, enum wire_dialect dialect)
{
    if (h->protocol_version != wire_dialect_version(dialect))
        return WIRE_REFUSAL_HELLO_VERSION;
    h->capabilities.has_community_fields = wire_dialect_has_community_fields(dialect);
    return WIRE_REFUSAL_NONE;
}

void handshake_version_text(const struct wire_hello *h, char out[HANDSHAKE_VERSION_TEXT])
{
    snprintf(out, HANDSHAKE_VERSION_TEXT, "version %u with %d capability fields",
             h->protocol_version, h->capabilities.has_community_fields ? 8 : 5);
}

enum wire_refusal handshake_check_signature(const struct wire_hello *h)
{
    uint8_t covered[WIRE_HELLO_MAX];
    size_t len = wire_hello_signed(h, covered, sizeof(covered));

    return rt_sign_verify(h->node_pubkey, covered, len, h->signature)
               ? WIRE_REFUSAL_NONE
               : WIRE_REFUSAL_HELLO_SIGNATURE;
}

enum wire_refusal handshake_check_ack(const struct wire_hello *ack, const uint8_t client_key[32],
                                      const uint8_t client_nonce[32], const uint8_t our_nonce[32])
{
    bool matches = rt_equal_ct(ack->node_pubkey, client_key, 32) &&
                   rt_equal_ct(ack->nonce, client_nonce, 32) && ack->has_echoed_nonce &&
                   rt_equal_ct(ack->echoed_nonce, our_nonce, 32);

    return matches ? WIRE_REFUSAL_NONE : WIRE_REFUSAL_ACK_MISMATCH;
}

enum wire_refusal handshake_check_server(const struct wire_hello *h, const uint8_t our_nonce[32],
                                         const uint8_t *expected_key)
{
    if (!h->has_echoed_nonce || !rt_equal_ct(h->echoed_nonce, our_nonce, 32))
        return WIRE_REFUSAL_ACK_MISMATCH;
    if (expected_key && !rt_equal_ct(h->node_pubkey, expected_key, 32))
        return WIRE_REFUSAL_SERVER_KEY;
    return WIRE_REFUSAL_NONE;
}

bool handshake_session_secret(const uint8_t our_ephemeral_secret[32],
                              const uint8_t peer_ephemeral[32], const uint8_t client_nonce[32],
                              const uint8_t server_nonce[32], uint8_t out[32])
{
    uint8_t material[96];
    bool is_sound = rt_kx_shared(our_ephemeral_secret, peer_ephemeral, material);

    memcpy(material + 32, client_nonce, 32);
    memcpy(material + 64, server_nonce, 32);
    if (is_sound)
        rt_blake3_derive_key("scp2p-handshake-session-secret-v1", material, sizeof(material), out);
    rt_wipe(material, sizeof(material));
    return is_sound;
}
