/*
 * config_keys: which keys there are, in which block, and what values they take.
 *
 * libConfuse reads the text; its value callback checks every value where its
 * line is known. Its error callback gets no context of ours, so the message
 * rides in the comment of the section that it is about.
 *
 * libConfuse's scanner is one per process: not for several threads.
 */
#include "config_keys.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "config_grant.h"
#include "config_private.h"
#include "err.h"

static int check_size(const char *text, struct err *err)
{
	return value_size(text, NULL, err);
}

static int check_age(const char *text, struct err *err)
{
	return value_duration_ms(text, false, NULL, err);
}

static int check_patience(const char *text, struct err *err)
{
	return value_duration_ms(text, true, NULL, err);
}

static int check_percent(const char *text, struct err *err)
{
	return value_percent(text, NULL, err);
}

static int check_count(const char *text, struct err *err)
{
	return value_count(text, NULL, err);
}

static int check_bool(const char *text, struct err *err)
{
	return value_bool(text, NULL, err);
}

static int check_layout(const char *text, struct err *err)
{
	return value_layout(text, NULL, err);
}

static int check_compression(const char *text, struct err *err)
{
	return value_compression(text, NULL, err);
}

static int check_max_file(const char *text, struct err *err)
{
	return value_max_file(text, NULL, err);
}

static int check_preview(const char *text, struct err *err)
{
	return value_preview(text, NULL, err);
}

static int check_changes(const char *text, struct err *err)
{
	return value_changes(text, NULL, err);
}

static int check_relay(const char *text, struct err *err)
{
	return value_relay(text, NULL, err);
}

static int check_cap(const char *text, struct err *err)
{
	return value_cap(text, NULL, NULL, err);
}

bool config_is_call(const struct config_link *link)
{
	return link->before || link->after || link->worth;
}

static int check_window(const char *text, struct err *err)
{
	return window_parse(text, NULL, err);
}

static int check_budget(const char *text, struct err *err)
{
	struct budget one = {0};

	return budget_parse(text, &one, err);
}

static int check_rate(const char *text, struct err *err)
{
	return value_rate(text, NULL, err);
}

#define ALIVE_LEAST_MS 10000

static int check_alive(const char *text, struct err *err)
{
	int64_t ms;
	int rc = value_duration_ms(text, false, &ms, err);

	return rc < 0 || ms >= ALIVE_LEAST_MS
		       ? rc
		       : err_set(err, ERR_USAGE,
				 "too often: \"%s\" (10s at least)", text);
}

static int check_worth(const char *text, struct err *err)
{
	uint64_t worth;
	int rc = value_size(text, &worth, err);

	return rc < 0 || worth ? rc
			       : err_set(err, ERR_USAGE,
					 "not worth a call: \"%s\" (1 at "
					 "least; or remove it)",
					 text);
}

/* Every key there is, by the block it stands in. */
static const struct rule {
	const char *block, *key;
	int (*check)(const char *text, struct err *err);
	bool list;
} rules[] = {
	{"site", "state", value_path, false},
	{"site", "syslog", check_bool, false},
	{"site", "listen", value_listen, false},
	{"site", "metrics", value_path, false},
	{"site", "trash_age", check_age, false},
	{"site", "trash_size", check_size, false},
	{"site", "log_keep", check_patience, false},
	{"site", "log_cap", check_cap, false},
	{"site", "reserve", check_percent, false},
	{"account", "maildir", value_path, false},
	{"account", "control", value_path, false},
	{"account", "index", value_path, false},
	{"account", "inbox", value_path, false},
	{"account", "layout", check_layout, false},
	{"account", "guard", check_percent, false},
	{"account", "guard_least", check_count, false},
	{"account", "guard_exempt", value_folder, true},
	{"accounts", "maildir", value_pattern, false},
	{"accounts", "control", value_pattern, false},
	{"accounts", "index", value_pattern, false},
	{"accounts", "inbox", value_pattern, false},
	{"accounts", "layout", check_layout, false},
	{"accounts", "guard", check_percent, false},
	{"accounts", "guard_least", check_count, false},
	{"accounts", "guard_exempt", value_folder, true},
	{"peer", "key", value_key, false},
	{"peer", "follow_key", check_bool, false},
	{"peer", "oneway", check_bool, false},
	{"peer", "overlap", check_count, false},
	{"peer", "tables_every", check_patience, false},
	{"peer", "changes", check_changes, false},
	{"peer", "relay", check_relay, false},
	{"peer", "accounts", config_grant_check, true},
	{"peer", "late", check_patience, false},
	{"peer", "state_every", check_patience, false},
	{"peer", "via", value_via, false},
	{"peer", "compression", check_compression, false},
	{"peer", "max_file", check_max_file, false},
	{"peer", "hold", check_size, false},
	{"peer", "preview", check_preview, false},
	{"peer", "sign_only", check_bool, false},
	{"peer", "every", check_age, false},
	{"peer", "again", check_age, false},
	{"peer", "send", config_send_check, true},
	{"peer", "accept", config_accept_check, true},
	{"link", "via", value_via, false},
	{"link", "compression", check_compression, false},
	{"link", "max_file", check_max_file, false},
	{"link", "sign_only", check_bool, false},
	{"link", "every", check_age, false},
	{"link", "again", check_age, false},
	{"peer", "window", check_window, true},
	{"peer", "before", value_command, false},
	{"peer", "after", value_command, false},
	{"peer", "rate", check_rate, false},
	{"peer", "budget", check_budget, true},
	{"peer", "worth", check_worth, false},
	{"peer", "wait", check_patience, false},
	{"peer", "alive", check_alive, false},
	{"link", "window", check_window, true},
	{"link", "hold", check_size, false},
	{"link", "preview", check_preview, false},
	{"link", "rate", check_rate, false},
	{"link", "budget", check_budget, true},
	{"link", "worth", check_worth, false},
	{"link", "wait", check_patience, false},
	{"link", "alive", check_alive, false},
	{"link", "before", value_command, false},
	{"link", "after", value_command, false},
};
#define RULE_COUNT (sizeof(rules) / sizeof(*rules))

/* cfg_callback_t: called for each value as it is read. */
static int take_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *ret)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (strcmp(rules[i].block, cfg->name) != 0 ||
			strcmp(rules[i].key, opt->name) != 0)
			continue;
		if (rules[i].check(value, &err) < 0) {
			cfg_error(cfg, "%s: %s", opt->name, err.text);
			return -1;
		}
	}
	*(const char **)ret = value;
	return 0;
}

__attribute__((format(printf, 2, 0))) static void keep_message(
	cfg_t *cfg, const char *fmt, va_list args)
{
	char text[480];

	if (cfg->comment)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	cfg->comment = mem_dup(text);
}

/* The options of one block, ended as libConfuse wants it. */
static void block_options(const char *block, cfg_opt_t *ret, cfg_opt_t *more)
{
	const cfg_opt_t end = CFG_END();
	size_t n = 0;

	for (size_t i = 0; i < RULE_COUNT; i++) {
		const cfg_opt_t one = CFG_STR_CB(
			rules[i].key, NULL, CFGF_NODEFAULT, take_value);
		const cfg_opt_t list = CFG_STR_LIST_CB(
			rules[i].key, NULL, CFGF_NODEFAULT, take_value);

		if (strcmp(rules[i].block, block) == 0)
			ret[n++] = rules[i].list ? list : one;
	}
	if (more)
		ret[n++] = *more;
	ret[n] = end;
}

static cfg_t *new_tree(void)
{
	const cfg_flag_t titled = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
	cfg_opt_t site[RULE_COUNT], account[RULE_COUNT], accounts[RULE_COUNT];
	cfg_opt_t peer[RULE_COUNT], link[RULE_COUNT];
	cfg_opt_t links = CFG_SEC("link", link, titled);
	cfg_opt_t root[] = {CFG_SEC("site", site, titled),
		CFG_SEC("account", account, titled),
		CFG_SEC("accounts", accounts, CFGF_MULTI),
		CFG_SEC("peer", peer, titled), CFG_END()};
	cfg_t *cfg;

	block_options("site", site, NULL);
	block_options("account", account, NULL);
	block_options("accounts", accounts, NULL);
	block_options("link", link, NULL);
	block_options("peer", peer, &links);
	cfg = cfg_init(root, CFGF_NONE);
	if (cfg)
		cfg_set_error_function(cfg, keep_message);
	return cfg;
}

/* The section that a message rides in, or NULL. */
static cfg_t *find_message(cfg_t *cfg)
{
	if (cfg->comment)
		return cfg;
	for (cfg_opt_t *opt = cfg->opts; opt->name; opt++) {
		if (opt->type != CFGT_SEC)
			continue;
		for (unsigned i = 0; i < opt->nvalues; i++) {
			cfg_t *sec = opt->values[i]->section;
			cfg_t *found = sec ? find_message(sec) : NULL;

			if (found)
				return found;
		}
	}
	return NULL;
}

static int parse(
	const char *path, cfg_t *cfg, struct buf *text, struct err *err)
{
	cfg_t *where;

	/* after this a successful parse has read every statement */
	if (cfg_parse_buf(cfg, buf_str(text)) == CFG_SUCCESS &&
		!find_message(cfg))
		return 0;
	where = find_message(cfg);
	if (!where)
		return err_set(err, ERR_USAGE,
			"%s: not readable as a "
			"configuration",
			path);
	return err_set(err, ERR_USAGE, "%s:%d: %s%s%s%s", path, where->line,
		where == cfg ? "" : where->name, where == cfg ? "" : ": ",
		where->comment,
		strncmp(where->comment, "no such option", 14) == 0
			? " (see packetboat.conf(5))"
			: "");
}

int config_keys_read(
	const char *path, struct buf *text, cfg_t **ret, struct err *err)
{
	cfg_t *cfg = new_tree();

	if (!cfg)
		return err_set(
			err, ERR_IO, "%s: libConfuse does not start", path);
	int rc = parse(path, cfg, text, err);
	if (rc < 0)
		cfg_free(cfg);
	else
		*ret = cfg;
	return rc;
}
