/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/directory/list_reply.h"

#include "announcer/announcer_limits.h"
#include "announcer/announcer_metrics.h"
#include "base/budget.h"
#include "base/check.h"
#include "wire_limits.h"

#define HEAD_BYTES_MAX 64u

struct relay_slice list_reply_encode(struct relay_list *list, const struct relay_slice *own,
                                     enum wire_dialect dialect, uint16_t max_count, uint64_t now_s)
{
    struct relay_slice chosen[LIM_RELAYS_MAX + 1];
    uint32_t max = max_count <= LIM_RELAYS_MAX ? max_count : LIM_RELAYS_MAX + 1, count = 0;
    size_t len = HEAD_BYTES_MAX, own_len = 0;
    struct relay_buf *buf;
    struct wire_writer w;
    bool is_cut, fits;

    if (max > 0 && own) {
        chosen[count++] = relay_slice_view(own->ptr, own->len);
        own_len = own->len;
    }
    count += relay_list_sample(list, dialect, max - count, LIM_PAYLOAD_MAX - len - own_len, now_s,
                               chosen + count, &is_cut);
    if (is_cut)
        rt_metric_inc(RT_METRIC_RELAY_LISTS_CUT);
    for (uint32_t i = 0; i < count; i++)
        len += chosen[i].len;
    buf = rt_buf_new(len);
    if (!buf)
        return (struct relay_slice){0};
    wire_writer_init(&w, buf->bytes, len);
    wire_write_relay_list_head(&w, count);
    for (uint32_t i = 0; i < count; i++)
        wire_write_raw(&w, chosen[i].ptr, chosen[i].len);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    return relay_slice_own(buf, buf->bytes, (uint32_t)len);
}
