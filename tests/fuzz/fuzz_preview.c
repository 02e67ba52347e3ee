/*
 * fuzz_preview: any bytes as a mail that waits elsewhere, of which all or a part
 * is there.
 *
 * Its preview has no more bytes than it may have, says of which mail it is, has
 * no line that is too long and, behind its header, is UTF-8 without control
 * characters. Parts lie within the mail.
 *
 * Planted bug found: with the bytes 0x80 to 0x9f no longer unsafe in a text, by
 * a seed (at once).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "mime.h"
#include "preview.h"
#include "utf8.h"
#include "words.h"

#define HEADER_LINE_MAX 998u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct bounds {
	const uint8_t *mail, *end;
};

static bool check_part(void *arg, const struct mime_part *part)
{
	const struct bounds *b = arg;

	if (part->body < b->mail || part->body > b->end ||
		part->len > (size_t)(b->end - part->body) ||
		!strchr(part->type, '/') || strlen(part->name) > MIME_NAME_MAX)
		abort();
	return true;
}

static void check_text(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *line = at;

	while (at < end) {
		uint32_t point = utf8_next(&at, end);

		if (point == '\n')
			line = at;
		else if (point == UINT32_MAX || point < 0x20 ||
			 (point >= 0x7f && point < 0xa0) ||
			 at - line > WORDS_LINE_MAX)
			abort();
	}
}

static void check(const uint8_t *data, size_t len, uint64_t size, size_t most)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct preview_of of = {hash_of(data, len), size, "shore", "ship"};
	struct header_field field;
	size_t at = 0;

	preview_make(data, len, &of, most, &text);
	if (text.len > most || !preview_is_of(text.data, text.len, &of.hash))
		abort();
	while (header_next(text.data, text.len, &at, &field))
		if (field.name_len + field.value_len > HEADER_LINE_MAX ||
			memchr(field.value, '\n', field.value_len))
			abort();
	check_text(text.data + at, text.data + text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bounds b = {data, data + len};

	mime_each(data, len, check_part, &b);
	check(data, len, len, PREVIEW_LEAST);
	check(data, len, UINT64_MAX, PREVIEW_MOST);
	check(data, len / 2, len, PREVIEW_LEAST + len % 1000);
	return 0;
}
