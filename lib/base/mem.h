/*
 * mem: memory that is there, or the process ends; growable bytes; cleanup.
 *
 * Running out of memory ends the process (it must survive kill -9 anyway), so
 * nothing here returns NULL. Sizes that come from outside are checked against
 * documented limits before they reach these functions.
 */
#ifndef PB_MEM_H
#define PB_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);                 /* zeroed; free() releases */
void *mem_array(size_t count, size_t size);   /* zeroed, overflow-checked */
void *mem_grow(void *old, size_t count, size_t size); /* realloc */
/* Room for one more in an array that has `count`, and no field for what it
   could hold: it doubles. NULL: none yet. */
void *mem_room(void *old, size_t count, size_t size);
char *mem_dup(const char *s);                 /* NULL gives NULL */
char *mem_dup_n(const char *s, size_t len);   /* adds the NUL */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void mem_free_cleanup(void *p); /* for AUTO_FREE only */
#define AUTO_FREE __attribute__((cleanup(mem_free_cleanup)))

/* Growable bytes. All zero is a valid empty buf. */
struct buf {
	uint8_t *data;
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
};

#define BUF_INIT ((struct buf){0})

void buf_free(struct buf *b);               /* releases, leaves it empty */
void buf_clear(struct buf *b);              /* len = 0, keeps the memory */
uint8_t *buf_room(struct buf *b, size_t len); /* len bytes after the end, not counted in len */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_byte(struct buf *b, uint8_t byte);
void buf_add_str(struct buf *b, const char *s); /* without the NUL */
void buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
const char *buf_str(struct buf *b); /* NUL-terminated view; NUL not in len */
#define AUTO_BUF __attribute__((cleanup(buf_free)))

/*
 * Many small strings with one lifetime: never moved, freed together.
 * All zero is a valid empty arena.
 */
struct arena {
	struct arena_block *head;
	size_t total; /* bytes handed out */
};

void *arena_alloc(struct arena *a, size_t size); /* 8-aligned, zeroed */
/* As mem_room, of an array that is in the arena. */
void *arena_room(struct arena *a, void *old, size_t count, size_t size);
char *arena_dup(struct arena *a, const char *s, size_t len); /* adds NUL */
void arena_free(struct arena *a);
#define AUTO_ARENA __attribute__((cleanup(arena_free)))

#endif
