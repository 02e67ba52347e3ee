/*
 * count: what was done, in words: "3 changes, 1 body"; of nothing no word.
 */
#include "program.h"

void count_add(struct buf *b, uint64_t n, const char *one, const char *many)
{
	if (n)
		buf_printf(b, "%s%llu %s", b->len ? ", " : "",
			(unsigned long long)n, n == 1 ? one : many);
}
