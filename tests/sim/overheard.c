#include "overheard.h"

#include "parcel.h"

int __real_parcel_seal(struct os *os, const struct key_pair *self,
	const struct key_public *peer, const void *sections, size_t len,
	int level, struct buf *ret, struct err *err);
int __wrap_parcel_seal(struct os *os, const struct key_pair *self,
	const struct key_public *peer, const void *sections, size_t len,
	int level, struct buf *ret, struct err *err);
int __real_parcel_pack(const void *sections, size_t len, int level,
	struct buf *ret, struct err *err);
int __wrap_parcel_pack(const void *sections, size_t len, int level,
	struct buf *ret, struct err *err);

static overheard_fn *listener;
static void *listener_arg;
static const struct sim_site *speaker;
static size_t to;

void overheard_by(overheard_fn *fn, void *arg)
{
	listener = fn;
	listener_arg = arg;
}

void overheard_from(const struct sim_site *from, size_t peer)
{
	speaker = from;
	to = peer;
}

static void overhear(const void *sections, size_t len)
{
	if (listener && speaker)
		listener(listener_arg, speaker, to, sections, len);
}

int __wrap_parcel_seal(struct os *os, const struct key_pair *self,
	const struct key_public *peer, const void *sections, size_t len,
	int level, struct buf *ret, struct err *err)
{
	overhear(sections, len);
	return __real_parcel_seal(
		os, self, peer, sections, len, level, ret, err);
}

int __wrap_parcel_pack(const void *sections, size_t len, int level,
	struct buf *ret, struct err *err)
{
	overhear(sections, len);
	return __real_parcel_pack(sections, len, level, ret, err);
}
