/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: each primitive against the vectors of its standard (FIPS 180, SipHash paper, RFC 8032, RFC
 * 7748). Then the properties that the protocol needs: a signature fails after one changed bit, with
 * a scalar that is not reduced, and with a key of small order. A key exchange with a point of small
 * order fails. Both sides of an exchange get the same secret.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"

static void from_hex(const char *hex, uint8_t *out)
{
    for (; hex[0] != '\0'; hex += 2) {
        uint8_t byte = 0;
        for (int i = 0; i < 2; i++)
            byte = (uint8_t)(byte << 4 | (hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10));
        *out++ = byte;
    }
}

static void assert_hex(const uint8_t *got, size_t len, const char *want)
{
    char hex[129];
    assert_true(2 * len < sizeof hex);
    rt_hex(got, len, hex);
    assert_string_equal(hex, want);
}

static void test_sha256(void **state)
{
    (void)state;
    uint8_t out[32];
    rt_sha256("", 0, out);
    assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    rt_sha256("abc", 3, out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    rt_sha256_2("a", 1, "bc", 2, out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    rt_sha256_2("abc", 3, NULL, 0, out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_siphash(void **state)
{
    (void)state;
    uint8_t key[16], in[15];
    for (uint8_t i = 0; i < 16; i++)
        key[i] = i;
    for (uint8_t i = 0; i < 15; i++)
        in[i] = i;
    assert_true(rt_siphash(key, in, 15) == UINT64_C(0xa129ca6149be45e5));
    assert_true(rt_siphash(key, in, 0) == UINT64_C(0x726fdb47dd0e0e31));
}

static const struct {
    const char *seed, *public_key, *msg, *sig;
} rfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void test_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rfc8032 / sizeof *rfc8032; i++) {
        uint8_t seed[32], msg[8], sig[64];
        struct rt_sign_key key;
        size_t len = strlen(rfc8032[i].msg) / 2;
        from_hex(rfc8032[i].seed, seed);
        from_hex(rfc8032[i].msg, msg);
        rt_sign_key_from_seed(seed, &key);
        assert_memory_equal(key.seed, seed, 32);
        assert_hex(key.public_key, 32, rfc8032[i].public_key);
        rt_sign(&key, msg, len, sig);
        assert_hex(sig, 64, rfc8032[i].sig);
        assert_true(rt_sign_verify(key.public_key, msg, len, sig));
    }
}

static void test_sign_refused(void **state)
{
    (void)state;
    uint8_t seed[32] = {7}, msg[40] = "what is signed", sig[64];
    struct rt_sign_key key;
    rt_sign_key_from_seed(seed, &key);
    rt_sign(&key, msg, sizeof msg, sig);
    for (size_t bit = 0; bit < 8 * (sizeof msg + 64 + 32); bit++) {
        uint8_t all[sizeof msg + 64 + 32];
        memcpy(all, msg, sizeof msg);
        memcpy(all + sizeof msg, sig, 64);
        memcpy(all + sizeof msg + 64, key.public_key, 32);
        all[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(rt_sign_verify(all + sizeof msg + 64, all, sizeof msg, all + sizeof msg));
    }
    assert_false(rt_sign_verify(key.public_key, msg, sizeof msg - 1, sig));

    /* S + L is the same scalar, not reduced. */
    uint8_t order[32], carry = 0;
    from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order);
    for (size_t i = 0; i < 32; i++) {
        uint32_t sum = (uint32_t)sig[32 + i] + order[i] + carry;
        sig[32 + i] = (uint8_t)sum;
        carry = (uint8_t)(sum >> 8);
    }
    assert_false(rt_sign_verify(key.public_key, msg, sizeof msg, sig));

    /* The neutral point as key and commitment, S = 0: signs everything, were it let pass. */
    uint8_t neutral[32] = {1}, forged[64] = {1};
    assert_false(rt_sign_verify(neutral, msg, sizeof msg, forged));
}

static void test_exchange(void **state)
{
    (void)state;
    static const char *const rfc7748[][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    };
    uint8_t secret[32], other[32] = {1, 2, 3}, point[32], mine[32], theirs[32], other_point[32];
    for (size_t i = 0; i < 2; i++) {
        from_hex(rfc7748[i][0], secret);
        from_hex(rfc7748[i][1], point);
        assert_true(rt_kx_shared(secret, point, mine));
        assert_hex(mine, 32, rfc7748[i][2]);
    }
    from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", secret);
    rt_kx_public(secret, point);
    assert_hex(point, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    rt_kx_public(other, other_point);
    assert_true(rt_kx_shared(secret, other_point, mine));
    assert_true(rt_kx_shared(other, point, theirs));
    assert_memory_equal(mine, theirs, 32);
}

static void test_exchange_small_order(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t secret[32] = {9, 8, 7}, point[32], out[32];
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        from_hex(points[i], point);
        assert_false(rt_kx_shared(secret, point, out));
    }
}

static void test_identity(void **state)
{
    (void)state;
    uint8_t public_key[32], id[20];
    char hex[3];
    from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", public_key);
    rt_node_id(public_key, id);
    assert_hex(id, 20, "21fe31dfa154a261626bf854046fd2271b7bed4b");
    assert_true(rt_equal_ct("same", "same", 4));
    assert_false(rt_equal_ct("same", "sane", 4));
    assert_true(rt_equal_ct("same", "sane", 2));
    rt_wipe(id, sizeof id);
    assert_hex(id, 20, "0000000000000000000000000000000000000000");
    rt_hex("\x0f", 1, hex);
    assert_string_equal(hex, "0f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),   cmocka_unit_test(test_siphash),
        cmocka_unit_test(test_sign),     cmocka_unit_test(test_sign_refused),
        cmocka_unit_test(test_exchange), cmocka_unit_test(test_exchange_small_order),
        cmocka_unit_test(test_identity),
    };
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
