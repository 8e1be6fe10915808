/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: once has_ended is set, `end` and `error` do not change, no packet is read or written,
 * and at most one CONNECTION_CLOSE is written, while owes_close is set.
 */
#include "engine_private.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_START (64u * 1024u) /* initial flow-control window */
#define WINDOW_MAX (1024u * 1024u) /* its maximum, when the peer uses it */
#define PEER_CIDS 3u
#define PIECES_MAX 16u
#define CONTROL_BYTES 256u /* a longer datagram carries data or is padded */

/* -- beginning -- */

static void fill_settings(struct quic_env *env, ngtcp2_settings *s, uint64_t now_ns)
{
    ngtcp2_settings_default(s);
    s->initial_ts = now_ns;
    s->rand_ctx.native_handle = env;
    s->ack_thresh = 1; /* each packet acknowledges all; the owner decides when to write */
    s->max_window = WINDOW_MAX;
    s->max_stream_window = WINDOW_MAX;
    s->pmtud_probes = quic_mtu_sizes;
    s->pmtud_probeslen = QUIC_MTU_SIZES;
}

static void fill_params(ngtcp2_transport_params *p, bool is_server)
{
    ngtcp2_transport_params_default(p);
    p->max_idle_timeout = QUIC_IDLE_NS;
    p->active_connection_id_limit = PEER_CIDS;
    p->initial_max_data = WINDOW_START;
    if (is_server) {
        p->initial_max_stream_data_bidi_remote = WINDOW_START;
        p->initial_max_streams_bidi = 1;
    } else {
        p->initial_max_stream_data_bidi_local = WINDOW_START;
    }
}

static void make_id(struct quic_env *env, ngtcp2_cid *out, size_t len)
{
    uint8_t id[NGTCP2_MAX_CIDLEN];

    env->random(env->random_ctx, id, len);
    if (len == QUIC_CID_BYTES)
        quic_cid_steer(id, env->worker, env->workers);
    ngtcp2_cid_init(out, id, len);
}

static ngtcp2_path path_of(const union quic_addr *local, const union quic_addr *remote)
{
    /* the library only reads it */
    return (ngtcp2_path){
        .local = {(ngtcp2_sockaddr *)(uintptr_t)&local->any, quic_addr_len(local)},
        .remote = {(ngtcp2_sockaddr *)(uintptr_t)&remote->any, quic_addr_len(remote)},
    };
}

static struct quic_engine *engine_new(struct quic_env *env, void *owner, bool is_server)
{
    struct quic_engine *e = calloc(1, sizeof(*e));

    if (!e)
        abort();
    e->env = env;
    e->owner = owner;
    e->is_server = is_server;
    e->stream = -1;
    quic_mtu_init(&e->mtu);
    ngtcp2_ccerr_default(&e->error);
    return e;
}

struct quic_engine *quic_engine_serve(struct quic_env *env, void *owner,
                                      const struct quic_initial *in,
                                      const struct quic_datagram *first, uint64_t now_ns)
{
    struct quic_engine *e = engine_new(env, owner, true);
    ngtcp2_path path = path_of(first->local, first->remote);
    ngtcp2_transport_params params;
    ngtcp2_callbacks cb;
    ngtcp2_settings settings;
    ngtcp2_cid id;

    e->first_id = in->hd.dcid;
    quic_callbacks_init(&cb, true);
    fill_settings(env, &settings, now_ns);
    fill_params(&params, true);
    params.original_dcid = in->odcid;
    params.original_dcid_present = 1;
    if (in->has_token) {
        settings.token = in->hd.token;
        settings.tokenlen = in->hd.tokenlen;
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
        params.retry_scid = in->hd.dcid;
        params.retry_scid_present = 1;
    }
    make_id(env, &id, QUIC_CID_BYTES);
    quic_reset_token(env->reset_secret, &id, params.stateless_reset_token);
    params.stateless_reset_token_present = 1;
    if (ngtcp2_conn_server_new(&e->conn, &in->hd.scid, &id, &path, in->hd.version, &cb, &settings,
                               &params, env->mem, e) != 0) {
        e->conn = NULL;
        goto fail;
    }
    if (quic_tls_begin(e) && env->ops->cid_add(owner, &id) &&
        env->ops->cid_add(owner, &in->hd.dcid))
        return e;
fail:
    quic_engine_free(&e);
    return NULL;
}

struct quic_engine *quic_engine_dial(struct quic_env *env, void *owner,
                                     const union quic_addr *local, const union quic_addr *remote,
                                     uint64_t now_ns)
{
    struct quic_engine *e = engine_new(env, owner, false);
    ngtcp2_path path = path_of(local, remote);
    ngtcp2_transport_params params;
    ngtcp2_callbacks cb;
    ngtcp2_settings settings;
    ngtcp2_cid id, peer_id;

    quic_callbacks_init(&cb, false);
    fill_settings(env, &settings, now_ns);
    fill_params(&params, false);
    make_id(env, &id, QUIC_CID_BYTES);
    make_id(env, &peer_id, NGTCP2_MAX_CIDLEN);
    if (ngtcp2_conn_client_new(&e->conn, &peer_id, &id, &path, NGTCP2_PROTO_VER_V1, &cb, &settings,
                               &params, env->mem, e) != 0) {
        e->conn = NULL;
        goto fail;
    }
    if (quic_tls_begin(e) && env->ops->cid_add(owner, &id))
        return e;
fail:
    quic_engine_free(&e);
    return NULL;
}

size_t quic_engine_ids(const struct quic_engine *e, ngtcp2_cid out[QUIC_ENGINE_IDS_MAX])
{
    size_t n = ngtcp2_conn_get_scid(e->conn, NULL), count = 0;

    if (e->is_server)
        out[count++] = e->first_id;
    if (n > QUIC_ENGINE_IDS_MAX - 1)
        return count;
    return count + ngtcp2_conn_get_scid(e->conn, out + count);
}

static void remove_ids(struct quic_engine *e)
{
    ngtcp2_cid ids[QUIC_ENGINE_IDS_MAX];
    size_t n = quic_engine_ids(e, ids);

    for (size_t i = 0; i < n; i++)
        e->env->ops->cid_remove(e->owner, &ids[i]);
}

void quic_engine_free(struct quic_engine **ep)
{
    struct quic_engine *e = *ep;

    *ep = NULL;
    if (!e)
        return;
    if (e->conn) {
        remove_ids(e);
        quic_tls_end(e);
        ngtcp2_conn_del(e->conn);
    }
    quic_output_drop(&e->out);
    free(e);
}

/* -- ends -- */

static void fail(struct quic_engine *e, enum relay_end why, const char *detail)
{
    if (e->has_ended)
        return;
    e->has_ended = true;
    e->end = (struct quic_end){why, detail};
}

void quic_engine_end(struct quic_engine *e, uint64_t app_code)
{
    if (e->has_ended)
        return;
    fail(e, RELAY_END_LOCAL, NULL);
    ngtcp2_ccerr_set_application_error(&e->error, app_code, NULL, 0);
    e->owes_close = true;
}

void quic_engine_abort(struct quic_engine *e, enum relay_end why, const char *detail)
{
    if (e->has_ended)
        return;
    quic_engine_end(e, QUIC_APP_ABORTED);
    e->end = (struct quic_end){why, detail};
}

void quic_engine_lose(struct quic_engine *e, const char *detail)
{
    if (e->has_ended)
        return;
    quic_engine_end(e, QUIC_APP_CLOSED);
    e->end = (struct quic_end){RELAY_END_PEER, detail};
}

static void end_by_peer(struct quic_engine *e)
{
    const ngtcp2_ccerr *c = ngtcp2_conn_get_ccerr(e->conn);
    bool is_transport = c->type == NGTCP2_CCERR_TYPE_TRANSPORT;

    if (e->is_open)
        fail(e, RELAY_END_PEER, is_transport && c->error_code ? "closed with an error" : NULL);
    else if (is_transport && c->error_code == NGTCP2_CONNECTION_REFUSED)
        fail(e, RELAY_END_REFUSED, NULL);
    else if (is_transport && (c->error_code & ~UINT64_C(0xff)) == NGTCP2_CRYPTO_ERROR)
        fail(e, RELAY_END_HANDSHAKE, "the peer sent a TLS alert");
    else
        fail(e, RELAY_END_PEER, NULL);
}

/* Ends it for error rv of the library. */
static void end_by_error(struct quic_engine *e, int rv)
{
    enum relay_end why = e->is_open ? RELAY_END_PROTOCOL : RELAY_END_HANDSHAKE;

    switch (rv) {
    case NGTCP2_ERR_DRAINING:
        end_by_peer(e);
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        fail(e, RELAY_END_TIMEOUT, NULL);
        return;
    case NGTCP2_ERR_RETRY:
        e->wants_retry = !e->has_ended;
        fail(e, RELAY_END_PEER, "its ClientHello came out of order: Retry sent");
        return;
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        fail(e, why, ngtcp2_strerror(rv));
        return;
    case NGTCP2_ERR_NOMEM:
        why = RELAY_END_SYSTEM;
        break;
    default:
        break;
    }
    if (e->has_ended)
        return;
    if (rv == NGTCP2_ERR_CRYPTO)
        ngtcp2_ccerr_set_tls_alert(&e->error, ngtcp2_conn_get_tls_alert(e->conn), NULL, 0);
    else
        ngtcp2_ccerr_set_liberr(&e->error, rv, NULL, 0);
    e->owes_close = true;
    fail(e, why, ngtcp2_strerror(rv));
}

/* -- packets -- */

/*
 * True if the peer waits for the acknowledgement of a datagram. That of an MTU probe may wait. Any
 * other long datagram without stream data follows a lost one, or carries PATH_CHALLENGE.
 */
static bool wants_answer(uint8_t ecn, size_t n, bool is_probe, bool has_data)
{
    return (!is_probe && n > CONTROL_BYTES && !has_data) ||
           (ecn & NGTCP2_ECN_MASK) == NGTCP2_ECN_CE;
}

static bool read_packet(struct quic_engine *e, const ngtcp2_path *path, const ngtcp2_pkt_info *pi,
                        const uint8_t *p, size_t n, uint64_t now_ns)
{
    bool is_probe = n > e->longest; /* an MTU probe is longer than any before */
    bool was_open = e->is_open;
    uint64_t had = e->received;
    int rv = ngtcp2_conn_read_pkt(e->conn, path, pi, p, n, now_ns);

    if (e->is_open)
        quic_tls_end(e);
    if (rv != 0)
        end_by_error(e, rv);
    if (is_probe)
        e->longest = n;
    /* HANDSHAKE_DONE is due when the handshake completes */
    return was_open != e->is_open || wants_answer(pi->ecn, n, is_probe, e->received > had);
}

static size_t found_max(const struct quic_engine *e)
{
    return ngtcp2_conn_get_path_max_tx_udp_payload_size(e->conn);
}

static void check_path(struct quic_engine *e, uint64_t now_ns)
{
    if (quic_mtu_has_long(&e->mtu) && found_max(e) > QUIC_MTU_MIN &&
        quic_mtu_check(&e->mtu, quic_engine_pto(e), now_ns))
        e->env->ops->narrowed(e->owner);
}

void quic_engine_refused(struct quic_engine *e, size_t n, uint64_t now_ns)
{
    if (n <= found_max(e) && quic_mtu_refused(&e->mtu, n, now_ns))
        e->env->ops->narrowed(e->owner);
}

bool quic_engine_read(struct quic_engine *e, const struct quic_datagram *d, uint64_t now_ns)
{
    bool is_urgent = false;

    for (; d && !e->has_ended; d = d->next) {
        ngtcp2_path path = path_of(d->local, d->remote);
        ngtcp2_pkt_info pi = {.ecn = d->ecn};

        if (!ngtcp2_path_eq(&path, quic_engine_path(e)))
            is_urgent = true;
        for (size_t at = 0; at < d->len && !e->has_ended; at += d->segment) {
            size_t n = d->len - at < d->segment ? d->len - at : d->segment;

            if (read_packet(e, &path, &pi, d->bytes + at, n, now_ns))
                is_urgent = true;
        }
    }
    quic_mtu_acked(&e->mtu, e->out.acked, now_ns);
    check_path(e, now_ns);
    return is_urgent;
}

static void extend_window(struct quic_engine *e)
{
    if (e->credit == 0 || e->stream < 0)
        return;
    ngtcp2_conn_extend_max_stream_offset(e->conn, e->stream, e->credit);
    ngtcp2_conn_extend_max_offset(e->conn, e->credit);
    e->credit = 0;
}

static bool may_write_stream(const struct quic_engine *e)
{
    return e->is_open && e->stream >= 0 && !e->is_stream_closed;
}

/* Prefetches the bytes of the next packet while this one is encrypted. They have left the caches,
 * or another core has written them. */
static void prefetch_next(const struct iovec *v)
{
    const char *p = v->iov_base;

    if (v->iov_len < 2 * QUIC_PACKET_MAX)
        return;
    for (size_t at = QUIC_PACKET_MAX; at < 2 * QUIC_PACKET_MAX; at += QUIC_CACHE_LINE)
        __builtin_prefetch(p + at);
}

/* The room of the next packet. */
static size_t limit_room(struct quic_engine *e, size_t room, uint64_t now_ns)
{
    size_t max;

    if (!quic_mtu_has_limit(&e->mtu))
        return room;
    max = quic_mtu_next(&e->mtu, found_max(e), quic_output_unsent(&e->out), now_ns);
    return max < room ? max : room;
}

/* Records the length of a packet with that many new bytes of the stream (-1: no stream frame). */
static void note_length(struct quic_engine *e, size_t n, ngtcp2_ssize fresh, uint64_t now_ns)
{
    size_t others = n - (fresh > 0 ? (size_t)fresh : 0);

    if (n <= found_max(e)) /* else a probe of the library's */
        quic_mtu_wrote(&e->mtu, n, e->out.sent, others > CONTROL_BYTES, now_ns);
}

/* Records the content of a packet: n bytes of the stream (-1: no stream frame), maybe FIN. */
static void note_written(struct quic_engine *e, ngtcp2_ssize n, size_t offered, bool has_fin)
{
    if (n < 0)
        return;
    e->owes_opening = false;
    quic_output_sent(&e->out, (size_t)n);
    if (has_fin && (size_t)n == offered) {
        e->has_sent_fin = true;
        e->is_fin_alone = n == 0;
    }
}

/* Without a ngtcp2_pkt_info, the library marks no packet with ECT(0). */
size_t quic_engine_write(struct quic_engine *e, ngtcp2_path_storage *path, uint8_t *to, size_t room,
                         uint64_t now_ns)
{
    struct iovec v[PIECES_MAX];
    bool with_stream = may_write_stream(e);

    if (e->has_ended)
        return 0;
    extend_window(e);
    room = limit_room(e, room, now_ns);
    for (;;) {
        size_t offered = 0, count = 0;
        int64_t stream = -1;
        ngtcp2_ssize n, taken = -1;
        bool has_fin = false;

        if (with_stream) {
            count = quic_output_peek(&e->out, v, PIECES_MAX, &offered);
            has_fin = e->wants_fin && !e->has_sent_fin && offered == quic_output_unsent(&e->out);
            if (count > 0 || has_fin || e->owes_opening)
                stream = e->stream;
            if (count > 0)
                prefetch_next(v);
        }
        n = ngtcp2_conn_writev_stream(e->conn, &path->path, NULL, to, room, &taken,
                                      has_fin ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0, stream,
                                      (const ngtcp2_vec *)(const void *)v, count, now_ns);
        if (n >= 0) {
            note_written(e, taken, offered, has_fin);
            note_length(e, (size_t)n, taken, now_ns);
            return (size_t)n;
        }
        if (stream >= 0 && n == NGTCP2_ERR_STREAM_SHUT_WR) {
            quic_engine_lose(e, "the peer stopped reading the stream");
            return 0;
        }
        if (stream < 0 ||
            (n != NGTCP2_ERR_STREAM_DATA_BLOCKED && n != NGTCP2_ERR_STREAM_NOT_FOUND)) {
            end_by_error(e, (int)n);
            return 0;
        }
        with_stream = false; /* acknowledgements are still written */
    }
}

_Static_assert(sizeof(struct iovec) == sizeof(ngtcp2_vec) &&
                   offsetof(struct iovec, iov_base) == offsetof(ngtcp2_vec, base) &&
                   offsetof(struct iovec, iov_len) == offsetof(ngtcp2_vec, len),
               "ngtcp2_vec and struct iovec have the same layout");

void quic_engine_wrote(struct quic_engine *e, uint64_t now_ns)
{
    ngtcp2_conn_update_pkt_tx_time(e->conn, now_ns);
}

size_t quic_engine_path_max(const struct quic_engine *e)
{
    size_t max = found_max(e);

    return max < e->mtu.limit ? max : e->mtu.limit;
}

uint64_t quic_engine_in_flight(const struct quic_engine *e)
{
    ngtcp2_conn_info info;

    ngtcp2_conn_get_conn_info(e->conn, &info);
    return info.bytes_in_flight;
}

size_t quic_engine_quantum(const struct quic_engine *e)
{
    return ngtcp2_conn_get_send_quantum(e->conn);
}

uint64_t quic_engine_expiry(const struct quic_engine *e)
{
    return e->has_ended ? UINT64_MAX : ngtcp2_conn_get_expiry(e->conn);
}

void quic_engine_expire(struct quic_engine *e, uint64_t now_ns)
{
    int rv;

    if (e->has_ended)
        return;
    rv = ngtcp2_conn_handle_expiry(e->conn, now_ns);
    if (rv != 0)
        end_by_error(e, rv);
    check_path(e, now_ns);
}

size_t quic_engine_write_close(struct quic_engine *e, ngtcp2_path_storage *path, uint8_t *to,
                               size_t room, uint64_t now_ns)
{
    ngtcp2_ssize n;

    if (!e->owes_close)
        return 0;
    e->owes_close = false;
    n = ngtcp2_conn_write_connection_close(e->conn, &path->path, NULL, to, room, &e->error, now_ns);
    return n > 0 ? (size_t)n : 0;
}

/* -- ended -- */

bool quic_engine_has_ended(const struct quic_engine *e)
{
    return e->has_ended;
}

const struct quic_end *quic_engine_cause(const struct quic_engine *e)
{
    return &e->end;
}

bool quic_engine_wants_retry(const struct quic_engine *e)
{
    return e->wants_retry;
}

bool quic_engine_has_closing_period(const struct quic_engine *e)
{
    return !e->wants_retry && (e->owes_close || e->end.why == RELAY_END_PEER);
}

/* -- any time -- */

bool quic_engine_send(struct quic_engine *e, struct relay_vec *v)
{
    if (e->wants_fin || e->has_ended) {
        relay_vec_drop(v);
        return true;
    }
    return quic_output_push(&e->out, e->env->buf_new, v);
}

void quic_engine_finish(struct quic_engine *e)
{
    e->wants_fin = true;
}

void quic_engine_consumed(struct quic_engine *e, size_t n)
{
    e->credit += n;
}

void quic_engine_keep_alive(struct quic_engine *e, uint64_t interval_ns)
{
    ngtcp2_conn_set_keep_alive_timeout(e->conn, interval_ns);
}

const ngtcp2_path *quic_engine_path(const struct quic_engine *e)
{
    return ngtcp2_conn_get_path(e->conn);
}

bool quic_engine_is_delivered(const struct quic_engine *e)
{
    return e->is_stream_closed || (e->has_sent_fin && quic_engine_left(e) == 0);
}

bool quic_engine_is_finished(const struct quic_engine *e)
{
    return e->is_stream_closed || (quic_engine_is_delivered(e) && e->has_fin && e->has_fin_acked);
}

bool quic_engine_is_open(const struct quic_engine *e)
{
    return e->is_open;
}

uint64_t quic_engine_left(const struct quic_engine *e)
{
    return quic_output_left(&e->out);
}

bool quic_engine_has_unsent(const struct quic_engine *e)
{
    return e->owes_opening || quic_output_unsent(&e->out) > 0;
}

uint64_t quic_engine_pto(const struct quic_engine *e)
{
    return ngtcp2_conn_get_pto(e->conn);
}
