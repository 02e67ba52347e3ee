/*
 * fuzz_header: any bytes as a mail of which From and Subject are shown.
 *
 * Fields lie one behind the other within the mail; what is shown is UTF-8
 * without anything that a terminal acts upon.
 *
 * Planted bug found: with a code point of C1 no longer unsafe, by a seed (at
 * once).
 */
#include <stdint.h>
#include <stdlib.h>

#include "header.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_shown(const struct header_field *field)
{
	AUTO_BUF struct buf text = BUF_INIT;

	header_show(field, &text);
	for (const uint8_t *at = text.data, *end = at + text.len; at < end;) {
		uint32_t point = utf8_next(&at, end);

		if (point == UINT32_MAX || point < 0x20 ||
			(point >= 0x7f && point < 0xa0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct header_field field, subject;
	const uint8_t *last = data;
	size_t at = 0;

	while (header_next(data, len, &at, &field)) {
		if (field.name < last || !field.name_len ||
			field.value + field.value_len > data + at || at > len)
			abort();
		last = field.name;
		check_shown(&field);
	}
	if (header_find(data, len, "Subject", &subject))
		check_shown(&subject);
	return 0;
}
