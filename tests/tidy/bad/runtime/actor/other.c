/* SPDX-License-Identifier: MPL-2.0 */
#include <ck_pr.h>
