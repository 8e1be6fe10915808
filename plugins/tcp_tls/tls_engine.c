/* SPDX-License-Identifier: MPL-2.0 */
#include "tls_engine.h"

#include <errno.h>
#include <string.h>

#define RECORD_HEADER 5u
#define SERVER_NAME "localhost"

/* Parses record headers, to know whether the input so far ends inside a record. */
static void follow_records(struct tls_engine *e, const uint8_t *p, size_t n)
{
    while (n > 0) {
        size_t part;

        if (e->record_left == 0) {
            /* the length is in the header's last two bytes */
            e->record_length = (uint16_t)(e->record_length << 8 | *p);
            part = 1;
            if (++e->header_have == RECORD_HEADER) {
                e->header_have = 0;
                e->record_left = e->record_length;
            }
        } else {
            part = n < e->record_left ? n : e->record_left;
            e->record_left = (uint16_t)(e->record_left - part);
        }
        p += part;
        n -= part;
    }
}

static ssize_t on_pull(gnutls_transport_ptr_t ptr, void *dst, size_t n)
{
    struct tls_engine *e = ptr;
    struct tls_wire *w = e->wire;

    if (w->in_len == 0) {
        gnutls_transport_set_errno(e->session, EAGAIN);
        return -1;
    }
    if (n > w->in_len)
        n = w->in_len;
    memcpy(dst, w->in, n);
    follow_records(e, w->in, n);
    w->in += n;
    w->in_len -= n;
    return (ssize_t)n;
}

static int on_pull_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
    const struct tls_engine *e = ptr;

    (void)ms;
    return e->wire->in_len > 0;
}

static ssize_t on_push(gnutls_transport_ptr_t ptr, const giovec_t *v, int count)
{
    struct tls_engine *e = ptr;
    size_t n = 0;

    for (int i = 0; i < count; i++)
        n += v[i].iov_len;
    if (!e->wire->write(e, v, count)) {
        gnutls_transport_set_errno(e->session, ENOMEM);
        return -1;
    }
    return (ssize_t)n;
}

bool tls_engine_init(struct tls_engine *e, const struct tls_creds *creds, bool is_server,
                     struct tls_wire *wire)
{
    gnutls_session_t s;
    unsigned int flags =
        GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS | GNUTLS_NO_AUTO_SEND_TICKET;

    if (gnutls_init(&s, flags | (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT)) != 0)
        return false;
    if (gnutls_priority_set(s, creds->priority) != 0 ||
        gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE,
                               is_server ? creds->server : creds->client) != 0 ||
        (!is_server &&
         gnutls_server_name_set(s, GNUTLS_NAME_DNS, SERVER_NAME, sizeof(SERVER_NAME) - 1) != 0)) {
        gnutls_deinit(s);
        return false;
    }
    gnutls_transport_set_ptr(s, e);
    gnutls_transport_set_pull_function(s, on_pull);
    gnutls_transport_set_pull_timeout_function(s, on_pull_timeout);
    gnutls_transport_set_vec_push_function(s, on_push);
    *e = (struct tls_engine){.session = s, .wire = wire};
    return true;
}

void tls_engine_fini(struct tls_engine *e)
{
    if (e->session)
        gnutls_deinit(e->session);
    e->session = NULL;
}

static enum tls_result fail(struct tls_engine *e, int error)
{
    e->error = error;
    if (error != GNUTLS_E_FATAL_ALERT_RECEIVED)
        gnutls_alert_send_appropriate(e->session, error);
    return TLS_FAILED;
}

/*
 * GnuTLS returns a non-fatal code for every record without data (key update, ticket, warning), even
 * if more input follows. True: repeat the call.
 */
static bool retry(const struct tls_engine *e, int rc, size_t *in_len)
{
    if (gnutls_error_is_fatal(rc) || e->wire->in_len == 0 || e->wire->in_len == *in_len)
        return false;
    *in_len = e->wire->in_len;
    return true;
}

enum tls_result tls_engine_handshake(struct tls_engine *e)
{
    size_t in_len = SIZE_MAX;
    int rc;

    do {
        rc = gnutls_handshake(e->session);
    } while (rc < 0 && retry(e, rc, &in_len));
    if (rc == 0)
        return TLS_DONE;
    if (!gnutls_error_is_fatal(rc))
        return TLS_AGAIN;
    return fail(e, rc);
}

ssize_t tls_engine_open(struct tls_engine *e, uint8_t *dst, size_t cap)
{
    size_t in_len = SIZE_MAX;
    ssize_t n;

    do {
        n = gnutls_record_recv(e->session, dst, cap);
    } while (n < 0 && retry(e, (int)n, &in_len));
    if (n > 0)
        return n;
    if (n == 0)
        return TLS_EOF;
    if (!gnutls_error_is_fatal((int)n))
        return TLS_AGAIN;
    return fail(e, (int)n);
}

bool tls_engine_pending(const struct tls_engine *e)
{
    return gnutls_record_check_pending(e->session) > 0;
}

bool tls_engine_seal(struct tls_engine *e, const uint8_t *src, size_t n)
{
    ssize_t rc = gnutls_record_send(e->session, src, n);

    if (rc == (ssize_t)n)
        return true;
    e->error = rc < 0 ? (int)rc : GNUTLS_E_PUSH_ERROR;
    return false;
}

bool tls_engine_close_notify(struct tls_engine *e)
{
    int rc = gnutls_bye(e->session, GNUTLS_SHUT_WR);

    if (rc == 0)
        return true;
    e->error = rc;
    return false;
}

enum tls_failure tls_engine_failure(const struct tls_engine *e)
{
    switch (e->error) {
    case GNUTLS_E_UNEXPECTED_PACKET:
    case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
    case GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET:
    case GNUTLS_E_RECORD_OVERFLOW:
    case GNUTLS_E_DECRYPTION_FAILED:
    case GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER:
        return TLS_FAILURE_NOT_TLS;
    case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
    case GNUTLS_E_NO_CIPHER_SUITES:
    case GNUTLS_E_NO_COMMON_KEY_SHARE:
    case GNUTLS_E_INCOMPATIBLE_SIG_WITH_KEY:
    case GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM:
    case GNUTLS_E_NO_PRIORITIES_WERE_SET:
        return TLS_FAILURE_NO_COMMON;
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
        return TLS_FAILURE_ALERT;
    default:
        return TLS_FAILURE_OTHER;
    }
}

const char *tls_engine_error_text(const struct tls_engine *e)
{
    if (e->error == GNUTLS_E_FATAL_ALERT_RECEIVED && e->session) {
        const char *name = gnutls_alert_get_name(gnutls_alert_get(e->session));

        return name ? name : "the peer sent an alert";
    }
    return gnutls_strerror(e->error);
}
