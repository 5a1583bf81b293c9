// SPDX-License-Identifier: Apache-2.0
// What an unprivileged user of a host tries while root is at work there.
//
//   racer try FOLDER        paths on standard input, one a line; FOLDER is the user's own and holds `program`, a copy
//   of
//                           this program. Until it is killed, does everything that a user can do to each path and to
//                           each new name beside it. Prints every success once: "ACTION PATH".
//   racer flip LINK A B     until it is killed, lets LINK lead to A and to B in turn
//
// As root it is a canary: it notes that root has run it, and ends.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PATHS = 4096, PATH_SIZE = 512, MOST_WATCHES = 1024, TRIES = 30 };

static const char* const names[] = {"mkdir",   "symlink", "mkfifo", "link",     "take",   "chmod", "chown", "rename",
                                    "replace", "write",   "create", "truncate", "remove", "bind",  "read",  "lock"};
enum {
  MKDIR,
  SYMLINK,
  MKFIFO,
  LINK,
  TAKE,
  CHMOD,
  CHOWN,
  RENAME,
  REPLACE,
  WRITE,
  CREATE,
  TRUNCATE,
  REMOVE,
  BIND,
  READ,
  LOCK,
  ACTIONS
};

static char paths[MOST_PATHS][PATH_SIZE];
static unsigned char done[MOST_PATHS][ACTIONS];
static int count;
static char own[PATH_SIZE], program[PATH_SIZE], file[PATH_SIZE], taken[PATH_SIZE], spare[PATH_SIZE];
static char watched[MOST_WATCHES][PATH_SIZE];
static int watch_fd;

// What can't be tried is told, as a success would be: the limits above are too small then.
static void left_out(const char* path) {
  printf("omitted %s\n", path);
  fflush(stdout);
}

static int number_of(const char* path) {
  for (int i = 0; i < count; ++i)
    if (strcmp(paths[i], path) == 0) return i;
  if (count == MOST_PATHS || strlen(path) >= PATH_SIZE) {
    left_out(path);
    return -1;
  }
  strcpy(paths[count], path);
  return count++;
}

static void note(int path, int action) {
  if (done[path][action]) return;
  done[path][action] = 1;
  printf("%s %s\n", names[action], paths[path]);
  fflush(stdout);
}

// Files that are the user's own, wherever they lie, show nothing.
static int is_own(int fd) {
  struct stat status;
  return fstat(fd, &status) != 0 || status.st_uid == getuid();
}

static void write_to(int path, int action, int flags) {
  const int fd = open(paths[path], flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
  if (fd < 0) return;
  if (action == CREATE || !is_own(fd)) note(path, action);
  if (!is_own(fd) && write(fd, "racer\n", 6) < 0) {
  }
  close(fd);
}

static void read_from(int path, int action) {
  char piece[16];
  struct stat status;
  const int fd = open(paths[path], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return;
  if (fstat(fd, &status) == 0 && status.st_uid != getuid() && S_ISREG(status.st_mode)) {
    if (action == READ && read(fd, piece, sizeof(piece)) > 0) note(path, READ);
    if (action == LOCK && flock(fd, LOCK_EX | LOCK_NB) == 0) {
      note(path, LOCK);
      usleep(300000);
    }
  }
  close(fd);
}

static void bind_to(int path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(paths[path]) >= sizeof(address.sun_path)) return;
  strcpy(address.sun_path, paths[path]);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, (struct sockaddr*)&address, sizeof(address)) == 0) note(path, BIND);
  close(fd);
}

static void try_one(int path, int action) {
  const char* const at = paths[path];
  char aside[PATH_SIZE + 8];
  struct stat status;
  snprintf(aside, sizeof(aside), "%s.racer", at);
  const int owned = lstat(at, &status) == 0 && status.st_uid == getuid();
  switch (action) {
    case MKDIR:
      if (mkdir(at, 0777) == 0) note(path, action);
      break;
    case SYMLINK:
      if (symlink(rand() % 2 ? program : "/etc/shadow", at) == 0) note(path, action);
      break;
    case MKFIFO:
      if (mkfifo(at, 0666) == 0) note(path, action);
      break;
    case LINK:
      if (link(rand() % 2 ? file : program, at) == 0) note(path, action);
      break;
    case TAKE:
      if (!owned && link(at, taken) == 0) note(path, action);
      unlink(taken);
      break;
    case CHMOD:
      if (!owned && chmod(at, 0777) == 0) note(path, action);
      break;
    case CHOWN:
      if (!owned && lchown(at, getuid(), getgid()) == 0) note(path, action);
      break;
    case RENAME:
      if (rename(at, aside) == 0 && !owned) note(path, action);
      break;
    case REPLACE:
      if (link(file, spare) == 0 && rename(spare, at) == 0) note(path, action);
      unlink(spare);
      break;
    case WRITE: write_to(path, action, O_WRONLY); break;
    case CREATE:
      if (!owned && access(at, F_OK) != 0) write_to(path, action, O_RDWR | O_CREAT | O_EXCL);
      break;
    case TRUNCATE:
      if (!owned && truncate(at, 0) == 0) note(path, action);
      break;
    case REMOVE:
      if ((unlink(at) == 0 || rmdir(at) == 0) && !owned) note(path, action);
      break;
    case BIND: bind_to(path); break;
    case READ:
    case LOCK: read_from(path, action); break;
    default: break;
  }
}

static void watch(const char* folder) {
  const int number = inotify_add_watch(watch_fd, folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  if (number < 0) return;
  if (number < MOST_WATCHES && strlen(folder) < PATH_SIZE)
    strcpy(watched[number], folder);
  else
    left_out(folder);
}

static void watch_above(const char* path) {
  char folder[PATH_SIZE];
  strcpy(folder, path);
  for (char* slash = strrchr(folder, '/'); slash != NULL && slash != folder; slash = strrchr(folder, '/')) {
    *slash = '\0';
    watch(folder);
  }
}

// Names that have just come: at once, and many times, since whoever made them goes on.
static void answer_news(void) {
  char buffer[16384] __attribute__((aligned(8)));
  ssize_t size;
  while ((size = read(watch_fd, buffer, sizeof(buffer))) > 0) {
    for (char* at = buffer; at < buffer + size;) {
      const struct inotify_event* event = (const struct inotify_event*)at;
      at += sizeof(*event) + event->len;
      char path[PATH_SIZE * 2];
      if (event->wd <= 0 || event->wd >= MOST_WATCHES || event->len == 0) continue;
      snprintf(path, sizeof(path), "%s/%s", watched[event->wd], event->name);
      if (strstr(path, ".racer") != NULL || strncmp(path, own, strlen(own)) == 0) continue;
      const int number = number_of(path);
      if (number < 0) continue;
      for (int i = 0; i < TRIES; ++i) try_one(number, rand() % ACTIONS);
      if (event->mask & IN_ISDIR) watch(path);
    }
  }
}

static void try_all(void) {
  char line[PATH_SIZE];
  watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  while (fgets(line, sizeof(line), stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '/') number_of(line);
  }
  printf("begun %d\n", count);
  fflush(stdout);
  const int given = count;
  for (unsigned sweep = 0;; ++sweep) {
    for (int i = 0; i < count; ++i) {
      if (sweep % 16 == 0 && i < given) watch_above(paths[i]);
      // in order once, so that nothing is left untried; then whatever comes
      try_one(i, sweep < ACTIONS ? (int)sweep : rand() % ACTIONS);
      answer_news();
    }
    usleep(3000);
  }
}

static void flip(const char* link, const char* a, const char* b) {
  char other[PATH_SIZE];
  snprintf(other, sizeof(other), "%s.flip", link);
  for (unsigned round = 0;; ++round) {
    unlink(other);
    if (symlink(round % 2 ? a : b, other) != 0 || rename(other, link) != 0) usleep(1000);
    if (round % 64 == 0) usleep(1);
  }
}

int main(int argc, char** argv) {
  if (geteuid() == 0) {
    FILE* canary = fopen("/var/lib/racer-was-run-by-root", "a");
    if (canary != NULL) fprintf(canary, "%s\n", argv[0]), fclose(canary);
    return 0;
  }
  umask(0);
  signal(SIGPIPE, SIG_IGN);  // of a pipe that the other user reads no more
  srand((unsigned)time(NULL) ^ (unsigned)getpid());
  if (argc == 5 && strcmp(argv[1], "flip") == 0) flip(argv[2], argv[3], argv[4]);
  if (argc != 3 || strcmp(argv[1], "try") != 0) return 2;
  snprintf(own, sizeof(own), "%s/", argv[2]);
  snprintf(program, sizeof(program), "%s/program", argv[2]);
  snprintf(file, sizeof(file), "%s/file", argv[2]);
  snprintf(taken, sizeof(taken), "%s/taken", argv[2]);
  snprintf(spare, sizeof(spare), "%s/spare", argv[2]);
  const int fd = open(file, O_WRONLY | O_CREAT, 0666);
  if (fd < 0) return 3;
  close(fd);
  try_all();
}
