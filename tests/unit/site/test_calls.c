/* Tests of what is written down of calls, on a simulated disk. */
#include "calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "err.h"
#include "mem.h"
#include "site.h"
#include "statedisk.h"

#define VIA "tcp:hub:4470"
#define PEER UINT64_C(0x1234)

static void note(const char *via, const struct call *call)
{
	struct err err = ERR_INIT;

	if (calls_note(os, "/state", PEER, via, call, &err) < 0)
		fail_msg("%s", err.text);
}

static struct call_record get(const char *via)
{
	struct call_record r;
	struct err err = ERR_INIT;

	if (calls_get(os, "/state", PEER, via, &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static void a_link_that_was_never_called_has_no_last_call(void **state)
{
	(void)state;
	assert_int_equal(get(VIA).last.outcome, CALL_NONE);
	assert_int_equal(get(VIA).all.calls, 0);
}

static void a_call_that_is_told_of_twice_counts_once(void **state)
{
	struct call call = {
		.outcome = CALL_UNDERWAY, .began_ms = 5000, .sent = 100};

	(void)state;
	note(VIA, &call);
	assert_int_equal(get(VIA).last.outcome, CALL_UNDERWAY);
	assert_int_equal(get(VIA).all.done_ms, 0);
	call.outcome = CALL_DONE;
	call.ended_ms = 9000;
	call.sent = 70000;
	call.received = 30;
	call.speed = 17000;
	note(VIA, &call);
	struct call_record r = get(VIA);
	assert_int_equal(r.last.outcome, CALL_DONE);
	assert_int_equal(r.last.ended_ms, 9000);
	assert_int_equal(r.last.speed, 17000);
	assert_int_equal(r.all.calls, 1);
	assert_int_equal(r.all.failed, 0);
	assert_int_equal(r.all.sent, 70000);
	assert_int_equal(r.all.received, 30);
	assert_int_equal(r.all.done_ms, now_ms());
	assert_int_equal(r.all.sent_ms, now_ms());
	/* and is of that link only */
	assert_int_equal(get(CALLS_ANSWERED).all.calls, 0);
}

static void calls_add_up_and_one_that_failed_keeps_the_speed(void **state)
{
	struct call one = {.outcome = CALL_DONE,
		.began_ms = 1000,
		.ended_ms = 2000,
		.sent = 8000,
		.speed = 8000};
	struct call two = {.outcome = CALL_LATER,
		.began_ms = 3000,
		.ended_ms = 3001,
		.sent = 44,
		.speed = 44000,
		.why = "nobody\nanswers"};

	(void)state;
	note(VIA, &one);
	note(VIA, &two);
	struct call_record r = get(VIA);
	assert_int_equal(r.last.outcome, CALL_LATER);
	assert_string_equal(r.last.why, "nobody?answers");
	assert_int_equal(r.last.speed, 8000);
	assert_int_equal(r.all.calls, 2);
	assert_int_equal(r.all.failed, 1);
	assert_int_equal(r.all.sent, 8044);
	assert_int_equal(r.all.received_ms, 0);
}

static char *only_file(void)
{
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	assert_true(os->ops->list(os, "/state/calls", &names) >= 0);
	while (os_list_next(&names, &at, &entry))
		if (strcmp(entry.name, "lock") != 0)
			return mem_printf("/state/calls/%s", entry.name);
	fail_msg("no file");
	return NULL;
}

static void whatever_is_cut_off_or_changed_counts_as_no_call(void **state)
{
	struct call call = {.outcome = CALL_FAILED,
		.began_ms = 1000,
		.sent = 8000,
		.why = "x"};
	AUTO_BUF struct buf whole = BUF_INIT;

	(void)state;
	note(VIA, &call);
	AUTO_FREE char *path = only_file();
	assert_int_equal(file_read(os, path, 4096, &whole, NULL), 0);
	for (size_t len = 0; len < whole.len; len++) {
		simdisk_put(disk, path, whole.data, len);
		assert_int_equal(get(VIA).last.outcome, CALL_NONE);
	}
	for (size_t i = 0; i < whole.len; i++) {
		uint8_t was = whole.data[i];

		/* Each byte is one that no figure and no word has. */
		whole.data[i] = i % 2 ? 0 : '/';
		simdisk_put(disk, path, whole.data, whole.len);
		struct call_record r = get(VIA);
		if (r.last.outcome != CALL_NONE)
			assert_string_equal(r.last.why, "/");
		whole.data[i] = was;
	}
	simdisk_put(disk, path, whole.data, whole.len);
	assert_int_equal(get(VIA).all.sent, 8000);
}

static void any_crash_leaves_one_call_or_the_next(void **state)
{
	struct call one = {.outcome = CALL_DONE, .began_ms = 1, .sent = 10};
	struct call two = {.outcome = CALL_DONE, .began_ms = 2, .sent = 5};

	(void)state;
	for (uint64_t i = 1;; i++) {
		struct simdisk *whole = disk;
		uint64_t before;

		note(VIA, &one);
		disk = simdisk_clone(whole);
		os = simdisk_os(disk);
		before = simdisk_calls(disk);
		simdisk_stop_at(disk, i);
		bool done =
			calls_note(os, "/state", PEER, VIA, &two, NULL) == 0;
		bool ran = simdisk_calls(disk) - before < i;
		simdisk_power_cut(disk, i);
		uint64_t sent = get(VIA).all.sent;
		if (done)
			assert_int_equal(sent, 15);
		else
			assert_true(sent == 10 || sent == 15);
		note(VIA, &two); /* what was left behind is in nobody's way */
		simdisk_free(disk);
		disk = whole;
		os = simdisk_os(disk);
		if (ran)
			return;
	}
}

static void what_is_of_no_link_any_more_is_removed(void **state)
{
	struct call call = {.outcome = CALL_DONE, .began_ms = 1, .sent = 1};
	struct config_link link = {.via = VIA};
	struct config_peer peer = {.links = &link, .link_count = 1};
	struct key_public key = {.origin = PEER};
	struct site site = {.os = os,
		.config = {.state = "/state", .peers = &peer, .peer_count = 1},
		.peers = &key};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(calls_tidy(&site, &err), 0);
	note(VIA, &call);
	note("dir:/media/usb", &call);
	note(CALLS_ANSWERED, &call);
	simdisk_put(disk, "/state/calls/x.tmp", "x", 1);
	assert_int_equal(calls_tidy(&site, &err), 0);
	assert_int_equal(get(VIA).all.calls, 1);
	assert_int_equal(get(CALLS_ANSWERED).all.calls, 1);
	assert_int_equal(get("dir:/media/usb").all.calls, 0);
	struct os_stat st;
	assert_true(os->ops->lstat(os, "/state/calls/x.tmp", &st) < 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_link_that_was_never_called_has_no_last_call),
		TEST(a_call_that_is_told_of_twice_counts_once),
		TEST(calls_add_up_and_one_that_failed_keeps_the_speed),
		TEST(whatever_is_cut_off_or_changed_counts_as_no_call),
		TEST(any_crash_leaves_one_call_or_the_next),
		TEST(what_is_of_no_link_any_more_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
