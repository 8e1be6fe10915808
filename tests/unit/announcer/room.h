/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The announcer's actor in virtual time, with a simulated DHT: the functions of dht_msg.h and an
 * actor that replies as `room` configures and records the requests.
 */
#ifndef TEST_ANNOUNCER_ROOM_H
#define TEST_ANNOUNCER_ROOM_H

#include "support.h"

#include "announcer/announcer.h"
#include "dht/dht_msg.h"
#include "dht/dht_worker.h"

#define ROOM_RELAYS 450u
#define ROOM_STORES 2048u

struct room_store {
    uint64_t at_s; /* unix seconds */
    uint8_t key[32];
    enum announcement_form form;
    uint64_t issued_at, expires_at;
    uint32_t addrs;
};

struct room {
    struct rt_system *system;
    struct rt_worker *worker;
    uint64_t now_ns;
    uint64_t wall_ahead_s; /* unix seconds at now_ns 0 */
    struct rt_sign_key identity;
    struct announcer_where where;
    struct announcer_config config;

    /* replies of the DHT */
    bool is_silent;                         /* no reply to publications */
    uint32_t stored[ANNOUNCEMENT_FORMS];    /* stores per publication, by form */
    enum dht_outcome dials;                 /* of all calls */
    uint32_t peers[WIRE_DIALECTS];          /* contacts in the routing table of each dialect */
    struct test_relay *relays[ROOM_RELAYS]; /* found at their keys, and listed by every node */
    uint8_t dialects[ROOM_RELAYS];          /* spoken by each relay */
    uint32_t relay_count;
    struct relay_slice revocation; /* found at its key; empty: none */
    uint8_t revocation_key[32];
    /* Relays in replies to RelayListRequest. Each reply begins listed_step further on. */
    uint32_t listed_first, listed_count, listed_step;
    bool lists_own; /* these replies contain our last announcement, too */

    /* requests that the DHT received */
    struct room_store stores[ROOM_STORES];
    uint32_t store_count;
    uint32_t lookups, dial_count, exchanges;
    uint32_t lookups_in[WIRE_DIALECTS], exchanges_in[WIRE_DIALECTS];
    uint32_t revocation_lookups;
    uint32_t local_stores; /* announcements of other relays for our own store */
    uint32_t local_stores_in[ANNOUNCEMENT_FORMS]; /* the same by form */
    uint8_t local_reached;                        /* dialects of the last one */
    uint32_t final_stores;                        /* final announcements sent to relays ... */
    uint32_t final_stores_in[WIRE_DIALECTS][ANNOUNCEMENT_FORMS]; /* ... by session and form */
    struct wire_peer_hop final_store_to;
    struct relay_slice last;   /* our last published announcement */
    struct rt_msg *unanswered; /* a publication that never gets a reply */

    /* replies of the announcer */
    struct rt_actor requester;
    struct relay_slice list;
    uint32_t lists, shutdown_replies;
    uint64_t shutdown_reply_ns;
};

extern struct room room;

/* One worker and a relay that announces 8.8.8.8, at the beginning of an hour. Sets room to its
 * defaults, which may be changed before room_start. */
void room_init(void);
void room_start(void);
void room_end(void);

/* Advances virtual time. */
void room_run(uint64_t for_ns);
uint64_t room_now_s(void);

/* Adds a relay of dialect A that look-ups find. */
struct test_relay *room_relay(uint32_t number, uint32_t ip);
/* Adds a relay that speaks these dialects, with announcements in one form or both. Returns the last
 * one. */
struct test_relay *room_relay_in(uint8_t dialects, uint32_t number, uint32_t ip);
/* Requests the relay list, into room.list. Returns the number of announcements; -1: refused. */
int room_ask_list(uint16_t max_count);
/* The same on a session of this dialect. All announcements must be in its form. */
int room_ask_list_in(enum wire_dialect dialect, uint16_t max_count);
/* True: the relay is in room.list. */
bool room_is_listed(const struct rt_sign_key *relay);
/* The number of log lines with these words since room_init. */
uint32_t room_count_log(const char *words);
/* Makes look-ups find a revocation of this relay's key. */
void room_revoke(const struct rt_sign_key *relay);
/* Sends ANNOUNCER_REVOKED. */
void room_notify_revoked(const struct rt_sign_key *relay);
/* Sends ANNOUNCER_SHUTDOWN. */
void room_shutdown(void);

#endif
