#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "replica.h"

int __real_replica_open(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err);
void __real_replica_close(struct replica *r);
int __wrap_replica_open(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err);
void __wrap_replica_close(struct replica *r);

#define POOL_MAX 32

struct pooled {
	struct replica *replica; /* NULL: free */
	struct os *os;
	char path[64];
	bool used;
};

static struct pooled pool[POOL_MAX];
static bool pooling;

static struct pooled *find(struct os *os, const char *path)
{
	for (size_t i = 0; i < POOL_MAX; i++)
		if (pool[i].replica && !pool[i].used && pool[i].os == os &&
			strcmp(pool[i].path, path) == 0)
			return &pool[i];
	return NULL;
}

static void drop(struct pooled *p)
{
	__real_replica_close(p->replica);
	*p = (struct pooled){.os = NULL};
}

/* What others did meanwhile is read, as at every transaction's beginning. */
static bool is_fresh(struct pooled *p)
{
	bool well = replica_begin(p->replica, NULL) >= 0;

	replica_rollback(p->replica);
	return well;
}

static void note(struct replica *r, struct os *os, const char *path)
{
	if (!pooling || strlen(path) >= sizeof(pool[0].path))
		return;
	for (size_t i = 0; i < POOL_MAX; i++) {
		if (pool[i].replica)
			continue;
		pool[i] = (struct pooled){.replica = r, .os = os, .used = true};
		strcpy(pool[i].path, path);
		return;
	}
}

int __wrap_replica_open(struct os *os, const char *path, const char *account,
	uint64_t origin, bool create, struct replica **ret, struct err *err)
{
	struct pooled *p = find(os, path);
	int rc;

	if (p && is_fresh(p)) {
		p->used = true;
		*ret = p->replica;
		return 0;
	}
	if (p)
		drop(p);
	rc = __real_replica_open(os, path, account, origin, create, ret, err);
	if (rc >= 0)
		note(*ret, os, path);
	return rc;
}

void __wrap_replica_close(struct replica *r)
{
	for (size_t i = 0; i < POOL_MAX; i++) {
		if (!r || pool[i].replica != r)
			continue;
		replica_rollback(r);
		pool[i].used = false;
		return;
	}
	__real_replica_close(r);
}

void pool_drop(struct os *os)
{
	for (size_t i = 0; i < POOL_MAX; i++)
		if (pool[i].replica && (!os || pool[i].os == os))
			drop(&pool[i]);
}

void pool_use(bool on)
{
	pool_drop(NULL);
	pooling = on;
}
