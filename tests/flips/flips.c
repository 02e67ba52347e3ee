/*
 * flips: one bit is flipped, or the file is cut off, at every byte of every
 * file of two small sites and of what lies between them (twosites.h): segments,
 * state pages, bundles, manifests, parcels, bodies.
 *
 *	flips [--count N] [--seed N] [CASE...]
 *	flips --all
 *	flips --list		the files, and how long they are
 *
 * A case is POINT:FILE:BYTE:KIND, e.g. shipped:/a/log/alice/…:17:flip. Without
 * a case as many as --count says, in an order of the seed's. With --all every
 * one, but for what the file named by $PB_COVERED says is done, for
 * $PB_SECONDS.
 *
 * Nothing crashes, and
 * (1) `packetboat check` finds it, or a program says it, or it harms nothing:
 *     the sites become equal, and stay whole;
 * (2) whatever the programs do with it: mail at the source stays as it is, the
 *     target gets no mail that was not there, no UID comes to mean another one;
 * (3) where it keeps the sites from being equal they are once it is put right.
 * Of a state page, of which a check has found the damage, (2) and (3) are tried
 * at one byte in STRIDE; of all else at every byte.
 *
 * planted: a frame whose chain value is not verified, found by each of the
 * first cases in a segment; a VFS that does not verify the pages that it reads,
 * with a check that does not either, found by one in 460 bytes of a state.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "err.h"
#include "hash.h"
#include "site_damage.h"

#define FAILURES_MAX 20
#define CHUNK 1024 /* bytes of a file that are covered together */

struct run {
	struct point points[POINTS_MAX];
	size_t point_count;
	uint64_t mark; /* of this build */
	const char *covered;
	uint64_t passed, failed;
	time_t end;
};

/* ---- cases ---- */

static char *name_of(const struct point *p, const struct damage *d)
{
	return mem_printf("%s:%s:%zu:%s", p->name, p->files[d->file].path,
		d->at, d->cut ? "cut" : "flip");
}

static bool passes(struct run *r, const struct point *p, const struct damage *d)
{
	AUTO_FREE char *name = name_of(p, d);
	struct err err = ERR_INIT;

	if (damage_try(p, d, &err) >= 0) {
		r->passed++;
		return true;
	}
	r->failed++;
	printf("%s: %s\n", name, err.text);
	fflush(stdout);
	return false;
}

static bool has_time(const struct run *r)
{
	return r->failed < FAILURES_MAX && time(NULL) < r->end;
}

static bool try_named(struct run *r, const char *name)
{
	for (size_t i = 0; i < r->point_count; i++) {
		const struct point *p = &r->points[i];

		for (size_t f = 0; f < p->file_count; f++) {
			AUTO_FREE char *start =
				mem_printf("%s:%s:", p->name, p->files[f].path);
			size_t len = strlen(start);
			char *end;

			if (strncmp(name, start, len) != 0)
				continue;
			struct damage d = {.file = f, .whole = true};
			d.at = strtoull(name + len, &end, 10);
			d.cut = strcmp(end, ":cut") == 0;
			if ((!d.cut && strcmp(end, ":flip") != 0) ||
				d.at >= p->files[f].data.len)
				return false;
			passes(r, p, &d);
			return true;
		}
	}
	return false;
}

/* ---- a sample ---- */

static uint64_t dice(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) +
		 UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* Most of a state is zeros. */
static size_t some_byte(const struct buf *data, uint64_t *state)
{
	size_t at = dice(state) % data->len;

	for (int i = 0; i < 8 && !data->data[at]; i++)
		at = dice(state) % data->len;
	return at;
}

/* As often in each file as in any other: most bytes are those of states. */
static void try_sample(struct run *r, uint64_t count, uint64_t seed)
{
	uint64_t state = seed * 2 + 1;

	for (uint64_t i = 0; i < count && has_time(r); i++) {
		const struct point *p =
			&r->points[dice(&state) % r->point_count];
		struct damage d = {.whole = true};

		d.file = dice(&state) % p->file_count;
		d.at = some_byte(&p->files[d.file].data, &state);
		d.cut = dice(&state) % 2;
		passes(r, p, &d);
	}
}

/* ---- all ---- */

static char *chunk_name(
	const struct run *r, const struct point *p, const struct damage *d)
{
	AUTO_FREE char *name = name_of(p, d);

	return mem_printf("%016" PRIx64 " %s\n", r->mark, name);
}

static bool is_covered(const struct buf *covered, const char *chunk)
{
	return memmem(covered->data, covered->len, chunk, strlen(chunk)) !=
	       NULL;
}

static void note_covered(const struct run *r, const char *chunk)
{
	FILE *f = r->covered ? fopen(r->covered, "a") : NULL;

	if (!f)
		return;
	fputs(chunk, f);
	fclose(f);
}

static void try_file(
	struct run *r, const struct point *p, size_t file, struct buf *covered)
{
	size_t len = p->files[file].data.len;

	for (size_t from = 0; from < 2 * len; from += CHUNK) {
		struct damage d = {.file = file, .cut = from >= len};
		size_t to = d.cut ? 2 * len : len;
		uint64_t failed = r->failed;

		d.at = d.cut ? from - len : from;
		AUTO_FREE char *chunk = chunk_name(r, p, &d);
		if (covered->len && is_covered(covered, chunk))
			continue;
		for (size_t i = from; i < to && i < from + CHUNK; i++) {
			if (!has_time(r))
				return;
			d.at = d.cut ? i - len : i;
			d.whole = !p->files[file].pages ||
				  d.at % STRIDE == (d.at / STRIDE) % STRIDE;
			passes(r, p, &d);
		}
		if (r->failed == failed)
			note_covered(r, chunk);
	}
}

static void try_all(struct run *r)
{
	AUTO_BUF struct buf covered = BUF_INIT;

	if (r->covered)
		file_read(
			os_real(), r->covered, (size_t)1 << 30, &covered, NULL);
	for (size_t i = 0; i < r->point_count; i++)
		for (size_t f = 0; f < r->points[i].file_count; f++)
			try_file(r, &r->points[i], f, &covered);
}

/* ---- main ---- */

/* What was covered by another build is to be covered again. */
static uint64_t build_mark(void)
{
	AUTO_BUF struct buf self = BUF_INIT;

	file_read(os_real(), "/proc/self/exe", (size_t)1 << 30, &self, NULL);
	return hash_check(self.data, self.len, 0);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text && !*end)
		return n;
	fprintf(stderr, "flips: not a number: %s\n", text);
	exit(2);
}

static void list_files(const struct run *r)
{
	for (size_t i = 0; i < r->point_count; i++)
		for (size_t f = 0; f < r->points[i].file_count; f++)
			printf("%s:%s %zu\n", r->points[i].name,
				r->points[i].files[f].path,
				r->points[i].files[f].data.len);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"all", no_argument, NULL, 'a'},
		{"list", no_argument, NULL, 'l'},
		{"count", required_argument, NULL, 'c'},
		{"seed", required_argument, NULL, 's'}, {0}};
	const char *seconds = getenv("PB_SECONDS");
	static struct run r; /* its points are never freed */
	uint64_t count = 500, seed = 1;
	bool all = false, list = false;
	int option;

	r.covered = getenv("PB_COVERED");
	r.mark = build_mark();
	r.end = time(NULL) + (seconds ? (time_t)number(seconds) : 1 << 30);
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'c')
			count = number(optarg);
		else if (option == 's')
			seed = number(optarg);
		else if (option == 'a')
			all = true;
		else if (option == 'l')
			list = true;
		else
			return 2;
	}
	r.point_count = points_make(r.points);
	if (list) {
		list_files(&r);
		return 0;
	}
	for (int i = optind; i < argc; i++)
		if (!try_named(&r, argv[i])) {
			fprintf(stderr, "flips: no such case: %s\n", argv[i]);
			return 2;
		}
	if (all)
		try_all(&r);
	else if (optind == argc)
		try_sample(&r, count, seed);
	printf("%" PRIu64 " cases passed, %" PRIu64 " failed\n", r.passed,
		r.failed);
	return r.failed ? 1 : 0;
}
