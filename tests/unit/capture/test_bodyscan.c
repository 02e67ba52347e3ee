/* A folder's files against what was placed, paced, and stopped anywhere. */
#include "bodyscan.h"
#include "gaps.h"
#include "scanned.h"
#include "scene.h"

#include <fcntl.h>

#define FEW 8
#define MANY 250 /* more than are looked at before it is kept how far */

/* The clock of a scan: sleeping is all that takes time. */
static int64_t mono_ns;
static const char *unreadable; /* a file that the disk does not give */
static int unreadable_fd;

static int64_t scan_mono(struct os *os)
{
	(void)os;
	return mono_ns;
}

static void scan_sleep(struct os *os, int64_t ns)
{
	(void)os;
	mono_ns += ns;
}

static int scan_open(struct os *os, const char *path, int flags, mode_t mode)
{
	int fd = os_real()->ops->open(os, path, flags, mode);

	if (unreadable && strstr(path, unreadable))
		unreadable_fd = fd;
	return fd;
}

static ssize_t scan_pread(
	struct os *os, int fd, void *to, size_t len, int64_t at)
{
	if (fd == unreadable_fd)
		return -EIO;
	return os_real()->ops->pread(os, fd, to, len, at);
}

static int scan_close(struct os *os, int fd)
{
	if (fd == unreadable_fd)
		unreadable_fd = -1;
	return os_real()->ops->close(os, fd);
}

struct run {
	size_t found;
	enum damage last;
	char base[64];
	size_t asked, stop_at; /* 0: never */
	uint64_t done, total;  /* as progress has it */
};

static bool stop(void *arg)
{
	struct run *r = arg;

	return ++r->asked == r->stop_at;
}

static void found(void *arg, const char *path, const struct replica_message *m,
	enum damage damage)
{
	struct run *r = arg;

	assert_string_equal(path, "INBOX");
	r->found++;
	r->last = damage;
	snprintf(r->base, sizeof(r->base), "%s", m->p_base);
}

/* Mail by mail. */
static void progress(void *arg, const char *path, uint64_t done, uint64_t total)
{
	struct run *r = arg;

	assert_string_equal(path, "INBOX");
	assert_true(!r->done || done == r->done + 1);
	assert_true(done <= total);
	r->done = done;
	r->total = total;
}

static int setup(void **state, int mails)
{
	struct scene *s;

	scene_setup(state);
	s = *state;
	mono_ns = 1;
	unreadable = NULL;
	unreadable_fd = -1;
	for (int i = 0; i < mails; i++) {
		AUTO_FREE char *base = mem_printf("m%03d", i);

		server_save(s, "INBOX", base, "");
	}
	pass(s);
	assert_int_equal(s->rc, 0);
	free(news(s));
	account_unlock(&s->account);
	s->real.ops.mono_ns = scan_mono;
	s->real.ops.sleep_ns = scan_sleep;
	s->real.ops.open = scan_open;
	s->real.ops.pread = scan_pread;
	s->real.ops.close = scan_close;
	return 0;
}

static int setup_few(void **state)
{
	return setup(state, FEW);
}

static int setup_many(void **state)
{
	return setup(state, MANY);
}

#define B(test) cmocka_unit_test_setup_teardown(test, setup_few, scene_end)
#define MANY_B(test)                                                           \
	cmocka_unit_test_setup_teardown(test, setup_many, scene_end)

static int64_t inbox(struct scene *s)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;

	must(replica_folder_by_path(
		s->account.replica, "INBOX", &arena, &f, &err));
	return f.id;
}

static int scan_with(struct scene *s, struct bodyscan_config *config,
	struct run *run, struct bodyscan_result *ret)
{
	struct err err = ERR_INIT;
	int rc;

	config->stop = stop;
	config->found = found;
	config->progress = progress;
	config->arg = run;
	*ret = (struct bodyscan_result){0};
	rc = bodyscan_folder(
		&s->account, s->store, inbox(s), config, ret, &err);
	if (rc < 0 && rc != ERR_BUSY)
		fail_msg("%d: %s", rc, err.text);
	return rc;
}

static struct bodyscan_result scan(struct scene *s, bool deep, struct run *run)
{
	struct bodyscan_config config = {.deep = deep};
	struct bodyscan_result result;

	*run = (struct run){0};
	assert_int_equal(scan_with(s, &config, run, &result), 0);
	return result;
}

static void flip(struct scene *s, const char *base)
{
	AUTO_FREE char *file = server_find(s, "INBOX", base);
	FILE *f = fopen(file, "r+");
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_int_equal(fputc('?', f), '?');
	assert_int_equal(fflush(f), 0);
	assert_int_equal(futimens(fileno(f),
				 (struct timespec[2]){st.st_atim, st.st_mtim}),
		0);
	assert_int_equal(fclose(f), 0);
}

static void sound_mail_is_sound(void **state)
{
	struct run run;
	struct bodyscan_result r = scan(*state, true, &run);

	assert_int_equal(r.messages, FEW);
	/* "Subject: mNNN\n\nINBOX\n" */
	assert_int_equal(r.bytes, FEW * 21);
	assert_int_equal(run.found + r.damaged + r.whole + r.miscounted, 0);
}

static void another_byte_is_found_by_reading(void **state)
{
	struct run run;

	flip(*state, "m007");
	assert_int_equal(scan(*state, false, &run).damaged, 0);
	assert_int_equal(scan(*state, true, &run).damaged, 1);
	assert_int_equal(run.last, DAMAGE_BYTES);
	assert_string_equal(run.base, "m007");
	/* Known now. */
	assert_int_equal(scan(*state, true, &run).damaged, 0);
	assert_int_equal(scan(*state, false, &run).whole, 0);
}

static void another_size_is_found_without_reading(void **state)
{
	AUTO_FREE char *file = server_find(*state, "INBOX", "m001");
	struct run run;

	assert_int_equal(truncate(file, 0), 0);
	assert_int_equal(scan(*state, false, &run).damaged, 1);
	assert_int_equal(run.last, DAMAGE_BYTES);
}

static void another_date_is_found_and_no_worse_than_it_is(void **state)
{
	AUTO_FREE char *file = server_find(*state, "INBOX", "m002");
	struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct run run;

	assert_int_equal(utimensat(AT_FDCWD, file, long_ago, 0), 0);
	assert_int_equal(scan(*state, false, &run).damaged, 1);
	assert_int_equal(run.last, DAMAGE_DATE);
	assert_int_equal(scan(*state, true, &run).damaged, 0);
	flip(*state, "m002");
	assert_int_equal(scan(*state, true, &run).damaged, 1);
	assert_int_equal(run.last, DAMAGE_BYTES);
	/* Its date alone makes it no better. */
	assert_int_equal(scan(*state, false, &run).damaged, 0);
}

static void what_the_disk_does_not_give_is_damage(void **state)
{
	struct run run;

	unreadable = "m003";
	assert_int_equal(scan(*state, true, &run).damaged, 1);
	assert_int_equal(run.last, DAMAGE_UNREADABLE);
	unreadable = NULL;
	assert_int_equal(scan(*state, true, &run).whole, 1);
	assert_int_equal(run.last, DAMAGE_NONE);
}

static void what_was_put_right_is_whole_again(void **state)
{
	struct run run;

	flip(*state, "m007");
	scan(*state, true, &run);
	AUTO_FREE char *file = server_find(*state, "INBOX", "m007");
	FILE *f = fopen(file, "r+");
	struct stat st;
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_int_equal(fputc('S', f), 'S');
	fflush(f);
	futimens(fileno(f), (struct timespec[2]){st.st_atim, st.st_mtim});
	fclose(f);
	assert_int_equal(scan(*state, true, &run).whole, 1);
	assert_string_equal(run.base, "m007");
}

static void a_file_that_is_gone_is_left_to_capture(void **state)
{
	struct run run;

	server_expunge(*state, "INBOX", "m004");
	assert_int_equal(scan(*state, true, &run).damaged, 0);
}

static void stopped_anywhere_it_goes_on_and_does_nothing_twice(void **state)
{
	struct bodyscan_config config = {.deep = true};
	struct bodyscan_result r;
	uint64_t messages = 0, bytes = 0;
	size_t turns = 0;
	struct run run;
	int rc;

	flip(*state, "m249");
	do {
		run = (struct run){.stop_at = 97};
		rc = scan_with(*state, &config, &run, &r);
		assert_true(!run.done || run.done == messages + r.messages);
		messages += r.messages;
		bytes += r.bytes;
	} while (rc == 1 && ++turns < 100);
	assert_int_equal(rc, 0);
	assert_true(turns > 3 && turns < 20);
	assert_int_equal(messages, MANY);
	assert_int_equal(run.done, MANY);
	assert_int_equal(run.total, MANY);
	/* But for the mails that it was stopped in. */
	assert_true(bytes >= MANY * 21 && bytes <= (MANY + turns) * 21);
	assert_string_equal(run.base, "m249");
	/* The next one begins anew. */
	assert_int_equal(scan(*state, true, &run).messages, MANY);
}

static void it_looks_no_faster_than_it_may(void **state)
{
	for (int deep = 0; deep < 2; deep++) {
		struct bodyscan_config config = {.deep = deep, .rate = 100};
		struct bodyscan_result r;
		struct run run = {0};

		mono_ns = 1;
		assert_int_equal(scan_with(*state, &config, &run, &r), 0);
		/* Each file takes a disk as long as a page does. */
		int64_t spent = (int64_t)r.bytes + FEW * 4096;
		assert_true(mono_ns > spent * 10000000);
		assert_true(mono_ns < spent * 10000000 + 1000000000);
	}
}

static void where_somebody_is_at_work_it_comes_again(void **state)
{
	struct scene *s = *state;
	struct bodyscan_config config = {.deep = true};
	struct bodyscan_result r;
	struct run run = {0};
	struct account other;

	flip(s, "m007");
	must(account_open(&other, s->os, s->dir, "alice", ORIGIN, false, &err));
	must(account_lock(&other, 0, &err));
	assert_int_equal(scan_with(s, &config, &run, &r), ERR_BUSY);
	assert_int_equal(r.damaged, 0);
	account_close(&other);
	run = (struct run){0};
	assert_int_equal(scan_with(s, &config, &run, &r), 0);
	assert_int_equal(r.damaged, 1);
}

static void nothing_is_said_of_a_message_that_changed_under_way(void **state)
{
	struct scene *s = *state;
	struct run run;

	flip(s, "m007");
	/* Another message lies there by now, says the state. */
	must(replica_begin(s->account.replica, &err));
	assert_int_equal(
		sqlite3_exec(replica_db(s->account.replica),
			"CREATE TRIGGER scanned_moves AFTER INSERT ON"
			" scanned BEGIN UPDATE message SET p_folder = 9"
			" WHERE p_base = 'm240'; END",
			NULL, NULL, NULL),
		SQLITE_OK);
	must(replica_commit(s->account.replica, &err));
	flip(s, "m240");
	assert_int_equal(scan(s, true, &run).damaged, 1);
	assert_string_equal(run.base, "m007");
}

static void sums_that_are_not_of_the_registers_are_a_gap(void **state)
{
	AUTO_ARENA struct arena arena = {0};
	struct scene *s = *state;
	struct gap *gaps;
	struct run run;
	size_t count;

	must(replica_begin(s->account.replica, &err));
	assert_int_equal(sqlite3_exec(replica_db(s->account.replica),
				 "UPDATE message SET place_stamp = 5"
				 " WHERE base = 'm005'",
				 NULL, NULL, NULL),
		SQLITE_OK);
	must(replica_commit(s->account.replica, &err));
	assert_int_equal(scan(s, false, &run).miscounted, 1);
	assert_int_equal(scan(s, false, &run).miscounted, 0);
	must(gap_list(
		s->account.replica, NULL, 0, &arena, &gaps, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(gaps->kind, GAP_DIFFERS);
	assert_int_equal(gaps->peer, 0);
	assert_int_equal(gaps->ours.messages, FEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		B(sound_mail_is_sound),
		B(another_byte_is_found_by_reading),
		B(another_size_is_found_without_reading),
		B(another_date_is_found_and_no_worse_than_it_is),
		B(what_the_disk_does_not_give_is_damage),
		B(what_was_put_right_is_whole_again),
		B(a_file_that_is_gone_is_left_to_capture),
		MANY_B(stopped_anywhere_it_goes_on_and_does_nothing_twice),
		B(it_looks_no_faster_than_it_may),
		B(where_somebody_is_at_work_it_comes_again),
		MANY_B(nothing_is_said_of_a_message_that_changed_under_way),
		B(sums_that_are_not_of_the_registers_are_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
