/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Datagrams of unknown peers to a listening worker of plugins/quic. The sockets on loopback are
 * real, so the kernel joins and splits datagrams; the time is simulated. No peer here can complete
 * a handshake. Therefore no connection opens, and no peer receives more than three times the bytes
 * that it sent. After the host closes all admitted connections and time passes, no object is left.
 */
#include <string.h>

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "conformance/conformance.h"
#include "fuzz/quic_records.h"
#include "quic/worker.h"
#include "sim/prng.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define CONNS_MAX 64
#define SECOND_NS UINT64_C(1000000000)
#define TURNS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const struct relay_transport *relay_transport_v1(void);
uint64_t __wrap_uv_hrtime(void);

struct peer {
    int fd;
    uint64_t said, heard; /* bytes sent, bytes received */
    uint8_t id[20];       /* the server's latest connection id, of id_len bytes */
    uint8_t id_len;
};

static struct {
    const struct relay_transport *transport;
    struct relay_host host;
    struct relay_worker *worker;
    void *driver, *state;
    struct relay_listener *listener;
    struct relay_conn *conns[CONNS_MAX];
    struct peer peers[QUIC_PEERS];
    struct sim_prng random;
    uint64_t now_ns;
} w;

uint64_t __wrap_uv_hrtime(void)
{
    return w.now_ns;
}

/* -- the host -- */

static void *on_admit(struct relay_worker *worker, const struct relay_transport *t,
                      struct relay_conn *c, const struct sockaddr *peer)
{
    (void)worker, (void)t;
    RT_INSIST(peer->sa_family == AF_INET);
    for (int i = 0; i < CONNS_MAX; i++) {
        if (!w.conns[i]) {
            w.conns[i] = c;
            return &w.conns[i];
        }
    }
    return NULL;
}

static void on_opened(void *user)
{
    (void)user;
    RT_INSIST(!"a stranger has opened");
}

static void on_alloc(void *user, uint8_t **out, size_t *out_len)
{
    (void)out, (void)out_len;
    on_opened(user);
}

static bool on_data(void *user, size_t n)
{
    (void)n;
    on_opened(user);
    return false;
}

static void on_sent(void *user, size_t left)
{
    (void)left;
    on_opened(user);
}

static void on_closed(void *user, enum relay_end end, const char *detail)
{
    struct relay_conn **c = user;

    (void)end, (void)detail;
    RT_INSIST(*c);
    *c = NULL;
}

static void give_random(struct relay_worker *worker, void *out, size_t len)
{
    (void)worker;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)sim_prng_next(&w.random);
}

static int give_secret(const char *name, void *out, size_t len)
{
    (void)name;
    memset(out, 0x5e, len);
    return 0;
}

static void make_peers(const struct sockaddr_in *server)
{
    for (unsigned i = 0; i < QUIC_PEERS; i++) {
        w.peers[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        RT_INSIST(w.peers[i].fd >= 0);
        RT_INSIST(connect(w.peers[i].fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    }
}

static void on_idle(uv_idle_t *h)
{
    (void)h;
}

/* An active idle handle, so that the loop never sleeps. */
static void keep_awake(uv_loop_t *loop)
{
    static uv_idle_t idle;

    uv_idle_init(loop, &idle);
    uv_idle_start(&idle, on_idle);
}

static void begin(void)
{
    static const struct relay_events events = {.size = sizeof(events),
                                               .admit = on_admit,
                                               .opened = on_opened,
                                               .alloc = on_alloc,
                                               .data = on_data,
                                               .eof = on_opened,
                                               .sent = on_sent,
                                               .closed = on_closed};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct relay_listen spec = {
        .addr = (struct sockaddr *)&at, .addr_len = sizeof(at), .fd = -1, .count = 1};
    struct sockaddr_storage bound;
    const struct relay_host *host;
    struct relay_error err;

    w.now_ns = SECOND_NS;
    w.transport = relay_transport_v1();
    w.driver = cf_driver_uv.open(&events, &host, &w.worker);
    w.host = *host;
    w.host.random = give_random;
    w.host.secret = give_secret;
    keep_awake(host->loop(w.worker));
    RT_INSIST(w.transport->worker_init(&w.host, w.worker, &w.state, &err) == 0);
    RT_INSIST(w.transport->listen(w.state, &spec, &w.listener, &bound, &err) == 0);
    memcpy(&at, &bound, sizeof(at));
    make_peers(&at);
}

/* -- peers -- */

static void note_id(struct peer *p, const uint8_t *bytes, size_t n)
{
    size_t at;

    if (n < 7 || (bytes[0] & 0x80) == 0)
        return;
    at = 6 + (size_t)bytes[5];
    if (at < n && bytes[at] <= sizeof(p->id) && at + 1 + bytes[at] <= n) {
        p->id_len = bytes[at];
        memcpy(p->id, bytes + at + 1, p->id_len);
    }
}

static void hear(void)
{
    uint8_t bytes[2048];

    for (unsigned i = 0; i < QUIC_PEERS; i++) {
        struct peer *p = &w.peers[i];
        ssize_t n;

        while ((n = recv(p->fd, bytes, sizeof(bytes), 0)) >= 0) {
            p->heard += (size_t)n;
            note_id(p, bytes, (size_t)n);
        }
        RT_INSIST(p->heard <= 3 * p->said);
    }
}

static void turn(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cf_driver_uv.turn(w.driver, 0);
    hear();
}

static void pass_time(unsigned how)
{
    static const uint64_t steps[] = {1000000, 30000000, SECOND_NS, 11 * SECOND_NS};

    w.now_ns += steps[how & 3];
    if (how)
        turn(TURNS);
}

/* Writes the connection id to its place in each datagram. */
static void patch(const struct peer *p, uint8_t *bytes, size_t n, size_t segment)
{
    for (size_t at = 0; p->id_len > 0 && at < n; at += segment) {
        size_t offset = at + (bytes[at] & 0x80 ? 6 : 1);

        if (offset + p->id_len > n)
            return;
        if (bytes[at] & 0x80)
            bytes[offset - 1] = p->id_len;
        memcpy(bytes + offset, p->id, p->id_len);
    }
}

static void say(unsigned flags, const uint8_t *bytes, size_t n, uint16_t segment)
{
    struct peer *p = &w.peers[flags & QUIC_RECORD_FROM];
    uint8_t *copy = malloc(n + 1);
    int size = segment;
    ssize_t sent;

    RT_INSIST(copy);
    memcpy(copy, bytes, n);
    if (flags & QUIC_RECORD_PATCHED)
        patch(p, copy, n, segment ? segment : n + 1);
    (void)setsockopt(p->fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
    sent = send(p->fd, copy, n, 0);
    if (sent > 0)
        p->said += (size_t)sent;
    free(copy);
    turn(TURNS);
}

static void finish(void)
{
    for (int i = 0; i < CONNS_MAX; i++) {
        if (w.conns[i])
            w.transport->close(w.conns[i], RELAY_CLOSE_ABORT);
    }
    turn(TURNS);
    w.now_ns += 100 * SECOND_NS; /* closed connections stop answering */
    turn(TURNS);
    for (int i = 0; i < CONNS_MAX; i++)
        RT_INSIST(!w.conns[i]);
    RT_INSIST(((struct quic_worker *)w.state)->cids.count == 0);
    RT_INSIST(((struct quic_worker *)w.state)->conns == 0);
    RT_INSIST(cf_driver_uv.buffers_live(w.driver) == 0);
    for (unsigned i = 0; i < QUIC_PEERS; i++)
        w.peers[i] = (struct peer){.fd = w.peers[i].fd};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 1;

    if (!w.state)
        begin();
    if (size == 0)
        return 0;
    w.random.state = 1;
    ((struct quic_worker *)w.state)->always_retry = data[0] & QUIC_OPTION_RETRY;
    while (at + QUIC_RECORD_HEAD + 2 <= size) {
        unsigned flags = data[at];
        size_t n = (size_t)data[at + 1] << 8 | data[at + 2];
        uint16_t segment = 0;

        at += QUIC_RECORD_HEAD;
        if (flags & QUIC_RECORD_JOINED) {
            segment = (uint16_t)(data[at] << 8 | data[at + 1]);
            at += 2;
        }
        if (n > size - at)
            n = size - at;
        pass_time((flags & QUIC_RECORD_LATER) >> 4);
        say(flags, data + at, n, segment);
        at += n;
    }
    finish();
    return 0;
}
