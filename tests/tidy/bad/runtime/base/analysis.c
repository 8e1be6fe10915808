/* SPDX-License-Identifier: MPL-2.0 */
/* Layout and code that clang-format and clang-tidy reject; see tests/tidy/analyse. */
#include <string.h>

int analysis_is_same(const char *a, const char *b, unsigned long n)
{
  if (memcmp(a, b, n))
      return 0;
  return 1;
}
