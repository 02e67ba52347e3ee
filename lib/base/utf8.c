#include "utf8.h"

uint32_t utf8_next(const uint8_t **at, const uint8_t *end)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	const uint8_t *p = *at;

	if (p == end)
		return UINT32_MAX;
	unsigned more = *p < 0x80   ? 0
			: *p < 0xc0 ? 4
			: *p < 0xe0 ? 1
			: *p < 0xf0 ? 2
			: *p < 0xf8 ? 3
				    : 4;
	if (more == 4 || (size_t)(end - p) <= more)
		return UINT32_MAX;
	uint32_t point = more ? *p & (0x3fu >> more) : *p;
	for (unsigned i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return UINT32_MAX;
		point = point << 6 | (p[i] & 0x3fu);
	}
	if (point < least[more] || point > 0x10ffff ||
		(point >= 0xd800 && point < 0xe000))
		return UINT32_MAX;
	*at += more + 1;
	return point;
}

void utf8_add(struct buf *to, uint32_t point)
{
	static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
	unsigned more = point < 0x80	  ? 0
			: point < 0x800	  ? 1
			: point < 0x10000 ? 2
					  : 3;

	buf_add_byte(to, (uint8_t)(lead[more] | point >> (6 * more)));
	while (more--)
		buf_add_byte(
			to, (uint8_t)(0x80 | (point >> (6 * more) & 0x3f)));
}
