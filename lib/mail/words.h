/*
 * words: what a part of a mail says, as UTF-8 to be read. Pure functions of
 * bytes that strangers wrote; nothing in what they give is a control character
 * but tabs and line ends, and no line has more than WORDS_LINE_MAX bytes.
 */
#ifndef PB_WORDS_H
#define PB_WORDS_H

#include "mime.h"

#define WORDS_LINE_MAX 900u

/* Append the beginning of a text/plain or text/html part, at most `most` bytes.
   Returns whether that was all. */
bool words_add(const struct mime_part *part, size_t most, struct buf *ret);

#endif
