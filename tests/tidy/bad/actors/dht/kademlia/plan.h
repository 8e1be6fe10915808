/* SPDX-License-Identifier: MPL-2.0 */
#ifndef PLAN_H
#define PLAN_H
#include "actor/actor.h"
#endif
