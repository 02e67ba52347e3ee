#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "images.h"
#include "oracle.h"
#include "overheard.h"
#include "pool.h"
#include "simlink.h"
#include "simsite.h"
#include "simtree.h"
#include "program.h"

#define MEDIA 4
#define IMAGES 4
#define EXCHANGES 6
#define SPEED 9600
#define TALK_S 3600
#define ARRIVED_S (3 * 86400)
#define NS_PER_S INT64_C(1000000000)
#define EPOCH (INT64_C(1704067200) * NS_PER_S)

#define AMID_MAX 8
#define STATES STATE_DIR "/accounts/"

/* A stick lies at one site, the shared directory everywhere. */
#define EVERYWHERE SITES_MAX

struct world {
	struct sim_site sites[SITES_MAX];
	size_t site_count;
	bool calm[SITES_MAX];
	/* Of two machines with one key: which is the other, + 1. */
	unsigned twin[SITES_MAX];
	unsigned apart[2]; /* two sites that differ */
	/* What users did since the last look of the writer is not known. */
	bool unseen[SITES_MAX];
	/* Mail was put back, and the writer has not looked at it. */
	bool put_back[SITES_MAX];
	bool inbox_claimed; /* site a has looked at an INBOX with mail */
	bool disaster, settling, told;
	bool oneway; /* some peers never answer */
	bool linked; /* somebody called */
	bool relays; /* some sites pass on what others wrote */
	bool rotten; /* a state was damaged: said, and mended by comparison */
	/* An INBOX was out of view: what comes back finds its UIDs passed. */
	bool inbox_hidden;
	unsigned lies_at[MEDIA];
	struct image images[IMAGES];
	/* What users do in the midst of their site's next program. */
	struct event amid[AMID_MAX];
	size_t amid_count;
	uint64_t amid_calls; /* of that program, so far */
	unsigned amid_site;
	struct sim_medium media[MEDIA];
	struct sim_links links;
	/* Whose shipper calls whom: then the end goes by links, too. */
	bool calls_it[SITES_MAX][SITES_MAX];
	struct mailbag bag;
	struct oracle oracle;
	uint64_t hash;
	FILE *trace;
	bool calls;
};

/* ---- the hash ---- */

static void mix(struct world *w, const void *data, size_t len)
{
	w->hash = hash_check(data, len, w->hash);
}

static void mix_number(struct world *w, uint64_t n)
{
	mix(w, &n, sizeof(n));
}

static void mix_server(struct world *w, const struct mail_server *s)
{
	for (size_t i = 0; i < s->folder_count; i++) {
		const struct mail_folder *f = &s->folders[i];

		mix(w, f->path, strlen(f->path));
		mix_number(w, f->uidvalidity);
		mix_number(w, f->uidnext);
		for (size_t k = 0; k < f->count; k++) {
			const struct mail *m = &f->mails[k];

			mix(w, m->base, strlen(m->base));
			mix(w, m->letters, strlen(m->letters));
			mix_number(w, m->keywords);
			mix_number(w, m->uid);
			mix_number(w, m->body->number);
			mix_number(w, (uint64_t)m->ctime_ns);
		}
	}
}

static void mix_world(struct world *w)
{
	for (size_t i = 0; i < w->site_count; i++) {
		const struct sim_site *s = &w->sites[i];

		mix_number(w, (uint64_t)s->code);
		mix(w, s->said, strlen(s->said));
		mix_number(w, simdisk_calls(s->disk));
		mix_server(w, &s->mail);
	}
	mix_number(w, (uint64_t)w->links.now_us);
	for (size_t i = 0; i < MEDIA; i++)
		for (size_t k = 0; k < w->media[i].count; k++)
			mix(w, w->media[i].bundles[k].data,
				w->media[i].bundles[k].item.size);
}

/* ---- users ---- */

static const char *letters_of(const char *word)
{
	return strcmp(word, "-") ? word : "";
}

static bool is_home(
	const struct world *w, const struct event *e, const char *path)
{
	const struct model_folder *f = model_find(&w->oracle, path);

	return f && f->home == e->site;
}

static void user_folders(struct world *w, const struct event *e)
{
	struct mail_server *mail = &w->sites[e->site].mail;
	struct oracle *o = &w->oracle;

	switch (e->kind) {
	case EVENT_CREATE:
		/* Whoever finds mail first is the home of an INBOX. */
		if (e->site && !w->inbox_claimed)
			break;
		if (!model_find(o, e->path) && mail_create(mail, e->path))
			oracle_create(o, e->site, e->path);
		break;
	case EVENT_DELETE:
		if (is_home(w, e, e->path) && mail_delete(mail, e->path))
			oracle_delete(o, e->path);
		break;
	case EVENT_RENAME:
		if (is_home(w, e, e->path) && mail_rename(mail, e->path, e->to))
			oracle_rename(o, e->path, e->to);
		break;
	default:
		if (is_home(w, e, e->path) &&
			mail_subscribe(
				mail, e->path, e->kind == EVENT_SUBSCRIBE))
			oracle_subscribe(
				o, e->path, e->kind == EVENT_SUBSCRIBE);
	}
}

static void user_save(struct world *w, const struct event *e)
{
	bool new = e->kind == EVENT_DELIVER;
	const char *letters = new ? "" : letters_of(e->word);

	/* A token is one mail. */
	if (e->token < w->oracle.token_count && w->oracle.tokens[e->token].most)
		return;
	if (mail_save(&w->sites[e->site].mail, e->path,
		    oracle_body(&w->bag, e->token), letters,
		    oracle_date(e->token), new, !new))
		oracle_save(&w->oracle, e->path, e->token, letters);
}

static void user_flag(struct world *w, const struct event *e)
{
	struct mail_server *mail = &w->sites[e->site].mail;
	bool value = e->word[0] == '+';
	bool done = e->word[1] == '$' ? mail_keyword(mail, e->path, e->token,
						e->word + 1, value)
				      : mail_letter(mail, e->path, e->token,
						e->word[1], value);

	if (done)
		oracle_flag(&w->oracle, e->path, e->token, e->word);
}

static void user_copy(struct world *w, const struct event *e)
{
	struct mail_server *mail = &w->sites[e->site].mail;

	if (!is_home(w, e, e->to) || model_has(&w->oracle, e->to, e->token) ||
		!mail_copy(mail, e->path, e->token, e->to))
		return;
	if (e->kind == EVENT_COPY) {
		oracle_copy(&w->oracle, e->path, e->token, e->to);
		return;
	}
	mail_expunge(mail, e->path, e->token);
	oracle_move(&w->oracle, e->path, e->token, e->to);
}

static void user_mail(struct world *w, const struct event *e)
{
	if (!is_home(w, e, e->path))
		return;
	switch (e->kind) {
	case EVENT_SAVE:
	case EVENT_DELIVER:
		user_save(w, e);
		break;
	case EVENT_FLAG:
		user_flag(w, e);
		break;
	case EVENT_EXPUNGE:
		if (mail_expunge(&w->sites[e->site].mail, e->path, e->token))
			oracle_expunge(&w->oracle, e->path, e->token);
		break;
	default:
		user_copy(w, e);
	}
}

static void happen(struct world *w, const struct event *e);

/* ---- programs ---- */

struct taking_back {
	struct oracle *oracle;
	unsigned site;
};

static void taken_back(
	void *arg, const struct mail_folder *f, const struct mail *m)
{
	const struct taking_back *t = arg;

	oracle_taken_back(t->oracle, t->site, f, m);
	views_note(t->oracle, t->site);
}

static void cut_power(struct world *w, unsigned site, uint64_t seed)
{
	struct sim_site *s = &w->sites[site];
	struct taking_back t = {&w->oracle, site};

	pool_drop(simdisk_os(s->disk));
	simlinks_kill(&w->links, s, true);
	simdisk_power_cut(s->disk, sim_rand(&seed));
	mail_server_cut(&s->mail, sim_rand(&seed), taken_back, &t);
}

/* All that run at a site; its machine goes on. */
static void kill_programs(struct world *w, unsigned site)
{
	struct sim_site *s = &w->sites[site];

	pool_drop(simdisk_os(s->disk));
	simlinks_kill(&w->links, s, false);
	simdisk_kill(s->disk);
}

static void plan_fault(struct sim_site *s, const struct event *e)
{
	switch (e->fault) {
	case FAULT_CUT:
	case FAULT_KILL:
		simdisk_stop_at(s->disk, e->fault_at);
		break;
	case FAULT_IO:
		simdisk_fail_at(s->disk, e->fault_at, EIO);
		break;
	case FAULT_FULL:
		simdisk_fail_at(s->disk, e->fault_at, ENOSPC);
		break;
	case FAULT_SHORT:
		simdisk_short_at(s->disk, e->fault_at);
		break;
	case FAULT_HIDDEN:
		if (e->kind == EVENT_HAND)
			s->mail.hidden = e->fault_at;
		break;
	default:
		break;
	}
}

static bool is_talk(const struct event *e)
{
	return e->kind == EVENT_TALK || e->kind == EVENT_HANG;
}

static void end_fault(
	struct world *w, struct sim_site *s, const struct event *e)
{
	s->mail.hidden = 0;
	if (e->fault == FAULT_NONE || e->fault == FAULT_HIDDEN ||
		fault_is_of_line(e->fault))
		return;
	if (e->fault == FAULT_CUT) {
		cut_power(w, e->site, e->fault_seed);
		w->unseen[e->site] = true; /* what it took back */
	} else if (is_talk(e) && e->fault != FAULT_KILL) {
		/* A daemon goes on. */
		pool_drop(simdisk_os(s->disk));
		simdisk_faults_clear(s->disk);
	} else {
		kill_programs(w, e->site);
	}
	s->mail.locked = 0;
	w->calm[e->site] = false;
}

static void do_amid(struct world *w, size_t i)
{
	struct event e = w->amid[i];

	w->amid_count--;
	memmove(w->amid + i, w->amid + i + 1,
		(w->amid_count - i) * sizeof(*w->amid));
	happen(w, &e);
}

/*
 * Before every call of a program: is somebody to do something now? What is in
 * the state's cache is not read, and makes no difference.
 */
static void amid(void *ctx, const char *call, const char *path)
{
	struct world *w = ctx;
	const struct sim_site *s = &w->sites[w->amid_site];

	(void)call;
	if (strncmp(path, STATES, strlen(STATES)) == 0)
		return;
	w->amid_calls++;
	if (s->mail.locked || simdisk_stopped(s->disk))
		return;
	for (size_t i = 0; i < w->amid_count; i++)
		if (w->amid[i].site == w->amid_site &&
			w->amid[i].fault_at <= w->amid_calls) {
			do_amid(w, i);
			return;
		}
}

static void begin_amid(struct world *w, unsigned site)
{
	w->amid_site = site;
	w->amid_calls = 0;
	for (size_t i = 0; i < w->amid_count; i++)
		if (w->amid[i].site == site)
			simdisk_hook(w->sites[site].disk, amid, w);
}

/* What it was too short for is done now. */
static void end_amid(struct world *w, unsigned site)
{
	simdisk_hook(w->sites[site].disk, NULL, NULL);
	for (size_t i = 0; i < w->amid_count;)
		if (w->amid[i].site == site)
			do_amid(w, i);
		else
			i++;
}

/* ---- live links ---- */

static const enum line_fault line_faults[FAULTS] = {
	[FAULT_BREAK] = LINE_BREAKS,
	[FAULT_FLIP] = LINE_FLIPS,
	[FAULT_LOSE] = LINE_LOSES,
	[FAULT_DOUBLE] = LINE_REPEATS,
	[FAULT_DEAD] = LINE_DIES,
};

/* Of what the event's site says. */
static void plan_line(
	struct world *w, const struct event *e, enum line_fault fault)
{
	struct sim_link *link = simlinks_between(&w->links, e->site, e->other);
	const struct sim_site *s = &w->sites[e->site];

	if (link)
		simline_plan(&link->line, link->ends[0].site == s ? 0 : 1,
			fault, e->fault_at, e->fault_seed);
}

static void talk(struct world *w, const struct event *e)
{
	simsite_begin(&w->sites[e->site]);
	simsite_begin(&w->sites[e->other]);
	plan_line(w, e, line_faults[e->fault]);
	if (e->kind == EVENT_HANG)
		simlinks_finish(&w->links, e->site, e->other);
	else
		simlinks_notice(&w->links, e->site, e->other);
	simlinks_run(&w->links, e->n * 1000);
	plan_line(w, e, LINE_SOUND);
}

static void dial(struct world *w, const struct event *e)
{
	if (e->n <= 0 || e->site == e->other)
		return;
	simsite_begin(&w->sites[e->site]);
	simlinks_dial(&w->links, e->site, e->other, e->n);
	w->calls_it[e->site][e->other] = w->linked = true;
}

static bool reaches(const struct world *w, const struct event *e)
{
	unsigned at = w->lies_at[e->medium % MEDIA];

	const struct sim_peer *peer = &w->sites[e->site].peers[e->other];

	return peer->known &&
	       !(e->kind == EVENT_HAND && peer->oneway && !peer->sends) &&
	       (w->settling || at == EVERYWHERE || at == e->site);
}

static void run_program(struct world *w, const struct event *e)
{
	struct sim_site *s = &w->sites[e->site];
	struct sim_medium *medium = &w->media[e->medium % MEDIA];

	plan_fault(s, e);
	simdisk_trace(s->disk, w->calls ? w->trace : NULL);
	begin_amid(w, e->site);
	switch (e->kind) {
	case EVENT_WRITE:
		w->unseen[e->site] = false;
		simsite_write(s);
		if (!e->fault &&
			(s->code == EXIT_DONE || s->code == EXIT_OPERATOR))
			w->put_back[e->site] = false;
		break;
	case EVENT_HAND:
		simsite_hand_over(s, e->other, medium);
		break;
	case EVENT_COLLECT:
		simsite_collect(s, e->other, medium);
		break;
	case EVENT_SCAN:
		simsite_scan(s);
		break;
	case EVENT_TALK:
	case EVENT_HANG:
		talk(w, e);
		break;
	default:
		simsite_apply(s);
		w->calm[e->site] |= s->code == EXIT_DONE;
	}
	/* Of what was lost on its way a one-way peer can only tell. */
	if (s->code == EXIT_OPERATOR && !w->disaster && !w->rotten &&
		!w->oneway)
		oracle_fail(
			&w->oracle, "alarm", "site %s: %s", s->name, s->said);
	end_fault(w, s, e);
	end_amid(w, e->site);
	w->told |= s->code != EXIT_DONE && s->code != EXIT_LATER;
	if (e->kind != EVENT_WRITE)
		return;
	w->unseen[e->site] |= s->code != EXIT_DONE || e->fault;
	if (!w->unseen[e->site])
		views_written(&w->oracle, e->site);
	if (!e->site && !w->unseen[0] &&
		mail_folder_find(&s->mail, "INBOX")->count)
		w->inbox_claimed = true;
}

/*
 * "Has everything", says a site of its peer: then it has. After a disaster it
 * may take a contact until that is noticed: the end will show.
 */
static void check_what_is_said(struct world *w, unsigned a, unsigned b)
{
	struct sim_site *s = &w->sites[a];
	struct sim_status st;
	const char *what;

	if (w->unseen[a] || w->disaster || w->rotten || !s->peers[b].known ||
		s->peers[b].oneway || !s->peers[b].sends ||
		(w->oracle.views.any && !s->peers[b].settled) ||
		!w->sites[b].peers[a].takes)
		return;
	simsite_status(s, b, &st);
	if (!st.begun || st.operator_ || st.lag || st.unapplied || st.wanted)
		return;
	struct comparison c = {.home = a,
		.other = b,
		.at_home = &s->mail,
		.there = &w->sites[b].mail};
	what = oracle_compare(&w->oracle, &c);
	if (what)
		oracle_fail(&w->oracle, "silent",
			"site %c says that %c has everything: %s", 'a' + a,
			'a' + b, what);
}

/* ---- disasters ---- */

/* Does any state that is left know what this site wrote? */
static bool is_known(struct world *w, unsigned site)
{
	for (unsigned i = 0; i < w->site_count; i++)
		if ((w->sites[i].peers[site].known || i == site) &&
			simsite_knows(
				&w->sites[i], w->sites[site].key.pub.origin))
			return true;
	return false;
}

/* A state is gone. What sites wrote whose own was lost, too, nobody knows any
   more. */
static void look_who_knows(struct world *w)
{
	for (unsigned i = 0; i < w->site_count; i++)
		if (w->oracle.forgotten[i] && !is_known(w, i))
			oracle_orphan(&w->oracle, i);
}

static void restore(struct world *w, const struct event *e)
{
	struct sim_site *s = &w->sites[e->site];
	const struct image *image = &w->images[(uint64_t)e->n % IMAGES];

	if (!image->kept || image->site != e->site)
		return;
	kill_programs(w, e->site);
	w->disaster = w->unseen[e->site] = true;
	w->calm[e->site] = false;
	if (strcmp(e->word, "mail"))
		oracle_forget(&w->oracle, e->site);
	if (strcmp(e->word, "state") == 0) {
		image_put_back_state(image, s);
		views_lost(&w->oracle, e->site);
		look_who_knows(w);
		return;
	}
	w->put_back[e->site] = strcmp(e->word, "mail") == 0;
	if (w->put_back[e->site])
		mail_server_restore(&s->mail, &image->mail);
	else
		image_put_back(image, s);
	oracle_restore(&w->oracle, e->site, &image->model);
	views_lost(&w->oracle, e->site);
}

static bool is_site(const struct sim_site *s)
{
	for (size_t i = 0; i < SITES_MAX; i++)
		if (s->peers[i].known)
			return true;
	return false;
}

static void clone(struct world *w, const struct event *e)
{
	struct sim_site *from = &w->sites[e->other], *to = &w->sites[e->site];

	if (is_site(to) || !is_site(from))
		return;
	kill_programs(w, e->other);
	kill_programs(w, e->site);
	image_clone(from, to);
	w->twin[e->other] = e->site + 1;
	w->twin[e->site] = e->other + 1;
	w->disaster = w->unseen[e->site] = w->oracle.views.off = true;
	w->calm[e->site] = false;
}

static void forget(struct world *w, const struct event *e)
{
	struct sim_site *s = &w->sites[e->site];

	kill_programs(w, e->site);
	if (strcmp(e->word, "state") == 0 || strcmp(e->word, "all") == 0) {
		image_delete(s, STATE_DIR "/accounts");
		oracle_forget(&w->oracle, e->site);
		views_lost(&w->oracle, e->site);
		look_who_knows(w);
	}
	if (strcmp(e->word, "logs") == 0 || strcmp(e->word, "all") == 0)
		image_delete(s, STATE_DIR "/log");
	if (strcmp(e->word, "all") == 0) {
		image_delete(s, STATE_DIR "/inbox");
		image_delete(s, STATE_DIR "/bodies");
	}
	if (strcmp(e->word, "segment") == 0 || strcmp(e->word, "tail") == 0)
		image_spoil_segment(
			s, (size_t)e->n, strcmp(e->word, "tail") == 0);
	w->disaster = w->unseen[e->site] = true;
	w->calm[e->site] = false;
}

static void set_clock(struct sim_site *s, int64_t ahead_s)
{
	struct os *os = simdisk_os(s->disk);

	simdisk_set_wall(
		s->disk, EPOCH + os->ops->mono_ns(os) + ahead_s * NS_PER_S);
}

/* ---- events ---- */

static void make_sites(struct world *w, size_t count)
{
	if (w->site_count || count < 1 || count > SITES_MAX)
		return;
	for (size_t i = 0; i < count; i++) {
		char name[2] = {(char)('a' + i), '\0'};

		simsite_init(&w->sites[i], name, w->sites, &w->bag, i + 1);
	}
	w->site_count = w->links.site_count = count;
	w->links.sites = w->sites;
	w->lies_at[0] = EVERYWHERE;
}

static void make_peers(struct world *w, const struct event *e)
{
	struct sim_peer *there = &w->sites[e->site].peers[e->other];
	struct sim_peer *here = &w->sites[e->other].peers[e->site];

	if (e->site == e->other)
		return;
	there->known = here->known = true;
	there->sends = strcmp(e->word, "receive") != 0;
	there->takes = strcmp(e->word, "send") != 0;
	there->oneway = here->oneway = strcmp(e->word, "oneway") == 0;
	w->oneway |= there->oneway;
	here->sends = strcmp(e->path, "receive") != 0;
	here->takes = strcmp(e->path, "send") != 0;
}

static void accept_from(struct world *w, const struct event *e)
{
	mail_text(w->sites[e->site].peers[e->other].accept.text, SIM_RULE,
		e->path);
	oracle_accept(&w->oracle, e->site, e->other, strcmp(e->path, "-") == 0);
}

static void show(struct world *w, const struct event *e)
{
	struct sim_peer *peer = &w->sites[e->site].peers[e->other];

	mail_text(peer->view.text, SIM_RULE, e->path);
	peer->settled = false;
	views_set(&w->oracle, e->site, e->other, e->path);
	w->inbox_hidden |=
		!views_show(&w->oracle.views, e->site, e->other, "INBOX");
}

static bool is_removal(const struct event *e)
{
	return e->kind == EVENT_EXPUNGE || e->kind == EVENT_MOVE ||
	       e->kind == EVENT_DELETE || e->kind == EVENT_RENAME;
}

/* What users do. */
static void user(struct world *w, const struct event *e)
{
	struct sim_site *s = &w->sites[e->site];

	/* Where new mail took the UIDs of what a backup did not have, and went
	   before the writer looked, nothing can tell the restore from an
	   expunge (docs/recovery.md). */
	if (w->put_back[e->site] && is_removal(e))
		return;
	w->unseen[e->site] = true;
	if (e->kind == EVENT_SELECT) {
		mail_select(&s->mail, e->path);
		oracle_selected(&w->oracle, e->site, &s->mail, e->path);
	} else if (e->kind < EVENT_SAVE) {
		user_folders(w, e);
	} else {
		user_mail(w, e);
	}
	views_note(&w->oracle, e->site);
}

static void mischief(struct world *w, const struct event *e)
{
	struct sim_medium *m = &w->media[e->medium % MEDIA];

	if (e->kind == EVENT_CARRY)
		w->lies_at[e->medium % MEDIA] = e->site;
	else if (e->kind == EVENT_LOSE)
		sim_medium_lose(m, (size_t)e->n);
	else if (e->kind == EVENT_AGAIN)
		sim_medium_again(m, (size_t)e->n);
	else
		sim_medium_damage(m, (size_t)e->n, e->seed);
}

static void happen(struct world *w, const struct event *e)
{
	if (e->kind == EVENT_SITES)
		make_sites(w, (size_t)e->n);
	else if (e->kind == EVENT_STATES)
		pool_use(strcmp(e->word, "once") ? POOL_RUNS : POOL_OFF);
	if (e->site >= w->site_count || e->other >= w->site_count)
		return;
	switch (e->kind) {
	case EVENT_SITES:
	case EVENT_STATES:
		break;
	case EVENT_PEER:
		make_peers(w, e);
		break;
	case EVENT_RELAY:
		w->sites[e->site].peers[e->other].relays = w->relays = true;
		break;
	case EVENT_ACCEPT:
		accept_from(w, e);
		break;
	case EVENT_VIEW:
		show(w, e);
		break;
	case EVENT_WAIT:
		simlinks_pass(&w->links, e->n * 1000);
		break;
	case EVENT_CLOCK:
		set_clock(&w->sites[e->site], e->n);
		break;
	case EVENT_RETAIN:
		w->sites[e->site].retains = true;
		w->sites[e->site].keep_s = e->n;
		break;
	case EVENT_PATIENCE:
		w->sites[e->site].patience_s = e->n < 0 ? 0 : e->n;
		break;
	case EVENT_KEEP:
		image_keep(&w->images[(uint64_t)e->n % IMAGES], e->site,
			&w->sites[e->site], &w->oracle);
		break;
	case EVENT_RESTORE:
		restore(w, e);
		break;
	case EVENT_CLONE:
		clone(w, e);
		break;
	case EVENT_FORGET:
		forget(w, e);
		break;
	case EVENT_ROT:
		w->rotten |= simsite_rot(&w->sites[e->site], (uint64_t)e->n);
		w->oracle.rotten = w->rotten;
		break;
	case EVENT_CARRY:
	case EVENT_LOSE:
	case EVENT_AGAIN:
	case EVENT_DAMAGE:
		mischief(w, e);
		break;
	case EVENT_HAND:
	case EVENT_COLLECT:
		if (reaches(w, e))
			run_program(w, e);
		break;
	case EVENT_DIAL:
		dial(w, e);
		break;
	case EVENT_TALK:
	case EVENT_HANG:
		if (e->site != e->other)
			run_program(w, e);
		break;
	case EVENT_WRITE:
	case EVENT_APPLY:
	case EVENT_SCAN:
		run_program(w, e);
		break;
	case EVENT_RESEND:
		if (w->sites[e->site].peers[e->other].known)
			simsite_resend(&w->sites[e->site], e->other);
		break;
	default:
		user(w, e);
	}
}

static bool is_user(const struct event *e)
{
	return e->kind >= EVENT_CREATE && e->kind <= EVENT_SELECT;
}

static void tell(struct world *w, const struct event *e)
{
	AUTO_BUF struct buf text = BUF_INIT;

	if (!w->trace)
		return;
	event_print(e, &text);
	fputs(buf_str(&text), w->trace);
}

static void tell_site(const struct world *w, unsigned site)
{
	const struct sim_site *s = &w->sites[site];

	if (w->trace && (s->code || s->said[0]))
		fprintf(w->trace, "\t# %s: %d %s\n", s->name, s->code, s->said);
}

static void tell_outcome(const struct world *w, const struct event *e)
{
	if (e->kind < EVENT_DIAL)
		return;
	tell_site(w, e->site);
	if (is_talk(e))
		tell_site(w, e->other);
}

static void one_event(struct world *w, const struct event *e)
{
	tell(w, e);
	if (e->fault == FAULT_AMID && is_user(e) && w->amid_count < AMID_MAX)
		w->amid[w->amid_count++] = *e;
	else
		happen(w, e);
	tell_outcome(w, e);
	mix_world(w);
	for (size_t i = 0; i < w->site_count; i++)
		oracle_look(
			&w->oracle, (unsigned)i, &w->sites[i].mail, w->calm[i]);
	if (e->kind == EVENT_APPLY && e->site < w->site_count)
		for (unsigned b = 0; b < w->site_count; b++)
			check_what_is_said(w, e->site, b);
}

/* ---- the end ---- */

/* By the link, if they have one; else over the shared directory. */
static void exchange_with(
	struct world *w, unsigned site, unsigned other, bool hang)
{
	struct event e = {.kind = EVENT_HAND, .site = site, .other = other};
	bool dials = w->calls_it[site][other];

	if (!dials && !w->calls_it[other][site]) {
		one_event(w, &e);
		return;
	}
	if (dials) {
		e.kind = EVENT_DIAL;
		e.n = SPEED;
		one_event(w, &e);
	}
	e.kind = dials && hang ? EVENT_HANG : EVENT_TALK;
	e.n = TALK_S;
	one_event(w, &e);
}

/* hang: no link stays up. */
static void exchange(struct world *w, bool hang)
{
	struct event e = {.kind = EVENT_WAIT, .n = 60};

	one_event(w, &e);
	for (e.site = 0; e.site < w->site_count; e.site++) {
		e.other = 0;
		e.kind = EVENT_WRITE;
		one_event(w, &e);
		e.kind = EVENT_COLLECT;
		for (e.other = 0; e.other < w->site_count; e.other++)
			for (e.medium = 0; e.medium < MEDIA; e.medium++)
				if (w->sites[e.site].peers[e.other].known)
					one_event(w, &e);
		e.other = e.medium = 0;
		e.kind = EVENT_APPLY;
		one_event(w, &e);
		for (e.other = 0; e.other < w->site_count; e.other++)
			if (w->sites[e.site].peers[e.other].known)
				exchange_with(w, e.site, e.other, hang);
		e.other = 0;
	}
}

/* What came too late or never is told at a one-way peer, and handed over
   again. */
static void resend(struct world *w)
{
	struct event e = {.kind = EVENT_RESEND};

	for (e.other = 0; e.other < w->site_count; e.other++)
		if (w->sites[0].peers[e.other].oneway)
			one_event(w, &e);
}

static void scan(struct world *w)
{
	struct event e = {.kind = EVENT_SCAN};

	for (; e.site < w->site_count; e.site++)
		one_event(w, &e);
}

/* Where nothing changes any more it takes a while until all is compared, and a
   scan until what was placed by it is. */
static void wait_for_rot(struct world *w, unsigned exchanges)
{
	struct event e = {.kind = EVENT_WAIT, .n = SIM_STATE_S};

	if (exchanges == 2 * EXCHANGES - 3)
		scan(w);
	else if (exchanges % 4 == 1)
		one_event(w, &e);
}

/* What waits for a body that was lost with its mail waits no more, and what
   differs unnoticed is stated once more. What was sent in a call that ended well
   counts as arrived for two days, though who joined meanwhile dropped it. */
static void wait_for_late(struct world *w)
{
	struct event e = {
		.kind = EVENT_WAIT, .n = w->linked ? ARRIVED_S : SIM_STATE_S};

	one_event(w, &e);
}

/* Mail of a home may have another UID there, for ever: who is no peer of it does
   not tell it. */
static bool may_be_late(
	const struct world *w, const struct sim_site *there, unsigned home)
{
	return w->inbox_hidden || there->peers[home].oneway ||
	       !there->peers[home].known;
}

static bool hands_to(const struct world *w, unsigned a, unsigned b)
{
	return w->sites[a].peers[b].known && w->sites[a].peers[b].sends &&
	       w->sites[b].peers[a].takes;
}

/* Do changes of a's come to b, by itself or by others? */
static bool hears_of(const struct world *w, unsigned a, unsigned b)
{
	bool hears[SITES_MAX] = {false};

	for (unsigned i = 0; i < w->site_count; i++)
		hears[i] = hands_to(w, a, i);
	for (unsigned turn = 1; turn < w->site_count; turn++)
		for (unsigned i = 0; i < w->site_count; i++)
			for (unsigned k = 0; k < w->site_count; k++)
				hears[k] |= hears[i] && hands_to(w, i, k) &&
					    w->sites[i].peers[k].relays &&
					    w->sites[k].peers[i].relays;
	return hears[b];
}

/* NULL, or what differs. */
static const char *differs(struct world *w)
{
	for (unsigned a = 0; a < w->site_count; a++)
		for (unsigned b = 0; b < w->site_count; b++) {
			const struct sim_site *x = &w->sites[a];
			const struct sim_site *y = &w->sites[b];
			struct sim_status st;
			const char *what;

			if (a == b || !hears_of(w, a, b))
				continue;
			/* What came late has a UID of its own there. What lies
			   where a state was lost, and is out of view, is new
			   to who finds it, and stays. */
			simsite_status(&w->sites[b], a, &st);
			struct comparison c = {.home = a,
				.other = b,
				.at_home = &x->mail,
				.there = &y->mail,
				.uids = !may_be_late(w, y, a) || !st.late,
				.hidden = !w->oracle.forgotten[b]};
			what = oracle_compare(&w->oracle, &c);
			if (what) {
				w->apart[0] = a;
				w->apart[1] = b;
				return what;
			}
		}
	return NULL;
}

/* Does anybody hear that something is wrong? */
static bool somebody_is_told(struct world *w)
{
	for (unsigned i = 0; i < w->site_count; i++) {
		struct sim_status st;

		simsite_status(&w->sites[i], 0, &st);
		if (st.operator_)
			return true;
	}
	return w->told;
}

/*
 * Is one of two machines with one key as the other was once? Whatever it says
 * the other has said, and what is for both the other takes: it hears what it
 * would if its peers were away, and they hear what one machine would say. So does
 * whoever hears of others by it.
 */
static bool nobody_can_know(struct world *w)
{
	for (unsigned site = 0; site < w->site_count; site++) {
		unsigned twin = w->twin[site];
		bool concerned =
			site == w->apart[0] || site == w->apart[1] || w->relays;

		if (concerned && twin &&
			simsite_contains(&w->sites[twin - 1], &w->sites[site]))
			return true;
	}
	return false;
}

static uint64_t handed_over(const struct world *w)
{
	uint64_t bundles = 0;

	for (size_t i = 0; i < w->site_count; i++)
		bundles += w->sites[i].handed;
	return bundles;
}

/* Where all is equal and nothing happens each states its folders once, and
   nobody says anything to that. By that it may be noticed that a line is dead,
   and who calls anew says where he stands. */
static void check_quiet(struct world *w)
{
	struct event e = {.kind = EVENT_WAIT, .n = SIM_STATE_S};
	/* From one end of a chain to the other a word takes a turn a site. */
	size_t turns = (w->linked ? 7 : 4) + (w->relays ? w->site_count : 0);

	for (size_t i = 0; i < turns; i++) {
		exchange(w, false);
		if (i == 0)
			one_event(w, &e);
	}
	uint64_t before = handed_over(w);
	for (int i = 0; i < 2; i++)
		exchange(w, false);
	if (handed_over(w) != before && !w->oracle.what[0])
		oracle_fail(&w->oracle, "chatter",
			"%u bundles though nothing happened",
			(unsigned)(handed_over(w) - before));
}

static void settle(struct world *w, struct outcome *ret)
{
	unsigned most = w->rotten ? 2 * EXCHANGES : EXCHANGES;
	const char *what;

	/* Who writes for whom may have to go to the end of a chain and back. */
	if (w->relays)
		most += 2 * (unsigned)w->site_count;

	w->settling = true;
	/* What was to happen in the midst of a program that never ran. */
	for (unsigned i = 0; i < w->site_count; i++)
		end_amid(w, i);
	for (what = differs(w);
		what && ret->exchanges < most && !w->oracle.what[0];
		what = differs(w)) {
		w->told = false;
		if (w->rotten)
			wait_for_rot(w, ret->exchanges);
		else if ((w->disaster || w->oneway) &&
			 ret->exchanges == EXCHANGES / 2)
			wait_for_late(w);
		if (w->oneway && ret->exchanges == EXCHANGES / 2 + 1 &&
			somebody_is_told(w))
			resend(w);
		exchange(w, ret->exchanges % 2);
		ret->exchanges++;
	}
	if (!what && !w->disaster && !w->rotten && !w->oneway &&
		!w->oracle.what[0])
		check_quiet(w);
	if (!what)
		return;
	ret->told = w->disaster && (somebody_is_told(w) || nobody_can_know(w));
	if (!ret->told)
		oracle_fail(&w->oracle, w->disaster ? "silent" : "unequal",
			"after %u exchanges: %s", ret->exchanges, what);
}

/* What all users have, where a history that is traced ends. */
static void tell_mail(const struct world *w)
{
	for (size_t i = 0; w->trace && i < w->site_count; i++) {
		const struct mail_server *s = &w->sites[i].mail;

		for (size_t k = 0; k < s->folder_count; k++) {
			const struct mail_folder *f = &s->folders[k];

			fprintf(w->trace, "# %s: %s: UIDVALIDITY %u UIDNEXT %u",
				w->sites[i].name, f->path, f->uidvalidity,
				f->uidnext);
			for (size_t m = 0; m < f->count; m++)
				fprintf(w->trace, "%s mail %u UID %u %s",
					m ? "," : ":", f->mails[m].body->token,
					f->mails[m].uid, f->mails[m].base);
			fputc('\n', w->trace);
		}
	}
}

/* What a site says to another may hold nothing that is not for that. */
static void overhear(void *arg, const struct sim_site *from, size_t peer,
	const void *data, size_t len)
{
	struct world *w = arg;

	views_overhear(&w->oracle, (unsigned)(from - w->sites), (unsigned)peer,
		data, len);
}

/* For what users did before the first of them, too. */
static void prepare_views(struct world *w, const struct history *h)
{
	for (size_t i = 0; i < h->count; i++)
		w->oracle.views.any |= h->events[i].kind == EVENT_VIEW;
	w->oracle.views.bag = &w->bag;
	overheard_by(w->oracle.views.any ? overhear : NULL, w);
	for (unsigned i = 0; i < SITES_MAX; i++)
		views_note(&w->oracle, i);
}

void world_run(
	const struct history *h, FILE *trace, bool calls, struct outcome *ret)
{
	struct world w = {.trace = trace, .calls = calls};

	*ret = (struct outcome){.at = 0};
	pool_use(POOL_HISTORIES);
	oracle_init(&w.oracle);
	prepare_views(&w, h);
	for (size_t i = 0; i < h->count && !w.oracle.what[0]; i++) {
		one_event(&w, &h->events[i]);
		if (w.oracle.what[0])
			ret->at = i + 1;
	}
	if (!w.oracle.what[0] && w.site_count)
		settle(&w, ret);
	overheard_by(NULL, NULL);
	tell_mail(&w);
	memcpy(ret->what, w.oracle.what, sizeof(ret->what));
	memcpy(ret->why, w.oracle.why, sizeof(ret->why));
	ret->hash = w.hash;
	pool_rest();
	simlinks_release(&w.links);
	for (size_t i = 0; i < w.site_count; i++)
		simsite_release(&w.sites[i]);
	for (size_t i = 0; i < MEDIA; i++)
		sim_medium_release(&w.media[i]);
	for (size_t i = 0; i < IMAGES; i++)
		image_release(&w.images[i]);
	mailbag_free(&w.bag);
	oracle_release(&w.oracle);
}
