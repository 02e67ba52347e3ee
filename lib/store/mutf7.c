#include "mutf7.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

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

/* The code point at *at, which moves behind it; UINT32_MAX: none. */
static uint32_t next_point(const uint8_t **at)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	const uint8_t *p = *at;
	unsigned more = *p < 0x80   ? 0
			: *p < 0xc0 ? 4
			: *p < 0xe0 ? 1
			: *p < 0xf0 ? 2
			: *p < 0xf8 ? 3
				    : 4;
	uint32_t point;

	if (more == 4)
		return UINT32_MAX;
	point = more ? *p & (0x3fu >> more) : *p;
	for (unsigned i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return UINT32_MAX;
		point = point << 6 | (p[i] & 0x3fu);
	}
	*at += more + 1;
	return point < least[more] || point > 0x10ffff ||
			       (point >= 0xd800 && point < 0xe000)
		       ? UINT32_MAX
		       : point;
}

const char *mutf7_encode(struct arena *arena, const char *utf8)
{
	AUTO_BUF struct buf out = BUF_INIT;
	struct run run = {.to = &out};
	const uint8_t *at = (const uint8_t *)utf8;

	while (*at) {
		uint32_t point = next_point(&at);

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
