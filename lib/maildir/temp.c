/*
 * temp: names that nobody else has, and what a crash leaves under them.
 *
 *	1795303760.M897062P14561Q7.host,packetboat
 *
 * Seconds, microseconds, pid, a counter and the host make a name unique, as
 * for every Maildir writer. Temporary files of ours end in ",packetboat".
 * One is a stray, and swept away, if and only if
 * (1) it is of this host and its process is dead, or
 * (2) it has our own pid, is older than this store, and than an hour (in a
 *     container a process often has the pid of the one before it), or
 * (3) it is of another host and older than 36 h.
 * A dot before the name, and ".tmp" behind it, do not count.
 * A clock that jumps makes no file of a living process here a stray.
 */
#include "maildir_private.h"

#include <errno.h>
#include <string.h>

#define SUFFIX ",packetboat"
#define TMP ".tmp"
#define OWN_AGE_NS (3600 * NS_PER_S)
#define FOREIGN_AGE_NS (36 * 3600 * NS_PER_S)
#define HOST_PART 64 /* bytes of the host's name that are used */

/* As the Maildir specification wants them. */
static void add_host(struct buf *b, const char *host)
{
	for (size_t i = 0; host[i] && i < HOST_PART; i++) {
		if (host[i] == '/')
			buf_add_str(b, "\\057");
		else if (host[i] == ':')
			buf_add_str(b, "\\072");
		else
			buf_add_byte(b, (uint8_t)host[i]);
	}
}

char *temp_name(struct maildir *m, bool ours)
{
	struct os *os = m->store.os;
	AUTO_BUF struct buf b = BUF_INIT;
	int64_t now = os->ops->wall_ns(os);

	buf_printf(&b, "%lld.M%lldP%lldQ%llu.", (long long)(now / NS_PER_S),
		(long long)(now % NS_PER_S / 1000), (long long)os->ops->pid(os),
		(unsigned long long)++m->names);
	add_host(&b, m->host);
	if (ours)
		buf_add_str(&b, SUFFIX);
	return mem_dup(buf_str(&b));
}

struct temp_parts {
	int64_t time_ns;
	int64_t pid;
	struct slice host;
};

static bool number_before(struct slice *s, char end, uint64_t max, int64_t *ret)
{
	struct slice digits;
	uint64_t v;

	if (!slice_cut(s, end, &digits) || !slice_number(digits, max, &v))
		return false;
	*ret = (int64_t)v;
	return true;
}

static bool parse(const char *name, struct temp_parts *ret)
{
	size_t len = strlen(name);
	size_t suffix = strlen(SUFFIX);
	struct slice s;
	struct slice none;
	int64_t sec, usec, count;

	if (len > strlen(TMP) && strcmp(name + len - strlen(TMP), TMP) == 0)
		len -= strlen(TMP);
	if (*name == '.') {
		name++;
		len--;
	}
	s = (struct slice){.at = name, .len = len};
	if (len <= suffix || memcmp(name + len - suffix, SUFFIX, suffix) != 0)
		return false;
	s.len -= suffix;
	if (!number_before(&s, '.', INT32_MAX * UINT64_C(2), &sec) ||
		!slice_cut(&s, 'M', &none) || none.len ||
		!number_before(&s, 'P', 999999, &usec) ||
		!number_before(&s, 'Q', INT32_MAX, &ret->pid) ||
		!number_before(&s, '.', INT64_MAX, &count))
		return false;
	ret->time_ns = sec * NS_PER_S + usec * 1000;
	ret->host = s;
	return true;
}

static bool is_of_host(const struct maildir *m, const struct temp_parts *t)
{
	AUTO_BUF struct buf host = BUF_INIT;

	add_host(&host, m->host);
	return t->host.len == host.len &&
	       (!host.len || memcmp(t->host.at, host.data, host.len) == 0);
}

bool temp_is_earlier(struct maildir *m, const char *name)
{
	struct os *os = m->store.os;
	struct temp_parts t;

	return parse(name, &t) && is_of_host(m, &t) &&
	       t.pid == os->ops->pid(os) && t.time_ns < m->opened_ns;
}

bool temp_is_stray(struct maildir *m, const char *name)
{
	struct os *os = m->store.os;
	struct temp_parts t;
	int64_t age;

	if (!parse(name, &t))
		return false;
	age = os->ops->wall_ns(os) - t.time_ns;
	if (!is_of_host(m, &t))
		return age > FOREIGN_AGE_NS;
	if (t.pid == os->ops->pid(os))
		return t.time_ns < m->opened_ns && age > OWN_AGE_NS;
	return !os->ops->pid_alive(os, t.pid);
}

void temp_sweep(struct maildir *m, const char *dir)
{
	struct os *os = m->store.os;
	AUTO_BUF struct buf names = BUF_INIT;
	struct os_entry e;
	size_t at = 0;

	if (os->ops->list(os, dir, &names) < 0)
		return;
	while (os_list_next(&names, &at, &e)) {
		if (temp_is_stray(m, e.name)) {
			AUTO_FREE char *path = path_join(dir, e.name);

			dir_remove(os, path, NULL);
		}
	}
}
