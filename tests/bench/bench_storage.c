/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What the state database costs. `bench_storage DIR [values [peers]]` makes DIR, has so many
 * Providers values of so many peers each (100,000 of 4, about 500 bytes) written behind by a
 * storage thread, every one twice, and then opens it again. Prints key=value, one a line:
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
#include "base/metric.h"
#include "host/os_seams.h"
#include "host/thread_blocking.h"
#include "storage/storage.h"
#include "wire_value.h"

#define LIFE_S 600000u

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

static struct storage_write *value(uint32_t n, uint32_t peers)
{
    static const uint8_t no_sub[32];
    struct wire_peer list[64] = {0};
    uint8_t id[32] = {0}, key[32], bytes[16384];
    uint64_t wall_s = rt_os_seams()->wall_ns(NULL) / RT_S;
    struct relay_slice copy;
    struct wire_writer w;

    memcpy(id, &n, sizeof(n));
    wire_providers_key(id, key);
    for (uint32_t i = 0; i < peers; i++) {
        list[i].hop = (struct wire_peer_hop){.ip = {198, 51, 100, (uint8_t)n},
                                             .port = (uint16_t)(7000 + i),
                                             .transport = WIRE_TCP,
                                             .has_pubkey_hint = true};
        memset(list[i].hop.pubkey_hint, 0x80 | (int)i, 32);
    }
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_providers(&w, id, list, peers, wall_s);
    RT_INSIST(w.pos <= sizeof(bytes));
    copy = rt_slice_copy(bytes, (uint32_t)w.pos);
    RT_INSIST(copy.owner);
    return storage_put_value_new(key, no_sub, copy, wall_s + LIFE_S, 0, n % 16, n % 16);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* All values once, as fast as the queue takes them; seconds until they are on disk. */
static double write_all(struct storage *s, struct rt_worker *from, uint32_t count, uint32_t peers)
{
    uint64_t begun_ns = now_ns();

    for (uint32_t n = 0; n < count;) {
        struct storage_write *w = value(n, peers);
        uint64_t before_ns = now_ns();

        if (storage_send(s, from, w)) {
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

static void write_behind(const char *dir, uint32_t count, uint32_t peers)
{
    struct rt_system *sys = rt_system_new(2, rt_os_seams());
    struct storage *s = open_storage(dir);
    struct rt_blocking *thread;
    double begun_cpu_s = cpu_s(), first_s, second_s;

    (void)storage_start(s, rt_system_worker(sys, 1));
    RT_INSIST(rt_blocking_new(rt_system_worker(sys, 1), &thread) == RT_ERR_OK);
    RT_INSIST(rt_blocking_start(thread, "storage") == RT_ERR_OK);
    first_s = write_all(s, rt_system_worker(sys, 0), count, peers);
    printf("write_cpu_us=%.1f\n", (cpu_s() - begun_cpu_s) * 1e6 / count);
    second_s = write_all(s, rt_system_worker(sys, 0), count, peers);
    printf("send_ns=%" PRIu64 "\nwrite_s=%.2f\nrewrite_s=%.2f\nbatches=%" PRIu64 "\n",
           sending_ns / count / 2, first_s, second_s, rt_metric_get(RT_METRIC_STORAGE_BATCHES));
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

int main(int argc, char **argv)
{
    uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100000;
    uint32_t peers = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 4;

    if (argc < 2 || count == 0 || peers > 64) {
        fprintf(stderr, "usage: bench_storage DIR [values [peers, at most 64]]\n");
        return 2;
    }
    RT_INSIST(rt_crypto_init() == RT_ERR_OK);
    rt_budget_configure(UINT64_C(4) << 30);
    write_behind(argv[1], count, peers);
    read_again(argv[1]);
    return 0;
}
