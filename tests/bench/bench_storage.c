/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Measures the cost of the state database. `bench_storage DIR [values [peers [records
 * [manifests]]]]` makes DIR and has a storage thread write values (100,000), each twice, then opens
 * DIR again. Records of communities (0; members and shares, in COMMUNITIES communities) and
 * manifests (0) are among the values, the others are Providers of `peers` peers (4, about 500
 * bytes). All are as a relay would have stored them, signed. Prints key=value, one a line:
 *
 *   send_ns           of the sending thread, one write
 *   write_s           from the first write to the last on disk; write_cpu_us of the process, a row
 *   rewrite_s         the same for the second round, which finds every row there
 *   db_mib            the file
 *   open_s, load_s    of the next start: all of the file checked, every row gone through
 *
 * DIR is left for a relay to be started on (--data-dir DIR).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/budget.h"
#include "base/check.h"
#include "host/os_seams.h"
#include "host/thread_blocking.h"
#include "storage/storage.h"
#include "storage/storage_metrics.h"
#include "wire_community.h"
#include "wire_value.h"

#define LIFE_S 600000u
#define COMMUNITIES 8u
#define VALUE_BYTES 16384u

/* The values: first records, then manifests, then Providers. */
struct mix {
    uint32_t values, peers, records, manifests;
};

static uint64_t sending_ns;

static uint64_t now_ns(void)
{
    return rt_os_seams()->mono_ns(NULL);
}

static double cpu_s(void)
{
    struct rusage u;

    RT_INSIST(getrusage(RUSAGE_SELF, &u) == 0);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct storage *open_storage(const char *dir)
{
    struct relay_error err = {""};
    struct storage *s = NULL;

    if (storage_open(dir, rt_os_seams(), &s, &err) != RT_ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(EXIT_FAILURE);
    }
    return s;
}

/* -- values, as clients make them -- */

/* Of a member, or a share. */
static void key_of(uint32_t n, struct rt_sign_key *out)
{
    uint8_t seed[32] = {'b'};

    memcpy(seed + 8, &n, sizeof(n));
    rt_sign_key_from_seed(seed, out);
}

static void sign(const struct rt_sign_key *k, struct wire_writer *w, uint8_t out[64])
{
    bool fits;

    rt_sign(k, w->start, wire_writer_len(w, &fits), out);
    RT_INSIST(fits);
    wire_writer_init(w, w->start, VALUE_BYTES);
}

static void community_of(uint32_t n, uint8_t out[32])
{
    memset(out, 0, 32);
    out[0] = (uint8_t)(1 + n % COMMUNITIES);
}

static void write_member(uint32_t n, uint64_t wall_s, struct wire_writer *w, uint8_t key[32])
{
    struct wire_member_record m = {
        .announce_seq = 1, .issued_at = wall_s, .expires_at = wall_s + 86400};
    struct rt_sign_key k;

    key_of(n, &k);
    community_of(n, m.community_id);
    memcpy(m.member_node_pubkey, k.public_key, 32);
    wire_write_member_record_signed(w, &m);
    sign(&k, w, m.signature);
    wire_write_member_record(w, &m);
    wire_member_record_key(m.community_id, m.member_node_pubkey, key);
}

static void write_share(uint32_t n, uint64_t wall_s, struct wire_writer *w, uint8_t key[32])
{
    static const char title[] = "a title of usual length, some words";
    struct wire_share_record s = {.latest_seq = 1,
                                  .updated_at = wall_s,
                                  .title = {(const uint8_t *)title, sizeof(title) - 1}};
    struct rt_sign_key k;

    key_of(n, &k);
    community_of(n, s.community_id);
    memcpy(s.share_pubkey, k.public_key, 32);
    wire_share_id(k.public_key, s.share_id);
    wire_write_share_record_signed(w, &s);
    sign(&k, w, s.signature);
    wire_write_share_record(w, &s);
    wire_share_record_key(s.community_id, s.share_id, key);
}

/* Without the time of writing, so that the second round has the same keys. */
static void write_manifest(uint32_t n, struct wire_writer *w, uint8_t key[32])
{
    static const uint8_t empty_list[] = {0x80};
    struct wire_manifest m = {
        .version = 1, .seq = 1, .created_at = 1770000000, .has_signature = true};
    uint8_t room[VALUE_BYTES], id[32];
    struct rt_sign_key k;

    key_of(n, &k);
    memcpy(m.share_pubkey, k.public_key, 32);
    wire_share_id(k.public_key, m.share_id);
    m.communities.raw = m.items.raw = m.recommended_shares.raw =
        (struct wire_bytes){empty_list, sizeof(empty_list)};
    wire_write_manifest_signed(w, &m);
    sign(&k, w, m.signature);
    RT_INSIST(wire_manifest_id(&m, room, sizeof(room), id) == RT_ERR_OK);
    wire_write_manifest(w, &m);
    wire_manifest_key(id, key);
}

static void write_providers(uint32_t n, uint32_t peers, uint64_t wall_s, struct wire_writer *w,
                            uint8_t key[32])
{
    struct wire_peer list[64] = {0};
    uint8_t id[32] = {0};

    memcpy(id, &n, sizeof(n));
    for (uint32_t i = 0; i < peers; i++) {
        list[i].hop = (struct wire_peer_hop){.ip = {198, 51, 100, (uint8_t)n},
                                             .port = (uint16_t)(7000 + i),
                                             .transport = WIRE_TCP,
                                             .has_pubkey_hint = true};
        memset(list[i].hop.pubkey_hint, 0x80 | (int)i, 32);
    }
    wire_write_providers(w, id, list, peers, wall_s);
    wire_providers_key(id, key);
}

static struct storage_write *value(uint32_t n, const struct mix *mix)
{
    static const uint8_t no_sub[32];
    uint8_t key[32], bytes[VALUE_BYTES];
    uint64_t wall_s = rt_os_seams()->wall_ns(NULL) / RT_S;
    bool is_record = n < mix->records;
    struct relay_slice copy;
    struct wire_writer w;

    wire_writer_init(&w, bytes, sizeof(bytes));
    if (is_record && n / COMMUNITIES % 2 == 0)
        write_member(n, wall_s, &w, key);
    else if (is_record)
        write_share(n, wall_s, &w, key);
    else if (n < mix->records + mix->manifests)
        write_manifest(n, &w, key);
    else
        write_providers(n, mix->peers, wall_s, &w, key);
    RT_INSIST(w.pos <= sizeof(bytes));
    copy = rt_slice_copy(bytes, (uint32_t)w.pos);
    RT_INSIST(copy.owner);
    return storage_put_value_new(key, no_sub, copy, wall_s + LIFE_S, is_record ? n + 1 : 0, n % 16,
                                 n % 16);
}

/* -- writing and reading -- */

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* All values once, as fast as the queue takes them; seconds until they are on disk. */
static double write_all(const struct storage_client *to, struct rt_worker *from,
                        const struct mix *mix)
{
    uint64_t begun_ns = now_ns();

    for (uint32_t n = 0; n < mix->values;) {
        struct storage_write *w = value(n, mix);
        uint64_t before_ns = now_ns();

        if (storage_send(to, from, w)) {
            sending_ns += now_ns() - before_ns;
            n++;
        } else {
            pause_ms(5); /* the queue is full */
        }
    }
    while (rt_metric_get(RT_METRIC_STORAGE_QUEUED) > 0)
        pause_ms(1);
    return (double)(now_ns() - begun_ns) / 1e9;
}

static void write_behind(const char *dir, const struct mix *mix)
{
    struct rt_system *sys = rt_system_new(2, rt_os_seams());
    struct storage *s = open_storage(dir);
    struct storage_client client;
    struct rt_blocking *thread;
    double begun_cpu_s = cpu_s(), first_s, second_s;

    client = storage_start(s, rt_system_worker(sys, 1));
    RT_INSIST(rt_blocking_new(rt_system_worker(sys, 1), &thread) == RT_ERR_OK);
    RT_INSIST(rt_blocking_start(thread, "storage") == RT_ERR_OK);
    first_s = write_all(&client, rt_system_worker(sys, 0), mix);
    printf("write_cpu_us=%.1f\n", (cpu_s() - begun_cpu_s) * 1e6 / mix->values);
    second_s = write_all(&client, rt_system_worker(sys, 0), mix);
    printf("send_ns=%" PRIu64 "\nwrite_s=%.2f\nrewrite_s=%.2f\nbatches=%" PRIu64 "\n",
           sending_ns / mix->values / 2, first_s, second_s,
           rt_metric_get(RT_METRIC_STORAGE_BATCHES));
    rt_blocking_stop(thread);
    rt_blocking_join(thread);
    storage_stop(s);
    storage_close(&s);
    rt_blocking_free(&thread);
    rt_system_free(&sys);
}

static void count_value(void *ctx, const struct storage_value *v)
{
    *(uint64_t *)ctx += 1 + (v->value[0] == 0);
}

static void read_again(const char *dir)
{
    struct relay_error err = {""};
    uint64_t begun_ns = now_ns(), opened_ns, count = 0;
    struct storage *s = open_storage(dir);
    char path[4096];
    struct stat st;

    opened_ns = now_ns();
    RT_INSIST(storage_each_value(s, count_value, &count, &err) == RT_ERR_OK);
    printf("open_s=%.3f\nload_s=%.3f\nvalues=%" PRIu64 "\n", (double)(opened_ns - begun_ns) / 1e9,
           (double)(now_ns() - opened_ns) / 1e9, count);
    snprintf(path, sizeof(path), "%s/relay.db", dir);
    RT_INSIST(stat(path, &st) == 0);
    printf("db_mib=%.1f\n", (double)st.st_size / (1 << 20));
    storage_close(&s);
}

static uint32_t argument(int argc, char **argv, int i, uint32_t otherwise)
{
    return i < argc ? (uint32_t)strtoul(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    struct mix mix = {.values = argument(argc, argv, 2, 100000),
                      .peers = argument(argc, argv, 3, 4),
                      .records = argument(argc, argv, 4, 0),
                      .manifests = argument(argc, argv, 5, 0)};

    if (argc < 2 || mix.values == 0 || mix.peers > 64) {
        fprintf(stderr, "usage: bench_storage DIR [values [peers, at most 64 [records "
                        "[manifests]]]]\n");
        return 2;
    }
    RT_INSIST(rt_crypto_init() == RT_ERR_OK);
    rt_budget_configure(UINT64_C(4) << 30);
    write_behind(argv[1], &mix);
    read_again(argv[1]);
    return 0;
}
