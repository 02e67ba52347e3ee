#include "checkup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "begun.h"
#include "bundle.h"
#include "carrier.h"
#include "err.h"
#include "parcel.h"
#include "report.h"
#include "segment.h"
#include "site.h"
#include "vfs.h"

#define LOCK_WAIT_MS 10000
#define READ_SIZE 65536

/* ---- accounts ---- */

static void check_log(
	struct checkup *c, struct account *a, const struct replica_log *log)
{
	struct log_end end = {
		log->file_lsn, log->known.lsn, log->known.chain, log->size};
	struct err err = ERR_INIT;
	AUTO_FREE char *dir = NULL;
	char hex[ID_HEX];

	id_hex(&log->known.log.folder, hex);
	dir = mem_printf("%s/%s", a->log_dir, hex);
	if (log_verify(a->os, dir, log->known.log.incarnation, &end, &err) < 0)
		c->found(c->arg, &err);
	c->logs++;
	c->log_bytes += (uint64_t)log->size;
}

static int check_logs(struct checkup *c, struct account *a, struct err *err)
{
	AUTO_ARENA struct arena arena = {0};
	struct replica_log *logs = NULL;
	size_t count = 0;
	int rc = replica_logs(a->replica, &arena, &logs, &count, err);

	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (logs[i].known.log.origin == c->site->key.pub.origin &&
			logs[i].file_lsn)
			check_log(c, a, &logs[i]);
	return rc;
}

/* Nobody writes while we hold the account's lock. */
static int check_account(struct checkup *c, const char *name, struct err *err)
{
	struct account a;
	AUTO_FREE char *state = mem_printf(
		"%s/accounts/%s/state.db", c->site->config.state, name);
	uint64_t pages = 0;
	int rc = begun_open(c->site, name, &a, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = account_lock(&a, LOCK_WAIT_MS, err);
	if (rc == 0)
		rc = vfs_verify(a.os, state, &pages, err);
	c->pages += pages;
	if (rc == 0)
		rc = report_integrity(a.replica, err);
	if (rc == 0)
		rc = check_logs(c, &a, err);
	account_close(&a);
	return rc < 0 ? rc : 0;
}

/* ---- parcels and bodies ---- */

/* Calls fn for each name in a directory that ends so. */
static void each_file(struct checkup *c, const char *dir, const char *ending,
	void (*fn)(struct checkup *c, const char *path, const char *name))
{
	AUTO_BUF struct buf list = BUF_INIT;
	struct os_entry entry;
	size_t at = 0, len = strlen(ending);

	if (c->site->os->ops->list(c->site->os, dir, &list) < 0)
		return; /* there was never one */
	while (os_list_next(&list, &at, &entry)) {
		size_t name_len = strlen(entry.name);
		AUTO_FREE char *path = mem_printf("%s/%s", dir, entry.name);

		if (name_len > len &&
			strcmp(entry.name + name_len - len, ending) == 0)
			fn(c, path, entry.name);
	}
}

static int open_parcel(
	struct checkup *c, const void *data, size_t len, struct err *err)
{
	AUTO_BUF struct buf raw = BUF_INIT;
	AUTO_FREE struct key_public *keys = NULL;
	struct parcel_sections sections;
	size_t count = 0, by;

	for (size_t i = 0; i < c->site->config.peer_count; i++)
		peerkeys_list(&c->site->peerkeys[i].ring, &keys, &count);
	int rc = parcel_open(&c->site->key, &c->site->former, keys, count, data,
		len, &by, &raw, err);
	if (rc == 0)
		rc = parcel_parse(
			keys[by].origin, raw.data, raw.len, &sections, err);
	if (rc == 0)
		parcel_sections_free(&sections);
	return rc;
}

static void check_parcel(struct checkup *c, const char *path, const char *name)
{
	AUTO_BUF struct buf data = BUF_INIT;
	struct err err = ERR_INIT;
	int rc = file_read(c->site->os, path, PARCEL_SEALED_MAX, &data, &err);

	(void)name;
	if (rc == ERR_ABSENT)
		return; /* applied this moment */
	if (rc == 0)
		rc = open_parcel(c, data.data, data.len, &err);
	if (rc < 0) {
		err_wrap(&err, "%s", path);
		c->found(c->arg, &err);
	}
	c->parcels++;
}

static int hash_file(struct os *os, int fd, const char *path, struct hash *ret,
	struct err *err)
{
	AUTO_FREE uint8_t *data = mem_alloc(READ_SIZE);
	struct hash_state st;
	int64_t at = 0;
	ssize_t len;

	hash_init(&st);
	while ((len = os->ops->pread(os, fd, data, READ_SIZE, at)) > 0) {
		hash_add(&st, data, (size_t)len);
		at += len;
	}
	if (len < 0)
		return err_set_os(err, (int)-len, "%s", path);
	*ret = hash_end(&st);
	return 0;
}

static void check_body(struct checkup *c, const char *path, const char *name)
{
	struct os *os = c->site->os;
	AUTO_FREE char *hex = mem_dup_n(name, strcspn(name, "."));
	struct hash is, should;
	struct err err = ERR_INIT;
	int fd = os->ops->open(os, path, O_RDONLY, 0), rc;

	if (fd == -ENOENT)
		return; /* placed this moment */
	if (fd < 0)
		rc = err_set_os(&err, -fd, "%s", path);
	else
		rc = hash_file(os, fd, path, &is, &err);
	if (fd >= 0)
		os->ops->close(os, fd);
	if (rc == 0 && (hash_from_hex(hex, &should) < 0 ||
			       memcmp(is.b, should.b, HASH_SIZE) != 0))
		rc = err_set(&err, ERR_CORRUPT,
			"%s: the body is not what its name says", path);
	if (rc < 0)
		c->found(c->arg, &err);
	c->bodies++;
}

/* ---- bundles on carriers ---- */

static int read_bundle(struct checkup *c, int fd, const char *name, bool for_us,
	struct err *err)
{
	AUTO_BUF struct buf parcel = BUF_INIT;
	struct bundle_reader *reader;
	int rc = bundle_reader_open(c->site->os, fd, name, &reader, err);

	if (rc < 0)
		return rc;
	while ((rc = bundle_reader_next(reader, &parcel, err)) > 0 && for_us)
		if ((rc = open_parcel(c, parcel.data, parcel.len, err)) < 0) {
			err_wrap(err, "%s", name);
			break;
		}
	bundle_reader_close(reader);
	return rc;
}

static void check_bundle(struct checkup *c, struct carrier *carrier,
	const char *via, const struct carrier_item *item)
{
	AUTO_FREE char *name = mem_printf("%s: bundle %016" PRIx64 "-%" PRIu64
					  " for %016" PRIx64,
		via, item->sender, item->sequence, item->recipient);
	struct hash hash;
	struct err err = ERR_INIT;
	int fd = -1;
	int rc = carrier->ops->get(carrier, item, &fd, &err);

	if (rc == ERR_ABSENT)
		return; /* collected this moment */
	if (rc == 0)
		rc = hash_file(c->site->os, fd, name, &hash, &err);
	if (rc == 0 && memcmp(hash.b, item->hash.b, HASH_SIZE) != 0)
		rc = err_set(&err, ERR_CORRUPT,
			"%s: not what its manifest says", name);
	if (rc == 0)
		rc = read_bundle(c, fd, name,
			item->recipient == c->site->key.pub.origin, &err);
	if (fd >= 0)
		c->site->os->ops->close(c->site->os, fd);
	if (rc < 0)
		c->found(c->arg, &err);
	c->bundles++;
}

/* What lies there for one site: ours, and what we handed over. */
static void check_bundles_for(struct checkup *c, struct carrier *carrier,
	const char *via, uint64_t recipient)
{
	struct carrier_list list = {0};
	struct err err = ERR_INIT;

	if (carrier->ops->list(carrier, recipient, &list, &err) < 0) {
		c->found(c->arg, &err);
		return;
	}
	if (list.damaged) {
		err_set(&err, ERR_CORRUPT,
			"%s: %zu bundles for %016" PRIx64
			" are not usable (cut or changed; their sender "
			"replaces them)",
			via, list.damaged, recipient);
		c->found(c->arg, &err);
	}
	for (size_t i = 0; i < list.count; i++)
		if (recipient == c->site->key.pub.origin ||
			list.items[i].sender == c->site->key.pub.origin)
			check_bundle(c, carrier, via, &list.items[i]);
	carrier_list_free(&list);
}

static void check_link(struct checkup *c, const char *via, uint64_t peer)
{
	uint64_t self = c->site->key.pub.origin;
	AUTO_FREE char *spool = carrier_spool(c->site->config.state, peer, via);
	struct carrier_place place = {
		.os = c->site->os, .self = self, .peer = peer, .spool = spool};
	struct carrier *carrier;
	struct err err = ERR_INIT;
	int rc = carrier_open(&place, via, &carrier, &err);

	if (rc == ERR_ABSENT) {
		if (c->away)
			c->away(c->arg, via);
		return;
	}
	if (rc < 0) {
		c->found(c->arg, &err);
		return;
	}
	check_bundles_for(c, carrier, via, self);
	check_bundles_for(c, carrier, via, peer);
	carrier->ops->close(carrier);
}

static void check_peer(struct checkup *c, size_t i)
{
	const struct config_peer *p = &c->site->config.peers[i];
	AUTO_FREE char *inbox =
		mem_printf("%s/%s", c->site->inbox_dir, p->name);

	each_file(c, inbox, ".parcel", check_parcel);
	each_file(c, inbox, ".parcel.early", check_parcel);
	each_file(c, inbox, ".parcel.kept", check_parcel);
	for (size_t k = 0; k < p->link_count; k++)
		if (!via_is_live(p->links[k].via))
			check_link(
				c, p->links[k].via, c->site->peers[i].origin);
}

void checkup_site(struct checkup *c)
{
	const struct site *s = c->site;

	for (size_t i = 0; i < s->account_count; i++) {
		struct err failed = ERR_INIT;

		if (check_account(c, s->accounts[i].name, &failed) < 0)
			c->found(c->arg, &failed);
	}
	for (size_t i = 0; i < s->config.peer_count; i++)
		check_peer(c, i);
	each_file(c, s->bodies_dir, ".body", check_body);
}
