/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What stands for memory: connection ids that say which worker they belong to, reset tokens that
 * can be computed from an id again, and tokens that prove an address (Retry). All pure functions.
 *
 * The first byte of an id of ours modulo the number of workers is the worker's index; a kernel
 * filter and the other workers go by it.
 */
#ifndef QUIC_TOKEN_H
#define QUIC_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <ngtcp2/ngtcp2.h>

#define QUIC_CID_BYTES 8u /* every connection id of ours */
#define QUIC_SECRET_BYTES 32u
#define QUIC_RETRY_TOKEN_MAX 64u

/* Makes ids[0] of random bytes that is given this worker's. */
void quic_cid_steer(uint8_t id[QUIC_CID_BYTES], uint16_t worker, uint16_t workers);
static inline uint16_t quic_cid_worker(uint8_t first_byte, uint16_t workers)
{
    return (uint16_t)(first_byte % workers);
}

/* The stateless reset token of an id. */
void quic_reset_token(const uint8_t secret[QUIC_SECRET_BYTES], const ngtcp2_cid *cid,
                      uint8_t out[NGTCP2_STATELESS_RESET_TOKENLEN]);

/*
 * A token for a Retry packet: the peer at addr, which asked with odcid and was told to ask again
 * with rscid, did so soon after now_ns. The number of bytes.
 */
size_t quic_retry_token(const uint8_t secret[QUIC_SECRET_BYTES], const struct sockaddr *addr,
                        const ngtcp2_cid *odcid, const ngtcp2_cid *rscid, uint64_t now_ns,
                        uint8_t out[QUIC_RETRY_TOKEN_MAX]);
/* Whether it is one of ours, for this address and id, and fresh; then *out_odcid. */
bool quic_retry_token_check(const uint8_t secret[QUIC_SECRET_BYTES], const uint8_t *token,
                            size_t len, const struct sockaddr *addr, const ngtcp2_cid *rscid,
                            uint64_t now_ns, ngtcp2_cid *out_odcid);

#endif
