/*
 * Exit codes, log lines, signals and the service manager's socket.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "err.h"
#include "program.h"

static void an_error_code_asks_for_an_exit_code(void **state)
{
	static const int cases[][2] = {{ERR_NONE, 0}, {ERR_IO, 1},
		{ERR_TORN, 1}, {ERR_CORRUPT, 1}, {ERR_USAGE, 2},
		{ERR_CONFLICT, 1}, {ERR_AUTH, 1}, {ERR_BUSY, 4}, {ERR_LIMIT, 1},
		{ERR_ABSENT, 4}, {ERR_OPERATOR, 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = {.code = cases[i][0]};

		assert_int_equal(exit_for(&err), cases[i][1]);
	}
}

static void one_is_worse_than_two_than_three_than_four_than_none(void **state)
{
	static const int order[] = {0, 4, 3, 2, 1};

	(void)state;
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 5; j++)
			assert_int_equal(exit_worse(order[i], order[j]),
				order[i > j ? i : j]);
	assert_int_equal(exit_worse(2, 77), 77);
}

/* What a logger writes to stderr. */
static void said(
	struct logger *l, enum log_level level, const char *text, char ret[512])
{
	int saved = dup(STDERR_FILENO), ends[2];
	ssize_t len;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_say(l, level, "%s", text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	len = read(ends[0], ret, 511);
	close(ends[0]);
	ret[len > 0 ? len : 0] = '\0';
}

static void log_lines_name_the_program_and_obey_the_level(void **state)
{
	struct logger l;
	char text[512];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	logger_open(&l, "packetboat", false);
	said(&l, LOG_LEVEL_INFO, "hello", text);
	assert_string_equal(text, "packetboat: hello\n");
	said(&l, LOG_LEVEL_DEBUG, "hello", text);
	assert_string_equal(text, "");
	l.most = LOG_LEVEL_WARNING;
	said(&l, LOG_LEVEL_INFO, "hello", text);
	assert_string_equal(text, "");
	l.most = LOG_LEVEL_DEBUG;
	said(&l, LOG_LEVEL_DEBUG, "hello", text);
	assert_string_equal(text, "packetboat: hello\n");
	logger_close(&l);
}

static void control_bytes_cannot_make_a_second_line(void **state)
{
	struct logger l;
	char text[512];

	(void)state;
	logger_open(&l, "p", false);
	said(&l, LOG_LEVEL_ERROR, "a\nb\033[31m\177", text);
	assert_string_equal(text, "p: a?b?[31m?\n");
	logger_close(&l);
}

static void the_journal_gets_levels_only_if_it_is_the_journal(void **state)
{
	struct logger l;
	struct stat st;
	char text[512], stream[64];

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
		(unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	logger_open(&l, "p", false);
	said(&l, LOG_LEVEL_WARNING, "careful", text);
	assert_string_equal(text, "<4>careful\n");
	setenv("JOURNAL_STREAM", "1:1", 1);
	logger_open(&l, "p", false);
	said(&l, LOG_LEVEL_WARNING, "careful", text);
	assert_string_equal(text, "p: careful\n");
	unsetenv("JOURNAL_STREAM");
}

static void a_progress_line_is_cleared_before_a_log_line(void **state)
{
	struct logger l;
	char text[512];

	(void)state;
	logger_open(&l, "p", false);
	l.progress_shown = true;
	said(&l, LOG_LEVEL_INFO, "x", text);
	assert_string_equal(text, "\r\033[Kp: x\n");
	said(&l, LOG_LEVEL_INFO, "y", text);
	assert_string_equal(text, "p: y\n");
}

static void progress_is_silent_without_a_terminal(void **state)
{
	struct logger l;
	struct progress p;
	int saved = dup(STDERR_FILENO), ends[2];
	char byte;

	(void)state;
	logger_open(&l, "p", false);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	progress_begin(&p, &l, "work", 10);
	p.start_ms -= 10000;
	progress_step(&p, 5);
	progress_end(&p);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(read(ends[0], &byte, 1), -1);
	close(ends[0]);
	close(ends[1]);
	assert_false(l.progress_shown);
}

static void a_signal_is_wanted_from_then_on(void **state)
{
	struct stop_signal s;
	sigset_t set, before;

	(void)state;
	sigprocmask(SIG_BLOCK, NULL, &before);
	assert_int_equal(stop_open(&s, NULL), 0);
	assert_false(stop_wanted(&s));
	raise(SIGTERM);
	assert_true(stop_wanted(&s));
	assert_true(stop_wanted(&s));
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	assert_int_equal(sigwaitinfo(&set, NULL), SIGTERM);
	stop_close(&s);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void a_hangup_is_wanted_once_and_not_on_a_terminal(void **state)
{
	struct reload_signal s;
	sigset_t before;
	int saved = dup(STDERR_FILENO), ends[2];
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);

	(void)state;
	sigprocmask(SIG_BLOCK, NULL, &before);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	assert_int_equal(reload_open(&s, NULL), 0);
	assert_false(reload_wanted(&s));
	raise(SIGHUP);
	assert_true(reload_wanted(&s));
	assert_false(reload_wanted(&s));
	reload_close(&s);
	assert_int_equal(unlockpt(terminal), 0);
	int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	dup2(slave, STDERR_FILENO);
	assert_int_equal(reload_open(&s, NULL), 0);
	assert_int_equal(s.fd, -1);
	assert_false(reload_wanted(&s));
	dup2(saved, STDERR_FILENO);
	close(slave);
	close(terminal);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void a_round_says_what_the_one_before_did_not(void **state)
{
	struct logger l;
	char text[512];

	(void)state;
	logger_open(&l, "p", false);
	said(&l, LOG_LEVEL_WARNING, "w", text);
	said(&l, LOG_LEVEL_WARNING, "w", text);
	assert_string_equal(text, "p: w\n");
	log_round(&l);
	said(&l, LOG_LEVEL_WARNING, "w", text);
	assert_string_equal(text, "p: w\n");
	for (int i = 0; i < 3; i++) {
		log_round(&l);
		said(&l, LOG_LEVEL_WARNING, "w", text);
		assert_string_equal(text, "");
		said(&l, LOG_LEVEL_INFO, "i", text);
		assert_string_equal(text, "p: i\n");
	}
	said(&l, LOG_LEVEL_ERROR, "e", text);
	assert_string_equal(text, "p: e\n");
	/* A round without it, and it is news. */
	log_round(&l);
	log_round(&l);
	said(&l, LOG_LEVEL_WARNING, "w", text);
	assert_string_equal(text, "p: w\n");
	/* An hour is long enough. */
	log_round(&l);
	l.repeats[0].said_ms -= 3600000;
	said(&l, LOG_LEVEL_WARNING, "w", text);
	assert_string_equal(text, "p: w\n");
	logger_close(&l);
}

static void the_manager_is_told_if_there_is_one(void **state)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char text[64] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_manager("READY=1");
	snprintf(to.sun_path, sizeof(to.sun_path), "/tmp/test_notify.%ld",
		(long)getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	setenv("NOTIFY_SOCKET", to.sun_path, 1);
	notify_manager("READY=1");
	assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 7);
	assert_string_equal(text, "READY=1");
	unlink(to.sun_path);
	close(fd);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_code_asks_for_an_exit_code),
		cmocka_unit_test(
			one_is_worse_than_two_than_three_than_four_than_none),
		cmocka_unit_test(log_lines_name_the_program_and_obey_the_level),
		cmocka_unit_test(control_bytes_cannot_make_a_second_line),
		cmocka_unit_test(
			the_journal_gets_levels_only_if_it_is_the_journal),
		cmocka_unit_test(a_progress_line_is_cleared_before_a_log_line),
		cmocka_unit_test(progress_is_silent_without_a_terminal),
		cmocka_unit_test(a_signal_is_wanted_from_then_on),
		cmocka_unit_test(a_hangup_is_wanted_once_and_not_on_a_terminal),
		cmocka_unit_test(a_round_says_what_the_one_before_did_not),
		cmocka_unit_test(the_manager_is_told_if_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
