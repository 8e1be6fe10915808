/* SPDX-License-Identifier: MPL-2.0 */
/* The functions of runtime/transport/conn.h that this room uses, for the fake of room.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/budget.h"
#include "room.h"

struct relay_slice rt_frame_take(struct rt_frame *f, const uint8_t *ptr, uint32_t len)
{
    if (!f->owner)
        return rt_slice_copy(ptr, len);
    relay_buf_ref(f->owner);
    return relay_slice_own(f->owner, ptr, len);
}

void rt_conn_set_consumer(struct rt_conn *c, const struct rt_conn_ops *ops, void *user)
{
    assert_false(c->is_closed);
    c->ops = ops;
    c->user = user;
}

void rt_conn_set_frame_max(struct rt_conn *c, uint32_t frame_max, uint32_t keep_max)
{
    assert_false(c->is_closed);
    c->frame_max = frame_max;
    c->keep_max = keep_max;
}

void rt_conn_set_idle(struct rt_conn *c, uint64_t idle_ns)
{
    c->idle_ns = idle_ns;
}

void rt_conn_release(struct rt_conn *c)
{
    c->is_held = false;
}

void rt_conn_send2(struct rt_conn *c, const void *head, uint32_t head_len, struct relay_slice *body)
{
    assert_false(c->is_closed || c->is_ended);
    if (c->sent_len + head_len + body->len > c->sent_cap) {
        c->sent_cap = 2 * (c->sent_len + head_len + body->len);
        c->sent = realloc(c->sent, c->sent_cap);
        assert_non_null(c->sent);
    }
    memcpy(c->sent + c->sent_len, head, head_len);
    c->sent_len += head_len;
    if (body->len > 0)
        memcpy(c->sent + c->sent_len, body->ptr, body->len);
    c->sent_len += body->len;
    if (c->keeps_output)
        c->unsent += head_len + body->len;
    relay_slice_drop(body);
}

size_t rt_conn_unsent(const struct rt_conn *c)
{
    return c->unsent;
}

void rt_conn_close(struct rt_conn *c, enum relay_close how)
{
    assert_false(c->is_closed || c->is_ended);
    c->is_closed = true;
    c->how = how;
}
