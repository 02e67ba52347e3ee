/*
 * config_print: what is in force, as a configuration file that loads to the
 * same again.
 */
#include <inttypes.h>
#include <string.h>

#include "config.h"

static void print_text(struct buf *b, const char *text)
{
	buf_add_byte(b, '"');
	for (; *text; text++) {
		if (strchr("\"\\$", *text))
			buf_add_byte(b, '\\');
		buf_add_byte(b, (uint8_t)*text);
	}
	buf_add_byte(b, '"');
}

static void print_key(
	struct buf *b, const char *indent, const char *key, const char *text)
{
	if (!text)
		return;
	buf_printf(b, "%s%s = ", indent, key);
	print_text(b, text);
	buf_add_byte(b, '\n');
}

/* The largest unit that says it exactly. */
static void print_duration(
	struct buf *b, const char *indent, const char *key, int64_t ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"d", 24 * 3600 * 1000}, {"h", 3600 * 1000},
		{"m", 60 * 1000}, {"s", 1000}, {"ms", 1}};
	size_t i = 0;

	if (ms < 0) {
		buf_printf(b, "%s%s = \"never\"\n", indent, key);
		return;
	}
	while (ms % units[i].ms || (ms == 0 && units[i].ms > 1000))
		i++;
	buf_printf(b, "%s%s = \"%" PRId64 "%s\"\n", indent, key,
		ms / units[i].ms, units[i].name);
}

static void add_size(struct buf *b, uint64_t size)
{
	static const char units[] = "KMGT";
	size_t i = 0;

	while (i < 4 && size && size % 1024 == 0) {
		size /= 1024;
		i++;
	}
	buf_printf(b, "%" PRIu64, size);
	if (i)
		buf_add_byte(b, (uint8_t)units[i - 1]);
}

char *config_size_text(uint64_t size)
{
	AUTO_BUF struct buf b = BUF_INIT;

	add_size(&b, size);
	return mem_dup(buf_str(&b));
}

static void print_size(
	struct buf *b, const char *indent, const char *key, uint64_t size)
{
	buf_printf(b, "%s%s = \"", indent, key);
	add_size(b, size);
	buf_add_str(b, "\"\n");
}

static void print_account(struct buf *b, const struct config_account *a)
{
	static const char *const layouts[] = {
		[LAYOUT_AUTO] = "auto",
		[LAYOUT_MAILDIRPP] = "maildir++",
		[LAYOUT_FS] = "fs",
	};

	if (a->pattern) {
		buf_add_str(b, "accounts {\n");
	} else {
		buf_add_str(b, "account ");
		print_text(b, a->name);
		buf_add_str(b, " {\n");
	}
	print_key(b, "\t", "maildir", a->maildir);
	print_key(b, "\t", "control", a->control);
	print_key(b, "\t", "index", a->index);
	print_key(b, "\t", "inbox", a->inbox);
	print_key(b, "\t", "layout", layouts[a->layout]);
	buf_printf(b,
		"\tguard = \"%u%%\"\n\tguard_least = %u\n"
		"\tguard_exempt = {",
		a->guard_percent, a->guard_least);
	for (size_t i = 0; i < a->guard_exempt_count; i++) {
		buf_add_str(b, i ? ", " : " ");
		print_text(b, a->guard_exempt[i]);
	}
	buf_add_str(b, a->guard_exempt_count ? " }\n}\n" : "}\n}\n");
}

/* As window_parse reads them. */
static void print_windows(
	struct buf *b, const char *indent, const struct config_link *link)
{
	static const char *const names[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

	for (size_t i = 0; i < link->window_count; i++) {
		const struct window *w = &link->windows[i];

		if (i)
			buf_add_str(b, ", \"");
		else
			buf_printf(b, "%swindow = { \"", indent);
		for (int day = 0, any = 0; w->days != 0x7f && day < 7; day++)
			if (w->days >> day & 1)
				buf_printf(b, "%s%s", any++ ? "," : "",
					names[day]);
		buf_printf(b, "%s%02u:%02u-%02u:%02u%s\"",
			w->days != 0x7f ? " " : "", w->from / 60u,
			w->from % 60u, w->to / 60u, w->to % 60u,
			w->utc ? " UTC" : "");
	}
	if (link->window_count)
		buf_add_str(b, " }\n");
}

static void print_granted(struct buf *b, const struct account_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct account_rule *rule = &map->rules[i];
		AUTO_FREE char *both =
			mem_printf("%s as %s", rule->here, rule->there);

		buf_add_str(b, i ? ", " : "\taccounts = { ");
		print_text(b, both);
	}
	if (map->count)
		buf_add_str(b, " }\n");
}

static void print_accepted(struct buf *b, const struct accept_rule *rule)
{
	const char *between = "\taccept = { ";

	for (size_t i = 0; i < rule->folder_count; i++) {
		buf_add_str(b, between);
		print_text(b, rule->folders[i]);
		between = ", ";
	}
	if (rule->none || rule->refused & ACCEPT_EXPUNGE) {
		buf_printf(b, "%s\"%s%s\"", between,
			rule->none ? "none" : "no ",
			rule->none ? "" : accept_kind_name(ACCEPT_EXPUNGE));
		between = ", ";
	}
	if (*between == ',')
		buf_add_str(b, " }\n");
}

static void print_sent(struct buf *b, const struct config_peer *p)
{
	for (size_t i = 0; i < p->send_count; i++) {
		buf_add_str(b, i ? ", " : "\tsend = { ");
		print_text(b, p->send[i]);
	}
	if (p->send_count)
		buf_add_str(b, " }\n");
}

/* As budget_parse reads them. */
static void print_budget(
	struct buf *b, const char *indent, const struct budget *budget)
{
	const char *before = "budget = { \"";

	if (!budget_any(budget))
		return;
	buf_add_str(b, indent);
	for (enum budget_span i = BUDGET_CALL; i < BUDGET_SPANS; i++) {
		if (!budget->most[i])
			continue;
		buf_add_str(b, before);
		add_size(b, budget->most[i]);
		buf_printf(b, " %s%s\"", budget_span_name(i),
			budget->utc[i] ? " UTC" : "");
		before = ", \"";
	}
	buf_add_str(b, " }\n");
}

static void print_peer(struct buf *b, const struct config_peer *p)
{
	buf_add_str(b, "peer ");
	print_text(b, p->name);
	buf_add_str(b, " {\n");
	print_key(b, "\t", "key", p->key);
	buf_printf(b, "\tchanges = %s\n",
		p->changes == CHANGES_SEND	? "send"
		: p->changes == CHANGES_RECEIVE ? "receive"
						: "both");
	buf_printf(b, "\trelay = %s\n",
		p->relay == RELAY_SEND	    ? "send"
		: p->relay == RELAY_RECEIVE ? "receive"
		: p->relay == RELAY_YES	    ? "yes"
					    : "no");
	print_granted(b, &p->accounts);
	print_accepted(b, &p->accept);
	buf_printf(b, "\tfollow_key = %s\n", p->follow_key ? "yes" : "no");
	print_sent(b, p);
	buf_printf(b, "\toneway = %s\n", p->oneway ? "yes" : "no");
	buf_printf(b, "\toverlap = \"%u\"\n", p->overlap);
	print_duration(b, "\t", "tables_every", p->tables_every_ms);
	print_duration(b, "\t", "late", p->late_ms);
	print_duration(b, "\t", "state_every", p->state_every_ms);
	for (size_t i = 0; i < p->link_count; i++) {
		const struct config_link *link = &p->links[i];
		const char *indent = link->name[0] ? "\t\t" : "\t";

		if (link->name[0]) {
			buf_add_str(b, "\tlink ");
			print_text(b, link->name);
			buf_add_str(b, " {\n");
		}
		print_key(b, indent, "via", link->via);
		print_key(b, indent, "compression",
			link->level > 3 ? "slow" : "fast");
		if (link->max_file)
			print_size(b, indent, "max_file", link->max_file);
		if (link->hold != HOLD_NONE)
			print_size(b, indent, "hold", link->hold);
		if (link->preview)
			print_size(b, indent, "preview", link->preview);
		if (link->sign_only)
			buf_printf(b, "%ssign_only = yes\n", indent);
		print_windows(b, indent, link);
		if (link->before)
			print_key(b, indent, "before", link->before);
		if (link->after)
			print_key(b, indent, "after", link->after);
		if (link->every_ms >= 0)
			print_duration(b, indent, "every", link->every_ms);
		print_budget(b, indent, &link->budget);
		if (link->worth) {
			print_size(b, indent, "worth", link->worth);
			print_duration(b, indent, "wait", link->wait_ms);
		}
		if (link->rate)
			print_size(b, indent, "rate", link->rate);
		if (link->alive_ms)
			print_duration(b, indent, "alive", link->alive_ms);
		if (strncmp(link->via, "exec:", 5) == 0)
			print_duration(b, indent, "again", link->again_ms);
		if (link->name[0])
			buf_add_str(b, "\t}\n");
	}
	buf_add_str(b, "}\n");
}

void config_print(const struct config *c, struct buf *ret)
{
	buf_printf(ret, "# in force, from %s\n", c->path);
	buf_add_str(ret, "site ");
	print_text(ret, c->site);
	buf_add_str(ret, " {\n");
	print_key(ret, "\t", "state", c->state);
	buf_printf(ret, "\tsyslog = %s\n", c->syslog ? "yes" : "no");
	print_key(ret, "\t", "listen", c->listen);
	print_key(ret, "\t", "metrics", c->metrics);
	print_duration(ret, "\t", "trash_age", c->trash_age_s * 1000);
	print_size(ret, "\t", "trash_size", c->trash_size);
	print_duration(ret, "\t", "log_keep", c->log_keep_ms);
	if (c->log_cap)
		print_size(ret, "\t", "log_cap", c->log_cap);
	else
		buf_printf(ret, "\tlog_cap = \"%u%%\"\n", c->log_cap_percent);
	buf_printf(ret, "\treserve = \"%u%%\"\n}\n", c->reserve_percent);
	for (size_t i = 0; i < c->account_count; i++)
		print_account(ret, &c->accounts[i]);
	for (size_t i = 0; i < c->peer_count; i++)
		print_peer(ret, &c->peers[i]);
}
