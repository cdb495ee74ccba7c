// Errors for people: an errno with the sentence that says what could not be done to what.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/result.h"

namespace quire::jffs2 {

/// What the command prints after "jffs2: ".
struct [[nodiscard]] Failure {
  std::string message;
};

template <typename T>
using Outcome = std::expected<T, Failure>;
using Status = Outcome<void>;

/// `return fail("what: {}", ...)` in spirit: callers format with fmt.
inline std::unexpected<Failure> fail(std::string message) {
  return std::unexpected<Failure>(Failure{std::move(message)});
}
/// "PATH: No such file or directory"
inline std::unexpected<Failure> fail(const std::string& what, Errno e) {
  return fail(what + ": " + e.message());
}

}  // namespace quire::jffs2

/// Value of an Outcome expression, or return its failure from the enclosing function.
#define CHECK(expression)                                                       \
  __extension__({                                                               \
    auto&& quire_outcome = (expression);                                        \
    if (!quire_outcome) [[unlikely]]                                            \
      return ::std::unexpected<::quire::jffs2::Failure>(quire_outcome.error()); \
    *::std::move(quire_outcome);                                                \
  })

/// As CHECK, for Status.
#define CHECK_VOID(expression)                                                  \
  do {                                                                          \
    if (auto quire_outcome = (expression); !quire_outcome) [[unlikely]]         \
      return ::std::unexpected<::quire::jffs2::Failure>(quire_outcome.error()); \
  } while (false)
