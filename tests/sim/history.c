#include "history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What each kind is called, and its words: s site, o other site, m medium,
 * t token, p path, q second path, w word, n number, x seed.
 */
static const struct {
	const char *name, *words;
} kinds[EVENT_KINDS] = {
	[EVENT_SITES] = {"sites", "n"},
	[EVENT_STATES] = {"states", "w"},
	[EVENT_PEER] = {"peer", "sowp"},
	[EVENT_RELAY] = {"relay", "so"},
	[EVENT_ACCEPT] = {"accept", "sop"},
	[EVENT_VIEW] = {"view", "sop"},
	[EVENT_CREATE] = {"create", "sp"},
	[EVENT_DELETE] = {"delete", "sp"},
	[EVENT_RENAME] = {"rename", "spq"},
	[EVENT_SUBSCRIBE] = {"subscribe", "sp"},
	[EVENT_UNSUBSCRIBE] = {"unsubscribe", "sp"},
	[EVENT_SAVE] = {"save", "sptw"},
	[EVENT_DELIVER] = {"deliver", "spt"},
	[EVENT_FLAG] = {"flag", "sptw"},
	[EVENT_EXPUNGE] = {"expunge", "spt"},
	[EVENT_COPY] = {"copy", "sptq"},
	[EVENT_MOVE] = {"move", "sptq"},
	[EVENT_SELECT] = {"select", "sp"},
	[EVENT_WAIT] = {"wait", "n"},
	[EVENT_CLOCK] = {"clock", "sn"},
	[EVENT_RETAIN] = {"retain", "sn"},
	[EVENT_PATIENCE] = {"patience", "sn"},
	[EVENT_KEEP] = {"keep", "sn"},
	[EVENT_RESTORE] = {"restore", "snw"},
	[EVENT_CLONE] = {"clone", "so"},
	[EVENT_FORGET] = {"forget", "swn"},
	[EVENT_ROT] = {"rot", "sn"},
	[EVENT_CARRY] = {"carry", "sm"},
	[EVENT_LOSE] = {"lose", "mn"},
	[EVENT_AGAIN] = {"again", "mn"},
	[EVENT_DAMAGE] = {"damage", "mnx"},
	[EVENT_DIAL] = {"dial", "son"},
	[EVENT_WRITE] = {"write", "s"},
	[EVENT_HAND] = {"hand", "som"},
	[EVENT_COLLECT] = {"collect", "som"},
	[EVENT_TALK] = {"talk", "son"},
	[EVENT_HANG] = {"hang", "son"},
	[EVENT_APPLY] = {"apply", "s"},
	[EVENT_SCAN] = {"scan", "s"},
	[EVENT_RESEND] = {"resend", "so"},
};

static const char *const faults[FAULTS] = {
	[FAULT_NONE] = "",
	[FAULT_CUT] = "cut",
	[FAULT_KILL] = "kill",
	[FAULT_IO] = "io",
	[FAULT_FULL] = "full",
	[FAULT_SHORT] = "short",
	[FAULT_HIDDEN] = "hidden",
	[FAULT_BREAK] = "break",
	[FAULT_FLIP] = "flip",
	[FAULT_LOSE] = "lose",
	[FAULT_DOUBLE] = "double",
	[FAULT_DEAD] = "dead",
	[FAULT_AMID] = "amid",
};

bool fault_is_of_line(enum event_fault fault)
{
	return fault >= FAULT_BREAK && fault <= FAULT_DEAD;
}

bool fault_has_seed(enum event_fault fault)
{
	return fault == FAULT_CUT || fault == FAULT_FLIP ||
	       fault == FAULT_LOSE || fault == FAULT_DOUBLE;
}

void history_free(struct history *h)
{
	free(h->events);
	*h = (struct history){0};
}

void history_add(struct history *h, const struct event *e)
{
	if (!(h->count & (h->count - 1)))
		h->events = mem_grow(h->events, h->count ? 2 * h->count : 1,
			sizeof(*h->events));
	h->events[h->count++] = *e;
}

/* ---- printing ---- */

void event_print(const struct event *e, struct buf *ret)
{
	buf_add_str(ret, kinds[e->kind].name);
	for (const char *w = kinds[e->kind].words; *w; w++) {
		buf_add_byte(ret, ' ');
		switch (*w) {
		case 's':
			buf_add_byte(ret, (uint8_t)('a' + e->site));
			break;
		case 'o':
			buf_add_byte(ret, (uint8_t)('a' + e->other));
			break;
		case 'm':
			buf_printf(ret, "%u", e->medium);
			break;
		case 't':
			buf_printf(ret, "%u", e->token);
			break;
		case 'p':
			buf_add_str(ret, e->path);
			break;
		case 'q':
			buf_add_str(ret, e->to);
			break;
		case 'w':
			buf_add_str(ret, e->word);
			break;
		case 'n':
			buf_printf(ret, "%" PRId64, e->n);
			break;
		default:
			buf_printf(ret, "%" PRIu64, e->seed);
		}
	}
	if (e->fault)
		buf_printf(ret, " %s %" PRIu64, faults[e->fault], e->fault_at);
	if (fault_has_seed(e->fault))
		buf_printf(ret, " %" PRIu64, e->fault_seed);
	buf_add_byte(ret, '\n');
}

void history_print(const struct history *h, struct buf *ret)
{
	for (size_t i = 0; i < h->count; i++)
		event_print(&h->events[i], ret);
}

/* ---- parsing ---- */

#define WORDS_MAX 12

static bool take_text(char *to, size_t room, const char *word)
{
	size_t len = strlen(word);

	if (len >= room)
		return false;
	memcpy(to, word, len + 1);
	return true;
}

static bool take_site(unsigned *to, const char *word)
{
	*to = (unsigned)(*word - 'a');
	return *word >= 'a' && *word <= 'g' && !word[1];
}

static bool take_number(uint64_t *to, const char *word)
{
	char *end;

	*to = (uint64_t)strtoll(word, &end, 10);
	return *word && !*end;
}

static bool take_word(struct event *e, char what, const char *word)
{
	uint64_t n;

	switch (what) {
	case 's':
		return take_site(&e->site, word);
	case 'o':
		return take_site(&e->other, word);
	case 'p':
		return take_text(e->path, sizeof(e->path), word);
	case 'q':
		return take_text(e->to, sizeof(e->to), word);
	case 'w':
		return take_text(e->word, sizeof(e->word), word);
	default:
		if (!take_number(&n, word))
			return false;
	}
	if (what == 'm')
		e->medium = (unsigned)n;
	else if (what == 't')
		e->token = (unsigned)n;
	else if (what == 'n')
		e->n = (int64_t)n;
	else
		e->seed = n;
	return true;
}

static bool parse_fault(char **words, size_t count, struct event *e)
{
	for (int f = 1; f < FAULTS; f++)
		if (strcmp(faults[f], words[0]) == 0)
			e->fault = (enum event_fault)f;
	if (!e->fault || count != (fault_has_seed(e->fault) ? 3 : 2))
		return false;
	return take_number(&e->fault_at, words[1]) && e->fault_at > 0 &&
	       (count < 3 || take_number(&e->fault_seed, words[2]));
}

static bool parse_words(char **words, size_t count, struct event *e)
{
	size_t at = 1;

	*e = (struct event){.kind = EVENT_KINDS};
	for (int k = 0; k < EVENT_KINDS; k++)
		if (strcmp(kinds[k].name, words[0]) == 0)
			e->kind = (enum event_kind)k;
	if (e->kind == EVENT_KINDS)
		return false;
	for (const char *w = kinds[e->kind].words; *w; w++, at++)
		if (at >= count || !take_word(e, *w, words[at]))
			return false;
	return at == count || parse_fault(words + at, count - at, e);
}

size_t history_parse(const char *text, struct history *ret)
{
	*ret = (struct history){0};
	for (size_t line = 1; *text; line++) {
		size_t len = strcspn(text, "\n");
		AUTO_FREE char *copy = mem_dup_n(text, len);
		char *words[WORDS_MAX], *rest = NULL;
		size_t count = 0;
		struct event e;

		text += len + (text[len] == '\n');
		copy[strcspn(copy, "#")] = '\0';
		for (char *w = strtok_r(copy, " \t", &rest);
			w && count < WORDS_MAX;
			w = strtok_r(NULL, " \t", &rest))
			words[count++] = w;
		if (!count)
			continue;
		if (!parse_words(words, count, &e))
			return line;
		history_add(ret, &e);
	}
	return 0;
}
