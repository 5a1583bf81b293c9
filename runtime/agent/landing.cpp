// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/landing.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/agent/landing.sh.h"

namespace sealift::agent {
namespace {

constexpr Duration kAnswerPatience{60'000};
constexpr Duration kSudoPatience{30'000};
constexpr Duration kClosePatience{5'000};
constexpr size_t kMaxLine = 4096;
constexpr size_t kMaxTalk = size_t{64} << 10;

// A command for the login shell that runs `script` in sh as root. One level of quotes only: fish reads nested ones
// differently.
std::string as_root(const LoginFacts& facts, const std::string& script) {
  const std::string command = "sh -c " + ssh::quote(script);
  if (facts.is_root) return command;
  return (facts.sudo_without_password ? "env LC_ALL=C sudo -n "
                                      : "env LC_ALL=C sudo -k -S -p " + ssh::quote("") + " ") +
         command;
}

// Characters that would end the quotes around a word of the script, or the script's own; csh also acts on "!" within
// quotes.
bool ends_quotes(char c) {
  return c == '"' || c == '$' || c == '`' || c == '\\' || c == '\'' || c == '!' || static_cast<unsigned char>(c) < ' ';
}

// A quoted word of the script. A folder whose name needs replacements would be a different folder, so the agent is
// never put there.
std::string word(std::string text) {
  std::ranges::replace_if(text, ends_quotes, '_');
  return "\"" + text + "\"";
}

// Lines of a command's output, skipping a login shell's output before.
class Lines {
 public:
  explicit Lines(ssh::Channel& channel) : channel_(channel) {}

  // The rest of the first line that begins with `word`; nothing if the output ends first.
  Result<std::optional<std::string>> find(std::string_view word) {
    seen_ = 0;
    for (;;) {
      SEALIFT_ASSIGN(const auto line, next());
      if (!line) return std::optional<std::string>{};
      if (line->starts_with(word)) return line->substr(word.size());
      noise_ = *line;
    }
  }
  const std::string& noise() const { return noise_; }

 private:
  Result<std::optional<std::string>> next() {
    std::string line;
    for (;;) {
      std::array<std::byte, 1> one;  // bytes after the line belong to the next reader
      SEALIFT_ASSIGN(const size_t count, channel_.output().read(one));
      if (count == 0) return line.empty() ? std::optional<std::string>{} : std::optional(line);
      if (++seen_ > kMaxTalk)
        return fail(ErrorCode::protocol, "the host keeps printing and never answers: {}", base::printable(line));
      if (one[0] == std::byte{'\n'}) return std::optional(line);
      if (line.size() < kMaxLine) line += static_cast<char>(one[0]);
    }
  }
  ssh::Channel& channel_;
  std::string noise_;
  size_t seen_ = 0;  // bytes
};

bool says_expired(std::string_view text) {
  return text.contains("password has expired") || text.contains("Password change required") ||
         text.contains("password is expired") || text.contains("account has expired");
}

// Why a command did not even start.
Error not_started(ssh::Channel& channel, const Lines& lines, const std::string& who) {
  const std::string said =
      base::printable(base::trim(channel.errors().empty() ? lines.noise() : channel.errors()), 600);
  if (says_expired(channel.errors()) || says_expired(lines.noise())) {
    return {
        ErrorCode::auth_failed,
        base::format(
            "{}: the password or account has expired ({}); log in by hand (`ssh {}`), set a new password and put it into the configuration",
            who, said, who),
        {}};
  }
  return {ErrorCode::unsupported,
          base::format(
              "{}: the login does not run commands in a POSIX shell{}{}; use a user with /bin/sh or bash as its shell",
              who, said.empty() ? "" : ": ", said),
          {}};
}

Error sudo_error(const std::string& said, const std::string& who) {
  const std::string text = base::printable(base::trim(said), 600);
  std::string remedy = "give the user sudo rights, or log in as root";
  if (said.contains("must have a tty"))
    remedy = "sudo has `requiretty`: an administrator writes `Defaults:USER !requiretty` into /etc/sudoers.d/sealift";
  if (said.contains("a password is required")) remedy = "set ssh.sudoPassword (or NOPASSWD in /etc/sudoers.d/sealift)";
  if (said.contains("try again") || said.contains("incorrect password")) remedy = "ssh.sudoPassword is wrong";
  if (said.contains("not in the sudoers") || said.contains("not allowed"))
    remedy = "the user may not use sudo here: an administrator adds it to /etc/sudoers.d/sealift";
  if (said.contains("not found")) remedy = "there is no sudo on this host: log in as root";
  if (says_expired(said)) remedy = "the password has expired: log in by hand and set a new one";
  return {ErrorCode::sudo_refused,
          base::format("{}: sudo refuses ({}); {}", who, text.empty() ? "without a word" : text, remedy),
          {}};
}

bool needs_password(const LoginFacts& facts) { return !facts.is_root && !facts.sudo_without_password; }

Result<void> send_password(ssh::Channel& channel, const LandingOptions& options) {
  std::string line(options.sudo_password->reveal());
  line += '\n';
  auto written = channel.input().write(base::as_bytes(line));
  std::ranges::fill(line, '\0');
  return written;
}

// An sshd with MaxSessions 1 grants the next session only when the last one is gone. A command that does not end (the
// login left something running) is not waited for.
void see_end(ssh::Channel& channel) {
  channel.set_patience(kClosePatience);
  (void)channel.wait();
}

// Tries the password alone first: a wrong one is a single failed attempt, and no other line is ever read as the next.
Result<void> try_sudo(ssh::Session& session, const LoginFacts& facts, const LandingOptions& options) {
  if (!needs_password(facts)) return {};
  if (!options.sudo_password) return fail(sudo_error(facts.sudo_answer, options.who));
  // The script keeps reading: if sudo needs no password after all, the line reaches the script, which must still be
  // running.
  SEALIFT_ASSIGN(const auto channel,
                 session.exec(as_root(facts, "echo; echo SEALIFT-ROOT; while read -r l; do :; done")));
  channel->set_patience(kSudoPatience);
  SEALIFT_TRY(send_password(*channel, options));
  channel->close_input();
  Lines lines(*channel);
  SEALIFT_ASSIGN(const auto answer, lines.find("SEALIFT-ROOT"));
  see_end(*channel);
  if (answer) return {};
  return fail(sudo_error(channel->errors().empty() ? lines.noise() : channel->errors(), options.who));
}

struct Beginning {
  std::unique_ptr<ssh::Channel> channel;
  bool is_there = false;
  bool makes_folder = false;
  std::string folder;
};

// Starts the landing script; on return its stdin is just before the marker.
Result<Beginning> begin_landing(ssh::Session& session, const LoginFacts& facts, const LandingOptions& options,
                                const std::string& script) {
  Beginning out;
  SEALIFT_ASSIGN(out.channel, session.exec(as_root(facts, script)));
  out.channel->set_patience(kAnswerPatience);
  if (needs_password(facts)) SEALIFT_TRY(send_password(*out.channel, options));
  Lines lines(*out.channel);
  SEALIFT_ASSIGN(const auto answer, lines.find("SEALIFT-LANDING "));
  if (!answer) {
    (void)out.channel->wait();
    if (says_expired(out.channel->errors())) return fail(not_started(*out.channel, lines, options.who));
    return fail(
        ErrorCode::sudo_refused, "{}: no command can be run as root: {}", options.who,
        base::printable(base::trim(out.channel->errors().empty() ? lines.noise() : out.channel->errors()), 600));
  }
  const size_t blank = std::min(answer->find(' '), answer->size());
  const std::string what = answer->substr(0, blank);
  out.folder = answer->substr(std::min(blank + 1, answer->size()));
  out.is_there = what == "have";
  out.makes_folder = what == "make";
  if (out.is_there || out.makes_folder || what == "send") return out;
  see_end(*out.channel);
  const std::string open = out.folder.empty() ? "" : base::format(" ({} is)", base::printable(out.folder));
  return fail(
      ErrorCode::permission_denied,
      "{}: none of {} takes a program: they are read-only, mounted without exec, they or a folder above are somebody else's or writable by others{}, or the host "
      "forbids it; give the host another dataRoot",
      options.who, base::join(options.folders, ", "), open);
}

Result<void> send_program(Beginning& landing, const AgentProgram& program, const LandingOptions& options,
                          const std::string& marker) {
  SEALIFT_TRY(landing.channel->input().write(base::as_bytes(marker + "\n")));
  auto written = program.write(landing.channel->input());
  landing.channel->close_input();
  Lines lines(*landing.channel);
  SEALIFT_ASSIGN(const auto answer, lines.find("SEALIFT-LANDED "));
  see_end(*landing.channel);
  if (answer && *answer == "ok") return {};
  const std::string said = base::printable(base::trim(landing.channel->errors()), 600);
  if (!written) return written;
  if (said.contains("No space left"))
    return fail(ErrorCode::no_space, "{}: no room for the agent in {} ({} needed)", options.who, landing.folder,
                base::human_bytes(program.size));
  return fail(ErrorCode::corrupt, "{}: the agent did not arrive whole in {}{}{}", options.who, landing.folder,
              said.empty() ? "" : ": ", said);
}

}  // namespace

std::vector<std::string> landing_folders(const std::string& data_root) {
  return {"/usr/local/lib/sealift", "/opt/sealift", data_root};
}

std::string landing_script(const Digest& digest, const std::vector<std::string>& folders,
                           const std::vector<std::string>& arguments, const std::string& marker) {
  std::string places, words;
  for (const auto& folder : folders) {
    if (std::ranges::none_of(folder, ends_quotes)) places += (places.empty() ? "" : " ") + word(folder);
  }
  for (const auto& argument : arguments) words += (words.empty() ? "" : " ") + word(argument);
  std::string out(kLandingScript);
  for (const auto& [mark, text] :
       {std::pair("@DIGEST@", digest.hex()), {"@MARKER@", marker}, {"@FOLDERS@", places}, {"@ARGUMENTS@", words}})
    out = base::replace_all(std::move(out), mark, text);
  return out;
}

Result<LoginFacts> look_at_login(ssh::Session& session, const std::string& who) {
  // Only builtins, uname and sudo: nothing else is sure to exist.
  const std::string script =
      "LC_ALL=C; export LC_ALL; echo; echo \"SEALIFT-MACHINE $(uname -m)\"; while read -r k v w; do if [ \"$k\" = Uid: ]; then echo \"SEALIFT-USER $w\"; fi; done "
      "</proc/self/status; a=$(sudo -n true 2>&1 </dev/null); echo \"SEALIFT-SUDO $? $a\"";
  SEALIFT_ASSIGN(const auto channel, session.exec("sh -c " + ssh::quote(script)));
  channel->set_patience(kAnswerPatience);
  channel->close_input();
  Lines lines(*channel);
  SEALIFT_ASSIGN(const auto machine, lines.find("SEALIFT-MACHINE "));
  if (!machine) {
    (void)channel->wait();
    return fail(not_started(*channel, lines, who));
  }
  LoginFacts out;
  const auto architecture = base::parse_architecture(base::trim(*machine));
  if (!architecture)
    return fail(ErrorCode::unsupported, "{} is a {} machine; Sealift runs on x86_64 and aarch64", who,
                base::printable(*machine));
  out.architecture = *architecture;
  SEALIFT_ASSIGN(const auto user, lines.find("SEALIFT-USER "));
  if (!user) return fail(ErrorCode::unsupported, "{}: /proc is not there, so the user is not known", who);
  const auto ids = base::split_words(*user);
  out.is_root = !ids.empty() && ids[0] == "0";  // effective
  SEALIFT_ASSIGN(const auto sudo, lines.find("SEALIFT-SUDO "));
  if (sudo) {
    out.sudo_without_password = sudo->starts_with("0 ") || *sudo == "0";
    out.sudo_answer = sudo->substr(std::min(sudo->find(' '), sudo->size() - 1) + 1);
  }
  see_end(*channel);
  return out;
}

Result<LandedAgent> land_agent(ssh::Session& session, const LoginFacts& facts, const AgentProgram& program,
                               const LandingOptions& options) {
  SEALIFT_TRY(try_sudo(session, facts, options));
  const std::string marker = "SEALIFT-BEGIN-" + program.digest.hex().substr(0, 16);
  LandedAgent out;
  Error last{ErrorCode::unreachable,
             options.who + ": another operator's `plan` removed the agent each time it was sent; try again",
             {}};
  bool made_folder = false;
  for (int round = 0; round < 3; ++round) {
    auto arguments = options.arguments;
    if (out.was_sent && options.remove_if_sent) arguments.emplace_back("--remove");
    if (made_folder && options.remove_if_sent) arguments.emplace_back("--remove-folder");
    const std::string script = landing_script(program.digest, options.folders, arguments, marker);
    SEALIFT_ASSIGN(auto landing, begin_landing(session, facts, options, script));
    if (landing.is_there) {
      SEALIFT_TRY(landing.channel->input().write(base::as_bytes(marker + "\n")));
      out.channel = std::move(landing.channel);
      return out;
    }
    made_folder = made_folder || landing.makes_folder;
    if (auto sent = send_program(landing, program, options, marker); !sent) {
      last = sent.error();
      if (last.code != ErrorCode::corrupt) return fail(last);
      continue;
    }
    out.was_sent = true;
  }
  return fail(last);
}

}  // namespace sealift::agent
