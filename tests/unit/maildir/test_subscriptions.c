/* subscriptions: the bytes, and the file changed under its lock. */
#include "maildir_test.h"

#include "maildir_private.h"

static struct simdisk *disk;
static struct os *os;
static struct store *store;

static int setup(void **state)
{
	(void)state;
	disk = simdisk_new(3);
	os = simdisk_os(disk);
	simdisk_put(disk, "/tmp/x", "", 0);
	store = open_maildir(os, "/m", MAILDIR_PLUSPLUS, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store->ops->close(store);
	simdisk_free(disk);
	return 0;
}

static void parses_to(const char *text, char sep, const char *want)
{
	struct arena arena = {0};
	struct buf got = BUF_INIT;
	struct err err = ERR_INIT;
	const char **paths;
	size_t count;

	assert_done(subscriptions_parse(text, strlen(text), sep, &arena, &paths,
			    &count, &err),
		err);
	for (size_t i = 0; i < count; i++)
		buf_printf(&got, "%s ", paths[i]);
	assert_string_equal(buf_str(&got), want);
	buf_free(&got);
	arena_free(&arena);
}

static void version_2_joins_parts_by_tabs(void **state)
{
	(void)state;
	parses_to("V\t2\n\nWork\tSub\nINBOX\nT&APw-st\n", '.',
		"INBOX T&APw-st Work/Sub ");
}

static void version_1_joins_them_as_the_layout_does(void **state)
{
	(void)state;
	parses_to("Work.Sub\ninbox\n", '.', "INBOX Work/Sub ");
	parses_to("Work/Sub\nA.B\n", '/', "A.B Work/Sub ");
}

static void repeated_names_count_once(void **state)
{
	(void)state;
	parses_to("V\t2\n\nA\nA\nINBOX\ninbox\n", '.', "A INBOX ");
}

static void lines_that_are_no_folder_are_passed_over(void **state)
{
	(void)state;
	parses_to("V\t2\n\nA/B\n\n\tX\nY\t\n..\nC\001tD\nok\nlast", '.',
		"last ok ");
}

static void printed_as_version_2(void **state)
{
	static const char *const paths[] = {"INBOX", "Work/Sub"};
	struct buf b = BUF_INIT;

	(void)state;
	subscriptions_print(paths, 2, &b);
	assert_string_equal(buf_str(&b), "V\t2\n\nINBOX\nWork\tSub\n");
	buf_free(&b);
}

static void edits_to(const char *text, char sep, const char *path, bool value,
	bool changed, const char *want)
{
	struct buf b = BUF_INIT;

	assert_int_equal(
		subscriptions_edit(text, strlen(text), sep, path, value, &b),
		changed);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void an_edit_leaves_every_other_line(void **state)
{
	(void)state;
	edits_to("V\t2\n\nodd//\001x\nA\tB\n", '.', "C", true, true,
		"V\t2\n\nodd//\001x\nA\tB\nC\n");
	edits_to("V\t2\n\nodd//\001x\nA\tB\n", '.', "A/B", false, true,
		"V\t2\n\nodd//\001x\n");
	edits_to("A.B\nC\n", '.', "D/E", true, true, "A.B\nC\nD.E\n");
	/* No header may come about. */
	edits_to("V\t2\nX\n\nY\n", '.', "X", false, true, "V\t2\nY\n");
	edits_to("", '.', "D/E", true, true, "V\t2\n\nD\tE\n");
	edits_to("V\t2\n\nA\n", '.', "A", true, false, "V\t2\n\nA\n");
	edits_to("V\t2\n\nA\n", '.', "B", false, false, "V\t2\n\nA\n");
}

static void subscribing_changes_the_file_and_unlocks(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_done(store->ops->subscribe(store, "A/B", true, &err), err);
	assert_done(store->ops->subscribe(store, "C", true, &err), err);
	assert_done(store->ops->subscribe(store, "A/B", false, &err), err);
	assert_done(store->ops->subscribe(store, "A/B", false, &err), err);
	assert_file(os, "/m/subscriptions", "V\t2\n\nC\n");
	assert_false(is_there(os, "/m/subscriptions.lock"));
}

static void a_path_that_is_none_is_refused(void **state)
{
	(void)state;
	assert_int_equal(
		store->ops->subscribe(store, "A\nB", true, NULL), ERR_USAGE);
	assert_int_equal(
		store->ops->subscribe(store, "", true, NULL), ERR_USAGE);
	assert_false(is_there(os, "/m/subscriptions"));
}

static void a_fresh_lock_is_waited_for_a_stale_one_overridden(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	simdisk_put(disk, "/m/subscriptions.lock", "", 0);
	assert_int_equal(
		store->ops->subscribe(store, "A", true, NULL), ERR_BUSY);
	assert_true(is_there(os, "/m/subscriptions.lock"));
	simdisk_pass(disk, 31 * NS_PER_S);
	assert_done(store->ops->subscribe(store, "A", true, &err), err);
	assert_file(os, "/m/subscriptions", "V\t2\n\nA\n");
}

/* As it lies there after a kill: it does not say whose it is. */
static void leave_lock(int64_t pid, const char *other_name)
{
	char *path = mem_printf("/m/%s", other_name);

	simdisk_put(disk, path, "", 0);
	assert_int_equal(os->ops->link(os, path, "/m/subscriptions.lock"), 0);
	simdisk_set_pid(disk, pid);
	free(path);
}

static void a_dead_process_has_no_lock(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	leave_lock(2001, "1700000000.M1P2000Q1.simhost,packetboat");
	assert_done(store->ops->subscribe(store, "A", true, &err), err);
	assert_file(os, "/m/subscriptions", "V\t2\n\nA\n");
	assert_false(is_there(os, "/m/subscriptions.lock"));
}

/* As an earlier store of this process leaves it, whose disk failed. */
static void a_lock_that_we_could_not_remove_is_ours_no_more(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	((struct maildir *)store)->lock_wait_ns = NS_PER_S;
	leave_lock(2000, "1704067199.M1P2000Q1.simhost,packetboat");
	assert_int_equal(
		store->ops->subscribe(store, "A", true, NULL), ERR_BUSY);
	simdisk_pass(disk, 2 * NS_PER_S);
	assert_done(store->ops->subscribe(store, "A", true, &err), err);
	assert_file(os, "/m/subscriptions", "V\t2\n\nA\n");
}

static void a_lock_from_before_the_start_is_nobodys(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	((struct maildir *)store)->lock_wait_ns = NS_PER_S;
	simdisk_put(disk, "/m/subscriptions.lock", "A\n", 2);
	assert_int_equal(
		store->ops->subscribe(store, "A", true, NULL), ERR_BUSY);
	simdisk_power_cut_mode(disk, SIMDISK_ALL_KEPT, 1);
	assert_done(store->ops->subscribe(store, "A", true, &err), err);
	assert_file(os, "/m/subscriptions", "V\t2\n\nA\n");
}

static void every_failure_leaves_the_old_file_and_no_lock(void **state)
{
	struct err err = ERR_INIT;
	uint64_t before, calls;

	(void)state;
	assert_done(store->ops->subscribe(store, "C", true, &err), err);
	assert_done(store->ops->subscribe(store, "C", false, &err), err);
	before = simdisk_calls(disk);
	assert_done(store->ops->subscribe(store, "A", true, &err), err);
	calls = simdisk_calls(disk) - before;
	for (uint64_t i = 1; i <= calls; i++) {
		char *text;

		/* the last two: the lock's other name goes, which is swept
		   away another day, and the fsync of the directory */
		bool done = i >= calls - 1;

		simdisk_fail_at(disk, i, ENOSPC);
		assert_int_equal(store->ops->subscribe(store, "B", true, NULL),
			i == calls - 1 ? 0 : ERR_IO);
		simdisk_faults_clear(disk);
		assert_false(is_there(os, "/m/subscriptions.lock"));
		text = file_text(os, "/m/subscriptions");
		assert_string_equal(
			text, done ? "V\t2\n\nA\nB\n" : "V\t2\n\nA\n");
		free(text);
		assert_done(
			store->ops->subscribe(store, "B", false, &err), err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_2_joins_parts_by_tabs),
		cmocka_unit_test(version_1_joins_them_as_the_layout_does),
		cmocka_unit_test(repeated_names_count_once),
		cmocka_unit_test(lines_that_are_no_folder_are_passed_over),
		cmocka_unit_test(printed_as_version_2),
		cmocka_unit_test(an_edit_leaves_every_other_line),
		T(subscribing_changes_the_file_and_unlocks),
		T(a_path_that_is_none_is_refused),
		T(a_fresh_lock_is_waited_for_a_stale_one_overridden),
		T(a_dead_process_has_no_lock),
		T(a_lock_that_we_could_not_remove_is_ours_no_more),
		T(a_lock_from_before_the_start_is_nobodys),
		T(every_failure_leaves_the_old_file_and_no_lock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
