/*
 * child: another program, run to its end: what carriers leave to programs that
 * do it better (rsync).
 */
#ifndef PB_CHILD_H
#define PB_CHILD_H

struct err;

/* Who watches what a program does while it runs. */
struct child_guard {
	/* Asked ten times a second. An error: the program is ended, and
	   child_run returns that. */
	int (*look)(void *arg, struct err *err);
	void *arg;
};

/*
 * Run argv[0], looked for in $PATH, with an empty standard input and signals as
 * a shell would give them; it ends with this process. Its standard output goes
 * to standard error where that is a terminal. What it says there otherwise is
 * kept: its last line in *ret_said, or the last that begins with none of `dull`
 * (prefixes, NULL behind the last), if there is one; freed by the caller, "" if
 * it said nothing. Not set where an error comes back. guard may be NULL.
 *
 * Returns its exit code, 128 + n where signal n ended it.
 * Errors: ERR_USAGE: it is not installed; ERR_IO; the guard's.
 */
int child_run(const char *const *argv, const char *const *dull,
	const struct child_guard *guard, char **ret_said, struct err *err);

#endif
