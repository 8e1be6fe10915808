/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Cuts the input into frames.
 *
 * Invariants: bytes are delivered in order, each once. A held connection delivers no frame: its
 * input is in the stash, and the transport is paused. The frame under way is either counted in
 * body_have or being discarded.
 */
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/metric.h"
#include "conn_private.h"
#include "transport/transport_limits.h"
#include "wire_envelope.h"
#include "wire_limits.h"

struct relay_slice rt_frame_take(struct rt_frame *f, const uint8_t *ptr, uint32_t len)
{
    RT_REQUIRE(ptr >= f->ptr && ptr + len <= f->ptr + f->len);
    if (!f->owner)
        return rt_slice_copy(ptr, len);
    relay_buf_ref(f->owner);
    return relay_slice_own(f->owner, ptr, len);
}

void conn_read_init(struct rt_conn *c)
{
    c->frame_max = c->keep_max = LIM_HANDSHAKE_FRAME_MAX;
}

void conn_read_fini(struct rt_conn *c)
{
    relay_buf_drop(&c->body);
    relay_slice_drop(&c->stash);
}

static bool is_in_frame(const struct rt_conn *c)
{
    return c->length_have > 0;
}

static void frame_reset(struct rt_conn *c)
{
    relay_buf_drop(&c->body);
    c->length_have = 0;
    c->body_have = c->body_len = 0;
    c->is_discarding = false;
    c->frame_deadline_ns = 0;
    if (c->idle_ns)
        c->idle_deadline_ns = rt_now_ns(c->cw->worker) + c->idle_ns;
}

static void frame_begin(struct rt_conn *c)
{
    c->frame_deadline_ns = rt_now_ns(c->cw->worker) + LIM_FRAME_NS;
    conn_arm_rx(c, c->frame_deadline_ns);
}

/* Room for the next bytes of a body that is assembled in a buffer of its own. */
static bool body_reserve(struct rt_conn *c)
{
    uint32_t want = c->body_have * CONN_BODY_GROWTH;
    struct relay_buf *b;

    if (c->body && c->body_have < c->body->capacity)
        return true;
    if (want < CONN_BODY_START)
        want = CONN_BODY_START;
    if (want > c->body_len / 2)
        want = c->body_len; /* rather than being copied once more for the last bytes */
    if (!rt_budget_has_room(want))
        return false;
    b = c->body ? rt_buf_grow(c->body, want) : rt_buf_new(want);
    if (!b)
        return false;
    c->body = b;
    return true;
}

static void deliver(struct rt_conn *c, struct rt_frame *f)
{
    frame_reset(c);
    c->ops->frame(c->user, f);
}

static void deliver_body(struct rt_conn *c)
{
    struct relay_buf *b = c->body;
    struct rt_frame f = {.ptr = b->bytes, .len = c->body_len, .owner = b};

    c->body = NULL;
    deliver(c, &f);
    relay_buf_drop(&b);
}

static void deliver_discarded(struct rt_conn *c)
{
    uint32_t len = c->body_len;

    frame_reset(c);
    c->ops->discarded(c->user, len);
}

/* The four length bytes; false when they are not whole yet, or refused. */
static bool take_length(struct rt_conn *c, const uint8_t **at, const uint8_t *end)
{
    if (c->length_have == 0 && *at < end)
        frame_begin(c);
    while (c->length_have < WIRE_LENGTH_BYTES && *at < end)
        c->length_bytes[c->length_have++] = *(*at)++;
    if (c->length_have < WIRE_LENGTH_BYTES)
        return false;
    c->body_len = wire_length_read(c->length_bytes);
    if (c->body_len > c->frame_max) {
        conn_end(c, RT_CONN_END_OVERSIZE);
        return false;
    }
    c->is_discarding = c->body_len > c->keep_max;
    return true;
}

/* No memory for the frame under way: it is thrown away, where the consumer can do without it. */
static void give_up_body(struct rt_conn *c)
{
    if (!c->ops->discarded) {
        conn_end(c, RT_CONN_END_MEMORY);
        return;
    }
    relay_buf_drop(&c->body);
    c->is_discarding = true;
}

/* A paused transport keeps what it has read already: whether there is memory even for that. */
static bool may_pause(void)
{
    return rt_budget_max() - rt_budget_used() >= rt_budget_max() / 16;
}

/* Out of memory in the middle of a frame: nothing more is read until some was given back. When all
 * memory lies in frames that wait like this one, only giving up brings any back. */
static void starve(struct rt_conn *c)
{
    conn_relieve(c->cw);
    if (c->is_closing)
        return;
    if (!c->is_starved) {
        if (!may_pause()) {
            give_up_body(c);
            return;
        }
        c->is_starved = true;
        c->starved_turns = 0;
        c->transport->pause(c->tc);
    }
    conn_arm_rx(c, rt_now_ns(c->cw->worker) + CONN_STARVED_RETRY_NS);
}

static void keep_aside(struct rt_conn *c, const uint8_t *at, const uint8_t *end)
{
    if (at < end) {
        struct relay_slice rest = rt_slice_copy(at, (uint32_t)(end - at));

        if (!rest.owner) {
            conn_end(c, RT_CONN_END_MEMORY);
            return;
        }
        relay_slice_drop(&c->stash);
        c->stash = rest;
    }
    c->is_paused = true;
    c->transport->pause(c->tc);
}

/* Part of a body has come and the rest has not: it moves into a buffer of its own. False: cannot.
 */
static bool body_begin(struct rt_conn *c, uint8_t *at, uint8_t *end)
{
    uint32_t have = (uint32_t)(end - at);

    c->body_have = have;
    if (!body_reserve(c)) {
        c->body_have = 0;
        return false;
    }
    memcpy(c->body->bytes, at, have);
    return true;
}

/*
 * Frames that lie in [at, end), which is the scratch or the stash. Stops when the consumer holds or
 * has closed; what is left then is kept aside.
 */
static void cut(struct rt_conn *c, uint8_t *at, uint8_t *end)
{
    while (at < end && !c->is_closing) {
        if (c->is_held) {
            keep_aside(c, at, end);
            return;
        }
        if (c->length_have < WIRE_LENGTH_BYTES && !take_length(c, (const uint8_t **)&at, end))
            return;
        uint32_t left = c->body_len - c->body_have;
        uint32_t here = (uint32_t)(end - at) < left ? (uint32_t)(end - at) : left;

        if (c->is_discarding) {
            c->body_have += here;
            at += here;
            if (c->body_have == c->body_len)
                deliver_discarded(c);
        } else if (here == left) {
            struct rt_frame f = {.ptr = at, .len = left, .owner = NULL};

            at += here;
            deliver(c, &f);
        } else if (here > 0) {
            if (!body_begin(c, at, end)) {
                conn_relieve(c->cw);
                if (!body_begin(c, at, end)) {
                    give_up_body(c);
                    continue;
                }
            }
            return;
        }
    }
}

/* After a pause, data may still follow the eof: wait for it. */
static void expect_held_back(struct rt_conn *c)
{
    if (!c->has_eof || c->has_told_eof || c->is_closing)
        return;
    c->eof_deadline_ns = rt_now_ns(c->cw->worker) + CONN_EOF_GRACE_NS;
    conn_arm_rx(c, c->eof_deadline_ns);
}

static void tell_eof(struct rt_conn *c)
{
    bool may_have_more = c->stash.ptr || c->is_paused || c->is_starved || c->eof_deadline_ns;

    if (c->has_eof && !c->has_told_eof && !c->is_closing && !may_have_more) {
        c->has_told_eof = true;
        c->ops->eof(c->user);
    }
}

void conn_read_alloc(void *user, uint8_t **out, size_t *out_len)
{
    struct rt_conn *c = user;

    if (c->body && !c->is_closing) {
        uint32_t room = c->body->capacity - c->body_have;
        uint32_t left = c->body_len - c->body_have;

        *out = c->body->bytes + c->body_have;
        *out_len = room < left ? room : left;
    } else {
        *out = c->cw->scratch;
        *out_len = CONN_SCRATCH_BYTES;
    }
}

bool conn_read_data(void *user, size_t n)
{
    struct rt_conn *c = user;

    if (c->is_closing)
        return false;
    if (c->ops->received)
        c->ops->received(c->user);
    c->expects_more = false;
    c->is_dispatching = true;
    if (c->body) {
        c->body_have += (uint32_t)n;
        RT_INSIST(c->body_have <= c->body_len);
        if (c->body_have == c->body_len)
            deliver_body(c);
        else if (!body_reserve(c))
            starve(c);
    } else {
        cut(c, c->cw->scratch, c->cw->scratch + n);
    }
    c->is_dispatching = false;
    expect_held_back(c);
    return !c->is_closing && (is_in_frame(c) || c->expects_more);
}

void conn_read_eof(void *user)
{
    struct rt_conn *c = user;

    if (c->is_closing)
        return;
    c->has_eof = true;
    tell_eof(c);
}

void conn_read_continue(struct rt_conn *c)
{
    struct relay_slice kept = relay_slice_take(&c->stash);

    if (c->is_closing || c->is_held) {
        c->stash = kept;
        return;
    }
    if (kept.ptr) {
        c->is_dispatching = true;
        cut(c, kept.owner->bytes + (kept.ptr - kept.owner->bytes),
            kept.owner->bytes + (kept.ptr - kept.owner->bytes) + kept.len);
        c->is_dispatching = false;
        relay_slice_drop(&kept);
    }
    if (c->is_closing || c->stash.ptr)
        return;
    if (c->is_paused && !c->is_held) {
        c->is_paused = false;
        expect_held_back(c);
        c->transport->resume(c->tc);
    }
    tell_eof(c);
}

void conn_read_eof_due(struct rt_conn *c)
{
    c->eof_deadline_ns = 0;
    tell_eof(c);
}

void conn_read_retry(struct rt_conn *c)
{
    if (!body_reserve(c)) {
        if (++c->starved_turns < CONN_STARVED_TURNS) {
            starve(c);
            return;
        }
        give_up_body(c);
        if (c->is_closing)
            return;
    }
    c->is_starved = false;
    expect_held_back(c);
    if (!c->is_paused)
        c->transport->resume(c->tc);
}
