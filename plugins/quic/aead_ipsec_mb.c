/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The library's helper makes keys that GnuTLS encrypts with. When the keys of established
 * connections are due (RFC 9001, sections 5.1 and 6), ours are made instead: handles to them carry
 * a mark in their lowest bit, so that both kinds can be told apart.
 */
#include "aead.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <intel-ipsec-mb.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <sodium.h>

#define KEY_BYTES 16u
#define IV_BYTES 12u
#define TAG_BYTES 16u
#define MARK ((uintptr_t)1)
#define LABEL_PREFIX "tls13 quic "

/* What suits this processor; set once, before the first connection. */
static struct {
    pthread_once_t once;
    aes_gcm_pre_t expand;
    aes_gcm_enc_dec_t encrypt, decrypt;
} gcm = {.once = PTHREAD_ONCE_INIT};

static void gcm_init(void)
{
    MB_MGR *m = alloc_mb_mgr(0);

    if (!m)
        abort();
    init_mb_mgr_auto(m, NULL);
    gcm.expand = m->gcm128_pre;
    gcm.encrypt = m->gcm128_enc;
    gcm.decrypt = m->gcm128_dec;
    free_mb_mgr(m);
}

/* -- keys -- */

static const struct gcm_key_data *ours(const ngtcp2_crypto_aead_ctx *ctx)
{
    uintptr_t handle = (uintptr_t)ctx->native_handle;

    return handle & MARK ? (const struct gcm_key_data *)(handle & ~MARK) : NULL;
}

static void make(const uint8_t key[KEY_BYTES], ngtcp2_crypto_aead_ctx *out)
{
    struct gcm_key_data *k;

    if (posix_memalign((void **)&k, 64, sizeof(*k)) != 0)
        abort();
    gcm.expand(key, k);
    out->native_handle = (void *)((uintptr_t)k | MARK);
}

static void forget(ngtcp2_crypto_aead_ctx *ctx)
{
    struct gcm_key_data *k = (struct gcm_key_data *)(uintptr_t)ours(ctx);

    if (k) {
        sodium_memzero(k, sizeof(*k));
        free(k);
    } else {
        ngtcp2_crypto_aead_ctx_free(ctx);
    }
    ctx->native_handle = NULL;
}

static void on_delete(ngtcp2_conn *conn, ngtcp2_crypto_aead_ctx *ctx, void *user)
{
    (void)conn, (void)user;
    forget(ctx);
}

/* HKDF-Expand-Label of RFC 8446 with an empty context. */
static int derive(const ngtcp2_crypto_md *md, const uint8_t *secret, size_t secret_len,
                  const char *label, uint8_t *out, size_t len)
{
    uint8_t info[32] = {0, (uint8_t)len};
    size_t prefix = sizeof(LABEL_PREFIX) - 1, n = strlen(label);

    info[2] = (uint8_t)(prefix + n);
    memcpy(info + 3, LABEL_PREFIX, prefix);
    memcpy(info + 3 + prefix, label, n);
    info[3 + prefix + n] = 0;
    return ngtcp2_crypto_hkdf_expand(out, len, md, secret, secret_len, info, 4 + prefix + n);
}

/* Headers stay the helper's to mask: its handles are GnuTLS's. */
static bool mask_init(ngtcp2_crypto_cipher_ctx *out, const ngtcp2_crypto_cipher *hp, uint8_t *key)
{
    gnutls_cipher_algorithm_t algorithm = (gnutls_cipher_algorithm_t)(intptr_t)hp->native_handle;
    gnutls_datum_t datum = {key, KEY_BYTES};
    gnutls_cipher_hd_t handle;

    if (gnutls_cipher_init(&handle, algorithm, &datum, NULL) != 0)
        return false;
    out->native_handle = handle;
    return true;
}

typedef int install_fn(ngtcp2_conn *conn, const uint8_t *secret, size_t secretlen,
                       const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *iv, size_t ivlen,
                       const ngtcp2_crypto_cipher_ctx *hp_ctx);

static int install(ngtcp2_conn *conn, const uint8_t *secret, size_t len, install_fn *fn)
{
    const ngtcp2_crypto_ctx *ctx = ngtcp2_conn_get_crypto_ctx(conn);
    uint8_t key[KEY_BYTES], iv[IV_BYTES], hp[KEY_BYTES];
    ngtcp2_crypto_aead_ctx aead = {0};
    ngtcp2_crypto_cipher_ctx mask = {0};
    int rc = -1;

    if (derive(&ctx->md, secret, len, "key", key, sizeof(key)) == 0 &&
        derive(&ctx->md, secret, len, "iv", iv, sizeof(iv)) == 0 &&
        derive(&ctx->md, secret, len, "hp", hp, sizeof(hp)) == 0 &&
        mask_init(&mask, &ctx->hp, hp)) {
        make(key, &aead);
        rc = fn(conn, secret, len, &aead, iv, sizeof(iv), &mask);
        if (rc != 0) {
            forget(&aead);
            gnutls_cipher_deinit(mask.native_handle);
        }
    }
    sodium_memzero(key, sizeof(key));
    sodium_memzero(hp, sizeof(hp));
    return rc == 0 ? 0 : -1;
}

static int on_secret(gnutls_session_t s, gnutls_record_encryption_level_t at, const void *rx,
                     const void *tx, size_t len)
{
    ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(s);
    ngtcp2_conn *conn = ref->get_conn(ref);
    ngtcp2_encryption_level level = ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(at);
    bool is_ours =
        level == NGTCP2_ENCRYPTION_LEVEL_1RTT && gnutls_cipher_get(s) == GNUTLS_CIPHER_AES_128_GCM;
    int rc = 0;

    if (rx)
        rc = is_ours
                 ? install(conn, rx, len, ngtcp2_conn_install_rx_key)
                 : ngtcp2_crypto_derive_and_install_rx_key(conn, NULL, NULL, NULL, level, rx, len);
    if (tx && rc == 0)
        rc = is_ours
                 ? install(conn, tx, len, ngtcp2_conn_install_tx_key)
                 : ngtcp2_crypto_derive_and_install_tx_key(conn, NULL, NULL, NULL, level, tx, len);
    return rc;
}

static int on_update(ngtcp2_conn *conn, uint8_t *rx_secret, uint8_t *tx_secret,
                     ngtcp2_crypto_aead_ctx *rx, uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx,
                     uint8_t *tx_iv, const uint8_t *old_rx_secret, const uint8_t *old_tx_secret,
                     size_t secret_len, void *user)
{
    const ngtcp2_crypto_aead *aead = &ngtcp2_conn_get_crypto_ctx(conn)->aead;
    uint8_t rx_key[2 * KEY_BYTES], tx_key[2 * KEY_BYTES];

    (void)user;
    if (ngtcp2_crypto_update_key(conn, rx_secret, tx_secret, rx, rx_key, rx_iv, tx, tx_key, tx_iv,
                                 old_rx_secret, old_tx_secret, secret_len) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    if (ngtcp2_conn_is_server(conn) && ngtcp2_crypto_aead_keylen(aead) == KEY_BYTES) {
        ngtcp2_crypto_aead_ctx_free(rx);
        ngtcp2_crypto_aead_ctx_free(tx);
        make(rx_key, rx);
        make(tx_key, tx);
    }
    sodium_memzero(rx_key, sizeof(rx_key));
    sodium_memzero(tx_key, sizeof(tx_key));
    return 0;
}

/* -- packets -- */

static int on_encrypt(uint8_t *to, const ngtcp2_crypto_aead *aead,
                      const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *p, size_t n,
                      const uint8_t *nonce, size_t nonce_len, const uint8_t *aad, size_t aad_len)
{
    const struct gcm_key_data *k = ours(ctx);
    struct gcm_context_data c;

    if (!k)
        return ngtcp2_crypto_encrypt_cb(to, aead, ctx, p, n, nonce, nonce_len, aad, aad_len);
    gcm.encrypt(k, &c, to, p, n, nonce, aad, aad_len, to + n, TAG_BYTES);
    return 0;
}

static int on_decrypt(uint8_t *to, const ngtcp2_crypto_aead *aead,
                      const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *p, size_t n,
                      const uint8_t *nonce, size_t nonce_len, const uint8_t *aad, size_t aad_len)
{
    const struct gcm_key_data *k = ours(ctx);
    struct gcm_context_data c;
    uint8_t tag[TAG_BYTES];

    if (!k)
        return ngtcp2_crypto_decrypt_cb(to, aead, ctx, p, n, nonce, nonce_len, aad, aad_len);
    if (n < TAG_BYTES)
        return NGTCP2_ERR_DECRYPT;
    n -= TAG_BYTES;
    gcm.decrypt(k, &c, to, p, n, nonce, aad, aad_len, tag, TAG_BYTES);
    return sodium_memcmp(tag, p + n, TAG_BYTES) == 0 ? 0 : NGTCP2_ERR_DECRYPT;
}

void quic_aead_callbacks(ngtcp2_callbacks *cb)
{
    pthread_once(&gcm.once, gcm_init);
    cb->encrypt = on_encrypt;
    cb->decrypt = on_decrypt;
    cb->update_key = on_update;
    cb->delete_crypto_aead_ctx = on_delete;
}

void quic_aead_session(gnutls_session_t s)
{
    gnutls_handshake_set_secret_function(s, on_secret);
}
