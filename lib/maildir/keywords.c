/*
 * keywords: dovecot-keywords, which names the letters a-z of file names.
 *
 *	0 $Label1        letter a
 *	1 NonJunk        letter b
 *
 * Letters differ from folder to folder and from server to server; names mean
 * the same everywhere and compare without regard to case. A letter is never
 * given another name. What Dovecot does not read is not read here either: a
 * line without a space, a number above 25, an empty name, a name that an
 * earlier line has.
 */
#include "maildir_private.h"

#include <string.h>
#include <strings.h>

int keywords_find(
	const char *const names[STORE_KEYWORDS_MAX], struct slice name)
{
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if (names[i] && strlen(names[i]) == name.len &&
			strncasecmp(names[i], name.at, name.len) == 0)
			return i;
	}
	return -1;
}

/* An IMAP atom that Dovecot would take. */
bool keyword_ok(struct slice name)
{
	if (!name.len || name.len > KEYWORD_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.at[i];

		if (c <= ' ' || c >= 127 || strchr("(){%*\"\\]", c))
			return false;
	}
	return true;
}

int keywords_parse(const void *data, size_t len, struct arena *arena,
	const char *ret[STORE_KEYWORDS_MAX], struct err *err)
{
	const char *names[STORE_KEYWORDS_MAX] = {NULL};
	struct lines lines = lines_over(data, len);
	struct slice line;

	if (len && memchr(data, '\0', len))
		return err_set(err, ERR_CORRUPT, KEYWORDS_FILE ": zero bytes");
	while (lines_next(&lines, &line)) {
		struct slice number;
		uint64_t letter;

		if (!slice_cut(&line, ' ', &number) ||
			!slice_number(
				number, STORE_KEYWORDS_MAX - 1, &letter) ||
			!line.len || keywords_find(names, line) >= 0)
			continue;
		names[letter] = arena_dup(arena, line.at, line.len);
	}
	memcpy(ret, names, sizeof(names));
	return 0;
}

void keywords_print(
	const char *const names[STORE_KEYWORDS_MAX], struct buf *ret)
{
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if (names[i])
			buf_printf(ret, "%d %s\n", i, names[i]);
	}
}
