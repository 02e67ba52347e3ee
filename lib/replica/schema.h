/*
 * schema: the tables of a replica state (docs/format.md, State).
 * Private to lib/replica.
 */
#ifndef PB_SCHEMA_H
#define PB_SCHEMA_H

#define SCHEMA_VERSION 1

/* clang-format off */
/* A register's writer: stamp, log row, lsn. */
#define BY(name) \
	name "_stamp INTEGER NOT NULL DEFAULT 0," name \
	     "_log INTEGER NOT NULL DEFAULT 0," name \
	     "_lsn INTEGER NOT NULL DEFAULT 0,"

static const char schema_text[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"

	"CREATE TABLE log(id INTEGER PRIMARY KEY,"
	" origin INTEGER NOT NULL, incarnation INTEGER NOT NULL,"
	" folder BLOB NOT NULL,"
	" lsn INTEGER NOT NULL DEFAULT 0, chain INTEGER NOT NULL DEFAULT 0,"
	" file_lsn INTEGER NOT NULL DEFAULT 0,"
	" size INTEGER NOT NULL DEFAULT 0,"
	" stated_lsn INTEGER NOT NULL DEFAULT 0,"
	" stated_ms INTEGER NOT NULL DEFAULT 0,"
	" applied INTEGER NOT NULL DEFAULT 0,"
	" given INTEGER NOT NULL DEFAULT 0,"
	" part INTEGER NOT NULL DEFAULT 0,"
	" UNIQUE(folder, origin, incarnation));"

	/* chain values at positions met, to tell a repeat from a rollback */
	"CREATE TABLE met(log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" chain INTEGER NOT NULL, PRIMARY KEY(log, lsn)) WITHOUT ROWID;"

	"CREATE TABLE folder(id INTEGER PRIMARY KEY, fid BLOB NOT NULL,"
	" path TEXT NOT NULL DEFAULT ''," BY("path")
	" dead INTEGER NOT NULL DEFAULT 0," BY("dead")
	" uidvalidity INTEGER NOT NULL DEFAULT 0,"
	" uidnext INTEGER NOT NULL DEFAULT 0,"
	" guid BLOB, extra TEXT NOT NULL DEFAULT ''," BY("identity")
	" subscribed INTEGER NOT NULL DEFAULT 0," BY("subscribed")
	" auth_term INTEGER NOT NULL DEFAULT 0,"
	" auth_site INTEGER NOT NULL DEFAULT 0,"
	" auth_stamp INTEGER NOT NULL DEFAULT 0,"
	" auth_uidvalidity INTEGER NOT NULL DEFAULT 0,"
	" auth_uidnext INTEGER NOT NULL DEFAULT 0,"
	" auth_log INTEGER NOT NULL DEFAULT 0,"
	" auth_lsn INTEGER NOT NULL DEFAULT 0,"
	" uidnext_log INTEGER NOT NULL DEFAULT 0,"
	" uidnext_lsn INTEGER NOT NULL DEFAULT 0," BY("born")
	" messages INTEGER NOT NULL DEFAULT 0, digest BLOB,"
	" p_path TEXT, p_ino INTEGER NOT NULL DEFAULT 0,"
	" p_subscribed INTEGER NOT NULL DEFAULT 0,"
	" p_uidvalidity INTEGER NOT NULL DEFAULT 0,"
	" p_uidnext INTEGER NOT NULL DEFAULT 0,"
	" p_guid BLOB, p_extra TEXT NOT NULL DEFAULT '',"
	" cookie BLOB, cookie_good INTEGER NOT NULL DEFAULT 0,"
	" off INTEGER NOT NULL DEFAULT 0,"
	" stopped TEXT NOT NULL DEFAULT '',"
	" held_mail INTEGER NOT NULL DEFAULT 0,"
	" guard_ok INTEGER NOT NULL DEFAULT 0,"
	" guard_count INTEGER NOT NULL DEFAULT 0,"
	" p_dirs_ns INTEGER NOT NULL DEFAULT 0,"
	" refused INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX folder_path ON folder(path);"
	"CREATE INDEX folder_path_by ON folder(path_log, path_lsn)"
	" WHERE path_log <> born_log OR path_lsn <> born_lsn;"
	"CREATE INDEX folder_dead_by ON folder(dead_log, dead_lsn)"
	" WHERE dead_log <> born_log OR dead_lsn <> born_lsn;"
	"CREATE INDEX folder_subscribed_by"
	" ON folder(subscribed_log, subscribed_lsn)"
	" WHERE subscribed_log <> 0;"
	"CREATE INDEX folder_identity_by"
	" ON folder(identity_log, identity_lsn) WHERE identity_log <> 0;"
	"CREATE INDEX folder_auth_by ON folder(auth_log, auth_lsn)"
	" WHERE auth_log <> 0;"

	/* every id a folder is known by, its own included; each with its birth:
	   the oldest is the folder's own */
	"CREATE TABLE alias(fid BLOB PRIMARY KEY," BY("born")
	" folder INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX alias_folder ON alias(folder);"
	"CREATE INDEX alias_born_by ON alias(born_log, born_lsn)"
	" WHERE born_log <> 0;"

	/* merges of ids, as they were written */
	"CREATE TABLE merged(log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" stamp INTEGER NOT NULL, fid BLOB NOT NULL, other BLOB NOT NULL,"
	" PRIMARY KEY(log, lsn)) WITHOUT ROWID;"

	"CREATE TABLE sub(path TEXT PRIMARY KEY,"
	" subscribed INTEGER NOT NULL DEFAULT 0," BY("by")
	" p_subscribed INTEGER NOT NULL DEFAULT 0,"
	" refused INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE INDEX sub_by ON sub(by_log, by_lsn);"

	/* The birth here is that of the message's one dot that has no row in
	   table birth. moved: that birth did not write the place, but 1 a MOVE,
	   2 another dot's birth. birth_stamp: if moved; else place_stamp. */
	"CREATE TABLE message(id INTEGER PRIMARY KEY,"
	" folder INTEGER NOT NULL," BY("place")
	" birth_folder INTEGER NOT NULL DEFAULT 0,"
	" birth_base TEXT NOT NULL DEFAULT '',"
	" birth_stamp INTEGER NOT NULL DEFAULT 0,"
	" birth_copy INTEGER NOT NULL DEFAULT 0,"
	" moved INTEGER NOT NULL DEFAULT 0,"
	" base TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,"
	" hash BLOB NOT NULL,"
	" extra TEXT NOT NULL DEFAULT ''," BY("extra") BY("guid")
	" letters TEXT NOT NULL DEFAULT '',"
	" keywords TEXT NOT NULL DEFAULT '',"
	" uid INTEGER NOT NULL DEFAULT 0," BY("uid")
	" dead INTEGER NOT NULL DEFAULT 0, todo INTEGER NOT NULL DEFAULT 0,"
	" p_folder INTEGER NOT NULL DEFAULT 0,"
	" p_base TEXT NOT NULL DEFAULT '',"
	" p_letters TEXT NOT NULL DEFAULT '',"
	" p_keywords TEXT NOT NULL DEFAULT '',"
	" p_extra TEXT NOT NULL DEFAULT '',"
	" p_uid INTEGER NOT NULL DEFAULT 0,"
	" p_ino INTEGER NOT NULL DEFAULT 0,"
	" copied_from INTEGER NOT NULL DEFAULT 0,"
	" logged_ms INTEGER NOT NULL DEFAULT 0,"
	" waits_ms INTEGER NOT NULL DEFAULT 0,"
	" damage INTEGER NOT NULL DEFAULT 0,"
	" damage_ms INTEGER NOT NULL DEFAULT 0,"
	" damage_ctime INTEGER NOT NULL DEFAULT 0,"
	" out INTEGER NOT NULL DEFAULT 0,"
	" out_ms INTEGER NOT NULL DEFAULT 0,"
	" renumbered INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX message_place ON message(folder, base);"
	"CREATE INDEX message_placed ON message(p_folder, p_base);"
	"CREATE INDEX message_hash ON message(hash);"
	"CREATE INDEX message_ino ON message(p_ino) WHERE p_folder <> 0;"
	"CREATE INDEX message_todo ON message(folder) WHERE todo = 1;"
	"CREATE INDEX message_todo_p ON message(p_folder) WHERE todo = 1;"
	"CREATE INDEX message_kept ON message(p_folder) WHERE todo = 3;"
	"CREATE INDEX message_unplaced ON message(id) WHERE todo = 2;"
	"CREATE INDEX message_bodiless ON message(id)"
	" WHERE p_folder = 0 AND dead = 0;"
	"CREATE INDEX message_out ON message(p_folder) WHERE out <> 0;"
	"CREATE INDEX message_damaged ON message(id) WHERE damage <> 0;"
	"CREATE INDEX message_copied ON message(copied_from)"
	" WHERE copied_from <> 0;"
	/* Most registers are as the birth wrote them: these are not. */
	"CREATE INDEX message_place_by ON message(place_log, place_lsn)"
	" WHERE moved <> 0;"
	"CREATE INDEX message_uid_by ON message(uid_log, uid_lsn)"
	" WHERE uid <> 0 AND (uid_log <> place_log OR uid_lsn <> place_lsn);"
	"CREATE INDEX message_extra_by ON message(extra_log, extra_lsn)"
	" WHERE extra_log <> place_log OR extra_lsn <> place_lsn;"
	"CREATE INDEX message_guid_by ON message(guid_log, guid_lsn)"
	" WHERE guid_log <> place_log OR guid_lsn <> place_lsn;"

	/* message 0: a tombstone without a message; content (joining.h): of a
	   tombstone, where its mail was known */
	"CREATE TABLE dot(log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" message INTEGER NOT NULL," BY("dead")
	" content BLOB, PRIMARY KEY(log, lsn)) WITHOUT ROWID;"
	"CREATE INDEX dot_content ON dot(content)"
	" WHERE content IS NOT NULL;"

	/* what stands here for mail that a peer holds back (previews.h); over:
	   that came, or is awaited no more; in which folders it was placed */
	"CREATE TABLE preview(held BLOB PRIMARY KEY, content BLOB NOT NULL,"
	" size INTEGER NOT NULL, over INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX preview_content ON preview(content);"
	"CREATE INDEX preview_now ON preview(held) WHERE over = 0;"
	"CREATE TABLE previewed(held BLOB NOT NULL, folder INTEGER NOT NULL,"
	" PRIMARY KEY(held, folder)) WITHOUT ROWID;"

	/* what mails were under names that they have no more, and that no
	   living birth tells; message 0: it is dead (once.c) */
	"CREATE TABLE once(content BLOB NOT NULL, message INTEGER NOT NULL,"
	" PRIMARY KEY(content, message)) WITHOUT ROWID;"
	"CREATE INDEX once_message ON once(message) WHERE message <> 0;"

	"CREATE INDEX dot_message ON dot(message);"
	"CREATE INDEX dot_dead_by ON dot(dead_log, dead_lsn)"
	" WHERE dead_log <> 0;"

	/* births of further dots; base '': known by a MOVE only */
	"CREATE TABLE birth(log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" stamp INTEGER NOT NULL, copy INTEGER NOT NULL, base TEXT NOT NULL,"
	" PRIMARY KEY(log, lsn)) WITHOUT ROWID;"
	"CREATE INDEX birth_base ON birth(base);"

	/* born as a copy of what was born in the same folder: two messages */
	"CREATE TABLE apart(log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" source_log INTEGER NOT NULL, source_lsn INTEGER NOT NULL,"
	" PRIMARY KEY(log, lsn)) WITHOUT ROWID;"
	"CREATE INDEX apart_source ON apart(source_log, source_lsn);"

	/* the MOVE (log, lsn) says that two dots are one message */
	"CREATE TABLE joined(log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" stamp INTEGER NOT NULL,"
	" dot_log INTEGER NOT NULL, dot_lsn INTEGER NOT NULL,"
	" source_log INTEGER NOT NULL, source_lsn INTEGER NOT NULL,"
	" PRIMARY KEY(log, lsn)) WITHOUT ROWID;"
	"CREATE INDEX joined_dot ON joined(dot_log, dot_lsn);"

	"CREATE TABLE flag(message INTEGER NOT NULL,"
	" name TEXT NOT NULL COLLATE NOCASE,"
	" value INTEGER NOT NULL," BY("by")
	" PRIMARY KEY(message, name)) WITHOUT ROWID;"
	"CREATE INDEX flag_by ON flag(by_log, by_lsn);"

	/* changes of a dot that has not been met yet, or not where it has the
	   UID that they give */
	"CREATE TABLE parked(log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" by_log INTEGER NOT NULL, by_lsn INTEGER NOT NULL,"
	" change BLOB NOT NULL, PRIMARY KEY(log, lsn, by_log, by_lsn))"
	" WITHOUT ROWID;"
	"CREATE INDEX parked_by ON parked(by_log, by_lsn);"

	/* BEGIN and GAP records, as they were written; reason NULL: BEGIN */
	"CREATE TABLE record(log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" stamp INTEGER NOT NULL, end_log INTEGER NOT NULL,"
	" end_lsn INTEGER NOT NULL, end_chain INTEGER NOT NULL,"
	" first INTEGER NOT NULL, reason TEXT,"
	" PRIMARY KEY(log, lsn)) WITHOUT ROWID;"

	/* what is missing or wrong (gaps.h); peer and sums: of a difference */
	"CREATE TABLE gap(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
	" folder BLOB NOT NULL, log INTEGER NOT NULL DEFAULT 0,"
	" first INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0,"
	" peer INTEGER NOT NULL DEFAULT 0,"
	" messages INTEGER NOT NULL DEFAULT 0,"
	" digest INTEGER NOT NULL DEFAULT 0,"
	" their_messages INTEGER NOT NULL DEFAULT 0,"
	" their_digest INTEGER NOT NULL DEFAULT 0,"
	" reason TEXT NOT NULL, since_ms INTEGER NOT NULL,"
	" accepted INTEGER NOT NULL DEFAULT 0,"
	" UNIQUE(kind, folder, log, first, peer));"

	/* what peers said of folders, and whether they are owed our word */
	"CREATE TABLE stated(peer INTEGER NOT NULL, folder BLOB NOT NULL,"
	" vector INTEGER NOT NULL DEFAULT 0,"
	" messages INTEGER NOT NULL DEFAULT 0,"
	" digest INTEGER NOT NULL DEFAULT 0,"
	" heard_ms INTEGER NOT NULL DEFAULT 0,"
	" agreed_ms INTEGER NOT NULL DEFAULT 0,"
	" owed INTEGER NOT NULL DEFAULT 0,"
	" told_ms INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(peer, folder)) WITHOUT ROWID;"

	/* what peers are shown of folders, and we of theirs (viewed.h) */
	"CREATE TABLE view(peer INTEGER NOT NULL, ours INTEGER NOT NULL,"
	" folder BLOB NOT NULL, hidden INTEGER NOT NULL,"
	" log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" PRIMARY KEY(peer, ours, folder)) WITHOUT ROWID;"

	/* expunges that wait for an operator, by folder (guarded.h) */
	"CREATE TABLE guarded(folder INTEGER PRIMARY KEY,"
	" waiting INTEGER NOT NULL, accepted INTEGER NOT NULL,"
	" done INTEGER NOT NULL, since_ms INTEGER NOT NULL);"

	/* comparisons that are under way (comparing.h) */
	"CREATE TABLE comparing(peer INTEGER NOT NULL, folder BLOB NOT NULL,"
	" role INTEGER NOT NULL, kind INTEGER NOT NULL, seed BLOB NOT NULL,"
	" turn INTEGER NOT NULL DEFAULT 1, due INTEGER NOT NULL DEFAULT 1,"
	" ask_symbols INTEGER NOT NULL DEFAULT 0,"
	" ask_columns INTEGER NOT NULL DEFAULT 0,"
	" give_symbols INTEGER NOT NULL DEFAULT 0,"
	" give_columns INTEGER NOT NULL DEFAULT 0,"
	" keys BLOB, uids BLOB, equal INTEGER NOT NULL DEFAULT 0,"
	" asked_ms INTEGER NOT NULL DEFAULT 0,"
	" tries INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(peer, folder)) WITHOUT ROWID;"
	/* dots of which a peer is owed all that we know */
	"CREATE TABLE owed(peer INTEGER NOT NULL, folder BLOB NOT NULL,"
	" log INTEGER NOT NULL, lsn INTEGER NOT NULL,"
	" packed INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(peer, folder, log, lsn)) WITHOUT ROWID;"

	/* how far a folder was looked through for damage (scanned.h) */
	"CREATE TABLE scanned(folder INTEGER NOT NULL, deep INTEGER NOT NULL,"
	" base TEXT NOT NULL DEFAULT '', done_ms INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(folder, deep)) WITHOUT ROWID;"

	/* while this state joins (joining.h): how far a peer's answer reaches;
	   which mails it says were expunged */
	"CREATE TABLE awaited(peer INTEGER NOT NULL, log INTEGER NOT NULL,"
	" lsn INTEGER NOT NULL, PRIMARY KEY(peer, log)) WITHOUT ROWID;"
	"CREATE TABLE gone(content BLOB NOT NULL, peer INTEGER NOT NULL,"
	" PRIMARY KEY(content, peer)) WITHOUT ROWID;"
	/* and what lies in the store; which births are to come whole, of us
	   and of peers that join (inventory.h) */
	"CREATE TABLE inventory(uidvalidity INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, base TEXT NOT NULL, guid TEXT NOT NULL,"
	" size INTEGER NOT NULL, mtime INTEGER NOT NULL, hash BLOB NOT NULL,"
	" PRIMARY KEY(uidvalidity, uid)) WITHOUT ROWID;"
	"CREATE TABLE whole(role INTEGER NOT NULL, peer INTEGER NOT NULL,"
	" log INTEGER NOT NULL, first INTEGER NOT NULL,"
	" last INTEGER NOT NULL,"
	" PRIMARY KEY(role, peer, log, first, last)) WITHOUT ROWID;"

	"CREATE TABLE ack(peer INTEGER NOT NULL, log INTEGER NOT NULL,"
	" durable INTEGER NOT NULL, chain INTEGER NOT NULL,"
	" applied INTEGER NOT NULL, PRIMARY KEY(peer, log)) WITHOUT ROWID;"
	"CREATE TABLE ack_order(peer INTEGER PRIMARY KEY,"
	" incarnation INTEGER NOT NULL, count INTEGER NOT NULL);"
	/* which acknowledgements came (spoken.h); number 0: it asked */
	"CREATE TABLE spoken(id INTEGER PRIMARY KEY, peer INTEGER NOT NULL,"
	" incarnation INTEGER NOT NULL, number INTEGER NOT NULL,"
	" mark INTEGER NOT NULL, UNIQUE(peer, incarnation, number));"
	"CREATE TABLE want(peer INTEGER NOT NULL, hash BLOB NOT NULL,"
	" at INTEGER NOT NULL, kept INTEGER NOT NULL DEFAULT 0,"
	" previewed INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(peer, hash)) WITHOUT ROWID;"
	/* and which of them go whatever their size (held.h) */
	"CREATE TABLE released(peer INTEGER NOT NULL, hash BLOB NOT NULL,"
	" PRIMARY KEY(peer, hash)) WITHOUT ROWID;"
	/* what came there too late for its UID (late.h) */
	"CREATE TABLE late(peer INTEGER NOT NULL, message INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, uidnext INTEGER NOT NULL,"
	" PRIMARY KEY(peer, message)) WITHOUT ROWID;"
	"CREATE TABLE sent(peer INTEGER NOT NULL, link TEXT NOT NULL,"
	" medium BLOB NOT NULL, sequence INTEGER NOT NULL,"
	" log INTEGER NOT NULL, lsn INTEGER NOT NULL, chain INTEGER NOT NULL,"
	" PRIMARY KEY(peer, link, medium, sequence, log)) WITHOUT ROWID;"
	"CREATE TABLE handed(peer INTEGER NOT NULL, log INTEGER NOT NULL,"
	" lsn INTEGER NOT NULL, chain INTEGER NOT NULL,"
	" PRIMARY KEY(peer, log, lsn)) WITHOUT ROWID;"
	"CREATE TABLE sent_body(peer INTEGER NOT NULL, link TEXT NOT NULL,"
	" medium BLOB NOT NULL, sequence INTEGER NOT NULL,"
	" hash BLOB NOT NULL,"
	" PRIMARY KEY(peer, link, medium, hash, sequence)) WITHOUT ROWID;";

#undef BY
/* clang-format on */
#endif
