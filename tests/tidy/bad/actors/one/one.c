/* SPDX-License-Identifier: MPL-2.0 */
#include "one/one.h"
#include "two/two_msg.h"
#include "actor/actor.h"
#include "wire.h"
#include "two/two.h"
#include "../two/two.h"
#include "p/p.h"
#include <gnutls/gnutls.h>
#include <sqlite3.h>
#include <dlfcn.h>
#include "two/two_limits.h"
