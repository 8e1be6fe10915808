/* SPDX-License-Identifier: MPL-2.0 */
/* schemas/state.sql as text; the .c is made by the build. */
#ifndef STORAGE_STATE_SQL_H
#define STORAGE_STATE_SQL_H

extern const char storage_state_sql[];

#endif
