/*
 * state_sql: run SQL on a replica state through our own VFS, and print what it
 * gives: for tests that plant a mistake in one.
 *
 *   state_sql STATE.DB SQL
 */
#include <stdio.h>

#include "err.h"
#include "os.h"
#include "vfs.h"

static int print_row(void *arg, int count, char **values, char **names)
{
	(void)arg, (void)names;
	for (int i = 0; i < count; i++)
		printf("%s%s", i ? "\t" : "", values[i] ? values[i] : "");
	printf("\n");
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	sqlite3 *db;
	char *why = NULL;

	if (argc != 3) {
		fprintf(stderr, "usage: state_sql STATE.DB SQL\n");
		return 2;
	}
	if (vfs_open(os_real(), argv[1], false, &db, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	int rc = sqlite3_exec(db, argv[2], print_row, NULL, &why);
	if (rc != SQLITE_OK)
		fprintf(stderr, "%s: %s\n", argv[1], why);
	sqlite3_free(why);
	vfs_close(db);
	return rc != SQLITE_OK;
}
