#include "about.h"

#include "header.h"

static void show(const struct buf *mail, const char *name, struct buf *ret)
{
	struct header_field field;

	if (header_find(mail->data, mail->len, name, &field))
		header_show(&field, ret);
}

void about_read(const struct buf *mail, struct about *ret)
{
	ret->known = true;
	show(mail, "From", &ret->from);
	show(mail, "Subject", &ret->subject);
}

void about_free(struct about *a)
{
	buf_free(&a->from);
	buf_free(&a->subject);
}
