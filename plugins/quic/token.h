/* SPDX-License-Identifier: MPL-2.0 */
/*
 * State kept by the peer instead of us: connection ids that name their worker, stateless reset
 * tokens computed from an id, and Retry tokens that validate an address. Pure functions.
 *
 * The first byte of an id of ours, modulo the number of workers, is the index of the worker. A
 * kernel filter and the dispatch of datagrams use it.
 */
#ifndef QUIC_TOKEN_H
#define QUIC_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <ngtcp2/ngtcp2.h>

#define QUIC_CID_BYTES 8u /* length of our connection ids */
#define QUIC_SECRET_BYTES 32u
#define QUIC_RETRY_TOKEN_MAX 64u

/* Changes id[0] of random bytes so that it names the worker. */
void quic_cid_steer(uint8_t id[QUIC_CID_BYTES], uint16_t worker, uint16_t workers);
static inline uint16_t quic_cid_worker(uint8_t first_byte, uint16_t workers)
{
    return (uint16_t)(first_byte % workers);
}

/*
 * Reads the version and the ids of a packet of len > 0 bytes: 0; NGTCP2_ERR_VERSION_NEGOTIATION
 * with *out set: a version that is not ours; another error of the library: not a packet. Version 1
 * is the only one that is ours, although the library knows version 2, too.
 */
int quic_packet_ids(const uint8_t *packet, size_t len, ngtcp2_version_cid *out);

/* The stateless reset token of an id. */
void quic_reset_token(const uint8_t secret[QUIC_SECRET_BYTES], const ngtcp2_cid *cid,
                      uint8_t out[NGTCP2_STATELESS_RESET_TOKENLEN]);

/*
 * A token for a Retry packet at now_ns to the client at addr, whose first Initial had destination
 * id odcid; rscid is the source id of the Retry. Returns its length.
 */
size_t quic_retry_token(const uint8_t secret[QUIC_SECRET_BYTES], const struct sockaddr *addr,
                        const ngtcp2_cid *odcid, const ngtcp2_cid *rscid, uint64_t now_ns,
                        uint8_t out[QUIC_RETRY_TOKEN_MAX]);
/* True, with *out_odcid set, if this relay made the token for this address and id at most 10 s ago.
 */
bool quic_retry_token_check(const uint8_t secret[QUIC_SECRET_BYTES], const uint8_t *token,
                            size_t len, const struct sockaddr *addr, const ngtcp2_cid *rscid,
                            uint64_t now_ns, ngtcp2_cid *out_odcid);

#endif
