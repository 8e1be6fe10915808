/* SPDX-License-Identifier: MPL-2.0 */
/*
 * sim_net [--seed N] [--scenario NAME|each] [--relays A,B,..] [--log] [--list]
 *
 * Whole networks of relays in virtual time, one process each run. Prints figures, one line a
 * measurement; a scenario that does not hold prints one line and the exit code is 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "net_scenarios.h"

const struct net_scenario net_scenarios[] = {
    {"hops", net_scenario_hops},           {"churn", net_scenario_churn},
    {"partition", net_scenario_partition}, {"liars", net_scenario_liars},
    {"eclipse", net_scenario_eclipse},     {"false_heads", net_scenario_false_heads},
    {"flood", net_scenario_flood},         {"peers", net_scenario_peers},
    {"announce", net_scenario_announce},   {"announce_mixed", net_scenario_announce_mixed},
    {"dialects", net_scenario_dialects},   {"dialects_rare", net_scenario_dialects_rare},
    {"upgrade", net_scenario_upgrade},     {"fresh", net_scenario_fresh},
    {"renewed", net_scenario_renewed},
};
const uint32_t net_scenario_count = sizeof(net_scenarios) / sizeof(net_scenarios[0]);

static uint64_t seed = 1;
static const char *which = "each", *sizes = "30";

static _Noreturn void run(const struct net_scenario *s, uint32_t size)
{
    struct network n;
    char label[128];

    snprintf(label, sizeof(label), "seed=%llu scenario=%s relays=%u", (unsigned long long)seed,
             s->name, size);
    net_init(&n, seed, label);
    s->run(&n, size);
    net_fini(&n);
    exit(0);
}

/* Each in a process of its own: counters begin at zero, and a failure ends one run. */
static bool run_apart(const struct net_scenario *s, uint32_t size)
{
    pid_t pid;
    int status;

    fflush(stdout);
    pid = fork();
    RT_INSIST(pid >= 0);
    if (pid == 0)
        run(s, size);
    RT_INSIST(waitpid(pid, &status, 0) == pid);
    printf("sim_net: %s seed=%llu relays=%u %s\n", s->name, (unsigned long long)seed, size,
           status == 0 ? "holds" : "FAILED");
    return status == 0;
}

static bool run_all(void)
{
    bool holds = true;
    uint32_t count = 0;

    for (uint32_t i = 0; i < net_scenario_count; i++) {
        if (strcmp(which, "each") != 0 && strcmp(which, net_scenarios[i].name) != 0)
            continue;
        for (const char *at = sizes; *at;) {
            char *end;
            unsigned long size = strtoul(at, &end, 10);

            RT_INSIST(end != at && size > 1 && size <= 60000);
            holds = run_apart(&net_scenarios[i], (uint32_t)size) && holds;
            count++;
            at = *end ? end + 1 : end;
        }
    }
    return holds && count > 0;
}

int main(int argc, char **argv)
{
    bool has_log = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--log") == 0) {
            has_log = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            for (uint32_t k = 0; k < net_scenario_count; k++)
                printf("%s\n", net_scenarios[k].name);
            return 0;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--scenario") == 0 && i + 1 < argc) {
            which = argv[++i];
        } else if (strcmp(argv[i], "--relays") == 0 && i + 1 < argc) {
            sizes = argv[++i];
        } else {
            fprintf(stderr, "sim_net: what is \"%s\"?\n", argv[i]);
            return 2;
        }
    }
    RT_INSIST(rt_crypto_init() == RT_ERR_OK);
    rt_log_configure(has_log ? RELAY_LOG_DEBUG : RELAY_LOG_ERROR, RT_LOG_TEXT);
    return run_all() ? 0 : 1;
}
