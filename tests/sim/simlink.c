#include "simlink.h"

#include <stdlib.h>
#include <string.h>

#include "overheard.h"
#include "program.h"

#define NEVER INT64_MAX

/* ---- what a talk asks ---- */

static int find_peer(void *arg, const struct hello *who, struct key_pair *self,
	struct key_public *ret, struct err *err)
{
	struct sim_end *e = arg;

	(void)self;
	for (size_t i = 0; i < e->links->site_count; i++)
		if (e->site->peers[i].known &&
			e->links->sites[i].key.pub.origin == who->origin) {
			e->peer = i;
			*ret = e->links->sites[i].key.pub;
			return 0;
		}
	return err_set(err, ERR_AUTH, "an unknown key");
}

/* Where is an end of the same two sites that is still up? */
static int take_over(struct sim_end *young, struct err *err)
{
	const struct sim_links *l = young->links;
	const struct sim_site *other = &l->sites[young->peer];
	bool ours = young->site->key.pub.origin < other->key.pub.origin;

	for (size_t i = 0; i < l->count; i++)
		for (int k = 0; k < 2; k++) {
			struct sim_end *e = &l->items[i]->ends[k];

			if (e == young || !e->up || e->talk.ended ||
				!e->talk.known || e->site != young->site ||
				e->peer != young->peer)
				continue;
			int rc = talk_give_way(&e->talk, ours, err);
			if (rc < 0)
				return rc;
		}
	return 0;
}

static int meet(void *arg, struct landing *ret, struct err *err)
{
	struct sim_end *e = arg;
	AUTO_FREE char *inbox = simserve_inbox(e->site, e->peer);
	struct os *os = simdisk_os(e->site->disk);
	struct landing_config config = {
		.space = {.os = os,
			.self = e->site->key.pub.origin,
			.peer = e->links->sites[e->peer].key.pub.origin,
			.state_dir = STATE_DIR},
		.self = &e->site->key,
		.peer = &e->links->sites[e->peer].key.pub,
		.inbox = inbox,
		.bodies = BODIES_DIR,
	};
	int rc = e->talk.dials ? 0 : take_over(e, err);

	return rc < 0 ? rc : landing_open(&config, ret, err);
}

static struct handover_config how_to_hand_over(void *arg)
{
	struct sim_end *e = arg;

	return simserve_handover(&e->serving, e->peer);
}

/* An operator is told. */
static void lacks_bodies(void *arg, struct err *why)
{
	(void)arg;
	(void)why;
}

/* ---- begin and end ---- */

static int open_end(
	struct sim_end *e, const struct key_public *peer, struct err *err)
{
	static const struct talk_calls calls = {
		find_peer, meet, how_to_hand_over, lacks_bodies};
	struct talk_config config = {.os = simdisk_os(e->site->disk),
		.self = &e->site->key,
		.peer = peer,
		.calls = &calls,
		.arg = e};
	int rc = talk_open(&config, &e->talk, err);

	e->up = rc >= 0;
	if (rc < 0)
		talk_close(&e->talk);
	return rc;
}

static bool is_stopped(const struct sim_end *e)
{
	return simdisk_stopped(e->site->disk);
}

/* The link that a site's shipper has with another; NULL: none. */
static struct sim_link *find(
	const struct sim_links *l, size_t site, size_t peer)
{
	for (size_t i = 0; i < l->count; i++)
		for (int k = 0; k < 2; k++) {
			const struct sim_end *e = &l->items[i]->ends[k];

			if (e->up && e->talk.known && e->peer == peer &&
				e->site == &l->sites[site])
				return l->items[i];
		}
	return NULL;
}

struct sim_link *simlinks_between(
	const struct sim_links *l, size_t site, size_t peer)
{
	struct sim_link *link = find(l, site, peer);

	return link ? link : find(l, peer, site);
}

void simlinks_dial(struct sim_links *l, size_t from, size_t to, int64_t bits)
{
	struct sim_link *link;
	struct err err = ERR_INIT;

	if (!l->sites[from].peers[to].known || find(l, from, to))
		return;
	link = mem_alloc(sizeof(*link));
	simline_init(&link->line, bits);
	for (int k = 0; k < 2; k++) {
		link->ends[k] = (struct sim_end){.links = l,
			.site = &l->sites[k ? to : from],
			.peer = k ? from : to};
		link->ends[k].serving.site = link->ends[k].site;
	}
	l->items = mem_room(l->items, l->count, sizeof(struct sim_link *));
	l->items[l->count++] = link;
	if (open_end(&link->ends[0], &l->sites[to].key.pub, &err) < 0)
		simsite_fail(&l->sites[from], &err);
	else if (open_end(&link->ends[1], NULL, &err) < 0)
		simsite_fail(&l->sites[to], &err);
}

static void drop(struct sim_link *link, unsigned k, int64_t now_us)
{
	struct sim_end *e = &link->ends[k];

	if (!e->up)
		return;
	simserve_end(&e->serving);
	talk_close(&e->talk);
	e->up = false;
	simline_close(&link->line, k, now_us);
}

/* Lines that nobody is at any more. */
static void tidy(struct sim_links *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		struct sim_link *link = l->items[i];

		if (link->ends[0].up || link->ends[1].up) {
			l->items[kept++] = link;
			continue;
		}
		simline_release(&link->line);
		free(link);
	}
	l->count = kept;
}

void simlinks_kill(
	struct sim_links *l, const struct sim_site *site, bool silent)
{
	for (size_t i = 0; i < l->count; i++)
		for (unsigned k = 0; k < 2; k++) {
			if (l->items[i]->ends[k].site != site)
				continue;
			l->items[i]->line.dead |= silent;
			drop(l->items[i], k, l->now_us);
		}
	tidy(l);
}

void simlinks_release(struct sim_links *l)
{
	for (size_t i = 0; i < l->count; i++) {
		drop(l->items[i], 0, l->now_us);
		drop(l->items[i], 1, l->now_us);
	}
	tidy(l);
	free(l->items);
	*l = (struct sim_links){0};
}

/* ---- what they are told to do ---- */

static void tell(struct sim_links *l, size_t site, size_t peer, bool finish)
{
	struct sim_link *link = simlinks_between(l, site, peer);

	for (int k = 0; link && k < 2; k++) {
		struct talk *t = &link->ends[k].talk;

		if (!link->ends[k].up || !t->known || t->finishing)
			continue;
		t->due = true;
		t->finishing = finish && t->dials;
	}
}

void simlinks_notice(struct sim_links *l, size_t site, size_t peer)
{
	tell(l, site, peer, false);
}

void simlinks_finish(struct sim_links *l, size_t site, size_t peer)
{
	tell(l, site, peer, true);
}

/* ---- a shipper's loop ---- */

static void say_end(struct sim_end *e)
{
	int code = e->talk.err.code;

	if (code)
		simsite_say(e->site,
			code == ERR_ABSENT || code == ERR_BUSY ? EXIT_LATER
							       : EXIT_DONE,
			e->talk.err.text);
}

/* As drop_ended of lives.c. */
static void end_well_or_not(struct sim_link *link, unsigned k)
{
	struct sim_end *e = &link->ends[k];
	struct err err = ERR_INIT;

	if (talk_went_well(&e->talk) && talk_record(&e->talk, &err) < 0)
		simsite_fail(e->site, &err);
	say_end(e);
	drop(link, k, e->links->now_us);
}

static void hand_over(struct sim_end *e)
{
	struct handover_result result = {0};
	struct err err = ERR_INIT;

	if (talk_hand_over(&e->talk, false, &result, &err) < 0)
		simsite_fail(e->site, &err);
	else if (result.damaged)
		simsite_say(e->site, EXIT_OPERATOR,
			"mails are not as they were logged");
	else
		e->site->peers[e->peer].settled = true;
	e->site->handed += result.parcels;
}

static void hear(struct sim_link *link, unsigned k)
{
	struct sim_end *e = &link->ends[k];
	AUTO_BUF struct buf b = BUF_INIT;
	bool more = simline_read(&link->line, k, e->links->now_us, &b);

	if (b.len)
		talk_hear(&e->talk, b.data, b.len);
	if (!more && !e->talk.ended)
		talk_broke(&e->talk, 0);
}

static void speak(struct sim_link *link, unsigned k)
{
	struct sim_end *e = &link->ends[k];
	struct talk *t = &e->talk;

	while (!t->ended) {
		size_t room = simline_room(&link->line, k, e->links->now_us);

		talk_make_ready(t, UINT64_MAX, TALK_AHEAD);
		size_t len = t->out.len - t->out_at;
		if (t->ended || !len || !room)
			return;
		len = len < room ? len : room;
		simline_write(&link->line, k, t->out.data + t->out_at, len,
			e->links->now_us);
		t->out_at += len;
	}
}

/* As run_to_the_end and live_step of the shipper. */
static void work(struct sim_link *link, unsigned k)
{
	struct sim_end *e = &link->ends[k];
	struct talk *t = &e->talk;

	hear(link, k);
	if (!t->ended)
		talk_think(t);
	if (!t->ended && t->due && t->known) {
		hand_over(e);
		talk_think(t);
	}
	if (is_stopped(e))
		return;
	if (!t->ended)
		speak(link, k);
	if (!t->ended)
		talk_think(t);
	talk_check_time(t);
	if (t->ended && !is_stopped(e))
		end_well_or_not(link, k);
}

static void step(struct sim_link *link, unsigned k)
{
	struct sim_end *e = &link->ends[k];

	if (!e->up || is_stopped(e))
		return;
	overheard_from(e->site, e->peer);
	work(link, k);
	overheard_from(NULL, 0);
}

static int64_t end_next(const struct sim_link *link, unsigned k)
{
	const struct sim_end *e = &link->ends[k];
	struct os *os = simdisk_os(e->site->disk);
	int64_t next, deadline, left;

	if (!e->up || is_stopped(e))
		return NEVER;
	next = simline_next(&link->line, k);
	deadline = talk_wakes(&e->talk);
	if (deadline != NEVER) {
		left = deadline * 1000 - os->ops->mono_ns(os) / 1000;
		left = (left > 0 ? left : 0) + e->links->now_us + 1000;
		next = left < next ? left : next;
	}
	/* What waits for room on the line. */
	if (e->talk.out_at < e->talk.out.len) {
		left = e->links->now_us + 1000000;
		next = left < next ? left : next;
	}
	return next;
}

static int64_t next_of_all(const struct sim_links *l)
{
	int64_t next = NEVER;

	for (size_t i = 0; i < l->count; i++)
		for (unsigned k = 0; k < 2; k++) {
			int64_t n = end_next(l->items[i], k);

			next = n < next ? n : next;
		}
	return next;
}

static void pass_us(struct sim_links *l, int64_t us)
{
	l->now_us += us;
	for (size_t i = 0; i < l->site_count; i++)
		simdisk_pass(l->sites[i].disk, us * 1000);
}

void simlinks_pass(struct sim_links *l, int64_t ms)
{
	pass_us(l, ms * 1000);
}

static void step_all(struct sim_links *l)
{
	for (size_t i = 0; i < l->count; i++)
		for (unsigned k = 0; k < 2; k++)
			step(l->items[i], k);
}

bool simlinks_step(struct sim_links *l, int64_t end_us)
{
	int64_t next = next_of_all(l);

	if (next > end_us) {
		if (next != NEVER)
			pass_us(l, end_us - l->now_us);
		return false;
	}
	if (next == NEVER)
		return false;
	if (next > l->now_us)
		pass_us(l, next - l->now_us);
	step_all(l);
	return true;
}

void simlinks_rest(struct sim_links *l)
{
	for (size_t i = 0; i < l->count; i++)
		for (unsigned k = 0; k < 2; k++)
			simserve_end(&l->items[i]->ends[k].serving);
	tidy(l);
}

void simlinks_run(struct sim_links *l, int64_t ms)
{
	int64_t end_us = l->now_us + ms * 1000;

	step_all(l);
	while (simlinks_step(l, end_us))
		;
	simlinks_rest(l);
}
