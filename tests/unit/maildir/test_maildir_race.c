/*
 * unlocked views never miss a message: a process renames flags without pause,
 * moves mail from new/ to cur/ and delivers, in a real directory, while views
 * are taken.
 *
 *	test_maildir_race [MESSAGES VIEWS]	default 500 60
 */
#include "maildir_test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "maildir_private.h"

static unsigned int messages = 500, views = 60;
static char root[64];

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* One message in ten is still in new/. */
static void name_of(unsigned int i, int state, char *to, size_t len)
{
	static const char *const flags[] = {"", "S", "FS", "F"};

	if (state < 0)
		snprintf(to, len, "%s/new/%u.M1P1.race", root, 1000000 + i);
	else
		snprintf(to, len, "%s/cur/%u.M1P1.race:2,%s", root, 1000000 + i,
			flags[state]);
}

static int first_state(unsigned int i)
{
	return i % 10 == 0 ? -1 : 0;
}

static void fill(void)
{
	char path[200];

	for (unsigned int i = 0; i < messages; i++) {
		name_of(i, first_state(i), path, sizeof(path));
		touch(path);
	}
}

/* Never stops by itself. */
static void rename_for_ever(void)
{
	int *state = mem_array(messages, sizeof(*state));
	uint32_t seed = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; i < messages; i++)
		state[i] = first_state(i);
	for (;;) {
		char from[200], to[200];
		unsigned int i;

		seed = seed * 1664525 + 1013904223;
		i = (seed >> 8) % messages;
		/* Moves out of new/ are spread over the time of the test. */
		if (state[i] < 0 && seed >> 28)
			continue;
		name_of(i, state[i], from, sizeof(from));
		state[i] = (state[i] + 1) % 4;
		name_of(i, state[i], to, sizeof(to));
		if (rename(from, to) < 0)
			_exit(1);
	}
}

static void check_view(struct store *s)
{
	struct store_view v = {0};
	struct err err = ERR_INIT;

	assert_done(s->ops->view(s, "INBOX", STORE_UNLOCKED, &v, &err), err);
	assert_int_equal(v.count, messages);
	for (size_t i = 0; i < v.count; i++) {
		char base[64];

		snprintf(base, sizeof(base), "%zu.M1P1.race", 1000000 + i);
		assert_string_equal(v.messages[i].base, base);
		assert_false(v.messages[i].doubled);
	}
	store_view_free(&v);
}

static void unlocked_views_never_miss_a_message(void **state)
{
	struct store *s = *state;
	pid_t child;
	int status;

	fill();
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		rename_for_ever();
	for (unsigned int i = 0; i < views; i++)
		check_view(s);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
}

static int setup(void **state)
{
	snprintf(root, sizeof(root), "/tmp/packetboat-race-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	*state = open_maildir(os_real(), root, MAILDIR_PLUSPLUS, false);
	return 0;
}

static int teardown(void **state)
{
	struct store *s = *state;

	s->ops->close(s);
	return dir_remove(os_real(), root, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(unlocked_views_never_miss_a_message),
	};

	if (argc == 3) {
		messages = (unsigned int)strtoul(argv[1], NULL, 10);
		views = (unsigned int)strtoul(argv[2], NULL, 10);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
