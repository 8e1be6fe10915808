/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/budget.h"
#include "unit/transport/fake_conn.h"

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

void rt_conn_hold(struct rt_conn *c)
{
    assert_false(c->is_held);
    c->is_held = true;
}

void rt_conn_authenticated(struct rt_conn *c, uint64_t idle_ns)
{
    c->is_authenticated = true;
    c->idle_ns = idle_ns;
}

void rt_conn_expect_more(struct rt_conn *c)
{
    c->expects_more = true;
}

static void write_out(struct rt_conn *c, const void *bytes, uint32_t len)
{
    assert_false(c->is_closed || c->is_ended);
    if (c->sent_len + len > c->sent_cap) {
        c->sent_cap = 2 * (c->sent_len + len);
        c->sent = realloc(c->sent, c->sent_cap);
        assert_non_null(c->sent);
    }
    if (len > 0)
        memcpy(c->sent + c->sent_len, bytes, len);
    c->sent_len += len;
    if (c->keeps_output)
        c->unsent += len;
}

void rt_conn_send(struct rt_conn *c, struct relay_vec *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        write_out(c, v->slice[i].ptr, v->slice[i].len);
    relay_vec_drop(v);
}

void rt_conn_send2(struct rt_conn *c, const void *head, uint32_t head_len, struct relay_slice *body)
{
    write_out(c, head, head_len);
    write_out(c, body->ptr, body->len);
    relay_slice_drop(body);
}

/* AF_UNSPEC: the address is gone. */
void rt_conn_peer(const struct rt_conn *c, struct sockaddr_storage *out)
{
    (void)c;
    memset(out, 0, sizeof(*out));
}

void rt_conn_peer_text(const struct rt_conn *c, char *out, size_t cap)
{
    (void)c;
    snprintf(out, cap, "gone");
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
