#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "notice.h"
#include "os.h"

static void what_is_written_in_an_account_is_noticed_once(void **state)
{
	static const char *const accounts[] = {"alice", "not-there"};
	char top[] = "/tmp/test_notice.XXXXXX";
	struct notice n;

	(void)state;
	assert_non_null(mkdtemp(top));
	AUTO_FREE char *dir = mem_printf("%s/accounts/alice", top);
	AUTO_FREE char *file = mem_printf("%s/state.db", dir);
	assert_int_equal(dir_make(os_real(), dir, 0700, NULL), 0);
	notice_open(&n);
	notice_watch(&n, top, accounts, 2);
	assert_false(notice_taken(&n));
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(notice_taken(&n));
	assert_false(notice_taken(&n));
	assert_int_equal(write(fd, "x", 1), 1);
	notice_watch(&n, top, accounts, 2);
	assert_true(notice_taken(&n));
	close(fd);
	assert_false(notice_taken(&n));
	AUTO_FREE char *journal = mem_printf("%s-journal", file);
	fd = open(journal, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_false(notice_taken(&n));
	close(fd);
	notice_close(&n);
	assert_int_equal(dir_remove(os_real(), top, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_in_an_account_is_noticed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
