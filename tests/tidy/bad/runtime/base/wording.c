/* SPDX-License-Identifier: MPL-2.0 */
/* Nobody is in a comment, forever is a good word. */
/* What a comment starts with. A comment may hold: what it wants. */
const char *text = "sends a Goodbye";
/* A pattern may match over two lines: for
 * ever is such a pair, and the next
 * ever is not. */
int send_in_vain(void);
int vain_in(void);
