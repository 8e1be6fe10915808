/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The simulated network, seen from its outside: peers of the relay open *links* to listening
 * addresses and hold their outer end; the inner end is a relay_conn of the simulated transport.
 *
 * Each direction of a link is a pipe with latency, jitter, bandwidth and a bounded receive window;
 * bytes arrive in pieces of random size, in order. A peer may read slowly or not at all, close its
 * half, reset, or vanish without a word.
 *
 * Everything here runs on the world's thread. Callbacks come from later events, never from inside
 * a call.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "world.h"

#define SIM_KEEPALIVE_NS (45 * RT_S) /* a vanished peer is noticed by the transport after this */

enum sim_secure {
    SIM_SECURE_OK,    /* the secure handshake takes one round trip */
    SIM_SECURE_NEVER, /* it never ends: the peer connects and says nothing */
    SIM_SECURE_FAILS, /* the peer speaks something else */
};

/* The condition of one link. Zero bytes per second: no limit. */
struct sim_path {
    uint64_t latency_ns, jitter_ns; /* one way */
    uint64_t up_bytes_s;            /* from the peer to the relay */
    uint64_t down_bytes_s;
    uint64_t read_bytes_s; /* how fast the peer's program reads; SIM_NEVER: it does not */
    uint32_t up_window;    /* bytes the relay's system receives unread */
    uint32_t down_window;  /* bytes the peer's system receives unread */
    uint32_t send_buffer;  /* bytes the relay's system takes from it unacknowledged */
    uint32_t split_max;    /* longest piece; 1: byte by byte */
    enum sim_secure secure;
};

/* A plausible path from the world's generator: anything from a LAN to a bad radio link. */
void sim_path_random(struct sim_world *w, struct sim_path *out);
/* A fast and clean one. */
void sim_path_good(struct sim_path *out);

struct sim_link;

enum sim_gone {
    SIM_GONE_ORDERLY, /* both halves were closed */
    SIM_GONE_RESET,   /* the relay reset or refused it */
};

struct sim_link_ops {
    void (*opened)(void *user);
    void (*data)(void *user, const uint8_t *ptr, size_t len);
    void (*eof)(void *user);
    /* The last; the link is gone. */
    void (*closed)(void *user, enum sim_gone how);
};

/* Connects from one address to another. */
struct sim_link *sim_connect(struct sim_net *n, const struct sockaddr *from,
                             const struct sockaddr *to, const struct sim_path *path,
                             const struct sim_link_ops *ops, void *user);
/* Any amount, also before opened; leaves as the path allows. */
void sim_link_send(struct sim_link *l, const void *ptr, size_t len);
/* Bytes sent that the relay's system has not received. */
size_t sim_link_unsent(const struct sim_link *l);
/* Closes the sending half, after what was sent. */
void sim_link_fin(struct sim_link *l);
/* Changes how fast the program reads. */
void sim_link_read_rate(struct sim_link *l, uint64_t bytes_s);
/* No byte is sent or read for this time: a radio shadow, a swapped-out program. */
void sim_link_stall(struct sim_link *l, uint64_t for_ns);
/* These three give the link up: no callback follows. close: FIN after what was sent, what comes is
 * read and thrown away. vanish: not a word, the relay's dead-peer detection must find out. */
void sim_link_close(struct sim_link *l);
void sim_link_reset(struct sim_link *l);
void sim_link_vanish(struct sim_link *l);

/* The fate of a relay's dial, chosen when it is made: NULL or SIM_PASS lets it through. */
enum sim_pass { SIM_PASS, SIM_REFUSE, SIM_SILENCE /* no reply ever */ };
typedef enum sim_pass sim_filter_fn(void *ctx, const struct sockaddr *from,
                                    const struct sockaddr *to);
void sim_net_set_filter(struct sim_net *n, sim_filter_fn *fn, void *ctx);

/* Links that exist. */
uint32_t sim_net_links(const struct sim_net *n);

struct sim_net *sim_net_new(struct sim_world *w);
void sim_net_free(struct sim_net **n);

/* 10.a.b.c-style addresses for tests: host is the low 24 bits. */
void sim_addr4(struct sockaddr_storage *out, uint32_t ip, uint16_t port);
void sim_addr6(struct sockaddr_storage *out, uint64_t net, uint64_t host, uint16_t port);
bool sim_addr_equal(const struct sockaddr *a, const struct sockaddr *b);

#endif
