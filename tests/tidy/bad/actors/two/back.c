/* SPDX-License-Identifier: MPL-2.0 */
int back(int depth)
{
    return depth ? forth(depth - 1) : 0;
}
