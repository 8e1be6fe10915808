/* SPDX-License-Identifier: MPL-2.0 */
#ifndef ONE_MSG_H
#define ONE_MSG_H
#endif
