/*
 * sim: histories of several sites, each made of its seed, run and judged.
 *
 *	sim [--from SEED] [--count N]  run these histories (1, 100)
 *	sim --disasters                with lost, restored, cloned states and mail
 *	sim --oneway                   with peers that never answer
 *	sim --views                    with peers that are shown a part
 *	sim --twice                    each twice, and compare the hashes
 *	sim --seconds N                until then, however many
 *	sim --print                    print the histories, do not run them
 *	sim --replay FILE...           run histories that were written down
 *	sim --sweep --replay FILE...   with what befalls them at every call
 *	sim --trace                    tell of every event
 *	sim --calls                    and of every file-changing call
 *	sim --first                    stop at the first that fails, as it is
 *	sim --no-shrink                a failing history as it is
 *
 * A history that fails is shrunk and printed, to be kept in a file and
 * replayed. Histories run in a child: one that crashes is a failure of the
 * kind "died". Exit code: 0, or 1 when one failed.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "err.h"
#include "key.h"
#include "os.h"
#include "shrink.h"
#include "sweep.h"
#include "world.h"

#define SHRINK_TRIES 2000
#define FAILURES_MAX 5
#define HANG_S 120
#define EVENTS_MAX 512 /* of a history that is swept */

/* What the child leaves for its parent. */
struct shared {
	uint64_t seed; /* being run */
	uint64_t told; /* that ended with sites unequal, and somebody told */
	struct outcome outcome;
	/* Of a sweep: how many, and where in the one that failed. */
	uint64_t runs, faults_at[EVENTS_MAX];
};

struct options {
	uint64_t from, count;
	double seconds;
	struct history_kind kind;
	bool first, twice, print, calls, trace, no_shrink, replay, sweep;
};

struct sim {
	struct options options;
	struct shared *shared;
	double until; /* 0: no end */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Run fn in a child. Returns false if it died; then outcome says so. */
static bool in_child(struct sim *s, void (*fn)(struct sim *s, const void *arg),
	const void *arg)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid == 0) {
		fn(s, arg);
		fflush(NULL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	snprintf(s->shared->outcome.what, sizeof(s->shared->outcome.what),
		"died");
	snprintf(s->shared->outcome.why, sizeof(s->shared->outcome.why),
		WIFSIGNALED(status) ? "of signal %d" : "with code %d",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return false;
}

/* ---- one history ---- */

static void run_one(struct sim *s, const void *arg)
{
	alarm(HANG_S);
	world_run(arg, s->options.trace ? stdout : NULL, s->options.calls,
		&s->shared->outcome);
}

/* A crash is looked for without its last words. */
static void run_quietly(struct sim *s, const void *arg)
{
	if (!freopen("/dev/null", "w", stderr))
		return;
	s->options.trace = false;
	run_one(s, arg);
}

static uint64_t run_swept(void *arg, const struct history *h)
{
	struct sim *s = arg;
	struct outcome *o = &s->shared->outcome;

	alarm(HANG_S);
	for (size_t i = 0; i < h->count; i++)
		s->shared->faults_at[i] = h->events[i].fault_at;
	world_run(h, NULL, false, o);
	return o->what[0] ? 0 : o->hash | 1;
}

/* In a child: where it ended is found in what is shared. */
static void run_sweep(struct sim *s, const void *arg)
{
	const struct history *from = arg;
	struct history h = {0};

	for (size_t i = 0; i < from->count; i++)
		history_add(&h, &from->events[i]);
	s->shared->runs = sweep(&h, run_swept, s);
	history_free(&h);
}

static void sweep_one(struct sim *s, struct history *h)
{
	in_child(s, run_sweep, h);
	for (size_t i = 0; s->shared->outcome.what[0] && i < h->count; i++)
		h->events[i].fault_at = s->shared->faults_at[i];
}

static bool fails(void *arg, const struct history *h, const char *what)
{
	struct sim *s = arg;

	s->shared->outcome = (struct outcome){.at = 0};
	in_child(s, run_quietly, h);
	return strcmp(s->shared->outcome.what, what) == 0;
}

static void report(struct sim *s, struct history *h, const char *name)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct outcome o = s->shared->outcome;
	size_t before = h->count;

	printf("%s: %s: %s\n", name, o.what, o.why);
	fflush(stdout);
	if (!s->options.no_shrink) {
		shrink(h, o.what, SHRINK_TRIES, fails, s);
		fails(s, h, o.what);
		printf("shrunk from %zu events to %zu: %s: %s\n", before,
			h->count, s->shared->outcome.what,
			s->shared->outcome.why);
	}
	history_print(h, &text);
	printf("---- sim --replay - <<'END'\n%sEND\n", buf_str(&text));
}

/* ---- many ---- */

static bool time_is_up(const struct sim *s)
{
	return s->until > 0 && now() > s->until;
}

/* Until the first that fails; then the shared outcome says how. */
static void run_many(struct sim *s, const void *arg)
{
	const uint64_t *end = arg;
	struct shared *shared = s->shared;

	for (; shared->seed < *end && !time_is_up(s); shared->seed++) {
		struct outcome *o = &shared->outcome, again;
		struct history h;

		alarm(HANG_S);
		history_make(shared->seed, &s->options.kind, &h);
		world_run(&h, s->options.trace ? stdout : NULL,
			s->options.calls, o);
		if (s->options.twice && !o->what[0]) {
			world_run(&h, NULL, false, &again);
			if (again.hash != o->hash)
				strcpy(o->what, "twice");
		}
		if (s->options.trace || s->options.twice)
			printf("%" PRIu64 " %016" PRIx64 "\n", shared->seed,
				o->hash);
		history_free(&h);
		shared->told += o->told;
		if (o->what[0])
			return;
	}
}

static int run_seeds(struct sim *s)
{
	const struct options *o = &s->options;
	uint64_t end = o->seconds > 0 ? UINT64_MAX : o->from + o->count;
	uint64_t failed = 0, done;
	double start = now();

	s->shared->seed = o->from;
	while (s->shared->seed < end && !time_is_up(s)) {
		char name[40];
		struct history h;

		s->shared->outcome = (struct outcome){.at = 0};
		in_child(s, run_many, &end);
		if (!s->shared->outcome.what[0])
			break;
		snprintf(name, sizeof(name), "seed %" PRIu64, s->shared->seed);
		history_make(s->shared->seed, &o->kind, &h);
		report(s, &h, name);
		history_free(&h);
		s->shared->seed++;
		if (++failed == FAILURES_MAX || o->first)
			break;
	}
	done = s->shared->seed - o->from;
	printf("%" PRIu64 " histories from seed %" PRIu64 ", %" PRIu64
	       " failed, %" PRIu64 " told of it, %.1f s\n",
		done, o->from, failed, s->shared->told, now() - start);
	return failed > 0;
}

static int print_seeds(const struct options *o)
{
	for (uint64_t seed = o->from; seed < o->from + o->count; seed++) {
		AUTO_BUF struct buf text = BUF_INIT;
		struct history h;

		history_make(seed, &o->kind, &h);
		history_print(&h, &text);
		printf("# seed %" PRIu64 "\n%s", seed, buf_str(&text));
		history_free(&h);
	}
	return 0;
}

/* Returns 0; 1: it failed; 2: it is none. */
static int replay(struct sim *s, const char *name)
{
	AUTO_BUF struct buf text = BUF_INIT;
	FILE *f = strcmp(name, "-") ? fopen(name, "r") : stdin;
	struct history h;
	size_t n, line;

	if (!f) {
		perror(name);
		return 2;
	}
	while ((n = fread(buf_room(&text, 4096), 1, 4096, f)) > 0)
		text.len += n;
	if (f != stdin)
		fclose(f);
	line = history_parse(buf_str(&text), &h);
	if (line) {
		fprintf(stderr, "%s: line %zu is no event\n", name, line);
		history_free(&h);
		return 2;
	}
	s->shared->outcome = (struct outcome){.at = 0};
	if (s->options.sweep && h.count <= EVENTS_MAX)
		sweep_one(s, &h);
	else
		in_child(s, run_one, &h);
	bool failed = s->shared->outcome.what[0] != '\0';
	if (failed)
		report(s, &h, name);
	else if (s->options.sweep)
		printf("%s: %" PRIu64 " times\n", name, s->shared->runs);
	else
		printf("%s: %zu events, hash %016" PRIx64 "\n", name, h.count,
			s->shared->outcome.hash);
	history_free(&h);
	return failed;
}

static int replay_all(struct sim *s, char *const *names, size_t count)
{
	int worst = count ? 0 : 2;

	for (size_t i = 0; i < count; i++) {
		int code = replay(s, names[i]);

		worst = code > worst ? code : worst;
	}
	return worst;
}

/* ---- options ---- */

static int usage(void)
{
	fprintf(stderr, "usage: sim [--from SEED] [--count N] [--seconds N] "
			"[--disasters] [--oneway] [--views] "
			"[--twice] [--print] [--trace] [--calls] "
			"[--first] [--no-shrink] "
			"[[--sweep] --replay FILE...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{"from", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 's'},
		{"disasters", no_argument, NULL, 'd'},
		{"oneway", no_argument, NULL, 'o'},
		{"views", no_argument, NULL, 'v'},
		{"twice", no_argument, NULL, '2'},
		{"print", no_argument, NULL, 'p'},
		{"trace", no_argument, NULL, 't'},
		{"calls", no_argument, NULL, 'l'},
		{"first", no_argument, NULL, '1'},
		{"no-shrink", no_argument, NULL, 'n'},
		{"sweep", no_argument, NULL, 'w'},
		{"replay", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	struct sim s = {.options = {.from = 1, .count = 100}};
	struct options *o = &s.options;
	int opt;

	while ((opt = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (opt) {
		case 'f':
			o->from = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			o->count = strtoull(optarg, NULL, 10);
			break;
		case 's':
			o->seconds = atof(optarg);
			break;
		case 'd':
			o->kind.disasters = true;
			break;
		case 'o':
			o->kind.oneway = true;
			break;
		case 'v':
			o->kind.views = true;
			break;
		case '2':
			o->twice = true;
			break;
		case 'p':
			o->print = true;
			break;
		case 't':
			o->trace = true;
			break;
		case 'l':
			o->trace = o->calls = true;
			break;
		case '1':
			o->first = o->no_shrink = true;
			break;
		case 'n':
			o->no_shrink = true;
			break;
		case 'w':
			o->sweep = true;
			break;
		case 'r':
			o->replay = true;
			break;
		default:
			return usage();
		}
	}
	if (optind < argc && !o->replay)
		return usage();
	if (key_start(NULL) < 0)
		return 1;
	/* One thread, and nobody asks how much memory is in use. */
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	s.shared = mmap(NULL, sizeof(*s.shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.shared == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	if (o->seconds > 0)
		s.until = now() + o->seconds;
	if (o->replay)
		return replay_all(&s, argv + optind, (size_t)(argc - optind));
	return o->print ? print_seeds(o) : run_seeds(&s);
}
