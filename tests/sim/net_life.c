/* SPDX-License-Identifier: MPL-2.0 */
/* Networks of honest relays: growth, churn, partitions. */
#include <stdio.h>

#include "dht/dht_metrics.h"
#include "net_scenarios.h"

#define SETTLE_S 450u

static void print_stats(const char *what, uint32_t size, const struct net_stats *s)
{
    uint32_t far = s->ended - s->local;

    if (far == 0)
        far = 1;
    printf("%s relays=%u lookups=%u found=%.2f%% local=%u hops=%.2f hops_max=%u queries=%.1f "
           "answers=%.1f\n",
           what, size, s->ended, 100.0 * s->found / s->ended, s->local, (double)s->hops / far,
           s->hops_max, (double)s->asked / far, (double)s->answers / far);
    fflush(stdout);
}

/* Every value and the closest node of every target are found, in few hops. */
void net_scenario_hops(struct network *n, uint32_t size)
{
    struct net_stats values = {0}, nodes = {0};
    uint64_t bits = 0, dials;
    uint8_t target[20];

    net_add_many(n, size);
    net_run(n, SETTLE_S);
    net_publish_many(n, 100);
    dials = rt_metric_get(RT_METRIC_DHT_DIALS);
    net_look_up_many(n, 500, 20, &values);
    for (uint32_t i = 0; i < 500; i++) {
        for (int b = 0; b < 20; b++)
            target[b] = (uint8_t)sim_prng_next(n->prng);
        net_look_up_nodes(n, net_draw(n), WIRE_DIALECT_C, target, &nodes);
        sim_run(n->world, sim_now(n->world) + 20 * RT_MS, NULL, NULL);
    }
    net_await(n, &nodes);
    print_stats("values", size, &values);
    printf("nodes  relays=%u lookups=%u closest=%.2f%% hops=%.2f hops_max=%u queries=%.1f "
           "table=%.1f dials=%llu\n",
           size, nodes.ended, 100.0 * nodes.closest / nodes.ended, (double)nodes.hops / nodes.ended,
           nodes.hops_max, (double)nodes.asked / nodes.ended, net_table_mean(n),
           (unsigned long long)(rt_metric_get(RT_METRIC_DHT_DIALS) - dials));
    net_expect(n, values.found == values.ended, "%u of %u look-ups find their value", values.found,
               values.ended);
    net_expect(n, nodes.closest * 100 >= nodes.ended * 99, "%u of %u find the closest node",
               nodes.closest, nodes.ended);
    for (uint32_t s = size; s > 1; s /= 2)
        bits++;
    net_expect(n, nodes.hops <= nodes.ended * (bits / 2 + 1), "%u hops in %u look-ups", nodes.hops,
               nodes.ended);
}

/* A fifth of all relays is replaced in an hour, half of these vanish without a word. */
void net_scenario_churn(struct network *n, uint32_t size)
{
    uint32_t hours = 2, replaced = size / 5 ? size / 5 : 1, all, close;
    struct net_stats total = {0};

    net_add_many(n, size);
    net_run(n, SETTLE_S);
    net_publish_many(n, 200);
    for (uint32_t hour = 0; hour < hours; hour++) {
        struct net_stats s = {0};

        for (uint32_t i = 0; i < replaced; i++) {
            uint64_t end_ns = sim_now(n->world) + 3600 * RT_S / replaced;

            net_remove(n, net_draw(n), i % 2);
            (void)net_add(n, 0, 0);
            net_look_up_many(n, 2000 / replaced + 1, 1, &s);
            if (sim_now(n->world) < end_ns)
                sim_run(n->world, end_ns, NULL, NULL);
        }
        print_stats("churn", size, &s);
        total.found += s.found;
        total.ended += s.ended;
    }
    net_holders(n, 0, &all, &close);
    printf("churn relays=%u holders=%u of_20_closest=%u table=%.1f\n", size, all, close,
           net_table_mean(n));
    net_expect(n, total.found * 100 > total.ended * 99, "%u of %u look-ups find their value",
               total.found, total.ended);
}

/* A partition of one hour: each half keeps working, and afterwards they join again. */
void net_scenario_partition(struct network *n, uint32_t size)
{
    struct net_stats apart = {0}, other_side = {0}, after = {0};
    uint32_t left, right;

    net_add_many(n, size);
    net_run(n, SETTLE_S);
    n->is_parted = true;
    net_run(n, 1800);
    do
        left = net_draw(n);
    while (n->members[left].side != 0);
    for (uint32_t i = 0; i < 20; i++)
        (void)net_publish(n, left);
    net_run(n, 60);
    for (uint32_t i = 0; i < 100; i++) {
        do
            right = net_draw(n);
        while (right == left);
        net_look_up(n, right, i % 20, n->members[right].side == 0 ? &apart : &other_side);
        net_run(n, 1);
    }
    net_await(n, &apart);
    net_await(n, &other_side);
    print_stats("parted", size, &apart);
    net_expect(n, apart.found * 100 >= apart.ended * 95, "%u of %u found on their own side",
               apart.found, apart.ended);
    net_expect(n, other_side.found == 0, "a value crossed the partition");
    net_run(n, 1800);
    n->is_parted = false;
    net_run(n, 2 * 3600);
    net_look_up_many(n, 200, 50, &after);
    print_stats("joined", size, &after);
    net_expect(n, after.found * 100 >= after.ended * 99, "%u of %u found after the partition",
               after.found, after.ended);
}
