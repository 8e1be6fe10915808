/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the scope of addresses at and next to the limits of every range, of port 0, and of IPv4
 * within IPv6. Networks by prefix; IPv4 and IPv6 never have the same. Conversion to socket
 * addresses and text and back. The other transport by the port convention, at both ends of the port
 * range. Distance: common bits at every position, and a total order.
 */
#include "unit/dht/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct wire_peer_hop at(const char *ip, uint16_t port)
{
    struct wire_peer_hop h = {.port = port, .transport = WIRE_TCP};

    h.is_ipv6 = strchr(ip, ':') != NULL;
    assert_int_equal(inet_pton(h.is_ipv6 ? AF_INET6 : AF_INET, ip, h.ip), 1);
    return h;
}

static const struct {
    const char *ip;
    enum dht_scope scope;
} scopes[] = {
    {"0.0.0.0", DHT_SCOPE_NONE},
    {"0.1.2.3", DHT_SCOPE_NONE},
    {"1.0.0.0", DHT_SCOPE_GLOBAL},
    {"9.255.255.255", DHT_SCOPE_GLOBAL},
    {"10.0.0.0", DHT_SCOPE_PRIVATE},
    {"10.255.255.255", DHT_SCOPE_PRIVATE},
    {"11.0.0.0", DHT_SCOPE_GLOBAL},
    {"100.63.255.255", DHT_SCOPE_GLOBAL},
    {"100.64.0.0", DHT_SCOPE_PRIVATE},
    {"100.127.255.255", DHT_SCOPE_PRIVATE},
    {"100.128.0.0", DHT_SCOPE_GLOBAL},
    {"126.255.255.255", DHT_SCOPE_GLOBAL},
    {"127.0.0.1", DHT_SCOPE_LOOPBACK},
    {"127.255.255.255", DHT_SCOPE_LOOPBACK},
    {"128.0.0.0", DHT_SCOPE_GLOBAL},
    {"169.253.255.255", DHT_SCOPE_GLOBAL},
    {"169.254.0.0", DHT_SCOPE_LINK},
    {"169.255.0.0", DHT_SCOPE_GLOBAL},
    {"172.15.255.255", DHT_SCOPE_GLOBAL},
    {"172.16.0.0", DHT_SCOPE_PRIVATE},
    {"172.31.255.255", DHT_SCOPE_PRIVATE},
    {"172.32.0.0", DHT_SCOPE_GLOBAL},
    {"192.167.255.255", DHT_SCOPE_GLOBAL},
    {"192.168.0.0", DHT_SCOPE_PRIVATE},
    {"192.169.0.0", DHT_SCOPE_GLOBAL},
    {"223.255.255.255", DHT_SCOPE_GLOBAL},
    {"224.0.0.1", DHT_SCOPE_NONE},
    {"255.255.255.255", DHT_SCOPE_NONE},
    {"::", DHT_SCOPE_NONE},
    {"::1", DHT_SCOPE_LOOPBACK},
    {"::2", DHT_SCOPE_NONE},
    {"fe80::1", DHT_SCOPE_LINK},
    {"febf::1", DHT_SCOPE_LINK},
    {"fec0::1", DHT_SCOPE_NONE},
    {"fc00::1", DHT_SCOPE_PRIVATE},
    {"fdff::1", DHT_SCOPE_PRIVATE},
    {"ff02::1", DHT_SCOPE_NONE},
    {"2001:db8::1", DHT_SCOPE_GLOBAL},
    {"3fff::1", DHT_SCOPE_GLOBAL},
    {"4000::1", DHT_SCOPE_NONE},
    {"64:ff9b::1.2.3.4", DHT_SCOPE_GLOBAL},
    {"64:ff9b::10.0.0.1", DHT_SCOPE_PRIVATE},
    {"64:ff9b::192.168.255.1", DHT_SCOPE_PRIVATE},
    {"64:ff9b::127.0.0.1", DHT_SCOPE_LOOPBACK},
    {"64:ff9b::169.254.1.1", DHT_SCOPE_LINK},
    {"64:ff9b::0.0.0.1", DHT_SCOPE_NONE},
    {"64:ff9b::224.0.0.1", DHT_SCOPE_NONE},
    {"64:ff9b:0:0:0:1:8.8.8.8", DHT_SCOPE_NONE}, /* not assigned */
    {"64:ff9b:1::8.8.8.8", DHT_SCOPE_GLOBAL},
    {"64:ff9b:1::10.0.0.1", DHT_SCOPE_PRIVATE},
    {"64:ff9b:1::127.0.0.1", DHT_SCOPE_LOOPBACK},
    {"64:ff9b:1:a00:0:100:808:808", DHT_SCOPE_PRIVATE}, /* 10.0.0.1 by a /48 */
    {"64:ff9b:1:ffff::8.8.8.8", DHT_SCOPE_PRIVATE},
    {"64:ff9b:2::8.8.8.8", DHT_SCOPE_NONE},
    {"2002:808:808::1", DHT_SCOPE_GLOBAL},
    {"2002:a00:1::1", DHT_SCOPE_PRIVATE},
    {"2002:7f00:1::1", DHT_SCOPE_LOOPBACK},
    {"2002:a9fe:101::1", DHT_SCOPE_LINK},
    {"2002:6440:1::1", DHT_SCOPE_PRIVATE},
    {"2002::1", DHT_SCOPE_NONE},
    {"2002:e000:1::1", DHT_SCOPE_NONE},
    {"2003::1", DHT_SCOPE_GLOBAL},
    {"::ffff:10.0.0.1", DHT_SCOPE_PRIVATE},
    {"::ffff:127.0.0.1", DHT_SCOPE_LOOPBACK},
    {"::ffff:8.8.8.8", DHT_SCOPE_GLOBAL},
};

static void test_scopes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        struct wire_peer_hop h = at(scopes[i].ip, 1);

        if (dht_scope_of(&h) != scopes[i].scope)
            fail_msg("%s", scopes[i].ip);
        h.port = 0;
        assert_int_equal(dht_scope_of(&h), DHT_SCOPE_NONE);
    }
}

static void test_normal_form(void **state)
{
    struct wire_peer_hop a = at("::ffff:11.2.3.4", 7001), b = at("11.2.3.4", 7001);

    (void)state;
    assert_false(dht_hop_same(&a, &b));
    memset(b.ip + 4, 0xee, 12); /* the other bytes do not matter */
    dht_hop_normalise(&a);
    dht_hop_normalise(&b);
    assert_true(dht_hop_same(&a, &b));
    assert_memory_equal(a.ip, b.ip, 16);
    b.transport = WIRE_QUIC;
    assert_false(dht_hop_same(&a, &b));
    assert_true(dht_hop_same_ip(&a, &b));
    b.transport = WIRE_TCP;
    b.port++;
    assert_false(dht_hop_same(&a, &b));
}

static void test_networks(void **state)
{
    static const struct {
        const char *a, *b;
        bool same_bucket, same_probe;
    } cases[] = {
        {"11.2.3.4", "11.2.3.200", true, true},
        {"11.2.3.4", "11.2.2.4", false, false},
        {"2001:db8:1200::1", "2001:db8:12ff::9", true, false},
        {"2001:db8:1234::1", "2001:db8:1234:ffff::9", true, true},
        {"2001:db8:1300::1", "2001:db8:1200::9", false, false},
        {"11.2.3.4", "0b02:304::", false, false},
        {"11.2.3.4", "::ffff:11.2.3.9", true, true},
        {"11.2.3.4", "64:ff9b::11.2.3.9", true, true},
        {"11.2.3.4", "64:ff9b::11.2.4.4", false, false},
        {"64:ff9b::11.2.3.4", "64:ff9b::11.2.4.4", false, false},
        {"11.2.3.4", "64:ff9b:1::11.2.3.9", true, true},
        {"11.2.3.4", "64:ff9b:1:2:3:4:11.2.3.9", true, true},
        {"64:ff9b:1:2::11.2.3.4", "64:ff9b:1:2::11.2.4.4", false, false},
        {"11.2.3.4", "2002:b02:309:ffff::1", true, true},
        {"2002:b02:304::1", "2002:b02:404::1", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_peer_hop a = at(cases[i].a, 1), b = at(cases[i].b, 2);

        assert_int_equal(dht_hop_net(&a, DHT_NET_BUCKET) == dht_hop_net(&b, DHT_NET_BUCKET),
                         cases[i].same_bucket);
        assert_int_equal(dht_hop_net(&a, DHT_NET_PROBE) == dht_hop_net(&b, DHT_NET_PROBE),
                         cases[i].same_probe);
    }
}

static void test_sockets_and_text(void **state)
{
    static const char *const texts[] = {"tcp://11.2.3.4:7001", "tcp://[2001:db8::7]:65535"};
    struct wire_peer_hop hops[] = {at("11.2.3.4", 7001), at("2001:db8::7", 65535)}, back;
    struct sockaddr_storage addr;
    char text[DHT_HOP_TEXT];

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dht_hop_sockaddr(&hops[i], &addr),
                         i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_true(dht_hop_from(&addr, &back));
        assert_true(dht_hop_same(&hops[i], &back));
        dht_hop_text(&back, text, sizeof(text));
        assert_string_equal(text, texts[i]);
    }
    addr.ss_family = AF_UNIX;
    assert_false(dht_hop_from(&addr, &back));
}

static void test_other_transport(void **state)
{
    struct wire_peer_hop tcp = at("11.2.3.4", 7001), quic, back;

    (void)state;
    assert_true(dht_hop_other_transport(&tcp, &quic));
    assert_int_equal(quic.port, 7000);
    assert_int_equal(quic.transport, WIRE_QUIC);
    assert_true(dht_hop_other_transport(&quic, &back));
    assert_true(dht_hop_same(&back, &tcp));
    tcp.port = 1;
    assert_false(dht_hop_other_transport(&tcp, &quic));
    quic.port = UINT16_MAX;
    assert_false(dht_hop_other_transport(&quic, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes),          cmocka_unit_test(test_normal_form),
        cmocka_unit_test(test_networks),        cmocka_unit_test(test_sockets_and_text),
        cmocka_unit_test(test_other_transport),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
