/*
 * store: the helpers that are the same for every kind of store.
 *
 * Views and lists are plain data in one arena; nothing here touches a disk.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void store_list_free(struct store_list *list)
{
	arena_free(&list->arena);
	*list = (struct store_list){0};
}

void store_view_free(struct store_view *view)
{
	arena_free(&view->arena);
	*view = (struct store_view){0};
}

void store_trash_free(struct store_trash *trash)
{
	arena_free(&trash->arena);
	free(trash->mails);
	*trash = (struct store_trash){0};
}

static int compare_to_base(const void *key, const void *element)
{
	const struct store_message *m = element;

	return strcmp(key, m->base);
}

const struct store_message *store_view_find(
	const struct store_view *view, const char *base)
{
	if (!view->count)
		return NULL;
	return bsearch(base, view->messages, view->count,
		sizeof(*view->messages), compare_to_base);
}

static int compare_to_pending(const void *key, const void *element)
{
	const struct store_pending *pending = element;

	return strcmp(key, pending->base);
}

bool store_view_pending(
	const struct store_view *view, const char *base, uint32_t uid)
{
	const struct store_pending *found = NULL;

	if (view->pending_count)
		found = bsearch(base, view->pending, view->pending_count,
			sizeof(*found), compare_to_pending);
	return found && found->uid == uid;
}

/* Without regard to case; names that differ in nothing else by their bytes. */
static int compare_names(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;
	int r = strcasecmp(*x, *y);

	return r ? r : strcmp(*x, *y);
}

const char *store_message_keywords(const struct store_view *view,
	const struct store_message *message, struct arena *arena)
{
	const char *names[STORE_KEYWORDS_MAX];
	size_t count = 0;
	size_t len = 0;
	char *all, *to;

	for (unsigned int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		if (!(message->keywords >> i & 1) || !view->keywords[i])
			continue;
		names[count++] = view->keywords[i];
		len += strlen(view->keywords[i]) + 1;
	}
	if (!count)
		return "";
	qsort(names, count, sizeof(*names), compare_names);
	all = to = arena_alloc(arena, len);
	for (size_t i = 0; i < count; i++) {
		if (i)
			*to++ = ' ';
		to = stpcpy(to, names[i]);
	}
	return all;
}
