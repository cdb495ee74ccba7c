// Errors as values: Result<T> holds a T or an Errno.
//
// Nothing in base, kernel or jffs2 throws. A function that can fail returns Result<T>; the caller
// looks at it or passes it on with TRY. Errno is the host's numbering, which is also the guest's.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <utility>

namespace quire {

/// An error number as in errno(3). Never zero, never negative.
class [[nodiscard]] Errno {
 public:
  constexpr explicit Errno(int value) : value_(value) {}
  /// The errno of the host call that has just failed.
  static Errno last() { return Errno(errno); }

  constexpr int value() const { return value_; }
  /// Symbolic name ("ENOENT"); "E?" when the C library does not know it.
  const char* name() const {
    const char* n = strerrorname_np(value_);
    return n != nullptr ? n : "E?";
  }
  /// Text for people ("No such file or directory").
  const char* message() const {
    const char* m = strerrordesc_np(value_);
    return m != nullptr ? m : "unknown error";
  }
  friend constexpr bool operator==(Errno, Errno) = default;

 private:
  int value_;
};

template <typename T = void>
using Result = std::expected<T, Errno>;

/// For `return err(ENOENT);` in a function that returns Result<T>.
inline constexpr std::unexpected<Errno> err(int number) { return std::unexpected<Errno>(Errno(number)); }
inline constexpr std::unexpected<Errno> err(Errno e) { return std::unexpected<Errno>(e); }

}  // namespace quire

// Each use gets names of its own, so that uses can nest.
#define QUIRE_JOIN2(a, b) a##b
#define QUIRE_JOIN(a, b) QUIRE_JOIN2(a, b)

/// Value of a Result expression, or return its error from the enclosing function.
#define TRY(expression) QUIRE_TRY(QUIRE_JOIN(quire_try_, __COUNTER__), expression)
#define QUIRE_TRY(name, expression)                           \
  __extension__({                                             \
    auto&& name = (expression);                               \
    if (!name) [[unlikely]]                                   \
      return ::std::unexpected<::quire::Errno>(name.error()); \
    *::std::move(name);                                       \
  })

/// As TRY, for Result<void>.
#define TRY_VOID(expression) QUIRE_TRY_VOID(QUIRE_JOIN(quire_try_, __COUNTER__), expression)
#define QUIRE_TRY_VOID(name, expression)                      \
  do {                                                        \
    if (auto name = (expression); !name) [[unlikely]]         \
      return ::std::unexpected<::quire::Errno>(name.error()); \
  } while (false)
