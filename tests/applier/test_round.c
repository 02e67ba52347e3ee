/*
 * A daemon runs a round when what lies in the inbox is not what the last one
 * left there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>

#include "os.h"
#include "round.h"
#include "simdisk.h"

#define NAME "/in/b/0000000000000001.parcel"

static const struct os_ops *plain;

/* The shipper ends its work when the applier has just looked. */
static int list_then_finish(struct os *os, const char *path, struct buf *ret)
{
	int rc = plain->list(os, path, ret);

	plain->rename(os, NAME ".tmp", NAME);
	return rc;
}

static void run(bool finishes, uint64_t *left, uint64_t *there)
{
	struct simdisk *disk = simdisk_new(1);
	struct os *os = simdisk_os(disk);
	struct os_ops ops = *os->ops;
	struct receive_peer peer = {.name = "b"};
	struct round_config config = {
		.receive = {.os = os,
			.state_dir = "/s",
			.bodies_dir = "/bodies",
			.peers = &peer,
			.peer_count = 1},
		.inbox_dir = "/in",
		.refused_dir = "/refused",
		.left = left,
	};

	os->ops->mkdir(os, "/in", 0700);
	os->ops->mkdir(os, "/in/b", 0700);
	os->ops->close(
		os, os->ops->open(os, NAME ".tmp", O_WRONLY | O_CREAT, 0600));
	plain = os->ops;
	if (finishes) {
		ops.list = list_then_finish;
		os->ops = &ops;
	}
	assert_int_equal(round_run(&config, NULL, 0), 0);
	os->ops = plain;
	*there = round_inbox(&config);
	simdisk_free(disk);
}

static void what_is_under_way_is_not_looked_at_again_for_itself(void **state)
{
	uint64_t left, there;

	(void)state;
	run(false, &left, &there);
	assert_int_not_equal(there, 0);
	assert_int_equal(left, there);
}

static void what_was_finished_meanwhile_is_looked_at(void **state)
{
	uint64_t left, there;

	(void)state;
	run(true, &left, &there);
	assert_int_not_equal(left, there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_is_under_way_is_not_looked_at_again_for_itself),
		cmocka_unit_test(what_was_finished_meanwhile_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
