/*
 * bench_parcel: how small a directory of mails becomes as sealed parcels, and
 * how much memory that takes.
 *
 *	bench_parcel DIRECTORY RAW_MIB fast|slow
 *
 * Bodies in the order of their names fill parcels of up to RAW_MIB. Prints
 * parcels, raw bytes, sealed bytes, and the peak of resident memory; compare
 * with `tar -c DIRECTORY | zstd -3` and `| zstd -19 --long=22`.
 */
#include "err.h"
#include "key.h"
#include "parcel.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct bench {
	struct key_pair self, peer;
	size_t raw_max;
	int level;
	struct buf raw, sealed;
	uint64_t parcels, raw_total, sealed_total;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int seal(struct bench *b, struct err *err)
{
	int r;

	if (b->raw.len == 0)
		return 0;
	buf_clear(&b->sealed);
	r = parcel_seal(os_real(), &b->self, &b->peer.pub, b->raw.data,
		b->raw.len, b->level, &b->sealed, err);
	b->parcels++;
	b->raw_total += b->raw.len;
	b->sealed_total += b->sealed.len;
	buf_clear(&b->raw);
	return r;
}

static int add_file(struct bench *b, const char *path, struct err *err)
{
	AUTO_BUF struct buf mail = BUF_INIT;
	int r = file_read(os_real(), path, PARCEL_RAW_MAX - 64, &mail, err);

	if (r == 0 && b->raw.len + mail.len + 64 > b->raw_max)
		r = seal(b, err);
	if (r < 0)
		return r;
	parcel_add_body(&b->raw, &(struct parcel_body){
					 .hash = hash_of(mail.data, mail.len),
					 .size = mail.len,
					 .data = mail.data,
					 .len = mail.len,
				 });
	return 0;
}

static int add_directory(struct bench *b, const char *path, struct err *err)
{
	DIR *dir = opendir(path);
	char **names = NULL;
	size_t count = 0;
	struct dirent *e;
	int r = 0;

	if (!dir)
		return err_set(err, ERR_IO, "cannot read %s", path);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		names = mem_grow(names, count + 1, sizeof(*names));
		names[count++] = mem_printf("%s/%s", path, e->d_name);
	}
	closedir(dir);
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count && r == 0; i++)
		r = add_file(b, names[i], err);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return r;
}

/* Resident memory at its highest: an upper bound of what is anonymous. */
static long peak_kib(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return use.ru_maxrss;
}

int main(int argc, char **argv)
{
	struct bench b = {.level = PARCEL_FAST};
	struct err err = ERR_INIT;
	long before;
	int r;

	if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[2]) > 16) {
		fprintf(stderr, "usage: %s DIRECTORY RAW_MIB fast|slow\n",
			argv[0]);
		return 2;
	}
	b.raw_max = (size_t)atoi(argv[2]) << 20;
	if (strcmp(argv[3], "slow") == 0)
		b.level = PARCEL_SLOW;
	r = key_start(&err);
	key_from_seed((const uint8_t[32]){1}, &b.self);
	key_from_seed((const uint8_t[32]){2}, &b.peer);
	before = peak_kib();
	if (r == 0)
		r = add_directory(&b, argv[1], &err);
	if (r == 0)
		r = seal(&b, &err);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	printf("parcels %llu raw %llu sealed %llu peak_kib %ld (start %ld)\n",
		(unsigned long long)b.parcels, (unsigned long long)b.raw_total,
		(unsigned long long)b.sealed_total, peak_kib(), before);
	buf_free(&b.raw);
	buf_free(&b.sealed);
	return 0;
}
