/* SPDX-License-Identifier: MPL-2.0 */
/* The cookies of the announcer's requests to the DHT. The cookie says which part gets the reply. */
#ifndef ANNOUNCER_REQUEST_COOKIE_H
#define ANNOUNCER_REQUEST_COOKIE_H

enum request_cookie {
    COOKIE_ROUND_LOOK_UP,    /* discovery: a look-up of a round */
    COOKIE_DIAL,             /* a connection to a candidate, without a request */
    COOKIE_LIST_REQUEST,     /* a RelayListRequest to a node or to a listed relay */
    COOKIE_FINAL_STORE,      /* our final announcement, sent to a listed relay */
    COOKIE_REVOCATION_CHECK, /* the look-up of a revocation, plus the index of the check */
};

#endif
