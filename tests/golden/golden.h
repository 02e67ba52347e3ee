/*
 * golden: files that a format must keep reading for ever, and compare.
 */
#ifndef PB_GOLDEN_H
#define PB_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

struct golden {
	bool write;     /* make the files what they should be */
	unsigned files; /* seen */
	unsigned wrong; /* and not as they should be */
};

/*
 * "[--write] DIR": goes to DIR, so that paths in error texts are the same
 * everywhere. Returns false after wrong usage, having said so.
 */
bool golden_start(struct golden *g, int argc, char **argv);

/* The file of this name holds these bytes; or does now. */
void golden_check(struct golden *g, const char *name, const void *data,
	size_t len);

/* What the golden files are not about, but must hold too. */
void golden_expect(struct golden *g, bool holds, const char *name,
	const char *what);

/* Returns the exit code. */
int golden_end(const struct golden *g);

#endif
