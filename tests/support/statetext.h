/*
 * statetext: what a replica state has merged, as sorted lines of text: equal
 * for two states if and only if they hold the same registers with the same
 * writers. Row numbers, and what is local to a site, are left out.
 */
#ifndef PB_STATETEXT_H
#define PB_STATETEXT_H

#include <stdlib.h>
#include <string.h>

#include "replica.h"

#define STATE_LOG(x)                                                           \
	"ifnull((SELECT printf('%x/%x/%s', origin, incarnation,"               \
	" hex(folder)) FROM log WHERE id = " x "), '-')"
#define STATE_BY(stamp, log, lsn)                                              \
	"printf(' by %x ', " stamp ") || " STATE_LOG(log) " || ':' || " lsn
#define STATE_REG(t, name)                                                     \
	STATE_BY(t "." name "_stamp", t "." name "_log", t "." name "_lsn")
#define STATE_DOTS(m)                                                          \
	"(SELECT group_concat(x, ' ') FROM (SELECT " STATE_LOG(                \
		"z.log") " || ':' || z.lsn AS x FROM dot z WHERE z.message "   \
			 "= " m " AND z.dead_log = 0 ORDER BY x))"

/* One column each: a line per row. */
static const char *const state_queries[] = {
	"SELECT 'log ' || " STATE_LOG("id") " || ' ' || lsn FROM log"
					    " WHERE lsn > 0",
	"SELECT 'folder ' || hex(f.fid) || ' ' || f.path || " STATE_REG(
		"f", "path") " || ' dead ' || f.dead || " STATE_REG("f",
		"dead") " || ' identity ' || f.uidvalidity || ' ' || f.uidnext"
			" || ' ' || ifnull(hex(f.guid), '') || ' ' || f.extra"
			" || " STATE_REG("f",
				"identity") " || ' sub ' || f.subscribed"
					    " || " STATE_REG("f",
						    "subscribed") " || ' auth '"
								  " || f.auth_"
								  "term || ' '"
								  " || f.auth_"
								  "site"
								  " || ' ' || "
								  "f.auth_"
								  "uidvalidity "
								  "|| ' ' || "
								  "f.auth_"
								  "uidnext"
								  " ||"
								  " " STATE_REG(
									  "f",
									  "aut"
									  "h") " || ' born ' || " STATE_REG("f",
									  "bor"
									  "n") " || ' ' || f.messages || ' ' ||"
									       " hex(ifnull(f.digest, zeroblob(16)))"
									       " FROM folder f",
	"SELECT 'alias ' || hex(a.fid) || ' ' || hex(f.fid) || " STATE_REG(
		"a", "born") " FROM alias a JOIN folder f ON f.id = a.folder",
	"SELECT 'merged ' || " STATE_LOG("log") " || ':' || lsn || ' ' ||"
						" stamp || ' ' || hex(fid) ||"
						" ' ' || hex(other)"
						" FROM merged",
	"SELECT 'name ' || path || ' ' || subscribed || " STATE_REG(
		"s", "by") " FROM sub s",
	"SELECT 'message ' || " STATE_DOTS(
		"m.id") " || ' in ' || hex(f.fid)"
			" || ' ' || m.base || " STATE_REG("m",
				"place") " || ' ' || m.size"
					 " || ' ' || m.mtime || ' ' || "
					 "hex(m.hash) || ' extra ' || m.extra"
					 " || " STATE_REG("m",
						 "extra") " || ' guid' "
							  "|| " STATE_REG("m",
								  "guid") " || "
									  "' "
									  "flag"
									  "s ' "
									  "|| "
									  "m."
									  "lett"
									  "ers "
									  "|| "
									  "' ' "
									  "||"
									  " m."
									  "keyw"
									  "ords"
									  " || "
									  "' "
									  "uid "
									  "' "
									  "|| "
									  "m."
									  "uid "
									  "||"
									  " " STATE_REG(
										  "m",
										  "uid") " FROM message m JOIN folder f ON f.id = m.folder WHERE m.dead = 0",
	"SELECT 'dot ' || " STATE_LOG(
		"d.log") " || ':' || d.lsn || ' born '"
			 " || ifnull(b.base, m.birth_base) || ' ' ||"
			 " ifnull(b.copy, m.birth_copy) || ' ' || "
			 "ifnull(b.stamp,"
			 " iif(m.moved, m.birth_stamp, m.place_stamp)) FROM "
			 "dot d"
			 " JOIN message m ON m.id = d.message LEFT JOIN birth b"
			 " ON b.log = d.log AND b.lsn = d.lsn WHERE d.dead_log "
			 "= 0",
	"SELECT 'flag ' || " STATE_DOTS(
		"g.message") " || ' ' ||"
			     " lower(g.name) || ' ' || g.value || " STATE_REG(
				     "g",
				     "by") " FROM flag g JOIN message m ON "
					   "m.id = g.message WHERE m.dead = 0",
	"SELECT 'tombstone ' || " STATE_LOG(
		"d.log") " || ':' || d.lsn || " STATE_REG("d",
		"dead") " FROM dot d WHERE d.dead_log <> 0",
	"SELECT 'parked ' || " STATE_LOG(
		"p.log") " || ':' || p.lsn || ' ' ||"
			 " " STATE_LOG(
				 "by_log") " || ':' || by_lsn || ' ' || "
					   "hex(change)"
					   " FROM parked p LEFT JOIN dot d ON "
					   "d.log = p.log AND d.lsn = p.lsn"
					   " WHERE d.lsn IS NULL",
	/* UIDs: under whichever dot of the message */
	"SELECT 'waits ' || " STATE_DOTS("d.message") " || ' ' || " STATE_LOG(
		"by_log") " || ':' || by_lsn FROM parked p JOIN dot d"
			  " ON d.log = p.log AND d.lsn = p.lsn",
	"SELECT 'joined ' || " STATE_LOG(
		"j.log") " || ':' || j.lsn || ' ' ||"
			 " j.stamp || ' ' || " STATE_LOG(
				 "j.dot_log") " || ':' || j.dot_lsn"
					      " || ' ' || " STATE_LOG(
						      "j.source_log") " || ':' "
								      "|| "
								      "j."
								      "source_"
								      "lsn"
								      " FROM "
								      "joined "
								      "j JOIN "
								      "dot d "
								      "ON "
								      "d.log = "
								      "j.dot_"
								      "log"
								      " AND "
								      "d.lsn = "
								      "j.dot_"
								      "lsn "
								      "JOIN "
								      "dot e "
								      "ON "
								      "e.log = "
								      "j."
								      "source_"
								      "log"
								      " AND "
								      "e.lsn = "
								      "j."
								      "source_"
								      "lsn "
								      "WHERE "
								      "d.dead_"
								      "log = 0 "
								      "AND "
								      "e.dead_"
								      "log = 0",
	"SELECT 'record ' || " STATE_LOG(
		"log") " || ':' || lsn || ' ' ||"
		       " stamp || ' ' || " STATE_LOG(
			       "end_log") " || ':' || end_lsn || ' ' ||"
					  " end_chain || ' ' || first || ' ' "
					  "|| ifnull(reason, '-') FROM record",
};

static inline int state_line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The caller frees it. */
static inline char *state_text(struct replica *r)
{
	struct buf text = BUF_INIT;
	char **lines = NULL;
	size_t count = 0;

	for (size_t i = 0; i < sizeof(state_queries) / sizeof(*state_queries);
		i++) {
		sqlite3_stmt *st;

		if (sqlite3_prepare_v2(replica_db(r), state_queries[i], -1, &st,
			    NULL) != SQLITE_OK)
			fail_msg("%s: %s", state_queries[i],
				sqlite3_errmsg(replica_db(r)));
		while (sqlite3_step(st) == SQLITE_ROW) {
			const char *line =
				(const char *)sqlite3_column_text(st, 0);

			lines = mem_grow(lines, count + 1, sizeof(*lines));
			lines[count++] = mem_dup(line ? line : "(null)");
		}
		sqlite3_finalize(st);
	}
	if (count)
		qsort(lines, count, sizeof(*lines), state_line_cmp);
	for (size_t i = 0; i < count; i++) {
		buf_add_str(&text, lines[i]);
		buf_add_byte(&text, '\n');
		free(lines[i]);
	}
	free(lines);
	buf_str(&text);
	return (char *)text.data;
}

/* The first line in which two texts differ, of each; for people. */
static inline void state_print_difference(const char *a, const char *b)
{
	for (int side = 0; side < 2; side++) {
		const char *of = side ? b : a, *other = side ? a : b;
		AUTO_FREE char *copy = mem_dup(of);
		char *at = copy, *line;

		while ((line = strsep(&at, "\n"))) {
			AUTO_FREE char *whole = mem_printf("%s\n", line);

			if (*line && !strstr(other, whole))
				print_message(
					"%c %s\n", side ? '+' : '-', line);
		}
	}
}

#endif
