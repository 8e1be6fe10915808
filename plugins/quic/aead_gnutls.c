/* SPDX-License-Identifier: MPL-2.0 */
#include "aead.h"

#include <ngtcp2/ngtcp2_crypto.h>

void quic_aead_callbacks(ngtcp2_callbacks *cb)
{
    cb->encrypt = ngtcp2_crypto_encrypt_cb;
    cb->decrypt = ngtcp2_crypto_decrypt_cb;
    cb->update_key = ngtcp2_crypto_update_key_cb;
    cb->delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
    cb->hp_mask = ngtcp2_crypto_hp_mask_cb;
    cb->delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
}

void quic_aead_session(gnutls_session_t s)
{
    (void)s; /* nothing to add to what the helper has set */
}
