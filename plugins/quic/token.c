/* SPDX-License-Identifier: MPL-2.0 */
#include "token.h"

#include <netinet/in.h>
#include <string.h>

#include <sodium.h>

#define FRESH_NS UINT64_C(10000000000)
#define MAC_BYTES 16u
#define STAMP_BYTES 8u

/* part of the MAC input, so that a token of one kind is not valid as another */
#define KIND_RESET 1
#define KIND_RETRY 2

_Static_assert(QUIC_SECRET_BYTES >= crypto_generichash_KEYBYTES_MIN &&
                   QUIC_SECRET_BYTES <= crypto_generichash_KEYBYTES_MAX,
               "a key for BLAKE2b");
_Static_assert(STAMP_BYTES + NGTCP2_MAX_CIDLEN + MAC_BYTES <= QUIC_RETRY_TOKEN_MAX,
               "a Retry token fits");
_Static_assert(NGTCP2_STATELESS_RESET_TOKENLEN == MAC_BYTES, "one MAC length for both kinds");

void quic_cid_steer(uint8_t id[QUIC_CID_BYTES], uint16_t worker, uint16_t workers)
{
    unsigned b = id[0] - id[0] % workers + worker;

    id[0] = (uint8_t)(b > UINT8_MAX ? b - workers : b);
}

int quic_packet_ids(const uint8_t *packet, size_t len, ngtcp2_version_cid *out)
{
    int rv = ngtcp2_pkt_decode_version_cid(out, packet, len, QUIC_CID_BYTES);

    if (rv == 0 && out->version != 0 && out->version != NGTCP2_PROTO_VER_V1)
        return NGTCP2_ERR_VERSION_NEGOTIATION;
    return rv;
}

void quic_reset_token(const uint8_t secret[QUIC_SECRET_BYTES], const ngtcp2_cid *cid,
                      uint8_t out[NGTCP2_STATELESS_RESET_TOKENLEN])
{
    uint8_t in[1 + NGTCP2_MAX_CIDLEN] = {KIND_RESET};

    memcpy(in + 1, cid->data, cid->datalen);
    crypto_generichash(out, MAC_BYTES, in, 1 + cid->datalen, secret, QUIC_SECRET_BYTES);
}

/* Only address and port: other members of the struct may differ. */
static size_t put_address(const struct sockaddr *addr, uint8_t *out)
{
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)addr;

        memcpy(out, &v4->sin_port, 2);
        memcpy(out + 2, &v4->sin_addr, 4);
        return 6;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)addr;

    memcpy(out, &v6->sin6_port, 2);
    memcpy(out + 2, &v6->sin6_addr, 16);
    return 18;
}

static void retry_mac(const uint8_t secret[QUIC_SECRET_BYTES], const uint8_t *body, size_t len,
                      const struct sockaddr *addr, const ngtcp2_cid *rscid, uint8_t *out)
{
    uint8_t in[1 + 18 + 1 + NGTCP2_MAX_CIDLEN + STAMP_BYTES + NGTCP2_MAX_CIDLEN] = {KIND_RETRY};
    size_t n = 1 + put_address(addr, in + 1);

    in[n++] = (uint8_t)rscid->datalen;
    memcpy(in + n, rscid->data, rscid->datalen);
    n += rscid->datalen;
    memcpy(in + n, body, len);
    crypto_generichash(out, MAC_BYTES, in, n + len, secret, QUIC_SECRET_BYTES);
}

size_t quic_retry_token(const uint8_t secret[QUIC_SECRET_BYTES], const struct sockaddr *addr,
                        const ngtcp2_cid *odcid, const ngtcp2_cid *rscid, uint64_t now_ns,
                        uint8_t out[QUIC_RETRY_TOKEN_MAX])
{
    size_t n = STAMP_BYTES + odcid->datalen;

    memcpy(out, &now_ns, STAMP_BYTES);
    memcpy(out + STAMP_BYTES, odcid->data, odcid->datalen);
    retry_mac(secret, out, n, addr, rscid, out + n);
    return n + MAC_BYTES;
}

bool quic_retry_token_check(const uint8_t secret[QUIC_SECRET_BYTES], const uint8_t *token,
                            size_t len, const struct sockaddr *addr, const ngtcp2_cid *rscid,
                            uint64_t now_ns, ngtcp2_cid *out_odcid)
{
    uint8_t mac[MAC_BYTES];
    uint64_t then_ns;
    size_t body;

    if (len < STAMP_BYTES + NGTCP2_MIN_INITIAL_DCIDLEN + MAC_BYTES ||
        len > STAMP_BYTES + NGTCP2_MAX_CIDLEN + MAC_BYTES)
        return false;
    body = len - MAC_BYTES;
    retry_mac(secret, token, body, addr, rscid, mac);
    if (sodium_memcmp(mac, token + body, MAC_BYTES) != 0)
        return false;
    memcpy(&then_ns, token, STAMP_BYTES);
    if (then_ns > now_ns || now_ns - then_ns > FRESH_NS)
        return false;
    ngtcp2_cid_init(out_odcid, token + STAMP_BYTES, body - STAMP_BYTES);
    return true;
}
