#include "flagset.h"

#include <string.h>

const char *keyword_next(const char **at, size_t *ret_len)
{
	const char *start = *at;

	while (*start == ' ')
		start++;
	if (!*start) {
		*at = start;
		return NULL;
	}
	*ret_len = strcspn(start, " ");
	*at = start + *ret_len;
	return start;
}

static int fold_case(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

int keyword_cmp(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t n = a_len < b_len ? a_len : b_len;

	for (size_t i = 0; i < n; i++) {
		int d = fold_case((unsigned char)a[i]) -
			fold_case((unsigned char)b[i]);
		if (d)
			return d < 0 ? -1 : 1;
	}
	return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
}

bool keyword_in(const char *list, const char *name, size_t len)
{
	size_t n;

	for (const char *k; (k = keyword_next(&list, &n));)
		if (keyword_cmp(k, n, name, len) == 0)
			return true;
	return false;
}

const char *keyword_put(struct arena *arena, const char *list,
	const char *name, size_t len, bool on)
{
	if (keyword_in(list, name, len) == on)
		return list;
	char *out = arena_alloc(arena, strlen(list) + len + 2);
	size_t at = 0, n;
	bool put = !on;

	for (const char *k; (k = keyword_next(&list, &n));) {
		int d = keyword_cmp(k, n, name, len);
		if (!put && d > 0) {
			memcpy(out + at, name, len);
			at += len;
			out[at++] = ' ';
			put = true;
		}
		if (!on && d == 0)
			continue;
		memcpy(out + at, k, n);
		at += n;
		out[at++] = ' ';
	}
	if (!put) {
		memcpy(out + at, name, len);
		at += len;
		out[at++] = ' ';
	}
	out[at ? at - 1 : 0] = 0;
	return out;
}

const char *keyword_minus(struct arena *arena, const char *a, const char *b)
{
	char *out = arena_alloc(arena, strlen(a) + 1);
	size_t at = 0, n;

	for (const char *k; (k = keyword_next(&a, &n));) {
		if (keyword_in(b, k, n))
			continue;
		if (at)
			out[at++] = ' ';
		memcpy(out + at, k, n);
		at += n;
	}
	out[at] = 0;
	return out;
}

bool keyword_lists_equal(const char *a, const char *b)
{
	size_t an, bn;

	for (;;) {
		const char *ka = keyword_next(&a, &an);
		const char *kb = keyword_next(&b, &bn);

		if (!ka || !kb)
			return !ka && !kb;
		if (keyword_cmp(ka, an, kb, bn) != 0)
			return false;
	}
}

bool letter_in(const char *letters, char letter)
{
	return letter && strchr(letters, letter) != NULL;
}

const char *letter_put(struct arena *arena, const char *letters, char letter,
	bool on)
{
	if (letter_in(letters, letter) == on)
		return letters;
	char *out = arena_alloc(arena, strlen(letters) + 2);
	size_t at = 0;

	while (*letters && *letters < letter)
		out[at++] = *letters++;
	if (on)
		out[at++] = letter;
	for (; *letters; letters++)
		if (*letters != letter)
			out[at++] = *letters;
	out[at] = 0;
	return out;
}

const char *letter_minus(struct arena *arena, const char *a, const char *b)
{
	char *out = arena_alloc(arena, strlen(a) + 1);
	size_t at = 0;

	for (; *a; a++)
		if (!letter_in(b, *a))
			out[at++] = *a;
	out[at] = 0;
	return out;
}
