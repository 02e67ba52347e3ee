/*
 * A folder that somebody renames in without pause: no look at it may miss a
 * message, let alone log that it was expunged.
 *
 * Listing a directory in pieces missed or repeated names in nine of ten scans
 * of such a folder (docs/architecture.md).
 */
#include "scene.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define MESSAGES 10000
#define SCANS 1000 /* each reads the directories twice, at the least */
#define SCANS_LOCKED 50
#define PASSES 4

static void message_name(
	char *to, size_t size, const char *dir, int i, const char *flags)
{
	snprintf(to, size, "%s/cur/1700%06d.M%dP1.vm,S=1,W=1:2,%s", dir, i, i,
		flags);
}

/* As Dovecot takes it: a complete file, linked. */
static void take_lock(const char *lock, const char *tmp)
{
	const struct timespec moment = {.tv_nsec = 200000};

	while (link(tmp, lock) < 0)
		nanosleep(&moment, NULL);
}

/* The child: sets and clears a flag of one message after the other. */
static _Noreturn void rename_for_ever(const char *dir, bool locking)
{
	AUTO_FREE char *lock = mem_printf("%s/dovecot-uidlist.lock", dir);
	AUTO_FREE char *tmp = mem_printf("%s/tmp/lock", dir);
	const struct timespec moment = {.tv_nsec = 200000};
	const char *flags[] = {"S", "FS"};
	unsigned seed = 1;
	static bool set[MESSAGES];
	char host[256];

	gethostname(host, sizeof(host));
	AUTO_FREE char *owner = mem_printf("%d:%s", (int)getpid(), host);
	write_text(tmp, "w", owner);
	for (;;) {
		char from[512], to[512];

		seed = seed * 1103515245 + 12345;
		int i = (int)(seed >> 8) % MESSAGES;
		message_name(from, sizeof(from), dir, i, flags[set[i]]);
		message_name(to, sizeof(to), dir, i, flags[!set[i]]);
		if (locking)
			take_lock(lock, tmp);
		if (rename(from, to) < 0)
			_exit(1);
		set[i] = !set[i];
		if (locking) {
			unlink(lock);
			nanosleep(&moment, NULL); /* others want it too */
		}
	}
}

static void fill(struct scene *s)
{
	AUTO_FREE char *list = mem_printf("%s/dovecot-uidlist", s->root);
	FILE *lines = s->plain ? NULL : fopen(list, "a");

	for (int i = 0; i < MESSAGES; i++) {
		char name[512];

		message_name(name, sizeof(name), s->root, i, "S");
		write_text(name, "w", "x");
		if (lines)
			fprintf(lines, "%d :1700%06d.M%dP1.vm,S=1,W=1\n", i + 1,
				i, i);
	}
	if (lines)
		assert_int_equal(fclose(lines), 0);
}

static pid_t begin_race(struct scene *s, bool plain)
{
	pid_t child;

	if (plain) {
		AUTO_FREE char *list =
			mem_printf("%s/dovecot-uidlist", s->root);

		assert_int_equal(unlink(list), 0);
		s->plain = true;
		s->store->ops->close(s->store);
		scene_store_open(s);
	}
	fill(s);
	pass(s);
	if (s->rc < 0)
		fail_msg("%s", s->err.text);
	AUTO_FREE char *born = news(s);
	assert_non_null(strstr(born, "save"));
	child = fork();
	if (child == 0)
		rename_for_ever(s->root, !plain);
	assert_true(child > 0);
	return child;
}

static void end_race(pid_t child)
{
	int status;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status)); /* it was at it to the end */
}

static void scan(struct scene *s, int times)
{
	for (int i = 0; i < times; i++) {
		struct store_view view = {0};

		struct err err = ERR_INIT;
		int rc = s->store->ops->view(
			s->store, "INBOX", STORE_UNLOCKED, &view, &err);
		if (rc == ERR_BUSY)
			continue; /* that is allowed to happen */
		if (rc < 0)
			fail_msg("scan %d: %s", i, err.text);
		if (view.count != MESSAGES)
			fail_msg("scan %d saw %zu messages", i, view.count);
		for (size_t k = 1; k < view.count; k++)
			assert_true(strcmp(view.messages[k - 1].base,
					    view.messages[k].base) < 0);
		store_view_free(&view);
	}
}

/* Flags are logged and nothing else. */
static void capture(struct scene *s, int times)
{
	for (int i = 0; i < times; i++) {
		pass(s);
		/* Such a folder may be busy; it is looked at again. */
		if (s->rc < 0 && s->rc != ERR_BUSY)
			fail_msg("pass %d: %s", i, s->err.text);
		AUTO_FREE char *got = news(s);
		for (char *line = strtok(got, "\n"); line;
			line = strtok(NULL, "\n"))
			if (strncmp(line, "INBOX flags ", 12) != 0)
				fail_msg("pass %d logged: %s", i, line);
	}
}

static void no_scan_of_a_plain_maildir_misses_a_message(void **state)
{
	struct scene *s = *state;
	pid_t child = begin_race(s, true);

	scan(s, SCANS);
	capture(s, PASSES);
	end_race(child);
}

static void no_scan_beside_the_servers_lock_misses_a_message(void **state)
{
	struct scene *s = *state;
	pid_t child = begin_race(s, false);

	scan(s, SCANS_LOCKED);
	capture(s, PASSES);
	end_race(child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_scan_of_a_plain_maildir_misses_a_message),
		T(no_scan_beside_the_servers_lock_misses_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
