// SPDX-License-Identifier: Apache-2.0
//
// A login that plays the agent's part (runtime/agent/protocol.h) and lies: it claims that the agent is there, greets as
// it, and answers each call with a list of everything that a terminal should not see.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_all(void* into, size_t size) {
  for (size_t at = 0; at < size;) {
    const ssize_t count = read(0, (char*)into + at, size - at);
    if (count <= 0) return 0;
    at += (size_t)count;
  }
  return 1;
}

static void say(uint8_t type, uint32_t id, const char* body) {
  const uint32_t size = (uint32_t)strlen(body);
  unsigned char head[9];
  memcpy(head, &size, 4);
  head[4] = type;
  memcpy(head + 5, &id, 4);
  if (write(1, head, sizeof head) != sizeof head || write(1, body, size) != (ssize_t)size) _exit(1);
}

int main(void) {
  const char* asked = getenv("SSH_ORIGINAL_COMMAND");
  if (asked == NULL) return 1;
  if (strstr(asked, "SEALIFT-MACHINE") != NULL) {
    puts("\nSEALIFT-MACHINE x86_64\nSEALIFT-USER 0 0 0\nSEALIFT-SUDO 0 ");
    return 0;
  }
  printf("\nSEALIFT-LANDING have /usr/local/lib/sealift\n");
  fflush(stdout);
  for (char one = 0; one != '\n';) {  // the marker
    if (!read_all(&one, 1)) return 1;
  }
  const char magic[] = "\nSEALIFT-AGENT 1\n";
  if (write(1, magic, sizeof magic - 1) < 0) return 1;
  say(1, 0, "{\"version\":\"" VERSION "\",\"busy\":\"\\u001b[2J\\u202eeve\"}");
  for (;;) {
    unsigned char head[9];
    uint32_t size = 0, id = 0;
    if (!read_all(head, sizeof head)) return 0;
    memcpy(&size, head, 4);
    memcpy(&id, head + 5, 4);
    char* body = malloc(size + 1);
    if (body == NULL || !read_all(body, size)) return 0;
    free(body);
    if (head[4] == 3) say(6, id, "{\"value\":{\"hostname\":\"\\u001b[2J\\u009b2J\\u202e\",\"cpus\":\"many\"}}");
    if (head[4] == 2)
      say(5, id, "{\"error\":{\"code\":\"protocol\",\"what\":\"\\u001b[2Jcleared \\u009b1m \\u202egpj.exe\"}}");
  }
}
