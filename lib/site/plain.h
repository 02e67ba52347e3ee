/*
 * plain: what others said, as one line of a file of ours.
 */
#ifndef PB_PLAIN_H
#define PB_PLAIN_H

/* Control characters become question marks. */
void plain_line(char *text);

#endif
