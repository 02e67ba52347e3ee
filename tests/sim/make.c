/*
 * make: the history of a seed. A light picture of what users have is kept
 * while it is made, so that most events find something to do. What may happen
 * at all is decided first, so that among many histories there are plain ones
 * with a single kind of fault.
 */
#include "history.h"

#include <stdio.h>
#include <string.h>

#include "simtree.h"

#define RELAYING 8 /* of so many histories three have sites that relay */
#define KEEPING 16 /* of so many histories one has sites that keep mail */
#define VIEWING 16 /* … and another has peers that are shown a part */
#define MAILS_MAX 64
#define FOLDERS_MAX 10

enum shape { SHAPE_STAR, SHAPE_CHAIN, SHAPE_RING };

struct making {
	uint64_t rng;
	struct history *history;
	unsigned sites;
	struct {
		unsigned token, site;
		char path[EVENT_PATH];
	} mails[MAILS_MAX];
	size_t mail_count;
	struct {
		unsigned site;
		char path[EVENT_PATH];
	} folders[FOLDERS_MAX];
	size_t folder_count;
	unsigned next_token, next_folder;
	unsigned kept[4]; /* site of image, + 1 */
	unsigned spare;	  /* a machine that is no site yet; 0: there is none */
	bool cloned;	  /* it is */
	unsigned hurt;	  /* a site where a program failed just now, + 1 */
	/* What may happen. */
	bool cuts, failures, amid, sticks, losses, clocks, homes;
	bool logs, disasters, late, years, rot;
	bool links, noise; /* live ones, and lines that fail */
	bool oneway;	   /* some peers never answer */
	bool views;	   /* some peers are shown a part, and that changes */
	bool relays;	   /* what others wrote is passed on */
	enum shape shape;
};

static uint64_t below(struct making *m, uint64_t n)
{
	return sim_below(&m->rng, n);
}

static bool chance(struct making *m, uint64_t percent)
{
	return below(m, 100) < percent;
}

static void add(struct making *m, const struct event *e)
{
	history_add(m->history, e);
}

static struct event event(enum event_kind kind, unsigned site)
{
	return (struct event){.kind = kind, .site = site};
}

static void put(char *to, const char *text)
{
	size_t len = strlen(text);

	if (len < EVENT_PATH)
		memmove(to, text, len + 1);
}

/* ---- users ---- */

/* Sometimes while a program is at work. */
static void add_user(struct making *m, struct event *e)
{
	if (m->amid && chance(m, 20)) {
		e->fault = FAULT_AMID;
		e->fault_at = 1 + below(m, 120);
	}
	add(m, e);
}

/* A folder, and its home. */
static unsigned some_folder(struct making *m, char *path)
{
	size_t i = below(m, m->folder_count);

	put(path, m->folders[i].path);
	return m->folders[i].site;
}

static void save(struct making *m)
{
	static const char *const letters[] = {"-", "-", "S", "FS", "R", "DT"};
	struct event e = event(chance(m, 30) ? EVENT_DELIVER : EVENT_SAVE, 0);

	if (m->mail_count == MAILS_MAX)
		return;
	e.site = some_folder(m, e.path);
	e.token = m->next_token++;
	if (e.kind == EVENT_SAVE)
		snprintf(e.word, sizeof(e.word), "%s", letters[below(m, 6)]);
	m->mails[m->mail_count].token = e.token;
	m->mails[m->mail_count].site = e.site;
	put(m->mails[m->mail_count++].path, e.path);
	add_user(m, &e);
}

/* An event with one of the mails. Returns its number. */
static size_t pick(struct making *m, struct event *e)
{
	size_t i = below(m, m->mail_count);

	put(e->path, m->mails[i].path);
	e->token = m->mails[i].token;
	e->site = m->mails[i].site;
	return i;
}

static void flag(struct making *m)
{
	static const char *const words[] = {
		"S", "F", "R", "T", "D", "$Forwarded", "$later", "$Junk"};
	struct event e = event(EVENT_FLAG, 0);

	if (!m->mail_count)
		return;
	pick(m, &e);
	snprintf(e.word, sizeof(e.word), "%c%s", chance(m, 65) ? '+' : '-',
		words[below(m, 8)]);
	add_user(m, &e);
}

static void expunge(struct making *m)
{
	struct event e = event(EVENT_EXPUNGE, 0);

	if (!m->mail_count)
		return;
	size_t i = pick(m, &e);
	m->mails[i] = m->mails[--m->mail_count];
	add_user(m, &e);
}

/* In histories with views no name is ever there twice, nor part of another. */
static void own_name(struct making *m, char *path)
{
	static const char *const names[] = {"Open", "Shut", "Some"};
	char text[EVENT_PATH];

	snprintf(text, sizeof(text), "%s-%03u", names[below(m, 3)],
		m->next_folder++);
	put(path, text);
}

static void copy(struct making *m)
{
	struct event e = event(chance(m, 60) ? EVENT_MOVE : EVENT_COPY, 0);

	if (!m->mail_count || m->mail_count == MAILS_MAX)
		return;
	size_t i = pick(m, &e);
	if (some_folder(m, e.to) != e.site)
		return;
	if (e.kind == EVENT_COPY) {
		m->mails[m->mail_count] = m->mails[i];
		i = m->mail_count++;
	}
	put(m->mails[i].path, e.to);
	add_user(m, &e);
}

/* A move in two halves, which the writer sees one by one. */
static void slow_move(struct making *m)
{
	struct event e = event(EVENT_COPY, 0);
	struct event look = event(EVENT_WRITE, 0);

	if (!m->mail_count)
		return;
	size_t i = pick(m, &e);
	if (some_folder(m, e.to) != e.site || strcmp(e.to, e.path) == 0)
		return;
	add(m, &e);
	look.site = e.site;
	add(m, &look);
	e.kind = EVENT_EXPUNGE;
	add_user(m, &e);
	put(m->mails[i].path, e.to);
}

static void add_folder(struct making *m, struct event *e)
{
	m->folders[m->folder_count].site = e->site;
	put(m->folders[m->folder_count++].path, e->path);
	add_user(m, e);
}

/* Some lie in another. */
static void create_in_view(struct making *m, struct event *e)
{
	char text[2 * EVENT_PATH], name[EVENT_PATH];

	own_name(m, name);
	put(e->path, name);
	if (m->homes && chance(m, 40))
		e->site = (unsigned)below(m, m->sites);
	size_t i = below(m, m->folder_count);
	if (i && chance(m, 30) && !strchr(m->folders[i].path, '/')) {
		e->site = m->folders[i].site;
		snprintf(text, sizeof(text), "%s/%s", m->folders[i].path, name);
		put(e->path, text);
	}
	add_folder(m, e);
}

static void create(struct making *m)
{
	static const char *const names[] = {"Work", "Work/2026", "Old", "Lists",
		"Archive", "Work/x", "Trash"};
	struct event e = event(EVENT_CREATE, 0);

	if (m->folder_count == FOLDERS_MAX)
		return;
	put(e.path, names[below(m, 7)]);
	if (m->views) {
		create_in_view(m, &e);
		return;
	}
	if (m->homes && chance(m, 40)) {
		e.site = (unsigned)below(m, m->sites);
		if (e.site)
			snprintf(e.path, sizeof(e.path), "Of-%c%u",
				'a' + e.site, (unsigned)below(m, 3));
	}
	for (size_t i = 0; i < m->folder_count; i++)
		if (strcmp(m->folders[i].path, e.path) == 0)
			return;
	add_folder(m, &e);
}

static void rename_folder(struct making *m)
{
	struct event e = event(EVENT_RENAME, 0);
	size_t i = below(m, m->folder_count);

	if (i == 0)
		return;
	put(e.path, m->folders[i].path);
	e.site = m->folders[i].site;
	if (m->views)
		own_name(m, e.to);
	else
		snprintf(e.to, sizeof(e.to), "New%u", m->next_folder++);
	for (size_t k = 0; k < m->mail_count; k++)
		if (strcmp(m->mails[k].path, e.path) == 0)
			put(m->mails[k].path, e.to);
	put(m->folders[i].path, e.to);
	add_user(m, &e);
}

static void delete_folder(struct making *m)
{
	struct event e = event(EVENT_DELETE, 0);
	size_t i = below(m, m->folder_count), left = 0;

	if (i == 0)
		return;
	put(e.path, m->folders[i].path);
	e.site = m->folders[i].site;
	for (size_t k = 0; k < m->mail_count; k++)
		if (strcmp(m->mails[k].path, e.path) != 0)
			m->mails[left++] = m->mails[k];
	m->mail_count = left;
	m->folders[i] = m->folders[--m->folder_count];
	add_user(m, &e);
}

static void subscribe(struct making *m)
{
	struct event e =
		event(chance(m, 70) ? EVENT_SUBSCRIBE : EVENT_UNSUBSCRIBE, 0);

	e.site = some_folder(m, e.path);
	add_user(m, &e);
}

static void user(struct making *m)
{
	unsigned what = (unsigned)below(m, 100);

	/* Across the border of a view. */
	if (m->views && chance(m, 25))
		what = 74 + (unsigned)below(m, 20);
	if (what < 35)
		save(m);
	else if (what < 62)
		flag(m);
	else if (what < 74)
		expunge(m);
	else if (what < 84)
		copy(m);
	else if (what < 86)
		slow_move(m);
	else if (what < 91)
		create(m);
	else if (what < 94)
		rename_folder(m);
	else if (what < 96)
		delete_folder(m);
	else
		subscribe(m);
}

/* ---- programs ---- */

static void maybe_fault(struct making *m, struct event *e)
{
	uint64_t what = below(m, 100);

	if (m->cuts && what < 7)
		e->fault = what < 5 ? FAULT_CUT : FAULT_KILL;
	else if (m->failures && what < 14)
		e->fault = what < 11   ? FAULT_IO
			   : what < 13 ? FAULT_FULL
				       : FAULT_SHORT;
	else
		return;
	e->fault_at = 1 + below(m, chance(m, 50) ? 20 : 150);
	if (e->fault == FAULT_CUT)
		e->fault_seed = sim_rand(&m->rng) >> 40;
	m->hurt = e->site + 1;
}

static void program(
	struct making *m, enum event_kind kind, unsigned site, unsigned other)
{
	struct event e = event(kind, site);

	if (kind == EVENT_HAND || kind == EVENT_COLLECT) {
		e.other = other;
		if (m->sticks && chance(m, 70))
			e.medium = 1 + (unsigned)below(m, 3);
	}
	if (m->late && kind == EVENT_HAND && chance(m, 30)) {
		e.fault = FAULT_HIDDEN;
		e.fault_at = 1 + below(m, 3);
		add(m, &e);
		return;
	}
	maybe_fault(m, &e);
	add(m, &e);
}

/* What befalls a line; much is small, as what a modem loses. */
static void maybe_noise(struct making *m, struct event *e)
{
	static const enum event_fault what[] = {FAULT_BREAK, FAULT_BREAK,
		FAULT_FLIP, FAULT_LOSE, FAULT_DOUBLE, FAULT_DEAD};

	if (!m->noise || !chance(m, 40))
		return;
	e->fault = what[below(m, 6)];
	e->fault_at = 1 + below(m, chance(m, 60) ? 400 : 6000);
	if (fault_has_seed(e->fault))
		e->fault_seed = 1 + below(m, chance(m, 50) ? 8 : 300);
}

/* Over a live link, which is made if there is none. */
static void talk(struct making *m, unsigned from, unsigned to)
{
	static const int64_t bits[] = {300, 2400, 9600, 1000000};
	static const int64_t times[] = {1, 10, 60, 600, 7200};
	struct event e = event(EVENT_DIAL, from);

	e.other = to;
	if (chance(m, 15)) {
		e.site = to;
		e.other = from;
	}
	e.n = bits[below(m, 4)];
	add(m, &e);
	e.kind = chance(m, 25) ? EVENT_HANG : EVENT_TALK;
	if (chance(m, 30)) {
		unsigned site = e.site;

		e.site = e.other;
		e.other = site;
	}
	e.n = times[below(m, 5)];
	maybe_noise(m, &e);
	if (!e.fault)
		maybe_fault(m, &e);
	add(m, &e);
}

static void rot(struct making *m, unsigned site)
{
	struct event e = event(EVENT_ROT, site);

	e.n = (int64_t)below(m, 24);
	add(m, &e);
}

/* So long that what waits for a body waits no more. */
static void be_late(struct making *m, unsigned site)
{
	struct event e = event(EVENT_WAIT, 0);

	e.n = 3600;
	add(m, &e);
	program(m, EVENT_APPLY, site, 0);
}

/* What one has to say comes to the other. */
static void word(struct making *m, unsigned from, unsigned to)
{
	struct event e = event(EVENT_CARRY, to);
	bool hidden;

	if (m->links && chance(m, 70)) {
		talk(m, from, to);
		program(m, EVENT_APPLY, to, 0);
		return;
	}
	program(m, EVENT_HAND, from, to);
	hidden =
		m->history->events[m->history->count - 1].fault == FAULT_HIDDEN;
	e.medium = m->history->events[m->history->count - 1].medium;
	if (e.medium)
		add(m, &e);
	program(m, EVENT_COLLECT, to, from);
	m->history->events[m->history->count - 1].medium = e.medium;
	program(m, EVENT_APPLY, to, 0);
	if (hidden && chance(m, 40))
		be_late(m, to);
	if (m->rot && to && chance(m, 40))
		rot(m, to);
}

/* Mail goes from one to the other, as far as nothing comes in between. */
static void way(struct making *m, unsigned from, unsigned to)
{
	program(m, EVENT_WRITE, from, 0);
	word(m, from, to);
}

/* ---- what nobody does on purpose ---- */

static void wait_some(struct making *m)
{
	static const int64_t times[] = {1, 3, 60, 3600, 86400, 400 * 86400};
	struct event e = event(EVENT_WAIT, 0);

	e.n = times[below(m, m->years ? 6 : 5)];
	add(m, &e);
}

static void medium(struct making *m)
{
	struct event e = event(EVENT_CARRY, (unsigned)below(m, m->sites));

	e.medium = (unsigned)below(m, 4);
	if (m->losses && chance(m, 60)) {
		e.site = 0;
		e.kind = chance(m, 40)	 ? EVENT_LOSE
			 : chance(m, 70) ? EVENT_AGAIN
					 : EVENT_DAMAGE;
		e.n = (int64_t)below(m, 16);
		e.seed = e.kind == EVENT_DAMAGE ? below(m, 1000) : 0;
	} else if (!m->sticks || !e.medium) {
		return;
	}
	add(m, &e);
}

static void clock_jumps(struct making *m)
{
	static const int64_t ahead[] = {-86400 * 800, -86400, -3600, -5, 0, 5,
		3600, 86400, 86400 * 800};
	struct event e = event(EVENT_CLOCK, (unsigned)below(m, m->sites));

	e.n = ahead[below(m, 9)];
	add(m, &e);
}

static void keep_image(struct making *m)
{
	struct event e = event(EVENT_KEEP, (unsigned)below(m, m->sites));

	e.n = (int64_t)below(m, 4);
	m->kept[e.n] = e.site + 1;
	add(m, &e);
}

/* Of the logs something is lost, or of the state, too. */
static void lose_files(struct making *m)
{
	static const char *const what[] = {
		"logs", "segment", "tail", "state", "all"};
	struct event e = event(EVENT_FORGET, (unsigned)below(m, m->sites));

	e.n = (int64_t)below(m, 8);
	snprintf(e.word, sizeof(e.word), "%s",
		what[below(m, m->disasters ? 5 : 3)]);
	add(m, &e);
}

static void clone(struct making *m)
{
	struct event e = event(EVENT_CLONE, m->spare);

	e.other = (unsigned)below(m, m->sites);
	m->cloned = true;
	add(m, &e);
}

static void disaster(struct making *m)
{
	static const char *const parts[] = {"state", "mail", "all"};
	struct event e = event(EVENT_RESTORE, 0);

	e.n = (int64_t)below(m, 4);
	if (m->kept[e.n] && chance(m, 60)) {
		e.site = m->kept[e.n] - 1;
		snprintf(e.word, sizeof(e.word), "%s", parts[below(m, 3)]);
	} else if (chance(m, 30)) {
		lose_files(m);
		return;
	} else if (m->spare && !m->cloned && chance(m, 20)) {
		clone(m);
		return;
	} else {
		keep_image(m);
		return;
	}
	add(m, &e);
}

static void fate(struct making *m)
{
	unsigned what = (unsigned)below(m, 100);

	if (what < 30) {
		struct event e =
			event(EVENT_SELECT, (unsigned)below(m, m->sites));

		some_folder(m, e.path);
		add_user(m, &e);
	} else if (what < 50) {
		wait_some(m);
	} else if (what < 75 && (m->sticks || m->losses)) {
		medium(m);
	} else if (what < 85 && m->clocks) {
		clock_jumps(m);
	} else if (m->rot && chance(m, 20)) {
		program(m, EVENT_SCAN, (unsigned)below(m, m->sites), 0);
	} else if (m->rot && chance(m, 60)) {
		rot(m, 1 + (unsigned)below(m, m->sites - 1));
	} else if (m->disasters) {
		disaster(m);
	} else if (m->logs) {
		lose_files(m);
	}
}

/* ---- what peers are shown, and may change ---- */

static void some_rule(struct making *m, char *ret)
{
	static const char *const rules[] = {"-", "-", "!Shut*", "!Shut*",
		"Open*,INBOX", "Open*", "!Shut*,!Some*", "INBOX", "!INBOX", "%",
		"!*/Some*", "some-*,inbox", "Open%,!Open*/Shut*", "!%/%",
		"nothing"};
	char text[2 * EVENT_PATH];

	put(ret, rules[below(m, 15)]);
	if (m->folder_count == 1 || !chance(m, 20))
		return;
	snprintf(text, sizeof(text), "%s%s", chance(m, 60) ? "!" : "",
		m->folders[below(m, m->folder_count)].path);
	put(ret, text);
}

static void change_view(struct making *m, unsigned site, unsigned other)
{
	struct event e = event(EVENT_VIEW, site);

	e.other = other;
	some_rule(m, e.path);
	add(m, &e);
}

static void change_accept(struct making *m, unsigned site, unsigned other)
{
	struct event e = event(EVENT_ACCEPT, site);

	e.other = other;
	put(e.path, chance(m, 50) ? "no-expunge" : "-");
	add(m, &e);
}

static void resend(struct making *m, unsigned site, unsigned other)
{
	struct event e = event(EVENT_RESEND, site);

	e.other = other;
	add(m, &e);
}

/* Of a star. */
static void change_rules(struct making *m)
{
	unsigned other = 1 + (unsigned)below(m, m->sites - 1);
	bool back = chance(m, m->homes ? 40 : 10);

	if (chance(m, 15) && !m->oneway)
		change_accept(m, back ? 0 : other, back ? other : 0);
	else if (chance(m, 10))
		resend(m, back ? other : 0, back ? 0 : other);
	else
		change_view(m, back ? other : 0, back ? 0 : other);
}

static void first_rules(struct making *m)
{
	for (unsigned i = 1; i < m->sites; i++) {
		if (chance(m, 70))
			change_view(m, 0, i);
		if (m->homes && chance(m, 30))
			change_view(m, i, 0);
		if (!m->oneway && !m->disasters && chance(m, 12))
			change_accept(m, i, 0);
	}
}

/* ---- the whole ---- */

static void users(struct making *m)
{
	for (uint64_t i = 1 + below(m, 4); i > 0; i--)
		user(m);
}

/*
 * What was left undone must not be misread when there is news, nor be taken
 * for done where word of it comes.
 */
static void aftermath(struct making *m)
{
	unsigned site = m->hurt - 1;
	unsigned other = site ? 0 : 1 + (unsigned)below(m, m->sites - 1);

	if (m->shape != SHAPE_STAR)
		other = site ? site - 1 : 1;

	m->hurt = 0;
	if (chance(m, 30)) {
		word(m, site, other);
		return;
	}
	if (chance(m, 50))
		users(m);
	way(m, other, site);
}

/* Its peer; in a ring the first of a chain has two. */
static unsigned upper_of(const struct making *m, unsigned *site)
{
	if (m->shape == SHAPE_STAR)
		return 0;
	if (m->shape == SHAPE_RING && *site == 1 && m->next_token % 2) {
		*site = m->sites - 1;
		return 0;
	}
	return *site - 1;
}

static void something(struct making *m)
{
	unsigned what = (unsigned)below(m, 100);
	unsigned other = 1 + (unsigned)below(m, m->sites - 1);
	bool back = chance(m, 35);
	unsigned upper = upper_of(m, &other);
	unsigned from = back ? other : upper, to = back ? upper : other;

	if (m->hurt && chance(m, 50)) {
		aftermath(m);
		return;
	}
	m->hurt = 0;
	if (m->views && chance(m, 9))
		change_rules(m);
	if (m->cloned && chance(m, 25)) {
		if (back)
			way(m, m->spare, other);
		else
			way(m, other, m->spare);
		return;
	}

	if (what < 52) {
		users(m);
	} else if (what < 66) {
		way(m, from, to);
	} else if (what < 72) {
		program(m, EVENT_WRITE, from, 0);
	} else if (what < 77) {
		if (m->links && chance(m, 70))
			talk(m, from, to);
		else
			program(m, EVENT_HAND, from, to);
	} else if (what < 80) {
		program(m, EVENT_COLLECT, to, from);
	} else if (what < 84) {
		program(m, EVENT_APPLY, to, 0);
	} else {
		fate(m);
	}
}

/* How long logs are kept, and a daemon's patience. */
static void make_habits(struct making *m)
{
	static const int64_t keep[] = {-1, 0, 60, 3600, 86400};
	bool retain = chance(m, 20), patience = chance(m, 20);

	for (unsigned i = 0; i < m->sites; i++) {
		struct event e = event(EVENT_RETAIN, i);

		e.n = keep[below(m, 5)];
		if (retain)
			add(m, &e);
		e.kind = EVENT_PATIENCE;
		e.n = 60;
		if (patience)
			add(m, &e);
	}
}

/* Some open them as programs do that run once, some make them. */
static void make_states(struct making *m)
{
	struct event e = event(EVENT_STATES, 0);
	uint64_t what = below(m, 32);

	if (what > 2)
		return;
	put(e.word, what ? "made" : "once");
	add(m, &e);
}

static void relay(struct making *m, unsigned one, unsigned other)
{
	struct event e = event(EVENT_RELAY, one);

	e.other = other;
	add(m, &e);
	e.site = other;
	e.other = one;
	add(m, &e);
}

/* A star: site a has all the others for peers; or, where sites relay, also a
   chain, or a ring. Without a draw. */
static void choose_shape(struct making *m, uint64_t seed)
{
	uint64_t what = seed % RELAYING;

	m->relays = m->sites > 2 && !m->oneway && what >= RELAYING - 3;
	m->shape = !m->relays		  ? SHAPE_STAR
		   : what == RELAYING - 1 ? SHAPE_RING
		   : what == RELAYING - 2 ? SHAPE_CHAIN
					  : SHAPE_STAR;
}

static void make_peers(struct making *m)
{
	struct event e = event(EVENT_SITES, 0);

	e.n = m->sites + (m->spare != 0);
	add(m, &e);
	make_states(m);
	for (unsigned i = 1; i < m->sites; i++) {
		e = event(EVENT_PEER, m->shape == SHAPE_STAR ? 0 : i - 1);
		e.other = i;
		snprintf(e.word, sizeof(e.word), "%s",
			m->homes || chance(m, 60) ? "both" : "send");
		put(e.path, strcmp(e.word, "both") ? "receive" : "both");
		if (m->oneway && chance(m, 70)) {
			snprintf(e.word, sizeof(e.word), "oneway");
			put(e.path, "receive");
		}
		add(m, &e);
		if (m->relays)
			relay(m, e.site, e.other);
	}
	if (m->shape == SHAPE_RING) {
		e.site = 0; /* and the last, in the same words */
		add(m, &e);
		relay(m, e.site, e.other);
	}
}

/* Without a draw: so all other histories are what they would be. */
static void make_keepers(struct making *m, uint64_t seed)
{
	if (m->disasters || m->oneway || seed % KEEPING != 0)
		return;
	for (unsigned i = 1; i < m->sites; i++)
		for (unsigned end = 0; end < 2; end++) {
			struct event e = event(EVENT_ACCEPT, end ? i : 0);

			e.other = end ? 0 : i;
			put(e.path, "no-expunge");
			add(m, &e);
		}
}

void history_make(
	uint64_t seed, const struct history_kind *kind, struct history *ret)
{
	bool disasters = kind->disasters, oneway = kind->oneway;
	struct making m = {.rng = seed, .history = ret, .next_token = 1};

	*ret = (struct history){0};
	m.sites = chance(&m, 75) ? 2 : 2 + (unsigned)below(&m, 6);
	m.cuts = chance(&m, 40);
	m.failures = chance(&m, 20);
	m.amid = chance(&m, 25);
	m.sticks = chance(&m, 30);
	m.losses = chance(&m, 30);
	m.clocks = chance(&m, 20);
	m.late = chance(&m, 10);
	m.logs = chance(&m, 10);
	m.disasters = disasters;
	m.homes = chance(&m, 20);
	m.years = chance(&m, 10);
	m.rot = chance(&m, 10);
	m.links = chance(&m, 35);
	m.noise = chance(&m, 60);
	/* All mail is at home at site a. */
	m.oneway = oneway;
	m.homes &= !oneway;
	m.rot &= !oneway;
	m.links &= !oneway;
	if (disasters && m.sites < 7)
		m.spare = m.sites;
	put(m.folders[m.folder_count++].path, "INBOX");
	if (!kind->views)
		choose_shape(&m, seed);
	make_peers(&m);
	make_keepers(&m, seed);
	m.views = kind->views || (seed % VIEWING == VIEWING / 2 && !oneway);
	if (m.views)
		first_rules(&m);
	make_habits(&m);
	for (uint64_t i = 8 + below(&m, 25); i > 0; i--)
		something(&m);
}
