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

#define SELF UINT64_C(0x1)
#define PEER UINT64_C(0x2)

/* Brings one bundle that is whole, one that has no manifest yet, and a part of
   a third, and never ends. */
static const char rsync[] =
	"#!/bin/sh\n"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_there_is_no_room_nothing_is_fetched),
		cmocka_unit_test(
			what_takes_too_much_is_ended_and_what_is_whole_stays),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
