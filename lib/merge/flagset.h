/*
 * flagset: flags and keywords as sorted strings, and operations on them.
 *
 * Letters: one byte a flag, ascending, no doubles ("FRS"). Keywords: names
 * separated by one space, sorted without regard to ASCII case, no doubles in
 * that sense; the first spelling met is kept. Pure; strings live in the
 * arena given.
 */
#ifndef PB_FLAGSET_H
#define PB_FLAGSET_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

/* The next name in a keyword list: advances *at; NULL at the end. */
const char *keyword_next(const char **at, size_t *ret_len);
bool keyword_in(const char *list, const char *name, size_t len);
/* ASCII case-insensitive order of two names. */
int keyword_cmp(const char *a, size_t a_len, const char *b, size_t b_len);
/* The list with or without name; the list itself if nothing changes. */
const char *keyword_put(struct arena *arena, const char *list,
	const char *name, size_t len, bool on);
/* All names of a that are not in b. */
const char *keyword_minus(struct arena *arena, const char *a, const char *b);
bool keyword_lists_equal(const char *a, const char *b);

bool letter_in(const char *letters, char letter);
const char *letter_put(struct arena *arena, const char *letters, char letter,
	bool on);
const char *letter_minus(struct arena *arena, const char *a, const char *b);

#endif
