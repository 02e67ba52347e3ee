/*
 * config: finding and loading the configuration file.
 *
 * The text goes through config_scan, then libConfuse (config_keys.h); then the
 * tree is copied into plain structs.
 */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_grant.h"
#include "config_keys.h"
#include "config_private.h"
#include "err.h"
#include "os.h"

/* ---- from the tree to plain structs ---- */

struct load {
	struct config *c;
	const char *path;
	struct err *err;
};

static int fail(struct load *l, cfg_t *sec, const char *text)
{
	return err_set(l->err, ERR_USAGE, "%s:%d: %s%s%s%s: %s", l->path,
		sec->line, sec->name, sec->title ? " \"" : "",
		sec->title ? sec->title : "", sec->title ? "\"" : "", text);
}

/* The value of a key, copied; NULL where it is not written. */
static const char *text_of(struct load *l, cfg_t *sec, const char *key)
{
	const char *text = cfg_getstr(sec, key);

	return text ? arena_dup(&l->c->arena, text, strlen(text)) : NULL;
}

static const char *title_of(struct load *l, cfg_t *sec)
{
	return arena_dup(&l->c->arena, sec->title, strlen(sec->title));
}

static int check_title(struct load *l, cfg_t *sec,
	int (*check)(const char *text, struct err *err))
{
	struct err err = ERR_INIT;

	if (check(sec->title, &err) < 0)
		return fail(l, sec, err.text);
	return 0;
}

static int load_site(struct load *l, cfg_t *sec)
{
	struct config *c = l->c;
	const char *text;
	int64_t age_ms;
	int rc = check_title(l, sec, value_name);

	if (rc < 0)
		return rc;
	c->site = title_of(l, sec);
	c->state = text_of(l, sec, "state");
	if (!c->state)
		return fail(l, sec,
			"no state (add: state = \"/var/lib/packetboat\")");
	c->listen = text_of(l, sec, "listen");
	c->metrics = text_of(l, sec, "metrics");
	if ((text = cfg_getstr(sec, "syslog")))
		(void)value_bool(text, &c->syslog, NULL);
	if ((text = cfg_getstr(sec, "trash_age"))) {
		(void)value_duration_ms(text, false, &age_ms, NULL);
		c->trash_age_s = age_ms / 1000;
	}
	if ((text = cfg_getstr(sec, "trash_size")))
		(void)value_size(text, &c->trash_size, NULL);
	if ((text = cfg_getstr(sec, "log_keep")))
		(void)value_duration_ms(text, true, &c->log_keep_ms, NULL);
	if ((text = cfg_getstr(sec, "log_cap")))
		(void)value_cap(text, &c->log_cap, &c->log_cap_percent, NULL);
	if ((text = cfg_getstr(sec, "reserve")))
		(void)value_percent(text, &c->reserve_percent, NULL);
	return 0;
}

/* Folders of special use \Trash and \Junk, as servers and clients mostly name
   them; what this server calls them only its configuration knows. */
static const char *const transient[] = {"Trash", "Junk", "Spam",
	"Deleted Messages", "Deleted Items", "Deleted"};

const char *const *config_exempt_names(size_t *ret_count)
{
	*ret_count = sizeof(transient) / sizeof(*transient);
	return transient;
}

static void load_exempt(struct load *l, cfg_t *sec, struct config_account *a)
{
	unsigned count = cfg_size(sec, "guard_exempt");
	const char **names;

	a->guard_exempt = config_exempt_names(&a->guard_exempt_count);
	if (!(cfg_getopt(sec, "guard_exempt")->flags & CFGF_MODIFIED))
		return;
	names = arena_alloc(&l->c->arena, (count + 1) * sizeof(*names));
	for (unsigned i = 0; i < count; i++) {
		const char *name = cfg_getnstr(sec, "guard_exempt", i);

		names[i] = arena_dup(&l->c->arena, name, strlen(name));
	}
	a->guard_exempt = names;
	a->guard_exempt_count = count;
}

static int load_account(struct load *l, cfg_t *sec, bool pattern)
{
	struct config_account *a = &l->c->accounts[l->c->account_count++];
	const char *text;
	int layout = LAYOUT_AUTO;

	if (!pattern && check_title(l, sec, value_account) < 0)
		return ERR_USAGE;
	a->name = pattern ? NULL : title_of(l, sec);
	a->pattern = pattern;
	a->maildir = text_of(l, sec, "maildir");
	a->control = text_of(l, sec, "control");
	a->index = text_of(l, sec, "index");
	a->inbox = text_of(l, sec, "inbox");
	a->uid = (uid_t)-1;
	a->gid = (gid_t)-1;
	a->guard_percent = 50;
	a->guard_least = 100;
	if (!a->maildir)
		return fail(l, sec, "no maildir (add: maildir = \"/...\")");
	if ((text = cfg_getstr(sec, "layout")))
		(void)value_layout(text, &layout, NULL);
	a->layout = (enum config_layout)layout;
	if ((text = cfg_getstr(sec, "guard")))
		(void)value_percent(text, &a->guard_percent, NULL);
	if ((text = cfg_getstr(sec, "guard_least")))
		(void)value_count(text, &a->guard_least, NULL);
	load_exempt(l, sec, a);
	return 0;
}

static void load_windows(struct load *l, cfg_t *sec, struct config_link *link)
{
	unsigned count = cfg_size(sec, "window");
	struct window *windows =
		arena_alloc(&l->c->arena, (count + 1) * sizeof(*windows));

	for (unsigned i = 0; i < count; i++)
		(void)window_parse(
			cfg_getnstr(sec, "window", i), &windows[i], NULL);
	link->windows = windows;
	link->window_count = count;
}

/* Each span has one. */
static int load_budget(struct load *l, cfg_t *sec, struct config_link *link)
{
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < cfg_size(sec, "budget"); i++)
		if (budget_parse(cfg_getnstr(sec, "budget", i), &link->budget,
			    &err) < 0)
			return fail(l, sec, err.text);
	return 0;
}

/* What goes there by hand, or by a program of which we know nothing. */
static int check_paced(struct load *l, cfg_t *sec, const char *via)
{
	if (!cfg_getstr(sec, "rate") || via_is_live(via) ||
		strncmp(via, "rsync:", 6) == 0)
		return 0;
	return fail(l, sec,
		"rate is for tcp:, stdio:, answer: and rsync: (remove it)");
}

/* A directory is no call. */
static int load_worth(struct load *l, cfg_t *sec, struct config_link *link)
{
	const char *worth = cfg_getstr(sec, "worth");
	const char *wait = cfg_getstr(sec, "wait");

	link->wait_ms = 24 * 3600 * 1000;
	if (wait && !worth)
		return fail(l, sec,
			"wait without worth (say what a call is worth, for "
			"example worth = \"10K\")");
	if (worth && strncmp(link->via, "dir:", 4) == 0)
		return fail(
			l, sec, "worth is for calls: dir: is none (remove it)");
	if (worth)
		(void)value_size(worth, &link->worth, NULL);
	if (wait)
		(void)value_duration_ms(wait, true, &link->wait_ms, NULL);
	return 0;
}

/* Who keeps no line open has none to lose. */
static int load_alive(struct load *l, cfg_t *sec, struct config_link *link)
{
	const char *text = cfg_getstr(sec, "alive");

	if (text && !via_is_live(link->via))
		return fail(l, sec,
			"alive is for tcp:, stdio: and answer: (remove it)");
	if (text)
		(void)value_duration_ms(text, false, &link->alive_ms, NULL);
	return 0;
}

/* What is for files and visits. */
static int check_live(
	struct load *l, cfg_t *sec, const struct config_link *link)
{
	static const char *const keys[] = {
		"max_file", "every", "again", "sign_only"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (cfg_getopt(sec, keys[i])->flags & CFGF_MODIFIED)
			return fail(l, sec,
				"max_file, every, again and sign_only are for "
				"files: "
				"a live link has none of them (remove it)");
	if (via_is_answered(link->via) &&
		(link->window_count || config_is_call(link)))
		return fail(l, sec,
			"window, before, after and worth are for who calls: "
			"this "
			"link is answered only (remove it)");
	return 0;
}

static int load_hold(struct load *l, cfg_t *sec, struct config_link *link)
{
	const char *text = cfg_getstr(sec, "hold");

	link->hold = HOLD_NONE;
	if (text)
		(void)value_size(text, &link->hold, NULL);
	text = cfg_getstr(sec, "preview");
	if (text)
		(void)value_preview(text, &link->preview, NULL);
	if (link->preview && link->hold == HOLD_NONE)
		return fail(l, sec,
			"preview without hold (where nothing is held nothing "
			"has a preview)");
	return 0;
}

static int load_link(struct load *l, cfg_t *sec, struct config_link *link)
{
	const char *text = cfg_getstr(sec, "compression");

	link->via = text_of(l, sec, "via");
	link->level = 3;
	if (text)
		(void)value_compression(text, &link->level, NULL);
	text = cfg_getstr(sec, "max_file");
	if (text)
		(void)value_max_file(text, &link->max_file, NULL);
	if (load_hold(l, sec, link) < 0)
		return ERR_USAGE;
	text = cfg_getstr(sec, "sign_only");
	if (text)
		(void)value_bool(text, &link->sign_only, NULL);
	link->every_ms = -1;
	text = cfg_getstr(sec, "every");
	if (text)
		(void)value_duration_ms(text, false, &link->every_ms, NULL);
	link->again_ms = 24 * 3600 * 1000;
	text = cfg_getstr(sec, "again");
	if (text)
		(void)value_duration_ms(text, false, &link->again_ms, NULL);
	load_windows(l, sec, link);
	link->before = text_of(l, sec, "before");
	link->after = text_of(l, sec, "after");
	text = cfg_getstr(sec, "rate");
	if (text)
		(void)value_rate(text, &link->rate, NULL);
	if (load_budget(l, sec, link) < 0 || load_worth(l, sec, link) < 0 ||
		load_alive(l, sec, link) < 0 ||
		check_paced(l, sec, link->via) < 0)
		return ERR_USAGE;
	return via_is_live(link->via) ? check_live(l, sec, link) : 0;
}

/* Keys of a link, and there is none in the peer's own block. */
static int check_unlinked(struct load *l, cfg_t *sec)
{
	static const char *const keys[] = {"compression", "max_file", "hold",
		"preview", "every", "again", "sign_only", "window", "before",
		"after", "rate", "budget", "worth", "wait", "alive"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (cfg_getopt(sec, keys[i])->flags & CFGF_MODIFIED) {
			AUTO_FREE char *text = mem_printf(
				"%s without via (put it into the link)",
				keys[i]);

			return fail(l, sec, text);
		}
	return 0;
}

static int load_links(struct load *l, cfg_t *sec, struct config_peer *peer)
{
	unsigned count = cfg_size(sec, "link");

	peer->links =
		arena_alloc(&l->c->arena, (count + 1) * sizeof(*peer->links));
	if (cfg_getstr(sec, "via")) {
		if (count)
			return fail(l, sec,
				"both a bare via and links (put "
				"the via into a link)");
		peer->links[0].name = "";
		peer->link_count = 1;
		return load_link(l, sec, &peer->links[0]);
	}
	if (check_unlinked(l, sec) < 0)
		return ERR_USAGE;
	for (unsigned i = 0; i < count; i++) {
		cfg_t *link = cfg_getnsec(sec, "link", i);

		if (check_title(l, link, value_name) < 0)
			return ERR_USAGE;
		if (!cfg_getstr(link, "via"))
			return fail(
				l, link, "no via (add: via = \"dir:/...\")");
		peer->links[i].name = title_of(l, link);
		if (load_link(l, link, &peer->links[i]) < 0)
			return ERR_USAGE;
	}
	peer->link_count = count;
	return 0;
}

/*
 * What is passed on says how far logs are known, and that has to be so: of a log
 * of which a peer is shown a part it is not; and who cannot be asked does not
 * say what it knows.
 */
static int check_relayed(
	struct load *l, cfg_t *sec, const struct config_peer *p)
{
	if ((p->relay & RELAY_SEND) && p->changes == CHANGES_RECEIVE)
		return fail(l, sec,
			"relay to a peer to which nothing goes (changes = "
			"receive: say relay = receive)");
	if ((p->relay & RELAY_RECEIVE) && p->changes == CHANGES_SEND)
		return fail(l, sec,
			"relay from a peer from which nothing is taken "
			"(changes = send: say relay = send)");
	if ((p->relay & RELAY_RECEIVE) && accept_rule_is_partial(&p->accept))
		return fail(l, sec,
			"relay, and accept of some folders or none (to take a "
			"part of what others wrote is not yet built: remove "
			"one of the two)");
	if (p->relay != RELAY_NO && p->oneway)
		return fail(l, sec,
			"oneway, and relay (what others wrote is passed on to "
			"who acknowledges: remove one of the two)");
	if ((p->relay & RELAY_SEND) && p->send_count)
		return fail(l, sec,
			"relay, and send (to pass on what others wrote to who "
			"is shown a part of the folders is not yet built: "
			"remove one of the two)");
	return 0;
}

static int load_peer(struct load *l, cfg_t *sec)
{
	struct config_peer *peer = &l->c->peers[l->c->peer_count++];
	const char *text;
	int changes = CHANGES_BOTH, relay = RELAY_NO;

	if (check_title(l, sec, value_name) < 0)
		return ERR_USAGE;
	peer->name = title_of(l, sec);
	peer->key = text_of(l, sec, "key");
	peer->overlap = 1;
	peer->tables_every_ms = INT64_C(7) * 24 * 3600 * 1000;
	peer->late_ms = 15 * 60 * 1000;
	peer->state_every_ms = 24 * 3600 * 1000;
	if (!peer->key)
		return fail(l, sec,
			"no key (add the line that `packetboat "
			"key` prints there)");
	for (size_t i = 0; i + 1 < l->c->peer_count; i++)
		if (strcmp(l->c->peers[i].key, peer->key) == 0)
			return fail(l, sec, "another peer has this key");
	if ((text = cfg_getstr(sec, "follow_key")))
		(void)value_bool(text, &peer->follow_key, NULL);
	if ((text = cfg_getstr(sec, "oneway")))
		(void)value_bool(text, &peer->oneway, NULL);
	if ((text = cfg_getstr(sec, "overlap")))
		(void)value_count(text, &peer->overlap, NULL);
	if ((text = cfg_getstr(sec, "tables_every")))
		(void)value_duration_ms(
			text, true, &peer->tables_every_ms, NULL);
	if ((text = cfg_getstr(sec, "changes")))
		(void)value_changes(text, &changes, NULL);
	peer->changes = (enum config_changes)changes;
	if ((text = cfg_getstr(sec, "relay")))
		(void)value_relay(text, &relay, NULL);
	peer->relay = (enum config_relay)relay;
	if ((text = cfg_getstr(sec, "late")))
		(void)value_duration_ms(text, true, &peer->late_ms, NULL);
	if ((text = cfg_getstr(sec, "state_every")))
		(void)value_duration_ms(
			text, true, &peer->state_every_ms, NULL);
	struct err err = ERR_INIT;
	if (config_grant_load(sec, l->c, peer, &err) < 0)
		return fail(l, sec, err.text);
	if (check_relayed(l, sec, peer) < 0)
		return ERR_USAGE;
	int rc = load_links(l, sec, peer);
	for (size_t i = 0; rc >= 0 && peer->oneway && i < peer->link_count; i++)
		if (via_is_live(peer->links[i].via))
			rc = fail(l, sec,
				"oneway, and a live link (a peer that is "
				"reached by tcp:, stdio: or answer: can "
				"acknowledge: "
				"remove one of the two)");
	return rc;
}

static int load_tree(struct load *l, cfg_t *cfg)
{
	struct config *c = l->c;
	unsigned named = cfg_size(cfg, "account");
	unsigned patterns = cfg_size(cfg, "accounts");
	unsigned peers = cfg_size(cfg, "peer");
	int rc = 0;

	if (cfg_size(cfg, "site") != 1)
		return err_set(l->err, ERR_USAGE, "%s: %s", l->path,
			cfg_size(cfg, "site")
				? "more than one site block (keep one)"
				: "no site block (add: site \"NAME\" { state = "
				  "\"/var/lib/packetboat\" })");
	c->accounts = arena_alloc(
		&c->arena, (named + patterns + 1) * sizeof(*c->accounts));
	c->peers = arena_alloc(&c->arena, (peers + 1) * sizeof(*c->peers));
	rc = load_site(l, cfg_getnsec(cfg, "site", 0));
	for (unsigned i = 0; rc == 0 && i < named; i++)
		rc = load_account(l, cfg_getnsec(cfg, "account", i), false);
	for (unsigned i = 0; rc == 0 && i < patterns; i++)
		rc = load_account(l, cfg_getnsec(cfg, "accounts", i), true);
	for (unsigned i = 0; rc == 0 && i < peers; i++)
		rc = load_peer(l, cfg_getnsec(cfg, "peer", i));
	return rc;
}

int config_load(const char *path, struct config *ret, struct err *err)
{
	AUTO_BUF struct buf raw = BUF_INIT, text = BUF_INIT;
	struct config c = {.trash_age_s = 30 * 24 * 3600,
		.trash_size = 1u << 30,
		.reserve_percent = 5,
		.log_keep_ms = INT64_C(30) * 24 * 3600 * 1000,
		.log_cap_percent = 10};
	struct load load = {.c = &c, .path = path, .err = err};
	cfg_t *cfg;
	int rc = file_read(os_real(), path, CONFIG_FILE_MAX, &raw, err);

	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE,
			"%s: there is no such file (packetboat doctor prints "
			"one to begin with)",
			path);
	if (rc == 0)
		rc = config_scan(path, raw.data, raw.len, &text, err);
	if (rc < 0)
		return rc;
	rc = config_keys_read(path, &text, &cfg, err);
	if (rc < 0)
		return rc;
	c.path = arena_dup(&c.arena, path, strlen(path));
	rc = load_tree(&load, cfg);
	cfg_free(cfg);
	if (rc < 0)
		arena_free(&c.arena);
	else
		*ret = c;
	return rc;
}

void config_free(struct config *c)
{
	arena_free(&c->arena);
	*c = (struct config){0};
}

/* ---- where the file is ---- */

static const char *home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && home[0] == '/')
		return home;
	pw = getpwuid(getuid());
	return pw && pw->pw_dir ? pw->pw_dir : "/";
}

int config_find(const char *given, char **ret, struct err *err)
{
	static const char system[] = "/etc/packetboat/packetboat.conf";
	AUTO_FREE char *own = NULL;
	const char *variable = getenv("PACKETBOAT_CONF");

	if (!given && variable && variable[0])
		given = variable;
	if (given) {
		*ret = mem_dup(given);
		return 0;
	}
	own = mem_printf("%s/.config/packetboat/packetboat.conf", home());
	if (access(own, F_OK) == 0)
		*ret = mem_dup(own);
	else if (access(system, F_OK) == 0)
		*ret = mem_dup(system);
	else
		return err_set(err, ERR_USAGE,
			"no configuration: neither -c FILE nor "
			"$PACKETBOAT_CONF is given, and there is neither %s "
			"nor %s (packetboat doctor prints one to begin with)",
			own, system);
	return 0;
}
