/*
 * key: a site's key pair and the key line that peers know it by.
 *
 *	packetboat-key 1
 *	public pb1:gMnYqDrHjpPDoDJ9LKqm3n2wLTVfPNZqt/9rhJdVmEw
 *	secret 4d0be3...                        64 hex digits: the seed
 *
 * A key file is valid if and only if it is, byte for byte, what render makes
 * of the seed in it: the public line is the checksum of the secret one.
 *
 * key_create writes path.new durably and links it to path, which fails where
 * path exists: a key is never replaced. A crash leaves no key, or a whole one
 * and perhaps its other name path.new, which the next key_create removes.
 */
#include "key.h"
#include "err.h"
#include "hash.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_HEAD "pb1:"
#define LINE_SIZE 47u /* head and 43 characters of base64 */
#define SEED_SIZE crypto_sign_SEEDBYTES
#define BASE64 sodium_base64_VARIANT_ORIGINAL_NO_PADDING

#define FILE_SIZE 144u
#define FILE_SECRET_AT 79u /* the seed's first hex digit */

_Static_assert(SEED_SIZE == 32, "key_from_seed takes 32 bytes");
_Static_assert(KEY_LINE_MAX > LINE_SIZE, "a line and its NUL fit");

int key_start(struct err *err)
{
	if (sodium_init() < 0)
		return err_set(err, ERR_IO, "libsodium does not start");
	return 0;
}

/* 0 means "no site" elsewhere, so it is no site's. */
static uint64_t origin_of(const uint8_t sign[32])
{
	uint8_t hash[32];
	uint64_t origin = 0;

	hash_long(hash, sizeof(hash), sign, 32, NULL, 0);
	for (size_t i = 0; i < 8; i++)
		origin |= (uint64_t)hash[i] << (8 * i);
	return origin ? origin : 1;
}

void key_from_seed(const uint8_t seed[32], struct key_pair *ret)
{
	crypto_sign_seed_keypair(ret->pub.sign, ret->sign_secret, seed);
	crypto_sign_ed25519_sk_to_curve25519(ret->box_secret, ret->sign_secret);
	crypto_scalarmult_base(ret->pub.box, ret->box_secret);
	ret->pub.origin = origin_of(ret->pub.sign);
	ret->pub.may_sign = false;
}

void key_wipe(struct key_pair *key)
{
	sodium_memzero(key, sizeof(*key));
}

void key_line(const struct key_public *pub, char ret[KEY_LINE_MAX])
{
	memcpy(ret, LINE_HEAD, sizeof(LINE_HEAD));
	sodium_bin2base64(ret + strlen(LINE_HEAD),
		KEY_LINE_MAX - strlen(LINE_HEAD), pub->sign, sizeof(pub->sign),
		BASE64);
}

int key_parse(const char *line, struct key_public *ret, struct err *err)
{
	size_t head = strlen(LINE_HEAD), len = strlen(line), got = 0;
	struct key_public pub = {.may_sign = false};

	if (strncmp(line, LINE_HEAD, head) != 0)
		return err_set(err, ERR_USAGE,
			"not a key line: it does not begin with " LINE_HEAD);
	if (len != LINE_SIZE)
		return err_set(err, ERR_USAGE,
			"not a key line: %zu characters, it has %u", len,
			LINE_SIZE);
	if (sodium_base642bin(pub.sign, sizeof(pub.sign), line + head,
		    len - head, NULL, &got, NULL, BASE64) < 0 ||
		got != sizeof(pub.sign))
		return err_set(err, ERR_USAGE,
			"not a key line: its text is not base64");
	if (crypto_sign_ed25519_pk_to_curve25519(pub.box, pub.sign) < 0)
		return err_set(err, ERR_USAGE,
			"not a key line: no public key (mistyped?)");
	pub.origin = origin_of(pub.sign);
	*ret = pub;
	return 0;
}

/* The whole key file. text holds a secret afterwards: wipe it. */
static void render(
	const uint8_t seed[SEED_SIZE], struct key_pair *ret, char text[])
{
	char line[KEY_LINE_MAX], hex[2 * SEED_SIZE + 1];

	key_from_seed(seed, ret);
	key_line(&ret->pub, line);
	sodium_bin2hex(hex, sizeof(hex), seed, SEED_SIZE);
	snprintf(text, FILE_SIZE + 1,
		"packetboat-key 1\npublic %.47s\nsecret %.64s\n", line, hex);
	sodium_memzero(hex, sizeof(hex));
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

int key_create(
	struct os *os, const char *path, struct key_pair *ret, struct err *err)
{
	AUTO_FREE char *new = mem_printf("%s.new", path);
	uint8_t seed[SEED_SIZE];
	char text[FILE_SIZE + 1];
	struct os_stat st;
	int r;

	/* Said early too, so that no second secret touches the disk. */
	if (os->ops->lstat(os, path, &st) == 0)
		return refuse(os, new, path, err);
	os->ops->random(os, seed, sizeof(seed));
	render(seed, ret, text);
	r = file_replace(os, new, text, FILE_SIZE, 0600, err);
	if (r == 0)
		r = publish(os, new, path, err);
	if (r < 0)
		key_wipe(ret);
	sodium_memzero(text, sizeof(text));
	sodium_memzero(seed, sizeof(seed));
	return r;
}

static int check_file(struct os *os, int fd, const char *path, struct err *err)
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
	if (st.size != FILE_SIZE)
		return err_set(err, ERR_CORRUPT,
			"%s: %lld bytes, a key file has %u", path,
			(long long)st.size, FILE_SIZE);
	return 0;
}

static int parse_file(const char *path, const char text[], struct key_pair *ret,
	struct err *err)
{
	char again[FILE_SIZE + 1];
	uint8_t seed[SEED_SIZE] = {0};
	size_t got = 0;
	int r = 0;

	sodium_hex2bin(seed, sizeof(seed), text + FILE_SECRET_AT, 2 * SEED_SIZE,
		NULL, &got, NULL);
	render(seed, ret, again);
	if (got != SEED_SIZE || sodium_memcmp(again, text, FILE_SIZE) != 0) {
		key_wipe(ret);
		r = err_set(err, ERR_CORRUPT,
			"%s: damaged, secret and public key do not match",
			path);
	}
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(again, sizeof(again));
	return r;
}

int key_load(
	struct os *os, const char *path, struct key_pair *ret, struct err *err)
{
	char text[FILE_SIZE];
	int fd = os->ops->open(os, path, O_RDONLY | O_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return err_set_os(err, -fd, "open %s", path);
	r = check_file(os, fd, path, err);
	if (r == 0)
		r = os_read_all(os, fd, text, sizeof(text), 0, path, err);
	os->ops->close(os, fd);
	if (r == 0)
		r = parse_file(path, text, ret, err);
	sodium_memzero(text, sizeof(text));
	return r;
}
