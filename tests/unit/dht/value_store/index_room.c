/* SPDX-License-Identifier: MPL-2.0 */
#include "index_room.h"

static const uint8_t hash_key[16] = "community-tests";

void index_id(uint32_t number, uint8_t out[32])
{
    rt_sha256(&number, sizeof(number), out);
}

static void on_put_mark(void *ctx, const uint8_t id[32], uint64_t mark, uint64_t expires_s)
{
    struct index_marks *m = ctx;
    uint32_t i = 0;

    while (i < m->count && memcmp(m->rows[i].id, id, 32) != 0)
        i++;
    if (i == INDEX_MARKS)
        return;
    m->count += i == m->count;
    memcpy(m->rows[i].id, id, 32);
    assert_true(mark >= m->rows[i].mark);
    m->rows[i].mark = mark;
    m->rows[i].expires_s = expires_s;
}

struct dht_communities *index_new(struct index_marks *m)
{
    struct dht_communities *c = dht_communities_new(hash_key);
    struct dht_communities_sink sink = {on_put_mark, m};

    dht_communities_set_sink(c, &sink);
    return c;
}

void index_record_init(struct index_record *x, uint32_t number, uint32_t community)
{
    *x = (struct index_record){0};
    index_id(number, x->id);
    index_id(community, x->community);
    x->community_number = community;
    x->r.kind = number % 3 == 0 ? DHT_RECORD_SHARE : DHT_RECORD_MEMBER;
    x->r.id = x->id;
    x->r.value = &x->value;
    x->r.expires_s = &x->expires_s;
}

void index_enter_and_leave(struct dht_communities *c, uint32_t community, uint64_t now_s,
                           uint64_t *out_event)
{
    struct index_record x;

    index_record_init(&x, 1, community);
    x.expires_s = now_s + 100;
    dht_communities_enter(c, x.community, &x.r, now_s);
    *out_event = x.r.event;
    dht_communities_leave(c, &x.r, now_s);
    assert_null(dht_community_find(c, x.community));
}
