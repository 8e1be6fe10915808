/* SPDX-License-Identifier: MPL-2.0 */
/* Plan: a secret's mapping is not dumped, also where no memory may be locked; it begins zeroed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "crypto/secret.h"

static void assert_not_dumped(const void *p)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    unsigned long from, to;
    int is_ours = 0, found = 0;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            is_ours = (uintptr_t)p >= from && (uintptr_t)p < to;
        found |= is_ours && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") != NULL;
    }
    fclose(f);
    assert_true(found);
}

static void test_secret(void **state)
{
    struct rlimit none = {0, 0};
    static const uint8_t zeros[100];

    (void)state;
    for (int i = 0; i < 2; i++) {
        uint8_t *p = rt_secret_new(100);

        assert_memory_equal(p, zeros, 100);
        assert_not_dumped(p);
        rt_secret_free(p);
        assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    }
    rt_secret_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_secret)};

    return rt_crypto_init() != RT_ERR_OK || cmocka_run_group_tests(tests, NULL, NULL);
}
