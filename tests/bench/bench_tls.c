/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Measures the CPU cost of TLS in plugins/tcp_tls. It is a benchmark, not a test: it prints
 * figures and does not compare them with a limit.
 *
 *     bench_tls handshake [SECONDS]   full handshakes in memory, the server's CPU alone, by signer
 *     bench_tls record [SECONDS]      sealing and opening records of 64 B to 16 KiB in memory
 *     bench_tls idle [SESSIONS]       heap bytes of an open session that holds nothing
 *     bench_tls bulk [FRAMES]         256 KiB frames through the plugin over loopback, both ends on
 *                                     one thread
 */
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "conformance/conformance.h"
#include "tcp_tls/tls_engine.h"

#define NS_PER_S UINT64_C(1000000000)

struct side {
    struct tls_engine engine;
    struct tls_wire wire;
    uint8_t out[64 * 1024];
    size_t out_len;
    uint64_t cpu_ns; /* spent in this side's calls */
};

static uint64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static bool on_write(struct tls_engine *e, const struct iovec *v, int count)
{
    struct side *s = RT_CONTAINER_OF(e, struct side, engine);

    for (int i = 0; i < count; i++) {
        if (s->out_len + v[i].iov_len > sizeof(s->out))
            return false;
        memcpy(s->out + s->out_len, v[i].iov_base, v[i].iov_len);
        s->out_len += v[i].iov_len;
    }
    return true;
}

static void begin(struct side *s, const struct tls_creds *creds, bool is_server)
{
    s->wire = (struct tls_wire){.write = on_write};
    s->out_len = 0;
    if (!tls_engine_init(&s->engine, creds, is_server, &s->wire))
        abort();
}

static enum tls_result step(struct side *s, struct side *from)
{
    uint64_t start = cpu_ns();
    enum tls_result r;

    s->wire.in = from->out;
    s->wire.in_len = from->out_len;
    r = tls_engine_handshake(&s->engine);
    from->out_len = 0;
    s->cpu_ns += cpu_ns() - start;
    return r;
}

static void handshake(struct side *client, struct side *server, const struct tls_creds *creds)
{
    uint64_t start;

    begin(client, creds, false);
    start = cpu_ns();
    begin(server, creds, true);
    server->cpu_ns += cpu_ns() - start;
    if (step(client, server) != TLS_AGAIN || step(server, client) != TLS_AGAIN ||
        step(client, server) != TLS_DONE || step(server, client) != TLS_DONE)
        abort();
}

static struct tls_creds *make_creds(enum tls_signer signer)
{
    uint8_t seed[TLS_SEED_BYTES] = {1}, serial[TLS_SERIAL_BYTES] = {2};
    struct relay_error err;
    struct tls_creds *creds;

    if (tls_creds_new(seed, serial, 1700000000, signer, TLS_PRIORITY, &creds, &err) != 0)
        abort();
    return creds;
}

static void bench_handshake(struct side *client, struct side *server, unsigned seconds)
{
    static const char *const names[] = {"libsodium signs", "gnutls signs"};
    struct tls_creds *creds[2] = {make_creds(TLS_SIGNER_SODIUM), make_creds(TLS_SIGNER_GNUTLS)};
    uint64_t count[2] = {0}, server_ns[2] = {0}, client_ns[2] = {0};
    uint64_t until = cpu_ns() + seconds * NS_PER_S, start;

    /* in turns, so that what else the machine does falls on both */
    for (unsigned i = 0; cpu_ns() < until; i = (i + 1) % 2) {
        client->cpu_ns = server->cpu_ns = 0;
        for (int k = 0; k < 20; k++, count[i]++) {
            handshake(client, server, creds[i]);
            tls_engine_fini(&client->engine);
            start = cpu_ns();
            tls_engine_fini(&server->engine);
            server->cpu_ns += cpu_ns() - start;
        }
        server_ns[i] += server->cpu_ns;
        client_ns[i] += client->cpu_ns;
    }
    for (int i = 0; i < 2; i++) {
        printf("%-16s %6.1f us a handshake on the server, %6.0f per CPU second; client %6.1f us\n",
               names[i], (double)server_ns[i] / 1e3 / (double)count[i],
               (double)count[i] * 1e9 / (double)server_ns[i],
               (double)client_ns[i] / 1e3 / (double)count[i]);
        tls_creds_free(&creds[i]);
    }
}

static void bench_record(struct side *client, struct side *server, unsigned seconds)
{
    static const size_t sizes[] = {64, 260, 1024, 4096, 16384};
    static uint8_t plain[TLS_RECORD_MAX];
    struct tls_creds *creds = make_creds(TLS_SIGNER_SODIUM);

    handshake(client, server, creds);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t until = cpu_ns() + seconds * NS_PER_S, seal_ns = 0, open_ns = 0, count = 0, t0, t1;

        while (cpu_ns() < until) {
            unsigned batch = sizes[i] > 1024 ? 3 : 40;

            t0 = cpu_ns();
            for (unsigned k = 0; k < batch; k++)
                tls_engine_seal(&client->engine, plain, sizes[i]);
            t1 = cpu_ns();
            seal_ns += t1 - t0;
            server->wire.in = client->out;
            server->wire.in_len = client->out_len;
            for (unsigned k = 0; k < batch; k++)
                if (tls_engine_open(&server->engine, plain, sizeof(plain)) != (ssize_t)sizes[i])
                    abort();
            open_ns += cpu_ns() - t1;
            client->out_len = 0;
            count += batch;
        }
        printf("%5zu bytes: seal %7.0f ns, open %7.0f ns (%.2f and %.2f CPU s per GB)\n", sizes[i],
               (double)seal_ns / (double)count, (double)open_ns / (double)count,
               (double)seal_ns / (double)count / (double)sizes[i],
               (double)open_ns / (double)count / (double)sizes[i]);
    }
    tls_engine_fini(&client->engine);
    tls_engine_fini(&server->engine);
    tls_creds_free(&creds);
}

static void bench_idle(unsigned sessions)
{
    struct tls_creds *creds = make_creds(TLS_SIGNER_SODIUM);
    struct side *client = calloc(1, sizeof(*client)), *scratch = calloc(1, sizeof(*scratch));
    struct tls_engine *open = calloc(sessions, sizeof(*open));
    size_t before;

    if (!client || !scratch || !open)
        abort();
    handshake(client, scratch, creds);
    tls_engine_fini(&client->engine);
    tls_engine_fini(&scratch->engine);
    before = mallinfo2().uordblks;
    for (unsigned i = 0; i < sessions; i++) {
        handshake(client, scratch, creds);
        tls_engine_fini(&client->engine);
        open[i] = scratch->engine;
    }
    printf("%u idle sessions: %zu heap bytes each\n", sessions,
           (mallinfo2().uordblks - before) / sessions);
    for (unsigned i = 0; i < sessions; i++)
        tls_engine_fini(&open[i]);
    free(open);
    free(client);
    free(scratch);
    tls_creds_free(&creds);
}

/* -- bulk -- */

#define FRAME_BYTES (256u * 1024u)
#define IN_FLIGHT (2u * FRAME_BYTES)

const struct relay_transport *relay_transport_v1(void);

static struct {
    const struct relay_host *host;
    struct relay_conn *from, *to;
    unsigned frames_left;
    uint64_t received;
    unsigned closed;
    uint8_t scratch[64 * 1024];
} bulk;

static void send_frame(void)
{
    struct relay_buf *b = bulk.host->buf_new(FRAME_BYTES);
    struct relay_vec v = {.count = 1};

    if (!b)
        abort();
    memset(b->bytes, 0, 64); /* no one reads the rest */
    v.slice[0] = relay_slice_own(b, b->bytes, FRAME_BYTES);
    relay_transport_v1()->send(bulk.from, &v);
}

static void *on_admit(struct relay_worker *w, const struct relay_transport *t, struct relay_conn *c,
                      const struct sockaddr *peer)
{
    (void)w, (void)t, (void)peer;
    bulk.to = c;
    return &bulk.to;
}

static void on_opened(void *user)
{
    if (user == &bulk.from)
        send_frame();
}

static void on_alloc(void *user, uint8_t **out, size_t *out_len)
{
    (void)user;
    *out = bulk.scratch;
    *out_len = sizeof(bulk.scratch);
}

static bool on_data(void *user, size_t n)
{
    (void)user;
    bulk.received += n;
    return false;
}

static void on_eof(void *user)
{
    (void)user;
}

static void on_sent(void *user, size_t left)
{
    (void)user;
    for (; left < IN_FLIGHT && bulk.frames_left > 0; left += FRAME_BYTES, bulk.frames_left--)
        send_frame();
}

static void on_closed(void *user, enum relay_end end, const char *detail)
{
    (void)user, (void)end, (void)detail;
    bulk.closed++;
}

static const struct relay_events bulk_events = {
    .size = sizeof(struct relay_events),
    .admit = on_admit,
    .opened = on_opened,
    .alloc = on_alloc,
    .data = on_data,
    .eof = on_eof,
    .sent = on_sent,
    .closed = on_closed,
};

static void bench_bulk(unsigned frames)
{
    const struct cf_driver *d = &cf_driver_uv;
    const struct relay_transport *t = relay_transport_v1();
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct relay_listen spec = {
        .addr = (struct sockaddr *)&addr, .addr_len = sizeof(addr), .fd = -1, .count = 1};
    uint64_t total = (uint64_t)frames * FRAME_BYTES, start;
    struct sockaddr_storage bound;
    struct relay_listener *l;
    struct relay_worker *w;
    struct relay_error err;
    void *driver, *state;

    bulk.frames_left = frames - 1;
    driver = d->open(&bulk_events, &bulk.host, &w);
    if (t->worker_init(bulk.host, w, &state, &err) != 0 ||
        t->listen(state, &spec, &l, &bound, &err) != 0 ||
        t->dial(state, (struct sockaddr *)&bound, sizeof(addr), &bulk.from, &bulk.from, &err) != 0)
        abort();
    start = cpu_ns();
    while (bulk.received < total && !bulk.closed)
        d->turn(driver, NS_PER_S);
    printf("%u frames of 256 KiB: %.2f CPU s per GB, both ends\n", frames,
           (double)(cpu_ns() - start) / (double)bulk.received);
    t->unlisten(l);
    t->close(bulk.from, RELAY_CLOSE_ABORT);
    t->close(bulk.to, RELAY_CLOSE_ABORT);
    while (bulk.closed < 2)
        d->turn(driver, NS_PER_S);
    t->worker_fini(state);
    d->close(driver);
}

int main(int argc, char **argv)
{
    static struct side client, server;
    unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

    if (argc > 1 && strcmp(argv[1], "handshake") == 0)
        bench_handshake(&client, &server, n ? n : 3);
    else if (argc > 1 && strcmp(argv[1], "record") == 0)
        bench_record(&client, &server, n ? n : 1);
    else if (argc > 1 && strcmp(argv[1], "idle") == 0)
        bench_idle(n ? n : 1000);
    else if (argc > 1 && strcmp(argv[1], "bulk") == 0)
        bench_bulk(n ? n : 8000);
    else
        fprintf(stderr, "usage: bench_tls handshake|record|idle|bulk [SECONDS or COUNT]\n");
    return 0;
}
