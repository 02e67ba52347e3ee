/*
 * times: how long what takes on a slow live link, computed: two simulated sites,
 * their shippers' talks (simlink.h), a line of some bit/s with 600 ms round
 * trips. Prints a table for docs/operations.md, and fails where anything takes
 * longer, or costs more bytes, than its limit here.
 *
 * A day: 100 new mails of 3.5 KB on average, 300 flag changes, 50 expunges and
 * 20 moves, as tests/bench/daily has it. A mail is there when it lies in the
 * inbox of the other site, whole.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "pool.h"
#include "simlink.h"
#include "simtree.h"

#define BEFORE 450	 /* mails that both have */
#define LARGE (5u << 20) /* bytes of a body */
#define FLAGS_BEHIND 9
#define WORDS 4000
#define DATE INT64_C(1700000000)

struct limits {
	int64_t bits;
	int64_t flag_ms, ack_ms, mail_ms, first_ms, gap_ms, day_ms;
	int64_t behind_ms, mostly_ms; /* a body of 5 MB */
	uint64_t flag_bytes, next_bytes, mail_bytes, day_bytes;
};

struct times {
	struct sim_site sites[2];
	struct sim_links links;
	struct mailbag bag;
	uint64_t rng;
	char words[WORDS][16];
	unsigned made;	/* mails */
	unsigned next;	/* that is changed */
	int64_t gap_ms; /* the longest between two parcels, of the last run */
	uint64_t bytes; /* both ways, of the link before it was measured */
	bool failed;
};

/* ---- mail ---- */

static void make_words(struct times *t)
{
	static const char syllables[][4] = {"ba", "ken", "di", "lo", "mu",
		"rast", "ser", "ti", "von", "win", "zan", "pe", "gor", "fi"};

	for (size_t i = 0; i < WORDS; i++)
		for (uint64_t n = 1 + sim_below(&t->rng, 4); n > 0; n--)
			strcat(t->words[i], syllables[sim_below(&t->rng, 14)]);
}

/* Few words are common, many are rare. */
static const char *word(struct times *t)
{
	double x = (double)sim_below(&t->rng, 1000000) / 1e6;

	return t->words[(size_t)(WORDS * pow(x, 5))];
}

static void add_line(struct times *t, struct buf *to)
{
	for (size_t start = to->len; to->len - start < 66;)
		buf_printf(to, "%s ", word(t));
	to->data[to->len - 1] = '\n';
}

/* A mail of at least so many bytes, cut to that; 0: of some length. */
static void deliver(struct times *t, size_t size)
{
	AUTO_BUF struct buf text = BUF_INIT;
	uint64_t lines = 3 + sim_below(&t->rng, 80);
	const char *from = word(t), *host = word(t), *to = word(t);
	struct mail_body *body;

	buf_printf(&text,
		"Return-Path: <%s@%s.example>\n"
		"Received: from mx%u.%s.example (mx [192.0.2.%u])\n"
		"\tby mail.example (Postfix) with ESMTP id %010llx\n"
		"\tfor <%s@mail.example>\n"
		"From: <%s@%s.example>\nTo: <%s@mail.example>\nSubject: ",
		from, host, (unsigned)sim_below(&t->rng, 4), host,
		(unsigned)sim_below(&t->rng, 250),
		(unsigned long long)sim_rand(&t->rng) >> 24, to, from, host,
		to);
	add_line(t, &text);
	for (; lines || text.len<size; lines -= lines> 0)
		add_line(t, &text);
	body = mailbag_take(&t->bag, text.data, size ? size : text.len);
	body->token = ++t->made;
	mail_save(&t->sites[0].mail, "INBOX", body, "", DATE + t->made, false,
		true);
}

/* Bytes that no compressor makes less. */
static void deliver_large(struct times *t)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct mail_body *body;

	buf_add_str(&text, "Subject: large\n\n");
	while (text.len < LARGE) {
		uint64_t n = sim_rand(&t->rng);

		buf_add(&text, &n, sizeof(n));
	}
	body = mailbag_take(&t->bag, text.data, text.len);
	body->token = ++t->made;
	mail_save(&t->sites[0].mail, "INBOX", body, "", DATE + t->made, false,
		true);
}

static void flag_next(struct times *t, char letter)
{
	while (!mail_letter(
		&t->sites[0].mail, "INBOX", ++t->next, letter, true))
		;
}

/* ---- the link ---- */

static struct sim_link *link_of(struct times *t)
{
	return simlinks_between(&t->links, 0, 1);
}

static const struct landing *landing_of(struct times *t, int site)
{
	return &link_of(t)->ends[site].talk.landing;
}

static uint64_t bytes_of(struct times *t)
{
	const struct link *l = link_of(t)->ends[0].talk.protocol;

	return link_sent(l) + link_received(l);
}

static bool is_quiet(struct times *t)
{
	const struct sim_link *l = link_of(t);

	return talk_is_idle(&l->ends[0].talk) &&
	       talk_is_idle(&l->ends[1].talk) &&
	       simline_next(&l->line, 0) == INT64_MAX &&
	       simline_next(&l->line, 1) == INT64_MAX;
}

static void step(struct times *t)
{
	if (!simlinks_step(&t->links, INT64_MAX) || !link_of(t)->ends[0].up) {
		fprintf(stderr, "the link stands still\n");
		exit(1);
	}
}

/*
 * Until nothing is under way: when a site got its first and its last parcel,
 * counted from now.
 */
static void run(
	struct times *t, int site, int64_t *ret_first, int64_t *ret_last)
{
	int64_t start = t->links.now_us;
	uint64_t got = landing_of(t, site)->got.parcels;

	*ret_first = *ret_last = -1;
	t->gap_ms = 0;
	simlinks_notice(&t->links, 0, 1);
	simlinks_run(&t->links, 0);
	while (!is_quiet(t)) {
		step(t);
		uint64_t now = landing_of(t, site)->got.parcels;

		if (now == got)
			continue;
		got = now;
		int64_t at = (t->links.now_us - start) / 1000;
		int64_t gap = at - (*ret_last < 0 ? 0 : *ret_last);
		t->gap_ms = gap > t->gap_ms ? gap : t->gap_ms;
		*ret_last = at;
		if (*ret_first < 0)
			*ret_first = *ret_last;
	}
	simlinks_rest(&t->links);
}

static void settle(struct times *t)
{
	int64_t first, last;

	for (int i = 0; i < 3; i++) {
		for (int s = 0; s < 2; s++) {
			simsite_write(&t->sites[s]);
			simsite_apply(&t->sites[s]);
		}
		simlinks_pass(&t->links, 60000);
		run(t, 1, &first, &last);
	}
	t->bytes = bytes_of(t);
}

static void dial(struct times *t, int64_t bits)
{
	simlinks_dial(&t->links, 0, 1, bits);
	simlinks_run(&t->links, 30000);
	settle(t);
}

/* ---- what is measured ---- */

static void check(struct times *t, const char *what, int64_t is, int64_t most)
{
	if (is >= 0 && is <= most)
		return;
	fprintf(stderr, "%s: %lld, and at most %lld is allowed\n", what,
		(long long)is, (long long)most);
	t->failed = true;
}

/* Returns the bytes since the link was quiet. */
static uint64_t measure(struct times *t, int64_t *ret_first, int64_t *ret_last)
{
	simsite_write(&t->sites[0]);
	run(t, 1, ret_first, ret_last);
	return bytes_of(t) - t->bytes;
}

static void one_flag(struct times *t, const struct limits *limits)
{
	int64_t first, last, acked;

	flag_next(t, 'S');
	measure(t, &first, &last);
	simsite_apply(&t->sites[1]);
	run(t, 0, &acked, &acked);
	acked += last;
	uint64_t bytes = bytes_of(t) - t->bytes;
	printf("| a flag change is there | %.1f s |\n", (double)last / 1e3);
	printf("| ... and acknowledged, %llu bytes both ways | %.1f s |\n",
		(unsigned long long)bytes, (double)acked / 1e3);
	check(t, "flag", last, limits->flag_ms);
	check(t, "acknowledged", acked, limits->ack_ms);
	check(t, "flag bytes", (int64_t)bytes, (int64_t)limits->flag_bytes);
	settle(t);
}

/* What is known from the one before is not said again. */
static void further_flags(struct times *t, const struct limits *limits)
{
	uint64_t most = 0;

	for (int i = 0; i < 3; i++) {
		int64_t first, last;

		flag_next(t, 'S');
		measure(t, &first, &last);
		simsite_apply(&t->sites[1]);
		run(t, 0, &first, &last);
		uint64_t bytes = bytes_of(t) - t->bytes;
		most = bytes > most ? bytes : most;
		settle(t);
	}
	printf("| a further one, both ways | %llu bytes |\n",
		(unsigned long long)most);
	check(t, "flag bytes, further", (int64_t)most,
		(int64_t)limits->next_bytes);
}

static void one_mail(struct times *t, const struct limits *limits)
{
	int64_t first, last;

	deliver(t, 4096);
	uint64_t bytes = measure(t, &first, &last);
	printf("| a mail of 4 KB is there, %llu bytes | %.1f s |\n",
		(unsigned long long)bytes, (double)last / 1e3);
	check(t, "mail", last, limits->mail_ms);
	check(t, "mail bytes", (int64_t)bytes, (int64_t)limits->mail_bytes);
	settle(t);
}

/* The first parcel has the changes, the next the first bodies. */
static int64_t first_bodies(struct times *t)
{
	int64_t start = t->links.now_us;
	uint64_t parcels = landing_of(t, 1)->got.parcels;

	simlinks_notice(&t->links, 0, 1);
	simlinks_run(&t->links, 0);
	while (landing_of(t, 1)->got.parcels < parcels + 2 && !is_quiet(t))
		step(t);
	simlinks_rest(&t->links);
	return (t->links.now_us - start) / 1000;
}

static void one_day(struct times *t, const struct limits *limits)
{
	int64_t before, last;

	for (int i = 0; i < 300; i++)
		flag_next(t, 'F');
	for (int i = 0; i < 50; i++)
		while (!mail_expunge(&t->sites[0].mail, "INBOX", ++t->next))
			;
	for (int i = 0; i < 20; i++) {
		while (!mail_copy(
			&t->sites[0].mail, "INBOX", ++t->next, "Archive"))
			;
		mail_expunge(&t->sites[0].mail, "INBOX", t->next);
	}
	t->next = 0;
	for (int i = 0; i < 100; i++)
		deliver(t, 0);
	simsite_write(&t->sites[0]);
	int64_t first = first_bodies(t);
	run(t, 1, &before, &last);
	last += first;
	uint64_t bytes = bytes_of(t) - t->bytes;
	printf("| of a day the first new mail is there | %.0f s |\n"
	       "| ... then the next, after at most | %.1f s |\n",
		(double)first / 1e3, (double)t->gap_ms / 1e3);
	printf("| ... and all of it, %llu bytes | %.0f s |\n",
		(unsigned long long)bytes, (double)last / 1e3);
	check(t, "first mail of a day", first, limits->first_ms);
	check(t, "next mail of a day", t->gap_ms, limits->gap_ms);
	check(t, "day", last, limits->day_ms);
	check(t, "day bytes", (int64_t)bytes, (int64_t)limits->day_bytes);
	settle(t);
}

static int by_time(const void *x, const void *y)
{
	const int64_t *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

/* Until the flag is there; the body goes on. */
static int64_t overtake(struct times *t)
{
	int64_t start = t->links.now_us;
	uint64_t parcels = landing_of(t, 1)->got.parcels;

	flag_next(t, 'R');
	simsite_write(&t->sites[0]);
	simlinks_notice(&t->links, 0, 1);
	simlinks_run(&t->links, 0);
	while (landing_of(t, 1)->got.parcels == parcels && !is_quiet(t))
		step(t);
	simlinks_rest(&t->links);
	return (t->links.now_us - start) / 1000;
}

static void behind_a_body(struct times *t, const struct limits *limits)
{
	int64_t took[FLAGS_BEHIND];

	deliver_large(t);
	simsite_write(&t->sites[0]);
	simlinks_notice(&t->links, 0, 1);
	simlinks_run(&t->links, 120000);
	for (int i = 0; i < FLAGS_BEHIND; i++) {
		simlinks_run(&t->links, 20000 + 1770 * i);
		took[i] = overtake(t);
		if (is_quiet(t))
			t->failed = true; /* nothing was overtaken */
	}
	qsort(took, FLAGS_BEHIND, sizeof(took[0]), by_time);
	int64_t mostly = took[FLAGS_BEHIND / 2], most = took[FLAGS_BEHIND - 1];
	printf("| a flag change behind a body of 5 MB is there, mostly | %.1f "
	       "s |\n"
	       "| ... at most | %.1f s |\n",
		(double)mostly / 1e3, (double)most / 1e3);
	check(t, "flag behind a body", most, limits->behind_ms);
	check(t, "flag behind a body, mostly", mostly, limits->mostly_ms);
}

static bool all_of(const struct limits *limits)
{
	static const char names[2][2] = {"a", "b"};
	struct times *t = mem_alloc(sizeof(*t));
	bool failed;

	*t = (struct times){.rng = 7};
	pool_use(POOL_RUNS);
	make_words(t);
	for (int i = 0; i < 2; i++) {
		simsite_init(&t->sites[i], names[i], t->sites, &t->bag,
			(uint64_t)i + 1);
		t->sites[i].level = 3;
		t->sites[i].peers[!i] = (struct sim_peer){
			.known = true, .sends = true, .takes = true};
	}
	t->links.sites = t->sites;
	t->links.site_count = 2;
	mail_create(&t->sites[0].mail, "Archive");
	for (int i = 0; i < BEFORE; i++)
		deliver(t, 0);
	dial(t, 10000000);
	simlinks_finish(&t->links, 0, 1);
	simlinks_run(&t->links, 60000);
	dial(t, limits->bits);
	printf("\n| at %lld bit/s | |\n|---|---|\n", (long long)limits->bits);
	one_flag(t, limits);
	further_flags(t, limits);
	one_mail(t, limits);
	one_day(t, limits);
	if (limits->behind_ms)
		behind_a_body(t, limits);
	failed = t->failed;
	pool_rest();
	simlinks_release(&t->links);
	for (int i = 0; i < 2; i++)
		simsite_release(&t->sites[i]);
	mailbag_free(&t->bag);
	free(t);
	return !failed;
}

int main(void)
{
	/* What it is, and a tenth. */
	static const struct limits limits[] = {
		{300, 2900, 4500, 53000, 165000, 299000, 2880000, 10200, 4700,
			130, 100, 2050, 102000},
		{2400, 700, 1200, 7500, 21000, 33000, 313000, 2900, 2500, 130,
			100, 2000, 99000},
		{9600, 500, 800, 2900, 6600, 9500, 97000, 2300, 1800, 130, 100,
			2000, 101500},
		/* Where no line limits it, and nothing has to be overtaken. */
		{10000000, 400, 700, 1700, 1500, 900, 3500, 0, 0, 130, 100,
			2000, 86500},
	};
	bool good = true;

	if (key_start(NULL) < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	for (size_t i = 0; i < 4; i++)
		good &= all_of(&limits[i]);
	return good ? 0 : 1;
}
