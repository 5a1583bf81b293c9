// SPDX-License-Identifier: Apache-2.0
//
// What an interrupted build leaves for the next one of the same output: "OUTPUT.partial", the unfinished file itself,
// and "OUTPUT.partial.blobs", the list of what has come of each blob (journal.h). The next build goes on with the file
// if its blobs lie where they belong now, else it moves them into a new one. Holds the lock on both. Digests are
// compared by whoever uses the bytes.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "payload/base/event.h"
#include "payload/writer/journal.h"
#include "payload/writer/output_file.h"

namespace sealift::writer {

class Partial {
 public:
  // Takes over what is there, or begins anew. Errors: busy with the number of the process that has it; already_exists
  // if the name belongs to something else than an ordinary file of this user.
  static Result<std::unique_ptr<Partial>> open(const std::string& output, base::EventSink& events);
  ~Partial();  // without finished(): both files stay if anything has come, otherwise neither
  // How many bytes wait beside this output for the next build; 0 if there is nothing.
  static uint64_t waiting_for(const std::string& output);
  static std::string path_of(const std::string& output) { return output + ".partial"; }
  static std::string list_of(const std::string& output) { return output + ".partial.blobs"; }

  // `written`: the new file, which ends before the first planned blob. Returns the file to go on with: the same bytes,
  // then what has come of each planned blob in its new place; all else is zero. Blobs that are not planned are dropped.
  // If they lie elsewhere now, they are moved, and take their room twice meanwhile; otherwise what is written is copied
  // to them. Call it once.
  Result<OutputFile> arrange(const std::map<Digest, Remains>& planned, OutputFile written);
  // How much of it lay there at arrange(), from its beginning on.
  uint64_t found(const Digest& digest) const;
  // How much there is now. Any thread.
  void note(const Digest& digest, uint64_t received);
  // The file has got its name.
  void finished();

 private:
  Partial(std::string output, base::Fd fd, std::map<Digest, Remains> found)
      : output_(std::move(output)), fd_(std::move(fd)), found_(std::move(found)) {}
  uint64_t received();
  bool clear_around();
  Result<OutputFile> move(const std::map<Digest, Remains>& planned, OutputFile fresh);

  std::string output_;
  base::Fd fd_;  // until arrange()
  std::map<Digest, Remains> found_;
  std::optional<Journal> journal_;
  std::mutex mutex_;
  std::map<Digest, uint64_t> received_;  // since arrange(); under the mutex
  bool finished_ = false;
};

}  // namespace sealift::writer
