#include "config_grant.h"

#include <string.h>

#include "config_private.h"
#include "err.h"

int config_grant_check(const char *text, struct err *err)
{
	return account_rule_parse(text, NULL, NULL, err);
}

int config_accept_check(const char *text, struct err *err)
{
	return accept_rule_is_word(text) ? accept_rule_add(text, NULL, err)
					 : config_send_check(text, err);
}

int config_send_check(const char *text, struct err *err)
{
	return value_folder(text + (*text == '!'), err);
}

static bool is_configured(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->account_count; i++)
		if (c->accounts[i].pattern || strchr(name, '*') ||
			strcmp(c->accounts[i].name, name) == 0)
			return true;
	return false;
}

static int load_accounts(
	cfg_t *sec, struct config *c, struct config_peer *peer, struct err *err)
{
	unsigned count = cfg_size(sec, "accounts");
	struct account_rule *rules =
		arena_alloc(&c->arena, (count + 1) * sizeof(*rules));

	for (unsigned i = 0; i < count; i++) {
		(void)account_rule_parse(cfg_getnstr(sec, "accounts", i),
			&c->arena, &rules[i], NULL);
		if (!is_configured(c, rules[i].here))
			return err_set(err, ERR_USAGE,
				"accounts: there is no account \"%s\" here "
				"(name the account of this site first: \"HERE "
				"as THERE\")",
				rules[i].here);
	}
	if (!count && cfg_getopt(sec, "accounts")->flags & CFGF_MODIFIED)
		return err_set(err, ERR_USAGE,
			"accounts: names none (remove the key for all, or the "
			"peer)");
	peer->accounts = (struct account_map){rules, count};
	int rc = account_map_check(&peer->accounts, err);
	return rc < 0 ? err_wrap(err, "accounts") : 0;
}

static const char *keep(struct config *c, const char *text)
{
	return arena_dup(&c->arena, text, strlen(text));
}

/* Whose changes are not taken needs no rule, and has none that counts. */
static int load_accept(
	cfg_t *sec, struct config *c, struct config_peer *peer, struct err *err)
{
	unsigned count = cfg_size(sec, "accept");
	struct accept_rule *rule = &peer->accept;
	const char **folders =
		arena_alloc(&c->arena, (count + 1) * sizeof(*folders));
	int rc = 0;

	rule->folders = folders;
	for (unsigned i = 0; i < count && rc >= 0; i++) {
		const char *item = cfg_getnstr(sec, "accept", i);

		if (accept_rule_is_word(item))
			rc = accept_rule_add(item, rule, err);
		else
			folders[rule->folder_count++] = keep(c, item);
	}
	if (rc >= 0 && rule->none && count > 1)
		rc = err_set(err, ERR_USAGE,
			"\"none\" and something else: remove one of the two");
	if (rc >= 0 && cfg_getopt(sec, "accept")->flags & CFGF_MODIFIED) {
		if (!count)
			rc = err_set(err, ERR_USAGE,
				"names nothing (remove the key for all, or the "
				"peer)");
		else if (peer->changes == CHANGES_SEND)
			rc = err_set(err, ERR_USAGE,
				"nothing is taken from this peer (changes = "
				"send): remove one of the two");
	}
	return rc < 0 ? err_wrap(err, "accept") : 0;
}

static int load_send(
	cfg_t *sec, struct config *c, struct config_peer *peer, struct err *err)
{
	unsigned count = cfg_size(sec, "send");
	const char **items =
		arena_alloc(&c->arena, (count + 1) * sizeof(*items));

	for (unsigned i = 0; i < count; i++)
		items[i] = keep(c, cfg_getnstr(sec, "send", i));
	peer->send = items;
	peer->send_count = count;
	if (!(cfg_getopt(sec, "send")->flags & CFGF_MODIFIED))
		return 0;
	if (!count)
		return err_set(err, ERR_USAGE,
			"send: names none (remove the key for all, or say "
			"changes = receive)");
	if (peer->changes == CHANGES_RECEIVE)
		return err_set(err, ERR_USAGE,
			"send: nothing goes to this peer (changes = receive): "
			"remove one of the two");
	return 0;
}

int config_grant_load(
	cfg_t *sec, struct config *c, struct config_peer *peer, struct err *err)
{
	int rc = load_accounts(sec, c, peer, err);

	if (rc >= 0)
		rc = load_accept(sec, c, peer, err);
	return rc < 0 ? rc : load_send(sec, c, peer, err);
}
