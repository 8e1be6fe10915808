/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a seeded run of random operations is compared with a naive list of records. Compared are
 * the order of ids, places, the log and the latest expiry. The run has restarts with the saved
 * marks and the records in any order. Numbers never repeat across restarts. A full community evicts
 * the least recently renewed record of the most crowded network. If this is the newcomer's network,
 * it loses one of its records. A community with one record per network refuses. Expired records are
 * evicted first. Empty communities keep their numbers for a week, up to a limit.
 */
#include "index_room.h"

#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

#define COMMUNITIES INDEX_MARKS
#define RECORDS 300u

static uint64_t rng = 20261201;

static uint64_t draw(uint64_t below)
{
    return test_random(&rng) % below;
}

/* -- the model -- */

struct model {
    struct index_record records[RECORDS];
    uint64_t last[COMMUNITIES]; /* highest number seen */
    uint64_t now_s;
    struct index_marks marks;
    struct dht_communities *index;
};

static uint32_t community_of(uint32_t number)
{
    return number % COMMUNITIES;
}

static bool is_of(const struct index_record *x, uint32_t community, enum dht_record_kind kind)
{
    return x->is_held && x->r.kind == kind && x->community_number == community;
}

/* The record with the smallest id above `after`, which may be NULL. */
static struct index_record *next_by_id(struct model *m, uint32_t community,
                                       enum dht_record_kind kind, const uint8_t *after)
{
    struct index_record *best = NULL;

    for (uint32_t i = 0; i < RECORDS; i++) {
        struct index_record *x = &m->records[i];

        if (is_of(x, community, kind) && (!after || memcmp(x->id, after, 32) > 0) &&
            (!best || memcmp(x->id, best->id, 32) < 0))
            best = x;
    }
    return best;
}

static struct index_record *next_by_event(struct model *m, uint32_t community, uint64_t after)
{
    struct index_record *best = NULL;

    for (uint32_t i = 0; i < RECORDS; i++) {
        struct index_record *x = &m->records[i];

        if ((is_of(x, community, DHT_RECORD_MEMBER) || is_of(x, community, DHT_RECORD_SHARE)) &&
            x->r.event > after && (!best || x->r.event < best->r.event))
            best = x;
    }
    return best;
}

static uint64_t latest_expiry(const struct model *m, uint32_t community)
{
    uint64_t latest = 0;

    for (uint32_t i = 0; i < RECORDS; i++) {
        const struct index_record *x = &m->records[i];

        if (x->is_held && community_of(i) == community && x->expires_s > latest)
            latest = x->expires_s;
    }
    return latest;
}

static void check_order(struct model *m, uint32_t community, struct dht_community *k)
{
    for (int kind = 0; kind < DHT_RECORD_KINDS; kind++) {
        struct index_record *x = next_by_id(m, community, (enum dht_record_kind)kind, NULL);
        uint32_t place = 0;

        for (; x; x = next_by_id(m, community, (enum dht_record_kind)kind, x->id)) {
            assert_ptr_equal(dht_community_at(k, (enum dht_record_kind)kind, place), &x->r);
            place++;
            assert_int_equal(dht_community_place(k, (enum dht_record_kind)kind, x->id), place);
        }
        assert_int_equal(dht_community_count(k, (enum dht_record_kind)kind), place);
        assert_int_equal(dht_community_place(k, (enum dht_record_kind)kind, NULL), 0);
    }
}

static void check_community(struct model *m, uint32_t community)
{
    struct dht_community *k;
    uint64_t after = 0, latest = latest_expiry(m, community);
    uint8_t id[32];

    index_id(community, id);
    k = dht_community_find(m->index, id);
    if (!k) {
        assert_int_equal(latest, 0);
        return;
    }
    assert_true(latest > 0);
    assert_true(dht_community_is_live(k, latest - 1));
    assert_false(dht_community_is_live(k, latest));
    assert_true(dht_community_last_event(k) >= m->last[community]);
    check_order(m, community, k);
    for (struct index_record *x; (x = next_by_event(m, community, after)); after = x->r.event)
        assert_ptr_equal(dht_community_next_event(k, after), &x->r);
    assert_null(dht_community_next_event(k, after));
}

/* The saved mark covers the community's numbers and expires later than the stored record. */
static void check_mark(const struct model *m, const struct index_record *x)
{
    uint64_t last = m->last[x->community_number];

    for (uint32_t i = 0; i < m->marks.count; i++) {
        if (memcmp(m->marks.rows[i].id, x->community, 32) == 0) {
            assert_in_range(m->marks.rows[i].mark - last, 0, 3 * LIM_EVENT_MARK_STEP / 2);
            assert_true(m->marks.rows[i].expires_s >= m->now_s + LIM_VALUE_TTL_MAX_S);
            return;
        }
    }
    fail_msg("no mark is on disk");
}

static void take_number(struct model *m, const struct index_record *x)
{
    assert_true(x->r.event > m->last[x->community_number]);
    m->last[x->community_number] = x->r.event;
}

static void step(struct model *m)
{
    uint32_t number = (uint32_t)draw(RECORDS);
    struct index_record *x = &m->records[number];
    uint64_t expires_s = m->now_s + 100 + draw(1000), kind = draw(4);

    if (!x->is_held) {
        index_record_init(x, number, community_of(number));
        x->expires_s = expires_s;
        x->r.net = draw(5);
        dht_communities_enter(m->index, x->community, &x->r, m->now_s);
        x->is_held = true;
        take_number(m, x);
    } else if (kind == 0) {
        x->is_held = false;
        dht_communities_leave(m->index, &x->r, m->now_s);
        dht_communities_leave(m->index, &x->r, m->now_s);
    } else if (kind == 1) {
        x->expires_s = expires_s > x->expires_s ? expires_s : x->expires_s;
        dht_communities_renewed(m->index, &x->r, m->now_s);
    } else {
        x->expires_s = expires_s;
        dht_communities_changed(m->index, &x->r, draw(5), m->now_s);
        take_number(m, x);
    }
    if (x->is_held)
        check_mark(m, x);
}

/* Makes a new index from the disk, with records in another order. */
static void restart(struct model *m)
{
    uint32_t start = (uint32_t)draw(RECORDS);
    struct index_marks marks = m->marks;

    dht_communities_free(&m->index);
    m->index = index_new(&m->marks);
    for (uint32_t i = 0; i < marks.count; i++)
        dht_communities_load_mark(m->index, marks.rows[i].id, marks.rows[i].mark,
                                  marks.rows[i].expires_s);
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct index_record *x = &m->records[(start + 7 * i) % RECORDS];
        uint64_t event = x->r.event;

        if (!x->is_held)
            continue;
        x->r.community = NULL;
        assert_true(dht_communities_load(m->index, x->community, &x->r, event, m->now_s));
        assert_int_equal(x->r.event, event);
    }
}

static void test_random_operations_match_a_naive_list(void **state)
{
    static struct model m;

    (void)state;
    m.now_s = NOW_S;
    m.index = index_new(&m.marks);
    for (uint32_t i = 0; i < 6000; i++) {
        m.now_s += draw(1000);
        step(&m);
        if (draw(500) == 0)
            restart(&m);
        if (i % 5 == 0 || i < 100)
            check_community(&m, (uint32_t)draw(COMMUNITIES));
    }
    for (uint32_t i = 0; i < RECORDS; i++) {
        dht_communities_leave(m.index, &m.records[i].r, m.now_s);
        m.records[i].is_held = false;
    }
    for (uint32_t i = 0; i < COMMUNITIES; i++)
        check_community(&m, i);
    assert_int_equal(dht_communities_count(m.index), 0);
    dht_communities_free(&m.index);
}

/* -- a full community -- */

static uint8_t full_id[32];

/* Records 0 to LIM_COMMUNITY_RECORDS - 1, all members of one community; net_of each. */
static struct index_record *fill(struct dht_communities *c, uint64_t (*net_of)(uint32_t number))
{
    struct index_record *all = calloc(LIM_COMMUNITY_RECORDS + 1, sizeof(*all));

    assert_non_null(all);
    index_id(0, full_id);
    for (uint32_t i = 0; i <= LIM_COMMUNITY_RECORDS; i++) {
        index_record_init(&all[i], i, 0);
        all[i].r.kind = DHT_RECORD_MEMBER;
        all[i].r.net = net_of(i);
        all[i].renewed = i;
        all[i].expires_s = NOW_S + 1000;
        if (i == LIM_COMMUNITY_RECORDS)
            break;
        dht_communities_enter(c, full_id, &all[i].r, NOW_S);
        all[i].is_held = true;
    }
    return all;
}

static uint64_t net_skewed(uint32_t number)
{
    return number % 10 < 6 ? 1 : number;
}

static uint64_t net_own(uint32_t number)
{
    return number;
}

/* The victim for a newcomer from net, by a naive search; NULL: refused. */
static struct index_record *naive_victim(struct index_record *all, uint64_t net)
{
    struct index_record *victim = NULL;
    uint32_t most = 0, *counts = calloc(2 * LIM_COMMUNITY_RECORDS, sizeof(*counts));
    uint64_t from = net;

    assert_non_null(counts);
    for (uint32_t i = 0; i <= LIM_COMMUNITY_RECORDS; i++)
        counts[all[i].r.net] += all[i].is_held;
    for (uint32_t i = 0; i < 2 * LIM_COMMUNITY_RECORDS; i++)
        most = counts[i] > most ? counts[i] : most;
    if (counts[net] + 1 < most) {
        for (from = 0; counts[from] != most; from++)
            ;
    }
    for (uint32_t i = 0; i <= LIM_COMMUNITY_RECORDS; i++) {
        if (all[i].is_held && all[i].r.net == from && (!victim || all[i].renewed < victim->renewed))
            victim = &all[i];
    }
    free(counts);
    return victim;
}

static void test_full_community_evicts_from_the_most_crowded_network(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    struct index_record *all = fill(c, net_skewed), *out = &all[LIM_COMMUNITY_RECORDS];
    uint64_t stamp = LIM_COMMUNITY_RECORDS;
    struct dht_record *victim = NULL;

    (void)state;
    for (uint32_t i = 0; i < 80; i++) {
        /* net 1 starts far ahead; later rounds renew, and move records to net 2 */
        struct index_record *some = &all[draw(LIM_COMMUNITY_RECORDS)];
        uint64_t net = draw(4);

        if (some->is_held && i % 2)
            dht_communities_renewed(c, &some->r, NOW_S);
        else if (some->is_held)
            dht_communities_changed(c, &some->r, 2, NOW_S);
        if (some->is_held)
            some->renewed = stamp++;
        assert_true(dht_communities_has_room(c, full_id, DHT_RECORD_MEMBER, net, NOW_S, &victim));
        assert_ptr_equal(victim, &naive_victim(all, net)->r);
        dht_communities_leave(c, victim, NOW_S);
        out->r.net = net;
        dht_communities_enter(c, full_id, &out->r, NOW_S);
        out->is_held = true;
        out->renewed = stamp++;
        out = RT_CONTAINER_OF(victim, struct index_record, r);
        out->is_held = false;
    }
    assert_true(dht_communities_has_room(c, full_id, DHT_RECORD_SHARE, 1, NOW_S, &victim));
    assert_null(victim);
    dht_communities_free(&c);
    free(all);
}

static void test_full_community_of_single_networks_refuses_another(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    struct index_record *all = fill(c, net_own);
    uint64_t refused = rt_metric_get(RT_METRIC_COMMUNITY_RECORDS_REFUSED);
    struct dht_record *victim = NULL;

    (void)state;
    assert_false(dht_communities_has_room(c, full_id, DHT_RECORD_MEMBER, LIM_COMMUNITY_RECORDS,
                                          NOW_S, &victim));
    assert_int_equal(rt_metric_get(RT_METRIC_COMMUNITY_RECORDS_REFUSED), refused + 1);
    assert_true(dht_communities_has_room(c, full_id, DHT_RECORD_MEMBER, 17, NOW_S, &victim));
    assert_ptr_equal(victim, &all[17].r);
    assert_false(dht_communities_load(c, full_id, &all[LIM_COMMUNITY_RECORDS].r, 1000000, NOW_S));
    dht_communities_free(&c);
    free(all);
}

static void test_expired_records_make_room_first(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    struct index_record *all = fill(c, net_skewed);
    struct dht_record *victim = NULL;
    uint32_t expired = 0;

    (void)state;
    for (uint32_t i = 0; i < LIM_COMMUNITY_RECORDS; i += 3)
        all[i].expires_s = NOW_S; /* fewer than 64 are between two of them */
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(dht_communities_has_room(c, full_id, DHT_RECORD_MEMBER, 1, NOW_S, &victim));
        expired += !dht_record_is_live(victim, NOW_S);
        dht_communities_leave(c, victim, NOW_S);
        RT_CONTAINER_OF(victim, struct index_record, r)->expires_s = NOW_S + 1;
        dht_communities_enter(c, full_id, victim, NOW_S);
    }
    assert_int_equal(expired, 1000);
    for (uint32_t i = 0; i < LIM_COMMUNITY_RECORDS; i++)
        all[i].expires_s = NOW_S + 1;
    assert_true(dht_communities_has_room(c, full_id, DHT_RECORD_MEMBER, 1, NOW_S, &victim));
    assert_int_equal(victim->net, 1);
    dht_communities_free(&c);
    free(all);
}

/* -- empty communities -- */

static void test_empty_communities_keep_their_numbers_for_a_week(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    uint64_t event;

    (void)state;
    index_enter_and_leave(c, 5, NOW_S, &event);
    assert_int_equal(event, 1);
    assert_int_equal(marks.rows[0].expires_s, NOW_S + LIM_VALUE_TTL_MAX_S);
    dht_communities_expire(c, NOW_S + LIM_VALUE_TTL_MAX_S - 1, 100);
    index_enter_and_leave(c, 5, NOW_S + LIM_VALUE_TTL_MAX_S - 1, &event);
    assert_int_equal(event, 2);
    dht_communities_expire(c, NOW_S + 2 * LIM_VALUE_TTL_MAX_S, 0);
    index_enter_and_leave(c, 5, NOW_S + 2 * LIM_VALUE_TTL_MAX_S, &event);
    assert_int_equal(event, 3);
    dht_communities_expire(c, NOW_S + 3 * LIM_VALUE_TTL_MAX_S, 1);
    index_enter_and_leave(c, 5, NOW_S + 3 * LIM_VALUE_TTL_MAX_S, &event);
    assert_int_equal(event, 1);
    dht_communities_free(&c);
}

static void test_empty_communities_are_bounded(void **state)
{
    struct index_marks marks = {0};
    struct dht_communities *c = index_new(&marks);
    uint64_t event, forgotten = rt_metric_get(RT_METRIC_COMMUNITIES_FORGOTTEN);

    (void)state;
    for (uint32_t i = 0; i <= LIM_COMMUNITIES_EMPTY; i++)
        index_enter_and_leave(c, i, NOW_S, &event);
    assert_int_equal(rt_metric_get(RT_METRIC_COMMUNITIES_FORGOTTEN), forgotten + 1);
    assert_int_equal(marks.rows[0].expires_s, NOW_S); /* the row may be removed */
    index_enter_and_leave(c, 1, NOW_S, &event);
    assert_int_equal(event, 2);
    index_enter_and_leave(c, 0, NOW_S, &event);
    assert_int_equal(event, 1);
    dht_communities_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_match_a_naive_list),
        cmocka_unit_test(test_full_community_evicts_from_the_most_crowded_network),
        cmocka_unit_test(test_full_community_of_single_networks_refuses_another),
        cmocka_unit_test(test_expired_records_make_room_first),
        cmocka_unit_test(test_empty_communities_keep_their_numbers_for_a_week),
        cmocka_unit_test(test_empty_communities_are_bounded),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
