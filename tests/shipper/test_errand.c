/* Tests of errands: what a child does while we go on. */
#include "errand.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct errand begun(const char *command, const char *via)
{
	struct errand e = {0};
	struct err err = ERR_INIT;

	if (errand_begin(&e, command, via, 0, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(errand_is_under_way(&e));
	return e;
}

static void what_a_command_ends_with_is_told(void **state)
{
	struct errand e = begun("echo first; echo last words >&2; exit 7",
		"tcp:127.0.0.1:4470");
	struct errand_result r;

	(void)state;
	errand_end(&e, &r);
	assert_false(errand_is_under_way(&e));
	assert_int_equal(r.code, 7);
	assert_string_equal(r.said, "last words");
	/* What failed is not gone on with. */
	assert_int_equal(r.address.len, 0);
}

static void an_address_is_looked_up(void **state)
{
	struct errand e = begun(NULL, "tcp:127.0.0.1:4470");
	struct errand_result r;

	(void)state;
	errand_end(&e, &r);
	assert_int_equal(r.code, 0);
	assert_int_equal(r.address.len, sizeof(struct sockaddr_in));
	const struct sockaddr_in *at = (const void *)&r.address.at;
	assert_int_equal(ntohs(at->sin_port), 4470);
	assert_int_equal(ntohl(at->sin_addr.s_addr), INADDR_LOOPBACK);
	e = begun("true", "stdio:cat");
	errand_end(&e, &r);
	assert_int_equal(r.code, 0);
	assert_int_equal(r.lookup.code, 0);
	assert_int_equal(r.address.len, 0);
	e = begun(NULL, "tcp:no.such.host.invalid:4470");
	errand_end(&e, &r);
	assert_int_equal(r.lookup.code, ERR_ABSENT);
}

/* A command that waits for us, while we wait for nobody. */
static void we_go_on_meanwhile(void **state)
{
	int go[2];

	(void)state;
	assert_int_equal(pipe(go), 0);
	AUTO_FREE char *command =
		mem_printf("read x </proc/%d/fd/%d", (int)getpid(), go[0]);
	struct errand e = begun(command, NULL);
	struct pollfd done = {.fd = e.fd, .events = POLLIN};
	struct errand_result r;

	assert_int_equal(poll(&done, 1, 50), 0);
	assert_int_equal(write(go[1], "x\n", 2), 2);
	assert_int_equal(poll(&done, 1, 40000), 1);
	errand_end(&e, &r);
	assert_int_equal(r.code, 0);
	close(go[0]);
	close(go[1]);
}

/* No hang-up of ours waits for a child that has a copy of the line. */
static void a_child_holds_nothing_of_ours(void **state)
{
	int line[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(line), 0);
	struct errand e = begun("sleep 1000", NULL);

	close(line[1]);
	struct pollfd end = {.fd = line[0], .events = POLLIN};
	assert_int_equal(poll(&end, 1, 40000), 1);
	assert_int_equal(read(line[0], &byte, 1), 0);
	close(line[0]);
	errand_drop(&e);
	assert_false(errand_is_under_way(&e));
	errand_drop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_command_ends_with_is_told),
		cmocka_unit_test(an_address_is_looked_up),
		cmocka_unit_test(we_go_on_meanwhile),
		cmocka_unit_test(a_child_holds_nothing_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
