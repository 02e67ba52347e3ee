#include "mutf7.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "utf8.h"

/* A run of what is not printable ASCII, and its bits that wait for a sixth. */
struct run {
	struct buf *to;
	uint32_t bits;
	unsigned count;
	bool open; /* between & and - */
};

static void add_digit(struct run *r, uint32_t value)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+,";

	buf_add_byte(r->to, (uint8_t)digits[value & 63]);
}

static void add_unit(struct run *r, uint32_t unit)
{
	if (!r->open)
		buf_add_byte(r->to, '&');
	r->open = true;
	r->bits = r->bits << 16 | unit;
	for (r->count += 16; r->count >= 6; r->count -= 6)
		add_digit(r, r->bits >> (r->count - 6));
	r->bits &= (1u << r->count) - 1;
}

static void end_run(struct run *r)
{
	if (!r->open)
		return;
	if (r->count)
		add_digit(r, r->bits << (6 - r->count));
	buf_add_byte(r->to, '-');
	*r = (struct run){.to = r->to};
}

const char *mutf7_encode(struct arena *arena, const char *utf8)
{
	AUTO_BUF struct buf out = BUF_INIT;
	struct run run = {.to = &out};
	const uint8_t *at = (const uint8_t *)utf8;
	const uint8_t *end = at + strlen(utf8);

	while (at < end) {
		uint32_t point = utf8_next(&at, end);

		if (point < ' ' || point == 127 || point == UINT32_MAX)
			return NULL;
		if (point < 127) {
			end_run(&run);
			buf_add_byte(&out, (uint8_t)point);
			if (point == '&')
				buf_add_byte(&out, '-');
		} else if (point < 0x10000) {
			add_unit(&run, point);
		} else {
			point -= 0x10000;
			add_unit(&run, 0xd800 | point >> 10);
			add_unit(&run, 0xdc00 | (point & 0x3ff));
		}
	}
	end_run(&run);
	return arena_dup(arena, buf_str(&out), out.len);
}

bool mutf7_same_name(const char *path, const char *given)
{
	AUTO_ARENA struct arena arena = {0};
	const char *coded = mutf7_encode(&arena, given);

	return strcasecmp(path, given) == 0 ||
	       (coded && strcasecmp(path, coded) == 0);
}
