#include "site.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "maildir.h"

static int load_ring(struct site *s, size_t peer, struct err *err)
{
	const struct config_peer *p = &s->config.peers[peer];
	struct peerkeys_known *k = &s->peerkeys[peer];
	int rc = peerkeys_load(
		s->os, s->config.state, k->configured.origin, &k->said, err);

	if (rc < 0)
		return err_wrap(err, "peer %s", p->name);
	peerkeys_ring(&k->configured, p->follow_key, &k->said, &k->ring);
	s->peers[peer] = k->ring.key;
	return 0;
}

static int load_peers(struct site *s, struct err *err)
{
	size_t count = s->config.peer_count + 1;

	s->peers = arena_alloc(&s->arena, count * sizeof(*s->peers));
	s->peerkeys = arena_alloc(&s->arena, count * sizeof(*s->peerkeys));
	for (size_t i = 0; i < s->config.peer_count; i++) {
		const struct config_peer *p = &s->config.peers[i];
		int rc = key_parse(p->key, &s->peers[i], err);

		if (rc < 0)
			return err_wrap(err, "peer %s", p->name);
		if (s->peers[i].origin == s->key.pub.origin)
			return err_set(err, ERR_USAGE,
				"peer %s: has this site's own key (put the "
				"line that `packetboat key` prints there)",
				p->name);
		for (size_t k = 0; k < i; k++)
			if (s->peers[k].origin == s->peers[i].origin)
				return err_set(err, ERR_USAGE,
					"peer %s: has the key of peer %s",
					p->name, s->config.peers[k].name);
	}
	return 0;
}

static bool is_among(const struct expelled *list, size_t count, uint64_t origin)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].origin == origin)
			return true;
	return false;
}

static int leave_out_expelled(struct site *s, struct err *err)
{
	size_t kept = 0;
	int rc = expelled_load(s->os, s->config.state, &s->arena, &s->expelled,
		&s->expelled_count, err);

	for (size_t i = 0; rc >= 0 && i < s->config.peer_count; i++) {
		if (is_among(
			    s->expelled, s->expelled_count, s->peers[i].origin))
			continue;
		s->config.peers[kept] = s->config.peers[i];
		s->peerkeys[kept].configured = s->peers[i];
		s->peers[kept++] = s->peers[i];
	}
	s->config.peer_count = kept;
	return rc;
}

/*
 * A state is one user's: what root wrote into it they could not read any more,
 * and nobody reads another's.
 */
static int check_owner(const struct site *s, struct err *err)
{
	struct os_stat st;
	long long self = (long long)geteuid();
	int rc = s->os->ops->stat(s->os, s->config.state, &st);

	if (rc == -EACCES)
		return err_set(err, ERR_USAGE,
			"%s: uid %lld may not enter it (run as its owner)",
			s->config.state, self);
	if (rc == 0 && (long long)st.uid != self)
		return err_set(err, ERR_USAGE,
			"%s: it belongs to uid %lld, and this runs as uid %lld "
			"(run as its owner)",
			s->config.state, (long long)st.uid, self);
	return 0;
}

bool site_has_accounts(struct os *os, const char *state)
{
	AUTO_FREE char *path = mem_printf("%s/accounts", state);
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0;

	return os->ops->list(os, path, &list) == 0 &&
	       os_list_next(&list, &at, &entry);
}

int site_no_key(struct os *os, const char *state, struct err *err)
{
	if (site_has_accounts(os, state))
		return err_set(err, ERR_USAGE,
			"%s/key: this site's key is lost (restore it from a "
			"backup of after it was changed last; without one: "
			"packetboat init --continue with the line that peers "
			"have)",
			state);
	return err_set(err, ERR_USAGE,
		"%s/key: this site has no key yet (run packetboat init)",
		state);
}

/* Both sites say so of their link: what comes need not be sealed then. */
static bool has_sign_only(const struct config_peer *p)
{
	bool any = false;

	for (size_t i = 0; i < p->link_count; i++)
		any |= p->links[i].sign_only;
	return any;
}

int site_open(struct site *s, const char *config_given, struct err *err)
{
	AUTO_FREE char *path = NULL;

	*s = (struct site){.os = os_real()};
	/* Mail is touched as its owner, with none of root's other groups. */
	if (geteuid() == 0 && setgroups(0, NULL) < 0 && errno != EPERM)
		return err_set_os(err, errno, "dropping root's groups");
	int rc = config_find(config_given, &path, err);
	if (rc >= 0)
		rc = config_load(path, &s->config, err);
	if (rc < 0)
		return rc;
	AUTO_FREE char *key = mem_printf("%s/key", s->config.state);
	rc = check_owner(s, err);
	if (rc >= 0)
		rc = key_start(err);
	if (rc >= 0)
		rc = key_load_both(s->os, key, &s->key, &s->former, err);
	if (rc == ERR_ABSENT)
		rc = site_no_key(s->os, s->config.state, err);
	if (rc >= 0)
		rc = load_peers(s, err);
	if (rc >= 0)
		rc = leave_out_expelled(s, err);
	for (size_t i = 0; rc >= 0 && i < s->config.peer_count; i++) {
		s->peerkeys[i].configured.may_sign =
			has_sign_only(&s->config.peers[i]);
		rc = load_ring(s, i, err);
	}
	if (rc >= 0)
		rc = site_find_accounts(s, err);
	s->inbox_dir = mem_printf("%s/inbox", s->config.state);
	s->bodies_dir = mem_printf("%s/bodies", s->config.state);
	s->refused_dir = mem_printf("%s/refused", s->config.state);
	if (rc < 0)
		site_close(s);
	return rc;
}

int site_reload(struct site *s, const char *config_given, struct site *ret_old,
	struct err *err)
{
	struct site fresh;
	int rc = site_open(&fresh, config_given, err);

	if (rc < 0)
		return rc;
	if (strcmp(fresh.config.state, s->config.state) != 0) {
		rc = err_set(err, ERR_USAGE,
			"%s: state is \"%s\" now, and was \"%s\" (start "
			"anew)",
			fresh.config.path, fresh.config.state, s->config.state);
		site_close(&fresh);
		return rc;
	}
	*ret_old = *s;
	*s = fresh;
	return 0;
}

int site_find_accounts(struct site *s, struct err *err)
{
	struct arena arena = {0};
	struct config_account *list;
	size_t count;
	int rc = config_accounts(&s->config, &arena, &list, &count, err);

	if (rc < 0) {
		arena_free(&arena);
		return rc;
	}
	arena_free(&s->account_arena);
	s->account_arena = arena;
	s->accounts = list;
	s->account_count = count;
	return 0;
}

void site_close(struct site *s)
{
	key_wipe(&s->key);
	key_wipe(&s->former);
	mem_free_cleanup(&s->inbox_dir);
	mem_free_cleanup(&s->bodies_dir);
	mem_free_cleanup(&s->refused_dir);
	config_free(&s->config);
	arena_free(&s->arena);
	arena_free(&s->account_arena);
	*s = (struct site){0};
}

const struct config_account *site_account(
	const struct site *s, const char *name)
{
	for (size_t i = 0; i < s->account_count; i++)
		if (strcmp(s->accounts[i].name, name) == 0)
			return &s->accounts[i];
	return NULL;
}

int site_account_check(const struct site *s, const char *name, struct err *err)
{
	return site_account(s, name)
		       ? 0
		       : err_set(err, ERR_USAGE,
				 "account %s: there is none of that name "
				 "(packetboat config prints what is "
				 "configured)",
				 name);
}

int site_peer_of(const struct site *s, uint64_t origin)
{
	for (size_t i = 0; i < s->config.peer_count; i++)
		if (s->peers[i].origin == origin)
			return (int)i;
	return -1;
}

int site_store_open(const struct site *s, const struct config_account *a,
	bool make, struct store **ret, struct err *err)
{
	struct maildir_config mc = {
		.root = a->maildir,
		.control = a->control,
		.index = a->index,
		.inbox = a->inbox,
		.layout = a->layout == LAYOUT_FS	  ? MAILDIR_FS
			  : a->layout == LAYOUT_MAILDIRPP ? MAILDIR_PLUSPLUS
							  : MAILDIR_AUTO,
		.uid = a->uid,
		.gid = a->gid,
		.guess = true,
	};
	int rc = maildir_open(s->os, &mc, make, ret, err);

	return rc < 0 ? err_wrap(err, "account %s", a->name) : rc;
}

int site_account_open(const struct site *s, const char *name, bool create,
	struct account *ret, struct err *err)
{
	return account_open(ret, s->os, s->config.state, name,
		s->key.pub.origin, create, err);
}

static bool same_pair(const struct key_pair *a, const struct key_pair *b)
{
	return key_same(&a->pub, &b->pub);
}

static int load_own_again(struct site *s, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/key", s->config.state);
	struct key_pair key, former;
	int rc = key_load_both(s->os, path, &key, &former, err);

	if (rc < 0)
		return rc;
	rc = !same_pair(&key, &s->key) || !same_pair(&former, &s->former);
	s->key = key;
	s->former = former;
	key_wipe(&key);
	key_wipe(&former);
	return rc;
}

int site_keys_again(struct site *s, size_t peer, struct err *err)
{
	struct peerkeys was = s->peerkeys[peer].said;
	int own = load_own_again(s, err);
	int rc = own < 0 ? own : load_ring(s, peer, err);
	const struct peerkeys *is = &s->peerkeys[peer].said;

	if (rc < 0)
		return rc;
	return own || was.uses != is->uses || was.retired != is->retired ||
	       was.changes != is->changes || !key_same(&was.to, &is->to);
}

const struct key_pair *site_key_for(const struct site *s, size_t peer)
{
	bool last = !s->former.pub.origin ||
		    peerkeys_knows(&s->peerkeys[peer].said, &s->key);

	return last ? &s->key : &s->former;
}

int site_peer(const struct site *s, const char *name)
{
	for (size_t i = 0; i < s->config.peer_count; i++)
		if (strcmp(s->config.peers[i].name, name) == 0)
			return (int)i;
	return -1;
}

int site_expelled_since(const struct site *s, size_t peer, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct expelled *list;
	size_t count;
	int rc = expelled_load(
		s->os, s->config.state, &arena, &list, &count, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < s->config.peer_count; i++)
		if ((peer == SITE_ANY_PEER || peer == i) &&
			is_among(list, count, s->peers[i].origin))
			return 1;
	return 0;
}

const struct expelled *site_expelled(const struct site *s, const char *name)
{
	for (size_t i = 0; i < s->expelled_count; i++)
		if (strcmp(s->expelled[i].name, name) == 0)
			return &s->expelled[i];
	return NULL;
}

bool site_granted(const struct site *s, size_t peer, const char *account)
{
	char there[ACCOUNTMAP_NAME_MAX + 1];

	return account_map_there(
		&s->config.peers[peer].accounts, account, there);
}

static bool can_answer(const struct config_peer *p)
{
	return !p->oneway;
}

static bool receives(const struct config_peer *p)
{
	return p->changes != CHANGES_RECEIVE;
}

static bool is_two_way(const struct config_peer *p)
{
	return can_answer(p) && receives(p);
}

static uint64_t *peers_of(const struct site *s, const char *account,
	bool (*is)(const struct config_peer *p), size_t *ret_count)
{
	uint64_t *list = mem_array(s->config.peer_count + 1, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < s->config.peer_count; i++)
		if (is(&s->config.peers[i]) && site_granted(s, i, account))
			list[count++] = s->peers[i].origin;
	*ret_count = count;
	return list;
}

uint64_t *site_answering(
	const struct site *s, const char *account, size_t *ret_count)
{
	return peers_of(s, account, can_answer, ret_count);
}

uint64_t *site_receivers(
	const struct site *s, const char *account, size_t *ret_count)
{
	return peers_of(s, account, receives, ret_count);
}

uint64_t *site_two_way(
	const struct site *s, const char *account, size_t *ret_count)
{
	return peers_of(s, account, is_two_way, ret_count);
}

bool site_claims(const struct site *s)
{
	for (size_t i = 0; i < s->config.peer_count; i++)
		if (s->config.peers[i].changes == CHANGES_RECEIVE)
			return false;
	return true;
}
