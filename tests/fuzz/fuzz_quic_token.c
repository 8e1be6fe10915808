/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Tokens and packet heads of unknown peers. Only a token that this relay made is valid, and only
 * for its address. The dispatch of a datagram reads no byte outside of the datagram.
 */
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/check.h"
#include "quic/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[QUIC_SECRET_BYTES] = {1, 2, 3};

static void try_token(const uint8_t *token, size_t n)
{
    const uint64_t now = UINT64_C(1000000000000);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(27000)};
    uint8_t good[QUIC_RETRY_TOKEN_MAX];
    ngtcp2_cid odcid, rscid, out;
    size_t good_len;

    ngtcp2_cid_init(&odcid, (const uint8_t *)"original", 8);
    ngtcp2_cid_init(&rscid, (const uint8_t *)"retried.", 8);
    good_len = quic_retry_token(secret, (const struct sockaddr *)&at, &odcid, &rscid, now, good);
    if (quic_retry_token_check(secret, token, n, (const struct sockaddr *)&at, &rscid, now, &out))
        RT_INSIST(n == good_len && memcmp(token, good, n) == 0);
    for (size_t i = 0; i < good_len && i < n; i++)
        good[i] ^= token[i];
    if (quic_retry_token_check(secret, good, good_len, (const struct sockaddr *)&at, &rscid, now,
                               &out)) {
        for (size_t i = 0; i < good_len && i < n; i++)
            RT_INSIST(token[i] == 0);
    }
}

static void try_head(const uint8_t *p, size_t n)
{
    ngtcp2_version_cid vc;
    ngtcp2_pkt_hd hd;
    int rv = quic_packet_ids(p, n, &vc);

    if (rv == 0 || rv == NGTCP2_ERR_VERSION_NEGOTIATION) {
        RT_INSIST(vc.dcid >= p && vc.dcidlen <= n - (size_t)(vc.dcid - p));
        RT_INSIST(!vc.scid || (vc.scid >= p && vc.scidlen <= n - (size_t)(vc.scid - p)));
    }
    if (rv == 0 && ngtcp2_accept(&hd, p, n) == 0 && hd.tokenlen > 0) {
        RT_INSIST(hd.token >= p && hd.tokenlen <= n - (size_t)(hd.token - p));
        try_token(hd.token, hd.tokenlen);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1); /* an exact copy, so that ASan sees a read beyond it */

    RT_INSIST(copy);
    if (size > 0) {
        uint8_t *p = realloc(copy, size);

        RT_INSIST(p);
        copy = p;
        memcpy(copy, data, size);
        try_head(copy, size);
    }
    try_token(copy, size);
    free(copy);
    return 0;
}
