// SPDX-License-Identifier: Apache-2.0
//
// What became of each line of a foreign file. Texts are for people and name no secret.
#pragma once

#include <string>
#include <vector>

namespace sealift::convert {

enum class Outcome {
  kept,     // the same line does the same
  changed,  // another line does it
  dropped,  // not needed any more
  lost,     // nothing here does it: somebody must write something else
};

struct Note {
  std::string file;
  int line = 0;
  Outcome outcome = Outcome::kept;
  std::string what;  // the words that it is about
  std::string text;  // what it became, why it is not needed, what to write instead; may be empty
  int at = 0;        // of another file: the line that names it; 0: `line` is in the converted file itself
};

class Report {
 public:
  void add(Note note) { notes_.push_back(std::move(note)); }
  const std::vector<Note>& notes() const { return notes_; }
  size_t count(Outcome outcome) const;
  // "Kubefile:3: CMD helm install web: now APP web …", a line for each note in the order of the source, and the sum.
  std::string text() const;

 private:
  std::vector<Note> notes_;
};

}  // namespace sealift::convert
