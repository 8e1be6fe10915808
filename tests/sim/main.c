/* SPDX-License-Identifier: MPL-2.0 */
/*
 * sim [--seed N] [--seeds COUNT] [--scenario NAME|all|each] [--workers K] [--threads] [--twice]
 *     [--jobs J] [--no-fork] [--verbose] [--log] [--list]
 *
 * Runs scenarios, each in a process of its own. --scenario all (the default): every seed runs one
 * scenario, in turn; each: every seed runs every scenario. --workers 0 (the default): 1 to 8, by
 * the seed. --threads: workers on real threads. --twice: every run is repeated and must leave the
 * same trace. A failed run prints one line that names seed, scenario and what; the exit code is 1.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "harness.h"

#define JOBS_MAX 64u

struct options {
    uint64_t seed, seeds;
    const char *scenario;
    uint32_t workers, jobs;
    bool threads, twice, no_fork, verbose, log;
};

struct run {
    uint64_t seed;
    const struct sim_scenario *scenario;
    uint16_t workers;
    char label[128];
    pid_t pid; /* 0: no run here */
    int result;
    bool is_second;
    struct sim_result first;
};

static struct options opt = {.seed = 1, .seeds = 1, .scenario = "all", .jobs = 1};
static struct run runs[JOBS_MAX];
static uint64_t run_count, failed_count, step_count, ask_count;

static uint16_t workers_of(uint64_t seed)
{
    struct sim_prng p = {.state = sim_mix(seed + 3)};

    return opt.workers ? (uint16_t)opt.workers : (uint16_t)sim_prng_between(&p, 1, 8);
}

/* -- one run -- */

static void run_prepare(struct run *r, uint64_t seed, const struct sim_scenario *scenario)
{
    *r = (struct run){.seed = seed, .scenario = scenario, .workers = workers_of(seed)};
    snprintf(r->label, sizeof(r->label), "seed=%llu scenario=%s workers=%u%s",
             (unsigned long long)seed, scenario->name, r->workers, opt.threads ? " threads" : "");
}

static void run_start(struct run *r)
{
    struct sim_result result;
    int pipe_fd[2];

    RT_INSIST(pipe(pipe_fd) == 0);
    fflush(stdout);
    r->pid = fork();
    RT_INSIST(r->pid >= 0);
    if (r->pid > 0) {
        close(pipe_fd[1]);
        r->result = pipe_fd[0];
        return;
    }
    close(pipe_fd[0]);
    sim_run_scenario(r->scenario, r->seed, r->workers, opt.threads, r->label, &result);
    RT_INSIST(write(pipe_fd[1], &result, sizeof(result)) == (ssize_t)sizeof(result));
    close(pipe_fd[1]);
    exit(0);
}

static void report(struct run *r, int status, const struct sim_result *result)
{
    if (status != 0) {
        failed_count++;
        if (WIFSIGNALED(status))
            printf("sim: FAILED %s: killed by signal %d\n", r->label, WTERMSIG(status));
        else if (WEXITSTATUS(status) != 1)
            printf("sim: FAILED %s: exit code %d\n", r->label, WEXITSTATUS(status));
    } else if (r->is_second && result->hash != r->first.hash) {
        failed_count++;
        printf("sim: FAILED %s: two runs differ, %016llx and %016llx\n", r->label,
               (unsigned long long)r->first.hash, (unsigned long long)result->hash);
    } else if (opt.verbose) {
        printf("sim: %s hash=%016llx steps=%llu asks=%llu virtual=%.3fs\n", r->label,
               (unsigned long long)result->hash, (unsigned long long)result->steps,
               (unsigned long long)result->asks,
               (double)result->virtual_ns / (double)RT_S - 1000.0);
    }
    run_count++;
    step_count += result->steps;
    ask_count += result->asks;
}

/* The run of that process has ended; with --twice it is started once more. */
static void run_ended(pid_t pid, int status)
{
    struct sim_result result = {0};
    struct run *r = runs;

    while (r->pid != pid)
        r++;
    if (status == 0 && read(r->result, &result, sizeof(result)) != (ssize_t)sizeof(result))
        status = 2 << 8;
    close(r->result);
    r->pid = 0;
    if (opt.twice && !r->is_second && status == 0) {
        r->is_second = true;
        r->first = result;
        run_start(r);
        return;
    }
    report(r, status, &result);
}

static struct run *free_run(void)
{
    int status;

    for (;;) {
        for (uint32_t i = 0; i < opt.jobs; i++)
            if (runs[i].pid == 0)
                return &runs[i];
        pid_t pid = wait(&status);

        RT_INSIST(pid > 0);
        run_ended(pid, status);
    }
}

static void run_one(uint64_t seed, const struct sim_scenario *scenario)
{
    struct sim_result result;
    struct run *r = free_run();

    run_prepare(r, seed, scenario);
    if (opt.no_fork) {
        sim_run_scenario(scenario, seed, r->workers, opt.threads, r->label, &result);
        report(r, 0, &result);
    } else {
        run_start(r);
    }
}

static void run_all(void)
{
    bool is_each = strcmp(opt.scenario, "each") == 0, is_all = strcmp(opt.scenario, "all") == 0;
    int status;
    pid_t pid;

    for (uint64_t seed = opt.seed; seed < opt.seed + opt.seeds; seed++)
        for (uint32_t i = 0; i < sim_scenario_count; i++)
            if (is_each || (is_all && seed % sim_scenario_count == i) ||
                strcmp(opt.scenario, sim_scenarios[i].name) == 0)
                run_one(seed, &sim_scenarios[i]);
    while ((pid = wait(&status)) > 0)
        run_ended(pid, status);
}

/* -- the command line -- */

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n = text ? strtoull(text, &end, 10) : 0;

    if (!text || *text == '\0' || *end != '\0') {
        fprintf(stderr, "sim: \"%s\" is not a number\n", text ? text : "");
        exit(2);
    }
    return n;
}

static void list(void)
{
    for (uint32_t i = 0; i < sim_scenario_count; i++)
        printf("%s\n", sim_scenarios[i].name);
    exit(0);
}

static bool flag(const char *arg)
{
    static const struct {
        const char *name;
        bool *value;
    } flags[] = {{"--threads", &opt.threads},
                 {"--twice", &opt.twice},
                 {"--no-fork", &opt.no_fork},
                 {"--verbose", &opt.verbose},
                 {"--log", &opt.log}};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(arg, flags[i].name) == 0) {
            *flags[i].value = true;
            return true;
        }
    return false;
}

static void parse(char **argv)
{
    for (argv++; *argv; argv++) {
        if (flag(*argv))
            continue;
        if (strcmp(*argv, "--list") == 0)
            list();
        if (strcmp(*argv, "--seed") == 0)
            opt.seed = number(*++argv);
        else if (strcmp(*argv, "--seeds") == 0)
            opt.seeds = number(*++argv);
        else if (strcmp(*argv, "--workers") == 0)
            opt.workers = (uint32_t)number(*++argv);
        else if (strcmp(*argv, "--jobs") == 0)
            opt.jobs = (uint32_t)number(*++argv);
        else if (strcmp(*argv, "--scenario") == 0 && argv[1])
            opt.scenario = *++argv;
        else {
            fprintf(stderr, "sim: what is \"%s\"?\n", *argv);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    parse(argv);
    if (opt.jobs == 0 || opt.jobs > JOBS_MAX || opt.workers > 64) {
        fprintf(stderr, "sim: --jobs is 1 to %u, --workers 0 to 64\n", JOBS_MAX);
        return 2;
    }
    RT_INSIST(rt_crypto_init() == RT_ERR_OK);
    rt_log_configure(opt.log ? RELAY_LOG_DEBUG : RELAY_LOG_ERROR, RT_LOG_TEXT);
    run_all();
    printf("sim: %llu runs from seed %llu, %llu failed, %llu steps, %llu relayed requests\n",
           (unsigned long long)run_count, (unsigned long long)opt.seed,
           (unsigned long long)failed_count, (unsigned long long)step_count,
           (unsigned long long)ask_count);
    return failed_count > 0 || run_count == 0;
}
