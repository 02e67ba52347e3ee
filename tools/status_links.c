#include "status_links.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "carrier.h"
#include "err.h"

/* Or was it one? */
static bool is_peer(const struct site *s, uint64_t origin)
{
	for (size_t i = 0; i < s->expelled_count; i++)
		if (s->expelled[i].origin == origin)
			return true;
	return site_peer_of(s, origin) >= 0;
}

static uint64_t parts_of(const struct carrier_list *list, uint64_t sender)
{
	uint64_t count = 0;

	for (size_t i = 0; i < list->part_count; i++)
		count += list->parts[i].sender == sender;
	return count;
}

static int look(const struct site *s, struct carrier *c, uint64_t peer,
	struct link_view *ret, struct err *err)
{
	uint64_t self = s->key.pub.origin;
	struct carrier_list in = {0}, out = {0};
	int rc = c->ops->list(c, self, &in, err);

	if (rc >= 0)
		rc = c->ops->list(c, peer, &out, err);
	for (size_t i = 0; i < in.count; i++) {
		ret->for_us += in.items[i].sender == peer;
		if (!is_peer(s, in.items[i].sender)) {
			ret->strangers++;
			ret->stranger = in.items[i].sender;
		}
	}
	for (size_t i = 0; i < out.count; i++)
		ret->for_peer += out.items[i].sender == self;
	ret->unfetched = in.unfetched;
	ret->incomplete = parts_of(&in, peer) + parts_of(&out, self);
	carrier_list_free(&in);
	carrier_list_free(&out);
	return rc;
}

/* Somebody has a live link with this peer, whichever. */
static bool is_up(const struct site *s, size_t peer)
{
	AUTO_FREE char *path = mem_printf(
		"%s/%s/live.lock", s->inbox_dir, s->config.peers[peer].name);
	int fd = s->os->ops->open(s->os, path, O_RDWR, 0);

	if (fd < 0)
		return false;
	bool held = s->os->ops->lock(s->os, fd, OS_LOCK_WRITE, 0, 0) < 0;
	s->os->ops->close(s->os, fd);
	return held;
}

void status_link(const struct site *s, size_t peer, const char *via,
	struct link_view *ret)
{
	uint64_t origin = s->peers[peer].origin;
	AUTO_FREE char *spool = carrier_spool(s->config.state, origin, via);
	struct carrier_place place = {.os = s->os,
		.self = s->key.pub.origin,
		.peer = origin,
		.spool = spool};
	struct carrier *c;
	struct err err = ERR_INIT;

	*ret = (struct link_view){.there = false};
	if (via_is_live(via)) {
		ret->there = is_up(s, peer);
		snprintf(ret->why, sizeof(ret->why), "%s",
			ret->there ? "up" : "");
		return;
	}
	int rc = carrier_open(&place, via, &c, &err);

	*ret = (struct link_view){.there = rc >= 0};
	if (rc >= 0) {
		rc = look(s, c, origin, ret, &err);
		c->ops->close(c);
	}
	if (rc < 0)
		snprintf(ret->why, sizeof(ret->why), "%s", err.text);
}
