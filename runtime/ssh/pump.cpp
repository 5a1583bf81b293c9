// SPDX-License-Identifier: Apache-2.0
//
// A libssh session belongs to one thread. The pump is that thread: it moves bytes between libssh's channels and bounded
// queues on which other threads wait.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>

#include "payload/base/format.h"
#include "payload/base/thread.h"
#include "runtime/ssh/handle.h"

namespace sealift::ssh {
namespace {

constexpr size_t kQueueBytes = size_t{2} << 20;  // per direction
constexpr size_t kWriteBytes = size_t{256} << 10;
constexpr size_t kErrorBytes = size_t{64} << 10;
constexpr Duration kOpenTimeout{30'000};
// A server that limits sessions (MaxSessions) may still be closing the last one when the next is requested.
constexpr Duration kRefusedPatience{3'000}, kRefusedPause{100};
constexpr Duration kLook{500};  // how often an idle session looks whether it has to end

// State shared by a channel's users and the pump.
struct Queues {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Bytes> outgoing, incoming;
  size_t outgoing_bytes = 0, incoming_bytes = 0;
  size_t at = 0;                                   // offset in the first incoming piece
  bool close_input = false, input_closed = false;  // requested, done
  bool output_ended = false, closed = false, abandoned = false;
  std::string errors;
  std::optional<int> exit_code;
  std::optional<Error> error;
  std::optional<Duration> patience;

  void stop(const Error& why) {
    const std::lock_guard lock(mutex);
    if (!error && !closed) error = why;
    output_ended = closed = true;
    changed.notify_all();
  }
  // Waits until `ready`. Errors: timeout if it takes longer than the patience.
  template <class Ready>
  Result<void> wait_until(std::unique_lock<std::mutex>& lock, Ready ready) {
    if (!patience) {
      changed.wait(lock, ready);
    } else if (!changed.wait_for(lock, *patience, ready)) {
      return fail(ErrorCode::timeout, "the host did not answer for {} s", patience->count() / 1000);
    }
    return {};
  }
};

// One request to open a channel.
struct Opening {
  std::string command;
  std::shared_ptr<Queues> queues;
  std::optional<Result<void>> result;
  bool refused = false;                 // the server refused a session
  std::optional<Duration> asked_until;  // after a refusal, monotonic
  Duration not_before{};                // earliest time of the next attempt
};

struct FreeChannel {
  void operator()(ssh_channel channel) const { ssh_channel_free(channel); }
};

struct Open {
  std::unique_ptr<ssh_channel_struct, FreeChannel> channel;
  std::shared_ptr<Queues> queues;
};

class Pump {
 public:
  Pump(SessionHandle session, Clock& clock, CancelToken cancel, std::string name)
      : session_(std::move(session)), clock_(clock), cancel_(std::move(cancel)), name_(std::move(name)) {}
  ~Pump() {
    stop_ = true;
    wake();
    thread_.join();
    if (event_ == nullptr) return;
    ssh_event_remove_fd(event_, wake_.get());  // ssh_event_free alone leaks what was added
    ssh_event_remove_session(event_, session_.get());
    ssh_event_free(event_);
  }

  Result<void> start() {
    wake_ = base::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return fail_errno(errno, "eventfd");
    event_ = ssh_event_new();
    const auto drain = [](socket_t fd, int, void*) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t ignored = ::read(fd, &count, sizeof count);
      return 0;
    };
    if (event_ == nullptr || ssh_event_add_session(event_, session_.get()) != SSH_OK ||
        ssh_event_add_fd(event_, wake_.get(), POLLIN, drain, nullptr) != SSH_OK) {
      return fail(ErrorCode::internal, "libssh's event loop can't be set up");
    }
    SEALIFT_ASSIGN(thread_, Thread::start([this] { run(); }));
    return {};
  }

  void wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(wake_.get(), &one, sizeof one);
  }

  Result<void> open(const std::string& command, std::shared_ptr<Queues> queues) {
    auto opening = std::make_shared<Opening>(command, std::move(queues));
    std::unique_lock lock(mutex_);
    if (ended_) return fail(gone_);
    openings_.push_back(opening);
    wake();
    opened_.wait(lock, [&] { return opening->result.has_value(); });
    return std::move(*opening->result);
  }

  void abort() {
    aborted_ = true;
    wake();
  }

  void set_end(std::optional<Duration> end, std::optional<Duration> grace) {
    const std::lock_guard lock(mutex_);
    end_ = end;
    grace_ = grace;
    wake();
  }

  std::string cipher() const { return cipher_; }
  void note_cipher() {
    const char* text = ssh_get_cipher_out(session_.get());
    cipher_ = text == nullptr ? "" : text;
  }

 private:
  Error lost() const {
    const std::string text = ssh_get_error(session_.get());
    return {ErrorCode::unreachable,
            base::format("the SSH connection to {} is lost{}", name_, text.empty() ? "" : " (" + text + ")"),
            {}};
  }

  bool alive() const {
    return ssh_is_connected(session_.get()) != 0 &&
           (ssh_get_status(session_.get()) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0;
  }

  // Why the session has to end now.
  std::optional<Error> over() {
    if (aborted_) return Error{ErrorCode::unreachable, base::format("the connection to {} was given up", name_), {}};
    const std::lock_guard lock(mutex_);
    const Duration now = clock_.monotonic();
    if (!cancelled_at_ && cancel_.cancelled()) cancelled_at_ = now;
    if (cancelled_at_ && grace_ && now - *cancelled_at_ >= *grace_) return Error{ErrorCode::cancelled, "cancelled", {}};
    if (end_ && now >= *end_)
      return Error{ErrorCode::timeout,
                   name_ + ": it took too long; is the host overloaded, or does something print at each login?",
                   {}};
    return std::nullopt;
  }

  void run() {
    std::optional<Error> why;
    while (!stop_ && alive() && !(why = over())) {
      open_next();
      bool moved = false;
      for (auto& open : channels_) moved = pump(open) || moved;
      std::erase_if(channels_, [](const Open& open) {
        const std::lock_guard lock(open.queues->mutex);
        return open.queues->closed || open.queues->abandoned;
      });
      if (ssh_event_dopoll(event_, moved        ? 0
                                   : is_asked() ? static_cast<int>(kRefusedPause.count())
                                                : static_cast<int>(kLook.count())) == SSH_ERROR &&
          !alive())
        break;
    }
    if (!why) why = lost();
    for (auto& open : channels_) {
      finish_reading(open);
      open.queues->stop(*why);
    }
    channels_.clear();
    const std::lock_guard lock(mutex_);
    ended_ = true;
    gone_ = *why;
    for (auto& opening : openings_) opening->result = fail(*why);
    openings_.clear();
    opened_.notify_all();
  }

  bool is_asked() {
    const std::lock_guard lock(mutex_);
    return !openings_.empty();
  }

  // A refused request is retried later while the channels continue: it may be waiting for one of them to end.
  void open_next() {
    std::shared_ptr<Opening> opening;
    {
      const std::lock_guard lock(mutex_);
      if (openings_.empty() || openings_.front()->not_before > clock_.monotonic()) return;
      opening = openings_.front();
      openings_.pop_front();
    }
    auto result = open_channel(*opening);
    const std::lock_guard lock(mutex_);
    const Duration now = clock_.monotonic();
    if (!result && opening->refused && alive()) {
      if (!opening->asked_until) opening->asked_until = now + kRefusedPatience;
      opening->not_before = now + kRefusedPause;
      if (now < *opening->asked_until) return openings_.push_front(opening);
    }
    opening->result = std::move(result);
    opened_.notify_all();
  }

  Result<void> until(const char* doing, const std::function<int()>& call) {
    const Duration end = clock_.monotonic() + kOpenTimeout;
    for (;;) {
      const int result = call();
      if (result == SSH_OK) return {};
      if (result != SSH_AGAIN)
        return fail(ErrorCode::unreachable,
                    "{}: {} was refused ({}); too many sessions (MaxSessions) or a forced command?", name_, doing,
                    ssh_get_error(session_.get()));
      if (auto why = over()) return fail(std::move(*why));
      if (stop_ || clock_.monotonic() > end) return fail(ErrorCode::timeout, "{}: {}: no answer in time", name_, doing);
      ssh_event_dopoll(event_, 200);
    }
  }

  Result<void> open_channel(Opening& opening) {
    Open open{{}, opening.queues};
    open.channel.reset(ssh_channel_new(session_.get()));
    if (!open.channel) return fail(lost());
    auto opened = until("a session", [&] { return ssh_channel_open_session(open.channel.get()); });
    opening.refused = !opened && opened.error().code != ErrorCode::timeout;
    SEALIFT_TRY(opened);
    SEALIFT_TRY(
        until("a command", [&] { return ssh_channel_request_exec(open.channel.get(), opening.command.c_str()); }));
    channels_.push_back(std::move(open));
    return {};
  }

  // True if anything moved.
  bool pump(Open& open) {
    const bool wrote = write_some(open);
    const bool read = read_output(open);
    const bool errors = read_errors(open);
    note_end(open);
    return wrote || read || errors;
  }

  bool write_some(Open& open) {
    // libssh's own buffer is flushed first: it has no limit.
    if ((ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0) return false;
    Queues& queues = *open.queues;
    Bytes* piece = nullptr;
    {
      const std::lock_guard lock(queues.mutex);
      if (queues.outgoing.empty()) {
        if (!queues.close_input || queues.input_closed) return false;
        queues.input_closed = true;
      } else {
        piece = &queues.outgoing.front();  // stays in place: only this thread removes pieces
      }
    }
    if (piece == nullptr) {
      ssh_channel_send_eof(open.channel.get());
      return true;
    }
    const size_t left = piece->size() - written_of_[piece];
    const int count =
        ssh_channel_write(open.channel.get(), piece->data() + written_of_[piece], static_cast<uint32_t>(left));
    if (count < 0) {
      queues.stop({ErrorCode::unreachable, base::format("the command on {} takes no more input", name_), {}});
      return false;
    }
    written_of_[piece] += static_cast<size_t>(count);
    if (static_cast<size_t>(count) == left) {
      written_of_.erase(piece);
      const std::lock_guard lock(queues.mutex);
      queues.outgoing_bytes -= piece->size();
      queues.outgoing.pop_front();
      queues.changed.notify_all();
    }
    return count > 0;
  }

  bool read_output(Open& open) {
    Queues& queues = *open.queues;
    {
      const std::lock_guard lock(queues.mutex);
      if (queues.incoming_bytes >= kQueueBytes || queues.output_ended) return false;
    }
    const int count =
        ssh_channel_read_nonblocking(open.channel.get(), buffer_.data(), static_cast<uint32_t>(buffer_.size()), 0);
    if (count <= 0) return false;
    const std::lock_guard lock(queues.mutex);
    queues.incoming.emplace_back(buffer_.begin(), buffer_.begin() + count);
    queues.incoming_bytes += static_cast<size_t>(count);
    queues.changed.notify_all();
    return true;
  }

  bool read_errors(Open& open) {
    const int count =
        ssh_channel_read_nonblocking(open.channel.get(), buffer_.data(), static_cast<uint32_t>(buffer_.size()), 1);
    if (count <= 0) return false;
    Queues& queues = *open.queues;
    const std::lock_guard lock(queues.mutex);
    queues.errors += base::as_text(ByteView(buffer_).first(static_cast<size_t>(count)));
    if (queues.errors.size() > kErrorBytes) queues.errors.erase(0, queues.errors.size() - kErrorBytes);
    return true;
  }

  // Reads what arrived before the connection broke.
  void finish_reading(Open& open) {
    for (int i = 0; i < 64 && read_output(open); ++i) {
    }
    read_errors(open);
  }

  void note_end(Open& open) {
    ssh_channel channel = open.channel.get();
    Queues& queues = *open.queues;
    const bool ended = ssh_channel_is_eof(channel) != 0 && ssh_channel_poll(channel, 0) <= 0;
    const bool closed = ssh_channel_is_closed(channel) != 0 && ssh_channel_poll(channel, 0) <= 0;
    if (!ended && !closed) return;
    const std::lock_guard lock(queues.mutex);
    if (!queues.output_ended) {
      queues.output_ended = true;
      queues.changed.notify_all();
    }
    if (!closed || queues.closed) return;
    uint32_t code = 0;
    char* signal = nullptr;
    if (ssh_channel_get_exit_state(channel, &code, &signal, nullptr) == SSH_OK) {
      queues.exit_code = signal != nullptr ? 128 : static_cast<int>(code);
    } else {
      queues.exit_code = 255;
    }
    const TextHandle owner(signal);
    queues.closed = true;
    queues.changed.notify_all();
  }

  SessionHandle session_;
  Clock& clock_;
  CancelToken cancel_;
  std::string name_, cipher_;
  base::Fd wake_;
  ssh_event event_ = nullptr;
  std::atomic<bool> stop_ = false, aborted_ = false;
  std::list<Open> channels_;
  std::map<const Bytes*, size_t> written_of_;
  Bytes buffer_ = Bytes(kWriteBytes);

  std::mutex mutex_;
  std::condition_variable opened_;
  std::deque<std::shared_ptr<Opening>> openings_;
  bool ended_ = false;
  Error gone_;
  std::optional<Duration> end_, grace_, cancelled_at_;
  Thread thread_;
};

class PumpedChannel final : public Channel, private base::Source, private base::Sink {
 public:
  PumpedChannel(std::shared_ptr<Pump> pump, std::shared_ptr<Queues> queues)
      : pump_(std::move(pump)), queues_(std::move(queues)) {}
  ~PumpedChannel() override {
    {
      const std::lock_guard lock(queues_->mutex);
      queues_->abandoned = true;
      queues_->changed.notify_all();
    }
    pump_->wake();
  }

  base::Source& output() override { return *this; }
  base::Sink& input() override { return *this; }
  void close_input() override {
    {
      const std::lock_guard lock(queues_->mutex);
      queues_->close_input = true;
    }
    pump_->wake();
  }
  std::string errors() const override {
    const std::lock_guard lock(queues_->mutex);
    return queues_->errors;
  }
  void set_patience(std::optional<Duration> patience) override {
    const std::lock_guard lock(queues_->mutex);
    queues_->patience = patience;
  }
  Result<int> wait() override {
    std::unique_lock lock(queues_->mutex);
    SEALIFT_TRY(queues_->wait_until(lock, [&] { return queues_->closed; }));
    if (queues_->exit_code) return *queues_->exit_code;
    return fail(queues_->error.value_or(Error{ErrorCode::unreachable, "the command's end is unknown", {}}));
  }

  Result<size_t> read(std::span<std::byte> buffer) override {
    std::unique_lock lock(queues_->mutex);
    SEALIFT_TRY(queues_->wait_until(lock, [&] { return !queues_->incoming.empty() || queues_->output_ended; }));
    if (queues_->incoming.empty()) {
      if (queues_->error) return fail(*queues_->error);
      return size_t{0};
    }
    const Bytes& piece = queues_->incoming.front();
    const size_t count = std::min(buffer.size(), piece.size() - queues_->at);
    std::copy_n(piece.begin() + static_cast<std::ptrdiff_t>(queues_->at), count, buffer.begin());
    queues_->at += count;
    const bool was_full = queues_->incoming_bytes >= kQueueBytes;
    if (queues_->at == piece.size()) {
      queues_->incoming_bytes -= piece.size();
      queues_->incoming.pop_front();
      queues_->at = 0;
    }
    const bool room = was_full && queues_->incoming_bytes < kQueueBytes;
    lock.unlock();
    if (room) pump_->wake();
    return count;
  }

  Result<void> write(ByteView data) override {
    while (!data.empty()) {
      const ByteView piece = data.first(std::min(data.size(), kWriteBytes));
      {
        std::unique_lock lock(queues_->mutex);
        SEALIFT_TRY(
            queues_->wait_until(lock, [&] { return queues_->outgoing_bytes < kQueueBytes || queues_->closed; }));
        if (queues_->closed) {
          return fail(queues_->error.value_or(Error{ErrorCode::unreachable, "the command on the host has ended", {}}));
        }
        queues_->outgoing.emplace_back(piece.begin(), piece.end());
        queues_->outgoing_bytes += piece.size();
      }
      pump_->wake();
      data = data.subspan(piece.size());
    }
    return {};
  }

 private:
  std::shared_ptr<Pump> pump_;
  std::shared_ptr<Queues> queues_;
};

class PumpedSession final : public Session {
 public:
  explicit PumpedSession(std::shared_ptr<Pump> pump) : pump_(std::move(pump)) {}
  Result<std::unique_ptr<Channel>> exec(const std::string& command) override {
    auto queues = std::make_shared<Queues>();
    SEALIFT_TRY(pump_->open(command, queues));
    return std::make_unique<PumpedChannel>(pump_, std::move(queues));
  }
  void abort() override { pump_->abort(); }
  void set_end(std::optional<Duration> end, std::optional<Duration> grace) override { pump_->set_end(end, grace); }
  std::string cipher() const override { return pump_->cipher(); }

 private:
  std::shared_ptr<Pump> pump_;
};

}  // namespace

Result<std::unique_ptr<Session>> make_session(SessionHandle session, Clock& clock, CancelToken cancel,
                                              std::string name) {
  auto pump = std::make_shared<Pump>(std::move(session), clock, std::move(cancel), std::move(name));
  pump->note_cipher();
  SEALIFT_TRY(pump->start());
  return std::make_unique<PumpedSession>(std::move(pump));
}

}  // namespace sealift::ssh
