/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: addresses as operators write them. Valid ones of every form, with their result. Invalid
 * ones, with the words that the error must contain. Every proper prefix of a valid address is
 * accepted whole or refused, and never read past its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "config/parse.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void listen_addresses(void **state)
{
    static const char *const good[] = {"0.0.0.0:7001", "127.0.0.1:0", "[::]:7001",
                                       "[2001:db8::1]:65535"};
    static const char *const bad[] = {
        "0.0.0.0",        "0.0.0.0:",    "0.0.0.0:65536", "0.0.0.0:x",
        "0.0.0.0:+1",     ":7001",       "300.0.0.1:1",   "1.2.3:1",
        "::1:7001",       "[::1]",       "[::1]7001",     "[::1:7001",
        "[]:1",           "[1.2.3.4]:1", "[::1]:",        "[fe80::1%2]:1",
        "host:1",         " ",           "0.0.0.0:7001 ", "tcp://0.0.0.0:1",
        "0.0.0.0:000001", "[",           "]:1",
    };
    struct cfg_fault fault;
    struct cfg_listen l;
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(cfg_parse_listen(good[i], &l, &fault));
        assert_true(l.is_enabled);
        cfg_addr_text(&l.addr, text, sizeof(text));
        assert_string_equal(text, good[i]);
    }
    assert_true(cfg_parse_listen("", &l, &fault));
    assert_false(l.is_enabled);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (cfg_parse_listen(bad[i], &l, &fault))
            fail_msg("took \"%s\"", bad[i]);
        assert_non_null(strstr(fault.text, "give IP:PORT"));
    }
}

static void peers(void **state)
{
    static const struct {
        const char *text, *host;
        enum cfg_scheme scheme;
        uint16_t port;
        bool is_literal, has_key;
    } good[] = {
        {"192.0.2.1:7001", "192.0.2.1", CFG_TCP, 7001, true, false},
        {"seed1.example.com:7001", "seed1.example.com", CFG_TCP, 7001, false, false},
        {"tcp://seed1.example.com:7001", "seed1.example.com", CFG_TCP, 7001, false, false},
        {"quic://[2001:db8::1]:7000", "2001:db8::1", CFG_QUIC, 7000, true, false},
        {"tcp://[::1]:1@" KEY, "::1", CFG_TCP, 1, true, true},
        {"a-b_c.example.:2@" KEY, "a-b_c.example.", CFG_TCP, 2, false, true},
        {"localhost:65535", "localhost", CFG_TCP, 65535, false, false},
        {"4chan.example:1", "4chan.example", CFG_TCP, 1, false, false},
    };
    struct cfg_fault fault;
    struct cfg_peer p;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!cfg_parse_peer(good[i].text, false, &p, &fault))
            fail_msg("refused \"%s\": %s", good[i].text, fault.text);
        assert_string_equal(p.text, good[i].text);
        assert_string_equal(p.host, good[i].host);
        assert_int_equal(p.scheme, good[i].scheme);
        assert_int_equal(p.port, good[i].port);
        assert_int_equal(p.is_literal, good[i].is_literal);
        assert_int_equal(p.has_key, good[i].has_key);
        if (p.has_key) {
            assert_int_equal(p.key[1], 0x11);
            assert_int_equal(p.key[31], 0xff);
        }
    }
}

static void wrong_peers(void **state)
{
    static const struct {
        const char *text, *word;
    } bad[] = {
        {"", "no port"},
        {"x.example", "no port"},
        {"x.example:0", "port 0"},
        {"x.example:70000", "no port between"},
        {"http://x.example:1", "unknown scheme"},
        {"://x.example:1", "unknown scheme"},
        {"tcp://", "no port"},
        {"tcp://:1", "no host"},
        {"x..example:1", "neither"},
        {".example:1", "neither"},
        {"x example:1", "neither"},
        {"1.2.3.400:1", "neither"},
        {"1.2.3:1", "neither"},
        {"2001:db8::1:7001", "without brackets"},
        {"[2001:db8::g]:1", "no IPv6 address between"},
        {"[1.2.3.4]:1", "no IPv6 address between"},
        {"0.0.0.0:1", "any address"},
        {"[::]:1", "any address"},
        {"[::ffff:0.0.0.0]:1", "any address"},
        {"x.example:1@", "64 hex"},
        {"x.example:1@abcd", "64 hex"},
        {"x.example:1@" KEY "0", "64 hex"},
        {"@" KEY, "no port"},
    };
    struct cfg_fault fault;
    struct cfg_peer p;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (cfg_parse_peer(bad[i].text, false, &p, &fault))
            fail_msg("took \"%s\"", bad[i].text);
        if (!strstr(fault.text, bad[i].word))
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", bad[i].text, fault.text, bad[i].word);
        assert_non_null(strstr(fault.text, "give HOST:PORT"));
    }
}

static void announced(void **state)
{
    struct cfg_fault fault;
    struct cfg_peer p;

    (void)state;
    assert_true(cfg_parse_peer("tcp://203.0.113.1:7001", true, &p, &fault));
    assert_true(cfg_parse_peer("quic://[2001:db8::1]:7000", true, &p, &fault));
    assert_false(cfg_parse_peer("tcp://relay.example:7001", true, &p, &fault));
    assert_non_null(strstr(fault.text, "give tcp://IP:PORT"));
    assert_false(cfg_parse_peer("tcp://0.0.0.0:7001", true, &p, &fault));
}

static void prefixes(void **state)
{
    static const char whole[] = "quic://[2001:db8::1]:7000@" KEY;

    (void)state;
    for (size_t n = 0; n <= sizeof(whole) - 1; n++) {
        char *cut = strndup(whole, n); /* on the heap, so that reading past it is seen */
        struct cfg_fault fault;
        struct cfg_peer p;
        bool took = cfg_parse_peer(cut, false, &p, &fault);

        assert_int_equal(took, (n >= 22 && n <= 25) || n == sizeof(whole) - 1);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listen_addresses), cmocka_unit_test(peers),
        cmocka_unit_test(wrong_peers),      cmocka_unit_test(announced),
        cmocka_unit_test(prefixes),
    };

    return cmocka_run_group_tests_name("config addresses", tests, NULL, NULL);
}
