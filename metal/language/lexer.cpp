#include "metal/language/lexer.h"

#include <fmt/format.h>

#include <array>

namespace quire::metal::rule {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

// Longest first, so that a prefix never wins.
constexpr std::array<std::string_view, 31> kPunctuation = {
    "==>", "||", "&&", "==", "!=", "<=", ">=", "+=", "-=", "${", "++", "--", "{", "}", "(", ")",
    ";",   ":",  ",",  "|",  "=",  "<",  ">",  "+",  "-",  "*",  "!",  ".",  "/", "%", "&"};

}  // namespace

Lexer::Lexer(const RuleSource& source, Diagnostics& diagnostics)
    : source_(source), diagnostics_(diagnostics), text_(source.text()) {
  token_ = scan();
}

Token Lexer::take() {
  Token t = std::move(token_);
  token_ = scan();
  return t;
}

Token Lexer::peek_second() {
  u32 saved = at_;
  Token t = scan();
  at_ = saved;
  return t;
}

void Lexer::skip_blanks() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
      ++at_;
    } else if (text_.substr(at_, 2) == "//") {
      std::size_t end = text_.find('\n', at_);
      at_ = end == std::string_view::npos ? static_cast<u32>(text_.size()) : static_cast<u32>(end);
    } else if (text_.substr(at_, 2) == "/*") {
      std::size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) {
        diagnostics_.error({at_, at_ + 2}, "this comment is never closed", "add '*/'");
        at_ = static_cast<u32>(text_.size());
      } else {
        at_ = static_cast<u32>(end) + 2;
      }
    } else {
      return;
    }
  }
}

Token Lexer::scan_string() {
  Token t;
  t.kind = TokenKind::kString;
  u32 begin = at_++;
  while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
    char c = text_[at_++];
    if (c == '\\' && at_ < text_.size()) {
      char e = text_[at_++];
      c = e == 'n' ? '\n' : e == 't' ? '\t' : e;
    }
    t.text += c;
  }
  if (at_ < text_.size() && text_[at_] == '"') {
    ++at_;
  } else {
    diagnostics_.error({begin, begin + 1}, "this string is never closed", "add '\"' before the line ends");
  }
  t.span = {begin, at_};
  return t;
}

void Lexer::skip_strangers() {
  for (skip_blanks(); at_ < text_.size(); skip_blanks()) {
    char c = text_[at_];
    if (is_name_part(c) || c == '"' || c == '$') return;
    for (std::string_view p : kPunctuation)
      if (text_.substr(at_, p.size()) == p) return;
    unsigned char u = static_cast<unsigned char>(c);
    diagnostics_.error({at_, at_ + 1}, u < 0x20 || u >= 0x7f
                                           ? fmt::format("a byte 0x{:02x} has no meaning here", u)
                                           : fmt::format("'{}' has no meaning here", c));
    ++at_;
  }
}

Token Lexer::scan() {
  skip_strangers();
  Token t;
  u32 begin = at_;
  t.span = {begin, begin};
  if (at_ >= text_.size()) return t;
  char c = text_[at_];
  if (is_name_start(c)) {
    while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
    t.kind = TokenKind::kName;
    t.text = text_.substr(begin, at_ - begin);
  } else if (is_digit(c)) {
    t.kind = TokenKind::kInteger;
    bool hex = text_.substr(at_, 2) == "0x";
    if (hex) at_ += 2;
    constexpr u64 kLimit = u64{1} << 62;
    u64 value = 0;
    bool big = false;
    while (at_ < text_.size() && is_name_part(text_[at_])) {
      char d = text_[at_++];
      u64 digit = is_digit(d)                                 ? static_cast<u64>(d - '0')
                  : hex && (d | 32) >= 'a' && (d | 32) <= 'f' ? static_cast<u64>((d | 32) - 'a' + 10)
                                                              : 99;
      if (digit == 99) {
        diagnostics_.error({begin, at_}, "this is not an integer",
                           "write digits, or 0x and hexadecimal digits");
        while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
        break;
      }
      value = value * (hex ? 16 : 10) + digit;
      if (value > kLimit) {
        big = true;
        value = kLimit;
      }
    }
    if (big) diagnostics_.error({begin, at_}, "this integer is too large");
    t.integer = static_cast<i64>(value);
  } else if (c == '"') {
    return scan_string();
  } else if (c == '$' && text_.substr(at_, 2) != "${") {
    ++at_;
    while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
    t.kind = TokenKind::kSpecial;
    t.text = text_.substr(begin + 1, at_ - begin - 1);
    if (at_ < text_.size() && text_[at_] == '$') {
      ++at_;
    } else {
      diagnostics_.error({begin, at_}, "a special pattern ends with '$'", "write $end_of_path$");
    }
  } else {
    for (std::string_view p : kPunctuation) {
      if (text_.substr(at_, p.size()) == p) {
        at_ += static_cast<u32>(p.size());
        t.kind = TokenKind::kPunctuation;
        t.text = p;
        t.span = {begin, at_};
        return t;
      }
    }
  }
  t.span = {begin, at_};
  return t;
}

std::string Lexer::take_braces(Span* inside) {
  u32 open = token_.span.begin;
  u32 at = token_.span.end;
  u32 begin = at;
  u32 depth = 1;
  while (at < text_.size()) {
    char c = text_[at];
    if (c == '"' || c == '\'') {
      u32 quote = at++;
      while (at < text_.size() && text_[at] != c && text_[at] != '\n') at += text_[at] == '\\' ? 2 : 1;
      if (at >= text_.size() || text_[at] != c) {
        at = quote;  // an apostrophe in a directive or a broken literal: the compiler will judge it
      }
      ++at;
    } else if (text_.substr(at, 2) == "//") {
      while (at < text_.size() && text_[at] != '\n') ++at;
    } else if (text_.substr(at, 2) == "/*") {
      std::size_t end = text_.find("*/", at + 2);
      at = end == std::string_view::npos ? static_cast<u32>(text_.size()) : static_cast<u32>(end) + 2;
    } else {
      if (c == '{') ++depth;
      if (c == '}' && --depth == 0) break;
      ++at;
    }
  }
  at = std::min<u32>(at, static_cast<u32>(text_.size()));
  *inside = {begin, at};
  std::string raw(text_.substr(begin, at - begin));
  if (depth != 0) {
    diagnostics_.error({open, open + 1}, "this brace is never closed", "add '}'");
    at_ = static_cast<u32>(text_.size());
  } else {
    at_ = at + 1;
  }
  token_ = scan();
  return raw;
}

}  // namespace quire::metal::rule
