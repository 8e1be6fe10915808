/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Assertions of a plugin's own invariants, always compiled in. A failed one prints the place and
 * aborts. No input from the network may reach one.
 */
#ifndef PLUGIN_INSIST_H
#define PLUGIN_INSIST_H

_Noreturn void plugin_insist_failed(const char *expr, const char *file, int line);

#define PLUGIN_INSIST(expr) ((expr) ? (void)0 : plugin_insist_failed(#expr, __FILE__, __LINE__))

#endif
