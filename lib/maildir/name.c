/*
 * name: the file name of a message.
 *
 *	1795303760.M897062P14561.vm,S=5216,W=5329:2,FSab
 *	|---------------- base -----------------|   |||keyword letters a-z
 *	                                            ||flags, sorted by ASCII
 *
 * The base ends at the first ':' and is the message's key in its folder; it
 * is never changed and never recomputed. Flags follow the last ":2,". A comma
 * in them begins another set, of somebody else: it is kept as it is.
 * Letters that nobody knows are kept too.
 */
#include "maildir_private.h"

#include <stdlib.h>
#include <string.h>

#define INFO ":2,"

int maildir_name_parse(const char *name, struct maildir_name *ret)
{
	size_t len = strnlen(name, STORE_BASE_MAX + 1);
	const char *info;

	if (len == 0 || len > STORE_BASE_MAX || *name == '.' || *name == ':')
		return 1;
	if (strpbrk(name, "/\r\n"))
		return 1;
	info = strrchr(name, ':');
	ret->base_len = strcspn(name, ":");
	ret->flags = name + len;
	if (info && strncmp(info, INFO, strlen(INFO)) == 0)
		ret->flags = info + strlen(INFO);
	return 0;
}

bool name_base_ok(const char *base)
{
	struct maildir_name parsed;

	return maildir_name_parse(base, &parsed) == 0 &&
	       base[parsed.base_len] == '\0';
}

static bool is_keyword_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

uint32_t name_keywords(const char *flags)
{
	uint32_t bits = 0;

	for (; *flags && *flags != ','; flags++) {
		if (is_keyword_letter(*flags))
			bits |= UINT32_C(1) << (*flags - 'a');
	}
	return bits;
}

/*
 * The letters of the first set that may stand in a file name, sorted, each
 * once, into ret, which holds what a byte can be.
 */
static size_t sorted_letters(const char *letters, char ret[256])
{
	bool seen[256] = {false};
	size_t count = 0;

	for (; *letters && *letters != ','; letters++)
		seen[(unsigned char)*letters] = true;
	for (int c = '!'; c <= '~'; c++) {
		if (seen[c] && c != '/' && c != ':')
			ret[count++] = (char)c;
	}
	return count;
}

/* The second set, comma included, without what cannot be in a name. */
static void add_second_set(const char *letters, struct buf *ret)
{
	const char *comma = strchr(letters, ',');

	for (; comma && *comma; comma++) {
		if (*comma >= '!' && *comma <= '~' && *comma != '/' &&
			*comma != ':')
			buf_add_byte(ret, (uint8_t)*comma);
	}
}

void name_letters(const char *flags, struct buf *ret)
{
	char sorted[256];
	size_t count = sorted_letters(flags, sorted);

	for (size_t i = 0; i < count; i++) {
		if (!is_keyword_letter(sorted[i]))
			buf_add_byte(ret, (uint8_t)sorted[i]);
	}
	add_second_set(flags, ret);
}

void maildir_name_make(const char *base, const char *letters, struct buf *ret)
{
	char sorted[256];
	size_t count = sorted_letters(letters, sorted);

	buf_add_str(ret, base);
	buf_add_str(ret, INFO);
	buf_add(ret, sorted, count);
	add_second_set(letters, ret);
}

void name_build(const char *base, const char *letters, uint32_t keywords,
	struct buf *ret)
{
	AUTO_BUF struct buf all = BUF_INIT;
	size_t first = strcspn(letters, ",");

	for (size_t i = 0; i < first; i++) {
		if (!is_keyword_letter(letters[i]))
			buf_add_byte(&all, (uint8_t)letters[i]);
	}
	for (unsigned int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if (keywords >> i & 1)
			buf_add_byte(&all, (uint8_t)('a' + i));
	}
	buf_add_str(&all, letters + first);
	maildir_name_make(base, buf_str(&all), ret);
}

/* As Dovecot looks: the first ",S=" counts, and what follows its digits. */
int64_t maildir_name_size(const char *base)
{
	const char *s = strstr(base, ",S=");
	struct slice digits;
	uint64_t size;

	if (!s)
		return -1;
	digits.at = s + 3;
	digits.len = strspn(digits.at, "0123456789");
	s = digits.at + digits.len;
	if ((*s && *s != ',' && *s != ':') ||
		!slice_number(digits, INT64_MAX, &size))
		return -1;
	return (int64_t)size;
}
