/*
 * mime: the parts of a mail (RFC 2045, 2046), for people. Pure functions of
 * bytes that strangers wrote: what nests deeper than MIME_DEPTH_MAX is one part,
 * and of more than MIME_PARTS_MAX parts the rest is not looked at. It takes
 * time in proportion to the mail's length, and memory for one part's name.
 */
#ifndef PB_MIME_H
#define PB_MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "mem.h"

#define MIME_DEPTH_MAX 8u
#define MIME_PARTS_MAX 256u
#define MIME_TYPE_MAX 63u
#define MIME_NAME_MAX 128u

enum mime_encoding { MIME_PLAIN, MIME_BASE64, MIME_QUOTED };

/* A part that is no multipart. */
struct mime_part {
	const uint8_t *body; /* within the mail, as it is encoded */
	size_t len;
	bool open;		      /* the mail ends before its end was met */
	char type[MIME_TYPE_MAX + 1]; /* "text/plain", in lower case */
	enum mime_encoding encoding;
	bool western;	  /* its charset, see header.h; else taken for UTF-8 */
	bool attached;	  /* not to be shown with the mail, it says */
	const char *name; /* of the file that it was, to be shown: one line of
			     UTF-8 without anything that moves a cursor; "" */
};

/* Returns false: no more. The part is gone with the return. */
typedef bool (*mime_fn)(void *arg, const struct mime_part *part);

/* Each part, in their order. A mail that is no multipart is one part. */
void mime_each(const void *mail, size_t len, mime_fn fn, void *arg);

#endif
