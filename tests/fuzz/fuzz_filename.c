/*
 * fuzz_filename: any bytes as the file name of a message.
 *
 * Base, letters and keywords taken apart and put together again give a name
 * of the same base, letters and keywords, and that is its one form. Letters of
 * a stranger cannot change the base or leave the directory.
 *
 * planted: a '/' among a stranger's letters, and a name of 256 bytes let
 * through; found within three seconds from the seeds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "maildir_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void parts_make_the_name(
	const char *name, const char *base, const struct maildir_name *parsed)
{
	AUTO_BUF struct buf letters = BUF_INIT;
	AUTO_BUF struct buf letters_again = BUF_INIT;
	AUTO_BUF struct buf built = BUF_INIT;
	AUTO_BUF struct buf twice = BUF_INIT;
	uint32_t keywords = name_keywords(parsed->flags);
	struct maildir_name again;

	(void)name;
	name_letters(parsed->flags, &letters);
	name_build(base, buf_str(&letters), keywords, &built);
	if (maildir_name_parse(buf_str(&built), &again) != 0) {
		require(built.len > STORE_BASE_MAX);
		return;
	}
	require(again.base_len == parsed->base_len);
	require(name_keywords(again.flags) == keywords);
	name_letters(again.flags, &letters_again);
	require(strcmp(buf_str(&letters), buf_str(&letters_again)) == 0);
	name_build(base, buf_str(&letters_again), keywords, &twice);
	require(strcmp(buf_str(&built), buf_str(&twice)) == 0);
}

/* The input as letters that a peer sent. */
static void letters_stay_letters(const char *letters)
{
	AUTO_BUF struct buf built = BUF_INIT;
	struct maildir_name parsed;

	name_build("1.base", letters, 5, &built);
	require(!strchr(buf_str(&built), '/'));
	if (maildir_name_parse(buf_str(&built), &parsed) != 0) {
		require(built.len > STORE_BASE_MAX);
		return;
	}
	require(parsed.base_len == strlen("1.base"));
	require(name_keywords(parsed.flags) == 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_FREE char *name = mem_dup_n((const char *)data, len);
	AUTO_FREE char *base = NULL;
	struct maildir_name parsed;

	letters_stay_letters(name);
	(void)maildir_name_size(name);
	if (maildir_name_parse(name, &parsed) != 0)
		return 0;
	require(parsed.base_len > 0 && parsed.base_len <= STORE_BASE_MAX);
	base = mem_dup_n(name, parsed.base_len);
	require(name_base_ok(base));
	parts_make_the_name(name, base, &parsed);
	return 0;
}
