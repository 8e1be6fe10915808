/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Answers to datagrams of no connection, computed from what was received: version negotiation,
 * stateless reset, Retry, refusal. None is longer than what it answers, and their number per second
 * is limited (QUIC_STATELESS_PER_S).
 */
#ifndef QUIC_STATELESS_H
#define QUIC_STATELESS_H

#include "socket.h"

/* Each answers datagram d, which came to s. */
void quic_stateless_versions(struct quic_socket *s, const struct quic_datagram *d,
                             const ngtcp2_version_cid *vc);
void quic_stateless_reset(struct quic_socket *s, const struct quic_datagram *d, const uint8_t *cid,
                          size_t cid_len);
void quic_stateless_retry(struct quic_socket *s, const struct quic_datagram *d,
                          const ngtcp2_pkt_hd *hd);
/* d is a later part of a ClientHello. Without address validation only the start is kept, so the
 * client gets a Retry and sends it again. */
void quic_stateless_retry_initial(struct quic_socket *s, const struct quic_datagram *d);
void quic_stateless_close(struct quic_socket *s, const struct quic_datagram *d,
                          const ngtcp2_pkt_hd *hd, uint64_t error);

#endif
