/*
 * Bodies over the real program: what the shipper asks its writer for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bodyclient.h"
#include "bodyserve.h"
#include "err.h"
#include "os.h"
#include "preview.h"

#define LARGE (5u << 20) /* larger than what the server keeps in memory */

struct fixture {
	char dir[64];
	char *config;
	struct body_client client;
	struct buf large;
};

#define must(call)                                                             \
	do {                                                                   \
		struct err err = ERR_INIT;                                     \
		int must_ = (call);                                            \
                                                                               \
		if (must_ < 0)                                                 \
			fail_msg("%s: %d: %s", #call, must_, err.text);        \
	} while (0)

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void put(
	struct fixture *f, const char *name, const void *data, size_t len)
{
	AUTO_FREE char *path = mem_printf("%s/mail/%s", f->dir, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void write_mail(struct fixture *f)
{
	static const char *const dirs[] = {"", "/cur", "/new", "/tmp", "/.Work",
		"/.Work/cur", "/.Work/new", "/.Work/tmp"};
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		AUTO_FREE char *path = mem_printf("%s/mail%s", f->dir, dirs[i]);

		assert_int_equal(mkdir(path, 0700), 0);
	}
	put(f, "cur/small:2,S", "small body", 10);
	put(f, "cur/twice:2,", "the same in two", 15);
	put(f, ".Work/cur/again:2,", "the same in two", 15);
	put(f, "cur/empty:2,", "", 0);
	while (f->large.len < LARGE) {
		x = x * 1664525 + 1013904223;
		buf_add(&f->large, &x, sizeof(x));
	}
	put(f, "cur/large:2,", f->large.data, f->large.len);
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	strcpy(f->dir, "/tmp/packetboat-bodies-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->config = mem_printf("%s/conf", f->dir);
	FILE *file = fopen(f->config, "w");
	assert_non_null(file);
	fprintf(file,
		"site \"a\" { state = \"%s/state\" }\n"
		"account \"alice\" { maildir = \"%s/mail\" }\n",
		f->dir, f->dir);
	fclose(file);
	write_mail(f);
	AUTO_FREE char *init = mem_printf(
		"%s -c %s init >%s/out 2>&1", FRONT, f->config, f->dir);
	AUTO_FREE char *look =
		mem_printf("%s -q -c %s --once", WRITER, f->config);
	run(init);
	run(look);
	must(body_client_open(
		os_real(), NULL, WRITER, f->config, &f->client, &err));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	body_client_close(&f->client);
	body_client_close(&f->client); /* harmless */
	dir_remove(os_real(), f->dir, NULL);
	buf_free(&f->large);
	free(f->config);
	free(f);
	return 0;
}

static int ask(struct fixture *f, const struct hash *hash, uint64_t offset,
	size_t most, struct buf *ret, uint64_t *size)
{
	struct err err = ERR_INIT;

	buf_clear(ret);
	return body_client_read(
		&f->client, "alice", hash, offset, most, ret, size, &err);
}

static void a_small_body_comes_whole_or_from_an_offset(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of("small body", 10);
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t size = 0;

	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	assert_int_equal(size, 10);
	assert_string_equal(buf_str(&b), "small body");
	assert_int_equal(ask(f, &hash, 6, 2, &b, &size), 0);
	assert_string_equal(buf_str(&b), "bo");
	assert_int_equal(ask(f, &hash, 10, 2, &b, &size), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(ask(f, &hash, UINT64_MAX, 2, &b, &size), 0);
	assert_int_equal(b.len, 0);
	hash = hash_of("", 0);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(b.len, 0);
}

static void a_large_body_comes_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of(f->large.data, f->large.len);
	AUTO_BUF struct buf whole = BUF_INIT;
	uint64_t size = 0;

	do {
		AUTO_BUF struct buf b = BUF_INIT;

		assert_int_equal(
			ask(f, &hash, whole.len, SIZE_MAX, &b, &size), 0);
		assert_true(b.len && b.len <= BODY_PIECE_MAX);
		buf_add(&whole, b.data, b.len);
	} while (whole.len < size);
	assert_int_equal(size, f->large.len);
	assert_memory_equal(whole.data, f->large.data, whole.len);
}

static void of_small_and_large_bodies_there_is_a_preview(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of("small body", 10);
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t size;

	must(body_client_preview(
		&f->client, "alice", &hash, "ship", PREVIEW_LEAST, &b, NULL));
	assert_true(preview_is_of(b.data, b.len, &hash));
	assert_non_null(strstr(buf_str(&b), "waits at a.\n"));
	assert_non_null(strstr(buf_str(&b), "held release ship "));
	assert_non_null(strstr(buf_str(&b), "[held: 10 bytes]"));
	hash = hash_of(f->large.data, f->large.len);
	buf_clear(&b);
	must(body_client_preview(
		&f->client, "alice", &hash, "ship", PREVIEW_MOST, &b, NULL));
	assert_true(preview_is_of(b.data, b.len, &hash));
	assert_true(b.len <= PREVIEW_MOST);
	buf_clear(&b);
	hash = hash_of("never seen", 10);
	assert_int_equal(body_client_preview(&f->client, "alice", &hash, "ship",
				 PREVIEW_MOST, &b, NULL),
		ERR_ABSENT);
	hash = hash_of("small body", 10);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	assert_string_equal(buf_str(&b), "small body");
}

static void a_body_that_nobody_has_is_gone(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of("never seen", 10);
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t size;

	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), ERR_ABSENT);
	hash = hash_of("small body", 10);
	assert_int_equal(body_client_read(&f->client, "bob", &hash, 0, 10, &b,
				 &size, &err),
		ERR_ABSENT);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
}

static void a_file_that_is_gone_or_damaged_is_taken_from_another(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of("the same in two", 15);
	AUTO_FREE char *one = mem_printf("%s/mail/cur/twice:2,", f->dir);
	AUTO_FREE char *other =
		mem_printf("%s/mail/.Work/cur/again:2,", f->dir);
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t size;

	assert_int_equal(unlink(one), 0);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	assert_string_equal(buf_str(&b), "the same in two");
	put(f, "cur/twice:2,", "THE same in two", 15);
	hash = hash_of("small body", 10); /* so that nothing is held */
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	hash = hash_of("the same in two", 15);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	assert_int_equal(ask(f, &hash, 4, 4, &b, &size), 0);
	assert_string_equal(buf_str(&b), "same");

	hash = hash_of("small body", 10);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	hash = hash_of("the same in two", 15);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), ERR_CORRUPT);
	assert_int_equal(unlink(one), 0);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), ERR_ABSENT);
}

static void a_damaged_large_body_is_never_handed_out(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of(f->large.data, f->large.len);
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t size;

	/* While it is being read, too: the file grew. */
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	f->large.data[LARGE - 1] ^= 1;
	buf_add_byte(&f->large, 'x');
	put(f, "cur/large:2,", f->large.data, f->large.len);
	assert_int_equal(ask(f, &hash, 100, 100, &b, &size), ERR_CORRUPT);
	f->large.len--;
	put(f, "cur/large:2,", f->large.data, f->large.len);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), ERR_CORRUPT);
	assert_int_equal(b.len, 0);
}

static void flags_of_a_message_may_change_while_it_is_read(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of(f->large.data, f->large.len);
	AUTO_FREE char *from = mem_printf("%s/mail/cur/large:2,", f->dir);
	AUTO_FREE char *to = mem_printf("%s/mail/cur/large:2,FS", f->dir);
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t size;

	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(ask(f, &hash, 100, 100, &b, &size), 0);
	struct hash small = hash_of("small body", 10);
	assert_int_equal(ask(f, &small, 0, 100, &b, &size), 0);
	assert_int_equal(ask(f, &hash, 200, 100, &b, &size), 0);
	assert_memory_equal(b.data, f->large.data + 200, 100);
}

static void a_writer_that_is_no_writer_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const programs[] = {
		"/bin/true", "/bin/nothing", "/bin/echo", "/bin/cat"};
	struct hash hash = hash_of("small body", 10);
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t size;

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		body_client_close(&f->client);
		must(body_client_open(
			os_real(), NULL, programs[i], NULL, &f->client, &err));
		assert_int_equal(ask(f, &hash, 0, 100, &b, &size), ERR_IO);
		assert_false(f->client.open);
	}
}

static void a_writer_that_dies_is_told(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of("small body", 10);
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t size;
	AUTO_FREE char *command = mem_printf("kill -9 %d", (int)f->client.pid);

	run(command);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), ERR_IO);
	assert_int_equal(f->client.pid, 0);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), ERR_IO);
	must(body_client_open(
		os_real(), NULL, WRITER, f->config, &f->client, &err));
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
}

/* ---- one that hangs ---- */

static int64_t clock_ms, tick_ms;

/* Each look at it takes so long. */
static int64_t ticking(struct os *os)
{
	(void)os;
	clock_ms += tick_ms;
	return clock_ms * 1000000;
}

static struct os *ticking_os(int64_t tick)
{
	static struct os_ops ops;
	static struct os os;

	os = *os_real();
	ops = *os.ops;
	ops.mono_ns = ticking;
	os.ops = &ops;
	tick_ms = tick;
	return &os;
}

static void a_writer_that_is_stopped_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of("small body", 10);
	AUTO_BUF struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	uint64_t size;

	f->client.os = ticking_os(20000);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	assert_int_equal(kill(f->client.pid, SIGSTOP), 0);
	assert_int_equal(body_client_read(&f->client, "alice", &hash, 0, 10, &b,
				 &size, &why),
		ERR_IO);
	assert_non_null(strstr(why.text, "gave no sign"));
	assert_false(f->client.open);
	assert_int_equal(f->client.pid, 0);
	must(body_client_open(
		os_real(), NULL, WRITER, f->config, &f->client, &err));
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
}

static void who_asks_soon_waits_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct hash hash = hash_of("small body", 10);
	struct hash other = hash_of("the same in two", 15);
	struct pollfd p = {.fd = f->client.fd, .events = POLLIN};
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t size;

	assert_int_equal(ask(f, &other, 0, 100, &b, &size), 0);
	f->client.os = ticking_os(1);
	f->client.soon = true;
	assert_int_equal(kill(f->client.pid, SIGSTOP), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(f, &hash, 0, 100, &b, &size), ERR_BUSY);
	assert_int_equal(kill(f->client.pid, SIGCONT), 0);
	assert_int_equal(poll(&p, 1, 30000), 1);
	/* What is answered is kept for who asked, for a while. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(f, &other, 0, 100, &b, &size), ERR_BUSY);
	assert_int_equal(ask(f, &hash, 0, 100, &b, &size), 0);
	assert_string_equal(buf_str(&b), "small body");
	assert_int_equal(kill(f->client.pid, SIGSTOP), 0);
	assert_int_equal(ask(f, &hash, 0, 5, &b, &size), ERR_BUSY);
	assert_int_equal(kill(f->client.pid, SIGCONT), 0);
	assert_int_equal(poll(&p, 1, 30000), 1);
	tick_ms = 1000;
	f->client.soon = false;
	assert_int_equal(ask(f, &other, 0, 100, &b, &size), 0);
	assert_string_equal(buf_str(&b), "the same in two");
}

static char *script(struct fixture *f, const char *text)
{
	char *path = mem_printf("%s/script", f->dir);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\nprintf '%s'\n%s\n", "packetboat bodies 3\\n",
		text);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0700), 0);
	return path;
}

static int ask_script(struct fixture *f, const char *text, int64_t tick,
	struct buf *ret, struct err *why)
{
	AUTO_FREE char *path = script(f, text);
	struct hash hash = hash_of("small body", 10);
	struct body_client c;
	uint64_t size;

	must(body_client_open(ticking_os(tick), NULL, path, NULL, &c, &err));
	int rc = body_client_read(&c, "alice", &hash, 0, 10, ret, &size, why);
	body_client_close(&c);
	return rc;
}

#define HEAD(status, len) status "\\0\\0\\0\\0\\0\\0\\0\\0" len "\\0\\0\\0"

static void a_writer_that_dribbles_bytes_is_given_up(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(
		ask_script(*state,
			"printf '" HEAD("\\0", "\\5") "'\n"
						      "while printf x; do exec "
						      "sleep 1000; done",
			20000, &b, &err),
		ERR_IO);
	assert_non_null(strstr(err.text, "gave no sign"));
	assert_int_equal(b.len, 0);
}

static void a_writer_that_says_it_works_is_waited_for(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(
		ask_script(*state,
			"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do\n"
			"printf '" HEAD("\\4", "\\0") "'\nsleep 0.02\ndone\n"
						      "printf '" HEAD("\\0",
							      "\\5") "five!'",
			5000, &b, &err),
		0);
	assert_string_equal(buf_str(&b), "five!");
	assert_true(clock_ms > BODY_SILENT_MS);
}

/* ---- the bytes ---- */

static void a_request_decodes_to_what_it_was(void **state)
{
	struct body_request q = {.account = "alice@example.org",
		.offset = UINT64_C(0x123456789a),
		.most = BODY_PIECE_MAX};
	struct body_request got;
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	q.hash = hash_of("x", 1);
	body_request_encode(&q, &b);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(
			body_request_decode(b.data, len, &got, NULL), 0);
	assert_int_equal(body_request_decode(b.data, b.len, &got, NULL), b.len);
	assert_string_equal(got.account, q.account);
	assert_string_equal(got.peer, "");
	assert_memory_equal(&got.hash, &q.hash, sizeof(q.hash));
	assert_int_equal(got.offset, q.offset);
	assert_int_equal(got.most, q.most);
}

static void a_request_over_a_limit_is_refused(void **state)
{
	struct body_request q = {.account = "a", .most = BODY_PIECE_MAX + 1};
	struct body_request got;
	AUTO_BUF struct buf b = BUF_INIT;
	uint8_t name[BODY_REQUEST_MAX];

	(void)state;
	body_request_encode(&q, &b);
	assert_int_equal(
		body_request_decode(b.data, b.len, &got, NULL), ERR_CORRUPT);
	q.most = 0;
	buf_clear(&b);
	body_request_encode(&q, &b);
	assert_int_equal(
		body_request_decode(b.data, b.len, &got, NULL), ERR_CORRUPT);
	memset(name, 0xff, sizeof(name));
	assert_int_equal(body_request_decode(name, sizeof(name), &got, NULL),
		ERR_CORRUPT);
}

static void a_request_for_a_preview_is_of_all_of_it(void **state)
{
	struct body_request q = {
		.account = "a", .peer = "ship", .most = PREVIEW_LEAST};
	struct body_request got;
	static const uint32_t wrong[] = {
		0, PREVIEW_LEAST - 1, PREVIEW_MOST + 1};
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	body_request_encode(&q, &b);
	assert_int_equal(body_request_decode(b.data, b.len, &got, NULL), b.len);
	assert_string_equal(got.peer, "ship");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		q.most = wrong[i];
		buf_clear(&b);
		body_request_encode(&q, &b);
		assert_int_equal(body_request_decode(b.data, b.len, &got, NULL),
			ERR_CORRUPT);
	}
	q.most = PREVIEW_MOST;
	q.offset = 1;
	buf_clear(&b);
	body_request_encode(&q, &b);
	assert_int_equal(
		body_request_decode(b.data, b.len, &got, NULL), ERR_CORRUPT);
}

static void an_answer_over_what_was_asked_is_refused(void **state)
{
	struct body_answer a = {.status = BODY_OK, .size = 7, .len = 5};
	struct body_answer got;
	AUTO_BUF struct buf b = BUF_INIT;

	(void)state;
	body_answer_encode(&a, &b);
	assert_int_equal(b.len, BODY_ANSWER_HEAD);
	assert_int_equal(body_answer_decode(b.data, 5, &got, NULL), 0);
	assert_int_equal(got.size, 7);
	assert_int_equal(got.len, 5);
	assert_int_equal(
		body_answer_decode(b.data, 4, &got, NULL), ERR_CORRUPT);
	b.data[0] = BODY_WORKING;
	assert_int_equal(
		body_answer_decode(b.data, 5, &got, NULL), ERR_CORRUPT);
	b.data[0] = 9;
	assert_int_equal(
		body_answer_decode(b.data, 5, &got, NULL), ERR_CORRUPT);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_small_body_comes_whole_or_from_an_offset),
		T(a_large_body_comes_in_pieces),
		T(of_small_and_large_bodies_there_is_a_preview),
		T(a_body_that_nobody_has_is_gone),
		T(a_file_that_is_gone_or_damaged_is_taken_from_another),
		T(a_damaged_large_body_is_never_handed_out),
		T(flags_of_a_message_may_change_while_it_is_read),
		T(a_writer_that_is_no_writer_is_refused),
		T(a_writer_that_dies_is_told),
		T(a_writer_that_is_stopped_is_given_up),
		T(who_asks_soon_waits_for_nothing),
		T(a_writer_that_dribbles_bytes_is_given_up),
		T(a_writer_that_says_it_works_is_waited_for),
		cmocka_unit_test(a_request_decodes_to_what_it_was),
		cmocka_unit_test(a_request_over_a_limit_is_refused),
		cmocka_unit_test(a_request_for_a_preview_is_of_all_of_it),
		cmocka_unit_test(an_answer_over_what_was_asked_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
