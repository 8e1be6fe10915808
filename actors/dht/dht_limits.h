/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Limits of the DHT: values, communities, look-ups, peers and bootstrap keys. "protocol" means the
 * SCP2P wire specification and the behaviour of its deployed clients.
 */
#ifndef DHT_LIMITS_H
#define DHT_LIMITS_H

#include "base/seams.h"

/* -- values -- */
#define LIM_VALUES_MAX 100000u               /* values in all */
#define LIM_VALUE_BYTES_MAX (256u << 20)     /* bytes of all values together */
#define LIM_VALUE_TTL_MIN_S 86400u           /* a shorter lifetime is raised to a day */
#define LIM_VALUE_TTL_MAX_S 604800u          /* a longer one is cut to a week */
#define LIM_VALUES_PER_PEER 6250u            /* of one storing key: a sixteenth of all */
#define LIM_VALUE_BYTES_PER_PEER (16u << 20) /* likewise, bytes */
#define LIM_VALUE_EVICTIONS 64u              /* for one value of up to 64 KiB */
#define LIM_PROVIDERS_MAX 64u                /* protocol: entries of a Providers value ... */
#define LIM_MEMBERS_MAX 256u                 /* ... and of CommunityMembers */
#define LIM_SET_PER_PEER 8u                  /* protocol: entries of either from one storing key */
#define LIM_ANNOUNCEMENTS_PER_KEY 32u        /* protocol: relays under one rendezvous key ... */
#define LIM_ANNOUNCEMENT_BYTES_PER_KEY (64u * 1024u) /* ... and their bytes */

/* -- communities (protocol-v2: Communities) -- */
#define LIM_COMMUNITY_RECORDS 10000u   /* protocol: members, and shares, of one community */
#define LIM_COMMUNITIES_EMPTY 4096u    /* communities without records, kept for their mark */
#define LIM_EVENT_MARK_STEP 1024u      /* event numbers per write of a community's mark */
#define LIM_PAGE_MEMBERS 200u          /* protocol: entries of one reply 411, ... */
#define LIM_PAGE_SHARES 100u           /* ... 413, */
#define LIM_PAGE_HITS 50u              /* ... 415, */
#define LIM_PAGE_EVENTS 200u           /* ... and 417 */
#define LIM_SEARCHES_QUEUED 64u        /* searches in progress: clients wait 5 s, most take 5 ms */
#define LIM_SEARCHES_PER_NET 8u        /* ... of one network: eight networks can fill the queue */
#define LIM_SEARCH_TEXT (256u * 1024u) /* bytes of text read in one search ... */
#define LIM_SEARCH_NS (50 * RT_MS)     /* ... and its time; then the hits found are the reply */
#define LIM_SEARCH_SLICE (32u * 1024u) /* bytes read in one heavy job: about 0.5 ms */
#define LIM_VALUE_SAVE_S 600u          /* least delay of the write of a renewed record */

/* -- network -- */
#define LIM_LOOKUPS_MAX 32u        /* look-ups in progress; more of ours wait ... */
#define LIM_LOOKUPS_QUEUED 256u    /* ... up to this number */
#define LIM_LOOKUP_CANDIDATES 128u /* candidates of one look-up */
#define LIM_LOOKUP_ASKED_MAX 60u   /* dials of one look-up: K replies and twice that in failures */
#define LIM_LOOKUP_LIES_MAX 3u     /* false addresses named by one node before it is ignored */
#define LIM_LOOKUP_NS (60 * RT_S)  /* a whole look-up */
#define LIM_QUERY_NS (5 * RT_S)    /* one query of it: dial, handshake, reply */
#define LIM_OUTBOUND_MAX 256u      /* outbound sessions, idle ones included */
#define LIM_OUTBOUND_IDLE_NS (20 * RT_S) /* an idle one is closed */
#define LIM_CALLS_MAX 2048u              /* calls in progress or waiting for a session */
#define LIM_PROBES_PER_S 5u /* unverified addresses dialled, each in up to three dialects */
#define LIM_PROBES_QUEUED 256u
#define LIM_PROBES_ACTIVE 32u         /* probes in progress */
#define LIM_REFUSED_ENTRIES 4096u     /* addresses that refused, remembered ... */
#define LIM_REFUSED_NS (3600 * RT_S)  /* ... for this long */
#define LIM_INBOUND_PER_S 20u         /* reports on inbound peers from one worker */
#define LIM_PEX_MAX 64u               /* peers in one offer or sample */
#define LIM_PEX_OFFERS_NS (10 * RT_S) /* interval in which one offer of a peer counts */
#define LIM_PEERS_MAX 4096u           /* peer database */
#define LIM_PEER_FRESH_S 86400u       /* protocol: a peer seen within it may be passed on */
#define LIM_PEER_FORGET_S 604800u     /* one not seen since is forgotten */
#define LIM_REPUBLISH_S 3600u         /* protocol: a value is republished once in it */
#define LIM_REPUBLISH_SPACE_NS                                                                     \
    (250 * RT_MS)                       /* between two values: 240 stores a minute per remote */
#define LIM_JOINED_WAITING 64u          /* new contacts that wait for their values */
#define LIM_PUSH_CALLS 4u               /* calls of one push in progress */
#define LIM_PUSHES_SCHEDULED 4u         /* scheduled pushes in progress */
#define LIM_PUSH_LIMITED_NS (60 * RT_S) /* no push after a reply `rate limit` */
#define LIM_PUSH_AGAIN_S 300u /* delay of the next push of a new value that no node accepted */
#define LIM_REPUBLISH_TARGETS_NS (15 * RT_S) /* a push to one remote */
#define LIM_BOOTSTRAP_DIAL_NS (10 * RT_S)    /* a dial of a bootstrap peer */
#define LIM_BOOTSTRAP_TRIES 16u /* of one bootstrap peer: eight addresses by two transports */

/* -- bootstrap peers' keys (protocol-v2: rotation and revocation) -- */
#define LIM_PINS_MAX 1024u    /* pins, including those of peers no longer configured */
#define LIM_ROTATIONS_MAX 16u /* protocol: of one chain; a longer one is void */
#define LIM_TRUST_ROOTS_MAX (LIM_PINS_MAX + 32u) /* pins and configured keys */
#define LIM_TRUST_KEYS_MAX (LIM_TRUST_ROOTS_MAX * (LIM_ROTATIONS_MAX + 1u)) /* of all chains */
#define LIM_TRUST_BYTES_MAX (8u << 20)     /* bytes of their records */
#define LIM_TRUST_LOOKUP_NS (86400 * RT_S) /* interval of look-ups of a key's records ... */
#define LIM_TRUST_SPACE_NS (1 * RT_S)      /* ... and least time between two look-ups */

#endif
