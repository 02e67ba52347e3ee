/*
 * utf8: code points out of bytes, and into them.
 */
#ifndef PB_UTF8_H
#define PB_UTF8_H

#include <stdint.h>

#include "mem.h"

/*
 * The code point at *at, which moves behind it. Returns UINT32_MAX where there
 * is none before end: not UTF-8, an overlong form, a surrogate; *at stays.
 */
uint32_t utf8_next(const uint8_t **at, const uint8_t *end);

/* point: up to 0x10ffff. */
void utf8_add(struct buf *to, uint32_t point);

#endif
