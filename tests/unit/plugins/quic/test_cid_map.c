/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the map is compared with a plain list over long random runs. Few distinct hashes make long
 * chains, which wrap around the end and in which removals close gaps. The map grows and shrinks.
 * Special cases: an id that is taken; moving or removing the id of another owner. The hash is keyed
 * and depends on the length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "quic/cid_map.h"
#include "random.h"

#define MODEL_MAX 2000u
#define OWNERS 16u

static const uint8_t key[QUIC_CID_KEY_BYTES] = {1, 2, 3};
static struct quic_owner owners[OWNERS];

struct model {
    uint64_t hash[MODEL_MAX];
    struct quic_owner *owner[MODEL_MAX];
    size_t count;
};

static size_t model_find(const struct model *m, uint64_t hash)
{
    size_t i = 0;

    while (i < m->count && m->hash[i] != hash)
        i++;
    return i;
}

static void model_remove(struct model *m, size_t i)
{
    m->count--;
    m->hash[i] = m->hash[m->count];
    m->owner[i] = m->owner[m->count];
}

/* Few different low bits, or few different values: both make long chains. */
static uint64_t crowded_hash(void)
{
    switch (any(3)) {
    case 0:
        return any(8) | any(512) << 40;
    case 1:
        return UINT64_MAX - any(600);
    default:
        return any(1200);
    }
}

static void step(struct quic_cid_map *map, struct model *m, bool grows)
{
    uint64_t hash = crowded_hash();
    size_t i = model_find(m, hash);
    struct quic_owner *owner = &owners[any(OWNERS)];
    bool is_there = i < m->count;

    assert_ptr_equal(quic_cid_map_find(map, hash), is_there ? m->owner[i] : NULL);
    if (any(10) < (grows ? 7u : 3u)) {
        if (!is_there && m->count == MODEL_MAX)
            return;
        assert_int_equal(quic_cid_map_add(map, hash, owner), !is_there);
        if (!is_there) {
            m->hash[m->count] = hash;
            m->owner[m->count++] = owner;
        }
    } else if (any(4) == 0) {
        struct quic_owner *to = &owners[any(OWNERS)];
        bool is_his = is_there && m->owner[i] == owner;

        assert_int_equal(quic_cid_map_move(map, hash, owner, to), is_his);
        if (is_his)
            m->owner[i] = to;
    } else {
        if (any(4) && is_there)
            owner = m->owner[i];
        quic_cid_map_remove(map, hash, owner);
        if (is_there && m->owner[i] == owner)
            model_remove(m, i);
    }
    assert_int_equal(map->count, m->count);
}

static void test_against_model(void **state)
{
    static struct model m;
    struct quic_cid_map map;
    size_t most = 0;

    (void)state;
    m.count = 0;
    quic_cid_map_init(&map, key);
    for (unsigned i = 0; i < 60000; i++) {
        step(&map, &m, i / 10000 % 2 == 0);
        if (map.mask > most)
            most = map.mask;
    }
    for (size_t i = 0; i < m.count; i++)
        assert_ptr_equal(quic_cid_map_find(&map, m.hash[i]), m.owner[i]);
    while (m.count > 0) {
        quic_cid_map_remove(&map, m.hash[0], m.owner[0]);
        model_remove(&m, 0);
    }
    assert_int_equal(map.count, 0);
    assert_true(most >= 512 && map.mask < 128); /* memory follows the count, both ways */
    quic_cid_map_fini(&map);
}

static void test_taken(void **state)
{
    struct quic_cid_map map;

    (void)state;
    quic_cid_map_init(&map, key);
    assert_true(quic_cid_map_add(&map, 7, &owners[0]));
    assert_false(quic_cid_map_add(&map, 7, &owners[1]));
    assert_ptr_equal(quic_cid_map_find(&map, 7), &owners[0]);
    assert_false(quic_cid_map_move(&map, 7, &owners[1], &owners[2]));
    assert_false(quic_cid_map_move(&map, 8, &owners[1], &owners[2]));
    quic_cid_map_remove(&map, 7, &owners[1]);
    assert_ptr_equal(quic_cid_map_find(&map, 7), &owners[0]);
    assert_true(quic_cid_map_move(&map, 7, &owners[0], &owners[2]));
    quic_cid_map_remove(&map, 7, &owners[2]);
    assert_null(quic_cid_map_find(&map, 7));
    quic_cid_map_fini(&map);
}

static void test_hash(void **state)
{
    static const uint8_t other_key[QUIC_CID_KEY_BYTES] = {9};
    static const uint8_t zeros[20];
    struct quic_cid_map a, b;
    uint64_t seen[21];

    (void)state;
    quic_cid_map_init(&a, key);
    quic_cid_map_init(&b, other_key);
    for (size_t n = 0; n <= 20; n++) {
        seen[n] = quic_cid_hash(&a, zeros, n);
        assert_int_equal(seen[n], quic_cid_hash(&a, zeros, n));
        assert_true(seen[n] != quic_cid_hash(&b, zeros, n));
        for (size_t i = 0; i < n; i++)
            assert_true(seen[i] != seen[n]);
    }
    quic_cid_map_fini(&a);
    quic_cid_map_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_hash),
    };

    random_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
