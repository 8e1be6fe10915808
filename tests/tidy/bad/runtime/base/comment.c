/* SPDX-License-Identifier: MPL-2.0 */
/* base/good.h exists, actors/ROOM/ROOM_msg.h and a.c are patterns,
 * base/gone.h does not exist */
