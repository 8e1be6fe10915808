/* SPDX-License-Identifier: MPL-2.0 */
static int same(void)
{
    return 2; /* left() in a comment and "left()" in a string are no calls */
}

int right(int depth)
{
    return depth ? left(depth - same()) : puts("only(name)");
}
