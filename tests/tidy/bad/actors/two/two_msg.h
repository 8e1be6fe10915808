/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TWO_MSG_H
#define TWO_MSG_H
#endif
