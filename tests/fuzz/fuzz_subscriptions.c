/*
 * fuzz_subscriptions: any bytes as subscriptions, in both layouts.
 *
 * Paths are sorted, each once, and of parts that a folder can have. Editing
 * adds and removes exactly the one path, and adding and removing again leaves
 * the paths as they were.
 *
 * planted: an escape at the end of the file read one byte too far; found
 * within three seconds from the seeds.
 *
 * found: a version 1 file whose first line was "V<TAB>2" became version 2 when
 * the line behind it was removed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "maildir_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct paths {
	const char **path;
	size_t count;
	struct arena arena;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static struct paths parse(const void *data, size_t len, char sep)
{
	struct paths p = {0};

	require(subscriptions_parse(data, len, sep, &p.arena, &p.path, &p.count,
			NULL) == 0);
	for (size_t i = 0; i < p.count; i++) {
		require(folder_path_ok(p.path[i]));
		require(i == 0 || strcmp(p.path[i - 1], p.path[i]) < 0);
	}
	return p;
}

static bool has(const struct paths *p, const char *path)
{
	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->path[i], path) == 0)
			return true;
	}
	return false;
}

/* Edit, and look that nothing but path came or went. */
static void edit(const struct buf *from, char sep, const char *path, bool value,
	struct buf *to)
{
	struct paths before = parse(from->data, from->len, sep);
	struct paths after;

	subscriptions_edit(from->data, from->len, sep, path, value, to);
	after = parse(to->data, to->len, sep);
	require(has(&after, path) == value);
	for (size_t i = 0; i < before.count; i++)
		require(strcmp(before.path[i], path) == 0 ||
			has(&after, before.path[i]));
	require(after.count == before.count + value - has(&before, path));
	arena_free(&before.arena);
	arena_free(&after.arena);
}

static void edits_hold(const struct buf *file, char sep, const char *path)
{
	AUTO_BUF struct buf with = BUF_INIT;
	AUTO_BUF struct buf without = BUF_INIT;

	edit(file, sep, path, true, &with);
	edit(&with, sep, path, false, &without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char seps[] = {'.', '/'};
	struct buf file = {.data = (uint8_t *)(uintptr_t)data, .len = len};

	for (size_t i = 0; i < sizeof(seps); i++) {
		AUTO_BUF struct buf printed = BUF_INIT;
		struct paths p = parse(data, len, seps[i]);
		struct paths again;

		edits_hold(&file, seps[i], "Work/2026");
		if (p.count)
			edits_hold(&file, seps[i], p.path[p.count / 2]);
		subscriptions_print(p.path, p.count, &printed);
		again = parse(printed.data, printed.len, seps[i]);
		require(again.count == p.count);
		arena_free(&p.arena);
		arena_free(&again.arena);
	}
	return 0;
}
