/* SPDX-License-Identifier: MPL-2.0 */
/*
 * bench_dht [values]: what the DHT's store and tables cost, at 100,000 values unless told: CPU time
 * per operation of one thread, resident memory per value, and the time to load them all again. The
 * checks are the real ones: a manifest's id and signature, a head's signature, sets are merged,
 * members' records of full communities are entered into the index.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "dht/kademlia/routing_table.h"
#include "dht/value_store/value_store.h"
#include "dht/dht_limits.h"
#include "wire_community.h"
#include "wire_value.h"

#define NOW_S UINT64_C(1770000000)
#define SIGNED_MAX 5000u /* of values with signatures: they cost the same at every size */
#define RECORDS_MAX (2 * LIM_COMMUNITY_RECORDS)
#define VALUE_BYTES 512u

struct item {
    uint8_t key[32];
    uint32_t len;
    uint8_t *bytes;
};

static uint64_t random_state = 1;

static uint64_t draw(void *ctx)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

    (void)ctx;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * RT_S + (uint64_t)t.tv_nsec;
}

static uint64_t resident(void)
{
    unsigned long long pages = 0, all;
    FILE *f = fopen("/proc/self/statm", "re");

    RT_INSIST(f && fscanf(f, "%llu %llu", &all, &pages) == 2);
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void keep(struct item *it, const struct wire_writer *w)
{
    bool fits;

    it->len = (uint32_t)wire_writer_len(w, &fits);
    RT_INSIST(fits);
    it->bytes = malloc(it->len);
    RT_INSIST(it->bytes != NULL);
    memcpy(it->bytes, w->start, it->len);
}

/* -- values, as clients make them -- */

static void make_providers(uint32_t n, uint32_t version, struct item *out)
{
    struct wire_peer p = {.hop = {.port = 7001, .transport = WIRE_TCP, .has_pubkey_hint = true}};
    uint8_t room[VALUE_BYTES], id[32];
    struct wire_writer w;

    rt_sha256(&n, sizeof(n), id);
    memcpy(p.hop.ip, &version, 4);
    memcpy(p.hop.pubkey_hint, id, 32);
    wire_providers_key(id, out->key);
    wire_writer_init(&w, room, sizeof(room));
    wire_write_providers(&w, id, &p, 1, NOW_S + version);
    keep(out, &w);
}

static void share_key(uint32_t n, struct rt_sign_key *out)
{
    uint8_t seed[32] = {'b'};

    memcpy(seed + 8, &n, sizeof(n));
    rt_sign_key_from_seed(seed, out);
}

static void make_head(uint32_t n, struct item *out)
{
    struct wire_share_head h = {.latest_seq = 1, .updated_at = NOW_S};
    uint8_t room[VALUE_BYTES];
    struct rt_sign_key k;
    struct wire_writer w;
    bool fits;

    share_key(n, &k);
    wire_share_id(k.public_key, h.share_id);
    wire_writer_init(&w, room, sizeof(room));
    wire_write_share_head_signed(&w, &h);
    rt_sign(&k, room, wire_writer_len(&w, &fits), h.sig);
    wire_share_head_key(h.share_id, out->key);
    wire_writer_init(&w, room, sizeof(room));
    wire_write_share_head(&w, &h);
    keep(out, &w);
}

static void make_manifest(uint32_t n, struct item *out)
{
    static const uint8_t empty_list[] = {0x80};
    struct wire_manifest m = {.version = 1, .seq = 1, .created_at = NOW_S};
    uint8_t room[4096], id[32];
    struct rt_sign_key k;
    struct wire_writer w;
    bool fits;

    share_key(n, &k);
    memcpy(m.share_pubkey, k.public_key, 32);
    wire_share_id(k.public_key, m.share_id);
    m.communities.raw = m.items.raw = m.recommended_shares.raw =
        (struct wire_bytes){empty_list, sizeof(empty_list)};
    wire_writer_init(&w, room, sizeof(room));
    wire_write_manifest_signed(&w, &m);
    m.has_signature = true;
    rt_sign(&k, room, wire_writer_len(&w, &fits), m.signature);
    RT_INSIST(wire_manifest_id(&m, room, sizeof(room), id) == RT_ERR_OK);
    wire_manifest_key(id, out->key);
    wire_writer_init(&w, room, sizeof(room));
    wire_write_manifest(&w, &m);
    keep(out, &w);
}

/* Member n of community n / LIM_COMMUNITY_RECORDS. */
static void make_member(uint32_t n, uint64_t seq, struct item *out)
{
    struct wire_member_record m = {
        .announce_seq = seq, .issued_at = NOW_S, .expires_at = NOW_S + 86400};
    uint8_t room[VALUE_BYTES];
    struct rt_sign_key k;
    struct wire_writer w;
    bool fits;

    share_key(n, &k);
    m.community_id[0] = (uint8_t)(1 + n / LIM_COMMUNITY_RECORDS);
    memcpy(m.member_node_pubkey, k.public_key, 32);
    wire_writer_init(&w, room, sizeof(room));
    wire_write_member_record_signed(&w, &m);
    rt_sign(&k, room, wire_writer_len(&w, &fits), m.signature);
    wire_member_record_key(m.community_id, m.member_node_pubkey, out->key);
    wire_writer_init(&w, room, sizeof(room));
    wire_write_member_record(&w, &m);
    keep(out, &w);
}

/* -- the store -- */

static void store(struct dht_value_store *v, const struct item *it, uint32_t n)
{
    struct dht_origin by = {.peer = 100 + n % 1000, .net = 100 + n % 500};
    struct dht_checked checked;

    RT_INSIST(dht_value_check(it->key, it->bytes, it->len, NOW_S, &checked) == WIRE_REFUSAL_NONE);
    RT_INSIST(dht_value_store_put(v, it->key, &checked, relay_slice_view(it->bytes, it->len), 0,
                                  &by, NOW_S) == WIRE_REFUSAL_NONE);
}

static double store_all(struct dht_value_store *v, const struct item *items, uint32_t count)
{
    uint64_t began = cpu_ns();

    for (uint32_t i = 0; i < count; i++)
        store(v, &items[i], i);
    return (double)(cpu_ns() - began) / count;
}

static double find_all(struct dht_value_store *v, const struct item *items, uint32_t count)
{
    uint64_t began = cpu_ns(), ttl;
    struct relay_slice got;

    for (uint32_t i = 0; i < count; i++) {
        RT_INSIST(dht_value_store_find(v, items[(uint64_t)i * 7919 % count].key, WIRE_DIALECT_C,
                                       NOW_S, &got, &ttl));
        relay_slice_drop(&got);
    }
    return (double)(cpu_ns() - began) / count;
}

static struct dht_value_store *values_new(void)
{
    static const struct dht_value_store_limits limits = {LIM_VALUES_MAX + 1, LIM_VALUE_BYTES_MAX,
                                                         LIM_VALUES_MAX, LIM_VALUE_BYTES_MAX};

    return dht_value_store_new(&limits, (const uint8_t *)"bench-dht-values", draw, NULL);
}

static void free_items(struct item *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(items[i].bytes);
    free(items);
}

static struct item *make_all(uint32_t count, void (*make)(uint32_t n, struct item *out))
{
    struct item *items = calloc(count, sizeof(*items));

    RT_INSIST(items != NULL);
    for (uint32_t i = 0; i < count; i++)
        make(i, &items[i]);
    return items;
}

static void make_first(uint32_t n, struct item *out)
{
    make_providers(n, 0, out);
}

static void make_second(uint32_t n, struct item *out)
{
    make_providers(n, 1, out);
}

static void make_joined(uint32_t n, struct item *out)
{
    make_member(n, 1, out);
}

static void make_rejoined(uint32_t n, struct item *out)
{
    make_member(n, 2, out);
}

/* Loads all items; the number of each record's event is its place. */
static void load_all(struct dht_value_store *v, const char *what, const struct item *items,
                     uint32_t count)
{
    static const struct dht_origin loaded = {.peer = 5, .net = 5};
    static const uint8_t zeros[32];
    uint64_t began = cpu_ns(), ns;

    for (uint32_t i = 0; i < count; i++)
        RT_INSIST(dht_value_store_load(v, items[i].key, zeros, items[i].bytes, items[i].len,
                                       NOW_S + 86400, i + 1, &loaded, NOW_S));
    ns = cpu_ns() - began;
    printf("%s values=%u ns_each=%.0f ms_all=%.0f\n", what, count, (double)ns / count,
           (double)ns / 1e6);
}

static void bench_records(uint32_t count)
{
    struct item *items = make_all(count, make_joined), *again = make_all(count, make_rejoined);
    struct dht_value_store *v = values_new();

    printf("store_record values=%u ns_each=%.0f payload_bytes_each=%u\n", count,
           store_all(v, items, count), items[0].len);
    printf("renew_record values=%u ns_each=%.0f\n", count, store_all(v, again, count));
    dht_value_store_free(&v);
    v = values_new();
    load_all(v, "load_record", again, count);
    dht_value_store_free(&v);
    free_items(items, count);
    free_items(again, count);
}

static void bench_store(uint32_t count)
{
    struct item *items = make_all(count, make_first), *again = make_all(count, make_second);
    struct dht_value_store *v = values_new();
    uint64_t before = resident(), began, steps = 0;
    double ns = store_all(v, items, count);

    printf("store values=%u ns_each=%.0f resident_bytes_each=%.0f payload_bytes_each=%u\n", count,
           ns, (double)(resident() - before) / count, items[0].len);
    printf("find values=%u ns_each=%.0f\n", count, find_all(v, items, count));
    printf("store_again values=%u ns_each=%.0f\n", count, store_all(v, items, count));
    printf("merge values=%u ns_each=%.0f\n", count, store_all(v, again, count));
    began = cpu_ns();
    for (; dht_value_store_expire(v, NOW_S + LIM_VALUE_TTL_MAX_S + 7200, 512); steps++)
        continue;
    printf("expire values=%u ns_each=%.0f steps=%llu\n", count, (double)(cpu_ns() - began) / count,
           (unsigned long long)steps);
    dht_value_store_free(&v);
    v = values_new();
    load_all(v, "load", items, count);
    dht_value_store_free(&v);
    free_items(items, count);
    free_items(again, count);
}

static void bench_signed(uint32_t count)
{
    struct item *manifests = make_all(count, make_manifest), *heads = make_all(count, make_head);
    struct dht_value_store *v = values_new();

    printf("store_manifest values=%u ns_each=%.0f\n", count, store_all(v, manifests, count));
    printf("store_head_verified values=%u ns_each=%.0f\n", count, store_all(v, heads, count));
    dht_value_store_free(&v);
    free_items(manifests, count);
    free_items(heads, count);
}

/* A table as it is in a network of some tens of thousands. */
static void bench_table(void)
{
    struct wire_peer_hop h = {.transport = WIRE_TCP, .port = 7001, .has_pubkey_hint = true};
    struct wire_peer_hop out[DHT_K];
    uint8_t self[20] = {1}, target[20] = {0};
    struct dht_table *t = dht_table_new(self);
    uint64_t began;

    for (uint32_t i = 0; i < 50000; i++) {
        uint32_t ip = 0x0000000bu | i << 8; /* network order: 11.x.y.0 */

        memcpy(h.ip, &ip, 4);
        rt_sha256(&i, sizeof(i), h.pubkey_hint);
        (void)dht_table_seen(t, &h, RT_S, &out[0]);
    }
    began = cpu_ns();
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t r = draw(NULL);

        memcpy(target, &r, sizeof(r));
        RT_INSIST(dht_table_closest(t, target, DHT_K, out) == DHT_K);
    }
    printf("closest nodes=%u ns_each=%.0f\n", dht_table_count(t),
           (double)(cpu_ns() - began) / 100000);
    dht_table_free(&t);
}

int main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : LIM_VALUES_MAX;

    RT_INSIST(count > 0 && count <= LIM_VALUES_MAX);
    RT_INSIST(rt_crypto_init() == RT_ERR_OK);
    rt_budget_configure(UINT64_C(2) << 30);
    bench_store(count);
    bench_records(count < RECORDS_MAX ? count : RECORDS_MAX);
    bench_signed(count < SIGNED_MAX ? count : SIGNED_MAX);
    bench_table();
    return 0;
}
