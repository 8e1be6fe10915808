/* A file without a licence. */
int no_spdx;
