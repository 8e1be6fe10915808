/* SPDX-License-Identifier: MPL-2.0 */
#ifndef ACTOR_LIMITS_H
#define ACTOR_LIMITS_H
#endif
