/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the certificate has version 3, an Ed25519 key from the seed, and CN and name localhost; it
 * is self-signed, verifiable and valid now, whichever library signs handshakes. Other seeds give
 * other keys. Freeing accepts NULL and clears the pointer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <gnutls/x509.h>
#include <sodium.h>

#include "common/creds.h"

#define NOW_S UINT64_C(1770000000)

static struct tls_creds *make(uint8_t seed_byte, enum tls_signer signer)
{
    uint8_t seed[TLS_SEED_BYTES], serial[TLS_SERIAL_BYTES] = {0xff, 1, 2};
    struct tls_creds *c = NULL;
    struct relay_error err;

    memset(seed, seed_byte, sizeof(seed));
    assert_int_equal(tls_creds_new(seed, serial, NOW_S, signer, TLS_PRIORITY, &c, &err), 0);
    return c;
}

static gnutls_x509_crt_t certificate(const struct tls_creds *c)
{
    gnutls_datum_t der;
    gnutls_x509_crt_t crt;

    assert_int_equal(gnutls_certificate_get_crt_raw(c->server, 0, 0, &der), 0);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER), 0);
    return crt;
}

static void public_key(gnutls_x509_crt_t crt, uint8_t out[32])
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x, y;

    assert_int_equal(gnutls_x509_crt_get_pk_ecc_raw(crt, &curve, &x, &y), 0);
    assert_int_equal(curve, GNUTLS_ECC_CURVE_ED25519);
    assert_int_equal(x.size, 32);
    memcpy(out, x.data, 32);
    gnutls_free(x.data);
}

static void test_certificate(void **state)
{
    (void)state;
    for (int signer = TLS_SIGNER_SODIUM; signer <= TLS_SIGNER_GNUTLS; signer++) {
        uint8_t seed[32], expected[32], secret[64], shown[32], serial[TLS_SERIAL_BYTES];
        struct tls_creds *c = make(7, (enum tls_signer)signer);
        gnutls_x509_crt_t crt = certificate(c);
        size_t len = sizeof(serial);
        unsigned int verdict;
        char dn[64];

        memset(seed, 7, sizeof(seed));
        crypto_sign_seed_keypair(expected, secret, seed);
        public_key(crt, shown);
        assert_memory_equal(shown, expected, 32);
        assert_int_equal(gnutls_x509_crt_get_version(crt), 3);
        assert_int_equal(gnutls_x509_crt_get_serial(crt, serial, &len), 0);
        assert_true(len == sizeof(serial) && serial[0] == 0x7f && serial[1] == 1);
        assert_int_equal(gnutls_x509_crt_get_activation_time(crt), NOW_S - 3600);
        assert_true(gnutls_x509_crt_get_expiration_time(crt) > (time_t)NOW_S + 9 * 365 * 86400L);
        len = sizeof(dn);
        assert_int_equal(gnutls_x509_crt_get_dn(crt, dn, &len), 0);
        assert_string_equal(dn, "CN=localhost");
        assert_true(gnutls_x509_crt_check_hostname(crt, "localhost"));
        assert_int_equal(gnutls_x509_crt_verify(crt, &crt, 1,
                                                GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                                                    GNUTLS_VERIFY_DISABLE_CA_SIGN,
                                                &verdict),
                         0);
        assert_int_equal(verdict & GNUTLS_CERT_SIGNATURE_FAILURE, 0);
        gnutls_x509_crt_deinit(crt);
        tls_creds_free(&c);
        assert_null(c);
    }
}

static void test_seed_makes_the_key(void **state)
{
    struct tls_creds *a = make(1, TLS_SIGNER_SODIUM), *b = make(2, TLS_SIGNER_SODIUM);
    gnutls_x509_crt_t crt_a = certificate(a), crt_b = certificate(b);
    uint8_t key_a[32], key_b[32];

    (void)state;
    public_key(crt_a, key_a);
    public_key(crt_b, key_b);
    assert_memory_not_equal(key_a, key_b, 32);
    gnutls_x509_crt_deinit(crt_a);
    gnutls_x509_crt_deinit(crt_b);
    tls_creds_free(&a);
    tls_creds_free(&b);
    tls_creds_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_seed_makes_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
