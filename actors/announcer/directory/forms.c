/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/directory/forms.h"

#include "crypto/crypto.h"
#include "dht/address/addr.h"

enum announcement_form announcement_form(const struct wire_announcement *a)
{
    return a->capabilities.has_community_fields ? ANNOUNCEMENT_FORM_8 : ANNOUNCEMENT_FORM_5;
}

enum announcement_form announcement_form_in(enum wire_dialect d)
{
    return wire_dialect_has_community_fields(d) ? ANNOUNCEMENT_FORM_8 : ANNOUNCEMENT_FORM_5;
}

uint8_t announcement_form_dialects(enum announcement_form form)
{
    return wire_value_dialects(WIRE_VALUE_ANNOUNCEMENT, form == ANNOUNCEMENT_FORM_8);
}

/* -- addresses -- */

struct addrs_hash {
    const uint8_t *key;
    uint64_t sum;
};

static void add_addr(void *ctx, const struct wire_peer *p)
{
    struct addrs_hash *h = ctx;
    struct wire_peer_hop hop = p->hop;
    uint8_t bytes[DHT_HOP_BYTES];

    dht_hop_normalise(&hop);
    dht_hop_bytes(&hop, bytes);
    h->sum += rt_siphash(h->key, bytes, sizeof(bytes)); /* a sum does not depend on the order */
}

uint64_t announcement_addrs_hash(const uint8_t hash_key[16], const struct wire_announcement *a)
{
    struct addrs_hash h = {.key = hash_key};

    wire_peers_each(&a->addrs, add_addr, &h);
    return h.sum;
}

/* -- the announcements of one relay -- */

bool forms_has(const struct announcement_forms *f, enum announcement_form form)
{
    return f->at[form].bytes.owner != NULL;
}

bool forms_is_empty(const struct announcement_forms *f)
{
    return !forms_has(f, ANNOUNCEMENT_FORM_5) && !forms_has(f, ANNOUNCEMENT_FORM_8);
}

enum forms_verdict forms_judge(const struct announcement_forms *f,
                               const struct wire_announcement *a, uint64_t addrs_hash)
{
    if (f->addrs_hash == addrs_hash && !forms_is_empty(f))
        return a->issued_at > f->at[announcement_form(a)].issued_at ? FORMS_NEWER : FORMS_OLD;
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        if (forms_has(f, form) && a->issued_at <= f->at[form].issued_at)
            return FORMS_OLD;
    return FORMS_MOVED;
}

void forms_put(struct announcement_forms *f, const struct wire_announcement *a, uint64_t addrs_hash,
               struct relay_slice bytes)
{
    enum announcement_form form = announcement_form(a);

    if (f->addrs_hash != addrs_hash)
        forms_drop(f);
    forms_drop_one(f, form);
    f->addrs_hash = addrs_hash;
    f->at[form] = (struct announcement_held){
        .issued_at = a->issued_at, .expires_at = a->expires_at, .bytes = bytes};
}

void forms_drop_one(struct announcement_forms *f, enum announcement_form form)
{
    relay_slice_drop(&f->at[form].bytes);
    f->at[form] = (struct announcement_held){0};
}

void forms_drop(struct announcement_forms *f)
{
    for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
        forms_drop_one(f, form);
}
