/* SPDX-License-Identifier: MPL-2.0 */
int only(int name)
{
    return left(name);
}
