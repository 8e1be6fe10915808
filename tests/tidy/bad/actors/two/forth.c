/* SPDX-License-Identifier: MPL-2.0 */
int forth(int depth)
{
    return depth ? back(depth - 1) : 0;
}
