/*
 * The simulated disk beside the real system: the same random calls on both,
 * and every answer, listing and byte must be the same. Where they differ, the
 * simulation is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"
#include "mem.h"
#include "os.h"
#include "simdisk.h"

#define FDS 6

struct side {
	struct os *os;
	const char *root;
	int fds[FDS]; /* -1: closed */
};

static struct simdisk *disk;
static struct side sides[2]; /* simulated, real */
static char dir[64];
static uint64_t seed;

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/packetboat-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	umask(0);
	disk = simdisk_new(1);
	sides[0] = (struct side){.os = simdisk_os(disk), .root = ""};
	sides[1] = (struct side){.os = os_real(), .root = dir};
	for (int i = 0; i < FDS; i++)
		sides[0].fds[i] = sides[1].fds[i] = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < FDS; i++) {
		if (sides[1].fds[i] >= 0)
			os_real()->ops->close(os_real(), sides[1].fds[i]);
	}
	simdisk_free(disk);
	return dir_remove(os_real(), dir, NULL);
}

static uint32_t roll(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) +
	       UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

/* Few names, so that they meet; some with a slash at the end, or dots. */
static const char *random_path(void)
{
	static const char *const paths[] = {"/a", "/b", "/d", "/d/a", "/d/b",
		"/d/e", "/d/e/a", "/e", "/e/d", "/e/d/a", "/e/a", "/f", "/f/",
		"/d/", "/d/../a", "/e/./a", "/no/a", "/a/a", "/d//b", "/d/.",
		"/e/d/.."};

	return paths[roll(sizeof(paths) / sizeof(paths[0]))];
}

/* One random call, done on one side; the numbers are those of both. */
struct call {
	uint32_t kind, slot, len, at, flags;
	const char *path, *path2;
};

static const int open_flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_CREAT,
	O_RDWR | O_CREAT | O_EXCL, O_WRONLY | O_CREAT | O_TRUNC,
	O_RDONLY | O_CREAT, O_RDONLY | O_DIRECTORY, O_RDWR | O_APPEND,
	O_RDWR | O_TRUNC, O_RDWR | O_CREAT | O_APPEND};
#define OPEN_FLAGS (sizeof(open_flags) / sizeof(open_flags[0]))

static const char *const kinds[] = {"open", "close", "pread", "pwrite",
	"ftruncate", "fstat", "stat", "rename", "link", "unlink", "mkdir",
	"rmdir", "fchmod", "lock", "fsync", "rename"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct call random_call(void)
{
	return (struct call){
		.kind = roll(KINDS),
		.slot = roll(FDS),
		.len = roll(3000),
		.at = roll(5000),
		.flags = roll(OPEN_FLAGS),
		.path = random_path(),
		.path2 = random_path(),
	};
}

static int reopen(struct side *s, const struct call *c, const char *path)
{
	int fd = s->os->ops->open(s->os, path, open_flags[c->flags], 0640);

	if (fd < 0)
		return fd;
	if (s->fds[c->slot] >= 0)
		s->os->ops->close(s->os, s->fds[c->slot]);
	s->fds[c->slot] = fd;
	return 0;
}

/* The mode with its type, and for files size and links, in one number. */
static int64_t told(int r, const struct os_stat *st)
{
	if (r < 0)
		return r;
	if (S_ISDIR(st->mode))
		return st->mode;
	return (int64_t)st->mode << 40 | (int64_t)st->nlink << 32 | st->size;
}

static int64_t do_call(struct side *s, const struct call *c, uint8_t *bytes)
{
	AUTO_FREE char *path = mem_printf("%s%s", s->root, c->path);
	AUTO_FREE char *path2 = mem_printf("%s%s", s->root, c->path2);
	const struct os_ops *o = s->os->ops;
	struct os_stat st = {0};
	int fd = s->fds[c->slot], r;

	switch (c->kind) {
	case 0:
		return reopen(s, c, path);
	case 1:
		s->fds[c->slot] = -1;
		return o->close(s->os, fd);
	case 2:
		return o->pread(s->os, fd, bytes, c->len, c->at);
	case 3:
		memset(bytes, (int)c->at, c->len);
		return o->pwrite(s->os, fd, bytes, c->len, c->at);
	case 4:
		return o->ftruncate(s->os, fd, c->at);
	case 5:
		r = o->fstat(s->os, fd, &st);
		return told(r, &st);
	case 6:
		r = o->stat(s->os, path, &st);
		return told(r, &st);
	case 8:
		return o->link(s->os, path, path2);
	case 9:
		return o->unlink(s->os, path);
	case 10:
		return o->mkdir(s->os, path, 0750);
	case 11:
		return o->rmdir(s->os, path);
	case 12:
		return o->fchmod(s->os, fd, c->at & 0777);
	case 13:
		return o->lock(s->os, fd, c->flags % 3, c->at % 8, c->len % 8);
	case 14:
		return o->fsync(s->os, fd);
	default:
		return o->rename(s->os, path, path2);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every name below path with type, size and bytes' sum, sorted. */
static void picture(struct side *s, const char *path, struct buf *to)
{
	AUTO_FREE char *full = mem_printf("%s%s", s->root, path);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry e;
	char *names[64];
	size_t at = 0, count = 0;

	assert_int_equal(s->os->ops->list(s->os, *full ? full : "/", &list), 0);
	while (os_list_next(&list, &at, &e)) {
		assert_true(count < 64);
		names[count++] = mem_printf("%s/%s", path, e.name);
	}
	qsort(names, count, sizeof(names[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *name = names[i];
		AUTO_FREE char *child = mem_printf("%s%s", s->root, name);
		struct os_stat st = {0};

		assert_int_equal(s->os->ops->lstat(s->os, child, &st), 0);
		buf_printf(to, "%s %o", name, st.mode);
		if (S_ISDIR(st.mode)) {
			buf_add_byte(to, '\n');
			picture(s, name, to);
			continue;
		}
		buf_printf(to, " %u %lld ", st.nlink, (long long)st.size);
		assert_int_equal(file_read(s->os, child, 1 << 20, to, NULL), 0);
		buf_add_byte(to, '\n');
	}
}

static void assert_same_picture(void)
{
	AUTO_BUF struct buf a = BUF_INIT;
	AUTO_BUF struct buf b = BUF_INIT;

	picture(&sides[0], "", &a);
	picture(&sides[1], "", &b);
	assert_int_equal(a.len, b.len);
	if (a.len)
		assert_memory_equal(a.data, b.data, a.len);
}

static void random_calls_get_the_same_answers(void **state)
{
	static uint8_t bytes[2][3000];

	(void)state;
	seed = 11;
	for (int i = 0; i < 30000; i++) {
		struct call c = random_call();
		int64_t sim = do_call(&sides[0], &c, bytes[0]);
		int64_t real = do_call(&sides[1], &c, bytes[1]);

		if (sim != real)
			fail_msg("call %d: %s %s %s (slot %u, flags %o): "
				 "%lld simulated, %lld real",
				i, kinds[c.kind], c.path, c.path2, c.slot,
				(unsigned)open_flags[c.flags], (long long)sim,
				(long long)real);
		if (c.kind == 2 && sim > 0)
			assert_memory_equal(bytes[0], bytes[1], (size_t)sim);
		if (i % 100 == 0)
			assert_same_picture();
	}
	assert_same_picture();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			random_calls_get_the_same_answers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
