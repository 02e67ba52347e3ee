/*
 * serve: the server's side of bodyserve.h, until the input ends.
 *
 * Reads the state and the mail, takes no lock, writes nothing.
 */
#ifndef PB_SERVE_H
#define PB_SERVE_H

#include "look.h"

/* Errors: ERR_CORRUPT: what came is no request; ERR_IO. */
int serve(struct writer *w, int in, int out, struct err *err);

#endif
