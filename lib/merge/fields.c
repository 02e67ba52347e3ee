#include "fields.h"

#include <string.h>

/* The next field: advances *at; NULL at the end. */
static const char *next(const char **at, size_t *ret_len)
{
	const char *field = *at + strspn(*at, " ");

	*ret_len = strcspn(field, " ");
	*at = field + *ret_len;
	return *ret_len ? field : NULL;
}

static const char *find(const char *fields, char letter, size_t *ret_len)
{
	for (const char *f; (f = next(&fields, ret_len));)
		if (*f == letter)
			return f;
	return NULL;
}

bool fields_have(const char *fields, char letter)
{
	size_t len;

	return find(fields, letter, &len) != NULL;
}

const char *fields_get(struct arena *arena, const char *fields, char letter)
{
	size_t len;
	const char *f = find(fields, letter, &len);

	return f ? arena_dup(arena, f + 1, len - 1) : NULL;
}

static void add(struct buf *b, const char *field, size_t len)
{
	if (b->len)
		buf_add_byte(b, ' ');
	buf_add(b, field, len);
}

const char *fields_put(
	struct arena *arena, const char *fields, char letter, const char *value)
{
	AUTO_BUF struct buf out = BUF_INIT;
	AUTO_FREE char *mine = value ? mem_printf("%c%s", letter, value) : NULL;
	for (char at = 'A'; at <= 'Z'; at++) {
		const char *rest = fields;
		size_t len;

		if (at == letter && mine)
			add(&out, mine, strlen(mine));
		for (const char *f; at != letter && (f = next(&rest, &len));)
			if (*f == at)
				add(&out, f, len);
	}
	return arena_dup(arena, buf_str(&out), out.len);
}
