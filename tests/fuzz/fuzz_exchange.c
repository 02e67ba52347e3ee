/*
 * fuzz_exchange: any bytes as sections of a peer's, taken by a state that has
 * some mail and compares its INBOX with that peer.
 *
 * What fails says why and leaves the state as it was, which is rolled back
 * after every input. Whatever is said: mail that was born here, and has no
 * tombstone, lives; and INBOX's sum is the one of its registers.
 *
 * Planted bugs found by the seeds alone: deaths without a tombstone taken from
 * a peer where the mail was not born, in rows and in a table.
 */
#include "comparing.h"
#include "err.h"
#include "exchange.h"
#include "parcel.h"
#include "simdisk.h"
#include "sql.h"
#include "stated.h"

#include <stdlib.h>
#include <string.h>

#define SELF 1u
#define PEER 2u
#define MAILS 8
#define RAW_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Half of the mails were born here, half at the peer. */
static void add_mail(struct replica *r, unsigned i)
{
	char base[] = "a.x";
	struct change c = {.kind = CHANGE_SAVE,
		.base = base,
		.extra = "",
		.path = "",
		.reason = "",
		.add = {i % 3 ? "S" : "", ""},
		.del = {"", ""}};

	base[0] = (char)('a' + i);
	c.by = (struct write_id){
		0, {i % 2 ? SELF : PEER, 77, ID_INBOX}, i / 2 + 1};
	c.dot = (struct dot){c.by.log, c.by.lsn};
	c.size = i + 1;
	c.uid = i + 1;
	c.hash.b[0] = (uint8_t)i;
	require(replica_apply(r, &c, NULL) == 0);
}

static void know(struct replica *r, uint64_t origin)
{
	struct log_id id = {origin, 77, ID_INBOX};
	struct replica_log log;

	require(replica_log_get(r, &id, true, &log, NULL) >= 0);
	log.known.lsn = MAILS / 2 + 1;
	require(replica_log_set(r, &log, NULL) == 0);
}

/* Made once. */
static struct replica *the_state(void)
{
	static struct simdisk *disk;
	static struct replica *r;
	struct change claim = change_blank(CHANGE_AUTHORITY);

	if (r)
		return r;
	claim.by = (struct write_id){1u << 16, {PEER, 77, ID_ACCOUNT}, 1};
	claim.folder = ID_INBOX;
	claim.term = 1;
	claim.site = PEER;
	disk = simdisk_new(1);
	require(replica_open(simdisk_os(disk), "/state.db", "a", SELF, true, &r,
			NULL) >= 0);
	require(replica_begin(r, NULL) == 0);
	require(replica_apply(r, &claim, NULL) == 0);
	for (unsigned i = 0; i < MAILS; i++)
		add_mail(r, i);
	know(r, SELF);
	know(r, PEER);
	require(comparing_begin(r, PEER, &ID_INBOX, COMPARING_EXACT, NULL) >=
		0);
	require(replica_commit(r, NULL) == 0);
	return r;
}

static int may(void *arg, const struct change *c, struct err *err)
{
	uint64_t origin = c->by.log.origin;

	(void)arg, (void)err;
	return origin == SELF || origin == PEER;
}

static int64_t ask(struct replica *r, const char *text)
{
	sqlite3_stmt *st;
	int64_t value = 0;

	require(sqlite3_prepare_v2(replica_db(r), text, -1, &st, NULL) ==
		SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return value;
}

/* Is INBOX's sum the one of its registers? */
static void check_sums(struct replica *r)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_folder f;
	uint64_t messages;
	uint8_t digest[16];

	require(tally_flush(r, NULL) >= 0);
	require(replica_folder_by_fid(r, &ID_INBOX, &arena, &f, NULL) == 0);
	require(tally_recount(r, f.id, &messages, digest, NULL) >= 0);
	require(messages == f.messages &&
		memcmp(digest, f.digest, sizeof(digest)) == 0);
}

/* Of our own dots none is dead but by a tombstone that names its writer. */
static void check_mail(struct replica *r)
{
	require(ask(r, "SELECT count(*) FROM dot d JOIN log l ON l.id = d.log"
		       " WHERE l.origin = 1 AND d.dead_log <> 0"
		       " AND d.dead_lsn = 0") == 0);
	require(ask(r, "SELECT count(*) FROM comparing") <= 65536);
	check_sums(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct replica *r = the_state();
	struct exchange x = {
		.replica = r,
		.peer = PEER,
		.takes = true,
		.gives = true,
		.now_ms = 1795303760123,
		.may = may,
	};
	struct parcel_sections s;
	struct err err = ERR_INIT;
	int rc = 0;

	if (len > RAW_MAX || parcel_parse(0, data, len, &s, NULL) < 0)
		return 0;
	require(replica_begin(r, NULL) == 0);
	for (size_t i = 0; i < s.count && rc >= 0; i++)
		if (s.items[i].type >= PARCEL_COMPARE)
			rc = exchange_take(
				&x, s.items[i].type, &s.items[i].compare, &err);
	require(rc >= 0 || (rc == err.code && err.text[0] && rc != ERR_IO));
	if (rc >= 0)
		check_mail(r);
	replica_rollback(r);
	parcel_sections_free(&s);
	return 0;
}
