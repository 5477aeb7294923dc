/* A wall clock that a file moves, for one process: loaded before the C library (LD_PRELOAD).
 *
 * The file named by MOVED_CLOCK_FILE holds seconds as text; it is mapped, so that a change is seen at once and costs no
 * system call. Who waits until a moment of the wall clock waits until the moved clock shows it, also where the clock
 * moves meanwhile, as the kernel has it. The monotonic clock stays as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 20000000L
#define WALL_FROM 1000000000L /* below this many seconds it is a monotonic clock's moment */

static const char *moved;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_cnd_timedwait)(cnd_t *, mtx_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
  real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_timedwait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  real_cnd_timedwait = dlsym(RTLD_NEXT, "cnd_timedwait");
  const char *name = getenv("MOVED_CLOCK_FILE");
  int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    void *place = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    moved = place == MAP_FAILED ? NULL : place;
    close(file);
  }
}

static long by(void) { return moved ? atol(moved) : 0; }

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = real_gettime(clock, now);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += by();
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec wall;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &wall);
  now->tv_sec = wall.tv_sec;
  now->tv_usec = wall.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *place) {
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  if (place) *place = wall.tv_sec;
  return wall.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
  return clock_gettime(CLOCK_REALTIME, now) ? 0 : base;
}

static int reached(const struct timespec *until, const struct timespec *now) {
  return now->tv_sec > until->tv_sec || (now->tv_sec == until->tv_sec && now->tv_nsec >= until->tv_nsec);
}

/* The next moment of the real clock to wait for; 0 where the moved one has come to the end. */
static int next(const struct timespec *until, struct timespec *slice) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (reached(until, &now)) return 0;
  real_gettime(CLOCK_REALTIME, slice);
  long left_s = until->tv_sec - now.tv_sec, left_ns = until->tv_nsec - now.tv_nsec;
  long ns = left_s > 1 ? SLICE_NS : left_s * 1000000000L + left_ns;
  slice->tv_nsec += ns < SLICE_NS ? ns : SLICE_NS;
  if (slice->tv_nsec >= 1000000000L) slice->tv_sec++, slice->tv_nsec -= 1000000000L;
  return 1;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  if (until->tv_sec < WALL_FROM) return real_timedwait(cond, mutex, until);
  struct timespec slice;
  while (next(until, &slice)) {
    int ended = real_timedwait(cond, mutex, &slice);
    if (ended != ETIMEDOUT) return ended;
  }
  return ETIMEDOUT;
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until) {
  struct timespec slice;
  while (next(until, &slice)) {
    int ended = real_cnd_timedwait(cond, mutex, &slice);
    if (ended != thrd_timedout) return ended;
  }
  return thrd_timedout;
}
