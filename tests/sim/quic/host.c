/* SPDX-License-Identifier: MPL-2.0 */
#include "qsim.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "quic/tls.h"

#define TLS_NOW_S 1770000000u

static size_t buffers_live;

static void buf_free(struct relay_buf *b)
{
    buffers_live--;
    free(b);
}

static struct relay_buf *buf_new(size_t capacity)
{
    struct relay_buf *b = malloc(sizeof(*b) + capacity);

    RT_INSIST(b);
    atomic_init(&b->refs, 1);
    b->capacity = (uint32_t)capacity;
    b->free = buf_free;
    buffers_live++;
    return b;
}

size_t qsim_buffers_live(void)
{
    return buffers_live;
}

static struct tls_creds *creds;

static void creds_free(void)
{
    tls_creds_free(&creds);
}

/* One certificate for all hosts of the process. */
static const struct tls_creds *qsim_creds(void)
{
    const uint8_t seed[TLS_SEED_BYTES] = {9}, serial[TLS_SERIAL_BYTES] = {1};
    struct relay_error err;

    if (!creds) {
        RT_INSIST(tls_creds_new(seed, serial, TLS_NOW_S, TLS_SIGNER_SODIUM, QUIC_PRIORITY, &creds,
                                &err) == 0);
        atexit(creds_free);
    }
    return creds;
}

static void give_random(void *ctx, void *out, size_t len)
{
    struct qsim_host *h = ctx;

    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)sim_prng_next(&h->random);
}

void qsim_host_open(struct qsim_host *h, struct qsim_world *w, bool is_server)
{
    uint8_t key[QUIC_CID_KEY_BYTES];

    *h = (struct qsim_host){.world = w, .is_server = is_server};
    h->random.state = sim_mix(w->seed + 1 + is_server);
    h->pool = quic_pool_new(buf_new);
    h->env = (struct quic_env){.ops = &qsim_engine_ops,
                               .mem = quic_pool_mem(h->pool),
                               .creds = qsim_creds(),
                               .buf_new = buf_new,
                               .random = give_random,
                               .random_ctx = h,
                               .worker = 0,
                               .workers = 1};
    give_random(h, h->env.reset_secret, sizeof(h->env.reset_secret));
    give_random(h, h->retry_secret, sizeof(h->retry_secret));
    give_random(h, key, sizeof(key));
    quic_cid_map_init(&h->ids, key);
    h->address.v4 = (struct sockaddr_in){.sin_family = AF_INET,
                                         .sin_port = htons(is_server ? 7000 : 27000),
                                         .sin_addr = {htonl(is_server ? 0x0a000001 : 0x0a010001)}};
}

void qsim_host_close(struct qsim_host *h)
{
    for (unsigned i = 0; i < h->end_count; i++) {
        qsim_end_forget(h->ends[i]);
        free(h->ends[i]);
    }
    QSIM_CHECK(h->world, h->ids.count == 0);
    QSIM_CHECK(h->world, quic_pool_bytes(h->pool) == 0);
    quic_cid_map_fini(&h->ids);
    quic_pool_free(&h->pool);
    h->end_count = 0;
}

/* -- a server's strangers -- */

static void answer(struct qsim_host *h, const struct qsim_packet *p, const uint8_t *bytes,
                   ngtcp2_ssize n)
{
    RT_INSIST(n > 0);
    qsim_transmit(h->world, !h->is_server, &p->to, &p->from, bytes, (size_t)n);
}

static void negotiate(struct qsim_host *h, const struct qsim_packet *p,
                      const ngtcp2_version_cid *vc)
{
    const uint32_t versions[] = {0x1a2a3a4a, NGTCP2_PROTO_VER_V1};
    uint8_t to[600];

    h->negotiations++;
    answer(h, p, to,
           ngtcp2_pkt_write_version_negotiation(to, sizeof(to), 7, vc->scid, vc->scidlen, vc->dcid,
                                                vc->dcidlen, versions, h->speaks_nothing ? 1 : 2));
}

static void reset(struct qsim_host *h, const struct qsim_packet *p, const ngtcp2_version_cid *vc)
{
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN], random[22], to[64];
    ngtcp2_cid id;

    if (p->len < QUIC_CID_BYTES + 21)
        return;
    h->resets++;
    ngtcp2_cid_init(&id, vc->dcid, vc->dcidlen);
    quic_reset_token(h->env.reset_secret, &id, token);
    give_random(h, random, sizeof(random));
    answer(h, p, to,
           ngtcp2_pkt_write_stateless_reset(to, sizeof(to), token, random,
                                            p->len < 39 ? p->len - 17 : sizeof(random)));
}

static void retry(struct qsim_host *h, const struct qsim_packet *p, const ngtcp2_pkt_hd *hd)
{
    uint8_t id[QUIC_CID_BYTES], token[QUIC_RETRY_TOKEN_MAX], to[256];
    ngtcp2_cid rscid;
    size_t n;

    h->retries++;
    give_random(h, id, sizeof(id));
    ngtcp2_cid_init(&rscid, id, sizeof(id));
    n = quic_retry_token(h->retry_secret, &p->from.any, &hd->dcid, &rscid, h->world->now_ns, token);
    answer(h, p, to,
           ngtcp2_crypto_write_retry(to, sizeof(to), hd->version, &hd->scid, &rscid, &hd->dcid,
                                     token, n));
}

static struct qsim_end *serve(struct qsim_host *h, const struct qsim_packet *p)
{
    struct quic_initial in = {0};
    struct qsim_end *e;
    const struct quic_datagram d = {.local = &p->to, .remote = &p->from};

    if (ngtcp2_accept(&in.hd, p->bytes, p->len) != 0)
        return NULL;
    in.odcid = in.hd.dcid;
    if (in.hd.tokenlen > 0)
        in.has_token =
            quic_retry_token_check(h->retry_secret, in.hd.token, in.hd.tokenlen, &p->from.any,
                                   &in.hd.dcid, h->world->now_ns, &in.odcid);
    if (!in.has_token && h->always_retries) {
        retry(h, p, &in.hd);
        return NULL;
    }
    if (h->end_count == QSIM_ENDS_MAX)
        return NULL;
    e = qsim_end_new(h);
    e->engine = quic_engine_serve(&h->env, e, &in, &d, h->world->now_ns);
    RT_INSIST(e->engine);
    if (h->begun)
        h->begun(e);
    return e;
}

void qsim_host_datagram(struct qsim_host *h, const struct qsim_packet *p)
{
    struct qsim_end *e = NULL;
    struct quic_owner *owner;
    ngtcp2_version_cid vc;
    ngtcp2_pkt_hd hd;
    int rv;

    rv = quic_packet_ids(p->bytes, p->len, &vc);
    if (h->is_server && (rv == NGTCP2_ERR_VERSION_NEGOTIATION ||
                         (rv == 0 && h->speaks_nothing && (p->bytes[0] & 0x80))))
        negotiate(h, p, &vc);
    if (rv != 0 || h->speaks_nothing)
        return;
    owner = quic_cid_map_find(&h->ids, quic_cid_hash(&h->ids, vc.dcid, vc.dcidlen));
    if (owner)
        e = RT_CONTAINER_OF(owner, struct qsim_end, owner);
    else if (!h->is_server)
        e = h->end_count == 1 ? h->ends[0] : NULL; /* its socket is its own: perhaps a reset */
    else if ((p->bytes[0] & 0x80) == 0)
        reset(h, p, &vc);
    else
        e = serve(h, p);
    if (!e)
        return;
    qsim_end_packet(e, &p->to, &p->from, p->bytes, p->len);
    if (e->asks_again) {
        e->asks_again = false;
        RT_INSIST(ngtcp2_accept(&hd, p->bytes, p->len) == 0);
        retry(h, p, &hd);
    }
}

/* -- time -- */

uint64_t qsim_host_wake(const struct qsim_host *h)
{
    uint64_t least = QSIM_NEVER;

    for (unsigned i = 0; i < h->end_count; i++) {
        uint64_t at = qsim_end_wake(h->ends[i]);

        least = at < least ? at : least;
    }
    return least;
}

void qsim_host_wake_up(struct qsim_host *h)
{
    for (unsigned i = 0; i < h->end_count; i++) {
        if (qsim_end_wake(h->ends[i]) <= h->world->now_ns)
            qsim_end_wake_up(h->ends[i]);
    }
}
