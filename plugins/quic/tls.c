/* SPDX-License-Identifier: MPL-2.0 */
#include "tls.h"

#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include "aead.h"
#include "engine_private.h"

#define SERVER_NAME "localhost"

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct quic_engine *)ref->user_data)->conn;
}

static int configure(const struct quic_engine *e, gnutls_session_t s)
{
    const struct tls_creds *creds = e->env->creds;
    int rc = gnutls_priority_set(s, creds->priority);

    if (rc == 0)
        rc = gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE,
                                    e->is_server ? creds->server : creds->client);
    if (rc == 0 && e->is_server) {
        rc = ngtcp2_crypto_gnutls_configure_server_session(s);
        quic_aead_session(s);
        return rc;
    }
    if (rc == 0)
        rc = gnutls_server_name_set(s, GNUTLS_NAME_DNS, SERVER_NAME, sizeof(SERVER_NAME) - 1);
    return rc ? rc : ngtcp2_crypto_gnutls_configure_client_session(s);
}

bool quic_tls_begin(struct quic_engine *e)
{
    unsigned flags = GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_NO_TICKETS |
                     GNUTLS_NO_SIGNAL;

    if (gnutls_init(&e->tls, flags | (e->is_server ? GNUTLS_SERVER : GNUTLS_CLIENT)) != 0) {
        e->tls = NULL;
        return false;
    }
    if (configure(e, e->tls) != 0)
        return false;
    e->ref = (ngtcp2_crypto_conn_ref){.get_conn = conn_of, .user_data = e};
    gnutls_session_set_ptr(e->tls, &e->ref);
    ngtcp2_conn_set_tls_native_handle(e->conn, e->tls);
    return true;
}

void quic_tls_end(struct quic_engine *e)
{
    if (!e->tls)
        return;
    ngtcp2_conn_set_tls_native_handle(e->conn, NULL);
    gnutls_deinit(e->tls);
    e->tls = NULL;
}
