#include "expelled.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "mem.h"

#define FILE_MAX (1u << 20)
#define ORIGIN_LEN 16

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

/* One line, without its end. Returns false if it is none. */
static bool parse(const char *line, struct arena *arena, struct expelled *ret)
{
	char *end;

	if (!is_hex(line, ORIGIN_LEN) || line[ORIGIN_LEN] != ' ')
		return false;
	ret->origin = strtoull(line, NULL, 16);
	line += ORIGIN_LEN + 1;
	ret->since_ms = strtoll(line, &end, 10);
	if (end == line || *end != ' ' || !end[1] || ret->since_ms < 0)
		return false;
	ret->name = arena_dup(arena, end + 1, strlen(end + 1));
	return true;
}

static char *path_of(const char *state_dir)
{
	return mem_printf("%s/expelled", state_dir);
}

/* The file's text; empty where there is none. */
static int read_text(
	struct os *os, const char *path, struct buf *ret, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = file_read(os, path, FILE_MAX, ret, &why);

	if (rc >= 0 || rc == ERR_ABSENT)
		return 0;
	if (err)
		*err = why;
	return rc;
}

int expelled_load(struct os *os, const char *state_dir, struct arena *arena,
	struct expelled **ret, size_t *ret_count, struct err *err)
{
	AUTO_FREE char *path = path_of(state_dir);
	AUTO_BUF struct buf text = BUF_INIT;
	int rc = read_text(os, path, &text, err);
	size_t lines = 0, count = 0;

	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	struct expelled *list = arena_alloc(arena, (lines + 1) * sizeof(*list));
	for (size_t at = 0; rc >= 0 && at < text.len;) {
		const char *line = (const char *)text.data + at;
		size_t len = strnlen(line, text.len - at);
		const char *end = memchr(line, '\n', len);
		AUTO_FREE char *one =
			mem_dup_n(line, end ? (size_t)(end - line) : len);

		if (!end || !parse(one, arena, &list[count]))
			return err_set(err, ERR_USAGE,
				"%s:%zu: is no line of an expelled peer (take "
				"it out, or put back what it was)",
				path, count + 1);
		count++;
		at += (size_t)(end - line) + 1;
	}
	*ret = list;
	*ret_count = count;
	return rc;
}

int expelled_add(struct os *os, const char *state_dir,
	const struct expelled *peer, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	AUTO_FREE char *path = path_of(state_dir);
	AUTO_BUF struct buf text = BUF_INIT;
	struct expelled *list;
	size_t count;
	int rc = expelled_load(os, state_dir, &arena, &list, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (list[i].origin == peer->origin)
			return 1;
	if (rc >= 0)
		rc = read_text(os, path, &text, err);
	if (rc < 0)
		return rc;
	buf_printf(&text, "%016" PRIx64 " %" PRId64 " %s\n", peer->origin,
		peer->since_ms, peer->name);
	return file_replace(os, path, text.data, text.len, 0600, err);
}
