/* SPDX-License-Identifier: MPL-2.0 */
/*
 * sim_quic [--seed N] [--seeds COUNT] [--scenario NAME|each] [--twice] [--verbose] [--list]
 *
 * Runs each scenario (or one) with COUNT seeds from N on. --twice: every run is repeated and must
 * send the same datagrams at the same times. A failed run prints one line that names scenario and
 * seed, and the exit code is 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qsim.h"

static const struct {
    const char *name, *text;
    void (*run)(struct qsim_world *w, uint64_t seed);
} scenarios[] = {
#define X(name, text) {#name, text, qsim_scenario_##name},
    QSIM_SCENARIO_LIST(X)
#undef X
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

struct options {
    uint64_t seed, seeds;
    const char *scenario;
    bool twice, verbose, list;
};

static bool parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--twice") == 0)
            o->twice = true;
        else if (strcmp(argv[i], "--verbose") == 0)
            o->verbose = true;
        else if (strcmp(argv[i], "--list") == 0)
            o->list = true;
        else if (!value)
            return false;
        else if (strcmp(argv[i++], "--seed") == 0)
            o->seed = strtoull(value, NULL, 0);
        else if (strcmp(argv[i - 1], "--seeds") == 0)
            o->seeds = strtoull(value, NULL, 0);
        else if (strcmp(argv[i - 1], "--scenario") == 0)
            o->scenario = value;
        else
            return false;
    }
    return true;
}

static void run_seed(const struct options *o, size_t i, uint64_t seed)
{
    static struct qsim_world w;
    uint64_t trace;

    scenarios[i].run(&w, seed);
    trace = w.trace;
    if (o->verbose)
        printf("%s seed=%llu: %.3f s, %llu datagrams\n", scenarios[i].name,
               (unsigned long long)seed, (double)w.now_ns / 1e9, (unsigned long long)w.numbers);
    if (!o->twice)
        return;
    scenarios[i].run(&w, seed);
    if (w.trace != trace)
        qsim_fail(&w, "another run of it went another way");
}

static bool run_scenario(const struct options *o, size_t i)
{
    clock_t begun = clock();

    if (strcmp(o->scenario, "each") != 0 && strcmp(o->scenario, scenarios[i].name) != 0)
        return false;
    for (uint64_t seed = o->seed; seed < o->seed + o->seeds; seed++)
        run_seed(o, i, seed);
    printf("%-16s seeds %llu to %llu, %.1f s: ok\n", scenarios[i].name, (unsigned long long)o->seed,
           (unsigned long long)(o->seed + o->seeds - 1),
           (double)(clock() - begun) / CLOCKS_PER_SEC);
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 1, .seeds = 1, .scenario = "each"};
    unsigned passed = 0;

    if (!parse(&o, argc, argv)) {
        fprintf(stderr, "usage: sim_quic [--seed N] [--seeds COUNT] [--scenario NAME|each] "
                        "[--twice] [--verbose] [--list]\n");
        return 2;
    }
    for (size_t i = 0; i < SCENARIOS; i++) {
        if (o.list)
            printf("%-16s %s\n", scenarios[i].name, scenarios[i].text);
        else if (run_scenario(&o, i))
            passed++;
    }
    if (passed == 0 && !o.list) {
        fprintf(stderr, "sim_quic: no scenario %s\n", o.scenario);
        return 2;
    }
    if (!o.list)
        printf("%u passed, 0 failed, 0 skipped\n", passed);
    return 0;
}
