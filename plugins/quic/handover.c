/* SPDX-License-Identifier: MPL-2.0 */
/* Datagrams that came to another worker than their connection's, which happens where the kernel
 * does not steer them, and while listeners come and go. */
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"

static uint32_t size_of(const struct quic_packet *p)
{
    return (uint32_t)sizeof(*p) + p->len;
}

/* On the worker it is for; state: its struct quic_worker, NULL: gone. */
static void on_posted(void *state, void *arg)
{
    struct quic_worker *qw = state;
    struct quic_packet *p = arg;
    struct rt_list *n;

    if (qw) {
        atomic_fetch_sub_explicit(&qw->shared->posted[qw->env.worker], size_of(p),
                                  memory_order_relaxed);
        quic_worker_clock(qw);
        for (n = qw->sockets.next; n != &qw->sockets; n = n->next) {
            struct quic_socket *s = RT_CONTAINER_OF(n, struct quic_socket, node);

            /* its own socket on the same address */
            if (memcmp(&s->udp.local, &p->local, sizeof(p->local)) == 0 ||
                (s->udp.is_wildcard && s->udp.local.any.sa_family == p->local.any.sa_family &&
                 s->udp.local.v4.sin_port == p->local.v4.sin_port)) {
                quic_endpoint_datagram(s, &p->local, &p->remote, p->ecn, p->bytes, p->len);
                break;
            }
        }
        quic_input_end_train(qw);
    }
    free(p);
}

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "a port is in the same place");

void quic_handover(struct quic_socket *s, uint16_t to, const union quic_addr *local,
                   const union quic_addr *remote, uint8_t ecn, const uint8_t *p, size_t n)
{
    struct quic_worker *qw = s->worker;
    _Atomic uint32_t *posted = &qw->shared->posted[to];
    struct quic_packet *packet = malloc(sizeof(*packet) + n);
    uint32_t size;

    if (!packet)
        abort();
    *packet =
        (struct quic_packet){.local = *local, .remote = *remote, .ecn = ecn, .len = (uint32_t)n};
    memcpy(packet->bytes, p, n);
    size = size_of(packet);
    if (atomic_fetch_add_explicit(posted, size, memory_order_relaxed) + size <=
            QUIC_POSTED_BYTES_MAX &&
        qw->host->post(to, qw->table->name, on_posted, packet)) {
        quic_count(qw, QUIC_COUNTER_POSTED, 1);
        return;
    }
    free(packet);
    atomic_fetch_sub_explicit(posted, size, memory_order_relaxed);
    quic_count(qw, QUIC_COUNTER_POSTED_LOST, 1);
}
