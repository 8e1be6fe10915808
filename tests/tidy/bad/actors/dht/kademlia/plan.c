/* SPDX-License-Identifier: MPL-2.0 */
#include "base/good.h"
#include "dht/kademlia/plan.h"
