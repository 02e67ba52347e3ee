/*
 * replay: runs a fuzz target without libFuzzer, for ctest.
 *
 * Every file named, and every file below a directory named but those that tell
 * of others (.txt, .error), goes through the target as it is, then with cheap
 * mutations: cut at some places, some bytes and bits changed. The mutations
 * depend on the file's bytes alone, so a failure comes again. A path that is not
 * there is skipped; no input at all is a failure.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)
#define MUTATIONS 96

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A copy of exactly len bytes, so that ASan sees a read past the end. */
static void run(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		exit(1);
	if (len)
		memcpy(copy, data, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void run_mutations(uint8_t *data, size_t len)
{
	uint64_t state = 0x9e3779b97f4a7c15u ^ len;

	for (size_t i = 0; i < len; i++)
		state = (state ^ data[i]) * 0x100000001b3u;
	state |= 1;
	for (int i = 0; i < MUTATIONS && len; i++) {
		size_t at = (size_t)(next(&state) % len);
		uint8_t was = data[at];

		switch (i % 3) {
		case 0:
			run(data, at);
			continue;
		case 1:
			data[at] ^= (uint8_t)(1u << (next(&state) % 8));
			break;
		default:
			data[at] = (uint8_t)next(&state);
		}
		run(data, len);
		data[at] = was;
	}
}

static unsigned run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_MAX);
	size_t len;

	if (!file || !data) {
		perror(path);
		exit(1);
	}
	len = fread(data, 1, INPUT_MAX, file);
	fclose(file);
	run(data, len);
	run_mutations(data, len);
	free(data);
	return 1;
}

static bool is_telling(const char *path)
{
	const char *end = strrchr(path, '.');

	return end && (strcmp(end, ".txt") == 0 || strcmp(end, ".error") == 0);
}

static unsigned run_path(const char *path)
{
	struct stat st;
	struct dirent **names;
	unsigned runs = 0;
	int count;

	if (stat(path, &st) != 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return is_telling(path) ? 0 : run_file(path);
	if (!S_ISDIR(st.st_mode))
		return 0;
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char below[4096];

		if (names[i]->d_name[0] != '.' &&
			snprintf(below, sizeof(below), "%s/%s", path,
				names[i]->d_name) < (int)sizeof(below))
			runs += run_path(below);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return runs;
}

int main(int argc, char **argv)
{
	unsigned runs = 0;

	for (int i = 1; i < argc; i++)
		runs += run_path(argv[i]);
	printf("%u inputs\n", runs);
	return runs ? 0 : 1;
}
