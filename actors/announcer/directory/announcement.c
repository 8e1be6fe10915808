/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/directory/announcement.h"

#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "wire_limits.h"

struct relay_slice announcement_encode(const struct wire_announcement *a)
{
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_writer w;
    bool fits;
    size_t len;

    wire_writer_init(&w, room, sizeof(room));
    wire_write_announcement(&w, a);
    len = wire_writer_len(&w, &fits);
    return fits ? rt_slice_copy(room, (uint32_t)len) : (struct relay_slice){0};
}

/* The bytes that are signed; 0: too many. */
static size_t covered(const struct wire_announcement *a, uint8_t room[ANNOUNCEMENT_ROOM])
{
    struct wire_writer w;
    bool fits;
    size_t len;

    wire_writer_init(&w, room, ANNOUNCEMENT_ROOM);
    wire_write_announcement_signed(&w, a);
    len = wire_writer_len(&w, &fits);
    return fits ? len : 0;
}

struct relay_slice announcement_make(const struct rt_sign_key *identity,
                                     const struct announcer_addrs *addrs,
                                     const struct announcement_fields *of)
{
    struct wire_announcement a = {
        .capabilities = {.relay = true, .has_community_fields = of->form == ANNOUNCEMENT_FORM_8},
        .max_tunnels = of->max_tunnels,
        .bandwidth_class = of->bandwidth,
        .issued_at = of->issued_at,
        .expires_at = of->expires_at,
    };
    struct wire_peer peers[LIM_RELAY_ADDRS_MAX];
    uint8_t list[ANNOUNCEMENT_ROOM], room[ANNOUNCEMENT_ROOM];
    struct wire_writer w;
    bool fits;
    size_t len;

    for (uint32_t i = 0; i < addrs->count; i++)
        peers[i] = (struct wire_peer){.hop = addrs->at[i]};
    wire_writer_init(&w, list, sizeof(list));
    wire_write_peer_list(&w, peers, addrs->count);
    a.addrs.raw = (struct wire_bytes){list, (uint32_t)wire_writer_len(&w, &fits)};
    a.addrs.count = addrs->count;
    memcpy(a.relay_pubkey, identity->public_key, 32);
    len = covered(&a, room);
    RT_INSIST(fits && len > 0);
    rt_sign(identity, room, len, a.signature);
    return announcement_encode(&a);
}

bool announcement_is_sound(const struct wire_announcement *a, uint64_t now_s)
{
    return a->addrs.count <= LIM_RELAY_ADDRS_MAX && wire_announcement_is_valid(a) &&
           a->expires_at > now_s && a->issued_at <= now_s + LIM_HELLO_SKEW_S;
}

static bool is_signed(const struct wire_announcement *a)
{
    uint8_t room[ANNOUNCEMENT_ROOM];
    size_t len = covered(a, room);

    return len > 0 && rt_sign_verify(a->relay_pubkey, room, len, a->signature);
}

/* Tries the form that was sent first, because it is nearly always the signed form. */
bool announcement_verify(struct wire_announcement *a)
{
    struct wire_announcement other = *a;

    if (is_signed(a))
        return true;
    other.capabilities.has_community_fields = !a->capabilities.has_community_fields;
    if (!is_signed(&other))
        return false;
    *a = other;
    return true;
}

bool announcement_read(const struct relay_slice *encoded, uint8_t room[ANNOUNCEMENT_ROOM],
                       struct wire_announcement *out)
{
    if (encoded->len > ANNOUNCEMENT_ROOM)
        return false;
    memcpy(room, encoded->ptr, encoded->len);
    return wire_announcement_decode(room, encoded->len, out) == RT_ERR_OK;
}
