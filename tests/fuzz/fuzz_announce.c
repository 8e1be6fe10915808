/* SPDX-License-Identifier: MPL-2.0 */
/* Relay announcements, single and in lists. For a single one, also its rules and rendezvous keys.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz/groups.h"
#include "wire_announce.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_announcement(uint8_t *buf, size_t len)
{
    struct wire_announcement a;
    if (wire_announcement_decode(buf, len, &a) != RT_ERR_OK)
        return;
    uint8_t key[32];
    uint64_t bucket = wire_rendezvous_bucket(a.issued_at);
    wire_rendezvous_key(bucket, wire_rendezvous_slot(a.relay_pubkey, bucket, 1), key);
    RT_INSIST(wire_announcement_has_key(&a, key));
    if (wire_announcement_is_valid(&a))
        RT_INSIST(a.expires_at > a.issued_at && a.addrs.count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    RT_INSIST(copy != NULL);
    memcpy(copy, data, size);
    try_announcement(copy, size);
    free(copy);
    fuzz_group_run("announce", data, size);
    return 0;
}
