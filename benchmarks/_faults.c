/* A disk that fails, a clock that is wrong, a death at a call, for `benchmarks.chaos`: loaded before libc (LD_PRELOAD).
 *
 * CHAOS_UNDER   paths that begin with one of these (separated by ':') fail, one call in CHAOS_ONE_IN, with the error
 *               CHAOS_ERRNO
 * CHAOS_KILL_AT the process that makes the call of this number (from 1) to change one of these paths is killed at it,
 *               after half of what it was to write; 0: calls are counted only
 * CHAOS_CLOCK   seconds that the clock is ahead (behind, where negative)
 * CHAOS_COUNT   a file that grows by a byte with every call that was made to fail, or that was counted
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *given(const char *name) { const char *value = getenv(name); return value ? value : ""; }

static int is_under(const char *path) {
    for (const char *under = given("CHAOS_UNDER"); *under;) {
        size_t length = strcspn(under, ":");
        if (length && strncmp(path, under, length) == 0) return 1;
        under += length + (under[length] == ':');
    }
    return 0;
}

static long counted(void) {
    int file = (int)syscall(SYS_openat, AT_FDCWD, given("CHAOS_COUNT"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return -1;
    syscall(SYS_write, file, "x", 1);
    long number = (long)syscall(SYS_lseek, file, 0, SEEK_CUR);
    syscall(SYS_close, file);
    return number;
}

static int is_hit(const char *path) {
    static __thread unsigned long state;
    if (!is_under(path)) return 0;
    if (!state) state = strtoul(given("CHAOS_SEED"), NULL, 10) * 2654435761u + (unsigned long)syscall(SYS_gettid) * 40503u + 1;
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    unsigned long one_in = strtoul(given("CHAOS_ONE_IN"), NULL, 10);
    if (one_in == 0 || state % one_in != 0) return 0;
    counted();
    errno = atoi(given("CHAOS_ERRNO"));
    return 1;
}

/* Whether this call is the last of its process. */
static int is_fatal(const char *path) {
    const char *at = given("CHAOS_KILL_AT");
    return *at && is_under(path) && counted() == atol(at);
}

static void die(void) { syscall(SYS_kill, (int)syscall(SYS_getpid), SIGKILL); }

static int path_of(int fd, char *path) {
    char link[64];
    if (!*given("CHAOS_UNDER")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static int is_hit_fd(int fd) { char path[PATH_MAX]; return path_of(fd, path) && is_hit(path); }
static int is_fatal_fd(int fd) { char path[PATH_MAX]; return path_of(fd, path) && is_fatal(path); }

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (is_fatal_fd(fd)) { real(fd, data, size / 2); die(); }
    return is_hit_fd(fd) ? -1 : real(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    if (is_fatal_fd(fd)) { real(fd, data, size / 2, at); die(); }
    return is_hit_fd(fd) ? -1 : real(fd, data, size, at);
}
ssize_t pread(int fd, void *data, size_t size, off_t at) { REAL(pread); return is_hit_fd(fd) ? -1 : real(fd, data, size, at); }
int fsync(int fd) { REAL(fsync); if (is_fatal_fd(fd)) die(); return is_hit_fd(fd) ? -1 : real(fd); }
int rename(const char *from, const char *to) { REAL(rename); if (is_fatal(to)) die(); return is_hit(to) ? -1 : real(from, to); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); if (is_fatal(path)) die(); return is_hit(path) ? -1 : real(path, mode); }
int link(const char *from, const char *to) { REAL(link); if (is_fatal(to)) die(); return real(from, to); }
int unlink(const char *path) { REAL(unlink); if (is_fatal(path)) die(); return real(path); }

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
