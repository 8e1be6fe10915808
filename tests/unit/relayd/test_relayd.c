/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the daemon as a process (RELAY_BINARY). The ready line in both log formats. The identity is
 * kept. SIGTERM and SIGINT end the process with code 0, and the port is free again. SIGUSR1. Exit
 * codes and error sentences of refused starts, each of which leaves no process. One worker and
 * many. Limits of open files that are low, too low for the tunnels, and too low to start.
 * Descriptors 0 to 2 closed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define READY "relay node ready pubkey="
#define WAIT_MS 30000

static char dir[64], data[80], log_path[80];
static char text[256 * 1024]; /* output of the last relay */
static struct rlimit files;   /* for the next relay; 0: as it is */
static bool has_no_std;       /* the next relay's descriptors 0 to 2 are closed */

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/test_relayd.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(data, sizeof(data), "%s/data", dir);
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    files = (struct rlimit){0};
    has_no_std = false;
    return 0;
}

static int teardown(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static void read_log(void)
{
    int fd = open(log_path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static pid_t run(const char *const args[])
{
    const char *argv[16] = {getenv("RELAY_BINARY")};
    pid_t pid;
    int n = 1, fd;

    assert_non_null(argv[0]);
    for (; *args; args++)
        argv[n++] = *args;
    unlink(log_path);
    pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(99);
    if (has_no_std)
        close(STDIN_FILENO), close(STDOUT_FILENO), close(STDERR_FILENO);
    if (files.rlim_max)
        setrlimit(RLIMIT_NOFILE, &files);
    setenv("SCP2P_DATA_DIR", data, 0);
    setenv("SCP2P_BIND_TCP", "127.0.0.1:0", 0);
    setenv("SCP2P_BIND_QUIC", "127.0.0.1:0", 0);
    execv(argv[0], (char *const *)argv);
    _exit(98);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int exit_code(pid_t pid)
{
    int status;

    for (int i = 0; i < WAIT_MS / 10; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            read_log();
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        }
        pause_ms(10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    read_log();
    fail_msg("the relay does not end; it said:\n%s", text);
    return -1;
}

static void wait_for(pid_t pid, const char *words)
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        int status;

        read_log();
        if (strstr(text, words))
            return;
        if (waitpid(pid, &status, WNOHANG) == pid)
            fail_msg("the relay ended (%d) before it said \"%s\":\n%s", status, words, text);
        pause_ms(10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    fail_msg("the relay does not say \"%s\":\n%s", words, text);
}

static pid_t start(const char *const args[])
{
    pid_t pid = run(args);

    wait_for(pid, "relay node ready");
    return pid;
}

static void stop(pid_t pid, int signum)
{
    int code;

    kill(pid, signum);
    code = exit_code(pid);
    if (code != 0)
        fail_msg("exit code %d:\n%s", code, text);
    assert_non_null(strstr(text, "relay stopped"));
}

static void assert_refused(const char *const args[], int code, const char *words)
{
    int got = exit_code(run(args));

    if (got != code)
        fail_msg("exit code %d, not %d:\n%s", got, code, text);
    if (!strstr(text, words))
        fail_msg("does not say \"%s\":\n%s", words, text);
    assert_null(strstr(text, "relay node ready"));
}

/* The port it says it listens on. */
static uint16_t port(void)
{
    const char *at = strstr(text, "addr=127.0.0.1:");

    assert_non_null(at);
    return (uint16_t)strtoul(at + 15, NULL, 10);
}

static int socket_on(uint16_t number, bool listens, uint16_t *out_number)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons(number)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if ((listens ? bind(fd, (struct sockaddr *)&addr, len) || listen(fd, 1)
                 : connect(fd, (struct sockaddr *)&addr, len)) != 0) {
        close(fd);
        return -1;
    }
    getsockname(fd, (struct sockaddr *)&addr, &len);
    *out_number = ntohs(addr.sin_port);
    return fd;
}

static void starts_and_stops(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};
    char first[65] = "", pubkey[65];
    uint16_t number;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pid_t pid = start(ARGS("--workers=2"));
        const char *at = strstr(text, READY);
        int fd;

        assert_non_null(at);
        snprintf(pubkey, sizeof(pubkey), "%s", at + strlen(READY));
        assert_int_equal(strspn(pubkey, "0123456789abcdef"), 64);
        assert_non_null(strstr(at + strlen(READY) + 64, " version="));
        assert_non_null(strstr(text, i ? "state opened" : "new identity created"));
        assert_non_null(strstr(text, "listening transport=tcp_tls addr=127.0.0.1:"));
        fd = socket_on(port(), false, &number);
        assert_true(fd >= 0);
        stop(pid, signals[i]);
        close(fd);
        assert_int_equal(socket_on(port(), false, &number), -1);
        if (i == 0)
            memcpy(first, pubkey, sizeof(first));
    }
    assert_string_equal(first, pubkey);
}

static void json_log(void **state)
{
    pid_t pid = start(ARGS("--log-format", "json"));

    (void)state;
    assert_non_null(strstr(text, "\"msg\":\"relay node ready\",\"pubkey\":\""));
    stop(pid, SIGTERM);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        assert_int_equal(line[0], '{');
        assert_non_null(strchr(line, '\n'));
    }
}

static void counters(void **state)
{
    pid_t pid = start(ARGS("--log-level=info"));

    (void)state;
    kill(pid, SIGUSR1);
    wait_for(pid, "refusals reason=cancelled value=0");
    assert_non_null(strstr(text, "counter name=connections value=0"));
    assert_non_null(strstr(text, "counter name=tunnels value=0"));
    assert_non_null(strstr(text, "refusals reason=hello_oversize value=0"));
    stop(pid, SIGTERM);
}

static void options(void **state)
{
    (void)state;
    assert_refused(ARGS("--workers", "many"), 2, "--workers \"many\" is not a whole number");
    assert_refused(ARGS("--config=/x"), 2, "not supported yet");
    assert_refused(ARGS("--bind-tcp", "nowhere:1"), 2, "--bind-tcp \"nowhere:1\"");
    assert_int_equal(exit_code(run(ARGS("--version"))), 0);
    assert_int_equal(strncmp(text, "scp2p-relay ", 12), 0);
    assert_int_equal(exit_code(run(ARGS("--help"))), 0);
    assert_non_null(strstr(text, "--max-tunnels"));
}

static void what_is_taken(void **state)
{
    char bind_to[32];
    pid_t pid = start(ARGS("--workers=1"));
    uint16_t number;
    int fd;

    (void)state;
    /* The log is the second relay's from here on. */
    assert_refused(ARGS("--workers=1"), 1, "uses the data directory");
    kill(pid, SIGTERM);
    assert_int_equal(exit_code(pid), 0);
    fd = socket_on(0, true, &number);
    assert_true(fd >= 0);
    snprintf(bind_to, sizeof(bind_to), "127.0.0.1:%u", number);
    assert_refused(ARGS("--bind-tcp", bind_to), 1, bind_to);
    close(fd);
    stop(start(ARGS("--bind-tcp", bind_to)), SIGTERM);
    assert_refused(ARGS("--data-dir", "/proc/none"), 1, "/proc/none");
}

static void numbers_of_workers(void **state)
{
    (void)state;
    stop(start(ARGS("--workers=1")), SIGTERM);
    stop(start(ARGS("--workers=5")), SIGTERM);
    stop(start(ARGS("--workers=64")), SIGTERM);
}

static void without_listener(void **state)
{
    pid_t pid = start(ARGS("--bind-tcp", "", "--bind-quic", ""));

    (void)state;
    assert_non_null(strstr(text, "no listener"));
    assert_null(strstr(text, "listening"));
    stop(pid, SIGTERM);
}

/* Said once, or what is announced; in either case it starts. */
static void announced_or_not(void **state)
{
    pid_t pid = start(ARGS("--bind-tcp=127.0.0.1:0"));

    (void)state;
    wait_for(pid, "this relay is not announced");
    assert_null(strstr(text, "this relay announces itself"));
    stop(pid, SIGTERM);
    pid = start(ARGS("--announce=tcp://127.0.0.1:9,quic://10.0.0.1:8", "--bandwidth-class=low"));
    wait_for(pid, "this relay announces itself addr=quic://10.0.0.1:8");
    assert_non_null(strstr(text, "this relay announces itself addr=tcp://127.0.0.1:9"));
    assert_null(strstr(text, "not announced"));
    stop(pid, SIGTERM);
}

static void open_files(void **state)
{
    static const char too_low[] = "the limit of open files is too low for";
    pid_t pid;

    (void)state;
    files = (struct rlimit){.rlim_cur = 40, .rlim_max = 1024}; /* raised from inside */
    pid = start(ARGS("--workers=8", "--max-tunnels=700"));
    assert_null(strstr(text, too_low));
    stop(pid, SIGTERM);
    pid = start(ARGS("--workers=1", "--max-tunnels=1000"));
    assert_non_null(strstr(text, too_low));
    assert_non_null(strstr(text, "limit=1024 needed=1335 max_tunnels=1000"));
    stop(pid, SIGTERM);
    files = (struct rlimit){.rlim_cur = 24, .rlim_max = 24};
    assert_refused(ARGS("--workers=16"), 1, too_low);
}

/* The log goes nowhere then, least of all into a file that got descriptor 2. */
static void without_descriptors(void **state)
{
    char path[120], bytes[64];
    ssize_t n = 0;
    pid_t pid;
    int fd;

    (void)state;
    has_no_std = true;
    pid = run(ARGS("--workers=1"));
    snprintf(path, sizeof(path), "%s/relay.lock", data);
    for (int i = 0; i < WAIT_MS / 10 && n <= 0; i++) {
        pause_ms(10);
        fd = open(path, O_RDONLY);
        n = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes));
        if (fd >= 0)
            close(fd);
    }
    assert_true(n > 0);
    pause_ms(300); /* for it to have its say */
    snprintf(bytes, sizeof(bytes), "/proc/%ld/fd/2", (long)pid);
    n = readlink(bytes, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    assert_string_equal(path, "/dev/null");
    kill(pid, SIGTERM);
    assert_int_equal(exit_code(pid), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(starts_and_stops), TEST(json_log),
        TEST(counters),         TEST(options),
        TEST(what_is_taken),    TEST(numbers_of_workers),
        TEST(without_listener), TEST(announced_or_not),
        TEST(open_files),       TEST(without_descriptors),
    };

    return cmocka_run_group_tests_name("relayd", tests, NULL, NULL);
}
