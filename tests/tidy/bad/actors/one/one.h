/* SPDX-License-Identifier: MPL-2.0 */
#ifndef ONE_H
#define ONE_H
#endif
