#include "planning.h"

#include <fcntl.h>
#include <stdlib.h>

#include "err.h"
#include "feed.h"
#include "medium.h"

/* ---- bundles ---- */

/* A carrier on which nothing stays. */
struct nowhere {
	struct carrier carrier;
	struct carrier *there; /* NULL: none */
	struct os *os;
	int fd;
};

static struct nowhere *of(struct carrier *c)
{
	return (struct nowhere *)c;
}

static struct id128 its_medium(struct carrier *c)
{
	return of(c)->there ? of(c)->there->ops->medium(of(c)->there)
			    : (struct id128){{0}};
}

static bool never_read_only(struct carrier *c)
{
	(void)c;
	return false;
}

static int its_list(struct carrier *c, uint64_t recipient,
	struct carrier_list *ret, struct err *err)
{
	struct carrier *there = of(c)->there;

	*ret = (struct carrier_list){0};
	return there ? there->ops->list(there, recipient, ret, err) : 0;
}

static int its_room(struct carrier *c, uint64_t *ret, struct err *err)
{
	struct carrier *there = of(c)->there;

	if (!there || !there->ops->room)
		return err_set(err, ERR_ABSENT, "nobody knows");
	return there->ops->room(there, ret, err);
}

static uint64_t its_bundle_max(struct carrier *c)
{
	struct carrier *there = of(c)->there;

	return there && there->ops->bundle_max ? there->ops->bundle_max(there)
					       : 0;
}

static void give_up(struct carrier *c)
{
	struct nowhere *n = of(c);

	if (n->fd >= 0)
		n->os->ops->close(n->os, n->fd);
	n->fd = -1;
}

static int open_nowhere(struct carrier *c, uint64_t recipient,
	uint64_t sequence, uint64_t expect, int *ret_fd, struct err *err)
{
	struct nowhere *n = of(c);

	(void)recipient, (void)sequence, (void)expect;
	n->fd = n->os->ops->open(n->os, "/dev/null", O_WRONLY, 0);
	if (n->fd < 0)
		return err_set_os(err, -n->fd, "/dev/null");
	*ret_fd = n->fd;
	return 0;
}

static int commit_nowhere(struct carrier *c, uint64_t size,
	const struct hash *hash, struct err *err)
{
	(void)size, (void)hash, (void)err;
	give_up(c);
	return 0;
}

static int remove_nothing(
	struct carrier *c, const struct carrier_item *item, struct err *err)
{
	(void)c, (void)item, (void)err;
	return 0;
}

static const struct carrier_ops nowhere_ops = {
	.medium = its_medium,
	.read_only = never_read_only,
	.list = its_list,
	.room = its_room,
	.bundle_max = its_bundle_max,
	.put_begin = open_nowhere,
	.put_commit = commit_nowhere,
	.put_abort = give_up,
	.remove = remove_nothing,
};

int planning_carrier(const struct handover_config *config,
	struct carrier *carrier, struct planned *ret, struct err *err)
{
	struct handover_config rehearsal = *config;
	struct nowhere n = {
		.carrier.ops = &nowhere_ops,
		.there = carrier,
		.os = config->os,
		.fd = -1,
	};
	const struct handover_result *r = &ret->result;

	*ret = (struct planned){.ms = -1};
	rehearsal.rehearse = true;
	rehearsal.spend = NULL;
	int rc = handover_to_carrier(&rehearsal, &n.carrier, &ret->result, err);
	ret->bytes = r->size + r->bundles * MEDIUM_MANIFEST_SIZE;
	ret->large = r->large;
	ret->large_bytes = r->large_bytes;
	ret->small = r->bodies - r->large;
	ret->small_bytes = r->body_bytes - r->large_bytes;
	return rc;
}

int planning_weigh_carrier(const struct handover_config *config,
	struct carrier *carrier, uint64_t *ret, struct err *err)
{
	struct handover_config sizes = *config;
	struct planned planned;

	sizes.body = NULL;
	sizes.progress = NULL;
	sizes.budgeted = false;
	int rc = planning_carrier(&sizes, carrier, &planned, err);
	*ret = planned.bytes + planned.result.body_bytes;
	return rc;
}

/* ---- a live link ---- */

#define BUFFER (1u << 20)
#define SEGMENT 1448u /* what a TCP packet carries on most lines */

struct talk {
	struct link *near, *far;
	struct key_pair stranger; /* the far end's */
	const struct handover_config *config;
	struct planned *planned;
	struct feed feed;
	uint64_t speed;
	int64_t now_us;
};

static int know_us(void *arg, const struct hello *who, struct key_pair *self,
	struct key_public *ret, struct err *err)
{
	const struct talk *t = arg;

	(void)who, (void)self, (void)err;
	*ret = t->config->self->pub;
	return 0;
}

static int have_nothing(
	void *arg, struct link_have *ret, size_t *ret_count, struct err *err)
{
	(void)arg, (void)ret, (void)err;
	*ret_count = 0;
	return 0;
}

static int drop_item(
	void *arg, const void *contents, size_t len, struct err *err)
{
	(void)arg, (void)contents, (void)len, (void)err;
	return 0;
}

static int drop_piece(
	void *arg, const struct link_piece *piece, struct err *err)
{
	(void)arg, (void)piece, (void)err;
	return 0;
}

static const struct link_calls calls = {
	know_us, have_nothing, drop_item, drop_piece};

static int open_ends(struct talk *t, struct err *err)
{
	struct os *os = t->config->os;
	uint8_t seed[32];

	os->ops->random(os, seed, sizeof(seed));
	key_from_seed(seed, &t->stranger);
	struct link_config near = {.os = os,
		.self = t->config->self,
		.peer = &t->stranger.pub,
		.calls = &calls,
		.arg = t};
	struct link_config far = {
		.os = os, .self = &t->stranger, .calls = &calls, .arg = t};
	int rc = link_open(&near, &t->near, err);

	return rc < 0 ? rc : link_open(&far, &t->far, err);
}

static void give_contents(void *arg, const struct buf *contents)
{
	struct talk *t = arg;

	link_add(t->near, LINK_CHANGES, contents->data, contents->len);
}

static void give_body(void *arg, const char *account, const struct hash *hash,
	uint64_t size, uint64_t offset)
{
	struct talk *t = arg;
	struct planned *p = t->planned;
	uint64_t left = size - (offset < size ? offset : size);
	bool large = size > FEED_SMALL;

	*(large ? &p->large : &p->small) += 1;
	*(large ? &p->large_bytes : &p->small_bytes) += left;
	feed_add(&t->feed, account, hash, size, offset);
}

static void give_preview(void *arg, const char *account,
	const struct hash *hash, const struct hash *held, size_t most)
{
	struct talk *t = arg;

	feed_preview(&t->feed, account, hash, held, most);
}

static bool know_nothing(void *arg, const struct hash *hash)
{
	(void)arg, (void)hash;
	return false;
}

static void nothing_was_sent(void *arg, const char *account, int64_t log,
	uint64_t *lsn, uint64_t *chain)
{
	(void)arg, (void)account, (void)log, (void)lsn, (void)chain;
}

/* All that may be under way goes, and arrives. Returns 1; 0: there was
   nothing. */
static int carry(
	struct talk *t, struct link *from, struct link *to, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT;

	link_output(from, t->now_us / 1000, BUFFER, &out);
	if (!out.len)
		return 0;
	if (from == t->near && t->speed)
		t->now_us += (int64_t)(out.len * 1000000 / t->speed);
	t->planned->packets += (out.len + SEGMENT - 1) / SEGMENT;
	int rc = link_input(to, out.data, out.len, t->now_us / 1000, err);
	return rc < 0 ? rc : 1;
}

static int let_talk(struct talk *t, struct err *err)
{
	for (;;) {
		int rc = feed_fill(&t->feed, t->config, t->near, err);
		int went = rc < 0 ? rc : carry(t, t->near, t->far, err);
		int came = went < 0 ? went : carry(t, t->far, t->near, err);

		if (came < 0)
			return came;
		if (feed_is_empty(&t->feed))
			link_finish(t->near);
		if (link_heard_last(t->far))
			link_finish(t->far);
		if (!went && !came)
			return 0;
	}
}

static void weigh_contents(void *arg, const struct buf *contents)
{
	*(uint64_t *)arg += contents->len;
}

static void weigh_body(void *arg, const char *account, const struct hash *hash,
	uint64_t size, uint64_t offset)
{
	(void)account, (void)hash;
	*(uint64_t *)arg += size - (offset < size ? offset : size);
}

static void weigh_preview(void *arg, const char *account,
	const struct hash *hash, const struct hash *held, size_t most)
{
	(void)account, (void)hash, (void)held;
	*(uint64_t *)arg += most;
}

int planning_weigh_live(
	const struct handover_config *config, uint64_t *ret, struct err *err)
{
	struct handover_config rehearsal = *config;
	struct handover_result result;
	struct handover_live live = {
		.arg = ret,
		.contents = weigh_contents,
		.body = weigh_body,
		.preview = weigh_preview,
		.knows = know_nothing,
		.reached = nothing_was_sent,
		.wanted = true,
	};

	*ret = 0;
	rehearsal.rehearse = true;
	return handover_to_link(&rehearsal, &live, &result, err);
}

int planning_live(const struct handover_config *config, uint64_t speed,
	uint64_t limit, struct planned *ret, struct err *err)
{
	struct handover_config rehearsal = *config;
	struct talk t = {.config = config, .planned = ret, .speed = speed};
	struct handover_live live = {
		.arg = &t,
		.contents = give_contents,
		.body = give_body,
		.preview = give_preview,
		.knows = know_nothing,
		.reached = nothing_was_sent,
		.first = true,
		.wanted = true,
	};

	*ret = (struct planned){.ms = -1};
	rehearsal.rehearse = true;
	int rc = open_ends(&t, err);
	if (rc >= 0)
		rc = handover_to_link(&rehearsal, &live, &ret->result, err);
	int nothing = rc;
	if (rc >= 0) {
		link_limit(t.near, limit);
		rc = let_talk(&t, err);
		ret->bytes = link_sent(t.near);
		ret->answer = link_sent(t.far);
		ret->ms = speed ? t.now_us / 1000 : -1;
		ret->result.over_budget =
			limit != UINT64_MAX && !link_finished(t.near);
		ret->result.missing += t.feed.missing;
		ret->result.damaged += t.feed.damaged;
	}
	if (t.near)
		link_close(t.near);
	if (t.far)
		link_close(t.far);
	feed_free(&t.feed);
	return rc < 0 ? rc : nothing;
}
