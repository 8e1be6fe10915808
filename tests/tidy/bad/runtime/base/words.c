/* SPDX-License-Identifier: MPL-2.0 */
/* TODO: later */
// FIXME
int xxx; /* mkstemp("XXXXXX") is none, XXX is */
int trailing; 
	int tab;
int wide____________________________________________________________________________________________;
int wide__________________________________________________________________________________________x;
