/*
 * Loaded before libc (LD_PRELOAD), it makes the system's file calls fail as a disk does that goes bad, fills up or is locked away.
 * The file that FAILING_FILES names says how: "read PREFIX" (EIO for every read and write below PREFIX), "write PREFIX" (EIO for
 * what writes), "full PREFIX" (ENOSPC for what writes), "locked PREFIX" (EACCES for every opening). Without that file nothing fails.
 * fsync and fdatasync are left alone: what a failed sync means has its own rule and its own test.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { READS, WRITES, OPENS };

/* The error that a call of this kind meets at this path; 0 for none. */
static int error_at(const char *path, enum kind kind) {
  const char *control = getenv("FAILING_FILES");
  char text[PATH_MAX + 16], how[16], prefix[PATH_MAX];
  int saved = errno;
  if (control == NULL || path == NULL) return 0;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) {
    errno = saved;
    return 0;
  }
  long size = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  errno = saved;
  if (size <= 0) return 0;
  text[size] = 0;
  if (sscanf(text, "%15s %4095s", how, prefix) != 2 || strncmp(path, prefix, strlen(prefix)) != 0) return 0;
  if (strcmp(how, "read") == 0) return EIO;
  if (strcmp(how, "write") == 0) return kind == WRITES ? EIO : 0;
  if (strcmp(how, "full") == 0) return kind == WRITES ? ENOSPC : 0;
  if (strcmp(how, "locked") == 0) return kind == OPENS ? EACCES : 0;
  return 0;
}

static int error_of(int fd, enum kind kind) {
  char link[64], path[PATH_MAX];
  if (getenv("FAILING_FILES") == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int saved = errno;
  long size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  errno = saved;
  if (size <= 0) return 0;
  path[size] = 0;
  return error_at(path, kind);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(error, value) \
  do { \
    int found = (error); \
    if (found != 0) { \
      errno = found; \
      return value; \
    } \
  } while (0)

/* Calls on an open file. */
#define ON_FILE(type, name, kind, parameters, ...) \
  type name parameters { \
    FAIL_IF(error_of(fd, kind), -1); \
    return REAL(name)(__VA_ARGS__); \
  }

ON_FILE(ssize_t, read, READS, (int fd, void *to, size_t size), fd, to, size)
ON_FILE(ssize_t, pread, READS, (int fd, void *to, size_t size, off_t at), fd, to, size, at)
ON_FILE(ssize_t, pread64, READS, (int fd, void *to, size_t size, off64_t at), fd, to, size, at)
ON_FILE(ssize_t, readv, READS, (int fd, const struct iovec *to, int count), fd, to, count)
ON_FILE(ssize_t, preadv, READS, (int fd, const struct iovec *to, int count, off_t at), fd, to, count, at)
ON_FILE(ssize_t, preadv64, READS, (int fd, const struct iovec *to, int count, off64_t at), fd, to, count, at)
ON_FILE(ssize_t, write, WRITES, (int fd, const void *from, size_t size), fd, from, size)
ON_FILE(ssize_t, pwrite, WRITES, (int fd, const void *from, size_t size, off_t at), fd, from, size, at)
ON_FILE(ssize_t, pwrite64, WRITES, (int fd, const void *from, size_t size, off64_t at), fd, from, size, at)
ON_FILE(ssize_t, writev, WRITES, (int fd, const struct iovec *from, int count), fd, from, count)
ON_FILE(ssize_t, pwritev, WRITES, (int fd, const struct iovec *from, int count, off_t at), fd, from, count, at)
ON_FILE(ssize_t, pwritev64, WRITES, (int fd, const struct iovec *from, int count, off64_t at), fd, from, count, at)
ON_FILE(int, ftruncate, WRITES, (int fd, off_t size), fd, size)
ON_FILE(int, ftruncate64, WRITES, (int fd, off64_t size), fd, size)
ON_FILE(int, fallocate, WRITES, (int fd, int mode, off_t at, off_t size), fd, mode, at, size)
ON_FILE(int, posix_fallocate, WRITES, (int fd, off_t at, off_t size), fd, at, size)

/* Calls on a path. */
#define ON_PATH(type, failed, name, kind, parameters, ...) \
  type name parameters { \
    FAIL_IF(error_at(path, kind), failed); \
    return REAL(name)(__VA_ARGS__); \
  }

ON_PATH(DIR *, NULL, opendir, OPENS, (const char *path), path)
ON_PATH(int, -1, mkdir, WRITES, (const char *path, mode_t mode), path, mode)
ON_PATH(int, -1, rename, WRITES, (const char *path, const char *to), path, to)
ON_PATH(int, -1, link, WRITES, (const char *path, const char *to), path, to)
ON_PATH(char *, NULL, mkdtemp, WRITES, (char *path), path)

typedef int (*selector)(const struct dirent *);
typedef int (*order)(const struct dirent **, const struct dirent **);
typedef int (*selector64)(const struct dirent64 *);
typedef int (*order64)(const struct dirent64 **, const struct dirent64 **);

ON_PATH(int, -1, scandir, OPENS, (const char *path, struct dirent ***to, selector which, order by), path, to, which, by)
ON_PATH(int, -1, scandir64, OPENS, (const char *path, struct dirent64 ***to, selector64 which, order64 by), path, to, which, by)

/* Openings: what makes a new file writes to its folder. */
#define WITH_MODE \
  mode_t mode = 0; \
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  } \
  FAIL_IF(error_at(path, OPENS), -1); \
  if ((flags & O_CREAT) != 0 && faccessat(AT_FDCWD, path, F_OK, 0) != 0) FAIL_IF(error_at(path, WRITES), -1)

int open(const char *path, int flags, ...) {
  WITH_MODE;
  return REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  WITH_MODE;
  return REAL(open64)(path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  WITH_MODE;
  return REAL(openat)(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  WITH_MODE;
  return REAL(openat64)(folder, path, flags, mode);
}
