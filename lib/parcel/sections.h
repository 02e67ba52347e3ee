/*
 * sections: what parcel.c must know of them before it seals any.
 */
#ifndef PB_SECTIONS_H
#define PB_SECTIONS_H

#include <stddef.h>

/* Sections in data, up to the first that is malformed. */
size_t sections_count(const void *data, size_t len);

#endif
