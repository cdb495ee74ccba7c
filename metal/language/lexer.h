// Tokens of the metal language. Base-language fragments are not tokens: where the grammar has one, the
// parser asks for the raw text between the braces.
#pragma once

#include <string>

#include "metal/language/diagnostic.h"
#include "metal/language/source.h"

namespace quire::metal::rule {

enum class TokenKind { kEnd, kName, kInteger, kString, kSpecial, kPunctuation };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Span span;
  std::string text;  ///< name, string value, special's name without dollars, or the punctuation
  i64 integer = 0;

  bool is(const char* punctuation) const { return kind == TokenKind::kPunctuation && text == punctuation; }
  bool is_name(const char* word) const { return kind == TokenKind::kName && text == word; }
};

class Lexer {
 public:
  Lexer(const RuleSource& source, Diagnostics& diagnostics);

  const Token& peek() const { return token_; }
  /// The token after peek().
  Token peek_second();
  Token take();
  /// At a `{` (or `${`): takes everything up to the matching `}` as raw text. Strings, character
  /// constants and comments of the base language may hold braces. Complains when nothing closes it.
  std::string take_braces(Span* inside);

 private:
  Token scan();
  void skip_blanks();
  void skip_strangers();
  Token scan_string();

  const RuleSource& source_;
  Diagnostics& diagnostics_;
  std::string_view text_;
  u32 at_ = 0;  ///< where the token after token_ begins
  Token token_;
};

}  // namespace quire::metal::rule
