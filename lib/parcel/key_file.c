/*
 * key_file: where a site's secret keys lie.
 *
 *	packetboat-key 1
 *	former pb1:...                          only while a key is being
 *	secret 9a31c7...                        changed: the one before
 *	public pb1:gMnYqDrHjpPDoDJ9LKqm3n2wLTVfPNZqt/9rhJdVmEw
 *	secret 4d0be3...                        64 hex digits: the seed
 *
 * A key file is valid if and only if it is, byte for byte, what render makes
 * of the seeds and lines in it: a public line is the checksum of the secret
 * one, and the former key is of the same site and just before. It stands first,
 * so that no file that was cut is whole.
 *
 * key_create writes path.new durably and links it to path, which fails where
 * path exists. A crash leaves no key, or a whole one and perhaps its other name
 * path.new, which the next key_create removes. Rotating and retiring replace
 * the file in one step: a crash leaves the one before or the one after, whole.
 */
#include "key.h"
#include "err.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#define SEED_SIZE crypto_sign_SEEDBYTES
#define FILE_MAX 512u /* no file of two keys is larger */
#define HEAD "packetboat-key 1\n"

_Static_assert(SEED_SIZE == 32, "key_from_seed takes 32 bytes");

/* Room that is wiped, and does not grow: no copy of a secret is left. */
struct text {
	char at[FILE_MAX + 1];
	size_t len;
};

static void add(struct text *t, const char *words)
{
	size_t len = strlen(words);

	memcpy(t->at + t->len, words, len + 1);
	t->len += len;
}

static void add_key(struct text *t, const char *name, const struct key_pair *k)
{
	char line[KEY_LINE_MAX], hex[2 * SEED_SIZE + 1];

	key_line(&k->pub, line);
	add(t, name);
	add(t, line);
	/* A secret key of libsodium begins with its seed. */
	sodium_bin2hex(hex, sizeof(hex), k->sign_secret, SEED_SIZE);
	add(t, "\nsecret ");
	add(t, hex);
	add(t, "\n");
	sodium_memzero(hex, sizeof(hex));
}

/* The whole key file; former: NULL, or the key before. Wipe it. */
static void render(const struct key_pair *key, const struct key_pair *former,
	struct text *ret)
{
	ret->len = 0;
	add(ret, HEAD);
	if (former)
		add_key(ret, "former ", former);
	add_key(ret, "public ", key);
}

/* Give the finished file its name, unless there is one of that name. */
static int publish(
	struct os *os, const char *from, const char *path, struct err *err)
{
	int r = os->ops->link(os, from, path);

	os->ops->unlink(os, from);
	if (r == -EEXIST)
		return err_set(err, ERR_CONFLICT,
			"%s exists: a site's key is made once", path);
	if (r < 0)
		return err_set_os(err, -r, "create %s", path);
	return dir_sync_parent(os, path, err);
}

/* There is a key. Whoever made it may have been killed behind the link. */
static int refuse(
	struct os *os, const char *new, const char *path, struct err *err)
{
	os->ops->unlink(os, new);
	dir_sync_parent(os, path, NULL);
	return err_set(err, ERR_CONFLICT,
		"%s exists: a site's key is made once", path);
}

int key_create(struct os *os, const char *path, const struct key_public *before,
	struct key_pair *ret, struct err *err)
{
	AUTO_FREE char *new = mem_printf("%s.new", path);
	uint8_t seed[SEED_SIZE];
	struct text text;
	struct os_stat st;
	int r = 0;

	/* Said early too, so that no second secret touches the disk. */
	if (os->ops->lstat(os, path, &st) == 0)
		return refuse(os, new, path, err);
	os->ops->random(os, seed, sizeof(seed));
	if (before)
		r = key_after(seed, before, ret, err);
	else
		key_from_seed(seed, ret);
	sodium_memzero(seed, sizeof(seed));
	if (r < 0)
		return r;
	render(ret, NULL, &text);
	r = file_replace(os, new, text.at, text.len, 0600, err);
	if (r == 0)
		r = publish(os, new, path, err);
	if (r < 0)
		key_wipe(ret);
	sodium_memzero(&text, sizeof(text));
	return r;
}

/* ---- reading ---- */

static int check_file(struct os *os, int fd, const char *path, size_t *ret_size,
	struct err *err)
{
	struct os_stat st;
	int r = os->ops->fstat(os, fd, &st);

	if (r < 0)
		return err_set_os(err, -r, "stat %s", path);
	if (!S_ISREG(st.mode))
		return err_set(err, ERR_CORRUPT, "%s: not a file", path);
	if (st.mode & 077)
		return err_set(err, ERR_AUTH,
			"%s: others may read or write this secret key "
			"(mode %04o): chmod 600 it",
			path, (unsigned)st.mode & 07777u);
	if (st.size > FILE_MAX)
		return err_set(err, ERR_CORRUPT,
			"%s: %lld bytes, a key file has at most %u", path,
			(long long)st.size, FILE_MAX);
	*ret_size = (size_t)st.size;
	return 0;
}

static bool take_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* One key, behind the name of its line. What is wrong with it shows when it
   is written again. */
static bool take_key(const char **at, struct key_pair *ret)
{
	size_t len = strcspn(*at, "\n"), got = 0;
	uint8_t seed[SEED_SIZE];
	char line[KEY_LINE_MAX];
	struct key_public pub;
	const char *end;

	if (len >= sizeof(line))
		return false;
	memcpy(line, *at, len);
	line[len] = '\0';
	*at += len;
	if (key_parse(line, &pub, NULL) < 0 || !take_word(at, "\nsecret "))
		return false;
	sodium_hex2bin(seed, sizeof(seed), *at,
		strnlen(*at, 2 * (size_t)SEED_SIZE), NULL, &got, &end);
	*at = end;
	key_from_seed(seed, ret);
	sodium_memzero(seed, sizeof(seed));
	ret->pub.origin = pub.origin;
	ret->pub.serial = pub.serial;
	return got == SEED_SIZE && take_word(at, "\n");
}

/* Returns 1 where there is a former key. */
static int parse(const char *path, const struct text *text,
	struct key_pair *ret, struct key_pair *ret_former, struct err *err)
{
	const char *at = text->at;
	struct text again;
	bool good = take_word(&at, HEAD), changing = false;

	if (good && take_word(&at, "former ")) {
		changing = true;
		good = take_key(&at, ret_former);
	}
	good = good && take_word(&at, "public ") && take_key(&at, ret);
	if (good)
		render(ret, changing ? ret_former : NULL, &again);
	good = good && again.len == text->len &&
	       sodium_memcmp(again.at, text->at, text->len) == 0;
	if (good && changing)
		good = ret_former->pub.origin == ret->pub.origin &&
		       ret_former->pub.serial + 1 == ret->pub.serial;
	sodium_memzero(&again, sizeof(again));
	if (good)
		return changing;
	key_wipe(ret);
	key_wipe(ret_former);
	return err_set(err, ERR_CORRUPT,
		"%s: damaged, secret and public key do not match", path);
}

int key_load_both(struct os *os, const char *path, struct key_pair *ret,
	struct key_pair *ret_former, struct err *err)
{
	struct text text = {.len = 0};
	int fd = os->ops->open(os, path, O_RDONLY | O_NONBLOCK, 0);
	int r;

	*ret_former = (struct key_pair){.pub.serial = 0};
	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = check_file(os, fd, path, &text.len, err);
	if (r == 0)
		r = os_read_all(os, fd, text.at, text.len, 0, path, err);
	os->ops->close(os, fd);
	if (r == 0)
		r = parse(path, &text, ret, ret_former, err);
	sodium_memzero(&text, sizeof(text));
	return r;
}

int key_load(
	struct os *os, const char *path, struct key_pair *ret, struct err *err)
{
	struct key_pair former;
	int r = key_load_both(os, path, ret, &former, err);

	key_wipe(&former);
	return r < 0 ? r : 0;
}

/* ---- changing ---- */

static int replace(struct os *os, const char *path, const struct key_pair *key,
	const struct key_pair *former, struct err *err)
{
	struct text text;
	int r;

	render(key, former, &text);
	r = file_replace(os, path, text.at, text.len, 0600, err);
	sodium_memzero(&text, sizeof(text));
	return r;
}

int key_rotate(
	struct os *os, const char *path, struct key_pair *ret, struct err *err)
{
	struct key_pair key, former;
	uint8_t seed[SEED_SIZE];
	int r = key_load_both(os, path, &key, &former, err);

	if (r > 0)
		r = err_set(err, ERR_CONFLICT,
			"%s: the key before this one is still in use "
			"(packetboat "
			"key retire ends that)",
			path);
	os->ops->random(os, seed, sizeof(seed));
	if (r == 0)
		r = key_after(seed, &key.pub, ret, err);
	sodium_memzero(seed, sizeof(seed));
	if (r == 0 && (r = replace(os, path, ret, &key, err)) < 0)
		key_wipe(ret);
	key_wipe(&key);
	key_wipe(&former);
	return r;
}

/* The bytes of a file that has no name any more. */
static void write_over(struct os *os, int fd)
{
	static const char zeros[FILE_MAX];
	struct os_stat st;

	if (os->ops->fstat(os, fd, &st) < 0 || st.size > FILE_MAX)
		return;
	if (os_write_all(os, fd, zeros, (size_t)st.size, 0, "", NULL) == 0)
		os->ops->fsync(os, fd);
}

int key_retire(struct os *os, const char *path, struct err *err)
{
	struct key_pair key, former;
	int r = key_load_both(os, path, &key, &former, err);
	int fd = r > 0 ? os->ops->open(os, path, O_WRONLY, 0) : -1;

	if (r > 0 && fd < 0)
		r = err_set_os(err, -fd, "open %s", path);
	else if (r >= 0)
		r = r == 0 ? 1 : replace(os, path, &key, NULL, err);
	if (r == 0)
		write_over(os, fd);
	if (fd >= 0)
		os->ops->close(os, fd);
	key_wipe(&key);
	key_wipe(&former);
	return r;
}
