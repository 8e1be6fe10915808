/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the state database across a start of the daemon, which runs as a process (RELAY_BINARY).
 * The test inspects the database between two runs.
 *  - Values: valid ones are loaded; expired ones and rows of another shape are not.
 *  - Peers: a recent one is loaded and its row does not change. One not seen for a week is deleted
 *    from the disk, with its dialects. Unreadable rows are counted in one log line and kept.
 *  - A community's record and mark are loaded and kept. A record about a key that is not pinned is
 *    removed.
 *  - The relay starts although the map of pins is unreadable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dht/dht_limits.h"
#include "wire_community.h"
#include "wire_state.h"
#include "wire_value.h"

static char dir[64], path[96], log_path[80];
static char text[64 * 1024]; /* output of the last relay */

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/test_durable.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/data/relay.db", dir);
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    return 0;
}

static int teardown(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static void read_log(void)
{
    int fd = open(log_path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

_Noreturn static void child_main(void)
{
    char data[80];
    int fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    snprintf(data, sizeof(data), "%s/data", dir);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(99);
    execl(getenv("RELAY_BINARY"), "scp2p-relay", "--data-dir", data, "--bind-tcp", "127.0.0.1:0",
          "--bind-quic", "", (char *)NULL);
    _exit(98);
}

/* Starts the relay, waits until it is ready and ends it; text has what it said. */
static void run(void)
{
    int status = 0;
    pid_t pid;

    unlink(log_path);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child_main();
    for (int i = 0; i < 3000; i++) {
        read_log();
        if (strstr(text, "relay node ready"))
            break;
        if (waitpid(pid, &status, WNOHANG) == pid)
            fail_msg("the relay ended (%d):\n%s", status, text);
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    read_log();
    if (status != 0)
        fail_msg("the relay ended with %d:\n%s", status, text);
}

static void assert_said(const char *words)
{
    if (!strstr(text, words))
        fail_msg("it did not say \"%s\":\n%s", words, text);
}

/* -- the database -- */

static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

/* Runs sql with up to two blobs and a number; the first column of its first row, or -1. */
static int64_t sql(const char *statement, const uint8_t *key, const uint8_t *blob, size_t len,
                   int64_t number)
{
    sqlite3 *db = open_db();
    sqlite3_stmt *st = NULL;
    int64_t v = -1;
    int code;

    if (sqlite3_prepare_v2(db, statement, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    if (key)
        sqlite3_bind_blob(st, 1, key, 32, SQLITE_STATIC);
    if (blob)
        sqlite3_bind_blob64(st, 2, blob, len, SQLITE_STATIC);
    if (number)
        sqlite3_bind_int64(st, 3, number);
    code = sqlite3_step(st);
    if (code == SQLITE_ROW)
        v = sqlite3_column_int64(st, 0);
    else if (code != SQLITE_DONE)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_finalize(st);
    sqlite3_close(db);
    return v;
}

static int64_t ask(const char *statement)
{
    return sql(statement, NULL, NULL, 0, 0);
}

static void put_value(uint8_t id, int64_t expires_s)
{
    uint8_t content_id[32] = {id}, key[32], value[256];
    struct wire_peer peer = {.hop = {.ip = {127, 0, 0, 1}, .port = 7001, .transport = WIRE_TCP}};
    struct wire_writer w;

    wire_providers_key(content_id, key);
    wire_writer_init(&w, value, sizeof(value));
    wire_write_providers(&w, content_id, &peer, 1, 1);
    (void)sql("INSERT INTO relay_values VALUES(?1, zeroblob(32), ?2, ?3, 0, 0, 0)", key, value,
              w.pos, expires_s);
}

static void put_peer(const char *addr_key, uint64_t last_seen_s)
{
    struct wire_peer_row row = {.last_seen_unix = last_seen_s};
    uint8_t payload[512];
    char statement[128];
    struct wire_writer w;

    row.addr.hop = (struct wire_peer_hop){.ip = {127, 0, 0, 1}, .port = 1, .transport = WIRE_TCP};
    wire_writer_init(&w, payload, sizeof(payload));
    wire_write_peer_row(&w, &row);
    snprintf(statement, sizeof(statement), "INSERT INTO peers VALUES('%s', ?2)", addr_key);
    (void)sql(statement, NULL, payload, w.pos, 0);
}

static void values(void **state)
{
    int64_t now_s = (int64_t)time(NULL);

    (void)state;
    run();
    assert_said("state loaded values=0 peers=0 forgotten=0");
    put_value(1, now_s + 5000);
    put_value(2, now_s + 5000);
    put_value(3, now_s - 1);
    (void)ask("INSERT INTO relay_values VALUES(x'00', x'00', x'00', 99999999999, 0, 0, 0)");
    run();
    assert_said("state loaded values=2 peers=0 forgotten=0");
    assert_said("table=relay_values rows=1");
    assert_int_equal(ask("SELECT count(*) FROM relay_values"), 4);
}

static void peers(void **state)
{
    uint64_t now_s = (uint64_t)time(NULL);

    (void)state;
    run();
    put_peer("127.0.0.1:1:Tcp", now_s - 60);
    put_peer("127.0.0.1:2:Tcp", now_s - LIM_PEER_FORGET_S - 60);
    (void)ask("INSERT INTO relay_peer_dialects VALUES('127.0.0.1:1:Tcp', 3, 1),"
              " ('127.0.0.1:2:Tcp', 7, 2)");
    (void)ask("INSERT INTO peers VALUES('127.0.0.1:3:Tcp', x'a0')");
    (void)ask("INSERT INTO peers VALUES('127.0.0.1:4:Tcp', 'text')");
    run();
    assert_said("state loaded values=0 peers=1 forgotten=1");
    assert_said("peers in the state database cannot be read, left as they are peers=1");
    assert_said("table=peers rows=1");
    assert_int_equal(ask("SELECT count(*) FROM peers"), 3);
    assert_int_equal(ask("SELECT count(*) FROM peers WHERE addr_key = '127.0.0.1:2:Tcp'"), 0);
    assert_int_equal(ask("SELECT dialects FROM relay_peer_dialects"), 3);
    assert_int_equal(ask("SELECT count(*) FROM relay_peer_dialects"), 1);
    run();
    assert_said("state loaded values=0 peers=1 forgotten=0");
}

/* A member's record as crate 0.6.0 writes it, with other times: signatures are not verified again
 * here. */
static void put_member(int64_t now_s)
{
    struct wire_member_record m = {
        .announce_seq = 3, .issued_at = (uint64_t)now_s, .expires_at = (uint64_t)now_s + 5000};
    uint8_t key[32], value[512];
    struct wire_writer w;

    memset(m.community_id, 7, sizeof(m.community_id));
    memset(m.member_node_pubkey, 9, sizeof(m.member_node_pubkey));
    wire_member_record_key(m.community_id, m.member_node_pubkey, key);
    wire_writer_init(&w, value, sizeof(value));
    wire_write_member_record(&w, &m);
    (void)sql("INSERT INTO relay_values VALUES(?1, zeroblob(32), ?2, ?3, 0, 0, 77)", key, value,
              w.pos, now_s + 5000);
    (void)sql("INSERT INTO relay_communities VALUES(?1, 1024, ?3)", m.community_id, NULL, 0,
              now_s + 5000);
}

static void communities(void **state)
{
    int64_t now_s = (int64_t)time(NULL);

    (void)state;
    run();
    put_member(now_s);
    (void)sql("INSERT INTO relay_communities VALUES(?1, 5, ?3)", (const uint8_t[32]){1}, NULL, 0,
              now_s - 1);
    for (int i = 0; i < 2; i++) {
        run();
        assert_said("state loaded values=1 peers=0 forgotten=0 communities=1");
        assert_int_equal(ask("SELECT event FROM relay_values"), 77);
        assert_int_equal(ask("SELECT max(mark) FROM relay_communities"), 1024);
    }
}

static void records_of_keys(void **state)
{
    (void)state;
    run();
    (void)ask("INSERT INTO relay_identity_records VALUES(zeroblob(32), x'37')");
    run();
    assert_int_equal(ask("SELECT count(*) FROM relay_identity_records"), 0);
}

static void pins_that_are_none(void **state)
{
    (void)state;
    run();
    (void)ask("INSERT INTO metadata VALUES('pinned_bootstrap_keys', x'ff00')");
    run();
    assert_int_equal(ask("SELECT payload = x'ff00' FROM metadata WHERE key LIKE 'pinned%'"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(values), TEST(peers), TEST(communities),
                                       TEST(records_of_keys), TEST(pins_that_are_none)};

    return cmocka_run_group_tests_name("state of the daemon", tests, NULL, NULL);
}
