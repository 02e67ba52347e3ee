/*
 * golden: what golden.h says, over the real files.
 */
#include "golden.h"
#include "err.h"
#include "mem.h"
#include "os.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT (16u << 20)

bool golden_start(struct golden *g, int argc, char **argv)
{
	*g = (struct golden){0};
	if (argc == 3 && strcmp(argv[1], "--write") == 0) {
		g->write = true;
		argv++;
		argc--;
	}
	if (argc != 2 || chdir(argv[1]) != 0) {
		fprintf(stderr,
			"usage: golden_... [--write] tests/golden/v1\n");
		return false;
	}
	return true;
}

static void wrong(struct golden *g, const char *name, const char *what)
{
	fprintf(stderr, "%s: %s\n", name, what);
	g->wrong++;
}

static void write_file(
	struct golden *g, const char *name, const void *data, size_t len)
{
	FILE *file = fopen(name, "wb");

	if (!file || fwrite(data, 1, len, file) != len || fclose(file) != 0)
		wrong(g, name, "cannot be written");
}

void golden_check(
	struct golden *g, const char *name, const void *data, size_t len)
{
	AUTO_BUF struct buf found = BUF_INIT;
	struct err err = ERR_INIT;

	g->files++;
	if (g->write)
		write_file(g, name, data, len);
	else if (file_read(os_real(), name, FILE_LIMIT, &found, &err) < 0)
		wrong(g, name, err.text);
	else if (found.len != len || (len && memcmp(found.data, data, len)))
		wrong(g, name, "is not what it should be");
}

void golden_expect(
	struct golden *g, bool holds, const char *name, const char *what)
{
	if (!holds)
		wrong(g, name, what);
}

int golden_end(const struct golden *g)
{
	printf("%u files, %u wrong\n", g->files, g->wrong);
	return g->wrong || g->files == 0;
}
