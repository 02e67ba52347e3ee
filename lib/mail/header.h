/*
 * header: what stands in the header of a mail (RFC 5322), for people. Pure
 * functions of bytes that strangers wrote.
 */
#ifndef PB_HEADER_H
#define PB_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "mem.h"

/* One field, as it stands there; the value with its line ends, without what is
   before its first character and behind its last. Points into the mail. */
struct header_field {
	const uint8_t *name, *value;
	size_t name_len, value_len;
};

/*
 * The field at *at, which moves behind it; from 0. Lines that are no field are
 * passed over. Returns false where there is none any more: *at is where the
 * body begins, or len.
 */
bool header_next(
	const void *mail, size_t len, size_t *at, struct header_field *ret);

/* The first of that name, in any case. */
bool header_find(const void *mail, size_t len, const char *name,
	struct header_field *ret);

/* Encoded by base64 or quoted-printable (RFC 2045): the bytes that it stands
   for are appended. What is not of the alphabet is passed over. */
void header_add_base64(const uint8_t *text, size_t len, struct buf *ret);
void header_add_quoted(
	const uint8_t *text, size_t len, bool word, struct buf *ret);

/* Is it a charset whose every byte is a code point, or nearly? */
bool header_is_western(const char *charset, size_t len);
/* Append bytes in such a charset, or in UTF-8, as header_show does: as one
   line. */
void header_add_shown(
	const uint8_t *text, size_t len, bool western, struct buf *ret);

/*
 * Append a field's value as one line of UTF-8 in which nothing moves a cursor
 * or turns a text round: unfolded, encoded words (RFC 2047) decoded where they
 * are in UTF-8 or a western charset; what cannot be shown is a question mark.
 */
void header_show(const struct header_field *field, struct buf *ret);

#endif
