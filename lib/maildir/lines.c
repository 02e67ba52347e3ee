/*
 * lines: the lines of a server's small text files, as Dovecot reads them.
 *
 * A line ends in LF; CRs before it are no part of it. What stands behind the
 * last LF is not a line (a writer died, or is still writing): `torn` tells.
 */
#include "maildir_private.h"

#include <string.h>

struct lines lines_over(const void *data, size_t len)
{
	const char *at = len ? data : "";

	return (struct lines){.at = at, .end = at + len};
}

bool lines_next(struct lines *l, struct slice *ret)
{
	size_t left = (size_t)(l->end - l->at);
	const char *lf = left ? memchr(l->at, '\n', left) : NULL;

	if (!lf) {
		l->torn = left != 0;
		return false;
	}
	*ret = (struct slice){.at = l->at, .len = (size_t)(lf - l->at)};
	while (ret->len && ret->at[ret->len - 1] == '\r')
		ret->len--;
	l->at = lf + 1;
	return true;
}

bool slice_number(struct slice s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!s.len || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.at[i] - '0';

		if (digit > 9 || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return v <= max;
}

bool slice_cut(struct slice *s, char c, struct slice *ret_before)
{
	const char *at = s->len ? memchr(s->at, c, s->len) : NULL;
	size_t before;

	if (!at)
		return false;
	before = (size_t)(at - s->at);
	*ret_before = (struct slice){.at = s->at, .len = before};
	s->at += before + 1;
	s->len -= before + 1;
	return true;
}
