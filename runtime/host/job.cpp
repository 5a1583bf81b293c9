// SPDX-License-Identifier: Apache-2.0
//
// Long commands as transient systemd units, so that a lost connection neither kills nor repeats them.
// Folder <jobs>/<unit> (0700): spec.json (the command, and the digest that distinguishes requests), stdout, stderr,
// result.json (written last, atomically). All are removed once the result is taken.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "payload/base/file.h"
#include "payload/base/process.h"
#include "payload/base/text.h"
#include "runtime/host/json_values.h"
#include "runtime/host/local_host.h"

namespace sealift::host {
namespace {

constexpr size_t kMaxOutput = size_t{8} << 20;
constexpr Duration kStateInterval{2'000};

void remove_job(const std::string& folder) {
  for (const auto* file : {"spec.json", "stdout", "stderr", "result.json"}) ::unlink((folder + "/" + file).c_str());
  ::rmdir(folder.c_str());
}

std::string last_part(const std::string& path) {
  auto text = base::read_text_file(path, kMaxOutput);
  return text ? std::move(*text) : std::string();
}

Result<std::string> active_state(const MachinePaths& machine, const std::string& unit) {
  const base::Command command{{machine.systemctl, "show", "--property=ActiveState", "--value", "--", unit + ".service"},
                              {},
                              "/",
                              Duration{30'000}};
  return base::run_checked(command).transform([](const std::string& text) { return std::string(base::trim(text)); });
}

bool is_alive(const std::string& state) {
  return state == "active" || state == "activating" || state == "deactivating" || state == "reloading";
}

Result<void> start(const MachinePaths& machine, const std::string& unit, const std::string& folder,
                   const std::string& spec) {
  remove_job(folder);
  SEALIFT_TRY(base::make_directories(machine.jobs.substr(0, machine.jobs.rfind('/')), 0755));
  SEALIFT_TRY(base::make_directories(machine.jobs, 0700));
  SEALIFT_TRY(base::make_directories(folder, 0700));
  SEALIFT_TRY(base::write_file_atomic(folder + "/spec.json", base::as_bytes(spec), 0600));
  SEALIFT_ASSIGN(const auto program, base::own_program());
  // A failed unit of an earlier attempt would keep the name.
  (void)base::run({{machine.systemctl, "reset-failed", "--", unit + ".service"}, {}, "/", Duration{30'000}});
  const base::Command command{
      {machine.systemd_run, "--quiet", "--collect", "--no-block", "--unit=" + unit, "--", program, "job", folder},
      {},
      "/",
      Duration{60'000}};
  return base::run_checked(command).transform([](const std::string&) {});
}

Result<base::ExitStatus> take_result(const std::string& folder, const std::string& result) {
  SEALIFT_ASSIGN(const auto value, json::parse(result));
  base::ExitStatus out{static_cast<int>(value.natural_or("code", 127)), last_part(folder + "/stdout"),
                       last_part(folder + "/stderr")};
  const auto error = value.find("error");
  remove_job(folder);
  if (error != nullptr) return fail(error_from_json(*error));
  return out;
}

}  // namespace

Result<base::ExitStatus> run_job_here(const MachinePaths& machine, const std::string& unit_name,
                                      const base::Command& command, const Reason& reason, Clock& clock,
                                      const CancelToken& cancel) {
  const std::string folder = machine.jobs + "/" + unit_name;
  json::Value spec = to_json(command);
  spec.set("wish", hash::sha256(base::as_bytes(json::to_canonical(spec) + reason.inputs)).text());
  const std::string text = json::to_canonical(spec);
  const auto there = base::read_text_file(folder + "/spec.json", size_t{4} << 20);
  SEALIFT_ASSIGN(auto state, active_state(machine, unit_name));
  const bool same = there && *there == text;
  const bool ended = ::access((folder + "/result.json").c_str(), F_OK) == 0;
  if (is_alive(state) && !same) {
    return fail(ErrorCode::busy,
                "the unit {} still runs an earlier {}; wait for its end (`systemctl status {}`) and run again",
                unit_name, command.argv.front(), unit_name);
  }
  if (!is_alive(state) && !(same && ended)) SEALIFT_TRY(start(machine, unit_name, folder, text));
  const Duration begin = clock.monotonic();
  Duration looked = begin;
  int gone = 0;
  for (;;) {
    if (const auto result = base::read_text_file(folder + "/result.json", size_t{1} << 20))
      return take_result(folder, *result);
    // The unit goes on without this agent: the next one finds it.
    SEALIFT_TRY(cancel.check());
    const Duration now = clock.monotonic();
    if (command.timeout && now - begin > *command.timeout) {
      (void)base::run({{machine.systemctl, "stop", "--", unit_name + ".service"}, {}, "/", Duration{60'000}});
      remove_job(folder);
      return fail(ErrorCode::timeout, "{} did not end within {} s", command.text(), command.timeout->count() / 1000);
    }
    clock.sleep(Duration{100});
    if (now - looked < kStateInterval) continue;  // asking systemd starts a program
    looked = now;
    SEALIFT_ASSIGN(state, active_state(machine, unit_name));
    // Several times: the result is written just before the unit ends, and a unit just requested may not exist yet.
    gone = is_alive(state) ? 0 : gone + 1;
    if (gone >= 3) {
      remove_job(folder);
      return fail(ErrorCode::command_failed,
                  "{} was stopped from outside before it was done; `journalctl -u {}` on the host may tell why",
                  command.text(), unit_name);
    }
  }
}

int job_main(const std::string& folder) {
  const auto run_it = [&]() -> Result<json::Value> {
    SEALIFT_ASSIGN(const auto text, base::read_text_file(folder + "/spec.json", size_t{4} << 20));
    SEALIFT_ASSIGN(const auto spec, json::parse(text));
    SEALIFT_ASSIGN(auto command, from_json<base::Command>(spec));
    command.timeout.reset();  // up to the caller
    SEALIFT_ASSIGN(const auto out, base::open_file(folder + "/stdout", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    SEALIFT_ASSIGN(const auto err, base::open_file(folder + "/stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    base::CommandIo io;
    size_t left_out = kMaxOutput, left_err = kMaxOutput;
    const auto write = [](int fd, size_t& left, ByteView data) {
      const ByteView part = data.first(std::min(left, data.size()));
      left -= part.size();
      (void)base::write_all(fd, part);  // a full /run must not end the command
    };
    io.on_output = [&](ByteView data) { write(out.get(), left_out, data); };
    io.on_error_output = [&](ByteView data) { write(err.get(), left_err, data); };
    SEALIFT_ASSIGN(const auto status, base::run(command, io));
    json::Value result = json::Value::object();
    result.set("code", status.code);
    return result;
  };
  auto result = run_it();
  json::Value answer = result ? std::move(*result) : json::Value::object();
  if (!result) {
    answer.set("code", 127);
    answer.set("error", to_json(result.error()));
  }
  return base::write_file_atomic(folder + "/result.json", base::as_bytes(json::to_canonical(answer)), 0600) ? 0 : 1;
}

}  // namespace sealift::host
