/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: kill -9 of a process that stores community records in a state database. A child stores new
 * members and renews others in three communities without pause. It reports each assigned event
 * number and each flush. It is killed ROUNDS times, at random moments, always on the same database.
 * After each round, the database has all members of the last flush, and their numbers are unique in
 * their community. The next number of a community is above all reported ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit/dht/records.h"
#include "unit/storage/desk.h"

#include "dht/value_store/communities.h"
#include "dht/value_store/value_store.h"
#include "dht/dht_limits.h"
#include "storage/storage_limits.h"

#define ROUNDS 20
#define COMMUNITIES 3u
#define FLUSH_EVERY 40u

static const uint8_t hash_key[16] = "restart";
static const struct dht_origin someone = {.peer = 77, .net = 7};
static uint64_t rng = 20261130;

/* -- a store over the database, like actors/dht/persist.c -- */

static void put_value(void *ctx, const struct dht_value *v)
{
    (void)ctx;
    assert_true(
        desk_send(storage_put_value_new(v->key, v->sub, relay_slice_ref(v->value), v->expires_s,
                                        v->event, v->origin.peer, v->origin.net)));
}

static void put_mark(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s)
{
    (void)ctx;
    assert_true(desk_send(storage_put_mark_new(community_id, mark, expires_s)));
}

static void load_mark(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s)
{
    dht_communities_load_mark(dht_value_store_communities(ctx), community_id, mark, expires_s);
}

static void load_value(void *ctx, const struct storage_value *v)
{
    struct dht_origin origin = {.peer = v->origin_peer, .net = v->origin_net};

    assert_true(dht_value_store_load(ctx, v->key, v->sub, v->value, v->len, v->expires_s, v->event,
                                     &origin, NOW_S));
}

static struct dht_value_store *start(void)
{
    struct dht_value_store_limits limits = {LIM_VALUES_MAX, 1u << 28, LIM_VALUES_MAX, 1u << 28};
    struct dht_value_store *v = dht_value_store_new(&limits, hash_key, test_random, &rng);
    struct dht_value_store_sink sink = {.put = put_value, .put_mark = put_mark};
    struct relay_error err = {""};

    desk_start();
    dht_value_store_set_sink(v, &sink);
    assert_int_equal(storage_each_mark(desk_storage, load_mark, v, &err), RT_ERR_OK);
    assert_int_equal(storage_each_value(desk_storage, load_value, v, &err), RT_ERR_OK);
    return v;
}

/* -- the child -- */

struct report {
    uint32_t step, members; /* members: of all communities */
    uint64_t event;
    bool is_flushed;
};

/* Stores member `number` with the sequence of this step; returns its event number. */
static uint64_t store(struct dht_value_store *v, uint32_t number, uint32_t step)
{
    struct test_member m = {.community = 1 + number % COMMUNITIES,
                            .member = 1000 + number,
                            .announce_seq = step,
                            .issued_at = NOW_S,
                            .expires_at = NOW_S + 86400};
    struct test_value value;
    struct dht_checked c;
    uint8_t id[32];

    test_member_record(&m, &value);
    c = test_checked(&value, NOW_S);
    assert_int_equal(dht_value_store_put(v, value.key, &c, relay_slice_view(value.bytes, value.len),
                                         86400, &someone, NOW_S),
                     0);
    desk_sleep(LIM_STORAGE_MARK_NS + 5 * RT_MS); /* the storage thread does not reply sooner */
    test_community(m.community, id);
    return dht_community_last_event(dht_community_find(dht_value_store_communities(v), id));
}

_Noreturn static void child_main(uint32_t members, uint32_t step, int fd)
{
    struct dht_value_store *v = start();

    for (;; step++) {
        bool is_new = step % 4 == 0;
        struct report r = {.step = step};

        r.event = store(v, is_new ? members++ : members - 1, step);
        r.is_flushed = step % FLUSH_EVERY == 0 && desk_flush() == RT_ERR_OK;
        r.members = members;
        if (write(fd, &r, sizeof(r)) != sizeof(r))
            _exit(2);
    }
}

/* -- the reports of the child -- */

static struct {
    uint32_t step, members, flushed_members;
    uint64_t highest[COMMUNITIES];
} known;

static void read_reports(int fd)
{
    struct report r;

    while (read(fd, &r, sizeof(r)) == sizeof(r)) {
        uint32_t in = (r.members - 1) % COMMUNITIES;

        known.step = r.step + 1;
        known.members = r.members;
        if (r.is_flushed)
            known.flushed_members = r.members;
        if (r.event > known.highest[in])
            known.highest[in] = r.event;
    }
}

static void run_child(unsigned delay_us)
{
    int pipe_fd[2], status;
    pid_t child;

    assert_int_equal(pipe(pipe_fd), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_main(known.members, known.step, pipe_fd[1]);
    close(pipe_fd[1]);
    nanosleep(&(struct timespec){.tv_nsec = (long)delay_us * 1000}, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    read_reports(pipe_fd[0]);
    close(pipe_fd[0]);
}

static void check_numbers(struct dht_value_store *v, uint32_t c)
{
    struct dht_community *k;
    struct dht_record *r;
    uint32_t records = 0;
    uint8_t id[32];

    test_community(1 + c, id);
    k = dht_community_find(dht_value_store_communities(v), id);
    for (uint64_t after = 0; k && (r = dht_community_next_event(k, after)) != NULL; records++) {
        assert_true(r->event > after);
        after = r->event;
    }
    if (k)
        assert_int_equal(records, dht_community_count(k, DHT_RECORD_MEMBER));
}

static void check(void)
{
    struct dht_value_store *v = start();

    known.members = dht_value_store_count(v); /* rows are written in order */
    assert_true(known.members >= known.flushed_members);
    for (uint32_t c = 0; c < COMMUNITIES; c++)
        check_numbers(v, c);
    for (uint32_t i = 0; i < COMMUNITIES; i++, known.step++) {
        uint32_t number = known.members++;
        uint64_t event = store(v, number, known.step);

        assert_true(event > known.highest[number % COMMUNITIES]);
        known.highest[number % COMMUNITIES] = event;
    }
    assert_int_equal(desk_flush(), RT_ERR_OK);
    known.flushed_members = known.members;
    dht_value_store_free(&v);
    desk_stop();
}

static void killed_while_storing(void **state)
{
    unsigned seed =
        getenv("TEST_SEED") ? (unsigned)strtoul(getenv("TEST_SEED"), NULL, 10) : (unsigned)getpid();
    uint64_t random = seed;

    (void)state;
    printf("seed %u\n", seed);
    desk_stop();
    for (int round = 0; round < ROUNDS; round++) {
        run_child(1000 + test_random(&random) % 150000);
        check();
    }
    printf("%u members, %u steps, numbers up to %llu\n", known.members, known.step,
           (unsigned long long)known.highest[0]);
    assert_true(known.step > ROUNDS * 20);
    desk_start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_while_storing, desk_setup, desk_teardown),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("restart of the store", tests, NULL, NULL);
}
