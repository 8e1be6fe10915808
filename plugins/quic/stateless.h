/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Answers to datagrams of no connection, computed from what was received: version negotiation,
 * stateless reset, Retry, refusal. None is longer than what it answers, and their number per second
 * is limited (QUIC_STATELESS_PER_S).
 */
#ifndef QUIC_STATELESS_H
#define QUIC_STATELESS_H

#include "socket.h"

struct quic_stranger {
    struct quic_socket *socket;
    const union quic_addr *local, *remote;
    const uint8_t *bytes;
    size_t len;
};
void quic_stateless_versions(const struct quic_stranger *x, const ngtcp2_version_cid *vc);
void quic_stateless_reset(const struct quic_stranger *x, const uint8_t *cid, size_t cid_len);
void quic_stateless_retry(const struct quic_stranger *x, const ngtcp2_pkt_hd *hd);
void quic_stateless_close(const struct quic_stranger *x, const ngtcp2_pkt_hd *hd, uint64_t error);

#endif
