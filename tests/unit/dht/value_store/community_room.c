/* SPDX-License-Identifier: MPL-2.0 */
#include "community_room.h"

#include "wire_limits.h"

static const uint8_t hash_key[16] = "community-rooms";

void room_init(struct room *m)
{
    *m = (struct room){.index = dht_communities_new(hash_key)};
    memset(m->id, 7, sizeof(m->id));
}

static void record_free(struct room_record *x)
{
    relay_slice_drop(&x->value);
    free(x->texts);
    free(x);
}

void room_fini(struct room *m)
{
    dht_communities_free(&m->index);
    for (uint32_t i = 0; i < m->count; i++)
        record_free(m->records[i]);
    assert_int_equal(rt_buf_live(), 0);
}

static struct room_record *record_new(struct room *m, enum dht_record_kind kind, uint32_t number,
                                      uint64_t expires_s)
{
    struct room_record *x = calloc(1, sizeof(*x));

    assert_non_null(x);
    assert_true(m->count < ROOM_RECORDS);
    m->records[m->count++] = x;
    test_key(number, x->id);
    x->expires_s = expires_s;
    x->r.kind = kind;
    x->r.id = x->id;
    x->r.value = &x->value;
    x->r.expires_s = &x->expires_s;
    return x;
}

/* Encodes into a new buffer. */
static void encode(struct room_record *x)
{
    static uint8_t bytes[LIM_VALUE_MAX];
    struct wire_writer w;
    uint32_t len;
    bool fits;

    wire_writer_init(&w, bytes, sizeof(bytes));
    if (x->r.kind == DHT_RECORD_MEMBER)
        wire_write_member_record(&w, &x->member);
    else
        wire_write_share_record(&w, &x->share);
    len = (uint32_t)wire_writer_len(&w, &fits);
    assert_true(fits);
    x->value = rt_slice_copy(bytes, len);
    assert_non_null(x->value.owner);
}

struct room_record *room_add_member(struct room *m, uint32_t number, enum wire_member_status status,
                                    uint64_t expires_s)
{
    struct room_record *x = record_new(m, DHT_RECORD_MEMBER, number, expires_s);

    memcpy(x->member.community_id, m->id, 32);
    memcpy(x->member.member_node_pubkey, x->id, 32);
    x->member.announce_seq = number * UINT64_C(1000003);
    x->member.status = status;
    encode(x);
    dht_communities_enter(m->index, m->id, &x->r, NOW_S);
    return x;
}

static struct wire_bytes text_of(uint8_t *at, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    memcpy(at, text ? text : "", len);
    return (struct wire_bytes){text ? at : NULL, (uint32_t)len};
}

struct room_record *room_add_share(struct room *m, uint32_t number, const char *title,
                                   const char *description, uint64_t updated_at, uint64_t expires_s)
{
    struct room_record *x = record_new(m, DHT_RECORD_SHARE, number, expires_s);

    x->texts = malloc((title ? strlen(title) : 0) + (description ? strlen(description) : 0) + 1);
    assert_non_null(x->texts);
    memcpy(x->share.community_id, m->id, 32);
    memcpy(x->share.share_id, x->id, 32);
    test_key(number + 1000000, x->share.share_pubkey);
    x->share.latest_seq = number;
    x->r.updated_at = x->share.updated_at = updated_at;
    x->share.title = text_of(x->texts, title);
    x->share.description = text_of(x->texts + x->share.title.len, description);
    encode(x);
    dht_communities_enter(m->index, m->id, &x->r, NOW_S);
    return x;
}

void room_remove(struct room *m, struct room_record *x)
{
    uint32_t i = 0;

    while (m->records[i] != x)
        i++;
    memmove(&m->records[i], &m->records[i + 1], (m->count - i - 1) * sizeof(m->records[0]));
    m->count--;
    dht_communities_leave(m->index, &x->r, NOW_S);
    record_free(x);
}

static int compare(const void *a, const void *b)
{
    const struct room_record *x = *(struct room_record *const *)a;
    const struct room_record *y = *(struct room_record *const *)b;

    return memcmp(x->id, y->id, 32);
}

void room_sort(struct room *m)
{
    qsort(m->records, m->count, sizeof(m->records[0]), compare);
}

struct wire_browse_request room_request(const struct room *m, const char *cursor, uint16_t limit)
{
    struct wire_browse_request q = {.limit = limit};

    memcpy(q.community_id, m->id, sizeof(q.community_id));
    if (cursor)
        q.cursor = (struct wire_bytes){(const uint8_t *)cursor, (uint32_t)strlen(cursor)};
    return q;
}

void room_cursor(const uint8_t id[32], char out[65])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", id[i]);
}

void room_expect(struct relay_slice reply, const struct wire_writer *want)
{
    bool fits;
    size_t len = wire_writer_len(want, &fits);

    assert_true(fits);
    assert_int_equal(reply.len, len);
    assert_memory_equal(reply.ptr, want->start, len);
    relay_slice_drop(&reply);
}
