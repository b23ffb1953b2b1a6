/* A disk that fails and a clock that is wrong, for `benchmarks.chaos`: loaded before libc (LD_PRELOAD).
 *
 * CHAOS_UNDER   paths below this folder fail, one call in CHAOS_ONE_IN, with the error CHAOS_ERRNO
 * CHAOS_CLOCK   seconds that the clock is ahead (behind, where negative)
 * CHAOS_COUNT   a file that grows by a byte with every call that was made to fail
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *given(const char *name) { const char *value = getenv(name); return value ? value : ""; }

static int is_hit(const char *path) {
    static __thread unsigned long state;
    const char *under = given("CHAOS_UNDER");
    if (!*under || strncmp(path, under, strlen(under)) != 0) return 0;
    if (!state) state = strtoul(given("CHAOS_SEED"), NULL, 10) * 2654435761u + (unsigned long)syscall(SYS_gettid) * 40503u + 1;
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    unsigned long one_in = strtoul(given("CHAOS_ONE_IN"), NULL, 10);
    if (one_in == 0 || state % one_in != 0) return 0;
    int file = (int)syscall(SYS_openat, AT_FDCWD, given("CHAOS_COUNT"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) { syscall(SYS_write, file, "x", 1); syscall(SYS_close, file); }
    errno = atoi(given("CHAOS_ERRNO"));
    return 1;
}

static int is_hit_fd(int fd) {
    char link[64], path[PATH_MAX];
    if (!*given("CHAOS_UNDER")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_hit(path);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) { REAL(write); return is_hit_fd(fd) ? -1 : real(fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { REAL(pwrite); return is_hit_fd(fd) ? -1 : real(fd, data, size, at); }
ssize_t pread(int fd, void *data, size_t size, off_t at) { REAL(pread); return is_hit_fd(fd) ? -1 : real(fd, data, size, at); }
int fsync(int fd) { REAL(fsync); return is_hit_fd(fd) ? -1 : real(fd); }
int rename(const char *from, const char *to) { REAL(rename); return is_hit(to) ? -1 : real(from, to); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); return is_hit(path) ? -1 : real(path, mode); }

static long long ahead_s(void) { return strtoll(given("CHAOS_CLOCK"), NULL, 10); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int done = real(clock, now);
    if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead_s();
    return done;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
