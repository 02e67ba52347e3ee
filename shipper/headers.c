#include "headers.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define IPV6_HEADER 40u
#define BEGINNING 40u /* more of the first two segments: their options */
#define SEGMENTS_TO_END 4u
#define MSS_LEAST 536u
#define PIPE_LEAST 4096

/* Returns the bytes of one segment's headers; 0: no TCP. */
static unsigned look(int fd, struct tcp_info *info)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(*info), at_len = sizeof(at);

	memset(info, 0, sizeof(*info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) < 0 ||
		getsockname(fd, (struct sockaddr *)&at, &at_len) < 0)
		return 0;
	return HEADERS_TCP +
	       (at.ss_family == AF_INET6 ? IPV6_HEADER : HEADERS_IPV4);
}

uint64_t headers_of(int fd)
{
	struct tcp_info info;
	uint64_t each = look(fd, &info);

	if (!each)
		return 0;
	return ((uint64_t)info.tcpi_segs_out + info.tcpi_segs_in) * each +
	       info.tcpi_bytes_retrans + BEGINNING;
}

static uint64_t segments(const struct tcp_info *info, uint64_t bytes)
{
	uint64_t mss =
		info->tcpi_snd_mss < MSS_LEAST ? MSS_LEAST : info->tcpi_snd_mss;

	return bytes / mss + 1;
}

uint64_t headers_around(int fd, uint64_t bytes)
{
	struct tcp_info info;
	uint64_t each = look(fd, &info);

	return segments(&info, bytes) * each;
}

uint64_t headers_for(int fd, uint64_t bytes)
{
	struct tcp_info info;
	uint64_t each = look(fd, &info);

	return (2 * segments(&info, bytes) + SEGMENTS_TO_END) * each;
}

void headers_bound(int fd, uint64_t bytes)
{
	int half = bytes < 1u << 30 ? (int)bytes / 2 : 1 << 29;

	/* The kernel takes it twice, for what it needs itself. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof(half)) < 0)
		fcntl(fd, F_SETPIPE_SZ, PIPE_LEAST);
}
