/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/storage_msg.h"

#include <string.h>

#include "base/check.h"
#include "storage/gate.h"
#include "wire_limits.h"

static void write_fini(struct rt_msg *m)
{
    struct storage_write *w = RT_MSG_CAST(m, struct storage_write, m->kind);

    storage_gate_leave(w);
    relay_slice_drop(&w->payload);
}

static struct storage_write *write_new(enum storage_kind kind, struct relay_slice payload)
{
    struct storage_write *w = rt_msg_new(kind, sizeof(*w));

    w->msg.fini = write_fini;
    w->payload = payload;
    rt_list_init(&w->order);
    return w;
}

static struct storage_write *value_write(enum storage_kind kind, const uint8_t key[32],
                                         const uint8_t sub[32], struct relay_slice value)
{
    struct storage_write *w = write_new(kind, value);

    memcpy(w->row_key, key, 32);
    memcpy(w->row_key + 32, sub, 32);
    return w;
}

static struct storage_write *peer_write(enum storage_kind kind, const char *addr_key,
                                        struct relay_slice payload)
{
    struct storage_write *w = write_new(kind, payload);
    size_t len = strlen(addr_key);

    RT_REQUIRE(len > 0 && len <= STORAGE_ADDR_KEY_MAX);
    memcpy(w->row_key, addr_key, len);
    return w;
}

struct storage_write *storage_put_value_new(const uint8_t key[32], const uint8_t sub[32],
                                            struct relay_slice value, uint64_t expires_s,
                                            uint64_t event, uint64_t origin_peer,
                                            uint64_t origin_net)
{
    struct storage_write *w = value_write(STORAGE_PUT_VALUE, key, sub, value);

    w->expires_s = expires_s;
    w->event = event;
    w->origin_peer = origin_peer;
    w->origin_net = origin_net;
    return w;
}

struct storage_write *storage_drop_value_new(const uint8_t key[32], const uint8_t sub[32])
{
    return value_write(STORAGE_DROP_VALUE, key, sub, (struct relay_slice){0});
}

struct storage_write *storage_put_peer_new(const char *addr_key, struct relay_slice payload,
                                           uint8_t dialects, uint8_t last)
{
    struct storage_write *w;

    RT_REQUIRE(payload.len <= STORAGE_PEER_BYTES_MAX);
    w = peer_write(STORAGE_PUT_PEER, addr_key, payload);
    w->dialects = dialects;
    w->last_dialect = last;
    return w;
}

struct storage_write *storage_drop_peer_new(const char *addr_key)
{
    return peer_write(STORAGE_DROP_PEER, addr_key, (struct relay_slice){0});
}

struct storage_write *storage_put_pins_new(struct relay_slice pins)
{
    return write_new(STORAGE_PUT_PINS, pins);
}

static struct storage_write *id_write(enum storage_kind kind, const uint8_t id[32],
                                      struct relay_slice payload)
{
    struct storage_write *w = write_new(kind, payload);

    memcpy(w->row_key, id, 32);
    return w;
}

struct storage_write *storage_put_mark_new(const uint8_t community_id[32], uint64_t mark,
                                           uint64_t expires_s)
{
    struct storage_write *w = id_write(STORAGE_PUT_MARK, community_id, (struct relay_slice){0});

    w->event = mark;
    w->expires_s = expires_s;
    return w;
}

struct storage_write *storage_put_identity_record_new(const uint8_t key[32],
                                                      struct relay_slice value)
{
    RT_REQUIRE(value.len <= LIM_VALUE_MAX);
    return id_write(STORAGE_PUT_IDENTITY_RECORD, key, value);
}

struct storage_write *storage_drop_identity_record_new(const uint8_t key[32])
{
    return id_write(STORAGE_DROP_IDENTITY_RECORD, key, (struct relay_slice){0});
}

struct storage_flush *storage_flush_new(void)
{
    return rt_msg_new(STORAGE_FLUSH, sizeof(struct storage_flush));
}

bool storage_send(const struct storage_client *to, struct rt_worker *from, struct storage_write *w)
{
    struct rt_msg *m = &w->msg;

    if (storage_gate_enter(to->gate, w)) {
        rt_send(from, to->addr, m);
        return true;
    }
    rt_msg_free(&m);
    return false;
}
