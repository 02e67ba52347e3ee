#include "receiving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bodies.h"
#include "capture.h"
#include "compared.h"
#include "err.h"
#include "exchange.h"
#include "gaps.h"
#include "spoken.h"
#include "stated.h"
#include "viewed.h"

#define LOCK_WAIT_MS 30000

int receiving_is_split(struct receiving *r, int rc)
{
	r->split |= rc == ERR_CONFLICT;
	return rc;
}

int receiving_note_heard(
	struct receiving *r, struct replica *rep, struct err *err)
{
	int64_t heard = 0;
	AUTO_FREE char *key = replica_peer_key("heard", r->peer->key.origin);
	int rc = replica_meta_get(rep, key, &heard, err);

	return rc < 0 ? rc : replica_meta_set(rep, key, heard + 1, err);
}

static bool is_changes(const struct parcel_section *s)
{
	return s->type == PARCEL_CHANGES || s->type == PARCEL_BRIEF;
}

/* An account log, or a view's. */
static bool is_of_folders(const struct parcel_changes *s)
{
	return id_is_account(&s->from.log.folder) ||
	       view_is_log(&s->from.log.folder);
}

/* From a peer that cannot be asked it does not come by itself. */
static int note_lost(struct receiving *r, struct replica *rep,
	const struct parcel_changes *s, struct err *err)
{
	struct os *os = r->config->os;
	struct replica_log log;
	int rc = replica_log_get(rep, &s->from.log, true, &log, err);

	if (rc < 0 || !s->unasked || s->from.lsn <= log.known.lsn)
		return rc;
	return gap_lost(rep, &s->from.log, log.known.lsn + 1, s->from.lsn,
		"was handed over and did not come",
		os->ops->wall_ns(os) / 1000000, err);
}

/*
 * Something before these sections is missing: it may be under way, or our
 * state was lost. The next acknowledgement tells how far we know these logs.
 */
static void note_lacking(struct receiving *r, struct account *a,
	const struct parcel_sections *sections)
{
	struct err err = ERR_INIT;
	int rc = replica_begin(a->replica, &err);

	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (is_changes(s) && strcmp(s->changes.account, a->name) == 0)
			rc = note_lost(r, a->replica, &s->changes, &err);
	}
	if (rc >= 0)
		rc = receiving_note_heard(r, a->replica, &err);
	if (rc >= 0)
		rc = replica_commit(a->replica, &err);
	replica_rollback(a->replica); /* at worst it is told later */
}

/* What the peer knows, and what it holds. */
static int take_words(struct receiving *r, struct account *a,
	const struct parcel_sections *sections, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (s->type == PARCEL_ACK && !strcmp(s->ack.account, a->name))
			rc = receiving_ack(r, a->replica, &s->ack, err);
		if (s->type == PARCEL_STATEMENT &&
			!strcmp(s->statement.account, a->name))
			rc = receiving_statement(
				r, a->replica, &s->statement, err);
		if (s->type == PARCEL_JOIN && !strcmp(s->join.account, a->name))
			rc = receiving_join(r, a->replica, &s->join, err);
		if (s->type == PARCEL_PREVIEW &&
			!strcmp(s->preview.account, a->name))
			rc = receiving_preview(r, a->replica, &s->preview, err);
	}
	return rc;
}

struct taker {
	struct receiving *receiving;
	struct replica *replica;
};

static int may(void *arg, const struct change *c, struct err *err)
{
	const struct taker *t = arg;

	return receiving_may(t->receiving, t->replica, c, err);
}

/* Comparisons of folders with this peer, and those that what it lost calls
   for. */
static int exchange(struct receiving *r, struct account *a,
	const struct parcel_sections *sections, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct os *os = r->config->os;
	struct taker taker = {r, a->replica};
	struct exchange x = {
		.replica = a->replica,
		.peer = r->peer->key.origin,
		.takes = r->peer->takes_changes,
		.relays = r->peer->relays,
		.now_ms = os->ops->wall_ns(os) / 1000000,
		.may = may,
		.arg = &taker,
	};
	struct id128 *lacked;
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (s->type >= PARCEL_COMPARE && s->type <= PARCEL_ROWS &&
			!strcmp(s->compare.account, a->name))
			rc = exchange_take(&x, s->type, &s->compare, err);
	}
	if (rc >= 0 && x.takes)
		rc = gap_lacked(
			a->replica, x.peer, &arena, &lacked, &count, err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		rc = comparing_begin(
			a->replica, x.peer, &lacked[i], COMPARING_EXACT, err);
	r->result->changes += x.result.taken;
	r->result->agreed += x.result.settled;
	return rc < 0 ? rc : 0;
}

static int compare(struct receiving *r, struct replica *rep, struct err *err)
{
	struct os *os = r->config->os;
	struct stated_result result;
	int rc = stated_compare(
		rep, os->ops->wall_ns(os) / 1000000, &result, err);

	r->result->agreed += result.agreed;
	r->result->differing += result.differing;
	return rc;
}

bool receive_is_refusal(int code)
{
	return code == ERR_AUTH || code == ERR_CORRUPT || code == ERR_LIMIT;
}

/* What is wrong with our own state or mail is no reason to refuse a parcel. */
static int our_fault(int rc, struct err *err)
{
	if (rc < 0 && receive_is_refusal(rc))
		rc = err->code = ERR_IO;
	return rc;
}

/* Does the peer begin anew, and ask? 1 or 0. */
static int begins_anew(struct receiving *r, struct account *a,
	const struct parcel_sections *sections, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < sections->count && rc == 0; i++) {
		const struct parcel_section *s = &sections->items[i];

		if (s->type == PARCEL_JOIN && parcel_join_asks(&s->join) &&
			!strcmp(s->join.account, a->name))
			rc = spoken_is_new(a->replica, r->peer->key.origin,
				s->join.incarnation, err);
	}
	return rc;
}

/* Of a site that says two things at once nothing is taken, whichever it is.
   Returns 1 if it begins anew: then it is one. */
static int check_split(struct receiving *r, struct account *a,
	const struct parcel_sections *sections, struct err *err)
{
	int rc = begins_anew(r, a, sections, err);

	return rc != 0 ? rc
		       : spoken_check(a->replica, r->peer->key.origin, err);
}

static void note_split(
	struct receiving *r, struct account *a, const struct err *why)
{
	struct os *os = r->config->os;
	struct err err = ERR_INIT;
	int rc = replica_begin(a->replica, &err);

	if (rc >= 0)
		rc = spoken_split(a->replica, r->site, why->text,
			os->ops->wall_ns(os) / 1000000, &err);
	if (rc >= 0)
		rc = replica_commit(a->replica, &err);
	replica_rollback(a->replica); /* at worst it is found once more */
}

/* All that a parcel says of one account, in one transaction. */
static int merge_account(struct receiving *r, const char *name,
	const struct parcel_sections *sections, struct err *err)
{
	struct account a;
	struct journal j;
	int rc = account_open(&a, r->config->os, r->config->state_dir, name,
		r->config->self->pub.origin, true, err);

	if (rc < 0)
		return our_fault(rc, err);
	rc = account_lock(&a, LOCK_WAIT_MS, err);
	if (rc >= 0 && r->config->settle)
		rc = r->config->settle(r->config->arg, &a, err);
	r->begins = r->split = false;
	r->site = r->peer->key.origin;
	r->account = name;
	if (rc >= 0)
		rc = check_split(r, &a, sections, err);
	bool anew = rc > 0;
	if (rc >= 0)
		rc = journal_begin(&j, &a, err);
	if (rc < 0) {
		rc = our_fault(rc, err);
	} else {
		/* The account log first: folders before their messages. */
		for (int pass = 0; pass < 2 && rc >= 0; pass++) {
			for (size_t i = 0; i < sections->count && rc >= 0;
				i++) {
				const struct parcel_section *s =
					&sections->items[i];
				if (!is_changes(s) ||
					strcmp(s->changes.account, name) ||
					is_of_folders(&s->changes) !=
						(pass == 0))
					continue;
				rc = receiving_merge(r, &j, &s->changes, err);
			}
		}
		if (rc >= 0)
			rc = view_take_back(a.replica, err);
		/* Before what it acknowledges: then it is new no more. */
		if (rc >= 0 && anew)
			rc = spoken_heal(a.replica, r->peer->key.origin, err);
		r->site = rc < 0 ? r->site : r->peer->key.origin;
		rc = rc < 0 ? rc : take_words(r, &a, sections, err);
		if (rc >= 0 && r->begins)
			rc = receiving_is_split(
				r, spoken_is_one_line(a.replica,
					   r->peer->key.origin, err));
		if (rc >= 0)
			rc = exchange(r, &a, sections, err);
		if (rc >= 0)
			rc = receive_decide(r->config, a.replica, err);
		if (rc >= 0)
			rc = capture_merge_names(&j, err);
		if (rc >= 0)
			rc = compare(r, a.replica, err);
		if (rc >= 0)
			rc = our_fault(journal_commit(&j, false, err), err);
		else
			journal_abort(&j);
	}
	/* The peer thinks that we know more than we do: say what we know. */
	if (rc == ERR_TORN)
		note_lacking(r, &a, sections);
	if (r->split)
		note_split(r, &a, err);
	account_close(&a);
	return rc;
}

/*
 * What one account's part of a parcel meets keeps no other account's waiting.
 * A parcel that has to be taken again is not refused yet.
 */
static int merge_all(struct receiving *r,
	const struct parcel_sections *sections, struct err *err)
{
	int rc = 0, worst = 0;

	for (size_t i = 0; i < sections->count && rc >= 0; i++)
		if (is_changes(&sections->items[i]))
			rc = receiving_check(
				r, &sections->items[i].changes, err);
	for (size_t i = 0; i < sections->count && rc >= 0; i++) {
		const char *name = receiving_account(&sections->items[i]);
		struct err one = ERR_INIT;
		bool first = name != NULL;

		for (size_t k = 0; k < i && first; k++) {
			const char *other =
				receiving_account(&sections->items[k]);

			first = !other || strcmp(other, name);
		}
		if (!first)
			continue;
		int merged = merge_account(r, name, sections, &one);
		if (merged < 0 &&
			(!worst || (receive_is_refusal(worst) &&
					   !receive_is_refusal(merged)))) {
			*err = one;
			worst = merged;
		}
	}
	return rc < 0 ? rc : worst;
}

static int check_space(
	const struct receive_config *config, size_t len, struct err *err)
{
	uint64_t left, total;
	int rc = config->os->ops->space(
		config->os, config->state_dir, &left, &total);

	if (rc < 0)
		return err_set_os(err, -rc, "%s", config->state_dir);
	if (left < len || left - len < total / 100 * config->reserve_percent)
		return err_set(err, ERR_OPERATOR,
			"%s: less than %u %% of the disk is free: nothing is "
			"taken until there is room (or set \"reserve\")",
			config->state_dir, config->reserve_percent);
	return 0;
}

int receive_parcel(const struct receive_config *config, const void *data,
	size_t len, struct receive_result *ret, struct err *err)
{
	struct receiving r = {.config = config, .result = ret};
	struct parcel_sections sections = {0};
	AUTO_BUF struct buf plain = BUF_INIT;
	size_t count, by;
	AUTO_FREE struct key_public *keys = receiving_keys(config, &count);
	int rc = parcel_open(config->self, config->former, keys, count, data,
		len, &by, &plain, err);

	ret->new_key = NULL;
	/* It was whole when it was collected: nothing that comes mends it. */
	if (rc == ERR_TORN)
		rc = err->code = ERR_CORRUPT;
	if (rc >= 0) {
		r.peer = receiving_whose(config, &keys[by]);
		rc = parcel_parse(r.peer->key.origin, plain.data, plain.len,
			&sections, err);
		if (rc >= 0)
			rc = receiving_check_keys(&sections, err);
		if (rc >= 0)
			receiving_name_accounts(&r, &sections);
		if (rc >= 0)
			rc = check_space(config, plain.len, err);
		if (rc >= 0)
			rc = dir_make(
				config->os, config->bodies_dir, 0700, err);
		if (rc >= 0)
			rc = bodies_take(config->os, config->bodies_dir,
				&sections, &ret->bodies, err);
		if (rc >= 0)
			rc = merge_all(&r, &sections, err);
		if (rc >= 0)
			rc = our_fault(receiving_take_keys(
					       &r, &keys[by], &sections, err),
				err);
		parcel_sections_free(&sections);
		if (rc < 0)
			err_wrap(err, "peer %s", r.peer->name);
	}
	if (rc >= 0)
		ret->parcels++;
	else if (receive_is_refusal(rc))
		ret->refused++;
	return rc;
}
