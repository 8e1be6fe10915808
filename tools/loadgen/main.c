/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scp2p-relay-bench: loads any SCP2P relay as clients do, and prints the figures of the load and
 * the cost to the server. The last line is key=value pairs.
 *
 * Invariant: a lane belongs to one thread while the load runs. Until its thread has ended, the main
 * thread reads only the counters that are atomic.
 */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "host/fd_limit.h"
#include "host/loop_uv.h"
#include "host/os_seams.h"
#include "host/services.h"
#include "load.h"
#include "process.h"
#include "transport/conn.h"
#include "transport/loader.h"

#define THREADS_MAX 16u

struct options {
    const char *mode, *relay, *plugin;
    enum wire_dialect dialect;
    uint32_t threads, nodes, conns, size, answer, per, secs, rate, members, every;
    int pid;
};

struct bench {
    struct options o;
    struct load_plan plan;
    struct rt_system *sys;
    struct rt_door *door;
    const struct relay_transport *transport;
    struct rt_loop *loops[THREADS_MAX];
    void *states[THREADS_MAX];
    struct load_lane *lanes[THREADS_MAX];
};

static const char usage[] =
    "usage: scp2p-relay-bench MODE --relay HOST:PORT [options]\n"
    "\n"
    "  connect   per request a fresh connection: both handshakes, one relayed request, close\n"
    "  request   standing connections, small relayed requests one after another\n"
    "  bulk      the same with 256 KiB answers\n"
    "  idle      tunnels that do nothing: memory each, CPU while idle\n"
    "  store     standing connections that store new values in the DHT at a steady rate\n"
    "  members   members of one community: each connects every S seconds, stores its record, "
    "closes\n"
    "  find-node the same connections, with FindNode in place of the record\n"
    "\n"
    "  --dialect D   dialect of the clients: a (crates up to 0.3.2), b (0.4.0), c (later) (c)\n"
    "  --transport T over tls or quic (tls)\n"
    "  --pid N       the relay's process: its CPU time and memory are reported\n"
    "  --nodes N     nodes behind tunnels (64; idle: 1000)\n"
    "  --conns N     requesters at once (32)\n"
    "  --size B      bytes of a request's payload (256)\n"
    "  --answer B    bytes of an answer's payload, 0: the request's own (0; bulk: 262144)\n"
    "  --per N       requests per standing connection (160)\n"
    "  --secs N      connect, store, members, find-node: how long; idle: how long to watch (8)\n"
    "  --rate N      store: values a second, of all together (1000); a key may store 10 a second\n"
    "  --members N   members, find-node: how many (10000)\n"
    "  --every S     members, find-node: seconds between two connections of a member (60)\n"
    "  --threads N   worker threads of this program (1)\n";

static double now_s(void)
{
    const struct rt_seams *s = rt_os_seams();

    return (double)s->mono_ns(s->ctx) / 1e9;
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

/* -- options -- */

static bool parse_u32(const char *text, uint32_t *out)
{
    char *end;
    unsigned long v;

    errno = 0;
    v = strtoul(text, &end, 10);
    if (errno || end == text || *end || v > 1u << 30 || text[0] == '-')
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool parse_transport(const char *text, const char **out_plugin)
{
    if (strcmp(text, "tls") == 0)
        *out_plugin = "tcp_tls";
    else if (strcmp(text, "quic") == 0)
        *out_plugin = "quic";
    else
        return false;
    return true;
}

static bool parse_dialect(const char *text, enum wire_dialect *out)
{
    if (text[0] < 'a' || text[0] >= 'a' + WIRE_DIALECTS || text[1])
        return false;
    *out = (enum wire_dialect)(text[0] - 'a');
    return true;
}

/* The option's number, or NULL if its value is none. */
static uint32_t *number_of(struct options *o, uint32_t *pid, int c)
{
    return c == 'p'   ? pid
           : c == 'n' ? &o->nodes
           : c == 'c' ? &o->conns
           : c == 's' ? &o->size
           : c == 'a' ? &o->answer
           : c == 'e' ? &o->per
           : c == 't' ? &o->secs
           : c == 'v' ? &o->rate
           : c == 'j' ? &o->threads
           : c == 'm' ? &o->members
           : c == 'y' ? &o->every
                      : NULL;
}

static bool parse_option(struct options *o, uint32_t *pid, int c, const char *value)
{
    uint32_t *number = number_of(o, pid, c);
    const char *wanted = NULL;

    if (c == 'r')
        o->relay = value;
    else if (c == 'x' && !parse_transport(value, &o->plugin))
        wanted = "--transport takes tls or quic";
    else if (c == 'd' && !parse_dialect(value, &o->dialect))
        wanted = "--dialect takes a, b or c";
    else if (number && !parse_u32(value, number))
        wanted = "a number is needed";
    if (wanted)
        fprintf(stderr, "bench: '%s': %s\n", value, wanted);
    return !wanted && c != '?';
}

static bool is_usable(const struct options *o)
{
    return o->mode && o->relay && o->threads >= 1 && o->threads <= THREADS_MAX &&
           o->nodes >= o->threads && o->rate >= 1 && o->members >= o->threads && o->every >= 1 &&
           o->size <= 900000 && o->answer <= 1000000;
}

static bool parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"relay", required_argument, NULL, 'r'},
        {"pid", required_argument, NULL, 'p'},
        {"nodes", required_argument, NULL, 'n'},
        {"conns", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 's'},
        {"answer", required_argument, NULL, 'a'},
        {"per", required_argument, NULL, 'e'},
        {"secs", required_argument, NULL, 't'},
        {"rate", required_argument, NULL, 'v'},
        {"threads", required_argument, NULL, 'j'},
        {"transport", required_argument, NULL, 'x'},
        {"dialect", required_argument, NULL, 'd'},
        {"members", required_argument, NULL, 'm'},
        {"every", required_argument, NULL, 'y'},
        {NULL, 0, NULL, 0},
    };
    uint32_t pid = 0;
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (!parse_option(o, &pid, c, optarg))
            return false;
    }
    o->pid = (int)pid;
    o->mode = optind < argc ? argv[optind] : NULL;
    if (o->mode && strcmp(o->mode, "bulk") == 0 && o->answer == 0)
        o->answer = 262144;
    return optind + 1 == argc && is_usable(o);
}

static bool resolve(const char *text, struct load_plan *plan)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char host[256];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    int e;

    if (!colon || len == 0 || len >= sizeof(host)) {
        fprintf(stderr, "bench: --relay %s: expected HOST:PORT\n", text);
        return false;
    }
    if (text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    e = getaddrinfo(host, colon + 1, &hints, &found);
    if (e != 0) {
        fprintf(stderr, "bench: --relay %s: %s\n", host, gai_strerror(e));
        return false;
    }
    memcpy(&plan->relay, found->ai_addr, found->ai_addrlen);
    plan->relay_len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool mode_of(const char *name, enum load_mode *out)
{
    static const struct {
        const char *name;
        enum load_mode mode;
    } modes[] = {
        {"connect", LOAD_CONNECT},     {"request", LOAD_REQUEST}, {"bulk", LOAD_REQUEST},
        {"idle", LOAD_IDLE},           {"store", LOAD_STORE},     {"members", LOAD_MEMBERS},
        {"find-node", LOAD_FIND_NODE},
    };

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(name, modes[i].name) == 0) {
            *out = modes[i].mode;
            return true;
        }
    }
    fprintf(stderr, "bench: unknown mode '%s'\n", name);
    return false;
}

static bool plan_of(const struct options *o, struct load_plan *plan)
{
    if (!mode_of(o->mode, &plan->mode))
        return false;
    plan->dialect = o->dialect;
    switch (plan->mode) {
    case LOAD_STORE:
        plan->requesters = o->conns;
        plan->every_ns = (uint64_t)o->conns * RT_S / o->rate;
        break;
    case LOAD_MEMBERS:
    case LOAD_FIND_NODE:
        plan->requesters = o->members;
        plan->every_ns = o->every * RT_S;
        break;
    case LOAD_CONNECT:
    case LOAD_REQUEST:
    case LOAD_IDLE:
        plan->requesters = plan->mode == LOAD_IDLE ? 0 : o->conns;
        plan->nodes = o->nodes;
        plan->request_bytes = o->size;
        plan->answer_bytes = o->answer;
        plan->per = o->per;
        break;
    }
    return resolve(o->relay, plan);
}

/* -- start and end -- */

static uint32_t share(uint32_t all, uint32_t threads, uint32_t index)
{
    return all / threads + (index < all % threads);
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

static bool start_lane(struct bench *b, uint16_t i, uint32_t first_member,
                       const struct relay_host *host, struct relay_error *err)
{
    struct rt_worker *w = rt_system_worker(b->sys, i);
    struct load_plan plan = b->plan;

    plan.nodes = share(b->plan.nodes, b->o.threads, i);
    plan.requesters = share(b->plan.requesters, b->o.threads, i);
    plan.first_member = first_member;
    if (rt_loop_new(w, &b->loops[i]) != RT_ERR_OK) {
        snprintf(err->text, sizeof(err->text), "cannot start a worker");
        return false;
    }
    rt_conn_worker_init(w, b->door, load_acceptor());
    if (b->transport->worker_init(host, w, &b->states[i], err) != 0)
        return false;
    rt_services_set_state(b->o.plugin, i, b->states[i]);
    b->lanes[i] = load_lane_new(w, b->transport, b->states[i], &plan);
    return true;
}

static bool start(struct bench *b, struct relay_error *err)
{
    struct rt_door_limits limits = {1, 1, 1};
    uint8_t hash_key[16] = {0};
    char path[4096];
    const struct relay_host *host;
    uint32_t first_member = 0;

    if (rt_loader_find(b->o.plugin, path, sizeof(path), err) != RT_ERR_OK ||
        rt_loader_open(path, &b->transport, err) != RT_ERR_OK)
        return false;
    b->sys = rt_system_new((uint16_t)b->o.threads, rt_os_seams());
    rt_services_init(&(struct rt_services_config){.system = b->sys,
                                                  .worker_count = (uint16_t)b->o.threads,
                                                  .events = &rt_conn_events,
                                                  .secret = fresh_secret});
    host = rt_services_add(b->o.plugin);
    if (rt_door_new(&limits, 1, hash_key, &b->door) != RT_ERR_OK) {
        snprintf(err->text, sizeof(err->text), "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < b->o.threads; i++) {
        if (!start_lane(b, i, first_member, host, err))
            return false;
        first_member += share(b->plan.requesters, b->o.threads, i);
    }
    for (uint32_t i = 0; i < b->o.threads; i++)
        if (rt_loop_start(b->loops[i], "bench") != RT_ERR_OK)
            return false;
    return true;
}

static void notify_all(struct bench *b, uint16_t kind)
{
    for (uint32_t i = 0; i < b->o.threads; i++)
        rt_send_external(b->sys, load_lane_addr(b->lanes[i]),
                         rt_msg_new(kind, sizeof(struct rt_msg)));
}

static uint32_t nodes_ready(const struct bench *b)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->o.threads; i++)
        n += load_lane_nodes_ready(b->lanes[i]);
    return n;
}

static uint32_t nodes_alive(const struct bench *b)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->o.threads; i++)
        n += load_lane_nodes_alive(b->lanes[i]);
    return n;
}

static bool all_finished(const struct bench *b)
{
    for (uint32_t i = 0; i < b->o.threads; i++)
        if (!load_lane_finished(b->lanes[i]))
            return false;
    return true;
}

static void collect(struct bench *b, struct load_figures *out)
{
    notify_all(b, LOAD_STOP);
    pause_ms(100);
    for (uint32_t i = 0; i < b->o.threads; i++)
        rt_loop_stop(b->loops[i]);
    for (uint32_t i = 0; i < b->o.threads; i++) {
        rt_loop_join(b->loops[i]);
        load_lane_figures(b->lanes[i], out);
    }
}

/* -- modes -- */

static bool open_nodes(struct bench *b)
{
    double end = now_s() + 10 + b->plan.nodes / 200.0;

    notify_all(b, LOAD_OPEN_NODES);
    while (nodes_ready(b) < b->plan.nodes && now_s() < end)
        pause_ms(5);
    return nodes_ready(b) == b->plan.nodes;
}

static void report(const struct bench *b, const struct load_figures *f, double secs,
                   const struct process_usage *before, const struct process_usage *after)
{
    double cpu_s = after->cpu_s - before->cpu_s;
    double gb = (double)f->bytes / 1e9;

    if (f->failures)
        fprintf(stderr, "bench: %llu failures, the first: %s\n", (unsigned long long)f->failures,
                f->first_failure);
    printf("%s n=%llu failures=%llu per_s=%.0f gb=%.3f gb_per_s=%.3f p50_ms=%.3f p90_ms=%.3f "
           "p99_ms=%.3f max_ms=%.3f",
           b->o.mode, (unsigned long long)f->requests, (unsigned long long)f->failures,
           (double)f->requests / secs, gb, gb / secs,
           (double)histogram_percentile(&f->latency, 50) / 1e6,
           (double)histogram_percentile(&f->latency, 90) / 1e6,
           (double)histogram_percentile(&f->latency, 99) / 1e6, (double)f->latency.max_ns / 1e6);
    if (b->o.pid)
        printf(" cpu_s=%.2f per_cpu_s=%.0f cpu_s_per_gb=%.3f rss_mb=%.1f rss_more_mb=%.1f "
               "written_mb=%.1f",
               cpu_s, cpu_s > 0 ? (double)f->requests / cpu_s : 0, gb > 0 ? cpu_s / gb : 0,
               (double)after->rss_bytes / 1e6,
               ((double)after->rss_bytes - (double)before->rss_bytes) / 1e6,
               (double)(after->written_bytes - before->written_bytes) / 1e6);
    printf("\n");
}

static int run_requests(struct bench *b)
{
    static struct load_figures figures;
    struct process_usage before = {0}, after = {0};
    double t0, secs;

    process_usage(b->o.pid, &before);
    t0 = now_s();
    notify_all(b, LOAD_START);
    if (b->plan.mode != LOAD_REQUEST)
        pause_ms((long)b->o.secs * 1000);
    else
        while (!all_finished(b) && now_s() < t0 + 600)
            pause_ms(2);
    secs = now_s() - t0;
    process_usage(b->o.pid, &after);
    collect(b, &figures);
    report(b, &figures, secs, &before, &after);
    return figures.requests > 0 && figures.failures == 0 ? 0 : 1;
}

static int run_idle(struct bench *b, const struct process_usage *empty, double up_s)
{
    static struct load_figures figures;
    struct process_usage full = {0}, later = {0};
    uint32_t alive;

    pause_ms(3000);
    process_usage(b->o.pid, &full);
    pause_ms((long)b->o.secs * 1000);
    process_usage(b->o.pid, &later);
    alive = nodes_alive(b);
    collect(b, &figures);
    printf("idle n=%u alive=%u up_s=%.1f", b->plan.nodes, alive, up_s);
    if (b->o.pid)
        printf(" rss_kib_each=%.2f later=%.2f cpu_pct_idle=%.2f",
               (double)(full.rss_bytes - empty->rss_bytes) / 1024.0 / b->plan.nodes,
               (double)(later.rss_bytes - empty->rss_bytes) / 1024.0 / b->plan.nodes,
               (later.cpu_s - full.cpu_s) / b->o.secs * 100);
    printf("\n");
    return alive == b->plan.nodes ? 0 : 1;
}

static int run(struct bench *b)
{
    static struct load_figures figures;
    struct process_usage empty = {0};
    double t0 = now_s();

    if (b->o.pid && !process_usage(b->o.pid, &empty)) {
        fprintf(stderr, "bench: --pid %d: no such process\n", b->o.pid);
        return 2;
    }
    if (!open_nodes(b)) {
        uint32_t ready = nodes_ready(b);

        collect(b, &figures);
        fprintf(stderr, "bench: only %u of %u nodes have a tunnel: %s\n", ready, b->plan.nodes,
                figures.first_failure[0] ? figures.first_failure : "the relay does not answer");
        return 1;
    }
    return b->plan.mode == LOAD_IDLE ? run_idle(b, &empty, now_s() - t0) : run_requests(b);
}

int main(int argc, char **argv)
{
    static struct bench b = {.o = {.plugin = "tcp_tls",
                                   .threads = 1,
                                   .conns = 32,
                                   .size = 256,
                                   .per = 160,
                                   .secs = 8,
                                   .rate = 1000,
                                   .dialect = WIRE_DIALECT_C,
                                   .members = 10000,
                                   .every = 60}};
    struct relay_error err = {.text = ""};
    uint64_t fds;

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    b.o.nodes = argc > 1 && strcmp(argv[1], "idle") == 0 ? 1000 : 64;
    if (!parse_options(argc, argv, &b.o)) {
        fputs(usage, stderr);
        return 2;
    }
    if (!plan_of(&b.o, &b.plan))
        return 2;
    signal(SIGPIPE, SIG_IGN);
    rt_budget_configure(UINT64_C(4) << 30);
    if (rt_crypto_init() != RT_ERR_OK || rt_fd_limit_raise(&fds) != RT_ERR_OK || !start(&b, &err)) {
        fprintf(stderr, "bench: %s\n", err.text[0] ? err.text : "cannot start");
        return 1;
    }
    return run(&b);
}
