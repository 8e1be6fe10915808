/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the memory of the machine, read from control-group files in a scratch directory: none, v2,
 * v1, a limit on an ancestor, "max", a container that cannot see its group path. Also the real
 * machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/parse.h"

#define MIB (UINT64_C(1) << 20)

static char root[64];

static void put(const char *path, const char *text)
{
    char full[256];
    FILE *f;

    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/test_machine.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void no_group(void **state)
{
    (void)state;
    assert_true(cfg_machine_memory(root) >= 64 * MIB);
    assert_true(cfg_machine_memory("") >= 64 * MIB);
    assert_true(cfg_machine_cores() >= 1);
}

static void version_2(void **state)
{
    uint64_t ram = cfg_machine_memory(root);

    (void)state;
    put("/proc/self/cgroup", "0::/system.slice/relay.service\n");
    put("/sys/fs/cgroup/system.slice/relay.service/memory.max", "max\n");
    assert_true(cfg_machine_memory(root) == ram);
    put("/sys/fs/cgroup/system.slice/relay.service/memory.max", "41943040\n");
    assert_true(cfg_machine_memory(root) == 40 * MIB);
    put("/sys/fs/cgroup/system.slice/memory.max", "31457280\n");
    assert_true(cfg_machine_memory(root) == 30 * MIB);
    put("/sys/fs/cgroup/system.slice/memory.max", "max\n");
    assert_true(cfg_machine_memory(root) == 40 * MIB);
}

static void version_2_in_a_container(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "20971520\n");
    assert_true(cfg_machine_memory(root) == 20 * MIB);
    put("/proc/self/cgroup", "0::/the/hosts/path\n");
    assert_true(cfg_machine_memory(root) == 20 * MIB);
}

static void version_1(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "11:cpu,cpuacct:/a\n9:memory:/docker/abc\n1:name=systemd:/b\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "10485760\n");
    assert_true(cfg_machine_memory(root) == 10 * MIB);
    put("/proc/self/cgroup", "11:cpu,memory:/docker/abc\n");
    assert_true(cfg_machine_memory(root) == 10 * MIB);
    put("/proc/self/cgroup", "11:memoryless:/docker/abc\n");
    assert_true(cfg_machine_memory(root) > 10 * MIB);
}

static void garbage(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "\n:\n::\n0:\nx:memory\n0::");
    assert_true(cfg_machine_memory(root) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_group, setup, teardown),
        cmocka_unit_test_setup_teardown(version_2, setup, teardown),
        cmocka_unit_test_setup_teardown(version_2_in_a_container, setup, teardown),
        cmocka_unit_test_setup_teardown(version_1, setup, teardown),
        cmocka_unit_test_setup_teardown(garbage, setup, teardown),
    };

    return cmocka_run_group_tests_name("config machine", tests, NULL, NULL);
}
