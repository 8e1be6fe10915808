/* SPDX-License-Identifier: MPL-2.0 */
/*
 * dial_probe tls|quic HOST PORT a|b|c [EXPECTED_KEY]: dials a server as the relay dials its peers
 * (the transport, then the initiator's side of the handshake in that dialect) and prints one line:
 *     ready pubkey=<hex>        exit 0
 *     failed: <why>             exit 1
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "host/loop_uv.h"
#include "host/os_seams.h"
#include "host/services.h"
#include "session/dial.h"
#include "transport/loader.h"

static struct {
    struct dial *dial;
    char line[256];
    bool is_ready;
    _Atomic bool is_over;
} probe;

static void on_ready(void *user, const uint8_t key[32])
{
    char hex[65];

    (void)user;
    rt_hex(key, 32, hex);
    snprintf(probe.line, sizeof(probe.line), "ready pubkey=%s", hex);
    probe.is_ready = true;
    dial_close(probe.dial);
    atomic_store(&probe.is_over, true);
}

/* Asks nothing, so there is nothing to answer. */
static void on_answer(void *user, const struct wire_envelope *e)
{
    (void)user;
    (void)e;
}

static void on_ended(void *user, const struct dial_end *why)
{
    (void)user;
    snprintf(probe.line, sizeof(probe.line), "failed: %s",
             why->refusal ? wire_refusal_info(why->refusal)->reason : "the connection ended");
    atomic_store(&probe.is_over, true);
}

static const struct dial_ops probe_ops = {on_ready, on_answer, on_ended};

static void *refuse_connection(void *ctx, struct rt_conn *c, const struct rt_conn_ops **out_ops)
{
    (void)ctx;
    (void)c;
    (void)out_ops;
    return NULL;
}

/* The relay keeps a transport's secrets; nothing of ours outlives the process. */
static int fresh_secret(void *ctx, const char *transport, const char *name, void *out, size_t len)
{
    const struct rt_seams *s = rt_os_seams();

    (void)ctx;
    (void)transport;
    (void)name;
    s->random(s->ctx, out, len);
    return 0;
}

static bool parse_key(const char *hex, uint8_t out[32])
{
    for (int i = 0; i < 32; i++) {
        unsigned v;

        if (sscanf(hex + 2 * (size_t)i, "%2x", &v) != 1)
            return false;
        out[i] = (uint8_t)v;
    }
    return strlen(hex) == 64;
}

static bool parse_dialect(const char *letter, enum wire_dialect *out)
{
    if (letter[0] < 'a' || letter[0] >= 'a' + WIRE_DIALECTS || letter[1] != '\0')
        return false;
    *out = (enum wire_dialect)(letter[0] - 'a');
    return true;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct rt_door_limits limits = {1, 1, 1};
    const struct relay_transport *t;
    struct relay_error err = {.text = "cannot start"};
    struct rt_sign_key identity;
    struct dial_hello hello = {.identity = &identity};
    struct rt_system *sys;
    struct rt_worker *w;
    struct rt_loop *loop;
    struct rt_door *door;
    uint8_t seed[32], key[32];
    const char *plugin;
    char path[4096];
    void *state;

    if (argc < 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 ||
        !parse_dialect(argv[4], &hello.dialect) || (argc > 5 && !parse_key(argv[5], key))) {
        fprintf(stderr, "usage: dial_probe tls|quic IPV4 PORT a|b|c [EXPECTED_KEY]\n");
        return 2;
    }
    plugin = strcmp(argv[1], "quic") == 0 ? "quic" : "tcp_tls";
    to.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
    signal(SIGPIPE, SIG_IGN);
    rt_budget_configure(64u << 20);
    if (rt_crypto_init() != RT_ERR_OK ||
        rt_loader_find(plugin, path, sizeof(path), &err) != RT_ERR_OK ||
        rt_loader_open(path, &t, &err) != RT_ERR_OK)
        goto failed;
    sys = rt_system_new(1, rt_os_seams());
    w = rt_system_worker(sys, 0);
    rt_services_init(&(struct rt_services_config){
        .system = sys, .worker_count = 1, .events = &rt_conn_events, .secret = fresh_secret});
    rt_random(w, seed, sizeof(seed));
    rt_sign_key_from_seed(seed, &identity);
    hello.expected_key = argc > 5 ? key : NULL;
    if (rt_loop_new(w, &loop) != RT_ERR_OK || rt_door_new(&limits, 1, seed, &door) != RT_ERR_OK)
        goto failed;
    rt_conn_worker_init(w, door, (struct rt_conn_acceptor){refuse_connection, NULL});
    if (t->worker_init(rt_services_add(plugin), w, &state, &err) != 0 ||
        dial_open(w, &hello, t, state, (const struct sockaddr *)&to, sizeof(to), &probe_ops, NULL,
                  &probe.dial, &err) != RT_ERR_OK ||
        rt_loop_start(loop, "probe") != RT_ERR_OK)
        goto failed;
    for (int i = 0; i < 2000 && !atomic_load(&probe.is_over); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    rt_loop_stop(loop);
    rt_loop_join(loop);
    printf("%s\n", probe.line[0] ? probe.line : "failed: no answer in time");
    return probe.is_ready ? 0 : 1;
failed:
    printf("failed: %s\n", err.text);
    return 1;
}
