/* SPDX-License-Identifier: MPL-2.0 */
#include <stdio.h>

#include "laws.h"

int cf_run(const struct cf_subject *s)
{
#define X(function, text) {text, function, NULL, cf_bench_forget, (void *)s},
    const struct CMUnitTest tests[] = {CF_LAW_LIST(X)};
#undef X

    printf("transport %s on %s\n", s->transport->name, s->address);
    return cmocka_run_group_tests_name(s->transport->name, tests, NULL, NULL);
}
