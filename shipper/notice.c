#include "notice.h"

#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "mem.h"

void notice_open(struct notice *n)
{
	n->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void notice_watch(struct notice *n, const char *state_dir,
	const char *const *accounts, size_t count)
{
	for (size_t i = 0; n->fd >= 0 && i < count; i++) {
		AUTO_FREE char *dir =
			mem_printf("%s/accounts/%s", state_dir, accounts[i]);

		/* One that is watched is watched on. */
		(void)!inotify_add_watch(
			n->fd, dir, IN_MODIFY | IN_MOVED_TO | IN_CREATE);
	}
}

/* What is undone again, as a plan's, goes no further than the journal. */
static bool is_journal(const struct inotify_event *e)
{
	const char *end = e->len ? strrchr(e->name, '-') : NULL;

	return end && strcmp(end, "-journal") == 0;
}

bool notice_taken(struct notice *n)
{
	_Alignas(struct inotify_event) char events[4096];
	bool any = false;
	ssize_t len;

	while (n->fd >= 0 && (len = read(n->fd, events, sizeof(events))) > 0)
		for (ssize_t at = 0; at < len;) {
			const struct inotify_event *e =
				(const void *)(events + at);

			any |= !is_journal(e);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	return any;
}

void notice_close(struct notice *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}
