#include "meter.h"

#include "headers.h"

int meter_open(struct meter *m, struct os *os, const char *state_dir,
	uint64_t peer, const struct config_link *link, struct err *err)
{
	if (!link)
		return 0;
	m->rate.per_s = link->rate;
	m->spare = budget_spare(&link->budget);
	return spending_open(&m->spending, os, state_dir, peer, link, err);
}

static bool counts(const struct meter *m)
{
	return m->spending.path != NULL;
}

static int count_to(struct meter *m, uint64_t all, struct err *err)
{
	uint64_t more = all > m->counted ? all - m->counted : 0;

	m->counted += more;
	return spending_add(&m->spending, more, err);
}

int meter_count(struct meter *m, int fd, struct err *err)
{
	if (!counts(m))
		return 0;
	return count_to(m, m->wrote + m->heard + headers_of(fd), err);
}

bool meter_is_over(const struct meter *m)
{
	return counts(m) && spending_left(&m->spending) <= m->spare;
}

uint64_t meter_room(const struct meter *m, int fd)
{
	uint64_t left = spending_left(&m->spending);

	if (!counts(m))
		return UINT64_MAX;
	if (left <= m->spare)
		return 0;
	uint64_t room = left - m->spare, around = headers_for(fd, room);
	return room > around ? room - around : 0;
}

/* Worth a packet of its own. */
static uint64_t enough(uint64_t len, uint64_t around)
{
	return len + around < RATE_BURST ? len + around : RATE_BURST;
}

size_t meter_may(const struct meter *m, int fd, size_t len, int64_t now_us)
{
	uint64_t may = rate_may(&m->rate, now_us);

	if (may == UINT64_MAX)
		return len;
	uint64_t around = headers_around(fd, len);
	if (may < enough(len, around) || may <= around)
		return 0;
	return may - around < len ? (size_t)(may - around) : len;
}

int64_t meter_when(const struct meter *m, int fd, size_t len, int64_t now_us)
{
	return rate_when(
		&m->rate, enough(len, headers_around(fd, len)), now_us);
}

int meter_reserve(struct meter *m, int fd, size_t len, struct err *err)
{
	return counts(m) ? spending_reserve(&m->spending,
				   len + headers_for(fd, len), err)
			 : 0;
}

int meter_wrote(
	struct meter *m, int fd, size_t len, int64_t now_us, struct err *err)
{
	m->wrote += len;
	if (m->rate.per_s)
		rate_went(&m->rate, len + headers_around(fd, len), now_us);
	return meter_count(m, fd, err);
}

int meter_close(struct meter *m, int fd, struct err *err)
{
	int rc = 0;

	if (counts(m) && fd >= 0)
		rc = count_to(m,
			m->wrote + m->heard + headers_of(fd) +
				headers_for(fd, 0),
			err);
	int closed = spending_close(&m->spending, rc < 0 ? NULL : err);
	return rc < 0 ? rc : closed;
}
