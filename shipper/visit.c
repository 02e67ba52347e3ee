#include "visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "carrier.h"
#include "hash.h"
#include "weighing.h"

#define REMOTE_EVERY_MS 300000

/* What is remembered of a link from round to round. */
static struct link_note *note_of(
	struct shipper *s, const char *peer, const char *via)
{
	AUTO_FREE char *name = mem_printf("%s %s", peer, via);
	uint64_t link = hash_check(name, strlen(name), 0);

	for (size_t i = 0; i < s->note_count; i++)
		if (s->notes[i].link == link)
			return &s->notes[i];
	s->notes = mem_grow(s->notes, s->note_count + 1, sizeof(*s->notes));
	s->notes[s->note_count] = (struct link_note){.link = link};
	return &s->notes[s->note_count++];
}

/* Of each link, whatever way it goes. */
struct weighed *visit_weighed(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	AUTO_FREE char *name = mem_printf("%s\n%s", link->via, link->name);

	return &note_of(s, peer, name)->weighed;
}

void visit_note_away(struct shipper *s, const char *peer, const char *via,
	const struct err *away)
{
	struct link_note *note = note_of(s, peer, via);
	/* Of the two steps of a sync the one that looks says so. */
	enum step quiet =
		carrier_is_remote(via) ? STEP_HAND_OVER : STEP_COLLECT;

	if (away && (!note->away || !s->following) && s->step != quiet)
		log_say(&s->log, LOG_LEVEL_INFO, "peer %s: %s", peer,
			away->text);
	if (!away && note->away)
		log_say(&s->log, LOG_LEVEL_INFO, "peer %s: %s: is there", peer,
			via);
	note->away = away != NULL;
}

bool visit_is_news(struct shipper *s, const char *peer, const char *via,
	enum call_outcome outcome)
{
	struct link_note *note = note_of(s, peer, via);
	bool news = note->outcome != outcome;

	note->outcome = outcome;
	return news;
}

bool visit_is_open(const struct shipper *s, const struct config_link *link)
{
	int64_t now_s = s->site.os->ops->wall_ns(s->site.os) / 1000000000;

	return s->only_link ||
	       windows_open(link->windows, link->window_count, now_s);
}

void visit_say_when(int64_t when_s, int64_t now_s, char ret[32])
{
	time_t when = (time_t)when_s;
	bool soon = when_s - now_s < 6 * 86400;
	struct tm tm;

	snprintf(ret, 32, "never");
	if (when_s >= 0 && localtime_r(&when, &tm))
		strftime(ret, 32, soon ? "%a %H:%M" : "%Y-%m-%d %H:%M", &tm);
}

static void say_spent(const struct config_link *link,
	const struct spending_view *v, int64_t now, struct err *err)
{
	AUTO_FREE char *most = config_size_text(link->budget.most[v->span]);
	char when[32];

	visit_say_when(v->until_s, now, when);
	if (v->span == BUDGET_CALL)
		err_set(err, ERR_ABSENT,
			"the budget of a call is used up (%s): what is left "
			"waits for the next",
			most);
	else
		err_set(err, ERR_ABSENT,
			"its budget is used up until %s (%s a %s): what is "
			"left waits",
			when, most, budget_span_name(v->span));
}

void visit_say_spent(const struct config_link *link,
	const struct spending *spending, struct err *err)
{
	struct os *os = spending->os;
	int64_t now = os->ops->wall_ns(os) / 1000000000;
	struct spending_view v = {0};

	budget_left(&spending->spent, &spending->budget, now, &v.span);
	v.until_s = budget_until(&spending->budget, v.span, now);
	say_spent(link, &v, now, err);
}

bool visit_can_pay(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	struct os *os = s->site.os;
	int index = site_peer(&s->site, peer);
	struct spending_view v;
	struct err err = ERR_INIT;
	struct link_note *note = note_of(s, peer, link->via);

	if (!budget_any(&link->budget) || index < 0)
		return true;
	int rc = spending_look(os, s->site.config.state,
		s->site.peers[index].origin, link, &v, &err);
	if (rc >= 0 && !v.used_up) {
		note->broke = false;
		return true;
	}
	if (rc >= 0)
		say_spent(link, &v, os->ops->wall_ns(os) / 1000000000, &err);
	err_wrap(&err, "peer %s: %s", peer, link->via);
	if (!note->broke || !s->following) {
		if (rc < 0)
			shipper_fail(s, &err);
		else
			log_say(&s->log, LOG_LEVEL_INFO, "%s", err.text);
	}
	note->broke = s->step != STEP_COLLECT;
	s->code = exit_worse(s->code, EXIT_LATER);
	return false;
}

/* Of a sync the step in which a link is used, if it is; the last where it is
   used in both. */
static bool decides(const struct shipper *s, const struct config_link *link)
{
	bool first = via_is_live(link->via) && config_is_call(link);

	return s->step == STEP_BOTH ||
	       s->step == (first ? STEP_COLLECT : STEP_HAND_OVER);
}

static bool in_window(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	int64_t now_s = s->site.os->ops->wall_ns(s->site.os) / 1000000000;
	char when[32];

	if (visit_is_open(s, link))
		return true;
	if (s->following || !decides(s, link))
		return false;
	visit_say_when(windows_next(link->windows, link->window_count, now_s),
		now_s, when);
	log_say(&s->log, LOG_LEVEL_INFO,
		"peer %s: %s: not now: its next window begins %s (at once: "
		"packetboat ship %s %s)",
		peer, link->via, when, peer,
		link->name[0] ? link->name : "\"\"");
	s->code = exit_worse(s->code, EXIT_LATER);
	return false;
}

bool visit_is_due(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	int64_t now = s->site.os->ops->mono_ns(s->site.os) / 1000000;
	bool costs = carrier_is_remote(link->via) || config_is_call(link);
	int64_t every = link->every_ms >= 0 ? link->every_ms
			: costs		    ? REMOTE_EVERY_MS
					    : 0;
	struct link_note *note = note_of(s, peer, link->via);

	if (s->following && note->visited && now < note->next_ms)
		return false;
	if (!in_window(s, peer, link) || !visit_can_pay(s, peer, link) ||
		!weighing_is_due(
			s, peer, link, !s->following && decides(s, link)))
		return false;
	note->visited = true;
	note->next_ms = now + every;
	return true;
}

bool visit_ran(struct shipper *s, const char *peer,
	const struct config_link *link, const char *key,
	const struct errand_result *r)
{
	struct err err = r->err;

	if (r->code == 0)
		return true;
	if (r->code < 0) {
		err_wrap(&err, "peer %s: %s", peer, key);
		shipper_fail(s, &err);
		return false;
	}
	log_say(&s->log, LOG_LEVEL_WARNING,
		"peer %s: %s: the command in \"%s\" ended with %d%s%s", peer,
		link->via, key, r->code, r->said[0] ? ": " : "", r->said);
	s->code = exit_worse(
		s->code, strcmp(key, "after") == 0 ? EXIT_FAILED : EXIT_LATER);
	return false;
}

/* To its end. */
static bool run(struct shipper *s, const char *peer,
	const struct config_link *link, const char *key, const char *command)
{
	struct errand errand = {0};
	struct errand_result result = {.code = 0};

	result.code = errand_begin(&errand, command, NULL, 0, &result.err);
	if (result.code == 0)
		errand_end(&errand, &result);
	return visit_ran(s, peer, link, key, &result);
}

bool visit_begin(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	return !link->before || run(s, peer, link, "before", link->before);
}

void visit_end(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	if (link->after)
		run(s, peer, link, "after", link->after);
}
