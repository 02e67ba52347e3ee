/*
 * about: what a person knows a mail by.
 */
#ifndef PB_ABOUT_H
#define PB_ABOUT_H

#include <stdbool.h>

#include "mem.h"

/* Each one line of UTF-8 that moves no cursor, empty where there is none. */
struct about {
	struct buf from, subject;
	bool known; /* the mail could be read */
};

/* From the beginning of a mail, as much of it as there is. */
void about_read(const struct buf *mail, struct about *ret);
void about_free(struct about *a);
#define AUTO_ABOUT __attribute__((cleanup(about_free)))

#endif
