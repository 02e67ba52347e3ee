/*
 * A target that sends more than there is room for; rsync is one of the test's
 * own.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "carrier.h"
#include "child.h"
#include "err.h"
#include "medium.h"

#define SELF UINT64_C(0x1)
#define PEER UINT64_C(0x2)
#define REAL_RSYNC "/usr/bin/rsync"
#define SMALL 5000u
#define LARGE 100000u

/* Brings one bundle that is whole, one that has no manifest yet, and a part of
   a third, and never ends. */
static const char rsync[] =
	"#!/bin/sh\n"
	"[ -z \"$REAL\" ] || exec " REAL_RSYNC " \"$@\"\n"
	"for to; do :; done\n"
	"dir=$to/pb/0000000000000001\n"
	"mkdir -p \"$dir/.rsync-partial\"\n"
	"for file in a.pb a.whole b.pb .c.pb.Xy12 .rsync-partial/c.pb; do\n"
	"	echo x >\"$dir/$file\"\n"
	"done\n"
	": >\"$BROUGHT\"\n"
	"exec sleep 1000\n";

struct fixture {
	char *top, *brought, *spool;
	bool room_at_first;
};

static int make(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	const char *path = getenv("PATH");

	f->top = mem_dup("/tmp/pb-rsync.XXXXXX");
	assert_non_null(mkdtemp(f->top));
	f->brought = mem_printf("%s/brought", f->top);
	f->spool = mem_printf("%s/spool", f->top);
	assert_int_equal(mkdir(f->spool, 0700), 0);
	AUTO_FREE char *program = mem_printf("%s/rsync", f->top);
	AUTO_FREE char *first = mem_printf("%s:%s", f->top, path ? path : "");
	int fd = open(program, O_WRONLY | O_CREAT, 0755);
	assert_int_equal(write(fd, rsync, strlen(rsync)), strlen(rsync));
	close(fd);
	setenv("PATH", first, 1);
	setenv("BROUGHT", f->brought, 1);
	*state = f;
	return 0;
}

static int drop(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *line = mem_printf("rm -r %s", f->top);

	assert_int_equal(system(line), 0);
	free(f->top);
	free(f->brought);
	free(f->spool);
	free(f);
	return 0;
}

/* The disk is full when all that was brought. */
static int look(void *arg, struct err *err)
{
	const struct fixture *f = arg;

	if (f->room_at_first && access(f->brought, F_OK) != 0)
		return 0;
	return err_set(err, ERR_OPERATOR, "full");
}

static int open_it(struct fixture *f)
{
	struct child_guard guard = {look, f};
	struct carrier_place place = {.os = os_real(),
		.self = SELF,
		.peer = PEER,
		.spool = f->spool,
		.guard = &guard,
		.fetch = true};
	struct carrier *carrier;

	return carrier_open(&place, "rsync:host:/place", &carrier, NULL);
}

static bool has(struct fixture *f, const char *name)
{
	AUTO_FREE char *path =
		mem_printf("%s/there/pb/0000000000000001/%s", f->spool, name);

	return access(path, F_OK) == 0;
}

static void where_there_is_no_room_nothing_is_fetched(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_it(f), ERR_OPERATOR);
	assert_int_not_equal(access(f->brought, F_OK), 0);
}

static void what_takes_too_much_is_ended_and_what_is_whole_stays(void **state)
{
	struct fixture *f = *state;

	f->room_at_first = true;
	assert_int_equal(open_it(f), ERR_OPERATOR);
	assert_int_equal(access(f->brought, F_OK), 0);
	assert_true(has(f, "a.pb"));
	assert_true(has(f, "a.whole"));
	assert_false(has(f, "b.pb"));
	assert_false(has(f, ".c.pb.Xy12"));
	assert_false(has(f, ".rsync-partial"));
}

/* ---- the real one ---- */

static void lay(struct fixture *f, uint64_t sequence, uint64_t size)
{
	AUTO_FREE char *base = mem_printf("%s/far/pb/%016llx/%016llx-%016llx",
		f->top, (unsigned long long)SELF, (unsigned long long)PEER,
		(unsigned long long)sequence);
	AUTO_FREE char *bundle = mem_printf("%s.pb", base);
	AUTO_FREE char *whole = mem_printf("%s.whole", base);
	struct carrier_item item = {.sender = PEER,
		.recipient = SELF,
		.sequence = sequence,
		.size = size};
	char text[MEDIUM_MANIFEST_SIZE + 1];
	AUTO_FREE char *bytes = mem_array(size, 1);

	medium_manifest_write(&item, text);
	assert_int_equal(
		file_replace(os_real(), bundle, bytes, size, 0600, NULL), 0);
	assert_int_equal(file_replace(os_real(), whole, text,
				 MEDIUM_MANIFEST_SIZE, 0600, NULL),
		0);
}

/* What lies there for us, and is fetched where it is not too large. */
static struct carrier_list fetched(
	struct fixture *f, const char *via, bool fetch, uint64_t most)
{
	struct carrier_place place = {.os = os_real(),
		.self = SELF,
		.peer = PEER,
		.spool = f->spool,
		.fetch_max = most,
		.fetch = fetch};
	struct carrier *carrier;
	struct carrier_list list;
	struct err err = ERR_INIT;

	if (carrier_open(&place, via, &carrier, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(carrier->ops->list(carrier, SELF, &list, NULL), 0);
	carrier->ops->close(carrier);
	assert_int_equal(list.damaged, 0);
	assert_int_equal(list.part_count, 0);
	struct carrier_list counts = list;
	carrier_list_free(&list);
	return counts;
}

static void what_is_too_large_is_not_fetched_until_there_is_room(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *far = mem_printf("%s/far", f->top);
	AUTO_FREE char *dir = mem_printf("%s/pb/0000000000000001", far);
	AUTO_FREE char *via = mem_printf("rsync:%s", far);

	if (access(REAL_RSYNC, X_OK) != 0)
		skip();
	setenv("REAL", "yes", 1);
	assert_int_equal(dir_make(os_real(), dir, 0700, NULL), 0);
	assert_int_equal(carrier_media_init(os_real(), far, NULL), 0);
	lay(f, 1, SMALL);
	lay(f, 2, LARGE);
	lay(f, 3, LARGE + 1);
	struct carrier_list list = fetched(f, via, true, LARGE - 1);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.unfetched, 2);
	assert_int_equal(list.unfetched_size, LARGE + 1);
	assert_false(has(f, "0000000000000002-0000000000000002.pb"));
	/* Who only looks is told the same. */
	list = fetched(f, via, false, 0);
	assert_int_equal(list.unfetched, 2);
	list = fetched(f, via, true, LARGE);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.unfetched, 1);
	list = fetched(f, via, true, 0);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.unfetched, 0);
	unsetenv("REAL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_there_is_no_room_nothing_is_fetched),
		cmocka_unit_test(
			what_takes_too_much_is_ended_and_what_is_whole_stays),
		cmocka_unit_test_setup_teardown(
			what_is_too_large_is_not_fetched_until_there_is_room,
			make, drop),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
