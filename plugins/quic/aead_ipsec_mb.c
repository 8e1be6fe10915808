/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The helper of ngtcp2 makes keys for GnuTLS. The keys of established connections (RFC 9001,
 * sections 5.1 and 6) are ours instead. Their handles have the lowest bit set, which tells both
 * kinds apart.
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
#define ROUND_KEYS_BYTES (11u * 16u)
#define MARK ((uintptr_t)1)
#define LABEL_PREFIX "tls13 quic "

/* The functions for this processor; set once, before the first connection. */
static struct {
    pthread_once_t once;
    aes_gcm_pre_t expand;
    aes_gcm_enc_dec_t encrypt, decrypt;
    keyexp_t mask_expand;
    aes_cfb_t mask;
} aes = {.once = PTHREAD_ONCE_INIT};

/* AES-128's round keys, for the masks of headers. */
struct mask_key {
    _Alignas(16) uint8_t rounds[ROUND_KEYS_BYTES];
};

static void aes_init(void)
{
    IMB_MGR *m = alloc_mb_mgr(0);

    if (!m)
        abort();
    init_mb_mgr_auto(m, NULL);
    aes.expand = m->gcm128_pre;
    aes.encrypt = m->gcm128_enc;
    aes.decrypt = m->gcm128_dec;
    aes.mask_expand = m->keyexp_128;
    aes.mask = m->aes128_cfb_one;
    free_mb_mgr(m);
}

/* -- keys -- */

/* The key of a handle of ours; NULL: the handle is the helper's. */
static void *ours(const void *handle)
{
    return (uintptr_t)handle & MARK ? (void *)((uintptr_t)handle & ~MARK) : NULL;
}

static void *new_key(size_t alignment, size_t n)
{
    void *k;

    if (posix_memalign(&k, alignment, n) != 0)
        abort();
    return k;
}

static void *mark(void *key)
{
    return (void *)((uintptr_t)key | MARK);
}

static void free_key(void *k, size_t n)
{
    sodium_memzero(k, n);
    free(k);
}

static void make(const uint8_t key[KEY_BYTES], ngtcp2_crypto_aead_ctx *out)
{
    struct gcm_key_data *k = new_key(64, sizeof(*k));

    aes.expand(key, k);
    out->native_handle = mark(k);
}

static void free_ctx(ngtcp2_crypto_aead_ctx *ctx)
{
    void *k = ours(ctx->native_handle);

    if (k)
        free_key(k, sizeof(struct gcm_key_data));
    else
        ngtcp2_crypto_aead_ctx_free(ctx);
    ctx->native_handle = NULL;
}

static void on_delete(ngtcp2_conn *conn, ngtcp2_crypto_aead_ctx *ctx, void *user)
{
    (void)conn, (void)user;
    free_ctx(ctx);
}

static void make_mask(const uint8_t key[KEY_BYTES], ngtcp2_crypto_cipher_ctx *out)
{
    struct mask_key *k = new_key(_Alignof(struct mask_key), sizeof(*k)), unused;

    aes.mask_expand(key, k->rounds, unused.rounds);
    sodium_memzero(&unused, sizeof(unused));
    out->native_handle = mark(k);
}

static void on_delete_mask(ngtcp2_conn *conn, ngtcp2_crypto_cipher_ctx *ctx, void *user)
{
    void *k = ours(ctx->native_handle);

    if (k)
        free_key(k, sizeof(struct mask_key));
    else
        ngtcp2_crypto_delete_crypto_cipher_ctx_cb(conn, ctx, user);
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
        derive(&ctx->md, secret, len, "hp", hp, sizeof(hp)) == 0) {
        make(key, &aead);
        make_mask(hp, &mask);
        rc = fn(conn, secret, len, &aead, iv, sizeof(iv), &mask);
        if (rc != 0) {
            free_ctx(&aead);
            on_delete_mask(conn, &mask, NULL);
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
    const struct gcm_key_data *k = ours(ctx->native_handle);
    struct gcm_context_data c;

    if (!k)
        return ngtcp2_crypto_encrypt_cb(to, aead, ctx, p, n, nonce, nonce_len, aad, aad_len);
    aes.encrypt(k, &c, to, p, n, nonce, aad, aad_len, to + n, TAG_BYTES);
    return 0;
}

static int on_decrypt(uint8_t *to, const ngtcp2_crypto_aead *aead,
                      const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *p, size_t n,
                      const uint8_t *nonce, size_t nonce_len, const uint8_t *aad, size_t aad_len)
{
    const struct gcm_key_data *k = ours(ctx->native_handle);
    struct gcm_context_data c;
    uint8_t tag[TAG_BYTES];

    if (!k)
        return ngtcp2_crypto_decrypt_cb(to, aead, ctx, p, n, nonce, nonce_len, aad, aad_len);
    if (n < TAG_BYTES)
        return NGTCP2_ERR_DECRYPT;
    n -= TAG_BYTES;
    aes.decrypt(k, &c, to, p, n, nonce, aad, aad_len, tag, TAG_BYTES);
    return crypto_verify_16(tag, p + n) == 0 ? 0 : NGTCP2_ERR_DECRYPT;
}

/* RFC 9001, section 5.4.3: one block of AES-ECB, which is AES-CFB over zeros. */
static int on_mask(uint8_t *to, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *ctx,
                   const uint8_t *sample)
{
    static const uint8_t zeros[NGTCP2_HP_SAMPLELEN];
    const struct mask_key *k = ours(ctx->native_handle);
    uint8_t block[NGTCP2_HP_SAMPLELEN];

    if (!k)
        return ngtcp2_crypto_hp_mask_cb(to, hp, ctx, sample);
    aes.mask(block, zeros, sample, k->rounds, sizeof(block));
    memcpy(to, block, NGTCP2_HP_MASKLEN);
    return 0;
}

void quic_aead_callbacks(ngtcp2_callbacks *cb)
{
    pthread_once(&aes.once, aes_init);
    cb->encrypt = on_encrypt;
    cb->decrypt = on_decrypt;
    cb->update_key = on_update;
    cb->delete_crypto_aead_ctx = on_delete;
    cb->hp_mask = on_mask;
    cb->delete_crypto_cipher_ctx = on_delete_mask;
}

void quic_aead_session(gnutls_session_t s)
{
    gnutls_handshake_set_secret_function(s, on_secret);
}
