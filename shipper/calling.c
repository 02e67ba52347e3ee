#include "calling.h"

#include <stdio.h>

#include "carrier.h"
#include "live.h"
#include "visit.h"

#define EVERY_MS 60000 /* of a live link that carries something */

static int64_t wall_ms(const struct shipper *s)
{
	return s->site.os->ops->wall_ns(s->site.os) / 1000000;
}

struct call calling_begin(const struct shipper *s)
{
	return (struct call){.outcome = CALL_DONE, .began_ms = wall_ms(s)};
}

void calling_failed(struct call *call, const struct err *why)
{
	bool later = why->code == ERR_ABSENT || why->code == ERR_BUSY;

	if (call->outcome != CALL_DONE)
		return;
	call->outcome = later ? CALL_LATER : CALL_FAILED;
	snprintf(call->why, sizeof(call->why), "%.*s",
		(int)sizeof(call->why) - 1, why->text);
}

static void note(struct shipper *s, size_t peer, const char *via,
	const struct call *call)
{
	struct err err = ERR_INIT;

	if (calls_note(s->site.os, s->site.config.state,
		    s->site.peers[peer].origin, via, call, &err) < 0)
		log_say(&s->log, LOG_LEVEL_WARNING,
			"peer %s: what came of a call could not be written "
			"down: %s",
			s->site.config.peers[peer].name, err.text);
}

void calling_tell(struct shipper *s, size_t peer,
	const struct config_link *link, struct call *call)
{
	const char *name = s->site.config.peers[peer].name;
	bool costs = carrier_is_remote(link->via) || config_is_call(link);
	bool news = visit_is_news(s, name, link->via, call->outcome);

	call->ended_ms = wall_ms(s);
	int64_t took = call->ended_ms - call->began_ms;
	if (costs && took > 0)
		call->speed =
			(call->sent + call->received) * 1000 / (uint64_t)took;
	if (!s->following || costs || news || call->sent || call->received)
		note(s, peer, link->via, call);
}

/* ---- live links ---- */

static void tell_live(struct live *l)
{
	struct call *call = &l->call;

	call->sent = link_sent(l->talk.protocol);
	call->received = link_received(l->talk.protocol);
	if (l->busy_ms > 0)
		call->speed = call->sent * 1000 / (uint64_t)l->busy_ms;
	bool own = l->talk.dials || (l->link && via_is_answered(l->link->via));
	note(l->shipper, l->peer, own ? l->link->via : CALLS_ANSWERED, call);
}

void calling_tell_live(struct live *l)
{
	struct os *os = l->shipper->site.os;
	int64_t now = os->ops->mono_ns(os) / 1000000;
	uint64_t moved =
		link_sent(l->talk.protocol) + link_received(l->talk.protocol);

	if (!l->talk.known || (l->told_ms && (now - l->told_ms < EVERY_MS ||
						     moved == l->told_bytes)))
		return;
	l->told_ms = now;
	l->told_bytes = moved;
	tell_live(l);
}

void calling_tell_end(struct live *l)
{
	if (!l->talk.known)
		return;
	l->call.outcome = CALL_DONE;
	l->call.ended_ms = wall_ms(l->shipper);
	if (l->talk.err.code)
		calling_failed(&l->call, &l->talk.err);
	tell_live(l);
}
