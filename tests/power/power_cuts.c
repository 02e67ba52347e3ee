/*
 * power_cuts: the power is cut at every file-changing call of the whole way
 * between two sites (twosites.h), and of what the mail server does in between;
 * after a restart what was promised is there, and going on makes the sites
 * equal.
 *
 *	power_cuts [--count N] [--seed N] [CASE...]
 *	power_cuts --all
 *
 * A case is CALL:MODE:DICE, e.g. 1234:torn:0, and the same every time; DICE
 * decides what is left to chance. Without a case as many as --count says, in an
 * order of the seed's. With --all every one that the file named by $PB_COVERED
 * does not list yet, then the same with other dice, for $PB_SECONDS.
 * Modes: lost (nothing that was not fsynced stays), kept (all of it does),
 * torn (each write, and of each directory a beginning, stays or not), ordered
 * (the same with one beginning of all that was done to directories), behind
 * (all is kept, but every UID list of both sites lacks its last line).
 * A torn cut of a deletion may want an operator's word (ask_operator).
 * With odd dice nobody opens a mailbox before the programs go on.
 *
 * planted: a capture that does not sync the mail's directories before it logs
 * (pass_commit), and a log whose end is recorded, and so shipped, before it is
 * durable (log_writer_sync); each found within 300 cases of seed 1.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture.h"
#include "err.h"
#include "hash.h"
#include "twosites.h"

#define NS_PER_S INT64_C(1000000000)
#define DELETED "Old" /* by the user, in one of the trips */
#define ROUNDS 3 /* after a restart, until the sites are equal */

static const struct {
	const char *name;
	enum simdisk_cut how;
	bool behind;
} modes[] = {{"lost", SIMDISK_ALL_LOST, false},
	{"kept", SIMDISK_ALL_KEPT, false}, {"torn", SIMDISK_RANDOM, false},
	{"ordered", SIMDISK_ORDERED, false},
	{"behind", SIMDISK_ALL_KEPT, true}};
#define MODES (sizeof(modes) / sizeof(*modes))
#define START_S 3 /* how long a machine takes to start */
#define FAILURES_MAX 20
#define DICE_MAX 1000000

/* The disk as it is before a part of the run: the server's, or a step. */
struct point {
	struct sites sites; /* on a disk of its own */
	struct promises promises;
	int trip;
	int step;	       /* -1: the mail server */
	uint64_t first, count; /* calls */
};

struct run {
	struct point points[MAILUSER_TRIPS * (STEP_COUNT + 1)];
	size_t point_count;
	uint64_t calls;
};

/* ---- undisturbed ---- */

/* Everything settles: what is stamped now is no longer fresh. */
static void pause_for(struct sites *s, int64_t seconds)
{
	simdisk_pass(s->disk, seconds * NS_PER_S);
}

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

static void note_point(struct run *r, const struct sites *s,
	const struct promises *p, int trip, int step)
{
	struct point *to = &r->points[r->point_count++];

	*to = (struct point){.trip = trip, .step = step, .first = r->calls};
	sites_on(&to->sites, s, simdisk_clone(s->disk));
	to->promises = promises_copy(p);
}

static void end_point(struct run *r, const struct sites *s, uint64_t before)
{
	struct point *p = &r->points[r->point_count - 1];

	p->count = simdisk_calls(s->disk) - before;
	r->calls += p->count;
}

static void run_undisturbed(struct run *r)
{
	struct promises p = {0};
	struct err err = ERR_INIT;
	struct sites s;

	sites_make(&s, simdisk_new(1));
	simdisk_power_cut_mode(s.disk, SIMDISK_ALL_KEPT, 1);
	for (int trip = 0; trip < MAILUSER_TRIPS; trip++) {
		uint64_t before = simdisk_calls(s.disk);

		/* What the user takes away is no promise any more. */
		promises_forget(&p);
		note_point(r, &s, &p, trip, -1);
		mailuser_trip(&s.user, trip);
		end_point(r, &s, before);
		for (int step = 0; step < STEP_COUNT; step++) {
			pause_for(&s, 3);
			note_point(r, &s, &p, trip, step);
			before = simdisk_calls(s.disk);
			if (sites_step(&s, (enum step)step, &p, &err) < 0 ||
				sites_uids(&s, &p, &err) < 0)
				die("undisturbed", &err);
			end_point(r, &s, before);
		}
		if (sites_equal(&s, &err) < 0)
			die("undisturbed", &err);
	}
	promises_free(&p);
	simdisk_free(s.disk);
}

/* ---- a cut ---- */

static const struct point *point_of(const struct run *r, uint64_t call)
{
	for (size_t i = r->point_count; i-- > 0;)
		if (call > r->points[i].first)
			return &r->points[i];
	return &r->points[0];
}

struct cut {
	uint64_t call;
	size_t mode;
	uint64_t dice;
};

/*
 * DELETED was renamed away, and then removed. Where a disk keeps what was
 * removed of it and not that it was renamed, it is there, empty, and the server
 * gives it another UIDVALIDITY: as if it had been restored from an older copy.
 * That is for a person to say, who says that it is right so. 1: said.
 */
static int ask_operator(
	struct sites *s, const struct cut *c, const struct err *why)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	struct account a;
	struct err err = ERR_INIT;

	if (why->code != ERR_OPERATOR || modes[c->mode].how != SIMDISK_RANDOM ||
		!mailuser_is_empty(&s->user, DELETED))
		return 0;
	if (account_open(&a, s->os, "/a", ACCOUNT, s->a.pub.origin, false,
		    &err) < 0)
		return 0;
	int rc = replica_folder_by_path(
		a.replica, DELETED, &arena, &f, &err);
	bool said = rc == 0 && *f.stopped;

	if (said)
		rc = replica_begin(a.replica, &err);
	if (said && rc >= 0)
		rc = capture_accept_folder(&a, &f, &err);
	if (said && rc >= 0)
		rc = replica_commit(a.replica, &err);
	account_close(&a);
	return said && rc >= 0;
}

/* From where it was cut to the end of the trip, and round again. */
static int go_on(struct sites *s, const struct promises *p,
	const struct cut *c, int step, struct err *err)
{
	int rc = 0;

	if (step < 0)
		step = 0;
	for (int round = 0; round < ROUNDS; round++) {
		for (; step < STEP_COUNT; step++) {
			pause_for(s, 3);
			rc = sites_step(s, (enum step)step, NULL, err);
			if (rc < 0 && ask_operator(s, c, err))
				rc = sites_step(s, (enum step)step, NULL, err);
			if (rc < 0)
				return rc;
		}
		step = 0;
		rc = sites_uids(s, p, err);
		if (rc < 0)
			return rc;
		/* Somebody opens the mailboxes at last. */
		mailuser_heal(&s->user);
	}
	return sites_equal(s, err);
}

static void restart(struct sites *s, const struct cut *c)
{
	struct mailuser target = {.os = s->os, .root = "/bm"};

	simdisk_power_cut_mode(s->disk, modes[c->mode].how,
		c->call + c->dice * UINT64_C(0x9e3779b97f4a7c15));
	simdisk_set_pid(s->disk, 2000);
	pause_for(s, START_S);
	if (modes[c->mode].behind) {
		mailuser_lose_lines(&s->user);
		mailuser_lose_lines(&target);
	}
	if (c->dice % 2 == 0)
		mailuser_heal(&s->user);
}

static int try_cut(const struct run *r, const struct cut *c, struct err *err)
{
	const struct point *at = point_of(r, c->call);
	struct promises p = promises_copy(&at->promises);
	struct err ignored = ERR_INIT;
	struct sites s;
	int rc;

	sites_on(&s, &at->sites, simdisk_clone(at->sites.disk));
	simdisk_stop_at(s.disk, c->call - at->first);
	if (at->step < 0)
		mailuser_trip(&s.user, at->trip);
	else
		sites_step(&s, (enum step)at->step, &p, &ignored);
	restart(&s, c);
	rc = sites_check(&s, &p, err);
	if (rc < 0)
		err_wrap(err, "after the restart");
	else
		rc = go_on(&s, &p, c, at->step, err);
	if (rc >= 0 && simdisk_open_files(s.disk))
		rc = err_set(err, ERR_IO, "files left open");
	promises_free(&p);
	simdisk_free(s.disk);
	return rc;
}

/* ---- cases ---- */

/* Without dice there is one number for each call and mode. */
static struct cut cut_of(uint64_t number, uint64_t dice)
{
	return (struct cut){number / MODES + 1, number % MODES, dice};
}

static char *cut_name(const struct cut *c)
{
	return mem_printf("%" PRIu64 ":%s:%" PRIu64, c->call,
		modes[c->mode].name, c->dice);
}

/* Returns false if there is no such case. */
static bool cut_named(const struct run *r, const char *name, struct cut *ret)
{
	char *end;

	ret->call = strtoull(name, &end, 10);
	if (*end != ':' || ret->call < 1 || ret->call > r->calls)
		return false;
	name = end + 1;
	for (size_t m = 0; m < MODES; m++) {
		size_t len = strlen(modes[m].name);

		if (strncmp(name, modes[m].name, len) || name[len] != ':')
			continue;
		ret->mode = m;
		ret->dice = strtoull(name + len + 1, &end, 10);
		return name[len + 1] && !*end && ret->dice < DICE_MAX;
	}
	return false;
}

static bool passes(const struct run *r, const struct cut *c)
{
	AUTO_FREE char *name = cut_name(c);
	const struct point *at = point_of(r, c->call);
	struct err err = ERR_INIT;

	if (try_cut(r, c, &err) >= 0)
		return true;
	printf("%s (trip %d, %s): %s\n", name, at->trip + 1,
		at->step < 0 ? "mail server" : step_names[at->step], err.text);
	fflush(stdout);
	return false;
}

/* What was covered by another build is to be covered again. */
static uint64_t build_mark(void)
{
	AUTO_BUF struct buf self = BUF_INIT;

	file_read(os_real(), "/proc/self/exe", (size_t)1 << 30, &self, NULL);
	return hash_check(self.data, self.len, 0);
}

/* Which cases of these dice are done: lines "<mark> <case>". */
static void read_covered(const struct run *r, const char *path, uint64_t mark,
	uint64_t dice, bool *done)
{
	char line[64];
	FILE *f = path ? fopen(path, "r") : NULL;

	while (f && fgets(line, sizeof(line), f)) {
		struct cut c;
		char *end;

		line[strcspn(line, "\n")] = '\0';
		if (strtoull(line, &end, 16) == mark && *end == ' ' &&
			cut_named(r, end + 1, &c) && c.dice == dice)
			done[(c.call - 1) * MODES + c.mode] = true;
	}
	if (f)
		fclose(f);
}

static void note_covered(const char *path, uint64_t mark, const struct cut *c)
{
	AUTO_FREE char *name = cut_name(c);
	FILE *f = path ? fopen(path, "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%016" PRIx64 " %s\n", mark, name);
	fclose(f);
}

/* 0 … n-1 in an order of the seed's. */
static uint64_t *shuffled(uint64_t n, uint64_t seed)
{
	uint64_t *order = mem_array(n, sizeof(*order));
	uint64_t state = seed * 2 + 1;

	for (uint64_t i = 0; i < n; i++)
		order[i] = i;
	for (uint64_t i = n; i > 1; i--) {
		state = state * UINT64_C(6364136223846793005) +
			UINT64_C(1442695040888963407);
		uint64_t k = (state >> 33) % i, t = order[k];

		order[k] = order[i - 1];
		order[i - 1] = t;
	}
	return order;
}

static int try_sample(const struct run *r, uint64_t count, uint64_t seed)
{
	uint64_t n = r->calls * MODES, failed = 0, tried = 0;
	AUTO_FREE uint64_t *order = shuffled(n, seed);

	for (; tried < n && tried < count && failed < FAILURES_MAX; tried++) {
		struct cut c = cut_of(order[tried], tried % 2);

		failed += !passes(r, &c);
	}
	printf("%" PRIu64 " of %" PRIu64 " cases, %" PRIu64
	       " failed, seed %" PRIu64 "\n",
		tried, n, failed, seed);
	return failed ? 1 : 0;
}

struct all {
	const char *covered;
	uint64_t mark, passed, failed;
	time_t end;
};

static bool has_time(const struct all *a)
{
	return a->failed < FAILURES_MAX && time(NULL) < a->end;
}

static void try_dice(const struct run *r, uint64_t dice, struct all *a)
{
	uint64_t n = r->calls * MODES;
	AUTO_FREE uint64_t *order = shuffled(n, dice);
	AUTO_FREE bool *done = mem_array(n, sizeof(*done));

	read_covered(r, a->covered, a->mark, dice, done);
	for (uint64_t i = 0; i < n && has_time(a); i++) {
		struct cut c = cut_of(order[i], dice);
		bool by_chance = modes[c.mode].how == SIMDISK_RANDOM ||
				 modes[c.mode].how == SIMDISK_ORDERED;

		/* The others know only odd and even. */
		if (done[order[i]] || (dice > 1 && !by_chance))
			continue;
		if (passes(r, &c)) {
			a->passed++;
			note_covered(a->covered, a->mark, &c);
		} else {
			a->failed++;
		}
	}
}

/* Without $PB_SECONDS: every call and mode, opened and unopened. */
static int try_all(const struct run *r)
{
	const char *seconds = getenv("PB_SECONDS");
	struct all a = {.covered = getenv("PB_COVERED"),
		.mark = build_mark(),
		.end = time(NULL) + (seconds ? atoll(seconds) : 1 << 30)};
	uint64_t dice = 0, most = seconds ? DICE_MAX : 2;

	while (dice < most && has_time(&a))
		try_dice(r, dice++, &a);
	printf("%" PRIu64 " cases passed, %" PRIu64 " failed, of %" PRIu64
	       " with dice 0 to %" PRIu64 "\n",
		a.passed, a.failed, r->calls * MODES, dice - 1);
	return a.failed ? 1 : 0;
}

static int try_named(const struct run *r, char **names)
{
	int code = 0;

	for (; *names; names++) {
		struct cut c;

		if (!cut_named(r, *names, &c)) {
			fprintf(stderr, "%s: no such case\n", *names);
			return 2;
		}
		if (!passes(r, &c))
			code = 1;
	}
	return code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"count", required_argument, NULL, 'c'},
		{"seed", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	static struct run run;
	uint64_t seed = 1, count = 100;
	struct err err = ERR_INIT;
	bool all = false;
	int opt, code;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'a')
			all = true;
		else if (opt == 'c')
			count = strtoull(optarg, NULL, 10);
		else if (opt == 'r')
			seed = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (key_start(&err) < 0)
		die("libsodium", &err);
	run_undisturbed(&run);
	if (optind < argc)
		code = try_named(&run, argv + optind);
	else
		code = all ? try_all(&run) : try_sample(&run, count, seed);
	for (size_t i = 0; i < run.point_count; i++) {
		promises_free(&run.points[i].promises);
		simdisk_free(run.points[i].sites.disk);
	}
	return code;
}
