/*
 * make: the history of a seed. A light picture of what users have is kept
 * while it is made, so that most events find something to do.
 */
#include "history.h"

#include <stdio.h>
#include <string.h>

#include "simtree.h"

#define MAILS_MAX 64
#define FOLDERS_MAX 8

struct making {
	uint64_t rng;
	struct history *history;
	unsigned sites;
	struct {
		unsigned token;
		char path[EVENT_PATH];
	} mails[MAILS_MAX];
	size_t mail_count;
	char folders[FOLDERS_MAX][EVENT_PATH];
	size_t folder_count;
	unsigned next_token, next_folder;
	bool cuts;
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

static const char *some_folder(struct making *m)
{
	return m->folders[below(m, m->folder_count)];
}

/* ---- users ---- */

static void save(struct making *m)
{
	static const char *const letters[] = {"-", "-", "S", "FS", "R", "DT"};
	struct event e = event(chance(m, 30) ? EVENT_DELIVER : EVENT_SAVE, 0);

	if (m->mail_count == MAILS_MAX)
		return;
	put(e.path, some_folder(m));
	e.token = m->next_token++;
	snprintf(e.word, sizeof(e.word), "%s", letters[below(m, 6)]);
	m->mails[m->mail_count].token = e.token;
	put(m->mails[m->mail_count++].path, e.path);
	add(m, &e);
}

static void flag(struct making *m)
{
	static const char *const words[] = {
		"S", "F", "R", "T", "D", "$Forwarded", "$later", "$Junk"};
	struct event e = event(EVENT_FLAG, 0);

	if (!m->mail_count)
		return;
	size_t i = below(m, m->mail_count);
	put(e.path, m->mails[i].path);
	e.token = m->mails[i].token;
	snprintf(e.word, sizeof(e.word), "%c%s", chance(m, 65) ? '+' : '-',
		words[below(m, 8)]);
	add(m, &e);
}

static void expunge(struct making *m)
{
	struct event e = event(EVENT_EXPUNGE, 0);

	if (!m->mail_count)
		return;
	size_t i = below(m, m->mail_count);
	put(e.path, m->mails[i].path);
	e.token = m->mails[i].token;
	m->mails[i] = m->mails[--m->mail_count];
	add(m, &e);
}

static void copy(struct making *m)
{
	struct event e = event(chance(m, 60) ? EVENT_MOVE : EVENT_COPY, 0);

	if (!m->mail_count || m->mail_count == MAILS_MAX)
		return;
	size_t i = below(m, m->mail_count);
	put(e.path, m->mails[i].path);
	put(e.to, some_folder(m));
	e.token = m->mails[i].token;
	if (e.kind == EVENT_COPY) {
		m->mails[m->mail_count] = m->mails[i];
		i = m->mail_count++;
	}
	put(m->mails[i].path, e.to);
	add(m, &e);
}

static void create(struct making *m)
{
	static const char *const names[] = {"Work", "Work/2026", "Old", "Lists",
		"Archive", "Work/x", "Trash"};
	struct event e = event(EVENT_CREATE, 0);

	if (m->folder_count == FOLDERS_MAX)
		return;
	put(e.path, names[below(m, 7)]);
	for (size_t i = 0; i < m->folder_count; i++)
		if (strcmp(m->folders[i], e.path) == 0)
			return;
	put(m->folders[m->folder_count++], e.path);
	add(m, &e);
}

static void rename_folder(struct making *m)
{
	struct event e = event(EVENT_RENAME, 0);
	size_t i = below(m, m->folder_count);

	if (i == 0)
		return;
	put(e.path, m->folders[i]);
	snprintf(e.to, sizeof(e.to), "New%u", m->next_folder++);
	for (size_t k = 0; k < m->mail_count; k++)
		if (strcmp(m->mails[k].path, e.path) == 0)
			put(m->mails[k].path, e.to);
	put(m->folders[i], e.to);
	add(m, &e);
}

static void delete_folder(struct making *m)
{
	struct event e = event(EVENT_DELETE, 0);
	size_t i = below(m, m->folder_count), left = 0;

	if (i == 0)
		return;
	put(e.path, m->folders[i]);
	for (size_t k = 0; k < m->mail_count; k++)
		if (strcmp(m->mails[k].path, e.path) != 0)
			m->mails[left++] = m->mails[k];
	m->mail_count = left;
	put(m->folders[i], m->folders[--m->folder_count]);
	add(m, &e);
}

static void subscribe(struct making *m)
{
	struct event e =
		event(chance(m, 70) ? EVENT_SUBSCRIBE : EVENT_UNSUBSCRIBE, 0);

	put(e.path, some_folder(m));
	add(m, &e);
}

static void user(struct making *m)
{
	unsigned what = (unsigned)below(m, 100);

	if (what < 35)
		save(m);
	else if (what < 62)
		flag(m);
	else if (what < 74)
		expunge(m);
	else if (what < 86)
		copy(m);
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

static void maybe_cut(struct making *m, struct event *e)
{
	if (!m->cuts || !chance(m, 8))
		return;
	e->cut_at = 1 + below(m, chance(m, 50) ? 20 : 150);
	e->cut_seed = sim_rand(&m->rng) >> 32;
}

static void program(
	struct making *m, enum event_kind kind, unsigned site, unsigned other)
{
	struct event e = event(kind, site);

	if (kind == EVENT_HAND || kind == EVENT_COLLECT)
		e.other = other;
	maybe_cut(m, &e);
	add(m, &e);
}

/* Mail goes from one to the other, as far as nothing comes in between. */
static void way(struct making *m, unsigned from, unsigned to)
{
	program(m, EVENT_WRITE, from, 0);
	program(m, EVENT_HAND, from, to);
	program(m, EVENT_COLLECT, to, from);
	program(m, EVENT_APPLY, to, 0);
}

static void wait_some(struct making *m)
{
	static const int64_t times[] = {1, 3, 60, 3600, 86400};
	struct event e = event(EVENT_WAIT, 0);

	e.n = times[below(m, 5)];
	add(m, &e);
}

static void something(struct making *m)
{
	unsigned what = (unsigned)below(m, 100);
	unsigned other = 1 + (unsigned)below(m, m->sites - 1);

	if (what < 60) {
		for (uint64_t i = 1 + below(m, 4); i > 0; i--)
			user(m);
	} else if (what < 70) {
		way(m, 0, other);
	} else if (what < 75) {
		way(m, other, 0);
	} else if (what < 82) {
		program(m, EVENT_WRITE, 0, 0);
	} else if (what < 86) {
		program(m, EVENT_HAND, 0, other);
	} else if (what < 89) {
		program(m, EVENT_COLLECT, other, 0);
	} else if (what < 92) {
		program(m, EVENT_APPLY, other, 0);
	} else if (what < 96) {
		struct event e = event(EVENT_SELECT, (unsigned)below(m, 2));

		put(e.path, some_folder(m));
		add(m, &e);
	} else {
		wait_some(m);
	}
}

void history_make(uint64_t seed, struct history *ret)
{
	struct making m = {.rng = seed, .history = ret, .next_token = 1};
	struct event e = event(EVENT_SITES, 0);

	*ret = (struct history){0};
	m.sites = 2;
	m.cuts = chance(&m, 50);
	put(m.folders[m.folder_count++], "INBOX");
	e.n = m.sites;
	add(&m, &e);
	e = event(EVENT_PEER, 0);
	e.other = 1;
	snprintf(e.word, sizeof(e.word), "both");
	put(e.path, "both");
	add(&m, &e);
	for (uint64_t i = 8 + below(&m, 25); i > 0; i--)
		something(&m);
}
