/* SPDX-License-Identifier: MPL-2.0 */
#include "fuzz/groups.h"

#include <stdlib.h>
#include <string.h>

#include "unit/schemas/codec.h"

const struct fuzz_group fuzz_groups[] = {
    {"hello", {"hello"}},
    {"envelope", {"envelope"}},
    {"relay", {"relay_register", "relay_registered", "relay_connect", "relay_stream"}},
    {"peer", {"pex_offer", "pex_request"}},
    {"dht",
     {"find_node", "find_value", "store", "get_manifest", "list_public_shares",
      "get_community_status", "list_community_public_shares", "relay_list_request", "have_content",
      "get_chunk", "get_chunk_hashes", "find_node_answer", "find_value_answer"}},
    {"browse", {"members_request", "shares_request", "search_request", "events_request"}},
    {"value",
     {"share_head", "providers", "community_members", "manifest", "membership_token",
      "member_record", "share_record", "community_hint", "members_page", "shares_page", "rotation",
      "revocation"}},
    {"announce", {"relay_announcement", "relay_list"}},
    {"state", {"node_key", "pinned_bootstrap_keys", "peer_record"}},
};
const size_t fuzz_group_count = sizeof fuzz_groups / sizeof *fuzz_groups;

void fuzz_group_run(const char *name, const uint8_t *data, size_t size)
{
    const struct fuzz_group *group = fuzz_groups;
    while (strcmp(group->name, name) != 0)
        group++;
    for (const char *const *codec = group->codecs; *codec != NULL; codec++) {
        uint8_t *out;
        size_t out_len;
        if (codec_recode(codec_by_name(*codec), data, size, &out, &out_len) == RT_ERR_OK)
            free(out);
    }
}
