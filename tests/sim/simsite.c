#include "simsite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bodyscan.h"
#include "capture.h"
#include "collect.h"
#include "err.h"
#include "gaps.h"
#include "handover.h"
#include "overheard.h"
#include "program.h"
#include "report.h"
#include "retention.h"
#include "round.h"
#include "simserve.h"
#include "simstore.h"
#include "stated.h"
#include "viewed.h"

#define REFUSED STATE_DIR "/refused"
#define LOCK_WAIT_MS 30000
#define UID_WAIT_NS INT64_C(2200000000)
#define UID_WAITS 3
#define LATE_MS 900000
#define UNASKED_MS 3600000
#define JOIN_MS (INT64_C(7) * 86400000)
#define TRASH_AGE_S (30 * 86400)
#define TRASH_BYTES (UINT64_C(1) << 30)

void simsite_begin(struct sim_site *s)
{
	s->code = EXIT_DONE;
	s->said[0] = '\0';
}

void simsite_say(struct sim_site *s, int code, const char *text)
{
	size_t len = strlen(s->said);

	s->code = exit_worse(s->code, code);
	snprintf(s->said + len, sizeof(s->said) - len, "%s%s", len ? "; " : "",
		text);
}

void simsite_fail(struct sim_site *s, const struct err *err)
{
	simsite_say(s, exit_for(err), err->text);
}

static struct os *os_of(struct sim_site *s)
{
	return simdisk_os(s->disk);
}

/* ---- configuration ---- */

void simrule_cut(struct sim_rule *rule)
{
	char *rest = NULL;

	rule->count = 0;
	memcpy(rule->cut, rule->text, sizeof(rule->cut));
	if (strcmp(rule->text, "-") == 0)
		return;
	for (char *item = strtok_r(rule->cut, ",", &rest);
		item && rule->count < SIM_ITEMS;
		item = strtok_r(NULL, ",", &rest))
		rule->items[rule->count++] = item;
}

/* Words of an item have a hyphen between. */
static void read_accept(
	struct sim_site *s, struct sim_rule *text, struct accept_rule *ret)
{
	simrule_cut(text);
	for (char *c = text->cut; c < text->cut + sizeof(text->cut); c++)
		if (*c == '-')
			*c = ' ';
	for (size_t i = 0; i < text->count; i++) {
		struct err err = ERR_INIT;

		if (accept_rule_add(text->items[i], ret, &err) < 0)
			simsite_fail(s, &err);
	}
}

/* ---- life ---- */

void simsite_init(struct sim_site *s, const char *name,
	const struct sim_site *sites, struct mailbag *bag, uint64_t seed)
{
	uint8_t key_seed[32] = {(uint8_t)name[0]};

	*s = (struct sim_site){.sites = sites, .level = 1};
	mail_text(s->name, sizeof(s->name), name);
	s->disk = simdisk_new(seed);
	key_from_seed(key_seed, &s->key);
	simdisk_put(s->disk, STATE_DIR "/key", name, 1);
	mail_server_init(&s->mail, os_of(s), bag, s->name,
		(uint32_t)(1000 * (name[0] - 'a' + 1)));
}

void simsite_release(struct sim_site *s)
{
	mail_server_release(&s->mail);
	simdisk_free(s->disk);
	*s = (struct sim_site){0};
}

int simsite_open(
	struct sim_site *s, bool create, struct account *ret, struct err *err)
{
	return account_open(ret, os_of(s), STATE_DIR, ACCOUNT,
		s->key.pub.origin, create, err);
}

/* ---- the writer ---- */

static bool claims(const struct sim_site *s)
{
	for (size_t i = 0; i < SITES_MAX; i++)
		if (s->peers[i].known && !s->peers[i].sends)
			return false;
	return true;
}

/* All peers that can answer; those of them that changes are handed over to.
   Returns how many. */
static size_t answering(
	const struct sim_site *s, bool sends, uint64_t ret[SITES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < SITES_MAX; i++)
		if (s->peers[i].known && !s->peers[i].oneway &&
			(!sends || s->peers[i].sends))
			ret[count++] = s->sites[i].key.pub.origin;
	return count;
}

static void complain_of_folders(struct sim_site *s, struct account *a)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	size_t count;

	if (replica_folders(a->replica, &arena, &folders, &count, NULL) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (folders[i].p_path && !folders[i].off &&
			(*folders[i].stopped || folders[i].guard_count))
			simsite_say(s, EXIT_OPERATOR,
				*folders[i].stopped ? folders[i].stopped
						    : "expunges wait");
}

/* Those that changes are handed over to. Returns how many. */
static size_t receivers(const struct sim_site *s, uint64_t ret[SITES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < SITES_MAX; i++)
		if (s->peers[i].known && s->peers[i].sends)
			ret[count++] = s->sites[i].key.pub.origin;
	return count;
}

static int retain(struct sim_site *s, struct account *a, struct err *err)
{
	uint64_t peers[SITES_MAX];
	struct retention_rules rules = {
		.peers = peers, .peer_count = receivers(s, peers)};
	int64_t now_ms = os_of(s)->ops->wall_ns(os_of(s)) / 1000000;
	struct retention_result r = {.more = s->retains};
	int rc = 0;

	if (s->keep_s >= 0 && s->keep_s * 1000 < now_ms)
		rules.before_ms = now_ms - s->keep_s * 1000;
	while (rc >= 0 && r.more)
		rc = retention_pass(a, &rules, &r, err);
	return rc;
}

/* Returns true if it is to look again in a moment. */
static bool look_once(struct sim_site *s, struct store *store)
{
	uint64_t peers[SITES_MAX], two_way[SITES_MAX];
	struct capture_config config = {.claim = claims(s),
		.answering = peers,
		.answering_count = answering(s, false, peers),
		.two_way = two_way,
		.two_way_count = answering(s, true, two_way),
		.join_ms = JOIN_MS,
		.guard_percent = 50,
		.guard_least = 100,
		.give_uids = true};
	struct capture_result result = {0};
	struct err err = ERR_INIT;
	struct account a;
	int rc = simsite_open(s, true, &a, &err);

	if (rc < 0) {
		simsite_fail(s, &err);
		return false;
	}
	rc = account_lock(&a, LOCK_WAIT_MS, &err);
	if (rc >= 0)
		rc = capture_account(&a, store, &config, &result, &err);
	if (rc >= 0)
		rc = retain(s, &a, &err);
	if (rc < 0)
		simsite_fail(s, &err);
	complain_of_folders(s, &a);
	account_close(&a);
	return rc >= 0 && result.waiting;
}

void simsite_write(struct sim_site *s)
{
	struct err err = ERR_INIT;
	struct store *store;

	simsite_begin(s);
	if (simstore_open(&s->mail, &store, &err) < 0) {
		simsite_fail(s, &err);
		return;
	}
	for (int i = 0; look_once(s, store) && i < UID_WAITS; i++) {
		simsite_begin(s);
		os_of(s)->ops->sleep_ns(os_of(s), UID_WAIT_NS);
	}
	store->ops->close(store);
}

/* ---- the shipper ---- */

void simsite_collect(struct sim_site *s, size_t peer, struct sim_medium *medium)
{
	AUTO_FREE char *inbox = simserve_inbox(s, peer);
	struct collect_result got = {0};
	struct err err = ERR_INIT;
	struct carrier *c =
		sim_medium_carrier(medium, s->disk, s->key.pub.origin);

	simsite_begin(s);
	struct collect_config config = {.os = os_of(s),
		.self = s->key.pub.origin,
		.peer = s->sites[peer].key.pub.origin};
	if (collect_bundles(&config, c, inbox, &got, &err) < 0)
		simsite_fail(s, &err);
	c->ops->close(c);
}

void simsite_hand_over(
	struct sim_site *s, size_t peer, struct sim_medium *medium)
{
	struct sim_serving serving = {.site = s};
	struct handover_config config = simserve_handover(&serving, peer);
	struct handover_result handed = {0};
	struct err err = ERR_INIT;
	struct carrier *c =
		sim_medium_carrier(medium, s->disk, s->key.pub.origin);
	int rc = c->ops->tidy(c, config.peer->origin, &err);

	overheard_from(s, peer);
	simsite_begin(s);
	if (rc >= 0)
		rc = handover_to_carrier(&config, c, &handed, &err);
	if (rc < 0)
		simsite_fail(s, &err);
	else if (handed.damaged)
		simsite_say(
			s, EXIT_OPERATOR, "mails are not as they were logged");
	s->handed += handed.bundles;
	s->peers[peer].settled |= rc >= 0;
	overheard_from(NULL, 0);
	simserve_end(&serving);
	c->ops->close(c);
}

void simsite_resend(struct sim_site *s, size_t peer)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct replica_log *logs = NULL;
	struct account a;
	size_t count = 0;
	int rc = simsite_open(s, false, &a, &err);

	simsite_begin(s);
	if (rc < 0)
		return;
	rc = replica_begin(a.replica, &err);
	if (rc >= 0)
		rc = replica_logs(a.replica, &arena, &logs, &count, &err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		if (logs[i].known.log.origin == s->key.pub.origin)
			rc = replica_ack_lower(a.replica,
				s->sites[peer].key.pub.origin, logs[i].id, 0,
				&err);
	if (rc >= 0)
		rc = replica_commit(a.replica, &err);
	replica_rollback(a.replica);
	if (rc < 0)
		simsite_fail(s, &err);
	account_close(&a);
}

/* ---- the applier ---- */

static int open_store(
	void *arg, const char *account, struct store **ret, struct err *err)
{
	struct sim_site *s = arg;

	(void)account;
	return simstore_open(&s->mail, ret, err);
}

static void hear(void *arg, bool warning, const char *text)
{
	if (warning)
		simsite_say(arg, EXIT_DONE, text);
}

static void hear_failure(void *arg, const struct err *err)
{
	simsite_fail(arg, err);
}

static int list_gaps(struct sim_site *s, struct account *a, struct arena *arena,
	struct gap **ret, size_t *ret_count, struct err *err)
{
	uint64_t peers[SITES_MAX];

	return gap_list(a->replica, peers, receivers(s, peers), arena, ret,
		ret_count, err);
}

static int say_gaps(void *arg, struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct gap *gaps;
	size_t count;
	int rc = list_gaps(arg, a, &arena, &gaps, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++)
		simsite_say(arg, EXIT_OPERATOR, gaps[i].reason);
	return rc;
}

void simsite_apply(struct sim_site *s)
{
	struct receive_peer peers[SITES_MAX];
	uint64_t answer[SITES_MAX], two_way[SITES_MAX];
	const struct round_account account = {.name = ACCOUNT,
		.guard_percent = 50,
		.guard_least = 100,
		.answering = answer,
		.answering_count = answering(s, false, answer),
		.two_way = two_way,
		.two_way_count = answering(s, true, two_way)};
	struct round_config config = {.receive = {.os = os_of(s),
					      .state_dir = STATE_DIR,
					      .bodies_dir = BODIES_DIR,
					      .self = &s->key,
					      .peers = peers,
					      .reserve_percent = 5},
		.inbox_dir = STATE_DIR "/inbox",
		.refused_dir = REFUSED,
		.accounts = &account,
		.account_count = 1,
		.claim = claims(s),
		.join_ms = JOIN_MS,
		.late_ms = LATE_MS,
		.trash_age_s = TRASH_AGE_S,
		.trash_size = TRASH_BYTES,
		.open_store = open_store,
		.say = hear,
		.needs_operator = say_gaps,
		.fail = hear_failure,
		.arg = s};

	simsite_begin(s);
	for (size_t i = 0; i < SITES_MAX; i++) {
		struct receive_peer *peer = &peers[config.receive.peer_count];

		if (!s->peers[i].known)
			continue;
		config.receive.peer_count++;
		*peer = (struct receive_peer){.name = s->sites[i].name,
			.key = s->sites[i].key.pub,
			.takes_changes = s->peers[i].takes,
			.relays = s->peers[i].relays && s->peers[i].takes};
		read_accept(s, &s->peers[i].accept, &peer->accept);
	}
	s->code = exit_worse(s->code, round_run(&config, NULL, 0));
}

/* ---- a scan ---- */

static int compare_with_peers(struct sim_site *s, struct account *a,
	const struct id128 *folder, struct err *err)
{
	uint64_t peers[SITES_MAX];
	size_t count = receivers(s, peers);
	struct stated_result compared;
	int64_t now_ms = os_of(s)->ops->wall_ns(os_of(s)) / 1000000;
	int rc = replica_begin(a->replica, err);

	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = stated_owe(
			a->replica, peers[i], folder, STATED_ALONE, err);
	if (rc >= 0)
		rc = stated_compare(a->replica, now_ms, &compared, err);
	if (rc >= 0)
		rc = replica_commit(a->replica, err);
	replica_rollback(a->replica);
	return rc;
}

static int scan_all(struct sim_site *s, struct account *a, struct store *store,
	struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct bodyscan_config config = {.deep = true};
	struct bodyscan_result result = {0};
	struct replica_folder *folders;
	size_t count = 0;
	int rc = replica_folders(a->replica, &arena, &folders, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		if (!folders[i].p_path || folders[i].off)
			continue;
		rc = bodyscan_folder(
			a, store, folders[i].id, &config, &result, err);
		if (rc >= 0)
			rc = compare_with_peers(s, a, &folders[i].fid, err);
	}
	return rc;
}

void simsite_scan(struct sim_site *s)
{
	struct err err = ERR_INIT;
	struct store *store;
	struct account a;
	int rc;

	simsite_begin(s);
	rc = simsite_open(s, false, &a, &err);
	if (rc == ERR_ABSENT)
		return;
	if (rc >= 0) {
		rc = simstore_open(&s->mail, &store, &err);
		if (rc >= 0) {
			rc = scan_all(s, &a, store, &err);
			store->ops->close(store);
		}
		if (rc >= 0)
			rc = say_gaps(s, &a, &err);
		account_close(&a);
	}
	if (rc < 0)
		simsite_fail(s, &err);
}

/* ---- damage ---- */

bool simsite_rot(struct sim_site *s, uint64_t n)
{
	static const char *const what[] = {"letters = 'T'", "mtime = mtime + 7",
		"size = 7", "extra = 'Px'"};
	AUTO_FREE char *sql = mem_printf(
		"UPDATE message SET %s WHERE id = (SELECT m.id FROM message m"
		" JOIN folder f ON f.id = m.folder WHERE m.dead = 0"
		" AND m.p_folder = m.folder AND f.auth_term <> 0"
		" AND f.auth_site <> %lld ORDER BY m.id LIMIT 1 OFFSET %llu)",
		what[n % 4], (long long)s->key.pub.origin,
		(unsigned long long)(n / 4));
	struct err err = ERR_INIT;
	struct account a;
	sqlite3 *db;
	bool done;

	if (simsite_open(s, false, &a, &err) < 0)
		return false;
	db = replica_db(a.replica);
	done = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_changes(db) > 0;
	account_close(&a);
	return done;
}

/* ---- status ---- */

static void operator_needed(struct sim_status *ret, const char *why)
{
	if (!ret->operator_)
		snprintf(ret->why, sizeof(ret->why), "%s", why);
	ret->operator_ = true;
}

/* Bodies wait for an hour, and a peer cannot be asked for them. */
static int look_for_unasked(struct sim_site *s, struct account *a,
	struct sim_status *ret, struct err *err)
{
	struct report_counts counts;
	int64_t now_ms = os_of(s)->ops->wall_ns(os_of(s)) / 1000000;
	int rc = report_counts(a->replica, &counts, err);

	if (rc < 0 || !counts.awaited_ms ||
		now_ms - counts.awaited_ms < UNASKED_MS)
		return rc;
	for (size_t i = 0; i < SITES_MAX && rc >= 0; i++) {
		AUTO_FREE char *key = NULL;
		int64_t unasked = 0;

		if (!s->peers[i].known)
			continue;
		key = replica_peer_key("unasked", s->sites[i].key.pub.origin);
		rc = replica_meta_get(a->replica, key, &unasked, err);
		if (rc >= 0 && unasked)
			operator_needed(ret, "bodies cannot be asked for");
	}
	return rc;
}

static int look_for_operator(struct sim_site *s, struct account *a,
	struct sim_status *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder *folders;
	struct gap *gaps;
	const char *stopped;
	size_t count, gap_count = 0;
	int rc = replica_text_get(a->replica, "stopped", &arena, &stopped, err);

	if (rc >= 0 && *stopped)
		operator_needed(ret, stopped);
	if (rc >= 0)
		rc = replica_folders(a->replica, &arena, &folders, &count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		if (folders[i].dead)
			continue;
		if (*folders[i].stopped)
			operator_needed(ret, folders[i].stopped);
		if (folders[i].guard_count)
			operator_needed(ret, "expunges wait");
	}
	if (rc >= 0)
		rc = list_gaps(s, a, &arena, &gaps, &gap_count, err);
	if (rc >= 0 && gap_count)
		operator_needed(ret, gaps[0].reason);
	return rc < 0 ? rc : look_for_unasked(s, a, ret, err);
}

static int look_at_logs(struct sim_site *s, struct account *a, uint64_t peer,
	struct sim_status *ret, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs;
	struct replica_folder f;
	struct replica_ack ack;
	struct replica_want *wants;
	size_t count, want_count = 0;
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct log_id *log = &logs[i].known.log;

		if (log->origin != s->key.pub.origin)
			continue;
		int hidden = view_hides_log(a->replica, peer, log, err);
		if (hidden < 0)
			return hidden;
		bool view = view_is_log(&log->folder);
		if (hidden)
			continue;
		if (!view && !id_is_account(&log->folder) &&
			(replica_folder_by_fid(a->replica, &log->folder, &arena,
				 &f, err) != 0 ||
				f.authority.site != s->key.pub.origin))
			continue;
		rc = replica_ack_get(a->replica, peer, logs[i].id, &ack, err);
		if (rc < 0)
			break;
		if (ack.durable < logs[i].known.lsn)
			ret->lag += logs[i].known.lsn - ack.durable;
		if (!view)
			ret->unapplied += ack.durable - ack.applied;
	}
	if (rc >= 0)
		rc = replica_wants(
			a->replica, peer, &arena, &wants, &want_count, err);
	ret->wanted = want_count;
	return rc;
}

static void look_for_refused(struct sim_site *s, struct sim_status *ret)
{
	AUTO_BUF struct buf list = BUF_INIT;

	if (os_of(s)->ops->list(os_of(s), REFUSED, &list) == 0 && list.len)
		operator_needed(ret, "parcels were refused");
}

bool simsite_knows(struct sim_site *s, uint64_t origin)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct replica_folder *folders;
	struct account a;
	size_t count = 0;
	bool any = false;
	int rc = simsite_open(s, false, &a, &err);

	if (rc < 0)
		return rc != ERR_ABSENT;
	rc = replica_folders(a.replica, &arena, &folders, &count, &err);
	for (size_t i = 0; i < count && rc >= 0; i++)
		any |= folders[i].authority.term &&
		       folders[i].authority.site == origin;
	account_close(&a);
	return any;
}

static bool knows_log(struct account *a, const struct position *at)
{
	struct err err = ERR_INIT;
	struct replica_log log;
	int rc = replica_log_get(a->replica, &at->log, false, &log, &err);

	if (rc != 0 || log.known.lsn < at->lsn)
		return false;
	rc = replica_log_agrees(a->replica, &log, at->lsn, at->chain, &err);
	/* What peers told of a state that is no more has no chain values. */
	return rc > 0 || (rc == 0 && at->log.incarnation !=
					     replica_incarnation(a->replica));
}

bool simsite_contains(struct sim_site *one, struct sim_site *other)
{
	AUTO_ARENA struct arena arena = {0};
	struct err err = ERR_INIT;
	struct replica_log *logs = NULL;
	struct account a;
	size_t count = 0;
	int rc = simsite_open(other, false, &a, &err);

	if (rc < 0)
		return rc == ERR_ABSENT;
	rc = replica_logs(a.replica, &arena, &logs, &count, &err);
	account_close(&a);
	if (rc < 0 || simsite_open(one, false, &a, &err) < 0)
		return false;
	bool all = true;
	for (size_t i = 0; i < count; i++)
		all &= !logs[i].known.lsn || knows_log(&a, &logs[i].known);
	account_close(&a);
	return all;
}

void simsite_status(struct sim_site *s, size_t peer, struct sim_status *ret)
{
	struct report_counts counts;
	struct err err = ERR_INIT;
	struct account a;
	int rc = simsite_open(s, false, &a, &err);

	*ret = (struct sim_status){0};
	look_for_refused(s, ret);
	if (rc == ERR_ABSENT)
		return;
	if (rc >= 0) {
		ret->begun = true;
		rc = look_for_operator(s, &a, ret, &err);
		if (rc >= 0)
			rc = look_at_logs(s, &a, s->sites[peer].key.pub.origin,
				ret, &err);
		if (rc >= 0)
			rc = report_counts(a.replica, &counts, &err);
		if (rc >= 0) {
			ret->awaited = counts.awaited;
			ret->todo = counts.todo;
			ret->parked = counts.parked;
			ret->late = counts.late;
		}
		account_close(&a);
	}
	if (rc < 0) {
		ret->failed = true;
		operator_needed(ret, err.text);
	}
}
