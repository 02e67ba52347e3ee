/*
 * power_cuts: the power is cut at every file-changing call of the whole way
 * between two sites (twosites.h), and of what the mail server does in between;
 * after a restart what was promised is there, and going on makes the sites
 * equal.
 *
 *	power_cuts [--all] [--seconds N] [--seed N] [CASE...]
 *
 * A case is CALL:MODE, e.g. 1234:torn. Without --all a sample by seed; with
 * it, every case that the file named by $PB_COVERED does not list yet.
 * Modes: lost (nothing that was not fsynced stays), kept (all of it does),
 * torn (each write, and of each directory a beginning, stays or not), ordered
 * (the same with one beginning of all that was done to directories).
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "err.h"
#include "hash.h"
#include "twosites.h"

#define NS_PER_S INT64_C(1000000000)
#define TRIPS 2
#define ROUNDS 3 /* after a restart, until the sites are equal */

static const struct {
	const char *name;
	enum simdisk_cut how;
} modes[] = {{"lost", SIMDISK_ALL_LOST}, {"kept", SIMDISK_ALL_KEPT},
	{"torn", SIMDISK_RANDOM}, {"ordered", SIMDISK_ORDERED}};
#define MODES (sizeof(modes) / sizeof(*modes))

/* The disk as it is before a part of the run: the server's, or a step. */
struct point {
	struct sites sites; /* on a disk of its own */
	struct promises promises;
	int trip;
	int step;	       /* -1: the mail server */
	uint64_t first, count; /* calls */
};

struct run {
	struct point points[TRIPS * (STEP_COUNT + 1)];
	size_t point_count;
	uint64_t calls;
};

/* ---- the mail server ---- */

static void first_mail(struct mailuser *u)
{
	static const char *const folders[] = {
		"INBOX", "Work", "Work/2026", "Old", "Archive"};

	for (size_t i = 0; i < 5; i++)
		mailuser_folder(u, folders[i]);
	mailuser_keywords(u, "INBOX", "0 $Forwarded\n1 later\n");
	mailuser_deliver(u, "INBOX", 300, NULL);    /* 1 */
	mailuser_deliver(u, "INBOX", 9000, "S");    /* 2 */
	mailuser_deliver(u, "INBOX", 200, "FSa");   /* 3 */
	mailuser_deliver(u, "INBOX", 200, "Rb");    /* 4 */
	mailuser_deliver(u, "Work", 300, "S");	    /* 5 */
	mailuser_deliver(u, "Work", 310, "");	    /* 6 */
	mailuser_deliver(u, "Work/2026", 320, "F"); /* 7 */
	mailuser_deliver(u, "Old", 330, "S");	    /* 8 */
	mailuser_deliver(u, "Archive", 340, "S");   /* 9 */
	mailuser_subscriptions(u, "V\t2\n\nINBOX\nWork\n");
}

static void changes(struct mailuser *u)
{
	mailuser_flags(u, "INBOX", 1, "S");
	mailuser_flags(u, "INBOX", 2, "FSb");
	mailuser_move(u, "INBOX", 3, "Archive");
	mailuser_copy(u, "INBOX", 4, "Work");
	mailuser_expunge(u, "Archive", 9);
	mailuser_rename(u, "Work", "Projects");
	mailuser_delete(u, "Old");
	mailuser_folder(u, "Fresh");
	mailuser_deliver(u, "Fresh", 2000, NULL);
	mailuser_move(u, "Projects", 6, "Fresh");
	mailuser_deliver(u, "INBOX", 5000, "");
	mailuser_subscriptions(u, "V\t2\n\nINBOX\nProjects\n");
}

static void serve(struct sites *s, int trip)
{
	if (trip == 0)
		first_mail(&s->user);
	else
		changes(&s->user);
}

/* ---- undisturbed ---- */

/* Everything settles: what is stamped now is no longer fresh. */
static void pause_for(struct sites *s, int64_t seconds)
{
	simdisk_pass(s->disk, seconds * NS_PER_S);
}

static struct promises copy_of(const struct promises *p)
{
	struct promises c = *p;

	c.mails = mem_array(p->mail_count + 1, sizeof(*c.mails));
	for (size_t i = 0; i < p->mail_count; i++)
		c.mails[i] = mem_dup(p->mails[i]);
	c.logs = mem_array(p->log_count + 1, sizeof(*c.logs));
	for (size_t i = 0; i < p->log_count; i++)
		c.logs[i] = p->logs[i];
	return c;
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
	to->promises = copy_of(p);
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
	for (int trip = 0; trip < TRIPS; trip++) {
		uint64_t before = simdisk_calls(s.disk);

		/* What the user takes away is no promise any more. */
		promises_forget(&p);
		note_point(r, &s, &p, trip, -1);
		serve(&s, trip);
		end_point(r, &s, before);
		for (int step = 0; step < STEP_COUNT; step++) {
			pause_for(&s, 3);
			note_point(r, &s, &p, trip, step);
			before = simdisk_calls(s.disk);
			if (sites_step(&s, (enum step)step, &p, &err) < 0)
				die("undisturbed", &err);
			end_point(r, &s, before);
		}
		if (sites_equal(&s, &err) < 0)
			die("undisturbed", &err);
	}
	promises_forget(&p);
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

/* From where it was cut to the end of the trip, and round again. */
static int go_on(struct sites *s, int step, struct err *err)
{
	int rc = 0;

	if (step < 0)
		step = 0;
	for (int round = 0; round < ROUNDS; round++) {
		for (; step < STEP_COUNT; step++) {
			pause_for(s, 3);
			rc = sites_step(s, (enum step)step, NULL, err);
			if (rc < 0)
				return rc;
		}
		step = 0;
	}
	return sites_equal(s, err);
}

static int try_case(
	const struct run *r, uint64_t call, size_t mode, struct err *err)
{
	const struct point *at = point_of(r, call);
	struct promises p = copy_of(&at->promises);
	struct err ignored = ERR_INIT;
	struct sites s;
	int rc;

	sites_on(&s, &at->sites, simdisk_clone(at->sites.disk));
	simdisk_stop_at(s.disk, call - at->first);
	if (at->step < 0)
		serve(&s, at->trip);
	else
		sites_step(&s, (enum step)at->step, &p, &ignored);
	simdisk_power_cut_mode(s.disk, modes[mode].how, call);
	simdisk_set_pid(s.disk, 2000);
	pause_for(&s, 200); /* until locks without content are stale */
	mailuser_heal(&s.user);
	rc = sites_check(&s, &p, err);
	if (rc < 0)
		err_wrap(err, "after the restart");
	else
		rc = go_on(&s, at->step, err);
	if (rc >= 0 && simdisk_open_files(s.disk))
		rc = err_set(err, ERR_IO, "files left open");
	promises_forget(&p);
	simdisk_free(s.disk);
	return rc;
}

/* ---- cases ---- */

static char *case_name(uint64_t number)
{
	return mem_printf("%" PRIu64 ":%s", number / MODES + 1,
		modes[number % MODES].name);
}

/* -1: there is no such case. */
static int64_t case_number(const struct run *r, const char *name)
{
	char *end;
	uint64_t call = strtoull(name, &end, 10);

	for (size_t m = 0; m < MODES && *end == ':'; m++)
		if (strcmp(end + 1, modes[m].name) == 0 && call >= 1 &&
			call <= r->calls)
			return (int64_t)((call - 1) * MODES + m);
	return -1;
}

static bool passes(const struct run *r, uint64_t number)
{
	AUTO_FREE char *name = case_name(number);
	const struct point *at = point_of(r, number / MODES + 1);
	struct err err = ERR_INIT;

	if (try_case(r, number / MODES + 1, number % MODES, &err) >= 0)
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

/* Which cases are done, from $PB_COVERED: lines "<mark> <case>". */
static void read_covered(
	const struct run *r, const char *path, uint64_t mark, bool *done)
{
	char line[64];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		int64_t number;
		char *end;

		line[strcspn(line, "\n")] = '\0';
		if (strtoull(line, &end, 16) != mark || *end != ' ')
			continue;
		number = case_number(r, end + 1);
		if (number >= 0)
			done[number] = true;
	}
	if (f)
		fclose(f);
}

static void note_covered(const char *path, uint64_t mark, uint64_t number)
{
	AUTO_FREE char *name = case_name(number);
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

static int try_many(
	const struct run *r, bool all, int64_t seconds, uint64_t seed)
{
	const char *covered = all ? getenv("PB_COVERED") : NULL;
	uint64_t n = r->calls * MODES;
	AUTO_FREE uint64_t *order = shuffled(n, seed);
	AUTO_FREE bool *done = mem_array(n, sizeof(*done));
	uint64_t passed = 0, failed = 0, mark = covered ? build_mark() : 0;
	time_t end = time(NULL) + seconds;

	if (covered)
		read_covered(r, covered, mark, done);
	for (uint64_t i = 0; i < n && failed < 20; i++) {
		uint64_t at = order[i];

		if (!all && time(NULL) >= end)
			break;
		if (done[at])
			continue;
		if (!passes(r, at)) {
			failed++;
			continue;
		}
		passed++;
		note_covered(covered, mark, at);
	}
	printf("%" PRIu64 " of %" PRIu64 " cases passed, seed %" PRIu64 "\n",
		passed, n, seed);
	return failed ? 1 : 0;
}

static int try_named(const struct run *r, char **names)
{
	int code = 0;

	for (; *names; names++) {
		int64_t number = case_number(r, *names);

		if (number < 0) {
			fprintf(stderr, "%s: no such case\n", *names);
			return 2;
		}
		if (!passes(r, (uint64_t)number))
			code = 1;
	}
	return code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"seconds", required_argument, NULL, 's'},
		{"seed", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	static struct run run;
	uint64_t seed = (uint64_t)time(NULL) / 86400; /* another every day */
	struct err err = ERR_INIT;
	int64_t seconds = 25;
	bool all = false;
	int opt, code;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'a')
			all = true;
		else if (opt == 's')
			seconds = atoll(optarg);
		else if (opt == 'r')
			seed = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (key_start(&err) < 0)
		die("libsodium", &err);
	run_undisturbed(&run);
	code = optind < argc ? try_named(&run, argv + optind)
			     : try_many(&run, all, seconds, seed);
	for (size_t i = 0; i < run.point_count; i++) {
		promises_forget(&run.points[i].promises);
		simdisk_free(run.points[i].sites.disk);
	}
	return code;
}
