// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/runner.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "payload/base/format.h"
#include "payload/base/thread.h"
#include "runtime/host/host.h"

namespace sealift::engine {
namespace {

// How often the calling thread polls the caller's cancel token.
constexpr auto kCancelLook = std::chrono::milliseconds{100};

void emit(EventSink& events, Clock& clock, EventKind kind, Level level, const std::string& host, const StepId& step,
          std::string message) {
  Event event;
  event.kind = kind;
  event.level = level;
  event.host = host;
  event.step = step;
  event.message = std::move(message);
  event.time = clock.now();
  events.on(event);
}

// What a running step says of itself at level debug is the output of a program: it goes to the journal, too.
class StepEvents final : public EventSink {
 public:
  StepEvents(EventSink& events, Journal& journal, const std::string& host, const StepId& step)
      : events_(events), journal_(journal), host_(host), step_(step) {}
  void on(const Event& event) override {
    if (event.kind == EventKind::message && event.level == Level::debug && event.step == step_)
      journal_.output(host_, step_, event.message);
    events_.on(event);
  }

 private:
  EventSink& events_;
  Journal& journal_;
  const std::string& host_;
  const StepId& step_;
};

// The result of one step: applied, skipped, or the error.
struct StepResult {
  StepStatus status = StepStatus::failed;
  std::optional<Error> error;
  bool begun = false;  // apply() was called at least once
};

class Run {
 public:
  Run(const Plan& plan, HostConnections& connections, EventSink& events, Clock& clock, Journal& journal,
      const RunOptions& options)
      : plan_(plan),
        connections_(connections),
        events_(events),
        clock_(clock),
        journal_(journal),
        options_(options),
        scheduler_(plan, options.limits),
        results_(plan.steps.size()) {}

  Result<RunSummary> go(const CancelToken& cancel);

 private:
  void work();
  StepResult execute(const PlannedStep& planned, const CancelToken& cancel);
  Result<StepStatus> attempt(const PlannedStep& planned, host::Host& host, const CancelToken& cancel, bool& begun);
  void settle(size_t step, StepResult result, Duration took);
  void tell_share(const std::string& host);
  std::vector<std::string> hosts_aside();
  std::vector<StepId> not_done();
  void consider(const Scheduler::Consequence& consequence);
  RunSummary summarise(Duration took) const;

  const Plan& plan_;
  HostConnections& connections_;
  EventSink& events_;
  Clock& clock_;
  Journal& journal_;
  const RunOptions& options_;
  CancelSource stop_;  // for running steps: the caller's cancel, or the end of the run

  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  Scheduler scheduler_;
  std::vector<size_t> startable_;  // taken from the scheduler, but not yet by a thread
  std::vector<StepResult> results_;
  struct Share {
    uint64_t ended = 0, total = 0;
  };
  std::map<std::string, Share> shares_;  // each host's steps
  std::vector<StepId> not_done_;         // see LookContext
  std::map<std::string, Error> aside_;
  std::map<std::string, StepId> aside_step_;
  std::optional<Error> ended_by_;
  std::optional<std::string> ended_by_host_;
};

Result<StepStatus> Run::attempt(const PlannedStep& planned, host::Host& host, const CancelToken& cancel, bool& begun) {
  const StepId id = planned.step->id();
  {
    SEALIFT_ASSIGN(StepState state, planned.step->check({host, connections_, cancel, hosts_aside(), not_done()}));
    // After a lost connection the work may turn out to be done: it still counts as applied.
    if (state == StepState::done) return begun ? StepStatus::done : StepStatus::skipped;
  }
  SEALIFT_TRY(cancel.check());
  if (!begun) {
    begun = true;
    journal_.begin(planned.host, id, planned.step->inputs());
    emit(events_, clock_, EventKind::step_started, Level::info, planned.host, id, planned.step->describe());
  }
  // At every attempt: the previous attempt's connection may have broken before this.
  for (const auto& other : planned.ends) SEALIFT_TRY(host.begin({other, {}}));
  SEALIFT_ASSIGN(auto before, host.begin({id, planned.step->inputs().hex()}));
  StepEvents said(events_, journal_, planned.host, id);
  StepContext context{host, connections_, cancel, hosts_aside(),     planned.host,
                      said, clock_,       id,     std::move(before), not_done()};
  SEALIFT_TRY(planned.step->apply(context));
  return StepStatus::done;
}

StepResult Run::execute(const PlannedStep& planned, const CancelToken& cancel) {
  StepResult out;
  base::Retries retries(options_.retry);
  const host::Host* broken = nullptr;
  while (true) {
    auto connected = connections_.connection(planned.host, broken, cancel);
    broken = nullptr;
    Error error;
    if (connected) {
      std::shared_ptr<host::Host> host = std::move(*connected);
      auto status = attempt(planned, *host, cancel, out.begun);
      // Only the address is kept for comparison: the old connection must be able to end (and its agent to release the
      // host's lock).
      if (!status && status.error().code == ErrorCode::unreachable) broken = host.get();
      if (status) {
        out.status = *status;
        return out;
      }
      error = std::move(status).error();
    } else {
      error = std::move(connected).error();
    }
    if (cancel.cancelled() || error.code == ErrorCode::cancelled) {
      out.status = StepStatus::interrupted;
      out.error = std::move(error);
      return out;
    }
    auto wait = retries.next(error);
    if (!wait) {
      out.status = StepStatus::failed;
      out.error = std::move(error);
      return out;
    }
    emit(events_, clock_, EventKind::message, Level::warning, planned.host, planned.step->id(),
         base::format("{}; trying again in {} s", error.text(), (wait->count() + 999) / 1000));
    (void)base::pause(clock_, *wait, cancel);  // the next attempt sees the cancellation
    if (error.code == ErrorCode::unreachable) connections_.doubt_all();
  }
}

std::vector<std::string> Run::hosts_aside() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [host, why] : aside_) out.push_back(host);
  return out;
}

std::vector<StepId> Run::not_done() {
  const std::lock_guard lock(mutex_);
  return not_done_;
}

void Run::consider(const Scheduler::Consequence& consequence) {
  for (const auto& [step, needed] : consequence.left_out) {
    const PlannedStep& planned = plan_.steps[step];
    const auto& because = plan_.steps[needed];
    results_[step].error =
        Error{ErrorCode::partial, base::format("needs {}, which was not done", because.step->id()), {}};
    emit(events_, clock_, EventKind::message, Level::warning, planned.host, planned.step->id(),
         base::format("not tried: {}", results_[step].error->text()));
    not_done_.push_back(planned.step->id());
    ++shares_[planned.host].ended;
    tell_share(planned.host);
  }
  for (const auto& aside : consequence.aside) {
    if (aside_.contains(aside.host)) {  // known from the start
      emit(events_, clock_, EventKind::host_aside, Level::warning, aside.host, {}, aside_.at(aside.host).text());
      continue;
    }
    Error why{ErrorCode::internal, "left out", {}};
    if (aside.cause) {
      const PlannedStep& cause = plan_.steps[*aside.cause];
      if (cause.host == aside.host) {
        if (results_[*aside.cause].error) why = *results_[*aside.cause].error;
        aside_step_[aside.host] = cause.step->id();
      } else {
        why = Error{ErrorCode::partial,
                    base::format("needs {} of host {}, which was not done", cause.step->id(), cause.host),
                    {}};
      }
    }
    emit(events_, clock_, EventKind::host_aside, Level::warning, aside.host, aside_step_[aside.host], why.text());
    aside_.emplace(aside.host, std::move(why));
  }
  if (consequence.ends_run) {
    const PlannedStep& cause = plan_.steps[*consequence.ends_run];
    if (!ended_by_) {
      auto known = aside_.find(cause.host);
      Error why = results_[*consequence.ends_run].error.value_or(
          known != aside_.end() ? known->second : Error{ErrorCode::internal, "the run ended", {}});
      why.while_doing.push_back(base::format("{} on {}", cause.step->id(), cause.host));
      ended_by_ = std::move(why);
      ended_by_host_ = cause.host;
    }
    stop_.cancel();
  }
}

void Run::tell_share(const std::string& host) {
  Event event;
  event.kind = EventKind::progress;
  event.host = host;
  event.done = shares_[host].ended;
  event.total = shares_[host].total;
  event.time = clock_.now();
  events_.on(event);
}

void Run::settle(size_t step, StepResult result, Duration took) {
  const PlannedStep& planned = plan_.steps[step];
  const StepId id = planned.step->id();
  journal_.end(planned.host, id, result.status, result.error ? &*result.error : nullptr, took);
  switch (result.status) {
    case StepStatus::done: emit(events_, clock_, EventKind::step_finished, Level::info, planned.host, id, {}); break;
    case StepStatus::skipped: emit(events_, clock_, EventKind::step_skipped, Level::info, planned.host, id, {}); break;
    case StepStatus::interrupted:
      emit(events_, clock_, EventKind::message, Level::warning, planned.host, id, "interrupted");
      break;
    default: emit(events_, clock_, EventKind::step_failed, Level::error, planned.host, id, result.error->text()); break;
  }
  std::lock_guard lock(mutex_);
  ++shares_[planned.host].ended;
  tell_share(planned.host);
  StepStatus status = result.status;
  results_[step] = std::move(result);
  if (status == StepStatus::done) {
    scheduler_.done(step);
  } else if (status == StepStatus::skipped) {
    scheduler_.skipped(step);
  } else if (status == StepStatus::interrupted) {
    scheduler_.interrupted(step);
    stop_.cancel();
  } else {
    if (planned.on_failure == OnFailure::alone) not_done_.push_back(id);
    consider(scheduler_.failed(step, results_[step].error->code == ErrorCode::unreachable));
  }
  changed_.notify_all();
}

void Run::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (startable_.empty()) {
      startable_ = scheduler_.start();
      std::ranges::reverse(startable_);  // taken from the back: smallest index first
      if (startable_.size() > 1) changed_.notify_all();
    }
    if (!startable_.empty()) {
      size_t step = startable_.back();
      startable_.pop_back();
      lock.unlock();
      Duration began = clock_.monotonic();
      const PlannedStep& planned = plan_.steps[step];
      CancelToken cancel = stop_.token();
      StepResult result;
      if (cancel.cancelled()) {  // cancelled between start() and here
        result.status = StepStatus::interrupted;
      } else {
        result = execute(planned, cancel);
      }
      settle(step, std::move(result), clock_.monotonic() - began);
      lock.lock();
      continue;
    }
    if (scheduler_.finished()) {
      changed_.notify_all();
      return;
    }
    changed_.wait(lock);
  }
}

RunSummary Run::summarise(Duration took) const {
  RunSummary out;
  out.took = took;
  out.ended_by = ended_by_;
  std::map<std::string, size_t> where;
  std::map<std::string, bool> cluster_begun;
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    const PlannedStep& planned = plan_.steps[i];
    auto [slot, added] = where.try_emplace(planned.host, out.hosts.size());
    if (added) out.hosts.emplace_back().host = planned.host;
    HostSummary& host = out.hosts[slot->second];
    const StepStatus status = scheduler_.status(i);
    if (planned.on_failure == OnFailure::alone) {
      out.alone.push_back({planned.host, planned.step->id(), status, results_[i].error});
      const bool of_its_own = status == StepStatus::failed || status == StepStatus::left_out;
      if (of_its_own && ended_by_host_ != planned.host) continue;
    }
    switch (status) {
      case StepStatus::done:
        ++host.done;
        ++out.changed;
        break;
      case StepStatus::skipped: ++host.skipped; break;
      case StepStatus::failed:
        ++host.failed;
        if (!host.failed_step) {
          host.failed_step = planned.step->id();
          host.error = results_[i].error;
        }
        break;
      default: ++host.not_run; break;
    }
    if (planned.changes_cluster && (results_[i].begun || results_[i].status == StepStatus::skipped))
      cluster_begun[planned.host] = true;
  }
  for (HostSummary& host : out.hosts) {
    auto why = aside_.find(host.host);
    if (ended_by_host_ == host.host) {
      host.outcome = HostEnd::failed;
      if (!host.error) host.error = ended_by_;
    } else if (why != aside_.end() || host.failed != 0) {
      host.outcome = cluster_begun[host.host] ? HostEnd::unfinished : HostEnd::aside;
      if (!host.error && why != aside_.end()) host.error = why->second;
    } else if (host.not_run != 0) {
      host.outcome = HostEnd::interrupted;
    }
  }
  return out;
}

Result<RunSummary> Run::go(const CancelToken& cancel) {
  const Duration began = clock_.monotonic();
  size_t lanes = 0;  // steps that can run at once
  {
    std::map<std::pair<std::string, Lane>, size_t> steps;
    for (const PlannedStep& planned : plan_.steps) ++steps[{planned.host, planned.lane}];
    for (const auto& [lane, count] : steps)
      lanes += lane.second == Lane::applications ? std::min(count, options_.limits.applications) : 1;
  }
  {
    std::lock_guard lock(mutex_);
    for (const PlannedStep& planned : plan_.steps) ++shares_[planned.host].total;
    for (const auto& [host, share] : shares_) tell_share(host);
    aside_ = options_.aside;
    for (const auto& [host, why] : options_.aside) consider(scheduler_.set_aside(host));
  }
  std::vector<Thread> threads;
  size_t wanted = std::min(lanes, options_.limits.main + options_.limits.bytes + options_.limits.applications);
  size_t working = 0;
  std::atomic<size_t> active = 0;
  for (; working < wanted; ++working) {
    ++active;
    auto started = Thread::start(
        [this, &active] {
          work();
          std::lock_guard lock(mutex_);
          --active;
          changed_.notify_all();
        },
        options_.stack_bytes);
    if (!started) {
      --active;
      if (working == 0) return std::unexpected(std::move(started).error());
      break;  // fewer threads do the same work
    }
    threads.push_back(std::move(*started));
  }
  {
    std::unique_lock lock(mutex_);
    while (active != 0) {
      changed_.wait_for(lock, kCancelLook);
      if (cancel.cancelled() && !scheduler_.ended()) {
        scheduler_.end_run();
        ended_by_ = Error{ErrorCode::cancelled, "stopped on request; start the same command again to go on", {}};
        stop_.cancel();
        changed_.notify_all();
      }
    }
  }
  threads.clear();  // joins
  if (!ended_by_ && scheduler_.ended()) {
    ended_by_ = Error{ErrorCode::cancelled, "stopped; start the same command again to go on", {}};
  }
  RunSummary out = summarise(clock_.monotonic() - began);
  auto error = out.error();
  journal_.finish(error ? &*error : nullptr);
  return out;
}

}  // namespace

Result<RunSummary> run(const Plan& plan, HostConnections& connections, EventSink& events, Clock& clock,
                       Journal& journal, const CancelToken& cancel, const RunOptions& options) {
  SEALIFT_TRY(validate(plan));
  Run running(plan, connections, events, clock, journal, options);
  return running.go(cancel);
}

}  // namespace sealift::engine
