/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the index is loaded from disk. A record without a number, or with one above DHT_EVENT_MAX,
 * gets a new number. A mark above DHT_EVENT_MAX is ignored. A duplicate record is refused. Two
 * records may have equal numbers. Marks of communities without records expire in any order, and are
 * bounded.
 */
#include "index_room.h"

#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

static void test_loaded_records_get_numbers_where_they_have_none(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    struct index_record x, y, z, again;

    (void)state;
    index_record_init(&x, 1, 0);
    index_record_init(&y, 2, 0);
    index_record_init(&z, 4, 0);
    index_record_init(&again, 2, 0);
    x.expires_s = y.expires_s = z.expires_s = again.expires_s = NOW_S + 1;
    dht_communities_load_mark(c, x.community, 2048, NOW_S + 5);
    assert_true(dht_communities_load(c, x.community, &x.r, 1500, NOW_S));
    assert_true(dht_communities_load(c, x.community, &y.r, 0, NOW_S));
    assert_int_equal(y.r.event, 2049);
    assert_false(dht_communities_load(c, x.community, &again.r, 7, NOW_S));
    /* the mark's row is missing, and two records have the same number */
    assert_true(dht_communities_load(c, x.community, &z.r, 2049, NOW_S));
    dht_communities_changed(c, &z.r, 1, NOW_S);
    assert_int_equal(z.r.event, 2050);
    assert_ptr_equal(dht_community_next_event(dht_community_find(c, x.community), 2048), &y.r);
    assert_int_equal(marks.rows[0].mark, 3072);
    assert_int_equal(dht_communities_count(c), 1);
    dht_communities_free(&c);
}

static void test_damaged_numbers_from_disk_count_as_none(void **state)
{
    static const uint64_t damaged[] = {DHT_EVENT_MAX + 1, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    struct index_record x[4];

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        index_record_init(&x[i], 1 + i, 0);
        x[i].expires_s = NOW_S + 1;
        dht_communities_load_mark(c, x[i].community, damaged[i], NOW_S + 5);
        assert_true(dht_communities_load(c, x[i].community, &x[i].r, damaged[i], NOW_S));
        assert_int_equal(x[i].r.event, 1 + i);
    }
    dht_communities_loaded(c, NOW_S);
    for (uint32_t i = 0; i < 4; i++)
        dht_communities_changed(c, &x[i].r, 1, NOW_S);
    assert_int_equal(dht_community_last_event(x[0].r.community), 8);
    assert_int_equal(marks.rows[0].mark, LIM_EVENT_MARK_STEP);
    for (uint32_t i = 0; i < 4; i++)
        dht_communities_leave(c, &x[i].r, NOW_S);
    dht_communities_free(&c);
}

static void test_highest_number_from_disk_leaves_room_for_more(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    struct index_record x;

    (void)state;
    index_record_init(&x, 1, 0);
    x.expires_s = NOW_S + 1;
    dht_communities_load_mark(c, x.community, DHT_EVENT_MAX, NOW_S + 5);
    assert_true(dht_communities_load(c, x.community, &x.r, DHT_EVENT_MAX, NOW_S));
    dht_communities_changed(c, &x.r, 1, NOW_S);
    assert_true(x.r.event == DHT_EVENT_MAX + 1);
    assert_true(marks.rows[0].mark == DHT_EVENT_MAX + LIM_EVENT_MARK_STEP);
    assert_true(marks.rows[0].mark < INT64_MAX); /* fits into the disk's signed integer */
    dht_communities_free(&c);
}

static void test_records_with_one_number_are_distinguished(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    struct index_record x[6];

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        index_record_init(&x[i], 1 + i, 0);
        x[i].expires_s = NOW_S + 1;
        assert_true(dht_communities_load(c, x[i].community, &x[i].r, i < 4 ? 9 : 7, NOW_S));
    }
    dht_communities_changed(c, &x[2].r, 1, NOW_S);
    assert_int_equal(x[2].r.event, 10);
    for (uint32_t i = 0; i < 6; i++)
        dht_communities_leave(c, &x[i].r, NOW_S);
    assert_int_equal(dht_communities_count(c), 0);
    dht_communities_free(&c);
}

/* -- marks of communities without records, from disk -- */

static void load_mark(struct dht_communities *c, uint32_t community, uint64_t expires_s)
{
    uint8_t id[32];

    index_id(community, id);
    dht_communities_load_mark(c, id, 50, expires_s);
}

static void assert_remembered(struct dht_communities *c, uint32_t community, bool is_remembered)
{
    uint64_t event;

    index_enter_and_leave(c, community, NOW_S, &event);
    assert_int_equal(event, is_remembered ? 51 : 1);
}

static void test_loaded_marks_expire_in_any_order(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);

    (void)state;
    load_mark(c, 1, INT64_MAX); /* of a damaged disk */
    load_mark(c, 5, INT64_MAX);
    load_mark(c, 2, NOW_S + 300);
    load_mark(c, 3, NOW_S + 100);
    load_mark(c, 4, 0);
    dht_communities_loaded(c, NOW_S);
    dht_communities_expire(c, NOW_S + 200, 10);
    assert_remembered(c, 1, true);
    assert_remembered(c, 2, true);
    assert_remembered(c, 3, false);
    assert_remembered(c, 4, false);
    dht_communities_expire(c, NOW_S + LIM_VALUE_TTL_MAX_S, 10);
    assert_remembered(c, 5, false);
    dht_communities_free(&c);
}

/* The community that expires first is dropped. Those that get a record do not count. */
static void test_loaded_marks_are_bounded(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    uint64_t forgotten = rt_metric_get(RT_METRIC_COMMUNITIES_FORGOTTEN);
    struct index_record x;

    (void)state;
    for (uint32_t i = 0; i < LIM_VALUES_MAX + LIM_COMMUNITIES_EMPTY; i++)
        load_mark(c, i, NOW_S + 100 + i % (2 * LIM_COMMUNITIES_EMPTY));
    load_mark(c, LIM_VALUES_MAX + LIM_COMMUNITIES_EMPTY, NOW_S + 100);
    assert_int_equal(rt_metric_get(RT_METRIC_COMMUNITIES_FORGOTTEN), forgotten + 1);
    dht_communities_free(&c);
    c = index_new(&marks);
    for (uint32_t i = 0; i < LIM_COMMUNITIES_EMPTY + 3; i++)
        load_mark(c, i, NOW_S + 9000 - i);
    index_record_init(&x, 1, LIM_COMMUNITIES_EMPTY + 2);
    x.expires_s = NOW_S + 1;
    assert_true(dht_communities_load(c, x.community, &x.r, 7, NOW_S));
    dht_communities_loaded(c, NOW_S);
    assert_int_equal(rt_metric_get(RT_METRIC_COMMUNITIES_FORGOTTEN), forgotten + 3);
    assert_remembered(c, 0, true);
    assert_remembered(c, LIM_COMMUNITIES_EMPTY + 1, false);
    dht_communities_changed(c, &x.r, 1, NOW_S);
    assert_int_equal(x.r.event, 51);
    dht_communities_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loaded_records_get_numbers_where_they_have_none),
        cmocka_unit_test(test_damaged_numbers_from_disk_count_as_none),
        cmocka_unit_test(test_highest_number_from_disk_leaves_room_for_more),
        cmocka_unit_test(test_records_with_one_number_are_distinguished),
        cmocka_unit_test(test_loaded_marks_expire_in_any_order),
        cmocka_unit_test(test_loaded_marks_are_bounded),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
