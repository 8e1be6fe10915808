/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the three sources of an option and their order of precedence. Every way to write an option.
 * A bad value is refused in one sentence with the name of the option or variable, the value, and
 * what would be right; the configuration does not change. --help and --version take precedence over
 * the options after them. The help lists every option and variable of the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/parse.h"

#define HOME_ENV "HOME=/home/op"

static struct cfg cfg;
static struct relay_error err;

/* Loads a NULL-terminated command line and environment. */
static rt_err load(char *const args[], char *const env[])
{
    char *argv[16] = {"scp2p-relay"};
    int argc = 1;

    while (args[argc - 1]) {
        argv[argc] = args[argc - 1];
        argc++;
    }
    memset(&err, 0, sizeof(err));
    return cfg_load(argc, argv, env, &cfg, &err);
}

#define ARGS(...) ((char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void assert_refused(char *const args[], char *const env[], const char *const words[])
{
    struct cfg before;

    memset(&cfg, 0x5a, sizeof(cfg));
    before = cfg;
    assert_int_equal(load(args, env), RT_ERR_MALFORMED);
    assert_memory_equal(&before, &cfg, sizeof(cfg));
    for (; *words; words++) {
        if (!strstr(err.text, *words))
            fail_msg("\"%s\" does not say \"%s\"", err.text, *words);
    }
}

static void check_addr(const struct cfg_listen *l, const char *expect)
{
    char text[64];

    assert_true(l->is_enabled);
    cfg_addr_text(&l->addr, text, sizeof(text));
    assert_string_equal(text, expect);
}

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(load(ARGS(), ARGS(HOME_ENV)), RT_ERR_OK);
    assert_int_equal(cfg.action, CFG_RUN);
    assert_string_equal(cfg.data_dir, "/home/op/.local/share/scp2p-relay");
    check_addr(&cfg.bind_tcp, "0.0.0.0:7001");
    check_addr(&cfg.bind_quic, "0.0.0.0:7000");
    assert_int_equal(cfg.bootstrap_peers.count, 0);
    assert_int_equal(cfg.announce_addrs.count, 0);
    assert_in_range(cfg.workers, 1, LIM_WORKERS_DEFAULT_MAX);
    assert_int_equal(cfg.max_tunnels, 64);
    assert_in_range(cfg.memory_max, CFG_MEMORY_MIN, CFG_MEMORY_LIMIT);
    assert_int_equal(cfg.bandwidth_class, CFG_BANDWIDTH_MEDIUM);
    assert_int_equal(cfg.announce_interval_secs, 1800);
    assert_int_equal(cfg.log_level, RELAY_LOG_INFO);
    assert_int_equal(cfg.log_format, RT_LOG_TEXT);
    assert_int_equal(cfg.given, 0);
}

static void data_directory(void **state)
{
    (void)state;
    assert_int_equal(load(ARGS(), ARGS(HOME_ENV, "XDG_DATA_HOME=/xdg")), RT_ERR_OK);
    assert_string_equal(cfg.data_dir, "/xdg/scp2p-relay");
    assert_int_equal(load(ARGS(), ARGS(HOME_ENV, "XDG_DATA_HOME=relative")), RT_ERR_OK);
    assert_string_equal(cfg.data_dir, "/home/op/.local/share/scp2p-relay");
    assert_int_equal(load(ARGS(), ARGS("SCP2P_DATA_DIR=/e", "XDG_DATA_HOME=/xdg")), RT_ERR_OK);
    assert_string_equal(cfg.data_dir, "/e");
    assert_int_equal(load(ARGS("--data-dir", "/f"), ARGS("SCP2P_DATA_DIR=/e")), RT_ERR_OK);
    assert_string_equal(cfg.data_dir, "/f");
    assert_refused(ARGS(), ARGS("PATH=/bin"), (const char *[]){"HOME", "--data-dir", NULL});
}

static void every_option_by_flag(void **state)
{
    (void)state;
    assert_int_equal(
        load(ARGS("--bind-tcp=[::1]:1", "--bind-quic", "", "--workers=3", "--max-tunnels", "5000",
                  "--memory-max", "512MiB", "--bandwidth-class", "HIGH",
                  "--announce-interval-secs=60", "--log-level=debug", "--log-format", "json"),
             ARGS(HOME_ENV)),
        RT_ERR_OK);
    check_addr(&cfg.bind_tcp, "[::1]:1");
    assert_false(cfg.bind_quic.is_enabled);
    assert_int_equal(cfg.workers, 3);
    assert_int_equal(cfg.max_tunnels, 5000);
    assert_int_equal(cfg.memory_max, UINT64_C(512) << 20);
    assert_int_equal(cfg.bandwidth_class, CFG_BANDWIDTH_HIGH);
    assert_int_equal(cfg.announce_interval_secs, 60);
    assert_int_equal(cfg.log_level, RELAY_LOG_DEBUG);
    assert_int_equal(cfg.log_format, RT_LOG_JSON);
}

static void every_option_by_environment(void **state)
{
    (void)state;
    assert_int_equal(
        load(ARGS(), ARGS("SCP2P_DATA_DIR=/d", "SCP2P_BIND_TCP=", "SCP2P_BIND_QUIC=127.0.0.1:9",
                          "SCP2P_BOOTSTRAP=a.example:1,quic://b.example:2", "SCP2P_WORKERS=2",
                          "SCP2P_ANNOUNCE_ADDRS=tcp://192.0.2.1:3", "SCP2P_MAX_TUNNELS=7",
                          "SCP2P_MEMORY_MAX=1G", "SCP2P_BANDWIDTH_CLASS=low",
                          "SCP2P_ANNOUNCE_INTERVAL_SECS=99", "SCP2P_LOG_LEVEL=trace",
                          "SCP2P_LOG_FORMAT=json", "SCP2P_CONFIG=")),
        RT_ERR_OK);
    assert_false(cfg.bind_tcp.is_enabled);
    check_addr(&cfg.bind_quic, "127.0.0.1:9");
    assert_int_equal(cfg.bootstrap_peers.count, 2);
    assert_string_equal(cfg.bootstrap_peers.at[1].host, "b.example");
    assert_int_equal(cfg.bootstrap_peers.at[1].scheme, CFG_QUIC);
    assert_int_equal(cfg.announce_addrs.count, 1);
    assert_int_equal(cfg.workers, 2);
    assert_int_equal(cfg.max_tunnels, 7);
    assert_int_equal(cfg.memory_max, UINT64_C(1) << 30);
    assert_int_equal(cfg.bandwidth_class, CFG_BANDWIDTH_LOW);
    assert_int_equal(cfg.announce_interval_secs, 99);
    assert_int_equal(cfg.log_level, RELAY_LOG_TRACE);
    assert_int_equal(cfg.log_format, RT_LOG_JSON);
}

static void flags_win_over_environment(void **state)
{
    (void)state;
    /* A bad variable does not matter where the flag is given; an empty one counts as not set. */
    assert_int_equal(load(ARGS("--workers", "4", "-b", "f.example:1"),
                          ARGS(HOME_ENV, "SCP2P_WORKERS=x", "SCP2P_BOOTSTRAP=e.example:2",
                               "SCP2P_MAX_TUNNELS=")),
                     RT_ERR_OK);
    assert_int_equal(cfg.workers, 4);
    assert_int_equal(cfg.bootstrap_peers.count, 1);
    assert_string_equal(cfg.bootstrap_peers.at[0].host, "f.example");
    assert_int_equal(cfg.max_tunnels, 64);
}

static void lists(void **state)
{
    (void)state;
    assert_int_equal(load(ARGS("-b", "a.x:1", "b.x:2", "--bootstrap=c.x:3,,d.x:4,", "-be.x:5",
                               "-b=f.x:6", "-a", "--bootstrap", "g.x:7"),
                          ARGS(HOME_ENV)),
                     RT_ERR_OK);
    assert_int_equal(cfg.bootstrap_peers.count, 7);
    for (uint32_t i = 0; i < 7; i++) {
        char expect[8];

        snprintf(expect, sizeof(expect), "%c.x:%u", (char)('a' + i), i + 1);
        assert_string_equal(cfg.bootstrap_peers.at[i].text, expect);
        assert_int_equal(cfg.bootstrap_peers.at[i].port, i + 1);
    }
    assert_int_equal(cfg.announce_addrs.count, 0);
}

static void too_many_peers(void **state)
{
    char text[CFG_PEERS_MAX * 6 + 8] = "";

    (void)state;
    for (uint32_t i = 0; i < CFG_PEERS_MAX; i++)
        memcpy(text + i * 6, "a.x:1,", 7);
    assert_int_equal(load(ARGS("-b", text), ARGS(HOME_ENV)), RT_ERR_OK);
    assert_int_equal(cfg.bootstrap_peers.count, CFG_PEERS_MAX);
    assert_refused(ARGS("-b", text, "b.x:1"), ARGS(HOME_ENV),
                   (const char *[]){"-b \"b.x:1\"", "at most 32", NULL});
}

static void refusals(void **state)
{
    static const struct {
        const char *args[4];
        const char *words[4];
    } bad[] = {
        {{"--config", "/etc/x.toml"}, {"--config \"/etc/x.toml\"", "not supported yet"}},
        {{"-c", "/etc/x.toml"}, {"-c \"/etc/x.toml\"", "not supported yet"}},
        {{"--bind-tcp", "localhost:7001"}, {"--bind-tcp \"localhost:7001\"", "IP:PORT"}},
        {{"--bind-tcp=7001"}, {"--bind-tcp \"7001\"", "no port"}},
        {{"--bind-quic", "::1:7000"},
         {"--bind-quic \"::1:7000\"", "brackets", "\"\" for no listener"}},
        {{"-b", "x.example"}, {"-b \"x.example\"", "no port", "HOST:PORT"}},
        {{"-a", "x.example:1"}, {"-a \"x.example:1\"", "not an IP address"}},
        {{"--workers", "0"}, {"--workers \"0\"", "out of range", "1 to 64"}},
        {{"--workers", "-1"}, {"--workers \"-1\"", "not a whole number"}},
        {{"--workers=two"}, {"--workers \"two\"", "not a whole number", "1 to 64"}},
        {{"--workers="}, {"--workers \"\"", "not a whole number"}},
        {{"--workers", "2", "--workers=3"}, {"--workers is given twice"}},
        {{"--workers"}, {"--workers has no value"}},
        {{"--workers", "--log-level"}, {"--workers has no value"}},
        {{"--max-tunnels", "65536"}, {"--max-tunnels \"65536\"", "1 to 65535"}},
        {{"--memory-max", "1MiB"}, {"--memory-max \"1MiB\"", "16MiB"}},
        {{"--memory-max", "lots"}, {"--memory-max \"lots\"", "512MiB"}},
        {{"--data-dir", ""}, {"--data-dir \"\"", "path of a directory"}},
        {{"--log-level", "loud"}, {"--log-level \"loud\"", "trace, debug, info, warn, error"}},
        {{"--log-format=xml"}, {"--log-format \"xml\"", "text, json"}},
        {{"--bandwidth-class=fat"}, {"--bandwidth-class \"fat\"", "low, medium"}},
        {{"--announce-interval-secs=1"}, {"--announce-interval-secs \"1\"", "60 to 21600"}},
        {{"--worker=2"}, {"unknown option \"--worker=2\"", "--help"}},
        {{"-x"}, {"unknown option \"-x\""}},
        {{"relay.toml"}, {"unexpected argument \"relay.toml\""}},
        {{"--"}, {"unknown option \"--\""}},
        {{"-"}, {"unexpected argument \"-\""}},
        {{"--help=me"}, {"--help \"me\"", "no value"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused((char *const *)bad[i].args, ARGS(HOME_ENV), bad[i].words);
}

static void refused_variables(void **state)
{
    static const struct {
        char *env;
        const char *words[4];
    } bad[] = {
        {"SCP2P_CONFIG=/x.toml", {"SCP2P_CONFIG \"/x.toml\"", "not supported yet"}},
        {"SCP2P_BIND_TCP=nowhere", {"SCP2P_BIND_TCP \"nowhere\"", "IP:PORT"}},
        {"SCP2P_BOOTSTRAP=a.x:1,b", {"SCP2P_BOOTSTRAP \"b\"", "HOST:PORT"}},
        {"SCP2P_WORKERS=65", {"SCP2P_WORKERS \"65\"", "1 to 64"}},
        {"SCP2P_MEMORY_MAX=2e9", {"SCP2P_MEMORY_MAX \"2e9\"", "not a size"}},
        {"SCP2P_LOG_LEVEL=x", {"SCP2P_LOG_LEVEL \"x\"", "trace"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(ARGS(), ARGS(HOME_ENV, bad[i].env), bad[i].words);
}

static void long_values_are_cut_in_the_sentence(void **state)
{
    char text[600];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_refused(ARGS("--bind-tcp", text), ARGS(HOME_ENV),
                   (const char *[]){"--bind-tcp \"xxx", "IP:PORT", NULL});
    assert_refused(ARGS("-b", text), ARGS(HOME_ENV),
                   (const char *[]){"-b \"xxx", "too long", NULL});
}

static void actions(void **state)
{
    (void)state;
    assert_int_equal(load(ARGS("--help", "--nonsense"), ARGS("SCP2P_WORKERS=x")), RT_ERR_OK);
    assert_int_equal(cfg.action, CFG_PRINT_HELP);
    assert_int_equal(load(ARGS("-V"), ARGS("SCP2P_CONFIG=x")), RT_ERR_OK);
    assert_int_equal(cfg.action, CFG_PRINT_VERSION);
    assert_int_equal(load(ARGS("-h"), ARGS(HOME_ENV)), RT_ERR_OK);
    assert_int_equal(cfg.action, CFG_PRINT_HELP);
}

static void help_names_everything(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    (void)state;
    assert_non_null(f);
    cfg_print_help(f, "9.8.7");
    fclose(f);
    assert_non_null(strstr(text, "9.8.7"));
    for (int k = 0; k < CFG_KEY_COUNT; k++) {
        char flag[64];

        snprintf(flag, sizeof(flag), "--%s", cfg_rows[k].flag);
        assert_non_null(strstr(text, flag));
        if (cfg_rows[k].variable)
            assert_non_null(strstr(text, cfg_rows[k].variable));
        if (cfg_rows[k].fallback)
            assert_non_null(strstr(text, cfg_rows[k].fallback));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(data_directory),
        cmocka_unit_test(every_option_by_flag),
        cmocka_unit_test(every_option_by_environment),
        cmocka_unit_test(flags_win_over_environment),
        cmocka_unit_test(lists),
        cmocka_unit_test(too_many_peers),
        cmocka_unit_test(refusals),
        cmocka_unit_test(refused_variables),
        cmocka_unit_test(long_values_are_cut_in_the_sentence),
        cmocka_unit_test(actions),
        cmocka_unit_test(help_names_everything),
    };

    return cmocka_run_group_tests_name("config load", tests, NULL, NULL);
}
