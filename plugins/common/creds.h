/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Credentials of our TLS endpoints: a self-signed certificate with an Ed25519 key of its own, and
 * the cipher preferences. The key is never the node's identity, which is proven above TLS.
 * Read-only once made; shared by all workers and connections.
 */
#ifndef TLS_CREDS_H
#define TLS_CREDS_H

#include <pthread.h>
#include <stdint.h>

#include <gnutls/gnutls.h>

#include "abi/relay_transport.h"

#define TLS_SEED_BYTES 32u
#define TLS_SERIAL_BYTES 16u

/* TLS 1.3 only. AES-128-GCM first, X25519 first; the server's order wins. */
#define TLS_PRIORITY                                                                               \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"      \
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:%SERVER_PRECEDENCE"

/* How the certificate's key signs in handshakes. GnuTLS's own signer is for comparison. */
enum tls_signer {
    TLS_SIGNER_SODIUM,
    TLS_SIGNER_GNUTLS,
};

struct tls_creds {
    gnutls_certificate_credentials_t server; /* with our certificate */
    gnutls_certificate_credentials_t client; /* empty: sends no certificate, verifies none */
    gnutls_priority_t priority;
    uint8_t sign_key[64]; /* Ed25519, libsodium's form */
};

/*
 * Makes the key from seed and the certificate (subject CN=localhost, valid from an hour before
 * now_s for ten years). priority: GnuTLS's text of ciphers and versions. 0 and *out, owned by the
 * caller; or -1 and a sentence in *err.
 */
int tls_creds_new(const uint8_t seed[TLS_SEED_BYTES], const uint8_t serial[TLS_SERIAL_BYTES],
                  uint64_t now_s, enum tls_signer signer, const char *priority,
                  struct tls_creds **out, struct relay_error *err);

/* No session may use *c any more. Clears the caller's pointer and the key; NULL is allowed. */
void tls_creds_free(struct tls_creds **c);

/* Credentials that all workers of a plugin share; static, zeroed but for the lock. Any thread. */
struct tls_creds_shared {
    pthread_mutex_t lock;
    struct tls_creds *creds;
    uint32_t workers; /* that use them */
};

/* Adds a worker: 0 and *out, which the first one makes. Or -1 and *err. */
int tls_creds_share(struct tls_creds_shared *s, const struct relay_host *host,
                    struct relay_worker *w, const char *priority, struct tls_creds **out,
                    struct relay_error *err);
/* Removes a worker; the last one frees the credentials. */
void tls_creds_unshare(struct tls_creds_shared *s);

#endif
