/*
 * mem: memory that is there, or the process ends; growable bytes; arenas.
 *
 * An arena is a chain of blocks, newest first; what it hands out is never
 * moved. A request larger than a quarter of a block gets a block of its own,
 * put behind the head so that the head's room is not wasted.
 */
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SIZE ((size_t)16 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	_Alignas(8) uint8_t data[];
};

_Noreturn static void out_of_memory(void)
{
	static const char said[] = "packetboat: out of memory\n";

	if (write(STDERR_FILENO, said, sizeof(said) - 1) < 0)
		_exit(1);
	_exit(1);
}

void *mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *mem_array(size_t count, size_t size)
{
	void *p = count && size ? calloc(count, size) : calloc(1, 1);

	if (!p)
		out_of_memory();
	return p;
}

void *mem_grow(void *old, size_t count, size_t size)
{
	void *p = count && size ? reallocarray(old, count, size)
				: realloc(old, 1);

	if (!p)
		out_of_memory();
	return p;
}

void *mem_room(void *old, size_t count, size_t size)
{
	/* Full at each power of two. */
	if (count & (count - 1))
		return old;
	return mem_grow(old, count ? 2 * count : 1, size);
}

char *mem_dup(const char *s)
{
	return s ? mem_dup_n(s, strlen(s)) : NULL;
}

char *mem_dup_n(const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		out_of_memory();
	copy = mem_alloc(len + 1);
	if (len)
		memcpy(copy, s, len);
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		out_of_memory();
	return text;
}

void mem_free_cleanup(void *p)
{
	free(*(void **)p);
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
}

uint8_t *buf_room(struct buf *b, size_t len)
{
	size_t need;

	if (__builtin_add_overflow(b->len, len, &need))
		out_of_memory();
	if (need > b->cap || !b->data) {
		size_t cap = b->cap + b->cap / 2;

		if (cap < 64)
			cap = 64;
		if (cap < need)
			cap = need;
		b->data = mem_grow(b->data, cap, 1);
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	uint8_t *to = buf_room(b, len);

	if (len)
		memcpy(to, data, len);
	b->len += len;
}

void buf_add_byte(struct buf *b, uint8_t byte)
{
	*buf_room(b, 1) = byte;
	b->len++;
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	size_t need;
	int len;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		out_of_memory();
	need = (size_t)len + 1;
	vsnprintf((char *)buf_room(b, need), need, fmt, again);
	va_end(again);
	b->len += (size_t)len;
}

const char *buf_str(struct buf *b)
{
	*buf_room(b, 1) = 0;
	return (const char *)b->data;
}

static struct arena_block *block_new(size_t cap)
{
	size_t size;
	struct arena_block *block;

	if (__builtin_add_overflow(sizeof(*block), cap, &size))
		out_of_memory();
	block = mem_alloc(size);
	block->cap = cap;
	return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *block = a->head;
	size_t need;
	void *p;

	if (__builtin_add_overflow(size, 7, &need))
		out_of_memory();
	need &= ~(size_t)7;
	if (need == 0)
		need = 8;
	if (!block || block->cap - block->used < need) {
		block = block_new(need > BLOCK_SIZE / 4 ? need : BLOCK_SIZE);
		if (a->head && need > BLOCK_SIZE / 4) {
			block->next = a->head->next;
			a->head->next = block;
		} else {
			block->next = a->head;
			a->head = block;
		}
	}
	p = block->data + block->used;
	block->used += need;
	a->total += size;
	return p;
}

void *arena_room(struct arena *a, void *old, size_t count, size_t size)
{
	if (count & (count - 1))
		return old;
	/* What exists is in memory, so twice that cannot overflow. */
	void *all = arena_alloc(a, (count ? 2 * count : 1) * size);

	if (count)
		memcpy(all, old, count * size);
	return all;
}

char *arena_dup(struct arena *a, const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		out_of_memory();
	copy = arena_alloc(a, len + 1);
	if (len)
		memcpy(copy, s, len);
	return copy;
}

void arena_free(struct arena *a)
{
	while (a->head) {
		struct arena_block *next = a->head->next;

		free(a->head);
		a->head = next;
	}
	a->total = 0;
}
