/* SPDX-License-Identifier: MPL-2.0 */
#include "parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define LISTEN_HELP "give IP:PORT, such as 0.0.0.0:7001 or [::]:7001, or \"\" for no listener"
#define PEER_HELP "give HOST:PORT, tcp://HOST:PORT or quic://HOST:PORT, with @KEY (64 hex digits)"
#define ANNOUNCE_HELP "give tcp://IP:PORT or quic://IP:PORT"

static bool fail(struct cfg_fault *fault, const char *what, const char *help)
{
    snprintf(fault->text, sizeof(fault->text), "%s: %s", what, help);
    return false;
}

void cfg_addr_text(const struct sockaddr_storage *addr, char *out, size_t cap)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(out, cap, "[%s]:%u", host, (unsigned)ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(out, cap, "%s:%u", host, (unsigned)ntohs(in->sin_port));
    }
}

/* An endpoint cut in two; host without its brackets. */
struct endpoint {
    char host[CFG_HOST_MAX];
    uint16_t port;
    bool is_bracketed;
};

static bool parse_port(const char *text, uint16_t *out)
{
    unsigned v = 0;

    if (*text == '\0' || strlen(text) > 5)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        v = v * 10 + (unsigned)(*text - '0');
    }
    if (v > UINT16_MAX)
        return false;
    *out = (uint16_t)v;
    return true;
}

static bool split(const char *text, const char *help, struct endpoint *out, struct cfg_fault *fault)
{
    const char *host = text, *colon;
    size_t len;

    out->is_bracketed = text[0] == '[';
    if (out->is_bracketed) {
        const char *close = strchr(text, ']');

        if (!close || close[1] != ':')
            return fail(fault, "has no [address]:port", help);
        host++;
        len = (size_t)(close - host);
        colon = close + 1;
    } else {
        colon = strchr(text, ':');
        if (!colon)
            return fail(fault, "has no port", help);
        if (strchr(colon + 1, ':'))
            return fail(fault, "has an IPv6 address without brackets", help);
        len = (size_t)(colon - text);
    }
    if (len == 0 || len >= sizeof(out->host))
        return fail(fault, "has no host that could be used", help);
    if (!parse_port(colon + 1, &out->port))
        return fail(fault, "has no port between 0 and 65535", help);
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    return true;
}

/* Fills in the address when the host is a literal one. */
static bool literal(const struct endpoint *e, struct sockaddr_storage *out, socklen_t *out_len)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
    bool ok = e->is_bracketed ? inet_pton(AF_INET6, e->host, &in6.sin6_addr) == 1
                              : inet_pton(AF_INET, e->host, &in.sin_addr) == 1;

    if (!ok)
        return false;
    memset(out, 0, sizeof(*out));
    if (e->is_bracketed)
        memcpy(out, &in6, sizeof(in6));
    else
        memcpy(out, &in, sizeof(in));
    *out_len = e->is_bracketed ? sizeof(in6) : sizeof(in);
    return true;
}

bool cfg_parse_listen(const char *text, struct cfg_listen *out, struct cfg_fault *fault)
{
    struct cfg_listen l = {.is_enabled = true};
    struct endpoint e;

    if (*text == '\0') {
        *out = (struct cfg_listen){.is_enabled = false};
        return true;
    }
    if (!split(text, LISTEN_HELP, &e, fault))
        return false;
    if (!literal(&e, &l.addr, &l.addr_len))
        return fail(fault, "is not an IP address and port", LISTEN_HELP);
    *out = l;
    return true;
}

/* Letters, digits, hyphens and underscores between dots; the last label is no number, so that a
 * mistyped IPv4 address is not taken for a name. */
static bool is_host_name(const char *host)
{
    bool label_is_number = true;
    size_t label = 0;

    for (const char *p = host; *p; p++) {
        bool is_digit = *p >= '0' && *p <= '9';

        if (*p == '.') {
            if (label == 0)
                return false;
            if (p[1] != '\0') {
                label = 0;
                label_is_number = true;
            }
            continue;
        }
        if (!is_digit && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && *p != '-' &&
            *p != '_')
            return false;
        label_is_number = label_is_number && is_digit;
        if (++label > 63)
            return false;
    }
    return label > 0 && !label_is_number && strlen(host) <= 253;
}

static bool is_unspecified(const struct sockaddr_storage *a)
{
    static const struct in6_addr mapped = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}}};

    if (a->ss_family == AF_INET6) {
        const struct in6_addr *ip = &((const struct sockaddr_in6 *)a)->sin6_addr;

        return IN6_IS_ADDR_UNSPECIFIED(ip) || memcmp(ip, &mapped, sizeof(mapped)) == 0;
    }
    return ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool parse_key(const char *text, uint8_t out[32])
{
    if (strlen(text) != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);

        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

/* Takes the scheme off the front; false: one we do not know. */
static bool take_scheme(const char **text, enum cfg_scheme *out)
{
    const char *sep = strstr(*text, "://");

    *out = CFG_TCP;
    if (!sep)
        return true;
    if (strncmp(*text, "quic://", 7) == 0)
        *out = CFG_QUIC;
    else if (strncmp(*text, "tcp://", 6) != 0)
        return false;
    *text = sep + 3;
    return true;
}

static bool check_host(const struct endpoint *e, bool needs_address, struct cfg_peer *p,
                       struct cfg_fault *fault)
{
    const char *help = needs_address ? ANNOUNCE_HELP : PEER_HELP;

    p->is_literal = literal(e, &p->addr, &p->addr_len);
    if (!p->is_literal && e->is_bracketed)
        return fail(fault, "has no IPv6 address between the brackets", help);
    if (!p->is_literal && needs_address)
        return fail(fault, "is not an IP address and port", help);
    if (!p->is_literal && !is_host_name(e->host))
        return fail(fault, "is neither a host name nor an IP address", help);
    if (p->is_literal && is_unspecified(&p->addr))
        return fail(fault, "stands for any address, which cannot be dialled", help);
    if (e->port == 0)
        return fail(fault, "has port 0, which cannot be dialled", help);
    return true;
}

bool cfg_parse_peer(const char *text, bool needs_address, struct cfg_peer *out,
                    struct cfg_fault *fault)
{
    const char *help = needs_address ? ANNOUNCE_HELP : PEER_HELP, *rest = text, *at;
    struct cfg_peer p = {0};
    struct endpoint e;

    if (strlen(text) >= sizeof(p.text))
        return fail(fault, "is too long", help);
    memcpy(p.text, text, strlen(text) + 1);
    if (!take_scheme(&rest, &p.scheme))
        return fail(fault, "has an unknown scheme", help);
    at = strchr(rest, '@');
    if (at) {
        char host[CFG_PEER_TEXT_MAX];

        if (!parse_key(at + 1, p.key))
            return fail(fault, "has no key of 64 hex digits after the @", help);
        p.has_key = true;
        memcpy(host, rest, (size_t)(at - rest));
        host[at - rest] = '\0';
        if (!split(host, help, &e, fault))
            return false;
    } else if (!split(rest, help, &e, fault)) {
        return false;
    }
    if (!check_host(&e, needs_address, &p, fault))
        return false;
    memcpy(p.host, e.host, sizeof(p.host));
    p.port = e.port;
    *out = p;
    return true;
}
