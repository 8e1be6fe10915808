/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Every limit that is not an operator's option, with unit and reason, and how they relate. What the
 * operator sets starts from the defaults in runtime/config/keys.h. "protocol" means the SCP2P wire
 * specification and the behaviour of its deployed clients.
 */
#ifndef RT_LIMITS_H
#define RT_LIMITS_H

#include <stdint.h>

#include "base/seams.h"

/* -- wire (protocol: framing) -- */
#define LIM_HANDSHAKE_FRAME_MAX (64u * 1024u)       /* bytes of one handshake frame */
#define LIM_FRAME_MAX (2u * 1024u * 1024u)          /* bytes of one envelope frame */
#define LIM_PAYLOAD_MAX (1024u * 1024u)             /* bytes of an envelope's payload */
#define LIM_INNER_FRAME_MAX (LIM_PAYLOAD_MAX - 65u) /* an answer plus the RelayStream around it */
#define LIM_CBOR_DEPTH_MAX 16u                      /* levels of nesting we decode */
#define LIM_MANIFEST_ITEMS_MAX 3000u                /* protocol: items of a share's manifest */
#define LIM_UNREAD_ANSWERS (64u * 1024u) /* unsent bytes, past which a session reads no more */
#define LIM_CONTROL_PAYLOAD_MAX (128u * 1024u) /* RelayStream over a temporary slot */

/* -- deadlines (ns) -- */
#define LIM_HANDSHAKE_NS (10 * RT_S)     /* secure channel and SCP2P handshake together */
#define LIM_SESSION_IDLE_NS (300 * RT_S) /* a session that asks nothing and is no tunnel */
#define LIM_KEEP_ALIVE_NS (10 * RT_S)    /* QUIC: tunnels and who waits; clients go at 30 s */
#define LIM_FRAME_NS (30 * RT_S)         /* first to last byte of a frame */
#define LIM_SEND_NS_PER_MIB (30 * RT_S)  /* an answer leaves at 1 MiB per 30 s at the slowest */
#define LIM_CLOSE_LINGER_NS (1 * RT_S)   /* after our goodbye: discard input at most so long */
#define LIM_QUEUE_NS (30 * RT_S)         /* a relayed request waits for its turn at most so long */
#define LIM_PROGRESS_NS (30 * RT_S)      /* a node that owes an answer shows a byte within this */
#define LIM_DEMOTE_NS (2 * RT_S)         /* ... or another link of its identity takes over */
#define LIM_SHUTDOWN_NS (8 * RT_S)       /* pending answers are awaited so long at shutdown */
#define LIM_HELLO_SKEW_S 300u            /* protocol: |now - timestamp| of a hello, seconds */
#define LIM_ANNOUNCEMENT_S 21600u        /* protocol: expires_at - issued_at of a relay, seconds */
#define LIM_NONCE_S 600u                 /* protocol: a hello nonce is remembered, seconds */

/* -- tables -- */
#define LIM_NONCE_ENTRIES (1u << 20) /* seen hello nonces, 8 bytes each, oldest out */
#define LIM_SKETCH_WIDTH (1u << 14)  /* cells per row of the sketches by key and prefix */
#define LIM_HALF_OPEN_MAX 1024u      /* connections not yet authenticated, all workers */
#define LIM_CONNS_PER_PREFIX 256u    /* per IPv4 /32 or IPv6 /56; loopback exempt */
#define LIM_WORKERS_MAX 64u
#define LIM_WORKERS_DEFAULT_MAX 16u /* one per core, but no more than this unless asked */

/* -- DHT values (protocol: DHT) -- */
#define LIM_VALUE_MAX (64u * 1024u)          /* bytes of one value */
#define LIM_VALUES_MAX 100000u               /* values in all */
#define LIM_VALUE_BYTES_MAX (256u << 20)     /* bytes of all values together */
#define LIM_VALUE_TTL_MIN_S 86400u           /* a shorter life is raised to a day */
#define LIM_VALUE_TTL_MAX_S 604800u          /* a longer one is cut to a week */
#define LIM_VALUES_PER_PEER 6250u            /* of one storing key: a sixteenth of all */
#define LIM_VALUE_BYTES_PER_PEER (16u << 20) /* likewise, bytes */
#define LIM_PROVIDERS_MAX 64u                /* protocol: entries of a Providers value ... */
#define LIM_MEMBERS_MAX 256u                 /* ... and of CommunityMembers */
#define LIM_SET_PER_PEER 8u                  /* protocol: entries of either from one storing key */
#define LIM_ANNOUNCEMENTS_PER_KEY 32u        /* protocol: relays under one rendezvous key ... */
#define LIM_ANNOUNCEMENT_BYTES_PER_KEY (64u * 1024u) /* ... and their bytes */

/* -- communities (protocol-v2: Communities) -- */
#define LIM_COMMUNITY_RECORDS 10000u   /* protocol: members, and shares, of one community */
#define LIM_COMMUNITIES_EMPTY 4096u    /* communities without records, remembered for their mark */
#define LIM_EVENT_MARK_STEP 1024u      /* event numbers per write of a community's mark */
#define LIM_PAGE_MEMBERS 200u          /* protocol: entries of one answer 411, ... */
#define LIM_PAGE_SHARES 100u           /* ... 413, */
#define LIM_PAGE_HITS 50u              /* ... 415, */
#define LIM_PAGE_EVENTS 200u           /* ... and 417 */
#define LIM_SEARCHES_QUEUED 64u        /* searches under way: clients wait 5 s, most take 5 ms */
#define LIM_SEARCHES_PER_NET 8u        /* ... of one network: eight networks can fill the queue */
#define LIM_SEARCH_TEXT (256u * 1024u) /* bytes of text read in one search ... */
#define LIM_SEARCH_NS (50 * RT_MS)     /* ... and its time; then the hits so far are the answer */
#define LIM_SEARCH_SLICE (32u * 1024u) /* bytes read in one heavy job: about 0.5 ms */
#define LIM_VALUE_SAVE_S 600u          /* least delay of the write of a renewed record */

/* -- DHT network -- */
#define LIM_LOOKUPS_MAX 32u       /* look-ups under way; more of ours wait */
#define LIM_LOOKUPS_QUEUED 256u   /* ... and so many may */
#define LIM_LOOKUP_ASKED_MAX 60u  /* dials of one look-up: K answers and twice that in failures */
#define LIM_LOOKUP_LIES_MAX 3u    /* false addresses named by one node before it is ignored */
#define LIM_LOOKUP_NS (60 * RT_S) /* a whole look-up */
#define LIM_QUERY_NS (5 * RT_S)   /* one query of it: dial, handshake, answer */
#define LIM_OUTBOUND_MAX 256u     /* outbound sessions, idle ones included */
#define LIM_OUTBOUND_IDLE_NS (20 * RT_S) /* an idle one is closed */
#define LIM_CALLS_MAX 2048u              /* calls under way or waiting for a session */
#define LIM_PROBES_PER_S 5u /* unverified addresses dialled, each in up to three dialects */
#define LIM_PROBES_QUEUED 256u
#define LIM_REFUSED_ENTRIES 4096u     /* addresses that refused, remembered ... */
#define LIM_REFUSED_NS (3600 * RT_S)  /* ... for so long */
#define LIM_INBOUND_PER_S 20u         /* reports on inbound peers from one worker */
#define LIM_PEX_MAX 64u               /* peers in one offer or sample */
#define LIM_PEX_OFFERS_NS (10 * RT_S) /* one offer per peer so often counts */
#define LIM_PEERS_MAX 4096u           /* peer database */
#define LIM_PEER_FRESH_S 86400u       /* protocol: a peer seen within it may be passed on */
#define LIM_PEER_FORGET_S 604800u     /* one not seen since is forgotten */
#define LIM_REPUBLISH_S 3600u         /* protocol: a value is republished once in it */
#define LIM_REPUBLISH_SPACE_NS                                                                     \
    (250 * RT_MS)             /* between two values: 240 stores a minute per remote */
#define LIM_PUSH_AGAIN_S 300u /* delay of the next push of a new value that no node took */
#define LIM_REPUBLISH_TARGETS_NS (15 * RT_S) /* a push to one remote */

/* -- bootstrap peers' keys (protocol-v2: rotation and revocation) -- */
#define LIM_PINS_MAX 1024u    /* pins, including those of peers no longer configured */
#define LIM_ROTATIONS_MAX 16u /* protocol: of one chain; a longer one is void */
#define LIM_TRUST_ROOTS_MAX (LIM_PINS_MAX + 32u) /* pins and configured keys */
#define LIM_TRUST_KEYS_MAX (LIM_TRUST_ROOTS_MAX * (LIM_ROTATIONS_MAX + 1u)) /* of all chains */
#define LIM_TRUST_BYTES_MAX (8u << 20)     /* bytes of their records */
#define LIM_TRUST_LOOKUP_NS (86400 * RT_S) /* interval of look-ups of a key's records ... */
#define LIM_TRUST_SPACE_NS (1 * RT_S)      /* ... and least time between two look-ups */

/* -- state on disk -- */
#define LIM_STORAGE_BATCH_NS (500 * RT_MS)   /* a write waits for company at most so long */
#define LIM_STORAGE_MARK_NS (20 * RT_MS)     /* ... and a mark, as its numbers are in use */
#define LIM_STORAGE_BATCH_ROWS 4096u         /* rows of one transaction ... */
#define LIM_STORAGE_BATCH_BYTES (8u << 20)   /* ... and bytes: the log's growth, and its time */
#define LIM_STORAGE_QUEUED 65536u            /* writes under way; more are dropped ... */
#define LIM_STORAGE_QUEUED_BYTES (64u << 20) /* ... and their bytes; an eighth of memory_max */
#define LIM_STORAGE_RETRY_NS (5 * RT_S)      /* a disk that failed is tried again */
#define LIM_STORAGE_FLUSH_NS (5 * RT_S)      /* at shutdown: what is not written by then is lost */
#define LIM_STORAGE_SWEEP_NS (600 * RT_S)    /* expired rows are removed so often ... */
#define LIM_STORAGE_SWEEP_ROWS 4096u         /* ... so many in one transaction */
#define LIM_STORAGE_LOG_BYTES (16u << 20)    /* the write-ahead log is cut back to it */

/* -- relays: announcements of others (protocol: Relay announcement and discovery) -- */
#define LIM_RELAYS_MAX 1024u      /* relays listed with an announcement, per form */
#define LIM_RELAY_BYTES_MAX 8192u /* of an announcement; 32 addresses take less */
#define LIM_RELAY_ADDRS_MAX 32u   /* addresses of an announcement */
#define LIM_RELAY_NEWS_MAX 32u    /* unknown relays accepted from one answer */
#define LIM_RELAY_ASKED 64u       /* announcements requested at once */
#define LIM_RELAY_CANDIDATES 256u /* relays that wait to be dialled */
/* Candidates' addresses dialled, each in up to three dialects: prevents port scans through us. */
#define LIM_RELAY_DIALS_PER_S 2u
#define LIM_RELAY_DIALS_MAX 8u          /* ... and dials under way, one per /24 or /48 */
#define LIM_RELAY_CHECK_NS (600 * RT_S) /* interval of the checks of a listed relay */
#define LIM_RELAYS_REVOKED 1024u        /* revoked keys remembered: 64 KiB */
#define LIM_REVOCATION_CHECK_NS                                                                    \
    (86400 * RT_S) /* interval of look-ups of a listed relay's revocation ... */
#define LIM_REVOCATION_SPACE_NS (10 * RT_S) /* ... and least time between two: 8640 a day */
#define LIM_RELAYS_STORED 200u              /* listed relays that are also in our own store */
#define LIM_GOODBYE_S 60u                   /* at shutdown: lifetime of the last announcement ... */
#define LIM_GOODBYE_NS (3 * RT_S)           /* ... and the longest wait for its stores */

/* -- rates per identity (protocol section 7); events per minute, burst -- */
#define LIM_RATE_DHT_PER_MIN 600u
#define LIM_RATE_FETCH_PER_MIN 240u
#define LIM_RATE_COMMUNITY_PER_MIN 240u /* a client's browse takes 50 pages, its search 10 */
#define LIM_RATE_RELAY_PER_MIN 6000u    /* 100 a second */
#define LIM_RATE_RELAY_BURST 400u

/* -- tunnels -- */
#define LIM_LINKS_PER_SLOT 3u /* connections one identity may hold as tunnels */
#define LIM_WINDOW_MIN 1u     /* written but unanswered requests per tunnel */
#define LIM_WINDOW_START 4u
#define LIM_WINDOW_MAX 32u
#define LIM_QUEUED_PER_TUNNEL 512u /* requests waiting for their turn in one tunnel */
#define LIM_QUEUED_PER_KEY 64u     /* of one requesting identity in one tunnel */
#define LIM_TEMP_SLOTS_PER_KEY 4u  /* slots registered with tunnel: false */
#define LIM_TEMP_SLOTS_MAX 65536u
#define LIM_TEMP_SLOT_TTL_S 600u

/* -- runtime -- */
#define LIM_TURN_NS (1 * RT_MS)      /* a worker's turn, before it looks at the network again */
#define LIM_TURN_STEPS 4096u         /* ... and its timers and messages: time may stand still */
#define LIM_TURN_JOBS_NS (2 * RT_MS) /* heavy jobs after the messages of a turn */
#define LIM_TURN_JOBS 64u            /* ... and their number, likewise */
#define LIM_LOG_RING_BYTES (256u * 1024u)

_Static_assert(LIM_INNER_FRAME_MAX + 65u <= LIM_PAYLOAD_MAX, "an answer fits its envelope");
_Static_assert(LIM_PAYLOAD_MAX < LIM_FRAME_MAX, "an envelope fits its frame");
_Static_assert(LIM_WINDOW_MIN <= LIM_WINDOW_START && LIM_WINDOW_START <= LIM_WINDOW_MAX, "window");
_Static_assert(LIM_DEMOTE_NS < LIM_PROGRESS_NS, "another link takes over before this one is lost");

#endif
