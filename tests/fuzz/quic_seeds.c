/* SPDX-License-Identifier: MPL-2.0 */
/*
 * quic_seeds DIR: writes the first inputs of fuzz_quic and fuzz_quic_token. They are the datagrams
 * that the clients of tests/sim/quic send: as records, one file per scenario (DIR/quic), and one
 * file per datagram (DIR/quic_token).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/quic_records.h"
#include "sim/quic/qsim.h"

#define SEED_BYTES_MAX 16384u
#define SINGLES_MAX 8u

static const char *root;
static struct {
    uint8_t bytes[SEED_BYTES_MAX];
    size_t len;
    unsigned datagrams;
    const char *name;
} seed;

static void write_seed(const char *group, unsigned number, const uint8_t *bytes, size_t len)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s/%s.%u", root, group, seed.name, number);
    f = fopen(path, "we");
    RT_INSIST(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

static void add_record(unsigned flags, const uint8_t *p, size_t n)
{
    if (seed.len + QUIC_RECORD_HEAD + n > sizeof(seed.bytes))
        return;
    seed.bytes[seed.len++] = (uint8_t)flags;
    seed.bytes[seed.len++] = (uint8_t)(n >> 8);
    seed.bytes[seed.len++] = (uint8_t)n;
    memcpy(seed.bytes + seed.len, p, n);
    seed.len += n;
}

static void on_datagram(void *ctx, bool is_to_server, const uint8_t *p, size_t n)
{
    (void)ctx;
    if (!is_to_server || n > 1500)
        return;
    if (seed.datagrams < SINGLES_MAX)
        write_seed("quic_token", seed.datagrams, p, n);
    /* datagrams after the first one use the connection id of the server */
    add_record(seed.datagrams++ ? QUIC_RECORD_PATCHED | (n % 4) << 4 : 0, p, n);
}

static void begin(const char *name, unsigned options)
{
    seed.name = name;
    seed.datagrams = 0;
    seed.bytes[0] = (uint8_t)options;
    seed.len = 1;
}

static void record_connection(const char *name, bool always_retries, bool is_aborted)
{
    static struct qsim_world w;
    struct qsim_end *a, *z;

    begin(name, always_retries ? QUIC_OPTION_RETRY : 0);
    qsim_open(&w, name, 1);
    w.tap = on_datagram;
    w.server.always_retries = always_retries;
    a = qsim_connect(&w, &z);
    qsim_exchange(&w, a, z, 3000, 10 * QSIM_S);
    qsim_end_close(a, is_aborted);
    qsim_end_close(z, false);
    qsim_until_closed(a, 10 * QSIM_S);
    write_seed("quic", 0, seed.bytes, seed.len);
    qsim_close(&w);
}

/* Two hellos in one read: the kernel joins datagrams that arrive together. */
static void write_joined(void)
{
    static const uint8_t noise[200] = {0x40, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t record[QUIC_RECORD_HEAD + 3 + sizeof(noise)] = {
        0, QUIC_RECORD_JOINED, 0, sizeof(noise), 0, 50};

    memcpy(record + 6, noise, sizeof(noise));
    seed.name = "joined";
    write_seed("quic", 0, record, sizeof(record));
}

/* An unknown version, in a datagram long enough to be answered. */
static void write_odd_version(void)
{
    uint8_t p[1200] = {0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 8};

    begin("version", 0);
    add_record(0, p, sizeof(p));
    write_seed("quic", 0, seed.bytes, seed.len);
    write_seed("quic_token", 0, p, sizeof(p));
}

static void make_directory(const char *group)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", root, group);
    RT_INSIST(mkdir(path, 0777) == 0 || errno == EEXIST);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: quic_seeds DIR\n");
        return 2;
    }
    root = argv[1];
    RT_INSIST(mkdir(root, 0777) == 0 || errno == EEXIST);
    make_directory("quic");
    make_directory("quic_token");
    record_connection("plain", false, false);
    record_connection("abort", false, true);
    record_connection("retry", true, false);
    write_joined();
    write_odd_version();
    return 0;
}
