#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "err.h"
#include "figures.h"
#include "lives.h"
#include "notice.h"
#include "weighing.h"

#define ROUND_MS 2000
#define BURST_MS 50
#define FILES_MAX 8192u

static int64_t now_ms(const struct shipper *s)
{
	return s->site.os->ops->mono_ns(s->site.os) / 1000000;
}

/* Each peer that is linked takes two, and poll(2) no more than may be open. */
static void allow_many_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= FILES_MAX)
		return;
	l.rlim_cur = l.rlim_max < FILES_MAX ? l.rlim_max : FILES_MAX;
	setrlimit(RLIMIT_NOFILE, &l);
}

int follow_begin(struct shipper *s, struct follow *f, struct err *err)
{
	pid_t self = getpid();
	int rc = reload_open(&f->asked, err);

	if (rc < 0)
		return rc;
	allow_many_files();
	f->visitor = fork();
	if (f->visitor < 0) {
		reload_close(&f->asked);
		return err_set_os(err, errno, "fork");
	}
	s->part = f->visitor ? PART_LIVES : PART_VISITS;
	if (f->visitor)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != self)
		_exit(EXIT_FAILED);
	return 0;
}

/* ---- carriers ---- */

static void round_of_visits(struct shipper *s, void *arg)
{
	notice_watch(arg, s->site.config.state, s->accounts, s->account_count);
	links_round(s);
}

static void visit(struct shipper *s, struct follow *f)
{
	struct notice notice;
	struct figures figures = {.known = false};

	notice_open(&notice);
	while (!stop_wanted(s->stop)) {
		struct pollfd fds[] = {{.fd = s->stop->fd, .events = POLLIN},
			{.fd = f->asked.fd, .events = POLLIN}};
		int64_t begun = now_ms(s);

		if (reload_wanted(&f->asked))
			shipper_reload(s);
		bool changed = notice_taken(&notice);
		if (changed)
			weighing_changed(s);
		log_round(&s->log);
		shipper_locked(s, SHIPLOCK_VISITS, 0, round_of_visits, &notice);
		shipper_save_refusals(s, false);
		shipper_close_bodies(s);
		figures_round(s, &figures, changed);
		int64_t left = begun + ROUND_MS - now_ms(s);
		poll(fds, 2, left > 0 ? (int)left : 0);
	}
	notice_close(&notice);
}

/* ---- live links ---- */

struct talking {
	struct lives lives;
	struct notice notice;
	bool noticed; /* and not handed over yet */
};

static void round_of_all(struct shipper *s, void *arg)
{
	struct talking *t = arg;

	notice_watch(&t->notice, s->site.config.state, s->accounts,
		s->account_count);
	weighing_round(s);
	lives_hand_over(&t->lives, true);
}

static void round_of_due(struct shipper *s, void *arg)
{
	struct talking *t = arg;

	notice_watch(&t->notice, s->site.config.state, s->accounts,
		s->account_count);
	if (t->noticed)
		weighing_round(s);
	lives_hand_over(&t->lives, t->noticed);
}

/* Somebody else may have the lock: then later. Without a link there is nobody
   to whom anything goes. */
static void hand_over(struct shipper *s, struct talking *t, bool all)
{
	if (!t->lives.count && !weighing_any(s)) {
		t->noticed = false;
		return;
	}
	if (all)
		log_round(&s->log);
	s->between = !all;
	if (shipper_locked(s, SHIPLOCK_PACKING, 0,
		    all ? round_of_all : round_of_due, t))
		t->noticed = false;
}

static void reload(struct shipper *s, struct follow *f, struct talking *t)
{
	kill(f->visitor, SIGHUP);
	lives_reload_begin(s, &t->lives);
	shipper_reload(s);
	lives_reload_end(s, &t->lives);
}

static bool visitor_is_gone(struct shipper *s, struct follow *f)
{
	if (waitpid(f->visitor, NULL, WNOHANG) == 0)
		return false;
	f->visitor = 0;
	log_say(&s->log, LOG_LEVEL_ERROR,
		"the process that visits carriers was ended by somebody: this "
		"one ends, too (start it again)");
	return true;
}

/* What is written comes in bursts, and is waited for a moment. Returns the exit
   code. */
static int talk(
	struct shipper *s, struct follow *f, struct talking *t, int visitor_fd)
{
	int64_t next_ms = 0, burst_ms = 0;

	while (!stop_wanted(s->stop)) {
		struct pollfd fds[] = {{.fd = s->stop->fd, .events = POLLIN},
			{.fd = f->asked.fd, .events = POLLIN},
			{.fd = visitor_fd, .events = POLLIN},
			{.fd = t->notice.fd, .events = POLLIN}};
		int64_t now = now_ms(s);

		if (visitor_is_gone(s, f))
			return EXIT_FAILED;
		if (reload_wanted(&f->asked) ||
			(now >= next_ms && site_expelled_since(&s->site,
						   SITE_ANY_PEER, NULL) > 0)) {
			reload(s, f, t);
			next_ms = now;
		}
		if (notice_taken(&t->notice) && !t->noticed) {
			weighing_changed(s);
			t->noticed = true;
			burst_ms = now + BURST_MS;
		}
		bool burst = t->noticed && now >= burst_ms;
		if (now >= next_ms) {
			hand_over(s, t, true);
			next_ms = now + ROUND_MS;
		} else if (lives_due(&t->lives) || burst) {
			hand_over(s, t, false);
		}
		shipper_save_refusals(s, false);
		if (t->noticed && now >= burst_ms)
			burst_ms = now + BURST_MS;
		if (!lives_feed(&t->lives))
			shipper_close_bodies(s);
		int64_t end =
			t->noticed && burst_ms < next_ms ? burst_ms : next_ms;
		/* Its descriptor would wake us again and again. */
		lives_turn(s, &t->lives, fds, t->noticed ? 3 : 4,
			end > now ? end - now : 0);
	}
	return EXIT_DONE;
}

static int talk_on(struct shipper *s, struct follow *f)
{
	struct talking t = {.noticed = false};
	struct err err = ERR_INIT;
	int visitor_fd = pidfd_open(f->visitor, 0);

	if (visitor_fd < 0)
		err_set_os(&err, errno, "pidfd_open");
	if (visitor_fd < 0 || lives_open(s, &t.lives, &err) < 0) {
		log_err(&s->log, &err);
		return exit_for(&err);
	}
	notice_open(&t.notice);
	notify_manager("READY=1");
	int code = talk(s, f, &t, visitor_fd);
	notify_manager("STOPPING=1");
	if (f->visitor)
		kill(f->visitor, SIGTERM);
	notice_close(&t.notice);
	lives_close(s, &t.lives);
	close(visitor_fd);
	return code;
}

/* What is under way comes to its end. */
static void end_visitor(struct follow *f)
{
	if (!f->visitor)
		return;
	kill(f->visitor, SIGTERM);
	while (waitpid(f->visitor, NULL, 0) < 0 && errno == EINTR)
		;
}

/* The codes of rounds are no daemon's: what was wrong was said. */
int follow(struct shipper *s, struct follow *f)
{
	int code = EXIT_DONE;

	if (s->part == PART_VISITS)
		visit(s, f);
	else
		code = talk_on(s, f);
	end_visitor(f);
	shipper_close_bodies(s);
	reload_close(&f->asked);
	return code;
}
