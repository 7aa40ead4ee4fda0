/*
 * Shifts the wall clock of the process that this is preloaded into (LD_PRELOAD), and leaves
 * CLOCK_MONOTONIC alone, as a clock that an operator or NTP sets does.
 *
 * The shift is read anew at each call from the file that FENCEPOST_CLOCK_SHIM names: a 64-bit number
 * of nanoseconds, in the machine's byte order. The file is mapped, so that whoever writes to it
 * changes the time at once.
 *
 * It asks the kernel itself and never dlsym: that allocates, jemalloc asks for the time while it is
 * being set up, and the two would wait for each other for ever (libfaketime 0.9.10 with Redis 7.0).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_ns;

__attribute__((constructor)) static void map_shift(void) {
  const char *path = getenv("FENCEPOST_CLOCK_SHIM");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof *shift_ns, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) shift_ns = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = (int)syscall(SYS_clock_gettime, clock, now);
  int is_wall_clock = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (failed || !is_wall_clock || !shift_ns) return failed;
  int64_t ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + *shift_ns;
  now->tv_sec = ns / 1000000000;
  now->tv_nsec = ns % 1000000000;
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  int failed = clock_gettime(CLOCK_REALTIME, &precise);
  if (failed) return failed;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (result) *result = precise.tv_sec;
  return precise.tv_sec;
}
