/*
 * `packetboat log` on files made here: a segment of real changes, a parcel
 * and a bundle, with and without the key that opens them.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bundle.h"
#include "change.h"
#include "err.h"
#include "front.h"
#include "key.h"
#include "os.h"
#include "parcel.h"
#include "segment.h"

static char root[64];
static struct buf out;

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/test_log.XXXXXX");
	return mkdtemp(root) && key_start(NULL) == 0 ? 0 : -1;
}

static int drop_root(void **state)
{
	(void)state;
	buf_free(&out);
	return dir_remove(os_real(), root, NULL);
}

/* Run `packetboat [-c config] log file`; what it prints goes to out. */
static int run_log(char *config, char *file)
{
	char name[] = "packetboat", c[] = "-c", q[] = "-q", log[] = "log";
	char *with[] = {name, q, c, config, log, file, NULL};
	char *without[] = {name, q, log, file, NULL};
	AUTO_FREE char *to = mem_printf("%s/out", root);
	int saved = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO), code;
	int fd = open(to, O_RDWR | O_CREAT | O_TRUNC, 0600);
	int quiet = open("/dev/null", O_WRONLY);

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	dup2(quiet, STDERR_FILENO);
	close(fd);
	close(quiet);
	code = config ? front_main(6, with) : front_main(4, without);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved);
	close(saved_err);
	buf_clear(&out);
	assert_int_equal(file_read(os_real(), to, 1 << 20, &out, NULL), 0);
	return code;
}

static void printed(const char *words)
{
	if (!strstr(buf_str(&out), words))
		fail_msg("\"%s\" is not in:\n%s", words, buf_str(&out));
}

static const struct log_id log_id = {0x41, 0x66, ID_INBOX};

/* Two changes of flags, encoded. */
static void encode_changes(
	uint64_t first_lsn, uint64_t base_ms, struct buf *ret)
{
	struct change_batch batch = {0};
	struct change_context ctx = {log_id, first_lsn, base_ms};

	for (uint64_t i = 0; i < 2; i++) {
		struct change *c = change_add(&batch, CHANGE_FLAGS);

		c->by = (struct write_id){
			STAMP_OF(base_ms + 5, i), log_id, first_lsn + i};
		c->dot = (struct dot){log_id, 1};
		c->add.letters = i ? "F" : "S";
	}
	change_encode(&ctx, batch.items, batch.count, ret);
	change_batch_free(&batch);
}

static char *make_segment(void)
{
	AUTO_BUF struct buf payload = BUF_INIT;
	AUTO_FREE char *dir = mem_printf("%s/log", root);
	struct segment_header header = {.log = log_id, .account = "alice"};
	struct log_end end = {0};
	struct log_writer w;
	struct err err = ERR_INIT;
	char name[48];

	if (log_writer_open(&w, os_real(), dir, &header, &end, &err) < 0 ||
		log_writer_begin(&w, 1700000000000, &err) < 0)
		fail_msg("%s", err.text);
	encode_changes(1, w.header.base_ms, &payload);
	assert_int_equal(log_writer_append(&w, FRAME_CHANGES, 2, payload.data,
				 payload.len, &err),
		0);
	assert_int_equal(log_writer_sync(&w, &err), 0);
	log_writer_close(&w);
	segment_file_name(log_id.incarnation, 1, name);
	return mem_printf("%s/%s", dir, name);
}

static void a_segment_is_printed_change_by_change(void **state)
{
	AUTO_FREE char *path = make_segment();

	(void)state;
	assert_int_equal(run_log(NULL, path), 0);
	printed("account alice");
	printed("0000000000000041/0000000000000066/INBOX");
	printed("lsn 1..2");
	printed("+S");
	printed("+F");
}

static void every_cut_of_a_segment_prints_what_is_whole(void **state)
{
	AUTO_FREE char *path = make_segment();
	AUTO_FREE char *cut = mem_printf("%s/cut", root);
	AUTO_BUF struct buf whole = BUF_INIT;
	int fine = 0;

	(void)state;
	assert_int_equal(file_read(os_real(), path, 1 << 20, &whole, NULL), 0);
	for (size_t len = 0; len < whole.len; len++) {
		assert_int_equal(file_replace(os_real(), cut, whole.data, len,
					 0600, NULL),
			0);
		/* after the header alone the file is whole, and empty */
		if (run_log(NULL, cut) == 0)
			fine++;
		assert_null(strstr(buf_str(&out), "+F"));
	}
	assert_int_equal(fine, 1);
}

/* A parcel of an acknowledgement and two changes for `to`. */
static void seal(const struct key_pair *from, const struct key_public *to,
	struct buf *ret)
{
	AUTO_BUF struct buf sections = BUF_INIT, payload = BUF_INIT;
	struct parcel_changes changes = {.account = "alice",
		.from = {log_id, 0, 0},
		.to = {log_id, 2, 7},
		.base_ms = 1700000000000,
		.first_lsn = 1};
	struct err err = ERR_INIT;

	encode_changes(1, changes.base_ms, &payload);
	changes.payload = payload.data;
	changes.len = payload.len;
	parcel_add_changes(&sections, from->pub.origin, &changes);
	if (parcel_seal(os_real(), from, to, sections.data, sections.len,
		    PARCEL_FAST, ret, &err) < 0)
		fail_msg("%s", err.text);
}

/* A site's configuration with its key, and the other as its peer. */
static char *make_site(
	const char *name, const struct key_public *peer, struct key_pair *ret)
{
	AUTO_FREE char *state = mem_printf("%s/%s", root, name);
	AUTO_FREE char *key = mem_printf("%s/key", state);
	AUTO_FREE char *text = NULL;
	char *path = mem_printf("%s/%s.conf", root, name);
	char line[KEY_LINE_MAX];

	assert_int_equal(dir_make(os_real(), state, 0700, NULL), 0);
	assert_int_equal(key_create(os_real(), key, NULL, ret, NULL), 0);
	key_line(peer, line);
	text = mem_printf("site \"%s\" { state = \"%s\" }\n"
			  "peer \"other\" { key = \"%s\" }\n",
		name, state, line);
	assert_int_equal(
		file_replace(os_real(), path, text, strlen(text), 0600, NULL),
		0);
	return path;
}

static void parcels_and_bundles_open_with_the_key_only(void **state)
{
	uint8_t seed[32] = {7};
	struct key_pair sender, self;
	AUTO_FREE char *parcel = mem_printf("%s/parcel", root);
	AUTO_FREE char *bundle = mem_printf("%s/bundle", root);
	AUTO_FREE char *config = NULL;
	AUTO_BUF struct buf sealed = BUF_INIT;
	struct bundle_writer *w;
	struct hash hash;
	uint64_t size;
	int fd;

	(void)state;
	key_from_seed(seed, &sender);
	config = make_site("self", &sender.pub, &self);
	seal(&sender, &self.pub, &sealed);
	assert_int_equal(file_replace(os_real(), parcel, sealed.data,
				 sealed.len, 0600, NULL),
		0);
	fd = open(bundle, O_RDWR | O_CREAT, 0600);
	assert_int_equal(
		bundle_writer_open(os_real(), fd, bundle, &w, NULL), 0);
	assert_int_equal(
		bundle_writer_add(w, sealed.data, sealed.len, NULL), 0);
	assert_int_equal(bundle_writer_finish(w, &size, &hash, NULL), 0);
	close(fd);

	setenv("HOME", root, 1);
	unsetenv("PACKETBOAT_CONF");
	assert_int_equal(run_log(NULL, parcel), 0);
	printed("parcel from");
	assert_null(strstr(buf_str(&out), "alice"));
	assert_int_equal(run_log(config, parcel), 0);
	printed("changes account alice");
	printed("+F");
	assert_int_equal(run_log(NULL, bundle), 0);
	printed("entry 1 parcel from");
	assert_null(strstr(buf_str(&out), "alice"));
	assert_int_equal(run_log(config, bundle), 0);
	printed("changes account alice");
	printed("+F");

	assert_int_equal(truncate(bundle, 600), 0);
	assert_int_equal(run_log(config, bundle), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_is_printed_change_by_change),
		cmocka_unit_test(every_cut_of_a_segment_prints_what_is_whole),
		cmocka_unit_test(parcels_and_bundles_open_with_the_key_only),
	};

	return cmocka_run_group_tests(tests, make_root, drop_root);
}
