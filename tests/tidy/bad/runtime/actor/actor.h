/* SPDX-License-Identifier: MPL-2.0 */
#ifndef ACTOR_H
#define ACTOR_H
#include "base/good.h"
#endif
