#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "oracle.h"
#include "pool.h"
#include "simsite.h"
#include "simtree.h"

#define MEDIA 4
#define EXCHANGES 6
#define NS_PER_S INT64_C(1000000000)

struct world {
	struct sim_site sites[SITES_MAX];
	size_t site_count;
	bool calm[SITES_MAX];
	struct sim_medium media[MEDIA];
	struct mailbag bag;
	struct oracle oracle;
	uint64_t hash;
	FILE *trace;
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

/* ---- programs ---- */

static void taken_back(
	void *arg, const struct mail_folder *f, const struct mail *m)
{
	oracle_taken_back(arg, f, m);
}

static void cut_power(struct world *w, struct sim_site *s, uint64_t seed)
{
	pool_drop(simdisk_os(s->disk));
	simdisk_power_cut(s->disk, sim_rand(&seed));
	mail_server_cut(&s->mail, sim_rand(&seed), taken_back, &w->oracle);
}

static void run_program(struct world *w, const struct event *e)
{
	struct sim_site *s = &w->sites[e->site];

	if (e->cut_at)
		simdisk_stop_at(s->disk, e->cut_at);
	switch (e->kind) {
	case EVENT_WRITE:
		simsite_write(s);
		break;
	case EVENT_HAND:
		simsite_hand_over(s, e->other, &w->media[e->medium % MEDIA]);
		break;
	case EVENT_COLLECT:
		simsite_collect(s, e->other, &w->media[e->medium % MEDIA]);
		break;
	default:
		simsite_apply(s);
		w->calm[e->site] = true;
	}
	if (e->cut_at) {
		w->calm[e->site] = false;
		cut_power(w, s, e->cut_seed);
	}
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
	w->site_count = count;
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
	here->sends = strcmp(e->path, "receive") != 0;
	here->takes = strcmp(e->path, "send") != 0;
}

static void happen(struct world *w, const struct event *e)
{
	if (e->kind == EVENT_SITES) {
		make_sites(w, (size_t)e->n);
		return;
	}
	if (e->site >= w->site_count || e->other >= w->site_count)
		return;
	switch (e->kind) {
	case EVENT_PEER:
		make_peers(w, e);
		break;
	case EVENT_CREATE:
	case EVENT_DELETE:
	case EVENT_RENAME:
	case EVENT_SUBSCRIBE:
	case EVENT_UNSUBSCRIBE:
		user_folders(w, e);
		break;
	case EVENT_SAVE:
	case EVENT_DELIVER:
	case EVENT_FLAG:
	case EVENT_EXPUNGE:
	case EVENT_COPY:
	case EVENT_MOVE:
		user_mail(w, e);
		break;
	case EVENT_SELECT:
		mail_select(&w->sites[e->site].mail, e->path);
		oracle_selected(
			&w->oracle, e->site, &w->sites[e->site].mail, e->path);
		break;
	case EVENT_WAIT:
		for (size_t i = 0; i < w->site_count; i++)
			simdisk_pass(w->sites[i].disk, e->n * NS_PER_S);
		break;
	default:
		if (e->kind == EVENT_WRITE || e->kind == EVENT_APPLY ||
			w->sites[e->site].peers[e->other].known)
			run_program(w, e);
	}
}

static void tell(struct world *w, const struct event *e)
{
	AUTO_BUF struct buf text = BUF_INIT;
	const struct sim_site *s = &w->sites[e->site];

	if (!w->trace)
		return;
	event_print(e, &text);
	fputs(buf_str(&text), w->trace);
	if (e->kind >= EVENT_WRITE && (s->code || s->said[0]))
		fprintf(w->trace, "\t# %d %s\n", s->code, s->said);
}

static void one_event(struct world *w, const struct event *e)
{
	happen(w, e);
	tell(w, e);
	mix_world(w);
	for (size_t i = 0; i < w->site_count; i++)
		oracle_look(
			&w->oracle, (unsigned)i, &w->sites[i].mail, w->calm[i]);
}

/* ---- the end ---- */

static void exchange(struct world *w)
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
		e.kind = EVENT_HAND;
		for (e.other = 0; e.other < w->site_count; e.other++)
			if (w->sites[e.site].peers[e.other].known)
				one_event(w, &e);
		e.other = 0;
	}
}

/* NULL, or what differs. */
static const char *differs(struct world *w)
{
	for (unsigned a = 0; a < w->site_count; a++)
		for (unsigned b = 0; b < w->site_count; b++) {
			const struct sim_site *x = &w->sites[a];
			const struct sim_site *y = &w->sites[b];
			const char *what;

			if (a == b || !x->peers[b].known ||
				!x->peers[b].sends || !y->peers[a].takes)
				continue;
			what = oracle_compare(
				&w->oracle, a, &x->mail, &y->mail, true);
			if (what)
				return what;
		}
	return NULL;
}

static void settle(struct world *w, struct outcome *ret)
{
	const char *what = differs(w);

	while (what && ret->exchanges < EXCHANGES && !w->oracle.what[0]) {
		exchange(w);
		ret->exchanges++;
		what = differs(w);
	}
	if (what)
		oracle_fail(&w->oracle, "unequal", "after %u exchanges: %s",
			ret->exchanges, what);
}

void world_run(const struct history *h, FILE *trace, struct outcome *ret)
{
	struct world w = {.trace = trace};

	*ret = (struct outcome){.at = 0};
	/* One in eight as programs that run once do it. */
	pool_use(h->count % 8);
	oracle_init(&w.oracle);
	for (size_t i = 0; i < h->count && !w.oracle.what[0]; i++) {
		one_event(&w, &h->events[i]);
		if (w.oracle.what[0])
			ret->at = i + 1;
	}
	if (!w.oracle.what[0])
		settle(&w, ret);
	memcpy(ret->what, w.oracle.what, sizeof(ret->what));
	memcpy(ret->why, w.oracle.why, sizeof(ret->why));
	ret->hash = w.hash;
	pool_drop(NULL);
	for (size_t i = 0; i < w.site_count; i++)
		simsite_release(&w.sites[i]);
	for (size_t i = 0; i < MEDIA; i++)
		sim_medium_release(&w.media[i]);
	mailbag_free(&w.bag);
	oracle_release(&w.oracle);
}
