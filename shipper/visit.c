#include "visit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "carrier.h"
#include "child.h"
#include "hash.h"

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

static bool in_window(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	int64_t now_s = s->site.os->ops->wall_ns(s->site.os) / 1000000000;
	char when[32] = "never";
	struct tm tm;

	if (visit_is_open(s, link))
		return true;
	if (s->following || s->step == STEP_COLLECT)
		return false;
	time_t next =
		(time_t)windows_next(link->windows, link->window_count, now_s);
	if (next >= 0 && localtime_r(&next, &tm))
		strftime(when, sizeof(when), "%a %H:%M", &tm);
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
	if (!in_window(s, peer, link))
		return false;
	note->visited = true;
	note->next_ms = now + every;
	return true;
}

/* Returns true if it ended with 0. */
static bool run(struct shipper *s, const char *peer,
	const struct config_link *link, const char *key, const char *command,
	int code)
{
	static const char *const dull[] = {NULL};
	const char *argv[] = {"sh", "-c", command, NULL};
	AUTO_FREE char *said = NULL;
	struct err err = ERR_INIT;
	int rc = child_run(argv, dull, NULL, &said, &err);

	if (rc == 0)
		return true;
	if (rc < 0) {
		err_wrap(&err, "peer %s: %s", peer, key);
		shipper_fail(s, &err);
		return false;
	}
	log_say(&s->log, LOG_LEVEL_WARNING,
		"peer %s: %s: the command in \"%s\" ended with %d%s%s", peer,
		link->via, key, rc, said[0] ? ": " : "", said);
	s->code = exit_worse(s->code, code);
	return false;
}

bool visit_begin(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	return !link->before ||
	       run(s, peer, link, "before", link->before, EXIT_LATER);
}

void visit_end(
	struct shipper *s, const char *peer, const struct config_link *link)
{
	if (link->after)
		run(s, peer, link, "after", link->after, EXIT_FAILED);
}
