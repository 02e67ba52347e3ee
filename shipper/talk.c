#include "talk.h"

#include <stdlib.h>
#include <string.h>

#include "arrived.h"

#define WANTED_AGAIN_MS 30000 /* a body that went may be asked for again */
#define PATIENCE_MS (INT64_C(6) * 3600000)
#define PATIENCE_MOST_MS (INT64_C(24) * 3600000)
#define CROSSING_MS 10000  /* both dialed at once */
#define HANG_UP_MS 5000	   /* who was called has to hear a receipt before */
#define BODIES_SOON_MS 250 /* a body that is not there yet */
#define BODIES_AGAIN_MS 30000

static int64_t now_ms(const struct talk *t)
{
	return t->os->ops->mono_ns(t->os) / 1000000;
}

void talk_end(struct talk *t, const struct err *why)
{
	if (why && !t->ended)
		t->err = *why;
	t->ended = true;
}

/* ---- what the protocol asks ---- */

static int find_peer(void *arg, const struct hello *who, struct key_pair *self,
	struct key_public *ret, struct err *err)
{
	struct talk *t = arg;

	return t->calls->peer(t->arg, who, self, ret, err);
}

static int meet(struct talk *t, struct err *err)
{
	int rc = t->calls->meet(t->arg, &t->landing, err);

	if (rc < 0)
		return rc;
	t->landed = t->known = t->due = true;
	return 0;
}

/* Who answers knows here that the other is who it says. */
static int have(
	void *arg, struct link_have *ret, size_t *ret_count, struct err *err)
{
	struct talk *t = arg;
	int rc = t->known ? 0 : meet(t, err);

	return rc < 0 ? rc : landing_have(&t->landing, ret, ret_count, err);
}

static int item(void *arg, const void *contents, size_t len, struct err *err)
{
	struct talk *t = arg;

	return landing_item(&t->landing, contents, len, err);
}

static int piece(void *arg, const struct link_piece *p, struct err *err)
{
	struct talk *t = arg;

	return landing_piece(&t->landing, p, err);
}

static const struct link_calls link_calls = {find_peer, have, item, piece};

/* ---- begin and end ---- */

int talk_open(
	const struct talk_config *config, struct talk *ret, struct err *err)
{
	*ret = (struct talk){.os = config->os,
		.calls = config->calls,
		.arg = config->arg,
		.dials = config->peer,
		.patience_ms = PATIENCE_MS,
		.bodies_ms = INT64_MAX,
		.done_ms = -1};
	ret->begun_ms = now_ms(ret);
	struct link_config link = {.os = config->os,
		.self = config->self,
		.peer = config->peer,
		.calls = &link_calls,
		.arg = ret,
		.now_ms = ret->begun_ms};
	int rc = ret->dials ? meet(ret, err) : 0;
	return rc < 0 ? rc : link_open(&link, &ret->protocol, err);
}

static void drop_sent(struct talk *t, size_t i)
{
	free(t->sent[i].account);
	t->sent[i] = t->sent[--t->sent_count];
}

static void close_landing(struct talk *t)
{
	if (t->landed)
		landing_close(&t->landing);
	t->landed = false;
}

void talk_close(struct talk *t)
{
	if (t->protocol)
		link_close(t->protocol);
	close_landing(t);
	while (t->sent_count)
		drop_sent(t, 0);
	free(t->sent);
	feed_free(&t->feed);
	buf_free(&t->out);
	*t = (struct talk){.ended = true};
}

int talk_give_way(struct talk *t, bool ours_stays, struct err *err)
{
	struct err why = ERR_INIT;

	if (t->dials && ours_stays && now_ms(t) - t->begun_ms < CROSSING_MS)
		return err_set(
			err, ERR_BUSY, "we are calling each other: ours stays");
	close_landing(t);
	err_set(&why, ERR_BUSY, "it called anew");
	talk_end(t, &why);
	return 0;
}

/* ---- handing over ---- */

static void give_contents(void *arg, const struct buf *contents)
{
	struct talk *t = arg;

	link_add(t->protocol, LINK_CHANGES, contents->data, contents->len);
}

static void give_body(void *arg, const char *account, const struct hash *hash,
	uint64_t size, uint64_t offset)
{
	struct talk *t = arg;

	feed_add(&t->feed, account, hash, size, offset);
}

static void give_preview(void *arg, const char *account,
	const struct hash *hash, const struct hash *held, size_t most)
{
	struct talk *t = arg;

	feed_preview(&t->feed, account, hash, held, most);
}

static bool knows_body(void *arg, const struct hash *hash)
{
	const struct talk *t = arg;

	return feed_knows(&t->feed, hash);
}

static struct talk_sent *find_sent(
	const struct talk *t, const char *account, int64_t log)
{
	for (size_t i = 0; i < t->sent_count; i++)
		if (t->sent[i].log == log &&
			strcmp(t->sent[i].account, account) == 0)
			return &t->sent[i];
	return NULL;
}

/* What is not acknowledged for long is taken for lost, and that the less
   readily the more often it was so. */
static void reached(void *arg, const char *account, int64_t log, uint64_t *lsn,
	uint64_t *chain)
{
	struct talk *t = arg;
	struct talk_sent *sent = find_sent(t, account, log);

	if (!sent)
		return;
	bool known = sent->lsn <= *lsn;
	bool lost = now_ms(t) - sent->ms > t->patience_ms;
	if (lost && !known && t->patience_ms < PATIENCE_MOST_MS)
		t->patience_ms *= 2;
	if (known || lost) {
		drop_sent(t, (size_t)(sent - t->sent));
		return;
	}
	*lsn = sent->lsn;
	*chain = sent->chain;
}

static void note_sent(
	void *arg, const char *account, int64_t log, const struct position *to)
{
	struct talk *t = arg;
	struct talk_sent *sent = find_sent(t, account, log);

	if (!sent) {
		t->sent = mem_room(t->sent, t->sent_count, sizeof(*t->sent));
		sent = &t->sent[t->sent_count++];
		*sent = (struct talk_sent){
			.account = mem_dup(account), .log = log};
	}
	sent->lsn = to->lsn;
	sent->chain = to->chain;
	sent->ms = now_ms(t);
}

static bool is_drained(const struct talk *t)
{
	return feed_is_empty(&t->feed) &&
	       !link_queued(t->protocol, LINK_SMALL) &&
	       !link_queued(t->protocol, LINK_LARGE);
}

bool talk_is_idle(const struct talk *t)
{
	return is_drained(t) && !link_queued(t->protocol, LINK_CHANGES);
}

bool talk_went_well(const struct talk *t)
{
	return t->known && !t->err.code && link_finished(t->protocol);
}

int talk_hand_over(struct talk *t, bool between, struct handover_result *ret,
	struct err *err)
{
	struct handover_config config = t->calls->handover(t->arg);
	struct handover_live live = {
		.arg = t,
		.contents = give_contents,
		.body = give_body,
		.preview = give_preview,
		.knows = knows_body,
		.reached = reached,
		.sent = note_sent,
		.between = between,
		.first = !t->said_first,
		.wanted = !t->said_first ||
			  (is_drained(t) &&
				  now_ms(t) - t->fed_ms > WANTED_AGAIN_MS),
	};

	config.patience_ms = ARRIVED_PATIENCE_MS;
	t->due = false;
	t->said_first = true;
	return handover_to_link(&config, &live, ret, err);
}

int talk_record(struct talk *t, struct err *err)
{
	struct handover_config config = t->calls->handover(t->arg);
	AUTO_FREE struct arrived_log *logs =
		mem_array(t->sent_count + 1, sizeof(*logs));
	AUTO_FREE struct arrived_body *bodies =
		mem_array(t->feed.sent_count + 1, sizeof(*bodies));

	for (size_t i = 0; i < t->sent_count; i++)
		logs[i] = (struct arrived_log){t->sent[i].account,
			t->sent[i].log, t->sent[i].lsn, t->sent[i].chain};
	for (size_t i = 0; i < t->feed.sent_count; i++)
		bodies[i] = (struct arrived_body){
			t->feed.sent[i].account, t->feed.sent[i].hash};
	return arrived_record(
		&config, logs, t->sent_count, bodies, t->feed.sent_count, err);
}

/* ---- moving bytes ---- */

/* A call that comes to its end goes without them. */
static void lack_bodies(struct talk *t, struct err *why)
{
	if (!t->lacks)
		t->calls->lacks(t->arg, why);
	t->lacks = true;
	t->bodies_ms = now_ms(t) + BODIES_AGAIN_MS;
	if (t->finishing)
		feed_forget(&t->feed);
}

static void fill(struct talk *t)
{
	struct err err = ERR_INIT;
	bool waits = t->lacks && !t->finishing && now_ms(t) < t->bodies_ms;

	if (!t->known || feed_is_empty(&t->feed) || waits)
		return;
	struct handover_config config = t->calls->handover(t->arg);
	int rc = feed_fill(&t->feed, &config, t->protocol, &err);
	if (rc == ERR_IO) {
		lack_bodies(t, &err);
	} else if (rc == ERR_BUSY) {
		t->bodies_ms = now_ms(t) + BODIES_SOON_MS;
	} else {
		t->bodies_ms = INT64_MAX;
		t->lacks = false;
		if (rc < 0)
			talk_end(t, &err);
	}
}

void talk_hear(struct talk *t, const void *data, size_t len)
{
	struct err err = ERR_INIT;

	if (link_input(t->protocol, data, len, now_ms(t), &err) < 0)
		talk_end(t, &err);
}

void talk_broke(struct talk *t, int os_errno)
{
	static const char broken[] = "the line broke off";
	struct err err = ERR_INIT;

	if (link_finished(t->protocol) && t->out_at == t->out.len) {
		talk_end(t, NULL);
		return;
	}
	if (os_errno)
		err_set_os(&err, os_errno, "%s", broken);
	else
		err_set(&err, ERR_ABSENT, "%s", broken);
	err.code = ERR_ABSENT; /* the next call goes on with it */
	talk_end(t, &err);
}

void talk_make_ready(struct talk *t, uint64_t limit, size_t ahead)
{
	if (t->out_at < t->out.len)
		return;
	t->out.len = t->out_at = 0;
	fill(t);
	if (!is_drained(t))
		t->fed_ms = now_ms(t);
	link_limit(t->protocol, limit);
	link_alive(t->protocol, t->alive_ms);
	link_output(t->protocol, now_ms(t), ahead, &t->out);
}

/* Who was called goes last: with a last look at what came up meanwhile. */
void talk_think(struct talk *t)
{
	if (!t->finishing && link_heard_last(t->protocol))
		t->finishing = t->due = true;
	if (t->finishing && !t->due && feed_is_empty(&t->feed))
		link_finish(t->protocol);
	if (!link_finished(t->protocol) || t->out_at < t->out.len)
		return;
	/* Who was called hangs up: a line that is cut behind the last word of
	   who dialed, as a modem's is, may lose it. */
	if (!t->dials)
		talk_end(t, NULL);
	else if (t->done_ms < 0)
		t->done_ms = now_ms(t);
}

static int64_t hangs_up(const struct talk *t)
{
	return t->done_ms < 0 ? INT64_MAX : t->done_ms + HANG_UP_MS;
}

void talk_check_time(struct talk *t)
{
	struct err err = ERR_INIT;

	if (!t->ended && now_ms(t) >= hangs_up(t))
		talk_end(t, NULL);
	if (t->ended || now_ms(t) < link_deadline(t->protocol))
		return;
	err_set(&err, ERR_ABSENT,
		link_proven(t->protocol) ? "the other side is silent"
					 : "nobody answers");
	talk_end(t, &err);
}

int64_t talk_wakes(const struct talk *t)
{
	int64_t deadline = link_deadline(t->protocol);
	int64_t wakes = link_wakes(t->protocol);

	if (!feed_is_empty(&t->feed) && t->bodies_ms < wakes)
		wakes = t->bodies_ms;
	/* What is ready goes before. */
	if (t->out_at < t->out.len)
		wakes = INT64_MAX;
	if (hangs_up(t) < deadline)
		deadline = hangs_up(t);
	return wakes < deadline ? wakes : deadline;
}
