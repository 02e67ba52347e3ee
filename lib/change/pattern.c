/*
 * pattern: a file name as a pattern and the numbers in it.
 *
 *   1795303760.M897062P14561.vm,S=5216,W=5329
 *   /.M/P/.vm,S=/,W=/   1795303760 897062 14561 5216 5329
 *
 * A mail server names its mails by one pattern, which the batch then holds
 * once; what remains are small differences to numbers already known.
 */
#include "pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 18 /* every such number fits 60 bits */

static size_t digits_len(const char *s)
{
	return strspn(s, "0123456789");
}

/* A run of digits that comes back the same when printed from its value. */
static bool is_number(const char *s, size_t len)
{
	return len > 0 && len <= DIGITS_MAX && (s[0] != '0' || len == 1);
}

static uint64_t number_value(const char *s, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = 10 * v + (uint64_t)(s[i] - '0');
	return v;
}

/* text[at] is a hole: what stands before it tells what it is near to. */
static uint8_t near_of(const char *text, size_t at)
{
	if (at == 0)
		return NEAR_MTIME;
	if (at >= 3 && text[at - 3] == ',' && text[at - 1] == '=' &&
		(text[at - 2] == 'S' || text[at - 2] == 'W'))
		return NEAR_SIZE;
	return NEAR_LAST;
}

static void add_number(struct pattern *p, size_t at, uint64_t number)
{
	p->near[p->count] = near_of(p->text, at);
	p->numbers[p->count++] = number;
}

void pattern_split(
	const char *name, char text[CHANGE_NAME_MAX + 1], struct pattern *ret)
{
	size_t at = 0;

	*ret = (struct pattern){.text = text};
	while (*name && at < CHANGE_NAME_MAX) {
		size_t len = digits_len(name);

		if (ret->count < PATTERN_NUMBERS_MAX && is_number(name, len)) {
			add_number(ret, at, number_value(name, len));
			text[at++] = PATTERN_HOLE;
		} else {
			if (len == 0)
				len = 1;
			if (len > CHANGE_NAME_MAX - at)
				len = CHANGE_NAME_MAX - at;
			memcpy(text + at, name, len);
			at += len;
		}
		name += len;
	}
	text[at] = 0;
}

int pattern_parse(const char *text, struct pattern *ret)
{
	size_t len = strnlen(text, CHANGE_NAME_MAX + 1);

	if (len > CHANGE_NAME_MAX)
		return -1;
	*ret = (struct pattern){.text = text};
	for (size_t at = 0; at < len; at++) {
		if (text[at] != PATTERN_HOLE)
			continue;
		if (ret->count == PATTERN_NUMBERS_MAX)
			return -1;
		add_number(ret, at, 0);
	}
	return 0;
}

int pattern_join(const struct pattern *pattern, char name[CHANGE_NAME_MAX + 1])
{
	char text[CHANGE_NAME_MAX + 1];
	struct pattern again;
	size_t len = 0, next = 0;

	for (const char *s = pattern->text; *s; s++) {
		char digits[24];
		int n = 1;

		digits[0] = *s;
		if (*s == PATTERN_HOLE)
			n = snprintf(digits, sizeof(digits), "%" PRIu64,
				pattern->numbers[next++]);
		if (len + (size_t)n > CHANGE_NAME_MAX)
			return -1;
		memcpy(name + len, digits, (size_t)n);
		len += (size_t)n;
	}
	name[len] = 0;
	pattern_split(name, text, &again);
	return strcmp(text, pattern->text) == 0 ? 0 : -1;
}
