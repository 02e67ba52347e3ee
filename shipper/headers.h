/*
 * headers: the bytes that TCP and IP put around what goes through a socket, in
 * both directions, as the kernel counts them: whoever sells a link by volume
 * counts them too. Of a pipe: none, for what a command puts around is its own.
 */
#ifndef PB_HEADERS_H
#define PB_HEADERS_H

#include <stdint.h>

#define HEADERS_TCP 32u /* with time stamps, as Linux has them */
#define HEADERS_IPV4 20u

/* So far: of every segment and acknowledgement, and what was sent again. */
uint64_t headers_of(int fd);
/* Of so many bytes that are still to be written, and for their
   acknowledgements, at most, if nothing is lost; and to hang up. */
uint64_t headers_for(int fd, uint64_t bytes);
/* Of what is written at once, in this direction. */
uint64_t headers_around(int fd, uint64_t bytes);
/* So many bytes, at most, may be on their way to us, and not read yet. */
void headers_bound(int fd, uint64_t bytes);

#endif
