/* SPDX-License-Identifier: MPL-2.0 */
/* Shared by the tests of this room: seeded random numbers, relays and their announcements. */
#ifndef TEST_ANNOUNCER_SUPPORT_H
#define TEST_ANNOUNCER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "announcer/directory/announcement.h"
#include "base/budget.h"
#include "base/seams.h"
#include "crypto/crypto.h"

#define NOW_S UINT64_C(1770000000)

/* A splitmix64 sequence; ctx: its state. */
uint64_t test_random(void *ctx);
/* A group's setup: crypto, the byte budget. */
int test_setup(void **state);

/* TCP at a.b.c.d:7001 for ip 0xaabbccdd; no key. */
struct wire_peer_hop test_hop(uint32_t ip);
void test_sign_key(uint32_t number, struct rt_sign_key *out);

/* A relay's announcement, encoded and read again. */
struct test_relay {
    struct rt_sign_key identity;
    struct announcer_addrs addrs;
    struct announcement_fields of;
    struct relay_slice bytes;
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann; /* in room */
};
/* An announcement of relay `number`, with one address, valid for six hours from issued_at, in form
 * 5. The caller frees it. */
struct test_relay *test_relay(uint32_t number, uint32_t ip, uint64_t issued_at);
struct test_relay *test_relay_in(enum announcement_form form, uint32_t number, uint32_t ip,
                                 uint64_t issued_at);
/* Made again after addrs or of were changed. */
void test_relay_make(struct test_relay *r);
void test_relay_free(struct test_relay **r);

#endif
