/* Records what a process does to the files below one folder, for the crash suite (see trace.rs, which reads it).
 *
 * Loaded into a child with LD_PRELOAD. Environment:
 *   RECORD_BELOW   absolute path of the folder; what happens elsewhere is passed through unseen
 *   RECORD_TO      the file that gets the records
 *
 * One lock is held over each system call and its record, so that the order of the records is the order of effects.
 * A record is: op (1 byte), file (4), a (8), b (8), length of path (4), length of data (8), path, data; little-endian.
 *   O open       file, path; a: 1 created, 2 truncated; b: 1 for a directory
 *   W write      file, a: offset, data
 *   T truncate   file, a: new length
 *   L allocate   file, a: end of the range: the file is at least that long
 *   F sync       file: fsync or fdatasync; sync_file_range is no sync and leaves no record
 *   R rename     path → data
 *   H hard link  path → data
 *   U unlink     path
 *   D rmdir      path
 *   M mkdir      path
 *   S said       data: what the process wrote to its standard output, to order its promises among its writes
 *
 * Memory maps are not seen. The suite proves that nothing was missed by rebuilding the folder from the records.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_FD = 4096, MAX_FILES = 65536, BROKEN = 97 };

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static int trace = -1;
static char below[PATH_MAX];
static size_t below_len;

/* The file behind each descriptor, 0 for none of ours. */
static uint32_t file_of[MAX_FD];
static unsigned char is_dir[MAX_FD];

/* Which inode has which number. A later entry wins: inodes are used again. */
static struct { dev_t device; ino_t inode; } files[MAX_FILES];
static uint32_t file_count;

__attribute__((noreturn)) static void broken(const char *why) {
  syscall(SYS_write, 2, "recorder: ", 10);
  syscall(SYS_write, 2, why, strlen(why));
  syscall(SYS_write, 2, "\n", 1);
  _exit(BROKEN);
}

__attribute__((constructor)) static void start(void) {
  const char *folder = getenv("RECORD_BELOW"), *to = getenv("RECORD_TO");
  if (!folder || !to) return;
  if (!realpath(folder, below)) broken("RECORD_BELOW is no folder");
  below_len = strlen(below);
  long fd = syscall(SYS_openat, AT_FDCWD, to, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0644);
  if (fd < 0) broken("RECORD_TO cannot be written");
  /* Out of the way of the process's own descriptors. */
  trace = (int)syscall(SYS_fcntl, (int)fd, F_DUPFD_CLOEXEC, 1000);
  if (trace < 0) broken("no descriptor for the trace");
  syscall(SYS_close, (int)fd);
}

static void put(const void *bytes, size_t len) {
  for (const char *at = bytes; len > 0;) {
    ssize_t done = syscall(SYS_write, trace, at, len);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) broken("the trace cannot be written");
    at += done;
    len -= (size_t)done;
  }
}

static void record(char op, uint32_t file, uint64_t a, uint64_t b, const char *path, const void *data, uint64_t len) {
  int keep = errno;
  uint32_t path_len = path ? (uint32_t)strlen(path) : 0;
  unsigned char head[33];
  head[0] = (unsigned char)op;
  memcpy(head + 1, &file, 4);
  memcpy(head + 5, &a, 8);
  memcpy(head + 13, &b, 8);
  memcpy(head + 21, &path_len, 4);
  memcpy(head + 25, &len, 8);
  put(head, sizeof head);
  if (path_len) put(path, path_len);
  if (len) put(data, len);
  errno = keep;
}

static void enter(void) { pthread_mutex_lock(&lock); }
static void leave(void) {
  int keep = errno;
  pthread_mutex_unlock(&lock);
  errno = keep;
}

/* Makes a path absolute and plain, and says whether it lies below the folder. Symbolic links are not followed. */
static int ours(int at, const char *path, char *out) {
  char joined[2 * PATH_MAX];
  if (trace < 0 || !path) return 0;
  if (path[0] == '/') {
    snprintf(joined, sizeof joined, "%s", path);
  } else {
    char base[PATH_MAX];
    if (at == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
      ssize_t len = readlink(link, base, sizeof base - 1);
      if (len < 0) return 0;
      base[len] = 0;
    }
    snprintf(joined, sizeof joined, "%s/%s", base, path);
  }
  char *to = out;
  for (const char *from = joined; *from && to - out < PATH_MAX - 1;) {
    int empty = from[0] == '/' && (from[1] == '/' || from[1] == 0);
    int dot = from[0] == '/' && from[1] == '.' && (from[2] == '/' || from[2] == 0);
    if (empty && from != joined) from += 1;
    else if (dot) from += 2;
    else *to++ = *from++;
  }
  *to = 0;
  return strncmp(out, below, below_len) == 0 && (out[below_len] == '/' || out[below_len] == 0);
}

static uint32_t known(int fd) {
  if (trace < 0 || fd < 0) return 0;
  if (fd >= MAX_FD) broken("too many descriptors");
  return file_of[fd];
}

static uint32_t number(const struct stat *st, int created) {
  for (uint32_t i = file_count; i > 0 && !created; i--)
    if (files[i - 1].device == st->st_dev && files[i - 1].inode == st->st_ino) return i;
  if (file_count == MAX_FILES) broken("too many files");
  files[file_count].device = st->st_dev;
  files[file_count].inode = st->st_ino;
  return ++file_count;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  enter();
  int in = ours(at, path, full);
  int existed = in && syscall(SYS_faccessat, AT_FDCWD, full, F_OK) == 0;
  int fd = (int)syscall(SYS_openat, at, path, flags, mode);
  if (fd >= 0 && fd < MAX_FD) file_of[fd] = 0;
  struct stat st;
  if (fd >= 0 && in && fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
    if (fd >= MAX_FD) broken("too many descriptors");
    if ((flags & O_TMPFILE) == O_TMPFILE) broken("O_TMPFILE is not recorded");
    is_dir[fd] = S_ISDIR(st.st_mode) != 0;
    int created = !existed && !is_dir[fd], cut = existed && (flags & O_TRUNC);
    file_of[fd] = number(&st, created);
    record('O', file_of[fd], (created ? 1 : 0) | (cut ? 2 : 0), is_dir[fd], full, NULL, 0);
  }
  leave();
  return fd;
}

#define MODE_ARGUMENT                                                  \
  mode_t mode = 0;                                                     \
  if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {         \
    va_list rest;                                                      \
    va_start(rest, flags);                                             \
    mode = va_arg(rest, mode_t);                                       \
    va_end(rest);                                                      \
  }

int open(const char *path, int flags, ...) { MODE_ARGUMENT return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_ARGUMENT return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int at, const char *path, int flags, ...) { MODE_ARGUMENT return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_ARGUMENT return opened(at, path, flags | O_LARGEFILE, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC | O_LARGEFILE, mode); }

int close(int fd) {
  enter();
  if (fd >= 0 && fd < MAX_FD) file_of[fd] = 0;
  int done = (int)syscall(SYS_close, fd);
  leave();
  return done;
}

static int copied(int from, int to) {
  if (to >= 0 && to < MAX_FD) {
    file_of[to] = known(from);
    is_dir[to] = from < MAX_FD && is_dir[from];
  } else if (to >= MAX_FD && known(from)) {
    broken("too many descriptors");
  }
  return to;
}

int dup(int fd) {
  enter();
  int to = copied(fd, (int)syscall(SYS_dup, fd));
  leave();
  return to;
}
int dup3(int fd, int to, int flags) {
  enter();
  int done = copied(fd, (int)syscall(SYS_dup3, fd, to, flags));
  leave();
  return done;
}
int dup2(int fd, int to) { return fd == to ? fd : dup3(fd, to, 0); }

static int control(int fd, int command, long argument) {
  enter();
  int done = (int)syscall(SYS_fcntl, fd, command, argument);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) copied(fd, done);
  leave();
  return done;
}
#define LONG_ARGUMENT            \
  va_list rest;                  \
  va_start(rest, command);       \
  long argument = va_arg(rest, long); \
  va_end(rest);
int fcntl(int fd, int command, ...) { LONG_ARGUMENT return control(fd, command, argument); }
int fcntl64(int fd, int command, ...) { LONG_ARGUMENT return control(fd, command, argument); }

/* Where a write without an offset will go. */
static off_t place(int fd) {
  struct stat st;
  if ((syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) && fstat(fd, &st) == 0) return st.st_size;
  return (off_t)syscall(SYS_lseek, fd, (off_t)0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t len) {
  if (fd == 1 && trace >= 0) {
    enter();
    record('S', 0, 0, 0, NULL, bytes, len);
    ssize_t done = syscall(SYS_write, fd, bytes, len);
    leave();
    return done;
  }
  if (!known(fd)) return syscall(SYS_write, fd, bytes, len);
  enter();
  off_t at = place(fd);
  ssize_t done = syscall(SYS_write, fd, bytes, len);
  if (done > 0) record('W', known(fd), (uint64_t)at, 0, NULL, bytes, (uint64_t)done);
  leave();
  return done;
}

static ssize_t written_at(int fd, const void *bytes, size_t len, off_t at) {
  if (!known(fd)) return syscall(SYS_pwrite64, fd, bytes, len, at);
  enter();
  ssize_t done = syscall(SYS_pwrite64, fd, bytes, len, at);
  if (done > 0) record('W', known(fd), (uint64_t)at, 0, NULL, bytes, (uint64_t)done);
  leave();
  return done;
}
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) { return written_at(fd, bytes, len, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) { return written_at(fd, bytes, len, at); }

/* Vectors become single writes, with offsets from `at` on, or at the descriptor's place when it is negative. */
static ssize_t written_vector(int fd, const struct iovec *parts, int count, off_t at) {
  ssize_t total = 0;
  enter();
  for (int i = 0; i < count; i++) {
    if (parts[i].iov_len == 0) continue;
    ssize_t done = at < 0 ? write(fd, parts[i].iov_base, parts[i].iov_len)
                          : written_at(fd, parts[i].iov_base, parts[i].iov_len, at + total);
    if (done < 0 && total == 0) total = -1;
    if (done < 0) break;
    total += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  leave();
  return total;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!known(fd) && !(fd == 1 && trace >= 0)) return syscall(SYS_writev, fd, parts, count);
  return written_vector(fd, parts, count, -1);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return written_vector(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) { return written_vector(fd, parts, count, at); }

/* What the kernel copied is read back to be recorded. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags) {
  enter();
  off_t at = out_at ? *out_at : (known(out) ? place(out) : 0);
  ssize_t done = syscall(SYS_copy_file_range, in, in_at, out, out_at, len, flags);
  if (done > 0 && known(out)) {
    char *bytes = malloc((size_t)done);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", out);
    int again = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    if (!bytes || again < 0 || syscall(SYS_pread64, again, bytes, done, at) != done) broken("a copy cannot be read back");
    syscall(SYS_close, again);
    record('W', known(out), (uint64_t)at, 0, NULL, bytes, (uint64_t)done);
    free(bytes);
  }
  leave();
  return done;
}
ssize_t sendfile(int out, int in, off_t *at, size_t len) {
  if (known(out)) {
    errno = EINVAL; /* the caller falls back to reads and writes, which are seen */
    return -1;
  }
  return syscall(SYS_sendfile, out, in, at, len);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t len) { return sendfile(out, in, at, len); }

static int cut(int fd, off_t len) {
  enter();
  int done = (int)syscall(SYS_ftruncate, fd, len);
  if (done == 0 && known(fd)) record('T', known(fd), (uint64_t)len, 0, NULL, NULL, 0);
  leave();
  return done;
}
int ftruncate(int fd, off_t len) { return cut(fd, len); }
int ftruncate64(int fd, off_t len) { return cut(fd, len); }

static int allocated(int fd, int mode, off_t at, off_t len) {
  enter();
  if (known(fd) && mode != 0) broken("fallocate with a mode is not recorded");
  int done = (int)syscall(SYS_fallocate, fd, mode, at, len);
  if (done == 0 && known(fd)) record('L', known(fd), (uint64_t)(at + len), 0, NULL, NULL, 0);
  leave();
  return done;
}
int fallocate(int fd, int mode, off_t at, off_t len) { return allocated(fd, mode, at, len); }
int fallocate64(int fd, int mode, off_t at, off_t len) { return allocated(fd, mode, at, len); }
int posix_fallocate(int fd, off_t at, off_t len) { return allocated(fd, 0, at, len) == 0 ? 0 : errno; }
int posix_fallocate64(int fd, off_t at, off_t len) { return allocated(fd, 0, at, len) == 0 ? 0 : errno; }

static int synced(long call, int fd) {
  enter();
  int done = (int)syscall(call, fd);
  if (done == 0 && known(fd)) record('F', known(fd), 0, is_dir[fd], NULL, NULL, 0);
  leave();
  return done;
}
int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }

static int moved(char op, int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  char old[PATH_MAX], new[PATH_MAX];
  enter();
  int from_in = ours(from_at, from, old), to_in = ours(to_at, to, new);
  if (from_in != to_in) broken("a file moved into or out of the folder");
  long done = op == 'R' ? syscall(SYS_renameat2, from_at, from, to_at, to, flags)
                        : syscall(SYS_linkat, from_at, from, to_at, to, flags);
  if (done == 0 && from_in) record(op, 0, flags, 0, old, new, strlen(new));
  leave();
  return (int)done;
}
int rename(const char *from, const char *to) { return moved('R', AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return moved('R', a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return moved('R', a, from, b, to, flags); }
int link(const char *from, const char *to) { return moved('H', AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return moved('H', a, from, b, to, (unsigned)flags); }

static int removed(int at, const char *path, int flags) {
  char full[PATH_MAX];
  enter();
  int in = ours(at, path, full);
  int done = (int)syscall(SYS_unlinkat, at, path, flags);
  if (done == 0 && in) record(flags & AT_REMOVEDIR ? 'D' : 'U', 0, 0, 0, full, NULL, 0);
  leave();
  return done;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  int done = removed(AT_FDCWD, path, 0);
  return done < 0 && errno == EISDIR ? rmdir(path) : done;
}

static int made(int at, const char *path, mode_t mode) {
  char full[PATH_MAX];
  enter();
  int in = ours(at, path, full);
  int done = (int)syscall(SYS_mkdirat, at, path, mode);
  if (done == 0 && in) record('M', 0, 0, 0, full, NULL, 0);
  leave();
  return done;
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return made(at, path, mode); }
