/* SPDX-License-Identifier: MPL-2.0 */
/* Callbacks of ngtcp2. */
#include <string.h>

#include "aead.h"
#include "engine_private.h"

static int on_recv_crypto_data(ngtcp2_conn *conn, ngtcp2_encryption_level level, uint64_t offset,
                               const uint8_t *data, size_t n, void *user)
{
    struct quic_engine *e = user;

    if (e->tls)
        return ngtcp2_crypto_recv_crypto_data_cb(conn, level, offset, data, n, user);
    /* after the handshake a server may send tickets, a client nothing */
    return e->is_server ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_handshake_completed(ngtcp2_conn *conn, void *user)
{
    struct quic_engine *e = user;

    if (!e->is_server) {
        if (ngtcp2_conn_open_bidi_stream(conn, &e->stream, NULL) != 0)
            return NGTCP2_ERR_CALLBACK_FAILURE;
        e->owes_opening = true;
    }
    e->is_open = true;
    e->env->ops->opened(e->owner);
    return 0;
}

static int on_stream_open(ngtcp2_conn *conn, int64_t stream, void *user)
{
    struct quic_engine *e = user;

    (void)conn;
    if (e->stream < 0)
        e->stream = stream;
    return 0;
}

static int on_recv_stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset,
                               const uint8_t *data, size_t n, void *user, void *stream_user)
{
    struct quic_engine *e = user;

    (void)conn, (void)offset, (void)stream_user;
    if (stream != e->stream)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    e->received += n;
    if (n > 0)
        e->env->ops->data(e->owner, data, n);
    if (flags & NGTCP2_STREAM_DATA_FLAG_FIN) {
        e->has_fin = true;
        e->env->ops->fin(e->owner);
    }
    return 0;
}

static int on_acked(ngtcp2_conn *conn, int64_t stream, uint64_t offset, uint64_t n, void *user,
                    void *stream_user)
{
    struct quic_engine *e = user;

    (void)conn, (void)stream, (void)offset, (void)stream_user;
    quic_output_acked(&e->out, n);
    if (e->has_sent_fin && (n == 0 || (!e->is_fin_alone && quic_engine_left(e) == 0)))
        e->has_fin_acked = true;
    return 0;
}

static int on_stream_close(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t code,
                           void *user, void *stream_user)
{
    struct quic_engine *e = user;

    (void)conn, (void)flags, (void)stream, (void)code, (void)stream_user;
    e->is_stream_closed = true;
    return 0;
}

/* The connection is of no use with half a stream. */
static int on_stream_reset(ngtcp2_conn *conn, int64_t stream, uint64_t final_size, uint64_t code,
                           void *user, void *stream_user)
{
    (void)conn, (void)stream, (void)final_size, (void)code, (void)stream_user;
    quic_engine_lose(user, "the peer reset its stream");
    return 0;
}

static int on_new_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
    struct quic_engine *e = user;
    uint8_t id[QUIC_CID_BYTES];

    (void)conn;
    if (len != QUIC_CID_BYTES)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    e->env->random(e->env->random_ctx, id, sizeof(id));
    quic_cid_steer(id, e->env->worker, e->env->workers);
    ngtcp2_cid_init(cid, id, sizeof(id));
    quic_reset_token(e->env->reset_secret, cid, token);
    return e->env->ops->cid_add(e->owner, cid) ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_remove_cid(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user)
{
    struct quic_engine *e = user;

    (void)conn;
    e->env->ops->cid_remove(e->owner, cid);
    return 0;
}

static void on_rand(uint8_t *to, size_t n, const ngtcp2_rand_ctx *ctx)
{
    struct quic_env *env = ctx->native_handle;

    env->random(env->random_ctx, to, n);
}

static int on_path_challenge(ngtcp2_conn *conn, uint8_t *to, void *user)
{
    struct quic_engine *e = user;

    (void)conn;
    e->env->random(e->env->random_ctx, to, NGTCP2_PATH_CHALLENGE_DATALEN);
    return 0;
}

void quic_callbacks_init(ngtcp2_callbacks *cb, bool is_server)
{
    memset(cb, 0, sizeof(*cb));
    quic_aead_callbacks(cb);
    if (is_server) {
        cb->recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
        cb->stream_open = on_stream_open;
    } else {
        cb->client_initial = ngtcp2_crypto_client_initial_cb;
        cb->recv_retry = ngtcp2_crypto_recv_retry_cb;
    }
    cb->recv_crypto_data = on_recv_crypto_data;
    cb->handshake_completed = on_handshake_completed;
    cb->recv_stream_data = on_recv_stream_data;
    cb->acked_stream_data_offset = on_acked;
    cb->stream_close = on_stream_close;
    cb->stream_reset = on_stream_reset;
    cb->rand = on_rand;
    cb->get_new_connection_id = on_new_cid;
    cb->remove_connection_id = on_remove_cid;
    cb->get_path_challenge_data = on_path_challenge;
    cb->version_negotiation = ngtcp2_crypto_version_negotiation_cb;
}
