/*
 * programs: write, ship and apply are programs of their own, with rights of
 * their own; they lie beside this one. sync runs them one after the other.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "err.h"
#include "front.h"
#include "status_metrics.h"

#define PATH_BYTES 4096
#define ARGS_MAX 8 /* our own, before the caller's */

static const struct {
	const char *command, *program;
	const char *how; /* an option that says which of its works; NULL */
} programs[] = {
	{"write", "packetboat-writer", NULL},
	{"scan", "packetboat-writer", "--scan"},
	{"give", "packetboat-writer", "--give"}, /* of `account` */
	{"ship", "packetboat-shipper", NULL},
	{"apply", "packetboat-applier", NULL},
};

/* Path of the program for a command: in the directory that we run from. */
static int find_program(const char *command, char **ret, struct err *err)
{
	char self[PATH_BYTES];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *name = NULL;
	char *slash;

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (strcmp(programs[i].command, command) == 0)
			name = programs[i].program;
	if (len < 0)
		return err_set_os(err, errno,
			"finding %s: /proc/self/exe (is /proc mounted?)", name);
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	*ret = mem_printf("%s/%s", self, name);
	if (access(*ret, X_OK) == 0)
		return 0;
	return err_set(err, ERR_IO, "%s: %s (is the package whole?)", *ret,
		strerror(errno));
}

/* The program's arguments: ours, then the caller's; NULL-ended, from malloc */
static char **make_args(
	struct front *f, const char *command, char *path, int argc, char **argv)
{
	char **args = mem_array((size_t)argc + ARGS_MAX, sizeof(*args));
	static char c[] = "-c", q[] = "-q", v[] = "-v";
	size_t n = 0;

	args[n++] = path;
	if (f->config_given) {
		args[n++] = c;
		args[n++] = f->config_given;
	}
	if (f->quiet)
		args[n++] = q;
	if (f->verbose)
		args[n++] = v;
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (programs[i].how &&
			strcmp(programs[i].command, command) == 0)
			args[n++] = (char *)(uintptr_t)programs[i].how;
	for (int i = 0; i < argc; i++)
		args[n++] = argv[i];
	return args;
}

int command_program(struct front *f, int argc, char **argv)
{
	AUTO_FREE char *path = NULL;
	struct err err = ERR_INIT;
	char **args;

	if (find_program(argv[0], &path, &err) < 0)
		return front_fail(f, &err);
	args = make_args(f, argv[0], path, argc - 1, argv + 1);
	execv(path, args);
	err_set_os(&err, errno, "running %s", path);
	free(args);
	return front_fail(f, &err);
}

/* ---- sync ---- */

struct sync {
	struct front *front;
	sigset_t caught, before; /* signals we wait for; the caller's mask */
	bool stopped;
	int code;
};

/* Wait for a child; a signal to end us goes on to it. Returns its status. */
static int wait_child(struct sync *s, pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		int sig = sigwaitinfo(&s->caught, NULL);

		if (sig == SIGINT || sig == SIGTERM) {
			s->stopped = true;
			kill(pid, sig);
		}
	}
	return status;
}

static int exit_of(struct sync *s, const char *command, int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_say(&s->front->log, LOG_LEVEL_ERROR,
		"error: %s: ended by signal %d", command, WTERMSIG(status));
	return EXIT_FAILED;
}

static int run_program(
	struct sync *s, const char *command, int argc, char **argv)
{
	AUTO_FREE char *path = NULL;
	struct err err = ERR_INIT;
	pid_t pid;

	if (find_program(command, &path, &err) < 0)
		return front_fail(s->front, &err);
	pid = fork();
	if (pid < 0) {
		err_set_os(&err, errno, "starting %s", path);
		return front_fail(s->front, &err);
	}
	if (pid == 0) {
		char **args = make_args(s->front, command, path, argc, argv);

		sigprocmask(SIG_SETMASK, &s->before, NULL);
		execv(path, args);
		err_set_os(&err, errno, "running %s", path);
		_exit(front_fail(s->front, &err));
	}
	return exit_of(s, command, wait_child(s, pid));
}

/* One step; nothing more runs after a stop or a wrong configuration. */
static void step(struct sync *s, const char *command, int argc, char **argv)
{
	if (s->stopped || s->code == EXIT_WRONG_USAGE)
		return;
	log_say(&s->front->log, LOG_LEVEL_DEBUG, "sync: %s", command);
	s->code = exit_worse(s->code, run_program(s, command, argc, argv));
}

static bool has_calls(struct front *f)
{
	struct config c;
	bool any = false;

	if (front_config(f, &c, NULL) < 0)
		return false; /* each step said so */
	for (size_t i = 0; i < c.peer_count; i++)
		for (size_t k = 0; k < c.peers[i].link_count; k++)
			any = any || config_is_call(&c.peers[i].links[k]);
	config_free(&c);
	return any;
}

static void write_figures(struct sync *s)
{
	struct config c;
	struct err err = ERR_INIT;

	if (front_config(s->front, &c, NULL) < 0)
		return; /* each step said so */
	bool wanted = c.metrics;
	config_free(&c);
	if (!wanted || status_figures(s->front->config_given, &err) >= 0)
		return;
	log_err(&s->front->log, &err);
	s->code = exit_worse(s->code, EXIT_OPERATOR);
}

int command_sync(struct front *f, int argc, char **argv)
{
	struct sync s = {.front = f};

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return front_usage(f, "sync");
	sigemptyset(&s.caught);
	sigaddset(&s.caught, SIGINT);
	sigaddset(&s.caught, SIGTERM);
	sigaddset(&s.caught, SIGCHLD);
	sigprocmask(SIG_BLOCK, &s.caught, &s.before);
	/* What came is heard before anything is handed over: what the peer
	   has by now is not sent again, and our acknowledgements go along. */
	char collect[] = "--collect", hand_over[] = "--hand-over";
	char *first[] = {collect, argc > 1 ? argv[1] : NULL};
	char *last[] = {hand_over, argc > 1 ? argv[1] : NULL};
	step(&s, "write", 0, NULL);
	step(&s, "ship", argc, first);
	step(&s, "apply", 0, NULL);
	step(&s, "ship", argc, last);
	/* What is dialled for is dialled for once: it brought something. */
	if (has_calls(f))
		step(&s, "apply", 0, NULL);
	sigprocmask(SIG_SETMASK, &s.before, NULL);
	if (!s.stopped)
		write_figures(&s);
	return s.stopped ? exit_worse(s.code, EXIT_FAILED) : s.code;
}
