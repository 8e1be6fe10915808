/* SPDX-License-Identifier: MPL-2.0 */
/* The end of a request in flight: a reply or an error envelope. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "session/refusal_total.h"
#include "session/session_metrics.h"
#include "session_private.h"

#define ERROR_TEXT_MAX 256u

static void send_envelope(struct session *s, uint16_t type, uint16_t flags,
                          struct relay_slice payload)
{
    uint8_t head[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX];
    size_t len = wire_envelope_head(head, type, s->req_id, flags, payload.len);

    rt_conn_send2(s->conn, head, (uint32_t)len, &payload);
}

void session_reply(struct session *s, uint16_t type, struct relay_slice payload)
{
    send_envelope(s, type, WIRE_FLAG_RESPONSE, payload);
    session_done(s);
}

void session_reply_empty(struct session *s)
{
    session_reply(s, s->type, relay_slice_view("", 0));
}

void session_refuse(struct session *s, enum wire_refusal r, const char *detail)
{
    static struct rt_log_site sites[WIRE_REFUSAL_COUNT];
    const struct wire_refusal_info *info = wire_refusal_info(r);
    char text[ERROR_TEXT_MAX];
    char peer[64];
    int len = snprintf(text, sizeof(text), "%s%s%s", info->text, detail ? ": " : "",
                       detail ? detail : "");

    if (len >= (int)sizeof(text))
        len = (int)sizeof(text) - 1;
    session_refusal_count(r);
    rt_metric_inc(RT_METRIC_ERRORS_SENT);
    if (rt_log_enabled(RELAY_LOG_DEBUG) && rt_log_allowed(&sites[r], 5, rt_now_ns(s->sw->worker))) {
        rt_conn_peer_text(s->conn, peer, sizeof(peer));
        rt_log(RELAY_LOG_DEBUG, "request refused", "reason=%s type=%u peer=%s", info->reason,
               s->type, peer);
    }
    send_envelope(s, s->type, WIRE_FLAG_RESPONSE | WIRE_FLAG_ERROR,
                  relay_slice_view(text, (uint32_t)len));
    session_done(s);
}
