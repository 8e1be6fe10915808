/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: an entry owns its ids in the map until it is freed. closing_ns is at most the time of
 * the oldest entry.
 */
#include "closing.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define LIFE_PTOS 3u

static uint64_t hash_of(struct quic_worker *qw, const ngtcp2_cid *id)
{
    return quic_cid_hash(&qw->cids, id->data, id->datalen);
}

static void closing_free(struct quic_worker *qw, struct quic_closing *q)
{
    rt_list_unlink(&q->node);
    qw->closing_count--;
    for (uint8_t i = 0; i < q->count; i++)
        quic_cid_map_remove(&qw->cids, q->hashes[i], &q->owner);
    free(q);
}

/* The list is in order of creation; the order of expiry differs from it by round trips only. */
static void note_next(struct quic_worker *qw)
{
    qw->closing_ns = rt_list_empty(&qw->closing)
                         ? QUIC_NEVER
                         : RT_CONTAINER_OF(qw->closing.next, struct quic_closing, node)->until_ns;
}

void quic_closing_add(struct quic_socket *s, const struct quic_engine *e,
                      const struct quic_owner *from, const uint8_t *close_packet, size_t len)
{
    struct quic_worker *qw = s->worker;
    const ngtcp2_path *path = quic_engine_path(e);
    ngtcp2_cid ids[QUIC_ENGINE_IDS_MAX];
    size_t n = quic_engine_ids(e, ids);
    struct quic_closing *q = malloc(sizeof(*q) + n * sizeof(q->hashes[0]) + len);

    if (!q)
        abort();
    PLUGIN_INSIST(quic_engine_has_ended(e));
    if (qw->closing_count >= QUIC_CLOSING_MAX && !rt_list_empty(&qw->closing)) {
        closing_free(qw, RT_CONTAINER_OF(qw->closing.next, struct quic_closing, node));
        quic_count(qw, QUIC_COUNTER_CLOSING_EVICTED, 1);
    }
    *q = (struct quic_closing){.owner.kind = QUIC_OWNER_CLOSING,
                               .len = (uint16_t)len,
                               .answer_at = 1,
                               .socket = s,
                               .until_ns = qw->now_ns + LIFE_PTOS * quic_engine_pto(e)};
    memcpy(&q->local, path->local.addr, path->local.addrlen);
    memcpy(&q->remote, path->remote.addr, path->remote.addrlen);
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = hash_of(qw, &ids[i]);

        if (quic_cid_map_move(&qw->cids, hash, from, &q->owner))
            q->hashes[q->count++] = hash;
    }
    if (len > 0)
        memcpy(q->hashes + q->count, close_packet, len);
    rt_list_init(&q->node);
    rt_list_push_back(&qw->closing, &q->node);
    qw->closing_count++;
    note_next(qw);
    quic_worker_arm(qw);
}

/* The rate falls: each answer takes twice as many packets as the one before (section 10.2.1). */
void quic_closing_answer(struct quic_closing *q)
{
    struct quic_datagram o = {
        .local = &q->local,
        .remote = &q->remote,
        .bytes = (const uint8_t *)(q->hashes + q->count),
        .len = q->len,
        .segment = q->len,
    };

    if (++q->received < q->answer_at || q->len == 0 || q->socket->is_blocked)
        return;
    q->answer_at = 2 * q->received;
    quic_socket_write(q->socket, &o);
}

void quic_closing_expire(struct quic_worker *qw)
{
    while (!rt_list_empty(&qw->closing)) {
        struct quic_closing *q = RT_CONTAINER_OF(qw->closing.next, struct quic_closing, node);

        if (q->until_ns > qw->now_ns)
            break;
        closing_free(qw, q);
    }
    note_next(qw);
}

void quic_closing_drop_of(struct quic_worker *qw, const struct quic_socket *s)
{
    struct rt_list *n = qw->closing.next;

    while (n != &qw->closing) {
        struct quic_closing *q = RT_CONTAINER_OF(n, struct quic_closing, node);

        n = n->next;
        if (q->socket == s)
            closing_free(qw, q);
    }
    note_next(qw);
}
