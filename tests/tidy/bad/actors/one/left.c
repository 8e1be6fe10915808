/* SPDX-License-Identifier: MPL-2.0 */
/* left.c and right.c call each other: tests/tidy/structure lists them as a circle. */
static int same(void)
{
    return 1;
}

int left(int depth)
{
    return depth ? right(depth - same()) : 0;
}
