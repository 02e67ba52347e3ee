#include "gaptext.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "err.h"

int gaptext_list(const struct site *s, struct account *a, struct arena *arena,
	struct gap **ret, size_t *ret_count, struct err *err)
{
	size_t count;
	AUTO_FREE uint64_t *peers = site_receivers(s, a->name, &count);

	return gap_list(a->replica, peers, count, arena, ret, ret_count, err);
}

const char *gaptext_peer(
	const struct site *s, uint64_t origin, struct arena *arena)
{
	char hex[17];

	int peer = site_peer_of(s, origin);
	if (peer >= 0)
		return s->config.peers[peer].name;
	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)origin);
	return arena_dup(arena, hex, 16);
}

const char *gaptext_folder(const struct gap *g, struct arena *arena)
{
	char hex[ID_HEX];

	if (id_is_account(&g->folder))
		return "(folders and subscriptions)";
	if (*g->path)
		return g->path;
	id_hex(&g->folder, hex);
	return arena_dup(arena, hex, strlen(hex));
}

static void print_since(int64_t ms, struct buf *ret)
{
	time_t at = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (!gmtime_r(&at, &tm) ||
		!strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		buf_printf(ret, "%lld", (long long)ms);
	else
		buf_add_str(ret, text);
}

static void print_lost(const struct site *s, const struct gap *g,
	struct arena *arena, struct buf *ret)
{
	bool ours = g->log.origin == s->key.pub.origin;

	buf_printf(ret, "changes %llu to %llu of %s are lost: %s; ",
		(unsigned long long)g->first, (unsigned long long)g->last,
		ours ? "this site" : gaptext_peer(s, g->log.origin, arena),
		*g->reason ? g->reason : "it does not say why");
	if (g->lacked_here)
		buf_add_str(ret, "they are missing here");
	for (size_t i = 0; i < g->lacking_count; i++)
		buf_printf(ret, "%s%s", i ? ", " : "they are missing at ",
			gaptext_peer(s, g->lacking[i], arena));
}

static void print_differs(const struct site *s, const struct gap *g,
	struct arena *arena, struct buf *ret)
{
	const char *other = g->peer ? gaptext_peer(s, g->peer, arena)
				    : "what was summed up";

	buf_printf(ret, "%s (%llu messages, digest %016llx; %s: %llu, %016llx)",
		g->reason, (unsigned long long)g->ours.messages,
		(unsigned long long)g->ours.digest, other,
		(unsigned long long)g->theirs.messages,
		(unsigned long long)g->theirs.digest);
}

#define MAILS_MAX 10 /* more are counted */

static void print_mails(const struct gap *g, struct buf *ret)
{
	buf_printf(ret, "%zu mail%s: ", g->mail_count,
		g->mail_count == 1 ? " is damaged" : "s are damaged");
	for (size_t i = 0; i < g->mail_count && i < MAILS_MAX; i++) {
		const struct gap_mail *m = &g->mails[i];

		buf_printf(ret, "%sUID %u (%s) %s", i ? ", " : "", m->uid,
			m->base, damage_text(m->damage));
	}
	if (g->mail_count > MAILS_MAX)
		buf_printf(ret, ", and %zu more", g->mail_count - MAILS_MAX);
}

void gaptext_print(const struct site *s, const char *account,
	const struct gap *g, struct buf *ret)
{
	AUTO_ARENA struct arena arena = {0};

	buf_printf(ret, "account %s: gap: ", account);
	if (g->kind != GAP_SPLIT)
		buf_printf(ret, "folder %s: ", gaptext_folder(g, &arena));
	if (g->kind == GAP_SPLIT)
		buf_printf(ret, "peer %s: %s", gaptext_peer(s, g->peer, &arena),
			g->reason);
	else if (g->kind == GAP_LOST)
		print_lost(s, g, &arena, ret);
	else if (g->kind == GAP_UNSURE)
		buf_add_str(ret, g->reason);
	else if (g->kind == GAP_DIFFERS)
		print_differs(s, g, &arena, ret);
	else
		print_mails(g, ret);
	buf_add_str(ret, "; since ");
	print_since(g->since_ms, ret);
}
