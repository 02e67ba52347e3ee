/*
 * fuzz_keywords: any bytes as dovecot-keywords.
 *
 * No two letters have one name; printed and read again the names are the same.
 *
 * planted: a 27th letter written behind the array, and a name that two
 * letters have; found within a second from the seeds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "maildir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void names_differ(const char *const names[STORE_KEYWORDS_MAX])
{
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		require(!names[i] || (*names[i] && !strchr(names[i], '\n')));
		for (int k = 0; names[i] && k < i; k++)
			require(!names[k] || strcasecmp(names[i], names[k]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_BUF struct buf printed = BUF_INIT;
	const char *names[STORE_KEYWORDS_MAX], *again[STORE_KEYWORDS_MAX];

	if (keywords_parse(data, len, &arena, names, NULL) < 0)
		return 0;
	names_differ(names);
	keywords_print(names, &printed);
	require(keywords_parse(
			printed.data, printed.len, &arena, again, NULL) == 0);
	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		require(!names[i] == !again[i]);
		require(!names[i] || strcmp(names[i], again[i]) == 0);
	}
	return 0;
}
