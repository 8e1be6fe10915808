/* SPDX-License-Identifier: MPL-2.0 */
#include "creds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <sodium.h>

#define NS_PER_S UINT64_C(1000000000)
#define HOUR_S 3600
#define LIFETIME_S (10LL * 365 * 24 * HOUR_S)

/* Objects needed only while the credentials are made. */
struct builder {
    gnutls_privkey_t key;
    gnutls_x509_privkey_t x509_key;
    gnutls_x509_crt_t crt;
    gnutls_pcert_st pcert;
    gnutls_privkey_t handshake_key;
};

static int sign_ed25519(gnutls_privkey_t key, gnutls_sign_algorithm_t algo, void *userdata,
                        unsigned int flags, const gnutls_datum_t *data, gnutls_datum_t *signature)
{
    const struct tls_creds *c = userdata;

    (void)key;
    (void)flags;
    if (algo != GNUTLS_SIGN_EDDSA_ED25519)
        return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
    signature->data = gnutls_malloc(crypto_sign_BYTES);
    if (!signature->data)
        return GNUTLS_E_MEMORY_ERROR;
    signature->size = crypto_sign_BYTES;
    crypto_sign_detached(signature->data, NULL, data->data, data->size, c->sign_key);
    return 0;
}

static int sign_hash_unsupported(gnutls_privkey_t key, gnutls_sign_algorithm_t algo, void *userdata,
                                 unsigned int flags, const gnutls_datum_t *hash,
                                 gnutls_datum_t *signature)
{
    (void)key, (void)algo, (void)userdata, (void)flags, (void)hash, (void)signature;
    return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
}

static int signer_info(gnutls_privkey_t key, unsigned int flags, void *userdata)
{
    (void)key, (void)userdata;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return GNUTLS_PK_EDDSA_ED25519;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return 256;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
        return GNUTLS_FLAGS_TO_SIGN_ALGO(flags) == GNUTLS_SIGN_EDDSA_ED25519;
    return -1;
}

static int make_key(struct builder *b, const uint8_t seed[TLS_SEED_BYTES], struct tls_creds *c)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret[TLS_SEED_BYTES];
    gnutls_datum_t x = {public_key, sizeof(public_key)}, k = {secret, sizeof(secret)};
    int rc;

    memcpy(secret, seed, sizeof(secret));
    crypto_sign_seed_keypair(public_key, c->sign_key, secret);
    rc = gnutls_privkey_init(&b->key);
    if (rc == 0)
        rc = gnutls_privkey_import_ecc_raw(b->key, GNUTLS_ECC_CURVE_ED25519, &x, NULL, &k);
    if (rc == 0)
        rc = gnutls_privkey_export_x509(b->key, &b->x509_key);
    sodium_memzero(secret, sizeof(secret));
    return rc;
}

static int make_certificate(struct builder *b, const uint8_t serial[TLS_SERIAL_BYTES],
                            uint64_t now_s)
{
    uint8_t positive[TLS_SERIAL_BYTES];
    int rc = gnutls_x509_crt_init(&b->crt);

    memcpy(positive, serial, sizeof(positive));
    positive[0] = (uint8_t)((positive[0] & 0x7f) | 0x40);
    if (rc == 0)
        rc = gnutls_x509_crt_set_version(b->crt, 3);
    if (rc == 0)
        rc = gnutls_x509_crt_set_key(b->crt, b->x509_key);
    if (rc == 0)
        rc = gnutls_x509_crt_set_serial(b->crt, positive, sizeof(positive));
    if (rc == 0)
        rc = gnutls_x509_crt_set_activation_time(b->crt, (time_t)now_s - HOUR_S);
    if (rc == 0)
        rc = gnutls_x509_crt_set_expiration_time(b->crt, (time_t)now_s + LIFETIME_S);
    if (rc == 0)
        rc = gnutls_x509_crt_set_dn(b->crt, "CN=localhost", NULL);
    if (rc == 0)
        rc = gnutls_x509_crt_set_subject_alt_name(b->crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                                  GNUTLS_FSAN_SET);
    if (rc == 0)
        rc = gnutls_x509_crt_privkey_sign(b->crt, b->crt, b->key, GNUTLS_DIG_SHA512, 0);
    if (rc == 0)
        rc = gnutls_pcert_import_x509(&b->pcert, b->crt, 0);
    return rc;
}

static int make_credentials(struct builder *b, enum tls_signer signer, const char *priority,
                            struct tls_creds *c)
{
    int rc = gnutls_certificate_allocate_credentials(&c->server);

    if (rc == 0)
        rc = gnutls_certificate_allocate_credentials(&c->client);
    if (rc == 0)
        rc = gnutls_privkey_init(&b->handshake_key);
    if (rc == 0 && signer == TLS_SIGNER_SODIUM)
        rc = gnutls_privkey_import_ext4(b->handshake_key, c, sign_ed25519, sign_hash_unsupported,
                                        NULL, NULL, signer_info, 0);
    else if (rc == 0)
        rc = gnutls_privkey_import_x509(b->handshake_key, b->x509_key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (rc == 0)
        rc = gnutls_certificate_set_key(c->server, NULL, 0, &b->pcert, 1, b->handshake_key);
    if (rc == 0) {
        /* the credentials own both now */
        b->handshake_key = NULL;
        b->pcert = (gnutls_pcert_st){0};
        rc = gnutls_priority_init(&c->priority, priority, NULL);
    }
    return rc;
}

static void builder_fini(struct builder *b)
{
    if (b->handshake_key)
        gnutls_privkey_deinit(b->handshake_key);
    gnutls_pcert_deinit(&b->pcert);
    if (b->crt)
        gnutls_x509_crt_deinit(b->crt);
    if (b->x509_key)
        gnutls_x509_privkey_deinit(b->x509_key);
    if (b->key)
        gnutls_privkey_deinit(b->key);
}

int tls_creds_new(const uint8_t seed[TLS_SEED_BYTES], const uint8_t serial[TLS_SERIAL_BYTES],
                  uint64_t now_s, enum tls_signer signer, const char *priority,
                  struct tls_creds **out, struct relay_error *err)
{
    struct builder b = {0};
    struct tls_creds *c;
    int rc;

    if (sodium_init() < 0) {
        snprintf(err->text, sizeof(err->text), "cannot initialise libsodium");
        return -1;
    }
    c = calloc(1, sizeof(*c));
    if (!c)
        abort();
    rc = make_key(&b, seed, c);
    if (rc == 0)
        rc = make_certificate(&b, serial, now_s);
    if (rc == 0)
        rc = make_credentials(&b, signer, priority, c);
    builder_fini(&b);
    if (rc != 0) {
        snprintf(err->text, sizeof(err->text), "cannot make the TLS certificate: %s",
                 gnutls_strerror(rc));
        tls_creds_free(&c);
        return -1;
    }
    *out = c;
    return 0;
}

void tls_creds_free(struct tls_creds **cp)
{
    struct tls_creds *c = *cp;

    *cp = NULL;
    if (!c)
        return;
    if (c->priority)
        gnutls_priority_deinit(c->priority);
    if (c->client)
        gnutls_certificate_free_credentials(c->client);
    if (c->server)
        gnutls_certificate_free_credentials(c->server);
    sodium_memzero(c, sizeof(*c));
    free(c);
}

/* -- shared by the workers of a plugin -- */

static int shared_make(const struct relay_host *host, struct relay_worker *w, const char *priority,
                       struct tls_creds **out, struct relay_error *err)
{
    uint8_t seed[TLS_SEED_BYTES], serial[TLS_SERIAL_BYTES];
    int rc;

    host->random(w, seed, sizeof(seed));
    host->random(w, serial, sizeof(serial));
    rc = tls_creds_new(seed, serial, host->wall_ns(w) / NS_PER_S, TLS_SIGNER_SODIUM, priority, out,
                       err);
    sodium_memzero(seed, sizeof(seed));
    return rc;
}

int tls_creds_share(struct tls_creds_shared *s, const struct relay_host *host,
                    struct relay_worker *w, const char *priority, struct tls_creds **out,
                    struct relay_error *err)
{
    int rc = 0;

    pthread_mutex_lock(&s->lock);
    if (!s->creds)
        rc = shared_make(host, w, priority, &s->creds, err);
    if (rc == 0) {
        s->workers++;
        *out = s->creds;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void tls_creds_unshare(struct tls_creds_shared *s)
{
    pthread_mutex_lock(&s->lock);
    if (--s->workers == 0)
        tls_creds_free(&s->creds);
    pthread_mutex_unlock(&s->lock);
}
