/* SPDX-License-Identifier: MPL-2.0 */
#include "fuzz/groups.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_group_run("browse", data, size);
    return 0;
}
