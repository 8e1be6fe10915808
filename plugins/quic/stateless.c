/* SPDX-License-Identifier: MPL-2.0 */
#include "stateless.h"

#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#define NS_PER_S UINT64_C(1000000000)
#define ANSWER_MAX 256u
#define RESET_RANDOM_MAX 22u

/* True if the rate limit allows one more reply; counts it. */
static bool allow(struct quic_worker *qw)
{
    uint64_t per_token = NS_PER_S / QUIC_STATELESS_PER_S;
    uint64_t fresh = (qw->now_ns - qw->stateless_at_ns) / per_token;

    qw->stateless_at_ns += fresh * per_token;
    qw->stateless_tokens += fresh;
    if (qw->stateless_tokens > QUIC_STATELESS_BURST)
        qw->stateless_tokens = QUIC_STATELESS_BURST;
    if (qw->stateless_tokens == 0) {
        quic_count(qw, QUIC_COUNTER_STATELESS_LIMITED, 1);
        return false;
    }
    qw->stateless_tokens--;
    return true;
}

static void answer(struct quic_socket *s, const struct quic_datagram *d, const uint8_t *p,
                   ngtcp2_ssize n)
{
    struct quic_datagram o = {
        .local = d->local, .remote = d->remote, .bytes = p, .len = (size_t)n, .segment = (size_t)n};

    if (n > 0 && !s->is_blocked)
        quic_socket_write(s, &o);
}

void quic_stateless_versions(struct quic_socket *s, const struct quic_datagram *d,
                             const ngtcp2_version_cid *vc)
{
    struct quic_worker *qw = s->worker;
    uint8_t random, to[2 * UINT8_MAX + 32];
    uint32_t versions[2];
    ngtcp2_ssize n;

    if (d->len < NGTCP2_MAX_UDP_PAYLOAD_SIZE || !allow(qw))
        return;
    qw->env.random(qw->env.random_ctx, &random, sizeof(random));
    versions[0] = (0x0a0a0a0au | (uint32_t)(random & 0xf0)
                                     << 24); /* a reserved version (RFC 9000, section 15) */
    versions[1] = NGTCP2_PROTO_VER_V1;
    n = ngtcp2_pkt_write_version_negotiation(to, sizeof(to), random, vc->scid, vc->scidlen,
                                             vc->dcid, vc->dcidlen, versions, 2);
    answer(s, d, to, n);
    quic_count(qw, QUIC_COUNTER_VERSIONS, 1);
}

void quic_stateless_reset(struct quic_socket *s, const struct quic_datagram *d, const uint8_t *cid,
                          size_t cid_len)
{
    struct quic_worker *qw = s->worker;
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN], random[RESET_RANDOM_MAX], to[ANSWER_MAX];
    size_t n = RESET_RANDOM_MAX;
    ngtcp2_cid id;

    /* shorter than the datagram it answers, so that two relays cannot loop (RFC 9000, 10.3.3) */
    if (d->len < QUIC_CID_BYTES + 21 || !allow(qw))
        return;
    if (n > d->len - NGTCP2_STATELESS_RESET_TOKENLEN - 1)
        n = d->len - NGTCP2_STATELESS_RESET_TOKENLEN - 1;
    ngtcp2_cid_init(&id, cid, cid_len);
    quic_reset_token(qw->env.reset_secret, &id, token);
    qw->env.random(qw->env.random_ctx, random, n);
    answer(s, d, to, ngtcp2_pkt_write_stateless_reset(to, sizeof(to), token, random, n));
    quic_count(qw, QUIC_COUNTER_RESETS, 1);
}

/* Not limited: under a flood it is what honest clients wait for, and it is a fifth of what it
 * answers. */
void quic_stateless_retry(struct quic_socket *s, const struct quic_datagram *d,
                          const ngtcp2_pkt_hd *hd)
{
    struct quic_worker *qw = s->worker;
    uint8_t id[QUIC_CID_BYTES], token[QUIC_RETRY_TOKEN_MAX], to[ANSWER_MAX];
    ngtcp2_cid rscid;
    size_t n;

    qw->env.random(qw->env.random_ctx, id, sizeof(id));
    quic_cid_steer(id, qw->env.worker, qw->env.workers);
    ngtcp2_cid_init(&rscid, id, sizeof(id));
    n = quic_retry_token(qw->retry_secret, &d->remote->any, &hd->dcid, &rscid, qw->now_ns, token);
    answer(s, d, to,
           ngtcp2_crypto_write_retry(to, sizeof(to), hd->version, &hd->scid, &rscid, &hd->dcid,
                                     token, n));
    quic_count(qw, QUIC_COUNTER_RETRIES, 1);
}

void quic_stateless_retry_initial(struct quic_socket *s, const struct quic_datagram *d)
{
    ngtcp2_pkt_hd hd;

    if (ngtcp2_accept(&hd, d->bytes, d->len) == 0)
        quic_stateless_retry(s, d, &hd);
}

void quic_stateless_close(struct quic_socket *s, const struct quic_datagram *d,
                          const ngtcp2_pkt_hd *hd, uint64_t error)
{
    uint8_t to[ANSWER_MAX];

    if (!allow(s->worker))
        return;
    answer(s, d, to,
           ngtcp2_crypto_write_connection_close(to, sizeof(to), hd->version, &hd->scid, &hd->dcid,
                                                error, NULL, 0));
}
