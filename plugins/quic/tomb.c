/* SPDX-License-Identifier: MPL-2.0 */
#include "tomb.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define LIFE_PTOS 3u

static uint64_t hash_of(struct quic_worker *qw, const ngtcp2_cid *id)
{
    return quic_cid_hash(&qw->cids, id->data, id->datalen);
}

static void tomb_free(struct quic_worker *qw, struct quic_tomb *t)
{
    rt_list_unlink(&t->node);
    qw->tomb_count--;
    for (uint8_t i = 0; i < t->count; i++)
        quic_cid_map_remove(&qw->cids, t->hashes[i], &t->owner);
    free(t);
}

/* In the order in which they were made, which is near enough that of their ends. */
static void note_next(struct quic_worker *qw)
{
    qw->tombs_ns = rt_list_empty(&qw->tombs)
                       ? QUIC_NEVER
                       : RT_CONTAINER_OF(qw->tombs.next, struct quic_tomb, node)->until_ns;
}

void quic_tomb_raise(struct quic_socket *s, const struct quic_engine *e,
                     const struct quic_owner *from, const uint8_t *goodbye, size_t len)
{
    struct quic_worker *qw = s->worker;
    const ngtcp2_path *path = quic_engine_path(e);
    ngtcp2_cid ids[QUIC_ENGINE_IDS_MAX];
    size_t n = quic_engine_ids(e, ids);
    struct quic_tomb *t = malloc(sizeof(*t) + n * sizeof(t->hashes[0]) + len);

    if (!t)
        abort();
    if (qw->tomb_count >= QUIC_TOMBS_MAX && !rt_list_empty(&qw->tombs)) {
        tomb_free(qw, RT_CONTAINER_OF(qw->tombs.next, struct quic_tomb, node));
        quic_count(qw, QUIC_COUNTER_TOMBS_LOST, 1);
    }
    *t = (struct quic_tomb){.owner.kind = QUIC_OWNER_TOMB,
                            .len = (uint16_t)len,
                            .answer_at = 1,
                            .socket = s,
                            .until_ns = qw->now_ns + LIFE_PTOS * quic_engine_pto(e)};
    memcpy(&t->local, path->local.addr, path->local.addrlen);
    memcpy(&t->remote, path->remote.addr, path->remote.addrlen);
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = hash_of(qw, &ids[i]);

        if (quic_cid_map_move(&qw->cids, hash, from, &t->owner))
            t->hashes[t->count++] = hash;
    }
    if (len > 0)
        memcpy(t->hashes + t->count, goodbye, len);
    rt_list_init(&t->node);
    rt_list_push_back(&qw->tombs, &t->node);
    qw->tomb_count++;
    note_next(qw);
    quic_worker_arm(qw);
}

/* Ever more rarely: a peer that does not listen is not to be talked at. */
void quic_tomb_answer(struct quic_tomb *t)
{
    struct quic_datagram o = {
        .local = &t->local,
        .remote = &t->remote,
        .bytes = (const uint8_t *)(t->hashes + t->count),
        .len = t->len,
        .segment = t->len,
    };

    if (++t->received < t->answer_at || t->len == 0 || t->socket->is_blocked)
        return;
    t->answer_at = 2 * t->received;
    quic_socket_write(t->socket, &o);
}

void quic_tombs_expire(struct quic_worker *qw)
{
    while (!rt_list_empty(&qw->tombs)) {
        struct quic_tomb *t = RT_CONTAINER_OF(qw->tombs.next, struct quic_tomb, node);

        if (t->until_ns > qw->now_ns)
            break;
        tomb_free(qw, t);
    }
    note_next(qw);
}

void quic_tombs_drop(struct quic_worker *qw, const struct quic_socket *of)
{
    struct rt_list *n = qw->tombs.next;

    while (n != &qw->tombs) {
        struct quic_tomb *t = RT_CONTAINER_OF(n, struct quic_tomb, node);

        n = n->next;
        if (t->socket == of)
            tomb_free(qw, t);
    }
    note_next(qw);
}
