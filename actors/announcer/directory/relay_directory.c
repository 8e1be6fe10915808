/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/directory/relay_directory.h"

#include "announcer/announcer_limits.h"
#include "announcer/announcer_metrics.h"
#include "announcer/directory/announcement.h"
#include "base/check.h"

enum relay_verdict directory_judge(const struct relay_directory *d,
                                   const struct wire_announcement *a, uint64_t now_s)
{
    enum relay_verdict verdict;

    if (revoked_has(d->revoked, a->relay_pubkey))
        return RELAY_IGNORE;
    verdict = relay_list_judge(d->list, a, now_s);
    if (verdict == RELAY_DIAL && candidates_has(d->candidates, a))
        return RELAY_IGNORE;
    return verdict;
}

bool directory_add(struct relay_directory *d, const struct wire_announcement *a, uint64_t now_ns,
                   uint64_t now_s)
{
    struct relay_slice bytes = announcement_encode(a);

    if (!bytes.owner) {
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
        return false;
    }
    if (relay_list_judge(d->list, a, now_s) == RELAY_RENEW) {
        relay_list_renew(d->list, a, bytes, now_s);
        return true;
    }
    if (candidates_count(d->candidates) == LIM_RELAY_CANDIDATES) {
        rt_metric_inc(RT_METRIC_RELAYS_WAITING);
        relay_slice_drop(&bytes);
        return false;
    }
    (void)candidates_offer(d->candidates, a, bytes, now_ns);
    return false;
}

/* A newer announcement may have been listed during the dial. False: it was. */
static bool admit_form(struct relay_directory *d, struct relay_slice bytes,
                       const struct wire_peer_hop *at, uint8_t dialects, uint64_t now_ns,
                       uint64_t now_s)
{
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement a;

    if (!announcement_read(&bytes, room, &a) ||
        relay_list_judge(d->list, &a, now_s) == RELAY_IGNORE) {
        relay_slice_drop(&bytes);
        return false;
    }
    relay_list_put(d->list, &a, bytes, at, dialects, now_ns, now_s);
    return true;
}

uint32_t directory_admit(struct relay_directory *d, const struct wire_peer_hop *at,
                         uint8_t dialects, uint64_t now_ns, uint64_t now_s)
{
    bool is_revoked = revoked_has(d->revoked, at->pubkey_hint);
    struct announcement_forms forms;
    uint32_t listed = 0;

    RT_REQUIRE(dialects != 0);
    if (is_revoked)
        rt_metric_inc(RT_METRIC_RELAYS_REVOKED);
    if (!candidates_dial_ended(d->candidates, at, CANDIDATE_REACHED, now_ns, &forms))
        return 0;
    if (is_revoked) {
        forms_drop(&forms);
        return 0;
    }
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++) {
        struct relay_slice bytes = relay_slice_take(&forms.at[form].bytes);

        if (bytes.owner && admit_form(d, bytes, at, dialects, now_ns, now_s))
            listed |= 1u << form;
    }
    return listed;
}

bool directory_revoke(struct relay_directory *d, const uint8_t key[32])
{
    bool was_listed = relay_list_drop(d->list, key);
    bool was_reached = candidates_drop(d->candidates, key) || was_listed;

    if (!revoked_add(d->revoked, key, was_reached))
        rt_metric_inc(RT_METRIC_RELAYS_REVOKED_EXCESS);
    if (was_listed)
        rt_metric_inc(RT_METRIC_RELAYS_REVOKED);
    return was_listed;
}

/* -- life -- */

void directory_init(struct relay_directory *d, const uint8_t hash_key[16],
                    uint64_t (*random)(void *ctx), void *random_ctx)
{
    d->list = relay_list_new(hash_key, random, random_ctx);
    d->candidates = candidates_new(hash_key);
    d->revoked = revoked_new(hash_key);
}

void directory_fini(struct relay_directory *d)
{
    revoked_free(&d->revoked);
    candidates_free(&d->candidates);
    relay_list_free(&d->list);
}
