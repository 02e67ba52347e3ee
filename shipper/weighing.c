#include "weighing.h"

#include "arrived.h"
#include "carrier.h"
#include "err.h"
#include "planning.h"
#include "visit.h"

#define AGAIN_MS 60000

static int64_t wall_ms(const struct shipper *s)
{
	return s->site.os->ops->wall_ns(s->site.os) / 1000000;
}

static int64_t mono_ms(const struct shipper *s)
{
	return s->site.os->ops->mono_ns(s->site.os) / 1000000;
}

/* What lies there, as far as it is known here; NULL where nothing is. */
static int open_known(struct shipper *s, size_t peer,
	const struct config_link *link, struct carrier **ret, struct err *err)
{
	AUTO_FREE char *spool = carrier_spool(
		s->site.config.state, s->site.peers[peer].origin, link->via);
	struct carrier_place place = links_place(s, peer, link, spool);
	int rc = carrier_open(&place, link->via, ret, err);

	if (rc < 0)
		*ret = NULL;
	return rc == ERR_ABSENT ? 0 : rc;
}

int weighing_weigh(struct shipper *s, size_t peer,
	const struct config_link *link, uint64_t *ret, struct err *err)
{
	struct handover_config config = links_handover(s, peer, link);
	struct carrier *carrier;

	if (via_is_live(link->via)) {
		config.patience_ms = ARRIVED_PATIENCE_MS;
		return planning_weigh_live(&config, ret, err);
	}
	int rc = open_known(s, peer, link, &carrier, err);
	if (rc < 0)
		return rc;
	*err = (struct err)ERR_INIT;
	rc = planning_weigh_carrier(&config, carrier, ret, err);
	if (carrier)
		carrier->ops->close(carrier);
	return rc;
}

static void fail(struct shipper *s, size_t peer, const struct config_link *link,
	struct err *err)
{
	err_wrap(
		err, "peer %s: %s", s->site.config.peers[peer].name, link->via);
	shipper_fail(s, err);
}

static void save(struct shipper *s, size_t peer, const struct config_link *link,
	const struct worth *worth)
{
	struct err err = ERR_INIT;

	if (worth_save(s->site.os, s->site.config.state,
		    s->site.peers[peer].origin, link, worth, &err) < 0)
		fail(s, peer, link, &err);
}

/* A damaged log is told of when it is handed over. */
static bool weigh(
	struct shipper *s, size_t peer, const struct config_link *link)
{
	struct weighed *w =
		visit_weighed(s, s->site.config.peers[peer].name, link);
	struct err err = ERR_INIT;
	int rc = worth_load(s->site.os, s->site.config.state,
		s->site.peers[peer].origin, link, &w->worth, &err);

	w->known = true;
	w->stale = false;
	w->at_ms = mono_ms(s);
	if (rc >= 0)
		rc = weighing_weigh(s, peer, link, &w->bytes, &err);
	w->failed = rc < 0 && rc != ERR_OPERATOR;
	if (w->failed)
		fail(s, peer, link, &err);
	return !w->failed;
}

static bool is_to_weigh(const struct shipper *s, const struct weighed *w,
	const struct config_link *link)
{
	bool old = mono_ms(s) - w->at_ms >= AGAIN_MS;
	bool due = worth_is_due(&w->worth, link, w->bytes, wall_ms(s));

	return !w->known || old || (w->stale && !due && !w->failed);
}

/* A daemon's other process weighs the others. */
static bool is_ours(const struct shipper *s, const struct config_link *link)
{
	return s->part == PART_ALL ||
	       (s->part == PART_LIVES) == via_is_live(link->via);
}

void weighing_round(struct shipper *s)
{
	for (size_t i = 0; i < s->site.config.peer_count; i++) {
		const struct config_peer *p = &s->site.config.peers[i];

		for (size_t k = 0; k < p->link_count; k++) {
			const struct config_link *link = &p->links[k];

			if (!link->worth || !links_wanted(s, p, link) ||
				!is_ours(s, link))
				continue;
			struct weighed *w = visit_weighed(s, p->name, link);
			if (is_to_weigh(s, w, link) && weigh(s, i, link) &&
				worth_weighed(&w->worth, w->bytes, wall_ms(s)))
				save(s, i, link, &w->worth);
		}
	}
}

bool weighing_any(const struct shipper *s)
{
	for (size_t i = 0; i < s->site.config.peer_count; i++) {
		const struct config_peer *p = &s->site.config.peers[i];

		for (size_t k = 0; k < p->link_count; k++)
			if (p->links[k].worth && is_ours(s, &p->links[k]))
				return true;
	}
	return false;
}

void weighing_changed(struct shipper *s)
{
	for (size_t i = 0; i < s->note_count; i++)
		s->notes[i].weighed.stale = true;
}

void weighing_outdated(struct shipper *s, size_t peer)
{
	const struct config_peer *p = &s->site.config.peers[peer];

	for (size_t i = 0; i < p->link_count; i++)
		if (p->links[i].worth)
			visit_weighed(s, p->name, &p->links[i])->known = false;
}

void weighing_called(
	struct shipper *s, size_t peer, const struct config_link *link)
{
	if (!link || !link->worth || !weigh(s, peer, link))
		return;
	struct weighed *w =
		visit_weighed(s, s->site.config.peers[peer].name, link);
	worth_called(&w->worth, w->bytes, wall_ms(s));
	save(s, peer, link, &w->worth);
}

void weighing_text(const struct config_link *link, uint64_t bytes,
	const struct worth *worth, int64_t now_ms, struct buf *ret)
{
	AUTO_FREE char *least = config_size_text(link->worth);
	int64_t by = worth_by(worth, link, now_ms);
	char when[32];

	visit_say_when(by < 0 ? -1 : by / 1000, now_ms / 1000, when);
	buf_printf(ret, "%llu bytes wait, a call is worth %s; %s%s",
		(unsigned long long)bytes, least,
		by < 0 ? "it waits for more" : "at the latest ",
		by < 0 ? "" : when);
}

bool weighing_is_due(struct shipper *s, const char *peer,
	const struct config_link *link, bool says)
{
	AUTO_BUF struct buf why = BUF_INIT;
	const struct weighed *w;
	int64_t now = wall_ms(s);

	if (!link->worth || s->only_link)
		return true;
	w = visit_weighed(s, peer, link);
	if (w->known && !w->failed &&
		worth_is_due(&w->worth, link, w->bytes, now))
		return true;
	if (!says || !w->known || w->failed)
		return false;
	weighing_text(link, w->bytes, &w->worth, now, &why);
	log_say(&s->log, LOG_LEVEL_INFO,
		"peer %s: %s: no call: %s (at once: packetboat ship %s %s)",
		peer, link->via, buf_str(&why), peer,
		link->name[0] ? link->name : "\"\"");
	if (w->bytes)
		s->code = exit_worse(s->code, EXIT_LATER);
	return false;
}
